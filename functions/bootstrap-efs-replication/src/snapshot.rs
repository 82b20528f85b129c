//! What was observed of EFS on both sides, as far as decisions need it.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::{
    Unobserved,
    efs::{AccessPoint, FileSystem, LifeCycle, MountTarget, Replication, Transitions},
};

use crate::command::{Copying, Replica};

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

/// The access points of the source, compared with those of the replica.
///
/// A file system may have 10,000 of them, so that only the difference is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessPoints {
    /// Those of the source to be created next on the replica, with their tags.
    pub missing: Vec<AccessPoint>,
    /// How many are missing in all.
    pub missing_count: usize,
    /// Whether any is still being created, or will be by a later plan.
    pub is_creating: bool,
    /// The ID of the first counterpart that is broken.
    pub broken: Option<String>,
    /// The ARNs of the source's access points that its policy names, and of their counterparts.
    pub counterparts: BTreeMap<String, String>,
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

impl AccessPoints {
    /// Compares both sides. At most `limit` missing ones are kept; `named` says whether the
    /// source's policy names an ARN.
    #[must_use]
    pub fn compare(
        source: &[AccessPoint],
        replica: &[AccessPoint],
        limit: usize,
        named: impl Fn(&str) -> bool,
    ) -> Self {
        let mut compared = Self::default();

        for point in source {
            match counterpart(point, replica) {
                Some(existing) => compared.add_existing(point, existing, &named),
                None => compared.add_missing(point, limit),
            }
        }
        compared
    }

    fn add_missing(&mut self, point: &AccessPoint, limit: usize) {
        match point.state {
            LifeCycle::Available => {}
            // It will be there to copy.
            LifeCycle::Creating | LifeCycle::Updating => {
                self.is_creating = true;
                return;
            }
            // It is about to disappear.
            LifeCycle::Deleting | LifeCycle::Error => return,
        }

        self.missing_count += 1;
        // The limit bounds memory, and with it what one run creates.
        if self.missing.len() < limit {
            self.missing.push(point.clone());
        } else {
            // The observation after those that come first shows which come next.
            self.is_creating = true;
        }
    }

    fn add_existing(
        &mut self,
        point: &AccessPoint,
        existing: &AccessPoint,
        named: impl Fn(&str) -> bool,
    ) {
        if let (Some(from), Some(to)) = (&point.arn, &existing.arn)
            && named(from.as_ref())
        {
            self.counterparts.insert(from.to_string(), to.to_string());
        }

        // Only what the source can still hand over has to be there.
        match (point.state, existing.state) {
            (LifeCycle::Deleting | LifeCycle::Error, _) => {}
            (LifeCycle::Creating | LifeCycle::Updating, _) => self.is_creating = true,
            (_, LifeCycle::Available) => {}
            (_, LifeCycle::Creating | LifeCycle::Updating) => self.is_creating = true,
            (_, LifeCycle::Deleting | LifeCycle::Error) => {
                self.broken.get_or_insert_with(|| existing.id.clone());
            }
        }
    }
}

/// Whether an access point of the source is to be created on the replica.
#[must_use]
pub fn is_missing(point: &AccessPoint, replica: &[AccessPoint]) -> bool {
    point.state == LifeCycle::Available && counterpart(point, replica).is_none()
}

/// The access point of the replica behind which a client finds the same.
fn counterpart<'a>(point: &AccessPoint, replica: &'a [AccessPoint]) -> Option<&'a AccessPoint> {
    replica.iter().find(|existing| existing.root == point.root)
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
    fn access_points_beyond_the_limit_are_counted_and_awaited() {
        let source = [
            access_point("fsap-00000001", "/app"),
            access_point("fsap-00000002", "/data"),
        ];
        let compare = |limit| {
            let compared = AccessPoints::compare(&source, &[], limit, |_| false);
            let kept = compared.missing.len();
            (kept, compared.missing_count, compared.is_creating)
        };

        assert_eq!(compare(2), (2, 2, false));
        assert_eq!(compare(1), (1, 2, true));
        // Where none may be created, nothing is complete.
        assert_eq!(compare(0), (0, 2, true));
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

    #[test]
    fn the_counterpart_is_what_is_broken() {
        let source = [access_point("fsap-00000001", "/app")];
        let replica = AccessPoint {
            state: LifeCycle::Error,
            ..access_point("fsap-00000002", "/app")
        };

        let compared = AccessPoints::compare(&source, &[replica], 1, |_| false);
        assert_eq!(compared.broken.as_deref(), Some("fsap-00000002"));
    }
}
