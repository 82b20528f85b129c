//! Calls of DRS.

use emulator::{Emulator, Fault, FaultKind, SourceServer, World};
use serde_json::{Value, json};

use crate::{
    emulated::{SIGNED, account, complains, send},
    stage::drs::ONE,
};

#[tokio::test]
async fn a_call_without_a_signature_is_rejected_and_noted() {
    complains(
        &account().await,
        "POST /DescribeSourceServers",
        "",
        "{}",
        403,
        "MissingAuthenticationTokenException",
    )
    .await;
}

#[tokio::test]
async fn an_unknown_operation_is_rejected_and_noted() {
    complains(
        &account().await,
        "POST /StartRecovery",
        SIGNED,
        "{}",
        404,
        "UnknownOperationException",
    )
    .await;
}

#[tokio::test]
async fn the_same_path_of_another_service_is_not_served() {
    let signed_for_mgn = SIGNED.replace("/drs/", "/mgn/");
    complains(
        &account().await,
        "POST /DescribeSourceServers",
        &signed_for_mgn,
        "{}",
        404,
        "UnknownOperationException",
    )
    .await;
}

#[tokio::test]
async fn an_unknown_member_is_rejected_and_noted() {
    let body = json!({ "sourceServerId": ONE }).to_string();
    complains(
        &account().await,
        "POST /DisconnectSourceServer",
        SIGNED,
        &body,
        400,
        "ValidationException",
    )
    .await;
}

#[tokio::test]
async fn a_body_that_is_no_object_is_rejected_and_noted() {
    complains(
        &account().await,
        "POST /DescribeJobs",
        SIGNED,
        "[]",
        400,
        "SerializationException",
    )
    .await;
    complains(
        &account().await,
        "POST /DescribeJobs",
        SIGNED,
        "{",
        400,
        "SerializationException",
    )
    .await;
}

#[tokio::test]
async fn a_fault_that_no_call_met_is_reported_at_the_end() {
    let local = account().await;
    local.inject(Fault::next("DescribeJobs", FaultKind::Throttle));
    assert_eq!(
        local.finish().unwrap_err(),
        ["no call of DescribeJobs met the fault Throttle"]
    );
    let (status, _) = send(&local, "POST /DescribeJobs", SIGNED, "{}").await;
    assert_eq!(status, 429);
    local.finish().unwrap();
}

#[tokio::test]
async fn tags_belong_to_the_resource_that_the_whole_arn_names() {
    let local = account().await;
    let get = async |arn: &str, headers: &str| {
        send(&local, &format!("GET /tags/{arn}"), headers, "")
            .await
            .0
    };
    assert_eq!(
        get(
            &format!("arn:aws:drs:us-east-1:111122223333:source-server/{ONE}"),
            SIGNED
        )
        .await,
        200
    );
    assert_eq!(
        get(
            &format!("arn:aws:drs:us-east-1:999999999999:source-server/{ONE}"),
            SIGNED
        )
        .await,
        404
    );
    assert_eq!(
        get(
            &format!("arn:aws:drs:eu-west-1:111122223333:source-server/{ONE}"),
            SIGNED
        )
        .await,
        404
    );
    assert_eq!(
        get(
            &format!("arn:aws-cn:drs:us-east-1:111122223333:source-server/{ONE}"),
            SIGNED
        )
        .await,
        404
    );

    let elsewhere = SIGNED.replace("us-east-1", "eu-west-1");
    assert_eq!(
        get(
            &format!("arn:aws:drs:eu-west-1:111122223333:source-server/{ONE}"),
            &elsewhere
        )
        .await,
        404
    );
    assert_eq!(get(&format!("source-server/{ONE}"), SIGNED).await, 400);
}

#[tokio::test]
async fn a_malformed_page_token_is_rejected() {
    for token in [
        "made up",
        "from-0",
        "-18446744073709551615",
        "0123456789abcdef-99999999999999999999",
    ] {
        let body = json!({ "nextToken": token }).to_string();
        complains(
            &account().await,
            "POST /DescribeSourceServers",
            SIGNED,
            &body,
            400,
            "ValidationException",
        )
        .await;
    }
}

#[tokio::test]
async fn a_page_token_belongs_to_one_list_in_one_region() {
    let servers = (1..=3).map(|number| SourceServer::new(&crate::stage::drs::number(number)));
    let mut world = World::with(servers);
    world.drs.regions.insert(
        "eu-west-1".to_owned(),
        world.drs.regions["us-east-1"].clone(),
    );
    let local = Emulator::without_functions(world).await.unwrap();
    let list = async |operation: &str, signed: &str, body: Value| {
        let (status, text) = send(
            &local,
            &format!("POST /{operation}"),
            signed,
            &body.to_string(),
        )
        .await;
        (
            status,
            serde_json::from_str::<Value>(text.rsplit("\r\n").next().unwrap()).unwrap(),
        )
    };

    let (_, first) = list("DescribeSourceServers", SIGNED, json!({ "maxResults": 1 })).await;
    let token = &first["nextToken"];
    let (status, rest) = list(
        "DescribeSourceServers",
        SIGNED,
        json!({ "nextToken": token }),
    )
    .await;

    assert_eq!((status, rest["items"].as_array().unwrap().len()), (200, 2));

    let elsewhere = SIGNED.replace("us-east-1", "eu-west-1");
    let filters = json!({ "sourceServerIDs": [ONE] });

    for (operation, signed, body) in [
        (
            "DescribeSourceServers",
            elsewhere.as_str(),
            json!({ "nextToken": token }),
        ),
        (
            "DescribeSourceServers",
            SIGNED,
            json!({ "nextToken": token, "filters": filters }),
        ),
        (
            "DescribeRecoveryInstances",
            SIGNED,
            json!({ "nextToken": token }),
        ),
        ("DescribeJobs", SIGNED, json!({ "nextToken": token })),
    ] {
        assert_eq!(
            list(operation, signed, body.clone()).await.0,
            400,
            "{operation} {body}"
        );
    }
}

#[tokio::test]
async fn the_region_comes_from_the_signature() {
    let local = account().await;
    let elsewhere = SIGNED.replace("us-east-1", "eu-west-1");
    let (status, text) = send(&local, "POST /DescribeSourceServers", &elsewhere, "{}").await;
    assert_eq!(status, 400);
    assert!(text.contains("UninitializedAccountException"), "{text}");
}
