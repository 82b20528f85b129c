//! The command as people type it: one command's output is the next one's input.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail loudly"
)]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// Runs the command with these words, and a text on its standard input.
fn drover(words: &str, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_drover"))
        .args(words.split_whitespace())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .env("COLUMNS", "100")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    // A command that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn what_event_makes_is_valid_in_every_envelope() {
    for envelope in ["eventbridge", "sns", "sqs", "put-events", "bare"] {
        let words = format!("event decommission --request CHG1 --server web01 --as {envelope}");
        let event = drover(&words, "");
        assert!(event.status.success(), "{envelope}");

        let valid = drover("validate -", &out(&event));
        assert_eq!(valid.status.code(), Some(0), "{envelope}: {}", out(&valid));
    }

    let wrong = drover(
        "event decommission --request CHG1 --server no_such:name!",
        "",
    );
    assert_eq!(wrong.status.code(), Some(2));
    let error = String::from_utf8(wrong.stderr).unwrap();
    assert!(error.contains("targets[0].hostname"), "{error}");
}

#[test]
fn a_report_is_shown_from_the_dead_letter_that_holds_it() {
    let planned = drover(
        "plan --json --exit-code events/disconnect-source-server/decommission-of-what-must-stay.json",
        "",
    );
    assert_eq!(planned.status.code(), Some(3), "something is refused");

    let report = out(&planned);
    let record = serde_json::json!({ "responsePayload": { "errorMessage": report } });
    let dead_letter = serde_json::json!({ "Records": [{ "body": record.to_string() }] });
    let shown = drover("show -", &dead_letter.to_string());
    let last = "Plan for CHG0031234: 8 refused, 1 to finish, 1 to disconnect (37 recovery points destroyed).\n";
    assert!(out(&shown).ends_with(last), "{}", out(&shown));

    let ticket = out(&drover("show --markdown -", &report));
    assert!(ticket.starts_with("## CHG0031234: refused\n"), "{ticket}");
    let page = out(&drover("show --html -", &report));
    assert_eq!(page.matches("<tr><td>").count(), 10);
}

#[test]
fn a_slip_is_answered_with_what_was_meant() {
    let slips = [
        ("explain not_aproved", "`not_approved`"),
        ("explian", "'explain'"),
        (
            "plan disconect-source-server events/README.md",
            "`disconnect-source-server`",
        ),
    ];

    for (words, meant) in slips {
        let refused = drover(words, "");
        let error = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{words}");
        assert!(error.contains(meant), "{words}: {error}");
    }
}

#[test]
fn every_command_has_an_example_in_its_help() {
    for command in [
        "plan", "invoke", "validate", "event", "show", "explain", "serve", "world",
    ] {
        let help = out(&drover(&format!("{command} --help"), ""));
        assert!(help.contains("Examples:"), "{command}: {help}");
    }
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let completions = out(&drover("completions bash", ""));
    let manual = out(&drover("man", ""));

    for command in [
        "plan", "invoke", "validate", "event", "show", "explain", "serve", "world",
    ] {
        assert!(completions.contains(command), "{command}");
        assert!(manual.contains(&format!("drover {command}")), "{command}");
    }
}
