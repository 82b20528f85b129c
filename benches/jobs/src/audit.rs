//! What a function that only looks is asked once, in an account at its limits, and how to tell that
//! it has seen everything.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use emulator::{AccessPoint, Cloud, FileSystem, SourceServer, World};
use serde_json::{Value, json};

use crate::check::check_changes;

const HERE: &str = "us-east-1";
const THERE: &str = "eu-west-1";

/// One look at a whole account.
#[derive(Debug)]
pub struct Audit {
    /// The name of the function.
    pub function: &'static str,
    /// What the account has, for people.
    pub account: &'static str,
    /// The account, with all that its limits allow and something to say of most of it.
    pub world: fn(DateTime<Utc>) -> World,
    /// The variables of the function that do not have their defaults.
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// The type of the event that requests it.
    pub(crate) detail_type: &'static str,
    /// How many things are looked at.
    pub(crate) examined: usize,
    /// Every finding, and how many things have it.
    pub(crate) counts: &'static [(&'static str, usize)],
}

/// Looks at source servers: 4,000 records, 300 of them replicating, with 50 long tags each.
pub const SOURCE_SERVERS: Audit = Audit {
    function: "audit-source-servers",
    account: "4000 source servers, 300 of them replicating",
    world: source_servers,
    // Otherwise there is nothing to say of a record that remains.
    variables: &[("ALLOW_DELETE", "true")],
    detail_type: "Source Server Audit Requested",
    examined: 4000,
    counts: &[
        ("agent_silent", 300),
        ("quota_near", 1),
        ("record_remains", 3700),
    ],
};

/// Looks at file systems: 1,000 of them with all their tags, half of them replicated, and one pair
/// with as many access points as a file system may have.
pub const FILE_SYSTEMS: Audit = Audit {
    function: "audit-file-systems",
    account: "1000 file systems, 500 of them replicated, one pair with 10000 access points each",
    world: file_systems,
    variables: &[],
    detail_type: "File System Audit Requested",
    examined: 1000,
    counts: &[
        ("access_points_differ", 1),
        ("no_mount_target", 500),
        ("replica_not_marked", 500),
        ("tags_differ", 500),
    ],
};

impl Audit {
    /// The request, in an event.
    pub(crate) fn event(&self, now: DateTime<Utc>) -> Value {
        json!({
            "version": "0",
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "detail-type": self.detail_type,
            "source": "com.example.cmdb",
            "account": "111122223333",
            "time": now.to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": HERE,
            "resources": [],
            "detail": { "version": 1, "requestID": "AUDIT-daily" },
        })
    }

    /// Checks that everything was looked at, that all was found, and that nothing was changed.
    pub(crate) fn check(&self, cloud: &Cloud, answer: &Value) -> Result<()> {
        check_changes(&[], cloud, &[])?;
        let counts: BTreeMap<&str, usize> = self.counts.iter().copied().collect();
        let expected = [
            ("/outcome", json!("done")),
            ("/audit/examined", json!(self.examined)),
            ("/audit/counts", json!(counts)),
        ];
        for (pointer, expected) in expected {
            let said = answer.pointer(pointer);
            ensure!(
                said == Some(&expected),
                "{pointer} is {said:?}, not {expected}"
            );
        }
        Ok(())
    }
}

fn source_servers(now: DateTime<Utc>) -> World {
    let tags: BTreeMap<String, String> = (0..50)
        .map(|number| {
            (
                format!("tag{number:02}{}", "k".repeat(100)),
                "v".repeat(200),
            )
        })
        .collect();
    let server = |number: usize| SourceServer {
        tags: tags.clone(),
        ..match number < 300 {
            true => silent(number, now),
            false => disconnected(number),
        }
    };

    World::with((0..4000).map(server))
}

/// A server whose machine died a month ago.
fn silent(number: usize, now: DateTime<Utc>) -> SourceServer {
    SourceServer {
        hostname: Some(format!("host{number:05}.example.com")),
        agent_unreachable_since: Some(now - TimeDelta::days(30)),
        ..SourceServer::new(&format!("s-{number:017}"))
    }
}

fn disconnected(number: usize) -> SourceServer {
    SourceServer {
        data_replication_state: "DISCONNECTED".to_owned(),
        recovery_points: 0,
        ..SourceServer::new(&format!("s-{number:017}"))
    }
}

fn file_systems(now: DateTime<Utc>) -> World {
    let tags: BTreeMap<String, String> = (0..49)
        .map(|number| (format!("{number:02}{}", "k".repeat(126)), "v".repeat(256)))
        .collect();
    let source = |number: usize| FileSystem {
        tags: tags.clone(),
        ..FileSystem::new(&source_id(number))
    };

    let mut world = World::empty();
    for number in 0..1000 {
        world = world.with_file_system(HERE, source(number));
    }
    for number in 0..500 {
        world = replicated(world, number, now);
    }
    for (id, region, path) in [(source_id(0), HERE, "a"), (replica_id(0), THERE, "b")] {
        if let Some(file_system) = world.efs.file_system(region, &id) {
            file_system.access_points = access_points(path);
        }
    }

    world
}

fn source_id(number: usize) -> String {
    format!("fs-{number:08x}")
}

fn replica_id(number: usize) -> String {
    format!("fs-{:08x}", number + 0xa000)
}

/// The same account, with a replica of the file system with this number.
fn replicated(world: World, number: usize, now: DateTime<Utc>) -> World {
    let (source, replica) = (source_id(number), replica_id(number));
    let mut world = world.with_file_system(THERE, FileSystem::new(&replica));

    let yesterday = now - TimeDelta::days(1);
    // An account that lacks a replication fails the check of what is found.
    let _ = world
        .efs
        .bind((HERE, &source), (THERE, &replica), yesterday);
    world
}

/// As many as a file system may have, with paths of their own.
fn access_points(path: &str) -> Vec<AccessPoint> {
    let point = |number: usize| AccessPoint {
        access_point_id: format!("fsap-{number:017x}"),
        client_token: format!("token{number}"),
        tags: BTreeMap::new(),
        posix_user: Some(json!({ "Uid": number, "Gid": 0 })),
        root_directory: Some(json!({ "Path": format!("/{}{number}", path.repeat(90)) })),
        created_at: None,
        state: "available".to_owned(),
    };

    (0..10_000).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_that_overlooked_something_is_not_measured() {
        let audit = &SOURCE_SERVERS;
        let cloud = Cloud::new(World::empty());
        let counts: BTreeMap<&str, usize> = audit.counts.iter().copied().collect();
        let whole = json!({
            "outcome": "done",
            "audit": { "examined": audit.examined, "counts": counts },
        });
        audit.check(&cloud, &whole).unwrap();

        let wrong = [
            ("/outcome", json!("failed")),
            ("/audit/examined", json!(audit.examined - 1)),
            ("/audit/counts/agent_silent", json!(299)),
        ];
        for (pointer, value) in wrong {
            let mut answer = whole.clone();
            *answer.pointer_mut(pointer).unwrap() = value;
            assert!(audit.check(&cloud, &answer).is_err(), "{pointer}");
        }
        assert!(audit.check(&cloud, &Value::Null).is_err(), "no answer");
    }
}
