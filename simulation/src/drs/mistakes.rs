//! Mistakes that people make in requests and settings for source servers.

use serde_json::{Value, json};

use crate::mistakes::Mistake;

fn name(request: &mut Value, member: &str, value: Value) {
    request["targets"][0] = json!({ "sourceServerID": "s-00000000000000001" });
    request["targets"][0][member] = value;
}

/// Names a server by an ARN with these parts between the partition and the ID.
fn by_arn(request: &mut Value, parts: &str) {
    let arn = format!("arn:aws:{parts}/s-00000000000000001");

    name(request, "sourceServerID", json!(arn));
}

/// What is wrong in a request.
pub(crate) const REQUESTS: [Mistake; 25] = [
    |request| request["action"] = json!("Disconnect"),
    |request| request["action"] = json!("terminate"),
    |request| request["action"] = Value::Null,
    |request| request["targets"][0] = json!({}),
    // What only a deletion or a verification may say.
    |request| request["skipCleanupCheck"] = json!("true"),
    |request| name(request, "disconnect", json!({ "at": "2027-01-15 08:00" })),
    |request| {
        name(
            request,
            "disconnect",
            json!({ "ebsSnapshotIDs": ["vol-00000001"] }),
        )
    },
    |request| {
        name(
            request,
            "disconnect",
            json!({ "ebsSnapshotIDs": vec!["snap-00000001"; 11] }),
        )
    },
    |request| name(request, "sourceServerId", json!("s-00000000000000001")),
    // IDs and ARNs of another shape, or of something else.
    |request| name(request, "sourceServerID", json!("s-1")),
    |request| name(request, "sourceServerID", json!("s-0000000000000000!")),
    |request| name(request, "sourceServerID", json!("i-00000000000000001")),
    |request| by_arn(request, "ec2:us-east-1:111122223333:source-server"),
    |request| by_arn(request, "drs:us-east-1:111122223333:recovery-instance"),
    |request| by_arn(request, "drs::111122223333:source-server"),
    |request| by_arn(request, "drs:us-east-1::source-server"),
    |request| by_arn(request, "drs:us-east-1:11112222333:source-server"),
    |request| name(request, "awsInstanceID", json!("i-1")),
    |request| name(request, "awsInstanceID", json!("i-0000000000000000g")),
    // A template that filled in nothing.
    |request| name(request, "awsInstanceID", Value::Null),
    |request| name(request, "hostname", Value::Null),
    |request| name(request, "hostname", json!("")),
    |request| name(request, "hostname", json!("host 1")),
    |request| name(request, "fqdn", json!("host1\u{202e}.example.com")),
    |request| name(request, "fqdn", json!("h".repeat(256))),
];

/// What an event of EC2 may be instead of a termination.
pub(crate) const EVENTS: [Mistake; 5] = [
    // Anybody may put an event that looks like one of EC2, under a source of their own.
    |event| event["source"] = json!("change.management"),
    |event| event["detail-type"] = json!("EC2 Spot Instance Interruption Warning"),
    |event| event["detail"]["state"] = json!("stopped"),
    |event| event["detail"]["state"] = json!("shutting-down"),
    |event| event["detail"]["instance-id"] = json!("i-1"),
];

/// Settings with which the function may not start.
pub(crate) const SETTINGS: [(&str, &str); 8] = [
    ("ORIGIN_ACCOUNTS", "111122223333, 444455556666"),
    ("ORIGIN_ACCOUNTS", "o-a1b2c3d4e5"),
    ("VERIFY_CLEANUP", "yes"),
    ("ALLOW_DELETE", "1"),
    ("ALLOW_DELETE", "TRUE"),
    ("MAX_SHARE_PERCENT", "0"),
    ("MAX_SHARE_PERCENT", "101"),
    ("MAX_SHARE_PERCENT", "10%"),
];
