//! An account that the tests of this wing begin with.

use chrono::TimeDelta;

use crate::{
    efs::model::{
        replications::Destination,
        types::{AccessPoint, FileSystem},
    },
    world::World,
};

pub(crate) const HERE: &str = "us-east-1";

pub(crate) const THERE: &str = "eu-west-1";

pub(crate) const SOURCE: &str = "fs-0123456789abcdef0";

pub(crate) const REPLICA: &str = "fs-0123456789abcdef1";

pub(crate) const OTHER_ACCOUNT: &str = "444455556666";

pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/replication";

pub(crate) const GIBIBYTE: u64 = 1 << 30;

/// A source of six GiB, of which a first sync takes about a minute, and an existing file system
/// elsewhere.
pub(crate) fn world() -> World {
    let source = FileSystem {
        size_bytes: 6 * GIBIBYTE,
        ..FileSystem::new(SOURCE)
    };
    World::empty()
        .with_file_system(HERE, source)
        .with_file_system(THERE, FileSystem::new(REPLICA))
}

pub(crate) fn to_region() -> Destination {
    Destination {
        region: Some(THERE.to_owned()),
        ..Destination::default()
    }
}

pub(crate) fn to_existing(name: &str) -> Destination {
    Destination {
        file_system_id: Some(name.to_owned()),
        ..to_region()
    }
}

pub(crate) fn advance(world: &mut World, by: TimeDelta) {
    world.advance_to(world.now + by);
}

pub(crate) fn replicate(world: &mut World, to: Destination) -> Result<String, &'static str> {
    let made = world.replicate(HERE, SOURCE, &[to]);
    made.map(|made| made.destination_file_system_id.clone())
        .map_err(|error| error.code)
}

pub(crate) fn point() -> AccessPoint {
    serde_json::from_str(r#"{"accessPointId": "", "clientToken": "a"}"#).unwrap()
}
