//! What of the whole way did happen. A hop that never happened was not tested.

use std::collections::BTreeMap;

use serde_json::Value;
use template::{Deployment, machine::definition};

use crate::record::Subject;

/// After how many seeds every hop must have happened.
pub(crate) const ENOUGH_SEEDS: u64 = 2_000;

/// Hops that are not resources of the template.
const HOPS: [&str; 28] = [
    "in by bus",
    "in by native event",
    "in by topic",
    "in by queue",
    "in by invocation",
    "in by fleet",
    "nobody's event",
    "asynchronous attempt",
    "throttled",
    "target away",
    "condition Success",
    "condition RetriesExhausted",
    "condition EventAgeExceeded",
    "destination OnSuccess",
    "destination OnFailure",
    "duplicate by a rule",
    "duplicate by a topic",
    "duplicate by a queue",
    "duplicate by Lambda",
    "message processed",
    "message left",
    "batch of 1",
    "batch of 5",
    "Lambda.ServiceException",
    "EventBridge.FailedEntry",
    "S3.S3Exception",
    "SNS.SnsException",
    "topic away",
];

/// The states that only one function leads to, by its name.
const OF_ONE_FUNCTION: [(&str, &str); 1] = [(
    "disconnect-source-server",
    "state FollowUp/Ask EC2 for the snapshots",
)];

/// The rules that lead to no function which changes something: those of audits, and of DRS's own
/// events. Tests of the template hold them.
const OF_NO_REQUEST: [&str; 4] = [
    "rule FileSystemAuditRequested",
    "rule NotifyRecoveryEvent",
    "rule ServerAuditRequested",
    "rule ServerAuditStall",
];

/// Every end of an execution but a timeout, which takes longer than anything is put off.
const ENDS: [&str; 3] = ["SUCCEEDED", "FAILED", "ABORTED"];

/// Every hop of a function that can happen and did not.
pub(crate) fn never_happened(subject: &Subject, hops: &BTreeMap<String, u64>) -> Vec<String> {
    // Everything that a stack with one function can have.
    let triggers = ["TopicTrigger", "QueueTrigger"].map(|name| (name, "ENABLED"));
    let mut parameters = triggers.to_vec();
    parameters.push(("Functions", subject.function.stack()));
    let deployment = Deployment::with(&parameters);

    let mut all: Vec<String> = HOPS.map(str::to_owned).to_vec();
    for (name, _) in deployment.of_type("AWS::Events::Rule") {
        all.push(format!("rule {name}"));
    }
    for (name, queue) in deployment.of_type("AWS::SQS::Queue") {
        // A queue of requests has another one for its dead letters.
        let is_read = queue.get("RedrivePolicy").is_some();
        all.push(format!(
            "{} {name}",
            if is_read { "queue" } else { "letter in" }
        ));
    }
    for (name, subscription) in deployment.of_type("AWS::SNS::Subscription") {
        if subscription["Protocol"] != "email" {
            all.push(format!("subscription {name}"));
        }
    }
    for (name, machine) in deployment.of_type("AWS::Serverless::StateMachine") {
        let definition = definition(name, machine);
        all.extend(states(&definition).map(|state| format!("state {name}/{state}")));
        all.extend(ENDS.map(|end| format!("{name} {end}")));
    }

    let is_of_another = |hop: &String| {
        let mut states = OF_ONE_FUNCTION.iter();
        states.any(|(function, state)| hop == state && *function != subject.name())
            || OF_NO_REQUEST.contains(&hop.as_str())
    };
    all.retain(|hop| !hops.contains_key(hop) && !is_of_another(hop));
    all
}

/// The names of all states, those of the items of a map included.
fn states(machine: &Value) -> impl Iterator<Item = String> {
    let mut names = Vec::new();
    for (name, state) in machine["States"].as_object().into_iter().flatten() {
        names.push(name.clone());
        names.extend(states(&state["ItemProcessor"]));
    }

    names.into_iter()
}
