//! State machines and their roles.

use serde_json::Value;
use template::{
    Role, ask,
    facts::{self},
    machine::{definition, needed, objects},
    text_of,
};

use crate::iam::{BOOTSTRAP, DISCONNECT, everything};

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
