//! State machines and their roles.

use serde_json::Value;
use template::{
    Deployment, Role, ask,
    facts::is_within,
    machine::{definition, needed, objects},
    text_of,
};

use crate::{functions::FUNCTIONS, iam::everything};

/// The role of a resource that has one.
fn role_of(deployment: &Deployment, resource: &Value) -> Role {
    Role::by_arn(&text_of(&resource["Role"]), deployment, &[])
}

#[test]
fn the_role_of_a_state_machine_allows_what_its_states_do() {
    let deployment = everything();
    let machines = deployment.of_type("AWS::Serverless::StateMachine");
    assert!(machines.len() >= 4);

    for (name, machine) in machines {
        let definition = definition(name, machine);
        let objects = objects(&definition);
        let calling = objects
            .iter()
            .filter(|state| state.get("Resource").is_some());
        let mut needs: Vec<(&str, String)> = calling.map(|state| needed(state)).collect();
        assert!(needs.len() >= 3, "{name}: {needs:?}");

        // A Distributed Map starts executions of its own machine.
        let is_distributed = |state: &&Value| state["ProcessorConfig"]["Mode"] == "DISTRIBUTED";
        if objects.iter().any(is_distributed) {
            needs.push(("states:StartExecution", deployment.arn(name)));
        }

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
    assert_eq!(started.len(), FUNCTIONS.len());

    for target in started {
        let role = Role::by_arn(&text_of(&target["RoleArn"]), &deployment, &[]);
        let start = ask("states:StartExecution", &text_of(&target["Arn"]));
        assert!(role.allows(&start), "{target}");
    }
}

/// The role of a machine limits what it may start, and not the definition alone.
#[test]
fn a_machine_may_invoke_its_own_function_alone() {
    let deployment = everything();

    for function in FUNCTIONS {
        let own = deployment.arn(deployment.function(function.name()));
        for machine in [function.parts.follow_up, function.parts.fleet] {
            let role = role_of(&deployment, deployment.properties(machine));
            let may_invoke = |arn: &str| role.allows(&ask("lambda:InvokeFunction", arn));

            assert!(may_invoke(&own), "{machine}");
            assert!(!may_invoke(&format!("{own}x")), "{machine}");
            for other in function.others() {
                let other = deployment.arn(deployment.function(other.name()));
                assert!(!may_invoke(&other), "{machine} may invoke {other}");
            }
        }
    }
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

    for function in FUNCTIONS {
        let parts = &function.parts;
        let follow_up = role_of(&deployment, deployment.properties(parts.follow_up));
        assert_eq!(started_by(&follow_up), [""; 0], "{}", parts.follow_up);

        // A fleet starts the child executions of its Distributed Map too.
        let fleet = role_of(&deployment, deployment.properties(parts.fleet));
        assert_eq!(started_by(&fleet), [parts.fleet, parts.follow_up]);
    }

    let starter = Role::by_arn("FollowUpStarter", &deployment, &[]);
    let follow_ups = FUNCTIONS.map(|function| function.parts.follow_up);
    assert_eq!(started_by(&starter), follow_ups);
}

#[test]
fn a_machine_waits_longer_than_its_function_may_take() {
    let deployment = everything();

    for function in FUNCTIONS {
        let function_arn = deployment.arn(deployment.function(function.name()));
        let properties = deployment.properties(deployment.function(function.name()));
        let timeout = properties["Timeout"].as_u64().unwrap();
        assert!(is_within(timeout, "a function's timeout, in seconds"));

        for machine in [function.parts.follow_up, function.parts.fleet] {
            let definition = definition(machine, deployment.properties(machine));
            let most = definition["TimeoutSeconds"].as_u64().unwrap();
            assert!(most <= 604_800, "{machine}");

            let mut states = objects(&definition);
            states.retain(|state| state["Resource"] == "arn:aws:states:::lambda:invoke");
            for state in states {
                assert_eq!(state["Arguments"]["FunctionName"], function_arn.as_str());
                let waits = state["TimeoutSeconds"].as_u64().unwrap();
                assert!(waits > timeout, "{machine}");
            }
        }
    }
}
