//! What every build runs; the binary runs more of it.

use serde_json::json;

use crate::{
    SUBJECTS, drs, exhaustive, record::Figures, seeds, seeds::run_seed, trouble::TROUBLES, way::WAY,
};

const SEEDS: u64 = 200;
/// Seeds of the whole way, of which each takes as long as ten others.
const WAYS: u64 = 40;
/// Each planted bug must be caught within so many seeds.
const MOST_SEEDS_FOR_A_BUG: u64 = 5_000;

// Invariants 1, 2, 3, 4, 5, 6, 7, 8, 9.
#[test]
fn the_invariants_hold_for_hundreds_of_seeds() {
    for subject in SUBJECTS {
        for seed in 0..SEEDS {
            let violations = run_seed(subject, seed, None).violations;
            let name = subject.name();
            assert!(violations.is_empty(), "{name} seed {seed}: {violations:#?}");
        }
    }
}

// Invariants 2, 8, 9, 10.
#[test]
fn nothing_is_lost_on_the_whole_way() {
    for subject in SUBJECTS {
        for seed in 0..WAYS {
            let violations = (WAY.run)(subject, seed).violations;
            let name = subject.name();
            assert!(violations.is_empty(), "{name} seed {seed}: {violations:#?}");
        }
    }
}

#[test]
fn a_seed_always_gives_the_same_way() {
    for subject in SUBJECTS {
        for seed in 0..10 {
            let [first, second] = [(); 2].map(|()| (WAY.run)(subject, seed).hash());
            assert_eq!(first, second, "{} seed {seed}", subject.name());
        }
    }
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for subject in SUBJECTS {
        for seed in 0..100 {
            let [first, second] = [(); 2].map(|()| run_seed(subject, seed, None).hash());
            assert_eq!(first, second, "{} seed {seed}", subject.name());
        }
    }
}

#[track_caller]
fn assert_none_broken(tally: &exhaustive::Tally) {
    assert!(tally.schedules > 0);
    assert!(tally.violations.is_empty(), "{:#?}", tally.violations);
}

// Invariants 1, 2, 3, 4, 5, 6, 7, 8, 9.
#[test]
fn no_single_fault_at_any_call_breaks_an_invariant() {
    // Unoptimised, all of them take minutes; `--exhaustive 0` of the binary runs them in seconds.
    let scenarios = if cfg!(debug_assertions) {
        3
    } else {
        exhaustive::SCENARIOS
    };

    for subject in SUBJECTS {
        for number in 0..scenarios {
            assert_none_broken(&exhaustive::single_faults(subject, number));
        }
    }
}

// Invariants 1, 2, 3, 4, 5, 6, 7, 8, 9.
#[test]
fn no_kill_at_any_await_breaks_an_invariant() {
    for subject in SUBJECTS {
        for number in 0..exhaustive::SCENARIOS {
            assert_none_broken(&exhaustive::kills(subject, number));
        }
    }
}

// Invariants 1, 2, 3, 4, 5, 6, 7, 8, 9.
#[test]
fn every_planted_bug_is_caught() {
    for subject in SUBJECTS {
        assert!(!subject.bugs.is_empty(), "{}", subject.name());
        for bug in subject.bugs {
            let caught = seeds::first_catch(subject, bug, MOST_SEEDS_FOR_A_BUG);
            assert!(caught.is_some(), "{}", bug.name);
        }
    }
}

#[test]
fn the_seeds_meet_every_kind_of_fault() {
    let mut figures = Figures::default();
    for seed in 0..SEEDS {
        figures.add(&run_seed(&drs::SUBJECT, seed, None).figures);
    }

    let kinds = emulator::FaultKind::ALL.map(|kind| json!(kind));
    let kinds = kinds.iter().filter_map(|kind| kind.as_str());
    let mut missing: Vec<&str> = kinds.chain(TROUBLES).collect();
    missing.retain(|name| !figures.faults.contains_key(*name));
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_readme_names_every_trouble() {
    let readme = include_str!("../README.md");

    for trouble in TROUBLES {
        assert!(readme.contains(&format!("- `{trouble}`")), "{trouble}");
    }
}
