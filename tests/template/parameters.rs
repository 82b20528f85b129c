//! Parameters of the template, and what each of them does.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::Mode;
use template::{
    ACCOUNT, Deployment, REGION, TRIGGERS,
    facts::is_within,
    machine::{definition, objects},
    text_of, texts_of,
};

use crate::{
    functions::{CHANGING, FUNCTIONS, Function},
    iam::everything,
    tidy::list,
};

/// The properties of a function in a deployment.
fn properties<'a>(deployment: &'a Deployment, function: &Function) -> &'a Value {
    deployment.properties(deployment.function(function.name()))
}

fn environment<'a>(deployment: &'a Deployment, function: &Function) -> &'a Value {
    &properties(deployment, function)["Environment"]["Variables"]
}

#[test]
fn every_function_is_in_the_template_and_built_from_its_binary() {
    let deployment = Deployment::by_default();
    let resources = deployment.resources.values();

    let mut binaries = Vec::new();
    for function in resources.filter(|it| it["Type"] == "AWS::Serverless::Function") {
        let metadata = &function["Metadata"];
        assert_eq!(metadata["BuildMethod"], "rust-cargolambda");
        binaries.push(text_of(&metadata["BuildProperties"]["Binary"]));
    }
    binaries.sort();

    assert_eq!(
        binaries,
        list("functions"),
        "template.yaml needs an AWS::Serverless::Function for each folder of functions/"
    );
}

#[test]
fn the_tests_know_every_function() {
    let mut names = FUNCTIONS.map(Function::name).to_vec();
    names.sort_unstable();

    assert_eq!(
        names,
        list("functions"),
        "list each folder of functions/ in FUNCTIONS of tests/functions/mod.rs"
    );
}

#[test]
fn every_function_gets_its_variables_and_its_time() {
    let deployment = Deployment::by_default();

    for function in FUNCTIONS {
        let name = function.name();
        let timeout = &properties(&deployment, function)["Timeout"];
        assert_eq!(*timeout, function.timeout_seconds, "{name}");

        let environment = environment(&deployment, function).as_object().unwrap();
        let given: Vec<&str> = environment.keys().map(String::as_str).collect();
        // No function reads the number of its settings: a version is published for another one.
        let mut known = [function.under_test.variables, &["SETTINGS"]].concat();
        known.sort_unstable();
        assert_eq!(given, known, "{name}");
    }
}

/// Without a new version, the alias would stand for the settings of before.
#[test]
fn every_setting_of_a_function_makes_another_version_of_the_settings() {
    let text = |deployment: &Deployment| text_of(&deployment.properties("Settings")["Content"]);
    // What is no part of a version: it belongs to the function or to the alias.
    let without = |deployment: &Deployment, function: &Function| {
        let mut properties = properties(deployment, function).clone();
        let members = properties.as_object_mut().unwrap();
        for member in ["EventInvokeConfig", "ReservedConcurrentExecutions"] {
            members.remove(member);
        }
        properties
    };
    let vpc = [
        ("VpcSubnetIds", "subnet-0"),
        ("VpcSecurityGroupIds", "sg-0"),
    ];
    let before = Deployment::with(&vpc);
    let mut depending = BTreeSet::new();

    for (name, declaration) in Deployment::declared() {
        let value = match declaration.get("AllowedValues") {
            Some(allowed) => texts_of(allowed).pop().unwrap(),
            None if name == "RolePath" => "/7/".to_owned(),
            None => "7".to_owned(),
        };
        let default = text_of(&declaration["Default"]);
        if name == "Functions" || value == default {
            continue;
        }
        let mut given = vpc.to_vec();
        given.retain(|(known, _)| *known != name);
        given.push((name, &value));
        let after = Deployment::with(&given);
        let mut functions = FUNCTIONS.iter();
        let is_part = functions.any(|it| without(&before, it) != without(&after, it));
        assert_eq!(text(&before) != text(&after), is_part, "{name}");
        if is_part {
            depending.insert(name);
        }
    }

    assert!(depending.len() > 12, "{depending:?}");
    for function in FUNCTIONS {
        let properties = properties(&before, function);
        assert_eq!(properties["AutoPublishAlias"], "live");
        assert_eq!(properties["VersionDescription"], "settings Settings");
        assert_eq!(
            properties["Environment"]["Variables"]["SETTINGS"],
            "Settings"
        );
    }
}

#[test]
fn the_template_and_the_functions_have_the_same_defaults() {
    let deployment = Deployment::by_default();

    for function in FUNCTIONS {
        let environment = environment(&deployment, function);
        let variable = |name: &str| environment.get(name).map(text_of);
        let policy = function.under_test.policy;

        let deployed = policy(&variable).unwrap();
        assert_eq!(deployed, policy(&|_| None).unwrap());
        assert_eq!(deployed.mode, Mode::Plan, "{}", function.name());
    }
}

// Invariant 11.
#[test]
fn a_fresh_deployment_is_inert() {
    let mut triggers: Vec<&str> = Deployment::declared()
        .map(|(name, _)| name)
        .filter(|name| name.ends_with("Trigger"))
        .collect();
    triggers.sort_unstable();
    let mut known = TRIGGERS.map(|(name, _)| name);
    known.sort_unstable();
    assert_eq!(triggers, known);

    let deployment = Deployment::by_default();
    assert_eq!(deployment.parameters["Mode"], "plan");
    for trigger in triggers {
        assert_eq!(deployment.parameters[trigger], "DISABLED");
    }
    for kind in ["AWS::Lambda::EventSourceMapping", "AWS::SNS::Subscription"] {
        assert!(deployment.of_type(kind).is_empty(), "{kind}");
    }
}

#[test]
fn no_rule_of_a_fresh_deployment_invokes_a_function() {
    let deployment = Deployment::by_default();
    let functions =
        FUNCTIONS.map(|function| deployment.alias(deployment.function(function.name())));

    for (name, rule) in deployment.of_type("AWS::Events::Rule") {
        let mut targets = rule["Targets"].as_array().unwrap().iter();
        let invokes = targets.any(|target| functions.contains(&text_of(&target["Arn"])));
        assert!(!invokes || rule["State"] == "DISABLED", "{name}");
    }
}

/// Each parameter with a value of its own.
fn distinct_values() -> Deployment {
    Deployment::with(&[
        ("Mode", "enforce"),
        ("AllowDelete", "true"),
        ("MaxTargets", "11"),
        ("MaxSharePercent", "12"),
        ("RequireSilentMinutes", "16"),
        ("VerifyCleanup", "true"),
        ("SilentHours", "17"),
        ("LagMinutes", "18"),
        ("SyncHours", "19"),
        ("QuotaPercent", "20"),
        ("ServerHourRate", "0.21"),
        ("ReplicaRegions", "eu-west-1,eu-north-1"),
        (
            "ReplicaDefaults",
            r#"{"eu-west-1":{"kmsKeyId":"alias/dr"}}"#,
        ),
        ("NotificationEmail", "ops@example.com"),
        ("ReplicationObjectiveSeconds", "1234"),
        ("LogRetentionDays", "30"),
        ("Architecture", "x86_64"),
        ("ReservedConcurrency", "13"),
        ("FleetConcurrency", "14"),
        ("FleetToleratedFailurePercentage", "15"),
        ("EventBusName", "requests"),
        ("SourceAccounts", "444455556666"),
    ])
}

#[test]
fn every_parameter_of_a_function_reaches_it() {
    let deployment = distinct_values();

    for function in FUNCTIONS {
        let name = function.name();
        for (variable, value) in function.settings {
            let set = &environment(&deployment, function)[*variable];
            assert_eq!(set, value, "{name} {variable}");
        }

        let properties = properties(&deployment, function);
        assert_eq!(properties["Architectures"], json!(["x86_64"]), "{name}");
        assert_eq!(properties["ReservedConcurrentExecutions"], "13", "{name}");
        for end in ["OnSuccess", "OnFailure"] {
            let destination = &properties["EventInvokeConfig"]["DestinationConfig"][end];
            let bus = format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/requests");
            assert_eq!(destination["Type"], "EventBridge", "{name}");
            assert_eq!(destination["Destination"], bus, "{name}");
        }
    }
}

#[test]
fn a_reserved_concurrency_of_minus_one_reserves_nothing() {
    let deployment = Deployment::with(&[("ReservedConcurrency", "-1")]);

    for function in FUNCTIONS {
        let properties = properties(&deployment, function);
        assert!(properties.get("ReservedConcurrentExecutions").is_none());
    }
}

/// A log group cannot change its class, so a stack that was deployed without one must get none.
#[test]
fn the_log_group_of_the_machines_has_a_class_only_if_one_is_given() {
    let class = |deployment: &Deployment| {
        let group = deployment.properties("MachineLogs");
        group.get("LogGroupClass").map(text_of)
    };
    let given = Deployment::with(&[("MachineLogClass", "INFREQUENT_ACCESS")]);

    assert_eq!(class(&Deployment::by_default()), None);
    assert_eq!(class(&given).as_deref(), Some("INFREQUENT_ACCESS"));
}

#[test]
fn every_parameter_beside_the_functions_reaches_its_resource() {
    let deployment = distinct_values();
    let groups = deployment.of_type("AWS::Logs::LogGroup");
    assert_eq!(
        groups.len(),
        5,
        "one log group for each function and one for the machines: change the number here"
    );
    for (name, group) in groups {
        assert_eq!(group["RetentionInDays"], "30", "{name}");
    }

    let alarm = deployment.properties("ReplicationLagAlarm");
    assert_eq!(alarm["Threshold"], "1234");
    let email = deployment.properties("NotificationsByEmail");
    assert_eq!(email["Endpoint"], "ops@example.com");
}

#[test]
fn every_parameter_of_a_fleet_reaches_its_machine() {
    let deployment = distinct_values();

    for (name, machine) in deployment.of_type("AWS::Serverless::StateMachine") {
        let definition = definition(name, machine);
        let objects = objects(&definition);

        for map in objects.iter().filter(|state| state["Type"] == "Map") {
            assert_eq!(map["MaxConcurrency"], "{% 14 %}", "{name}");
            assert_eq!(map["ToleratedFailurePercentage"], "{% 15 %}", "{name}");
        }
        let buses: Vec<&Value> = objects
            .iter()
            .filter_map(|state| state.get("EventBusName"))
            .collect();
        // A notification goes to people, and not on the bus.
        let expected = if name == "Notify" { 0 } else { 2 };
        assert_eq!(buses, vec!["requests"; expected], "{name}");
    }
}

#[test]
fn only_events_of_aws_stay_on_the_default_bus() {
    let deployment = distinct_values();
    let mut rules = deployment.of_type("AWS::Events::Rule");
    rules.retain(|(_, rule)| rule.get("EventBusName") != Some(&json!("requests")));

    let on_default_bus: Vec<&str> = rules.into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        on_default_bus,
        [
            "FileSystemTagged",
            "InstanceTerminated",
            "MachineTimedOut",
            "NotifyMachineFailure",
            "NotifyRecoveryEvent",
            "ServerAuditStall"
        ]
    );
}

/// The names of everything that is switched on: enabled rules and schedules, subscriptions and
/// mappings.
fn switched_on(parameters: &[(&str, &str)]) -> BTreeSet<String> {
    let deployment = Deployment::with(parameters);
    let mut rules = deployment.of_type("AWS::Events::Rule");
    rules.extend(deployment.of_type("AWS::Scheduler::Schedule"));
    rules.retain(|(_, rule)| rule["State"] == "ENABLED");

    let subscriptions = deployment.of_type("AWS::SNS::Subscription");
    let mappings = deployment.of_type("AWS::Lambda::EventSourceMapping");
    [rules, subscriptions, mappings]
        .concat()
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn a_trigger_switches_on_what_it_names_and_nothing_else() {
    let triggers = [
        (
            "EventTrigger",
            vec![
                "DecommissionRequested",
                "FileSystemAuditRequested",
                "ReplicationRequested",
                "ServerAuditRequested",
            ],
        ),
        (
            "TopicTrigger",
            vec![
                "DecommissionSubscription",
                "ReplicationSubscription",
                "UnknownSubscription",
            ],
        ),
        (
            "QueueTrigger",
            vec!["DecommissionQueueMapping", "ReplicationQueueMapping"],
        ),
        ("InstanceTerminatedTrigger", vec!["InstanceTerminated"]),
        ("FileSystemTaggedTrigger", vec!["FileSystemTagged"]),
        ("ReplicationStalledTrigger", vec!["ServerAuditStall"]),
        (
            "AuditTrigger",
            vec!["FileSystemAuditSchedule", "ServerAuditSchedule"],
        ),
        ("RecoveryEventsTrigger", vec!["NotifyRecoveryEvent"]),
    ];

    let always = switched_on(&[]);
    for (trigger, expected) in triggers {
        let on = switched_on(&[(trigger, "ENABLED")]);
        let more: Vec<&String> = on.difference(&always).collect();
        assert_eq!(
            more, expected,
            "{trigger} switches on the parts on the left: list those of a new function here"
        );
    }
}

/// A stack with this function alone, or with all.
fn stack_with(functions: &str) -> Deployment {
    let more = [
        ("Functions", functions),
        ("Mode", "enforce"),
        ("AllowDelete", "true"),
        ("EventBusName", "requests"),
    ];

    Deployment::with(&[&TRIGGERS[..], &more].concat())
}

/// A reference to a resource that does not exist fails to resolve, so nothing refers to the others.
#[test]
fn a_stack_may_have_one_function_alone() {
    for function in CHANGING {
        let name = function.name();
        let deployment = stack_with(function.under_test.stack());
        let functions = deployment.of_type("AWS::Serverless::Function");
        let mut expected: Vec<&str> = function
            .stack()
            .map(|own| deployment.function(own.name()))
            .collect();
        expected.sort_unstable();
        let resources = functions.iter().map(|(resource, _)| *resource);
        assert!(resources.eq(expected), "{name} is not alone");

        for kind in [
            "AWS::Serverless::StateMachine",
            "AWS::SNS::Subscription",
            "AWS::Lambda::EventSourceMapping",
        ] {
            let of_type = deployment.of_type(kind);
            assert!(!of_type.is_empty(), "{name} has its {kind}");
        }
        for (permission, properties) in deployment.of_type("AWS::Lambda::Permission") {
            let permitted = text_of(&properties["FunctionName"]);
            let mut own = function.stack();
            assert!(
                own.any(|own| permitted == deployment.alias(deployment.function(own.name()))),
                "{permission}"
            );
        }
    }
}

#[test]
fn a_stack_with_one_function_handles_no_result_of_another() {
    for function in CHANGING {
        let deployment = stack_with(function.under_test.stack());
        for (rule, properties) in deployment.of_type("AWS::Events::Rule") {
            let rule_text = properties.to_string();
            for other in function.others() {
                let arn = format!("function:drover-{}", other.name());
                assert!(!rule_text.contains(&arn), "{rule}");
            }
        }
    }
}

#[test]
fn stacks_with_one_function_each_have_everything_between_them() {
    let all = stack_with("all");
    let stacks = CHANGING.map(|function| (function, stack_with(function.under_test.stack())));

    for name in all.resources.keys() {
        let having: Vec<&Function> = stacks
            .iter()
            .filter(|(_, stack)| stack.resources.contains_key(name))
            .map(|(function, _)| *function)
            .collect();
        assert!(!having.is_empty(), "{name}");

        // What several stacks have belongs to no function.
        if having.len() > 1 {
            let words = FUNCTIONS.map(|function| function.parts.words).concat();
            let owned = words.iter().any(|word| name.contains(word));
            assert!(!owned, "{name}");
        }
    }
}

/// With a stack's name of 38 characters in place of `drover`.
#[test]
fn names_fit_with_the_longest_name_of_a_stack() {
    let deployment = everything();
    let limits = [
        (
            "AWS::Serverless::Function",
            "FunctionName",
            "a function's name, in characters",
        ),
        ("AWS::Events::Rule", "Name", "a rule's name, in characters"),
        (
            "AWS::Serverless::StateMachine",
            "Name",
            "a state machine's name, in characters",
        ),
    ];

    for (kind, member, limit) in limits {
        for (name, properties) in deployment.of_type(kind) {
            let length = text_of(&properties[member]).len() - "drover".len() + 38;
            assert!(is_within(length as u64, limit), "{name}: {length}");
        }
    }
}

#[test]
fn the_dashboard_is_in_the_console_of_the_partition() {
    for (partition, console) in [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ] {
        let deployment = Deployment::with(&[("AWS::Partition", partition)]);
        let url = format!("https://{console}/cloudwatch/home?region={REGION}#dashboards/");
        assert!(deployment.outputs()["DashboardUrl"].starts_with(&url));

        let machine = deployment.properties("Notify");
        let told = text_of(&machine["DefinitionSubstitutions"]["DashboardUrl"]);
        assert!(told.starts_with(&url), "{told}");
    }
}

#[test]
fn every_output_names_what_it_says() {
    let deployment = everything();
    let url = |queue: &str| {
        let arn = deployment.arn(queue);
        let name = arn.rsplit(':').next().unwrap();
        format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
    };

    let expected = [
        (
            "AuditSourceServersName",
            "drover-audit-source-servers".to_owned(),
        ),
        (
            "AuditFileSystemsName",
            "drover-audit-file-systems".to_owned(),
        ),
        ("FileSystemAuditLogGroup", "FileSystemAuditLogs".to_owned()),
        ("ServerAuditLogGroup", "ServerAuditLogs".to_owned()),
        (
            "BootstrapEfsReplicationName",
            "drover-bootstrap-efs-replication".to_owned(),
        ),
        ("BootstrapLogGroup", "BootstrapLogs".to_owned()),
        (
            "DashboardUrl",
            format!(
                "https://console.aws.amazon.com/cloudwatch/home?region={REGION}#dashboards/dashboard/drover-{REGION}"
            ),
        ),
        ("DecommissionQueueUrl", url("DecommissionQueue")),
        ("DisconnectLogGroup", "DisconnectLogs".to_owned()),
        (
            "DisconnectSourceServerName",
            "drover-disconnect-source-server".to_owned(),
        ),
        ("FailedRequestsUrl", url("FailedRequests")),
        ("FleetArn", deployment.arn("Fleet")),
        ("FleetsBucketName", "Fleets".to_owned()),
        ("FollowUpArn", deployment.arn("FollowUp")),
        ("Mode", "enforce".to_owned()),
        ("NotificationsTopicArn", deployment.arn("Notifications")),
        ("ReplicationQueueUrl", url("ReplicationQueue")),
        ("RequestsTopicArn", deployment.arn("Requests")),
        ("UndeliveredEventsUrl", url("UndeliveredEvents")),
        ("UnfinishedMessagesUrl", url("UnfinishedMessages")),
    ];
    assert_eq!(deployment.outputs(), expected.into());
}

/// Each parameter with a pattern: what it takes, and what it refuses.
const FORMS: [(&str, &[&str], &[&str]); 14] = [
    (
        "RolePath",
        &["/", "/drover/", "/a/b/"],
        &["", "drover", "/drover", "drover/", "/a b/"],
    ),
    (
        "PermissionsBoundaryArn",
        &[
            "",
            "arn:aws:iam::111122223333:policy/boundary",
            "arn:aws:iam::aws:policy/PowerUserAccess",
        ],
        &["boundary", "arn:aws:iam::111122223333:role/r"],
    ),
    (
        "KmsKeyArn",
        &["", "arn:aws:kms:us-east-1:111122223333:key/1"],
        &["alias/a", "1", "arn:aws:kms:us-east-1:111122223333:alias/a"],
    ),
    (
        "VpcSubnetIds",
        &["", "subnet-0a1b2c3d", "subnet-0a1b2c3d,subnet-0a1b2c3e"],
        &["subnet-", "sg-0a1b2c3d", "subnet-0a1b2c3d, subnet-0a1b2c3e"],
    ),
    (
        "VpcSecurityGroupIds",
        &["", "sg-0a1b2c3d", "sg-0a1b2c3d,sg-0a1b2c3e"],
        &["sg-", "subnet-0a1b2c3d", "sg-0a1b2c3d;sg-0a1b2c3e"],
    ),
    (
        "SourceOrganization",
        &["", "o-a1b2c3d4e5"],
        &["a1b2c3d4e5", "o-A1B2C3D4E5", "o-short", "r-a1b2", "*"],
    ),
    (
        "SourceAccounts",
        &["", "111122223333", "111122223333,444455556666"],
        &[
            "1111",
            "111122223333,",
            "111122223333, 444455556666",
            "*",
            "o-a1b2c3d4e5",
        ],
    ),
    (
        "ReplicaRegions",
        &["*", "eu-west-1", "us-gov-west-1", "ap-southeast-2"],
        &[
            "",
            "eu-west",
            "EU-WEST-1",
            "eu-west-1,eu-north-1",
            "eu-west-1a",
            "x eu-west-1",
        ],
    ),
    (
        "ReplicaDefaults",
        &["{}", r#"{"eu-west-1":{"kmsKeyId":"alias/dr"}}"#],
        &[
            "",
            "[]",
            "{",
            "eu-west-1",
            "{} and more",
            // As a tool hands it on that took the quotes for its own.
            "{eu-west-1:{}}",
            "{'eu-west-1':{}}",
        ],
    ),
    (
        "ReplicationRoleArn",
        &[
            "",
            "arn:aws:iam::111122223333:role/path/replication",
            "arn:aws-us-gov:iam::111122223333:role/r",
            "arn:aws-cn:iam::111122223333:role/r",
        ],
        &[
            "*",
            "replication",
            "arn:aws:iam::1111:role/r",
            "arn:aws:iam::111122223333:user/u",
            "arn:aws:iam::111122223333:role/",
        ],
    ),
    (
        "EventBusName",
        &["default", "requests", "my.bus_1-x"],
        &[
            "",
            "a bus",
            "arn:aws:events:us-east-1:111122223333:event-bus/x",
        ],
    ),
    (
        "AuditSchedule",
        &["cron(0 6 * * ? *)", "rate(1 day)"],
        &["", "daily", "cron()", "at(2026-11-29T06:00:00)"],
    ),
    (
        "ServerHourRate",
        &["0", "0.028", "999.999999"],
        &["", "-1", "0,028", "1e3", "1000", "0.0280000"],
    ),
    (
        "NotificationEmail",
        &["", "ops@example.com"],
        &["ops", "ops@", "@example.com", "a b@example.com", "a@b@c"],
    ),
];

#[test]
fn a_parameter_takes_what_it_is_for_and_refuses_the_rest() {
    let mut patterns = 0;
    for (name, declaration) in Deployment::declared() {
        let Some(pattern) = declaration.get("AllowedPattern") else {
            continue;
        };
        patterns += 1;
        let pattern = regex::bytes::Regex::new(&format!("(?-u){}", text_of(pattern))).unwrap();
        let (_, taken, refused) = FORMS.iter().find(|(it, ..)| *it == name).unwrap();
        for value in *taken {
            assert!(pattern.is_match(value.as_bytes()), "{name} refuses {value}");
        }
        for value in *refused {
            assert!(!pattern.is_match(value.as_bytes()), "{name} takes {value}");
        }
    }
    assert_eq!(patterns, FORMS.len());
}
