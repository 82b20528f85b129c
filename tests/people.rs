//! The policies for people in `docs/people.md`: each allows what its owner does, and nobody can both
//! request and approve.

use std::collections::{BTreeMap, BTreeSet};

use emulator::{IamRequest, SourceServer, World};
use template::{ACCOUNT, REGION, Role, ask, facts::has_key, text_of};

use crate::{
    iam::everything,
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
        [
            "approver",
            "auditor",
            "deployer",
            "operator",
            "operator of the forwarding",
            "requester"
        ]
    );
    for (who, sends, approves) in [
        ("requester", 2, 0),
        ("approver", 0, approvals().len()),
        ("auditor", 0, 0),
        ("deployer", 0, 0),
        // Sends again what somebody requested: to the alias, to a queue, by a machine.
        ("operator", 4, 0),
        ("operator of the forwarding", 0, 0),
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
    for other in ["requester", "approver", "operator"] {
        let one_person = both("deployer", other);
        let may = |asked: &[IamRequest]| asked.iter().any(|ask| one_person.allows(ask));
        assert!(!may(&ways_in()) && !may(&approvals()), "{other}");
    }
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
    // ForAllValues alone would allow a call without these keys.
    let bus = format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default");
    assert!(!requester.allows(&ask("events:PutEvents", &bus)));

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
        ] {
            assert!(!policy.allows(&ask(action, resource)), "{who}: {action}");
        }

        // Who deploys chooses the code and its role, and nobody else does.
        let update = ask("lambda:UpdateFunctionConfiguration", &named("lambda"));
        let pass = ask("iam:PassRole", &role()).with("iam:PassedToService", "lambda.amazonaws.com");
        for asked in [update, pass] {
            assert_eq!(policy.allows(&asked), who == "deployer", "{who}: {asked:?}");
        }
    }
}

fn role() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/drover-DisconnectRole-1A2B3C")
}

/// A resource of the stack `drover`, as CloudFormation names it.
fn named(service: &str) -> String {
    let arn = |resource: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}");

    match service {
        "cloudwatch" => arn("alarm:drover-failed-requests"),
        "events" => arn("rule/drover-DecommissionRequested"),
        "lambda" => arn("function:drover-disconnect-source-server"),
        "logs" => arn("log-group:drover-DisconnectLogs-1A2B3C"),
        "s3" => "arn:aws:s3:::drover-fleets-1a2b3c".to_owned(),
        "scheduler" => arn("schedule/default/drover-ServerAuditSchedule"),
        "sns" => arn("drover-Requests-1A2B3C"),
        "sqs" => arn("drover-FailedRequests-1A2B3C"),
        "states" => arn("stateMachine:drover-follow-up"),
        other => panic!("{other}"),
    }
}

/// `tests/deployment/people.py` compares the actions with those of CloudFormation's handlers.
#[test]
fn a_deployer_changes_what_has_the_name_of_the_stack_and_nothing_beside_it() {
    let deployer = &policies()["deployer"];

    for (service, actions) in [
        (
            "cloudwatch",
            &["PutMetricAlarm", "DeleteAlarms", "TagResource"][..],
        ),
        ("events", &["PutRule", "PutTargets", "DeleteRule"]),
        (
            "lambda",
            &["CreateFunction", "UpdateFunctionCode", "UpdateAlias"],
        ),
        (
            "logs",
            &["CreateLogGroup", "PutMetricFilter", "AssociateKmsKey"],
        ),
        ("s3", &["CreateBucket", "PutLifecycleConfiguration"]),
        ("scheduler", &["CreateSchedule", "DeleteSchedule"]),
        ("sns", &["CreateTopic", "Subscribe"]),
        ("sqs", &["CreateQueue", "SetQueueAttributes"]),
        ("states", &["CreateStateMachine", "UpdateStateMachine"]),
    ] {
        for action in actions {
            let may =
                |resource: &str| deployer.allows(&ask(&format!("{service}:{action}"), resource));
            let own = named(service);
            assert!(may(&own), "{action} on {own}");
            assert!(
                !may(&own.replace("drover-", "billing-")),
                "{action} elsewhere"
            );
        }
    }
    // What it may not do to its own either, since people rely on it.
    assert!(!deployer.allows(&ask("sqs:PurgeQueue", &named("sqs"))));
    assert!(!deployer.allows(&ask(
        "s3:DeleteObject",
        &format!("{}/results/1", named("s3"))
    )));

    // What has no name is changed by a deployment only.
    let key = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/1");
    for (action, resource) in [
        ("kms:ScheduleKeyDeletion", key.as_str()),
        (
            "appconfig:DeleteApplication",
            "arn:aws:appconfig:us-east-1:111122223333:application/a",
        ),
        ("sns:Unsubscribe", "*"),
    ] {
        let direct = ask(action, resource);
        assert!(!deployer.allows(&direct), "{action}");
        let deployed = direct.with("aws:CalledVia", "cloudformation.amazonaws.com");
        assert!(deployer.allows(&deployed), "{action}");
    }
}

/// A log group has the only record of why a request was decided as it was. CloudFormation deletes
/// those of a first deployment that fails.
#[test]
fn a_deployer_deletes_logs_by_a_deployment_only() {
    let deployer = &policies()["deployer"];

    for action in ["logs:DeleteLogGroup", "logs:PutRetentionPolicy"] {
        let direct = ask(action, &named("logs"));
        assert!(!deployer.allows(&direct), "{action}");
        let deployed = direct.with("aws:CalledVia", "cloudformation.amazonaws.com");
        assert!(deployer.allows(&deployed), "{action}");
    }
    let stream = ask("logs:DeleteLogStream", &named("logs"));
    assert!(!deployer.allows(&stream));
}

#[test]
fn a_deployer_makes_roles_with_the_boundary_and_passes_them_to_the_services_of_the_template() {
    let deployer = &policies()["deployer"];
    let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/boundary");
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";

    for action in [
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:PutRolePermissionsBoundary",
    ] {
        let with = |boundary: &str| ask(action, &role()).with("iam:PermissionsBoundary", boundary);
        assert!(deployer.allows(&with(&boundary)), "{action}");
        assert!(!deployer.allows(&with(administrator)), "{action}");
        assert!(
            !deployer.allows(&ask(action, &role())),
            "{action} without a boundary"
        );
    }
    for action in [
        "iam:AttachRolePolicy",
        "iam:CreatePolicyVersion",
        "iam:CreateUser",
        "iam:DeleteRolePermissionsBoundary",
        "sts:AssumeRole",
    ] {
        assert!(!deployer.allows(&ask(action, &role())), "{action}");
    }

    // Those that the roles of the template trust.
    let deployment = everything();
    let trusted: BTreeSet<String> = deployment
        .of_type("AWS::IAM::Role")
        .into_iter()
        .map(|(_, role)| {
            text_of(&role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"])
        })
        .collect();
    let pass = |service: &str, role: &str| {
        deployer.allows(&ask("iam:PassRole", role).with("iam:PassedToService", service))
    };
    let others = ["ec2.amazonaws.com", "cloudformation.amazonaws.com"];
    assert_eq!(trusted.len(), 4, "{trusted:?}");
    assert!(trusted.iter().all(|service| pass(service, &role())));
    assert!(!others.iter().any(|service| pass(service, &role())));
    let another = format!("arn:aws:iam::{ACCOUNT}:role/Administrator");
    assert!(!pass("lambda.amazonaws.com", &another));
}

/// What the runbooks of `docs/operations.md` and the list of `docs/faq.md` ask of whoever is on call.
#[test]
fn an_operator_can_look_wherever_the_runbook_says_and_protects_nothing() {
    let operator = &policies()["operator"];
    let rule = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/drover-DecommissionRequested");

    for (action, resource) in [
        ("cloudtrail:LookupEvents", "*"),
        ("cloudwatch:DescribeAlarms", "*"),
        ("drs:DescribeSourceServers", "*"),
        ("elasticfilesystem:DescribeReplicationConfigurations", "*"),
        ("events:DescribeRule", rule.as_str()),
        ("events:TestEventPattern", "*"),
        ("lambda:ListEventSourceMappings", "*"),
        ("sns:ListSubscriptionsByTopic", &named("sns")),
        ("logs:FilterLogEvents", &named("logs")),
    ] {
        assert!(operator.allows(&ask(action, resource)), "{action}");
    }
    // Protecting is the approver's, and an audit by an event the requester's.
    for asked in [
        tag("drs:TagResource", SERVER, "drover:protected"),
        put("com.example.cmdb", "Source Server Audit Requested"),
    ] {
        assert!(!operator.allows(&asked), "{asked:?}");
    }
    let guide = read("docs/operations.md");
    for words in [
        "This step is an [approver](people.md#approver)'s",
        "A [requester](people.md#requester) sends it",
    ] {
        assert!(guide.contains(words), "{words}");
    }
}

#[test]
fn an_operator_of_the_forwarding_handles_its_queue_and_no_other() {
    let operator = &policies()["operator of the forwarding"];
    let queue = |name: &str| format!("arn:aws:sqs:eu-west-1:444455556666:{name}");

    for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage"] {
        for stack in ["StackSet-drover-forward-1a2b3c", "drover-forward"] {
            let own = queue(&format!("{stack}-UnsentEvents-1A2B3C"));
            assert!(operator.allows(&ask(action, &own)), "{action} {own}");
        }
        assert!(
            !operator.allows(&ask(action, &queue("billing"))),
            "{action}"
        );
    }
    for action in ["sqs:SendMessage", "sqs:PurgeQueue", "sqs:DeleteQueue"] {
        let own = queue("drover-forward-UnsentEvents-1A2B3C");
        assert!(!operator.allows(&ask(action, &own)), "{action}");
    }
}

#[test]
fn an_auditor_only_reads() {
    let reading = ["Describe", "Filter", "Get", "List", "Lookup", "StartQuery"];

    for action in policies()["auditor"].actions() {
        let name = action.split_once(':').unwrap().1;
        assert!(
            reading.iter().any(|word| name.starts_with(word)),
            "{action}"
        );
    }
}

/// "What to ask for" in `docs/security-for-auditors.md`.
#[test]
fn an_auditor_can_read_what_the_page_for_auditors_asks_for() {
    let auditor = &policies()["auditor"];

    for (action, resource) in [
        ("cloudformation:DescribeStacks", "*"),
        ("cloudtrail:LookupEvents", "*"),
        ("iam:GetAccountAuthorizationDetails", "*"),
        ("iam:GetRolePolicy", &role()),
        ("iam:ListRolePolicies", &role()),
        ("logs:FilterLogEvents", &named("logs")),
    ] {
        assert!(auditor.allows(&ask(action, resource)), "{action}");
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
