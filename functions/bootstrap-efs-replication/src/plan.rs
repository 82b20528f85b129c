//! `plan`: from what is asked, what was seen and what is allowed, to what will be done and said.
//!
//! Pure and total: no calls, no clock, no environment. Read it from the top; the rules stand in the
//! order in which they are asked. One law holds by type: a plan either has steps or says how things
//! are. Only a look that finds nothing left to do can say that something is done.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::Mode;

use self::Verdict::{Act, Broken, Done, Failed, Pending, Refused};
use crate::{
    command::{Backup, Command, Destination, Part, Target, is_region, region_of_zone},
    document,
    policy::Policy,
    reason::Reason,
    snapshot::{AccessPoint, FileSystem, LifeCycle, Parts, Protection, Replication, Status, View},
};

/// The tag by which a file system asks for a replica by itself; its value is a Region.
pub const REPLICATE_TO_TAG: &str = "drover:replicate-to";

/// The tag that a replica gets when it is first seen usable; its value is the request. It tells
/// people which change made the replica, and the invocation that sets it is the one that says
/// `done`.
pub const BOOTSTRAPPED_BY_TAG: &str = "drover:bootstrapped-by";

/// How many access points the plans of one request make. A file system may have ten thousand, with
/// 50 tags each, which would not fit into the function's memory.
const ACCESS_POINTS_AT_ONCE: usize = 500;

/// How many access points one plan of a request makes.
#[must_use]
pub fn access_points_at_once(command: &Command) -> usize {
    ACCESS_POINTS_AT_ONCE
        .checked_div(command.targets.len())
        .unwrap_or_default()
        .max(1)
}

/// The most tags of a file system that are not AWS's own (EFS User Guide, quotas).
const MAX_TAGS: usize = 50;

/// One call that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `CreateReplicationConfiguration`. It has no token, so whether it happened is for a look to
    /// tell.
    CreateReplication(Destination),
    /// `CreateMountTarget` in this subnet, with these security groups.
    CreateMountTarget(String, Vec<String>),
    /// `CreateAccessPoint` like this one of the source.
    CreateAccessPoint(AccessPoint),
    /// `PutLifecycleConfiguration` with these transitions.
    PutLifecycle(BTreeMap<String, String>),
    /// `PutBackupPolicy`.
    PutBackup(Backup),
    /// `PutFileSystemPolicy` with this document.
    PutPolicy(Value),
    /// `TagResource` with these tags.
    Tag(BTreeMap<String, String>),
}

/// What is to be done about a target, or, if nothing is, what is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These steps are to be taken, in order.
    Act(Vec<Step>),
    /// Nothing is left to do.
    Done(Reason),
    /// It takes its time; look again.
    Pending(Reason),
    /// A rule forbids it.
    Refused(Reason),
    /// A human must look.
    Failed(Reason),
    /// A human must look at this part of the replica.
    Broken(Reason, String),
}

/// Decides about the target at a place of the request: by the rules of the request first, and then
/// by itself.
#[must_use]
pub fn plan(
    command: &Command,
    at: usize,
    target: &Target,
    view: &View,
    policy: &Policy,
) -> Verdict {
    if command.targets.len() > policy.max_targets {
        return Refused(Reason::OverMaxTargets);
    }
    if command
        .targets
        .iter()
        .take(at)
        .any(|earlier| is_same(earlier, target))
    {
        return Refused(Reason::NamedTwice);
    }
    plan_target(command, target, view, policy)
}

/// Whether two targets are the same source, or would overwrite the same file system.
fn is_same(earlier: &Target, target: &Target) -> bool {
    let existing = |target: &Target| {
        let destination = target.destination.as_ref()?;
        Some((
            destination.file_system.as_ref()?.id.clone(),
            destination.region()?.to_owned(),
        ))
    };
    earlier.source.id == target.source.id
        || existing(target).is_some_and(|id| existing(earlier) == Some(id))
}

/// Decides about one target by itself.
#[must_use]
pub fn plan_target(command: &Command, target: &Target, view: &View, policy: &Policy) -> Verdict {
    let Some(source) = &view.source else {
        return Refused(Reason::NotFound);
    };
    if target
        .source
        .arn
        .as_ref()
        .is_some_and(|arn| *arn != source.arn)
    {
        return Refused(Reason::ArnMismatch);
    }
    let destination = match destination(target, source) {
        Ok(destination) => destination,
        Err(reason) => return Refused(reason),
    };
    if let Some(reason) = misfit(target, source, &destination) {
        return Refused(reason);
    }
    let region = destination.region().unwrap_or(&source.region);
    if policy
        .replica_regions
        .as_ref()
        .is_some_and(|allowed| !allowed.iter().any(|allowed| allowed == region))
    {
        return Refused(Reason::RegionNotAllowed);
    }
    match &view.replication {
        Some(replication) => {
            plan_existing(command, target, view, replication, &destination, policy)
        }
        None => plan_new(command, target, view, source, destination, policy),
    }
}

/// Where the replica is to be: as the request says, or as the tag of the source does.
///
/// # Errors
///
/// The [`Reason`] why the tag says nothing.
pub fn destination(target: &Target, source: &FileSystem) -> Result<Destination, Reason> {
    if let Some(destination) = &target.destination {
        return Ok(destination.clone());
    }
    let region = source
        .tags
        .get(REPLICATE_TO_TAG)
        .ok_or(Reason::NoReplicateToTag)?;
    if !is_region(region) {
        return Err(Reason::BadReplicateToTag);
    }
    Ok(Destination {
        region: Some(region.clone()),
        ..Destination::default()
    })
}

/// What is wrong with a destination by itself, or beside its source, whatever else there is.
fn misfit(target: &Target, source: &FileSystem, destination: &Destination) -> Option<Reason> {
    let region = destination.region();
    let zone = destination
        .availability_zone_name
        .as_deref()
        .and_then(region_of_zone);
    let arn = destination
        .file_system
        .as_ref()
        .and_then(|file_system| file_system.region());
    if zone.is_some_and(|zone| Some(zone) != region) || arn.is_some_and(|arn| Some(arn) != region) {
        return Some(Reason::RegionMismatch);
    }
    let key_region = destination
        .kms_key_id
        .as_deref()
        .filter(|key| key.starts_with("arn:"))
        .and_then(|key| key.split(':').nth(3));
    if key_region.is_some_and(|key_region| Some(key_region) != region) {
        return Some(Reason::KmsKeyRegionMismatch);
    }
    if destination
        .file_system
        .as_ref()
        .is_some_and(|file_system| file_system.id == target.source.id)
    {
        return Some(Reason::SameFileSystem);
    }
    let elsewhere =
        destination_account(destination).is_some_and(|account| account != source.owner_id);
    match (elsewhere, &destination.role_arn) {
        (true, None) => Some(Reason::RoleMissing),
        (false, Some(_)) => Some(Reason::RoleNotNeeded),
        (true, Some(_)) if wants_parts(target) => Some(Reason::PartsInAnotherAccount),
        _ => None,
    }
}

fn destination_account(destination: &Destination) -> Option<&str> {
    destination
        .file_system
        .as_ref()
        .and_then(|file_system| file_system.account())
}

/// Whether the replica is to have anything besides the data.
#[must_use]
pub fn wants_parts(target: &Target) -> bool {
    target.replica != crate::command::Replica::default()
}

fn plan_new(
    command: &Command,
    target: &Target,
    view: &View,
    source: &FileSystem,
    destination: Destination,
    policy: &Policy,
) -> Verdict {
    if source.protection == Protection::Replicating {
        return Refused(Reason::SourceIsADestination);
    }
    match source.state {
        LifeCycle::Available => {}
        LifeCycle::Creating | LifeCycle::Updating => return Pending(Reason::SourceNotAvailable),
        LifeCycle::Deleting | LifeCycle::Error => return Refused(Reason::SourceUnusable),
    }
    let forbidden = match &destination.file_system {
        Some(_) => forbidden_overwrite(command, target, view, policy),
        None => None,
    };
    // A new file system is always encrypted; an existing one is seen.
    let encrypted = view
        .destination
        .as_ref()
        .is_none_or(|existing| existing.encrypted);
    match forbidden.or_else(|| encryption(source, encrypted, target)) {
        Some(reason) => Refused(reason),
        None => Act(vec![Step::CreateReplication(destination)]),
    }
}

/// An existing file system loses what it holds. It needs three keys, each turned by somebody else:
/// the request repeats its ID, it carries the approval, and its overwrite protection was disabled.
fn forbidden_overwrite(
    command: &Command,
    target: &Target,
    view: &View,
    policy: &Policy,
) -> Option<Reason> {
    let Some(existing) = &view.destination else {
        return Some(Reason::DestinationNotFound);
    };
    if target
        .overwrite
        .as_ref()
        .is_none_or(|id| id.as_ref() != existing.id)
    {
        return Some(Reason::OverwriteNotConfirmed);
    }
    if existing.tags.contains_key(&policy.protection_tag) {
        return Some(Reason::Protected);
    }
    match existing.tags.get(&policy.approval_tag) {
        None => return Some(Reason::NotApproved),
        Some(approved) if approved != command.request_id.as_ref() => {
            return Some(Reason::ApprovedForAnotherRequest);
        }
        Some(_) => {}
    }
    if view.replication_of_destination.is_some() {
        return Some(Reason::DestinationInUse);
    }
    match existing.protection {
        Protection::Disabled => {}
        Protection::Enabled => return Some(Reason::OverwriteProtectionEnabled),
        Protection::Replicating => return Some(Reason::DestinationInUse),
        Protection::Unknown => return Some(Reason::UnknownState),
    }
    (existing.state != LifeCycle::Available).then_some(Reason::DestinationNotAvailable)
}

fn encryption(source: &FileSystem, destination_encrypted: bool, target: &Target) -> Option<Reason> {
    match (source.encrypted, destination_encrypted) {
        (true, false) => Some(Reason::DestinationNotEncrypted),
        (false, true) if !target.accept_no_failback => Some(Reason::FailbackImpossible),
        _ => None,
    }
}

/// An existing replication to the destination that is asked for is adopted.
fn plan_existing(
    command: &Command,
    target: &Target,
    view: &View,
    replication: &Replication,
    destination: &Destination,
    policy: &Policy,
) -> Verdict {
    let Some(source) = &view.source else {
        return Refused(Reason::NotFound);
    };
    if replication.source_id != source.id || replication.source_region != source.region {
        return Refused(Reason::SourceIsADestination);
    }
    if !leads_to(replication, view, source, destination) {
        return Refused(Reason::ReplicatesElsewhere);
    }
    if has_another_key(view, destination) {
        return Refused(Reason::KmsKeyDiffers);
    }
    match replication.status {
        Status::Enabled => plan_parts(command, target, view, source, policy)
            .unwrap_or_else(|| plan_end(command, view, source, replication)),
        Status::Enabling => Pending(Reason::ReplicationEnabling),
        Status::Deleting => Refused(Reason::ReplicationDeleting),
        Status::Pausing => Failed(Reason::ReplicationPausing),
        Status::Paused => Failed(Reason::ReplicationPaused),
        Status::Error => Failed(Reason::ReplicationInError),
        Status::Unknown => Failed(Reason::UnknownState),
    }
}

/// Whether a replication goes where the request wants it: to the named file system, or into the
/// Region and zone, in the account that is meant.
fn leads_to(
    replication: &Replication,
    view: &View,
    source: &FileSystem,
    destination: &Destination,
) -> bool {
    let account = destination_account(destination).unwrap_or(&source.owner_id);
    let elsewhere = replication
        .destination_owner_id
        .as_deref()
        .is_some_and(|owner| owner != account);
    if elsewhere
        || destination
            .region()
            .is_some_and(|region| region != replication.destination_region)
    {
        return false;
    }
    if let Some(file_system) = &destination.file_system {
        return file_system.id.as_ref() == replication.destination_id;
    }
    // A replica that is not to be seen yet is taken for the one that was asked for: there can be no
    // other.
    let Some(replica) = &view.destination else {
        return true;
    };
    replica.availability_zone_name == destination.availability_zone_name
}

/// Whether the replica is encrypted by another key than asked for. EFS tells the ARN of the key;
/// behind an alias only KMS could see, so that a request by alias is not compared.
fn has_another_key(view: &View, destination: &Destination) -> bool {
    let Some(asked) = destination.kms_key_id.as_deref() else {
        return false;
    };
    let Some(key) = view
        .destination
        .as_ref()
        .and_then(|replica| replica.kms_key_arn.as_deref())
    else {
        return false;
    };
    let is_alias = asked.starts_with("alias/") || asked.contains(":alias/");
    !is_alias && asked != key && key.rsplit_once(":key/").is_none_or(|(_, id)| asked != id)
}

/// What the replica lacks or is in the way of making it; `None` if it has every part that was asked
/// for.
fn plan_parts(
    command: &Command,
    target: &Target,
    view: &View,
    source: &FileSystem,
    policy: &Policy,
) -> Option<Verdict> {
    let Some(replica) = &view.destination else {
        // In another account it may not be seen from here; EFS's word on the replication is all
        // there is.
        return wants_parts(target).then_some(Failed(Reason::ReplicaUnusable));
    };
    match replica.state {
        LifeCycle::Available => {}
        LifeCycle::Creating | LifeCycle::Updating => {
            return Some(Pending(Reason::ReplicaNotAvailable));
        }
        LifeCycle::Deleting | LifeCycle::Error => return Some(Failed(Reason::ReplicaUnusable)),
    }
    let mut parts = Missing::default();
    parts.mount_targets(target, &view.replica_parts);
    parts.access_points(command, target, view, policy);
    parts.settings(target, &view.source_parts, &view.replica_parts);
    parts.policy(target, view, source, replica);
    parts.tags(target, source, replica, policy);
    parts.verdict()
}

/// The first sync is waited for, and the replica is marked as usable, once.
fn plan_end(
    command: &Command,
    view: &View,
    source: &FileSystem,
    replication: &Replication,
) -> Verdict {
    if replication.last_replicated.is_none() {
        return Pending(Reason::FirstSyncRunning);
    }
    let ours = view
        .destination
        .as_ref()
        .filter(|replica| replica.owner_id == source.owner_id);
    if let Some(replica) = ours.filter(|replica| !replica.tags.contains_key(BOOTSTRAPPED_BY_TAG)) {
        if users_tags(&replica.tags).count() >= MAX_TAGS {
            return Done(Reason::ReplicaUsableUnmarked);
        }
        let mark = [(
            BOOTSTRAPPED_BY_TAG.to_owned(),
            command.request_id.to_string(),
        )];
        return Act(vec![Step::Tag(mark.into())]);
    }
    Done(Reason::ReplicaUsable)
}

/// The tags that are copied: not those of AWS, which nobody may write, nor those by which drover is
/// told what it may do, since each speaks of one file system.
fn copied_tags(tags: &BTreeMap<String, String>, policy: &Policy) -> BTreeMap<String, String> {
    let ours = [policy.approval_tag.as_str(), policy.protection_tag.as_str()];
    let kept = |key: &str| {
        key.to_lowercase().starts_with("aws:") || key.starts_with("drover:") || ours.contains(&key)
    };
    tags.iter()
        .filter(|(key, _)| !kept(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The tags that count: those of AWS itself do not.
fn users_tags(tags: &BTreeMap<String, String>) -> impl Iterator<Item = &String> {
    tags.keys()
        .filter(|key| !key.to_lowercase().starts_with("aws:"))
}

/// What a replica lacks of what was asked for.
#[derive(Default)]
struct Missing {
    steps: Vec<Step>,
    creating: bool,
    broken: Option<(Reason, String)>,
}

impl Missing {
    fn mount_targets(&mut self, target: &Target, replica: &Parts) {
        for asked in &target.replica.mount_targets {
            let mut groups = asked.security_groups.clone();
            groups.sort();
            groups.dedup();
            let Some(there) = replica
                .mount_targets
                .iter()
                .find(|there| there.subnet_id == asked.subnet_id)
            else {
                self.steps
                    .push(Step::CreateMountTarget(asked.subnet_id.clone(), groups));
                continue;
            };
            self.state(there.state, &asked.subnet_id);
            // One that is being created has no groups to show yet.
            if there.state == LifeCycle::Available
                && !groups.is_empty()
                && there.security_groups != groups
            {
                self.broken
                    .get_or_insert((Reason::MountTargetDiffers, asked.subnet_id.clone()));
            }
        }
    }

    fn access_points(&mut self, command: &Command, target: &Target, view: &View, policy: &Policy) {
        if target.replica.access_points == Part::Leave {
            return;
        }
        let mut missing = 0;
        for wanted in &view.source_parts.access_points {
            match wanted.state {
                LifeCycle::Available => {}
                // It will be there to copy.
                LifeCycle::Creating | LifeCycle::Updating => {
                    self.creating = true;
                    continue;
                }
                // It is on its way out.
                LifeCycle::Deleting | LifeCycle::Error => continue,
            }
            match counterpart(wanted, &view.replica_parts) {
                Some(there) => self.state(there.state, &there.id),
                // The look after these shows which come next.
                None if missing == access_points_at_once(command) => self.creating = true,
                None => {
                    missing += 1;
                    let tags = copied_tags(&wanted.tags, policy);
                    self.steps.push(Step::CreateAccessPoint(AccessPoint {
                        tags,
                        ..wanted.clone()
                    }));
                }
            }
        }
    }

    fn settings(&mut self, target: &Target, source: &Parts, replica: &Parts) {
        if target.replica.lifecycle == Part::Copy && source.lifecycle != replica.lifecycle {
            self.steps
                .push(Step::PutLifecycle(source.lifecycle.clone()));
        }
        if let Some(backup) = target.replica.backup
            && (backup == Backup::Enabled) != replica.backup
        {
            self.steps.push(Step::PutBackup(backup));
        }
    }

    /// A policy that names an access point waits for its counterpart: what is missing is made
    /// first, and a part that is broken is told when no step is left.
    fn policy(&mut self, target: &Target, view: &View, source: &FileSystem, replica: &FileSystem) {
        let Some(policy) = view
            .source_parts
            .policy
            .as_ref()
            .filter(|_| target.replica.policy == Part::Copy)
        else {
            return;
        };
        let mut names: document::Names = [(source.arn.clone(), replica.arn.clone())].into();
        for point in &view.source_parts.access_points {
            names.extend(
                counterpart(point, &view.replica_parts)
                    .map(|there| (point.arn.clone(), there.arn.clone())),
            );
        }
        match document::merged(policy, view.replica_parts.policy.as_ref(), &names) {
            Ok(None) => {}
            Ok(Some(merged)) => self.steps.push(Step::PutPolicy(merged)),
            Err(arn) => {
                _ = self
                    .broken
                    .get_or_insert((Reason::PolicyNotTranslatable, arn))
            }
        }
    }

    fn tags(
        &mut self,
        target: &Target,
        source: &FileSystem,
        replica: &FileSystem,
        policy: &Policy,
    ) {
        if target.replica.tags == Part::Leave {
            return;
        }
        let mut missing = copied_tags(&source.tags, policy);
        missing.retain(|key, value| replica.tags.get(key) != Some(value));
        let added = missing
            .keys()
            .filter(|key| !replica.tags.contains_key(*key))
            .count();
        let tags = users_tags(&replica.tags).count() + added;
        if tags > MAX_TAGS {
            self.broken
                .get_or_insert((Reason::TooManyTags, format!("{tags} tags")));
        } else if !missing.is_empty() {
            self.steps.push(Step::Tag(missing));
        }
    }

    /// What follows from what is missing; `None` if nothing is.
    fn verdict(self) -> Option<Verdict> {
        match (self.broken, self.creating) {
            _ if !self.steps.is_empty() => Some(Act(self.steps)),
            (Some((reason, part)), _) => Some(Broken(reason, part)),
            (None, true) => Some(Pending(Reason::PartsNotAvailable)),
            (None, false) => None,
        }
    }

    fn state(&mut self, state: LifeCycle, part: &str) {
        match state {
            LifeCycle::Available => {}
            LifeCycle::Creating | LifeCycle::Updating => self.creating = true,
            LifeCycle::Deleting | LifeCycle::Error => {
                self.broken
                    .get_or_insert((Reason::PartInError, part.to_owned()));
            }
        }
    }
}

/// Whether an access point of the source is to be made on the replica.
#[must_use]
pub fn is_missing(wanted: &AccessPoint, replica: &Parts) -> bool {
    wanted.state == LifeCycle::Available && counterpart(wanted, replica).is_none()
}

/// The access point of the replica behind which a client finds the same.
fn counterpart<'a>(wanted: &AccessPoint, replica: &'a Parts) -> Option<&'a AccessPoint> {
    replica
        .access_points
        .iter()
        .find(|there| there.entrance == wanted.entrance)
}

/// What a request may do: what it asks for, or less if the deployment allows less.
#[must_use]
pub fn mode(command: &Command, policy: &Policy) -> Mode {
    command.mode.min(policy.mode)
}

impl Verdict {
    /// The same as far as a report tells of it: without the tags of access points, which are many.
    #[must_use]
    pub fn without_tags(mut self) -> Self {
        if let Act(steps) = &mut self {
            for step in steps {
                if let Step::CreateAccessPoint(point) = step {
                    point.tags.clear();
                }
            }
        }
        self
    }

    /// The steps to be taken, in order; none where something is said instead.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        if let Act(steps) = self { steps } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::{
        command::{FileSystemRef, MountTarget, Replica},
        snapshot::{self, Entrance},
    };

    const SOURCE: &str = "fs-00000001";
    const REPLICA: &str = "fs-00000002";

    fn file_system(id: &str, region: &str) -> FileSystem {
        FileSystem {
            id: id.to_owned(),
            arn: format!("arn:aws:elasticfilesystem:{region}:111122223333:file-system/{id}"),
            owner_id: "111122223333".to_owned(),
            region: region.to_owned(),
            state: LifeCycle::Available,
            encrypted: true,
            kms_key_arn: None,
            availability_zone_name: None,
            protection: Protection::Enabled,
            size_in_bytes: 6144,
            tags: BTreeMap::new(),
        }
    }

    fn source() -> FileSystem {
        file_system(SOURCE, "us-east-1")
    }

    /// An existing destination with all three keys turned, but for the request's own.
    fn existing() -> FileSystem {
        let tags = [("drover:approved".to_owned(), "CHG1".to_owned())].into();
        FileSystem {
            protection: Protection::Disabled,
            tags,
            ..file_system(REPLICA, "eu-west-1")
        }
    }

    fn replication() -> Replication {
        Replication {
            source_id: SOURCE.to_owned(),
            source_region: "us-east-1".to_owned(),
            destination_id: REPLICA.to_owned(),
            destination_region: "eu-west-1".to_owned(),
            destination_owner_id: None,
            status: Status::Enabled,
            status_message: None,
            last_replicated: DateTime::from_timestamp(1_800_000_000, 0),
        }
    }

    fn reference(text: &str) -> FileSystemRef {
        text.to_owned().try_into().unwrap()
    }

    /// A new file system in another Region, with nothing but the data.
    fn target() -> Target {
        Target {
            source: reference(SOURCE),
            destination: Some(Destination {
                region: Some("eu-west-1".to_owned()),
                ..Destination::default()
            }),
            overwrite: None,
            accept_no_failback: false,
            replica: Replica::default(),
        }
    }

    fn to(change: impl FnOnce(&mut Destination)) -> Target {
        let mut target = target();
        change(target.destination.as_mut().unwrap());
        target
    }

    fn over_existing() -> Target {
        let target = to(|destination| destination.file_system = Some(reference(REPLICA)));
        Target {
            overwrite: Some(reference(REPLICA).id),
            ..target
        }
    }

    fn alone() -> View {
        View {
            source: Some(source()),
            ..View::default()
        }
    }

    fn beside_existing() -> View {
        View {
            destination: Some(existing()),
            ..alone()
        }
    }

    /// A replica that was marked as usable.
    fn replicating() -> View {
        let mut replica = FileSystem {
            protection: Protection::Replicating,
            ..existing()
        };
        replica
            .tags
            .insert(BOOTSTRAPPED_BY_TAG.to_owned(), "CHG0".to_owned());
        View {
            replication: Some(replication()),
            destination: Some(replica),
            ..alone()
        }
    }

    fn command(targets: Vec<Target>) -> Command {
        Command {
            request_id: "CHG1".to_owned().try_into().unwrap(),
            targets,
            mode: Mode::Enforce,
        }
    }

    fn policy() -> Policy {
        Policy::from_lookup(|_| None).unwrap()
    }

    fn plan_all(command: &Command, views: &[View], policy: &Policy) -> Vec<Verdict> {
        let targets = command.targets.iter().zip(views).enumerate();
        targets
            .map(|(at, (target, view))| plan(command, at, target, view, policy))
            .collect()
    }

    fn decide(target: &Target, view: &View) -> Verdict {
        plan_target(&command(vec![target.clone()]), target, view, &policy())
    }

    #[track_caller]
    fn check(target: Target, view: &View, expected: Verdict) {
        assert_eq!(decide(&target, view), expected);
    }

    fn create(target: &Target) -> Verdict {
        Act(vec![Step::CreateReplication(
            target.destination.clone().unwrap(),
        )])
    }

    fn changed(mut view: View, change: impl FnOnce(&mut View)) -> View {
        change(&mut view);
        view
    }

    #[test]
    fn an_access_point_that_differs_in_anything_that_a_client_finds_is_made() {
        let same = Entrance {
            posix_user: Some((1000, 1000, vec![5, 6])),
            path: "/app".to_owned(),
            creation_info: Some((1, 2, "0750".to_owned())),
        };
        let point = |id: &str, entrance: &Entrance| AccessPoint {
            entrance: entrance.clone(),
            ..point(id, "/")
        };
        let mut target = target();
        target.replica.access_points = Part::Copy;
        let missing = |there: &Entrance| {
            let mut view = replicating();
            view.source_parts.access_points = vec![point("fsap-1", &same)];
            view.replica_parts.access_points = vec![point("fsap-2", there)];
            matches!(decide(&target, &view), Act(steps) if matches!(steps.as_slice(), [Step::CreateAccessPoint(_)]))
        };
        assert!(!missing(&same));
        for other in [
            Entrance {
                posix_user: None,
                ..same.clone()
            },
            Entrance {
                posix_user: Some((1001, 1000, vec![5, 6])),
                ..same.clone()
            },
            Entrance {
                posix_user: Some((1000, 1001, vec![5, 6])),
                ..same.clone()
            },
            Entrance {
                posix_user: Some((1000, 1000, vec![5])),
                ..same.clone()
            },
            Entrance {
                posix_user: Some((1000, 1000, vec![5, 7])),
                ..same.clone()
            },
            Entrance {
                path: "/app2".to_owned(),
                ..same.clone()
            },
            Entrance {
                creation_info: None,
                ..same.clone()
            },
            Entrance {
                creation_info: Some((3, 2, "0750".to_owned())),
                ..same.clone()
            },
            Entrance {
                creation_info: Some((1, 3, "0750".to_owned())),
                ..same.clone()
            },
            Entrance {
                creation_info: Some((1, 2, "0755".to_owned())),
                ..same.clone()
            },
        ] {
            assert!(missing(&other), "{other:?}");
        }
    }

    #[test]
    fn a_request_makes_500_access_points_at_once_however_many_targets_it_has() {
        let at_once = |targets: usize| access_points_at_once(&command(vec![target(); targets]));
        assert_eq!([1, 2, 10, 100].map(at_once), [500, 250, 50, 5]);
        let mut wanting = target();
        wanting.replica.access_points = Part::Copy;
        let mut view = replicating();
        view.source_parts.access_points = (0..600)
            .map(|number| point("fsap-1", &format!("/{number}")))
            .collect();
        let made = |targets: usize| {
            plan_target(
                &command(vec![wanting.clone(); targets]),
                &wanting,
                &view,
                &policy(),
            )
            .steps()
            .len()
        };
        assert_eq!((made(1), made(10)), (500, 50));
    }

    #[test]
    fn an_approval_is_compared_letter_by_letter() {
        for approved in ["chg1", "CHG1 ", "CHG11", ""] {
            let mut view = beside_existing();
            view.destination.as_mut().unwrap().tags =
                [("drover:approved".to_owned(), approved.to_owned())].into();
            check(
                over_existing(),
                &view,
                Refused(Reason::ApprovedForAnotherRequest),
            );
        }
    }

    #[test]
    fn a_tag_with_another_value_is_set_again() {
        let mut target = target();
        target.replica.tags = Part::Copy;
        let mut view = replicating();
        let tag = |value: &str| [("Name".to_owned(), value.to_owned())].into();
        (
            view.source.as_mut().unwrap().tags,
            view.destination.as_mut().unwrap().tags,
        ) = (tag("new"), tag("old"));
        check(target, &view, Act(vec![Step::Tag(tag("new"))]));
    }

    #[test]
    fn security_groups_are_the_same_in_any_order() {
        let groups = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let (mut target, mut view) = (target(), replicating());
        let mount = MountTarget {
            subnet_id: "subnet-1".to_owned(),
            security_groups: groups(["sg-2", "sg-1"]),
        };
        target.replica.mount_targets = vec![mount];
        view.replica_parts.mount_targets = vec![snapshot::MountTarget {
            subnet_id: "subnet-1".to_owned(),
            state: LifeCycle::Available,
            security_groups: groups(["sg-1", "sg-2"]),
        }];
        check(target, &view, Done(Reason::ReplicaUsable));
    }

    #[test]
    fn a_replica_with_another_key_than_asked_for_is_not_adopted() {
        const KEY: &str =
            "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let adopted = |asked: &str| {
            let target = to(|destination| destination.kms_key_id = Some(asked.to_owned()));
            let mut view = replicating();
            view.destination.as_mut().unwrap().kms_key_arn = Some(KEY.to_owned());
            decide(&target, &view)
        };
        for same in [
            KEY,
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/replicas",
        ] {
            assert_ne!(adopted(same), Refused(Reason::KmsKeyDiffers), "{same}");
        }
        for other in [
            "arn:aws:kms:eu-west-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab",
            "00000000-12ab-34cd-56ef-1234567890ab",
            "34cd-56ef-1234567890ab",
        ] {
            assert_eq!(adopted(other), Refused(Reason::KmsKeyDiffers), "{other}");
        }
    }

    #[test]
    fn a_replica_without_room_for_the_mark_is_usable_all_the_same() {
        let marked = |tags: usize, of_aws: usize| {
            let mut view = replicating();
            let named = (0..tags).map(|number| (format!("tag{number}"), String::new()));
            let aws = (0..of_aws).map(|number| (format!("aws:tag{number}"), String::new()));
            view.destination.as_mut().unwrap().tags = named.chain(aws).collect();
            decide(&target(), &view)
        };
        assert!(matches!(marked(49, 3), Act(steps) if matches!(steps.as_slice(), [Step::Tag(_)])));
        assert_eq!(marked(50, 0), Done(Reason::ReplicaUsableUnmarked));
    }

    #[test]
    fn more_tags_than_aws_allows_are_told_and_not_tried() {
        let copied = |of_source: usize, of_replica: usize| {
            let mut target = target();
            target.replica.tags = Part::Copy;
            let mut view = replicating();
            let tags = |count: usize, prefix: &str| {
                (0..count)
                    .map(|number| (format!("{prefix}{number}"), "x".to_owned()))
                    .collect()
            };
            view.source.as_mut().unwrap().tags = tags(of_source, "source");
            view.destination.as_mut().unwrap().tags = tags(of_replica, "replica");
            decide(&target, &view)
        };
        assert!(matches!(copied(30, 20), Act(steps) if matches!(steps.as_slice(), [Step::Tag(_)])));
        assert_eq!(
            copied(30, 21),
            Broken(Reason::TooManyTags, "51 tags".to_owned())
        );
    }

    #[test]
    fn a_replica_that_is_synced_needs_nothing() {
        check(target(), &replicating(), Done(Reason::ReplicaUsable));
    }

    #[test]
    fn a_replica_is_marked_once_when_it_is_first_seen_usable() {
        let unmarked = || {
            changed(replicating(), |view| {
                _ = view
                    .destination
                    .as_mut()
                    .unwrap()
                    .tags
                    .remove(BOOTSTRAPPED_BY_TAG)
            })
        };
        let mark = Act(vec![Step::Tag(
            [(BOOTSTRAPPED_BY_TAG.to_owned(), "CHG1".to_owned())].into(),
        )]);
        check(target(), &unmarked(), mark);
        let unsynced = changed(unmarked(), |view| {
            view.replication.as_mut().unwrap().last_replicated = None
        });
        check(target(), &unsynced, Pending(Reason::FirstSyncRunning));
        let theirs = changed(unmarked(), |view| {
            view.destination.as_mut().unwrap().owner_id = "999999999999".to_owned()
        });
        check(target(), &theirs, Done(Reason::ReplicaUsable));
    }

    #[test]
    fn each_kind_of_destination_is_created_as_it_was_asked_for() {
        check(target(), &alone(), create(&target()));
        let zone = to(|destination| {
            destination.region = None;
            destination.availability_zone_name = Some("eu-west-1a".to_owned());
        });
        check(zone.clone(), &alone(), create(&zone));
        check(
            over_existing(),
            &beside_existing(),
            create(&over_existing()),
        );
        let arn = "arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/fs-00000002";
        let elsewhere = Target {
            overwrite: over_existing().overwrite,
            ..to(|destination| {
                destination.file_system = Some(reference(arn));
                destination.role_arn = Some("arn:aws:iam::111122223333:role/replicate".to_owned());
            })
        };
        check(elsewhere.clone(), &beside_existing(), create(&elsewhere));
    }

    #[test]
    fn the_source_must_be_there_and_available() {
        check(target(), &View::default(), Refused(Reason::NotFound));
        let arn = "arn:aws:elasticfilesystem:us-east-1:999999999999:file-system/fs-00000001";
        check(
            Target {
                source: reference(arn),
                ..target()
            },
            &alone(),
            Refused(Reason::ArnMismatch),
        );
        let states = [
            (LifeCycle::Creating, Pending(Reason::SourceNotAvailable)),
            (LifeCycle::Updating, Pending(Reason::SourceNotAvailable)),
            (LifeCycle::Deleting, Refused(Reason::SourceUnusable)),
            (LifeCycle::Error, Refused(Reason::SourceUnusable)),
        ];
        for (state, expected) in states {
            check(
                target(),
                &changed(alone(), |view| view.source.as_mut().unwrap().state = state),
                expected,
            );
        }
    }

    #[test]
    fn a_replica_is_not_replicated_again() {
        let marked = changed(alone(), |view| {
            view.source.as_mut().unwrap().protection = Protection::Replicating
        });
        check(target(), &marked, Refused(Reason::SourceIsADestination));
        let turned = Replication {
            source_id: REPLICA.to_owned(),
            destination_id: SOURCE.to_owned(),
            destination_region: "us-east-1".to_owned(),
            ..replication()
        };
        let turned = changed(alone(), |view| view.replication = Some(turned));
        check(target(), &turned, Refused(Reason::SourceIsADestination));
    }

    #[test]
    fn the_tag_of_the_source_says_where_a_native_event_leads() {
        let native = Target {
            destination: None,
            ..target()
        };
        let tagged = |value: &str| {
            changed(alone(), |view| {
                _ = view
                    .source
                    .as_mut()
                    .unwrap()
                    .tags
                    .insert(REPLICATE_TO_TAG.to_owned(), value.to_owned())
            })
        };
        check(native.clone(), &tagged("eu-west-1"), create(&target()));
        check(native.clone(), &alone(), Refused(Reason::NoReplicateToTag));
        for value in [
            "",
            "yes",
            "eu-west",
            "EU-WEST-1",
            "eu-west-1a",
            "eu-west-1; rm",
        ] {
            check(
                native.clone(),
                &tagged(value),
                Refused(Reason::BadReplicateToTag),
            );
        }
    }

    #[test]
    fn a_replica_is_made_and_furnished_only_in_a_region_that_is_allowed() {
        let plan = |allowed: &str, target: &Target, view: &View| {
            let policy = Policy {
                replica_regions: Some(vec![allowed.to_owned()]),
                ..policy()
            };
            plan_target(&command(vec![target.clone()]), target, view, &policy)
        };
        let (here, there) = (to(|destination| destination.region = None), to(|_| {}));
        assert_eq!(plan("eu-west-1", &there, &alone()), create(&there));
        assert_eq!(
            plan("eu-north-1", &there, &alone()),
            Refused(Reason::RegionNotAllowed)
        );
        assert_eq!(
            plan("eu-west-1", &here, &alone()),
            Refused(Reason::RegionNotAllowed)
        );
        assert_eq!(plan("us-east-1", &here, &alone()), create(&here));
        assert_eq!(
            plan("eu-north-1", &there, &replicating()),
            Refused(Reason::RegionNotAllowed)
        );
    }

    #[test]
    fn a_destination_that_does_not_fit_together_is_refused_by_name() {
        let role = "arn:aws:iam::111122223333:role/replicate".to_owned();
        let arn = |account: &str, region: &str| {
            reference(&format!(
                "arn:aws:elasticfilesystem:{region}:{account}:file-system/{REPLICA}"
            ))
        };
        let zone =
            to(|destination| destination.availability_zone_name = Some("us-west-2a".to_owned()));
        check(zone, &alone(), Refused(Reason::RegionMismatch));
        check(
            to(|destination| destination.file_system = Some(arn("111122223333", "us-west-2"))),
            &alone(),
            Refused(Reason::RegionMismatch),
        );
        let key = |region: &str| {
            to(|destination| {
                destination.kms_key_id = Some(format!("arn:aws:kms:{region}:111122223333:key/k"))
            })
        };
        check(
            key("us-east-1"),
            &alone(),
            Refused(Reason::KmsKeyRegionMismatch),
        );
        check(key("eu-west-1"), &alone(), create(&key("eu-west-1")));
        check(
            to(|destination| destination.file_system = Some(reference(SOURCE))),
            &alone(),
            Refused(Reason::SameFileSystem),
        );
        check(
            to(|destination| destination.role_arn = Some(role.clone())),
            &alone(),
            Refused(Reason::RoleNotNeeded),
        );
        let elsewhere =
            to(|destination| destination.file_system = Some(arn("999999999999", "eu-west-1")));
        check(elsewhere.clone(), &alone(), Refused(Reason::RoleMissing));
        let mut furnished = elsewhere;
        furnished.destination.as_mut().unwrap().role_arn = Some(role);
        furnished.replica.tags = Part::Copy;
        check(
            furnished,
            &beside_existing(),
            Refused(Reason::PartsInAnotherAccount),
        );
    }

    #[test]
    fn an_existing_destination_needs_each_of_its_three_keys() {
        let existing = |change: fn(&mut FileSystem)| {
            changed(beside_existing(), |view| {
                change(view.destination.as_mut().unwrap())
            })
        };
        let refuses = |view: &View, reason| check(over_existing(), view, Refused(reason));
        refuses(&alone(), Reason::DestinationNotFound);
        check(
            Target {
                overwrite: None,
                ..over_existing()
            },
            &beside_existing(),
            Refused(Reason::OverwriteNotConfirmed),
        );
        let other = Target {
            overwrite: Some(reference("fs-00000003").id),
            ..over_existing()
        };
        check(
            other,
            &beside_existing(),
            Refused(Reason::OverwriteNotConfirmed),
        );
        refuses(
            &existing(|existing| existing.tags.clear()),
            Reason::NotApproved,
        );
        refuses(
            &existing(|existing| {
                _ = existing
                    .tags
                    .insert("drover:approved".to_owned(), "CHG2".to_owned())
            }),
            Reason::ApprovedForAnotherRequest,
        );
        refuses(
            &existing(|existing| {
                _ = existing
                    .tags
                    .insert("drover:protected".to_owned(), String::new())
            }),
            Reason::Protected,
        );
        refuses(
            &existing(|existing| existing.protection = Protection::Enabled),
            Reason::OverwriteProtectionEnabled,
        );
        refuses(
            &existing(|existing| existing.protection = Protection::Replicating),
            Reason::DestinationInUse,
        );
        refuses(
            &existing(|existing| existing.protection = Protection::Unknown),
            Reason::UnknownState,
        );
        refuses(
            &existing(|existing| existing.state = LifeCycle::Updating),
            Reason::DestinationNotAvailable,
        );
        let used = changed(beside_existing(), |view| {
            view.replication_of_destination = Some(replication())
        });
        refuses(&used, Reason::DestinationInUse);
    }

    #[test]
    fn encryption_must_allow_the_way_there_and_the_way_back() {
        let source_is =
            |encrypted| move |view: &mut View| view.source.as_mut().unwrap().encrypted = encrypted;
        let accepted = |target: Target| Target {
            accept_no_failback: true,
            ..target
        };
        check(
            target(),
            &changed(alone(), source_is(false)),
            Refused(Reason::FailbackImpossible),
        );
        check(
            accepted(target()),
            &changed(alone(), source_is(false)),
            create(&target()),
        );
        let bare = changed(beside_existing(), |view| {
            view.destination.as_mut().unwrap().encrypted = false
        });
        check(
            over_existing(),
            &bare,
            Refused(Reason::DestinationNotEncrypted),
        );
        check(
            accepted(over_existing()),
            &bare,
            Refused(Reason::DestinationNotEncrypted),
        );
        check(
            over_existing(),
            &changed(bare, source_is(false)),
            create(&over_existing()),
        );
    }

    #[test]
    fn an_existing_replication_is_adopted_or_told() {
        let with = |change: fn(&mut Replication)| {
            changed(replicating(), |view| {
                change(view.replication.as_mut().unwrap())
            })
        };
        check(
            target(),
            &with(|replication| replication.status = Status::Enabling),
            Pending(Reason::ReplicationEnabling),
        );
        check(
            target(),
            &with(|replication| replication.last_replicated = None),
            Pending(Reason::FirstSyncRunning),
        );
        check(
            target(),
            &with(|replication| replication.status = Status::Paused),
            Failed(Reason::ReplicationPaused),
        );
        check(
            target(),
            &with(|replication| replication.status = Status::Error),
            Failed(Reason::ReplicationInError),
        );
        check(
            target(),
            &with(|replication| replication.status = Status::Deleting),
            Refused(Reason::ReplicationDeleting),
        );
        check(
            target(),
            &with(|replication| replication.status = Status::Unknown),
            Failed(Reason::UnknownState),
        );
        check(
            target(),
            &with(|replication| replication.destination_region = "us-west-2".to_owned()),
            Refused(Reason::ReplicatesElsewhere),
        );
        check(over_existing(), &replicating(), Done(Reason::ReplicaUsable));
        let other = to(|destination| destination.file_system = Some(reference("fs-00000003")));
        check(other, &replicating(), Refused(Reason::ReplicatesElsewhere));
        let zone = |name: &str| {
            to(|destination| destination.availability_zone_name = Some(name.to_owned()))
        };
        check(
            zone("eu-west-1a"),
            &replicating(),
            Refused(Reason::ReplicatesElsewhere),
        );
        let in_zone = changed(replicating(), |view| {
            view.destination.as_mut().unwrap().availability_zone_name =
                Some("eu-west-1a".to_owned())
        });
        check(zone("eu-west-1a"), &in_zone, Done(Reason::ReplicaUsable));
    }

    fn point(id: &str, path: &str) -> AccessPoint {
        let arn = format!("arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/{id}");
        let entrance = Entrance {
            path: path.to_owned(),
            ..Entrance::default()
        };
        AccessPoint {
            id: id.to_owned(),
            arn,
            state: LifeCycle::Available,
            entrance,
            tags: BTreeMap::new(),
        }
    }

    /// Everything is asked for; the source has one of each.
    fn furnished() -> (Target, View) {
        let mount_target = MountTarget {
            subnet_id: "subnet-00000001".to_owned(),
            security_groups: vec!["sg-00000001".to_owned()],
        };
        let replica = Replica {
            mount_targets: vec![mount_target],
            access_points: Part::Copy,
            lifecycle: Part::Copy,
            backup: Some(Backup::Enabled),
            policy: Part::Copy,
            tags: Part::Copy,
        };
        let mut view = replicating();
        view.source.as_mut().unwrap().tags = [
            ("Name".to_owned(), "data".to_owned()),
            ("aws:x".to_owned(), "y".to_owned()),
            (REPLICATE_TO_TAG.to_owned(), "eu-west-1".to_owned()),
        ]
        .into();
        view.source_parts = Parts {
            access_points: vec![point("fsap-00000001", "/app")],
            lifecycle: [("TransitionToIA".to_owned(), "AFTER_30_DAYS".to_owned())].into(),
            policy: Some(
                json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Resource": source().arn }] }),
            ),
            ..Parts::default()
        };
        (
            Target {
                replica,
                ..target()
            },
            view,
        )
    }

    /// The same with the replica as it is to be.
    fn complete() -> (Target, View) {
        let (target, mut view) = furnished();
        view.destination
            .as_mut()
            .unwrap()
            .tags
            .insert("Name".to_owned(), "data".to_owned());
        view.replica_parts = Parts {
            mount_targets: vec![snapshot::MountTarget {
                subnet_id: "subnet-00000001".to_owned(),
                state: LifeCycle::Available,
                security_groups: vec!["sg-00000001".to_owned()],
            }],
            access_points: vec![point("fsap-00000002", "/app")],
            lifecycle: view.source_parts.lifecycle.clone(),
            backup: true,
            policy: Some(
                json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Resource": view.destination.as_ref().unwrap().arn }] }),
            ),
        };
        (target, view)
    }

    #[test]
    fn what_a_replica_lacks_is_made_in_order() {
        let (target, view) = furnished();
        let Act(steps) = plan_target(&command(vec![]), &target, &view, &policy()) else {
            panic!("nothing to do")
        };
        let replica_arn = &view.destination.as_ref().unwrap().arn;
        let expected = [
            Step::CreateMountTarget("subnet-00000001".to_owned(), vec!["sg-00000001".to_owned()]),
            Step::CreateAccessPoint(point("fsap-00000001", "/app")),
            Step::PutLifecycle(view.source_parts.lifecycle.clone()),
            Step::PutBackup(Backup::Enabled),
            Step::PutPolicy(
                json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Resource": replica_arn }] }),
            ),
            Step::Tag([("Name".to_owned(), "data".to_owned())].into()),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_complete_replica_needs_nothing_and_a_part_that_is_gone_is_made_again() {
        let (target, view) = complete();
        check(target.clone(), &view, Done(Reason::ReplicaUsable));
        let without =
            |change: fn(&mut Parts)| changed(view.clone(), |view| change(&mut view.replica_parts));
        for change in [
            |parts: &mut Parts| parts.mount_targets.clear(),
            |parts: &mut Parts| parts.access_points.clear(),
            |parts: &mut Parts| parts.lifecycle.clear(),
            |parts: &mut Parts| parts.backup = false,
            |parts: &mut Parts| parts.policy = None,
        ] {
            let verdict = plan_target(&command(vec![]), &target, &without(change), &policy());
            assert_eq!(verdict.steps().len(), 1, "{verdict:?}");
        }
    }

    #[test]
    fn a_part_that_is_not_available_is_waited_for_or_told() {
        let (target, view) = complete();
        let mount_target = |state| {
            changed(view.clone(), |view| {
                view.replica_parts.mount_targets[0].state = state
            })
        };
        check(
            target.clone(),
            &mount_target(LifeCycle::Creating),
            Pending(Reason::PartsNotAvailable),
        );
        check(
            target.clone(),
            &mount_target(LifeCycle::Error),
            Broken(Reason::PartInError, "subnet-00000001".to_owned()),
        );
        let groups = |state, groups: &[&str]| {
            changed(mount_target(state), |view| {
                view.replica_parts.mount_targets[0].security_groups =
                    groups.iter().map(|id| (*id).to_owned()).collect()
            })
        };
        check(
            target.clone(),
            &groups(LifeCycle::Creating, &[]),
            Pending(Reason::PartsNotAvailable),
        );
        let other = groups(LifeCycle::Available, &["sg-00000009"]);
        check(
            target.clone(),
            &other,
            Broken(Reason::MountTargetDiffers, "subnet-00000001".to_owned()),
        );
        let mut any_group = target.clone();
        any_group.replica.mount_targets[0].security_groups.clear();
        check(any_group, &other, Done(Reason::ReplicaUsable));
        let source_point = |state| {
            changed(view.clone(), |view| {
                view.source_parts.access_points[0].state = state
            })
        };
        check(
            target.clone(),
            &source_point(LifeCycle::Creating),
            Pending(Reason::PartsNotAvailable),
        );
        check(
            target.clone(),
            &source_point(LifeCycle::Deleting),
            Done(Reason::ReplicaUsable),
        );
        let creating = changed(view, |view| {
            view.destination.as_mut().unwrap().state = LifeCycle::Creating
        });
        check(target, &creating, Pending(Reason::ReplicaNotAvailable));
    }

    #[test]
    fn a_replica_that_is_broken_or_gone_is_not_called_usable() {
        for state in [LifeCycle::Error, LifeCycle::Deleting] {
            let broken = changed(replicating(), |view| {
                view.destination.as_mut().unwrap().state = state
            });
            check(target(), &broken, Failed(Reason::ReplicaUnusable));
        }
        let (furnished, view) = complete();
        check(
            furnished,
            &changed(view, |view| view.destination = None),
            Failed(Reason::ReplicaUnusable),
        );
    }

    #[test]
    fn a_replica_of_another_kind_or_account_is_not_adopted() {
        let zonal = changed(replicating(), |view| {
            view.destination.as_mut().unwrap().availability_zone_name =
                Some("eu-west-1a".to_owned())
        });
        check(target(), &zonal, Refused(Reason::ReplicatesElsewhere));
        let theirs = changed(replicating(), |view| {
            view.replication.as_mut().unwrap().destination_owner_id =
                Some("999999999999".to_owned())
        });
        check(target(), &theirs, Refused(Reason::ReplicatesElsewhere));
    }

    #[test]
    fn the_keys_that_open_a_file_system_are_not_copied_whatever_they_are_called() {
        let (mut target, mut view) = complete();
        target.replica = Replica {
            tags: Part::Copy,
            ..Replica::default()
        };
        let tags = &mut view.source.as_mut().unwrap().tags;
        tags.extend([
            ("dr-approved".to_owned(), "CHG9".to_owned()),
            ("keep".to_owned(), String::new()),
        ]);
        let policy = Policy {
            approval_tag: "dr-approved".to_owned(),
            protection_tag: "keep".to_owned(),
            ..policy()
        };
        assert_eq!(
            plan_target(&command(vec![]), &target, &view, &policy),
            Done(Reason::ReplicaUsable)
        );
    }

    #[test]
    fn an_access_point_is_copied_without_the_tags_that_are_not_copied() {
        let (mut target, mut view) = furnished();
        target.replica = Replica {
            access_points: Part::Copy,
            ..Replica::default()
        };
        let tags = &mut view.source_parts.access_points[0].tags;
        tags.extend(
            ["Name", "aws:x", "drover:approved"].map(|key| (key.to_owned(), "x".to_owned())),
        );
        let mut copied = point("fsap-00000001", "/app");
        copied.tags.insert("Name".to_owned(), "x".to_owned());
        check(target, &view, Act(vec![Step::CreateAccessPoint(copied)]));
    }

    #[test]
    fn a_policy_that_names_an_unknown_arn_is_told_and_stops_no_other_part() {
        let (target, mut view) = complete();
        view.source_parts.policy = Some(
            json!({ "Statement": [{ "Resource": "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000009" }] }),
        );
        let unknown = "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000009";
        check(
            target.clone(),
            &view,
            Broken(Reason::PolicyNotTranslatable, unknown.to_owned()),
        );
        view.replica_parts.backup = false;
        check(target, &view, Act(vec![Step::PutBackup(Backup::Enabled)]));
    }

    #[test]
    fn a_policy_waits_for_the_access_points_that_it_names() {
        let (target, mut view) = furnished();
        view.source_parts.policy =
            Some(json!({ "Statement": [{ "Resource": view.source_parts.access_points[0].arn }] }));
        let verdict = plan_target(&command(vec![]), &target, &view, &policy());
        assert!(
            !verdict
                .steps()
                .iter()
                .any(|step| matches!(step, Step::PutPolicy(_))),
            "{verdict:?}"
        );
        view.replica_parts.access_points = vec![point("fsap-00000002", "/app")];
        let verdict = plan_target(&command(vec![]), &target, &view, &policy());
        let replica_arn =
            "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000002";
        assert!(
            verdict
                .steps()
                .iter()
                .any(|step| matches!(step, Step::PutPolicy(policy) if policy.to_string().contains(replica_arn)))
        );
    }

    #[test]
    fn a_request_over_the_limit_or_a_source_named_twice_is_refused() {
        let views = [alone(), alone()];
        let twice = plan_all(&command(vec![target(), target()]), &views, &policy());
        assert_eq!(twice, [create(&target()), Refused(Reason::NamedTwice)]);
        let strict = Policy {
            max_targets: 1,
            ..policy()
        };
        let other = Target {
            source: reference("fs-00000009"),
            ..over_existing()
        };
        let beside = [beside_existing(), beside_existing()];
        let same_destination = plan_all(
            &command(vec![over_existing(), other.clone()]),
            &beside,
            &policy(),
        );
        assert_eq!(
            same_destination,
            [create(&over_existing()), Refused(Reason::NamedTwice)]
        );
        let over = plan_all(&command(vec![target(), target()]), &views, &strict);
        assert_eq!(
            over,
            [
                Refused(Reason::OverMaxTargets),
                Refused(Reason::OverMaxTargets)
            ]
        );
        assert_eq!(
            plan_all(&command(vec![target()]), &views, &strict),
            [create(&target())]
        );
        let another = Target {
            destination: target().destination,
            overwrite: None,
            ..other
        };
        let beside = [
            alone(),
            View {
                source: Some(file_system("fs-00000009", "us-east-1")),
                ..View::default()
            },
        ];
        let both = plan_all(
            &command(vec![target(), another.clone()]),
            &beside,
            &policy(),
        );
        assert_eq!(both, [create(&target()), create(&another)]);
    }
}
