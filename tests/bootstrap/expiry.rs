//! A request that has expired: nothing is changed for it, and what is there is told.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::stage::efs::{Stage, new_replica, over_existing, provisioned};

/// The same request an hour after its end.
fn expired(mut request: Value) -> Value {
    request["expiresAt"] = json!(Utc::now() - TimeDelta::hours(1));
    request
}

// Invariant 7.
#[tokio::test]
async fn nothing_is_created_for_a_request_that_has_expired() {
    let stage = Stage::new().await;

    for request in [new_replica(), provisioned(), over_existing()] {
        let mut request = expired(request);
        let before = stage.changes().len();
        let answer = stage.deliver(&request).await;
        assert_eq!(answer.body["outcome"], "refused", "{}", answer.body);
        request["dryRun"] = json!(true);
        stage.deliver(&request).await;
        assert_eq!(stage.changes().len(), before);
    }
    let late = stage.conclusion(&expired(new_replica())).await;
    assert_eq!(late, "refused expired");
}

// Invariant 7.
#[tokio::test]
async fn a_first_sync_that_outlasts_its_request_is_followed_to_its_end() {
    let stage = Stage::new().await;
    let request = expired(new_replica());
    stage.deliver(&new_replica()).await;

    let enabling = stage.deliver(&request).await;
    assert_eq!(enabling.conclusion(), "pending replication_enabling");
    assert_eq!(enabling.body["targets"][0]["plan"], json!([]));
    stage.wait(60 * 24 * 3);
    let ended = stage.conclusion(&request).await;
    assert_eq!(ended, "already_done replica_usable_after_expiry");

    // It is not marked for a request that has expired, and is for one that has not.
    let is_marked = || stage.replica().tags.contains_key("drover:bootstrapped-by");
    assert!(!is_marked());
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "done replica_usable"
    );
    assert!(is_marked());
    let again = stage.conclusion(&request).await;
    assert_eq!(again, "already_done replica_usable");
}

/// What is missing after the end of a request needs a new one.
// Invariant 7.
#[tokio::test]
async fn a_replica_is_not_provisioned_for_a_request_that_has_expired() {
    let stage = Stage::new().await;
    stage.deliver(&new_replica()).await;
    stage.wait(60);

    let before = stage.changes().len();
    let answer = stage.deliver(&expired(provisioned())).await;
    assert_eq!(answer.conclusion(), "refused expired");
    assert_eq!(stage.changes().len(), before);
}
