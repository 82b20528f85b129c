//! What a correct `disconnect-source-server` answers, by its README.

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{SourceServer, World};
use serde_json::{Value, json};

use crate::{
    constants::{APPROVED, HERE, PROTECTED, UNHEARD_OF},
    judgement::{Case, Effect, Expected, Judgement, holding},
    record::text,
};

/// How long AWS takes at the most to remove the staging resources, in seconds.
const STAGING_REMOVED: u64 = 90 * 60;
/// The least timeout with which the function starts everything it may, in seconds (README).
const ENOUGH_TIME: u64 = 300;
/// How long an attempt that nothing disturbs takes at the most, in seconds.
const AT_MOST: i64 = 15;

/// How long an agent is silent that DRS cannot reach any more, in seconds (README).
const UNREACHABLE: i64 = 15 * 60;

/// A step of a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Disconnect,
    Untag,
    Delete,
}

/// One target of a request: the server that it means, and what is to be said or done about it.
struct Finding<'a> {
    server: Option<&'a SourceServer>,
    verdict: Verdict,
}

enum Verdict {
    /// Nothing is left to do; by this reason.
    Done(&'static str),
    /// The record is to be deleted later.
    Awaits,
    /// It is to be verified later that AWS has cleaned up.
    AwaitsVerification,
    /// AWS still shows something of the staging area.
    AwaitsCleanup,
    /// It does so for too long.
    Left,
    /// The machine of an event is to be silent first.
    AwaitsSilence,
    /// Every reason against it.
    Refused(Vec<&'static str>),
    Act(Vec<Step>),
}

/// What must be answered to a request.
pub(crate) fn judge(case: &Case<'_>) -> Judgement {
    let mut findings: Vec<Finding<'_>> = case
        .request
        .targets()
        .iter()
        .map(|target| find(case, target))
        .collect();

    // Duplicates first: a server that counts twice would distort its share.
    refuse_duplicates(&mut findings);
    refuse_over_limits(case, &mut findings);

    let named = case.request.targets();
    let targets: Vec<Expected> = findings
        .iter()
        .zip(&named)
        .map(|(finding, target)| {
            let expected = expected(case, finding);
            Expected {
                notes: notes(case, finding, target, &expected),
                ..expected
            }
        })
        .collect();
    Judgement {
        next_request: next_request(case, &findings, &targets),
        targets,
    }
}

/// Every reason against a target by itself.
pub(crate) fn reasons_against(case: &Case<'_>, target: &Value) -> Vec<&'static str> {
    match find(case, target).verdict {
        Verdict::Refused(reasons) => reasons,
        _ => Vec::new(),
    }
}

fn servers(world: &World) -> &[SourceServer] {
    let drs = world.drs.regions.get(HERE);

    drs.map_or(&[], |drs| drs.source_servers.as_slice())
}

/// The server that a target means, by its most exact name, and among several by all of them.
fn find<'a>(case: &Case<'a>, target: &Value) -> Finding<'a> {
    let named: Vec<&SourceServer> = servers(case.world)
        .iter()
        .filter(|server| is_named(server, target))
        .collect();
    let mut fitting = named.clone();
    fitting.retain(|server| mismatches(case, server, target).is_empty());

    let (server, verdict) = match (named.as_slice(), fitting.as_slice()) {
        ([], _) => (None, absent(case, target)),
        ([server], _) | (_, [server]) => (Some(*server), about(case, server, target)),
        _ => (None, Verdict::Refused(vec!["ambiguous"])),
    };
    Finding { server, verdict }
}

fn absent(case: &Case<'_>, target: &Value) -> Verdict {
    let is_initialised = case.world.drs.regions.contains_key(HERE);
    // A record that is named by its own ID, and is not there, is what a deletion wants.
    let is_by_id = text(target, "sourceServerID").starts_with("s-");

    match is_initialised {
        false => Verdict::Refused(vec!["not_initialised"]),
        true if is_by_id && action(case) == "delete" => Verdict::Done("record_deleted"),
        true => Verdict::Refused(vec!["not_found"]),
    }
}

fn action<'a>(case: &Case<'a>) -> &'a str {
    let detail = case.request.detail.as_ref();
    let action = detail.map(|detail| text(detail, "action"));

    action.unwrap_or("disconnect")
}

pub(crate) fn is_named(server: &SourceServer, target: &Value) -> bool {
    // Only the most exact name finds a server; the others can but contradict it.
    let has = |name: &str| !target[name].is_null();

    if has("sourceServerID") {
        let id = text(target, "sourceServerID").rsplit('/').next();
        id == Some(server.id.as_str())
    } else if has("awsInstanceID") {
        target["awsInstanceID"].as_str() == server.aws_instance_id.as_deref()
    } else if has("fqdn") {
        target["fqdn"].as_str() == server.fqdn.as_deref()
    } else {
        target["hostname"].as_str() == server.hostname.as_deref()
    }
}

/// Every name in a target that the server does not have.
fn mismatches(case: &Case<'_>, server: &SourceServer, target: &Value) -> Vec<&'static str> {
    let arn = format!(
        "arn:aws:drs:{HERE}:{}:source-server/{}",
        case.world.account, server.id
    );
    let named = text(target, "sourceServerID");
    let differs = |name: &str, real: &Option<String>| {
        !target[name].is_null() && target[name].as_str() != real.as_deref()
    };

    let reasons = [
        (named.starts_with("arn:") && named != arn, "arn_mismatch"),
        (
            differs("awsInstanceID", &server.aws_instance_id),
            "aws_instance_id_mismatch",
        ),
        (differs("hostname", &server.hostname), "hostname_mismatch"),
        (differs("fqdn", &server.fqdn), "fqdn_mismatch"),
        (
            differs("originAccountID", &server.origin_account_id)
                || differs("originRegion", &server.origin_region),
            "origin_mismatch",
        ),
    ];
    holding(&reasons)
}

/// What is to be done about a server.
fn about(case: &Case<'_>, server: &SourceServer, target: &Value) -> Verdict {
    let action = action(case);
    let deletes = action == "retire" || action == "delete";
    let is_approved = server.tags.get(APPROVED) == Some(&case.request.id);
    let is_protected = server.tags.contains_key(PROTECTED);
    let mut reasons = mismatches(case, server, target);
    // It may be another machine, of which nothing else is to be said.
    if !reasons.is_empty() {
        return Verdict::Refused(reasons);
    }
    if let Some(account) = target["originAccountID"].as_str()
        && !counts(case, account)
    {
        return Verdict::Refused(vec!["origin_not_allowed"]);
    }

    if action == "verify" {
        return verified(case, server, target);
    }
    // It is disconnected already: all that may be left is the approval.
    if action == "disconnect" && server.is_disconnected() {
        if is_approved && is_protected {
            reasons.push("protected");
        }
        return match (reasons.is_empty(), is_approved) {
            (false, _) => Verdict::Refused(reasons),
            (true, true) => Verdict::Act(vec![Step::Untag]),
            (true, false) if awaits_verification(case, server) => Verdict::AwaitsVerification,
            (true, false) => Verdict::Done("disconnected"),
        };
    }

    reasons.extend(holding(&[
        (
            deletes && case.scenario.variable("ALLOW_DELETE") != Some("true"),
            "delete_not_allowed",
        ),
        (is_protected, "protected"),
        (!server.tags.contains_key(APPROVED), "not_approved"),
        (
            server.tags.contains_key(APPROVED) && !is_approved,
            "approved_for_another_request",
        ),
        (
            action == "delete" && !server.is_disconnected(),
            "not_disconnected",
        ),
        (
            action != "delete" && !server.is_disconnected() && is_alive(case, server),
            "agent_alive",
        ),
    ]));
    let waits = is_event(case) && !server.is_disconnected() && lacks_silence(case, server);
    reasons.extend(in_use(case.world, server));

    // Without a reason against it, the action has its steps.
    match action {
        _ if !reasons.is_empty() => Verdict::Refused(reasons),
        _ if waits => Verdict::AwaitsSilence,
        "delete" if !skips_check(case) && has_staging(case.world, server) => left(case, target),
        "delete" => Verdict::Act(vec![Step::Delete]),
        "retire" if server.is_disconnected() => Verdict::Awaits,
        "retire" => Verdict::Act(vec![Step::Disconnect]),
        _ => Verdict::Act(vec![Step::Disconnect, Step::Untag]),
    }
}

/// Whether the deployment lets the machines of an account count.
fn counts(case: &Case<'_>, account: &str) -> bool {
    let listed = case.scenario.variable("ORIGIN_ACCOUNTS").unwrap_or("");

    listed.is_empty() || listed.split(',').any(|it| it == account)
}

/// What a verification says of a server: nothing but what is left of its staging area.
fn verified(case: &Case<'_>, server: &SourceServer, target: &Value) -> Verdict {
    match (server.is_disconnected(), has_staging(case.world, server)) {
        (false, _) => Verdict::Refused(vec!["not_disconnected"]),
        (true, true) => left(case, target),
        (true, false) => Verdict::Done("cleanup_verified"),
    }
}

/// Whether DRS shows anything of the staging area of a disconnected server: only its recovery
/// points, since a disconnect clears the record at once.
pub(crate) fn has_staging(world: &World, server: &SourceServer) -> bool {
    !server.points(world.now).is_empty()
}

/// A staging area that is left: AWS is given twice the time that it promises, from the disconnect
/// that the request names.
fn left(case: &Case<'_>, target: &Value) -> Verdict {
    match is_overdue(target, case.world.now) {
        true => Verdict::Left,
        false => Verdict::AwaitsCleanup,
    }
}

/// Whether AWS should have cleaned up by a time, after the disconnect that a target names.
pub(crate) fn is_overdue(target: &Value, now: DateTime<Utc>) -> bool {
    let seen = target["disconnect"]["at"].as_str();
    let seen = seen.and_then(|seen| seen.parse::<DateTime<Utc>>().ok());

    seen.is_some_and(|seen| now - seen > TimeDelta::hours(3))
}

/// Whether the deployment follows up a disconnect.
fn verifies(case: &Case<'_>) -> bool {
    case.scenario.variable("VERIFY_CLEANUP") == Some("true")
}

/// Whether a server that was disconnected before is to be verified later: where something is left, or
/// where there is no time to ask.
fn awaits_verification(case: &Case<'_>, server: &SourceServer) -> bool {
    let has_time = case.scenario.timeout_seconds >= ENOUGH_TIME;

    verifies(case) && (has_staging(case.world, server) || !has_time)
}

/// Whether a deletion does not wait for the clean-up.
fn skips_check(case: &Case<'_>) -> bool {
    let detail = case.request.detail.as_ref();

    detail.is_some_and(|detail| detail["skipCleanupCheck"] == true)
}

/// Whether the agent talks on although its machine is said to be gone, or was heard too lately.
fn is_alive(case: &Case<'_>, server: &SourceServer) -> bool {
    let now = case.world.now;
    let seen = last_seen(server, now);
    let detail = case.request.detail.as_ref();
    let end = detail.and_then(|detail| detail["terminatedAt"].as_str());
    let end = end.and_then(|end| end.parse::<DateTime<Utc>>().ok());

    // Some minutes may pass between the end of a machine and the last word of it.
    let talks_on = end.is_some_and(|end| seen > end + TimeDelta::minutes(15));
    talks_on || !is_event(case) && lacks_silence(case, server)
}

/// Whether the request is the event of a termination.
fn is_event(case: &Case<'_>) -> bool {
    let detail = case.request.detail.as_ref();

    detail.is_some_and(|detail| detail["terminatedAt"].is_string())
}

/// Whether the agent has not been silent for as long as the deployment asks for.
fn lacks_silence(case: &Case<'_>, server: &SourceServer) -> bool {
    let now = case.world.now;
    let required = case.scenario.number("REQUIRE_SILENT_MINUTES", 0) as i64;

    (now - last_seen(server, now)).num_seconds() < required * 60
}

/// When DRS last heard of the agent: now, unless something keeps it silent.
pub(super) fn last_seen(server: &SourceServer, now: DateTime<Utc>) -> DateTime<Utc> {
    let silent_since = server.agent_unreachable_since.or(server.agent_gone_at);

    silent_since.map_or(now, |since| since.min(now))
}

/// Everything that somebody does with a server, or that nobody understands.
fn in_use(world: &World, server: &SourceServer) -> Vec<&'static str> {
    let drs = world.drs.regions.get(HERE);
    let jobs = drs.map_or(&[][..], |drs| drs.jobs.as_slice());
    let instances = drs.map_or(&[][..], |drs| drs.recovery_instances.as_slice());

    // A job may not name its servers; then it may work on any.
    let has_job = jobs.iter().any(|job| {
        let mut servers = job.source_server_ids.iter();
        let is_meant =
            job.source_server_ids.is_empty() || servers.any(|id| *id == server.id || id.is_empty());
        job.status(world.now) != "COMPLETED" && is_meant
    });
    // The list of instances counts before the name in the record.
    let of_server = || {
        instances
            .iter()
            .filter(|instance| instance.source_server_id == server.id)
    };
    let (listed, drills) = (
        of_server().count(),
        of_server().filter(|it| it.is_drill).count(),
    );
    let is_named = listed == 0 && server.recovery_instance_id.is_some();
    let is_reversed = server.reversed_direction_source_server_arn.is_some();
    let is_unheard_of = [
        &server.data_replication_state,
        &server.staging_status,
        &server.replication_direction,
    ]
    .iter()
    .any(|word| *word == UNHEARD_OF);

    holding(&[
        (listed > drills || is_named, "recovery_instance_present"),
        (listed > 0 && listed == drills, "drill_instance_present"),
        (has_job, "job_running"),
        (
            server.replication_direction == "FAILBACK",
            "failback_direction",
        ),
        (is_reversed, "reversed_pair"),
        (server.staging_status == "EXTENDED", "extended"),
        (
            server.staging_status == "EXTENSION_ERROR",
            "extension_error",
        ),
        (is_unheard_of, "unknown_state"),
    ])
}

impl Finding<'_> {
    /// Refuses it for a reason of the whole request, besides those of its own.
    fn refuse(&mut self, reason: &'static str) {
        match &mut self.verdict {
            Verdict::Refused(reasons) => reasons.push(reason),
            _ => self.verdict = Verdict::Refused(vec![reason]),
        }
    }
}

/// A server that two targets mean is refused for the second.
fn refuse_duplicates(findings: &mut [Finding<'_>]) {
    let mut known = Vec::new();

    for finding in findings {
        let Some(server) = finding.server else {
            continue;
        };
        if known.contains(&&server.id) {
            finding.refuse("named_twice");
        } else {
            known.push(&server.id);
        }
    }
}

fn refuse_over_limits(case: &Case<'_>, findings: &mut [Finding<'_>]) {
    if case.is_over_max_targets() {
        for finding in findings {
            finding.refuse("over_max_targets");
        }
        return;
    }

    let changes = |finding: &&mut Finding<'_>| match &finding.verdict {
        Verdict::Act(steps) => steps.iter().any(|step| *step != Step::Untag),
        _ => false,
    };
    // A share of the connected servers, or of all records; one server is always allowed.
    let base = servers(case.world)
        .iter()
        .filter(|server| action(case) == "delete" || !server.is_disconnected())
        .count();
    let allowed = base * case.scenario.number("MAX_SHARE_PERCENT", 10) / 100;

    let changing: Vec<&mut Finding<'_>> = findings.iter_mut().filter(changes).collect();
    if changing.len() > allowed.max(1) {
        for finding in changing {
            finding.refuse("over_max_share");
        }
    }
}

/// What is reported of a finding.
fn expected(case: &Case<'_>, finding: &Finding<'_>) -> Expected {
    let evidence = finding.server.map(|server| evidence(case, server));
    let mut expected = match &finding.verdict {
        Verdict::Done(reason) => Expected::said("already_done", vec![reason]),
        Verdict::Awaits => Expected::said("pending", vec!["record_awaits_deletion"]),
        Verdict::AwaitsSilence => Expected::said("pending", vec!["agent_not_silent_yet"]),
        Verdict::AwaitsVerification => {
            Expected::said("pending", vec!["cleanup_awaits_verification"])
        }
        Verdict::AwaitsCleanup => Expected::said("pending", vec!["cleanup_pending"]),
        Verdict::Left => Expected::said("failed", vec!["staging_left"]),
        Verdict::Refused(reasons) => Expected::said("refused", reasons.clone()),
        Verdict::Act(_) => Expected::said("planned", vec!["plan_mode"]),
    };
    expected.evidence = evidence.unwrap_or_default();

    if let (Verdict::Act(steps), Some(server)) = (&finding.verdict, finding.server) {
        expected.plan = steps
            .iter()
            .map(|step| sentence(*step, &server.id))
            .collect();
        let has_time = case.scenario.timeout_seconds >= ENOUGH_TIME;
        if steps.contains(&Step::Disconnect) && has_time && !moves(server, case.world.now) {
            let points = server.points(case.world.now).len();
            expected.evidence["recoveryPoints"] = json!(points);
        }
        if !case.is_plan() {
            act(case, server, steps, &mut expected);
        }
    }

    // A retirement ends with a deletion that another request makes.
    let retires = action(case) == "retire" && !matches!(finding.verdict, Verdict::Refused(_));
    expected.later = Some(match retires {
        true => vec!["DeleteSourceServer"],
        false => Vec::new(),
    });
    expected.look_again = match expected.reasons.as_slice() {
        ["record_awaits_deletion" | "cleanup_awaits_verification"] => Some(STAGING_REMOVED),
        ["cleanup_pending"] => Some(900),
        ["agent_not_silent_yet"] => Some(900),
        _ => None,
    };
    expected
}

/// Whether DRS could not tell the agent to uninstall itself: it was silent for a quarter of an hour
/// before the disconnect. `None` where a minute decides.
fn notes(
    case: &Case<'_>,
    finding: &Finding<'_>,
    target: &Value,
    expected: &Expected,
) -> Option<Vec<&'static str>> {
    let is_good = matches!(expected.outcome, "done" | "already_done");
    let mut effects = expected.effects.iter();
    let disconnects = effects.any(|effect| effect.operation == "DisconnectSourceServer");

    let silent = match (action(case), finding.server) {
        ("delete" | "verify", _) if is_good => {
            let silent = &target["disconnect"]["agentSilentSeconds"];
            silent.as_i64().unwrap_or_default()
        }
        // The machine of an event is gone, and its agent with it.
        ("disconnect" | "retire", Some(server)) if disconnects && !case.request.is_of_aws() => {
            let silent = case.world.now - last_seen(server, case.world.now);
            if (silent.num_seconds() - UNREACHABLE).abs() < 60 {
                return None;
            }
            silent.num_seconds()
        }
        _ => 0,
    };
    Some(holding(&[(silent >= UNREACHABLE, "agent_may_remain")]))
}

/// Whether DRS takes a recovery point, and drops another, while an attempt reads their list. Each
/// page then shows its own moment, and `has_lost` holds the count against what was read.
fn moves(server: &SourceServer, now: DateTime<Utc>) -> bool {
    let points = |seconds| server.points(now + TimeDelta::seconds(seconds));

    points(-AT_MOST) != points(AT_MOST)
}

fn sentence(step: Step, id: &str) -> String {
    match step {
        Step::Disconnect => format!("disconnect {id}"),
        Step::Untag => format!("remove the tag {APPROVED} from {id}"),
        Step::Delete => format!("delete the record of {id}"),
    }
}

/// What a server was before.
fn evidence(case: &Case<'_>, server: &SourceServer) -> Value {
    let state = match server.data_replication_state.as_str() {
        UNHEARD_OF => "unknown",
        state => state,
    };
    let bytes = match server.is_disconnected() {
        true => 0,
        false => server.disk_bytes,
    };

    let approval = server.tags.get(APPROVED);

    json!({
        // What is not seen is replaced by a sign that is.
        "approvedFor": approval.map(|it| it.replace('\u{202e}', "\u{fffd}")),
        "stateBefore": state,
        "stateAfter": null,
        "lagSeconds": (server.data_replication_state == "CONTINUOUS").then_some(0),
        "dataReplicationError": match server.data_replication_state.as_str() {
            "STALLED" if server.agent_unreachable_since.is_some() => Some("AGENT_NOT_SEEN"),
            "STALLED" => Some("NOT_CONVERGING"),
            _ => None,
        },
        "replicatedBytes": bytes,
        "replicationHours": hours(case.world, server),
        "replicationHoursEnded": null,
    })
}

/// How long a server has replicated. One without a date has done so for half a year (emulator).
fn hours(world: &World, server: &SourceServer) -> i64 {
    let began = world.began.unwrap_or(world.now);
    let since = server
        .replicating_since
        .unwrap_or(began - chrono::TimeDelta::days(180));

    (world.now - since).num_hours()
}

/// What is reported of steps that were taken.
fn act(case: &Case<'_>, server: &SourceServer, steps: &[Step], expected: &mut Expected) {
    // AWS may keep the record until its staging resources are gone.
    let is_too_early = case.world.behaviour.delete_before_cleanup == emulator::Reply::Conflict
        && server
            .staging_gone_at
            .is_some_and(|gone| gone > case.world.now);
    if steps == [Step::Delete] && is_too_early {
        (expected.outcome, expected.reasons) = ("retryable", vec!["conflict"]);
        expected.evidence["stateAfter"] = json!("DISCONNECTED");
        return;
    }

    // A retirement ends with a disconnect and waits for its deletion.
    let disconnects = steps.contains(&Step::Disconnect);
    (expected.outcome, expected.reasons) = match steps {
        [Step::Delete] => ("done", vec!["record_deleted"]),
        [Step::Disconnect] => ("pending", vec!["record_awaits_deletion"]),
        // What was just disconnected has a staging area, whatever DRS shows of it.
        [Step::Disconnect, ..] if verifies(case) => {
            ("pending", vec!["cleanup_awaits_verification"])
        }
        [Step::Untag] if awaits_verification(case, server) => {
            ("pending", vec!["cleanup_awaits_verification"])
        }
        _ => ("done", vec!["disconnected"]),
    };
    let operations = steps.iter().map(|step| match step {
        Step::Disconnect => "DisconnectSourceServer",
        Step::Untag => "UntagResource",
        Step::Delete => "DeleteSourceServer",
    });
    expected.effects = operations
        .map(|operation| Effect {
            operation,
            subject: server.id.clone(),
            content: Value::Null,
        })
        .collect();

    // The state that the last read shows.
    let after = match steps {
        [Step::Delete] => "no record",
        _ => "DISCONNECTED",
    };
    expected.evidence["stateAfter"] = json!(after);
    if disconnects {
        let members = &mut expected.evidence;
        if members["recoveryPoints"].is_number() {
            members["recoveryPointsLost"] = members["recoveryPoints"].clone();
        }
        members["replicationHoursEnded"] = members["replicationHours"].clone();
    }
}

/// The deletion or the verification of all servers that await it, where nothing else is pending.
fn next_request(case: &Case<'_>, findings: &[Finding<'_>], targets: &[Expected]) -> Value {
    let (awaited, next) = match action(case) {
        "retire" => ("record_awaits_deletion", "delete"),
        "disconnect" => ("cleanup_awaits_verification", "verify"),
        _ => return Value::Null,
    };
    let awaits = |expected: &Expected| expected.reasons == [awaited];
    if targets
        .iter()
        .any(|it| it.outcome == "pending" && !awaits(it))
    {
        return Value::Null;
    }
    let awaiting: Vec<Value> = case
        .request
        .targets()
        .into_iter()
        .zip(findings)
        .zip(targets)
        .filter(|(_, expected)| awaits(expected))
        .filter_map(|((mut target, finding), _)| {
            // The target in its own words, and by the ID that it turned out to have.
            if target["sourceServerID"].is_null() {
                target["sourceServerID"] = json!(finding.server?.id);
            }
            // What an event says of its machine is no part of a request.
            if let Some(members) = target.as_object_mut() {
                members.retain(|name, _| !name.starts_with("origin"));
            }
            Some(target)
        })
        .collect();
    let Some(detail) = &case.request.detail else {
        return Value::Null;
    };
    if awaiting.is_empty() {
        return Value::Null;
    }

    json!({
        "version": 1,
        "requestID": case.request.id,
        "expiresAt": detail["expiresAt"],
        "action": next,
        "targets": awaiting,
        "dryRun": case.is_plan(),
    })
}
