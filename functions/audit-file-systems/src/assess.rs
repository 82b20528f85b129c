//! `assess`: what is to be said of each file system and replication, and which request would mend
//! it. Pure: no clock, no environment, no AWS.

use shared::{
    Grounds, Region, Unobserved,
    efs::{
        BOOTSTRAPPED_BY_TAG, FileSystem, FileSystemId, KeyComparison, LifeCycle, Protection,
        REPLICATE_TO_TAG, ReplicationStatus,
    },
    units,
};

use crate::{
    command::Command,
    defaults::Defaults,
    finding::Finding,
    policy::Policy,
    snapshot::{
        Comparison, Differences, Incoming, NAMED, Outgoing, PolicyDifference, Sighting, Snapshot,
    },
};

/// What is to be said of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment<'a> {
    /// What was looked at.
    pub examined: Vec<Subject<'a>>,
    /// What something is to be said of, the worst first.
    pub found: Vec<Assessed<'a>>,
}

/// What is to be said of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessed<'a> {
    /// Of what.
    pub subject: Subject<'a>,
    /// What, the worst first; never empty.
    pub findings: Vec<Grounds<Finding>>,
    /// The request that would mend it.
    pub proposal: Option<Proposal>,
}

/// What something can be said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A replication that starts in the Region.
    Outgoing(&'a Outgoing),
    /// A replication that ends in the Region.
    Incoming(&'a Incoming),
    /// A file system in no replication.
    Alone(&'a FileSystem),
    /// A file system of a replica's Region whose overwrite protection is disabled.
    Unprotected(&'a FileSystem),
    /// The list of a Region that could not be read.
    Region(&'a Region),
}

impl<'a> Subject<'a> {
    /// The replication from the Region that it is, if it is one.
    pub(crate) fn outgoing(&self) -> Option<&'a Outgoing> {
        match self {
            Self::Outgoing(it) => Some(it),
            _ => None,
        }
    }

    /// The file system that a request names it by, if it was read.
    fn file_system(self) -> Option<&'a FileSystem> {
        match self {
            Self::Outgoing(it) => it.source.seen(),
            Self::Incoming(it) => Some(&it.replica),
            Self::Alone(it) | Self::Unprotected(it) => Some(it),
            Self::Region(_) => None,
        }
    }
}

/// A request for a replica, or for what it lacks, that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The ID of the request.
    pub request_id: String,
    /// The file system that is to have a replica.
    pub source: FileSystemId,
    /// The Region of the replica.
    pub region: Region,
    /// The replica that is there, by its ID: a request without it would create a new one, if the
    /// replication were deleted meanwhile.
    pub replica: Option<FileSystemId>,
    /// What is to be copied of the source, in the words of the request.
    pub copies: Vec<&'static str>,
    /// What the deployment gives a new replica in the Region, which then takes the place of copies.
    pub defaults: Option<Defaults>,
}

/// Everything that a request can copy, with the finding for which it is asked.
const COPIES: [(Finding, &str); 4] = [
    (Finding::AccessPointsDiffer, "accessPoints"),
    (Finding::LifecycleDiffers, "lifecycle"),
    (Finding::PolicyDiffers, "policy"),
    (Finding::TagsDiffer, "tags"),
];

/// Assesses everything that was observed and that the command means.
#[must_use]
pub fn assess<'a>(command: &Command, snapshot: &'a Snapshot, policy: &Policy) -> Assessment<'a> {
    // A replica elsewhere counts with its source.
    let examined: Vec<Subject<'_>> = subjects(snapshot)
        .filter(|subject| command.means(subject.file_system()))
        .collect();
    let told = examined.iter().map(|subject| of_subject(*subject, policy));
    // A Region without replicas of ours may hold what is not seen now.
    let regions = snapshot.unread_regions.iter().map(|(region, why)| {
        let finding = not_read("the file systems of the Region", region, why);
        assessed(Subject::Region(region), vec![finding], None)
    });

    let mut found: Vec<Assessed<'_>> = regions.chain(told).flatten().collect();
    // The worst first; of two alike, the one with more to say.
    found.sort_by_key(|it| {
        let worst = it.findings.first().map(|grounds| grounds.reason);
        (worst, usize::MAX - it.findings.len())
    });
    Assessment { examined, found }
}

/// Everything of a snapshot of which something can be said, but for its Regions.
fn subjects(snapshot: &Snapshot) -> impl Iterator<Item = Subject<'_>> {
    let outgoing = snapshot.outgoing.iter().map(Subject::Outgoing);
    let incoming = snapshot.incoming.iter().map(Subject::Incoming);
    let alone = snapshot.alone.iter().map(Subject::Alone);
    let unprotected = snapshot.unprotected.iter().map(Subject::Unprotected);

    outgoing.chain(incoming).chain(alone).chain(unprotected)
}

fn of_subject<'a>(subject: Subject<'a>, policy: &Policy) -> Option<Assessed<'a>> {
    let (findings, proposal) = match subject {
        Subject::Outgoing(it) => {
            let findings = of_outgoing(it, policy);
            let proposal = provisioning(it, &findings);
            (findings, proposal)
        }
        Subject::Incoming(it) => (of_incoming(it).into_iter().collect(), None),
        Subject::Alone(it) => (of_alone(it, policy), replicating(it, policy)),
        Subject::Unprotected(it) => (unprotected(it, policy).into_iter().collect(), None),
        Subject::Region(_) => (Vec::new(), None),
    };

    assessed(subject, findings, proposal)
}

/// What is to be said, if anything is.
fn assessed(
    subject: Subject<'_>,
    mut findings: Vec<Grounds<Finding>>,
    proposal: Option<Proposal>,
) -> Option<Assessed<'_>> {
    findings.sort_by_key(|grounds| grounds.reason);

    (!findings.is_empty()).then_some(Assessed {
        subject,
        findings,
        proposal,
    })
}

/// What is to be said of a replication that starts in the Region.
fn of_outgoing(outgoing: &Outgoing, policy: &Policy) -> Vec<Grounds<Finding>> {
    // What is being deleted is gone in minutes, and its file systems are looked at by themselves.
    if outgoing.replication.status == ReplicationStatus::Deleting {
        return Vec::new();
    }

    // In the order in which they were read; a report has the worst first.
    let single = [
        status(outgoing),
        source(outgoing),
        sync(outgoing, policy),
        same_region(outgoing),
        other_region(outgoing),
    ];
    single
        .into_iter()
        .flatten()
        .chain(replica(outgoing))
        .chain(key(outgoing, policy))
        .chain(comparison(outgoing))
        .chain(tags(outgoing))
        .collect()
}

/// The status of the replication, with EFS's own words for it.
fn status(outgoing: &Outgoing) -> Option<Grounds<Finding>> {
    let replication = &outgoing.replication;
    let finding = match replication.status {
        ReplicationStatus::Error => Finding::ReplicationInError,
        ReplicationStatus::Paused | ReplicationStatus::Pausing => Finding::ReplicationPaused,
        ReplicationStatus::Unknown => return Some(unknown("Destinations[0].Status")),
        ReplicationStatus::Enabled | ReplicationStatus::Enabling | ReplicationStatus::Deleting => {
            return None;
        }
    };

    Some(in_words_of_efs(finding, replication.short_status_message()))
}

fn in_words_of_efs(finding: Finding, message: Option<String>) -> Grounds<Finding> {
    match message {
        Some(message) => Grounds::new(finding)
            .detail(message.as_str())
            .fact("statusMessage", message),
        None => Grounds::new(finding).detail("EFS does not say why"),
    }
}

fn source(outgoing: &Outgoing) -> Option<Grounds<Finding>> {
    // A source of another account would not be listed here.
    match &outgoing.source {
        Sighting::Gone => Some(Finding::SourceGone.into()),
        Sighting::Unread(why) => {
            let region = &outgoing.replication.source_region;
            Some(not_read("the source", region, why))
        }
        Sighting::Seen(_) | Sighting::InAnotherAccount(_) => None,
    }
}

/// How old the last sync is, or how long the first has been running.
fn sync(outgoing: &Outgoing, policy: &Policy) -> Option<Grounds<Finding>> {
    let allowed = policy.sync_seconds;
    let (finding, seconds) = match outgoing.seconds_since_sync {
        Some(seconds) => (Finding::SyncOverdue, seconds),
        // Before the first sync there is no age but that of the replication.
        None => (Finding::FirstSyncOverdue, outgoing.age_seconds?),
    };
    if seconds <= allowed {
        return None;
    }

    let (is, may_be) = (units::seconds(seconds), units::seconds(allowed));
    let detail = match finding {
        Finding::SyncOverdue => format!("{is} ago, {may_be} allowed"),
        _ => format!("replicating for {is}, {may_be} allowed"),
    };
    let grounds = Grounds::new(finding).detail(detail);
    Some(
        grounds
            .fact("seconds", seconds)
            .fact("allowedSeconds", allowed),
    )
}

fn same_region(outgoing: &Outgoing) -> Option<Grounds<Finding>> {
    let replication = &outgoing.replication;
    let region = &replication.source_region;

    // Allowed by EFS, and of use against mistakes, but not against the loss of a Region.
    (*region == replication.destination_region)
        .then(|| Grounds::new(Finding::SameRegion).detail(region.as_ref()))
}

/// The tag is compared with what it led to: somebody may have changed it since.
fn other_region(outgoing: &Outgoing) -> Option<Grounds<Finding>> {
    let tag = outgoing.source.seen()?.tags.get(REPLICATE_TO_TAG)?;
    let replica = &outgoing.replication.destination_region;

    match Region::try_from(tag.clone()) {
        Err(_) => Some(bad_tag(tag)),
        Ok(asked) if asked != *replica => {
            let grounds = Grounds::new(Finding::OtherRegion);
            let detail = format!("{replica}, not {asked}");
            Some(
                grounds
                    .detail(detail)
                    .fact("askedRegion", asked.to_string()),
            )
        }
        Ok(_) => None,
    }
}

/// What is to be said of the replica by itself.
fn replica(outgoing: &Outgoing) -> Vec<Grounds<Finding>> {
    let replica = match &outgoing.replica {
        Sighting::Seen(replica) => replica,
        Sighting::Gone => return vec![Finding::ReplicaNotFound.into()],
        Sighting::InAnotherAccount(account) => {
            let grounds = Grounds::new(Finding::ReplicaInAnotherAccount);
            let account = account.to_string();
            return vec![grounds.detail(account.as_str()).fact("account", account)];
        }
        Sighting::Unread(why) => {
            let region = &outgoing.replication.destination_region;
            return vec![not_read("the replica", region, why)];
        }
    };
    match replica.state {
        LifeCycle::Available | LifeCycle::Updating => {}
        // EFS is still setting it up.
        LifeCycle::Creating => return Vec::new(),
        LifeCycle::Deleting => return vec![state(Finding::ReplicaUnusable, "deleting")],
        LifeCycle::Error => return vec![state(Finding::ReplicaUnusable, "error")],
    }

    // Which subnets need one, only a request knows.
    let is_mounted = replica.mount_targets > 0;
    let unmounted = (!is_mounted).then(|| Finding::NoMountTarget.into());
    // Before the first sync nothing could be found usable.
    let is_synced = outgoing.replication.last_replicated.is_some();
    let is_marked = replica.tags.contains_key(BOOTSTRAPPED_BY_TAG);
    let unmarked = (is_synced && !is_marked).then(|| Finding::ReplicaNotMarked.into());
    unmounted.into_iter().chain(unmarked).collect()
}

/// The key of a replica that a tag asked for. What a request asked for is not known, nor what an
/// alias stands for.
fn key(outgoing: &Outgoing, policy: &Policy) -> Option<Grounds<Finding>> {
    let (source, replica) = (outgoing.source.seen()?, outgoing.replica.seen()?);
    let asked = source.tags.get(REPLICATE_TO_TAG)?;
    // The defaults of a Region where the replica is not are not those that it got.
    let is_there = asked == replica.region.as_ref();

    let defaults = policy.replica_defaults.in_region(&replica.region)?;
    let given = defaults.kms_key_id.as_deref().filter(|_| is_there)?;
    if KeyComparison::of(given, replica) != KeyComparison::Differs {
        return None;
    }
    let is = replica.kms_key_arn.as_deref().unwrap_or("not encrypted");
    Some(
        Grounds::new(Finding::KmsKeyDiffers)
            .detail(format!("{is}, not {given}"))
            .fact("kmsKeyId", is)
            .fact("givenKmsKeyId", given),
    )
}

fn state(finding: Finding, state: &str) -> Grounds<Finding> {
    Grounds::new(finding).detail(state).fact("state", state)
}

/// What the replica lacks of what its source has and EFS does not copy.
fn comparison(outgoing: &Outgoing) -> Vec<Grounds<Finding>> {
    match &outgoing.comparison {
        Comparison::NotDue => Vec::new(),
        Comparison::Unread(why) => {
            // The fault may be of either side; what is in the own Region is read for others too.
            let region = &outgoing.replication.destination_region;
            vec![not_read("what both file systems have", region, why)]
        }
        Comparison::Complete(differences) => {
            let found = [
                access_points(differences),
                lifecycle(differences),
                file_system_policy(differences),
            ];
            found.into_iter().flatten().collect()
        }
    }
}

fn access_points(differences: &Differences) -> Option<Grounds<Finding>> {
    let points = &differences.access_points;
    let missing = points.missing_count;
    // Those that are being created come by themselves.
    if missing == 0 && points.broken.is_none() {
        return None;
    }

    let first = points.missing.iter().map(|point| point.id.clone());
    let first: Vec<String> = first.collect();
    let mut parts = Vec::new();
    if missing > 0 {
        let more = if missing > first.len() {
            " and more"
        } else {
            ""
        };
        let counted = units::counted(missing as u64, "access point");
        parts.push(format!(
            "{counted} missing, like {}{more}",
            first.join(", ")
        ));
    }
    if let Some(id) = &points.broken {
        parts.push(format!("{id} in error"));
    }
    let grounds = Grounds::new(Finding::AccessPointsDiffer)
        .detail(parts.join("; "))
        .fact("missing", missing)
        .fact("accessPointIds", first);
    Some(grounds)
}

fn lifecycle(differences: &Differences) -> Option<Grounds<Finding>> {
    let (source, replica) = differences.lifecycle.as_ref()?;
    // Without policies files never move.
    let in_words = |transitions: &shared::efs::Transitions| match transitions.is_empty() {
        true => "none".to_owned(),
        false => {
            let words = transitions
                .iter()
                .map(|(name, rule)| format!("{name} {rule}"));
            words.collect::<Vec<_>>().join(", ")
        }
    };

    let (source, replica) = (in_words(source), in_words(replica));
    let grounds = Grounds::new(Finding::LifecycleDiffers)
        .detail(format!("{replica}; the source has {source}"))
        .fact("source", source)
        .fact("replica", replica);
    Some(grounds)
}

fn file_system_policy(differences: &Differences) -> Option<Grounds<Finding>> {
    match &differences.policy {
        PolicyDifference::None => None,
        PolicyDifference::Lacking => Some(Finding::PolicyDiffers.into()),
        PolicyDifference::NotTranslatable(name) => {
            let grounds = Grounds::new(Finding::PolicyNotTranslatable);
            Some(
                grounds
                    .detail(name.as_str())
                    .fact("resource", name.as_str()),
            )
        }
    }
}

fn tags(outgoing: &Outgoing) -> Option<Grounds<Finding>> {
    // A replica that cannot be used is not told what it lacks.
    outgoing.comparable()?;
    let difference = outgoing.tags.as_ref()?;
    let count = difference.keys.len();
    if count == 0 {
        return None;
    }

    // Values may be secrets; keys say enough.
    let first: Vec<String> = difference.keys.iter().take(NAMED).cloned().collect();
    let more = if count > NAMED { " and more" } else { "" };
    let room = match difference.fits {
        true => "",
        false => "; with them the replica would exceed AWS's 50 tags",
    };
    let grounds = Grounds::new(Finding::TagsDiffer)
        .detail(format!("{}{more}{room}", first.join(", ")))
        .fact("missing", count)
        .fact("keys", first);
    Some(grounds)
}

/// What is to be said of a replica whose source is elsewhere: the audit there says the rest.
fn of_incoming(incoming: &Incoming) -> Option<Grounds<Finding>> {
    let replication = &incoming.replication;

    match &incoming.source {
        Sighting::Gone => Some(Finding::SourceGone.into()),
        Sighting::Unread(why) => Some(not_read("the source", &replication.source_region, why)),
        // A source that left a replication behind cannot be asked.
        Sighting::InAnotherAccount(_) if replication.status == ReplicationStatus::Error => {
            let message = replication.short_status_message();
            Some(in_words_of_efs(Finding::ReplicationInError, message))
        }
        Sighting::InAnotherAccount(_) | Sighting::Seen(_) => None,
    }
}

/// What is to be said of a file system in no replication.
fn of_alone(file_system: &FileSystem, policy: &Policy) -> Vec<Grounds<Finding>> {
    // What is being deleted needs nothing any more.
    if file_system.state == LifeCycle::Deleting {
        return Vec::new();
    }

    let asked =
        file_system
            .tags
            .get(REPLICATE_TO_TAG)
            .map(|value| match Region::try_from(value.clone()) {
                Ok(region) => not_replicated(file_system, &region),
                Err(_) => bad_tag(value),
            });
    asked
        .into_iter()
        .chain(unprotected(file_system, policy))
        .collect()
}

fn not_replicated(file_system: &FileSystem, region: &Region) -> Grounds<Finding> {
    // Where no request is offered, the finding says why.
    let obstacle = match obstacle(file_system) {
        Some(obstacle) => format!("; {obstacle}"),
        None => String::new(),
    };

    Grounds::new(Finding::NotReplicated)
        .detail(format!("{REPLICATE_TO_TAG} = {region}{obstacle}"))
        .fact("tag", REPLICATE_TO_TAG)
        .fact("destinationRegion", region.to_string())
}

/// Why a request for a replica would be refused, or would have to wait.
fn obstacle(file_system: &FileSystem) -> Option<&'static str> {
    if file_system.protection == Protection::Replicating {
        return Some("it is a replica itself");
    }

    match file_system.state {
        LifeCycle::Available if file_system.encrypted => None,
        LifeCycle::Available => {
            Some("it is not encrypted, so its request needs acceptNoFailback: true")
        }
        LifeCycle::Creating | LifeCycle::Updating => Some("it is being created or updated"),
        LifeCycle::Deleting | LifeCycle::Error => Some("it is in error"),
    }
}

fn bad_tag(value: &str) -> Grounds<Finding> {
    Grounds::new(Finding::BadReplicateToTag)
        .detail(value)
        .fact("tag", REPLICATE_TO_TAG)
        .fact("value", value)
}

/// That a new replication may overwrite a file system, which EFS prevents unless somebody allows it.
fn unprotected(file_system: &FileSystem, policy: &Policy) -> Option<Grounds<Finding>> {
    if file_system.protection != Protection::Disabled {
        return None;
    }

    // It may be on purpose: what speaks for either is told.
    let mut details = Vec::new();
    let mut grounds = Grounds::new(Finding::OverwriteProtectionOff);
    if let Some(request) = file_system.tags.get(BOOTSTRAPPED_BY_TAG) {
        details.push(format!("it was the replica of {request}"));
        grounds = grounds.fact("bootstrappedBy", request.as_str());
    }
    if let Some(request) = policy.guardrails.approved_request(&file_system.tags) {
        details.push(format!("approved to be overwritten for {request}"));
        grounds = grounds.fact("approvedFor", request.as_str());
    }
    Some(match details.is_empty() {
        true => grounds,
        false => grounds.detail(details.join("; ")),
    })
}

/// The member of a description that this program does not understand.
fn unknown(member: &str) -> Grounds<Finding> {
    Grounds::new(Finding::UnknownState)
        .detail(member)
        .fact("member", member)
}

fn not_read(what: &str, region: &Region, why: &Unobserved) -> Grounds<Finding> {
    let grounds = Grounds::new(Finding::NotRead)
        .fact("unread", what)
        .fact("unreadRegion", region.to_string());

    match why {
        Unobserved::OutOfTime => grounds.detail(format!("{what}: the time was up")),
        Unobserved::Failed(call) => {
            let mut grounds = grounds.detail(format!("{what}: {call}"));
            grounds.facts.extend(call.facts());
            grounds
        }
    }
}

/// The request for a replica that a tag asks for, unless it would be refused.
fn replicating(file_system: &FileSystem, policy: &Policy) -> Option<Proposal> {
    let tag = file_system.tags.get(REPLICATE_TO_TAG)?;
    let region = Region::try_from(tag.clone()).ok()?;

    // What the event of the tag would have given it; a key can never be changed.
    let defaults = policy.replica_defaults.in_region(&region).cloned();
    let copies = match defaults {
        Some(_) => Vec::new(),
        None => COPIES.map(|(_, copied)| copied).to_vec(),
    };
    obstacle(file_system).is_none().then(|| Proposal {
        request_id: format!("replicate-{}", file_system.id),
        source: file_system.id.clone(),
        region,
        replica: None,
        copies,
        defaults,
    })
}

/// The request for what a replica lacks, unless it would be refused.
fn provisioning(outgoing: &Outgoing, findings: &[Grounds<Finding>]) -> Option<Proposal> {
    // Only a replication that is enabled is provisioned, and only from here.
    let (source, replica) = outgoing.comparable()?;
    if outgoing.replication.status != ReplicationStatus::Enabled {
        return None;
    }

    // Only what is asked for is copied: the rest of the replica stays as it is.
    let has = |finding: Finding| findings.iter().any(|it| it.reason == finding);
    let fits = outgoing.tags.as_ref().is_none_or(|tags| tags.fits);
    let copies = COPIES.into_iter().filter(|(finding, _)| has(*finding));
    let copies: Vec<&str> = copies
        .filter(|(finding, _)| fits || *finding != Finding::TagsDiffer)
        .map(|(_, copied)| copied)
        .collect();
    // A mark says that the replica is usable, which nothing can mount and nobody may use.
    let is_usable = !has(Finding::NoMountTarget) && !has(Finding::PolicyNotTranslatable);
    if copies.is_empty() && !(has(Finding::ReplicaNotMarked) && is_usable) {
        return None;
    }

    Some(Proposal {
        request_id: format!("provision-{}", source.id),
        source: source.id.clone(),
        region: replica.region.clone(),
        replica: Some(replica.id.clone()),
        copies,
        defaults: None,
    })
}

#[cfg(test)]
mod tests {
    use shared::{
        FailedCall, FaultKind,
        efs::{AccessPoints, Replication},
    };

    use super::*;
    use crate::fixtures::{
        HERE, REPLICA, SOURCE, THERE, access_point, all, file_system, outgoing, policy, region,
        replication, tagged,
    };

    #[test]
    fn a_replica_is_told_if_it_has_another_key_than_those_get_that_a_tag_asks_for() {
        const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1";
        let found = |given: &str, change: fn(&mut Outgoing)| {
            let defaults = format!(r#"{{ "eu-west-1": {{ "kmsKeyId": "{given}" }} }}"#);
            let policy =
                Policy::from_lookup(|name| (name == "REPLICA_DEFAULTS").then(|| defaults.clone()));
            let mut outgoing = outgoing();
            let source = outgoing.source.seen().unwrap().clone();
            outgoing.source = Sighting::of(tagged(source, REPLICATE_TO_TAG, THERE));
            if let Sighting::Seen(replica) = &mut outgoing.replica {
                replica.kms_key_arn = Some(KEY.to_owned());
            }
            change(&mut outgoing);
            key(&outgoing, &policy.unwrap())
        };

        let differs = found("2", |_| {}).unwrap();
        assert_eq!(differs.reason, Finding::KmsKeyDiffers);
        assert_eq!(differs.detail.unwrap(), format!("{KEY}, not 2"));
        for same in ["1", KEY, "alias/dr"] {
            assert_eq!(found(same, |_| {}), None, "{same}");
        }
        // What a request asked for is not known.
        let untagged = |it: &mut Outgoing| {
            it.source = Sighting::of(file_system(SOURCE, HERE));
        };
        assert_eq!(found("2", untagged), None);
    }

    fn failed() -> Unobserved {
        Unobserved::Failed(FailedCall::new("DescribeX", FaultKind::AccessDenied))
    }

    fn account() -> shared::AccountId {
        "999999999999".to_owned().try_into().unwrap()
    }

    /// What is found of a healthy replication after a change to it.
    fn found(change: impl FnOnce(&mut Outgoing)) -> Vec<Finding> {
        found_and_offered(change).0
    }

    fn found_and_offered(change: impl FnOnce(&mut Outgoing)) -> (Vec<Finding>, Option<Proposal>) {
        let mut outgoing = outgoing();
        change(&mut outgoing);
        first(Snapshot {
            outgoing: vec![outgoing],
            ..Snapshot::default()
        })
    }

    /// What is found first, and what is offered for it.
    fn first(snapshot: Snapshot) -> (Vec<Finding>, Option<Proposal>) {
        let policy = policy();
        let mut found = assess(&all(), &snapshot, &policy).found.into_iter();

        found.next().map_or((Vec::new(), None), |it| {
            let findings = it.findings.iter().map(|grounds| grounds.reason);
            (findings.collect(), it.proposal)
        })
    }

    fn details(change: impl FnOnce(&mut Outgoing)) -> Vec<String> {
        let mut outgoing = outgoing();
        change(&mut outgoing);
        let snapshot = Snapshot {
            outgoing: vec![outgoing],
            ..Snapshot::default()
        };
        let policy = policy();
        let found = assess(&all(), &snapshot, &policy).found;
        let details = found.iter().flat_map(|it| &it.findings);
        details
            .map(|it| it.detail.clone().unwrap_or_default())
            .collect()
    }

    fn source_of(outgoing: &mut Outgoing) -> &mut FileSystem {
        seen(&mut outgoing.source)
    }

    fn replica_of(outgoing: &mut Outgoing) -> &mut FileSystem {
        seen(&mut outgoing.replica)
    }

    fn seen(sighting: &mut Sighting) -> &mut FileSystem {
        match sighting {
            Sighting::Seen(file_system) => file_system,
            _ => panic!("not seen"),
        }
    }

    fn differ(change: impl FnOnce(&mut Differences)) -> impl FnOnce(&mut Outgoing) {
        |outgoing| {
            let mut differences = Differences::default();
            change(&mut differences);
            outgoing.comparison = Comparison::Complete(Box::new(differences));
        }
    }

    #[test]
    fn of_a_healthy_replication_nothing_is_said() {
        assert_eq!(found_and_offered(|_| {}), (vec![], None));
    }

    #[test]
    fn a_replication_that_does_not_run_is_found_with_the_words_of_efs() {
        use Finding::*;
        let in_status = |status| found(|it| it.replication.status = status);

        assert_eq!(in_status(ReplicationStatus::Error), [ReplicationInError]);
        assert_eq!(in_status(ReplicationStatus::Paused), [ReplicationPaused]);
        assert_eq!(in_status(ReplicationStatus::Pausing), [ReplicationPaused]);
        assert_eq!(in_status(ReplicationStatus::Unknown), [UnknownState]);
        assert_eq!(in_status(ReplicationStatus::Enabling), []);
        assert_eq!(in_status(ReplicationStatus::Deleting), []);

        let said = |message: Option<&str>| {
            details(|it| {
                it.replication.status = ReplicationStatus::Error;
                it.replication.status_message = message.map(str::to_owned);
            })
        };
        assert_eq!(said(Some("the key is gone")), ["the key is gone"]);
        assert_eq!(said(None), ["EFS does not say why"]);
    }

    #[test]
    fn the_line_of_the_last_sync_is_drawn_where_the_deployment_draws_it() {
        use Finding::*;
        let ago = |seconds| found(|it| it.seconds_since_sync = Some(seconds));
        assert_eq!(ago(900), []);
        assert_eq!(ago(901), [SyncOverdue]);

        // Before the first sync the age of the replication counts.
        let syncing = |seconds| {
            found(|it| {
                it.seconds_since_sync = None;
                it.replication.last_replicated = None;
                it.age_seconds = Some(seconds);
            })
        };
        assert_eq!(syncing(900), []);
        assert_eq!(syncing(901), [FirstSyncOverdue]);
        let since = details(|it| it.seconds_since_sync = Some(7200));
        assert_eq!(since, ["2 hours ago, 15 minutes allowed"]);

        let patient = Policy {
            sync_seconds: 86_400,
            ..policy()
        };
        let mut late = outgoing();
        late.seconds_since_sync = Some(86_400);
        assert_eq!(sync(&late, &patient), None);
    }

    #[test]
    fn an_end_that_is_not_there_is_told_from_one_that_was_not_read() {
        use Finding::*;
        let source = |source| found(|it| it.source = source);
        assert_eq!(source(Sighting::Gone), [SourceGone]);
        assert_eq!(source(Sighting::Unread(failed())), [NotRead]);

        let replica = |replica| found(|it| it.replica = replica);
        assert_eq!(replica(Sighting::Gone), [ReplicaNotFound]);
        assert_eq!(replica(Sighting::Unread(failed())), [NotRead]);
        let theirs = replica(Sighting::InAnotherAccount(account()));
        assert_eq!(theirs, [ReplicaInAnotherAccount]);
    }

    #[test]
    fn a_replica_has_to_be_usable_mounted_and_marked() {
        use Finding::*;
        let state = |state| found(|it| replica_of(it).state = state);
        assert_eq!(state(LifeCycle::Error), [ReplicaUnusable]);
        assert_eq!(state(LifeCycle::Deleting), [ReplicaUnusable]);
        assert_eq!(state(LifeCycle::Creating), []);

        let unmounted = found(|it| replica_of(it).mount_targets = 0);
        assert_eq!(unmounted, [NoMountTarget]);
        let unmarked = |it: &mut Outgoing| replica_of(it).tags.clear();
        assert_eq!(found(unmarked), [ReplicaNotMarked]);
        // Nothing is marked before its first sync.
        let syncing = found(|it| {
            unmarked(it);
            it.replication.last_replicated = None;
            (it.seconds_since_sync, it.age_seconds) = (None, Some(1));
        });
        assert_eq!(syncing, []);
    }

    #[test]
    fn a_replica_is_where_it_was_asked_for_and_in_another_region() {
        use Finding::*;
        let tag = |value: &'static str| {
            move |it: &mut Outgoing| {
                let source = source_of(it);
                *source = tagged(source.clone(), REPLICATE_TO_TAG, value);
            }
        };
        assert_eq!(found(tag(THERE)), []);
        assert_eq!(found(tag("eu-north-1")), [OtherRegion]);
        assert_eq!(details(tag("eu-north-1")), ["eu-west-1, not eu-north-1"]);
        assert_eq!(found(tag("Ireland")), [BadReplicateToTag]);

        let within = |it: &mut Outgoing| it.replication.destination_region = region(HERE);
        assert_eq!(found(within), [SameRegion]);
    }

    #[test]
    fn what_the_replica_lacks_is_found_and_offered() {
        use Finding::*;
        let offered = |change: &dyn Fn(&mut Outgoing)| {
            let (findings, proposal) = found_and_offered(change);
            (findings, proposal.map(|it| it.copies))
        };

        let points = AccessPoints {
            missing: vec![access_point("fsap-00000001", "/app")],
            missing_count: 1,
            ..AccessPoints::default()
        };
        let lacking = |it: &mut Outgoing| differ(|it| it.access_points = points.clone())(it);
        let expected = (vec![AccessPointsDiffer], Some(vec!["accessPoints"]));
        assert_eq!(offered(&lacking), expected);
        assert_eq!(
            details(lacking),
            ["1 access point missing, like fsap-00000001"]
        );

        let expected = (vec![PolicyDiffers], Some(vec!["policy"]));
        let lacking = |it: &mut Outgoing| differ(|it| it.policy = PolicyDifference::Lacking)(it);
        assert_eq!(offered(&lacking), expected);

        let archive = ("TransitionToIA".to_owned(), "AFTER_30_DAYS".to_owned());
        let both = (
            shared::efs::Transitions::from([archive]),
            shared::efs::Transitions::new(),
        );
        let other = |it: &mut Outgoing| differ(|it| it.lifecycle = Some(both.clone()))(it);
        let expected = (vec![LifecycleDiffers], Some(vec!["lifecycle"]));
        assert_eq!(offered(&other), expected);
        let detail = "none; the source has TransitionToIA AFTER_30_DAYS";
        assert_eq!(details(other), [detail]);

        let tags = |it: &mut Outgoing| it.tags.as_mut().unwrap().keys = vec!["Name".to_owned()];
        assert_eq!(offered(&tags), (vec![TagsDiffer], Some(vec!["tags"])));
        let unmarked = |it: &mut Outgoing| replica_of(it).tags.clear();
        assert_eq!(offered(&unmarked), (vec![ReplicaNotMarked], Some(vec![])));
    }

    #[test]
    fn what_a_request_could_not_mend_is_not_offered() {
        use Finding::*;
        let name = || PolicyDifference::NotTranslatable("vpc-1".to_owned());
        let translated = found_and_offered(differ(|it| it.policy = name()));
        assert_eq!(translated, (vec![PolicyNotTranslatable], None));

        let broken = |it: &mut Differences| it.access_points.broken = Some("fsap-2".to_owned());
        assert_eq!(found(differ(broken)), [AccessPointsDiffer]);
        let creating = found(differ(|it| it.access_points.is_creating = true));
        assert_eq!(creating, []);

        // No request has room for what does not fit.
        let tags = |fits| {
            found_and_offered(|it| {
                let tags = it.tags.as_mut().unwrap();
                (tags.keys, tags.fits) = (vec!["Name".to_owned()], fits);
            })
        };
        assert!(tags(true).1.is_some());
        assert_eq!(tags(false), (vec![TagsDiffer], None));
        // A paused replication is not provisioned.
        let paused = found_and_offered(|it| {
            it.replication.status = ReplicationStatus::Paused;
            replica_of(it).tags.clear();
        });
        assert_eq!(paused, (vec![ReplicationPaused, ReplicaNotMarked], None));
    }

    #[test]
    fn what_was_not_read_is_neither_the_same_nor_missing() {
        let unread = |it: &mut Outgoing| it.comparison = Comparison::Unread(failed());
        assert_eq!(found(unread), [Finding::NotRead]);
        let expected = "what both file systems have: DescribeX: the role of the function may not do \
                        this";
        assert_eq!(details(unread), [expected]);

        let late = |it: &mut Outgoing| it.comparison = Comparison::Unread(Unobserved::OutOfTime);
        assert_eq!(
            details(late),
            ["what both file systems have: the time was up"]
        );
        let region = Snapshot {
            unread_regions: [(region(THERE), failed())].into(),
            ..Snapshot::default()
        };
        assert_eq!(first(region).0, [Finding::NotRead]);
    }

    /// What is found of a file system in no replication, and the offered Region.
    fn alone(change: impl FnOnce(&mut FileSystem)) -> (Vec<Finding>, Option<Region>) {
        let mut file_system = file_system(SOURCE, HERE);
        change(&mut file_system);
        let (findings, proposal) = first(Snapshot {
            alone: vec![file_system],
            ..Snapshot::default()
        });

        (findings, proposal.map(|it| it.region))
    }

    fn tag(file_system: &mut FileSystem, value: &str) {
        *file_system = tagged(file_system.clone(), REPLICATE_TO_TAG, value);
    }

    #[test]
    fn a_file_system_that_asks_for_a_replica_is_offered_one_and_no_other_is() {
        use Finding::*;
        assert_eq!(alone(|_| {}), (vec![], None));
        let asked = alone(|it| tag(it, THERE));
        assert_eq!(asked, (vec![NotReplicated], Some(region(THERE))));
        let bad = alone(|it| tag(it, "Ireland"));
        assert_eq!(bad, (vec![BadReplicateToTag], None));

        // Whatever refuses a request keeps it from being offered.
        let changes: [fn(&mut FileSystem); 4] = [
            |it| it.encrypted = false,
            |it| it.state = LifeCycle::Creating,
            |it| it.state = LifeCycle::Error,
            |it| it.protection = Protection::Replicating,
        ];
        for change in changes {
            let refused = alone(|it| {
                tag(it, THERE);
                change(it);
            });
            assert_eq!(refused, (vec![NotReplicated], None));
        }
        let deleting = alone(|it| {
            tag(it, THERE);
            it.state = LifeCycle::Deleting;
        });
        assert_eq!(deleting, (vec![], None));
    }

    #[test]
    fn a_file_system_that_may_be_overwritten_is_found_here_and_there() {
        use Finding::*;
        let open = |it: &mut FileSystem| it.protection = Protection::Disabled;
        assert_eq!(alone(open).0, [OverwriteProtectionOff]);
        assert_eq!(alone(|it| it.protection = Protection::Unknown).0, []);

        let mut released = tagged(file_system(REPLICA, THERE), BOOTSTRAPPED_BY_TAG, "CHG1");
        open(&mut released);
        let detail = unprotected(&released, &policy()).unwrap().detail;
        assert_eq!(detail.as_deref(), Some("it was the replica of CHG1"));
        let snapshot = Snapshot {
            unprotected: vec![released],
            ..Snapshot::default()
        };
        assert_eq!(first(snapshot).0, [OverwriteProtectionOff]);
    }

    #[test]
    fn of_a_replica_here_it_is_said_that_its_source_is_gone() {
        use Finding::*;
        let incoming = |source, status| {
            let incoming = Incoming {
                replication: Replication {
                    status,
                    ..replication()
                },
                replica: file_system(REPLICA, THERE),
                source,
            };
            let snapshot = Snapshot {
                incoming: vec![incoming],
                ..Snapshot::default()
            };
            first(snapshot).0
        };
        let error = ReplicationStatus::Error;
        let theirs = || Sighting::InAnotherAccount(account());

        assert_eq!(incoming(Sighting::Gone, error), [SourceGone]);
        assert_eq!(incoming(Sighting::Unread(failed()), error), [NotRead]);
        assert_eq!(incoming(theirs(), error), [ReplicationInError]);
        assert_eq!(incoming(theirs(), ReplicationStatus::Enabled), []);
        let there = Sighting::of(file_system(SOURCE, HERE));
        assert_eq!(incoming(there, error), []);
    }

    #[test]
    fn the_worst_comes_first() {
        let mut unmarked = outgoing();
        replica_of(&mut unmarked).tags.clear();
        let mut both = unmarked.clone();
        replica_of(&mut both).mount_targets = 0;
        let mut broken = unmarked.clone();
        broken.replication.status = ReplicationStatus::Error;
        let snapshot = Snapshot {
            outgoing: vec![unmarked, both, broken],
            ..Snapshot::default()
        };

        let policy = policy();
        let found = assess(&all(), &snapshot, &policy).found;
        let order = found.iter().map(|it| it.findings[0].reason);
        use Finding::*;
        let expected = [ReplicationInError, NoMountTarget, ReplicaNotMarked];
        assert_eq!(order.collect::<Vec<_>>(), expected);

        // Of one replication too, whichever was read first.
        let both = |it: &mut Outgoing| {
            it.seconds_since_sync = Some(901);
            it.replica = Sighting::Unread(failed());
        };
        assert_eq!(self::found(both), [NotRead, SyncOverdue]);
    }
}
