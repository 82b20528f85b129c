//! An account for the tests of the model.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    aws::{behaviour::Behaviour, context::Context, error::ApiError},
    efs::model::{AccessPoint, Destination, FileSystem, Model, MountTarget},
};

pub(super) const HERE: &str = "us-east-1";
pub(super) const THERE: &str = "eu-west-1";
pub(super) const SOURCE: &str = "fs-0123456789abcdef0";
pub(super) const REPLICA: &str = "fs-0123456789abcdef1";
pub(super) const OWN_ACCOUNT: &str = "111122223333";
pub(super) const OTHER_ACCOUNT: &str = "444455556666";
pub(super) const ROLE: &str = "arn:aws:iam::111122223333:role/replication";
pub(super) const GIBIBYTE: u64 = 1 << 30;

/// EFS of an account, with a clock.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) efs: Model,
    pub(super) now: DateTime<Utc>,
    pub(super) behaviour: Behaviour,
}

impl Account {
    pub(super) fn empty() -> Self {
        Self {
            efs: Model::default(),
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            behaviour: Behaviour::default(),
        }
    }

    /// A source of six GiB, whose first sync takes about a minute, and a file system elsewhere.
    pub(super) fn new() -> Self {
        let source = FileSystem {
            size_bytes: 6 * GIBIBYTE,
            ..FileSystem::new(SOURCE)
        };

        let mut account = Self::empty();
        account.add(HERE, source);
        account.add(THERE, FileSystem::new(REPLICA));
        account
    }

    pub(super) fn add(&mut self, region: &str, file_system: FileSystem) {
        let efs = self.efs.regions.entry(region.to_owned()).or_default();
        efs.file_systems.push(file_system);
    }

    /// The context of a call now.
    pub(super) fn call(&self, region: &str) -> Context {
        Context {
            account: OWN_ACCOUNT.to_owned(),
            region: region.to_owned(),
            now: self.now,
            long_ago: self.now,
            behaviour: self.behaviour,
            is_imported: false,
        }
    }

    pub(super) fn advance(&mut self, by: TimeDelta) {
        let before = self.now;
        self.now += by;
        self.efs.settle(before, self.now);
    }

    pub(super) fn source(&mut self) -> &mut FileSystem {
        self.efs.file_system(HERE, SOURCE).unwrap()
    }

    /// The file system elsewhere that exists from the start.
    pub(super) fn replica(&mut self) -> &mut FileSystem {
        self.efs.file_system(THERE, REPLICA).unwrap()
    }

    /// Replicates the source: the ID of the destination, or the code of the error.
    pub(super) fn replicate(&mut self, to: Destination) -> Result<String, &'static str> {
        self.replicate_from(HERE, SOURCE, &[to])
    }

    pub(super) fn replicate_from(
        &mut self,
        region: &str,
        source: &str,
        to: &[Destination],
    ) -> Result<String, &'static str> {
        let context = self.call(region);
        let made = self.efs.replicate(&context, source, to);

        made.map(|made| made.destination_file_system_id.clone())
            .map_err(|error| error.code)
    }

    /// Deletes the replication of the source from a Region, or the code of the error.
    pub(super) fn stop_replicating(
        &mut self,
        region: &str,
        source: &str,
        locally: bool,
    ) -> Result<(), &'static str> {
        let context = self.call(region);
        let stopped = self.efs.stop_replicating(&context, source, locally);
        stopped.map_err(|error| error.code)
    }

    /// The status of the only replication.
    pub(super) fn status(&self) -> &str {
        self.efs.replications[0].status(self.now, self.behaviour)
    }

    /// Mounts a file system in a subnet.
    pub(super) fn mount(
        &mut self,
        region: &str,
        id: &str,
        subnet: &str,
    ) -> Result<MountTarget, ApiError> {
        let context = self.call(region);
        let made = self
            .efs
            .create_mount_target(&context, id, subnet, None, Vec::new());
        made.map(|(_, target)| target)
    }
}

/// A new destination in the other Region.
pub(super) fn to_region() -> Destination {
    Destination {
        region: Some(THERE.to_owned()),
        ..Destination::default()
    }
}

/// An existing destination in the other Region.
pub(super) fn to_existing(name: &str) -> Destination {
    Destination {
        file_system_id: Some(name.to_owned()),
        ..to_region()
    }
}

/// An access point to be created.
pub(super) fn point() -> AccessPoint {
    serde_json::from_str(r#"{"accessPointId": "", "clientToken": "a"}"#).unwrap()
}
