//! Signs of life: a machine that still talks to DRS is not gone.

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{SourceServer, World};
use serde_json::{Value, json};

use crate::{
    disconnect::DISCONNECTED_ONCE,
    stage::drs::{ONE, Stage, approved},
};

/// The event of an instance that was terminated at this time.
fn terminated(at: DateTime<Utc>) -> Value {
    json!({
        "source": "aws.ec2",
        "detail-type": "EC2 Instance State-change Notification",
        "account": "111122223333",
        "region": "us-west-2",
        "time": at,
        "detail": { "instance-id": "i-00000001", "state": "terminated" },
    })
}

/// The server of that instance, approved, whose agent talks unless it is silent.
fn of_instance(silent_since: Option<DateTime<Utc>>) -> World {
    World::with([SourceServer {
        aws_instance_id: Some("i-00000001".to_owned()),
        origin_account_id: Some("111122223333".to_owned()),
        origin_region: Some("us-west-2".to_owned()),
        agent_unreachable_since: silent_since,
        ..SourceServer::new(ONE).tagged("drover:approved", "i-00000001")
    }])
}

// Invariant 1.
// Pages: DRS-42.
#[tokio::test]
async fn a_terminated_machine_that_still_talks_is_another_one() {
    let hour_ago = Utc::now() - TimeDelta::hours(1);

    let stage = Stage::with(of_instance(None)).await;
    let answer = stage.deliver(&terminated(hour_ago)).await;
    assert_eq!(answer.conclusion(), "refused agent_alive");
    let facts = &answer.body["targets"][0]["reasons"][0]["facts"];
    let seconds = facts["secondsAfterTermination"].as_u64().unwrap();
    assert!((3_500..4_000).contains(&seconds), "{facts}");
    assert_eq!(stage.changes(), [""; 0]);
    // An event that comes at once finds DRS's last sight of the machine.
    let at_once = stage.deliver(&terminated(Utc::now())).await;
    assert_eq!(at_once.conclusion(), "done disconnected");

    let stage = Stage::with(of_instance(Some(hour_ago))).await;
    let answer = stage.deliver(&terminated(hour_ago)).await;
    assert_eq!(answer.conclusion(), "done disconnected");
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);
}

// Invariant 1.
#[tokio::test]
async fn a_server_is_disconnected_after_the_silence_that_the_deployment_asks_for() {
    for (silent_minutes, conclusion) in [
        (None, "refused agent_alive"),
        (Some(29), "refused agent_alive"),
        (Some(31), "done disconnected"),
    ] {
        let since = silent_minutes.map(|minutes| Utc::now() - TimeDelta::minutes(minutes));
        let server = SourceServer {
            agent_unreachable_since: since,
            ..approved(ONE)
        };
        let mut stage = Stage::with(World::with([server])).await;
        stage.policy.require_silent_minutes = 30;

        let answer = stage.disconnect().await;
        assert_eq!(answer.conclusion(), conclusion, "{silent_minutes:?}");
        let evidence = &answer.body["targets"][0]["evidence"];
        let silent = evidence["agentSilentSeconds"].as_i64().unwrap();
        assert_eq!(silent / 60, silent_minutes.unwrap_or(0), "{evidence}");
    }
}

/// Nobody can send the event of a termination again.
// Invariant 1.
#[tokio::test]
async fn a_terminated_machine_is_disconnected_once_it_has_been_silent() {
    let end = Utc::now() - TimeDelta::minutes(10);
    let mut stage = Stage::with(of_instance(Some(end))).await;
    stage.policy.require_silent_minutes = 30;

    let waiting = stage.deliver(&terminated(end)).await;
    assert_eq!(waiting.conclusion(), "pending agent_not_silent_yet");
    assert_eq!(waiting.body["lookAgainAfterSeconds"], 900);
    assert_eq!(stage.changes(), [""; 0]);

    let earlier = end - TimeDelta::minutes(30);
    stage
        .local
        .change(|world| *world = of_instance(Some(earlier)));
    let gone = stage.deliver(&terminated(end)).await;
    assert_eq!(gone.conclusion(), "done disconnected");
}

/// What DRS leaves out is no proof of silence.
#[tokio::test]
async fn a_server_that_drs_never_saw_is_not_known_to_be_silent() {
    let mut stage = Stage::new().await.described(|server| {
        let cycle = server["lifeCycle"].as_object_mut().unwrap();
        cycle.remove("lastSeenByServiceDateTime");
    });
    assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");

    stage
        .local
        .change(|world| *world = World::with([approved(ONE)]));
    stage.policy.require_silent_minutes = 30;
    let answer = stage.disconnect().await;
    assert_eq!(answer.conclusion(), "refused agent_alive");
    let message = answer.body["targets"][0]["message"].as_str().unwrap();
    assert!(message.contains("DRS does not say when"), "{message}");
}
