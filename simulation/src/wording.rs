//! What AWS may answer in other words: the same in another spelling, or less than it should say.

use emulator::wire::{Answer, Wire};
use serde_json::Value;

use crate::record::State;

/// Another wording of the answers to one operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wording {
    /// The name under which it is counted.
    pub(crate) name: &'static str,
    pub(crate) operation: &'static str,
    /// Whether it says the same as the usual one, so that the same has to follow from it.
    pub(crate) is_the_same: bool,
    /// Reasons of a refusal that may follow from it, although the world has none of them.
    pub(crate) may_lead_to: &'static [&'static str],
    pub(crate) reword: fn(&mut Value),
}

impl State {
    /// An answer in the wording of the scenario.
    pub(crate) fn reworded(&mut self, operation: &str, wire: Wire) -> Wire {
        let Some(wording) = self.scenario.trouble.wording else {
            return wire;
        };
        // Errors stay as they are.
        let Wire::Answer(answer) = &wire else {
            return wire;
        };
        let body = answer.body.as_deref().filter(|_| answer.status == 200);
        let Some(before) = body.and_then(|body| serde_json::from_str::<Value>(body).ok()) else {
            return wire;
        };

        let mut after = before.clone();
        if wording.operation == operation {
            (wording.reword)(&mut after);
        }
        if after == before {
            return wire;
        }
        self.count_trouble(wording.name);
        self.disturbances += u64::from(!wording.is_the_same);
        Wire::Answer(Answer {
            body: Some(after.to_string()),
            ..answer.clone()
        })
    }

    /// Whether a reason may follow from what AWS leaves out.
    pub(crate) fn is_of_wording(&self, reason: &str) -> bool {
        let wording = self.scenario.trouble.wording;

        wording.is_some_and(|wording| wording.may_lead_to.contains(&reason))
    }
}

/// The items of a list, to be changed.
pub(crate) fn items<'a>(body: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    let items = body.get_mut(name).and_then(Value::as_array_mut);

    items.into_iter().flatten()
}

/// Leaves out a member.
pub(crate) fn leave_out(value: &mut Value, name: &str) {
    if let Some(members) = value.as_object_mut() {
        members.remove(name);
    }
}
