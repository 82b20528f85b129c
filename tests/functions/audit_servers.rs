//! `audit-source-servers`.

use emulator::IamRequest;
use template::ask;

use crate::{
    functions::{Function, Parts, asked, world_of_events},
    stage::audit::Stage,
};

pub(crate) static AUDIT_SERVERS: Function = Function {
    under_test: &harness::AUDIT_SERVERS,
    parts: Parts {
        words: &["ServerAudit", "AuditSourceServers", "RecoveryEvent"],
        metric: "ServerAudits",
        logs: "ServerAuditLogs",
    },
    timeout_seconds: 600,
    settings: &[
        ("ALLOW_DELETE", "true"),
        ("SILENT_HOURS", "17"),
        ("LAG_MINUTES", "18"),
        ("SYNC_HOURS", "19"),
        ("QUOTA_PERCENT", "20"),
        ("SERVER_HOUR_RATE", "0.21"),
    ],
    flows: || Box::pin(flows()),
    forbidden,
    allowed: Vec::new,
    changes: None,
};

async fn flows() -> Vec<IamRequest> {
    let mut asks = Vec::new();
    for event in AUDIT_SERVERS.events() {
        let stage = Stage::with(&AUDIT_SERVERS, world_of_events()).await;
        stage.deliver(&event).await;
        asks.extend(asked(&stage.local));
    }
    asks
}

const SERVER: &str = "arn:aws:drs:us-east-1:111122223333:source-server/s-00000000000000001";

/// Everything that changes anything, also with an approval, and what is another's.
fn forbidden() -> Vec<IamRequest> {
    let changes = [
        "drs:DisconnectSourceServer",
        "drs:DeleteSourceServer",
        "drs:StartReplication",
        "drs:StopReplication",
        "drs:RetryDataReplication",
        "drs:TagResource",
        "drs:UntagResource",
    ];
    let approved = |action: &str| {
        let ask = ask(action, SERVER).with("aws:TagKeys", "drover:approved");
        ask.with("aws:ResourceTag/drover:approved", "CHG1")
    };
    let elsewhere = [
        SERVER.replace("111122223333", "999999999999"),
        SERVER.replace("us-east-1", "eu-west-1"),
        SERVER.replace("source-server", "recovery-instance"),
    ];

    let mut asks: Vec<IamRequest> = changes.map(approved).into();
    asks.extend(elsewhere.map(|arn| ask("drs:DescribeRecoverySnapshots", &arn)));
    asks.extend(
        [
            "drs:DescribeJobs",
            "drs:ListTagsForResource",
            "drs:DescribeSourceNetworks",
        ]
        .map(|action| ask(action, "*")),
    );
    asks
}
