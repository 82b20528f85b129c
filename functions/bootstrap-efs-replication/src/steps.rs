//! The whole plan of a target as a report has it: the steps that are taken now, and those that come
//! once EFS has done its part.

use shared::{
    PlannedStep, When, code,
    efs::{AccessPoint, BOOTSTRAPPED_BY_TAG, copied_tags},
};

use crate::{
    command::{Command, Copying, Target},
    destination::{Asked, asked},
    execute::TargetRun,
    observe::access_points_per_target,
    plan::{Resource, Step, Verdict},
    policy::Policy,
    reason::Reason,
    snapshot::NAMED,
};

/// Every step of the first plan, and those that will follow it.
pub(crate) fn whole_plan(
    command: &Command,
    target: &Target,
    run: &TargetRun,
    policy: &Policy,
) -> Vec<PlannedStep> {
    // For a request that has expired nothing is done, now or later.
    if command.is_expired {
        return Vec::new();
    }

    let mut plan = now(run.first.steps());
    plan.extend(access_points_to_follow(command, run));
    let awaits_replica = match &run.first {
        Verdict::Act(steps) => steps.iter().any(is_replication),
        Verdict::Pending(Reason::ReplicationEnabling | Reason::ReplicaNotAvailable) => true,
        Verdict::Pending(Reason::PartsNotAvailable | Reason::FirstSyncRunning) => false,
        // Nothing follows where nothing is done.
        _ => return plan,
    };

    // Where a replica is only to be created, all that was requested comes later.
    if awaits_replica {
        plan.extend(resources_to_follow(target, run, policy));
    }
    if will_be_marked(target, run) {
        plan.push(PlannedStep {
            when: When::FirstSyncComplete,
            ..later("TagResource", format!("set the tags {BOOTSTRAPPED_BY_TAG}"))
        });
    }
    plan
}

/// Steps in words: the first of many alike, and how many more there are.
pub(crate) fn sentences<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Vec<String> {
    let named = now(steps).into_iter();

    named.map(|step| step.sentence).collect()
}

/// Steps that are taken now. Of many alike, one after the other, the first are named and the others
/// counted: a file system may have 10,000 access points, and a report has to fit what carries it.
fn now<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Vec<PlannedStep> {
    let steps: Vec<&Step> = steps.into_iter().collect();
    let mut planned = Vec::new();

    for alike in steps.chunk_by(|step, next| step.operation() == next.operation()) {
        let total = alike.len();
        let (named, more) = named_and_more(total);

        // A reader needs the first few to know what the rest are.
        planned.extend(alike.iter().take(named).map(|step| named_step(step)));
        if let Some(step) = alike.get(named) {
            planned.push(PlannedStep {
                sentence: and_more(more, total),
                count: Some(more),
                ..named_step(step)
            });
        }
    }
    planned
}

/// Of so many alike, how many are named, and how many are counted.
fn named_and_more(total: usize) -> (usize, usize) {
    match total > NAMED {
        true => (NAMED - 1, total - (NAMED - 1)),
        false => (total, 0),
    }
}

fn and_more(more: usize, total: usize) -> String {
    format!("and {more} more like these, {total} in all")
}

fn named_step(step: &Step) -> PlannedStep {
    PlannedStep {
        step: step.operation(),
        resource: match step {
            Step::Replicate(destination) => {
                let existing = destination.file_system.as_ref();
                existing.map(|existing| existing.id.to_string())
            }
            Step::Provision { replica, .. } => Some(replica.id.to_string()),
        },
        when: When::Now,
        sentence: sentence(step),
        count: None,
    }
}

/// A step in words, without the contents of policies.
fn sentence(step: &Step) -> String {
    // The contents of policies stay out: a plan is read at a glance.
    match step {
        Step::Replicate(destination) => {
            let region = destination.region();
            let region = region.map_or("the same Region".to_owned(), |region| region.to_string());

            match &destination.file_system {
                Some(existing) => format!(
                    "replicate to {} in {region}, whose contents are overwritten",
                    existing.id
                ),
                None => {
                    let zone = destination.availability_zone_name.as_ref();
                    let place = zone.unwrap_or(&region);
                    // Without a key of its own, EFS encrypts with the one that AWS manages.
                    let key = destination.kms_key_id.as_ref();
                    let key = key.map_or_else(String::new, |key| format!(", encrypted with {key}"));
                    format!("replicate to a new file system in {place}{key}")
                }
            }
        }
        Step::Provision { resource, .. } => resource_sentence(resource),
    }
}

fn resource_sentence(resource: &Resource) -> String {
    match resource {
        Resource::MountTarget(subnet, groups) if groups.is_empty() => {
            format!("create a mount target in {subnet}")
        }
        Resource::MountTarget(subnet, groups) => {
            let groups = groups.join(", ");
            format!("create a mount target in {subnet} with {groups}")
        }
        Resource::AccessPoint(point) => {
            let (id, path) = (&point.id, &point.root.path);
            format!("create an access point like {id} for {path}")
        }
        Resource::Lifecycle(transitions) => {
            format!("set {} lifecycle transitions", transitions.len())
        }
        Resource::Backup(backup) => format!("set automatic backups to {}", code(backup)),
        Resource::Policy(_) => "merge the source's file system policy".to_owned(),
        Resource::Tags(tags) => {
            let keys: Vec<&str> = tags.keys().map(String::as_str).collect();

            match keys.get(..NAMED - 1) {
                Some(first) if keys.len() > NAMED => {
                    format!("set {} tags: {} and more", keys.len(), first.join(", "))
                }
                _ => format!("set the tags {}", keys.join(", ")),
            }
        }
    }
}

fn is_replication(step: &Step) -> bool {
    matches!(step, Step::Replicate(_))
}

/// The access points that later plans create, where one plan cannot create all.
fn access_points_to_follow(command: &Command, run: &TargetRun) -> Option<PlannedStep> {
    let creates_any = run
        .first
        .steps()
        .iter()
        .any(|step| step.access_point().is_some());
    let missing = run.missing_before.count;
    let more = missing.saturating_sub(access_points_per_target(command));

    (creates_any && more > 0).then(|| PlannedStep {
        when: When::EarlierStepsDone,
        sentence: format!("create {more} more access points"),
        count: Some(more),
        ..later("CreateAccessPoint", String::new())
    })
}

/// What the request asks for besides the data. What of it the replica will lack is known only once
/// there is one.
fn resources_to_follow(target: &Target, run: &TargetRun, policy: &Policy) -> Vec<PlannedStep> {
    let Some(source) = &run.view.source else {
        return Vec::new();
    };
    let Ok(Asked { replica: asked, .. }) = asked(target, source, policy) else {
        return Vec::new();
    };
    let mut steps = Vec::new();

    // In the order in which they are created.
    for requested in &asked.mount_targets {
        let mount_target = Resource::MountTarget(
            requested.subnet_id.clone(),
            requested.security_groups.clone(),
        );
        steps.push(later("CreateMountTarget", resource_sentence(&mount_target)));
    }
    if asked.access_points == Copying::Copy {
        steps.extend(access_points_to_come(run));
    }
    if asked.lifecycle == Copying::Copy {
        let sentence = "set the source's lifecycle transitions, where they differ";
        steps.push(later("PutLifecycleConfiguration", sentence.to_owned()));
    }
    if let Some(backup) = asked.backup {
        let sentence = resource_sentence(&Resource::Backup(backup));
        steps.push(later("PutBackupPolicy", sentence));
    }
    if asked.policy == Copying::Copy {
        let sentence = "merge the source's file system policy, if it has one";
        steps.push(later("PutFileSystemPolicy", sentence.to_owned()));
    }

    // The source's tags are known already.
    let tags = copied_tags(&source.tags, &policy.guardrails);
    if asked.tags == Copying::Copy && !tags.is_empty() {
        let sentence = resource_sentence(&Resource::Tags(tags));
        steps.push(later("TagResource", sentence));
    }
    steps
}

/// The access points that the replica will get, if the source still has them then. Once there is a
/// replication, they are read with the replica's own.
fn access_points_to_come(run: &TargetRun) -> Vec<PlannedStep> {
    if run.view.replication.is_some() && run.first.steps().is_empty() {
        let sentence = "create an access point like each of the source's";
        return vec![later("CreateAccessPoint", sentence.to_owned())];
    }

    let missing = &run.missing_before;
    let like = |point: &AccessPoint| resource_sentence(&Resource::AccessPoint(point.clone()));
    let (named, more) = named_and_more(missing.count);

    let first = missing.first.iter().take(named);
    let mut steps: Vec<PlannedStep> = first
        .map(|point| later("CreateAccessPoint", like(point)))
        .collect();
    if more > 0 {
        steps.push(PlannedStep {
            count: Some(more),
            ..later("CreateAccessPoint", and_more(more, missing.count))
        });
    }
    steps
}

/// Whether the replica gets the mark of one that was found usable, later: it has none yet, and is
/// ours to tag.
fn will_be_marked(target: &Target, run: &TargetRun) -> bool {
    let view = &run.view;
    let is_own = match (&view.source, &view.destination) {
        (Some(source), Some(replica)) => source.owner_id == replica.owner_id,
        // A replica in another account needs a role.
        _ => target
            .destination
            .as_ref()
            .is_none_or(|destination| destination.role_arn.is_none()),
    };
    let replica = view.destination.as_ref();
    let has_mark = replica.is_some_and(|it| it.tags.contains_key(BOOTSTRAPPED_BY_TAG));

    let gets_mark = run.first.steps().iter().any(Step::is_mark);
    is_own && !has_mark && !gets_mark
}

/// A step that comes once the replication is ENABLED.
fn later(step: &'static str, sentence: String) -> PlannedStep {
    PlannedStep {
        step,
        resource: None,
        when: When::ReplicationEnabled,
        sentence,
        count: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command::{Backup, Replica, RequestedMountTarget},
        fixtures::{
            SOURCE, access_point, command, done, file_system, point, policy, provision,
            replication, tags, target,
        },
        snapshot::{MissingPoints, Observation, Resources, View},
    };

    fn backup() -> Step {
        provision(Resource::Backup(Backup::Enabled))
    }

    // Invariant 10.
    #[test]
    fn of_many_steps_alike_the_first_are_named_and_the_others_counted() {
        let few: Vec<Step> = (1..=4).map(point).collect();
        let last = sentences(&few).pop();
        assert_eq!(
            last.as_deref(),
            Some("create an access point like fsap-4 for /4")
        );

        let many: Vec<Step> = (1..=10_000).map(point).chain([backup()]).collect();
        let expected = [
            "create an access point like fsap-1 for /1",
            "create an access point like fsap-2 for /2",
            "create an access point like fsap-3 for /3",
            "and 9997 more like these, 10000 in all",
            "set automatic backups to enabled",
        ];
        assert_eq!(sentences(&many), expected);

        assert_eq!(sentence(&tags(2)), "set the tags t01, t02");
        assert_eq!(sentence(&tags(4)), "set the tags t01, t02, t03, t04");
        assert_eq!(sentence(&tags(50)), "set 50 tags: t01, t02, t03 and more");
    }

    /// A source with two access points, which has no replica yet.
    fn alone() -> View {
        let mut source = file_system(SOURCE, "us-east-1");
        source.tags = [("Name".to_owned(), "app".to_owned())].into();
        let points = [
            access_point("fsap-1", "/app"),
            access_point("fsap-2", "/data"),
        ];

        View {
            source: Some(source),
            resources: Some(Resources::to_come(&points, &[])),
            ..View::default()
        }
    }

    fn planned(target: &Target, verdict: Verdict, view: View) -> Vec<String> {
        let run = TargetRun::new(verdict, Observation::Complete(view));
        let plan = whole_plan(&command(vec![target.clone()]), target, &run, &policy());

        let in_words = |step: PlannedStep| format!("{:?}: {}", step.when, step.sentence);
        plan.into_iter().map(in_words).collect()
    }

    fn everything() -> Target {
        let mount_target = RequestedMountTarget {
            subnet_id: "subnet-00000001".to_owned(),
            security_groups: vec!["sg-00000001".to_owned()],
        };

        Target {
            replica: Replica {
                mount_targets: vec![mount_target],
                access_points: Copying::Copy,
                lifecycle: Copying::Copy,
                backup: Some(Backup::Enabled),
                policy: Copying::Copy,
                tags: Copying::Copy,
            },
            ..target()
        }
    }

    const LATER: [&str; 8] = [
        "ReplicationEnabled: create a mount target in subnet-00000001 with sg-00000001",
        "ReplicationEnabled: create an access point like fsap-1 for /app",
        "ReplicationEnabled: create an access point like fsap-2 for /data",
        "ReplicationEnabled: set the source's lifecycle transitions, where they differ",
        "ReplicationEnabled: set automatic backups to enabled",
        "ReplicationEnabled: merge the source's file system policy, if it has one",
        "ReplicationEnabled: set the tags Name",
        "FirstSyncComplete: set the tags drover:bootstrapped-by",
    ];

    #[test]
    fn every_step_is_planned_before_anything_is_done() {
        let target = everything();
        let create = Step::Replicate(target.destination.clone().unwrap());

        let plan = planned(&target, Verdict::Act(vec![create]), alone());
        assert_eq!(plan[0], "Now: replicate to a new file system in eu-west-1");
        assert_eq!(plan[1..], LATER);

        // While EFS sets up the replication, its access points are not read at each look.
        let enabling = Verdict::Pending(Reason::ReplicationEnabling);
        let view = View {
            replication: Some(replication()),
            ..alone()
        };
        let plan = planned(&target, enabling, view);
        let each = "ReplicationEnabled: create an access point like each of the source's";
        assert_eq!(plan[1], each);
        assert_eq!(plan[2..], LATER[3..]);
    }

    #[test]
    fn of_many_access_points_to_come_the_first_are_named_and_the_others_counted() {
        let to_come = |count: usize| {
            let points = (1..=count).map(|number| access_point(&format!("fsap-{number}"), "/"));
            let points: Vec<AccessPoint> = points.collect();
            let view = View {
                resources: Some(Resources::to_come(&points, &[])),
                ..View::default()
            };
            let run = TargetRun::new(Verdict::Act(Vec::new()), Observation::Complete(view));
            let steps = access_points_to_come(&run);
            (
                steps.len(),
                steps.last().map(|it| (it.sentence.clone(), it.count)),
            )
        };
        let named = |id: &str| (format!("create an access point like {id} for /"), None);
        let counted = (
            "and 9997 more like these, 10000 in all".to_owned(),
            Some(9997),
        );

        assert_eq!(to_come(0), (0, None));
        assert_eq!(to_come(4), (4, Some(named("fsap-4"))));
        assert_eq!(to_come(10_000), (4, Some(counted)));
    }

    #[test]
    fn a_new_file_system_is_told_with_its_zone_and_its_key() {
        let mut destination = target().destination.unwrap();
        destination.availability_zone_name = Some("eu-west-1a".to_owned());
        destination.kms_key_id = Some("alias/dr".to_owned());

        let expected = "replicate to a new file system in eu-west-1a, encrypted with alias/dr";
        assert_eq!(sentence(&Step::Replicate(destination)), expected);
    }

    #[test]
    fn nothing_is_planned_where_nothing_is_done() {
        let refused = Verdict::Refused(vec![Reason::ReplicatesElsewhere.into()]);

        assert!(planned(&everything(), refused, alone()).is_empty());
        let usable = done(Reason::ReplicaUsable);
        assert!(planned(&everything(), usable, alone()).is_empty());
    }

    #[test]
    fn the_mark_follows_unless_it_is_there_or_the_replica_is_in_another_account() {
        let replica = |change: fn(&mut shared::efs::FileSystem)| {
            let mut replica = file_system("fs-00000002", "eu-west-1");
            change(&mut replica);
            View {
                replication: Some(replication()),
                destination: Some(replica),
                ..alone()
            }
        };
        let syncing = || Verdict::Pending(Reason::FirstSyncRunning);
        let steps = |view: View| planned(&target(), syncing(), view).len();

        assert_eq!(steps(replica(|_| {})), 1);
        let mark = |replica: &mut shared::efs::FileSystem| {
            replica
                .tags
                .insert(BOOTSTRAPPED_BY_TAG.to_owned(), "CHG0".to_owned());
        };
        assert_eq!(steps(replica(mark)), 0);
        let elsewhere = |replica: &mut shared::efs::FileSystem| {
            replica.owner_id = crate::fixtures::account("999999999999");
        };
        assert_eq!(steps(replica(elsewhere)), 0);
    }

    #[test]
    fn what_one_plan_does_not_create_is_announced() {
        let text = |missing| {
            let view = alone();
            let run = TargetRun {
                missing_before: MissingPoints {
                    count: missing,
                    ..MissingPoints::default()
                },
                ..TargetRun::new(Verdict::Act(vec![point(1)]), Observation::Complete(view))
            };
            let more = access_points_to_follow(&command(vec![target()]), &run)?;
            Some((more.sentence, more.count))
        };
        let of_one_plan = access_points_per_target(&command(vec![target()]));

        assert_eq!(text(of_one_plan), None);
        let more = ("create 2 more access points".to_owned(), Some(2));
        assert_eq!(text(of_one_plan + 2), Some(more));
    }
}
