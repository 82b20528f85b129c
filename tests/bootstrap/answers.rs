//! What EFS may answer to a new replication, and what it may say of one.

use aws_sdk_efs::types::ReplicationStatus;
use chrono::{DateTime, TimeDelta, Utc};
use emulator::{Fault, FaultKind, FileSystem, OrderedStatus, Refusal};
use expect_test::expect;
use serde_json::{Value, json};

use crate::{
    bootstrap::refused,
    stage::{
        Canned,
        answers::patch,
        efs::{
            EXISTING, HERE, SOURCE, Stage, THERE, beside_existing, new_replica, over_existing, to,
            world,
        },
        text,
    },
};

const CREATE: &str = "CreateReplicationConfiguration";

/// The errors that the API reference lists, with the statuses of the service model.
const ERRORS: [Canned; 11] = [
    (400, "BadRequest", "{}"),
    (409, "ConflictException", "{}"),
    (403, "FileSystemLimitExceeded", "{}"),
    (404, "FileSystemNotFound", "{}"),
    (409, "IncorrectFileSystemLifeCycleState", "{}"),
    (503, "InsufficientThroughputCapacity", "{}"),
    (500, "InternalServerError", "{}"),
    (404, "ReplicationNotFound", "{}"),
    (400, "ThroughputLimitExceeded", "{}"),
    (400, "UnsupportedAvailabilityZone", "{}"),
    (400, "ValidationException", "{}"),
];

/// The two errors by which EFS may refuse a second replication or a locked destination, each with
/// what is said of it.
const REFUSALS: [(Refusal, &str); 2] = [
    (Refusal::BadRequest, "failed rejected_by_aws"),
    (Refusal::Conflict, "retryable conflict -> Retryable"),
];

// Pages: EFS-57 to EFS-67.
#[tokio::test]
async fn each_error_of_a_replication_is_reported_by_what_it_means_and_ends_with_it() {
    let mut reports = String::new();

    for error in ERRORS {
        let fault = Fault::next(CREATE, FaultKind::UnknownError);
        let stage = Stage::new().await.next_error(fault, error);
        let first = stage.deliver(&new_replica()).await;
        assert_eq!(stage.changes(), [""; 0], "{error:?}");
        // The SDK repeats none of them.
        assert_eq!(stage.count(CREATE), 1, "{error:?}");

        let target = &first.body["targets"][0];
        reports += &format!("{}\n    {}\n", first.conclusion(), text(&target["message"]));
        assert_eq!(target["evidence"]["created"], json!([]), "{error:?}");

        assert_eq!(
            stage.conclusion(&new_replica()).await,
            "pending replication_enabling"
        );
        assert_eq!(stage.changes(), [CREATE]);
    }

    expect![[r#"
        failed rejected_by_aws
            CreateReplicationConfiguration: AWS refused the call (BadRequest)
        retryable conflict -> Retryable
            CreateReplicationConfiguration: AWS reports a conflict (ConflictException)
        failed quota_exceeded
            CreateReplicationConfiguration: a quota of the account is used up (FileSystemLimitExceeded)
        retryable not_found -> Retryable
            CreateReplicationConfiguration: AWS does not know the resource (FileSystemNotFound)
        pending not_ready_yet
            EFS does not accept the change in the current state of the file system
        retryable no_capacity -> Retryable
            CreateReplicationConfiguration: AWS has no capacity for the change at the moment (InsufficientThroughputCapacity)
        indeterminate service_error -> Retryable
            CreateReplicationConfiguration: AWS answered with a server error (InternalServerError); whether it took effect could not be settled
        retryable not_found -> Retryable
            CreateReplicationConfiguration: AWS does not know the resource (ReplicationNotFound)
        failed quota_exceeded
            CreateReplicationConfiguration: a quota of the account is used up (ThroughputLimitExceeded)
        failed rejected_by_aws
            CreateReplicationConfiguration: AWS refused the call (UnsupportedAvailabilityZone)
        failed rejected_by_aws
            CreateReplicationConfiguration: AWS refused the call (ValidationException)
    "#]].assert_eq(&reports);
}

/// A look that lags behind shows what is no longer so, and the call meets the truth.
// Pages: EFS-61.
#[tokio::test]
async fn a_source_that_is_deleted_before_the_call_is_not_found_at_the_next_look() {
    let stage = Stage::new().await;
    stage.local.change(|world| {
        world
            .efs
            .regions
            .get_mut(HERE)
            .unwrap()
            .file_systems
            .clear()
    });
    stage.fault("DescribeFileSystems", FaultKind::StaleRead, 1);

    // EFS describes no replication of a file system that does not exist.
    let conclusion = stage.conclusion(&new_replica()).await;
    assert_eq!(conclusion, "retryable not_found -> Retryable");
    assert_eq!(stage.conclusion(&new_replica()).await, "refused not_found");
    assert_eq!(stage.changes(), [""; 0]);
}

/// Both looks before an overwrite lag behind, so that the call meets the protection. AWS does not
/// document which of two errors it answers then.
// Pages: EFS-10, EFS-57, EFS-66.
#[tokio::test]
async fn a_destination_that_is_locked_before_the_call_keeps_its_contents() {
    for (refusal, conclusion) in REFUSALS {
        let mut world = beside_existing();
        world.behaviour.protected_destination = refusal;
        let stage = Stage::with(world).await;
        stage.local.change(|world| {
            let existing = world.efs.file_system(THERE, EXISTING).unwrap();
            existing.protection = "ENABLED".to_owned();
        });
        let stale = Fault::next("DescribeFileSystems", FaultKind::StaleRead).in_region(THERE);
        stage.local.inject(Fault { times: 2, ..stale });

        assert_eq!(stage.conclusion(&over_existing()).await, conclusion);
        assert_eq!(
            stage.conclusion(&over_existing()).await,
            "refused overwrite_protection_enabled"
        );
        assert_eq!(stage.changes(), [""; 0]);
    }
}

/// The look lags behind, so that the call meets a replication which somebody else created.
// Pages: EFS-03, EFS-57, EFS-66.
#[tokio::test]
async fn a_source_that_is_replicated_before_the_call_gets_no_second_destination() {
    for (refusal, conclusion) in REFUSALS {
        let mut world = world().with_file_system("us-west-2", FileSystem::new("fs-0000000f"));
        world.behaviour.second_replication = refusal;
        let stage = Stage::with(world).await;
        stage.local.change(|world| {
            let (from, to) = ((HERE, SOURCE), ("us-west-2", "fs-0000000f"));
            world.efs.bind(from, to, world.now).unwrap();
        });
        stage.fault("DescribeReplicationConfigurations", FaultKind::StaleRead, 1);

        assert_eq!(stage.conclusion(&new_replica()).await, conclusion);
        assert_eq!(
            stage.conclusion(&new_replica()).await,
            "refused replicates_elsewhere"
        );
        assert_eq!(stage.changes(), [""; 0]);
    }
}

// Pages: EFS-29, EFS-62.
#[tokio::test]
async fn a_zone_without_one_zone_storage_is_refused_by_aws_and_named() {
    let stage = Stage::new().await;
    let zone = to(json!({ "availabilityZoneName": "eu-west-1z" }));
    let answer = stage.deliver(&zone).await;

    assert_eq!(answer.conclusion(), "failed rejected_by_aws");
    assert_eq!(
        answer.body["targets"][0]["message"],
        "CreateReplicationConfiguration: AWS refused the call (UnsupportedAvailabilityZone)"
    );
    assert_eq!(stage.changes(), [""; 0]);
}

/// What a Region answers that the account did not opt in to.
// Pages: EFS-06.
#[tokio::test]
async fn a_region_that_is_not_enabled_is_reported_by_name() {
    let error = (403, "UnrecognizedClientException", "{}");
    let fault = Fault::next("DescribeFileSystems", FaultKind::UnknownError).in_region(THERE);
    let stage = Stage::with(beside_existing())
        .await
        .next_error(fault, error);
    let answer = stage.deliver(&over_existing()).await;

    assert_eq!(
        answer.conclusion(),
        "permanent region_not_enabled -> Permanent"
    );
    assert_eq!(
        answer.body["targets"][0]["message"],
        "DescribeFileSystems: AWS does not know the credentials; the Region may not be enabled for the account (UnrecognizedClientException)"
    );
    assert_eq!(stage.changes(), [""; 0]);
}

/// A replication that was created half an hour ago, and of which EFS says this status.
async fn in_status(status: &str) -> Stage {
    let stage = Stage::new().await;
    stage.deliver(&new_replica()).await;
    stage.wait(30);
    order(&stage, Some(status));

    stage
}

fn order(stage: &Stage, status: Option<&str>) {
    stage.local.change(|world| {
        world.efs.replications[0].ordered = status.map(|status| OrderedStatus {
            status: status.to_owned(),
            message: "as EFS put it".to_owned(),
        });
    });
}

// Pages: EFS-41, EFS-47 to EFS-52.
#[tokio::test]
async fn each_status_of_a_replication_is_waited_for_or_reported_and_none_is_replicated_again() {
    let mut conclusions = String::new();
    for status in ReplicationStatus::values().iter().chain(&["RESURRECTED"]) {
        let stage = in_status(status).await;
        let answer = stage.deliver(&new_replica()).await;
        let target = &answer.body["targets"][0];
        conclusions += &format!(
            "{status}: {}, {}\n",
            answer.conclusion(),
            text(&target["evidence"]["status"])
        );

        // A second look changes nothing more.
        stage.deliver(&new_replica()).await;
        let more: &[&str] = if *status == "ENABLED" {
            &["TagResource"]
        } else {
            &[]
        };
        assert_eq!(stage.changes(), [&[CREATE], more].concat(), "{status}");
    }

    expect![[r#"
        DELETING: refused replication_deleting, DELETING
        ENABLED: done replica_usable, ENABLED
        ENABLING: pending replication_enabling, ENABLING
        ERROR: failed replication_in_error, ERROR
        PAUSED: failed replication_paused, PAUSED
        PAUSING: failed replication_pausing, PAUSING
        RESURRECTED: failed unknown_state, unknown
    "#]]
    .assert_eq(&conclusions);
}

/// EFS pauses a replication whose Region is opted out of, and resumes it once it is opted in again.
// Pages: EFS-51, EFS-53, EFS-54.
#[tokio::test]
async fn a_paused_replication_goes_on_once_efs_resumes_it() {
    let stage = in_status("PAUSED").await;
    let answer = stage.deliver(&new_replica()).await;
    assert_eq!(answer.conclusion(), "failed replication_paused");
    let message = text(&answer.body["targets"][0]["message"]);
    assert_eq!(message, "EFS has paused the replication: as EFS put it");

    order(&stage, None);
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "done replica_usable"
    );
    assert_eq!(stage.changes(), [CREATE, "TagResource"]);
}

/// Nothing of the replica can be read while its Region is off, and that is what has to be mended.
// Pages: EFS-06, EFS-53.
#[tokio::test]
async fn a_replication_into_a_region_that_was_opted_out_of_is_reported_by_the_region() {
    let error = (403, "UnrecognizedClientException", "{}");
    let fault = Fault::next("DescribeFileSystems", FaultKind::UnknownError).in_region(THERE);
    let stage = in_status("PAUSED").await.next_error(fault, error);
    let answer = stage.deliver(&new_replica()).await;

    assert_eq!(
        answer.conclusion(),
        "permanent region_not_enabled -> Permanent"
    );
    assert_eq!(answer.body["targets"][0]["evidence"]["status"], "PAUSED");
    assert_eq!(stage.changes(), [CREATE]);
}

/// The configuration has to be deleted by hand; only then is there another.
// Pages: EFS-50, EFS-55, EFS-56.
#[tokio::test]
async fn a_replication_in_error_is_replaced_only_after_it_was_deleted() {
    let stage = in_status("ERROR").await;
    for _ in 0..2 {
        let conclusion = stage.conclusion(&new_replica()).await;
        assert_eq!(conclusion, "failed replication_in_error");
    }
    assert_eq!(stage.changes(), [CREATE]);

    stage
        .local
        .change(|world| {
            let context = world.context(HERE);
            world.efs.stop_replicating(&context, SOURCE, false)
        })
        .unwrap();
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "pending replication_enabling"
    );
    assert_eq!(stage.changes(), [CREATE, CREATE]);
}

/// Everything before that time is on the replica; of what came later nothing is promised.
// Pages: EFS-44 to EFS-46.
#[tokio::test]
async fn the_last_sync_is_evidence_and_its_age_is_held_against_the_objective() {
    let stage = Stage::new().await;
    let evidence = async || {
        let answer = stage.deliver(&new_replica()).await;
        answer.body["targets"][0]["evidence"].clone()
    };

    let before = evidence().await;
    assert_eq!(before["lastReplicatedTimestamp"], Value::Null);
    assert_eq!(before["secondsSinceLastSync"], Value::Null);
    assert_eq!(before["withinObjective"], Value::Null);

    // The first sync ends six minutes after the call, and there is one every quarter of an hour.
    stage.wait(20);
    let synced = stage.local.world().efs.replications[0].first_sync_ends_at;
    let after = evidence().await;
    let reported: DateTime<Utc> = text(&after["lastReplicatedTimestamp"]).parse().unwrap();
    assert_eq!(reported.timestamp(), synced.timestamp());

    // The function reads the machine's clock, and the account's is twenty minutes ahead of it.
    assert_eq!(after["withinObjective"], true);

    let long_ago = Utc::now() - TimeDelta::minutes(16);
    let seconds = long_ago.timestamp();
    let stage = stage.described(move |replication| {
        patch(
            &mut replication["Destinations"][0],
            &json!({ "LastReplicatedTimestamp": seconds }),
        );
    });
    let answer = stage.deliver(&new_replica()).await;
    let late = &answer.body["targets"][0]["evidence"];
    assert_eq!(late["withinObjective"], false);
    let age = late["secondsSinceLastSync"].as_i64().unwrap();
    assert!((960..1060).contains(&age), "{age}");
    stage.changes();
}

/// A replication that cannot be read cannot be compared with the one that is asked for.
// Pages: EFS-35, EFS-36, EFS-40 to EFS-43.
#[tokio::test]
async fn a_description_that_does_not_say_what_replicates_where_is_unreadable() {
    let destination = |change: Value| json!({ "Destinations": [change] });
    let whole = json!({ "Status": "ENABLED", "FileSystemId": "fs-0000000e", "Region": THERE });
    let with = |member: &str, value: Value| {
        let mut destination = whole.clone();
        patch(&mut destination, &json!({ member: value }));
        destination
    };

    let mut conclusions = String::new();
    for change in [
        json!({ "SourceFileSystemId": "fs-0000000x" }),
        json!({ "SourceFileSystemId": "fs-00000009" }),
        json!({ "SourceFileSystemRegion": "nowhere" }),
        json!({ "SourceFileSystemRegion": "us-west-2" }),
        json!({ "Destinations": [] }),
        json!({ "Destinations": [whole, whole] }),
        destination(with("FileSystemId", json!("fs-0000000x"))),
        destination(with("Region", json!("nowhere"))),
        destination(with("Region", json!("us-west-2"))),
        destination(with("Status", json!("RESURRECTED"))),
    ] {
        let stage = Stage::new().await;
        stage.deliver(&new_replica()).await;
        stage.wait(30);
        let said = change.clone();
        let stage = stage.described(move |replication| patch(replication, &said));

        let conclusion = stage.conclusion(&new_replica()).await;
        conclusions += &format!("{change}: {conclusion}\n");
        assert_eq!(stage.changes(), [CREATE], "{change}");
    }

    expect![[r#"
        {"SourceFileSystemId":"fs-0000000x"}: failed unreadable
        {"SourceFileSystemId":"fs-00000009"}: refused source_is_a_destination
        {"SourceFileSystemRegion":"nowhere"}: failed unreadable
        {"SourceFileSystemRegion":"us-west-2"}: refused source_is_a_destination
        {"Destinations":[]}: failed unreadable
        {"Destinations":[{"FileSystemId":"fs-0000000e","Region":"eu-west-1","Status":"ENABLED"},{"FileSystemId":"fs-0000000e","Region":"eu-west-1","Status":"ENABLED"}]}: failed unreadable
        {"Destinations":[{"FileSystemId":"fs-0000000x","Region":"eu-west-1","Status":"ENABLED"}]}: failed unreadable
        {"Destinations":[{"FileSystemId":"fs-0000000e","Region":"nowhere","Status":"ENABLED"}]}: failed unreadable
        {"Destinations":[{"FileSystemId":"fs-0000000e","Region":"us-west-2","Status":"ENABLED"}]}: refused replicates_elsewhere
        {"Destinations":[{"FileSystemId":"fs-0000000e","Region":"eu-west-1","Status":"RESURRECTED"}]}: failed unknown_state
    "#]].assert_eq(&conclusions);
}

/// These say nothing that a request could depend on.
// Pages: EFS-37 to EFS-39.
#[tokio::test]
async fn a_member_of_a_replication_that_no_rule_reads_decides_nothing() {
    for change in [
        json!({ "SourceFileSystemArn": "" }),
        json!({ "OriginalSourceFileSystemArn": "" }),
        json!({ "OriginalSourceFileSystemArn": "arn:aws:elasticfilesystem:us-west-2:999999999999:file-system/fs-00000009" }),
        json!({ "CreationTime": 0 }),
        json!({ "SourceFileSystemArn": null, "OriginalSourceFileSystemArn": null, "CreationTime": null }),
    ] {
        let stage = Stage::new().await;
        stage.deliver(&new_replica()).await;
        stage.wait(30);
        let said = change.clone();
        let stage = stage.described(move |replication| patch(replication, &said));

        let conclusion = stage.conclusion(&new_replica()).await;
        assert_eq!(conclusion, "done replica_usable", "{change}");
        assert_eq!(stage.changes(), [CREATE, "TagResource"], "{change}");
    }
}

/// The four forms in which the API takes a key.
// Pages: EFS-13, EFS-30 to EFS-33.
#[tokio::test]
async fn a_key_is_given_in_each_of_its_four_forms() {
    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    for key in [
        ID.to_owned(),
        format!("arn:aws:kms:{THERE}:111122223333:key/{ID}"),
        "alias/dr".to_owned(),
        format!("arn:aws:kms:{THERE}:111122223333:alias/dr"),
    ] {
        let stage = Stage::new().await;
        let with_key = to(json!({ "region": THERE, "kmsKeyId": key }));
        assert_eq!(
            stage.conclusion(&with_key).await,
            "pending replication_enabling"
        );
        assert_eq!(stage.replica().kms_key_id, Some(key.clone()));

        stage.wait(30);
        assert_eq!(stage.conclusion(&with_key).await, "done replica_usable");
        assert_eq!(stage.changes(), [CREATE, "TagResource"], "{key}");
    }
}

/// EFS may answer with the key that an alias stood for when the replica was created.
#[tokio::test]
async fn a_key_that_was_requested_by_an_alias_is_told_as_not_compared() {
    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let stage = Stage::new().await.answered(|body| {
        for file_system in body["FileSystems"].as_array_mut().into_iter().flatten() {
            if file_system["KmsKeyId"] == "alias/dr" {
                file_system["KmsKeyId"] = json!(KEY);
            }
        }
    });
    let by_alias = to(json!({ "region": THERE, "kmsKeyId": "alias/dr" }));
    stage.deliver(&by_alias).await;
    stage.wait(30);

    let answer = stage.deliver(&by_alias).await;
    assert_eq!(answer.conclusion(), "done replica_usable");
    let target = &answer.body["targets"][0];
    let reasons = target["reasons"].as_array().unwrap();
    let told = reasons.last().unwrap();
    assert_eq!(told["reason"], "kms_key_not_compared");
    assert_eq!(told["facts"]["kmsKeyId"], KEY);
    let steps = target["nextSteps"].as_array().unwrap();
    let command = text(&steps.last().unwrap()["command"]);
    assert_eq!(
        command,
        "aws kms describe-key --region eu-west-1 --key-id alias/dr"
    );
}

// Pages: EFS-14, EFS-15.
#[tokio::test]
async fn a_replica_keeps_its_key_and_a_request_for_another_one_is_refused() {
    let stage = Stage::new().await;
    stage.deliver(&new_replica()).await;
    stage.wait(30);
    assert_eq!(stage.replica().kms_key_id, None);

    let key = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let with_key = to(json!({ "region": THERE, "kmsKeyId": key }));
    assert_eq!(stage.conclusion(&with_key).await, "refused kms_key_differs");
    assert_eq!(
        stage.conclusion(&new_replica()).await,
        "done replica_usable"
    );

    let elsewhere = format!("arn:aws:kms:{HERE}:111122223333:key/{key}");
    let elsewhere = to(json!({ "region": THERE, "kmsKeyId": elsewhere }));
    refused(world(), elsewhere, "kms_key_region_mismatch").await;
}

/// What the API requires, and the one destination that it takes.
// Pages: EFS-25 to EFS-27.
#[tokio::test]
async fn a_request_without_its_source_or_its_one_destination_is_rejected() {
    let without = |member: &str| {
        let mut event = new_replica();
        event["targets"][0].as_object_mut().unwrap().remove(member);
        event
    };
    let mut two = new_replica();
    two["targets"][0]["destination"] = json!([{ "region": THERE }, { "region": "us-west-2" }]);

    for (event, reason) in [
        (without("sourceFileSystemId"), "missing_field"),
        (without("destination"), "missing_field"),
        (to(json!({})), "missing_field"),
        (two, "wrong_type"),
    ] {
        let stage = Stage::new().await;
        let answer = stage.deliver(&event).await;
        assert_eq!(answer.body["outcome"], "rejected");
        assert_eq!(answer.body["reason"], reason, "{event}");
        assert_eq!(stage.count("DescribeFileSystems"), 0);
        assert_eq!(stage.changes(), [""; 0]);
    }
}
