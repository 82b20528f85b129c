//! Virtual time: one seed after the other, each as if it were alone in its process.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use tokio::runtime::{Builder, Runtime};
use tracing::subscriber::NoSubscriber;

use crate::record::{Ending, Simulation, Violation};

/// Runs the simulation of a seed in virtual time. A panic is a broken invariant like any other;
/// what came before it is in the simulation that the run has left.
pub(crate) fn in_virtual_time(
    seed: u64,
    run: impl AsyncFnOnce(&RefCell<Option<Simulation>>) -> Ending,
) -> Ending {
    have_subscriber();
    // The SDK draws its identifiers and its jitter from the same generator.
    fastrand::seed(seed);

    let begun = RefCell::new(None);
    let run = AssertUnwindSafe(|| runtime().block_on(run(&begun)));
    catch_unwind(run).unwrap_or_else(|_| panicked(begun.take().as_ref()))
}

/// Until a subscriber was set once, the SDK draws an ID for the log from the generator that its
/// jitter comes from. So one is set before anything is drawn.
fn have_subscriber() {
    tracing::subscriber::with_default(NoSubscriber::default(), || ());
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

fn panicked(begun: Option<&Simulation>) -> Ending {
    let violation = Violation {
        invariant: 7,
        text: "a panic".to_owned(),
    };

    // What came before the panic says how it came to it.
    let mut narrative = begun.map_or_else(Vec::new, |begun| begun.state().narrative.clone());
    narrative.push(violation.line());
    Ending {
        violations: vec![violation],
        narrative,
        ..Ending::default()
    }
}
