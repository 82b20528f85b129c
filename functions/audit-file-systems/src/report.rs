//! `report`: what was found, with the requests to send.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::{
    Audit, CallRecord, Conclusion, Found, Mode, Outcome, Report, Subject, TargetReport, Unobserved,
    Wording, code,
    efs::{BOOTSTRAPPED_BY_TAG, FileSystem, FileSystemRef, REPLICATE_TO_TAG, Replication},
};

use crate::{
    assess::{self, Assessed, Assessment, Proposal},
    command::Command,
    context::Context,
    finding::Finding,
    reason::Reason,
    snapshot::{Comparison, Outgoing, Snapshot},
};

/// For how long a request that is offered is good, in hours.
const GOOD_FOR: i64 = 12;

/// What was read of a file system and its replication. Names and other tags stay out of it: reports
/// are logged.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence<'a> {
    /// The status of the replication.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// When the last sync was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_replicated_timestamp: Option<DateTime<Utc>>,
    /// How long ago that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_since_last_sync: Option<u64>,
    /// `SizeInBytes` of the source, or of the only file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_in_bytes: Option<i64>,
    /// How many mount targets the replica has.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica_mount_targets: Option<usize>,
    /// How many access points the replica lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_points_missing: Option<usize>,
    /// The Region that the tag of the source asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    replicate_to: Option<&'a String>,
    /// The request that marked the replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrapped_by: Option<&'a String>,
}

/// The report on an audit for which nothing could be observed.
#[must_use]
pub(crate) fn unobserved(
    command: &Command,
    why: &Unobserved,
    context: &Context<'_>,
    calls: CallRecord,
) -> Report {
    let target = |asked: Option<&FileSystemRef>| {
        let conclusion = Conclusion::unobserved(why, Reason::OutOfTime);
        conclusion.into_report(subject(command, asked, None, context), Value::Null)
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
        let found = asked.and_then(|asked| snapshot.file_system(&asked.id));
        let (outcome, reason) = looked_at(asked, found);
        let subject = subject(command, asked, found, context);
        let evidence = found.map(|found| json!(evidence_of_one(found)));
        Conclusion::new(outcome, reason).into_report(subject, json!(evidence))
    });

    let audit = audit(command, assessment, context);
    // Figures of some file systems are not those of the account.
    if command.file_systems.is_none() {
        audit.log_metrics(Finding::ALL.iter().map(code), context.invocation);
    }
    let mut report = Report::of(wording(command), Mode::Plan, targets, calls.into_calls());
    // Where nothing was looked at, the reasons say why.
    if audit.examined > 0 || report.outcome == Outcome::Done {
        // Replicas and what may be overwritten are in other Regions.
        let region = &context.invocation.function.region;
        let what = format!("file systems from {region}");
        let kinds = Finding::ALL.iter().map(code);
        report.summary = audit.sentence(&command.request_id, &what, kinds) + &report.unaudited();
    }
    report.audit = Some(audit);
    report
}

/// The reports of the file systems that a request names, or of the account.
fn each(
    command: &Command,
    target: impl Fn(Option<&FileSystemRef>) -> TargetReport,
) -> Vec<TargetReport> {
    match &command.file_systems {
        Some(named) => named.iter().map(|named| target(Some(named))).collect(),
        None => vec![target(None)],
    }
}

/// Whether a file system that a request names, or the account, could be looked at.
fn looked_at(asked: Option<&FileSystemRef>, found: Option<&FileSystem>) -> (Outcome, Reason) {
    match (asked, found) {
        (None, _) => (Outcome::Done, Reason::Audited),
        (Some(_), None) => (Outcome::Refused, Reason::NotFound),
        (Some(asked), Some(found)) => match asked.means(&found.id, found.arn.as_ref()) {
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

/// What a file system that a request names is called, or the account and Region.
fn subject(
    command: &Command,
    asked: Option<&FileSystemRef>,
    found: Option<&FileSystem>,
    context: &Context<'_>,
) -> Subject {
    let region = &context.invocation.function.region;
    let mut facts = Subject::facts_of_all(
        &command.request_id,
        "elasticfilesystem",
        &context.policy.guardrails,
        context.invocation,
    );
    if let Some(asked) = asked {
        facts.insert("sourceFileSystemId".to_owned(), json!(asked.id));
    }

    Subject {
        name: match asked {
            Some(asked) => asked.id.to_string(),
            None => format!("file systems of {region}"),
        },
        target: match asked {
            Some(asked) => json!({ "sourceFileSystemId": asked }),
            None => json!({ "region": region }),
        },
        resource: match found {
            Some(found) => json!({ "sourceFileSystemId": found.id, "arn": found.arn }),
            None => Value::Null,
        },
        facts,
    }
}

/// What was found, with the totals of what something is to be said of.
fn audit(command: &Command, assessment: &Assessment<'_>, context: &Context<'_>) -> Audit {
    let is_region = |it: &&Assessed<'_>| matches!(it.subject, assess::Subject::Region(_));
    let found_in_all = assessment.found.iter();
    let (regions, resources): (Vec<_>, Vec<_>) = found_in_all.partition(is_region);

    // The list bounds itself, and logs what it has no room for.
    let told = |assessed: Vec<&Assessed<'_>>| {
        let assessed = assessed.into_iter();
        assessed.map(|it| found(command, it, context)).collect()
    };
    let totals = totals(assessment);
    Audit::of(
        assessment.examined.len(),
        totals,
        told(regions),
        told(resources),
    )
}

/// What is to be said of one file system, replication or Region.
fn found(command: &Command, assessed: &Assessed<'_>, context: &Context<'_>) -> Found {
    let mut subject = subject(command, None, None, context);
    // The ID of the audit is that of no request which is offered.
    subject.facts.remove("requestID");

    let evidence = match assessed.subject {
        assess::Subject::Outgoing(it) => {
            name_replication(&mut subject, &it.replication);
            subject.name = it.replication.source_id.to_string();
            subject.resource = replication_resource(&it.replication);
            json!(evidence_of_replication(it))
        }
        assess::Subject::Incoming(it) => {
            // The command for what is left of it goes to the Region of the replica.
            name_replication(&mut subject, &it.replication);
            subject.name = it.replica.id.to_string();
            subject.resource = replication_resource(&it.replication);
            json!(evidence_of_one(&it.replica))
        }
        assess::Subject::Alone(it) | assess::Subject::Unprotected(it) => {
            know(&mut subject, "sourceFileSystemId", it.id.as_ref());
            know(&mut subject, "region", it.region.as_ref());
            subject.name = it.id.to_string();
            subject.resource = json!({ "sourceFileSystemId": it.id, "region": it.region });
            json!(evidence_of_one(it))
        }
        assess::Subject::Region(region) => {
            know(&mut subject, "destinationRegion", region.as_ref());
            subject.name = format!("file systems of {region}");
            subject.resource = json!({ "region": region });
            Value::Null
        }
    };

    let mut found = Found::new(subject, &assessed.findings, evidence);
    let expires_at = context.invocation.now + TimeDelta::hours(GOOD_FOR);
    let proposal = assessed.proposal.as_ref();
    found.request = proposal.map(|proposal| request(proposal, expires_at));
    found
}

/// What the commands to paste may name of a replication.
fn name_replication(subject: &mut Subject, replication: &Replication) {
    know(
        subject,
        "sourceFileSystemId",
        replication.source_id.as_ref(),
    );
    know(subject, "region", replication.source_region.as_ref());
    let replica = replication.destination_id.as_ref();
    know(subject, "destinationFileSystemId", replica);
    let region = replication.destination_region.as_ref();
    know(subject, "destinationRegion", region);
}

fn know(subject: &mut Subject, name: &str, value: &str) {
    subject.facts.insert(name.to_owned(), value.into());
}

fn replication_resource(replication: &Replication) -> Value {
    json!({
        "sourceFileSystemId": replication.source_id,
        "region": replication.source_region,
        "destinationFileSystemId": replication.destination_id,
        "destinationRegion": replication.destination_region,
    })
}

/// The request that is offered, in the words of `bootstrap-efs-replication`.
fn request(proposal: &Proposal, expires_at: DateTime<Utc>) -> Value {
    let given = proposal.defaults.clone().unwrap_or_default();
    let mut destination = Map::new();
    destination.insert("region".to_owned(), json!(proposal.region));
    if let Some(replica) = &proposal.replica {
        destination.insert("fileSystemId".to_owned(), json!(replica));
    }
    // Without a key EFS takes its own, or keeps that of the replica which is there.
    if let Some(key) = given.kms_key_id {
        destination.insert("kmsKeyId".to_owned(), json!(key));
    }
    let mut replica = given.replica;
    let copies = proposal.copies.iter();
    replica.extend(copies.map(|copied| ((*copied).to_owned(), json!("copy"))));

    json!({
        "version": 1,
        "requestID": proposal.request_id,
        "expiresAt": expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "targets": [{
            "sourceFileSystemId": proposal.source,
            "destination": destination,
            "replica": replica,
        }],
    })
}

fn evidence_of_one(file_system: &FileSystem) -> Evidence<'_> {
    Evidence {
        size_in_bytes: Some(file_system.size_in_bytes),
        replicate_to: file_system.tags.get(REPLICATE_TO_TAG),
        bootstrapped_by: file_system.tags.get(BOOTSTRAPPED_BY_TAG),
        ..Evidence::default()
    }
}

fn evidence_of_replication(outgoing: &Outgoing) -> Evidence<'_> {
    let (source, replica) = (outgoing.source.seen(), outgoing.replica.seen());
    let replication = &outgoing.replication;

    Evidence {
        status: Some(replication.status.name()),
        last_replicated_timestamp: replication.last_replicated,
        seconds_since_last_sync: outgoing.seconds_since_sync,
        size_in_bytes: source.map(|source| source.size_in_bytes),
        replica_mount_targets: replica.map(|replica| replica.mount_targets),
        access_points_missing: missing(outgoing),
        replicate_to: source.and_then(|source| source.tags.get(REPLICATE_TO_TAG)),
        bootstrapped_by: replica.and_then(|replica| replica.tags.get(BOOTSTRAPPED_BY_TAG)),
    }
}

/// How many access points the replica lacks, if that is known.
fn missing(outgoing: &Outgoing) -> Option<usize> {
    match &outgoing.comparison {
        Comparison::Complete(differences) => Some(differences.access_points.missing_count),
        Comparison::NotDue | Comparison::Unread(_) => None,
    }
}

/// What that which something is to be said of holds together.
fn totals(assessment: &Assessment<'_>) -> Map<String, Value> {
    let found = || assessment.found.iter().map(|it| &it.subject);
    let outgoing = || found().filter_map(assess::Subject::outgoing);
    // The size of the source: that of a replica lags behind.
    let sources = outgoing().filter_map(|it| it.source.seen());
    let replicated: i64 = sources.map(|source| source.size_in_bytes).sum();
    let alone = found().filter_map(|subject| match subject {
        assess::Subject::Alone(alone) | assess::Subject::Unprotected(alone) => Some(alone),
        _ => None,
    });
    let unreplicated = alone.filter(|it| it.tags.contains_key(REPLICATE_TO_TAG));
    let unreplicated: i64 = unreplicated.map(|it| it.size_in_bytes).sum();
    let examined = || assessment.examined.iter();
    let replications = || examined().filter_map(assess::Subject::outgoing);

    let mut totals = Map::new();
    totals.insert("replicatedBytes".to_owned(), json!(replicated));
    totals.insert("unreplicatedBytes".to_owned(), json!(unreplicated));
    let lacking = outgoing().filter_map(missing).sum::<usize>();
    totals.insert("accessPointsMissing".to_owned(), json!(lacking));
    // Not every replica may be compared: what is not told as lacking may be unknown.
    let compared = replications().filter_map(missing).count();
    let replications = replications().count();
    totals.insert("replications".to_owned(), json!(replications));
    totals.insert("replicasCompared".to_owned(), json!(compared));
    totals
}

#[cfg(test)]
mod tests {
    use bootstrap_efs_replication::{Command as Bootstrap, command::Target};
    use shared::{Message, efs::Efs, invocation::Function};

    use super::*;
    use crate::{
        assess::assess,
        fixtures::{HERE, SOURCE, THERE, all, file_system, outgoing, policy, region, tagged},
        policy::Policy,
        snapshot::{Sighting, TagDifference},
    };

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    /// The report of an audit of this snapshot.
    fn reported(snapshot: &Snapshot, asked: Option<Vec<FileSystemRef>>) -> Value {
        reported_by(&policy(), snapshot, asked)
    }

    fn reported_by(
        policy: &Policy,
        snapshot: &Snapshot,
        asked: Option<Vec<FileSystemRef>>,
    ) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let deadline = tokio::time::Instant::now();
        let mut invocation = shared::Invocation::at(now(), deadline);
        invocation.function = Function {
            region: HERE.to_owned(),
            ..Function::default()
        };
        let efs = Efs::new(&harness::sdk_config().build());
        let context = Context {
            invocation: &invocation,
            efs: &efs,
            policy,
        };

        let command = Command {
            file_systems: asked,
            ..all()
        };
        let assessment = assess(&command, snapshot, policy);
        let calls = CallRecord::default();
        json!(report(&command, snapshot, &assessment, &context, calls))
    }

    fn tagged_alone() -> Snapshot {
        Snapshot {
            alone: vec![tagged(file_system(SOURCE, HERE), REPLICATE_TO_TAG, THERE)],
            ..Snapshot::default()
        }
    }

    /// A replica that lacks a tag and the mark.
    fn unfinished() -> Snapshot {
        let mut outgoing = outgoing();
        outgoing.tags = Some(TagDifference {
            keys: vec!["Name".to_owned()],
            fits: true,
        });
        Snapshot {
            outgoing: vec![outgoing],
            ..Snapshot::default()
        }
    }

    /// What the function that is to carry it out reads of an offered request.
    fn accepted(report: &Value) -> Target {
        let request = report["audit"]["found"][0]["request"].to_string();
        let command = Bootstrap::parse(&Message::Bare(request), now()).unwrap();

        assert!(!command.is_expired);
        command.targets.into_iter().next().unwrap()
    }

    #[test]
    fn what_is_offered_is_a_request_of_the_function_that_replicates() {
        use bootstrap_efs_replication::command::Copying;

        let target = accepted(&reported(&tagged_alone(), None));
        assert_eq!(target.source.id.as_ref(), SOURCE);
        let destination = target.destination.unwrap();
        assert_eq!(destination.region(), Some(region(THERE)));
        assert!(destination.file_system.is_none());
        let replica = target.replica;
        assert_eq!(replica.access_points, Copying::Copy);
        assert_eq!(replica.lifecycle, Copying::Copy);
        assert_eq!(
            (replica.policy, replica.tags),
            (Copying::Copy, Copying::Copy)
        );

        // A replica that is there is named, so that no other is created.
        let target = accepted(&reported(&unfinished(), None));
        let existing = target.destination.unwrap().file_system.unwrap();
        assert_eq!(existing.id.as_ref(), "fs-00000002");
        assert_eq!(target.replica.tags, Copying::Copy);
        assert_eq!(target.replica.policy, Copying::Leave);
        assert_eq!(target.overwrite, None);
    }

    #[test]
    fn a_replica_is_offered_with_what_the_deployment_gives_it() {
        use bootstrap_efs_replication::defaults::ReplicaDefaults;
        const DEFAULTS: &str = r#"{
            "eu-west-1": { "kmsKeyId": "alias/dr", "replica": {
                "mountTargets": [{ "subnetId": "subnet-0abc1234" }], "backup": "enabled" } },
            "eu-north-1": { "replica": { "tags": "copy" } }
        }"#;
        let policy =
            Policy::from_lookup(|name| (name == "REPLICA_DEFAULTS").then(|| DEFAULTS.to_owned()));

        let target = accepted(&reported_by(&policy.unwrap(), &tagged_alone(), None));
        // The same as by the event of the tag.
        let by_tag = ReplicaDefaults::read(DEFAULTS)
            .unwrap()
            .in_region(&region(THERE));
        assert_eq!(target.replica, by_tag.replica);
        assert_eq!(target.destination.unwrap().kms_key_id, by_tag.kms_key_id);
    }

    #[test]
    fn commands_go_to_the_region_of_what_they_name() {
        let command = |snapshot: &Snapshot| {
            let report = reported(snapshot, None);
            let step = &report["audit"]["found"][0]["nextSteps"][0];
            step["command"].as_str().unwrap().to_owned()
        };

        let untag = command(&tagged_alone());
        assert!(
            untag.contains("--region us-east-1 --resource-id fs-00000001"),
            "{untag}"
        );
        let show = command(&unfinished());
        assert!(show.contains("--region eu-west-1"), "{show}");
        assert!(show.contains("fs-00000002"), "{show}");
        let unread = Snapshot {
            unread_regions: [(region(THERE), Unobserved::OutOfTime)].into(),
            ..Snapshot::default()
        };
        assert!(command(&unread).contains("--region eu-west-1"));
        let mut gone = unfinished();
        gone.outgoing[0].source = Sighting::Gone;
        let delete = command(&gone);
        assert!(
            delete.contains("delete-replication-configuration --region eu-west-1"),
            "{delete}"
        );
    }

    #[test]
    fn a_report_has_totals_and_a_summary() {
        let mut both = unfinished();
        both.alone = tagged_alone().alone;
        let report = reported(&both, None);

        let totals = json!({
            "replicatedBytes": 6144, "unreplicatedBytes": 6144, "accessPointsMissing": 0,
            "replications": 1, "replicasCompared": 1,
        });
        assert_eq!(report["audit"]["totals"], totals);
        assert_eq!(report["audit"]["examined"], 2);
        let summary = "AUDIT audit: 2 of 2 file systems from us-east-1 have findings: \
                       1 not replicated, 1 tags differ";
        assert_eq!(report["summary"], summary);
        let healthy = Snapshot {
            outgoing: vec![outgoing()],
            ..Snapshot::default()
        };
        let summary = "AUDIT audit: nothing found in 1 file systems from us-east-1";
        assert_eq!(reported(&healthy, None)["summary"], summary);
    }

    #[test]
    fn each_file_system_of_a_request_is_answered() {
        let arn = |region: &str| {
            format!("arn:aws:elasticfilesystem:{region}:111122223333:file-system/{SOURCE}")
        };
        let asked_for = |named: &[&str]| {
            let asked = named.iter().map(|it| (*it).to_owned().try_into().unwrap());
            reported(&tagged_alone(), Some(asked.collect()))
        };
        let answer = |named: &str| {
            let report = asked_for(&[named]);
            let target = &report["targets"][0];
            (target["outcome"].clone(), target["reason"].clone())
        };

        assert_eq!(answer(SOURCE), (json!("done"), json!("audited")));
        assert_eq!(answer(&arn(HERE)), (json!("done"), json!("audited")));
        let other = (json!("refused"), json!("arn_mismatch"));
        assert_eq!(answer(&arn(THERE)), other);
        let unknown = (json!("refused"), json!("not_found"));
        assert_eq!(answer("fs-00000009"), unknown);

        // What is not meant is neither looked at nor counted, unless another name means it.
        let counted = |named: &[&str]| {
            let audit = &asked_for(named)["audit"];
            let bytes = &audit["totals"]["unreplicatedBytes"];
            (audit["examined"].clone(), bytes.clone())
        };
        assert_eq!(counted(&[&arn(THERE)]), (json!(0), json!(0)));
        assert_eq!(counted(&[&arn(HERE)]), (json!(1), json!(6144)));
        assert_eq!(counted(&[&arn(HERE), &arn(THERE)]), (json!(1), json!(6144)));
    }
}
