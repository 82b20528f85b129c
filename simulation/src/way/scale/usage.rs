//! What a run used: calls of AWS, state transitions, and everything else that is billed.

use std::collections::BTreeMap;

use serde_json::Value;
use template::machine::definition;

use crate::{
    record::State,
    way::{
        account::Account,
        machine::{ITEM, RETRY},
        meter::Meter,
        scale::results::FLEET,
    },
};

/// Calls of AWS by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Calls {
    /// Calls that AWS did not throttle.
    pub(super) admitted: u64,
    pub(super) throttled: u64,
}

/// State transitions of Standard workflows: each state that is entered, each retry, and each child
/// execution that a distributed map starts, by
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html>.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Transitions {
    /// States of the executions of a fleet themselves.
    pub(super) fleets: u64,
    /// States of the child executions of its items.
    pub(super) items: u64,
    /// Child executions that were started.
    pub(super) starts: u64,
    /// States of follow-ups and of notifications.
    pub(super) follow_ups: u64,
    pub(super) notifications: u64,
    pub(super) retries: u64,
}

/// Everything that a run used.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Usage {
    /// The calls of AWS, by the action of the request and by operation.
    pub(super) calls: BTreeMap<(String, String), Calls>,
    pub(super) transitions: Transitions,
    pub(super) meter: Meter,
    /// Function processes that were started.
    pub(super) sandboxes: usize,
    /// Invocations that Lambda refused, since as many ran as are reserved.
    pub(super) refused: u64,
    /// Notifications of people.
    pub(super) notified: u64,
    /// The most events in the history of an execution.
    pub(super) longest_history: u64,
}

impl Usage {
    /// What an account has used.
    pub(super) fn of_account(account: &Account) -> Self {
        // The states were counted as they were entered, in items that were stopped as well.
        let hops = account.trace.borrow().hops.clone();
        let executions = account.executions.borrow();
        let histories = executions.iter().filter_map(|it| it.execution.as_ref());
        let state = account.simulation.state();

        Self {
            calls: calls(&state),
            transitions: Transitions::of_hops(&hops, &item_states(account)),
            meter: *account.meter.borrow(),
            sandboxes: state.sandboxes,
            refused: hops.get("throttled").copied().unwrap_or_default(),
            notified: hops.get("Notify SUCCEEDED").copied().unwrap_or_default(),
            longest_history: histories.map(|it| it.events).max().unwrap_or_default(),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        // By action and operation, since accounts may differ in both.
        for (key, more) in &other.calls {
            let all = self.calls.entry(key.clone()).or_default();
            all.admitted += more.admitted;
            all.throttled += more.throttled;
        }

        self.transitions.add(other.transitions);
        self.meter.add(other.meter);
        self.sandboxes += other.sandboxes;
        self.refused += other.refused;
        self.notified += other.notified;
        self.longest_history = self.longest_history.max(other.longest_history);
    }

    /// All calls, or those for requests with one action.
    pub(super) fn calls_for(&self, action: Option<&str>) -> Calls {
        let mut all = Calls::default();
        for ((for_action, _), calls) in &self.calls {
            if action.is_none_or(|action| action == for_action) {
                all.admitted += calls.admitted;
                all.throttled += calls.throttled;
            }
        }

        all
    }
}

impl Transitions {
    fn of_hops(hops: &BTreeMap<String, u64>, item_states: &[String]) -> Self {
        let mut transitions = Self::default();
        for (hop, count) in hops {
            if hop == ITEM {
                transitions.starts += count;
            } else if hop.starts_with(RETRY) {
                transitions.retries += count;
            } else if let Some((machine, state)) = state_of(hop) {
                let is_of_item = machine == FLEET && item_states.iter().any(|it| it == state);
                let counted = match machine {
                    _ if is_of_item => &mut transitions.items,
                    FLEET => &mut transitions.fleets,
                    "FollowUp" => &mut transitions.follow_ups,
                    "Notify" => &mut transitions.notifications,
                    other => panic!("{other} is not known here"),
                };
                *counted += count;
            }
        }

        transitions
    }

    /// All of them.
    pub(super) fn sum(self) -> u64 {
        let Self {
            fleets,
            items,
            starts,
            follow_ups,
            notifications,
            retries,
        } = self;

        fleets + items + starts + follow_ups + notifications + retries
    }

    fn add(&mut self, other: Self) {
        self.fleets += other.fleets;
        self.items += other.items;
        self.starts += other.starts;
        self.follow_ups += other.follow_ups;
        self.notifications += other.notifications;
        self.retries += other.retries;
    }
}

/// The machine and the state of a hop into a state.
fn state_of(hop: &str) -> Option<(&str, &str)> {
    hop.strip_prefix("state ")?.split_once('/')
}

/// The states of the child executions of a fleet, by the deployed definition.
fn item_states(account: &Account) -> Vec<String> {
    let properties = account.stack.deployment.properties(FLEET);
    let machine = definition(FLEET, properties);
    let states = machine["States"].as_object().into_iter().flatten();

    let processors = states.filter_map(|(_, state)| state["ItemProcessor"]["States"].as_object());
    processors.flatten().map(|(name, _)| name.clone()).collect()
}

fn calls(state: &State) -> BTreeMap<(String, String), Calls> {
    let mut calls: BTreeMap<(String, String), Calls> = BTreeMap::new();
    for log in &state.attempts {
        let request = state.requests.get(log.request);
        let detail = request.and_then(|request| request.detail.as_ref());
        let action = detail.map_or(&Value::Null, |detail| &detail["action"]);
        let action = action.as_str().unwrap_or("?");

        // Whatever was not throttled took its share of the rate.
        for call in &log.calls {
            let key = (action.to_owned(), call.operation.clone());
            let counted = calls.entry(key).or_default();
            match call.status {
                Some(429) => counted.throttled += 1,
                _ => counted.admitted += 1,
            }
        }
    }

    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transitions_are_states_entered_retries_and_children_started() {
        let hops = [
            ("state Fleet/For each item", 1),
            ("state Fleet/Send the request", 2),
            ("state FollowUp/Wait", 4),
            ("state Notify/Send", 8),
            ("retry of Fleet", 16),
            (ITEM, 32),
            ("rule NotifyResult", 64),
        ];
        let hops = hops.map(|(hop, count)| (hop.to_owned(), count));

        let counted = Transitions::of_hops(&hops.into(), &["Send the request".to_owned()]);
        let expected = Transitions {
            fleets: 1,
            items: 2,
            follow_ups: 4,
            notifications: 8,
            retries: 16,
            starts: 32,
        };
        assert_eq!((counted, counted.sum()), (expected, 63));
    }
}
