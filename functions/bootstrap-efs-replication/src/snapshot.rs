//! What was observed of EFS on both sides, as far as decisions need it.

use serde_json::Value;
use shared::{
    Unobserved,
    efs::{AccessPoint, AccessPoints, FileSystem, MountTarget, Replication, Transitions},
};

use crate::command::{Copying, Origin, Replica};

/// How many things alike, such as access points or tags, a report names before it counts them.
pub(crate) const NAMED: usize = 4;

/// What was observed for a request: one observation for each target, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// One for each target.
    pub targets: Vec<Observation>,
}

/// What was observed for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Everything that the plan depends on.
    Complete(View),
    /// Not all of it.
    Incomplete(Incomplete),
}

/// Why a target could not be observed to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// The call that failed, or that there was no time.
    pub why: Unobserved,
    /// What was read before.
    pub view: View,
}

/// Both sides of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The source, if it exists.
    pub source: Option<FileSystem>,
    /// Where a source that does not exist here is, as the event from there or its ARN says.
    pub elsewhere: Option<Origin>,
    /// The replication that the source is part of, on either end.
    pub replication: Option<Replication>,
    /// The destination, if it exists: that of the replication, or the existing one of the request.
    pub destination: Option<FileSystem>,
    /// The replication that the existing destination of the request is part of already.
    pub replication_of_destination: Option<Replication>,
    /// What both have besides the data; read once the replica can be provisioned, where the request
    /// asks for any of it. Before that, the access points of the source, if they are asked for.
    pub resources: Option<Resources>,
}

/// What both file systems have besides the data. What the request does not ask for is not read, and
/// so is not to be mistaken for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// The mount targets of the replica.
    pub mount_targets: Option<Vec<MountTarget>>,
    /// The access points of both, compared.
    pub access_points: Option<AccessPoints>,
    /// The lifecycle policies.
    pub lifecycle: Option<Pair<Transitions>>,
    /// Whether automatic backups of the replica are on.
    pub backup: Option<bool>,
    /// The file system policies, if they have any.
    pub policy: Option<Pair<Option<Value>>>,
}

/// The same of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<T> {
    /// What the source has.
    pub source: T,
    /// What the replica has.
    pub replica: T,
}

/// What one file system has besides the data. What was not asked for is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OneSide {
    /// Its mount targets.
    pub mount_targets: Option<Vec<MountTarget>>,
    /// Its access points.
    pub access_points: Option<Vec<AccessPoint>>,
    /// Its lifecycle policies.
    pub lifecycle: Option<Transitions>,
    /// Whether its automatic backups are on.
    pub backup: Option<bool>,
    /// Its file system policy, if it has one.
    pub policy: Option<Option<Value>>,
}

/// The access points that a replica lacks, as a report tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissingPoints {
    /// The first of them, without their tags.
    pub first: Vec<AccessPoint>,
    /// How many they are.
    pub count: usize,
}

impl View {
    /// The same without what both sides have besides the data, which is large and has served once a
    /// plan is made from it.
    #[must_use]
    pub fn without_resources(self) -> Self {
        Self {
            resources: None,
            ..self
        }
    }

    /// The access points that the replica lacks, as far as they are known.
    #[must_use]
    pub fn missing_access_points(&self) -> MissingPoints {
        let resources = self.resources.as_ref();
        let points = resources.and_then(|resources| resources.access_points.as_ref());
        // Without a comparison nothing is known to be missing.
        let Some(points) = points else {
            return MissingPoints::default();
        };

        let first = points.missing.iter().take(NAMED);
        MissingPoints {
            first: first.map(AccessPoint::without_tags).collect(),
            count: points.missing_count,
        }
    }
}

impl Resources {
    /// Compares both sides, as far as both were read. At most `limit` missing access points are
    /// kept.
    #[must_use]
    pub fn compare(source: OneSide, replica: OneSide, limit: usize) -> Self {
        // Only access points that the source's policy names have to be translated.
        let policy = source.policy.as_ref().and_then(Option::as_ref);
        let text = policy.map(ToString::to_string).unwrap_or_default();
        let points = source.access_points.zip(replica.access_points);

        Self {
            mount_targets: replica.mount_targets,
            access_points: points.map(|(source, replica)| {
                AccessPoints::compare(&source, &replica, limit, |arn| text.contains(arn))
            }),
            lifecycle: Pair::both(source.lifecycle, replica.lifecycle),
            backup: replica.backup,
            policy: Pair::both(source.policy, replica.policy),
        }
    }

    /// What is known of a replica that is still to come: it will lack these access points of the
    /// source, unless the existing file system that becomes it has them. Only those that a report
    /// names are kept.
    #[must_use]
    pub fn to_come(source: &[AccessPoint], existing: &[AccessPoint]) -> Self {
        Self {
            access_points: Some(AccessPoints::compare(source, existing, NAMED, |_| false)),
            ..Self::default()
        }
    }

    /// Whether everything that a request asks for was read.
    #[must_use]
    pub fn cover(&self, asked: &Replica) -> bool {
        let is_copied = |copying: Copying| copying == Copying::Copy;

        let unread = [
            !asked.mount_targets.is_empty() && self.mount_targets.is_none(),
            is_copied(asked.access_points) && self.access_points.is_none(),
            is_copied(asked.lifecycle) && self.lifecycle.is_none(),
            asked.backup.is_some() && self.backup.is_none(),
            is_copied(asked.policy) && (self.policy.is_none() || self.access_points.is_none()),
        ];
        !unread.contains(&true)
    }
}

impl<T> Pair<T> {
    fn both(source: Option<T>, replica: Option<T>) -> Option<Self> {
        let (source, replica) = source.zip(replica)?;

        Some(Self { source, replica })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::access_point;

    #[test]
    fn a_policy_is_covered_only_with_the_access_points_that_it_may_name() {
        let asked = Replica {
            policy: Copying::Copy,
            ..Replica::default()
        };
        let without_points = Resources {
            policy: Some(Pair {
                source: None,
                replica: None,
            }),
            ..Resources::default()
        };
        let with_points = Resources {
            access_points: Some(AccessPoints::default()),
            ..without_points.clone()
        };

        assert!(!without_points.cover(&asked));
        assert!(with_points.cover(&asked));
    }

    #[test]
    fn a_view_counts_what_is_missing_and_drops_what_has_served() {
        let source = OneSide {
            access_points: Some(vec![access_point("fsap-00000001", "/app"); 3]),
            ..OneSide::default()
        };
        let replica = OneSide {
            access_points: Some(Vec::new()),
            ..OneSide::default()
        };
        let view = View {
            resources: Some(Resources::compare(source, replica, 1)),
            ..View::default()
        };

        assert_eq!(view.missing_access_points().count, 3);
        assert_eq!(view.missing_access_points().first.len(), 1);
        assert_eq!(View::default().missing_access_points().count, 0);
        assert_eq!(view.without_resources(), View::default());
    }
}
