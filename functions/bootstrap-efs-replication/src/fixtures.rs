//! What the tests of this crate start from: a source, its replica, and a request for it.

use chrono::DateTime;
use shared::{
    AccountId, Arn, Mode, Region,
    efs::{
        AccessPoint, AccessPointRoot, Destination, FileSystem, FileSystemId, FileSystemRef,
        LifeCycle, Protection, Replication, ReplicationStatus,
    },
    guardrails::Tags,
};

use crate::{
    command::{Command, Replica as Requested, Target},
    plan::{Replica, Resource, Step, Verdict},
    policy::Policy,
    reason::Reason,
};

pub(crate) const SOURCE: &str = "fs-00000001";
pub(crate) const REPLICA: &str = "fs-00000002";

/// A Region.
pub(crate) fn region(text: &str) -> Region {
    Region::try_from(text.to_owned()).unwrap()
}

/// The ID of a file system.
pub(crate) fn id(text: &str) -> FileSystemId {
    FileSystemId::try_from(text.to_owned()).unwrap()
}

/// An account.
pub(crate) fn account(text: &str) -> AccountId {
    AccountId::try_from(text.to_owned()).unwrap()
}

/// An ARN.
pub(crate) fn arn(text: &str) -> Arn {
    Arn::try_from(text.to_owned()).unwrap()
}

/// A file system as a request names it.
pub(crate) fn reference(text: &str) -> FileSystemRef {
    text.to_owned().try_into().unwrap()
}

/// A step that gives the replica a resource.
pub(crate) fn provision(resource: Resource) -> Step {
    Step::Provision {
        replica: Replica {
            id: id(REPLICA),
            region: region("eu-west-1"),
        },
        resource,
    }
}

/// The step that sets so many tags.
pub(crate) fn tags(count: usize) -> Step {
    let tag = |number| (format!("t{number:02}"), String::new());

    provision(Resource::Tags((1..=count).map(tag).collect()))
}

/// The step that creates an access point.
pub(crate) fn point(number: usize) -> Step {
    let point = access_point(&format!("fsap-{number}"), &format!("/{number}"));

    provision(Resource::AccessPoint(AccessPoint {
        tags: [("Name".to_owned(), "app".to_owned())].into(),
        ..point
    }))
}

/// An encrypted file system that is available.
pub(crate) fn file_system(id: &str, region: &str) -> FileSystem {
    FileSystem {
        id: self::id(id),
        arn: Some(arn(&format!(
            "arn:aws:elasticfilesystem:{region}:111122223333:file-system/{id}"
        ))),
        owner_id: account("111122223333"),
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

/// An access point of the source's Region that is available.
pub(crate) fn access_point(id: &str, path: &str) -> AccessPoint {
    let text = format!("arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/{id}");

    AccessPoint {
        id: id.to_owned(),
        arn: Some(arn(&text)),
        state: LifeCycle::Available,
        root: AccessPointRoot {
            path: path.to_owned(),
            ..AccessPointRoot::default()
        },
        tags: Tags::new(),
    }
}

/// The replication of SOURCE to REPLICA, synced at least once.
pub(crate) fn replication() -> Replication {
    Replication {
        source_id: id(SOURCE),
        source_region: region("us-east-1"),
        source_owner_id: None,
        destination_id: id(REPLICA),
        destination_region: region("eu-west-1"),
        destination_owner_id: None,
        status: ReplicationStatus::Enabled,
        status_message: None,
        created: None,
        last_replicated: DateTime::from_timestamp(1_800_000_000, 0),
    }
}

/// A new file system in another Region, with nothing but the data.
pub(crate) fn target() -> Target {
    Target {
        source: reference(SOURCE),
        destination: Some(Destination {
            region: Some(region("eu-west-1")),
            ..Destination::default()
        }),
        overwrite: None,
        accept_no_failback: false,
        replica: Requested::default(),
    }
}

/// A request under CHG1.
pub(crate) fn command(targets: Vec<Target>) -> Command {
    Command {
        request_id: "CHG1".to_owned().try_into().unwrap(),
        targets,
        mode: Mode::Enforce,
        is_expired: false,
        origin: None,
    }
}

/// Nothing is left to do, and there is nothing else to know.
pub(crate) fn done(reason: Reason) -> Verdict {
    Verdict::Done(vec![reason.into()])
}

/// The defaults.
pub(crate) fn policy() -> Policy {
    Policy::from_lookup(|_| None).unwrap()
}
