//! Answers of AWS, and the worlds that they make.

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    narrative,
    world::{
        document::read_text,
        draft::Place,
        import::{Imported, import},
    },
};

const ID: &str = "s-0123456789abcdef0";
const REGION: &str = "us-east-1";

/// Imports documents without a word of the command line.
fn import_all(documents: &[Value]) -> Result<Imported> {
    import_in(None, documents)
}

fn import_in(region: Option<&str>, documents: &[Value]) -> Result<Imported> {
    let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
    let mut read = Vec::new();
    read_text("a.json", &texts.join("\n"), &mut read)?;
    let place = Place {
        account: None,
        region: region.map(str::to_owned),
        now: "2026-11-29T12:00:00Z".parse().unwrap(),
    };

    import(read, place)
}

#[track_caller]
fn assert_refused(documents: &[Value], parts: &[&str]) {
    let wrong = import_all(documents).err().unwrap().to_string();
    for part in parts {
        assert!(wrong.contains(part), "`{wrong}` does not say `{part}`");
    }
}

fn server(id: &str, region: &str) -> Value {
    json!({
        "sourceServerID": id,
        "arn": format!("arn:aws:drs:{region}:111122223333:source-server/{id}"),
        "dataReplicationInfo": { "dataReplicationState": "CONTINUOUS" },
    })
}

fn label(command: &str, resource: Option<&str>) -> Value {
    let label = json!({ "answerOf": command, "region": REGION });
    match resource {
        Some(id) => json!({ "answerOf": command, "region": REGION, "resource": id }),
        None => label,
    }
}

fn file_system(id: &str, region: &str, mount_targets: usize) -> Value {
    json!({
        "FileSystemId": id,
        "FileSystemArn":
            format!("arn:aws:elasticfilesystem:{region}:111122223333:file-system/{id}"),
        "OwnerId": "111122223333",
        "CreationToken": id,
        "CreationTime": 1_795_953_600.0,
        "LifeCycleState": "available",
        "NumberOfMountTargets": mount_targets,
        "SizeInBytes": { "Value": 6144, "ValueInIA": 0 },
        "PerformanceMode": "generalPurpose",
        "ThroughputMode": "elastic",
        "Encrypted": true,
        "FileSystemProtection": { "ReplicationOverwriteProtection": "ENABLED" },
        "Tags": [{ "Key": "Name", "Value": "shared" }],
    })
}

/// A server with every member that the API reference has.
fn whole_server() -> Value {
    json!({
        "agentVersion": "6.4.0",
        "arn": format!("arn:aws:drs:{REGION}:111122223333:source-server/{ID}"),
        "dataReplicationInfo": {
            "dataReplicationError": { "error": "AGENT_NOT_SEEN", "rawError": "timeout" },
            "dataReplicationInitiation": {
                "nextAttemptDateTime": "2026-11-29T12:05:00Z",
                "startDateTime": "2026-11-29T11:00:00.123456Z",
                "steps": [{ "name": "WAIT", "status": "SUCCEEDED" }],
            },
            "dataReplicationState": "STALLED",
            "etaDateTime": "2026-11-29T13:00:00Z",
            "lagDuration": "PT5M",
            "replicatedDisks": [
                { "backloggedStorageBytes": 1, "deviceName": "/dev/sda",
                  "replicatedStorageBytes": 70, "rescannedStorageBytes": 0,
                  "totalStorageBytes": 100, "volumeStatus": "REGULAR" },
                { "deviceName": "/dev/sdb", "replicatedStorageBytes": 5,
                  "totalStorageBytes": 5 },
            ],
            "stagingAvailabilityZone": "us-east-1a",
            "stagingOutpostArn": null,
        },
        "lastLaunchResult": "SUCCEEDED",
        "lifeCycle": {
            "addedToServiceDateTime": "2026-10-01T00:00:00Z",
            "elapsedReplicationDuration": "P10DT5H",
            "firstByteDateTime": "2026-10-01T00:10:00Z",
            "lastLaunch": { "initiated": { "apiCallDateTime": "2026-11-01T00:00:00Z",
                "jobID": "drsjob-0123456789abcdef0", "type": "DRILL" }, "status": "LAUNCHED" },
            "lastSeenByServiceDateTime": "2026-11-28T00:00:00Z",
        },
        "recoveryInstanceId": "",
        "replicationDirection": "FAILOVER",
        "reversedDirectionSourceServerArn": null,
        "sourceCloudProperties": { "originAccountID": "444455556666",
            "originAvailabilityZone": "us-west-2b", "originRegion": "us-west-2" },
        "sourceNetworkID": "sn-0123456789abcdef0",
        "sourceProperties": {
            "cpus": [{ "cores": 4, "modelName": "a CPU" }],
            "disks": [{ "bytes": 105, "deviceName": "/dev/sda" }],
            "identificationHints": { "awsInstanceID": "i-0123456789abcdef0",
                "fqdn": "db01.example.com", "hostname": "db01", "vmWareUuid": null },
            "lastUpdatedDateTime": "2026-11-29T11:59:00Z",
            "networkInterfaces": [{ "ips": ["10.0.0.1"], "isPrimary": true,
                "macAddress": "0a:11:22:33:44:55" }],
            "os": { "fullString": "Linux" },
            "ramBytes": 1, "recommendedInstanceType": "m6i.large",
        },
        "sourceServerID": ID,
        "stagingArea": { "errorMessage": null, "stagingAccountID": "111122223333",
            "stagingSourceServerArn": null, "status": "NOT_EXTENDED" },
        "tags": { "Name": "db01" },
        "aMemberOfTheFuture": { "unknown": true },
    })
}

#[test]
fn a_server_with_every_member_of_the_reference_is_imported() {
    let mut imported = import_all(&[json!({ "items": [whole_server()] })]).unwrap();
    let server = imported.world.server(ID).unwrap();

    assert_eq!(server.data_replication_state, "STALLED");
    assert_eq!(server.hostname.as_deref(), Some("db01"));
    assert_eq!(
        server.aws_instance_id.as_deref(),
        Some("i-0123456789abcdef0")
    );
    assert_eq!(
        (server.disk_bytes, server.replicated_bytes),
        (105, Some(75))
    );
    assert_eq!(server.recovery_instance_id, None);
    // An interrupted replication is shorter than its first byte is old.
    let first = "2026-11-19T07:00:00Z".parse().ok();
    assert_eq!(server.first_byte_at, first);
    let seen = "2026-11-28T00:00:00Z".parse().ok();
    assert_eq!(server.agent_unreachable_since, seen);
    assert_eq!(
        server.data_replication_error.as_deref(),
        Some("AGENT_NOT_SEEN")
    );
    assert_eq!(imported.world.account, "111122223333");
}

#[test]
fn an_agent_that_talks_comes_with_the_time_when_it_was_seen() {
    let mut whole = whole_server();
    whole["lifeCycle"]["lastSeenByServiceDateTime"] = json!("2026-11-29T11:58:00Z");
    let info = &mut whole["dataReplicationInfo"];
    info["dataReplicationState"] = json!("CONTINUOUS");
    info["dataReplicationError"] = json!(null);

    let mut imported = import_all(&[json!({ "items": [whole] })]).unwrap();
    let server = imported.world.server(ID).unwrap();
    let seen = "2026-11-29T11:58:00Z".parse().ok();
    assert_eq!(
        (server.agent_seen_at, server.agent_unreachable_since),
        (seen, None)
    );
    assert_eq!(
        (server.lag_seconds, &server.data_replication_error),
        (Some(300), &None)
    );
}

#[test]
fn what_no_answer_says_is_not_known() {
    let imported = import_all(&[json!({ "items": [server(ID, REGION)] })]).unwrap();
    let known = &imported.world.known.unwrap()[REGION];
    assert_eq!(known.keys().collect::<Vec<_>>(), ["DescribeSourceServers"]);

    let server = &imported.world.drs.regions[REGION].source_servers[0];
    assert_eq!((server.disk_bytes, server.first_byte_at), (0, None));
}

#[test]
fn what_was_not_collected_is_not_counted_as_none() {
    let servers = import_all(&[json!({ "items": [server(ID, REGION)] })]).unwrap();
    let account = narrative::account(&servers.world);
    assert!(
        account.ends_with("1 source servers, file systems unknown"),
        "{account}"
    );

    let file_systems = json!({ "FileSystems": [file_system("fs-00000001", REGION, 0)] });
    let account = narrative::account(&import_all(&[file_systems]).unwrap().world);
    assert!(
        account.ends_with("source servers unknown, 1 file systems"),
        "{account}"
    );
}

#[test]
fn resources_of_several_regions_make_one_world() {
    let elsewhere = "s-0123456789abcdef1";
    let file_systems = [file_system("fs-00000001", "eu-west-1", 0)];
    let imported = import_all(&[
        json!({ "items": [server(ID, REGION)] }),
        json!({ "items": [server(elsewhere, "eu-west-1")] }),
        json!({ "FileSystems": file_systems }),
    ]);

    let world = imported.unwrap().world;
    assert_eq!(
        world.drs.regions.keys().collect::<Vec<_>>(),
        ["eu-west-1", REGION]
    );
    assert_eq!(
        world.region, "eu-west-1",
        "of two Regions with a server each, the first"
    );
    let known = &world.known.unwrap()["eu-west-1"];
    assert!(
        known["DescribeMountTargets"].except.is_empty(),
        "it has none"
    );
    assert!(!known["DescribeAccessPoints"].except.is_empty());
}

#[test]
fn mount_targets_are_known_only_if_all_were_listed() {
    let target = |number: u8, address: Option<&str>| {
        json!({
            "MountTargetId": format!("fsmt-0000000{number}"), "FileSystemId": "fs-00000001",
            "SubnetId": format!("subnet-0000000{number}"), "LifeCycleState": "available",
            "IpAddress": address, "AvailabilityZoneName":
                format!("us-east-1{}", char::from(b'a' + number)),
        })
    };
    let unknown = |targets: Value| {
        let file_systems = [file_system("fs-00000001", REGION, 2)];
        let imported = import_all(&[
            json!({ "FileSystems": file_systems }),
            json!({ "MountTargets": targets }),
        ]);
        let world = imported.unwrap().world;
        let file_system = &world.efs.regions[REGION].file_systems[0];
        let except = &world.known.unwrap()[REGION]["DescribeMountTargets"].except;
        assert_eq!(except.len(), file_system.unlisted_mount_targets);
        except.len()
    };

    let (one, two) = (target(1, Some("10.0.0.1")), target(2, Some("10.0.0.2")));
    assert_eq!(unknown(json!([one, two])), 0);
    assert_eq!(unknown(json!([one])), 1);
    assert_eq!(
        unknown(json!([one, target(2, None)])),
        1,
        "one has no IPv4 address"
    );
}

#[test]
fn the_same_address_in_two_networks_is_imported() {
    let target = |number: u8| {
        json!({ "MountTargets": [{
            "MountTargetId": format!("fsmt-0000000{number}"),
            "FileSystemId": format!("fs-0000000{number}"),
            "SubnetId": format!("subnet-0000000{number}"), "LifeCycleState": "available",
            "IpAddress": "10.0.0.4", "AvailabilityZoneName": "us-east-1a",
        }] })
    };
    let file_systems = ["fs-00000001", "fs-00000002"].map(|id| file_system(id, REGION, 1));

    import_all(&[json!({ "FileSystems": file_systems }), target(1), target(2)]).unwrap();
}

#[test]
fn a_replica_of_another_account_names_its_owner() {
    let mut replica = file_system("fs-00000002", REGION, 0);
    replica["FileSystemProtection"]["ReplicationOverwriteProtection"] = json!("REPLICATING");
    let label = label("efs describe-replication-configurations", None);
    let replication = json!({ "Replications": [{
        "SourceFileSystemId": "fs-00000001", "SourceFileSystemRegion": "eu-west-1",
        "SourceFileSystemOwnerId": "444455556666", "CreationTime": 1_795_000_000,
        "Destinations": [{ "Status": "ENABLED", "FileSystemId": "fs-00000002", "Region": REGION,
            "OwnerId": "111122223333", "LastReplicatedTimestamp": 1_795_953_000 }],
    }] });

    let imported = import_all(&[json!({ "FileSystems": [replica] }), label, replication]).unwrap();
    let replication = &imported.world.efs.replications[0];
    assert_eq!(replication.source_owner_id.as_deref(), Some("444455556666"));
    assert_eq!(replication.destination_owner_id, None);
}

#[test]
fn a_page_that_others_follow_is_not_the_list() {
    let page = |id: &str, next: Value| json!({ "items": [server(id, REGION)], "nextToken": next });
    let is_known = |pages: &[Value]| {
        let imported = import_all(pages).unwrap();
        let known = imported.world.known.unwrap();
        known
            .get(REGION)
            .is_some_and(|it| it.contains_key("DescribeSourceServers"))
    };

    let (first, last) = (
        page(ID, json!("more")),
        page("s-0123456789abcdef1", Value::Null),
    );
    assert!(!is_known(std::slice::from_ref(&first)));
    assert!(is_known(&[first, last]));
}

#[test]
fn settings_of_a_file_system_need_a_label_and_none_is_an_answer() {
    let id = "fs-00000001";
    let policy = label("efs describe-file-system-policy", Some(id));
    let backup = label("efs describe-backup-policy", Some(id));
    let imported = import_all(&[
        json!({ "FileSystems": [file_system(id, REGION, 0)] }),
        policy,
        json!({ "error": "PolicyNotFound" }),
        backup,
        json!({ "error": "AccessDeniedException" }),
    ]);

    let known = &imported.unwrap().world.known.unwrap()[REGION];
    assert!(known["DescribeFileSystemPolicy"].except.is_empty());
    assert!(known["DescribeBackupPolicy"].except.contains(id));
    let unlabelled = [json!({ "BackupPolicy": { "Status": "ENABLED" } })];
    assert_refused(&unlabelled, &["a.json, document 1", "scripts/collect.sh"]);
}

#[test]
fn a_replication_to_where_nobody_looked_is_imported() {
    let replication = |status: &str, last: &str| {
        json!({ "Replications": [{
            "SourceFileSystemId": "fs-00000001", "SourceFileSystemRegion": REGION,
            "SourceFileSystemArn": "arn", "OriginalSourceFileSystemArn": "arn",
            "CreationTime": "2026-11-01T00:00:00+00:00",
            "Destinations": [{ "Status": status, "FileSystemId": "fs-00000002",
                "Region": "eu-west-1", "LastReplicatedTimestamp": last }],
        }] })
    };
    let file_systems = || json!({ "FileSystems": [file_system("fs-00000001", REGION, 0)] });
    let world = |replication: Value| import_all(&[file_systems(), replication]).unwrap().world;

    let recent = world(replication("ENABLED", "2026-11-29T11:50:00Z"));
    assert_eq!(recent.efs.replications[0].ordered, None);
    // One that lags does not catch up by itself.
    let late = world(replication("ENABLED", "2026-11-29T09:00:00Z"));
    let last = late.efs.replications[0].last_replicated_at(late.now);
    assert_eq!(last, "2026-11-29T09:00:00Z".parse().ok());
    let broken = world(replication("ERROR", "2026-11-29T11:50:00Z"));
    let status = broken.efs.replications[0]
        .status(broken.now, broken.behaviour)
        .to_owned();
    assert_eq!(status, "ERROR");

    let both = json!({ "FileSystems": [
        file_system("fs-00000001", REGION, 0), file_system("fs-00000009", "eu-west-1", 0)] });
    let either = [both, replication("ENABLED", "2026-11-29T11:50:00Z")];
    assert_refused(&either, &["document 2", "--region"]);
    assert!(import_in(Some(REGION), &either).is_ok());
}

#[test]
fn what_cannot_be_used_is_refused_by_its_place_and_path() {
    let list = |item: Value| json!({ "items": [server(ID, REGION), item] });
    let mut without_state = server("s-0123456789abcdef1", REGION);
    without_state["dataReplicationInfo"] = json!({});
    assert_refused(
        &[list(without_state)],
        &[
            "a.json, document 1: items[1].dataReplicationInfo: ",
            "dataReplicationState",
        ],
    );

    let mut wrong_type = server("s-0123456789abcdef1", REGION);
    wrong_type["tags"] = json!(["a"]);
    assert_refused(&[list(wrong_type)], &["items[1].tags: "]);
    let mut unheard_of = server("s-0123456789abcdef1", REGION);
    unheard_of["dataReplicationInfo"]["dataReplicationState"] = json!("RESTING");
    assert_refused(&[list(unheard_of)], &["make no world", "RESTING"]);

    assert_refused(&[json!([])], &["document 1 is not an answer"]);
    assert_refused(
        &[json!({ "items": [] })],
        &["does not say what it is of", "answerOf"],
    );
    assert_refused(&[json!({ "items": [{ "id": 1 }] })], &["items[0]"]);
    let volumes = label("ec2 describe-volumes", None);
    assert_refused(&[volumes, json!({})], &["`ec2 describe-volumes`"]);
}

#[test]
fn what_no_answer_says_the_command_line_has_to() {
    let mut unplaced = server(ID, REGION);
    unplaced.as_object_mut().unwrap().remove("arn");
    let anonymous = json!({ "items": [unplaced] });
    assert_refused(&[anonymous], &["--account"]);

    let mut foreign = server("s-0123456789abcdef1", REGION);
    foreign["arn"] = json!("arn:aws:drs:us-east-1:444455556666:source-server/x");
    let both = json!({ "items": [server(ID, REGION), foreign] });
    assert_refused(&[both], &["111122223333 and 444455556666"]);

    let known = json!({ "items": [server(ID, REGION)] });
    let empty = json!({ "FileSystems": [] });
    assert_refused(&[known.clone(), empty.clone()], &["document 2", "--region"]);
    let imported = import_in(Some("eu-west-1"), &[known, empty]).unwrap();
    assert!(imported.world.efs.regions.contains_key("eu-west-1"));
    assert_eq!(imported.world.region, "eu-west-1");
}

#[test]
fn a_label_that_contradicts_its_answer_is_refused() {
    let elsewhere = json!({ "items": [server(ID, "eu-west-1")] });
    let documents = [label("drs describe-source-servers", None), elsewhere];
    assert_refused(&documents, &["is in eu-west-1", "its label says us-east-1"]);
}

#[test]
fn a_running_job_runs_until_somebody_says_otherwise() {
    let job = |status: &str, end: Value| {
        json!({ "items": [{
            "jobID": "drsjob-0123456789abcdef0", "type": "LAUNCH", "status": status,
            "arn": "arn:aws:drs:us-east-1:111122223333:job/drsjob-0123456789abcdef0",
            "initiatedBy": "START_DRILL", "creationDateTime": "2026-11-29T10:00:00Z",
            "endDateTime": end, "participatingServers": [{ "sourceServerID": ID }],
        }] })
    };
    let status = |document: Value| {
        let world = import_all(&[document]).unwrap().world;
        let job = &world.drs.regions[REGION].jobs[0];
        job.status(world.now + chrono::TimeDelta::days(9))
            .to_owned()
    };

    assert_eq!(status(job("STARTED", Value::Null)), "STARTED");
    assert_eq!(
        status(job("COMPLETED", json!("2026-11-29T10:09:00Z"))),
        "COMPLETED"
    );
}
