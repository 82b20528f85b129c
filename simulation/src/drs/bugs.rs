//! Bugs to plant beside `disconnect-source-server`.

use emulator::wire::{self, Answer, Wire};
use serde_json::{Value, json};

use crate::{
    bugs::{conclusion_of, empty_answer},
    constants::{APPROVED, HERE, PROTECTED, epoch},
    record::{Bug, Intercepted, State, Tampering, text},
};

/// Each was found in some tool of this kind.
pub(crate) static BUGS: [Bug; 20] = [
    Bug {
        name: "409 taken as success",
        conclusion: |_, target| {
            (conclusion_of(target).1 == "conflict").then(|| ("done", "disconnected".to_owned()))
        },
        ..Bug::NONE
    },
    Bug {
        name: "timeout taken as failure",
        conclusion: |_, target| {
            let (outcome, reason) = conclusion_of(target);
            (outcome == "indeterminate").then(|| ("failed", reason.to_owned()))
        },
        ..Bug::NONE
    },
    Bug {
        name: "any error taken as \"not there\"",
        answer: error_is_an_empty_list,
        ..Bug::NONE
    },
    Bug {
        name: "no host check",
        body: |tampering, body| each_server(tampering, body, agree_with_host_name),
        ..Bug::NONE
    },
    Bug {
        name: "no approval check",
        body: |tampering, body| {
            each_server(tampering, body, |tampering, server| {
                server["tags"][APPROVED] = json!(tampering.request.id);
            });
        },
        ..Bug::NONE
    },
    Bug {
        name: "approval not consumed",
        before_call: skip_untagging,
        body: |tampering, body| {
            each_server(tampering, body, |_, server| {
                if is_disconnected(server) {
                    remove_tag(server, APPROVED);
                }
            });
        },
        ..Bug::NONE
    },
    Bug {
        name: "approval consumed before the effect",
        before_call: untag_first,
        ..Bug::NONE
    },
    Bug {
        name: "protection ignored",
        body: |tampering, body| {
            each_server(tampering, body, |_, server| remove_tag(server, PROTECTED));
        },
        ..Bug::NONE
    },
    Bug {
        name: "any answer to a disconnect taken for a read",
        body: |tampering, body| {
            if tampering.operation == "DisconnectSourceServer" {
                body["dataReplicationInfo"]["dataReplicationState"] = json!("DISCONNECTED");
            }
        },
        ..Bug::NONE
    },
    Bug {
        name: "report before the read-back",
        body: |tampering, body| each_server(tampering, body, assume_success),
        ..Bug::NONE
    },
    Bug {
        name: "one stale read trusted",
        conclusion: |_, target| {
            (conclusion_of(target) == ("pending", "not_seen_yet"))
                .then(|| ("refused", "not_disconnected".to_owned()))
        },
        ..Bug::NONE
    },
    Bug {
        name: "first page only",
        body: |tampering, body| {
            if tampering.operation.starts_with("Describe") {
                body["nextToken"] = Value::Null;
            }
        },
        ..Bug::NONE
    },
    Bug {
        name: "limits checked one by one",
        variable: |name| match name {
            "MAX_TARGETS" | "MAX_SHARE_PERCENT" => Some("100"),
            _ => None,
        },
        ..Bug::NONE
    },
    Bug {
        name: "dry run that executes",
        payload: |payload| payload.replace("\"dryRun\":true", "\"dryRun\":false"),
        ..Bug::NONE
    },
    Bug {
        name: "recovery instances ignored",
        body: |tampering, body| {
            empty_list(tampering, body, "DescribeRecoveryInstances");
            each_server(tampering, body, |_, server| {
                server["recoveryInstanceId"] = Value::Null;
            });
        },
        ..Bug::NONE
    },
    Bug {
        name: "deleted without proof",
        body: |tampering, body| {
            let detail = tampering.request.detail.as_ref();
            if detail.is_some_and(|detail| detail["action"] == "delete") {
                empty_list(tampering, body, "DescribeRecoverySnapshots");
            }
        },
        ..Bug::NONE
    },
    Bug {
        name: "jobs ignored",
        body: |tampering, body| empty_list(tampering, body, "DescribeJobs"),
        ..Bug::NONE
    },
    Bug {
        name: "expiry ignored",
        now: |_| epoch(),
        ..Bug::NONE
    },
    Bug {
        name: "unknown fields ignored",
        payload: |payload| {
            payload
                .replace("\"forceful\":1,", "")
                .replace("\"force\":true,", "")
        },
        ..Bug::NONE
    },
    Bug {
        name: "failure acknowledged",
        acknowledges_failures: true,
        ..Bug::NONE
    },
];

fn error_is_an_empty_list(operation: &str, wire: Wire) -> Wire {
    let is_error = match &wire {
        Wire::Answer(answer) | Wire::Slow(answer) => answer.status >= 400,
        Wire::Truncate(_) | Wire::Reset => true,
        Wire::Hang => false,
    };
    if !is_error || !operation.starts_with("Describe") {
        return wire;
    }

    Wire::Answer(Answer {
        status: 200,
        error_type: None,
        retry_after: None,
        content_type: "application/json",
        body: Some(json!({ "items": [] }).to_string()),
    })
}

fn skip_untagging(_: &mut State, intercepted: &Intercepted<'_>) -> Option<Wire> {
    let skips = intercepted.operation == "UntagResource" && intercepted.fault.is_none();

    skips.then(|| empty_answer(204))
}

fn untag_first(state: &mut State, intercepted: &Intercepted<'_>) -> Option<Wire> {
    if intercepted.operation == "DisconnectSourceServer" {
        // The same call that the function makes later, signed as this one is.
        let body = intercepted.body();
        let id = text(&body, "sourceServerID");
        let path = format!("/tags/arn:aws:drs:{HERE}:111122223333:source-server/{id}");
        let untag = wire::Call {
            method: "DELETE",
            path: &path,
            query: "tagKeys=drover%3Aapproved",
            body: b"",
            ..intercepted.call
        };

        let wire = state.cloud.call(untag);
        state.record_call(intercepted.attempt, untag, &wire, None);
    }

    None
}

fn empty_list(tampering: &Tampering<'_>, body: &mut Value, operation: &str) {
    if tampering.operation == operation {
        body["items"] = json!([]);
    }
}

/// Tampers with each server that `DescribeSourceServers` returns.
fn each_server(
    tampering: &Tampering<'_>,
    body: &mut Value,
    tamper: fn(&Tampering<'_>, &mut Value),
) {
    if tampering.operation != "DescribeSourceServers" {
        return;
    }

    for server in body["items"].as_array_mut().into_iter().flatten() {
        tamper(tampering, server);
    }
}

/// Gives a server the host name that the request expects.
fn agree_with_host_name(tampering: &Tampering<'_>, server: &mut Value) {
    let targets = tampering.request.targets();
    let target = targets
        .iter()
        .find(|target| target["sourceServerID"] == server["sourceServerID"]);

    let hostname = target
        .map(|target| target["hostname"].clone())
        .filter(|name| !name.is_null());
    if let Some(hostname) = hostname {
        server["sourceProperties"]["identificationHints"]["hostname"] = hostname;
    }
}

/// Shows a server that the attempt has changed as it should be.
fn assume_success(tampering: &Tampering<'_>, server: &mut Value) {
    let id = text(server, "sourceServerID");
    let was_changed = tampering
        .log
        .calls
        .iter()
        .any(|call| call.mutating && call.subject == id);

    if was_changed {
        server["dataReplicationInfo"]["dataReplicationState"] = json!("DISCONNECTED");
        remove_tag(server, APPROVED);
    }
}

fn is_disconnected(server: &Value) -> bool {
    server["dataReplicationInfo"]["dataReplicationState"] == "DISCONNECTED"
}

fn remove_tag(server: &mut Value, key: &str) {
    if let Some(tags) = server["tags"].as_object_mut() {
        tags.remove(key);
    }
}
