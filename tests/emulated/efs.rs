//! The emulated EFS over its port, for a caller who makes mistakes or reads twice.

use emulator::{Emulator, Fault, FaultKind, FileSystem, World};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const ONE: &str = "fs-0123456789abcdef0";
const FILE_SYSTEMS: &str = "/2015-02-01/file-systems";

async fn account() -> Emulator {
    let world = World::empty().with_file_system("us-east-1", FileSystem::new(ONE));
    Emulator::without_functions(world).await.unwrap()
}

/// Sends a signed request, and returns the status, the code of an error, and the body.
async fn send(local: &Emulator, region: &str, line: &str, body: &str) -> (u16, String, Value) {
    let address = local.endpoint().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let scope = format!("AKIAIOSFODNN7EXAMPLE/20261121/{region}/elasticfilesystem/aws4_request");
    let signature =
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {signature}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head
        .lines()
        .find_map(|line| line.strip_prefix("x-amzn-errortype: "))
        .unwrap_or_default();

    (
        answer[9..12].parse().unwrap(),
        code.to_owned(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

async fn get(local: &Emulator, region: &str, path: &str) -> (u16, String, Value) {
    send(local, region, &format!("GET {path}"), "").await
}

#[tokio::test]
async fn an_error_of_efs_has_its_code_in_header_and_body() {
    let local = account().await;
    let (status, code, body) = get(
        &local,
        "us-east-1",
        &format!("{FILE_SYSTEMS}?FileSystemId=fs-00000000000000009"),
    )
    .await;
    assert_eq!(
        (status, code.as_str(), &body["ErrorCode"]),
        (404, "FileSystemNotFound", &json!("FileSystemNotFound"))
    );
    assert!(
        body["Message"]
            .as_str()
            .unwrap()
            .contains("fs-00000000000000009"),
        "{body}"
    );

    local.finish().unwrap();
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of calls")]
async fn a_call_that_efs_does_not_know_is_rejected_and_noted() {
    for (line, body, code) in [
        (
            format!("GET {FILE_SYSTEMS}?FileSystemID={ONE}"),
            "",
            "ValidationException",
        ),
        (
            format!("GET {FILE_SYSTEMS}?MaxItems=many"),
            "",
            "SerializationException",
        ),
        (
            format!("GET {FILE_SYSTEMS}?CreationToken=%FF"),
            "",
            "SerializationException",
        ),
        (
            format!("GET {FILE_SYSTEMS}?CreationToken=a&CreationToken=b"),
            "",
            "SerializationException",
        ),
        (
            format!("GET {FILE_SYSTEMS}"),
            r#"{"FileSystemId": "fs-00000001"}"#,
            "ValidationException",
        ),
        (
            format!("PUT {FILE_SYSTEMS}/{ONE}/protection?a=b"),
            "{}",
            "ValidationException",
        ),
        (
            format!("PUT {FILE_SYSTEMS}/{ONE}/protection"),
            r#"{"FileSystemId": "x"}"#,
            "ValidationException",
        ),
        (
            format!("POST {FILE_SYSTEMS}"),
            r#"{"creationToken": "a"}"#,
            "ValidationException",
        ),
        (
            format!("GET {FILE_SYSTEMS}/{ONE}"),
            "",
            "UnknownOperationException",
        ),
        (
            "GET /2015-02-01/account-preferences".to_owned(),
            "",
            "UnknownOperationException",
        ),
        (
            "POST /DescribeSourceServers".to_owned(),
            "{}",
            "UnknownOperationException",
        ),
    ] {
        let local = account().await;
        assert_eq!(
            send(&local, "us-east-1", &line, body).await.1,
            code,
            "{line}"
        );
        assert_eq!(local.finish().unwrap_err().len(), 1, "{line}");
    }
}

/// The SDK has no member for these, and requires the others.
// Pages: EFS-15, EFS-18, EFS-25, EFS-26.
#[tokio::test]
async fn what_cannot_be_changed_has_no_member_and_what_is_required_has_to_be_there() {
    let update = format!("PUT {FILE_SYSTEMS}/{ONE}");
    let replicate = format!("POST {FILE_SYSTEMS}/{ONE}/replication-configuration");
    let nameless = format!("POST {FILE_SYSTEMS}//replication-configuration");

    for (line, body, code) in [
        (
            &update,
            r#"{"PerformanceMode": "maxIO"}"#,
            "ValidationException",
        ),
        (
            &update,
            r#"{"KmsKeyId": "alias/dr"}"#,
            "ValidationException",
        ),
        (&replicate, "{}", "ValidationException"),
        (
            &nameless,
            r#"{"Destinations": [{}]}"#,
            "UnknownOperationException",
        ),
    ] {
        let local = account().await;
        let before = local.world();
        assert_eq!(
            send(&local, "us-east-1", line, body).await.1,
            code,
            "{line}"
        );
        assert_eq!(local.world(), before, "{line}");
    }
}

#[tokio::test]
async fn a_file_system_belongs_to_its_region_and_owner() {
    let local = account().await;
    let named = |region: &str, account: &str| {
        let arn = format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/{ONE}");
        format!(
            "{FILE_SYSTEMS}/{}/lifecycle-configuration",
            arn.replace(':', "%3A").replace('/', "%2F")
        )
    };
    assert_eq!(
        get(&local, "us-east-1", &named("us-east-1", "111122223333"))
            .await
            .0,
        200
    );
    assert_eq!(
        get(&local, "us-east-1", &named("us-east-1", "999999999999"))
            .await
            .0,
        404
    );
    assert_eq!(
        get(&local, "us-east-1", &named("eu-west-1", "111122223333"))
            .await
            .0,
        404
    );
    assert_eq!(
        get(&local, "eu-west-1", &named("eu-west-1", "111122223333"))
            .await
            .0,
        404
    );
    assert_eq!(
        get(&local, "eu-west-1", FILE_SYSTEMS).await.2,
        json!({ "FileSystems": [] })
    );
}

#[tokio::test]
async fn an_account_is_in_one_partition_with_its_arns() {
    let (west, east) = ("us-gov-west-1", "us-gov-east-1");
    let world = World {
        region: west.to_owned(),
        ..World::empty()
    }
    .with_file_system(west, FileSystem::new(ONE));

    let local = Emulator::without_functions(world).await.unwrap();
    let (_, _, list) = get(&local, west, FILE_SYSTEMS).await;
    let arn = format!("arn:aws-us-gov:elasticfilesystem:{west}:111122223333:file-system/{ONE}");

    assert_eq!(list["FileSystems"][0]["FileSystemArn"], arn);

    for (name, status) in [(&arn, 200), (&arn.replace("aws-us-gov", "aws"), 400)] {
        let (answered, code, _) =
            get(&local, west, &format!("{FILE_SYSTEMS}?FileSystemId={name}")).await;
        assert_eq!(
            (answered, code == "BadRequest"),
            (status, status == 400),
            "{name}"
        );
    }

    let replicate = format!("POST {FILE_SYSTEMS}/{ONE}/replication-configuration");
    for (region, status) in [("us-east-1", 400), ("cn-north-1", 400), (east, 200)] {
        let body = json!({ "Destinations": [{ "Region": region }] }).to_string();
        let (answered, _, made) = send(&local, west, &replicate, &body).await;
        assert_eq!(answered, status, "{region}: {made}");
    }

    assert_eq!(
        get(&local, "us-east-1", FILE_SYSTEMS).await.1,
        "UnrecognizedClientException"
    );
    assert_eq!(
        get(&local, "us-gov-west-9", FILE_SYSTEMS).await.1,
        "InvalidSignatureException"
    );
}

// Pages: EFS-35, EFS-42.
#[tokio::test]
async fn a_replication_is_visible_in_both_regions_and_noted_as_a_change() {
    let local = account().await;
    let body = json!({ "Destinations": [{ "Region": "eu-west-1" }] }).to_string();
    let line = format!("POST {FILE_SYSTEMS}/{ONE}/replication-configuration");
    let (status, _, made) = send(&local, "us-east-1", &line, &body).await;

    assert_eq!(
        (status, &made["Destinations"][0]["Status"]),
        (200, &json!("ENABLING"))
    );

    let replica = made["Destinations"][0]["FileSystemId"].as_str().unwrap();
    let configurations = format!("{FILE_SYSTEMS}/replication-configurations");

    for (region, id, status) in [
        ("us-east-1", ONE, 200),
        ("eu-west-1", replica, 200),
        ("us-east-1", replica, 404),
        ("eu-west-1", ONE, 404),
    ] {
        assert_eq!(
            get(
                &local,
                region,
                &format!("{configurations}?FileSystemId={id}")
            )
            .await
            .0,
            status,
            "{region} {id}"
        );
    }

    assert_eq!(
        get(&local, "ap-south-1", &configurations).await.2,
        json!({ "Replications": [] })
    );
    assert_eq!(
        local.changes(),
        [format!("CreateReplicationConfiguration {ONE}")]
    );
}

#[tokio::test]
async fn a_resource_without_a_date_keeps_the_first_one_shown() {
    let local = account().await;
    let created = async || {
        get(&local, "us-east-1", FILE_SYSTEMS).await.2["FileSystems"][0]["CreationTime"].clone()
    };
    let before = created().await;
    local.advance(chrono::TimeDelta::days(3));
    assert_eq!(created().await, before);
}

#[tokio::test]
async fn file_systems_are_listed_in_pages_of_a_hundred_whatever_the_request() {
    let local = account().await;
    local.change(|world| {
        let more = (0..100).map(|number| FileSystem::new(&format!("fs-{number:08}")));
        world
            .efs
            .regions
            .entry("us-east-1".to_owned())
            .or_default()
            .file_systems
            .extend(more);
    });
    let (_, _, first) = get(&local, "us-east-1", &format!("{FILE_SYSTEMS}?MaxItems=7")).await;

    assert_eq!(first["FileSystems"].as_array().unwrap().len(), 100);

    let marker = first["NextMarker"].as_str().unwrap();
    let (_, _, second) = get(
        &local,
        "us-east-1",
        &format!("{FILE_SYSTEMS}?Marker={marker}"),
    )
    .await;
    assert_eq!(
        (
            second["FileSystems"].as_array().unwrap().len(),
            second.get("NextMarker")
        ),
        (1, None)
    );
    assert_eq!(
        get(
            &local,
            "us-east-1",
            &format!("{FILE_SYSTEMS}?Marker=made-up")
        )
        .await
        .1,
        "BadRequest"
    );
}

#[tokio::test]
async fn a_fault_of_a_list_repeats_the_marker_of_efs() {
    let local = account().await;
    local.inject(Fault::next(
        "DescribeFileSystems",
        FaultKind::RepeatedPageToken,
    ));
    let (_, _, first) = get(&local, "us-east-1", FILE_SYSTEMS).await;
    let marker = first["NextMarker"].as_str().unwrap();
    local.inject(Fault::next(
        "DescribeFileSystems",
        FaultKind::RepeatedPageToken,
    ));
    let (_, _, page) = get(
        &local,
        "us-east-1",
        &format!("{FILE_SYSTEMS}?Marker={marker}"),
    )
    .await;

    assert_eq!(page["NextMarker"], marker);

    local.inject(
        Fault::next("DescribeFileSystems", FaultKind::InternalError).in_region("eu-west-1"),
    );
    assert_eq!(get(&local, "us-east-1", FILE_SYSTEMS).await.0, 200);
    assert_eq!(
        get(&local, "eu-west-1", FILE_SYSTEMS).await.1,
        "InternalServerError"
    );

    local.finish().unwrap();
}

#[tokio::test]
async fn a_throttled_call_is_answered_as_each_service_answers_it() {
    let local = account().await;
    local.inject(Fault::next("DescribeFileSystems", FaultKind::Throttle));
    let throttled = (
        400,
        "ThrottlingException".to_owned(),
        json!({ "message": "Rate exceeded" }),
    );
    assert_eq!(get(&local, "us-east-1", FILE_SYSTEMS).await, throttled);
    local.finish().unwrap();
}

#[tokio::test]
async fn a_late_effect_is_still_an_effect_of_efs() {
    let local = account().await;
    local.inject(Fault::next(
        "UpdateFileSystemProtection",
        FaultKind::LateEffect,
    ));
    let address = local.endpoint().replace("http://", "");
    let scope = "AKIAIOSFODNN7EXAMPLE/20261121/us-east-1/elasticfilesystem/aws4_request";
    let body = r#"{"ReplicationOverwriteProtection": "DISABLED"}"#;
    let request = format!(
        "PUT {FILE_SYSTEMS}/{ONE}/protection HTTP/1.1\r\nHost: {address}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={scope}, Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut nothing = String::new();
    // Either a reset or an end: in no case an answer.
    let _ = stream.read_to_string(&mut nothing).await;

    assert_eq!(nothing, "");
    assert_eq!(local.changes(), Vec::<String>::new());

    local.advance(chrono::TimeDelta::minutes(1));
    assert_eq!(
        local.changes(),
        [format!("UpdateFileSystemProtection {ONE}")]
    );
}
