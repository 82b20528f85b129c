//! Marks: comments above tests that say what a test holds.

use std::collections::BTreeMap;

use super::{read, sources};

/// Where tests are.
const ROOMS: [&str; 8] = [
    "cli",
    "emulator",
    "functions",
    "harness",
    "shared",
    "simulation",
    "template",
    "tests",
];

/// A test by its name, with the file that it is in.
pub(super) type Test = (String, String);

/// The tests by what they hold, as `mark` reads it from a line.
pub(super) fn marked_tests<T: Ord>(
    mark: impl Fn(&str) -> Option<Vec<T>>,
) -> BTreeMap<T, Vec<Test>> {
    let mut tests: BTreeMap<T, Vec<Test>> = BTreeMap::new();

    for path in ROOMS.into_iter().flat_map(sources) {
        let source = read(&path);
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            let Some(held) = mark(line) else { continue };
            // The attribute of the test may stand between its mark and its name, and another mark.
            let name = lines.by_ref().take(3).find_map(function_name);
            let name = name.unwrap_or_else(|| panic!("{path}: `{line}` marks no test"));
            for one in held {
                let test = (name.to_owned(), path.clone());
                tests.entry(one).or_default().push(test);
            }
        }
    }
    tests
}

/// The name of the function that a line starts.
fn function_name(line: &str) -> Option<&str> {
    let (_, name) = line.split_once("fn ")?;
    let (name, _) = name.split_once('(')?;

    Some(name)
}
