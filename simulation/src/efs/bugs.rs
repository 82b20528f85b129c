//! Bugs to plant beside `bootstrap-efs-replication`.

use emulator::{
    FileSystem, World,
    wire::{self, Wire},
};
use serde_json::{Value, json};

use crate::{
    bugs::{conclusion_of, empty_answer},
    constants::{APPROVED, HERE, THERE, epoch},
    efs::observed::protection,
    record::{AttemptLog, Bug, Intercepted, State, Tampering, text},
};

/// Each was found in some tool of this kind.
pub(crate) static BUGS: [Bug; 6] = [
    Bug {
        name: "overwrite without its keys",
        body: approve_unlocked,
        ..Bug::NONE
    },
    Bug {
        name: "conflict on create taken as failure",
        conclusion: conflict_is_failure,
        ..Bug::NONE
    },
    Bug {
        name: "second destination created",
        before_call: replicate_twice,
        ..Bug::NONE
    },
    Bug {
        name: "overwrite protection disabled by us",
        before_call: unlock_first,
        ..Bug::NONE
    },
    Bug {
        name: "usable before the first sync",
        body: |tampering, body| {
            if tampering.operation == "DescribeReplicationConfigurations" {
                let destination = &mut body["Replications"][0]["Destinations"][0];
                destination["LastReplicatedTimestamp"] = json!(epoch().timestamp());
            }
        },
        ..Bug::NONE
    },
    Bug {
        name: "any Region allowed",
        variable: |name| (name == "REPLICA_REGIONS").then_some("*"),
        ..Bug::NONE
    },
];

/// Shows every file system that is unlocked as approved.
fn approve_unlocked(tampering: &Tampering<'_>, body: &mut Value) {
    if tampering.operation != "DescribeFileSystems" {
        return;
    }

    let file_systems = body["FileSystems"].as_array_mut();
    for file_system in file_systems.into_iter().flatten() {
        if *protection(file_system) == "DISABLED" {
            file_system["Tags"] = json!([{ "Key": APPROVED, "Value": tampering.request.id }]);
        }
    }
}

fn conflict_is_failure(log: &AttemptLog, target: &mut Value) -> Option<(&'static str, String)> {
    let was_refused = log.calls.iter().any(|call| {
        call.operation == "CreateReplicationConfiguration" && matches!(call.status, Some(400 | 409))
    });
    if !was_refused || conclusion_of(target).0 != "pending" {
        return None;
    }

    target["message"] = json!("CreateReplicationConfiguration: AWS refused the call");
    Some(("failed", "rejected_by_aws".to_owned()))
}

/// Gives a source that is replicated already a second destination.
fn replicate_twice(state: &mut State, intercepted: &Intercepted<'_>) -> Option<Wire> {
    if intercepted.operation != "CreateReplicationConfiguration" {
        return None;
    }
    let path = intercepted.call.path;
    let source = path.split('/').nth(3).unwrap_or_default().to_owned();
    let world = state.cloud.world();
    let mut replications = world.efs.replications.iter();
    if !replications.any(|replication| replication.source_file_system_id == source) {
        return None;
    }

    // As if the second call had been accepted, with its answer lost.
    state.cloud.change(|world: &mut World| {
        let second = FileSystem::new("fs-000000dd");
        let efs = world.efs.regions.entry(THERE.to_owned()).or_default();
        efs.file_systems.push(second);
        world
            .efs
            .bind((HERE, &source), (THERE, "fs-000000dd"), world.now);
    });
    state.remember_world();

    Some(empty_answer(500))
}

fn unlock_first(state: &mut State, intercepted: &Intercepted<'_>) -> Option<Wire> {
    if intercepted.operation != "CreateReplicationConfiguration" {
        return None;
    }
    let body = intercepted.body();
    let id = text(&body["Destinations"][0], "FileSystemId");

    // The destination is in another Region, and so is the signature.
    let authorization = intercepted.call.authorization;
    let authorization = authorization.map(|text| text.replace(HERE, THERE));
    let path = format!("/2015-02-01/file-systems/{id}/protection");
    let unlock = wire::Call {
        method: "PUT",
        path: &path,
        authorization: authorization.as_deref(),
        target: None,
        body: br#"{"ReplicationOverwriteProtection":"DISABLED"}"#,
        ..intercepted.call
    };

    if !id.is_empty() {
        let wire = state.cloud.call(unlock);
        state.record_call(intercepted.attempt, unlock, &wire, None);
    }

    None
}
