//! `observe`: what a plan depends on, read from EFS on both sides.

use shared::{
    CallRecord, FailedCall, Region,
    efs::{AccessPoint, Counterparts, FileSystem, FileSystemId, RegionalEfs, ReplicationStatus},
};

use crate::{
    command::{Command, Copying, Origin, Replica, Target},
    context::{Context, for_each_target},
    destination::{Asked, asked, reference},
    snapshot::{Incomplete, Observation, OneSide, Resources, Snapshot, View},
};

/// How many calls an observation makes one after the other, at least.
pub(crate) const CALLS_PER_OBSERVATION: usize = 4;

/// How many more it makes for the resources of both sides, besides one for each mount target.
const CALLS_FOR_RESOURCES: usize = 10;

/// How many access points the plans of one request create. A file system may have 10,000 of them
/// with 50 tags each, which would not fit into the function's memory.
const CONCURRENT_ACCESS_POINTS: usize = 500;

/// How many access points one plan of a request creates.
#[must_use]
pub(crate) fn access_points_per_target(command: &Command) -> usize {
    let share = CONCURRENT_ACCESS_POINTS.checked_div(command.targets.len());

    share.unwrap_or_default().max(1)
}

/// How many calls an observation of a target makes one after the other.
#[must_use]
pub(crate) fn calls_per_observation(asked: &Asked) -> usize {
    if !asked.has_resources() {
        return CALLS_PER_OBSERVATION;
    }

    CALLS_PER_OBSERVATION + CALLS_FOR_RESOURCES + asked.replica.mount_targets.len()
}

/// Reads both sides of every target. One that cannot be observed does not hide the others.
pub(crate) async fn observe(
    command: &Command,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Snapshot {
    let inputs = vec![(); command.targets.len()];
    let targets = for_each_target(command, inputs, calls, async |target, (), record| {
        observe_target(command, target, context, record).await
    });

    Snapshot {
        targets: targets.await,
    }
}

/// Reads both sides of one target, as long as there is time.
pub(crate) async fn observe_target(
    command: &Command,
    target: &Target,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Observation {
    let mut view = View::default();

    // Boxed, since it holds the futures of many kinds of calls, and would be moved with each that
    // holds it.
    let reads = Box::pin(read(command, target, context, &mut view, calls));
    match context.invocation.observe(reads).await {
        Ok(()) => Observation::Complete(view),
        Err(why) => Observation::Incomplete(Incomplete {
            why,
            view: view.without_resources(),
        }),
    }
}

/// Fills the view from the source outwards, so that it holds what was read before a failure.
async fn read(
    command: &Command,
    target: &Target,
    context: &Context<'_>,
    view: &mut View,
    calls: &CallRecord,
) -> Result<(), FailedCall> {
    let home = context.efs.home();
    let source_id = &target.source.id;

    // The source decides what else has to be read.
    view.source = home.file_system(source_id.as_ref(), calls).await?;
    let Some(source) = &view.source else {
        let function = &context.invocation.function;
        let named = target.source.arn.as_ref().map(Origin::of);
        let origin = command.origin.clone().or(named);
        view.elsewhere = origin.filter(|it| it.is_elsewhere(function));
        return Ok(());
    };
    // A tag that says nothing asks for nothing.
    let asked = &asked(target, source, context.policy).unwrap_or_default();
    view.replication = home.replication(source_id.as_ref(), calls).await?;

    let mut existing_points = Vec::new();
    // A replica that does not exist yet has no other side.
    if let Some((region, id)) = other_side(target, asked, view) {
        let away = context.efs.in_region(&region);
        view.destination = away.file_system(&id, calls).await?;
        // An existing destination may be part of somebody else's replication.
        if view.replication.is_none() && view.destination.is_some() {
            view.replication_of_destination = away.replication(&id, calls).await?;
        }
        if let Some(existing) = own_destination(view).filter(|_| names_points(asked, view)) {
            existing_points = away.access_points(&existing.id, |_| false, calls).await?;
        }

        if let Some(replica) = provisionable(view).filter(|_| asked.has_resources()) {
            let (source, replica) = ((home, source_id), (&away, replica));
            view.resources = Some(resources(command, asked, source, replica, calls).await?);
        }
    }
    if names_points(asked, view) {
        let points = home.access_points(source_id, |_| false, calls).await?;
        view.resources = Some(Resources::to_come(&points, &existing_points));
    }
    Ok(())
}

/// The Region, and the ID or ARN, of the destination: that of the replication, or else the existing
/// one of the request.
fn other_side(target: &Target, asked: &Asked, view: &View) -> Option<(Region, String)> {
    let source = view.source.as_ref()?;

    if let Some(replication) = &view.replication {
        // Where the source is itself a replica, its own source is of no interest.
        let is_source = replication.source_id == source.id;
        let region = replication.destination_region.clone();
        return is_source.then(|| (region, reference(target, replication)));
    }

    let existing = asked.destination.file_system.as_ref()?;
    Some((asked.destination.region()?, existing.text().to_owned()))
}

/// The replica, once EFS has set up the replication, unless it is in another account: what that has
/// of its own cannot be read from here.
fn provisionable(view: &View) -> Option<&FileSystemId> {
    let is_enabled = view.replication.as_ref()?.status == ReplicationStatus::Enabled;

    let replica = own_destination(view)?;
    is_enabled.then_some(&replica.id)
}

/// The destination, if it is in the account of its source.
fn own_destination(view: &View) -> Option<&FileSystem> {
    let owner = &view.source.as_ref()?.owner_id;

    view.destination
        .as_ref()
        .filter(|destination| destination.owner_id == *owner)
}

/// Whether the plan names the access points that a replica will get: before anything is done, and
/// not at each look while EFS sets up the replication, since a file system may have 10,000.
fn names_points(asked: &Asked, view: &View) -> bool {
    view.replication.is_none() && asked.replica.access_points == Copying::Copy
}

/// What both file systems have of what the request asks for: first the replica, then the source.
async fn resources(
    command: &Command,
    asked: &Asked,
    source: (&RegionalEfs, &FileSystemId),
    replica: (&RegionalEfs, &FileSystemId),
    calls: &CallRecord,
) -> Result<Resources, FailedCall> {
    let limit = access_points_per_target(command);
    let of_replica = one_side(replica, &asked.replica, |_| false, calls).await?;

    // The source's own mount targets and backups decide nothing.
    let asked_of_source = Replica {
        mount_targets: Vec::new(),
        backup: None,
        ..asked.replica.clone()
    };
    let existing = of_replica.access_points.as_deref().unwrap_or_default();
    let keep_tags = first_missing(existing, limit);
    let of_source = one_side(source, &asked_of_source, keep_tags, calls).await?;

    Ok(Resources::compare(of_source, of_replica, limit))
}

/// What one file system has of what is asked for. The tags of access points are kept of those that
/// `keep_tags` names.
async fn one_side(
    (efs, id): (&RegionalEfs, &FileSystemId),
    asked: &Replica,
    keep_tags: impl FnMut(&AccessPoint) -> bool,
    calls: &CallRecord,
) -> Result<OneSide, FailedCall> {
    let mut side = OneSide::default();

    if !asked.mount_targets.is_empty() {
        side.mount_targets = Some(efs.mount_targets(id, calls).await?);
    }
    // A policy may name access points, so it needs those of both sides.
    if asked.access_points == Copying::Copy || asked.policy == Copying::Copy {
        side.access_points = Some(efs.access_points(id, keep_tags, calls).await?);
    }
    if asked.lifecycle == Copying::Copy {
        side.lifecycle = Some(efs.lifecycle(id, calls).await?);
    }
    if asked.backup.is_some() {
        side.backup = Some(efs.has_backup(id, calls).await?);
    }
    if asked.policy == Copying::Copy {
        side.policy = Some(efs.policy(id, calls).await?);
    }

    Ok(side)
}

/// Names the first `limit` access points that the replica lacks: only their tags are needed.
fn first_missing(replica: &[AccessPoint], limit: usize) -> impl FnMut(&AccessPoint) -> bool {
    let replica = Counterparts::new(replica);
    let mut missing = 0;

    move |point| {
        let is_missing = replica.lack(point);
        missing += usize::from(is_missing);
        is_missing && missing <= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command::RequestedMountTarget, fixtures::access_point};

    #[test]
    fn an_observation_of_resources_makes_more_calls_and_one_more_for_each_mount_target() {
        let with = |mount_targets| Asked {
            replica: Replica {
                mount_targets,
                ..Replica::default()
            },
            ..Asked::default()
        };
        let mount_target = RequestedMountTarget {
            subnet_id: "subnet-00000001".to_owned(),
            security_groups: vec![],
        };

        assert_eq!(calls_per_observation(&with(vec![])), 4);
        let two = with(vec![mount_target.clone(), mount_target]);
        assert_eq!(calls_per_observation(&two), 4 + 10 + 2);
    }

    #[test]
    fn the_tags_of_as_many_access_points_are_kept_as_are_to_be_created() {
        let points = ["/a", "/b", "/c", "/d"].map(|path| access_point("fsap-1", path));
        let replica = &points[..1];
        let mut keeps = first_missing(replica, 2);

        let kept = points.each_ref().map(&mut keeps);
        assert_eq!(kept, [false, true, true, false]);
    }
}
