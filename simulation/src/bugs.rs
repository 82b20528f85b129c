use crate::engine::State;
use chrono::{DateTime, Utc};
use local::{
    FaultKind,
    wire::{self, Wire},
};
use serde_json::Value;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
}
pub(crate) fn instead(_: &mut State, _: &str, _: wire::Call<'_>, _: Option<FaultKind>) -> Option<Wire> {
    None
}
pub(crate) fn rewrite(_: &mut State, _: usize, _: &str, wire: Wire) -> Wire {
    wire
}
pub(crate) fn reword(_: &State, _: usize, _: &mut Option<String>, _: &mut Value) {}
pub(crate) fn payload(_: &State, payload: String) -> String {
    payload
}
pub(crate) fn time(_: &State, now: DateTime<Utc>) -> DateTime<Utc> {
    now
}
pub(crate) fn variables(state: &State) -> Vec<(&'static str, String)> {
    state.scenario.variables.clone()
}
