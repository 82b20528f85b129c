//! `disconnect-source-server`.

use chrono::TimeDelta;
use emulator::IamRequest;
use template::ask;

use crate::{
    functions::{Changes, Function, Gate, Parts, asked, world_of_events},
    stage::drs::{ONE, Stage, by_id, request},
};

pub(crate) static DISCONNECT: Function = Function {
    under_test: &harness::DISCONNECT,
    parts: Parts {
        words: &["Disconnect", "Decommission"],
        metric: "Decommissions",
        logs: "DisconnectLogs",
    },
    timeout_seconds: 300,
    settings: &[
        ("MODE", "enforce"),
        ("ALLOW_DELETE", "true"),
        ("MAX_TARGETS", "11"),
        ("MAX_SHARE_PERCENT", "12"),
        ("REQUIRE_SILENT_MINUTES", "16"),
        ("VERIFY_CLEANUP", "true"),
        ("ORIGIN_ACCOUNTS", "111122223333,444455556666"),
    ],
    flows: || Box::pin(flows()),
    forbidden,
    allowed: Vec::new,
    changes: Some(Changes {
        queue: "DecommissionQueue",
        gate: Gate {
            parameter: "AllowDelete",
            action: "drs:DeleteSourceServer",
            more: Vec::new,
        },
    }),
};

async fn flows() -> Vec<IamRequest> {
    let mut asks = Vec::new();
    for event in DISCONNECT.events() {
        let stage = Stage::with(world_of_events()).await;
        stage.deliver(&event).await;
        asks.extend(asked(&stage.local));
    }

    let stage = Stage::new().await;
    for action in ["retire", "delete"] {
        stage.deliver(&request(action, &[by_id(ONE)])).await;
        stage.local.advance(TimeDelta::minutes(90));
    }
    let changes = stage.changes();
    let deletes = |change: &String| change.starts_with("DeleteSourceServer");
    assert!(changes.iter().any(deletes), "{changes:?}");
    asks.extend(asked(&stage.local));

    asks
}

const SERVER: &str = "arn:aws:drs:us-east-1:111122223333:source-server/s-00000000000000001";
const THEIR_SERVER: &str = "arn:aws:drs:us-east-1:999999999999:source-server/s-00000000000000001";

const APPROVED: &str = "aws:ResourceTag/drover:approved";
const PROTECTED: &str = "aws:ResourceTag/drover:protected";

fn forbidden() -> Vec<IamRequest> {
    let mut asks = Vec::new();
    asks.extend(changes_without_approval());
    asks.extend(untagging_of_others());
    asks.extend(tagging());
    asks.extend(other_operations());

    asks
}

fn approved(action: &str, resource: &str) -> IamRequest {
    ask(action, resource).with(APPROVED, "CHG1")
}

fn changes_without_approval() -> Vec<IamRequest> {
    let mut asks = Vec::new();
    for action in ["drs:DisconnectSourceServer", "drs:DeleteSourceServer"] {
        asks.push(ask(action, SERVER));
        asks.push(ask(action, SERVER).with("aws:ResourceTag/Approved", "CHG1"));
        asks.push(approved(action, SERVER).with(PROTECTED, ""));
        asks.push(approved(action, THEIR_SERVER));
        asks.push(approved(action, &SERVER.replace("us-east-1", "eu-west-1")));
    }

    asks
}

/// The role may remove the approval of its own servers, and nothing else.
fn untagging_of_others() -> Vec<IamRequest> {
    let untag = |resource: &str, keys: &[&str]| {
        let mut ask = approved("drs:UntagResource", resource);
        for key in keys {
            ask = ask.with("aws:TagKeys", key);
        }
        ask
    };
    let recovery_instance = SERVER.replace("source-server", "recovery-instance");

    vec![
        untag(SERVER, &[]),
        untag(SERVER, &["Name"]),
        untag(SERVER, &["drover:protected"]),
        untag(SERVER, &["drover:approved", "Name"]),
        untag(SERVER, &["drover:approved"]).with(PROTECTED, ""),
        untag(THEIR_SERVER, &["drover:approved"]),
        untag(&recovery_instance, &["drover:approved"]),
    ]
}

fn tagging() -> Vec<IamRequest> {
    ["drover:approved", "drover:protected", "Name"]
        .map(|key| approved("drs:TagResource", SERVER).with("aws:TagKeys", key))
        .into()
}

fn other_operations() -> Vec<IamRequest> {
    let source_network = SERVER.replace("source-server", "source-network");
    let recovery_instance = SERVER.replace("source-server", "recovery-instance");
    let mut asks = vec![
        approved("drs:DescribeRecoverySnapshots", THEIR_SERVER),
        ask("drs:InitializeService", "*"),
        ask("ec2:TerminateInstances", "*"),
        ask("drs:StopSourceNetworkReplication", &source_network),
    ];

    let of_server = [
        "StopReplication",
        "StartReplication",
        "RetryDataReplication",
    ];
    asks.extend(of_server.map(|operation| approved(&format!("drs:{operation}"), SERVER)));

    let of_instance = [
        "TerminateRecoveryInstances",
        "DisconnectRecoveryInstance",
        "DeleteRecoveryInstance",
    ];
    asks.extend(
        of_instance.map(|operation| approved(&format!("drs:{operation}"), &recovery_instance)),
    );

    asks
}
