//! Hostile text in every place where others write: it reaches no report, log or terminal as it is.

use emulator::{OrderedStatus, SourceServer, World};
use serde_json::{Value, json};

use crate::stage::{
    drs::{ONE, Stage, approved, by_id, number, request},
    efs,
};

/// Clears a screen, forges a line, turns the writing round, hides, and sets a colour in two ways.
const HARM: &str = "\u{1b}[2J\r\n2026-01-01 INFO all is well\u{202e}\u{200b}\u{9b}31m\0\"}";

fn long() -> String {
    HARM.repeat(10 << 20 >> 6)
}

/// No text in it is long, and none has a sign that a terminal or a reader of lines obeys.
#[track_caller]
fn assert_plain(report: &Value) {
    let text = report.to_string();
    assert!(text.len() < 64 << 10, "{} bytes", text.len());

    let harmful = |sign: char| sign.is_control() || "\u{202e}\u{200b}".contains(sign);
    let mut texts = vec![report];

    while let Some(value) = texts.pop() {
        match value {
            Value::String(text) => assert!(!text.contains(harmful), "{text:?}"),
            Value::Array(items) => texts.extend(items),
            Value::Object(members) => {
                assert!(
                    !members.keys().any(|name| name.contains(harmful)),
                    "{members:?}"
                );
                texts.extend(members.values());
            }
            _ => {}
        }
    }
}

// Invariant 12.
#[tokio::test]
async fn text_from_drs_is_harmless() {
    let hostile = |id: &str, approval: &str| SourceServer {
        hostname: Some(HARM.to_owned()),
        fqdn: Some(HARM.to_owned()),
        data_replication_state: HARM.to_owned(),
        ..SourceServer::new(id)
            .tagged("drover:approved", approval)
            .tagged(HARM, HARM)
    };

    let (second, third) = (number(2), number(3));
    let servers = [
        approved(ONE).tagged(HARM, HARM),
        hostile(&second, HARM),
        hostile(&third, &long()),
    ];

    let mut stage = Stage::with(World::with(servers)).await;
    stage.policy.max_share_percent = 100;
    let answer = stage
        .deliver(&request(
            "disconnect",
            &[by_id(ONE), by_id(&second), by_id(&third)],
        ))
        .await;

    let reasons: Vec<&Value> = answer.body["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| &target["reason"])
        .collect();
    assert_eq!(
        reasons,
        [
            "disconnected",
            "approved_for_another_request",
            "approved_for_another_request"
        ]
    );
    assert_plain(&answer.body);
}

// Invariant 12.
#[tokio::test]
async fn text_from_efs_is_harmless() {
    for message in [HARM.to_owned(), long()] {
        let stage = efs::Stage::with(efs::world()).await;
        stage.deliver(&efs::new_replica()).await;
        stage.wait(30);
        stage.local.change(|world| {
            let file_systems = world
                .efs
                .regions
                .values_mut()
                .flat_map(|efs| &mut efs.file_systems);
            file_systems.for_each(|file_system| {
                _ = file_system.tags.insert(HARM.to_owned(), message.clone())
            });
            world.efs.replications[0].ordered = Some(OrderedStatus {
                status: "PAUSED".to_owned(),
                message,
            });
        });
        let answer = stage.deliver(&efs::new_replica()).await;
        assert_eq!(answer.conclusion(), "failed replication_paused");
        assert_plain(&answer.body);
    }
}

// Invariant 12.
#[tokio::test]
async fn text_from_an_event_is_harmless() {
    let stage = Stage::new().await;
    let envelope = |detail_type: &str, detail: Value| json!({ "source": HARM, "detail-type": detail_type, "account": HARM, "region": HARM, "detail": detail });
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let named = |member: &str, value: &str| {
        let mut request = request("disconnect", &[by_id(ONE)]);
        request[member] = json!(value);
        request
    };

    for event in [
        envelope(HARM, json!({})),
        envelope("Source Server Decommission Requested", json!({ HARM: 1 })),
        envelope(
            "Source Server Decommission Requested",
            named("requestID", HARM),
        ),
        envelope(
            "EC2 Instance State-change Notification",
            json!({ "instance-id": HARM, "state": HARM }),
        ),
        named("requestID", &long()),
        named("expiresAt", HARM),
        named("action", &HARM.repeat(100)),
        named(HARM, HARM),
        request("disconnect", &[json!({ "hostname": HARM })]),
        request("disconnect", &[json!({ "sourceServerID": long() })]),
        json!(long()),
        json!({ "Records": [{ "EventSource": HARM, "Sns": { "Message": HARM } }] }),
        json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": deep } }] }),
    ] {
        let answer = stage.deliver(&event).await;
        assert_eq!(answer.error_type, None);
        assert_eq!(answer.body["outcome"], "rejected", "{}", answer.body);
        assert_plain(&answer.body);
    }

    assert_eq!(stage.count("DescribeSourceServers"), 0);
    assert_eq!(stage.changes(), [""; 0]);
}
