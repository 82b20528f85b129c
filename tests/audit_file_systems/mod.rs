//! Scenarios of `audit-file-systems`: an account, what is found in it, and that nothing changes.

mod faults;
mod findings;
mod requests;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{
    AccessPoint, Emulator, Fault, FaultKind, FileSystem, MountTarget, OrderedStatus, Replication,
    World,
};
use serde_json::{Value, json};

use crate::{
    functions::AUDIT_FILE_SYSTEMS,
    stage::{
        Answer,
        audit::{Stage, found},
    },
};

const HERE: &str = "us-east-1";
const THERE: &str = "eu-west-1";

/// An account in which the function is deployed.
async fn deployed(world: World) -> Stage {
    Stage::with(&AUDIT_FILE_SYSTEMS, world).await
}

/// The message of the first finding.
fn message(answer: &Answer) -> String {
    let finding = &answer.body["audit"]["found"][0]["findings"][0];

    finding["message"].as_str().unwrap().to_owned()
}

/// A day ago, when everything was set up.
fn yesterday() -> DateTime<Utc> {
    Utc::now() - TimeDelta::days(1)
}

/// The ID of a source, and that of its replica.
fn ids(number: u32) -> (String, String) {
    (
        format!("fs-{number:08x}"),
        format!("fs-{:08x}", number + 0xa000),
    )
}

/// A replica with a mount target and the mark.
fn replica(id: &str) -> FileSystem {
    let mut replica = FileSystem::new(id).tagged("drover:bootstrapped-by", "CHG1");
    replica.mount_targets = vec![MountTarget {
        mount_target_id: format!("fsmt-{}", &id[3..]),
        subnet_id: "subnet-00000000".to_owned(),
        ip_address: "10.0.0.1".to_owned(),
        availability_zone_name: "eu-west-1a".to_owned(),
        security_groups: vec!["sg-00000001".to_owned()],
        created_at: None,
        state: "available".to_owned(),
    }];
    replica
}

/// Adds a healthy replication and changes it.
fn replicate(world: &mut World, number: u32, change: impl FnOnce(&mut Pair<'_>)) {
    replicate_to(world, number, THERE, change);
}

fn replicate_to(world: &mut World, number: u32, region: &str, change: impl FnOnce(&mut Pair<'_>)) {
    let (source, replica_id) = ids(number);
    let mut add = |region: &str, file_system: FileSystem| {
        let efs = world.efs.regions.entry(region.to_owned()).or_default();
        efs.file_systems.push(file_system);
    };
    add(HERE, FileSystem::new(&source).tagged("Name", "app"));
    add(region, replica(&replica_id).tagged("Name", "app"));
    let bound = world
        .efs
        .bind((HERE, &source), (region, &replica_id), yesterday());
    let mut replication = bound.unwrap().clone();

    let mut take = |region: &str, id: &str| world.efs.file_system(region, id).unwrap().clone();
    let (mut source_now, mut replica_now) = (take(HERE, &source), take(region, &replica_id));
    change(&mut Pair {
        replication: &mut replication,
        source: &mut source_now,
        replica: &mut replica_now,
    });
    *world.efs.file_system(HERE, &source).unwrap() = source_now;
    *world.efs.file_system(region, &replica_id).unwrap() = replica_now;
    *world.efs.replications.last_mut().unwrap() = replication;
}

/// A replication with both of its ends.
struct Pair<'a> {
    replication: &'a mut Replication,
    source: &'a mut FileSystem,
    replica: &'a mut FileSystem,
}

impl Pair<'_> {
    fn order(&mut self, status: &str, message: &str) {
        self.replication.ordered = Some(OrderedStatus {
            status: status.to_owned(),
            message: message.to_owned(),
        });
    }
}

/// One healthy replication, whose source has all that can be compared.
fn healthy() -> World {
    let mut world = World::empty();
    replicate(&mut world, 1, |it| {
        it.source.access_points = vec![access_point("fsap-00000001", "/app")];
        it.replica.access_points = vec![access_point("fsap-00000002", "/app")];
        let policies = vec![json!({ "TransitionToIA": "AFTER_30_DAYS" })];
        it.source.lifecycle_policies.clone_from(&policies);
        it.replica.lifecycle_policies = policies;
        it.source.policy = Some(policy(HERE, &ids(1).0, None));
        it.replica.policy = Some(policy(THERE, &ids(1).1, None));
    });
    world
}

fn access_point(id: &str, path: &str) -> AccessPoint {
    let point = json!({
        "accessPointId": id, "clientToken": id, "rootDirectory": { "Path": path },
    });

    serde_json::from_value(point).unwrap()
}

/// A policy of a file system that may name something in a condition.
fn policy(region: &str, id: &str, endpoint: Option<&str>) -> String {
    let resource = format!("arn:aws:elasticfilesystem:{region}:111122223333:file-system/{id}");
    let mut statement = json!({
        "Effect": "Allow", "Principal": { "AWS": "*" },
        "Action": ["elasticfilesystem:ClientMount"], "Resource": resource,
    });
    if let Some(endpoint) = endpoint {
        statement["Condition"] = json!({ "StringEquals": { "aws:SourceVpce": endpoint } });
    }

    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}
