//! `plan`: from what is asked, observed and allowed, to what will be done and said.
//!
//! Pure and total: no calls, no clock, no environment. Read it from the top; the rules stand in the
//! order in which they are asked. One law holds by type: a plan either has steps or says how things
//! are. Only an observation that finds nothing left to do can say that something is done.

use serde_json::Value;
use shared::{
    Grounds, Mode, Region, Unobserved,
    efs::{
        AccessPoint, BOOTSTRAPPED_BY_TAG, Destination, FileSystem, FileSystemId, FileSystemRef,
        KeyComparison, LifeCycle, MAX_TAGS, Protection, Replication, ReplicationStatus,
        Transitions, copied_tags, count_user_tags, document,
    },
    guardrails::{Refusal, Tags},
};

use self::Verdict::{Act, Done, Failed, Pending, Refused};
use crate::{
    command::{Backup, Command, Copying, Replica as Requested, Target},
    destination::{Asked, asked, compare_keys, destination_conflicts, matches_destination},
    grounds,
    policy::Policy,
    reason::Reason,
    snapshot::{Observation, Resources, Snapshot, View},
};

/// One call that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `CreateReplicationConfiguration`. It has no token, so whether it happened only a read can
    /// tell.
    Replicate(Destination),
    /// A call that gives the replica one of its resources.
    Provision {
        /// The replica.
        replica: Replica,
        /// The resource.
        resource: Resource,
    },
}

/// The file system that is provisioned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its ID.
    pub id: FileSystemId,
    /// Its Region.
    pub region: Region,
}

/// A resource of the replica that EFS does not copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// `CreateMountTarget` in this subnet, with these security groups.
    MountTarget(String, Vec<String>),
    /// `CreateAccessPoint` like this one of the source.
    AccessPoint(AccessPoint),
    /// `PutLifecycleConfiguration` with these transitions.
    Lifecycle(Transitions),
    /// `PutBackupPolicy`.
    Backup(Backup),
    /// `PutFileSystemPolicy` with this document.
    Policy(Value),
    /// `TagResource` with these tags.
    Tags(Tags),
}

/// What will be done about a target, or, if nothing is, what is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These steps are to be taken, in order.
    Act(Vec<Step>),
    /// Nothing is left to do; what else there is to know of it follows. Never empty.
    Done(Vec<Grounds<Reason>>),
    /// It takes time; observe again later.
    Pending(Reason),
    /// These rules forbid it, in the order in which they are asked; never empty.
    Refused(Vec<Grounds<Reason>>),
    /// Somebody has to act on these; never empty.
    Failed(Vec<Grounds<Reason>>),
    /// It could not be observed, so nothing is decided.
    Unobserved(Unobserved),
}

/// What will be done and said about every target, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whether the plan may be executed.
    pub mode: Mode,
    /// One for each target.
    pub targets: Vec<Verdict>,
}

/// Decides about a request.
#[must_use]
pub fn plan(command: &Command, snapshot: &Snapshot, policy: &Policy) -> Plan {
    let mut verdicts = Vec::new();
    let mut earlier: Vec<&Target> = Vec::new();

    // A target that could not be observed does not hide the others.
    for (target, observation) in command.targets.iter().zip(&snapshot.targets) {
        verdicts.push(match observation {
            Observation::Complete(view) => plan_in_request(command, &earlier, target, view, policy),
            Observation::Incomplete(incomplete) => Verdict::Unobserved(incomplete.why.clone()),
        });
        earlier.push(target);
    }

    Plan {
        mode: policy.guardrails.effective_mode(command.mode),
        targets: verdicts,
    }
}

/// Decides about a target by the rules of the request first, and then by itself.
fn plan_in_request(
    command: &Command,
    earlier: &[&Target],
    target: &Target,
    view: &View,
    policy: &Policy,
) -> Verdict {
    let targets = command.targets.len();
    let over = policy.guardrails.against_targets(targets);
    let mut against: Vec<Grounds<Reason>> = over.into_iter().collect();

    // EFS allows one replication a source, and an overwrite must happen once.
    if earlier.iter().any(|earlier| is_same(earlier, target)) {
        against.push(Reason::NamedTwice.into());
    }

    let own = plan_target(command, target, view, policy);
    if against.is_empty() {
        return own;
    }
    // What forbids the request comes before what forbids the target.
    if let Refused(own) = own {
        against.extend(own);
    }
    Refused(against)
}

/// Whether two targets have the same source, or would overwrite the same file system.
fn is_same(earlier: &Target, target: &Target) -> bool {
    // An existing file system is known by its Region and its ID.
    let existing = |target: &Target| {
        let destination = target.destination.as_ref()?;
        let id = destination.file_system.as_ref()?.id.clone();
        Some((id, destination.region()?))
    };
    let overwritten = existing(target);

    earlier.source.id == target.source.id
        || overwritten.is_some() && overwritten == existing(earlier)
}

/// Decides about one target by itself. For a request that has expired nothing is changed any more;
/// what is there is told all the same, since a first sync may take days.
#[must_use]
pub fn plan_target(command: &Command, target: &Target, view: &View, policy: &Policy) -> Verdict {
    let verdict = decide(command, target, view, policy);

    match verdict {
        Act(_) if command.is_expired => refused(Reason::Expired),
        _ => verdict,
    }
}

fn decide(command: &Command, target: &Target, view: &View, policy: &Policy) -> Verdict {
    let Some(source) = &view.source else {
        return Refused(vec![match &view.elsewhere {
            Some(origin) => grounds::elsewhere(origin),
            None => Reason::NotFound.into(),
        }]);
    };
    if let Some(arn) = &target.source.arn
        && source.arn.as_ref() != Some(arn)
    {
        let mismatch = Grounds::new(Reason::ArnMismatch);
        return Refused(vec![mismatch.other_arn(arn, source.arn.as_ref())]);
    }

    // A request names its destination; a native event leaves it to the tag of the source.
    let asked = match asked(target, source, policy) {
        Ok(asked) => asked,
        Err(wrong) => return Refused(vec![wrong]),
    };
    let mut against = destination_conflicts(target, source, &asked);
    let region = asked
        .destination
        .region()
        .unwrap_or_else(|| source.region.clone());
    // Checked before anything is adopted, not only before something is created.
    if !policy.allows_region(&region) {
        against.push(grounds::region_not_allowed(&region, policy));
    }
    // A destination that cannot be meant is not compared with what exists.
    if !against.is_empty() {
        return Refused(against);
    }

    match &view.replication {
        Some(replication) => {
            let context = Existing {
                command,
                asked: &asked,
                view,
                source,
                replication,
            };
            context.plan(policy)
        }
        None => plan_new(command, target, view, source, asked.destination, policy),
    }
}

fn plan_new(
    command: &Command,
    target: &Target,
    view: &View,
    source: &FileSystem,
    destination: Destination,
    policy: &Policy,
) -> Verdict {
    // EFS does not replicate a replica, and a replica must not be mistaken for a source.
    if source.protection == Protection::Replicating {
        return refused(Reason::SourceIsADestination);
    }
    match source.state {
        LifeCycle::Available => {}
        LifeCycle::Creating | LifeCycle::Updating => return Pending(Reason::SourceNotAvailable),
        LifeCycle::Deleting | LifeCycle::Error => return refused(Reason::SourceUnusable),
    }

    let existing = view.destination.as_ref();
    let mut against = match &destination.file_system {
        Some(named) => forbidden_overwrite(command, target, named, view, policy),
        None => Vec::new(),
    };
    // Checked for new replicas only: an existing one is adopted as it is. What does not exist has no
    // encryption to compare.
    if destination.file_system.is_none() || existing.is_some() {
        let conflict = encryption_conflict(target, source, existing);
        against.extend(conflict.map(Grounds::new));
    }
    if !against.is_empty() {
        return Refused(against);
    }

    Act(vec![Step::Replicate(destination)])
}

/// An existing file system loses what it holds. It needs three keys, each turned by somebody else:
/// the request repeats its ID, it carries the approval, and its overwrite protection was disabled.
fn forbidden_overwrite(
    command: &Command,
    target: &Target,
    named: &FileSystemRef,
    view: &View,
    policy: &Policy,
) -> Vec<Grounds<Reason>> {
    let Some(existing) = &view.destination else {
        let missing = grounds::resource(Reason::DestinationNotFound, named.text());
        return vec![missing];
    };
    let mut against = Vec::new();

    // The first key: the request repeats the ID.
    if target.overwrite.as_ref() != Some(&existing.id) {
        let id = existing.id.as_ref();
        against.push(grounds::resource(Reason::OverwriteNotConfirmed, id));
    }
    // The second key: the approval on the file system itself, unless it is protected.
    let guardrails = &policy.guardrails;
    against.extend(guardrails.against(&command.request_id, &existing.tags));

    let other = view.replication_of_destination.as_ref();
    if other.is_some() || existing.protection == Protection::Replicating {
        against.push(grounds::in_use(other));
    }
    // The third key: somebody disabled the overwrite protection, which drover never does.
    match existing.protection {
        Protection::Disabled | Protection::Replicating => {}
        Protection::Enabled => against.push(Reason::OverwriteProtectionEnabled.into()),
        Protection::Unknown => against.push(grounds::resource(
            Reason::UnknownState,
            "ReplicationOverwriteProtection",
        )),
    }

    if existing.state != LifeCycle::Available {
        against.push(Reason::DestinationNotAvailable.into());
    }
    against
}

/// One reason alone, which needs no facts.
fn refused(reason: Reason) -> Verdict {
    Refused(vec![reason.into()])
}

fn failed(reason: Reason) -> Verdict {
    Failed(vec![reason.into()])
}

fn encryption_conflict(
    target: &Target,
    source: &FileSystem,
    existing: Option<&FileSystem>,
) -> Option<Reason> {
    // A new file system is always encrypted.
    let encrypted = existing.is_none_or(|existing| existing.encrypted);

    match (source.encrypted, encrypted) {
        (true, false) => Some(Reason::DestinationNotEncrypted),
        (false, true) if !target.accept_no_failback => Some(Reason::FailbackImpossible),
        _ => None,
    }
}

/// A target whose source is part of a replication. One that leads to the requested destination is
/// adopted.
struct Existing<'a> {
    command: &'a Command,
    asked: &'a Asked,
    view: &'a View,
    source: &'a FileSystem,
    replication: &'a Replication,
}

impl Existing<'_> {
    fn plan(&self, policy: &Policy) -> Verdict {
        let Self {
            view,
            source,
            replication,
            ..
        } = *self;
        let destination = &self.asked.destination;

        let is_source =
            replication.source_id == source.id && replication.source_region == source.region;
        // Both sides of a replication describe it, so that the source may be its destination.
        if !is_source {
            return Refused(vec![grounds::source_is_a_destination(replication)]);
        }
        if !matches_destination(replication, view, source, destination) {
            return Refused(vec![grounds::replicates_elsewhere(replication)]);
        }
        // A default is for new replicas. One that has another key is cared for all the same.
        let has_another_key = compare_keys(view, destination) == KeyComparison::Differs;
        if has_another_key && !self.asked.by_default {
            return Refused(vec![self.key(Reason::KmsKeyDiffers)]);
        }

        // Only an enabled replication is provisioned; what else it may be decides about retries.
        let stopped = |reason| Failed(vec![grounds::not_running(reason, replication)]);
        match replication.status {
            ReplicationStatus::Enabled => self
                .plan_resources(policy)
                .unwrap_or_else(|| self.plan_first_sync()),
            ReplicationStatus::Enabling => Pending(Reason::ReplicationEnabling),
            ReplicationStatus::Deleting => refused(Reason::ReplicationDeleting),
            ReplicationStatus::Pausing => stopped(Reason::ReplicationPausing),
            ReplicationStatus::Paused => stopped(Reason::ReplicationPaused),
            ReplicationStatus::Error => stopped(Reason::ReplicationInError),
            ReplicationStatus::Unknown => failed(Reason::UnknownState),
        }
    }

    /// What the replica lacks, or what is in the way of providing it; `None` if it has every
    /// resource that was requested.
    fn plan_resources(&self, policy: &Policy) -> Option<Verdict> {
        let asked = &self.asked.replica;
        let requested = self.asked.has_resources();
        let Some(replica) = &self.view.destination else {
            // In another account it may not be readable from here; EFS's word on the replication
            // has to do.
            return requested.then(|| failed(Reason::ReplicaUnusable));
        };
        match replica.state {
            LifeCycle::Available => {}
            LifeCycle::Creating | LifeCycle::Updating => {
                return Some(Pending(Reason::ReplicaNotAvailable));
            }
            LifeCycle::Deleting | LifeCycle::Error => return Some(failed(Reason::ReplicaUnusable)),
        }
        if !requested {
            return None;
        }

        // What was not read cannot be complete.
        let resources = match &self.view.resources {
            Some(resources) if resources.cover(asked) => resources,
            _ => return Some(failed(Reason::UnknownState)),
        };
        // In the order in which the replica becomes usable: mount targets first, tags last.
        let mut missing = Missing::default();
        missing.add_mount_targets(asked, resources);
        missing.add_access_points(asked, resources, policy);
        missing.add_settings(asked, resources);
        missing.add_policy(resources, self.source, replica);
        missing.add_tags(asked, self.source, replica, policy);
        missing.verdict(replica)
    }

    /// The first sync is waited for, and the replica is marked as usable, once.
    fn plan_first_sync(&self) -> Verdict {
        if self.replication.last_replicated.is_none() {
            return Pending(Reason::FirstSyncRunning);
        }

        // A replica in another account is not ours to tag.
        let replica = match &self.view.destination {
            Some(replica) if replica.owner_id == self.source.owner_id => replica,
            _ => return self.usable(Reason::ReplicaUsable),
        };
        if replica.tags.contains_key(BOOTSTRAPPED_BY_TAG) {
            return self.usable(Reason::ReplicaUsable);
        }
        if count_user_tags(&replica.tags) >= MAX_TAGS {
            return self.usable(Reason::ReplicaUsableUnmarked);
        }
        // The mark would be a change, and nothing else is left.
        if self.command.is_expired {
            return self.usable(Reason::ReplicaUsableAfterExpiry);
        }

        // The mark is the last step, so that `done` is reported by the run that sets it.
        let request_id = self.command.request_id.to_string();
        let mark = [(BOOTSTRAPPED_BY_TAG.to_owned(), request_id)];
        Act(vec![Step::Provision {
            replica: Replica::of(replica),
            resource: Resource::Tags(mark.into()),
        }])
    }

    /// The replica can be used; with what may be in the way of its use all the same.
    fn usable(&self, reason: Reason) -> Verdict {
        let mut known = vec![reason.into()];

        // Those that were asked for are there by now.
        let asks_for_none = self.asked.replica.mount_targets.is_empty();
        let replica = self.view.destination.as_ref();
        if asks_for_none && replica.is_some_and(|replica| replica.mount_targets == 0) {
            known.push(Reason::NoMountTargets.into());
        }
        match compare_keys(self.view, &self.asked.destination) {
            KeyComparison::Same => {}
            KeyComparison::Differs => known.push(self.key(Reason::KmsKeyDiffers)),
            KeyComparison::Unresolved => known.push(self.key(Reason::KmsKeyNotCompared)),
        }
        Done(known)
    }

    fn key(&self, reason: Reason) -> Grounds<Reason> {
        let replica = self.view.destination.as_ref();

        grounds::key(reason, &self.asked.destination, replica)
    }
}

/// What a replica lacks of what was requested.
#[derive(Default)]
struct Missing {
    resources: Vec<Resource>,
    is_creating: bool,
    broken: Vec<Grounds<Reason>>,
}

impl Missing {
    fn add_mount_targets(&mut self, asked: &Requested, resources: &Resources) {
        let existing = resources.mount_targets.as_deref().unwrap_or_default();

        for requested in &asked.mount_targets {
            let subnet = &requested.subnet_id;
            // Neither the order nor a repetition makes a difference.
            let mut groups = requested.security_groups.clone();
            groups.sort();
            groups.dedup();

            // A subnet has one mount target at most.
            let found = existing.iter().find(|found| found.subnet_id == *subnet);
            let Some(found) = found else {
                let missing = Resource::MountTarget(subnet.clone(), groups);
                self.resources.push(missing);
                continue;
            };

            self.check_state(found.state, subnet);
            // One that is being created has no groups to show yet.
            let is_available = found.state == LifeCycle::Available;
            if is_available && !groups.is_empty() && found.security_groups != groups {
                self.break_off(Reason::MountTargetDiffers, subnet);
            }
        }
    }

    fn add_access_points(&mut self, asked: &Requested, resources: &Resources, policy: &Policy) {
        if asked.access_points == Copying::Leave {
            return;
        }
        let Some(points) = &resources.access_points else {
            return;
        };

        // A broken access point is reported; those that are missing are created all the same.
        if let Some(id) = &points.broken {
            self.break_off(Reason::PartInError, id);
        }
        self.is_creating |= points.is_creating;
        for point in &points.missing {
            self.resources.push(Resource::AccessPoint(AccessPoint {
                tags: copied_tags(&point.tags, &policy.guardrails),
                ..point.clone()
            }));
        }
    }

    fn add_settings(&mut self, asked: &Requested, resources: &Resources) {
        if let Some(lifecycle) = &resources.lifecycle
            && lifecycle.source != lifecycle.replica
        {
            let transitions = lifecycle.source.clone();
            self.resources.push(Resource::Lifecycle(transitions));
        }

        if let (Some(requested), Some(is_on)) = (asked.backup, resources.backup)
            && is_on != (requested == Backup::Enabled)
        {
            self.resources.push(Resource::Backup(requested));
        }
    }

    /// A policy that names an access point waits for its counterpart: what is missing is created
    /// first, and what is broken is reported when no step is left.
    fn add_policy(&mut self, resources: &Resources, source: &FileSystem, replica: &FileSystem) {
        let Some(policy) = &resources.policy else {
            return;
        };
        let Some(of_source) = &policy.source else {
            return;
        };

        let mut names = document::Names::new();
        if let Some(points) = &resources.access_points {
            names.extend(points.counterparts.clone());
        }
        if let (Some(from), Some(to)) = (&source.arn, &replica.arn) {
            names.insert(from.to_string(), to.to_string());
        }

        match document::merged(of_source, policy.replica.as_ref(), &names) {
            Ok(None) => {}
            Ok(Some(merged)) => self.resources.push(Resource::Policy(merged)),
            Err(arn) => self.break_off(Reason::PolicyNotTranslatable, &arn),
        }
    }

    fn add_tags(
        &mut self,
        asked: &Requested,
        source: &FileSystem,
        replica: &FileSystem,
        policy: &Policy,
    ) {
        if asked.tags == Copying::Leave {
            return;
        }

        // A tag with another value is set again; tags of the replica's own stay.
        let mut missing = copied_tags(&source.tags, &policy.guardrails);
        missing.retain(|key, value| replica.tags.get(key) != Some(value));
        if missing.is_empty() {
            return;
        }

        let new_keys = missing
            .keys()
            .filter(|key| !replica.tags.contains_key(*key));
        // Set only if all of them fit.
        let total = count_user_tags(&replica.tags) + new_keys.count();
        if total > MAX_TAGS {
            self.break_off(Reason::TooManyTags, &format!("{total} tags"));
        } else {
            self.resources.push(Resource::Tags(missing));
        }
    }

    fn check_state(&mut self, state: LifeCycle, name: &str) {
        match state {
            LifeCycle::Available => {}
            LifeCycle::Creating | LifeCycle::Updating => self.is_creating = true,
            LifeCycle::Deleting | LifeCycle::Error => self.break_off(Reason::PartInError, name),
        }
    }

    fn break_off(&mut self, reason: Reason, name: &str) {
        self.broken.push(grounds::resource(reason, name));
    }

    /// What follows from what is missing; `None` if nothing is.
    fn verdict(self, replica: &FileSystem) -> Option<Verdict> {
        if !self.resources.is_empty() {
            // What is missing is created before what is broken is reported: the rest can go on.
            let step = |resource| Step::Provision {
                replica: Replica::of(replica),
                resource,
            };
            return Some(Act(self.resources.into_iter().map(step).collect()));
        }

        if !self.broken.is_empty() {
            return Some(Failed(self.broken));
        }
        self.is_creating
            .then_some(Pending(Reason::PartsNotAvailable))
    }
}

impl Replica {
    fn of(file_system: &FileSystem) -> Self {
        Self {
            id: file_system.id.clone(),
            region: file_system.region.clone(),
        }
    }
}

impl Verdict {
    /// The steps to be taken, in order; none where something is said instead.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        match self {
            Act(steps) => steps,
            _ => &[],
        }
    }

    /// The same as far as a report needs it: without the tags of access points, which are many.
    #[must_use]
    pub fn without_tags(&self) -> Self {
        match self {
            Act(steps) => Act(steps.iter().map(Step::without_tags).collect()),
            other => other.clone(),
        }
    }
}

impl Step {
    /// The API's name of the call.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        let resource = match self {
            Self::Replicate(_) => return "CreateReplicationConfiguration",
            Self::Provision { resource, .. } => resource,
        };

        match resource {
            Resource::MountTarget(..) => "CreateMountTarget",
            Resource::AccessPoint(_) => "CreateAccessPoint",
            Resource::Lifecycle(_) => "PutLifecycleConfiguration",
            Resource::Backup(_) => "PutBackupPolicy",
            Resource::Policy(_) => "PutFileSystemPolicy",
            Resource::Tags(_) => "TagResource",
        }
    }

    /// The same without the tags of an access point: a file system may have 10,000 access points
    /// with 50 tags each, which would not fit into the function's memory.
    #[must_use]
    pub fn without_tags(&self) -> Self {
        match self {
            Self::Provision {
                replica,
                resource: Resource::AccessPoint(point),
            } => Self::Provision {
                replica: replica.clone(),
                resource: Resource::AccessPoint(point.without_tags()),
            },
            other => other.clone(),
        }
    }

    /// Whether two steps are the same change. An access point is known by its ID.
    #[must_use]
    pub fn is_same_change(&self, other: &Self) -> bool {
        match (self.access_point(), other.access_point()) {
            (Some(point), Some(other)) => point.id == other.id,
            _ => self == other,
        }
    }

    /// Whether it marks a replica as usable, the last step of all.
    #[must_use]
    pub fn is_mark(&self) -> bool {
        match self {
            Self::Provision {
                resource: Resource::Tags(tags),
                ..
            } => tags.contains_key(BOOTSTRAPPED_BY_TAG),
            _ => false,
        }
    }

    /// The access point that is created, if it is one.
    pub(crate) fn access_point(&self) -> Option<&AccessPoint> {
        match self {
            Self::Provision {
                resource: Resource::AccessPoint(point),
                ..
            } => Some(point),
            _ => None,
        }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Protected => Self::Protected,
            Refusal::NotApproved => Self::NotApproved,
            Refusal::ApprovedForAnotherRequest => Self::ApprovedForAnotherRequest,
            Refusal::TooManyTargets => Self::OverMaxTargets,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::{Deref, DerefMut};

    use serde_json::json;
    use shared::{
        efs::{AccessPointRoot, MountTarget, Owner, PosixUser, REPLICATE_TO_TAG},
        guardrails::Approval,
    };

    use super::*;
    use crate::{
        command::{Origin, RequestedMountTarget},
        fixtures::{
            REPLICA, SOURCE, access_point, account, arn, command, done, file_system, id, policy,
            provision, reference, region, replication, target,
        },
        observe::access_points_per_target,
        snapshot::{Incomplete, OneSide},
    };

    /// What a file system has besides the data.
    #[derive(Debug, Clone, Default)]
    struct Parts {
        mount_targets: Vec<MountTarget>,
        access_points: Vec<AccessPoint>,
        lifecycle: Transitions,
        backup: bool,
        policy: Option<Value>,
    }

    /// Both sides with all that they have, from which a view holds what a request asks for.
    #[derive(Debug, Clone, Default)]
    struct Sides {
        view: View,
        source_parts: Parts,
        replica_parts: Parts,
    }

    impl Deref for Sides {
        type Target = View;

        fn deref(&self) -> &View {
            &self.view
        }
    }

    impl DerefMut for Sides {
        fn deref_mut(&mut self) -> &mut View {
            &mut self.view
        }
    }

    impl Sides {
        fn observed_for(&self, command: &Command, target: &Target) -> View {
            let asked = &target.replica;
            let copies_policy = asked.policy == Copying::Copy;
            let needs_points = asked.access_points == Copying::Copy || copies_policy;

            let side = |parts: &Parts| OneSide {
                mount_targets: Some(parts.mount_targets.clone()),
                access_points: needs_points.then(|| parts.access_points.clone()),
                lifecycle: (asked.lifecycle == Copying::Copy).then(|| parts.lifecycle.clone()),
                backup: asked.backup.map(|_| parts.backup),
                policy: copies_policy.then(|| parts.policy.clone()),
            };
            let (source, replica) = (side(&self.source_parts), side(&self.replica_parts));
            let limit = access_points_per_target(command);

            View {
                resources: Some(Resources::compare(source, replica, limit)),
                ..self.view.clone()
            }
        }
    }

    fn plan_sides(command: &Command, target: &Target, sides: &Sides, policy: &Policy) -> Verdict {
        let view = sides.observed_for(command, target);

        first_alone(plan_target(command, target, &view, policy))
    }

    /// A verdict with the first reason of a refusal alone, and without facts.
    fn first_alone(verdict: Verdict) -> Verdict {
        match verdict {
            Refused(against) => refused(against[0].reason),
            other => other,
        }
    }

    fn reasons(verdict: &Verdict) -> Vec<Reason> {
        match verdict {
            Refused(told) | Failed(told) | Done(told) => told.iter().map(|it| it.reason).collect(),
            _ => Vec::new(),
        }
    }

    fn broken(reason: Reason, name: &str) -> Verdict {
        Failed(vec![grounds::resource(reason, name)])
    }

    #[test]
    fn every_key_that_is_not_turned_is_named() {
        let mut target = over_existing();
        target.overwrite = None;
        let mut view = beside_existing();
        let existing = view.destination.as_mut().unwrap();
        existing.tags = [("drover:protected".to_owned(), String::new())].into();
        existing.protection = Protection::Enabled;
        existing.encrypted = false;

        let (command, observed) = (command(vec![]), view.view);
        let verdict = plan_target(&command, &target, &observed, &policy());
        let expected = [
            Reason::OverwriteNotConfirmed,
            Reason::Protected,
            Reason::NotApproved,
            Reason::OverwriteProtectionEnabled,
            Reason::DestinationNotEncrypted,
        ];
        assert_eq!(reasons(&verdict), expected);
    }

    #[test]
    fn everything_that_is_broken_is_named() {
        let (target, mut view) = complete();
        view.replica_parts.mount_targets[0].state = LifeCycle::Error;
        view.replica_parts.mount_targets[0].security_groups.clear();
        view.source_parts.policy = Some(
            json!({ "Statement": [{ "Resource": "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000009" }] }),
        );

        let expected = [Reason::PartInError, Reason::PolicyNotTranslatable];
        assert_eq!(reasons(&decide(&target, &view)), expected);
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

    fn sides(view: View) -> Sides {
        Sides {
            view,
            ..Sides::default()
        }
    }

    fn alone() -> Sides {
        sides(View {
            source: Some(source()),
            ..View::default()
        })
    }

    fn beside_existing() -> Sides {
        sides(View {
            destination: Some(existing()),
            ..alone().view
        })
    }

    /// A replica that was marked as usable.
    fn replicating() -> Sides {
        let mut replica = FileSystem {
            protection: Protection::Replicating,
            ..existing()
        };
        replica
            .tags
            .insert(BOOTSTRAPPED_BY_TAG.to_owned(), "CHG0".to_owned());
        sides(View {
            replication: Some(replication()),
            destination: Some(replica),
            ..alone().view
        })
    }

    fn plan_all(command: &Command, sides: &[Sides], policy: &Policy) -> Vec<Verdict> {
        let observed = command.targets.iter().zip(sides);
        let snapshot = Snapshot {
            targets: observed
                .map(|(target, sides)| Observation::Complete(sides.observed_for(command, target)))
                .collect(),
        };
        let planned = plan(command, &snapshot, policy).targets;
        planned.into_iter().map(first_alone).collect()
    }

    fn decide(target: &Target, sides: &Sides) -> Verdict {
        plan_sides(&command(vec![target.clone()]), target, sides, &policy())
    }

    #[track_caller]
    fn check(target: Target, view: &Sides, expected: Verdict) {
        assert_eq!(decide(&target, view), expected);
    }

    fn create(target: &Target) -> Verdict {
        Act(vec![Step::Replicate(target.destination.clone().unwrap())])
    }

    fn changed(mut view: Sides, change: impl FnOnce(&mut Sides)) -> Sides {
        change(&mut view);
        view
    }

    fn user(uid: i64, gid: i64, secondary_gids: &[i64]) -> Option<PosixUser> {
        Some(PosixUser {
            uid,
            gid,
            secondary_gids: secondary_gids.to_vec(),
        })
    }

    fn owner(uid: i64, gid: i64, permissions: &str) -> Option<Owner> {
        Some(Owner {
            uid,
            gid,
            permissions: permissions.to_owned(),
        })
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of roots")]
    fn an_access_point_that_differs_in_anything_that_a_client_finds_is_made() {
        let same = AccessPointRoot {
            posix_user: user(1000, 1000, &[5, 6]),
            path: "/app".to_owned(),
            creation_info: owner(1, 2, "0750"),
        };
        let point = |id: &str, root: &AccessPointRoot| AccessPoint {
            root: root.clone(),
            ..access_point(id, "/")
        };
        let mut target = target();
        target.replica.access_points = Copying::Copy;
        let missing = |existing: &AccessPointRoot| {
            let mut view = replicating();
            view.source_parts.access_points = vec![point("fsap-1", &same)];
            view.replica_parts.access_points = vec![point("fsap-2", existing)];
            matches!(decide(&target, &view), Act(steps) if matches!(steps.as_slice(), [Step::Provision { resource: Resource::AccessPoint(_), .. }]))
        };
        assert!(!missing(&same));
        for other in [
            AccessPointRoot {
                posix_user: None,
                ..same.clone()
            },
            AccessPointRoot {
                posix_user: user(1001, 1000, &[5, 6]),
                ..same.clone()
            },
            AccessPointRoot {
                posix_user: user(1000, 1001, &[5, 6]),
                ..same.clone()
            },
            AccessPointRoot {
                posix_user: user(1000, 1000, &[5]),
                ..same.clone()
            },
            AccessPointRoot {
                posix_user: user(1000, 1000, &[5, 7]),
                ..same.clone()
            },
            AccessPointRoot {
                path: "/app2".to_owned(),
                ..same.clone()
            },
            AccessPointRoot {
                creation_info: None,
                ..same.clone()
            },
            AccessPointRoot {
                creation_info: owner(3, 2, "0750"),
                ..same.clone()
            },
            AccessPointRoot {
                creation_info: owner(1, 3, "0750"),
                ..same.clone()
            },
            AccessPointRoot {
                creation_info: owner(1, 2, "0755"),
                ..same.clone()
            },
        ] {
            assert!(missing(&other), "{other:?}");
        }
    }

    #[test]
    fn a_request_makes_500_access_points_at_once_however_many_targets_it_has() {
        let at_once = |targets: usize| access_points_per_target(&command(vec![target(); targets]));
        assert_eq!([1, 2, 10, 100].map(at_once), [500, 250, 50, 5]);
        let mut wanting = target();
        wanting.replica.access_points = Copying::Copy;
        let mut view = replicating();
        view.source_parts.access_points = (0..600)
            .map(|number| access_point("fsap-1", &format!("/{number}")))
            .collect();
        let made = |targets: usize| {
            plan_sides(
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
                refused(Reason::ApprovedForAnotherRequest),
            );
        }
    }

    #[test]
    fn a_tag_with_another_value_is_set_again() {
        let mut target = target();
        target.replica.tags = Copying::Copy;
        let mut view = replicating();
        let tag = |value: &str| [("Name".to_owned(), value.to_owned())].into();
        (
            view.source.as_mut().unwrap().tags,
            view.destination.as_mut().unwrap().tags,
        ) = (tag("new"), tag("old"));
        check(
            target,
            &view,
            Act(vec![provision(Resource::Tags(tag("new")))]),
        );
    }

    #[test]
    fn security_groups_are_the_same_in_any_order() {
        let groups = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let (mut target, mut view) = (target(), replicating());
        let mount = RequestedMountTarget {
            subnet_id: "subnet-1".to_owned(),
            security_groups: groups(["sg-2", "sg-1"]),
        };
        target.replica.mount_targets = vec![mount];
        view.replica_parts.mount_targets = vec![MountTarget {
            subnet_id: "subnet-1".to_owned(),
            state: LifeCycle::Available,
            security_groups: groups(["sg-1", "sg-2"]),
        }];
        check(target, &view, done(Reason::ReplicaUsable));
    }

    #[test]
    fn a_replica_with_another_kms_key_is_not_adopted() {
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
            assert_ne!(adopted(same), refused(Reason::KmsKeyDiffers), "{same}");
        }
        for other in [
            "arn:aws:kms:eu-west-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab",
            "00000000-12ab-34cd-56ef-1234567890ab",
            "34cd-56ef-1234567890ab",
        ] {
            assert_eq!(adopted(other), refused(Reason::KmsKeyDiffers), "{other}");
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
        assert!(
            matches!(marked(49, 3), Act(steps) if matches!(steps.as_slice(), [Step::Provision { resource: Resource::Tags(_), .. }]))
        );
        assert_eq!(marked(50, 0), done(Reason::ReplicaUsableUnmarked));
    }

    #[test]
    fn more_tags_than_aws_allows_are_reported_and_not_set() {
        let copied = |of_source: usize, of_replica: usize| {
            let mut target = target();
            target.replica.tags = Copying::Copy;
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
        assert!(
            matches!(copied(30, 20), Act(steps) if matches!(steps.as_slice(), [Step::Provision { resource: Resource::Tags(_), .. }]))
        );
        assert_eq!(copied(30, 21), broken(Reason::TooManyTags, "51 tags"));
    }

    #[test]
    fn a_replica_that_is_synced_needs_nothing() {
        check(target(), &replicating(), done(Reason::ReplicaUsable));
    }

    #[test]
    fn a_replica_is_marked_once_when_it_is_first_usable() {
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
        let mark = Act(vec![provision(Resource::Tags(
            [(BOOTSTRAPPED_BY_TAG.to_owned(), "CHG1".to_owned())].into(),
        ))]);
        check(target(), &unmarked(), mark);
        let unsynced = changed(unmarked(), |view| {
            view.replication.as_mut().unwrap().last_replicated = None
        });
        check(target(), &unsynced, Pending(Reason::FirstSyncRunning));
        let theirs = changed(unmarked(), |view| {
            view.destination.as_mut().unwrap().owner_id = account("999999999999")
        });
        check(target(), &theirs, done(Reason::ReplicaUsable));
    }

    #[test]
    fn each_kind_of_destination_is_created_as_requested() {
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
        let existing = "arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/fs-00000002";
        let elsewhere = Target {
            overwrite: over_existing().overwrite,
            ..to(|destination| {
                destination.file_system = Some(reference(existing));
                destination.role_arn = Some(arn("arn:aws:iam::111122223333:role/replicate"));
            })
        };
        check(elsewhere.clone(), &beside_existing(), create(&elsewhere));
    }

    #[test]
    fn the_source_must_exist_and_be_available() {
        check(target(), &Sides::default(), refused(Reason::NotFound));
        let arn = "arn:aws:elasticfilesystem:us-east-1:999999999999:file-system/fs-00000001";
        check(
            Target {
                source: reference(arn),
                ..target()
            },
            &alone(),
            refused(Reason::ArnMismatch),
        );
        let states = [
            (LifeCycle::Creating, Pending(Reason::SourceNotAvailable)),
            (LifeCycle::Updating, Pending(Reason::SourceNotAvailable)),
            (LifeCycle::Deleting, refused(Reason::SourceUnusable)),
            (LifeCycle::Error, refused(Reason::SourceUnusable)),
        ];
        for (state, expected) in states {
            check(
                target(),
                &changed(alone(), |view| view.source.as_mut().unwrap().state = state),
                expected,
            );
        }
    }

    // Invariant 7.
    #[test]
    fn what_has_expired_changes_nothing_and_is_told_all_the_same() {
        let planned = |view: View| {
            let command = Command {
                is_expired: true,
                ..command(vec![target()])
            };
            plan_target(&command, &target(), &view, &policy())
        };
        let alone = View {
            source: Some(file_system(SOURCE, "us-east-1")),
            ..View::default()
        };
        assert_eq!(planned(alone.clone()), refused(Reason::Expired));

        let usable = View {
            replication: Some(replication()),
            destination: Some(file_system(REPLICA, "eu-west-1")),
            ..alone
        };
        let told = done(Reason::ReplicaUsableAfterExpiry);
        assert_eq!(planned(usable), told);
        assert_eq!(planned(View::default()), refused(Reason::NotFound));
    }

    // Invariant 5.
    #[test]
    fn a_replica_is_not_replicated_again() {
        let marked = changed(alone(), |view| {
            view.source.as_mut().unwrap().protection = Protection::Replicating
        });
        check(target(), &marked, refused(Reason::SourceIsADestination));
        let turned = Replication {
            source_id: id(REPLICA),
            destination_id: id(SOURCE),
            destination_region: region("us-east-1"),
            ..replication()
        };
        let turned = changed(alone(), |view| view.replication = Some(turned));
        check(target(), &turned, refused(Reason::SourceIsADestination));
        // An ID is one of a Region: its namesake elsewhere is another source.
        let of_namesake = Replication {
            source_region: region("eu-north-1"),
            ..replication()
        };
        let of_namesake = changed(alone(), |view| view.replication = Some(of_namesake));
        check(
            target(),
            &of_namesake,
            refused(Reason::SourceIsADestination),
        );
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
        check(native.clone(), &alone(), refused(Reason::NoReplicateToTag));
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
                refused(Reason::BadReplicateToTag),
            );
        }
    }

    /// What a deployment gives each replica in Ireland.
    fn with_defaults() -> Policy {
        const DEFAULTS: &str = r#"{ "eu-west-1": { "kmsKeyId": "alias/dr", "replica": {
            "mountTargets": [{ "subnetId": "subnet-00000001" }], "backup": "enabled" } } }"#;

        Policy::from_lookup(|name| (name == "REPLICA_DEFAULTS").then(|| DEFAULTS.to_owned()))
            .unwrap()
    }

    /// A file system that asks by its tag for a replica in this Region.
    fn tagged(region: &str, mut sides: Sides) -> (Target, Sides) {
        let source = sides.source.as_mut().unwrap();
        source.tags = [(REPLICATE_TO_TAG.to_owned(), region.to_owned())].into();
        let native = Target {
            destination: None,
            ..target()
        };

        (native, sides)
    }

    #[test]
    fn a_tagged_file_system_gets_what_the_deployment_gives_in_the_region_of_its_tag() {
        let created = |region: &str| {
            let (native, sides) = tagged(region, alone());
            plan_sides(&command(vec![]), &native, &sides, &with_defaults())
        };
        let with_key = to(|destination| destination.kms_key_id = Some("alias/dr".to_owned()));
        assert_eq!(created("eu-west-1"), create(&with_key));
        let elsewhere = to(|destination| destination.region = Some(region("eu-north-1")));
        assert_eq!(created("eu-north-1"), create(&elsewhere));

        // Once there is a replica, it is given the rest.
        let (native, sides) = tagged("eu-west-1", replicating());
        let given = View {
            resources: Some(Resources {
                mount_targets: Some(vec![]),
                backup: Some(false),
                ..Resources::default()
            }),
            ..sides.view
        };
        let steps = plan_target(&command(vec![]), &native, &given, &with_defaults());
        let expected = [
            provision(Resource::MountTarget("subnet-00000001".to_owned(), vec![])),
            provision(Resource::Backup(Backup::Enabled)),
        ];
        assert_eq!(steps, Act(expected.to_vec()));
    }

    #[test]
    fn a_replica_with_another_key_than_the_default_is_cared_for_and_told() {
        const DEFAULTS: &str =
            r#"{ "eu-west-1": { "kmsKeyId": "22222222-2222-2222-2222-222222222222" } }"#;
        let policy =
            Policy::from_lookup(|name| (name == "REPLICA_DEFAULTS").then(|| DEFAULTS.to_owned()))
                .unwrap();
        let (native, mut sides) = tagged("eu-west-1", replicating());
        let replica = sides.destination.as_mut().unwrap();
        replica.kms_key_arn = Some("arn:aws:kms:eu-west-1:111122223333:key/1".to_owned());

        let verdict = plan_target(&command(vec![]), &native, &sides.view, &policy);
        assert!(matches!(verdict, Done(_)), "{verdict:?}");
        let told = [Reason::ReplicaUsable, Reason::KmsKeyDiffers];
        assert_eq!(reasons(&verdict), told);

        let replica = sides.destination.as_mut().unwrap();
        replica.tags.remove(BOOTSTRAPPED_BY_TAG);
        let verdict = plan_target(&command(vec![]), &native, &sides.view, &policy);
        assert!(verdict.steps()[0].is_mark(), "{verdict:?}");
    }

    #[test]
    fn a_request_gets_what_it_names_and_no_defaults() {
        let named = plan_sides(&command(vec![]), &target(), &alone(), &with_defaults());
        assert_eq!(named, create(&target()));

        // Also where the source has the tag.
        let (_, sides) = tagged("eu-west-1", replicating());
        let complete = plan_sides(&command(vec![]), &target(), &sides, &with_defaults());
        assert_eq!(complete, done(Reason::ReplicaUsable));
    }

    // Invariant 3.
    #[test]
    fn a_replica_that_nothing_can_mount_is_usable_only_with_this_said() {
        let bare = || {
            changed(replicating(), |view| {
                view.destination.as_mut().unwrap().mount_targets = 0
            })
        };
        let said = |command: &Command, view: &Sides| {
            reasons(&plan_target(command, &target(), &view.view, &policy()))
        };

        let told = [Reason::ReplicaUsable, Reason::NoMountTargets];
        assert_eq!(said(&command(vec![]), &bare()), told);
        assert_eq!(said(&command(vec![]), &replicating()), told[..1]);

        // However its usability is told.
        let expired = Command {
            is_expired: true,
            ..command(vec![])
        };
        let unmarked = changed(bare(), |view| {
            view.destination.as_mut().unwrap().tags.clear()
        });
        let told = [Reason::ReplicaUsableAfterExpiry, Reason::NoMountTargets];
        assert_eq!(said(&expired, &unmarked), told);
        let full = changed(bare(), |view| {
            let tags = (0..50).map(|number| (format!("tag{number}"), String::new()));
            view.destination.as_mut().unwrap().tags = tags.collect();
        });
        let told = [Reason::ReplicaUsableUnmarked, Reason::NoMountTargets];
        assert_eq!(said(&command(vec![]), &full), told);
    }

    #[test]
    fn a_key_that_could_not_be_compared_is_told_with_the_one_that_the_replica_has() {
        const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1";
        let target = to(|destination| destination.kms_key_id = Some("alias/dr".to_owned()));
        let adopted = changed(replicating(), |view| {
            view.destination.as_mut().unwrap().kms_key_arn = Some(KEY.to_owned())
        });

        let verdict = plan_target(&command(vec![]), &target, &adopted.view, &policy());
        let Done(known) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(known[1].reason, Reason::KmsKeyNotCompared);
        assert_eq!(known[1].facts["kmsKeyId"], KEY);
        assert_eq!(known[1].facts["requestedKmsKeyId"], "alias/dr");
    }

    #[test]
    fn a_replica_is_created_and_provisioned_only_in_an_allowed_region() {
        let plan = |allowed: &str, target: &Target, view: &Sides| {
            let policy = Policy {
                replica_regions: Some(vec![region(allowed)]),
                ..policy()
            };
            plan_sides(&command(vec![target.clone()]), target, view, &policy)
        };
        let (here, there) = (to(|destination| destination.region = None), to(|_| {}));
        assert_eq!(plan("eu-west-1", &there, &alone()), create(&there));
        assert_eq!(
            plan("eu-north-1", &there, &alone()),
            refused(Reason::RegionNotAllowed)
        );
        assert_eq!(
            plan("eu-west-1", &here, &alone()),
            refused(Reason::RegionNotAllowed)
        );
        assert_eq!(plan("us-east-1", &here, &alone()), create(&here));
        assert_eq!(
            plan("eu-north-1", &there, &replicating()),
            refused(Reason::RegionNotAllowed)
        );
    }

    #[test]
    fn a_destination_that_does_not_fit_together_is_refused_by_name() {
        let role = arn("arn:aws:iam::111122223333:role/replicate");
        let existing = |account: &str, region: &str| {
            reference(&format!(
                "arn:aws:elasticfilesystem:{region}:{account}:file-system/{REPLICA}"
            ))
        };
        let zone =
            to(|destination| destination.availability_zone_name = Some("us-west-2a".to_owned()));
        check(zone, &alone(), refused(Reason::RegionMismatch));
        check(
            to(|destination| destination.file_system = Some(existing("111122223333", "us-west-2"))),
            &alone(),
            refused(Reason::RegionMismatch),
        );
        let key = |region: &str| {
            to(|destination| {
                destination.kms_key_id = Some(format!("arn:aws:kms:{region}:111122223333:key/k"))
            })
        };
        check(
            key("us-east-1"),
            &alone(),
            refused(Reason::KmsKeyRegionMismatch),
        );
        check(key("eu-west-1"), &alone(), create(&key("eu-west-1")));
        check(
            to(|destination| destination.file_system = Some(reference(SOURCE))),
            &alone(),
            refused(Reason::SameFileSystem),
        );
        check(
            to(|destination| destination.role_arn = Some(role.clone())),
            &alone(),
            refused(Reason::RoleNotNeeded),
        );
        let elsewhere =
            to(|destination| destination.file_system = Some(existing("999999999999", "eu-west-1")));
        check(elsewhere.clone(), &alone(), refused(Reason::RoleMissing));
        let mut provisioned = elsewhere;
        provisioned.destination.as_mut().unwrap().role_arn = Some(role);
        provisioned.replica.tags = Copying::Copy;
        check(
            provisioned,
            &beside_existing(),
            refused(Reason::PartsInAnotherAccount),
        );
    }

    // Invariant 5.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of keys")]
    fn an_existing_destination_needs_each_of_its_three_keys() {
        let existing = |change: fn(&mut FileSystem)| {
            changed(beside_existing(), |view| {
                change(view.destination.as_mut().unwrap())
            })
        };
        let refuses = |view: &Sides, reason| check(over_existing(), view, refused(reason));
        refuses(&alone(), Reason::DestinationNotFound);
        check(
            Target {
                overwrite: None,
                ..over_existing()
            },
            &beside_existing(),
            refused(Reason::OverwriteNotConfirmed),
        );
        let other = Target {
            overwrite: Some(reference("fs-00000003").id),
            ..over_existing()
        };
        check(
            other,
            &beside_existing(),
            refused(Reason::OverwriteNotConfirmed),
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
    fn encryption_must_allow_replication_and_failback() {
        let source_is =
            |encrypted| move |view: &mut Sides| view.source.as_mut().unwrap().encrypted = encrypted;
        let accepted = |target: Target| Target {
            accept_no_failback: true,
            ..target
        };
        check(
            target(),
            &changed(alone(), source_is(false)),
            refused(Reason::FailbackImpossible),
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
            refused(Reason::DestinationNotEncrypted),
        );
        check(
            accepted(over_existing()),
            &bare,
            refused(Reason::DestinationNotEncrypted),
        );
        check(
            over_existing(),
            &changed(bare, source_is(false)),
            create(&over_existing()),
        );
    }

    #[test]
    fn an_existing_replication_is_adopted_or_refused_by_name() {
        let with = |change: fn(&mut Replication)| {
            changed(replicating(), |view| {
                change(view.replication.as_mut().unwrap())
            })
        };
        check(
            target(),
            &with(|replication| replication.status = ReplicationStatus::Enabling),
            Pending(Reason::ReplicationEnabling),
        );
        check(
            target(),
            &with(|replication| replication.last_replicated = None),
            Pending(Reason::FirstSyncRunning),
        );
        check(
            target(),
            &with(|replication| replication.status = ReplicationStatus::Paused),
            failed(Reason::ReplicationPaused),
        );
        check(
            target(),
            &with(|replication| replication.status = ReplicationStatus::Error),
            failed(Reason::ReplicationInError),
        );
        check(
            target(),
            &with(|replication| replication.status = ReplicationStatus::Deleting),
            refused(Reason::ReplicationDeleting),
        );
        check(
            target(),
            &with(|replication| replication.status = ReplicationStatus::Unknown),
            failed(Reason::UnknownState),
        );
        check(
            target(),
            &with(|replication| replication.destination_region = region("us-west-2")),
            refused(Reason::ReplicatesElsewhere),
        );
        check(over_existing(), &replicating(), done(Reason::ReplicaUsable));
        let other = to(|destination| destination.file_system = Some(reference("fs-00000003")));
        check(other, &replicating(), refused(Reason::ReplicatesElsewhere));
        let zone = |name: &str| {
            to(|destination| destination.availability_zone_name = Some(name.to_owned()))
        };
        check(
            zone("eu-west-1a"),
            &replicating(),
            refused(Reason::ReplicatesElsewhere),
        );
        let in_zone = changed(replicating(), |view| {
            view.destination.as_mut().unwrap().availability_zone_name =
                Some("eu-west-1a".to_owned())
        });
        check(zone("eu-west-1a"), &in_zone, done(Reason::ReplicaUsable));
    }

    /// Everything is asked for; the source has one of each.
    fn requested() -> (Target, Sides) {
        let mount_target = RequestedMountTarget {
            subnet_id: "subnet-00000001".to_owned(),
            security_groups: vec!["sg-00000001".to_owned()],
        };
        let replica = Requested {
            mount_targets: vec![mount_target],
            access_points: Copying::Copy,
            lifecycle: Copying::Copy,
            backup: Some(Backup::Enabled),
            policy: Copying::Copy,
            tags: Copying::Copy,
        };
        let mut view = replicating();
        view.source.as_mut().unwrap().tags = [
            ("Name".to_owned(), "data".to_owned()),
            ("aws:x".to_owned(), "y".to_owned()),
            (REPLICATE_TO_TAG.to_owned(), "eu-west-1".to_owned()),
        ]
        .into();
        view.source_parts = Parts {
            access_points: vec![access_point("fsap-00000001", "/app")],
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
    fn complete() -> (Target, Sides) {
        let (target, mut view) = requested();
        view.destination
            .as_mut()
            .unwrap()
            .tags
            .insert("Name".to_owned(), "data".to_owned());
        view.replica_parts = Parts {
            mount_targets: vec![MountTarget {
                subnet_id: "subnet-00000001".to_owned(),
                state: LifeCycle::Available,
                security_groups: vec!["sg-00000001".to_owned()],
            }],
            access_points: vec![access_point("fsap-00000002", "/app")],
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
        let (target, view) = requested();
        let Act(steps) = plan_sides(&command(vec![]), &target, &view, &policy()) else {
            panic!("nothing to do")
        };
        let replica_arn = &view.destination.as_ref().unwrap().arn;
        let expected = [
            provision(Resource::MountTarget(
                "subnet-00000001".to_owned(),
                vec!["sg-00000001".to_owned()],
            )),
            provision(Resource::AccessPoint(access_point("fsap-00000001", "/app"))),
            provision(Resource::Lifecycle(view.source_parts.lifecycle.clone())),
            provision(Resource::Backup(Backup::Enabled)),
            provision(Resource::Policy(
                json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Resource": replica_arn }] }),
            )),
            provision(Resource::Tags(
                [("Name".to_owned(), "data".to_owned())].into(),
            )),
        ];
        assert_eq!(steps, expected);
    }

    // Invariant 3.
    #[test]
    fn a_complete_replica_needs_nothing_and_a_part_that_is_gone_is_made_again() {
        let (target, view) = complete();
        check(target.clone(), &view, done(Reason::ReplicaUsable));
        let without =
            |change: fn(&mut Parts)| changed(view.clone(), |view| change(&mut view.replica_parts));
        for change in [
            |parts: &mut Parts| parts.mount_targets.clear(),
            |parts: &mut Parts| parts.access_points.clear(),
            |parts: &mut Parts| parts.lifecycle.clear(),
            |parts: &mut Parts| parts.backup = false,
            |parts: &mut Parts| parts.policy = None,
        ] {
            let verdict = plan_sides(&command(vec![]), &target, &without(change), &policy());
            assert_eq!(verdict.steps().len(), 1, "{verdict:?}");
        }
    }

    // Invariant 3.
    #[test]
    fn a_resource_that_is_not_available_is_waited_for_or_reported() {
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
            broken(Reason::PartInError, "subnet-00000001"),
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
            broken(Reason::MountTargetDiffers, "subnet-00000001"),
        );
        let mut any_group = target.clone();
        any_group.replica.mount_targets[0].security_groups.clear();
        check(any_group, &other, done(Reason::ReplicaUsable));
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
            done(Reason::ReplicaUsable),
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
            check(target(), &broken, failed(Reason::ReplicaUnusable));
        }
        let (target, view) = complete();
        check(
            target,
            &changed(view, |view| view.destination = None),
            failed(Reason::ReplicaUnusable),
        );
    }

    #[test]
    fn a_replica_of_another_kind_or_account_is_not_adopted() {
        let zonal = changed(replicating(), |view| {
            view.destination.as_mut().unwrap().availability_zone_name =
                Some("eu-west-1a".to_owned())
        });
        check(target(), &zonal, refused(Reason::ReplicatesElsewhere));
        let theirs = changed(replicating(), |view| {
            view.replication.as_mut().unwrap().destination_owner_id = Some(account("999999999999"))
        });
        check(target(), &theirs, refused(Reason::ReplicatesElsewhere));
    }

    #[test]
    fn the_keys_that_open_a_file_system_are_not_copied_whatever_they_are_called() {
        let (mut target, mut view) = complete();
        target.replica = Requested {
            tags: Copying::Copy,
            ..Requested::default()
        };
        let tags = &mut view.source.as_mut().unwrap().tags;
        tags.extend([
            ("dr-approved".to_owned(), "CHG9".to_owned()),
            ("keep".to_owned(), String::new()),
        ]);
        let mut policy = policy();
        policy.guardrails.approval = Approval::Tag("dr-approved".to_owned());
        policy.guardrails.protection_tag = "keep".to_owned();
        assert_eq!(
            plan_sides(&command(vec![]), &target, &view, &policy),
            done(Reason::ReplicaUsable)
        );
    }

    #[test]
    fn an_access_point_is_copied_without_the_tags_that_are_not_copied() {
        let (mut target, mut view) = requested();
        target.replica = Requested {
            access_points: Copying::Copy,
            ..Requested::default()
        };
        let tags = &mut view.source_parts.access_points[0].tags;
        tags.extend(
            ["Name", "aws:x", "drover:approved"].map(|key| (key.to_owned(), "x".to_owned())),
        );
        let mut copied = access_point("fsap-00000001", "/app");
        copied.tags.insert("Name".to_owned(), "x".to_owned());
        check(
            target,
            &view,
            Act(vec![provision(Resource::AccessPoint(copied))]),
        );
    }

    #[test]
    fn a_policy_with_an_unknown_arn_is_reported_and_stops_no_other_resource() {
        let (target, mut view) = complete();
        view.source_parts.policy = Some(
            json!({ "Statement": [{ "Resource": "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000009" }] }),
        );
        let unknown = "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000009";
        check(
            target.clone(),
            &view,
            broken(Reason::PolicyNotTranslatable, unknown),
        );
        view.replica_parts.backup = false;
        check(
            target,
            &view,
            Act(vec![provision(Resource::Backup(Backup::Enabled))]),
        );
    }

    #[test]
    fn a_policy_waits_for_the_access_points_that_it_names() {
        let (target, mut view) = requested();
        view.source_parts.policy =
            Some(json!({ "Statement": [{ "Resource": view.source_parts.access_points[0].arn }] }));
        let verdict = plan_sides(&command(vec![]), &target, &view, &policy());
        assert!(
            !verdict.steps().iter().any(|step| matches!(
                step,
                Step::Provision {
                    resource: Resource::Policy(_),
                    ..
                }
            )),
            "{verdict:?}"
        );
        view.replica_parts.access_points = vec![access_point("fsap-00000002", "/app")];
        let verdict = plan_sides(&command(vec![]), &target, &view, &policy());
        let replica_arn =
            "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000002";
        assert!(
            verdict
                .steps()
                .iter()
                .any(|step| matches!(step, Step::Provision { resource: Resource::Policy(policy), .. } if policy.to_string().contains(replica_arn)))
        );
    }

    #[test]
    fn what_was_not_read_is_never_complete() {
        let (target, view) = complete();
        let decide =
            |view: &View| first_alone(plan_target(&command(vec![]), &target, view, &policy()));
        assert_eq!(decide(&view.view), failed(Reason::UnknownState));

        let observed = view.observed_for(&command(vec![]), &target);
        assert_eq!(decide(&observed), done(Reason::ReplicaUsable));
        for forget in [
            |resources: &mut Resources| resources.mount_targets = None,
            |resources: &mut Resources| resources.access_points = None,
            |resources: &mut Resources| resources.lifecycle = None,
            |resources: &mut Resources| resources.backup = None,
            |resources: &mut Resources| resources.policy = None,
        ] {
            let mut unread = observed.clone();
            forget(unread.resources.as_mut().unwrap());
            assert_eq!(decide(&unread), failed(Reason::UnknownState));
        }
    }

    #[test]
    fn a_target_that_could_not_be_observed_hides_no_other() {
        let snapshot = Snapshot {
            targets: vec![
                Observation::Incomplete(Incomplete {
                    why: Unobserved::OutOfTime,
                    view: View::default(),
                }),
                Observation::Complete(alone().view),
            ],
        };
        let other = Target {
            source: reference("fs-00000009"),
            ..target()
        };
        let planned = plan(&command(vec![other, target()]), &snapshot, &policy());
        let expected = [
            Verdict::Unobserved(Unobserved::OutOfTime),
            create(&target()),
        ];
        assert_eq!(planned.targets, expected);
    }

    #[test]
    fn an_event_from_elsewhere_says_where_drover_is_missing() {
        let origin = Origin {
            account: Some("444455556666".to_owned()),
            region: Some("eu-west-3".to_owned()),
        };
        let planned = |elsewhere: Option<Origin>| {
            let view = View {
                elsewhere,
                ..View::default()
            };
            plan_target(&command(vec![target()]), &target(), &view, &policy())
        };

        assert_eq!(planned(None), refused(Reason::NotFound));
        let expected = Refused(vec![grounds::elsewhere(&origin)]);
        assert_eq!(planned(Some(origin)), expected);
    }

    #[test]
    fn a_request_over_the_limit_or_a_source_named_twice_is_refused() {
        let views = [alone(), alone()];
        let twice = plan_all(&command(vec![target(), target()]), &views, &policy());
        assert_eq!(twice, [create(&target()), refused(Reason::NamedTwice)]);
        let mut strict = policy();
        strict.guardrails.max_targets = 1;
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
            [create(&over_existing()), refused(Reason::NamedTwice)]
        );
        let over = plan_all(&command(vec![target(), target()]), &views, &strict);
        assert_eq!(
            over,
            [
                refused(Reason::OverMaxTargets),
                refused(Reason::OverMaxTargets)
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
            sides(View {
                source: Some(file_system("fs-00000009", "us-east-1")),
                ..View::default()
            }),
        ];
        let both = plan_all(
            &command(vec![target(), another.clone()]),
            &beside,
            &policy(),
        );
        assert_eq!(both, [create(&target()), create(&another)]);
    }
}
