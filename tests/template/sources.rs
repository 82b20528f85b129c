//! Other accounts and Regions: who may send events here, what `forwarding/forward.yaml` sends from
//! there, and which stacks are refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use template::{
    ACCOUNT, Deployment, REGION, Role, TRIGGERS,
    alarm::{Alarm, LETTERS},
    ask,
    facts::is_within,
    pattern, text_of,
};

use crate::tidy::{read, rows};

/// The account and the Region of drover, where the stacks of other accounts send to.
const RECOVERY: [(&str, &str); 2] = [
    ("RecoveryAccount", "999988887777"),
    ("RecoveryRegion", "eu-west-1"),
];

const ORGANIZATION: (&str, &str) = ("SourceOrganization", "o-a1b2c3d4e5");
const ACCOUNTS: (&str, &str) = ("SourceAccounts", "444455556666,777788889999");

fn forwarding(more: &[(&str, &str)]) -> Deployment {
    Deployment::forwarding(&[&RECOVERY[..], more].concat())
}

/// The statements by which the buses of a stack admit other accounts, by the bus.
fn admitted(deployment: &Deployment) -> Vec<(&str, &Value)> {
    let policies = deployment.of_type("AWS::Events::EventBusPolicy");

    policies
        .into_iter()
        .map(|(_, policy)| {
            let bus = policy.get("EventBusName").and_then(Value::as_str);
            (bus.unwrap_or("default"), &policy["Statement"])
        })
        .collect()
}

#[test]
fn nobody_else_may_send_unless_the_deployment_says_who() {
    assert_eq!(admitted(&Deployment::by_default()), []);

    let bus = |name: &str| format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}");
    let of_organization = |name: &str| {
        json!({
            "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": bus(name),
            "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-a1b2c3d4e5" } },
        })
    };
    let of_accounts = json!({
        "Effect": "Allow", "Principal": { "AWS": ["444455556666", "777788889999"] },
        "Action": "events:PutEvents", "Resource": bus("default"),
    });

    let organization = Deployment::with(&[ORGANIZATION]);
    assert_eq!(
        admitted(&organization),
        [("default", &of_organization("default"))]
    );
    let accounts = Deployment::with(&[ACCOUNTS]);
    assert_eq!(admitted(&accounts), [("default", &of_accounts)]);

    // The organization is let in, and drover tells of whoever is not listed.
    let both = Deployment::with(&[ORGANIZATION, ACCOUNTS, ("EventBusName", "requests")]);
    let expected = [
        ("default", &of_organization("default")),
        ("requests", &of_organization("requests")),
    ];
    assert_eq!(admitted(&both), expected);
}

#[test]
fn machines_of_the_account_itself_always_count() {
    let origins = |parameters: &[(&str, &str)]| {
        let deployment = Deployment::with(parameters);
        let function = deployment.properties("DisconnectSourceServer");
        text_of(&function["Environment"]["Variables"]["ORIGIN_ACCOUNTS"])
    };

    assert_eq!(origins(&[]), "");
    assert_eq!(origins(&[ORGANIZATION]), "");
    assert_eq!(
        origins(&[ACCOUNTS]),
        format!("{ACCOUNT},444455556666,777788889999")
    );
}

/// What is to be sent: the rule there that sends it, the rule here that waits for it, and the event.
fn wanted() -> Vec<(&'static str, &'static str, Value)> {
    let event = |source: &str, detail_type: &str, detail: Value| {
        json!({
            "source": source, "detail-type": detail_type, "account": ACCOUNT, "region": REGION,
            "detail": detail,
        })
    };
    let request = |detail_type: &str| event("com.example.cmdb", detail_type, json!({}));

    let terminated = json!({ "state": "terminated", "instance-id": "i-01234567" });
    let state_change = "EC2 Instance State-change Notification";
    // One tag among several asks for a replica.
    let tagged = json!({
        "eventSource": "elasticfilesystem.amazonaws.com", "eventName": "TagResource",
        "requestParameters": {
            "resourceId": "fs-01234567",
            "tags": [{ "key": "Name", "value": "x" }, { "key": "drover:replicate-to", "value": "eu-west-1" }],
        },
    });
    let call = "AWS API Call via CloudTrail";

    let of_aws = [
        (
            "InstanceTerminated",
            event("aws.ec2", state_change, terminated),
        ),
        (
            "FileSystemTagged",
            event("aws.elasticfilesystem", call, tagged),
        ),
    ];
    let requests = [
        (
            "DecommissionRequested",
            "Source Server Decommission Requested",
        ),
        ("ReplicationRequested", "File System Replication Requested"),
        ("ServerAuditRequested", "Source Server Audit Requested"),
        ("FileSystemAuditRequested", "File System Audit Requested"),
    ];
    let requests = requests.map(|(waits, detail_type)| ("Requested", waits, request(detail_type)));
    of_aws
        .into_iter()
        .map(|(rule, event)| (rule, rule, event))
        .chain(requests)
        .collect()
}

/// What is sent there is what the rules here are waiting for, each on its bus.
#[test]
fn an_event_that_is_sent_matches_the_rule_that_waits_for_it() {
    let sender = forwarding(&[("RecoveryBusName", "requests")]);
    let receiver = Deployment::with(&[&TRIGGERS[..], &[("EventBusName", "requests")]].concat());

    for (sends, waits, event) in wanted() {
        for (name, rule) in sender.of_type("AWS::Events::Rule") {
            let is_sent = pattern::matches(&rule["EventPattern"], Some(&event));
            assert_eq!(is_sent, name == sends, "{name} {event}");
        }
        let rule = receiver.properties(waits);
        let is_awaited = pattern::matches(&rule["EventPattern"], Some(&event));
        assert!(is_awaited, "{waits} {event}");

        // The default bus is not named.
        let bus = rule
            .get("EventBusName")
            .map_or("default".to_owned(), text_of);
        let expected = format!("arn:aws:events:eu-west-1:999988887777:event-bus/{bus}");
        let target = text_of(&sender.properties(sends)["Targets"][0]["Arn"]);
        assert_eq!(target, expected, "{sends}");
    }
}

/// A tag that asks for nothing is nobody's business elsewhere.
#[test]
fn an_event_that_asks_for_nothing_is_not_sent() {
    let sender = forwarding(&[]);
    let call = |name: &str, more: Value| {
        json!({
            "source": "aws.elasticfilesystem", "detail-type": "AWS API Call via CloudTrail",
            "detail": { "eventSource": "elasticfilesystem.amazonaws.com", "eventName": name, "requestParameters": more },
        })
    };
    let tags = |key: &str| json!({ "tags": [{ "key": key, "value": "x" }] });
    let mut failed = call("TagResource", tags("drover:replicate-to"));
    failed["detail"]["errorCode"] = json!("AccessDenied");

    let mut events = [
        call("TagResource", tags("Name")),
        call("CreateFileSystem", json!({})),
        call("DeleteFileSystem", tags("drover:replicate-to")),
        failed,
        json!({
            "source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification",
            "detail": { "state": "stopped" },
        }),
        // A request of AWS is none.
        json!({ "source": "aws.partner", "detail-type": "Source Server Decommission Requested" }),
        // What comes back from drover would go round for ever.
        json!({ "source": "lambda", "detail-type": "Lambda Function Invocation Result - Success" }),
    ];
    for event in &mut events {
        event["account"] = json!(ACCOUNT);
        event["region"] = json!(REGION);
        assert_not_sent(&sender, event);
    }
}

fn assert_not_sent(sender: &Deployment, event: &Value) {
    for (name, rule) in sender.of_type("AWS::Events::Rule") {
        let is_sent = pattern::matches(&rule["EventPattern"], Some(event));
        assert!(!is_sent, "{name} {event}");
    }
}

/// Otherwise two recovery accounts forward each other's events forever.
#[test]
fn an_event_that_was_forwarded_is_not_forwarded_again() {
    let sender = forwarding(&[]);

    for (_, _, event) in wanted() {
        for (member, value) in [
            ("account", "444455556666"),
            ("account", "999988887777"),
            ("region", "eu-west-1"),
        ] {
            let mut forwarded = event.clone();
            forwarded[member] = json!(value);
            assert_not_sent(&sender, &forwarded);
        }
    }
}

#[test]
fn the_role_that_sends_may_put_events_on_these_buses_and_nothing_else() {
    let deployment = forwarding(&[("RecoveryBusName", "requests")]);
    let bus =
        |account: &str, name: &str| format!("arn:aws:events:eu-west-1:{account}:event-bus/{name}");

    for (_, rule) in deployment.of_type("AWS::Events::Rule") {
        let target = &rule["Targets"][0];
        let role = Role::by_arn(&text_of(&target["RoleArn"]), &deployment, &[]);
        assert!(role.allows(&ask("events:PutEvents", &text_of(&target["Arn"]))));
        for forbidden in [bus("999988887777", "other"), bus(ACCOUNT, "default")] {
            assert!(
                !role.allows(&ask("events:PutEvents", &forbidden)),
                "{forbidden}"
            );
        }
        assert!(role.actions().eq(["events:PutEvents"]));
    }
}

#[test]
fn what_is_not_taken_is_kept_and_told() {
    let deployment = forwarding(&[("AlarmTopicName", "ops")]);
    let queue = deployment.arn("UnsentEvents");
    let policy = &deployment.properties("UnsentEventsPolicy")["PolicyDocument"];
    let statements = policy["Statement"].as_array().unwrap();
    let sources = statements
        .iter()
        .find(|statement| statement["Sid"] == "AllowEventBridge")
        .map(|statement| &statement["Condition"]["ArnEquals"]["aws:SourceArn"]);

    let rules = deployment.of_type("AWS::Events::Rule");
    assert_eq!(rules.len(), 3);
    for (name, rule) in rules {
        let target = &rule["Targets"][0];
        assert_eq!(target["DeadLetterConfig"]["Arn"], queue.as_str(), "{name}");
        let arn = deployment.arn(name);
        assert!(
            sources.unwrap().as_array().unwrap().contains(&json!(arn)),
            "{name}"
        );
        for (member, limit) in [
            (
                "MaximumEventAgeInSeconds",
                "the age of a rule's event, in seconds",
            ),
            ("MaximumRetryAttempts", "retries of a rule's target"),
        ] {
            let value = target["RetryPolicy"][member].as_u64().unwrap();
            assert!(is_within(value, limit), "{name} {member}");
        }
    }
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        assert_eq!(
            alarm["AlarmActions"],
            json!(["arn:aws:sns:us-east-1:111122223333:ops"]),
            "{name}"
        );
        // A letter rings again, and what is lost stays in ALARM for a day.
        let alarm = Alarm::read(alarm);
        let once = (
            alarm.datapoints,
            alarm.periods * alarm.period,
            alarm.threshold,
        );
        let stays = once == (1, 1440, 1.0);
        assert!(stays || alarm.expression == LETTERS, "{name}: {once:?}");
    }
    let silent = forwarding(&[]);
    for (name, alarm) in silent.of_type("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["AlarmActions"], json!([]), "{name}");
    }
}

#[test]
fn unsent_events_are_kept_as_long_as_sqs_allows_and_outlive_their_stack() {
    let deployment = forwarding(&[]);
    let queue = &deployment.resources["UnsentEvents"];
    let policy = &deployment.properties("UnsentEventsPolicy")["PolicyDocument"];
    let denial = json!({
        "Sid": "DenyInsecureTransport", "Effect": "Deny", "Principal": "*", "Action": "sqs:*",
        "Resource": deployment.arn("UnsentEvents"),
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    });

    let retention = "the retention of a queue, in seconds";
    let kept = queue["Properties"]["MessageRetentionPeriod"].as_u64();
    assert!(is_within(kept.unwrap(), retention) && !is_within(kept.unwrap() + 1, retention));
    assert_eq!(queue["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(queue["UpdateReplacePolicy"], "Retain");
    assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true);
    assert!(policy["Statement"].as_array().unwrap().contains(&denial));
}

/// An alarm on a metric that nothing writes never goes off.
#[test]
fn the_alarms_of_forwarding_watch_the_queue_and_each_rule() {
    let deployment = forwarding(&[]);
    let watched = |alarm: &str| -> BTreeSet<[String; 3]> {
        let stats = Alarm::read(deployment.properties(alarm)).stats;
        let metrics = stats.into_iter().map(|it| it.metric);
        metrics
            .map(|it| {
                let of: Vec<String> = it.dimensions.into_iter().map(|(_, value)| value).collect();
                [it.namespace, it.name, of.join(" ")]
            })
            .collect()
    };
    let rules = deployment.of_type("AWS::Events::Rule").into_iter();
    let lost = rules
        .map(|(rule, _)| ["AWS/Events", "InvocationsFailedToBeSentToDlq", rule].map(str::to_owned));
    let queue = deployment.arn("UnsentEvents");
    let queue = queue.rsplit(':').next().unwrap();
    let unsent = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", queue];

    assert_eq!(
        watched("UnsentEventsAlarm"),
        [unsent.map(str::to_owned)].into()
    );
    assert_eq!(watched("LostEventsAlarm"), lost.collect());
}

#[test]
fn alarms_of_the_forwarding_in_the_organization_notify_the_topic_and_nothing_else_does() {
    let deployment = Deployment::alarms(&[("Organization", "o-a1b2c3d4e5")]);
    let policy = &deployment.properties("AlarmsPolicy")["PolicyDocument"];
    for statement in policy["Statement"].as_array().unwrap() {
        let service = &statement["Principal"]["Service"];
        assert_eq!(
            statement["Effect"] == "Allow",
            *service == "cloudwatch.amazonaws.com"
        );
    }

    let policy = Role::read(policy);
    let topic = deployment.arn("Alarms");
    let own = "o-a1b2c3d4e5";
    let unsent = "us-east-1:444455556666:alarm:StackSet-drover-forward-1a2b3c-unsent-events";
    let lost = "us-east-1:777788889999:alarm:StackSet-drover-forward-4d5e6f-lost-events";
    let other = "us-east-1:444455556666:alarm:billing";

    for (alarm, organization, tls, expected) in [
        (unsent, own, "true", true),
        (lost, own, "true", true),
        (unsent, own, "false", false),
        (unsent, "o-zzzzzzzzzz", "true", false),
        (other, own, "true", false),
    ] {
        let asked = ask("sns:Publish", &topic)
            .with("aws:SourceArn", &format!("arn:aws:cloudwatch:{alarm}"))
            .with("aws:SourceOrgID", organization)
            .with("aws:SecureTransport", tls);
        assert_eq!(
            policy.allows(&asked),
            expected,
            "{alarm} {organization} {tls}"
        );
    }
    assert!(policy.actions().all(|action| action == "sns:Publish"));
}

#[test]
fn the_topic_of_the_alarms_has_an_email_address_and_a_key_if_they_are_given() {
    let organization = ("Organization", "o-a1b2c3d4e5");
    let plain = Deployment::alarms(&[organization]);
    assert_eq!(plain.of_type("AWS::SNS::Subscription").len(), 0);
    assert!(plain.properties("Alarms").get("KmsMasterKeyId").is_none());

    let given = Deployment::alarms(&[
        organization,
        ("NotificationEmail", "ops@example.com"),
        ("TopicKeyAlias", "alias/topics"),
    ]);
    assert_eq!(
        given.properties("AlarmsByEmail")["Endpoint"],
        "ops@example.com"
    );
    assert_eq!(given.properties("Alarms")["KmsMasterKeyId"], "alias/topics");
}

/// Without it, the stacks of a StackSet would keep what they could not send and tell nobody.
#[test]
fn the_command_of_the_topology_gives_the_forwarding_the_topic_of_its_alarms() {
    let deployment = Deployment::alarms(&[("Organization", "o-a1b2c3d4e5")]);
    let name = text_of(&deployment.properties("Alarms")["TopicName"]);
    let topology = read("docs/topology.md");
    let command = topology
        .split("aws cloudformation create-stack-set ")
        .nth(1)
        .and_then(|rest| rest.split("aws cloudformation").next())
        .unwrap();

    for parameter in [
        format!("ParameterKey=AlarmTopicName,ParameterValue={name}"),
        "ParameterKey=AlarmTopicAccount,ParameterValue=111122223333".to_owned(),
    ] {
        assert!(command.contains(&parameter), "{parameter}");
    }
}

#[test]
fn the_guide_says_what_to_do_about_each_alarm_of_the_forwarding() {
    let guide = read("docs/operations.md");
    let section = guide
        .split("### Alarms of the forwarding\n")
        .nth(1)
        .unwrap();
    let section = section.split("\n## ").next().unwrap();

    for (name, alarm) in forwarding(&[]).of_type("AWS::CloudWatch::Alarm") {
        let suffix = text_of(&alarm["AlarmName"]).replacen("drover-", "", 1);
        assert!(section.contains(&format!("- `{suffix}`: ")), "{name}");
    }
}

/// A StackSet has the whole organization, the recovery account and Region among it.
#[test]
fn where_drover_is_nothing_is_sent() {
    let here = [("RecoveryAccount", ACCOUNT), ("RecoveryRegion", REGION)];
    let deployment = Deployment::forwarding(&here);
    assert_eq!(deployment.resources.keys().collect::<Vec<_>>(), [""; 0]);

    let other_region = [
        ("RecoveryAccount", ACCOUNT),
        ("RecoveryRegion", "eu-west-1"),
    ];
    assert!(!Deployment::forwarding(&other_region).resources.is_empty());
    let other_account = [
        ("RecoveryAccount", "999988887777"),
        ("RecoveryRegion", REGION),
    ];
    assert!(!Deployment::forwarding(&other_account).resources.is_empty());
}

#[test]
fn every_parameter_of_the_forwarding_reaches_its_place() {
    let given = [
        ("InstanceEvents", "DISABLED"),
        ("RequestEvents", "ENABLED"),
        ("FileSystemEvents", "ENABLED"),
        ("RequestBusName", "changes"),
        ("RolePath", "/drover/"),
        (
            "PermissionsBoundaryArn",
            "arn:aws:iam::111122223333:policy/boundary",
        ),
        ("QueueKeyAlias", "alias/queues"),
    ];
    let deployment = forwarding(&given);
    let role = deployment.properties("ForwardRole");
    let queue = deployment.properties("UnsentEvents");

    assert_eq!(
        deployment.properties("InstanceTerminated")["State"],
        "DISABLED"
    );
    assert_eq!(deployment.properties("Requested")["State"], "ENABLED");
    assert_eq!(
        deployment.properties("FileSystemTagged")["State"],
        "ENABLED"
    );
    assert_eq!(
        deployment.properties("Requested")["EventBusName"],
        "changes"
    );
    assert_eq!(role["Path"], "/drover/");
    assert_eq!(
        role["PermissionsBoundary"],
        "arn:aws:iam::111122223333:policy/boundary"
    );
    assert_eq!(queue["KmsMasterKeyId"], "alias/queues");
    assert!(queue.get("SqsManagedSseEnabled").is_none());
    // The metric of a rule on a bus of its own has the bus too.
    let metrics = &deployment.properties("LostEventsAlarm")["Metrics"];
    let expected = json!([{ "Name": "EventBusName", "Value": "changes" }, { "Name": "RuleName", "Value": "Requested" }]);
    assert_eq!(metrics[3]["MetricStat"]["Metric"]["Dimensions"], expected);
}

#[test]
fn a_stack_that_could_not_do_what_it_says_is_refused() {
    let refusals = |parameters: &[(&str, &str)]| Deployment::with(parameters).refusals();
    let cases = [
        ("efs", "InstanceTerminatedTrigger", "ENABLED"),
        ("efs", "ReplicationStalledTrigger", "ENABLED"),
        ("efs", "RecoveryEventsTrigger", "ENABLED"),
        ("efs", "AllowDelete", "true"),
        ("efs", "VerifyCleanup", "true"),
        ("drs", "FileSystemTaggedTrigger", "ENABLED"),
        (
            "drs",
            "ReplicationRoleArn",
            "arn:aws:iam::999999999999:role/r",
        ),
        ("drs", "ReplicaDefaults", r#"{"eu-west-1":{}}"#),
    ];

    for functions in ["all", "drs", "efs"] {
        assert_eq!(
            refusals(&[("Functions", functions)]),
            [""; 0],
            "{functions}"
        );
    }
    for (functions, parameter, value) in cases {
        let said = refusals(&[("Functions", functions), (parameter, value)]);
        assert_eq!(said.len(), 1, "{functions} {parameter}: {said:?}");
        assert!(said[0].starts_with(parameter), "{said:?}");
        assert_eq!(
            refusals(&[("Functions", "all"), (parameter, value)]),
            [""; 0]
        );
    }
}

#[test]
fn subnets_and_security_groups_go_together() {
    let refusals = |parameters: &[(&str, &str)]| Deployment::with(parameters).refusals();
    let subnets = ("VpcSubnetIds", "subnet-01");
    let groups = ("VpcSecurityGroupIds", "sg-01");

    assert_eq!(refusals(&[subnets, groups]), [""; 0]);
    for alone in [subnets, groups] {
        assert_eq!(refusals(&[alone]).len(), 1, "{alone:?}");
    }
}

#[test]
fn the_topology_names_everything_that_can_be_sent() {
    let switches =
        Deployment::declared_by_forwarding().filter(|(name, _)| name.ends_with("Events"));
    let expected: Vec<[String; 2]> = switches
        .map(|(name, declaration)| [name.to_owned(), text_of(&declaration["Default"])])
        .collect();

    assert_eq!(rows("docs/topology.md", "## Send"), expected);
}
