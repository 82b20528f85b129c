//! Batches of queues and pipes, and what is no request at all.

use emulator::{FaultKind, World};
use serde_json::{Value, json};

use crate::stage::{
    drs::{ONE, Stage, approved, by_id, number, request},
    text,
};

fn sqs(bodies: &[String]) -> Value {
    let record = |(index, body): (usize, &String)| json!({ "messageId": format!("m{index}"), "eventSource": "aws:sqs", "body": body });
    json!({ "Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>() })
}

// Invariant 2.
#[tokio::test]
async fn a_batch_returns_only_the_unfinished_records() {
    let stage = Stage::with(World::with([approved(ONE), approved(&number(2))])).await;
    let stage = stage.next("DisconnectSourceServer", FaultKind::Throttle, 3);
    let one = request("disconnect", &[by_id(ONE)]);
    let two = json!({ "detail-type": "Source Server Decommission Requested", "source": "cmdb", "detail": request("disconnect", &[by_id(&number(2))]) });
    let bodies = ["poison".to_owned(), one.to_string(), two.to_string()];
    let answer = stage.deliver(&sqs(&bodies)).await;

    assert_eq!(
        answer.body,
        json!({ "batchItemFailures": [{ "itemIdentifier": "m1" }] })
    );

    let again = stage.deliver(&sqs(&bodies)).await;
    assert_eq!(again.body, json!({ "batchItemFailures": [] }));
    assert_eq!(stage.changes().len(), 4);
}

/// A pipe sends the records of its queue as a list, or what its input transformer made of them,
/// with or without a name.
// Invariant 2.
#[tokio::test]
async fn a_pipe_gets_back_only_the_unfinished_records() {
    let stage = Stage::with(World::with([approved(ONE), approved(&number(2))])).await;
    let stage = stage.next("DisconnectSourceServer", FaultKind::Throttle, 3);
    let [one, two] = [ONE.to_owned(), number(2)].map(|id| request("disconnect", &[by_id(&id)]));
    let record = |body: &Value| json!({ "messageId": "m1", "eventSource": "aws:sqs", "body": body.to_string() });
    let event = json!({
        "messageId": "m2", "detail-type": "Source Server Decommission Requested", "source": "cmdb", "detail": two,
    });
    let pipe = json!([record(&one), event, { "messageId": "m3", "not": "a request" }]);
    let answer = stage.deliver(&pipe).await;
    assert_eq!(
        answer.body,
        json!({ "batchItemFailures": [{ "itemIdentifier": "m1" }] })
    );
    let again = stage.deliver(&pipe).await;
    assert_eq!(again.body, json!({ "batchItemFailures": [] }));
    assert_eq!(stage.changes().len(), 4);

    let stage = Stage::new()
        .await
        .next("DescribeSourceServers", FaultKind::AccessDenied, 1);
    let answer = stage.deliver(&json!([one])).await;
    assert_eq!(
        answer.error_type.as_deref(),
        Some("Retryable"),
        "nothing names it, so the pipe sends all of it again"
    );
    stage.changes();
}

#[tokio::test]
async fn a_fifo_queue_stops_at_the_first_failure() {
    let stage = Stage::new()
        .await
        .next("DescribeSourceServers", FaultKind::AccessDenied, 1);
    let mut batch = sqs(&[
        "poison".to_owned(),
        request("disconnect", &[by_id(ONE)]).to_string(),
        "poison".to_owned(),
    ]);

    for record in batch["Records"].as_array_mut().unwrap() {
        record["eventSourceARN"] = json!("arn:aws:sqs:us-east-1:111122223333:decommissions.fifo");
    }

    let answer = stage.deliver(&batch).await;
    assert_eq!(
        answer.body,
        json!({ "batchItemFailures": [{ "itemIdentifier": "m1" }, { "itemIdentifier": "m2" }] })
    );

    stage.changes();
}

#[tokio::test]
async fn a_batch_without_message_ids_fails_as_a_whole() {
    let stage = Stage::new()
        .await
        .next("DescribeSourceServers", FaultKind::AccessDenied, 1);
    let body = request("disconnect", &[by_id(ONE)]).to_string();
    let answer = stage
        .deliver(&json!({ "Records": [{ "eventSource": "aws:sqs", "body": body }] }))
        .await;
    assert_eq!(answer.error_type.as_deref(), Some("Retryable"));
    stage.changes();
}

#[tokio::test]
async fn a_record_that_ran_out_of_time_is_delivered_again() {
    let mut stage = Stage::new().await;
    stage.seconds_left = 30;
    let answer = stage
        .deliver(&sqs(&[request("disconnect", &[by_id(ONE)]).to_string()]))
        .await;
    assert_eq!(answer.body["batchItemFailures"][0]["itemIdentifier"], "m0");
    // There may never be more time, so that the first record is looked at whatever is left.
    assert_eq!(stage.count("DescribeSourceServers"), 1);
}

// Invariant 7.
#[tokio::test]
async fn an_event_without_a_request_is_answered_ok_without_a_call() {
    let stage = Stage::new().await;
    for event in [
        json!({}),
        json!([]),
        json!("x"),
        json!(null),
        json!({ "Records": [] }),
        json!({ "AlarmName": "lag" }),
    ] {
        let answer = stage.deliver(&event).await;
        assert_eq!(
            (answer.error_type, text(&answer.body["outcome"])),
            (None, "rejected"),
            "{event}"
        );
    }

    assert_eq!(stage.local.journal(), []);
}
