//! `observe`: what an assessment depends on, read from EFS on both sides of each replication.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use shared::{
    AccountId, CallRecord, FailedCall, FaultKind, Region, Unobserved,
    efs::{FileSystem, FileSystemId, FileSystemRef, Protection, REPLICATE_TO_TAG, Replication},
    guardrails::Tags,
};

use crate::{
    command::Command,
    comparison::compare,
    context::{Context, in_each_region},
    snapshot::{
        Comparison, Incoming, Outgoing, Sighting, Snapshot, TagDifference, without_other_tags,
    },
};

/// How many calls an observation makes one after the other, at least.
pub(crate) const CALLS_PER_OBSERVATION: usize = 2;

/// What is listed in the Region of the function.
struct Here {
    region: Region,
    /// The account, if it has a file system here.
    account: Option<AccountId>,
    replications: Vec<Replication>,
    file_systems: BTreeMap<FileSystemId, FileSystem>,
    /// All tags of those that are in a replication from here.
    tags: BTreeMap<FileSystemId, Tags>,
}

/// What is listed in the Region of some replicas.
struct Away {
    file_systems: BTreeMap<FileSystemId, FileSystem>,
    /// By the ID of the replica.
    tags: BTreeMap<FileSystemId, TagDifference>,
}

/// The replicas of a Region, each with the ID of its source.
type Replicas = BTreeMap<FileSystemId, FileSystemId>;

/// Reads everything that an audit depends on.
///
/// # Errors
///
/// The first call in the function's own Region that failed, or that there was no time: a list that
/// was not read is never taken for an empty one. What cannot be read of a replica is part of the
/// snapshot, and hides nothing else.
pub(crate) async fn observe(
    command: &Command,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Result<Snapshot, Unobserved> {
    let mut here = context
        .invocation
        .observe(list_here(context, calls))
        .await?;
    let (tags, account) = (std::mem::take(&mut here.tags), here.account.clone());
    let home = here.region.clone();

    // From here on nothing that fails hides anything else.
    let mut snapshot = arrange(here, context.invocation.now);
    if let Some(asked) = &command.file_systems {
        narrow(&mut snapshot, asked);
    }
    read_sources(&mut snapshot, account.as_ref(), context, calls).await;

    let mut replicas = replicas_to_read(&mut snapshot, account.as_ref());
    if command.file_systems.is_none() {
        // Where replicas are asked for, one that was released may be waiting to be overwritten.
        let tagged = snapshot.alone.iter().filter_map(replicate_to);
        for region in tagged.filter(|region| *region != home) {
            replicas.entry(region).or_default();
        }
    }
    read_replicas(&mut snapshot, replicas, &tags, context, calls).await;
    compare_tags_here(&mut snapshot, &tags, context);
    drop(tags);

    // What a request names is looked at alone.
    if command.file_systems.is_some() {
        snapshot.unprotected.clear();
    }
    compare_replicas(&mut snapshot, context, calls).await;
    Ok(snapshot)
}

async fn list_here(context: &Context<'_>, calls: &CallRecord) -> Result<Here, FailedCall> {
    let home = context.efs.home();
    let unreadable = || FailedCall::new("DescribeFileSystems", FaultKind::Unreadable);
    let region = home.region().ok_or_else(unreadable)?;

    // Before the file systems, so that it is known whose tags have to be kept.
    let replications = home.replications(calls).await?;
    let ends = replications.iter().flat_map(|it| {
        let is_here = it.destination_region == region;
        let replica = is_here.then_some(&it.destination_id);
        [Some(&it.source_id), replica].into_iter().flatten()
    });
    let ends: BTreeSet<FileSystemId> = ends.cloned().collect();

    let (mut account, mut tags) = (None, BTreeMap::new());
    let keep = |file_system: FileSystem| {
        // The list shows what the account owns, and so whose account it is.
        account.get_or_insert_with(|| file_system.owner_id.clone());
        if ends.contains(&file_system.id) {
            tags.insert(file_system.id.clone(), file_system.tags.clone());
        }
        Some(without_other_tags(file_system, context.policy))
    };
    let file_systems = home.file_systems(keep, calls).await?;

    Ok(Here {
        region,
        account,
        replications,
        file_systems,
        tags,
    })
}

/// Which file system is in which replication, at which end.
fn arrange(here: Here, now: DateTime<Utc>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let mut file_systems = here.file_systems;

    for replication in here.replications {
        // Both Regions describe a replication, and so does one that has both of its ends.
        let ends_here = replication.destination_region == here.region;
        let starts_here = replication.source_region == here.region
            && file_systems.contains_key(&replication.source_id);

        let replica = match ends_here {
            true => file_systems.remove(&replication.destination_id),
            false => None,
        };
        match replica {
            Some(replica) if !starts_here => snapshot.incoming.push(Incoming {
                replica,
                source: Sighting::UNREAD,
                replication,
            }),
            // A source that is not listed is read by its ID before anything is said of it.
            replica => {
                let source = match starts_here {
                    true => file_systems.remove(&replication.source_id),
                    false => None,
                };
                snapshot.outgoing.push(Outgoing {
                    age_seconds: replication.created.map(|time| seconds_since(time, now)),
                    seconds_since_sync: replication
                        .last_replicated
                        .map(|time| seconds_since(time, now)),
                    source: source.map_or(Sighting::UNREAD, Sighting::of),
                    replica: replica.map_or(Sighting::UNREAD, Sighting::of),
                    tags: None,
                    comparison: Comparison::NotDue,
                    replication,
                });
            }
        }
    }

    // What no replication has taken is in none.
    snapshot.alone = file_systems.into_values().collect();
    snapshot
}

/// How long ago a time is. A clock that is behind that of EFS makes it now, and not later.
fn seconds_since(time: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    (now - time).num_seconds().try_into().unwrap_or(0)
}

/// Leaves what concerns the file systems that a request names.
fn narrow(snapshot: &mut Snapshot, asked: &[FileSystemRef]) {
    let is_asked = |id: &FileSystemId| asked.iter().any(|asked| asked.id == *id);

    // A replica in the Region of its source is shown with it.
    snapshot.outgoing.retain(|it| {
        let replication = &it.replication;
        let is_one_region = replication.source_region == replication.destination_region;
        is_asked(&replication.source_id) || is_one_region && is_asked(&replication.destination_id)
    });
    snapshot.incoming.retain(|it| is_asked(&it.replica.id));
    snapshot.alone.retain(|it| is_asked(&it.id));
}

/// Looks for the sources that the list of the Region does not show: those of replications from
/// other Regions, and those that may be gone.
async fn read_sources(
    snapshot: &mut Snapshot,
    account: Option<&AccountId>,
    context: &Context<'_>,
    calls: &CallRecord,
) {
    let outgoing = snapshot.outgoing.iter_mut();
    let outgoing = outgoing.map(|it| (&it.replication, &mut it.source));
    let incoming = snapshot.incoming.iter_mut();
    let incoming = incoming.map(|it| (&it.replication, &mut it.source));

    // Each costs a call: a source that was listed does not.
    let unread = outgoing
        .chain(incoming)
        .filter(|(_, source)| **source == Sighting::UNREAD);
    let items = unread.map(|(replication, source)| {
        let region = replication.source_region.clone();
        (region, (replication, source))
    });
    let work = async |(replication, source): (&Replication, &mut Sighting), record: &CallRecord| {
        *source = read_source(replication, account, context, record).await;
    };
    in_each_region(items, calls, work).await;
}

async fn read_source(
    replication: &Replication,
    account: Option<&AccountId>,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Sighting {
    // By a bare ID nobody finds what another account has, which does not make it gone.
    match (&replication.source_owner_id, account) {
        (Some(owner), Some(account)) if owner == account => {
            let (region, id) = (&replication.source_region, &replication.source_id);
            read_by_id(region, id, context, calls).await
        }
        (Some(owner), _) => Sighting::InAnotherAccount(owner.clone()),
        (None, _) => {
            let operation = "DescribeReplicationConfigurations";
            let unreadable = FailedCall::new(operation, FaultKind::Unreadable);
            Sighting::Unread(Unobserved::Failed(unreadable))
        }
    }
}

async fn read_by_id(
    region: &Region,
    id: &FileSystemId,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Sighting {
    let efs = context.efs_in(region);
    let look = efs.file_system(id.as_ref(), calls);

    match context.ending_early().observe(look).await {
        Ok(Some(found)) => Sighting::of(without_other_tags(found, context.policy)),
        // EFS has an error for what does not exist; every other one says nothing about it.
        Ok(None) => Sighting::Gone,
        Err(why) => Sighting::Unread(why),
    }
}

/// The replicas in other Regions, by Region. What belongs to another account is not looked for.
fn replicas_to_read(
    snapshot: &mut Snapshot,
    account: Option<&AccountId>,
) -> BTreeMap<Region, Replicas> {
    let mut replicas: BTreeMap<Region, Replicas> = BTreeMap::new();
    let unread = snapshot
        .outgoing
        .iter_mut()
        .filter(|it| it.replica == Sighting::UNREAD);

    for outgoing in unread {
        let replication = &outgoing.replication;
        // EFS may leave the owner out where it is that of the source.
        let owner = replication.destination_owner_id.as_ref();
        match owner.filter(|owner| Some(*owner) != account) {
            Some(owner) => outgoing.replica = Sighting::InAnotherAccount(owner.clone()),
            None => {
                let region = replication.destination_region.clone();
                let (id, source) = (&replication.destination_id, &replication.source_id);
                let replicas = replicas.entry(region).or_default();
                replicas.insert(id.clone(), source.clone());
            }
        }
    }
    replicas
}

/// The Region in which a file system asks for a replica, if it names one.
fn replicate_to(file_system: &FileSystem) -> Option<Region> {
    let value = file_system.tags.get(REPLICATE_TO_TAG)?;

    Region::try_from(value.clone()).ok()
}

/// Lists the file systems of each Region once, and finds the replicas among them.
async fn read_replicas(
    snapshot: &mut Snapshot,
    replicas: BTreeMap<Region, Replicas>,
    tags: &BTreeMap<FileSystemId, Tags>,
    context: &Context<'_>,
    calls: &CallRecord,
) {
    let items = replicas
        .iter()
        .map(|(region, it)| (region.clone(), (region, it)));
    let work = async |(region, replicas): (&Region, &Replicas), record: &CallRecord| {
        let list = list_away(region, replicas, tags, context, record);
        (region.clone(), context.ending_early().observe(list).await)
    };
    let regions = in_each_region(items, calls, work).await;

    // A list may miss what moved between its pages.
    let mut missing = Vec::new();
    for (region, listed) in regions {
        let is_there = |it: &&mut Outgoing| {
            it.replica == Sighting::UNREAD && it.replication.destination_region == region
        };
        let outgoing = snapshot.outgoing.iter_mut().filter(is_there);
        match listed {
            Ok(mut away) => {
                for it in outgoing {
                    let id = &it.replication.destination_id;
                    it.tags = away.tags.remove(id);
                    match away.file_systems.remove(id) {
                        Some(replica) => it.replica = Sighting::of(replica),
                        None => missing.push((region.clone(), it.replication.source_id.clone())),
                    }
                }
                // What is left is in no replication of ours. In the own Region it is told already.
                let left = away.file_systems.into_values();
                let is_away = context.efs.home().region().as_ref() != Some(&region);
                let left = left.filter(|it| is_away && is_unprotected(it));
                snapshot.unprotected.extend(left);
            }
            // Of a Region that cannot be listed nothing is known, also not that something is gone.
            Err(why) => {
                for it in outgoing {
                    it.replica = Sighting::Unread(why.clone());
                }
                snapshot.unread_regions.insert(region, why);
            }
        }
    }
    read_missing(snapshot, &missing, context, calls).await;
}

/// Lists the file systems of a Region, and compares the tags of the replicas while they are at hand.
async fn list_away(
    region: &Region,
    replicas: &Replicas,
    tags: &BTreeMap<FileSystemId, Tags>,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Result<Away, FailedCall> {
    let policy = context.policy;
    let mut differences = BTreeMap::new();

    let keep = |file_system: FileSystem| {
        let source = replicas.get(&file_system.id);
        if let Some(tags) = source.and_then(|source| tags.get(source)) {
            let difference = TagDifference::between(tags, &file_system.tags, policy);
            differences.insert(file_system.id.clone(), difference);
        }
        // The rest of a Region with 1,000 file systems is none of this audit's.
        let is_kept = source.is_some() || is_unprotected(&file_system);
        is_kept.then(|| without_other_tags(file_system, policy))
    };
    let file_systems = context.efs_in(region).file_systems(keep, calls).await?;

    Ok(Away {
        file_systems,
        tags: differences,
    })
}

/// Whether a replication may overwrite it.
fn is_unprotected(file_system: &FileSystem) -> bool {
    file_system.protection == Protection::Disabled
}

/// Reads the replicas that a list did not show: only EFS's word for it makes them gone.
async fn read_missing(
    snapshot: &mut Snapshot,
    missing: &[(Region, FileSystemId)],
    context: &Context<'_>,
    calls: &CallRecord,
) {
    let is_missing = |it: &&mut Outgoing| {
        let sources = missing.iter().map(|(_, source)| source);
        it.replica == Sighting::UNREAD
            && sources
                .into_iter()
                .any(|id| *id == it.replication.source_id)
    };
    let items = snapshot.outgoing.iter_mut().filter(is_missing);
    let items = items.map(|it| (it.replication.destination_region.clone(), it));

    let work = async |it: &mut Outgoing, record: &CallRecord| {
        let (region, id) = (
            &it.replication.destination_region,
            &it.replication.destination_id,
        );
        it.replica = read_by_id(region, id, context, record).await;
    };
    in_each_region(items, calls, work).await;
}

/// Compares the tags of replicas in the Region of their sources, which are in one list.
fn compare_tags_here(
    snapshot: &mut Snapshot,
    tags: &BTreeMap<FileSystemId, Tags>,
    context: &Context<'_>,
) {
    for it in &mut snapshot.outgoing {
        let replication = &it.replication;
        // Two file systems of one ID in two Regions are not one.
        if replication.source_region != replication.destination_region {
            continue;
        }
        let source = tags.get(&replication.source_id);
        let both = source.zip(tags.get(&replication.destination_id));
        it.tags =
            both.map(|(source, replica)| TagDifference::between(source, replica, context.policy));
    }
}

/// Compares each replica with its source in what EFS does not copy, as long as there is time.
async fn compare_replicas(snapshot: &mut Snapshot, context: &Context<'_>, calls: &CallRecord) {
    let early = &context.ending_early();
    let comparable = snapshot
        .outgoing
        .iter_mut()
        .filter(|it| it.comparable().is_some());
    let items = comparable.map(|it| (it.replication.destination_region.clone(), it));

    let work = async |it: &mut Outgoing, record: &CallRecord| {
        let Some(ends) = it.comparable() else {
            return;
        };
        // Boxed, since it holds the futures of many kinds of calls.
        let compared = early
            .observe(Box::pin(compare(ends, context, record)))
            .await;
        it.comparison = match compared {
            Ok(differences) => Comparison::Complete(Box::new(differences)),
            Err(why) => Comparison::Unread(why),
        };
    };
    in_each_region(items, calls, work).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{HERE, REPLICA, SOURCE, THERE, file_system, id, region, replication};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_060, 0).unwrap()
    }

    fn arranged(ids: &[&str], replication: Replication) -> Snapshot {
        let file_systems = ids.iter().map(|id| file_system(id, HERE));
        let here = Here {
            region: region(HERE),
            account: None,
            replications: vec![replication],
            file_systems: file_systems.map(|it| (it.id.clone(), it)).collect(),
            tags: BTreeMap::new(),
        };
        arrange(here, now())
    }

    #[test]
    fn every_file_system_is_at_one_end_of_a_replication_or_alone() {
        let sizes = |it: &Snapshot| (it.outgoing.len(), it.incoming.len(), it.alone.len());

        let from_here = arranged(&[SOURCE, "fs-00000003"], replication());
        assert_eq!(sizes(&from_here), (1, 0, 1));
        assert!(from_here.outgoing[0].source.seen().is_some());
        assert_eq!(from_here.outgoing[0].replica, Sighting::UNREAD);

        let to_here = Replication {
            source_region: region(THERE),
            destination_region: region(HERE),
            ..replication()
        };
        assert_eq!(sizes(&arranged(&[REPLICA], to_here)), (0, 1, 0));

        let within = Replication {
            destination_region: region(HERE),
            ..replication()
        };
        let both = arranged(&[SOURCE, REPLICA], within.clone());
        assert_eq!(sizes(&both), (1, 0, 0));
        assert!(both.outgoing[0].replica.seen().is_some());
        // Its source may be gone.
        assert_eq!(sizes(&arranged(&[REPLICA], within)), (0, 1, 0));
        let unseen = arranged(&[], replication());
        assert_eq!(unseen.outgoing[0].source, Sighting::UNREAD);
    }

    #[test]
    fn times_are_told_by_the_clock_of_the_read() {
        let outgoing = arranged(&[SOURCE], replication()).outgoing.remove(0);
        assert_eq!(outgoing.seconds_since_sync, Some(60));
        assert_eq!(outgoing.age_seconds, Some(100_000_060));

        let time = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        assert_eq!(seconds_since(time(9), time(10)), 1);
        assert_eq!(seconds_since(time(11), time(10)), 0);
    }

    #[test]
    fn a_request_leaves_what_it_names() {
        let named = |text: &str| {
            let mut snapshot = arranged(&[SOURCE, "fs-00000003"], replication());
            narrow(&mut snapshot, &[id(text).into()]);
            (snapshot.outgoing.len(), snapshot.alone.len())
        };

        assert_eq!(named(SOURCE), (1, 0));
        assert_eq!(named("fs-00000003"), (0, 1));
        assert_eq!(named("fs-00000004"), (0, 0));
    }

    #[test]
    fn a_replica_of_another_account_is_not_looked_for() {
        let own = "111122223333".to_owned().try_into().unwrap();
        let theirs: AccountId = "999999999999".to_owned().try_into().unwrap();
        let mut snapshot = arranged(&[SOURCE], replication());
        assert_eq!(replicas_to_read(&mut snapshot, Some(&own)).len(), 1);

        snapshot.outgoing[0].replication.destination_owner_id = Some(theirs.clone());
        assert!(replicas_to_read(&mut snapshot, Some(&own)).is_empty());
        let expected = Sighting::InAnotherAccount(theirs);
        assert_eq!(snapshot.outgoing[0].replica, expected);
    }
}
