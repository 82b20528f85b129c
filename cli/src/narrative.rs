//! What happened in an invocation, in sections: the event, the account, what is planned for each
//! target or became of it, the calls, and the answer.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value by name gives null where there is no such member"
)]

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use chrono::{DateTime, Utc};
use emulator::{Emulator, Entry, InvocationResult, World};
use serde_json::Value;
use shared::{Message, Rejection};

use crate::{
    console::{BAD, DIM, HEAD, WARN},
    find::reports_of,
    functions,
    report::Report,
    sanitize::{sanitize, sanitized},
    screen::Screen,
    subject, units,
};

/// The width of the column of section names.
const MARGIN: usize = 9;
/// How many lines of the log are shown if a function fails without a report.
const LOG_LINES: usize = 10;

/// What is shown of an invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    /// How reports are shown.
    pub(crate) screen: Screen,
    /// Whether every call is listed.
    pub(crate) calls: bool,
}

/// The narrative of an invocation; `account` is the account before it.
pub(crate) fn narrate(
    shown: Shown,
    event: (&Path, &str),
    account: &str,
    emulator: &Emulator,
    function: &str,
    result: &InvocationResult,
) -> String {
    // The log is read now: everything up to the answer is in it.
    let mut reports = reports_of(result, &emulator.functions().logs(function));
    let world = emulator.world();
    name_from(&world, &mut reports);
    let region = world.region;
    let (start, calls) = split_journal(emulator, function);
    let mut narrative = Narrative::default();

    narrative.section("event", event_lines(event.0, event.1));
    narrative.section("account", vec![account.to_owned()]);
    if shown.calls && !start.is_empty() {
        narrative.section("start", call_lines(&start, &region));
    }
    for report in &reports {
        let name = if report.is_plan() { "plan" } else { "result" };
        narrative.section(name, report_lines(shown.screen, report));
    }
    narrative.section(
        "calls",
        match shown.calls {
            true => call_lines(&calls, &region),
            false => folded(&calls),
        },
    );

    // Without a report the answer and the log are all there is to show.
    let answer = match reports.is_empty() {
        true => answer_lines(result, emulator, function),
        false => answer_with_report_lines(result),
    };
    narrative.section("answer", answer);
    for report in &reports {
        narrative.lines(shown.screen.look_again(report));
        narrative.lines(shown.screen.last_line(report));
    }
    narrative.text.trim_end().to_owned()
}

#[derive(Default)]
struct Narrative {
    text: String,
}

impl Narrative {
    /// Adds a section, unless it is empty. What is many lines stands below its name, so that it has
    /// the width of the terminal.
    fn section(&mut self, name: &str, lines: Vec<String>) {
        let is_block = matches!(name, "plan" | "result") && !lines.is_empty();
        if is_block {
            let _ = writeln!(self.text, "{HEAD}{name}{HEAD:#}");
        }

        for (index, line) in lines.iter().enumerate() {
            let margin = if index == 0 { name } else { "" };
            // Writing to a string cannot fail.
            let _ = match is_block {
                true => writeln!(self.text, "{line}"),
                false => writeln!(self.text, "{HEAD}{margin:MARGIN$}{HEAD:#}{line}"),
            };
        }
        if !lines.is_empty() {
            self.text.push('\n');
        }
    }

    /// Adds lines without a name.
    fn lines(&mut self, lines: Vec<String>) {
        for line in lines {
            let _ = writeln!(self.text, "{line}");
        }
    }
}

/// Gives what a request names by its ID alone the name that people know it by. Reports leave AWS's
/// names out, since they are logged; this account is on this machine.
fn name_from(world: &World, reports: &mut [Report]) {
    // By the names that AWS's console shows.
    let servers = world
        .drs
        .regions
        .values()
        .flat_map(|drs| &drs.source_servers);
    let servers = servers.filter_map(|server| Some((&server.id, server.hostname.as_ref()?)));
    let file_systems = world.efs.regions.values().flat_map(|efs| &efs.file_systems);
    let file_systems =
        file_systems.filter_map(|found| Some((&found.file_system_id, found.tags.get("Name")?)));
    let names: BTreeMap<&String, &String> = servers.chain(file_systems).collect();

    for target in reports.iter_mut().flat_map(|report| &mut report.targets) {
        let id = target.id().map(str::to_owned);
        if let Some(name) = id
            .filter(|id| *id == target.name)
            .and_then(|id| names.get(&id).copied())
        {
            target.name = sanitize(name);
        }
    }
}

/// A report: its targets, or why the input was rejected.
fn report_lines(screen: Screen, report: &Report) -> Vec<String> {
    if !report.targets.is_empty() {
        return screen.targets(report);
    }

    // A rejected input has no targets.
    let reason = report.reason.as_deref().unwrap_or(&report.outcome);
    vec![format!(
        "{WARN}!{WARN:#} {} {DIM}({reason}){DIM:#}",
        report.summary
    )]
}

/// The calls that the function made while it started, and those about the event.
fn split_journal(emulator: &Emulator, function: &str) -> (Vec<Entry>, Vec<Entry>) {
    let mut start = emulator.journal();

    // The journal may have dropped its first calls.
    let dropped = emulator.calls() - start.len();
    let before = emulator.functions().calls_before_the_first_event(function);
    let calls = start.split_off(before.saturating_sub(dropped).min(start.len()));

    (start, calls)
}

/// An account in one line.
pub(crate) fn account(world: &World) -> String {
    let here = world.drs.regions.get(&world.region);
    let servers = here.map_or(0, |drs| drs.source_servers.len());
    let regions = world.efs.regions.values();
    let file_systems: usize = regions.map(|efs| efs.file_systems.len()).sum();

    let (account, region) = (&world.account, &world.region);
    // What was not collected of an imported account is not none.
    let count = |count: usize, what: &str, is_known: bool| match is_known {
        true => format!("{count} {what}"),
        false => format!("{what} unknown"),
    };
    let servers = count(
        servers,
        "source servers",
        world.knows(region, "DescribeSourceServers"),
    );
    let mut regions = world.efs.regions.keys().chain([region]);
    let is_known = regions.any(|region| world.knows(region, "DescribeFileSystems"));
    let file_systems = count(file_systems, "file systems", is_known);
    format!("{account} in {region}, emulated on this machine: {servers}, {file_systems}")
}

fn event_lines(file: &Path, payload: &str) -> Vec<String> {
    let messages = functions::messages(payload);

    // Where there is one, it stands alone; of several, each has its number.
    let several = messages.len() > 1;
    let mut lines = Vec::new();
    for (number, message) in messages.into_iter().enumerate() {
        let told = message_lines(message).into_iter();
        match several {
            true => lines.extend(told.map(|line| format!("{DIM}{:>2}{DIM:#} {line}", number + 1))),
            false => lines.extend(told),
        }
    }
    lines.insert(
        usize::from(!several),
        format!("{DIM}{}{DIM:#}", file.display()),
    );
    lines
}

/// One message of an event: where it comes from, and what it asks for.
fn message_lines(message: Result<Message, Rejection>) -> Vec<String> {
    let (head, request) = match message {
        Ok(Message::Bare(request)) => ("a bare request".to_owned(), request),
        Ok(Message::Event(event)) => (
            format!(
                "{} from {}",
                sanitize(&event.detail_type),
                sanitize(&event.source)
            ),
            event.detail,
        ),
        Err(rejection) => {
            let why = sanitize(&rejection.message);
            return vec![format!("{BAD}no message{BAD:#}: {why}")];
        }
    };
    let request = sanitized(serde_json::from_str(&request).unwrap_or_default());

    match request["targets"].as_array() {
        Some(targets) => vec![head, request_line(&request, targets)],
        None => match subject::named_by_aws(&request) {
            Some(about) => vec![format!("{head}, about {about}")],
            None => vec![head],
        },
    }
}

/// The request in the event: what it asks for, and until when.
fn request_line(request: &Value, targets: &[Value]) -> String {
    // A request without an action has the default of its function.
    let is_replication = targets
        .iter()
        .any(|target| target["destination"].is_object());
    let action = match request["action"].as_str() {
        Some(action) => action,
        None if is_replication => "replicate",
        None => "disconnect",
    };

    // How long is left is what people want to know.
    let (id, expiry) = (text(&request["requestID"]), text(&request["expiresAt"]));
    let left = match DateTime::parse_from_rfc3339(&expiry) {
        Ok(time) => format!(" ({})", units::distance(time.to_utc(), Utc::now())),
        Err(_) => String::new(),
    };
    let count = units::counted(targets.len() as u64, "target");
    format!("{id}: {action} {count}, expires {expiry}{left}")
}

/// All calls in one line: how many, how many of them change something, and whether any failed.
fn folded(journal: &[Entry]) -> Vec<String> {
    // Whoever wants to see them asks; what went wrong is told at once.
    let changes = journal.iter().filter(|entry| entry.changed).count();
    let failed: Vec<&Entry> = journal
        .iter()
        .filter(|entry| !is_answer(&entry.answer))
        .collect();

    let calls = units::counted(journal.len() as u64, "call");
    let changes = match changes {
        0 => "none of them a change".to_owned(),
        1 => "1 of them a change".to_owned(),
        count => format!("{count} of them changes"),
    };
    let mut line = format!("{calls} to AWS, {changes} {DIM}(--calls lists them){DIM:#}");
    if let Some(first) = failed.first() {
        let (count, operation) = (failed.len(), &first.operation);
        let answer = sanitize(&first.answer);
        let _ = write!(
            line,
            "; {BAD}{count} failed{BAD:#}, the first: {operation} {answer}"
        );
    }
    vec![line]
}

fn call_lines(journal: &[Entry], region: &str) -> Vec<String> {
    if journal.is_empty() {
        return vec![format!("{DIM}none{DIM:#}")];
    }

    let lines = journal.iter().map(|entry| call_line(entry, region));
    lines.collect()
}

fn call_line(entry: &Entry, region: &str) -> String {
    let mark = match entry.changed {
        true => format!("{WARN}changed{WARN:#} "),
        false => " ".repeat(8),
    };
    let style = match is_answer(&entry.answer) {
        true => DIM,
        false => BAD,
    };
    // Only other Regions than the functions' own are worth mentioning.
    let place = match entry.region == region {
        true => String::new(),
        false => format!(" {DIM}{}{DIM:#}", entry.region),
    };

    let operation = &entry.operation;
    let (subject, answer) = (sanitize(&entry.subject), sanitize(&entry.answer));
    format!("{mark}{operation:34} {subject:40} {style}{answer}{style:#}{place}")
}

/// Whether AWS answered. That something is not there is an answer like another; everything else
/// deserves attention.
pub(crate) fn is_answer(answer: &str) -> bool {
    answer.starts_with("20") || answer.starts_with("404")
}

/// The answer of an invocation whose reports are shown: nothing to add, unless it failed.
fn answer_with_report_lines(result: &InvocationResult) -> Vec<String> {
    match result {
        InvocationResult::Answered(body) if body.starts_with(b"{\"outcome\"") => Vec::new(),
        InvocationResult::Failed(error) => vec![
            failure_line(error),
            "Lambda would retry the event, then send it to the failure destination".to_owned(),
        ],
        other => plain_answer_lines(other),
    }
}

/// The answer of an invocation without a report.
fn answer_lines(result: &InvocationResult, emulator: &Emulator, function: &str) -> Vec<String> {
    let InvocationResult::Failed(error) = result else {
        return plain_answer_lines(result);
    };

    let mut lines = vec![failure_line(error), sanitize(&text(&error["errorMessage"]))];
    let logs = emulator.functions().logs(function);
    let last = logs.iter().skip(logs.len().saturating_sub(LOG_LINES));
    lines.extend(last.map(|line| format!("{DIM}{}{DIM:#}", sanitize(line))));
    lines
}

fn plain_answer_lines(result: &InvocationResult) -> Vec<String> {
    vec![match result {
        InvocationResult::Answered(body) => {
            format!("Ok {}", sanitize(&String::from_utf8_lossy(body)))
        }
        InvocationResult::Failed(error) => failure_line(error),
        InvocationResult::Unknown => format!("{BAD}there is no function with this name{BAD:#}"),
        InvocationResult::NotBuilt(why) => format!("{BAD}{why}{BAD:#}"),
    }]
}

fn failure_line(error: &Value) -> String {
    let error_type = sanitize(&text(&error["errorType"]));
    format!("{BAD}the function failed: {error_type}{BAD:#}")
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOSTILE: &str = "\u{1b}[2J\r\n\u{202e}\u{9b}31m";

    #[test]
    fn event_is_shown_without_terminal_controls() {
        let event = json!({
            "source": HOSTILE,
            "detail-type": HOSTILE,
            "detail": { "requestID": HOSTILE, "targets": [] },
        });

        let lines = event_lines(Path::new("event.json"), &event.to_string()).join("");
        assert!(lines.contains(&sanitize(HOSTILE)), "{lines}");
        assert!(!lines.contains(HOSTILE), "{lines}");
    }

    #[test]
    fn report_is_shown_without_terminal_controls() {
        let target = json!({ "name": HOSTILE, "message": HOSTILE, "outcome": "refused" });
        let report = json!({ "outcome": "done", "summary": HOSTILE, "requestID": HOSTILE, "targets": [target] });
        let result = InvocationResult::Answered(report.to_string().into());

        let report = reports_of(&result, &[]).remove(0);
        let lines = report_lines(Screen::default(), &report).join("");
        assert!(!lines.contains(HOSTILE), "{lines}");
    }
}
