//! That the parts of the template agree with one another, with the functions, and with the documents.

use deployment::{ACCOUNT, Deployment, REGION, Role, TRIGGERS, arn_of_role, text_of, texts_of};
use serde_json::{Value, json};
use shared::{Mode, Outcome, report::code};

use crate::{
    iam::{BOOTSTRAP, DISCONNECT, ask, everything},
    tidy::{list, read, rows},
};

#[test]
fn every_function_is_in_the_template_and_built_from_its_binary() {
    let deployment = Deployment::by_default();
    let functions = deployment.resources.values().filter(|of| of["Type"] == "AWS::Serverless::Function");
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
        let variables = properties["Environment"]["Variables"].as_object().unwrap().clone();
        let (mut known, given) = (names.to_vec(), variables.keys().collect::<Vec<_>>());
        known.sort_unstable();
        assert_eq!(given, known, "{function}");
        move |name: &str| variables.get(name).map(text_of)
    };
    let disconnect = variables(DISCONNECT, 300, &disconnect_source_server::Policy::VARIABLES);
    let policy = disconnect_source_server::Policy::from_lookup(disconnect).unwrap();
    assert_eq!(policy, disconnect_source_server::Policy::from_lookup(|_| None).unwrap());
    assert_eq!(policy.mode, Mode::Plan);
    let bootstrap = variables(BOOTSTRAP, 600, &bootstrap_efs_replication::Policy::VARIABLES);
    let policy = bootstrap_efs_replication::Policy::from_lookup(bootstrap).unwrap();
    assert_eq!(policy, bootstrap_efs_replication::Policy::from_lookup(|_| None).unwrap());
    assert_eq!(policy.mode, Mode::Plan);
}

#[test]
fn every_parameter_is_in_the_readme_with_its_default() {
    let parameters = Deployment::declared().map(|(name, declaration)| {
        let default = text_of(&declaration["Default"]);
        [name.to_owned(), if default.is_empty() { "empty".to_owned() } else { default }]
    });
    assert_eq!(rows("README.md", "### Parameters"), parameters.collect::<Vec<_>>());
}

#[test]
fn nothing_is_listened_to_or_changed_by_default() {
    let mut triggers: Vec<&str> =
        Deployment::declared().map(|(name, _)| name).filter(|name| name.ends_with("Trigger")).collect();
    triggers.sort_unstable();
    let mut known = TRIGGERS.map(|(name, _)| name);
    known.sort_unstable();
    assert_eq!(triggers, known);
    let deployment = Deployment::by_default();
    assert_eq!(deployment.parameters["Mode"], "plan");
    for trigger in triggers {
        assert_eq!(deployment.parameters[trigger], "DISABLED");
    }
    let functions = [DISCONNECT, BOOTSTRAP].map(|function| deployment.arn(deployment.function(function)));
    for (name, rule) in deployment.of_type("AWS::Events::Rule") {
        let mut targets = rule["Targets"].as_array().unwrap().iter();
        let invokes = targets.any(|target| functions.contains(&text_of(&target["Arn"])));
        assert!(!invokes || rule["State"] == "DISABLED", "{name}");
    }
    assert!(deployment.of_type("AWS::Lambda::EventSourceMapping").is_empty());
    assert!(deployment.of_type("AWS::SNS::Subscription").is_empty());
}

#[test]
fn what_a_rule_cannot_deliver_is_kept_and_what_it_delivers_to_lets_it() {
    let on_another_bus = Deployment::with(&[&TRIGGERS[..], &[("EventBusName", "requests")]].concat());
    for deployment in [everything(), on_another_bus] {
        for (name, rule) in deployment.of_type("AWS::Events::Rule") {
            for target in rule["Targets"].as_array().unwrap() {
                assert!(target["RetryPolicy"].is_object(), "{name} tries as often as it likes");
                for receiver in [&target["DeadLetterConfig"]["Arn"], &target["Arn"]] {
                    let receiver = text_of(receiver);
                    let admitted = admits_alone(&deployment, "events.amazonaws.com", &deployment.arn(name), &receiver);
                    assert!(admitted, "{receiver}: {name}");
                }
            }
        }
        for (name, of) in deployment.of_type("AWS::SNS::Subscription") {
            // What goes to dead letters by itself needs no other place.
            let kept = of.get("RedrivePolicy").map_or(&of["Endpoint"], |policy| &policy["deadLetterTargetArn"]);
            assert!(text_of(kept).contains(":sqs:"), "{name} keeps nothing");
            for receiver in [kept, &of["Endpoint"]] {
                let (topic, receiver) = (text_of(&of["TopicArn"]), text_of(receiver));
                assert!(admits_alone(&deployment, "sns.amazonaws.com", &topic, &receiver), "{receiver}: {name}");
            }
        }
        for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
            for topic in texts_of(&alarm["AlarmActions"]) {
                let arn = deployment.arn(name);
                assert!(admits(&deployment, "cloudwatch.amazonaws.com", &arn, ACCOUNT, &topic), "{topic}: {name}");
            }
        }
    }
}

/// Whether a service may send on behalf of a resource, and not of its like in another account or of one named alike.
fn admits_alone(deployment: &Deployment, service: &str, source: &str, receiver: &str) -> bool {
    let admits = |source: &str, account: &str| admits(deployment, service, source, account, receiver);
    let (other, alike) = ("999999999999", format!("{source}x"));
    let theirs = source.replace(ACCOUNT, other);
    let decides_by_source = receiver.contains(":sqs:") || receiver.contains(":sns:");
    let admits_more = || admits(source, other) || admits(&theirs, other) || admits(&alike, ACCOUNT);
    admits(source, ACCOUNT) && !(decides_by_source && admits_more())
}

/// Whether a function, a queue or a topic lets a service send to it on behalf of a resource.
fn admits(deployment: &Deployment, service: &str, source: &str, account: &str, receiver: &str) -> bool {
    let action = match receiver.split(':').nth(2).unwrap() {
        "lambda" => return is_invoked_by(deployment, service, source, receiver),
        // The role of the target says it.
        "states" => return true,
        "sqs" => "sqs:SendMessage",
        "sns" => "sns:Publish",
        other => panic!("{other} is not known here"),
    };
    let policies = ["AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"].map(|kind| deployment.of_type(kind)).concat();
    let statements = policies.iter().flat_map(|(_, policy)| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let of_service = statements.filter(|statement| {
        texts_of(statement["Principal"].get("Service").unwrap_or(&Value::Null)).iter().any(|of| of == service)
    });
    let role = Role::read(&json!({ "Statement": of_service.collect::<Vec<_>>() }));
    role.allows(&ask(action, receiver).with("aws:SourceArn", source).with("aws:SourceAccount", account))
}

fn is_invoked_by(deployment: &Deployment, service: &str, source: &str, function: &str) -> bool {
    let permissions = deployment.of_type("AWS::Lambda::Permission");
    permissions.iter().any(|(_, permission)| {
        permission["Principal"] == service
            && permission["SourceArn"] == source
            && function.ends_with(&format!(":{}", text_of(&permission["FunctionName"])))
    })
}

#[test]
fn no_service_may_do_anything_for_another_account() {
    let deployment = everything();
    for (name, permission) in deployment.of_type("AWS::Lambda::Permission") {
        assert_eq!(permission["SourceAccount"], ACCOUNT, "{name}");
        assert!(text_of(&permission["SourceArn"]).contains(&format!(":{ACCOUNT}:")), "{name}");
    }
    let mut seen = 0;
    for (kind, member) in [
        ("AWS::SQS::QueuePolicy", "PolicyDocument"),
        ("AWS::SNS::TopicPolicy", "PolicyDocument"),
        ("AWS::S3::BucketPolicy", "PolicyDocument"),
        ("AWS::KMS::Key", "KeyPolicy"),
    ] {
        for (name, policy) in deployment.of_type(kind) {
            for statement in policy[member]["Statement"].as_array().unwrap() {
                if statement["Effect"] == "Deny" || statement["Principal"].get("Service").is_none() {
                    continue;
                }
                seen += 1;
                let condition = &statement["Condition"];
                // EventBridge names no source to KMS; the policies of the topics bound it.
                if kind == "AWS::KMS::Key" && statement["Principal"]["Service"] == "events.amazonaws.com" {
                    continue;
                }
                assert_eq!(condition["StringEquals"]["aws:SourceAccount"], ACCOUNT, "{name}: {statement}");
                let source =
                    ["ArnEquals", "ArnLike"].iter().any(|operator| condition[*operator].get("aws:SourceArn").is_some());
                assert!(source || kind == "AWS::KMS::Key", "{name}: {statement}");
            }
        }
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn what_is_kept_is_encrypted() {
    let deployment = everything();
    for (name, queue) in deployment.of_type("AWS::SQS::Queue") {
        assert!(queue["SqsManagedSseEnabled"] == true || queue["KmsMasterKeyId"].is_string(), "{name}");
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
    assert!(!text.contains("${"), "{name}: {}", text.split("${").nth(1).unwrap().split('}').next().unwrap());
    serde_json::from_str(&text).unwrap()
}

/// Every object in a value, itself included.
fn objects(value: &Value) -> Vec<&Value> {
    let inner: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => return Vec::new(),
    };
    std::iter::once(value).filter(|value| value.is_object()).chain(inner.into_iter().flat_map(objects)).collect()
}

/// What a state needs that calls a service: an action and a resource.
fn needed(state: &Value) -> (&'static str, String) {
    let arguments = &state["Arguments"];
    let object = |key: &str| format!("arn:aws:s3:::{}/{key}", text_of(&arguments["Bucket"]));
    match state["Resource"].as_str().unwrap() {
        "arn:aws:states:::lambda:invoke" => ("lambda:InvokeFunction", text_of(&arguments["FunctionName"])),
        "arn:aws:states:::states:startExecution" => ("states:StartExecution", text_of(&arguments["StateMachineArn"])),
        "arn:aws:states:::events:putEvents" => {
            let bus = text_of(&arguments["Entries"][0]["EventBusName"]);
            ("events:PutEvents", format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{bus}"))
        }
        "arn:aws:states:::s3:getObject" => ("s3:GetObject", object("lists/any.json")),
        "arn:aws:states:::s3:putObject" => {
            ("s3:PutObject", object(&format!("{}/any/SUCCEEDED_0.json", text_of(&arguments["Prefix"]))))
        }
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
        let mut needs: Vec<(&str, String)> =
            objects(&definition).into_iter().filter(|state| state.get("Resource").is_some()).map(needed).collect();
        assert!(needs.len() >= 3, "{name}: {needs:?}");
        if objects(&definition).iter().any(|of| of["ProcessorConfig"]["Mode"] == "DISTRIBUTED") {
            needs.push(("states:StartExecution", deployment.arn(name)));
        }
        for (action, resource) in needs {
            assert!(role.allows(&ask(action, &resource)), "{name} may not {action} on {resource}");
        }
    }
}

#[test]
fn the_starter_of_follow_ups_may_start_what_its_rules_start() {
    let deployment = everything();
    let rules = deployment.of_type("AWS::Events::Rule");
    let targets = rules.iter().flat_map(|(_, rule)| rule["Targets"].as_array().unwrap());
    let started: Vec<&Value> = targets.filter(|target| target.get("RoleArn").is_some()).collect();
    assert_eq!(started.len(), 2);
    for target in started {
        let role = Role::by_arn(&text_of(&target["RoleArn"]), &deployment, &[]);
        assert!(role.allows(&ask("states:StartExecution", &text_of(&target["Arn"]))), "{target}");
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
        let [(_, properties)] = queues.filter(|(name, _)| deployment.arn(name) == queue).collect::<Vec<_>>()[..] else {
            panic!("{name} reads no queue of the template")
        };
        let function = text_of(&mapping["FunctionName"]);
        let of = [DISCONNECT, BOOTSTRAP].into_iter().find(|of| function.ends_with(of)).unwrap();
        let timeout = deployment.properties(deployment.function(of))["Timeout"].as_u64().unwrap();
        assert_eq!(properties["VisibilityTimeout"], timeout * 6, "{name}");
        assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{name}");
        let role = Role::by_arn(&arn_of_role(of, &deployment), &deployment, &[]);
        for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"] {
            assert!(role.allows(&ask(action, &queue)), "{of} may not {action} on {queue}");
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
    for kind in ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"] {
        assert!(everything().of_type(kind).is_empty(), "{kind}");
    }
}

/// A metric that nothing writes raises no alarm.
#[test]
fn alarms_watch_outcomes_that_there_are() {
    let deployment = everything();
    for (name, filter) in deployment.of_type("AWS::Logs::MetricFilter") {
        assert_eq!(filter["FilterPattern"], "{ $.fields.outcome = \"*\" }", "{name}");
        let metric = &filter["MetricTransformations"][0];
        assert_eq!(metric["Dimensions"], json!([{ "Key": "Outcome", "Value": "$.fields.outcome" }]), "{name}");
    }
    let written = deployment.of_type("AWS::Logs::MetricFilter").into_iter().map(|(_, filter)| {
        let metric = &filter["MetricTransformations"][0];
        (text_of(&metric["MetricNamespace"]), text_of(&metric["MetricName"]))
    });
    let written: Vec<_> = written.collect();
    let outcomes: Vec<String> = Outcome::ALL.into_iter().map(code).collect();
    let mut watched = Vec::new();
    for (name, alarm) in deployment.of_type("AWS::CloudWatch::Alarm") {
        for query in alarm["Metrics"].as_array().into_iter().flatten() {
            let metric = &query["MetricStat"]["Metric"];
            for dimension in metric["Dimensions"].as_array().into_iter().flatten() {
                if dimension["Name"] == "Outcome" {
                    let outcome = text_of(&dimension["Value"]);
                    assert!(outcomes.contains(&outcome), "{name}: {outcome}");
                    let metric = (text_of(&metric["Namespace"]), text_of(&metric["MetricName"]));
                    assert!(written.contains(&metric), "{name}: {metric:?}");
                    watched.push(outcome);
                }
            }
        }
    }
    watched.sort();
    watched.dedup();
    assert_eq!(watched, ["failed", "indeterminate", "permanent"], "what needs a human");
}
