//! Every schedule of a kind for the scenarios written by hand: each fault at each call, each pair
//! of faults, a kill at each await.

use emulator::FaultKind;

use crate::{
    record::{Ending, Figures, Subject},
    run::run,
    scenario::{FaultSchedule, Scenario, Stop},
};

/// How many scenarios are written by hand for each function.
pub(crate) const SCENARIOS: u64 = 13;

/// The results of many schedules.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) schedules: u64,
    pub(crate) figures: Figures,
    /// Each violation, with the schedule that led to it.
    pub(crate) violations: Vec<String>,
}

impl Tally {
    /// Counts a schedule, unless one of its faults met no call: then it was another schedule.
    fn add(&mut self, schedule: &str, faults: u64, ending: &Ending) {
        // A schedule whose faults came too late is the schedule without them.
        if ending.figures.faults.values().sum::<u64>() != faults {
            return;
        }

        self.schedules += 1;
        self.figures.add(&ending.figures);
        for violation in &ending.violations {
            self.violations.push(format!(
                "{schedule}: invariant {}: {}",
                violation.invariant, violation.text
            ));
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.figures.add(&other.figures);
        self.violations.extend(other.violations);
    }
}

/// Each kind of fault at each call up to the first acknowledgement.
pub(crate) fn single_faults(subject: &'static Subject, number: u64) -> Tally {
    let mut tally = Tally::default();
    for call in 0..without_faults(subject, number).calls_to_acknowledge {
        for kind in FaultKind::ALL {
            let ending = run(subject, with(subject, number, &[(call, kind)]), None);
            let schedule = format!("{} {number} {kind:?} at call {call}", subject.name());
            tally.add(&schedule, 1, &ending);
        }
    }

    tally
}

/// Each pair of faults at two calls.
pub(crate) fn double_faults(subject: &'static Subject, number: u64) -> Tally {
    let mut tally = Tally::default();
    let calls = without_faults(subject, number).calls_to_acknowledge;
    for first in 0..calls {
        // The first fault adds at least one call, its retry, which can fail as well.
        for second in first + 1..=calls {
            tally.append(pairs_at(subject, number, first, second));
        }
    }

    tally
}

fn pairs_at(subject: &'static Subject, number: u64, first: usize, second: usize) -> Tally {
    let mut tally = Tally::default();
    for kind in FaultKind::ALL {
        for other in FaultKind::ALL {
            let scenario = with(subject, number, &[(first, kind), (second, other)]);
            let ending = run(subject, scenario, None);
            let name = subject.name();
            let schedule = format!("{name} {number} {kind:?} at {first}, {other:?} at {second}");
            tally.add(&schedule, 2, &ending);
        }
    }

    tally
}

/// A kill after each poll of the first attempt.
pub(crate) fn kills(subject: &'static Subject, number: u64) -> Tally {
    let mut tally = Tally::default();
    for polls in 1..=without_faults(subject, number).polls {
        let mut scenario = (subject.by_hand)(number);
        // The first delivery of the first worker is the only one.
        if let Some(delivery) = scenario.early[0].first_mut() {
            delivery.stops = vec![Stop::Kill(polls)];
        }

        let ending = run(subject, scenario, None);
        let schedule = format!("{} {number} killed after {polls} polls", subject.name());
        tally.add(&schedule, 0, &ending);
    }

    tally
}

fn without_faults(subject: &'static Subject, number: u64) -> Ending {
    run(subject, (subject.by_hand)(number), None)
}

fn with(subject: &Subject, number: u64, faults: &[(usize, FaultKind)]) -> Scenario {
    Scenario {
        fault_schedule: FaultSchedule::Planned(faults.to_vec()),
        ..(subject.by_hand)(number)
    }
}
