//! `report`: what was found, with the requests to send.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::{
    Audit, CallRecord, Conclusion, Found, Mode, Outcome, Report, Subject, TargetReport, Unobserved,
    Wording, code,
    drs::{Server, SourceServerRef, State},
};

use crate::{
    advice,
    assess::{Assessed, Assessment, Proposal},
    command::Command,
    context::Context,
    finding::Finding,
    reason::Reason,
    snapshot::Snapshot,
};

/// For how long a request that is offered is good, in hours.
const GOOD_FOR: i64 = 12;
/// The hours of a month, by which AWS counts.
const MONTH: f64 = 730.0;

/// What was read of a server. Host names and addresses of AWS's answer stay out of it: reports are
/// logged.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence<'a> {
    /// The replication state.
    data_replication_state: &'a str,
    /// When DRS last saw the agent.
    last_seen_by_service_date_time: Option<DateTime<Utc>>,
    /// For how long it has not seen it.
    agent_silent_seconds: Option<u64>,
    /// How far the replication is behind.
    lag_seconds: Option<u64>,
    /// Why the replication has an error, by the name of DRS.
    data_replication_error: Option<&'a String>,
    /// How many recovery points there are, if they were counted.
    recovery_points: Option<usize>,
    /// The bytes replicated so far.
    replicated_bytes: Option<i64>,
    /// How long the server has replicated.
    replication_hours: Option<u64>,
    /// The request that the approval tag names.
    approved_for: Option<&'a String>,
    /// Whether the protection tag is set.
    is_protected: bool,
}

/// The report on an audit for which nothing could be observed.
#[must_use]
pub(crate) fn unobserved(
    command: &Command,
    why: &Unobserved,
    context: &Context<'_>,
    calls: CallRecord,
) -> Report {
    // The same is said of each, since one list is for all.
    let target = |server: Option<&SourceServerRef>| {
        let conclusion = Conclusion::unobserved(why, Reason::OutOfTime);
        conclusion.into_report(subject(command, server, None, context), Value::Null)
    };

    let targets = each(command, target);
    Report::of(wording(command), Mode::Plan, targets, calls.into_calls())
}

/// The report on an audit.
#[must_use]
pub(crate) fn report(
    command: &Command,
    snapshot: &Snapshot,
    assessment: &Assessment<'_>,
    context: &Context<'_>,
    calls: CallRecord,
) -> Report {
    let targets = each(command, |asked| {
        let server = asked.and_then(|asked| {
            let mut servers = snapshot.servers.iter();
            servers.find(|server| server.id == asked.id)
        });
        let (outcome, reason) = looked_at(snapshot, asked, server);
        let subject = subject(command, asked, server, context);
        let evidence = server.map(|server| json!(evidence(server, snapshot, context)));
        Conclusion::new(outcome, reason).into_report(subject, json!(evidence))
    });

    let audit = audit(command, snapshot, assessment, context);
    // Figures of some servers are not those of the account.
    if command.source_servers.is_none() {
        audit.log_metrics(Finding::ALL.iter().map(code), context.invocation);
    }
    let mut report = Report::of(wording(command), Mode::Plan, targets, calls.into_calls());
    // Where nothing was looked at, the reasons say why.
    if audit.examined > 0 || report.outcome == Outcome::Done {
        let region = &context.invocation.function.region;
        let what = format!("source servers in {region}");
        let kinds = Finding::ALL.iter().map(code);
        report.summary = audit.sentence(&command.request_id, &what, kinds) + &report.unaudited();
    }
    report.audit = Some(audit);
    report
}

/// The reports of the servers that a request names, or of the account.
fn each(
    command: &Command,
    target: impl Fn(Option<&SourceServerRef>) -> TargetReport,
) -> Vec<TargetReport> {
    match &command.source_servers {
        Some(servers) => servers.iter().map(|server| target(Some(server))).collect(),
        None => vec![target(None)],
    }
}

/// Whether a server that a request names, or the account, could be looked at.
fn looked_at(
    snapshot: &Snapshot,
    asked: Option<&SourceServerRef>,
    server: Option<&Server>,
) -> (Outcome, Reason) {
    // The likeliest mistake first: the wrong Region.
    if !snapshot.initialised {
        return (Outcome::Refused, Reason::NotInitialised);
    }

    match (asked, server) {
        (None, _) => (Outcome::Done, Reason::Audited),
        (Some(_), None) => (Outcome::Refused, Reason::NotFound),
        (Some(asked), Some(server)) => match asked.means(&server.id, server.arn.as_ref()) {
            true => (Outcome::Done, Reason::Audited),
            false => (Outcome::Refused, Reason::ArnMismatch),
        },
    }
}

fn wording(command: &Command) -> Wording<'_> {
    Wording {
        request_id: command.request_id.as_ref(),
        action: "audit",
        planned: "audited",
        done: "audited",
        done_with: None,
    }
}

/// What a server that a request names is called, or the account and Region.
fn subject(
    command: &Command,
    asked: Option<&SourceServerRef>,
    server: Option<&Server>,
    context: &Context<'_>,
) -> Subject {
    // DRS has its servers in one Region, that of the function.
    let region = &context.invocation.function.region;

    Subject {
        name: match asked {
            Some(asked) => asked.id.to_string(),
            None => format!("source servers of {region}"),
        },
        target: match asked {
            Some(asked) => json!({ "sourceServerID": asked }),
            None => json!({ "region": region }),
        },
        resource: match server {
            Some(server) => resource(server),
            None => Value::Null,
        },
        facts: Subject::facts_of_all(
            &command.request_id,
            "drs",
            &context.policy.guardrails,
            context.invocation,
        ),
    }
}

fn resource(server: &Server) -> Value {
    json!({ "sourceServerID": server.id, "arn": server.arn })
}

/// What was found, with the totals of the servers that something is to be said of.
fn audit(
    command: &Command,
    snapshot: &Snapshot,
    assessment: &Assessment<'_>,
    context: &Context<'_>,
) -> Audit {
    // A quota that is used up stops every new machine.
    let account = (!assessment.account.is_empty()).then(|| {
        let mut subject = subject(command, None, None, context);
        subject.resource = json!({ "account": context.invocation.function.account });
        Found::new(subject, &assessment.account, Value::Null)
    });
    let servers = assessment.servers.iter();
    let found = servers.map(|assessed| of_server(command, snapshot, assessed, context));

    let totals = totals(snapshot, assessment, context);
    Audit::of(
        assessment.examined,
        totals,
        account.into_iter().collect(),
        found.collect(),
    )
}

/// What is to be said of a server.
fn of_server(
    command: &Command,
    snapshot: &Snapshot,
    assessed: &Assessed<'_>,
    context: &Context<'_>,
) -> Found {
    let server = assessed.server;
    let mut subject = subject(command, None, Some(server), context);
    subject.name = server.id.to_string();
    // The ID of the audit is that of no request which is offered.
    subject.facts.remove("requestID");
    let mut know = |name: &str, value: String| {
        drop(subject.facts.insert(name.to_owned(), value.into()));
    };

    know("sourceServerID", server.id.to_string());
    if let Some(arn) = &server.arn {
        know("arn", arn.to_string());
    }
    let evidence = json!(evidence(server, snapshot, context));
    let Some(proposal) = &assessed.proposal else {
        return Found::new(subject, &assessed.findings, evidence);
    };

    know("requestID", proposal.request_id.clone());
    let approve = advice::APPROVE.fill(&subject.facts);
    let mut found = Found::new(subject, &assessed.findings, evidence);
    if !proposal.is_approved {
        found.next_steps.push(approve);
    }
    let expires_at = context.invocation.now + TimeDelta::hours(GOOD_FOR);
    found.request = Some(request(proposal, server, expires_at));
    found
}

/// The request that is offered, in the words of `disconnect-source-server`.
fn request(proposal: &Proposal, server: &Server, expires_at: DateTime<Utc>) -> Value {
    let mut target = Map::new();
    target.insert("sourceServerID".to_owned(), json!(server.id));
    // Both must match, so that an ID that was mistyped later finds nothing.
    if let Some(instance) = &server.aws_instance_id {
        target.insert("awsInstanceID".to_owned(), json!(instance));
    }

    json!({
        "version": 1,
        "requestID": proposal.request_id,
        "expiresAt": expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "action": proposal.action,
        "targets": [target],
    })
}

fn evidence<'a>(server: &'a Server, snapshot: &Snapshot, context: &Context<'_>) -> Evidence<'a> {
    let guardrails = &context.policy.guardrails;

    Evidence {
        data_replication_state: match &server.state {
            State::Disconnected => "DISCONNECTED",
            State::Connected(name) => name,
            State::Unknown => "unknown",
        },
        last_seen_by_service_date_time: server.last_seen,
        agent_silent_seconds: snapshot.silent_seconds.get(&server.id).copied(),
        lag_seconds: server.lag_seconds,
        data_replication_error: server.replication_error.as_ref(),
        recovery_points: snapshot.recovery_points.get(&server.id).copied(),
        replicated_bytes: server.replicated_bytes,
        replication_hours: server.replication_hours,
        approved_for: guardrails.approved_request(&server.tags),
        is_protected: guardrails.check_protection(&server.tags).is_err(),
    }
}

/// What the servers that something is to be said of hold together.
fn totals(
    snapshot: &Snapshot,
    assessment: &Assessment<'_>,
    context: &Context<'_>,
) -> Map<String, Value> {
    let servers = || assessment.servers.iter().map(|it| it.server);
    let bytes = servers().filter_map(|it| it.replicated_bytes).sum::<i64>();
    let hours = servers().filter_map(|it| it.replication_hours).sum::<u64>();
    let points = servers().filter_map(|it| snapshot.recovery_points.get(&it.id));
    let (counted, points) = (points.clone().count(), points.sum::<usize>());

    // Exact figures: a screen rounds them.
    let mut totals = Map::new();
    totals.insert("replicatedBytes".to_owned(), json!(bytes));
    totals.insert("replicationHours".to_owned(), json!(hours));
    totals.insert("recoveryPoints".to_owned(), json!(points));
    // Each count is a call: there may be more servers than were asked for.
    totals.insert("recoveryPointsCountedOf".to_owned(), json!(counted));
    if let Some(size) = snapshot.account {
        totals.insert("records".to_owned(), json!(size.records));
        totals.insert("connected".to_owned(), json!(size.connected));
    }
    // Money only by a rate that the deployment states.
    let rate = context.policy.server_hour_rate;
    if rate > 0.0 {
        let offered = assessment.servers.iter().filter(|it| {
            let is_connected = matches!(it.server.state, State::Connected(_));
            is_connected && it.proposal.is_some()
        });
        let cost = (rate * MONTH * offered.count() as f64 * 100.0).round() / 100.0;
        totals.insert("monthlyCostOfOffered".to_owned(), json!(cost));
    }
    totals
}
