//! `audit-file-systems`.

use emulator::{IamRequest, World};
use serde_json::json;
use template::ask;

use crate::{
    functions::{Function, Parts, asked, world_of_events},
    stage::audit::{Stage, found},
};

pub(crate) static AUDIT_FILE_SYSTEMS: Function = Function {
    under_test: &harness::AUDIT_FILE_SYSTEMS,
    parts: Parts {
        words: &["FileSystemAudit", "AuditFileSystems"],
        metric: "FileSystemAudits",
        logs: "FileSystemAuditLogs",
    },
    timeout_seconds: 600,
    settings: &[("SYNC_SECONDS", "1234")],
    flows: || Box::pin(flows()),
    forbidden,
    allowed: Vec::new,
    changes: None,
};

async fn flows() -> Vec<IamRequest> {
    let mut asks = Vec::new();
    for event in AUDIT_FILE_SYSTEMS.events() {
        let stage = Stage::with(&AUDIT_FILE_SYSTEMS, world_of_events()).await;
        stage.deliver(&event).await;
        asks.extend(asked(&stage.local));
    }

    // A replica of which everything is compared.
    let stage = Stage::with(&AUDIT_FILE_SYSTEMS, replicated()).await;
    let answer = stage.audit().await;
    assert_eq!(found(&answer).len(), 1);
    asks.extend(asked(&stage.local));
    asks
}

/// A file system with a replica that lacks what its source has.
fn replicated() -> World {
    let source = json!({
        "fileSystemId": "fs-00000001",
        "accessPoints": [{ "accessPointId": "fsap-00000001", "clientToken": "app" }],
        "policy": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},\"Action\":\"elasticfilesystem:ClientMount\",\"Resource\":\"*\"}]}",
        "lifecyclePolicies": [{ "TransitionToIA": "AFTER_7_DAYS" }],
    });
    let world = json!({
        "account": "111122223333", "region": "us-east-1",
        "efs": {
            "us-east-1": { "fileSystems": [source] },
            "eu-west-1": { "fileSystems":
                [{ "fileSystemId": "fs-0000000a", "protection": "REPLICATING" }] },
        },
        "replications": [{
            "sourceRegion": "us-east-1", "sourceFileSystemId": "fs-00000001",
            "destinationRegion": "eu-west-1", "destinationFileSystemId": "fs-0000000a",
            "createdAt": "2026-11-01T00:00:00Z", "firstSyncEndsAt": "2026-11-01T01:00:00Z",
        }],
    });

    World::from_json(&world.to_string()).unwrap()
}

const FILE_SYSTEM: &str =
    "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-00000001";

/// Everything that changes anything, and what is another's.
fn forbidden() -> Vec<IamRequest> {
    let changes = [
        "CreateReplicationConfiguration",
        "DeleteReplicationConfiguration",
        "DeleteFileSystem",
        "UpdateFileSystemProtection",
        "CreateMountTarget",
        "CreateAccessPoint",
        "PutLifecycleConfiguration",
        "PutBackupPolicy",
        "PutFileSystemPolicy",
        "TagResource",
        "UntagResource",
    ];
    let other = FILE_SYSTEM.replace("111122223333", "999999999999");
    let access_point = FILE_SYSTEM.replace("file-system/fs-", "access-point/fsap-");
    let reads = [
        "DescribeAccessPoints",
        "DescribeLifecycleConfiguration",
        "DescribeFileSystemPolicy",
    ];
    let named = |name: &str, resource: &str| ask(&format!("elasticfilesystem:{name}"), resource);

    let mut asks: Vec<IamRequest> = changes.map(|name| named(name, FILE_SYSTEM)).into();
    for name in reads {
        asks.push(named(name, &other));
        asks.push(named(name, &access_point));
    }
    asks.push(named("DescribeBackupPolicy", FILE_SYSTEM));
    asks.push(named("DescribeMountTargets", FILE_SYSTEM));
    asks
}
