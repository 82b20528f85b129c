//! The access points of a source, compared with those of its replica.

use std::collections::{BTreeMap, HashMap};

use super::model::{AccessPoint, LifeCycle};

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
        let replica = Counterparts::new(replica);
        let mut compared = Self::default();

        for point in source {
            // Neither IDs nor tags: what a client finds is what it mounts.
            match replica.find(point) {
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

        // All are counted, also those that are not kept.
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

/// The access points of a replica, to be found by what a client finds behind them.
#[derive(Debug)]
pub struct Counterparts<'a>(HashMap<&'a str, Vec<&'a AccessPoint>>);

impl<'a> Counterparts<'a> {
    /// The access points of a replica.
    #[must_use]
    pub fn new(replica: &'a [AccessPoint]) -> Self {
        // By path: to compare each of 10,000 with each would take a small function minutes.
        let mut by_path: HashMap<&str, Vec<&AccessPoint>> = HashMap::new();
        for point in replica {
            by_path.entry(&point.root.path).or_default().push(point);
        }

        Self(by_path)
    }

    /// Whether an access point of the source is to be created on the replica.
    #[must_use]
    pub fn lack(&self, point: &AccessPoint) -> bool {
        // What is still created, or goes, is not there to be copied.
        point.state == LifeCycle::Available && self.find(point).is_none()
    }

    /// The access point of the replica behind which a client finds the same.
    fn find(&self, point: &AccessPoint) -> Option<&'a AccessPoint> {
        // Of one path there are few, but for the root, which any number of users may have.
        let alike = self.0.get(point.root.path.as_str())?;
        let mut alike = alike.iter().copied();

        // The user and the owner of the directory count as much as its path.
        alike.find(|existing| existing.root == point.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        efs::{AccessPointRoot, Owner, PosixUser},
        guardrails::Tags,
    };

    fn access_point(id: &str, path: &str) -> AccessPoint {
        AccessPoint {
            id: id.to_owned(),
            arn: None,
            state: LifeCycle::Available,
            root: AccessPointRoot {
                path: path.to_owned(),
                ..AccessPointRoot::default()
            },
            tags: Tags::new(),
        }
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
    fn the_counterpart_is_what_is_broken() {
        let source = [access_point("fsap-00000001", "/app")];
        let replica = AccessPoint {
            state: LifeCycle::Error,
            ..access_point("fsap-00000002", "/app")
        };

        let compared = AccessPoints::compare(&source, &[replica], 1, |_| false);
        assert_eq!(compared.broken.as_deref(), Some("fsap-00000002"));
    }

    #[test]
    fn an_access_point_is_the_same_only_with_the_same_path_user_and_owner() {
        let point = access_point("fsap-00000001", "/app");
        let missing = |change: fn(&mut AccessPoint)| {
            let mut existing = access_point("fsap-00000002", "/app");
            change(&mut existing);
            Counterparts::new(&[existing]).lack(&point)
        };

        assert!(!missing(|_| {}));
        assert!(missing(|it| it.root.path = "/".to_owned()));
        assert!(missing(|it| {
            it.root.posix_user = Some(PosixUser {
                uid: 1000,
                gid: 1000,
                secondary_gids: vec![],
            });
        }));
        assert!(missing(|it| {
            it.root.creation_info = Some(Owner {
                uid: 1,
                gid: 1,
                permissions: "0755".to_owned(),
            });
        }));
    }

    #[test]
    fn only_what_the_source_can_hand_over_is_missing() {
        let missing = |state| {
            let point = AccessPoint {
                state,
                ..access_point("fsap-00000001", "/app")
            };
            let compared = AccessPoints::compare(&[point], &[], 1, |_| false);
            (compared.missing_count, compared.is_creating)
        };

        assert_eq!(missing(LifeCycle::Available), (1, false));
        assert_eq!(missing(LifeCycle::Creating), (0, true));
        assert_eq!(missing(LifeCycle::Deleting), (0, false));
    }
}
