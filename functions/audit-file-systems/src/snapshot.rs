//! What was observed of EFS, as far as an assessment needs it.

use std::collections::BTreeMap;

use shared::{
    AccountId, Region, Unobserved,
    efs::{
        AccessPoints, BOOTSTRAPPED_BY_TAG, FileSystem, FileSystemId, LifeCycle, MAX_TAGS,
        REPLICATE_TO_TAG, Replication, ReplicationStatus, Transitions, copied_tags,
        count_user_tags,
    },
    guardrails::Tags,
};

use crate::policy::Policy;

/// How many things alike, such as access points or tags, a finding names before it counts them.
pub(crate) const NAMED: usize = 4;

/// What was observed of EFS in one account and Region, and of the replicas of its file systems.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The replications that start in the Region.
    pub outgoing: Vec<Outgoing>,
    /// The replications that end in the Region, and start elsewhere.
    pub incoming: Vec<Incoming>,
    /// The file systems of the Region that are in no replication.
    pub alone: Vec<FileSystem>,
    /// The file systems of the replicas' Regions whose overwrite protection is disabled.
    pub unprotected: Vec<FileSystem>,
    /// The Regions of replicas whose file systems could not be listed.
    pub unread_regions: BTreeMap<Region, Unobserved>,
}

/// A replication that starts in the Region, with both of its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The replication.
    pub replication: Replication,
    /// For how many seconds it has existed, by the clock of the read.
    pub age_seconds: Option<u64>,
    /// How many seconds ago the last sync was complete; `None` before the first.
    pub seconds_since_sync: Option<u64>,
    /// Where the data comes from.
    pub source: Sighting,
    /// Where it goes.
    pub replica: Sighting,
    /// The tags of both, compared, if both were listed.
    pub tags: Option<TagDifference>,
    /// What both have besides.
    pub comparison: Comparison,
}

/// A replication that ends in the Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The replication.
    pub replication: Replication,
    /// The file system of the Region.
    pub replica: FileSystem,
    /// Where the data comes from.
    pub source: Sighting,
}

/// What was seen of one end of a replication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// It exists.
    Seen(Box<FileSystem>),
    /// EFS says that it does not exist.
    Gone,
    /// It belongs to another account, so that nothing can be said of it.
    InAnotherAccount(AccountId),
    /// It could not be read, so that nothing is known of it.
    Unread(Unobserved),
}

/// How a replica differs from its source in what EFS does not copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// In this state of the replication or of the replica there is nothing to compare.
    NotDue,
    /// Both sides were read.
    Complete(Box<Differences>),
    /// Not everything could be read.
    Unread(Unobserved),
}

/// What a replica lacks of its source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// The access points of both; of those that are missing the first are kept.
    pub access_points: AccessPoints,
    /// The lifecycle policies of source and replica, if they differ.
    pub lifecycle: Option<(Transitions, Transitions)>,
    /// The file system policies.
    pub policy: PolicyDifference,
}

/// What a replica's file system policy lacks of its source's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PolicyDifference {
    /// Nothing.
    #[default]
    None,
    /// At least one statement.
    Lacking,
    /// The source's policy names this, which has no counterpart.
    NotTranslatable(String),
}

/// What a replica lacks of its source's tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagDifference {
    /// The keys that are missing or have another value.
    pub keys: Vec<String>,
    /// Whether the replica has room for all of them.
    pub fits: bool,
}

impl Snapshot {
    /// The file system of the Region with this ID, if it was looked at.
    #[must_use]
    pub fn file_system(&self, id: &FileSystemId) -> Option<&FileSystem> {
        // A source that was not read cannot be told apart from one that is not there.
        let outgoing = self.outgoing.iter().filter_map(|it| it.source.seen());
        // A replica in the Region of its source is one of the file systems here.
        let replicas = self
            .outgoing
            .iter()
            .filter(|it| it.replication.source_region == it.replication.destination_region)
            .filter_map(|it| it.replica.seen());
        let incoming = self.incoming.iter().map(|it| &it.replica);

        let mut all = outgoing.chain(replicas).chain(incoming).chain(&self.alone);
        all.find(|file_system| file_system.id == *id)
    }
}

impl Outgoing {
    /// Both file systems, where what they have besides the data is worth a comparison: EFS has set
    /// up the replication and not given it up, and the replica can be provisioned.
    #[must_use]
    pub fn comparable(&self) -> Option<(&FileSystem, &FileSystem)> {
        // While it is ENABLING the replica may still be created; after an ERROR it is made anew.
        let is_set_up = matches!(
            self.replication.status,
            ReplicationStatus::Enabled | ReplicationStatus::Pausing | ReplicationStatus::Paused
        );
        let (source, replica) = (self.source.seen()?, self.replica.seen()?);

        let is_usable = matches!(replica.state, LifeCycle::Available | LifeCycle::Updating);
        (is_set_up && is_usable).then_some((source, replica))
    }
}

impl Sighting {
    /// What is not read yet.
    pub(crate) const UNREAD: Self = Self::Unread(Unobserved::OutOfTime);

    /// A file system that exists.
    #[must_use]
    pub fn of(file_system: FileSystem) -> Self {
        Self::Seen(Box::new(file_system))
    }

    /// The file system, if it was read.
    #[must_use]
    pub fn seen(&self) -> Option<&FileSystem> {
        match self {
            Self::Seen(file_system) => Some(file_system),
            _ => None,
        }
    }
}

impl TagDifference {
    /// What of a source's tags its replica should have, and has not.
    #[must_use]
    pub fn between(source: &Tags, replica: &Tags, policy: &Policy) -> Self {
        // A tag of the replica's own is none of its source's business.
        let mut missing = copied_tags(source, &policy.guardrails);
        missing.retain(|key, value| replica.get(key) != Some(value));

        // One that only has another value takes no room.
        let new = missing.keys().filter(|key| !replica.contains_key(*key));
        let fits = count_user_tags(replica) + new.count() <= MAX_TAGS;
        Self {
            keys: missing.into_keys().collect(),
            fits,
        }
    }
}

/// A file system with the tags alone that decide anything: 1,000 file systems with 50 tags each
/// would not fit into the function's memory.
#[must_use]
pub fn without_other_tags(mut file_system: FileSystem, policy: &Policy) -> FileSystem {
    // The others were compared while they were at hand.
    let decides = |key: &str| {
        key == REPLICATE_TO_TAG
            || key == BOOTSTRAPPED_BY_TAG
            || policy.guardrails.is_control_tag(key)
    };

    file_system.tags.retain(|key, _| decides(key));
    file_system
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{file_system, outgoing, policy, tagged};

    #[test]
    fn tags_of_the_replica_are_compared_with_those_that_it_inherits() {
        let tags = |tags: &[(&str, &str)]| -> Tags {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            tags.iter().map(owned).collect()
        };
        let source = tags(&[
            ("Name", "app"),
            ("aws:x", "1"),
            ("drover:protected", ""),
            ("cost", "1"),
        ]);
        let differ = |replica: &[(&str, &str)]| {
            TagDifference::between(&source, &tags(replica), &policy()).keys
        };

        assert_eq!(
            differ(&[("Name", "app"), ("cost", "1"), ("own", "1")]),
            [""; 0]
        );
        assert_eq!(differ(&[("Name", "app")]), ["cost"]);
        assert_eq!(differ(&[("Name", "other"), ("cost", "1")]), ["Name"]);
    }

    #[test]
    fn a_replica_with_fifty_tags_has_no_room_for_one_more() {
        let numbered = |count: usize| -> Tags {
            let tag = |number| (format!("t{number}"), String::new());
            (0..count).map(tag).collect()
        };
        let source: Tags = [("Name".to_owned(), String::new())].into();
        let fits = |count| TagDifference::between(&source, &numbered(count), &policy()).fits;

        assert!(fits(49));
        assert!(!fits(50));
    }

    #[test]
    fn of_the_tags_those_that_decide_are_kept() {
        let mut all = file_system("fs-00000001", "us-east-1");
        let deciding = [
            "drover:approved",
            "drover:bootstrapped-by",
            "drover:protected",
            "drover:replicate-to",
        ];
        for key in deciding.into_iter().chain(["Name"]) {
            all = tagged(all, key, "x");
        }

        let kept = without_other_tags(all, &policy());
        assert!(kept.tags.keys().eq(deciding));
    }

    #[test]
    fn only_what_is_set_up_and_usable_is_compared() {
        let compares = |change: fn(&mut Outgoing)| {
            let mut outgoing = outgoing();
            change(&mut outgoing);
            outgoing.comparable().is_some()
        };

        assert!(compares(|_| {}));
        assert!(compares(
            |it| it.replication.status = ReplicationStatus::Paused
        ));
        assert!(!compares(
            |it| it.replication.status = ReplicationStatus::Enabling
        ));
        assert!(!compares(
            |it| it.replication.status = ReplicationStatus::Error
        ));
        assert!(!compares(|it| it.replica = Sighting::Gone));
        assert!(!compares(|it| it.source = Sighting::UNREAD));
    }
}
