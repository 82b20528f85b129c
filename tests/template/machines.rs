//! State machines and their roles.

use serde_json::Value;
use template::{
    Deployment, Role, ask,
    facts::is_within,
    machine::{definition, needed, objects},
    text_of,
};

use crate::{
    functions::{CHANGING, FUNCTIONS, Function},
    iam::everything,
};

/// The state machines, by their logical IDs.
const FOLLOW_UP: &str = "FollowUp";
const FLEET: &str = "Fleet";
const NOTIFY: &str = "Notify";

/// The role of a resource that has one.
fn role_of(deployment: &Deployment, resource: &Value) -> Role {
    Role::by_arn(&text_of(&resource["Role"]), deployment, &[])
}

#[test]
fn the_role_of_a_state_machine_allows_what_its_states_do() {
    let deployment = everything();
    let machines = deployment.of_type("AWS::Serverless::StateMachine");
    assert_eq!(machines.len(), 3);

    for (name, machine) in machines {
        let definition = definition(name, machine);
        let objects = objects(&definition);
        let calling: Vec<_> = objects
            .iter()
            .filter(|state| state.get("Resource").is_some())
            .collect();
        let count = match name {
            FLEET => 7,
            FOLLOW_UP => 4,
            _ => 3,
        };
        assert_eq!(calling.len(), count, "{name}");

        let mut needs: Vec<(&str, String)> = calling
            .into_iter()
            .flat_map(|state| needed(state, &deployment))
            .collect();

        // A Distributed Map starts executions of its own machine.
        let is_distributed = |state: &&Value| state["ProcessorConfig"]["Mode"] == "DISTRIBUTED";
        if objects.iter().any(is_distributed) {
            needs.push(("states:StartExecution", deployment.arn(name)));
        }

        // A fleet is for requests that change something.
        needs.retain(|(_, resource)| name != FLEET || !resource.contains("-audit-"));

        let role = role_of(&deployment, machine);
        for (action, resource) in needs {
            let asked = ask(action, &resource);
            assert!(role.allows(&asked), "{name} may not {action} on {resource}");
        }
    }
}

#[test]
fn a_rule_may_start_the_machine_that_it_targets() {
    let deployment = everything();
    let rules = deployment.of_type("AWS::Events::Rule");
    let targets = rules
        .iter()
        .flat_map(|(_, rule)| rule["Targets"].as_array().unwrap());
    let started: Vec<&Value> = targets
        .filter(|target| target.get("RoleArn").is_some())
        .collect();

    let mut machines = Vec::new();
    for target in started {
        let role = Role::by_arn(&text_of(&target["RoleArn"]), &deployment, &[]);
        let machine = text_of(&target["Arn"]);
        assert!(role.allows(&ask("states:StartExecution", &machine)));
        // The machine reads the whole event.
        assert_eq!(target.get("InputPath"), None, "{target}");
        assert_eq!(target.get("InputTransformer"), None, "{target}");
        machines.push(machine);
    }
    // A result, a failure, and what is pending.
    let expected = [NOTIFY, NOTIFY, FOLLOW_UP].map(|name| deployment.arn(name));
    assert_eq!(machines, expected);
}

/// The role of a machine limits what it may invoke, whatever its input names.
#[test]
fn a_machine_may_invoke_the_deployed_functions_alone() {
    let all = everything();
    let arns = FUNCTIONS.map(|function| all.alias(all.function(function.name())));
    let invoked_by = |machine: &str, deployment: &Deployment| {
        let role = role_of(deployment, deployment.properties(machine));
        let may_invoke = |arn: &str| role.allows(&ask("lambda:InvokeFunction", arn));

        for arn in &arns {
            assert!(!may_invoke(&format!("{arn}x")), "{machine}");
        }
        let mut invoked = arns.to_vec();
        invoked.retain(|arn| may_invoke(arn));
        invoked
    };

    // A fleet is for requests that change something.
    for (machine, invoked) in [(FOLLOW_UP, &FUNCTIONS[..]), (FLEET, &CHANGING[..])] {
        let arns_of = |functions: Vec<&Function>, stack: &Deployment| -> Vec<String> {
            let names = functions.iter().map(|function| function.name());
            names
                .map(|name| stack.alias(stack.function(name)))
                .collect()
        };
        assert_eq!(invoked_by(machine, &all), arns_of(invoked.to_vec(), &all));

        for function in CHANGING {
            let alone = Deployment::with(&[("Functions", function.under_test.stack())]);
            let mut own: Vec<&Function> = invoked.to_vec();
            own.retain(|it| function.stack().any(|own| own.name() == it.name()));
            let expected = arns_of(own, &alone);
            assert_eq!(invoked_by(machine, &alone), expected, "{machine}");
        }
    }
}

/// An input names a function by what stands behind the prefix of its ARN.
#[test]
fn a_fleet_knows_the_deployed_functions_by_name() {
    let stacks = ["all"]
        .into_iter()
        .chain(CHANGING.map(|it| it.under_test.stack()));

    for functions in stacks {
        let deployment = Deployment::with(&[("Functions", functions)]);
        let substitutions = &deployment.properties(FLEET)["DefinitionSubstitutions"];
        let names = text_of(&substitutions["FunctionNames"]);
        let prefix = text_of(&substitutions["FunctionArnPrefix"]);

        let named = names.split(',').map(|name| format!("{prefix}{name}"));
        let mut named: Vec<String> = named.collect();
        named.sort();
        let deployed = deployment.of_type("AWS::Serverless::Function").into_iter();
        let mut deployed: Vec<String> = deployed.map(|(name, _)| deployment.arn(name)).collect();
        // An audit is for a whole account, and not for the items of a list.
        deployed.retain(|arn| !arn.contains("-audit-"));
        deployed.sort();
        assert_eq!(named, deployed, "{functions}");
    }
}

/// Operators put lists into the bucket, and a fleet must not overwrite those.
#[test]
fn a_fleet_may_write_its_own_objects_alone() {
    let deployment = everything();
    let bucket = deployment.arn("Fleets");
    let role = role_of(&deployment, deployment.properties(FLEET));
    let may = |action: &str, key: &str| role.allows(&ask(action, &format!("{bucket}/{key}")));

    for key in ["items/any.json", "results/any/manifest.json"] {
        assert!(may("s3:PutObject", key), "{key}");
    }
    for key in ["lists/any.json", "any.json"] {
        assert!(may("s3:GetObject", key), "{key}");
        assert!(!may("s3:PutObject", key), "{key}");
    }
    assert!(!may("s3:DeleteObject", "items/any.json"));

    let follow_up = role_of(&deployment, deployment.properties(FOLLOW_UP));
    let read = ask("s3:GetObject", &format!("{bucket}/items/any.json"));
    assert!(!follow_up.allows(&read));
}

#[test]
fn a_fleet_may_start_its_own_follow_up_alone() {
    let deployment = everything();
    let machines: Vec<&str> = deployment
        .of_type("AWS::Serverless::StateMachine")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let started_by = |role: &Role| {
        let mut started = machines.clone();
        started.retain(|name| {
            let start = ask("states:StartExecution", &deployment.arn(name));
            role.allows(&start)
        });
        started
    };

    for machine in [FOLLOW_UP, NOTIFY] {
        let role = role_of(&deployment, deployment.properties(machine));
        assert_eq!(started_by(&role), [""; 0], "{machine}");
    }

    // A fleet starts the child executions of its Distributed Map too.
    let fleet = role_of(&deployment, deployment.properties(FLEET));
    assert_eq!(started_by(&fleet), [FLEET, FOLLOW_UP]);

    let starter = Role::by_arn("StartFollowUpRole", &deployment, &[]);
    assert_eq!(started_by(&starter), [FOLLOW_UP]);
    let starter = Role::by_arn("StartNotifyRole", &deployment, &[]);
    assert_eq!(started_by(&starter), [NOTIFY]);
}

/// It encrypts with the key of that topic, and with no other.
#[test]
fn a_notification_is_published_to_one_topic() {
    let deployment = everything();
    let role = role_of(&deployment, deployment.properties(NOTIFY));
    let arns_of = |kind: &str| {
        let resources = deployment.of_type(kind).into_iter();
        resources.map(|(name, _)| deployment.arn(name))
    };

    for action in ["sns:Publish", "sns:Subscribe"] {
        let topics = arns_of("AWS::SNS::Topic");
        let allowed: Vec<String> = topics
            .filter(|topic| role.allows(&ask(action, topic)))
            .collect();
        let expected = (action == "sns:Publish").then(|| deployment.arn("Notifications"));
        assert!(allowed.iter().eq(expected.iter()), "{action}: {allowed:?}");
    }

    let key = deployment.arn("NotificationsKey");
    for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
        assert!(role.allows(&ask(action, &key)), "{action}");
        assert!(!role.allows(&ask(action, &format!("{key}x"))), "{action}");
    }
    assert!(!role.allows(&ask("kms:Encrypt", &key)));
    assert!(!role.allows(&ask("lambda:InvokeFunction", "*")));
}

#[test]
fn a_machine_waits_longer_than_any_function_may_take() {
    let deployment = everything();
    let functions = deployment.of_type("AWS::Serverless::Function").into_iter();
    let timeouts = functions.map(|(_, function)| function["Timeout"].as_u64().unwrap());
    let longest = timeouts.max().unwrap();
    assert!(is_within(longest, "a function's timeout, in seconds"));

    for (machine, invoked) in [
        (FOLLOW_UP, "{% $functionArn %}"),
        (FLEET, "{% $states.input.functionArn %}"),
    ] {
        let definition = definition(machine, deployment.properties(machine));
        let most = definition["TimeoutSeconds"].as_u64().unwrap();
        assert!(most <= 604_800, "{machine}");

        let mut states = objects(&definition);
        states.retain(|state| state["Resource"] == "arn:aws:states:::lambda:invoke");
        assert_eq!(states.len(), 1, "{machine}");
        for state in states {
            assert_eq!(state["Arguments"]["FunctionName"], invoked, "{machine}");
            let waits = state["TimeoutSeconds"].as_u64().unwrap();
            assert!(waits > longest, "{machine}");
        }
    }
}

/// What fails together must not come back together.
#[test]
fn every_retry_has_jitter() {
    let deployment = everything();

    for (name, machine) in deployment.of_type("AWS::Serverless::StateMachine") {
        let definition = definition(name, machine);
        let objects = objects(&definition);
        let lists = objects.iter().filter_map(|state| state.get("Retry"));
        let retriers: Vec<&Value> = lists.flat_map(|list| list.as_array().unwrap()).collect();

        let mut jittered = 0;
        for retrier in retriers {
            // What is never retried comes back with nothing.
            if retrier["MaxAttempts"] == 0 {
                continue;
            }
            jittered += 1;
            assert_eq!(retrier["JitterStrategy"], "FULL", "{name}: {retrier}");
        }
        assert!(jittered >= if name == NOTIFY { 3 } else { 5 }, "{name}");
    }
}

/// An execution that fails leaves its history; one that succeeds leaves its result event.
#[test]
fn a_machine_logs_what_fails_and_is_traced() {
    for (name, machine) in everything().of_type("AWS::Serverless::StateMachine") {
        let logging = &machine["Logging"];
        assert_eq!(logging["Level"], "ERROR", "{name}");
        assert_eq!(logging["IncludeExecutionData"], true, "{name}");
        let group = &logging["Destinations"][0]["CloudWatchLogsLogGroup"]["LogGroupArn"];
        assert_eq!(*group, everything().arn("MachineLogs"), "{name}");
        assert_eq!(machine["Tracing"]["Enabled"], true, "{name}");
    }
}
