//! The account in which everything runs: what all services share.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use template::execution::Execution;
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    connector::Worker,
    dice::chance,
    record::Simulation,
    scenario::Request,
    way::{
        deployed::Stack,
        hop::{Hop, Message, Tag},
        meter::Meter,
        trace::{Sink, Trace},
    },
};

/// What goes wrong by chance beside the calls of the function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mishaps {
    /// Whether services deliver twice, targets are away, and operators stop executions.
    pub(super) of_services: bool,
    /// How often in one simulation invocations are killed and services answer with an error of
    /// their own.
    pub(super) disturbances: u32,
}

impl Mishaps {
    /// Those of a simulation of the whole way. A state that calls the function tries five times.
    pub(super) const OF_WAY: Self = Self {
        of_services: true,
        disturbances: 4,
    };
}

/// An execution of a machine that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The logical ID of the machine.
    pub(super) machine: String,
    pub(super) input: Value,
    /// How long it took.
    pub(super) took: Duration,
    /// When it ended, since the simulation began.
    pub(super) at: Duration,
    /// What came of it; `None` if an operator stopped it.
    pub(super) execution: Option<Execution>,
}

/// Everything in the account.
pub(super) struct Account {
    pub(super) simulation: Simulation,
    pub(super) stack: Stack,
    pub(super) trace: RefCell<Trace>,
    /// The messages of each queue, by its ARN.
    pub(super) queues: RefCell<BTreeMap<String, Vec<Message>>>,
    pub(super) bucket: RefCell<BTreeMap<String, Value>>,
    /// Every execution that has ended, in this order.
    pub(super) executions: RefCell<Vec<Ended>>,
    /// What AWS bills.
    pub(super) meter: RefCell<Meter>,

    // Lambda.
    pub(super) warm: RefCell<Vec<Worker>>,
    pub(super) running: Cell<usize>,
    /// How many invocations read the queue of the function.
    pub(super) reading: Cell<u64>,
    /// What the function may be asked, each with the number of its request.
    known: RefCell<Vec<(usize, Value)>>,

    // Chance.
    pub(super) rng: RefCell<fastrand::Rng>,
    mishaps: Mishaps,
    disturbances_left: Cell<u32>,
    outbox: UnboundedSender<Hop>,
    next_number: Cell<usize>,
}

impl Account {
    pub(super) fn new(
        simulation: Simulation,
        stack: Stack,
        rng: fastrand::Rng,
        mishaps: Mishaps,
        outbox: UnboundedSender<Hop>,
    ) -> Self {
        Self {
            simulation,
            stack,
            trace: RefCell::default(),
            queues: RefCell::default(),
            bucket: RefCell::default(),
            executions: RefCell::default(),
            meter: RefCell::default(),
            warm: RefCell::default(),
            running: Cell::new(0),
            reading: Cell::new(0),
            known: RefCell::default(),
            rng: RefCell::new(rng),
            mishaps,
            disturbances_left: Cell::new(mishaps.disturbances),
            outbox,
            next_number: Cell::new(0),
        }
    }

    /// A sandbox: a warm one, or a new one. Sooner or later Lambda replaces one in which something is
    /// wrong: here once the faults have stopped.
    pub(super) fn sandbox(&self) -> Worker {
        let is_calm = !self.simulation.state().scenario.trouble.processes;
        let mut warm = self.warm.borrow_mut();
        if is_calm {
            warm.retain(Worker::is_good);
        }

        warm.pop().unwrap_or_else(|| self.simulation.worker())
    }

    /// Hands a hop on.
    pub(super) fn send(&self, hop: Hop) {
        // The receiver lives as long as the account.
        self.outbox.send(hop).expect("hops are taken until the end");
    }

    /// A number that nothing else in the account has.
    pub(super) fn number(&self) -> usize {
        self.next_number.replace(self.next_number.get() + 1)
    }

    /// An ID like AWS's, for an event or a message.
    pub(super) fn id(&self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.number())
    }

    /// The time in the format of events.
    pub(super) fn time(&self) -> String {
        // Events have whole seconds.
        let now = self.simulation.state().now();

        now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    /// Whether something happens that happens in so many of a hundred cases.
    pub(super) fn chance(&self, percent: u8) -> bool {
        self.mishaps.of_services && chance(&mut self.rng.borrow_mut(), percent)
    }

    /// A number below a thousand, by which a mishap of a service is told; the largest where there
    /// is none.
    pub(super) fn mishap(&self) -> u64 {
        match self.mishaps.of_services {
            true => self.below(1000),
            false => 999,
        }
    }

    /// A number less than this.
    pub(super) fn below(&self, most: u64) -> u64 {
        self.rng.borrow_mut().u64(0..most)
    }

    /// Whether something goes wrong that passes, in so many of a hundred cases.
    pub(super) fn is_disturbed(&self, percent: u8) -> bool {
        let left = self.disturbances_left.get();
        let is_disturbed = chance(&mut self.rng.borrow_mut(), percent) && left > 0;

        // Chance is drawn in any case, so that one more does not shift the others.
        self.disturbances_left.set(left - u32::from(is_disturbed));
        is_disturbed
    }

    pub(super) fn narrate(&self, tag: Tag, text: &str) {
        // Who reads a narrative looks for one chain in it.
        let name = self.trace.borrow().name(tag);

        self.simulation.state().narrate(format!("{name}: {text}"));
    }

    /// Narrates and counts a hop.
    pub(super) fn hop(&self, tag: Tag, name: &str, text: &str) {
        self.trace.borrow_mut().count(name);

        self.narrate(tag, text);
    }

    pub(super) fn violate(&self, tag: Tag, invariant: u8, text: &str) {
        let name = self.trace.borrow().name(tag);

        let text = format!("{name}: {text}");
        self.simulation.state().violate(invariant, text);
    }

    /// Counts that a result reaches a place.
    pub(super) fn reach(&self, tag: Tag, sink: Sink) {
        let mut trace = self.trace.borrow_mut();

        // What is no result reaches nobody who waits for one.
        if let Some(fact) = tag.fact {
            trace.facts[fact].reached.count(sink);
        }
    }

    /// Lets the function be asked a request, and gives its number.
    pub(super) fn know(&self, request: Request) -> usize {
        let forms = request.forms();
        // The same request may be handed on twice.
        if let Some(number) = forms.iter().find_map(|form| self.request_of(form)) {
            return number;
        }
        let mut state = self.simulation.state();
        state.requests.push(Arc::new(request));
        let number = state.requests.len() - 1;
        drop(state);

        self.know_as(number, forms);
        number
    }

    /// Lets a request be asked in these forms as well.
    pub(super) fn know_as(&self, number: usize, forms: impl IntoIterator<Item = Value>) {
        // A request may arrive bare, or as the detail of an event.
        let mut known = self.known.borrow_mut();

        known.extend(forms.into_iter().map(|form| (number, form)));
    }

    /// The number of the request in a payload of an invocation.
    pub(super) fn request_of(&self, payload: &Value) -> Option<usize> {
        let known = self.known.borrow();
        let find = |value: &Value| {
            let found = known.iter().find(|(_, form)| form == value);
            found.map(|(number, _)| *number)
        };

        // As it is, or inside of the envelope of a topic, of a message, or of a bus.
        if let Some(message) = payload["Records"][0]["Sns"]["Message"].as_str() {
            return self.request_in(message);
        }
        find(payload).or_else(|| find(payload.get("detail")?))
    }

    /// The number of the request in a text, which need not be JSON.
    pub(super) fn request_in(&self, text: &str) -> Option<usize> {
        // What is not JSON is known by its text.
        let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));

        self.request_of(&value)
    }
}
