//! What the tests of this crate start from: a healthy replication.

use chrono::DateTime;
use shared::{
    Arn, Region,
    efs::{
        AccessPoint, AccessPointRoot, BOOTSTRAPPED_BY_TAG, FileSystem, FileSystemId, LifeCycle,
        Protection, Replication, ReplicationStatus,
    },
    guardrails::Tags,
};

use crate::{
    command::Command,
    policy::Policy,
    snapshot::{Comparison, Outgoing, Sighting, TagDifference},
};

pub(crate) const SOURCE: &str = "fs-00000001";
pub(crate) const REPLICA: &str = "fs-00000002";
pub(crate) const HERE: &str = "us-east-1";
pub(crate) const THERE: &str = "eu-west-1";

pub(crate) fn region(text: &str) -> Region {
    Region::try_from(text.to_owned()).unwrap()
}

pub(crate) fn id(text: &str) -> FileSystemId {
    FileSystemId::try_from(text.to_owned()).unwrap()
}

pub(crate) fn arn(kind: &str, region: &str, id: &str) -> Arn {
    let text = format!("arn:aws:elasticfilesystem:{region}:111122223333:{kind}/{id}");
    Arn::try_from(text).unwrap()
}

/// An encrypted file system that is available.
pub(crate) fn file_system(id: &str, region: &str) -> FileSystem {
    FileSystem {
        id: self::id(id),
        arn: Some(arn("file-system", region, id)),
        owner_id: "111122223333".to_owned().try_into().unwrap(),
        region: self::region(region),
        state: LifeCycle::Available,
        encrypted: true,
        kms_key_arn: None,
        availability_zone_name: None,
        protection: Protection::Enabled,
        size_in_bytes: 6144,
        mount_targets: 1,
        tags: Tags::new(),
    }
}

/// The same with a tag.
pub(crate) fn tagged(mut file_system: FileSystem, key: &str, value: &str) -> FileSystem {
    file_system.tags.insert(key.to_owned(), value.to_owned());
    file_system
}

/// An access point of the source.
pub(crate) fn access_point(id: &str, path: &str) -> AccessPoint {
    AccessPoint {
        id: id.to_owned(),
        arn: Some(arn("access-point", HERE, id)),
        state: LifeCycle::Available,
        root: AccessPointRoot {
            path: path.to_owned(),
            ..AccessPointRoot::default()
        },
        tags: Tags::new(),
    }
}

/// The replication of SOURCE to REPLICA.
pub(crate) fn replication() -> Replication {
    Replication {
        source_id: id(SOURCE),
        source_region: region(HERE),
        source_owner_id: Some("111122223333".to_owned().try_into().unwrap()),
        destination_id: id(REPLICA),
        destination_region: region(THERE),
        destination_owner_id: Some("111122223333".to_owned().try_into().unwrap()),
        status: ReplicationStatus::Enabled,
        status_message: None,
        created: DateTime::from_timestamp(1_700_000_000, 0),
        last_replicated: DateTime::from_timestamp(1_800_000_000, 0),
    }
}

/// The same with both ends, in which nothing is to be found.
pub(crate) fn outgoing() -> Outgoing {
    let mut replica = tagged(file_system(REPLICA, THERE), BOOTSTRAPPED_BY_TAG, "CHG1");
    replica.protection = Protection::Replicating;

    Outgoing {
        replication: replication(),
        age_seconds: Some(100_000_000),
        seconds_since_sync: Some(60),
        source: Sighting::of(file_system(SOURCE, HERE)),
        replica: Sighting::of(replica),
        tags: Some(TagDifference {
            fits: true,
            ..TagDifference::default()
        }),
        comparison: Comparison::Complete(Box::default()),
    }
}

/// A request for all of the account and Region.
pub(crate) fn all() -> Command {
    Command {
        request_id: "AUDIT".to_owned().try_into().unwrap(),
        file_systems: None,
    }
}

/// The defaults.
pub(crate) fn policy() -> Policy {
    Policy::from_lookup(|_| None).unwrap()
}
