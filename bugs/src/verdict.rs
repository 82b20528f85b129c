//! What the levels of a bug come to, in words and in a table.

use crate::{bug::Bug, level::Level, results::Levels};

/// The levels that run until one of them notices, cheapest first. The simulator is beside them: what
/// it notices is of interest also where a test does.
pub(crate) const TESTS: [Level; 3] = [Level::Unit, Level::Scenarios, Level::Binary];

/// Whether a level is still to be run: all of them, or this one alone.
pub(crate) fn is_open(levels: &Levels, only: Option<Level>) -> bool {
    let is_wanted = |level: &Level| only.is_none_or(|only| only == *level);
    if noticed(levels, Level::Compiler) {
        return false;
    }

    // After the first test that notices no other one is run.
    let mut tests = TESTS.iter().filter(|level| is_wanted(level));
    let next_test = tests.find(|level| !matches!(levels.get(level), Some(None)));
    let test_is_open = next_test.is_some_and(|level| !levels.contains_key(level));
    test_is_open || is_wanted(&Level::Simulator) && !levels.contains_key(&Level::Simulator)
}

/// Whether any level noticed a bug.
pub(crate) fn is_noticed(levels: &Levels) -> bool {
    levels.values().any(Option::is_some)
}

/// Whether the simulator noticed a bug that no test does.
pub(crate) fn is_for_the_simulator_alone(levels: &Levels) -> bool {
    let by_tests = TESTS.iter().any(|level| noticed(levels, *level));

    noticed(levels, Level::Simulator) && !by_tests && levels.contains_key(&Level::Binary)
}

/// Whether everything was run, and nothing noticed.
pub(crate) fn survives(levels: &Levels) -> bool {
    let was_run = |level| levels.contains_key(level);

    !is_noticed(levels) && TESTS.iter().chain(&[Level::Simulator]).all(was_run)
}

fn noticed(levels: &Levels, level: Level) -> bool {
    levels.get(&level).is_some_and(Option::is_some)
}

/// The levels that noticed a bug, each with the first test or violation.
pub(crate) fn in_words(levels: &Levels) -> String {
    let noticing: Vec<String> = levels
        .iter()
        .filter_map(|(level, noticed)| Some(format!("{level} ({})", noticed.as_ref()?)))
        .collect();
    if !noticing.is_empty() {
        return noticing.join(", ");
    }

    // What was not run may still notice it.
    let run: Vec<String> = levels.keys().map(Level::to_string).collect();
    match run.as_slice() {
        [] => "not run".to_owned(),
        _ if survives(levels) => "nothing".to_owned(),
        run => format!("not by {}; the rest was not run", run.join(", ")),
    }
}

/// The table of Markdown, with the levels' names alone.
pub(crate) fn table<'a>(bugs: impl Iterator<Item = (&'a Bug, Levels)>) -> String {
    let mut table = "| bug | file | noticed by |\n| --- | --- | --- |\n".to_owned();

    for (bug, levels) in bugs {
        let noticing = levels.iter().filter(|(_, noticed)| noticed.is_some());
        let mut names: Vec<String> = noticing.map(|(level, _)| level.to_string()).collect();
        if names.is_empty() {
            names.push(in_words(&levels));
        }
        let Bug { name, file, .. } = bug;
        table.push_str(&format!("| {name} | `{file}` | {} |\n", names.join(", ")));
    }
    table
}

/// How many bugs were noticed, by what, and which were not.
pub(crate) fn summary(bugs: &[(&Bug, Levels)]) -> String {
    let count = |is: &dyn Fn(&Levels) -> bool| bugs.iter().filter(|(_, levels)| is(levels)).count();
    let by = |level| move |levels: &Levels| noticed(levels, level);

    let run = count(&|levels| !levels.is_empty());
    let mut lines = vec![
        format!("{} bugs, {run} of them planted", bugs.len()),
        format!("  noticed             {}", count(&is_noticed)),
    ];
    for level in [
        Level::Compiler,
        Level::Unit,
        Level::Simulator,
        Level::Scenarios,
        Level::Binary,
    ] {
        lines.push(format!(
            "  by {:16} {}",
            level.to_string(),
            count(&by(level))
        ));
    }
    let alone = count(&is_for_the_simulator_alone);
    lines.push(format!("  by the simulator alone {alone}"));

    let surviving = bugs.iter().filter(|(_, levels)| survives(levels));
    let names: Vec<&str> = surviving.map(|(bug, _)| bug.name).collect();
    lines.push(format!("  surviving           {}", names.len()));
    lines.extend(names.iter().map(|name| format!("    {name}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(levels: &[(Level, Option<&str>)]) -> Levels {
        let levels = levels.iter();
        levels
            .map(|(level, noticed)| (*level, noticed.map(str::to_owned)))
            .collect()
    }

    #[test]
    fn a_bug_survives_only_what_was_run() {
        let missed = levels(&[(Level::Unit, None), (Level::Simulator, None)]);
        assert!(!survives(&missed));
        assert_eq!(
            in_words(&missed),
            "not by unit, simulator; the rest was not run"
        );

        let survivor = levels(&[
            (Level::Unit, None),
            (Level::Simulator, None),
            (Level::Scenarios, None),
            (Level::Binary, None),
        ]);
        assert!(survives(&survivor));
        assert_eq!(in_words(&survivor), "nothing");
        assert_eq!(in_words(&Levels::new()), "not run");
    }

    #[test]
    fn a_level_is_open_until_a_cheaper_test_notices() {
        let unit = (Level::Unit, Some("a_test"));
        let simulated = (Level::Simulator, None);
        assert!(is_open(&levels(&[unit]), None));
        assert!(!is_open(&levels(&[unit, simulated]), None));
        assert!(!is_open(&levels(&[unit]), Some(Level::Unit)));

        assert!(is_open(&levels(&[(Level::Unit, None), simulated]), None));
        assert!(is_open(&Levels::new(), Some(Level::Binary)));
        assert!(!is_open(&levels(&[(Level::Compiler, Some("E0308"))]), None));
    }

    #[test]
    fn the_simulator_is_alone_where_every_test_was_run() {
        let violation = (Level::Simulator, Some("invariant 3, seed 5"));
        let all = levels(&[
            (Level::Unit, None),
            (Level::Scenarios, None),
            (Level::Binary, None),
            violation,
        ]);
        assert!(is_for_the_simulator_alone(&all));
        assert!(!is_for_the_simulator_alone(&levels(&[violation])));
        assert_eq!(in_words(&all), "simulator (invariant 3, seed 5)");
    }
}
