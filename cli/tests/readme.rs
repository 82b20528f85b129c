//! The example of the first page, as the command shows it.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail loudly"
)]

use std::{fs, path::Path, process::Command};

/// What stands for lines that are left out.
const LEFT_OUT: &str = "...";

/// An example of a document: a command, and what it prints.
struct Example {
    command: String,
    output: String,
}

/// The first example with a command of `cargo run`.
fn first_example(document: &str) -> Example {
    let (_, example) = document
        .split_once("```console\n$ cargo run -- ")
        .unwrap_or_else(|| panic!("the page shows no example"));
    let (example, _) = example.split_once("```").unwrap();
    let (command, output) = example.split_once('\n').unwrap();

    Example {
        command: command.to_owned(),
        output: output.to_owned(),
    }
}

/// The blocks of an output, which blank lines part, without what varies from run to run.
fn blocks(output: &str) -> Vec<Vec<String>> {
    let blocks = output.trim().split("\n\n");

    blocks
        .map(|block| block.lines().map(without_time).collect())
        .collect()
}

/// A line with each word that is a time replaced.
fn without_time(line: &str) -> String {
    let words = line.trim_end().split(' ').map(|word| match is_time(word) {
        true => "TIME",
        false => word,
    });

    words.collect::<Vec<_>>().join(" ")
}

fn is_time(word: &str) -> bool {
    let shape: String = word
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
        .collect();

    shape == "0000-00-00T00:00:00Z"
}

/// Whether a block that was printed is the one that the page shows. Where lines are left out, the
/// others are in it in any order, since calls for several targets are made at the same time.
fn is_shown(shown: &[String], printed: &[String]) -> bool {
    let is_left_out = |line: &&String| line.trim() == LEFT_OUT;
    if !shown.iter().any(|line| is_left_out(&line)) {
        return shown == printed;
    }

    let mut lines = shown.iter().filter(|line| !is_left_out(line));
    lines.all(|line| printed.contains(line))
}

#[test]
fn the_first_page_shows_what_its_command_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let example = first_example(&fs::read_to_string(root.join("README.md")).unwrap());

    let run = Command::new(env!("CARGO_BIN_EXE_drover"))
        .args(example.command.split(' '))
        .current_dir(root)
        .output()
        .unwrap();
    let printed = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{printed}");

    let (shown, printed) = (blocks(&example.output), blocks(&printed));
    assert_eq!(shown.len(), printed.len(), "{printed:#?}");
    for (shown, printed) in shown.iter().zip(&printed) {
        assert!(is_shown(shown, printed), "{shown:#?} {printed:#?}");
    }
}

#[test]
fn lines_that_are_left_out_leave_the_others_in_any_order() {
    let block = |text: &str| blocks(text).remove(0);
    let printed = block("calls a\n  b\n  until 2026-11-29T07:54:11Z");

    assert!(is_shown(
        &block("calls a\n  ...\n  until 2020-01-01T00:00:00Z"),
        &printed
    ));
    assert!(!is_shown(&block("calls a\n  b"), &printed));
    assert!(!is_shown(&block("calls a\n  ...\n  c"), &printed));
}
