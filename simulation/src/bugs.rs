//! Bugs to plant, each of which was found in some tool of this kind. The functions are not touched:
//! what a careless function would not look at is hidden from the real one, or its words are changed
//! on their way out.

use chrono::{DateTime, Utc};
use emulator::{
    FaultKind, World,
    wire::{self, Answer, Wire},
};
use serde_json::{Value, json};

use crate::{
    record::{State, text},
    scenario::{APPROVED, Function, HERE, PROTECTED, THERE, epoch},
};

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    ConflictIsSuccess,
    TimeoutIsFailure,
    ErrorIsNothingThere,
    NoHostCheck,
    NoApprovalCheck,
    ApprovalNotConsumed,
    ConsumedBeforeTheEffect,
    ProtectionIgnored,
    AnyAnswerTold,
    ReportBeforeTheReadBack,
    StaleReadTrusted,
    FirstPageOnly,
    LimitsOneByOne,
    DryRunExecutes,
    RecoveryInstanceIgnored,
    JobIgnored,
    ExpiryIgnored,
    UnknownFieldsIgnored,
    FailureIsAcknowledged,
    OverwriteWithoutKeys,
    ConflictOnCreateIsFailure,
    SecondDestination,
    OverwriteProtectionDisabledByUs,
    UsableBeforeTheFirstSync,
    AnyRegion,
}

impl Bug {
    pub(crate) const ALL: [Self; 25] = [
        Self::ConflictIsSuccess,
        Self::TimeoutIsFailure,
        Self::ErrorIsNothingThere,
        Self::NoHostCheck,
        Self::NoApprovalCheck,
        Self::ApprovalNotConsumed,
        Self::ConsumedBeforeTheEffect,
        Self::ProtectionIgnored,
        Self::AnyAnswerTold,
        Self::ReportBeforeTheReadBack,
        Self::StaleReadTrusted,
        Self::FirstPageOnly,
        Self::LimitsOneByOne,
        Self::DryRunExecutes,
        Self::RecoveryInstanceIgnored,
        Self::JobIgnored,
        Self::ExpiryIgnored,
        Self::UnknownFieldsIgnored,
        Self::FailureIsAcknowledged,
        Self::OverwriteWithoutKeys,
        Self::ConflictOnCreateIsFailure,
        Self::SecondDestination,
        Self::OverwriteProtectionDisabledByUs,
        Self::UsableBeforeTheFirstSync,
        Self::AnyRegion,
    ];

    /// Whose bug it is.
    pub(crate) fn function(self) -> Function {
        match self {
            Self::OverwriteWithoutKeys
            | Self::ConflictOnCreateIsFailure
            | Self::SecondDestination
            | Self::OverwriteProtectionDisabledByUs
            | Self::UsableBeforeTheFirstSync
            | Self::AnyRegion => Function::BootstrapEfsReplication,
            _ => Function::DisconnectSourceServer,
        }
    }

    /// The bug in a few words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::ConflictIsSuccess => "409 taken as success",
            Self::TimeoutIsFailure => "timeout taken as failure",
            Self::ErrorIsNothingThere => "any error taken as \"not there\"",
            Self::NoHostCheck => "no host check",
            Self::NoApprovalCheck => "no approval check",
            Self::ApprovalNotConsumed => "approval not consumed",
            Self::ConsumedBeforeTheEffect => "approval consumed before the effect",
            Self::ProtectionIgnored => "protection ignored",
            Self::AnyAnswerTold => "any answer to a disconnect taken for a look",
            Self::ReportBeforeTheReadBack => "report before the read-back",
            Self::StaleReadTrusted => "one stale read trusted",
            Self::FirstPageOnly => "first page only",
            Self::LimitsOneByOne => "limits checked one by one",
            Self::DryRunExecutes => "dry run that executes",
            Self::RecoveryInstanceIgnored => "recovery instances ignored",
            Self::JobIgnored => "jobs ignored",
            Self::ExpiryIgnored => "expiry ignored",
            Self::UnknownFieldsIgnored => "unknown fields ignored",
            Self::FailureIsAcknowledged => "failure acknowledged",
            Self::OverwriteWithoutKeys => "overwrite without its keys",
            Self::ConflictOnCreateIsFailure => "conflict on create taken as failure",
            Self::SecondDestination => "second destination created",
            Self::OverwriteProtectionDisabledByUs => "overwrite protection disabled by us",
            Self::UsableBeforeTheFirstSync => "usable before the first sync",
            Self::AnyRegion => "any Region allowed",
        }
    }
}

fn is(state: &State, bug: Bug) -> bool {
    state.bug == Some(bug)
}

fn plain(status: u16) -> Wire {
    Wire::Answer(Answer {
        status,
        error_type: None,
        body: None,
    })
}

/// What a bug does before a call, or in its place.
pub(crate) fn instead(
    state: &mut State,
    attempt: usize,
    operation: &str,
    call: wire::Call<'_>,
    fault: Option<FaultKind>,
) -> Option<Wire> {
    let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
    match (state.bug?, operation) {
        (Bug::ApprovalNotConsumed, "UntagResource") if fault.is_none() => return Some(plain(204)),
        (Bug::ConsumedBeforeTheEffect, "DisconnectSourceServer") => {
            let arn = format!(
                "/tags/arn:aws:drs:{HERE}:111122223333:source-server/{}",
                text(&body, "sourceServerID")
            );
            let untag = wire::Call {
                method: "DELETE",
                path: &arn,
                query: "tagKeys=drover%3Aapproved",
                body: b"",
                ..call
            };
            let wire = state.cloud.call(untag);
            state.record_call(attempt, untag, &wire, None);
        }
        (Bug::OverwriteProtectionDisabledByUs, "CreateReplicationConfiguration") => {
            let id = text(&body["Destinations"][0], "FileSystemId");
            let path = format!("/2015-02-01/file-systems/{id}/protection");
            let authorization = call.authorization.map(|text| text.replace(HERE, THERE));
            let unlock = wire::Call {
                method: "PUT",
                path: &path,
                authorization: authorization.as_deref(),
                body: br#"{"ReplicationOverwriteProtection":"DISABLED"}"#,
                ..call
            };
            if !id.is_empty() {
                let wire = state.cloud.call(unlock);
                state.record_call(attempt, unlock, &wire, None);
            }
        }
        (Bug::SecondDestination, "CreateReplicationConfiguration") => {
            let source = call.path.split('/').nth(3).unwrap_or_default().to_owned();
            let again = |world: &World| {
                world
                    .replications
                    .iter()
                    .any(|of| of.source_file_system_id == source)
            };
            if again(&state.cloud.world()) {
                let second = emulator::FileSystem::new("fs-000000dd");
                state.cloud.change(|world| {
                    world
                        .efs
                        .entry(THERE.to_owned())
                        .or_default()
                        .file_systems
                        .push(second);
                    world.bind((HERE, &source), (THERE, "fs-000000dd"));
                });
                state.remember_world();
                return Some(plain(500));
            }
        }
        _ => {}
    }
    None
}

/// What a bug makes of an answer.
pub(crate) fn rewrite(state: &mut State, attempt: usize, operation: &str, wire: Wire) -> Wire {
    let Some(bug) = state.bug else { return wire };
    let reads = !state.service().changes(operation);
    if bug == Bug::ErrorIsNothingThere && reads && is_error(&wire) {
        let body = Some(json!({ "items": [] }).to_string());
        return Wire::Answer(Answer {
            status: 200,
            error_type: None,
            body,
        });
    }
    let Wire::Answer(mut answer) = wire else {
        return wire;
    };
    let parsed = answer
        .body
        .as_deref()
        .and_then(|body| serde_json::from_str::<Value>(body).ok());
    let garbled = reads || (bug, operation) == (Bug::AnyAnswerTold, "DisconnectSourceServer");
    if let Some(mut body) = parsed.filter(|_| answer.status == 200 && garbled) {
        tamper(state, bug, attempt, operation, &mut body);
        answer.body = Some(body.to_string());
    }
    Wire::Answer(answer)
}

fn is_error(wire: &Wire) -> bool {
    match wire {
        Wire::Answer(answer) | Wire::Slow(answer) => answer.status >= 400,
        Wire::Truncate(_) | Wire::Reset => true,
        Wire::Hang => false,
    }
}

fn tamper(state: &State, bug: Bug, attempt: usize, operation: &str, body: &mut Value) {
    let Some(log) = state.attempts.get(attempt) else {
        return;
    };
    let Some(request) = state.requests.get(log.request) else {
        return;
    };
    match (bug, operation) {
        (Bug::AnyAnswerTold, "DisconnectSourceServer") => {
            body["dataReplicationInfo"]["dataReplicationState"] = json!("DISCONNECTED");
        }
        (Bug::FirstPageOnly, _) => body["nextToken"] = Value::Null,
        (Bug::JobIgnored, "DescribeJobs")
        | (Bug::RecoveryInstanceIgnored, "DescribeRecoveryInstances") => {
            body["items"] = json!([]);
        }
        (_, "DescribeSourceServers") => {
            for server in body["items"].as_array_mut().into_iter().flatten() {
                let id = text(server, "sourceServerID").to_owned();
                let asked = request
                    .targets()
                    .into_iter()
                    .find(|target| target["sourceServerID"] == id.as_str());
                let disconnected =
                    server["dataReplicationInfo"]["dataReplicationState"] == "DISCONNECTED";
                let tried = log
                    .calls
                    .iter()
                    .any(|call| call.mutating && call.subject == id);
                let remove = |server: &mut Value, key: &str| {
                    server["tags"]
                        .as_object_mut()
                        .map(|tags| tags.remove(key))
                        .unwrap_or_default()
                };
                match bug {
                    Bug::NoHostCheck => {
                        let name = asked
                            .map(|asked| asked["hostname"].clone())
                            .filter(|name| !name.is_null());
                        let hints = &mut server["sourceProperties"]["identificationHints"];
                        hints["hostname"] = name.unwrap_or(hints["hostname"].clone());
                    }
                    Bug::NoApprovalCheck => server["tags"][APPROVED] = json!(request.id),
                    Bug::ApprovalNotConsumed if disconnected => _ = remove(server, APPROVED),
                    Bug::ProtectionIgnored => _ = remove(server, PROTECTED),
                    Bug::RecoveryInstanceIgnored => server["recoveryInstanceId"] = Value::Null,
                    Bug::ReportBeforeTheReadBack if tried => {
                        server["dataReplicationInfo"]["dataReplicationState"] =
                            json!("DISCONNECTED");
                        remove(server, APPROVED);
                    }
                    _ => {}
                }
            }
        }
        (Bug::OverwriteWithoutKeys, "DescribeFileSystems") => {
            let free = |of: &&mut Value| {
                of["FileSystemProtection"]["ReplicationOverwriteProtection"] == "DISABLED"
            };
            for of in body["FileSystems"]
                .as_array_mut()
                .into_iter()
                .flatten()
                .filter(free)
            {
                of["Tags"] = json!([{ "Key": APPROVED, "Value": request.id }]);
            }
        }
        (Bug::UsableBeforeTheFirstSync, "DescribeReplicationConfigurations") => {
            body["Replications"][0]["Destinations"][0]["LastReplicatedTimestamp"] =
                json!(epoch().timestamp());
        }
        _ => {}
    }
}

/// What a bug makes of the words of the function.
pub(crate) fn reword(
    state: &State,
    attempt: usize,
    error_type: &mut Option<String>,
    body: &mut Value,
) {
    let Some(bug) = state.bug else { return };
    let Some(log) = state.attempts.get(attempt) else {
        return;
    };
    let refused = |call: &&crate::record::Call| {
        call.operation == "CreateReplicationConfiguration" && matches!(call.status, Some(400 | 409))
    };
    let created = log.calls.iter().any(|call| refused(&call));
    let mut reworded = false;
    for target in body["targets"].as_array_mut().into_iter().flatten() {
        let (outcome, reason) = (
            text(target, "outcome").to_owned(),
            text(target, "reason").to_owned(),
        );
        let says = match (bug, outcome.as_str(), reason.as_str()) {
            (Bug::ConflictIsSuccess, _, "conflict") => Some(("done", "disconnected")),
            (Bug::TimeoutIsFailure, "indeterminate", _) => Some(("failed", reason.as_str())),
            (Bug::StaleReadTrusted, "pending", "not_seen_yet") => {
                Some(("refused", "not_disconnected"))
            }
            (Bug::ConflictOnCreateIsFailure, "pending", _) if created => {
                target["message"] = json!("CreateReplicationConfiguration: AWS refused the call");
                Some(("failed", "rejected_by_aws"))
            }
            _ => None,
        };
        if let Some((outcome, reason)) = says {
            (target["outcome"], target["reason"]) = (json!(outcome), json!(reason));
            reworded = true;
        }
    }
    if reworded {
        body["outcome"] = json!("done");
        *error_type = None;
    }
    if bug == Bug::FailureIsAcknowledged {
        *error_type = None;
    }
}

/// What a bug makes of what is delivered.
pub(crate) fn payload(state: &State, payload: String) -> String {
    match state.bug {
        Some(Bug::DryRunExecutes) => payload.replace("\"dryRun\":true", "\"dryRun\":false"),
        Some(Bug::UnknownFieldsIgnored) => payload
            .replace("\"forceful\":1,", "")
            .replace("\"force\":true,", ""),
        _ => payload,
    }
}

/// What time a bug believes it is.
pub(crate) fn time(state: &State, now: DateTime<Utc>) -> DateTime<Utc> {
    if is(state, Bug::ExpiryIgnored) {
        epoch()
    } else {
        now
    }
}

/// What a bug makes of the deployment.
pub(crate) fn variables(state: &State) -> Vec<(&'static str, String)> {
    let mut variables = state.scenario.variables.clone();
    for (name, value) in &mut variables {
        match (state.bug, *name) {
            (Some(Bug::LimitsOneByOne), "MAX_TARGETS" | "MAX_SHARE_PERCENT") => {
                "100".clone_into(value)
            }
            (Some(Bug::AnyRegion), "REPLICA_REGIONS") => "*".clone_into(value),
            _ => {}
        }
    }
    variables
}
