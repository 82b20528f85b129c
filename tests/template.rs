//! That the parts of the template agree with one another, with the functions, and with the
//! documents.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::{Mode, Outcome, code};
use template::{
    ACCOUNT, Deployment, REGION, Role, TRIGGERS, arn_of_role,
    facts::{self, FACTS},
    text_of, texts_of,
};

use crate::{
    iam::{BOOTSTRAP, DISCONNECT, ask, everything},
    tidy::{list, read, rows},
};

#[test]
fn every_function_is_in_the_template_and_built_from_its_binary() {
    let deployment = Deployment::by_default();
    let functions = deployment
        .resources
        .values()
        .filter(|of| of["Type"] == "AWS::Serverless::Function");
    let mut binaries: Vec<String> = functions
        .map(|function| {
            assert_eq!(function["Metadata"]["BuildMethod"], "rust-cargolambda");
            text_of(&function["Metadata"]["BuildProperties"]["Binary"])
        })
        .collect();
    binaries.sort();
    assert_eq!(binaries, list("functions"));
}

#[test]
fn every_function_gets_its_variables_and_time_and_changes_nothing_by_default() {
    let deployment = Deployment::by_default();
    let variables = |function: &str, timeout: u64, names: &[&str]| {
        let properties = deployment.properties(deployment.function(function));
        assert_eq!(properties["Timeout"], timeout, "{function}");
        let variables = properties["Environment"]["Variables"]
            .as_object()
            .unwrap()
            .clone();
        let (mut known, given) = (names.to_vec(), variables.keys().collect::<Vec<_>>());
        known.sort_unstable();
        assert_eq!(given, known, "{function}");
        move |name: &str| variables.get(name).map(text_of)
    };
    let disconnect = variables(
        DISCONNECT,
        300,
        &disconnect_source_server::Policy::VARIABLES,
    );
    let policy = disconnect_source_server::Policy::from_lookup(disconnect).unwrap();
    assert_eq!(
        policy,
        disconnect_source_server::Policy::from_lookup(|_| None).unwrap()
    );
    assert_eq!(policy.guardrails.mode, Mode::Plan);
    let bootstrap = variables(
        BOOTSTRAP,
        600,
        &bootstrap_efs_replication::Policy::VARIABLES,
    );
    let policy = bootstrap_efs_replication::Policy::from_lookup(bootstrap).unwrap();
    assert_eq!(
        policy,
        bootstrap_efs_replication::Policy::from_lookup(|_| None).unwrap()
    );
    assert_eq!(policy.guardrails.mode, Mode::Plan);
}

#[test]
fn every_parameter_is_in_the_readme_with_its_default() {
    let parameters = Deployment::declared().map(|(name, declaration)| {
        let default = text_of(&declaration["Default"]);
        [
            name.to_owned(),
            if default.is_empty() {
                "empty".to_owned()
            } else {
                default
            },
        ]
    });
    assert_eq!(
        rows("README.md", "### Parameters"),
        parameters.collect::<Vec<_>>()
    );
}

#[test]
fn nothing_is_listened_to_or_changed_by_default() {
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
    let functions =
        [DISCONNECT, BOOTSTRAP].map(|function| deployment.arn(deployment.function(function)));
    for (name, rule) in deployment.of_type("AWS::Events::Rule") {
        let mut targets = rule["Targets"].as_array().unwrap().iter();
        let invokes = targets.any(|target| functions.contains(&text_of(&target["Arn"])));
        assert!(!invokes || rule["State"] == "DISABLED", "{name}");
    }
    assert!(
        deployment
            .of_type("AWS::Lambda::EventSourceMapping")
            .is_empty()
    );
    assert!(deployment.of_type("AWS::SNS::Subscription").is_empty());
}

#[test]
fn what_a_rule_cannot_deliver_is_kept_and_what_it_delivers_to_lets_it() {
    let on_another_bus =
        Deployment::with(&[&TRIGGERS[..], &[("EventBusName", "requests")]].concat());
    for deployment in [everything(), on_another_bus] {
        for (name, rule) in deployment.of_type("AWS::Events::Rule") {
            for target in rule["Targets"].as_array().unwrap() {
                assert!(
                    target["RetryPolicy"].is_object(),
                    "{name} tries as often as it likes"
                );
                for receiver in [&target["DeadLetterConfig"]["Arn"], &target["Arn"]] {
                    let receiver = text_of(receiver);
                    let admitted = admits_alone(
                        &deployment,
                        "events.amazonaws.com",
                        &deployment.arn(name),
                        &receiver,
                    );
                    assert!(admitted, "{receiver}: {name}");
                }
            }
        }
        for (name, of) in deployment.of_type("AWS::SNS::Subscription") {
            // What goes to dead letters by itself needs no other place.
            let kept = of
                .get("RedrivePolicy")
                .map_or(&of["Endpoint"], |policy| &policy["deadLetterTargetArn"]);
            assert!(text_of(kept).contains(":sqs:"), "{name} keeps nothing");
            for receiver in [kept, &of["Endpoint"]] {
                let (topic, receiver) = (text_of(&of["TopicArn"]), text_of(receiver));
                assert!(
                    admits_alone(&deployment, "sns.amazonaws.com", &topic, &receiver),
                    "{receiver}: {name}"
                );
            }
        }
        for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
            for topic in texts_of(&alarm["AlarmActions"]) {
                let arn = deployment.arn(name);
                assert!(
                    admits(&deployment, "cloudwatch.amazonaws.com", &arn, &topic),
                    "{topic}: {name}"
                );
            }
        }
    }
}

/// Whether a service may send on behalf of a resource, and, where it says whose behalf, not of its
/// like in another account or of one named alike.
fn admits_alone(deployment: &Deployment, service: &str, source: &str, receiver: &str) -> bool {
    let admits = |source: &str| admits(deployment, service, source, receiver);
    let theirs = source.replace(ACCOUNT, "999999999999");
    // The role of a target that is a state machine says it.
    let says_whose = !receiver.contains(":states:")
        && !facts::keys_of_service(service, kind(receiver)).is_empty();
    admits(source) && !(says_whose && (admits(&theirs) || admits(&format!("{source}x"))))
}

/// The service of an ARN.
fn kind(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap()
}

/// Whether a function, a queue or a topic lets a service send to it on behalf of a resource. The
/// service hands to its policy what AWS documents, and nothing else.
fn admits(deployment: &Deployment, service: &str, source: &str, receiver: &str) -> bool {
    // The role of the target says it.
    kind(receiver) == "states"
        || admits_with(
            deployment,
            service,
            source,
            receiver,
            &facts::keys_of_service(service, kind(receiver)),
        )
}

/// The same where the service hands over these keys.
fn admits_with(
    deployment: &Deployment,
    service: &str,
    source: &str,
    receiver: &str,
    keys: &[String],
) -> bool {
    let action = match kind(receiver) {
        "lambda" => return is_invoked_by(deployment, service, source, receiver, keys),
        "sqs" => "sqs:SendMessage",
        "sns" => "sns:Publish",
        other => panic!("{other} is not known here"),
    };
    let policies = ["AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"]
        .map(|kind| deployment.of_type(kind))
        .concat();
    let statements = policies
        .iter()
        .flat_map(|(_, policy)| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let of_service = statements.filter(|statement| {
        texts_of(
            statement["Principal"]
                .get("Service")
                .unwrap_or(&Value::Null),
        )
        .iter()
        .any(|of| of == service)
    });
    let role = Role::read(&json!({ "Statement": of_service.collect::<Vec<_>>() }));
    role.allows(
        &keys
            .iter()
            .fold(ask(action, receiver), |ask, key| match key.as_str() {
                "aws:SourceArn" => ask.with(key, source),
                other => panic!("{other} is not known here"),
            }),
    )
}

fn is_invoked_by(
    deployment: &Deployment,
    service: &str,
    source: &str,
    function: &str,
    keys: &[String],
) -> bool {
    let permissions = deployment.of_type("AWS::Lambda::Permission");
    permissions.iter().any(|(_, permission)| {
        // Each of these members is a condition, which holds only if the service hands the key to
        // the policy.
        let members = permission
            .as_object()
            .unwrap()
            .keys()
            .filter_map(|member| member.strip_prefix("Source"));
        members
            .map(|member| format!("aws:Source{member}"))
            .all(|key| keys.contains(&key))
            && permission["Principal"] == service
            && permission["SourceArn"] == source
            && function.ends_with(&format!(":{}", text_of(&permission["FunctionName"])))
    })
}

/// A policy that does without a key that its service hands over lets in more than it must.
#[test]
fn taking_one_documented_key_away_closes_every_way_that_needs_it() {
    let deployment = everything();
    let mut ways = Vec::new();
    for (name, rule) in deployment.of_type("AWS::Events::Rule") {
        for target in rule["Targets"].as_array().unwrap() {
            ways.push((
                "events.amazonaws.com",
                deployment.arn(name),
                text_of(&target["Arn"]),
            ));
            ways.push((
                "events.amazonaws.com",
                deployment.arn(name),
                text_of(&target["DeadLetterConfig"]["Arn"]),
            ));
        }
    }
    for (_, of) in deployment
        .of_type("AWS::SNS::Subscription")
        .iter()
        .filter(|(_, of)| of["Protocol"] != "email")
    {
        ways.push((
            "sns.amazonaws.com",
            text_of(&of["TopicArn"]),
            text_of(&of["Endpoint"]),
        ));
    }
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        ways.push((
            "cloudwatch.amazonaws.com",
            deployment.arn(name),
            text_of(&alarm["AlarmActions"][0]),
        ));
    }
    let mut taken = 0;
    for (service, source, receiver) in ways
        .iter()
        .filter(|(_, _, receiver)| kind(receiver) != "states")
    {
        let keys = facts::keys_of_service(service, kind(receiver));
        assert!(
            admits_with(&deployment, service, source, receiver, &keys),
            "{source} to {receiver}"
        );
        for key in &keys {
            taken += 1;
            let fewer: Vec<String> = keys.iter().filter(|other| *other != key).cloned().collect();
            assert!(
                !admits_with(&deployment, service, source, receiver, &fewer),
                "{source} to {receiver} without {key}"
            );
        }
    }
    assert!(taken > 30, "{taken}");
}

/// Every statement of a policy of a resource, and of the trust of a role, that is about a service:
/// where it stands, the service, the receiver as the facts name it, and the statement.
fn statements_for_services(deployment: &Deployment) -> Vec<(String, String, &'static str, Value)> {
    let mut found = Vec::new();
    for (kind, member, receiver) in [
        ("AWS::SQS::QueuePolicy", "PolicyDocument", "sqs"),
        ("AWS::SNS::TopicPolicy", "PolicyDocument", "sns"),
        ("AWS::S3::BucketPolicy", "PolicyDocument", "s3"),
        ("AWS::KMS::Key", "KeyPolicy", "kms"),
        ("AWS::IAM::Role", "AssumeRolePolicyDocument", "sts"),
    ] {
        for (name, policy) in deployment.of_type(kind) {
            for statement in policy[member]["Statement"].as_array().unwrap() {
                let services = texts_of(
                    statement["Principal"]
                        .get("Service")
                        .unwrap_or(&Value::Null),
                );
                found.extend(
                    services
                        .into_iter()
                        .map(|of| (name.to_owned(), of, receiver, statement.clone())),
                );
            }
        }
    }
    found
}

/// What AWS does not hand to a policy makes it deny, without a word to anybody.
#[test]
fn a_service_is_asked_for_no_key_but_those_that_aws_documents() {
    let deployment = everything();
    let statements = statements_for_services(&deployment);
    assert!(statements.len() > 12, "{}", statements.len());
    for (name, service, receiver, statement) in statements {
        let known = facts::keys_of_service(&service, receiver);
        let operators = statement
            .get("Condition")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for key in operators.flat_map(|(_, keys)| keys.as_object().unwrap().keys()) {
            assert!(
                known.contains(key),
                "{name} asks {service} for {key}: {statement}"
            );
        }
    }
    for (name, permission) in deployment.of_type("AWS::Lambda::Permission") {
        let mut members: Vec<&String> = permission.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(
            members,
            ["Action", "FunctionName", "Principal", "SourceArn"],
            "{name}"
        );
        let keys = facts::keys_of_service(permission["Principal"].as_str().unwrap(), "lambda");
        assert_eq!(keys, ["aws:SourceArn"], "{name}");
    }
}

#[test]
fn a_role_is_asked_for_no_key_but_those_that_aws_documents() {
    let mut seen = 0;
    for (name, role) in everything().of_type("AWS::IAM::Role") {
        for policy in role["Policies"].as_array().unwrap() {
            for statement in Role::read(&policy["PolicyDocument"]).0 {
                for condition in &statement.conditions {
                    for action in &statement.actions {
                        seen += 1;
                        let key = &condition.key;
                        assert!(
                            facts::has_key(action, key),
                            "{name}: no {key} is known of {action}"
                        );
                    }
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn every_fact_has_its_source() {
    for section in ["services", "actions", "limits", "metrics"] {
        for fact in FACTS[section].as_array().unwrap() {
            assert!(
                fact["source"]
                    .as_str()
                    .is_some_and(|source| source.starts_with("https://")),
                "{fact}"
            );
        }
    }
}

/// Where a service says on whose behalf it sends, that is one resource of this account.
#[test]
fn no_service_may_do_anything_for_another_account() {
    let deployment = everything();
    for (name, permission) in deployment.of_type("AWS::Lambda::Permission") {
        assert!(
            text_of(&permission["SourceArn"]).contains(&format!(":{ACCOUNT}:")),
            "{name}"
        );
    }
    let mut seen = 0;
    for (name, service, receiver, statement) in statements_for_services(&deployment) {
        if facts::keys_of_service(&service, receiver).is_empty() {
            continue;
        }
        seen += 1;
        let condition = &statement["Condition"];
        let sources = ["ArnEquals", "ArnLike"]
            .iter()
            .find_map(|operator| condition[*operator].get("aws:SourceArn"));
        let sources =
            texts_of(sources.unwrap_or_else(|| panic!("{name} bounds no source: {statement}")));
        assert!(
            sources
                .iter()
                .all(|of| of.contains(&format!(":{ACCOUNT}:"))),
            "{name}: {statement}"
        );
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn what_is_kept_is_encrypted() {
    let deployment = everything();
    for (name, queue) in deployment.of_type("AWS::SQS::Queue") {
        assert!(
            queue["SqsManagedSseEnabled"] == true || queue["KmsMasterKeyId"].is_string(),
            "{name}"
        );
    }
    for (name, topic) in deployment.of_type("AWS::SNS::Topic") {
        assert!(topic["KmsMasterKeyId"].is_string(), "{name}");
    }
    for (name, bucket) in deployment.of_type("AWS::S3::Bucket") {
        let rules = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"].as_array();
        assert!(rules.is_some_and(|rules| !rules.is_empty()), "{name}");
    }
}

/// The definition of a state machine with its substitutions made.
fn definition(name: &str, machine: &Value) -> Value {
    let mut text = read(text_of(&machine["DefinitionUri"]));
    for (variable, value) in machine["DefinitionSubstitutions"].as_object().unwrap() {
        let variable = format!("${{{variable}}}");
        assert!(text.contains(&variable), "{name} does not use {variable}");
        text = text.replace(&variable, &text_of(value));
    }
    assert!(
        !text.contains("${"),
        "{name}: {}",
        text.split("${").nth(1).unwrap().split('}').next().unwrap()
    );
    serde_json::from_str(&text).unwrap()
}

/// Every object in a value, itself included.
fn objects(value: &Value) -> Vec<&Value> {
    let inner: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => return Vec::new(),
    };
    std::iter::once(value)
        .filter(|value| value.is_object())
        .chain(inner.into_iter().flat_map(objects))
        .collect()
}

/// What a state needs that calls a service: an action and a resource.
fn needed(state: &Value) -> (&'static str, String) {
    let arguments = &state["Arguments"];
    let object = |key: &str| format!("arn:aws:s3:::{}/{key}", text_of(&arguments["Bucket"]));
    match state["Resource"].as_str().unwrap() {
        "arn:aws:states:::lambda:invoke" => {
            ("lambda:InvokeFunction", text_of(&arguments["FunctionName"]))
        }
        "arn:aws:states:::states:startExecution" => (
            "states:StartExecution",
            text_of(&arguments["StateMachineArn"]),
        ),
        "arn:aws:states:::events:putEvents" => {
            let bus = text_of(&arguments["Entries"][0]["EventBusName"]);
            (
                "events:PutEvents",
                format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{bus}"),
            )
        }
        "arn:aws:states:::s3:getObject" => ("s3:GetObject", object("lists/any.json")),
        "arn:aws:states:::s3:putObject" => (
            "s3:PutObject",
            object(&format!(
                "{}/any/SUCCEEDED_0.json",
                text_of(&arguments["Prefix"])
            )),
        ),
        other => panic!("{other} is not known here"),
    }
}

#[test]
fn every_state_machine_is_whole_and_its_role_may_do_what_it_does() {
    let deployment = everything();
    let machines = deployment.of_type("AWS::Serverless::StateMachine");
    assert!(machines.len() >= 4);
    for (name, machine) in machines {
        let definition = definition(name, machine);
        let role = Role::by_arn(&text_of(&machine["Role"]), &deployment, &[]);
        let mut needs: Vec<(&str, String)> = objects(&definition)
            .into_iter()
            .filter(|state| state.get("Resource").is_some())
            .map(needed)
            .collect();
        assert!(needs.len() >= 3, "{name}: {needs:?}");
        if objects(&definition)
            .iter()
            .any(|of| of["ProcessorConfig"]["Mode"] == "DISTRIBUTED")
        {
            needs.push(("states:StartExecution", deployment.arn(name)));
        }
        for (action, resource) in needs {
            assert!(
                role.allows(&ask(action, &resource)),
                "{name} may not {action} on {resource}"
            );
        }
    }
}

#[test]
fn the_starter_of_follow_ups_may_start_what_its_rules_start() {
    let deployment = everything();
    let rules = deployment.of_type("AWS::Events::Rule");
    let targets = rules
        .iter()
        .flat_map(|(_, rule)| rule["Targets"].as_array().unwrap());
    let started: Vec<&Value> = targets
        .filter(|target| target.get("RoleArn").is_some())
        .collect();
    assert_eq!(started.len(), 2);
    for target in started {
        let role = Role::by_arn(&text_of(&target["RoleArn"]), &deployment, &[]);
        assert!(
            role.allows(&ask("states:StartExecution", &text_of(&target["Arn"]))),
            "{target}"
        );
    }
}

#[test]
fn a_queue_waits_for_its_function_and_its_function_may_take_from_it() {
    let deployment = everything();
    let mappings = deployment.of_type("AWS::Lambda::EventSourceMapping");
    assert_eq!(mappings.len(), 2);
    for (name, mapping) in mappings {
        let queue = text_of(&mapping["EventSourceArn"]);
        let queues = deployment.of_type("AWS::SQS::Queue").into_iter();
        let [(_, properties)] = queues
            .filter(|(name, _)| deployment.arn(name) == queue)
            .collect::<Vec<_>>()[..]
        else {
            panic!("{name} reads no queue of the template")
        };
        let function = text_of(&mapping["FunctionName"]);
        let of = [DISCONNECT, BOOTSTRAP]
            .into_iter()
            .find(|of| function.ends_with(of))
            .unwrap();
        let timeout = deployment.properties(deployment.function(of))["Timeout"]
            .as_u64()
            .unwrap();
        let hidden = properties["VisibilityTimeout"].as_u64().unwrap();
        let in_timeouts =
            "the visibility timeout of a queue that a function reads, in timeouts of the function";
        assert!(facts::is_within(hidden / timeout, in_timeouts), "{name}");
        assert!(
            facts::is_within(hidden, "the visibility timeout of a queue, in seconds"),
            "{name}"
        );
        assert_eq!(
            mapping["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"]),
            "{name}"
        );
        let role = Role::by_arn(&arn_of_role(of, &deployment), &deployment, &[]);
        for action in [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
        ] {
            assert!(
                role.allows(&ask(action, &queue)),
                "{of} may not {action} on {queue}"
            );
        }
    }
}

#[test]
fn a_role_has_no_rights_but_those_that_are_looked_at_here() {
    for (name, role) in everything().of_type("AWS::IAM::Role") {
        for elsewhere in ["ManagedPolicyArns", "PermissionsBoundary"] {
            assert!(role.get(elsewhere).is_none(), "{name}");
        }
    }
    for kind in [
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::RolePolicy",
    ] {
        assert!(everything().of_type(kind).is_empty(), "{kind}");
    }
}

/// A metric that nothing writes raises no alarm.
#[test]
fn alarms_watch_outcomes_that_there_are() {
    let deployment = everything();
    for (name, filter) in deployment.of_type("AWS::Logs::MetricFilter") {
        assert_eq!(
            filter["FilterPattern"], "{ $.fields.outcome = \"*\" }",
            "{name}"
        );
        let metric = &filter["MetricTransformations"][0];
        assert_eq!(
            metric["Dimensions"],
            json!([{ "Key": "Outcome", "Value": "$.fields.outcome" }]),
            "{name}"
        );
    }
    let written = deployment
        .of_type("AWS::Logs::MetricFilter")
        .into_iter()
        .map(|(_, filter)| {
            let metric = &filter["MetricTransformations"][0];
            (
                text_of(&metric["MetricNamespace"]),
                text_of(&metric["MetricName"]),
            )
        });
    let written: Vec<_> = written.collect();
    let outcomes: Vec<String> = Outcome::ALL.iter().map(code).collect();
    let mut watched = Vec::new();
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        for query in alarm["Metrics"].as_array().into_iter().flatten() {
            let metric = &query["MetricStat"]["Metric"];
            for dimension in metric["Dimensions"].as_array().into_iter().flatten() {
                if dimension["Name"] == "Outcome" {
                    let outcome = text_of(&dimension["Value"]);
                    assert!(outcomes.contains(&outcome), "{name}: {outcome}");
                    let metric = (
                        text_of(&metric["Namespace"]),
                        text_of(&metric["MetricName"]),
                    );
                    assert!(written.contains(&metric), "{name}: {metric:?}");
                    watched.push(outcome);
                }
            }
        }
    }
    watched.sort();
    watched.dedup();
    assert_eq!(
        watched,
        ["failed", "indeterminate", "permanent", "rejected"],
        "what needs a human"
    );
}

/// The metrics of an alarm: namespace, name and dimensions of each.
fn metrics_of(alarm: &Value) -> Vec<&Value> {
    let queries = alarm["Metrics"].as_array().unwrap().iter();
    queries
        .filter_map(|query| query.get("MetricStat"))
        .map(|of| &of["Metric"])
        .collect()
}

/// An alarm on a metric that nothing writes never rings.
#[test]
fn alarms_watch_metrics_that_aws_documents() {
    let on_another_bus =
        Deployment::with(&[&TRIGGERS[..], &[("EventBusName", "requests")]].concat());
    for deployment in [everything(), on_another_bus] {
        let mut seen = 0;
        for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
            for metric in metrics_of(alarm) {
                let mut names: Vec<String> = metric["Dimensions"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|of| text_of(&of["Name"]))
                    .collect();
                names.sort();
                if text_of(&metric["Namespace"]).starts_with("drover/") {
                    continue;
                }
                seen += 1;
                let is_known = |fact: &Value| {
                    fact["namespace"] == metric["Namespace"]
                        && texts_of(&fact["metrics"]).contains(&text_of(&metric["MetricName"]))
                        && texts_of(&fact["dimensions"]) == names
                };
                assert!(
                    FACTS["metrics"].as_array().unwrap().iter().any(is_known),
                    "{name}: {metric}"
                );
            }
            let most = metrics_of(alarm).len() as u64;
            assert!(
                facts::is_within(most, "metrics in the expression of an alarm"),
                "{name}: {most}"
            );
        }
        assert!(seen > 30, "{seen}");
    }
}

/// Each rule, by the name that its metrics have, and each topic and queue: a name is made up twice,
/// here and there.
#[test]
fn alarms_watch_what_the_template_has() {
    for bus in ["default", "requests"] {
        let deployment = Deployment::with(&[&TRIGGERS[..], &[("EventBusName", bus)]].concat());
        let watched: Vec<(String, Value)> = deployment
            .of_type("AWS::CloudWatch::Alarm")
            .iter()
            .flat_map(|(_, alarm)| metrics_of(alarm))
            .map(|metric| (text_of(&metric["MetricName"]), metric["Dimensions"].clone()))
            .collect();
        let named = |metric: &str, name: &str, value: &str| {
            watched.iter().any(|(of, dimensions)| {
                let dimensions = dimensions.as_array().unwrap();
                of == metric
                    && dimensions
                        .iter()
                        .any(|of| of["Name"] == name && of["Value"] == value)
            })
        };
        for (rule, properties) in deployment.of_type("AWS::Events::Rule") {
            let name = text_of(&properties["Name"]);
            assert!(
                deployment.arn(rule).ends_with(&format!("/{name}")),
                "{rule}"
            );
            assert!(
                named("InvocationsFailedToBeSentToDlq", "RuleName", &name),
                "{rule}"
            );
            let dimensions = &watched
                .iter()
                .find(|(_, of)| of[0]["Value"] == name)
                .unwrap()
                .1;
            let of_bus = dimensions
                .as_array()
                .unwrap()
                .iter()
                .find(|of| of["Name"] == "EventBusName");
            let expected = properties
                .get("EventBusName")
                .filter(|bus| *bus != "default");
            assert_eq!(of_bus.map(|of| &of["Value"]), expected, "{rule}");
        }
        for queue in ["FailedRequests", "UndeliveredEvents", "UnfinishedMessages"] {
            let name = text_of(&deployment.arn(queue).rsplit(':').next().unwrap().into());
            for metric in [
                "ApproximateNumberOfMessagesVisible",
                "ApproximateAgeOfOldestMessage",
            ] {
                assert!(named(metric, "QueueName", &name), "{metric} of {queue}");
            }
        }
        assert!(named(
            "NumberOfNotificationsFilteredOut-InvalidMessageBody",
            "TopicName",
            "Requests"
        ));
        assert!(named(
            "NumberOfNotificationsFailedToRedriveToDlq",
            "TopicName",
            "Requests"
        ));
        assert!(named(
            "NumberOfNotificationsFailed",
            "TopicName",
            "Notifications"
        ));
        for function in [DISCONNECT, BOOTSTRAP] {
            for metric in ["Errors", "Throttles", "DestinationDeliveryFailures"] {
                assert!(
                    named(metric, "FunctionName", &format!("drover-{function}")),
                    "{metric} of {function}"
                );
            }
        }
        for (machine, _) in deployment.of_type("AWS::Serverless::StateMachine") {
            for metric in ["ExecutionsFailed", "ExecutionsTimedOut"] {
                assert!(
                    named(metric, "StateMachineArn", &deployment.arn(machine)),
                    "{metric} of {machine}"
                );
            }
        }
    }
}

/// A metric in a line of its own: its name, and what it is of.
fn metric(metric: &Value) -> String {
    let of = metric["Dimensions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| text_of(&of["Value"]));
    let of = of
        .map(|of| of.rsplit(':').next().unwrap().to_owned())
        .collect::<Vec<_>>();
    format!(
        "\n    {} of {}",
        text_of(&metric["MetricName"]),
        of.join(", ")
    )
}

/// What an alarm does, in a few lines.
fn lines_of(alarm: &Value) -> String {
    let (queries, name) = (
        alarm["Metrics"].as_array().unwrap(),
        text_of(&alarm["AlarmName"]),
    );
    let mut results = queries
        .iter()
        .filter(|query| query.get("ReturnData") != Some(&json!(false)));
    let result = results.next().unwrap();
    assert!(results.next().is_none(), "{name} has one result");
    let expression = result
        .get("Expression")
        .map_or_else(|| text_of(&result["Id"]), text_of);
    // The sum of one series is a number, of which there is no alarm.
    let is_of_several = expression.contains("METRICS()");
    assert!(!is_of_several || metrics_of(alarm).len() > 1, "{name}");
    let functions = texts_of(&FACTS["functions"]["names"]);
    for word in expression
        .split(|sign: char| !sign.is_ascii_alphanumeric())
        .filter(|word| word.len() > 2)
    {
        let is_function =
            expression.contains(&format!("{word}(")) && !expression.starts_with("SELECT");
        assert!(
            !is_function || functions.iter().any(|of| of == word),
            "{name}: {word}"
        );
    }
    let stats = queries.iter().filter_map(|query| query.get("MetricStat"));
    let mut stats: Vec<String> = stats
        .map(|of| format!("{} of {} s", text_of(&of["Stat"]), text_of(&of["Period"])))
        .collect();
    stats.dedup();
    format!(
        "{name}: {expression} {} {}, {} times, {}{}{}",
        text_of(&alarm["ComparisonOperator"]),
        text_of(&alarm["Threshold"]),
        text_of(&alarm["EvaluationPeriods"]),
        stats.join(", "),
        if alarm.get("OKActions").is_some() {
            ", and tells when it is over"
        } else {
            ""
        },
        metrics_of(alarm)
            .into_iter()
            .map(metric)
            .collect::<String>(),
    )
}

/// Whoever changes an alarm says so here.
static ALARMS: Expect = expect![[r#"
    drover-errors: SUM(METRICS()) GreaterThanOrEqualToThreshold 3, 1 times, Sum of 900 s
        Errors of drover-disconnect-source-server
        Errors of drover-bootstrap-efs-replication
    drover-expiring-letters: MAX(METRICS()) GreaterThanOrEqualToThreshold 864000, 1 times, Maximum of 300 s
        ApproximateAgeOfOldestMessage of drover-FailedRequests-1A2B3C
        ApproximateAgeOfOldestMessage of drover-UndeliveredEvents-1A2B3C
        ApproximateAgeOfOldestMessage of drover-UnfinishedMessages-1A2B3C
    drover-failed-notifications: m1 GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        NumberOfNotificationsFailed of Notifications
    drover-failed-requests: IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1) GreaterThanOrEqualToThreshold 1, 1 times, Maximum of 60 s
        ApproximateNumberOfMessagesVisible of drover-FailedRequests-1A2B3C
    drover-failed: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        Decommissions of failed
        Replications of failed
        Decommissions of permanent
        Replications of permanent
    drover-indeterminate: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        Decommissions of indeterminate
        Replications of indeterminate
    drover-lost-events: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        InvocationsFailedToBeSentToDlq of drover-DecommissionRequested
        InvocationsFailedToBeSentToDlq of drover-ReplicationRequested
        InvocationsFailedToBeSentToDlq of drover-InstanceTerminated
        InvocationsFailedToBeSentToDlq of drover-FileSystemTagged
        NumberOfNotificationsFailedToRedriveToDlq of Requests
    drover-lost-results: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        DestinationDeliveryFailures of drover-disconnect-source-server
        DestinationDeliveryFailures of drover-bootstrap-efs-replication
        InvocationsFailedToBeSentToDlq of drover-RequestFailed
        InvocationsFailedToBeSentToDlq of drover-MachineTimedOut
        InvocationsFailedToBeSentToDlq of drover-DecommissionPending
        InvocationsFailedToBeSentToDlq of drover-ReplicationPending
        InvocationsFailedToBeSentToDlq of drover-ResultTold
        InvocationsFailedToBeSentToDlq of drover-FailureTold
        InvocationsFailedToBeSentToDlq of drover-MachineFailureTold
    drover-rejected: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        Decommissions of rejected
        Replications of rejected
    drover-replication-lag: SELECT MAX(TimeSinceLastSync) FROM SCHEMA("AWS/EFS", DestinationFileSystemId, FileSystemId) GreaterThanThreshold 900, 3 times, , and tells when it is over
    drover-state-machines: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        ExecutionsFailed of drover-follow-up-decommission
        ExecutionsFailed of drover-follow-up-replication
        ExecutionsFailed of drover-fleet-decommission
        ExecutionsFailed of drover-fleet-replication
        ExecutionsTimedOut of drover-follow-up-decommission
        ExecutionsTimedOut of drover-follow-up-replication
        ExecutionsTimedOut of drover-fleet-decommission
        ExecutionsTimedOut of drover-fleet-replication
    drover-throttles: SUM(METRICS()) GreaterThanOrEqualToThreshold 1, 3 times, Sum of 300 s
        Throttles of drover-disconnect-source-server
        Throttles of drover-bootstrap-efs-replication
    drover-undelivered-events: IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1) GreaterThanOrEqualToThreshold 1, 1 times, Maximum of 60 s
        ApproximateNumberOfMessagesVisible of drover-UndeliveredEvents-1A2B3C
    drover-unfinished-messages: IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1) GreaterThanOrEqualToThreshold 1, 1 times, Maximum of 60 s
        ApproximateNumberOfMessagesVisible of drover-UnfinishedMessages-1A2B3C
    drover-unreadable-messages: m1 GreaterThanOrEqualToThreshold 1, 1 times, Sum of 300 s
        NumberOfNotificationsFilteredOut-InvalidMessageBody of Requests"#]];

#[test]
fn every_alarm_rings_when_it_should_and_tells_people() {
    let deployment = everything();
    let mut lines = Vec::new();
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        let queries = alarm["Metrics"].as_array().unwrap().iter();
        let ids: std::collections::BTreeSet<String> =
            queries.map(|query| text_of(&query["Id"])).collect();
        assert_eq!(
            ids.len(),
            alarm["Metrics"].as_array().unwrap().len(),
            "{name} has each ID once"
        );
        assert_eq!(
            texts_of(&alarm["AlarmActions"]),
            [deployment.arn("Notifications")],
            "{name}"
        );
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        assert!(
            text_of(&alarm["AlarmName"]).starts_with("drover-"),
            "the topic lets in no other name"
        );
        lines.push(lines_of(alarm));
    }
    lines.sort();
    ALARMS.assert_eq(&lines.join("\n"));
}

#[test]
fn what_fails_is_tried_again_for_as_long_as_aws_allows() {
    let deployment = everything();
    for function in [DISCONNECT, BOOTSTRAP] {
        let invoked = &deployment.properties(deployment.function(function))["EventInvokeConfig"];
        assert_eq!(invoked["MaximumRetryAttempts"], 2, "{function}");
        assert_eq!(invoked["MaximumEventAgeInSeconds"], 21600, "{function}");
        assert!(facts::is_within(2, "retries of an asynchronous invocation"));
        assert!(facts::is_within(
            21600,
            "the age of an asynchronous event, in seconds"
        ));
    }
    for (name, rule) in deployment.of_type("AWS::Events::Rule") {
        for target in rule["Targets"].as_array().unwrap() {
            let expected =
                json!({ "MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185 });
            assert_eq!(target["RetryPolicy"], expected, "{name}");
            assert!(facts::is_within(
                86400,
                "the age of a rule's event, in seconds"
            ));
            assert!(facts::is_within(185, "retries of a rule's target"));
        }
    }
}

#[test]
fn dead_letters_are_kept_for_as_long_as_aws_allows_also_without_the_stack() {
    let deployment = everything();
    for queue in ["FailedRequests", "UndeliveredEvents", "UnfinishedMessages"] {
        let kept = deployment.properties(queue)["MessageRetentionPeriod"]
            .as_u64()
            .unwrap();
        assert!(
            facts::is_within(kept, "the retention of a queue, in seconds"),
            "{queue}"
        );
        assert!(
            !facts::is_within(kept + 1, "the retention of a queue, in seconds"),
            "{queue} may keep longer"
        );
        assert_eq!(
            deployment.resources[queue]["DeletionPolicy"], "RetainExceptOnCreate",
            "{queue}"
        );
        assert_eq!(
            deployment.resources[queue]["UpdateReplacePolicy"], "Retain",
            "{queue}"
        );
    }
    // A queue that nobody reads is not to take messages.
    for queue in ["DecommissionQueue", "ReplicationQueue"] {
        assert_eq!(
            deployment.resources[queue]["DeletionPolicy"], "Delete",
            "{queue}"
        );
        let redrive = &deployment.properties(queue)["RedrivePolicy"];
        assert_eq!(
            redrive["deadLetterTargetArn"],
            deployment.arn("UnfinishedMessages"),
            "{queue}"
        );
        assert_eq!(redrive["maxReceiveCount"], 5, "{queue}");
    }
    for kept in ["Fleets", "DisconnectLogs", "BootstrapLogs"] {
        assert_eq!(
            deployment.resources[kept]["DeletionPolicy"], "RetainExceptOnCreate",
            "{kept}"
        );
    }
}

#[test]
fn nothing_is_everybodys() {
    let deployment = everything();
    let mut seen = 0;
    for (kind, member) in [
        ("AWS::SQS::QueuePolicy", "PolicyDocument"),
        ("AWS::SNS::TopicPolicy", "PolicyDocument"),
        ("AWS::S3::BucketPolicy", "PolicyDocument"),
        ("AWS::KMS::Key", "KeyPolicy"),
        ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
    ] {
        for (name, policy) in deployment.of_type(kind) {
            for statement in policy[member]["Statement"].as_array().unwrap() {
                seen += 1;
                if statement["Effect"] == "Deny" {
                    let expected = json!({ "Bool": { "aws:SecureTransport": "false" } });
                    assert_eq!(statement["Condition"], expected, "{name}: {statement}");
                    continue;
                }
                let principal = statement["Principal"].as_object().unwrap();
                let [(of, who)] = principal.iter().collect::<Vec<_>>()[..] else {
                    panic!("{name}: {statement}")
                };
                match of.as_str() {
                    "Service" => {
                        assert!(
                            texts_of(who)
                                .iter()
                                .all(|of| of.ends_with(".amazonaws.com")),
                            "{name}: {statement}"
                        );
                        let actions = texts_of(&statement["Action"]);
                        assert!(
                            actions.iter().all(|action| !action.ends_with(":*")),
                            "{name}: {statement}"
                        );
                    }
                    "AWS" => {
                        assert_eq!(
                            *who,
                            format!("arn:aws:iam::{ACCOUNT}:root"),
                            "{name}: {statement}"
                        );
                        assert_eq!(
                            kind, "AWS::KMS::Key",
                            "{name}: who may send is for IAM to say"
                        );
                    }
                    other => panic!("{name}: {other}"),
                }
            }
        }
    }
    assert!(seen > 15, "{seen}");
    let services: Vec<Vec<String>> = statements_for_services(&deployment)
        .iter()
        .filter(|(_, _, receiver, _)| *receiver == "kms")
        .map(|(_, _, _, statement)| texts_of(&statement["Action"]))
        .collect();
    assert_eq!(
        services,
        [
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            ["kms:Decrypt", "kms:GenerateDataKey*"]
        ]
    );
    for (name, bucket) in deployment.of_type("AWS::S3::Bucket") {
        let closed = [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ];
        for member in closed {
            assert_eq!(
                bucket["PublicAccessBlockConfiguration"][member], true,
                "{name}: {member}"
            );
        }
        assert_eq!(
            bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced",
            "{name}"
        );
        assert!(bucket.get("AccessControl").is_none(), "{name}");
    }
}

/// The metric filters read JSON at INFO, of the log group that the function writes to.
#[test]
fn what_a_function_logs_is_what_the_metrics_are_counted_from() {
    let deployment = everything();
    for (function, metric) in [(DISCONNECT, "Decommissions"), (BOOTSTRAP, "Replications")] {
        let logging = &deployment.properties(deployment.function(function))["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{function}");
        assert_eq!(logging["ApplicationLogLevel"], "INFO", "{function}");
        assert_eq!(logging["SystemLogLevel"], "INFO", "{function}");
        let filters = deployment.of_type("AWS::Logs::MetricFilter").into_iter();
        let [filter] = filters
            .filter(|(_, filter)| filter["MetricTransformations"][0]["MetricName"] == metric)
            .map(|(_, filter)| filter)
            .collect::<Vec<_>>()[..]
        else {
            panic!("one filter for {metric}")
        };
        assert_eq!(filter["LogGroupName"], logging["LogGroup"], "{function}");
        assert_eq!(
            filter["MetricTransformations"][0]["MetricValue"], "1",
            "{function}"
        );
        let role = Role::by_arn(&arn_of_role(function, &deployment), &deployment, &[]);
        let group = deployment.arn(&text_of(&logging["LogGroup"]));
        assert!(role.allows(&ask("logs:PutLogEvents", &group)), "{function}");
    }
}

/// Each parameter with a value of its own.
fn each_with_its_own() -> Deployment {
    Deployment::with(&[
        ("Mode", "enforce"),
        ("AllowDelete", "true"),
        ("MaxTargets", "11"),
        ("MaxSharePercent", "12"),
        ("ReplicaRegions", "eu-west-1,eu-north-1"),
        ("NotificationEmail", "ops@example.com"),
        ("ReplicationObjectiveSeconds", "1234"),
        ("LogRetentionDays", "30"),
        ("Architecture", "x86_64"),
        ("ReservedConcurrency", "13"),
        ("FleetConcurrency", "14"),
        ("FleetToleratedFailurePercentage", "15"),
        ("EventBusName", "requests"),
    ])
}

#[test]
fn every_parameter_is_with_the_functions_where_it_belongs() {
    let deployment = each_with_its_own();
    let variables = |function: &str| {
        &deployment.properties(deployment.function(function))["Environment"]["Variables"]
    };
    let of_disconnect = variables(DISCONNECT);
    assert_eq!(of_disconnect["MODE"], "enforce");
    assert_eq!(of_disconnect["ALLOW_DELETE"], "true");
    assert_eq!(of_disconnect["MAX_TARGETS"], "11");
    assert_eq!(of_disconnect["MAX_SHARE_PERCENT"], "12");
    let of_bootstrap = variables(BOOTSTRAP);
    assert_eq!(of_bootstrap["MODE"], "enforce");
    assert_eq!(of_bootstrap["MAX_TARGETS"], "11");
    assert_eq!(of_bootstrap["REPLICA_REGIONS"], "eu-west-1,eu-north-1");
    for function in [DISCONNECT, BOOTSTRAP] {
        let properties = deployment.properties(deployment.function(function));
        assert_eq!(properties["Architectures"], json!(["x86_64"]), "{function}");
        assert_eq!(
            properties["ReservedConcurrentExecutions"], "13",
            "{function}"
        );
        for end in ["OnSuccess", "OnFailure"] {
            let bus = &properties["EventInvokeConfig"]["DestinationConfig"][end];
            assert_eq!(bus["Type"], "EventBridge", "{function}");
            assert_eq!(
                bus["Destination"],
                format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/requests"),
                "{function}"
            );
        }
    }
    let unreserved = Deployment::with(&[("ReservedConcurrency", "-1")]);
    let properties = unreserved.properties(unreserved.function(DISCONNECT));
    assert!(properties.get("ReservedConcurrentExecutions").is_none());
}

#[test]
fn every_parameter_is_around_the_functions_where_it_belongs() {
    let deployment = each_with_its_own();
    let groups = deployment.of_type("AWS::Logs::LogGroup");
    assert_eq!(groups.len(), 3);
    for (name, group) in groups {
        assert_eq!(group["RetentionInDays"], "30", "{name}");
    }
    assert_eq!(
        deployment.properties("ReplicationLagAlarm")["Threshold"],
        "1234"
    );
    assert_eq!(
        deployment.properties("NotificationsByEmail")["Endpoint"],
        "ops@example.com"
    );
    for (name, machine) in deployment.of_type("AWS::Serverless::StateMachine") {
        let definition = definition(name, machine);
        for map in objects(&definition)
            .into_iter()
            .filter(|state| state["Type"] == "Map")
        {
            assert_eq!(map["MaxConcurrency"], "{% 14 %}", "{name}");
            assert_eq!(map["ToleratedFailurePercentage"], "{% 15 %}", "{name}");
        }
        let told = objects(&definition)
            .into_iter()
            .filter(|of| of.get("EventBusName").is_some());
        assert!(
            told.map(|of| &of["EventBusName"])
                .eq(["requests", "requests"]),
            "{name}"
        );
    }
    let default_bus: Vec<&str> = deployment
        .of_type("AWS::Events::Rule")
        .into_iter()
        .filter(|(_, rule)| rule.get("EventBusName") != Some(&json!("requests")))
        .map(|(name, _)| name)
        .collect();
    // What AWS puts on a bus, it puts on the default one.
    assert_eq!(
        default_bus,
        [
            "FileSystemTagged",
            "InstanceTerminated",
            "MachineFailureTold",
            "MachineTimedOut"
        ]
    );
}

#[test]
fn a_trigger_switches_on_what_it_names_and_nothing_else() {
    // What is switched on, by name: enabled rules, subscriptions and mappings.
    let on = |parameters: &[(&str, &str)]| {
        let deployment = Deployment::with(parameters);
        let rules = deployment.of_type("AWS::Events::Rule").into_iter();
        let rules = rules
            .filter(|(_, rule)| rule["State"] == "ENABLED")
            .map(|(name, _)| name);
        let others = ["AWS::SNS::Subscription", "AWS::Lambda::EventSourceMapping"];
        let others = others.map(|kind| deployment.of_type(kind)).concat();
        let on = rules
            .chain(others.iter().map(|(name, _)| *name))
            .map(ToOwned::to_owned);
        on.collect::<std::collections::BTreeSet<String>>()
    };
    let always = on(&[]);
    for (trigger, expected) in [
        (
            "EventTrigger",
            vec!["DecommissionRequested", "ReplicationRequested"],
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
    ] {
        let more: Vec<String> = on(&[(trigger, "ENABLED")])
            .difference(&always)
            .cloned()
            .collect();
        assert_eq!(more, expected, "{trigger}");
    }
}

/// The role of a machine bounds what it may start, not the definition alone.
#[test]
fn a_machine_may_invoke_its_own_function_and_start_its_own_follow_up_alone() {
    let deployment = everything();
    let (disconnect, bootstrap) = (
        deployment.function(DISCONNECT),
        deployment.function(BOOTSTRAP),
    );
    let functions = [disconnect, bootstrap].map(|name| deployment.arn(name));
    let machines: Vec<String> = deployment
        .of_type("AWS::Serverless::StateMachine")
        .iter()
        .map(|(name, _)| deployment.arn(name))
        .collect();
    for (machine, function, started) in [
        ("FollowUpDecommission", disconnect, vec![]),
        ("FollowUpReplication", bootstrap, vec![]),
        (
            "FleetDecommission",
            disconnect,
            vec!["FleetDecommission", "FollowUpDecommission"],
        ),
        (
            "FleetReplication",
            bootstrap,
            vec!["FleetReplication", "FollowUpReplication"],
        ),
    ] {
        let properties = deployment.properties(machine);
        let definition = definition(machine, properties);
        assert!(
            definition["TimeoutSeconds"]
                .as_u64()
                .is_some_and(|seconds| seconds <= 604_800),
            "{machine}"
        );
        let role = Role::by_arn(&text_of(&properties["Role"]), &deployment, &[]);
        let may_invoke = |arn: &&String| role.allows(&ask("lambda:InvokeFunction", arn));
        assert_eq!(
            functions.iter().filter(may_invoke).collect::<Vec<_>>(),
            [&deployment.arn(function)],
            "{machine}"
        );
        assert!(
            !role.allows(&ask(
                "lambda:InvokeFunction",
                &format!("{}x", deployment.arn(function))
            )),
            "{machine}"
        );
        let may_start: Vec<&String> = machines
            .iter()
            .filter(|arn| role.allows(&ask("states:StartExecution", arn)))
            .collect();
        let expected: Vec<String> = started
            .into_iter()
            .map(|name| deployment.arn(name))
            .collect();
        assert_eq!(may_start, expected.iter().collect::<Vec<_>>(), "{machine}");
        // Each step waits longer than its function may take, and the function is its own.
        let timeout = deployment.properties(function)["Timeout"].as_u64().unwrap();
        assert!(
            facts::is_within(timeout, "a function's timeout, in seconds"),
            "{function}"
        );
        let steps = objects(&definition);
        let steps = steps
            .iter()
            .filter(|state| state["Resource"] == "arn:aws:states:::lambda:invoke");
        for step in steps {
            assert_eq!(
                step["Arguments"]["FunctionName"],
                deployment.arn(function),
                "{machine}"
            );
            assert!(
                step["TimeoutSeconds"]
                    .as_u64()
                    .is_some_and(|seconds| seconds > timeout),
                "{machine}"
            );
        }
    }
    let follow_ups =
        ["FollowUpDecommission", "FollowUpReplication"].map(|name| deployment.arn(name));
    let starter = Role::by_arn("FollowUpStarter", &deployment, &[]);
    let may_start: Vec<&String> = machines
        .iter()
        .filter(|arn| starter.allows(&ask("states:StartExecution", arn)))
        .collect();
    assert_eq!(may_start, follow_ups.iter().collect::<Vec<_>>());
}

#[test]
fn the_dashboard_shows_every_alarm_that_there_always_is() {
    let deployment = Deployment::by_default();
    let body = text_of(&deployment.properties("Dashboard")["DashboardBody"]);
    let body: Value = serde_json::from_str(&body).unwrap();
    let mut shown = texts_of(&body["widgets"][0]["properties"]["alarms"]);
    shown.sort();
    let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
    let mut expected: Vec<String> = alarms
        .iter()
        .map(|(name, _)| deployment.arn(name))
        .collect();
    expected.sort();
    assert_eq!(shown, expected);
}

/// By the price of a metric in an alarm, 0.10 USD a month, and of the alarm on the lag without any
/// replica.
#[test]
fn the_readme_says_what_the_alarms_cost() {
    let deployment = Deployment::by_default();
    let alarms = deployment.of_type("AWS::CloudWatch::Alarm");
    let metrics: usize = alarms
        .iter()
        .map(|(_, alarm)| metrics_of(alarm).len())
        .sum();
    let cost = format!(
        "{}.{}0 for the metrics of the alarms",
        metrics / 10,
        metrics % 10
    );
    assert!(read("README.md").contains(&cost), "{cost}");
}

#[test]
fn the_readme_names_every_alarm() {
    let named: Vec<String> = rows("README.md", "### Alarms")
        .into_iter()
        .map(|[names, _]| names)
        .collect();
    let named = named.join(" ");
    for (name, alarm) in everything().of_type("AWS::CloudWatch::Alarm") {
        let suffix = text_of(&alarm["AlarmName"]).replacen("drover-", "", 1);
        assert!(
            named.split([' ', ',', '`']).any(|of| of == suffix),
            "{name}: {suffix} is not in the README"
        );
    }
}

/// A stack with one function: nothing of the other one, and nothing that asks for it. What asks for
/// a resource that is not there does not resolve.
#[test]
fn a_stack_may_have_one_function_alone() {
    let of = |functions: &str| {
        let more = [
            ("Functions", functions),
            ("Mode", "enforce"),
            ("AllowDelete", "true"),
            ("EventBusName", "requests"),
        ];
        Deployment::with(&[&TRIGGERS[..], &more].concat())
    };
    let (all, drs, efs) = (of("all"), of(DISCONNECT), of(BOOTSTRAP));
    for (deployment, function) in [(&drs, DISCONNECT), (&efs, BOOTSTRAP)] {
        let functions = deployment.of_type("AWS::Serverless::Function");
        let [(name, _)] = functions[..] else {
            panic!("{function} is not alone")
        };
        assert_eq!(name, deployment.function(function));
        for kind in [
            "AWS::Serverless::StateMachine",
            "AWS::SNS::Subscription",
            "AWS::Lambda::EventSourceMapping",
        ] {
            assert!(
                !deployment.of_type(kind).is_empty(),
                "{function} has its {kind}"
            );
        }
        // What the other one answers is nobody's here.
        let other = if function == DISCONNECT {
            BOOTSTRAP
        } else {
            DISCONNECT
        };
        for (rule, properties) in deployment.of_type("AWS::Events::Rule") {
            assert!(
                !properties
                    .to_string()
                    .contains(&format!("function:drover-{other}")),
                "{rule}"
            );
        }
        for (name, permission) in deployment.of_type("AWS::Lambda::Permission") {
            assert_eq!(
                text_of(&permission["FunctionName"]),
                format!("drover-{function}"),
                "{name}"
            );
        }
    }
    // Together they are all, and what is in both is what belongs to neither.
    for name in all.resources.keys() {
        assert!(
            drs.resources.contains_key(name) || efs.resources.contains_key(name),
            "{name}"
        );
    }
    let shared = drs
        .resources
        .keys()
        .filter(|name| efs.resources.contains_key(*name));
    for name in shared {
        assert!(
            !name.starts_with("Disconnect") && !name.starts_with("Bootstrap"),
            "{name}"
        );
        assert!(!name.contains("Decommission"), "{name}");
    }
}

/// The commands of the README's deployment name parameters that there are, with values that they
/// take.
#[test]
fn the_readme_deploys_with_parameters_that_there_are() {
    let readme = read("README.md");
    let given: Vec<(&str, &str)> = readme
        .split("--parameter-overrides ")
        .skip(1)
        .flat_map(|rest| {
            rest.split(['\n', '`', ','])
                .next()
                .unwrap()
                .split(' ')
                .map_while(|one| one.split_once('='))
        })
        .collect();
    for (name, value) in &given {
        let declared = Deployment::declared().find(|(of, _)| of == name);
        let (_, declaration) = declared.unwrap_or_else(|| panic!("the README sets {name}"));
        let allowed = texts_of(declaration.get("AllowedValues").unwrap_or(&Value::Null));
        assert!(
            allowed.is_empty() || allowed.iter().any(|of| of == value),
            "{name}={value}"
        );
    }
    // One stack for each function, where it belongs; back again; and what a small account needs.
    for wanted in [
        ("Functions", DISCONNECT),
        ("Functions", BOOTSTRAP),
        ("Mode", "enforce"),
        ("Mode", "plan"),
    ] {
        assert!(given.contains(&wanted), "{wanted:?} in {given:?}");
    }
    assert!(readme.contains("`ReservedConcurrency=-1`"));
}

#[test]
fn git_ignores_what_the_readme_writes() {
    let ignored = read(".gitignore");
    let readme = read("README.md");
    let written: Vec<&str> = readme
        .split("> ")
        .skip(1)
        .map(|rest| rest.split([' ', '\n']).next().unwrap())
        .filter(|name| {
            !name.starts_with('<') && (name.ends_with(".json") || name.starts_with(".env"))
        })
        .collect();
    assert!(written.len() >= 5, "{written:?}");
    for name in written {
        assert!(
            ignored.lines().any(|line| line == format!("/{name}")),
            "{name}"
        );
    }
}

/// The README's longest name of a stack, 38 characters, in place of `drover`.
#[test]
fn names_fit_for_the_longest_name_of_a_stack() {
    let deployment = everything();
    for (kind, member, of) in [
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
    ] {
        for (name, properties) in deployment.of_type(kind) {
            let length = text_of(&properties[member]).len() - "drover".len() + 38;
            assert!(facts::is_within(length as u64, of), "{name}: {length}");
        }
    }
}
