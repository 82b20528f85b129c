//! `report`: what may truthfully be said of each target, and why.

use std::mem::discriminant;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::{
    Call, Conclusion, Fault, FaultKind, Mode, Outcome, Report, api::merge, code, fault::Remedy,
};

use crate::{
    command::{Command, Target},
    plan::{Step, Verdict, access_points_at_once},
    reason::Reason,
    snapshot::{FileSystem, Replication, Status, Unread, View},
};

/// The age of the last sync within which EFS means to stay, for most file systems (EFS User Guide).
pub const OBJECTIVE_SECONDS: i64 = 15 * 60;

/// How many steps of one kind, or tags of one step, a report names before it counts them.
const STEPS_NAMED: usize = 4;

/// One step that was taken, or for which there was no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The step.
    pub step: Step,
    /// The call and its result; `None` if there was no time to make it.
    pub made: Option<(Call, Result<(), Fault>)>,
}

impl Attempt {
    /// What is kept of a step that was taken: an access point without its tags, since a file system
    /// may have ten thousand of 50 tags each, which would not fit into the function's memory.
    #[must_use]
    pub fn made(mut step: Step, made: (Call, Result<(), Fault>)) -> Self {
        if let Step::CreateAccessPoint(point) = &mut step {
            point.tags.clear();
        }
        Self {
            step,
            made: Some(made),
        }
    }

    /// Whether it was an attempt at this step. An access point is known by its ID.
    fn is_of(&self, step: &Step) -> bool {
        match (&self.step, step) {
            (Step::CreateAccessPoint(tried), Step::CreateAccessPoint(point)) => {
                tried.id == point.id
            }
            (tried, step) => tried == step,
        }
    }
}

/// Everything about one target, from the first look to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// The plan after the first look.
    pub first: Verdict,
    /// What was attempted, in order.
    pub attempts: Vec<Attempt>,
    /// The plan after the last look.
    pub last: Verdict,
    /// The status of the replication at the first look.
    pub status_before: Option<Status>,
    /// How many access points the replica lacked at the first look.
    pub missing_before: usize,
    /// What was seen at last.
    pub view: View,
    /// Why the target could not be looked at again, if it could not.
    pub unread: Option<Unread>,
    /// Why the target could not be looked at in the first place, if it could not.
    pub blind: Option<Unread>,
}

impl Course {
    /// The course of a target that was looked at once.
    #[must_use]
    pub fn begin(verdict: Verdict, view: View) -> Self {
        let status_before = view
            .replication
            .as_ref()
            .map(|replication| replication.status);
        let (first, missing_before) = (verdict.clone().without_tags(), view.missing_access_points);
        let attempts = Vec::new();
        Self {
            first,
            attempts,
            last: verdict,
            status_before,
            missing_before,
            view,
            unread: None,
            blind: None,
        }
    }

    /// The course of a target that could not be looked at.
    #[must_use]
    pub fn blind(unread: Unread) -> Self {
        let seen = unread.seen.clone();
        Self {
            blind: Some(unread),
            ..Self::begin(Verdict::Refused(Reason::UnknownState), seen)
        }
    }

    /// The steps that come next: those that were not tried yet. A replication is created only if
    /// the first plan said so.
    #[must_use]
    pub fn next(&self) -> Vec<Step> {
        let tried = |step: &Step| self.attempts.iter().any(|attempt| attempt.is_of(step));
        let creates = |step: &Step| matches!(step, Step::CreateReplication(_));
        let may =
            |step: &&Step| !tried(step) && (!creates(step) || self.first.steps().contains(step));
        if self.unread.is_some() {
            vec![]
        } else {
            self.last.steps().iter().filter(may).cloned().collect()
        }
    }

    /// Whether its first step destroys what an existing file system holds.
    #[must_use]
    pub fn overwrites(&self) -> bool {
        let overwrites =
            |step: &Step| matches!(step, Step::CreateReplication(to) if to.file_system.is_some());
        self.first.steps().iter().any(overwrites)
    }

    /// Whether the look that failed had seen what a step was for: the replication stands on the
    /// source's side, whatever the other side answers.
    fn shows(&self, step: &Step, unread: &Unread) -> bool {
        let made = |view: &View| {
            let source = view.source.as_ref().map(|source| &source.id);
            view.replication
                .as_ref()
                .is_some_and(|replication| Some(&replication.source_id) == source)
        };
        matches!(step, Step::CreateReplication(_)) && made(&unread.seen)
    }

    /// The attempt that tells most: the first that failed at something which is still to be done,
    /// or the last.
    fn telling(&self) -> Option<&Attempt> {
        let failed = |attempt: &&Attempt| matches!(attempt.made, Some((_, Err(_))));
        let open = |attempt: &&Attempt| {
            self.unread.is_none() && self.last.steps().iter().any(|step| attempt.is_of(step))
        };
        self.attempts
            .iter()
            .filter(failed)
            .find(open)
            .or(self.attempts.last())
    }
}

/// The answer to a request that was planned, and carried out as far as `mode` allowed and the world
/// let it.
#[must_use]
pub fn report(
    command: &Command,
    courses: &[Course],
    mode: Mode,
    now: DateTime<Utc>,
    calls: Vec<Call>,
) -> Report {
    let targets = command.targets.iter().zip(courses).map(|(target, course)| {
        let saying = match (&course.blind, mode) {
            (Some(unread), _) => unseen(unread),
            (None, Mode::Plan) => foretell(course),
            (None, Mode::Enforce) => conclude(course),
        };
        let view = course
            .unread
            .as_ref()
            .map_or(&course.view, |unread| &unread.seen);
        let mut report =
            saying.into_report(named(target), resource(view), evidence(course, view, now));
        report.plan = sentences(course.first.steps());
        let later = course
            .missing_before
            .saturating_sub(access_points_at_once(command));
        report
            .plan
            .extend((later > 0).then(|| format!("then create {later} more access points")));
        merge(
            &mut report.calls,
            course
                .attempts
                .iter()
                .filter_map(|attempt| Some(attempt.made.as_ref()?.0.clone())),
        );
        report
    });
    Report::of(command.request_id.as_ref(), mode, targets.collect(), calls)
}

/// What a dry run says: steps are planned, everything else is as it is.
fn foretell(course: &Course) -> Conclusion {
    said(&course.first, &course.view, false)
        .unwrap_or_else(|| reason(Outcome::Planned, Reason::PlanMode))
}

/// What may be said after the last look. The rules stand in the order in which they are asked.
fn conclude(course: &Course) -> Conclusion {
    let Some(telling) = course.telling() else {
        return foretell(course);
    };
    if course.unread.is_none()
        && !matches!(course.last, Verdict::Refused(_))
        && let Some(saying) = said(&course.last, &course.view, true)
    {
        return saying;
    }
    match (&telling.made, &course.unread) {
        (None, _) => reason(Outcome::Pending, Reason::OutOfTime),
        (Some((call, Err(fault))), Some(_)) if fault.kind.remedy() == Remedy::Manual => {
            Conclusion::fault(call.operation, Outcome::Indeterminate, fault)
        }
        (Some((_, Err(fault))), _) if is_not_ready(fault) => {
            reason(Outcome::Pending, Reason::NotReadyYet)
        }
        (Some((call, Err(fault))), _) => Conclusion::failed_change(call.operation, fault),
        (Some((_, Ok(()))), Some(unread)) if course.shows(&telling.step, unread) => unseen(unread),
        (Some((call, Ok(()))), Some(unread)) => match &unread.failed {
            Some((look, fault)) => Conclusion::unread(call.operation, look, fault),
            None => Conclusion::unread(call.operation, "the look", &Fault::of(FaultKind::Timeout)),
        },
        (Some((_, Ok(()))), None) if !course.next().is_empty() => {
            reason(Outcome::Pending, Reason::OutOfTime)
        }
        (Some((_, Ok(()))), None) => reason(Outcome::Pending, Reason::NotSeenYet),
    }
}

/// What a look that failed says by itself, where nothing is in doubt.
fn unseen(unread: &Unread) -> Conclusion {
    match &unread.failed {
        Some((look, fault)) => Conclusion::fault(look, Outcome::of_fault(fault), fault),
        None => reason(Outcome::Pending, Reason::OutOfTime),
    }
}

/// What a verdict without steps says by itself.
fn said(verdict: &Verdict, view: &View, changed: bool) -> Option<Conclusion> {
    let (outcome, why) = match verdict {
        Verdict::Act(_) => return None,
        Verdict::Done(why) if changed => (Outcome::Done, *why),
        Verdict::Done(why) => (Outcome::AlreadyDone, *why),
        Verdict::Pending(why) => (Outcome::Pending, *why),
        Verdict::Refused(why) => (Outcome::Refused, *why),
        Verdict::Failed(why) | Verdict::Broken(why, _) => (Outcome::Failed, *why),
    };
    let mut saying = reason(outcome, why);
    let part = if let Verdict::Broken(_, part) = verdict {
        Some(part.clone())
    } else {
        None
    };
    if let Some(more) = part.or_else(|| more_about(why, view)) {
        saying.message = format!("{}: {more}", saying.message);
    }
    Some(saying)
}

/// What EFS itself says, or which destination it is that is in the way.
fn more_about(reason: Reason, view: &View) -> Option<String> {
    let replication: &Replication = view.replication.as_ref()?;
    match reason {
        Reason::KmsKeyDiffers => view.destination.as_ref()?.kms_key_arn.clone(),
        Reason::ReplicationPausing | Reason::ReplicationPaused | Reason::ReplicationInError => {
            Some(
                replication
                    .status_message
                    .as_ref()?
                    .chars()
                    .take(300)
                    .collect(),
            )
        }
        Reason::ReplicatesElsewhere => Some(format!(
            "{} in {}",
            replication.destination_id, replication.destination_region
        )),
        Reason::SourceIsADestination => Some(format!(
            "of {} in {}",
            replication.source_id, replication.source_region
        )),
        _ => None,
    }
}

/// EFS's word for "later": the file system, or the replication, is not in the state for it.
fn is_not_ready(fault: &Fault) -> bool {
    fault.code.as_deref() == Some("IncorrectFileSystemLifeCycleState")
}

/// The target in the words of the request.
fn named(target: &Target) -> Value {
    let destination = target.destination.as_ref();
    json!({
        "sourceFileSystemId": target.source,
        "region": destination.and_then(|destination| destination.region()),
        "fileSystemId": destination.and_then(|destination| destination.file_system.as_ref()),
    })
}

fn resource(view: &View) -> Value {
    let Some(source) = &view.source else {
        return Value::Null;
    };
    let replica = view
        .replication
        .as_ref()
        .filter(|replication| replication.source_id == source.id);
    json!({
        "sourceFileSystemArn": source.arn,
        "destinationFileSystemId": replica.map(|replica| &replica.destination_id),
        "destinationRegion": replica.map(|replica| &replica.destination_region),
    })
}

/// What was seen, by the last look as far as it came, and what was done about it.
fn evidence(course: &Course, view: &View, now: DateTime<Utc>) -> Value {
    let replication = view.replication.as_ref();
    let synced = replication.and_then(|replication| replication.last_replicated);
    let age = synced.map(|synced| (now - synced).num_seconds().max(0));
    let created = course
        .attempts
        .iter()
        .filter(|attempt| matches!(attempt.made, Some((_, Ok(())))));
    let created: Vec<&Step> = created.map(|attempt| &attempt.step).collect();
    json!({
        "statusBefore": course.status_before.map(status),
        "status": replication.map(|replication| status(replication.status)),
        "lastReplicatedTimestamp": synced,
        "secondsSinceLastSync": age,
        "withinObjective": age.map(|age| age <= OBJECTIVE_SECONDS),
        "sourceSizeInBytes": view.source.as_ref().map(size),
        "replicaSizeInBytes": view.destination.as_ref().map(size),
        "accessPointsMissing": view.missing_access_points,
        "created": sentences(created),
        "differs": sentences(course.last.steps()),
    })
}

fn size(file_system: &FileSystem) -> i64 {
    file_system.size_in_bytes
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Enabling => "ENABLING",
        Status::Enabled => "ENABLED",
        Status::Pausing => "PAUSING",
        Status::Paused => "PAUSED",
        Status::Error => "ERROR",
        Status::Deleting => "DELETING",
        Status::Unknown => "unknown",
    }
}

/// Steps in words. Of many alike, one after the other, the first are named and the others counted:
/// a file system may have ten thousand access points, and a report has to fit what carries it.
fn sentences<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Vec<String> {
    let steps: Vec<&Step> = steps.into_iter().collect();
    let mut sentences = Vec::new();
    for alike in steps.chunk_by(|step, next| discriminant(*step) == discriminant(*next)) {
        let named = if alike.len() > STEPS_NAMED {
            STEPS_NAMED - 1
        } else {
            alike.len()
        };
        sentences.extend(alike.iter().take(named).map(|step| sentence_of(step)));
        let more = alike.len() - named;
        let of_all = alike.len();
        sentences
            .extend((more > 0).then(|| format!("and {more} more like these, {of_all} in all")));
    }
    sentences
}

/// A step in words, without the contents of policies.
#[must_use]
pub fn sentence_of(step: &Step) -> String {
    match step {
        Step::CreateReplication(destination) => {
            let region = destination.region().unwrap_or("the same Region");
            match &destination.file_system {
                Some(existing) => format!(
                    "replicate to {} in {region}, whose contents are overwritten",
                    existing.id
                ),
                None => format!("replicate to a new file system in {region}"),
            }
        }
        Step::CreateMountTarget(subnet, _) => format!("create a mount target in {subnet}"),
        Step::CreateAccessPoint(point) => {
            format!(
                "create an access point like {} for {}",
                point.id, point.entrance.path
            )
        }
        Step::PutLifecycle(transitions) => {
            format!("set {} lifecycle transitions", transitions.len())
        }
        Step::PutBackup(backup) => format!("set automatic backups to {}", code(backup)),
        Step::PutPolicy(_) => "merge the source's file system policy".to_owned(),
        Step::Tag(tags) if tags.len() > STEPS_NAMED => {
            let first: Vec<&str> = tags
                .keys()
                .take(STEPS_NAMED - 1)
                .map(String::as_str)
                .collect();
            format!("set {} tags: {} and more", tags.len(), first.join(", "))
        }
        Step::Tag(tags) => format!(
            "set the tags {}",
            tags.keys().cloned().collect::<Vec<_>>().join(", ")
        ),
    }
}

fn reason(outcome: Outcome, reason: Reason) -> Conclusion {
    Conclusion {
        outcome,
        reason: code(reason),
        message: reason.sentence().to_owned(),
        look_again_after_seconds: reason
            .look_again_after_seconds()
            .filter(|_| outcome == Outcome::Pending),
        unfinished: reason.is_unfinished(),
    }
}

#[cfg(test)]
mod tests {
    use shared::FaultKind;

    use super::*;
    use crate::snapshot::{AccessPoint, Entrance, LifeCycle};

    fn step() -> Step {
        Step::PutBackup(crate::command::Backup::Enabled)
    }

    fn tried(result: Result<(), Fault>) -> Attempt {
        let call = Call {
            operation: "PutBackupPolicy",
            requests: 1,
            answer: String::new(),
        };
        Attempt {
            step: step(),
            made: Some((call, result)),
        }
    }

    fn failed(kind: FaultKind) -> Attempt {
        tried(Err(Fault::of(kind)))
    }

    fn unread(look: &'static str, kind: FaultKind, seen: View) -> Unread {
        Unread {
            failed: Some((look, Fault::of(kind))),
            seen,
        }
    }

    #[track_caller]
    fn check(attempts: Vec<Attempt>, last: Verdict, outcome: Outcome, reason: &str) {
        let course = Course {
            attempts,
            last,
            ..Course::begin(Verdict::Act(vec![step()]), View::default())
        };
        let saying = conclude(&course);
        assert_eq!((saying.outcome, saying.reason.as_str()), (outcome, reason));
    }

    #[test]
    fn what_is_seen_counts_whatever_the_call_said() {
        for attempt in [
            tried(Ok(())),
            failed(FaultKind::Timeout),
            failed(FaultKind::Conflict),
        ] {
            let done = Verdict::Done(Reason::ReplicaUsable);
            check(vec![attempt.clone()], done, Outcome::Done, "replica_usable");
            let pending = Verdict::Pending(Reason::FirstSyncRunning);
            check(
                vec![attempt],
                pending,
                Outcome::Pending,
                "first_sync_running",
            );
        }
    }

    #[test]
    fn what_is_not_seen_is_never_called_done_or_refused() {
        for last in [
            Verdict::Act(vec![step()]),
            Verdict::Refused(Reason::ReplicatesElsewhere),
        ] {
            check(
                vec![tried(Ok(()))],
                last.clone(),
                Outcome::Pending,
                "not_seen_yet",
            );
            check(
                vec![failed(FaultKind::Timeout)],
                last.clone(),
                Outcome::Indeterminate,
                "timeout",
            );
            check(
                vec![failed(FaultKind::Throttled)],
                last.clone(),
                Outcome::Retryable,
                "throttled",
            );
            check(
                vec![failed(FaultKind::AccessDenied)],
                last.clone(),
                Outcome::Permanent,
                "access_denied",
            );
            check(
                vec![failed(FaultKind::RejectedByAws)],
                last.clone(),
                Outcome::Failed,
                "rejected_by_aws",
            );
            check(
                vec![Attempt {
                    step: step(),
                    made: None,
                }],
                last,
                Outcome::Pending,
                "out_of_time",
            );
        }
    }

    #[test]
    fn a_part_that_failed_is_told_though_another_was_made_after_it() {
        let other = Attempt {
            step: Step::Tag(std::collections::BTreeMap::new()),
            ..tried(Ok(()))
        };
        let attempts = vec![failed(FaultKind::AccessDenied), other.clone()];
        check(
            attempts.clone(),
            Verdict::Act(vec![step()]),
            Outcome::Permanent,
            "access_denied",
        );
        check(
            attempts,
            Verdict::Act(vec![other.step]),
            Outcome::Pending,
            "not_seen_yet",
        );
    }

    #[test]
    fn an_access_point_is_tried_once_and_its_tags_are_not_kept() {
        let point = |id: &str| {
            let tags = [("Name".to_owned(), "app".to_owned())].into();
            let entrance = Entrance {
                posix_user: None,
                path: "/".to_owned(),
                creation_info: None,
            };
            let (id, arn) = (id.to_owned(), String::new());
            Step::CreateAccessPoint(AccessPoint {
                id,
                arn,
                state: LifeCycle::Available,
                entrance,
                tags,
            })
        };
        let made = |result| {
            Attempt::made(
                point("fsap-1"),
                (Call::new("CreateAccessPoint", 1, None), result),
            )
        };
        let Step::CreateAccessPoint(kept) = made(Ok(())).step else {
            panic!("another step")
        };
        assert_eq!((kept.id.as_str(), kept.tags.len()), ("fsap-1", 0));
        let last = Verdict::Act(vec![point("fsap-1"), point("fsap-2")]);
        let attempts = vec![made(Ok(()))];
        let course = Course {
            attempts,
            last: last.clone(),
            ..Course::begin(last.clone(), View::default())
        };
        assert_eq!(course.next(), [point("fsap-2")]);
        let denied = made(Err(Fault::of(FaultKind::AccessDenied)));
        check(
            vec![denied, tried(Ok(()))],
            last,
            Outcome::Permanent,
            "access_denied",
        );
    }

    #[test]
    fn a_file_system_that_is_not_ready_is_waited_for() {
        let code = Some("IncorrectFileSystemLifeCycleState".to_owned());
        let attempt = tried(Err(Fault {
            kind: FaultKind::Conflict,
            code,
        }));
        check(
            vec![attempt],
            Verdict::Act(vec![step()]),
            Outcome::Pending,
            "not_ready_yet",
        );
    }

    #[test]
    fn a_change_that_cannot_be_read_back_is_in_doubt() {
        let course = Course {
            attempts: vec![tried(Ok(()))],
            unread: Some(unread(
                "DescribeFileSystems",
                FaultKind::Throttled,
                View::default(),
            )),
            ..Course::begin(Verdict::Act(vec![step()]), View::default())
        };
        assert_eq!(conclude(&course).outcome, Outcome::Indeterminate);
        assert_eq!(course.next(), []);
        let refused = Course {
            attempts: vec![failed(FaultKind::RejectedByAws)],
            ..course
        };
        assert_eq!(
            conclude(&refused).outcome,
            Outcome::Indeterminate,
            "its last word may not be the only one"
        );
        let denied = Course {
            attempts: vec![failed(FaultKind::AccessDenied)],
            ..refused
        };
        assert_eq!(conclude(&denied).outcome, Outcome::Permanent);
    }

    #[test]
    fn the_look_that_failed_is_named_and_what_it_had_seen_before_counts() {
        let create = Step::CreateReplication(crate::command::Destination::default());
        let attempt = Attempt {
            step: create.clone(),
            ..tried(Ok(()))
        };
        let concluded = |seen: View| {
            let course = Course {
                attempts: vec![attempt.clone()],
                unread: Some(unread("DescribeFileSystems", FaultKind::AccessDenied, seen)),
                ..Course::begin(Verdict::Act(vec![create.clone()]), View::default())
            };
            conclude(&course)
        };
        // The source's side shows the replication; only the other side is dark.
        let saying = concluded(view());
        assert_eq!(
            (saying.outcome, saying.reason.as_str()),
            (Outcome::Permanent, "access_denied")
        );
        assert_eq!(
            saying.message,
            "DescribeFileSystems: the role of the function may not do this"
        );
        let saying = concluded(View::default());
        assert_eq!(saying.outcome, Outcome::Indeterminate);
        let doubt = "DescribeFileSystems: the role of the function may not do this; whether PutBackupPolicy took effect could not be settled";
        assert_eq!(saying.message, doubt);
    }

    #[test]
    fn of_many_steps_alike_the_first_are_named_and_the_others_counted() {
        let point = |number: usize| {
            let entrance = crate::snapshot::Entrance {
                path: format!("/{number}"),
                ..Default::default()
            };
            Step::CreateAccessPoint(crate::snapshot::AccessPoint {
                id: format!("fsap-{number}"),
                arn: String::new(),
                state: crate::snapshot::LifeCycle::Available,
                entrance,
                tags: std::collections::BTreeMap::new(),
            })
        };
        let few: Vec<Step> = (1..=4).map(point).collect();
        assert_eq!(sentences(&few).len(), 4);
        let many: Vec<Step> = (1..=10_000).map(point).chain([step()]).collect();
        let expected = [
            "create an access point like fsap-1 for /1",
            "create an access point like fsap-2 for /2",
            "create an access point like fsap-3 for /3",
            "and 9997 more like these, 10000 in all",
            "set automatic backups to enabled",
        ];
        assert_eq!(sentences(&many), expected);
        let tags = |count: usize| {
            Step::Tag(
                (1..=count)
                    .map(|number| (format!("t{number:02}"), String::new()))
                    .collect(),
            )
        };
        assert_eq!(sentence_of(&tags(2)), "set the tags t01, t02");
        assert_eq!(
            sentence_of(&tags(50)),
            "set 50 tags: t01, t02, t03 and more"
        );
    }

    #[test]
    fn what_failed_is_not_among_what_was_created() {
        let tag = Step::Tag([("Name".to_owned(), "data".to_owned())].into());
        let course = Course {
            attempts: vec![
                failed(FaultKind::AccessDenied),
                Attempt {
                    step: tag.clone(),
                    ..tried(Ok(()))
                },
            ],
            last: Verdict::Act(vec![step()]),
            ..Course::begin(Verdict::Act(vec![step(), tag]), View::default())
        };
        let evidence = evidence(&course, &view(), DateTime::default());
        assert_eq!(evidence["created"], json!(["set the tags Name"]));
        assert_eq!(
            evidence["differs"],
            json!(["set automatic backups to enabled"])
        );
    }

    #[test]
    fn what_could_not_be_seen_in_time_is_pending() {
        let command = crate::Command {
            request_id: "CHG1".to_owned().try_into().unwrap(),
            targets: vec![],
            mode: Mode::Enforce,
        };
        let course = Course::blind(Unread {
            failed: None,
            seen: View::default(),
        });
        let target = Target {
            source: "fs-00000001".to_owned().try_into().unwrap(),
            destination: None,
            overwrite: None,
            accept_no_failback: false,
            replica: crate::command::Replica::default(),
        };
        let command = crate::Command {
            targets: vec![target],
            ..command
        };
        let report = report(
            &command,
            &[course],
            Mode::Enforce,
            DateTime::default(),
            vec![],
        );
        assert_eq!(
            (report.outcome, report.targets[0].reason.as_str()),
            (Outcome::Pending, "out_of_time")
        );
        assert!(report.wants_redelivery());
    }

    fn file_system(id: &str, region: &str, size_in_bytes: i64) -> FileSystem {
        FileSystem {
            id: id.to_owned(),
            arn: format!("arn:aws:elasticfilesystem:{region}:111122223333:file-system/{id}"),
            owner_id: "111122223333".to_owned(),
            region: region.to_owned(),
            state: crate::snapshot::LifeCycle::Available,
            encrypted: true,
            kms_key_arn: None,
            availability_zone_name: None,
            protection: crate::snapshot::Protection::Enabled,
            size_in_bytes,
            tags: std::collections::BTreeMap::new(),
        }
    }

    /// A replica that was synced at the second 0.
    fn view() -> View {
        let replication = Replication {
            source_id: "fs-00000001".to_owned(),
            source_region: "us-east-1".to_owned(),
            destination_id: "fs-00000002".to_owned(),
            destination_region: "eu-west-1".to_owned(),
            destination_owner_id: None,
            status: Status::Enabled,
            status_message: None,
            last_replicated: DateTime::from_timestamp(0, 0),
        };
        View {
            source: Some(file_system("fs-00000001", "us-east-1", 8192)),
            replication: Some(replication),
            destination: Some(file_system("fs-00000002", "eu-west-1", 6144)),
            ..View::default()
        }
    }

    fn reported(verdict: Verdict, view: View, seconds: i64) -> Value {
        let request = json!({
            "version": 1, "requestID": "CHG1", "expiresAt": "1970-01-01T01:00:00Z",
            "targets": [{ "sourceFileSystemId": "fs-00000001", "destination": { "region": "eu-west-1" } }],
        });
        let epoch = DateTime::from_timestamp(0, 0).unwrap();
        let command = Command::parse(&shared::Message::Bare(request.to_string()), epoch).unwrap();
        let now = DateTime::from_timestamp(seconds, 0).unwrap();
        json!(report(
            &command,
            &[Course::begin(verdict, view)],
            Mode::Enforce,
            now,
            vec![]
        ))
    }

    #[test]
    fn a_target_is_told_with_what_was_seen_of_both_sides() {
        let report = reported(Verdict::Pending(Reason::FirstSyncRunning), view(), 60);
        let target = &report["targets"][0];
        let named = json!({ "sourceFileSystemId": "fs-00000001", "region": "eu-west-1", "fileSystemId": null });
        assert_eq!(target["target"], named);
        assert_eq!(
            (
                &target["lookAgainAfterSeconds"],
                &report["lookAgainAfterSeconds"]
            ),
            (&json!(300), &json!(300))
        );
        let evidence = &target["evidence"];
        assert_eq!(
            (
                &evidence["sourceSizeInBytes"],
                &evidence["replicaSizeInBytes"]
            ),
            (&json!(8192), &json!(6144))
        );
        assert_eq!(
            (&evidence["statusBefore"], &evidence["status"]),
            (&json!("ENABLED"), &json!("ENABLED"))
        );
    }

    #[test]
    fn the_objective_is_fifteen_minutes() {
        let within = |seconds| {
            let report = reported(Verdict::Done(Reason::ReplicaUsable), view(), seconds);
            report["targets"][0]["evidence"]["withinObjective"]
                .as_bool()
                .unwrap()
        };
        assert!(within(0) && within(900) && !within(901));
    }

    #[test]
    fn whose_replica_a_source_is_already_is_told() {
        let mut turned = view();
        (
            turned.replication.as_mut().unwrap().source_id,
            turned.source,
        ) = (
            "fs-00000003".to_owned(),
            Some(file_system("fs-00000001", "us-east-1", 0)),
        );
        let report = reported(Verdict::Refused(Reason::SourceIsADestination), turned, 0);
        let message = report["targets"][0]["message"].as_str().unwrap();
        assert!(
            message.ends_with(": of fs-00000003 in us-east-1"),
            "{message}"
        );
        assert_eq!(
            report["targets"][0]["resource"]["destinationFileSystemId"],
            Value::Null
        );
    }

    #[test]
    fn a_replication_is_created_only_if_the_first_plan_said_so() {
        let create = Step::CreateReplication(crate::command::Destination::default());
        let late = Course {
            last: Verdict::Act(vec![create.clone()]),
            ..Course::begin(Verdict::Act(vec![step()]), View::default())
        };
        assert_eq!(late.next(), []);
        assert_eq!(
            Course::begin(Verdict::Act(vec![create.clone()]), View::default()).next(),
            [create]
        );
    }
}
