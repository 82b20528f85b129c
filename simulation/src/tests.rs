//! What every build runs; the binary runs more of it.

use super::*;

const SEEDS: u64 = 200;
/// Each planted bug is to be caught within so many seeds.
const MOST_SEEDS_FOR_A_BUG: u64 = 5_000;

#[track_caller]
fn holds(function: Function) {
    for seed in 0..SEEDS {
        let ending = run(scenario(function, seed), None);
        assert!(
            ending.violations.is_empty(),
            "seed {seed}: {:#?}",
            ending.violations
        );
    }
}

#[test]
fn the_invariants_of_source_servers_hold_for_hundreds_of_seeds() {
    holds(Function::DisconnectSourceServer);
}

#[test]
fn the_invariants_of_file_systems_hold_for_hundreds_of_seeds() {
    holds(Function::BootstrapEfsReplication);
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    for function in Function::ALL {
        for seed in 0..100 {
            let [first, again] = [(); 2].map(|()| run(scenario(function, seed), None));
            assert_eq!(
                first.hash(),
                again.hash(),
                "{} seed {seed}",
                function.name()
            );
        }
    }
}

#[track_caller]
fn none_broken(tally: &Tally) {
    assert!(
        tally.schedules > 0 && tally.broken.is_empty(),
        "{:#?}",
        tally.broken
    );
}

#[test]
fn no_single_fault_at_any_call_breaks_anything() {
    // Unoptimised, all of them take minutes; `--exhaustive 0` of the binary runs them in seconds.
    let scenarios = if cfg!(debug_assertions) {
        3
    } else {
        exhaustive::SCENARIOS
    };
    for function in Function::ALL {
        (0..scenarios).for_each(|number| none_broken(&exhaustive::single_faults(function, number)));
    }
}

#[test]
fn no_kill_at_any_await_breaks_anything() {
    for function in Function::ALL {
        (0..exhaustive::SCENARIOS)
            .for_each(|number| none_broken(&exhaustive::kills(function, number)));
    }
}

#[test]
fn every_planted_bug_is_caught() {
    for bug in Bug::ALL {
        assert!(
            first_catch(bug, MOST_SEEDS_FOR_A_BUG).is_some(),
            "{}",
            bug.words()
        );
    }
}

#[test]
fn every_kind_of_fault_is_met() {
    let mut figures = Figures::default();
    (0..200).for_each(|seed| {
        figures.add(&run(scenario(Function::DisconnectSourceServer, seed), None).figures)
    });
    assert_eq!(
        figures.faults.len(),
        emulator::FaultKind::ALL.len(),
        "{:?}",
        figures.faults
    );
}
