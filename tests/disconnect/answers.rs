//! What DRS may answer to a disconnect, and what it may say of a server.

use aws_sdk_drs::types::{
    DataReplicationErrorString, DataReplicationInitiationStepName,
    DataReplicationInitiationStepStatus, DataReplicationState, ExtensionStatus, LastLaunchResult,
    LastLaunchType, LaunchStatus, ReplicationDirection, VolumeStatus,
};
use emulator::{FaultKind, SourceServer, World};
use expect_test::expect;
use serde_json::{Value, json};

use crate::{
    disconnect::DISCONNECTED_ONCE,
    stage::{
        Answer, Canned,
        answers::patch,
        drs::{ONE, Stage, approved, request},
        text,
    },
};

/// The errors that the API reference lists, each with how often the SDK meets it before it gives
/// up.
const ERRORS: [(Canned, u32); 5] = [
    ((409, "ConflictException", "{}"), 1),
    ((500, "InternalServerException", "{}"), 3),
    ((404, "ResourceNotFoundException", "{}"), 1),
    ((429, "ThrottlingException", "{}"), 3),
    ((400, "UninitializedAccountException", "{}"), 1),
];

// Pages: DRS-68 to DRS-72.
#[tokio::test]
async fn each_error_of_a_disconnect_is_reported_by_what_it_means_and_ends_with_it() {
    let mut reports = String::new();

    for (error, times) in ERRORS {
        let stage = Stage::new()
            .await
            .next_error("DisconnectSourceServer", error, times);
        let first = stage.disconnect().await;
        assert_eq!(stage.changes(), [""; 0], "{error:?}");

        let target = &first.body["targets"][0];
        reports += &format!("{}\n    {}\n", first.conclusion(), text(&target["message"]));
        assert_eq!(target["evidence"]["stateAfter"], "CONTINUOUS");

        assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }

    expect![[r#"
        retryable conflict -> Retryable
            DisconnectSourceServer: AWS reports a conflict (ConflictException)
        indeterminate service_error -> Retryable
            DisconnectSourceServer: AWS answered with a server error (InternalServerException); whether it took effect could not be settled
        retryable not_found -> Retryable
            DisconnectSourceServer: AWS does not know the resource (ResourceNotFoundException)
        retryable throttled -> Retryable
            DisconnectSourceServer: AWS throttled the call (ThrottlingException)
        indeterminate rejected_by_aws -> Retryable
            DisconnectSourceServer: AWS refused the call (UninitializedAccountException); whether it took effect could not be settled
    "#]].assert_eq(&reports);
}

/// The first look lags behind, and shows the server that is no longer on record.
// Pages: DRS-68.
#[tokio::test]
async fn a_record_that_disappears_before_the_disconnect_is_not_called_disconnected() {
    let mut stage = Stage::new().await;
    stage.beyond_the_role = Some("a record that does not exist carries no approval");
    stage
        .local
        .change(|world| world.here().source_servers.clear());
    let stage = stage.next("DescribeSourceServers", FaultKind::StaleRead, 1);

    let answer = stage.disconnect().await;
    assert_eq!(answer.conclusion(), "retryable not_found -> Retryable");
    let evidence = &answer.body["targets"][0]["evidence"];
    assert_eq!(evidence["stateAfter"], "no record");
    assert_eq!(evidence["recoveryPointsLost"], Value::Null);

    assert_eq!(stage.disconnect().await.conclusion(), "refused not_found");
    assert_eq!(stage.changes(), [""; 0]);
}

/// The look lags behind, so that the disconnect meets a server that is DISCONNECTED already.
// Pages: DRS-70, DRS-82.
#[tokio::test]
async fn a_conflict_of_a_server_that_is_disconnected_meanwhile_is_done() {
    let stage = Stage::new().await;
    stage.disconnect_by_others();
    let stage = stage.next("DescribeSourceServers", FaultKind::StaleRead, 1);

    assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
    assert_eq!(stage.changes(), ["UntagResource s-00000000000000001"]);
}

// Pages: DRS-20, DRS-73 to DRS-82.
#[tokio::test]
async fn a_server_in_any_state_but_disconnected_is_disconnected_and_its_state_reported() {
    for state in DataReplicationState::values() {
        let server = SourceServer {
            data_replication_state: (*state).to_owned(),
            ..approved(ONE)
        };
        let stage = Stage::with(World::with([server])).await;
        let answer = stage.disconnect().await;

        assert_eq!(answer.conclusion(), "done disconnected", "{state}");
        let evidence = &answer.body["targets"][0]["evidence"];
        assert_eq!(evidence["stateBefore"], *state);
        assert_eq!(evidence["stateAfter"], "DISCONNECTED");

        // One that is DISCONNECTED already keeps only its approval to be removed.
        let is_disconnected = *state == "DISCONNECTED";
        let expected = &DISCONNECTED_ONCE[usize::from(is_disconnected)..];
        assert_eq!(stage.changes(), expected, "{state}");
    }
}

/// A server of which DRS says this, by a JSON merge patch.
async fn described(description: Value) -> Stage {
    let stage = Stage::new().await;

    stage.described(move |server| patch(server, &description))
}

/// Delivers twice while DRS says this of the server, and expects that it makes no difference.
async fn makes_no_difference(description: Value) {
    let stage = described(description.clone()).await;

    let first = stage.disconnect().await;
    assert_eq!(first.conclusion(), "done disconnected", "{description}");
    let second = stage.disconnect().await.conclusion();
    assert_eq!(second, "already_done disconnected", "{description}");
    assert_eq!(stage.changes(), DISCONNECTED_ONCE, "{description}");
}

// Pages: DRS-14, DRS-15, DRS-83 to DRS-96.
#[tokio::test]
async fn no_error_of_the_replication_keeps_a_server() {
    for error in DataReplicationErrorString::values() {
        let error = json!({ "error": error, "rawError": "as the agent put it" });
        makes_no_difference(json!({ "dataReplicationInfo": { "dataReplicationError": error } }))
            .await;
    }
}

// Pages: DRS-16 to DRS-19, DRS-97 to DRS-112.
#[tokio::test]
async fn no_step_of_an_initiation_keeps_a_server_whatever_became_of_it() {
    for status in DataReplicationInitiationStepStatus::values() {
        let names = DataReplicationInitiationStepName::values().iter();
        let steps: Vec<Value> = names
            .map(|name| json!({ "name": name, "status": status }))
            .collect();
        let initiation = json!({
            "startDateTime": "2026-11-21T12:00:00Z",
            "nextAttemptDateTime": "2026-11-21T12:30:00Z",
            "steps": steps,
        });

        makes_no_difference(
            json!({ "dataReplicationInfo": { "dataReplicationInitiation": initiation } }),
        )
        .await;
    }
}

// Pages: DRS-28, DRS-113 to DRS-116.
#[tokio::test]
async fn no_status_of_a_volume_keeps_a_server() {
    for status in VolumeStatus::values() {
        let disk = json!({
            "deviceName": "/dev/xvda",
            "totalStorageBytes": 3_000,
            "replicatedStorageBytes": 2_000,
            "rescannedStorageBytes": 500,
            "backloggedStorageBytes": 1_000,
            "volumeStatus": status,
        });
        makes_no_difference(json!({ "dataReplicationInfo": { "replicatedDisks": [disk] } })).await;
    }
}

/// Only a recovery instance or a running job keeps a server, whatever its record says of the last
/// launch.
// Pages: DRS-30, DRS-34 to DRS-37, DRS-117 to DRS-127.
#[tokio::test]
async fn no_result_of_a_launch_keeps_a_server() {
    for result in LastLaunchResult::values() {
        makes_no_difference(json!({ "lastLaunchResult": result })).await;
    }

    for kind in LastLaunchType::values() {
        for status in LaunchStatus::values() {
            let initiated = json!({
                "apiCallDateTime": "2026-11-21T12:00:00Z",
                "jobID": "drsjob-00000000000000001",
                "type": kind,
            });
            let launch = json!({ "initiated": initiated, "status": status });
            makes_no_difference(json!({ "lifeCycle": { "lastLaunch": launch } })).await;
        }
    }
}

/// The conclusion on a server of which DRS says this, and nothing changed where it is a refusal.
async fn conclusion_on(description: Value) -> String {
    let stage = described(description.clone()).await;
    let conclusion = stage.disconnect().await.conclusion();

    let changes = stage.changes();
    match conclusion.starts_with("done ") {
        true => assert_eq!(changes, DISCONNECTED_ONCE, "{description}"),
        false => assert_eq!(changes, [""; 0], "{description}"),
    }
    conclusion
}

// Pages: DRS-40, DRS-66, DRS-128 to DRS-132.
#[tokio::test]
async fn a_server_is_disconnected_only_where_it_replicates_from_its_source() {
    let mut conclusions = String::new();
    for direction in ReplicationDirection::values() {
        let conclusion = conclusion_on(json!({ "replicationDirection": direction })).await;
        conclusions += &format!("{direction}: {conclusion}\n");
    }
    for status in ExtensionStatus::values() {
        let conclusion = conclusion_on(json!({ "stagingArea": { "status": status } })).await;
        conclusions += &format!("{status}: {conclusion}\n");
    }

    expect![[r#"
        FAILBACK: refused failback_direction
        FAILOVER: done disconnected
        EXTENDED: refused extended
        EXTENSION_ERROR: refused extension_error
        NOT_EXTENDED: done disconnected
    "#]]
    .assert_eq(&conclusions);
}

/// Every member of the description in the API reference that no rule reads.
fn what_no_rule_reads() -> Value {
    json!({
        "agentVersion": "6.4.0",
        "dataReplicationInfo": {
            "dataReplicationError": { "error": "NOT_CONVERGING", "rawError": "slow" },
            "dataReplicationInitiation": {
                "nextAttemptDateTime": "2026-11-21T12:30:00Z",
                "startDateTime": "2026-11-21T12:00:00Z",
                "steps": [{ "name": "WAIT", "status": "SUCCEEDED" }],
            },
            "etaDateTime": "2026-11-21T13:00:00Z",
            "lagDuration": "PT1H",
            "replicatedDisks": [{
                "backloggedStorageBytes": 1,
                "deviceName": "/dev/sda",
                "rescannedStorageBytes": 2,
                "totalStorageBytes": 3,
                "volumeStatus": "REGULAR",
            }],
            "stagingAvailabilityZone": "us-east-1b",
        },
        "lastLaunchResult": "SUCCEEDED",
        "lifeCycle": {
            "addedToServiceDateTime": "2025-11-21T12:00:00Z",
            "firstByteDateTime": "2025-11-21T12:10:00Z",
            "lastLaunch": {
                "initiated": {
                    "apiCallDateTime": "2026-11-20T12:00:00Z",
                    "jobID": "drsjob-00000000000000009",
                    "type": "DRILL",
                },
                "status": "TERMINATED",
            },
            "lastSeenByServiceDateTime": "2026-11-21T12:00:00Z",
        },
        "sourceCloudProperties": { "originAvailabilityZone": "us-west-2a" },
        "sourceNetworkID": "sn-00000000000000001",
        "sourceProperties": {
            "cpus": [{ "cores": 2, "modelName": "Intel(R) Xeon(R)" }],
            "disks": [{ "bytes": 3, "deviceName": "/dev/sda" }],
            "identificationHints": { "vmWareUuid": "00000000-0000-0000-0000-000000000000" },
            "lastUpdatedDateTime": "2026-11-21T12:00:00Z",
            "networkInterfaces": [{
                "ips": ["10.0.0.1"],
                "isPrimary": true,
                "macAddress": "0a:00:00:00:00:01",
            }],
            "os": { "fullString": "Linux" },
            "ramBytes": 8,
            "recommendedInstanceType": "m6i.large",
            "supportsNitroInstances": true,
        },
        "stagingArea": { "errorMessage": "as DRS put it", "stagingAccountID": "111122223333" },
    })
}

/// The paths of the members of a description, as JSON pointers.
fn paths(description: &Value, path: &str) -> Vec<String> {
    match description {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| paths(member, &format!("{path}/{name}")))
            .collect(),
        // The items of a list are alike.
        Value::Array(items) if items[0].is_object() => paths(&items[0], &format!("{path}/0")),
        _ => vec![path.to_owned()],
    }
}

fn remove(description: &mut Value, path: &str) {
    let (parent, name) = path.rsplit_once('/').unwrap();

    let parent = description.pointer_mut(parent).unwrap();
    assert!(parent.as_object_mut().unwrap().remove(name).is_some());
}

// Pages: DRS-12, DRS-14 to DRS-19, DRS-21 to DRS-24, DRS-26 to DRS-31, DRS-33 to DRS-38, DRS-43, DRS-45 to DRS-49, DRS-53 to DRS-61, DRS-63, DRS-64.
#[tokio::test]
async fn a_member_that_no_rule_reads_decides_nothing_whether_it_is_there_or_not() {
    let everything = what_no_rule_reads();
    let paths = paths(&everything, "");
    assert_eq!(paths.len(), 40);
    makes_no_difference(everything.clone()).await;

    for path in paths {
        let (everything, missing) = (everything.clone(), path.clone());
        let stage = Stage::new().await.described(move |server| {
            patch(server, &everything);
            remove(server, &missing);
        });

        assert_eq!(
            stage.disconnect().await.conclusion(),
            "done disconnected",
            "{path}"
        );
        assert_eq!(stage.changes(), DISCONNECTED_ONCE, "{path}");
    }
}

/// What is not said is never taken for the answer that would let the server go.
// Pages: DRS-13, DRS-20, DRS-39 to DRS-41, DRS-62, DRS-65 to DRS-67.
#[tokio::test]
async fn a_member_that_a_rule_reads_refuses_the_server_where_it_is_missing_or_forbids_it() {
    let mut conclusions = String::new();
    for description in [
        json!({ "sourceServerID": null }),
        json!({ "arn": null }),
        json!({ "arn": "not an ARN" }),
        json!({ "tags": null }),
        json!({ "tags": { "drover:approved": "CHG0" } }),
        json!({ "dataReplicationInfo": null }),
        json!({ "dataReplicationInfo": { "dataReplicationState": null } }),
        json!({ "recoveryInstanceId": "i-00000000000000009" }),
        json!({ "replicationDirection": null }),
        json!({ "reversedDirectionSourceServerArn": "arn:aws:drs:eu-west-1:111122223333:source-server/s-00000000000000009" }),
        json!({ "stagingArea": null }),
        json!({ "stagingArea": { "status": null, "stagingSourceServerArn": "arn:aws:drs:us-east-1:999999999999:source-server/s-00000000000000009" } }),
    ] {
        let conclusion = conclusion_on(description.clone()).await;
        conclusions += &format!("{description}: {conclusion}\n");
    }

    expect![[r#"
        {"sourceServerID":null}: failed unreadable
        {"arn":null}: refused unknown_state
        {"arn":"not an ARN"}: refused unknown_state
        {"tags":null}: refused not_approved
        {"tags":{"drover:approved":"CHG0"}}: refused approved_for_another_request
        {"dataReplicationInfo":null}: refused unknown_state
        {"dataReplicationInfo":{"dataReplicationState":null}}: refused unknown_state
        {"recoveryInstanceId":"i-00000000000000009"}: refused recovery_instance_present
        {"replicationDirection":null}: done disconnected
        {"reversedDirectionSourceServerArn":"arn:aws:drs:eu-west-1:111122223333:source-server/s-00000000000000009"}: refused reversed_pair
        {"stagingArea":null}: done disconnected
        {"stagingArea":{"stagingSourceServerArn":"arn:aws:drs:us-east-1:999999999999:source-server/s-00000000000000009","status":null}}: refused extended
    "#]].assert_eq(&conclusions);
}

/// A name in the request is compared with what DRS says, and with nothing else.
// Pages: DRS-50 to DRS-52.
#[tokio::test]
async fn a_name_that_the_record_lacks_matches_no_request_for_it() {
    let mut conclusions = String::new();
    for (name, value) in [
        ("awsInstanceID", "i-00000001"),
        ("hostname", "app01"),
        ("fqdn", "app01.example.com"),
    ] {
        let said = json!({ "sourceProperties": { "identificationHints": { name: value } } });
        let unsaid = json!({ "sourceProperties": { "identificationHints": null } });
        for description in [said, unsaid, json!({ "sourceProperties": null })] {
            let stage = described(description.clone()).await;
            let named = request(
                "disconnect",
                &[json!({ "sourceServerID": ONE, name: value })],
            );
            let Answer { body, .. } = stage.deliver(&named).await;
            let reason = text(&body["targets"][0]["reason"]);
            conclusions += &format!("{description}: {reason}\n");
            stage.changes();
        }
    }

    expect![[r#"
        {"sourceProperties":{"identificationHints":{"awsInstanceID":"i-00000001"}}}: disconnected
        {"sourceProperties":{"identificationHints":null}}: aws_instance_id_mismatch
        {"sourceProperties":null}: aws_instance_id_mismatch
        {"sourceProperties":{"identificationHints":{"hostname":"app01"}}}: disconnected
        {"sourceProperties":{"identificationHints":null}}: hostname_mismatch
        {"sourceProperties":null}: hostname_mismatch
        {"sourceProperties":{"identificationHints":{"fqdn":"app01.example.com"}}}: disconnected
        {"sourceProperties":{"identificationHints":null}}: fqdn_mismatch
        {"sourceProperties":null}: fqdn_mismatch
    "#]]
    .assert_eq(&conclusions);
}

/// EC2's own event names the account and the Region of the machine.
// Pages: DRS-42, DRS-44.
#[tokio::test]
async fn a_server_of_unknown_or_other_origin_is_not_that_of_a_terminated_instance() {
    let event = json!({
        "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2",
        "account": "111122223333", "region": "us-west-2",
        "detail": { "instance-id": "i-00000001", "state": "terminated" },
    });
    let origin =
        |account: &str, region: &str| json!({ "originAccountID": account, "originRegion": region });

    for (origin, conclusion) in [
        (origin("111122223333", "us-west-2"), "done disconnected"),
        (
            origin("999999999999", "us-west-2"),
            "refused origin_mismatch",
        ),
        (
            origin("111122223333", "us-east-1"),
            "refused origin_mismatch",
        ),
        (Value::Null, "refused origin_mismatch"),
    ] {
        let server = SourceServer {
            aws_instance_id: Some("i-00000001".to_owned()),
            ..SourceServer::new(ONE).tagged("drover:approved", "i-00000001")
        };
        let stage = Stage::with(World::with([server])).await;
        let said = json!({ "sourceCloudProperties": origin });
        let stage = stage.described(move |server| patch(server, &said));

        assert_eq!(
            stage.deliver(&event).await.conclusion(),
            conclusion,
            "{origin}"
        );
        stage.changes();
    }
}

/// Whoever may send events here has no say about every machine.
#[tokio::test]
async fn a_terminated_instance_of_an_account_that_is_not_listed_keeps_its_server() {
    let event = json!({
        "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2",
        "account": "444455556666", "region": "us-west-2",
        "detail": { "instance-id": "i-00000001", "state": "terminated" },
    });
    let listed = |accounts: &[&str]| {
        let accounts = accounts
            .iter()
            .map(|it| (*it).to_owned().try_into().unwrap());
        Some(accounts.collect())
    };

    for (accounts, conclusion) in [
        (None, "done disconnected"),
        (
            listed(&["111122223333", "444455556666"]),
            "done disconnected",
        ),
        (listed(&["111122223333"]), "refused origin_not_allowed"),
    ] {
        let server = SourceServer {
            aws_instance_id: Some("i-00000001".to_owned()),
            origin_account_id: Some("444455556666".to_owned()),
            origin_region: Some("us-west-2".to_owned()),
            ..SourceServer::new(ONE).tagged("drover:approved", "i-00000001")
        };
        let mut stage = Stage::with(World::with([server])).await;
        stage.policy.origin_accounts = accounts;

        let answer = stage.deliver(&event).await;
        assert_eq!(answer.conclusion(), conclusion);
        let is_refused = conclusion.starts_with("refused");
        assert_eq!(stage.changes().is_empty(), is_refused, "{conclusion}");
    }
}

/// What a report says of the replication is what DRS said, and `null` where it said nothing.
// Pages: DRS-25, DRS-32.
#[tokio::test]
async fn the_evidence_is_what_drs_says_and_null_where_it_says_nothing() {
    let evidence = async |description: Value| {
        let stage = described(description).await;
        let answer = stage.disconnect().await;
        assert_eq!(answer.conclusion(), "done disconnected");
        stage.changes();

        let evidence = &answer.body["targets"][0]["evidence"];
        ["replicatedBytes", "replicationHours"].map(|name| evidence[name].clone())
    };

    let disks = json!([{ "replicatedStorageBytes": 700 }, { "replicatedStorageBytes": 77 }]);
    let said = json!({
        "dataReplicationInfo": { "replicatedDisks": disks },
        "lifeCycle": { "elapsedReplicationDuration": "P2DT3H59M" },
    });
    assert_eq!(evidence(said).await, [json!(777), json!(51)]);

    let unsaid = json!({ "dataReplicationInfo": { "replicatedDisks": null }, "lifeCycle": null });
    assert_eq!(evidence(unsaid).await, [Value::Null, Value::Null]);
}
