//! The policies for people in `docs/people.md`: each allows what its owner does, and nobody can both
//! request and approve.

use std::collections::BTreeMap;

use emulator::{IamRequest, SourceServer, World};
use template::{ACCOUNT, REGION, Role, ask, facts::has_key};

use crate::{
    stage::drs::{CHANGE, ONE, Stage},
    tidy::read,
};

const SERVER: &str = "arn:aws:drs:us-east-1:111122223333:source-server/s-0123456789abcdef0";
const FILE_SYSTEM: &str =
    "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-01234567";

/// The policies of the guide, by the heading above each.
fn policies() -> BTreeMap<String, Role> {
    let guide = read("docs/people.md");
    let sections = guide.split("\n## ").skip(1);

    sections
        .map(|section| {
            let heading = section.lines().next().unwrap().to_lowercase();
            let policy = section.split("```json\n").nth(1).unwrap();
            let policy = policy.split("\n```").next().unwrap();
            (heading, Role::read(&serde_json::from_str(policy).unwrap()))
        })
        .collect()
}

fn put(source: &str, detail_type: &str) -> IamRequest {
    let bus = format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default");

    ask("events:PutEvents", &bus)
        .with("events:source", source)
        .with("events:detail-type", detail_type)
}

fn request() -> IamRequest {
    put("com.example.cmdb", "Source Server Decommission Requested")
}

fn tag(action: &str, resource: &str, key: &str) -> IamRequest {
    ask(action, resource).with("aws:TagKeys", key)
}

fn approval() -> IamRequest {
    tag("drs:TagResource", SERVER, "drover:approved")
}

/// Every way in which a request can be sent.
fn ways_in() -> Vec<IamRequest> {
    let arn =
        |service: &str, resource: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}");
    let function = "function:drover-disconnect-source-server";

    vec![
        request(),
        put("com.example.cmdb", "File System Replication Requested"),
        put("lambda", "Lambda Function Invocation Result - Success"),
        ask(
            "events:PutEvents",
            "arn:aws:events:eu-west-1:444455556666:event-bus/default",
        ),
        ask(
            "ec2:TerminateInstances",
            "arn:aws:ec2:eu-west-1:111122223333:instance/i-01234567",
        ),
        ask(
            "states:RedriveExecution",
            &arn("states", "stateMachine:drover-follow-up"),
        ),
        ask("sns:Publish", &arn("sns", "drover-Requests-1A2B3C")),
        ask(
            "sqs:SendMessage",
            &arn("sqs", "drover-DecommissionQueue-1A2B3C"),
        ),
        ask("lambda:InvokeFunction", &arn("lambda", function)),
        ask(
            "lambda:InvokeFunction",
            &arn("lambda", &format!("{function}:live")),
        ),
        ask(
            "states:StartExecution",
            &arn("states", "stateMachine:drover-fleet"),
        ),
        ask(
            "states:StartExecution",
            &arn("states", "stateMachine:drover-follow-up"),
        ),
    ]
}

/// Every way in which something can be approved, or its protection lifted.
fn approvals() -> Vec<IamRequest> {
    let of = |resource: &str, actions: &[&str], key: &str| -> Vec<IamRequest> {
        actions
            .iter()
            .map(|action| tag(action, resource, key))
            .collect()
    };
    let drs = ["drs:TagResource", "drs:UntagResource"];
    let efs = [
        "elasticfilesystem:TagResource",
        "elasticfilesystem:UntagResource",
    ];

    [
        of(SERVER, &drs, "drover:approved"),
        of(SERVER, &drs, "drover:protected"),
        of(FILE_SYSTEM, &efs, "drover:approved"),
        of(FILE_SYSTEM, &efs, "drover:protected"),
    ]
    .concat()
}

#[test]
fn nobody_can_both_send_and_approve() {
    let policies = policies();
    let may = |who: &str, asked: &[IamRequest]| -> usize {
        asked.iter().filter(|ask| policies[who].allows(ask)).count()
    };

    assert_eq!(
        policies.keys().collect::<Vec<_>>(),
        ["approver", "auditor", "operator", "requester"]
    );
    for (who, sends, approves) in [
        ("requester", 2, 0),
        ("approver", 0, approvals().len()),
        ("auditor", 0, 0),
        // Sends again what somebody requested: to the alias, to a queue, by a machine.
        ("operator", 4, 0),
    ] {
        assert_eq!(may(who, &ways_in()), sends, "{who} sends");
        assert_eq!(may(who, &approvals()), approves, "{who} approves");
    }

    // Each with whatever the others may as well: what it denies stays denied.
    let both =
        |one: &str, other: &str| Role([&policies[one].0[..], &policies[other].0[..]].concat());
    let one_person = both("requester", "approver");
    assert!(!one_person.allows(&request()) && !one_person.allows(&approval()));
    let one_person = both("operator", "approver");
    assert!(!one_person.allows(&approval()));
    assert!(ways_in().iter().all(|ask| !one_person.allows(ask)));
}

/// A requester who could put a result on the bus could say that something was done.
#[test]
fn a_requester_can_put_requests_and_nothing_that_looks_like_a_result() {
    let requester = &policies()["requester"];

    for detail_type in [
        "Source Server Decommission Requested",
        "File System Replication Requested",
        "Source Server Audit Requested",
        "File System Audit Requested",
    ] {
        assert!(
            requester.allows(&put("com.example.cmdb", detail_type)),
            "{detail_type}"
        );
        assert!(
            !requester.allows(&put("lambda", detail_type)),
            "{detail_type}"
        );
    }
    // One call puts several events, and each counts.
    let several = request().with("events:detail-type", "Follow-up Result - Success");
    assert!(!requester.allows(&several));
    let several = request().with("events:source", "drover");
    assert!(!requester.allows(&several));

    for detail_type in [
        "Lambda Function Invocation Result - Success",
        "Follow-up Result - Success",
    ] {
        assert!(
            !requester.allows(&put("com.example.cmdb", detail_type)),
            "{detail_type}"
        );
    }
}

#[test]
fn an_approver_can_set_no_other_tag() {
    let approver = &policies()["approver"];

    assert!(!approver.allows(&tag("drs:TagResource", SERVER, "Name")));
    assert!(!approver.allows(&approval().with("aws:TagKeys", "Name")));
    assert!(
        !approver.allows(&ask("drs:TagResource", SERVER)),
        "without a key"
    );
    assert!(!approver.allows(&tag(
        "elasticfilesystem:TagResource",
        FILE_SYSTEM,
        "drover:replicate-to"
    )));
    for action in ["drs:DisconnectSourceServer", "drs:DeleteSourceServer"] {
        assert!(!approver.allows(&ask(action, SERVER)), "{action}");
    }
}

#[test]
fn nobody_can_change_anything_past_drover() {
    for (who, policy) in policies() {
        for (action, resource) in [
            ("drs:DisconnectSourceServer", SERVER),
            ("drs:DeleteSourceServer", SERVER),
            (
                "elasticfilesystem:CreateReplicationConfiguration",
                FILE_SYSTEM,
            ),
            (
                "elasticfilesystem:DeleteReplicationConfiguration",
                FILE_SYSTEM,
            ),
            ("elasticfilesystem:UpdateFileSystemProtection", FILE_SYSTEM),
            (
                "lambda:UpdateFunctionConfiguration",
                "arn:aws:lambda:us-east-1:111122223333:function:drover-x",
            ),
            (
                "iam:PassRole",
                "arn:aws:iam::111122223333:role/drover-DisconnectRole",
            ),
        ] {
            assert!(!policy.allows(&ask(action, resource)), "{who}: {action}");
        }
    }
}

#[test]
fn an_auditor_only_reads() {
    let reading = ["Describe", "Filter", "Get", "List", "StartQuery"];

    for action in policies()["auditor"].actions() {
        let name = action.split_once(':').unwrap().1;
        assert!(
            reading.iter().any(|word| name.starts_with(word)),
            "{action}"
        );
    }
}

#[test]
fn a_policy_for_people_has_no_condition_key_that_its_actions_do_not_have() {
    for (who, policy) in policies() {
        for statement in &policy.0 {
            for (condition, action) in statement.conditions.iter().flat_map(|condition| {
                statement
                    .actions
                    .iter()
                    .map(move |action| (condition, action))
            }) {
                assert!(
                    has_key(action, &condition.key),
                    "{who}: {action} has no {}",
                    condition.key
                );
            }
        }
    }
}

/// One alone is refused, by IAM or by drover; the two together are not.
#[tokio::test]
async fn two_people_retire_a_server_and_one_alone_cannot() {
    let policies = policies();
    let stage = Stage::with(World::with([SourceServer::new(ONE)])).await;

    // The requester may send, and drover refuses; the requester may not approve.
    assert!(policies["requester"].allows(&request()));
    assert_eq!(
        stage.disconnect().await.conclusion(),
        "refused not_approved"
    );
    assert_eq!(stage.changes(), [""; 0]);
    assert!(!policies["requester"].allows(&approval()));

    // The approver may approve, and not send.
    assert!(policies["approver"].allows(&approval()));
    assert!(
        ways_in()
            .iter()
            .all(|ask| !policies["approver"].allows(ask))
    );

    stage.local.change(|world| {
        let approved = ("drover:approved".to_owned(), CHANGE.to_owned());
        world.here().source_servers[0].tags.extend([approved]);
    });
    assert_eq!(stage.disconnect().await.conclusion(), "done disconnected");
}
