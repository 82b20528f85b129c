//! What the roles of the template allow: every call of every scenario, and nothing that no scenario
//! needs.

use std::{collections::BTreeMap, sync::LazyLock};

use emulator::{Emulator, IamRequest};
use template::{Condition, Deployment, Role, Statement, TRIGGERS, arn_of_role, ask, text_of};

use crate::{
    functions::{CHANGING, FUNCTIONS, Function, asked},
    stage::efs::ROLE,
};

/// The role of the template that may do all that a function can do in its account.
static ENFORCING: LazyLock<Deployment> =
    LazyLock::new(|| Deployment::with(&[("Mode", "enforce"), ("AllowDelete", "true")]));

/// Checks that a function's role allows every call in an account, or denies one for the reason that a
/// scenario gives.
pub(crate) fn check(
    local: &Emulator,
    function: &Function,
    replication_role: &str,
    beyond: Option<&str>,
) {
    if std::thread::panicking() {
        return;
    }

    let name = function.name();
    let role = if replication_role.is_empty() {
        Role::of(name, &ENFORCING)
    } else {
        let deployment = Deployment::with(&[
            ("Mode", "enforce"),
            ("AllowDelete", "true"),
            ("ReplicationRoleArn", replication_role),
        ]);
        Role::of(name, &deployment)
    };

    let mut denied = asked(local);
    denied.retain(|ask| !role.allows(ask));
    match beyond {
        None => assert!(
            denied.is_empty(),
            "the role of {name} does not allow {denied:#?}"
        ),
        Some(why) => assert!(
            !denied.is_empty(),
            "the role of {name} allows it all, although {why}"
        ),
    }
}

/// Everything that the template can allow, with replicas in one Region.
pub(crate) fn everything() -> Deployment {
    let more = [
        ("Mode", "enforce"),
        ("AllowDelete", "true"),
        ("VerifyCleanup", "true"),
        ("ReplicaRegions", "eu-west-1"),
        ("ReplicationRoleArn", ROLE),
    ];

    Deployment::with(&[&TRIGGERS[..], &more].concat())
}

/// The calls of everything that the functions do, by the names of the functions.
static FLOWS: LazyLock<BTreeMap<&str, Vec<IamRequest>>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();

    FUNCTIONS
        .map(|function| (function.name(), runtime.block_on((function.flows)())))
        .into()
});

fn flows(function: &Function) -> &'static [IamRequest] {
    &FLOWS[function.name()]
}

// Invariant 9.
#[test]
fn a_role_allows_what_its_function_does_and_denies_what_is_forbidden() {
    for function in FUNCTIONS {
        let name = function.name();
        let role = Role::of(name, &everything());

        for ask in (function.forbidden)() {
            assert!(!role.allows(&ask), "{name} may {ask:?}");
        }
        // The forbidden means something only if its neighbours are allowed.
        for ask in flows(function).iter().chain(&(function.allowed)()) {
            assert!(role.allows(ask), "{name} may not {ask:?}");
        }
    }
}

/// What the policy `run` allows, and why no scenario needs it: Lambda does, in the name of the role.
const REASONS: [(&str, &str); 8] = [
    ("logs:CreateLogStream", "it writes the function's log"),
    ("logs:PutLogEvents", "it writes the function's log"),
    ("xray:PutTraceSegments", "it traces invocations"),
    ("xray:PutTelemetryRecords", "it traces invocations"),
    ("events:PutEvents", "it sends results to their destination"),
    ("sqs:ReceiveMessage", "it reads the function's queue"),
    ("sqs:DeleteMessage", "it reads the function's queue"),
    ("sqs:GetQueueAttributes", "it reads the function's queue"),
];

// Invariant 9.
#[test]
fn each_allowed_action_is_used_by_a_scenario_or_has_a_reason() {
    for function in FUNCTIONS {
        let name = function.name();
        let role = Role::by_arn(&arn_of_role(name, &everything()), &everything(), &[]);

        for action in role.actions() {
            let is_used = flows(function).iter().any(|ask| ask.action == action);
            let reason = REASONS.iter().find(|(excused, _)| *excused == action);
            assert!(
                is_used != reason.is_some(),
                "{action} of {name}: used {is_used}, {reason:?}"
            );
        }
    }
}

/// Every way in which a role can be made smaller or larger by one part, each with its name.
fn variants(role: &Role) -> Vec<(String, Role)> {
    let mut variants = Vec::new();
    for (index, statement) in role.0.iter().enumerate() {
        let mut without = role.clone();
        without.0.remove(index);
        variants.push((format!("without {}", statement.id), without));

        for (name, changed) in variants_of(statement) {
            let mut other = role.clone();
            other.0[index] = changed;
            variants.push((format!("{}: {name}", statement.id), other));
        }
    }

    variants
}

fn variants_of(statement: &Statement) -> Vec<(String, Statement)> {
    let mut variants = Vec::new();
    for (name, actions) in without_one(&statement.actions) {
        let changed = Statement {
            actions,
            ..statement.clone()
        };
        variants.push((name, changed));
    }

    for (name, resources) in without_one(&statement.resources) {
        let changed = Statement {
            resources,
            ..statement.clone()
        };
        variants.push((name, changed));
    }
    if statement.resources != ["*"] {
        let changed = Statement {
            resources: vec!["*".to_owned()],
            ..statement.clone()
        };
        variants.push(("any resource".to_owned(), changed));
    }

    for (index, condition) in statement.conditions.iter().enumerate() {
        let Condition {
            operator,
            key,
            values,
        } = condition;
        let mut unconditional = statement.clone();
        unconditional.conditions.remove(index);
        variants.push((format!("without {operator} {key}"), unconditional));

        for (name, values) in without_one(values) {
            let mut changed = statement.clone();
            changed.conditions[index].values = values;
            variants.push((name, changed));
        }
    }

    variants
}

/// A list without each of its items, where it has more than one.
fn without_one(items: &[String]) -> Vec<(String, Vec<String>)> {
    if items.len() < 2 {
        return Vec::new();
    }

    items
        .iter()
        .map(|item| {
            let others = items.iter().filter(|other| *other != item);
            (format!("without {item}"), others.cloned().collect())
        })
        .collect()
}

/// With and without replication to other accounts: what that allows as well may cover for what is
/// allowed without it.
// Invariant 9.
#[test]
fn every_part_of_every_statement_is_needed() {
    let only_ours = Deployment::with(&[
        ("Mode", "enforce"),
        ("AllowDelete", "true"),
        ("ReplicaRegions", "eu-west-1"),
    ]);

    for function in FUNCTIONS {
        let forbidden = (function.forbidden)();
        let mut noticed: BTreeMap<String, bool> = BTreeMap::new();

        for deployment in [&everything(), &only_ours] {
            let role = Role::of(function.name(), deployment);
            let flows = flows(function).iter();
            let needed: Vec<&IamRequest> = flows.filter(|ask| role.allows(ask)).collect();

            for (name, changed) in variants(&role) {
                let breaks = needed.iter().any(|ask| !changed.allows(ask))
                    || forbidden.iter().any(|ask| changed.allows(ask));
                *noticed.entry(name).or_default() |= breaks;
            }
        }

        let parts = noticed.len();
        let unnoticed: Vec<String> = noticed
            .into_iter()
            .filter(|(_, noticed)| !noticed)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            unnoticed,
            [""; 0],
            "of {parts} parts of {}",
            function.name()
        );
    }
}

/// Whether an action only reads, by its name.
fn only_reads(action: &str) -> bool {
    action
        .split_once(':')
        .is_some_and(|(_, name)| name.starts_with("Describe"))
}

// Invariant 11.
#[test]
fn in_plan_mode_no_role_may_change_anything() {
    let more = [("AllowDelete", "true"), ("ReplicationRoleArn", ROLE)];
    let deployments = [
        Deployment::by_default(),
        Deployment::with(&[&TRIGGERS[..], &more].concat()),
    ];

    for deployment in deployments {
        for function in FUNCTIONS {
            let name = function.name();
            let role = Role::of(name, &deployment);

            for action in role.actions() {
                assert!(
                    only_reads(action) && !action.contains('*'),
                    "{name} may {action} in plan mode"
                );
            }
            for ask in flows(function).iter().chain(&(function.forbidden)()) {
                assert!(
                    only_reads(&ask.action) || !role.allows(ask),
                    "{name} may {ask:?} in plan mode"
                );
            }
        }
    }
}

#[test]
fn an_action_behind_a_parameter_is_denied_without_it() {
    let all = [
        ("Mode", "enforce"),
        ("AllowDelete", "true"),
        ("ReplicationRoleArn", ROLE),
    ];

    for function in CHANGING {
        let (parameter, action) = (
            function.changes().gate.parameter,
            function.changes().gate.action,
        );
        let mut others = all.to_vec();
        others.retain(|(name, _)| *name != parameter);
        let role = Role::of(function.name(), &Deployment::with(&others));

        let mut gated = flows(function).to_vec();
        gated.retain(|ask| ask.action == action);
        assert!(
            !gated.is_empty(),
            "{}: no scenario of `flows` asks for {action}, which `gate` names",
            function.name()
        );
        let with_all = Role::of(function.name(), &everything());
        for ask in gated.iter().chain(&(function.changes().gate.more)()) {
            assert!(!role.allows(ask), "{ask:?} is allowed without {parameter}");
            assert!(with_all.allows(ask), "{ask:?} is not allowed at all");
        }
    }
}

/// Lambda itself needs these, so no scenario does.
#[test]
fn a_role_has_what_lambda_needs_to_run_its_function() {
    let deployment = everything();

    for function in FUNCTIONS {
        let name = function.name();
        let but = ["read", "change", "cross-accounts"];
        let run = Role::by_arn(&arn_of_role(name, &deployment), &deployment, &but);
        // Only a function with a queue reads one.
        let needed = REASONS.iter().map(|(action, _)| *action);
        let needed = needed.filter(|it| function.changes.is_some() || !it.starts_with("sqs:"));
        assert!(run.actions().eq(needed), "{name}");

        let properties = deployment.properties(deployment.function(name));
        for end in ["OnSuccess", "OnFailure"] {
            let destinations = &properties["EventInvokeConfig"]["DestinationConfig"];
            let bus = text_of(&destinations[end]["Destination"]);
            let put = ask("events:PutEvents", &bus);
            assert!(run.allows(&put), "{name} may not send to {bus}");
        }
    }
}
