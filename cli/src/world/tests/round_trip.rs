//! What the emulator answers, imported, is the same world again, as far as AWS's answers can carry
//! its members.

use std::{fs, path::Path};

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use emulator::{
    Cloud, FileSystem, SourceServer, World,
    wire::{Call, Wire},
};
use serde_json::{Value, json};

use crate::world::{
    document::{self, Document},
    draft::Place,
    import::{Imported, import},
};

/// The answers of a world, as `scripts/collect.sh` writes them.
struct Collected {
    cloud: Cloud,
    text: String,
}

impl Collected {
    /// Everything that can be collected of a world.
    fn of(world: &World) -> String {
        let mut collected = Self::lists(world);
        for (region, drs) in &world.drs.regions {
            for server in &drs.source_servers {
                collected.points(region, &server.id);
            }
        }
        collected.text
    }

    /// What is collected without a call for each server.
    fn lists(world: &World) -> Self {
        let mut collected = Self {
            cloud: Cloud::new(world.clone()),
            text: String::new(),
        };

        for region in regions(world) {
            collected.drs(&region);
            collected.efs(world, &region);
        }
        collected
    }

    fn drs(&mut self, region: &str) {
        for (command, path) in [
            ("drs describe-source-servers", "/DescribeSourceServers"),
            (
                "drs describe-recovery-instances",
                "/DescribeRecoveryInstances",
            ),
            ("drs describe-jobs", "/DescribeJobs"),
        ] {
            self.add(command, region, None, |body| {
                ("POST", path.to_owned(), body)
            });
        }
    }

    /// The recovery points of a server.
    fn points(&mut self, region: &str, id: &str) {
        let command = "drs describe-recovery-snapshots";

        self.add(command, region, Some(id), |mut body| {
            body["sourceServerID"] = json!(id);
            ("POST", "/DescribeRecoverySnapshots".to_owned(), body)
        });
    }

    fn efs(&mut self, world: &World, region: &str) {
        const ROOT: &str = "/2015-02-01";
        let mut get = |command: &str, resource: Option<&str>, path: String| {
            let command = format!("efs {command}");
            self.add(&command, region, resource, |_| {
                ("GET", format!("{ROOT}/{path}"), Value::Null)
            });
        };

        get("describe-file-systems", None, "file-systems".to_owned());
        let replications = "file-systems/replication-configurations".to_owned();
        get("describe-replication-configurations", None, replications);
        get("describe-access-points", None, "access-points".to_owned());
        for file_system in world.efs.file_systems(region) {
            let id = file_system.file_system_id.as_str();
            let setting = |what: &str| format!("file-systems/{id}/{what}");
            let targets = format!("mount-targets?FileSystemId={id}");
            get("describe-mount-targets", Some(id), targets);
            let lifecycle = setting("lifecycle-configuration");
            get("describe-lifecycle-configuration", Some(id), lifecycle);
            get("describe-backup-policy", Some(id), setting("backup-policy"));
            get("describe-file-system-policy", Some(id), setting("policy"));

            for target in &file_system.mount_targets {
                let id = target.mount_target_id.as_str();
                let path = format!("mount-targets/{id}/security-groups");
                get("describe-mount-target-security-groups", Some(id), path);
            }
        }
    }

    /// Adds a label and every page of an answer.
    fn add(
        &mut self,
        command: &str,
        region: &str,
        resource: Option<&str>,
        request: impl Fn(Value) -> (&'static str, String, Value),
    ) {
        let mut token: Option<String> = None;
        loop {
            // The longest pages: a short one costs as much.
            let mut page = json!({ "maxResults": 1000 });
            if let Some(token) = &token {
                page["nextToken"] = json!(token);
            }
            let (method, path, body) = request(page);
            let answer = self.call(command, region, method, &path, token.as_deref(), &body);

            let mut label = json!({ "answerOf": command, "region": region });
            if let Some(id) = resource {
                label["resource"] = json!(id);
            }
            self.text.push_str(&format!("{label}\n{answer}\n"));
            let next = ["nextToken", "NextToken", "NextMarker"];
            let next = next.iter().find_map(|name| answer[name].as_str());
            match next {
                Some(next) => token = Some(next.to_owned()),
                None => return,
            }
        }
    }

    fn call(
        &self,
        command: &str,
        region: &str,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Value {
        let is_drs = command.starts_with("drs");
        let service = if is_drs { "drs" } else { "elasticfilesystem" };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let marker = match command {
            "efs describe-file-systems" | "efs describe-mount-targets" => "Marker",
            _ => "NextToken",
        };
        let query = match token.filter(|_| !is_drs) {
            Some(token) => format!("{query}&{marker}={token}"),
            None => query.to_owned(),
        };

        let authorization =
            format!("AWS4-HMAC-SHA256 Credential=a/20261129/{region}/{service}/aws4_request");
        let body = if is_drs {
            body.to_string()
        } else {
            String::new()
        };
        let answer = self.cloud.call(Call {
            method,
            path,
            query: &query,
            authorization: Some(&authorization),
            target: None,
            body: body.as_bytes(),
        });
        let Wire::Answer(answer) = answer else {
            panic!("{answer:?}")
        };
        match answer.error_type {
            Some(code) => json!({ "error": code }),
            None => serde_json::from_str(&answer.body.unwrap_or_default()).unwrap(),
        }
    }
}

/// The Regions of a world.
fn regions(world: &World) -> Vec<String> {
    let drs = world.drs.regions.keys();
    let mut regions: Vec<String> = drs.chain(world.efs.regions.keys()).cloned().collect();
    regions.sort();
    regions.dedup();

    regions
}

fn read(text: &str) -> Vec<Document> {
    let mut documents = Vec::new();
    document::read_text("answers.json", text, &mut documents).unwrap();

    documents
}

fn import_at(text: &str, now: DateTime<Utc>) -> Result<Imported> {
    let place = Place {
        account: None,
        region: Some("us-east-1".to_owned()),
        now,
    };

    import(read(text), place)
}

/// A world as its answers can carry it. Every member that cannot come back is named here, and in
/// `docs/emulator.md`.
fn carried(mut world: World) -> World {
    let long_ago = world.context("us-east-1").long_ago;
    let now = world.now;
    // The account's settings are nobody's answer.
    let empty = World::empty();
    (world.behaviour, world.functions) = (empty.behaviour, empty.functions);
    (world.faults, world.late) = (Vec::new(), Vec::new());
    (world.began, world.efs.subnets) = (None, Default::default());

    for drs in world.drs.regions.values_mut() {
        // Records of what is gone.
        (drs.gone, drs.untagged) = Default::default();
        drs.source_servers
            .sort_by(|one, other| one.id.cmp(&other.id));
        for server in &mut drs.source_servers {
            carried_server(server, now, long_ago);
        }
        for job in &mut drs.jobs {
            if job.status(now) != "COMPLETED" {
                job.ordered_status = Some(job.status(now).to_owned());
                job.ends_at = now;
            }
        }
    }
    for efs in world.efs.regions.values_mut() {
        (efs.gone, efs.untagged) = Default::default();
        efs.file_systems.retain(|it| it.owner_id.is_none());
        for file_system in &mut efs.file_systems {
            let created_at = file_system.created_at.or(Some(long_ago));
            let is_new = file_system.life_cycle_state == "creating";
            file_system.created_at = created_at.filter(|_| !is_new);
            file_system.throughput_changed_at = None;
            file_system
                .access_points
                .iter_mut()
                .for_each(|it| it.created_at = None);
            file_system
                .mount_targets
                .iter_mut()
                .for_each(|it| it.created_at = None);
        }
    }
    let behaviour = world.behaviour;
    for replication in &mut world.efs.replications {
        let last = replication.last_replicated_at(now);
        let status = replication.status(now, behaviour).to_owned();
        if let Some(ordered) = &mut replication.ordered {
            ordered.status = status;
        }
        // Of the syncs there is the last, and before it nobody knows when the first will end.
        replication.first_sync_ends_at = last.unwrap_or(now + TimeDelta::hours(1));
    }
    world
}

/// A server as its answers can carry it.
fn carried_server(server: &mut SourceServer, now: DateTime<Utc>, long_ago: DateTime<Utc>) {
    // Which replication began when is told by one date, without the steps of a start.
    let began = server.replicating_since.unwrap_or(long_ago);
    server.first_byte_at = server.first_byte_at.or(Some(began));
    server.recovery_points = u32::try_from(server.points(now).len()).unwrap();
    server.replicating_since = None;
    // An agent that talks was seen at the time of the answer.
    if server.agent_unreachable_since.is_none() {
        let gone = server.agent_gone_at.unwrap_or(now);
        server.agent_seen_at = server.agent_seen_at.or(Some(gone.min(now)));
    }
    // When AWS will have removed what is left is told by nothing but its promise.
    let has_points = server.is_disconnected() && server.recovery_points > 0;
    server.staging_gone_at = has_points.then(|| now + TimeDelta::minutes(90));
    server.agent_gone_at = None;
    // What a state implies is told as well.
    let implied = match (
        &*server.data_replication_state,
        server.agent_unreachable_since,
    ) {
        ("STALLED", Some(_)) => Some("AGENT_NOT_SEEN"),
        ("STALLED", None) => Some("NOT_CONVERGING"),
        _ => None,
    };
    let error = server.data_replication_error.take();
    server.data_replication_error = error.or(implied.map(str::to_owned));
    let is_continuous = server.data_replication_state == "CONTINUOUS";
    server.lag_seconds = server.lag_seconds.or(is_continuous.then_some(0));
}

/// Checks that a world comes back from its answers.
#[track_caller]
fn assert_comes_back(world: &World) {
    let imported = import_at(&Collected::of(world), world.now).unwrap();
    let mut back = imported.world;
    assert!(back.known.take().is_some());

    let carried = carried(world.clone());
    assert_eq!(
        serde_json::to_value(&back).unwrap(),
        serde_json::to_value(&carried).unwrap()
    );
}

fn noon() -> DateTime<Utc> {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

#[test]
fn every_world_of_the_emulator_comes_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../emulator/worlds");
    let mut count = 0;

    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let mut world = World::from_json(&text).unwrap();
        // AWS writes whole seconds.
        world.now = world.now.with_nanosecond(0).unwrap();
        world.began = Some(world.now);
        assert_comes_back(&world);
        count += 1;
    }
    assert!(count > 0);
}

/// A world with every member that an answer can carry.
fn rich() -> World {
    let world = json!({
        "account": "111122223333", "region": "us-east-1", "now": noon(), "began": noon(),
        "drs": rich_drs(), "efs": rich_efs(),
        "replications": [
            { "sourceRegion": "us-east-1", "sourceFileSystemId": "fs-00000001",
              "destinationRegion": "eu-west-1", "destinationFileSystemId": "fs-00000003",
              "roleArn": "arn:aws:iam::111122223333:role/r",
              "createdAt": "2026-11-29T11:58:00Z", "firstSyncEndsAt": "2026-11-29T12:30:00Z" },
            { "sourceRegion": "us-east-1", "sourceFileSystemId": "fs-00000002",
              "destinationRegion": "eu-west-1", "destinationFileSystemId": "fs-00000004",
              "createdAt": "2026-11-01T00:00:00Z", "firstSyncEndsAt": "2026-11-01T01:00:00Z",
              "ordered": { "status": "PAUSED", "message": "the key is disabled" } },
            { "sourceRegion": "us-east-1", "sourceFileSystemId": "fs-00000005",
              "destinationRegion": "eu-west-1", "destinationFileSystemId": "fs-00000006",
              "createdAt": "2026-11-01T00:00:00Z", "firstSyncEndsAt": "2026-11-01T01:00:00Z",
              "forgottenBy": "destination" },
        ],
    });

    World::from_json(&world.to_string()).unwrap()
}

fn rich_drs() -> Value {
    json!({
        "us-east-1": {
            "sourceServers": [
                { "sourceServerID": "s-00000000000000001", "hostname": "web01",
                  "dataReplicationState": "STALLED", "tags": { "a": "b" },
                  "agentUnreachableSince": "2026-11-28T12:00:00Z",
                  "replicatedBytes": 5, "recoveryPoints": 90 },
                { "sourceServerID": "s-00000000000000002", "diskBytes": 7,
                  "dataReplicationState": "DISCONNECTED", "recoveryPoints": 0 },
                { "sourceServerID": "s-00000000000000005", "recoveryPoints": 4,
                  "dataReplicationState": "DISCONNECTED",
                  "agentGoneAt": "2026-11-29T11:40:00Z",
                  "stagingGoneAt": "2026-11-29T13:00:00Z" },
                { "sourceServerID": "s-00000000000000003", "replicationDirection": "FAILBACK",
                  "agentSeenAt": "2026-11-29T11:58:00Z", "lagSeconds": 90,
                  "dataReplicationError": "SNAPSHOTS_FAILURE",
                  "reversedDirectionSourceServerArn":
                  "arn:aws:drs:eu-west-1:111122223333:source-server/s-00000000000000009",
                  "firstByteAt": "2026-11-20T12:30:00Z", "recoveryPoints": 3 },
                { "sourceServerID": "s-00000000000000004", "stagingStatus": "EXTENDED",
                  "stagingSourceServerArn":
                  "arn:aws:drs:us-east-1:444455556666:source-server/s-00000000000000008",
                  "recoveryInstanceID": "i-00000001" },
            ],
            "recoveryInstances": [
                { "recoveryInstanceID": "i-00000001", "sourceServerID": "s-00000000000000004",
                  "isDrill": true, "ec2InstanceState": "STOPPED", "disconnected": true,
                  "failbackState": "FAILBACK_COMPLETED", "tags": { "c": "d" } },
            ],
            "jobs": [
                { "jobID": "drsjob-00000000000000001", "type": "LAUNCH",
                  "initiatedBy": "START_DRILL", "createdAt": "2026-11-29T11:55:00Z",
                  "endsAt": "2026-11-29T12:10:00Z",
                  "sourceServerIDs": ["s-00000000000000001", "s-00000000000000002"] },
                { "jobID": "drsjob-00000000000000002", "type": "TERMINATE",
                  "initiatedBy": "TERMINATE_RECOVERY_INSTANCES",
                  "createdAt": "2026-11-28T11:55:00Z", "endsAt": "2026-11-28T12:10:00Z",
                  "sourceServerIDs": ["s-00000000000000001"],
                  "recoveryInstanceIDs": ["i-00000009"],
                  "participatingResources": [
                      { "participatingResourceID": { "sourceNetworkID": "sn-00000000000000001" },
                        "launchStatus": "LAUNCHED" }] },
            ],
        },
        "eu-west-1": {},
    })
}

fn rich_efs() -> Value {
    json!({
        "us-east-1": { "fileSystems": [
            { "fileSystemId": "fs-00000001", "creationToken": "one", "sizeBytes": 5,
              "throughputMode": "provisioned", "provisionedThroughputInMibps": 8.0,
              "kmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
              "policy": "{\"Version\":\"2012-10-17\",\"Statement\":[]}", "backup": "ENABLED",
              "lifecyclePolicies": [{ "TransitionToIA": "AFTER_7_DAYS" }],
              "mountTargets": [{ "mountTargetId": "fsmt-00000001", "state": "available",
                  "subnetId": "subnet-00000001", "ipAddress": "10.0.0.4",
                  "availabilityZoneName": "us-east-1a", "securityGroups": ["sg-00000001"] }],
              "accessPoints": [{ "accessPointId": "fsap-00000001", "clientToken": "t",
                  "posixUser": { "Uid": 1, "Gid": 2 }, "tags": { "Name": "app" },
                  "rootDirectory": { "Path": "/app" } }] },
            { "fileSystemId": "fs-00000002", "encrypted": false,
              "availabilityZoneName": "us-east-1b", "performanceMode": "generalPurpose" },
            { "fileSystemId": "fs-00000005" },
        ] },
        "eu-west-1": { "fileSystems": [
            { "fileSystemId": "fs-00000003", "protection": "REPLICATING", "backup": "DISABLED" },
            { "fileSystemId": "fs-00000004", "protection": "REPLICATING" },
            { "fileSystemId": "fs-00000006" },
        ] },
    })
}

#[test]
fn a_world_of_every_kind_of_resource_comes_back() {
    assert_comes_back(&rich());
}

#[test]
fn an_imported_world_answers_as_the_world_did() {
    let world = rich();
    let text = Collected::of(&world);
    let once = import_at(&text, world.now).unwrap().world;
    let twice = import_at(&Collected::of(&once), world.now).unwrap().world;

    assert_eq!(
        serde_json::to_value(&once).unwrap(),
        serde_json::to_value(&twice).unwrap()
    );
    // Where DRS was never initialised, that is known.
    let known = &once.known.unwrap()["eu-west-1"];
    assert!(known.contains_key("DescribeSourceServers"), "{known:?}");
}

#[test]
fn four_thousand_servers_come_back() {
    let servers = (0..4000).map(|number| SourceServer {
        hostname: Some(format!("node{number}.example.com")),
        ..SourceServer::new(&format!("s-{number:017}")).tagged("Name", &format!("node{number}"))
    });
    let mut world = World::with(servers);
    world.now = noon();
    world.began = Some(noon());

    let text = Collected::lists(&world).text;
    let mut back = import_at(&text, world.now).unwrap().world;
    let known = &back.known.as_ref().unwrap()["us-east-1"];
    assert!(!known.contains_key("DescribeRecoverySnapshots"));
    let mut expected = carried(world);
    for server in &mut expected.here().source_servers {
        server.recovery_points = 0;
    }
    assert_eq!(back.here().source_servers, expected.here().source_servers);
}

#[test]
fn what_is_unknown_stays_unknown() {
    let mut world = World::empty().with_file_system("us-east-1", FileSystem::new("fs-00000001"));
    world.now = noon();
    world
        .efs
        .file_system("us-east-1", "fs-00000001")
        .unwrap()
        .unlisted_mount_targets = 2;
    let known = json!({ "us-east-1": {
        "DescribeFileSystems": {},
        "DescribeMountTargets": { "except": ["fs-00000001"] },
    } });
    world.known = Some(serde_json::from_value(known).unwrap());

    let back = import_at(&Collected::of(&world), world.now).unwrap();
    let known = &back.world.known.as_ref().unwrap()["us-east-1"];
    assert!(known.contains_key("DescribeFileSystems"));
    assert!(!known.contains_key("DescribeReplicationConfigurations"));
    let except = &known["DescribeMountTargets"].except;
    assert!(except.contains("fs-00000001"), "{known:?}");
    let refused: Vec<&String> = back.refused.values().collect();
    assert_eq!(refused, ["NotCollectedException"; 5]);
}
