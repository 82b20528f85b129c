//! The invariants, and the marks of the tests that hold them.
//!
//! A test that holds an invariant has a comment with its number: `// Invariant 3.`, or
//! `// Invariants 1, 3.`

use std::fmt::Write as _;

use expect_test::expect_file;

use super::{marks::marked_tests, root};

/// What drover promises, by number from 1.
const INVARIANTS: [(&str, &str); 12] = [
    (
        "Only what was named, matched, approved and free",
        "No server is disconnected that was not named, matched, approved, unprotected and free when \
         it was checked. A list that was not read to its end is never taken for an empty one.",
    ),
    (
        "One outcome for every target",
        "Every target of every accepted request ends in exactly one terminal outcome, and every \
         rejected request in exactly one refusal. No request is lost on any way in, and no target \
         stops another.",
    ),
    (
        "Reports are true",
        "`done` means that it happened and was read back, `refused` means that nothing was changed, \
         and doubt is `indeterminate`. A fault is reported under the call that failed.",
    ),
    (
        "One effect",
        "At most one effect per target and request, for any number of deliveries and workers, at \
         any lateness.",
    ),
    (
        "No overwrite without three keys",
        "No existing file system is overwritten without its three keys, and no source ever gets two \
         destinations.",
    ),
    (
        "Limits before the first action",
        "A request over a limit is refused as a whole, before anything is changed.",
    ),
    (
        "Bad input is refused",
        "Malformed, oversized, deep or unknown input gets a refusal report: no retry loop, no panic, \
         no call to AWS.",
    ),
    (
        "Every request ends",
        "Once faults stop, every request ends. A killed run is finished by the next delivery, and \
         nothing is started that cannot be finished before the deadline.",
    ),
    (
        "The role fits",
        "The role in the template allows every call that the code makes and nothing else.",
    ),
    (
        "Everything fits",
        "An answer, a log line and a result event fit what carries them, for the largest account \
         that the quotas of AWS allow.",
    ),
    (
        "Looking changes nothing",
        "A function in plan mode, and one that only looks, never changes anything: by type, by role \
         and by test.",
    ),
    (
        "The text of others is harmless",
        "What others wrote is bounded and harmless to terminals and logs, and host names and \
         addresses from AWS stay out of reports and logs.",
    ),
];

/// The numbers of a mark.
fn mark(line: &str) -> Option<Vec<usize>> {
    let comment = line.trim().strip_prefix("// Invariant")?;
    let numbers = comment.trim_start_matches('s').trim().strip_suffix('.')?;

    numbers
        .split(", ")
        .map(|number| number.parse().ok())
        .collect()
}

#[test]
fn the_document_of_invariants_lists_the_tests_that_are_marked() {
    let holders = marked_tests(mark);
    let known = 1..=INVARIANTS.len();
    for number in holders.keys() {
        assert!(known.contains(number), "there is no invariant {number}");
    }

    let mut document = "\
# Invariants

What drover promises, and the tests that hold each promise. A test carries the number of its
invariant as a comment, `// Invariant 3.`; this file is written from the marks by
`UPDATE_EXPECT=1 cargo test --workspace --test tests`.
"
    .to_owned();
    for (number, (title, promise)) in (1..).zip(INVARIANTS) {
        let tests = holders.get(&number);
        let tests = tests.unwrap_or_else(|| panic!("no test holds invariant {number}"));

        // Writing to a string cannot fail.
        let _ = write!(document, "\n## {number}. {title}\n\n{promise}\n\n");
        for (name, path) in tests {
            let _ = writeln!(document, "- `{name}` ([{path}](../{path}))");
        }
    }

    expect_file![root().join("docs/invariants.md")].assert_eq(&document);
}

#[test]
fn a_mark_is_a_comment_with_numbers() {
    assert_eq!(mark("    // Invariant 3."), Some(vec![3]));
    assert_eq!(mark("// Invariants 1, 12."), Some(vec![1, 12]));

    for other in [
        "/// Invariant 3.",
        "// Invariant three.",
        "// The invariant 3.",
    ] {
        assert_eq!(mark(other), None, "{other}");
    }
}
