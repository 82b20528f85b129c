//! Events that are nobody's business: each is near one that is somebody's.

use serde_json::{Value, json};
use template::{ACCOUNT, REGION};

use crate::way::deployed::Stack;

/// What it is, its bus, and the event.
type Nobodys = (&'static str, String, Value);

/// Every event that a deployment must let be.
pub(super) fn events(stack: &Stack, detail_type: &str) -> Vec<Nobodys> {
    let own = stack.parameter("EventBusName").to_owned();
    let request = json!({ "version": 1, "requestID": "CHG9" });
    let of_others = event("change.management", detail_type, request.clone());
    let mut foreign = result(&stack.function_arn);
    foreign["account"] = json!("999999999999");

    let mut events = vec![
        (
            "request of AWS",
            event("aws.ec2", detail_type, request.clone()),
        ),
        (
            "misspelt request",
            event("cmdb", "Decomission Requested", request),
        ),
        (
            "result of another function",
            result(&format!("{}x", stack.function_arn)),
        ),
        ("result of another account", foreign),
    ]
    .into_iter()
    .map(|(what, event)| (what, own.clone(), event))
    .collect::<Vec<Nobodys>>();

    let on_default = |(what, event)| (what, "default".to_owned(), event);
    events.extend(of_aws(stack).into_iter().map(on_default));
    // A request on the default bus asks for nothing where the deployment has a bus of its own.
    if own != "default" {
        events.push(on_default(("request on another bus", of_others)));
    }
    events
}

/// Events of AWS, which are on the default bus.
fn of_aws(stack: &Stack) -> Vec<(&'static str, Value)> {
    let follow_up = stack.deployment.arn("FollowUp");
    let changed = |name: &str, value: Value| {
        let mut event = file_system();
        event["detail"][name] = value;
        event
    };

    vec![
        ("stopped instance", instance("stopped")),
        ("running instance", instance("running")),
        (
            "failed creation",
            changed("errorCode", json!("AccessDenied")),
        ),
        (
            "tag of an access point",
            changed(
                "requestParameters",
                json!({ "resourceId": "fsap-00000001" }),
            ),
        ),
        (
            "call of another service",
            changed("eventSource", json!("fsx.amazonaws.com")),
        ),
        (
            "deletion of a file system",
            changed("eventName", json!("DeleteFileSystem")),
        ),
        ("machine of others", machine(&stack.function_arn, "FAILED")),
        ("machine that starts", machine(&follow_up, "RUNNING")),
    ]
}

/// An event of AWS about something that drover does not manage: its ID, the event, and the request
/// that it amounts to.
pub(super) fn unknown(detail_type: &str) -> (&'static str, Value, Value) {
    let is_server = detail_type == disconnect_source_server::command::DETAIL_TYPE;
    if is_server {
        let instance_id = "i-0000000000000dead";
        let target = json!({
            "awsInstanceID": instance_id,
            "originAccountID": ACCOUNT,
            "originRegion": REGION,
        });
        let mut event = instance("terminated");
        event["detail"]["instance-id"] = json!(instance_id);
        let detail = json!({ "action": "disconnect", "targets": [target] });
        return (instance_id, event, detail);
    }

    let id = "fs-0000dead";
    let mut event = file_system();
    event["detail"]["requestParameters"]["resourceId"] = json!(id);
    (
        id,
        event,
        json!({ "targets": [{ "sourceFileSystemId": id }] }),
    )
}

fn event(source: &str, detail_type: &str, detail: Value) -> Value {
    json!({
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "source": source,
        "detail-type": detail_type,
        "account": ACCOUNT,
        "region": REGION,
        "time": "2027-01-15T08:00:00Z",
        "resources": [],
        "detail": detail,
    })
}

fn instance(state: &str) -> Value {
    let detail = json!({ "instance-id": "i-00000000000000001", "state": state });

    event("aws.ec2", "EC2 Instance State-change Notification", detail)
}

/// A file system that is tagged.
fn file_system() -> Value {
    let detail = json!({
        "eventSource": "elasticfilesystem.amazonaws.com",
        "eventName": "TagResource",
        "requestParameters": { "resourceId": "fs-00000001" },
    });

    event(
        "aws.elasticfilesystem",
        "AWS API Call via CloudTrail",
        detail,
    )
}

fn machine(arn: &str, status: &str) -> Value {
    let detail = json!({ "stateMachineArn": arn, "status": status });

    event(
        "aws.states",
        "Step Functions Execution Status Change",
        detail,
    )
}

/// A pending result of a function.
fn result(function: &str) -> Value {
    let detail = json!({
        "requestContext": { "functionArn": function, "condition": "Success" },
        "requestPayload": {},
        "responsePayload": { "outcome": "pending", "mode": "enforce" },
    });

    event(
        "lambda",
        "Lambda Function Invocation Result - Success",
        detail,
    )
}
