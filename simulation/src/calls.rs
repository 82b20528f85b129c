//! One call, from the wire to the world and back, and the external events between calls.

use std::sync::Arc;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use chrono::{DateTime, TimeDelta, Utc};
use emulator::{
    Entry, Fault, FaultKind, IamRequest,
    wire::{self, Wire},
};
use harness::connector::to_call;
use serde_json::{Value, json};

use crate::{
    bugs,
    constants::epoch,
    narrative::About,
    record::{Call, Effect, Intercepted, LateEffect, STALE, State},
    scenario::{Change, ExternalEvent, FaultSchedule, When},
    trouble::{DENIED, Process},
};

impl Call {
    /// A call by its entry in the journal, and by what was sent and answered.
    fn new(entry: &Entry, sent: wire::Call<'_>, wire: &Wire, mutating: bool) -> Self {
        // A truncated answer tells the function nothing.
        let answer = match wire {
            Wire::Answer(answer) | Wire::Slow(answer) => Some(answer),
            _ => None,
        };
        let body = answer.and_then(|answer| answer.body.as_deref());

        Self {
            operation: entry.operation.clone(),
            region: entry.region.clone(),
            subject: entry.subject.clone(),
            input: serde_json::from_slice(sent.body).unwrap_or_default(),
            status: answer.map(|answer| answer.status),
            code: answer.and_then(|answer| answer.error_type.clone()),
            body: body
                .and_then(|body| serde_json::from_str(body).ok())
                .unwrap_or_default(),
            mutating,
            changed: entry.changed,
        }
    }
}

impl State {
    /// Brings the world to the time of the simulation, with every external event due by then.
    pub(crate) fn catch_up(&mut self) {
        let now = self.now();
        while let Some((time, index)) = self.next_event_due(now) {
            let event = self.external_events.remove(index);
            self.advance(time);
            self.apply_change(&event.change);
        }

        self.advance(now);
    }

    /// The earliest external event due by a time: when it is due, and its index.
    fn next_event_due(&self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, usize)> {
        let due = |event: &ExternalEvent| match event.when {
            When::At(seconds) => {
                let seconds = i64::try_from(seconds).unwrap_or_default();
                Some(epoch() + TimeDelta::seconds(seconds))
            }
            When::Call(_) | When::BetweenPages(_) => None,
        };

        self.external_events
            .iter()
            .enumerate()
            .filter_map(|(index, event)| Some((due(event)?, index)))
            .filter(|(time, _)| *time <= now)
            .min()
    }

    /// Ends an attempt, which was polled so often.
    pub(crate) fn end_attempt(&mut self, attempt: usize, polls: usize) {
        self.catch_up();

        if let Some(log) = self.attempts.get_mut(attempt) {
            let log = Arc::make_mut(log);
            log.in_flight = false;
            log.polls = polls;
        }
    }

    fn advance(&mut self, to: DateTime<Utc>) {
        // The world moves on in steps, from one event to the next.
        if to > self.world_now {
            self.cloud.advance(to - self.world_now);
            self.world_now = to;
        }

        // Only a late effect makes an entry in the journal without a call.
        for entry in self.cloud.journal_after(self.known_entries) {
            self.known_entries += 1;
            self.disturbances += 1;
            // The journal does not know which attempt the effect belongs to.
            let late = self.late_effects.iter().position(|late| {
                late.operation == entry.operation && late.subject == entry.subject
            });
            let attempt = late.map(|index| self.late_effects.remove(index).attempt);

            self.narrate(format!("  late effect of attempt {attempt:?}: {entry}"));
            self.last_change = entry.at;
            if let Some(attempt) = attempt {
                self.record_effect(attempt, &entry.operation, &entry.subject);
            }
        }
    }

    /// Makes a change of an operator or of AWS.
    pub(crate) fn apply_change(&mut self, change: &Change) {
        self.narrate(format!("  meanwhile, by others: {}", change.in_words()));
        self.figures.external_events += 1;
        *self.figures.events.entry(change.kind()).or_default() += 1;
        self.disturbances += 1;

        // Whether something is under way is asked before the change.
        (self.subject.on_event)(self, change);
        self.cloud.change(|world| change.apply(world));
        self.last_change = self.world_now;
        self.remember_world();
    }

    pub(crate) fn remember_world(&mut self) {
        let world = self.cloud.world();
        if let Some(complaint) = (self.subject.on_world)(&world) {
            self.violate(5, complaint);
        }

        self.history.push((self.world_now, world));
    }

    /// Answers one call of the function.
    pub(crate) fn answer(
        &mut self,
        attempt: usize,
        request: &HttpRequest,
        process: &mut Process,
    ) -> Wire {
        let call = to_call(request);
        self.catch_up();
        let number = usize::try_from(self.figures.calls).unwrap_or_default();
        self.figures.calls += 1;
        self.apply_changes_before_call(number);

        // The fault is drawn for every call, so that a planted bug does not shift the others.
        let service = self.subject.function.service;
        let operation = service.route(call.method, call.path).unwrap_or("?");
        let picked = self.pick_fault(number, operation);
        let lasting = self.lasting_fault(operation, call, process);
        let fault = lasting.map(|(kind, _)| kind).or(picked);

        let intercepted = Intercepted {
            attempt,
            operation,
            call,
            fault,
        };
        if let Some(wire) = bugs::before_call(self, &intercepted) {
            return wire;
        }

        // The world applies the fault, as the emulator does for people.
        if let Some(kind) = fault {
            let name = json!(kind);
            let name = lasting.map_or(name.as_str().unwrap_or_default(), |(_, trouble)| trouble);
            // What is denied for good is part of the world.
            self.disturbances += u64::from(name != DENIED);
            self.count_trouble(name);
            self.cloud.inject(Fault::next(operation, kind));
        }
        let mut wire = self.cloud.call(call);
        if fault.is_none() && self.may_lag(operation) {
            wire = self.with_lagging_item(call, wire);
        }
        wire = self.reworded(operation, wire);
        self.record_call(attempt, call, &wire, fault);

        bugs::tamper(self, attempt, operation, wire)
    }

    fn apply_changes_before_call(&mut self, number: usize) {
        let is_within_list = self.is_within_list();
        let is_next = |event: &ExternalEvent| match event.when {
            When::Call(due) => due <= number,
            When::BetweenPages(from) => from <= number && is_within_list,
            When::At(_) => false,
        };

        // Several events may wait for the same call.
        while let Some(index) = self.external_events.iter().position(is_next) {
            let event = self.external_events.remove(index);
            self.apply_change(&event.change);
        }
    }

    /// Whether one item of an answer may be as it was a moment ago.
    fn may_lag(&mut self, operation: &str) -> bool {
        let may_fail = matches!(
            self.scenario.fault_schedule,
            FaultSchedule::Random { left, .. } if left > 0
        );

        may_fail && !self.changes(operation) && self.rng.u8(0..100) < 10
    }

    fn pick_fault(&mut self, number: usize, operation: &str) -> Option<FaultKind> {
        let mutating = self.changes(operation);
        // A read that lags shows the world of a moment ago, not of an hour ago.
        let just_changed = self.now() - self.last_change < STALE;
        let fits = |kind: &FaultKind| match kind {
            FaultKind::StaleRead | FaultKind::StaleTags => !mutating && just_changed,
            FaultKind::RepeatedPageToken => !mutating,
            _ => true,
        };

        match &mut self.scenario.fault_schedule {
            FaultSchedule::Planned(planned) => planned
                .iter()
                .find(|(call, _)| *call == number)
                .map(|(_, kind)| *kind)
                .filter(fits),
            FaultSchedule::Random { percent, left } => {
                if *left == 0 || self.rng.u8(0..100) >= *percent {
                    return None;
                }
                *left -= 1;

                // Right after a change, a read that lags is what hurts most.
                let kinds: Vec<FaultKind> = FaultKind::ALL.into_iter().filter(fits).collect();
                if just_changed && !mutating && self.rng.u8(0..100) < 40 {
                    Some(FaultKind::StaleRead)
                } else {
                    self.rng.choice(kinds)
                }
            }
        }
    }

    /// Records a call with its answer, and checks it.
    pub(crate) fn record_call(
        &mut self,
        attempt: usize,
        sent: wire::Call<'_>,
        wire: &Wire,
        fault: Option<FaultKind>,
    ) {
        let entries = self.cloud.journal_after(self.known_entries);
        self.known_entries += entries.len();
        let Some(entry) = entries.into_iter().next_back() else {
            return;
        };

        let mutating = self.changes(&entry.operation);
        let call = Call::new(&entry, sent, wire, mutating);

        // Checks come before the effect is recorded: they ask what was known before it.
        let mark = if entry.changed { " CHANGED" } else { "" };
        let says = self.in_words(&call);
        let about = About::Call {
            attempt,
            changed: entry.changed,
        };
        self.narrate_as(about, format!("  attempt {attempt} {entry}{mark}{says}"));
        if entry.unexpected && fault.is_none() {
            self.violate(7, format!("the account does not expect {entry}"));
        }
        // What a change does wrong is plainer than what the role says of it.
        if call.mutating {
            (self.subject.on_change)(self, attempt, &call);
        }
        self.check_role(attempt, &entry.iam);

        // A late effect is recorded when it happens.
        if call.mutating && fault == Some(FaultKind::LateEffect) {
            self.late_effects.push(LateEffect {
                attempt,
                operation: call.operation.clone(),
                subject: call.subject.clone(),
            });
        }
        if call.changed {
            self.last_change = self.world_now;
            self.record_effect(attempt, &call.operation, &call.subject);
        }

        self.remember_world();
        if let Some(log) = self.attempts.get_mut(attempt) {
            Arc::make_mut(log).calls.push(call);
        }
    }

    /// What a call that changes something says, or what the answer to another one does, in brackets;
    /// empty where that is nothing more.
    fn in_words(&self, call: &Call) -> String {
        let words = match call.mutating {
            true => match (self.subject.content)(&self.cloud.world(), call) {
                Value::Null => String::new(),
                content => content.to_string(),
            },
            false => (self.subject.gist)(call),
        };

        match words.is_empty() {
            true => words,
            // A policy may be long.
            false => format!(" [{words:.300}]"),
        }
    }

    /// Forgets the answer to a call, which nobody has read.
    pub(crate) fn lose_answer(&mut self, attempt: usize, calls: usize) {
        let Some(log) = self.attempts.get_mut(attempt) else {
            return;
        };
        let index = calls.checked_sub(1);
        if let Some(call) = index.and_then(|index| Arc::make_mut(log).calls.get_mut(index)) {
            call.status = None;
            call.code = None;
            call.body = Value::Null;
        }
    }

    /// Checks that the role allows a call, with the real tags of the resource or with those that
    /// the attempt has read.
    fn check_role(&mut self, attempt: usize, asks: &[IamRequest]) {
        let as_observed = self.subject.as_observed;
        let denied = asks.iter().find(|ask| {
            !self.role.allows(ask) && !self.role.allows(&as_observed(self, attempt, ask))
        });

        if let Some(ask) = denied {
            let complaint = format!(
                "the role does not allow {} on {} {:?}",
                ask.action, ask.resource, ask.keys
            );
            self.violate(9, complaint);
        }
    }

    fn record_effect(&mut self, attempt: usize, operation: &str, subject: &str) {
        self.figures.effects += 1;
        let steps = &mut self.figures.steps;
        *steps.entry(operation.to_owned()).or_default() += 1;
        let Some(request) = self.attempts.get(attempt).map(|log| log.request) else {
            return;
        };

        self.effects.push(Effect {
            operation: operation.to_owned(),
            subject: subject.to_owned(),
            request,
        });
        (self.subject.on_effect)(self, request, operation, subject);
    }
}
