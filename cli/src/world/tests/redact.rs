//! What a redacted world must not say, and what it must.

use std::collections::BTreeSet;

use emulator::World;
use serde_json::Value;

use crate::world::redact::{KEPT, redact};

const WORLD: &str = r#"{
    "account": "111122223333", "region": "us-east-1",
    "known": { "us-east-1": { "DescribeMountTargets": { "except": ["fs-0123456789abcdef1"] } } },
    "drs": { "us-east-1": {
        "sourceServers": [
            { "sourceServerID": "s-0123456789abcdeF0", "hostname": "db01",
              "fqdn": "db01.corp.acme.com", "awsInstanceID": "i-0123456789abcdef0",
              "originAccountID": "444455556666", "originRegion": "eu-west-1",
              "tags": { "Name": "db01", "owner": "jane.roe@acme.com",
                        "drover:approved": "i-0123456789abcdef0",
                        "drover:protected": "ask Jane" } },
            { "sourceServerID": "s-0123456789abcdef1", "hostname": "10.1.2.3",
              "stagingStatus": "EXTENDED", "stagingSourceServerArn":
              "arn:aws:drs:us-east-1:444455556666:source-server/s-00000000000000abc" }
        ],
        "jobs": [{ "jobID": "drsjob-0123456789abcdef0", "type": "LAUNCH",
            "initiatedBy": "START_DRILL", "createdAt": "2026-11-01T00:00:00Z",
            "endsAt": "2026-11-01T01:00:00Z", "sourceServerIDs": ["s-0123456789abcdeF0"],
            "participatingResources": [{ "launchStatus": "LAUNCHED",
                "participatingResourceID": { "sourceNetworkID": "sn-0123456789abcdef0" } }] }]
    } },
    "efs": { "us-east-1": { "fileSystems": [
        { "fileSystemId": "fs-0123456789abcdef0", "creationToken": "acme-shared",
          "kmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/a1b2c3d4-1111-2222-3333-abcdefabcdef",
          "tags": { "drover:replicate-to": "eu-west-1", "aws:cloudformation:stack-name": "acme" },
          "policy": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"AcmeApp\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:role/acme/app\"},\"Action\":\"elasticfilesystem:ClientMount\",\"Resource\":\"arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-0123456789abcdef0\",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"10.1.0.0/16\"},\"StringEquals\":{\"aws:PrincipalTag/team\":\"storage-crew\"}}}]}",
          "mountTargets": [{ "mountTargetId": "fsmt-0123456789abcdef0",
              "subnetId": "subnet-0123456789abcdef0", "ipAddress": "10.1.2.3",
              "availabilityZoneName": "us-east-1a", "securityGroups": ["sg-0123456789abcdef0"] }],
          "accessPoints": [{ "accessPointId": "fsap-0123456789abcdef0",
              "clientToken": "acme-ap", "rootDirectory": { "Path": "/payroll/2026" } }] },
        { "fileSystemId": "fs-0123456789abcdef1", "unlistedMountTargets": 1,
          "protection": "REPLICATING" }
    ] } },
    "replications": [{ "sourceRegion": "us-east-1",
        "sourceFileSystemId": "fs-0123456789abcdef0", "destinationRegion": "us-east-1",
        "destinationFileSystemId": "fs-0123456789abcdef1",
        "roleArn": "arn:aws:iam::111122223333:role/acme-replication",
        "createdAt": "2026-11-01T00:00:00Z", "firstSyncEndsAt": "2026-11-01T01:00:00Z",
        "ordered": { "status": "PAUSED", "message": "key of Acme is disabled" } }]
}"#;

fn redacted() -> World {
    redact(&World::from_json(WORLD).unwrap()).unwrap()
}

#[test]
fn no_name_address_account_or_id_survives() {
    let text = serde_json::to_string(&redacted()).unwrap().to_lowercase();

    for secret in [
        "111122223333",
        "444455556666",
        "db01",
        "corp",
        "acme",
        "jane",
        "10.1.2.3",
        "10.1.0.0",
        "0123456789abcdef",
        "0000000000abc",
        "a1b2c3d4",
        "owner",
        "shared",
        "payroll",
        "2026/",
        "storage",
        "team",
        "acmeapp",
        "key of",
    ] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[test]
fn one_text_stays_one_text() {
    let mut world = redacted();
    let servers = world.here().source_servers.clone();
    let [one, other] = servers.as_slice() else {
        panic!("two servers")
    };
    let host = one.hostname.clone().unwrap();
    assert_eq!(one.fqdn, Some(format!("{host}.domain-1")));
    assert_eq!(one.tags.values().filter(|value| **value == host).count(), 1);
    assert_eq!(
        one.tags["drover:approved"],
        one.aws_instance_id.clone().unwrap()
    );
    assert_eq!(world.here().jobs[0].source_server_ids[0], one.id);

    let foreign = one.origin_account_id.clone().unwrap();
    let staging = other.staging_source_server_arn.as_ref().unwrap();
    assert_eq!(staging.split(':').nth(4), Some(&*foreign));
    let file_systems = &world.efs.regions["us-east-1"].file_systems;
    let address = &file_systems[0].mount_targets[0].ip_address;
    assert_eq!(other.hostname.as_ref(), Some(address));
    let policy = file_systems[0].policy.as_ref().unwrap();
    assert!(policy.contains(&file_systems[0].file_system_id), "{policy}");
    assert!(policy.contains(&world.account), "{policy}");
    let known = &world.known.unwrap()["us-east-1"]["DescribeMountTargets"].except;
    assert_eq!(
        *known,
        BTreeSet::from([file_systems[1].file_system_id.clone()])
    );
}

#[test]
fn what_decides_stays_as_it_is() {
    let mut world = redacted();
    let server = &world.here().source_servers[0];
    assert_eq!(server.origin_region.as_deref(), Some("eu-west-1"));
    assert!(server.tags.contains_key("drover:protected"));
    let efs = &world.efs.regions["us-east-1"].file_systems[0];
    assert_eq!(efs.tags["drover:replicate-to"], "eu-west-1");
    assert_eq!(efs.tags.len(), 2);
    let policy = efs.policy.as_ref().unwrap();
    assert!(policy.contains("elasticfilesystem:ClientMount"), "{policy}");
}

/// The texts of a value that name something, and the keys of its tags.
fn texts(member: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        // A policy and a switch are made of words of AWS and of the emulator.
        _ if KEPT.contains(&member) || ["policy", "behaviour"].contains(&member) => {}
        Value::String(text) => drop(found.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts(member, item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                let is_own = name.starts_with("drover:") || name.starts_with("aws:");
                if member == "tags" && !is_own {
                    found.insert(name.clone());
                }
                texts(name, value, found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_text_of_the_world_that_comes_with_the_emulator_survives() {
    let mut world = World::default();
    world.functions.clear();
    let redacted = serde_json::to_string(&redact(&world).unwrap()).unwrap();

    let mut found = BTreeSet::new();
    texts("", &serde_json::to_value(&world).unwrap(), &mut found);
    // Where something is to be replicated to means something, and nothing has no name.
    found.retain(|text| !text.is_empty() && text != "eu-west-1");
    assert!(found.len() > 100, "{}", found.len());
    for text in found {
        assert!(
            !redacted.contains(&format!("\"{text}\"")),
            "{text} survives"
        );
    }
}
