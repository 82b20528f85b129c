//! The parts of the template agree with one another, with the functions, and with the documents.

mod alarms;
mod code;
mod delivery;
mod documents;
mod fleet;
mod follow_up;
mod key;
mod logs;
mod machines;
mod notify;
mod parameters;
mod places;
mod policies;
mod services;
mod settings;
mod sources;

use template::{Deployment, TRIGGERS};

/// With requests on a bus of their own.
fn on_another_bus() -> Deployment {
    Deployment::with(&[&TRIGGERS[..], &[("EventBusName", "requests")]].concat())
}
