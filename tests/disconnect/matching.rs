//! Which server is meant, and what a report shows of it.

use emulator::{SourceServer, World};
use serde_json::json;

use crate::{
    disconnect::DISCONNECTED_ONCE,
    stage::{
        Answer,
        drs::{ONE, Stage, approved, by_id, request},
    },
};

// Pages: DRS-13, DRS-50 to DRS-52, DRS-62.
#[tokio::test]
async fn every_way_to_name_a_server_finds_it_with_the_narrowest_filter() {
    let cases = [
        (by_id(ONE), ONE),
        (
            by_id("arn:aws:drs:us-east-1:111122223333:source-server/s-00000000000000001"),
            ONE,
        ),
        (
            json!({ "awsInstanceID": "i-00000001" }),
            "hardwareId: i-00000001",
        ),
        (json!({ "hostname": "app01" }), "all"),
        (json!({ "fqdn": "app01.example.com" }), "all"),
        (
            json!({ "sourceServerID": ONE, "awsInstanceID": "i-00000001", "hostname": "app01", "fqdn": "app01.example.com" }),
            ONE,
        ),
    ];

    for (target, filter) in cases {
        let server = SourceServer {
            aws_instance_id: Some("i-00000001".to_owned()),
            hostname: Some("app01".to_owned()),
            fqdn: Some("app01.example.com".to_owned()),
            ..approved(ONE)
        };
        let stage = Stage::with(World::with([
            SourceServer::new("s-00000000000000002"),
            server,
        ]))
        .await;
        let answer = stage.deliver(&request("disconnect", &[target])).await;
        assert_eq!(answer.conclusion(), "done disconnected");
        assert_eq!(stage.local.journal()[0].subject, filter);
        assert_eq!(stage.changes(), DISCONNECTED_ONCE);
    }
}

// Pages: DRS-42, DRS-44.
#[tokio::test]
async fn a_terminated_instance_retires_its_server_under_its_own_id() {
    let event = |account: &str, region: &str, state: &str| {
        json!({
            "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "account": account,
            "region": region, "detail": { "instance-id": "i-00000001", "state": state },
        })
    };

    let server = SourceServer {
        aws_instance_id: Some("i-00000001".to_owned()),
        origin_account_id: Some("111122223333".to_owned()),
        origin_region: Some("us-west-2".to_owned()),
        ..SourceServer::new(ONE).tagged("drover:approved", "i-00000001")
    };

    let stage = Stage::with(World::with([server])).await;
    assert_eq!(
        stage
            .deliver(&event("111122223333", "us-west-2", "stopped"))
            .await
            .body["outcome"],
        "rejected"
    );

    let elsewhere = stage
        .deliver(&event("111122223333", "eu-west-1", "terminated"))
        .await;
    assert_eq!(elsewhere.conclusion(), "refused origin_mismatch");

    let terminated = event("111122223333", "us-west-2", "terminated");
    assert_eq!(
        stage.deliver(&terminated).await.conclusion(),
        "done disconnected"
    );
    assert_eq!(
        stage.deliver(&terminated).await.conclusion(),
        "already_done disconnected"
    );
    assert_eq!(stage.changes(), DISCONNECTED_ONCE);
}

#[tokio::test]
async fn the_absence_of_a_foreign_arn_is_not_a_deletion() {
    let stage = Stage::new().await;
    let arn = "arn:aws:drs:eu-central-1:999999999999:source-server/s-00000000000000007";
    let answer = stage.deliver(&request("delete", &[by_id(arn)])).await;
    assert_eq!(answer.conclusion(), "refused not_found");
    assert_eq!(stage.changes(), [""; 0]);
}

// Pages: DRS-72.
#[tokio::test]
async fn another_region_is_another_account_to_drs() {
    let mut world = World::with([approved(ONE)]);
    let here = std::mem::take(&mut world.drs.regions)
        .remove("us-east-1")
        .unwrap();
    world.drs.regions.insert("eu-west-1".to_owned(), here);
    let stage = Stage::with(world).await;
    assert_eq!(
        stage.disconnect().await.conclusion(),
        "refused not_initialised"
    );
    assert_eq!(stage.changes(), [""; 0]);
}

/// A report that leaves the function may not name what AWS answered and the request did not.
// Invariant 12.
#[tokio::test]
async fn a_report_contains_no_host_name_or_address_from_aws() {
    let server = SourceServer {
        hostname: Some("secret-host".to_owned()),
        fqdn: Some("secret.example".to_owned()),
        ..approved(ONE)
    };

    let stage = Stage::with(World::with([server])).await;
    let Answer { body, .. } = stage.disconnect().await;
    let body = body.to_string();

    assert!(
        !body.contains("secret") && !body.contains("10.20.30.40"),
        "{body}"
    );
}
