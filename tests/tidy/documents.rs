//! The agreement of documents, code and events.

use serde::Serialize;
use shared::{FaultKind, Outcome, RejectionCode, code};

use super::{list, read, sources};

#[test]
fn every_folder_of_events_is_a_function_or_the_samples() {
    let functions = list("functions");
    for folder in list("events")
        .into_iter()
        .filter(|name| !name.ends_with(".md"))
    {
        assert!(
            functions.contains(&folder) || folder == "samples",
            "events/{folder}"
        );
    }
    for function in functions {
        assert!(!list(&format!("events/{function}")).is_empty());
    }
    let index = read("events/README.md");
    for sample in list("events/samples")
        .iter()
        .filter(|name| name.ends_with(".json"))
    {
        assert!(
            index.contains(sample.as_str()),
            "events/README.md does not say where {sample} comes from"
        );
    }
}

/// The rows of the README's table under a heading, each with its first two cells.
pub(crate) fn rows(readme: &str, heading: &str) -> Vec<[String; 2]> {
    let readme = read(readme);
    let after = readme
        .split(&format!("\n{heading}\n"))
        .nth(1)
        .unwrap_or_else(|| panic!("no `{heading}`"));
    let rows = after
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2);
    rows.map(|row| {
        [1, 2].map(|cell| {
            row.split('|')
                .nth(cell)
                .unwrap()
                .trim()
                .trim_matches('`')
                .to_owned()
        })
    })
    .collect()
}

/// The first cells of the rows of the README's table under a heading.
fn table(readme: &str, heading: &str) -> Vec<String> {
    rows(readme, heading)
        .into_iter()
        .map(|[first, _]| first)
        .collect()
}

fn codes<T: Serialize + Copy>(all: &[T]) -> Vec<String> {
    all.iter().map(|variant| code(*variant)).collect()
}

#[test]
fn the_tables_of_the_readme_are_those_of_the_code() {
    for function in harness::FUNCTIONS {
        let readme = function.readme();
        assert_eq!(table(&readme, "### Variables"), function.variables);
        assert_eq!(table(&readme, "### Reasons"), (function.reasons)());
    }

    assert_eq!(table("README.md", "### Outcomes"), codes(Outcome::ALL));
    assert_eq!(table("README.md", "### Faults"), codes(FaultKind::ALL));
    assert_eq!(
        table("README.md", "### Rejections"),
        codes(RejectionCode::ALL)
    );
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let documents = ["ARCHITECTURE.md", "SECURITY.md"].map(read).concat();
    let folders = [
        "functions",
        "shared",
        "cli",
        "emulator",
        "harness",
        "simulation",
        "template",
        "tests",
    ];
    let tests: String = folders.into_iter().flat_map(sources).map(read).collect();
    let is_test = |word: &&str| {
        word.matches('_').count() >= 3
            && word
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    let named: Vec<&str> = documents.split('`').filter(is_test).collect();
    assert!(named.len() > 12, "{named:?}");
    for name in named {
        assert!(
            tests.contains(&format!("fn {name}(")),
            "a document names the test {name}, which does not exist"
        );
    }
}
