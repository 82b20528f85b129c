//! One call, from the wire to the world and back, and the changes that others make between calls.

use std::sync::Arc;

use aws_sdk_drs::config::http::HttpRequest;
use chrono::{DateTime, TimeDelta, Utc};
use emulator::{
    Ask, Fault, FaultKind,
    wire::{self, Wire},
};
use serde_json::json;

use crate::{
    bugs, drs, efs,
    record::{Call, STALE, State},
    scenario::{Change, ExternalEvent, FaultSchedule, Function, When, epoch},
};

impl State {
    /// Brings the world's clock to that of the simulation, with all that was to happen by then.
    pub(crate) fn catch_up(&mut self) {
        let now = self.now();
        loop {
            let due = |event: &ExternalEvent| match event.when {
                When::At(at) => Some(epoch() + TimeDelta::seconds(i64::try_from(at).unwrap_or(0)))
                    .filter(|at| *at <= now),
                When::Call(_) => None,
            };
            let next = self
                .external_events
                .iter()
                .enumerate()
                .filter_map(|(at, of)| Some((due(of)?, at)))
                .min();
            let Some((at, index)) = next else { break };
            let event = self.external_events.remove(index);
            self.advance(at);
            self.apply_event(&event.what);
        }
        self.advance(now);
    }

    fn advance(&mut self, to: DateTime<Utc>) {
        if to > self.world_now {
            self.cloud.advance(to - self.world_now);
            self.world_now = to;
        }
        for entry in self.cloud.journal_after(self.known_entries) {
            self.known_entries += 1;
            let mine = self.late.iter().position(|(_, operation, subject)| {
                *operation == entry.operation && *subject == entry.subject
            });
            let attempt = mine.map(|at| self.late.remove(at).0);
            self.narrate(format!("  late effect of attempt {attempt:?}: {entry}"));
            self.last_change = entry.at;
            if let Some(attempt) = attempt {
                self.effect(attempt, &entry.operation, &entry.subject);
            }
        }
    }

    pub(crate) fn apply_event(&mut self, what: &Change) {
        self.narrate(format!("  meanwhile: {what:?}"));
        self.figures.external_events += 1;
        drs::checks::grant(self, what);
        efs::checks::grant(self, what);
        self.cloud.change(|world| what.apply(world));
        self.last_change = self.world_now;
        self.remember_world();
    }

    pub(crate) fn remember_world(&mut self) {
        let world = self.cloud.world();
        if let Some(of) = efs::checks::with_two_destinations(&world) {
            self.violate(5, format!("{of} has two destinations"));
        }
        self.history.push((self.world_now, world));
    }

    fn effect(&mut self, attempt: usize, operation: &str, subject: &str) {
        self.figures.effects += 1;
        let Some(request) = self.attempts.get(attempt).map(|log| log.request) else {
            return;
        };
        self.effects
            .push((operation.to_owned(), subject.to_owned(), request));
        match self.scenario.function {
            Function::DisconnectSourceServer => {
                drs::checks::on_effect(self, request, operation, subject)
            }
            Function::BootstrapEfsReplication => {
                efs::checks::on_effect(self, request, operation, subject)
            }
        }
    }

    fn pick_fault(&mut self, number: usize, operation: &str) -> Option<FaultKind> {
        let mutating = self.service().changes(operation);
        // A read that lags shows the world of a moment ago, not of an hour ago.
        let fresh_change = self.now() - self.last_change < STALE;
        let fits = |kind: &FaultKind| match kind {
            FaultKind::StaleRead | FaultKind::StaleTags => !mutating && fresh_change,
            FaultKind::RepeatedPageToken => !mutating,
            _ => true,
        };
        match &mut self.scenario.fault_schedule {
            FaultSchedule::Random { percent, left } => {
                if *left == 0 || self.rng.u8(0..100) >= *percent {
                    return None;
                }
                let kinds: Vec<FaultKind> = FaultKind::ALL.into_iter().filter(fits).collect();
                // Where a change was just made, a read that lags is what hurts most.
                let stale = fresh_change && !mutating && self.rng.u8(0..100) < 40;
                let kind = if stale {
                    Some(FaultKind::StaleRead)
                } else {
                    self.rng.choice(kinds)
                };
                *left -= 1;
                kind
            }
            FaultSchedule::Planned(planned) => planned
                .iter()
                .find(|(at, _)| *at == number)
                .map(|(_, kind)| *kind)
                .filter(fits),
        }
    }

    /// One call, from the wire to the world and back.
    pub(crate) fn call_world(&mut self, attempt: usize, request: &HttpRequest) -> Wire {
        self.catch_up();
        let number = usize::try_from(self.figures.calls).unwrap_or_default();
        self.figures.calls += 1;
        while let Some(at) = self
            .external_events
            .iter()
            .position(|event| event.when == When::Call(number))
        {
            let event = self.external_events.remove(at);
            self.apply_event(&event.what);
        }
        // scheme://host/path?query
        let after_host = request.uri().splitn(4, '/').nth(3).unwrap_or_default();
        let path_and_query = format!("/{after_host}");
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((&path_and_query, ""));
        let call = wire::Call {
            method: request.method(),
            path,
            query,
            authorization: request.headers().get("authorization"),
            body: request.body().bytes().unwrap_or_default(),
        };
        let operation = self.service().route(call.method, call.path).unwrap_or("?");
        let fault = self.pick_fault(number, operation);
        if let Some(wire) = bugs::instead(self, attempt, operation, call, fault) {
            return wire;
        }
        if let Some(kind) = fault {
            *self
                .figures
                .faults
                .entry(json!(kind).as_str().unwrap_or_default().to_owned())
                .or_default() += 1;
            self.cloud.inject(Fault::next(operation, kind));
        }
        let wire = self.cloud.call(call);
        self.record_call(attempt, call, &wire, fault);
        bugs::rewrite(self, attempt, operation, wire)
    }

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
        let answer = match wire {
            Wire::Answer(answer) | Wire::Slow(answer) => Some(answer),
            _ => None,
        };
        let call = Call {
            operation: entry.operation.clone(),
            region: entry.region.clone(),
            subject: entry.subject.clone(),
            input: serde_json::from_slice(sent.body).unwrap_or_default(),
            status: answer.map(|answer| answer.status),
            code: answer.and_then(|answer| answer.error_type.clone()),
            body: answer
                .and_then(|answer| serde_json::from_str(answer.body.as_ref()?).ok())
                .unwrap_or_default(),
            mutating: self.service().changes(&entry.operation),
            changed: entry.changed,
        };
        let mark = if entry.changed { " CHANGED" } else { "" };
        self.narrate(format!("  attempt {attempt} {entry}{mark}"));
        if entry.unexpected && fault.is_none() {
            self.violate(7, format!("the account does not expect {entry}"));
        }
        let allows = |ask: &Ask| {
            self.role.allows(ask)
                || self
                    .role
                    .allows(&drs::checks::as_observed(self, attempt, ask))
        };
        let denied = entry.asks.iter().find(|ask| !allows(ask));
        if let Some(ask) = denied {
            self.violate(
                9,
                format!(
                    "the role does not allow {} on {} {:?}",
                    ask.action, ask.resource, ask.keys
                ),
            );
        }
        if call.mutating {
            match self.scenario.function {
                Function::DisconnectSourceServer => drs::checks::on_change(self, attempt, &call),
                Function::BootstrapEfsReplication => efs::checks::on_change(self, attempt, &call),
            }
        }
        if fault == Some(FaultKind::LateEffect) && call.mutating {
            self.late
                .push((attempt, entry.operation.clone(), entry.subject.clone()));
        }
        if entry.changed {
            self.last_change = self.world_now;
            self.effect(attempt, &entry.operation, &entry.subject);
        }
        self.remember_world();
        if let Some(log) = self.attempts.get_mut(attempt) {
            Arc::make_mut(log).calls.push(call);
        }
    }
}
