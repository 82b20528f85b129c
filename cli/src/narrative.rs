//! What happened in an invocation, in sections: the event, the account, what was observed, the
//! plan, every call, and the report.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value by name gives null where there is no such member"
)]

use std::{fmt::Write as _, path::Path};

use anstyle::Style;
use emulator::{Emulator, Entry, InvocationResult, World};
use serde_json::Value;
use shared::{Message, Rejection};

use crate::{
    console::{BAD, DIM, GOOD, HEAD, WARN},
    functions,
    sanitize::{sanitize, sanitized},
    targets,
};

/// The width of the column of section names.
const MARGIN: usize = 9;
/// How many lines of the log are shown if a function fails without a report.
const LOG_LINES: usize = 10;

/// The narrative of an invocation; `account` is the account before it.
pub(crate) fn narrate(
    event_file: &Path,
    payload: &str,
    account: &str,
    emulator: &Emulator,
    function: &str,
    result: &InvocationResult,
) -> String {
    // The log is read now: everything up to the answer is in it.
    let reports = reports(result, &emulator.functions().logs(function));
    let region = emulator.world().region;
    let (start, calls) = split_journal(emulator, function);
    let mut narrative = Narrative::default();

    narrative.section("event", event_lines(event_file, payload));
    narrative.section("account", vec![account.to_owned()]);
    if !start.is_empty() {
        narrative.section("start", call_lines(&start, &region));
    }
    for report in &reports {
        narrative.section("observed", observed_lines(report));
        narrative.section("plan", plan_lines(report));
    }
    narrative.section("calls", call_lines(&calls, &region));
    for report in &reports {
        narrative.section("report", report_lines(report));
    }

    // Without a report the answer and the log are all there is to show.
    let answer = match reports.is_empty() {
        true => answer_lines(result, emulator, function),
        false => answer_with_report_lines(result),
    };
    narrative.section("answer", answer);
    narrative.text.trim_end().to_owned()
}

#[derive(Default)]
struct Narrative {
    text: String,
}

impl Narrative {
    /// Adds a section, unless it is empty.
    fn section(&mut self, name: &str, lines: Vec<String>) {
        for (index, line) in lines.iter().enumerate() {
            let margin = if index == 0 { name } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{HEAD}{margin:MARGIN$}{HEAD:#}{line}");
        }

        if !lines.is_empty() {
            self.text.push('\n');
        }
    }
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

/// The reports in the answer. If the answer is too small for them, they are in the log.
fn reports(result: &InvocationResult, logs: &[String]) -> Vec<Value> {
    let answer = match result {
        InvocationResult::Answered(body) => serde_json::from_slice(body).unwrap_or_default(),
        InvocationResult::Failed(error) => {
            let message = error["errorMessage"].as_str().unwrap_or_default();
            serde_json::from_str(message).unwrap_or_default()
        }
        InvocationResult::Unknown | InvocationResult::NotBuilt(_) => Value::Null,
    };

    let answer = sanitized(answer);
    // A batch answers with a list; a report of many has a member for it.
    let several = answer.as_array().or_else(|| answer["reports"].as_array());
    if let Some(several) = several {
        return several.clone();
    }
    if answer["targets"].is_array() {
        return vec![answer];
    }

    logs.iter()
        .filter_map(|line| report_in_log(line))
        .map(sanitized)
        .collect()
}

fn report_in_log(line: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    serde_json::from_str(line["fields"]["report"].as_str()?).ok()
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

    let mut lines = vec![head];
    if let Some(targets) = request["targets"].as_array() {
        lines.push(request_line(&request, targets));
        lines.extend(targets.iter().map(requested_target_line));
    } else if let Some(about) = targets::named_by_aws(&request) {
        lines.push(format!("  {about}"));
    }
    lines
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

    let (id, expiry) = (text(&request["requestID"]), text(&request["expiresAt"]));
    format!("{action} for {id}, expires {expiry}")
}

fn requested_target_line(target: &Value) -> String {
    let name = targets::name(target);

    match &target["destination"] {
        destination @ Value::Object(_) => format!("  {name} to {}", targets::place(destination)),
        _ => format!("  {name}"),
    }
}

fn report_targets(report: &Value) -> impl Iterator<Item = &Value> {
    report["targets"].as_array().into_iter().flatten()
}

fn observed_lines(report: &Value) -> Vec<String> {
    let request = report["requestID"].as_str();

    report_targets(report)
        .filter_map(|target| targets::observed(target, request))
        .collect()
}

fn plan_lines(report: &Value) -> Vec<String> {
    let mut lines: Vec<String> = report_targets(report).flat_map(target_plan).collect();

    if report["mode"] == "plan" && !lines.is_empty() {
        lines.push(format!(
            "{WARN}plan mode: none of this was carried out{WARN:#}"
        ));
    }
    lines
}

/// The steps for a target, or why there are none.
fn target_plan(target: &Value) -> Vec<String> {
    let steps = target["plan"].as_array().into_iter().flatten();
    let steps: Vec<&str> = steps.filter_map(Value::as_str).collect();

    let Some((first, others)) = steps.split_first() else {
        let (name, reason) = (targets::name(target), text(&target["reason"]));
        return vec![format!("{DIM}nothing{DIM:#} for {name}: {reason}")];
    };
    let others = others.iter().map(|step| format!("  then {step}"));
    std::iter::once((*first).to_owned()).chain(others).collect()
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
    // That something is not there is an answer like another; everything else deserves attention.
    let is_answer = entry.answer.starts_with("20") || entry.answer.starts_with("404");
    let style = match is_answer {
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

fn report_lines(report: &Value) -> Vec<String> {
    let mut lines: Vec<String> = report_targets(report)
        .map(|target| {
            let outcome = text(&target["outcome"]);
            let style = outcome_style(&outcome);
            let (message, reason) = (text(&target["message"]), text(&target["reason"]));
            let name = targets::name(target);
            format!("{style}{outcome:13}{style:#} {name}: {message} {DIM}({reason}){DIM:#}")
        })
        .collect();

    let style = outcome_style(&text(&report["outcome"]));
    let summary = text(&report["summary"]);
    let reason = match report["reason"].as_str() {
        Some(reason) => format!(" {DIM}({reason}){DIM:#}"),
        None => String::new(),
    };
    lines.push(format!("{style}{summary}{style:#}{reason}"));
    lines
}

/// The answer of an invocation whose reports are shown.
fn answer_with_report_lines(result: &InvocationResult) -> Vec<String> {
    match result {
        InvocationResult::Answered(body) if body.starts_with(b"{\"outcome\"") => {
            vec!["Ok, with this report".to_owned()]
        }
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

fn outcome_style(outcome: &str) -> Style {
    match outcome {
        "done" | "already_done" => GOOD,
        "pending" | "planned" | "refused" | "rejected" => WARN,
        _ => BAD,
    }
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
            "detail": { "targets": [{ "hostname": HOSTILE }] },
        });

        let lines = event_lines(Path::new("event.json"), &event.to_string()).join("");
        assert!(lines.contains(&sanitize(HOSTILE)), "{lines}");
        assert!(!lines.contains(HOSTILE), "{lines}");
    }

    #[test]
    fn report_is_shown_without_terminal_controls() {
        let target = json!({ "target": { "hostname": HOSTILE }, "message": HOSTILE });
        let report = json!({ "outcome": HOSTILE, "targets": [target] });
        let result = InvocationResult::Answered(report.to_string().into());

        let report = reports(&result, &[]).remove(0);
        assert!(!report_lines(&report).join("").contains(HOSTILE));
    }
}
