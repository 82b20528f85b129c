//! Every schedule of a kind: each fault at each call, each pair of faults, a kill at each await,
//! for scenarios by hand.

use emulator::FaultKind;

use crate::{
    drs, efs,
    record::{Ending, Figures},
    run,
    scenario::{FaultSchedule, Function, Scenario},
};

/// How many scenarios there are by hand, for each function.
pub(crate) const SCENARIOS: u64 = 13;

/// What a run over schedules came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) schedules: u64,
    pub(crate) figures: Figures,
    /// Each broken promise, with the schedule that broke it.
    pub(crate) broken: Vec<String>,
}

impl Tally {
    /// Counts a schedule, unless some of its faults met no call: then it was another schedule.
    fn add(&mut self, schedule: &str, faults: u64, ending: &Ending) {
        if ending.figures.faults.values().sum::<u64>() != faults {
            return;
        }
        self.schedules += 1;
        self.figures.add(&ending.figures);
        for violation in &ending.violations {
            self.broken.push(format!(
                "{schedule}: invariant {}: {}",
                violation.invariant, violation.text
            ));
        }
    }
}

pub(crate) fn scenario(function: Function, number: u64) -> Scenario {
    match function {
        Function::DisconnectSourceServer => drs::by_hand::by_hand(number),
        Function::BootstrapEfsReplication => efs::by_hand::by_hand(number),
    }
}

fn with(function: Function, number: u64, faults: &[(usize, FaultKind)]) -> Scenario {
    Scenario {
        fault_schedule: FaultSchedule::Planned(faults.to_vec()),
        ..scenario(function, number)
    }
}

/// Each kind of fault at each call that leads to the first acknowledgement.
pub(crate) fn single_faults(function: Function, number: u64) -> Tally {
    let mut tally = Tally::default();
    for at in 0..run(scenario(function, number), None).calls_to_acknowledge {
        for kind in FaultKind::ALL {
            let ending = run(with(function, number, &[(at, kind)]), None);
            tally.add(
                &format!("{} {number} {kind:?} at call {at}", function.name()),
                1,
                &ending,
            );
        }
    }
    tally
}

/// Each pair of faults at two calls.
pub(crate) fn double_faults(function: Function, number: u64) -> Tally {
    let mut tally = Tally::default();
    let calls = run(scenario(function, number), None).calls_to_acknowledge;
    for first in 0..calls {
        for second in first + 1..=calls {
            for kind in FaultKind::ALL {
                for other in FaultKind::ALL {
                    let ending = run(
                        with(function, number, &[(first, kind), (second, other)]),
                        None,
                    );
                    let schedule = format!(
                        "{} {number} {kind:?} at {first}, {other:?} at {second}",
                        function.name()
                    );
                    tally.add(&schedule, 2, &ending);
                }
            }
        }
    }
    tally
}

/// A kill after each poll of the first attempt.
pub(crate) fn kills(function: Function, number: u64) -> Tally {
    let mut tally = Tally::default();
    for polls in 1..=run(scenario(function, number), None).polls {
        let mut killed = scenario(function, number);
        if let Some(delivery) = killed.early[0].first_mut() {
            delivery.kills = vec![polls];
        }
        tally.add(
            &format!("{} {number} killed after {polls} polls", function.name()),
            0,
            &run(killed, None),
        );
    }
    tally
}
