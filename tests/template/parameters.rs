//! Parameters, and what each of them does.

use serde_json::json;
use shared::Mode;
use template::{
    ACCOUNT, Deployment, REGION, TRIGGERS,
    facts::{self},
    machine::{definition, objects},
    text_of,
};

use crate::{
    iam::{BOOTSTRAP, DISCONNECT, everything},
    tidy::list,
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
