//! The forms that are about no single resource: an event, a fault, the world.

use emulator::{FaultKind, World};
use maud::{Markup, html};

use crate::{functions::FUNCTIONS, web::account::setting};

/// The operations that the functions call, as suggestions for a fault.
const OPERATIONS: [&str; 12] = [
    "DescribeSourceServers",
    "DescribeRecoverySnapshots",
    "DescribeRecoveryInstances",
    "DescribeJobs",
    "DisconnectSourceServer",
    "DeleteSourceServer",
    "UntagResource",
    "DescribeFileSystems",
    "DescribeReplicationConfigurations",
    "CreateReplicationConfiguration",
    "CreateMountTarget",
    "CreateAccessPoint",
];

/// The section that sends an event.
pub(super) fn event(world: &World, event: &str) -> Markup {
    html! {
        // The mode is chosen anew for each event: nobody enforces because somebody did before.
        section #event data-live aria-labelledby="event-title" {
            h2 #event-title { "Send an event" }
            form.stack method="post" action="/console/event" {
                label for="event-text" {
                    "Event, a JSON object. " code { "{{now+12h}}" } " becomes a time."
                }
                textarea #event-text.mono name="event" rows="12" spellcheck="false" required {
                    (event)
                }
                div.fields {
                    div {
                        label for="event-function" { "Function" }
                        select #event-function name="function" {
                            option value="" { "found by the event" }
                            @for function in &FUNCTIONS {
                                option value=(function.name) { (function.name) }
                            }
                        }
                    }
                    fieldset {
                        legend { "Mode" }
                        label.choice {
                            input #mode-plan type="radio" name="mode" value="plan" checked;
                            " plan"
                        }
                        label.choice {
                            input #mode-enforce type="radio" name="mode" value="enforce";
                            " enforce"
                        }
                    }
                    button.primary #send-event { "Send" }
                }
                p.hint {
                    "Sets MODE of the function, as a deployment does. Deployed now: "
                    @for (index, function) in FUNCTIONS.iter().enumerate() {
                        @if index > 0 { ", " }
                        (function.name) " in "
                        b { (setting(world, function.name, "MODE", "plan")) }
                    }
                    "."
                }
            }
        }
    }
}

/// The section that injects faults.
pub(super) fn faults(world: &World) -> Markup {
    html! {
        section #faults data-live aria-labelledby="faults-title" {
            h2 #faults-title { "Faults" }
            form.stack method="post" action="/console/fault" {
                label for="fault-operation" { "Operation" }
                // Suggestions only: any emulated operation can meet a fault.
                input #fault-operation.mono name="operation" list="operations" required
                    value="DisconnectSourceServer" spellcheck="false" autocomplete="off";
                datalist #operations {
                    @for operation in OPERATIONS { option value=(operation) {} }
                }
                div.fields {
                    div {
                        label for="fault-kind" { "Kind" }
                        select #fault-kind name="kind" {
                            @for kind in FaultKind::ALL {
                                option value=(code(kind)) { (code(kind).replace('_', " ")) }
                            }
                        }
                    }
                    div {
                        label for="fault-times" { "Calls" }
                        input #fault-times type="number" name="times" value="1" min="1" max="1000";
                    }
                    button #inject-fault { "Inject" }
                }
            }
            (pending(world))
        }
    }
}

/// The faults that no call has met yet.
fn pending(world: &World) -> Markup {
    html! {
        @if world.faults.is_empty() {
            p.hint { "No fault is waiting for a call." }
        } @else {
            ul.plain {
                @for fault in &world.faults {
                    li {
                        b { (code(fault.kind).replace('_', " ")) }
                        " waits for " span.mono { (fault.operation) }
                        @if fault.times > 1 { " ×" (fault.times) }
                    }
                }
            }
        }
    }
}

/// The section that imports and saves the account.
pub(super) fn world() -> Markup {
    html! {
        section #world aria-labelledby="world-title" {
            h2 #world-title { "World" }
            form.stack method="post" action="/console/world" enctype="multipart/form-data" {
                // Either of them will do; the file counts if there are both.
                label for="world-file" { "A world file" }
                input #world-file type="file" name="file" accept=".json,application/json";
                label for="world-text" { "or its JSON" }
                textarea #world-text.mono name="text" rows="4" spellcheck="false"
                    placeholder="{\"account\": \"111122223333\", \"region\": \"us-east-1\", …}" {}
                div.fields {
                    button #import-world { "Replace the account" }
                    a.button href="/console/world.json" download="world.json" { "Download" }
                }
                p.hint {
                    "The account as it is now, as a file for "
                    code { "drover plan --world" } "."
                }
            }
        }
    }
}

/// The name of a kind of fault in JSON.
fn code(kind: FaultKind) -> String {
    // The form speaks as the control API does, by the names of JSON.
    let code = serde_json::to_value(kind).unwrap_or_default();
    code.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use emulator::Fault;

    use super::*;
    use crate::{functions, web::state::EXAMPLE_EVENT};

    #[test]
    fn every_suggested_operation_can_meet_a_fault() {
        for operation in OPERATIONS {
            Fault::next(operation, FaultKind::Throttle).check().unwrap();
        }
    }

    #[test]
    fn the_first_event_is_a_request_for_a_function() {
        let event = emulator::event::fill(EXAMPLE_EVENT, Utc::now()).unwrap();
        let function = functions::of_event(&event, Utc::now()).unwrap();
        assert_eq!(function, "disconnect-source-server");
    }
}
