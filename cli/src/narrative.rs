//! What a person reads: the event, what was seen, the plan, every call, and the report.

use std::{fmt::Write as _, path::Path};

use anstyle::{AnsiColor, Style};
use emulator::{Emulator, Ended, Entry};
use serde_json::Value;

/// Something that went wrong or must not be missed.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
const HEAD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How wide the names on the left are.
const MARGIN: usize = 9;

/// Tells one invocation from its event to its report.
pub(crate) fn tell(
    file: &Path,
    payload: &str,
    local: &Emulator,
    function: &str,
    ended: &Ended,
) -> String {
    let reports = reports(ended, &local.functions().logs(function));
    let mut story = Story::default();
    story.chapter("event", event_lines(file, payload));
    story.chapter("account", vec![account_line(local)]);
    let (journal, here) = (local.journal(), local.world().region);
    let before = local.functions().calls_before_the_first_event(function);
    let let_go = local.calls() - journal.len();
    let (start, calls) = journal.split_at(before.saturating_sub(let_go).min(journal.len()));
    if !start.is_empty() {
        story.chapter("start", call_lines(start, &here));
    }
    for report in &reports {
        story.chapter("seen", seen_lines(report));
        story.chapter("plan", plan_lines(report));
    }
    story.chapter("calls", call_lines(calls, &here));
    for report in &reports {
        story.chapter("report", report_lines(report));
    }
    story.chapter(
        "answer",
        answer_lines(ended, local, function, reports.is_empty()),
    );
    story.text.trim_end().to_owned()
}

/// What a person needs who wants to use the running account.
pub(crate) fn welcome(local: &Emulator, functions: &[String]) -> String {
    let url = local.endpoint();
    let port = url.rsplit(':').next().unwrap_or_default();
    let mut text = format!(
        "{HEAD}serving{HEAD:#} DRS, EFS, the Lambda Runtime API and the Invoke API at {url}\n"
    );
    for function in functions {
        let _ = writeln!(
            text,
            "\n{DIM}# for {function}, run by yourself or called by an AWS client{DIM:#}"
        );
        for (name, value) in local.functions().environment(function) {
            let _ = writeln!(text, "export {name}='{value}'");
        }
        let _ = write!(
            text,
            "\n{DIM}# invoke it: it is built and started when nothing polls under its name{DIM:#}\n\
             cargo lambda invoke -A 127.0.0.1 -P {port} --data-file EVENT.json {function}\n\
             aws lambda invoke --function-name {function} --payload fileb://EVENT.json /dev/stdout\n\
             {DIM}# or run it yourself, in a debugger for instance{DIM:#}\n\
             cargo run --package {function}\n\
             curl {url}/local/logs/{function}   {DIM}# what it printed, where it was started here{DIM:#}\n",
        );
    }
    let _ = write!(
        text,
        "\n{DIM}# the account{DIM:#}\n\
         aws drs describe-source-servers\n\
         aws efs describe-file-systems\n\
         curl {url}/local/world     {DIM}# as it is now{DIM:#}\n\
         curl {url}/local/journal   {DIM}# every call so far{DIM:#}\n\
         curl {url}/local/advance -d '{{\"minutes\": 90}}'   {DIM}# let time pass{DIM:#}\n\
         curl {url}/local/faults -d '{{\"operation\": \"DisconnectSourceServer\", \"kind\": \"reset_after\"}}'\n\
         \nCtrl-C stops it.",
    );
    text
}

#[derive(Default)]
struct Story {
    text: String,
}

impl Story {
    fn chapter(&mut self, name: &str, lines: Vec<String>) {
        for (at, line) in lines.iter().enumerate() {
            let margin = if at == 0 { name } else { "" };
            let _ = writeln!(self.text, "{HEAD}{margin:MARGIN$}{HEAD:#}{line}");
        }
        if !lines.is_empty() {
            self.text.push('\n');
        }
    }
}

/// The reports in the answer, or, where the answer has no room for them, in the function's log.
fn reports(ended: &Ended, logs: &[String]) -> Vec<Value> {
    let answer = match ended {
        Ended::Answered(body) => serde_json::from_slice(body).unwrap_or(Value::Null),
        Ended::Failed(error) => {
            serde_json::from_str(error["errorMessage"].as_str().unwrap_or_default())
                .unwrap_or(Value::Null)
        }
        Ended::Unknown | Ended::NotBuilt(_) => Value::Null,
    };
    let answer = made_plain(answer);
    let several = answer.as_array().or_else(|| answer["reports"].as_array());
    if let Some(several) = several {
        return several.clone();
    }
    if answer["targets"].is_array() {
        return vec![answer];
    }
    let lines = logs
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter_map(|line| serde_json::from_str(line["fields"]["report"].as_str()?).ok())
        .map(made_plain)
        .collect()
}

fn account_line(local: &Emulator) -> String {
    let mut world = local.world();
    let servers = world.here().source_servers.len();
    let file_systems = world
        .efs
        .regions
        .values()
        .map(|efs| efs.file_systems.len())
        .sum::<usize>();
    let (account, region) = (&world.account, &world.region);
    format!(
        "{account} in {region}, emulated on this machine: {servers} source servers, {file_systems} file systems"
    )
}

fn event_lines(file: &Path, payload: &str) -> Vec<String> {
    let event = made_plain(serde_json::from_str(payload).unwrap_or(Value::Null));
    let what = if let Some(records) = event["Records"].as_array() {
        let source = records.first().and_then(|record| {
            record["eventSource"]
                .as_str()
                .or(record["EventSource"].as_str())
        });
        format!(
            "{} record(s) of {}",
            records.len(),
            source.unwrap_or("nobody")
        )
    } else if let Some(detail_type) = event["detail-type"].as_str() {
        format!(
            "{detail_type} from {}",
            event["source"].as_str().unwrap_or("nobody")
        )
    } else {
        "a request by itself".to_owned()
    };
    let detail = if event["detail"].is_object() {
        &event["detail"]
    } else {
        &event
    };
    let mut lines = vec![what, format!("{DIM}{}{DIM:#}", file.display())];
    if let Some(targets) = detail["targets"].as_array() {
        let replicates = targets
            .iter()
            .any(|target| target["destination"].is_object());
        let action = match detail["action"].as_str() {
            None if replicates => "replicate",
            None => "disconnect",
            Some(action) => action,
        };
        lines.push(format!(
            "{action} under {}, until {}",
            text(&detail["requestID"]),
            text(&detail["expiresAt"])
        ));

        lines.extend(targets.iter().map(|target| {
            if target["destination"].is_object() {
                format!("  {} to {}", names(target), place(&target["destination"]))
            } else {
                format!("  {}", names(target))
            }
        }));
    }
    lines
}

fn seen_lines(report: &Value) -> Vec<String> {
    let targets = report["targets"].as_array().into_iter().flatten();
    let seen = targets.filter(|target| target["evidence"].is_object());
    seen.map(|target| {
        if target["evidence"]["stateBefore"].is_string() {
            server_line(target)
        } else {
            file_system_line(target)
        }
    })
    .collect()
}

fn server_line(target: &Value) -> String {
    let evidence = &target["evidence"];
    let id = text(&target["resource"]["sourceServerID"]);
    let name = names(&target["target"]);
    let found = if name.starts_with(&id) {
        name
    } else {
        format!("{name} is {id}")
    };
    let mut line = format!("{found}: {}", text(&evidence["stateBefore"]));
    if let Some(bytes) = evidence["replicatedBytes"].as_f64() {
        let _ = write!(line, ", {:.0} GiB", bytes / f64::from(1 << 30));
    }
    if let Some(points) = evidence["recoveryPoints"].as_u64() {
        let _ = write!(line, ", {points} recovery points");
    }
    if let Some(hours) = evidence["replicationHours"].as_u64() {
        let _ = write!(line, ", replicating for {hours} h");
    }
    if let Some(request) = evidence["approvedFor"].as_str() {
        let _ = write!(line, ", {GOOD}approved for {request}{GOOD:#}");
    }
    line
}

fn file_system_line(target: &Value) -> String {
    let (evidence, resource) = (&target["evidence"], &target["resource"]);
    let mut line = names(&target["target"]);
    if let Some(bytes) = evidence["sourceSizeInBytes"].as_f64() {
        let _ = write!(line, ", {:.1} GiB", bytes / f64::from(1 << 30));
    }
    match evidence["statusBefore"].as_str() {
        Some(status) => {
            let (replica, region) = (
                text(&resource["destinationFileSystemId"]),
                text(&resource["destinationRegion"]),
            );
            let _ = write!(line, ": {status} to {replica} in {region}");
        }
        None => line.push_str(": no replication"),
    }
    match evidence["lastReplicatedTimestamp"].as_str() {
        Some(at) => _ = write!(line, ", last synced {at}"),
        None if evidence["statusBefore"].is_string() => line.push_str(", not synced yet"),
        None => {}
    }
    line
}

fn plan_lines(report: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for target in report["targets"].as_array().into_iter().flatten() {
        let steps: Vec<&str> = target["plan"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if steps.is_empty() {
            lines.push(format!(
                "{DIM}nothing{DIM:#} for {}: {}",
                names(&target["target"]),
                text(&target["reason"])
            ));
        }
        lines.extend(
            steps
                .iter()
                .enumerate()
                .map(|(at, step)| format!("{}{step}", if at == 0 { "" } else { "  then " })),
        );
    }
    if report["mode"] == "plan" && !lines.is_empty() {
        lines.push(format!(
            "{WARN}plan mode: nothing of this is carried out{WARN:#}"
        ));
    }
    lines
}

fn call_lines(journal: &[Entry], here: &str) -> Vec<String> {
    if journal.is_empty() {
        return vec![format!("{DIM}none{DIM:#}")];
    }
    let line = |entry: &Entry| {
        let mark = if entry.changed {
            format!("{WARN}changed{WARN:#} ")
        } else {
            "        ".to_owned()
        };
        let style = if entry.answer.starts_with("20") {
            DIM
        } else {
            BAD
        };
        // A call in the functions' own Region goes without saying.
        let place = if entry.region == here {
            String::new()
        } else {
            format!(" {DIM}{}{DIM:#}", entry.region)
        };
        let (subject, answer) = (plain(&entry.subject), plain(&entry.answer));
        format!(
            "{mark}{:34} {subject:40} {style}{answer}{style:#}{place}",
            entry.operation
        )
    };
    journal.iter().map(line).collect()
}

fn report_lines(report: &Value) -> Vec<String> {
    let targets = report["targets"].as_array().into_iter().flatten();
    let mut lines: Vec<String> = targets
        .map(|target| {
            let outcome = text(&target["outcome"]);
            let style = style(&outcome);
            let name = names(&target["target"]);
            format!(
                "{style}{outcome:13}{style:#} {name}: {} {DIM}({}){DIM:#}",
                text(&target["message"]),
                text(&target["reason"])
            )
        })
        .collect();
    let style = style(&text(&report["outcome"]));
    let reason = report["reason"]
        .as_str()
        .map(|reason| format!(" {DIM}({reason}){DIM:#}"))
        .unwrap_or_default();
    lines.push(format!(
        "{style}{}{style:#}{reason}",
        text(&report["summary"])
    ));
    lines
}

fn answer_lines(ended: &Ended, local: &Emulator, function: &str, no_reports: bool) -> Vec<String> {
    match ended {
        Ended::Answered(body) if no_reports || !body.starts_with(b"{\"outcome\"") => {
            vec![format!("Ok {}", plain(&String::from_utf8_lossy(body)))]
        }
        Ended::Answered(_) => vec!["Ok, with this report".to_owned()],
        Ended::Unknown => vec![format!("{BAD}no function has this name{BAD:#}")],
        Ended::NotBuilt(why) => vec![format!("{BAD}{why}{BAD:#}")],
        Ended::Failed(error) => {
            let mut lines = vec![format!(
                "{BAD}the function failed: {}{BAD:#}",
                plain(&text(&error["errorType"]))
            )];
            if no_reports {
                lines.push(plain(&text(&error["errorMessage"])));
                let logs = local.functions().logs(function);
                lines.extend(
                    logs.iter()
                        .rev()
                        .take(10)
                        .rev()
                        .map(|line| format!("{DIM}{}{DIM:#}", plain(line))),
                );
            } else {
                lines.push(
                    "Lambda would deliver the event again, and then hand it to the failure destination".to_owned(),
                );
            }
            lines
        }
    }
}

fn style(outcome: &str) -> Style {
    match outcome {
        "done" | "already_done" => GOOD,
        "pending" | "planned" | "refused" | "rejected" => WARN,
        _ => BAD,
    }
}

/// Where a replica is to be.
fn place(destination: &Value) -> String {
    let members = ["fileSystemId", "availabilityZoneName", "region"];
    members
        .iter()
        .filter_map(|member| destination[member].as_str())
        .collect::<Vec<_>>()
        .join(" in ")
}

/// The names in a target, the most exact first.
fn names(target: &Value) -> String {
    let members = [
        "sourceServerID",
        "awsInstanceID",
        "hostname",
        "fqdn",
        "sourceFileSystemId",
    ];
    members
        .iter()
        .filter_map(|member| target[member].as_str())
        .collect::<Vec<_>>()
        .join(" + ")
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Text of others, on one line, bounded, and without what a terminal obeys. Colours are added after
/// it.
pub(crate) fn plain(text: &str) -> String {
    const LONGEST: usize = 1000;
    let hidden = |sign: char| {
        matches!(sign, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(sign, '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
    };
    let kept = text.chars().take(LONGEST);
    kept.map(|sign| {
        if sign.is_control() || hidden(sign) {
            char::REPLACEMENT_CHARACTER
        } else {
            sign
        }
    })
    .collect()
}

/// A value with every text in it made plain.
fn made_plain(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain(&text)),
        Value::Array(items) => items.into_iter().map(made_plain).collect(),
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, of)| (plain(&name), made_plain(of)))
                .collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_story_shows_nothing_that_a_terminal_obeys() {
        let harm = "\u{1b}[2J\r\n\u{202e}\u{9b}31m";
        let told = plain("\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}\u{fffd}31m");
        assert_eq!(plain(harm), told);
        assert_eq!(plain(&harm.repeat(1 << 20)).chars().count(), 1000);
        let hidden = "\u{ad}\u{61c}\u{180e}\u{200b}\u{200f}\u{2028}\u{202e}\u{2060}\u{206f}\u{feff}\u{e0000}\u{e007f}";
        assert_eq!(plain(hidden), "\u{fffd}".repeat(12));
        assert_eq!(plain("ħöst-ß 東京"), "ħöst-ß 東京");
        let event = json!({ "source": harm, "detail-type": harm, "detail": { "targets": [{ "hostname": harm }] } });
        let lines = event_lines(Path::new("event.json"), &event.to_string()).join("");
        assert!(lines.contains(&told) && !lines.contains(harm), "{lines}");
        let report = json!({ "outcome": harm, "targets": [{ "target": { "hostname": harm }, "message": harm }] });
        let ended = Ended::Answered(report.to_string().into());
        let report = reports(&ended, &[]).remove(0);
        assert!(!report_lines(&report).join("").contains(harm));
    }
}
