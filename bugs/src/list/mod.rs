//! The list of bugs, by theme.

mod audits;
mod changes;
mod documents;
mod faults;
mod forwarding;
mod guardrails;
mod machines;
mod matching;
mod observation;
mod others;
mod people;
mod replication;
mod reports;
mod requests;
mod retirement;
mod template;

use crate::bug::Bug;

/// Every theme. What would destroy most comes first, so that a run which is cut has tried that.
const THEMES: [&[Bug]; 16] = [
    retirement::BUGS,
    documents::BUGS,
    changes::BUGS,
    replication::BUGS,
    guardrails::BUGS,
    observation::BUGS,
    matching::BUGS,
    reports::BUGS,
    faults::BUGS,
    requests::BUGS,
    audits::BUGS,
    template::BUGS,
    machines::BUGS,
    forwarding::BUGS,
    people::BUGS,
    others::BUGS,
];

/// Every bug, in the order in which they are planted.
pub(crate) fn all() -> impl Iterator<Item = &'static Bug> {
    THEMES.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    fn read(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        fs::read_to_string(root.join(path)).unwrap()
    }

    #[test]
    fn each_bug_changes_one_place_of_the_code_as_it_is() {
        let mut complaints = Vec::new();
        for Bug {
            name,
            file,
            from,
            to,
        } in all()
        {
            let places = read(file).matches(from).count();
            if places != 1 || from == to {
                complaints.push(format!("{name}: {places} places in {file}"));
            }
        }

        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    #[test]
    fn each_bug_has_its_own_name_and_its_own_change() {
        let names: BTreeSet<&str> = all().map(|bug| bug.name).collect();
        let changes: BTreeSet<_> = all().map(|bug| (bug.file, bug.from, bug.to)).collect();

        assert!(all().count() >= 120);
        assert_eq!(names.len(), all().count());
        assert_eq!(changes.len(), all().count());
    }

    #[test]
    fn the_table_has_each_bug_in_order() {
        let page = read("bugs/README.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
        let listed: Vec<&str> = rows
            .filter_map(|row| row.split(" | ").next())
            .skip_while(|cell| *cell != "bug")
            .skip(2)
            .collect();

        // Five hundred names side by side show nobody which one is missing.
        for (row, bug) in listed.iter().zip(all()) {
            assert_eq!(*row, bug.name);
        }
        assert_eq!(listed.len(), all().count());
    }
}
