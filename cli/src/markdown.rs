//! Reports as Markdown, for a change ticket.

use std::fmt::Write as _;

use crate::report::{Report, Target};

/// The reports as one document.
pub(crate) fn document(reports: &[Report]) -> String {
    let reports: Vec<String> = reports.iter().map(report).collect();

    reports.join("\n---\n\n").trim_end().to_owned()
}

fn report(report: &Report) -> String {
    // A ticket is looked for by the ID of its change.
    let request = report.request_id.as_deref().unwrap_or("no request");
    let outcome = report.outcome.replace('_', " ");
    let mut text = format!(
        "## {}: {outcome}\n\n{}\n\n",
        escaped(request),
        escaped(&report.summary)
    );
    if let Some(line) = report.origin() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}\n", escaped(&line));
    }

    if !report.targets.is_empty() {
        text +=
            "| target | resource | outcome | why | evidence |\n| --- | --- | --- | --- | --- |\n";
    }
    for target in &report.targets {
        let cells = [
            escaped(&target.name),
            escaped(target.id().unwrap_or_default()),
            target.outcome.replace('_', " "),
            reasons(target),
            escaped(&evidence(target)),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }

    text += &list("Plan", report, planned);
    text += &list("Next", report, next);
    if !report.cut.is_empty() {
        let cut = report.cut.join(", ");
        let _ = writeln!(text, "\nLeft out, so that the report fits: {cut}.");
    }
    text
}

fn reasons(target: &Target) -> String {
    // A cell is one line; every renderer knows this break.
    let reasons: Vec<String> = target
        .reasons
        .iter()
        .map(|stated| format!("{} (`{}`)", escaped(&stated.message), stated.reason))
        .collect();

    match reasons.is_empty() {
        true => format!("{} (`{}`)", escaped(&target.message), target.reason),
        false => reasons.join("<br>"),
    }
}

/// The figures of the evidence that are known, by name.
pub(crate) fn evidence(target: &Target) -> String {
    // What is not known is left out, and never shown as nothing.
    let members = target.evidence.as_object().into_iter().flatten();
    let figures = members.filter_map(|(name, value)| match value {
        serde_json::Value::Null => None,
        serde_json::Value::Array(items) if items.is_empty() => None,
        serde_json::Value::String(text) => Some(format!("{name} {text}")),
        other => Some(format!("{name} {other}")),
    });
    // A deletion has destroyed nothing itself, and ends what has.
    let earlier = ["recoveryPoints", "replicationHours"].into_iter();
    let earlier = earlier.filter_map(|name| {
        let figure = target.lost_earlier(name)?;
        Some(format!(
            "{name} lost earlier, as the request says, {figure}"
        ))
    });

    figures.chain(earlier).collect::<Vec<_>>().join(", ")
}

/// A list of what each target has, unless none has anything.
fn list(heading: &str, report: &Report, items: fn(&Target) -> Vec<String>) -> String {
    let mut lines = String::new();
    for target in &report.targets {
        for item in items(target) {
            let _ = writeln!(lines, "- {}: {item}", escaped(&target.name));
        }
    }

    match lines.is_empty() {
        true => String::new(),
        false => format!("\n### {heading}\n\n{lines}"),
    }
}

fn planned(target: &Target) -> Vec<String> {
    let steps = target.plan.iter().map(|step| match step.when.as_str() {
        "now" => escaped(&step.sentence),
        _ => escaped(&format!("{}: {}", step.awaits(), step.sentence)),
    });

    steps.collect()
}

fn next(target: &Target) -> Vec<String> {
    let steps = target.next_steps.iter().map(|step| {
        let what = format!("{}: {}", escaped(&step.who), escaped(&step.what));
        match &step.command {
            // In a fence of its own, nothing of it has a meaning.
            Some(command) => format!("{what}\n\n  ```sh\n  {command}\n  ```\n"),
            None => what,
        }
    });

    steps.collect()
}

/// A text that has no meaning in Markdown, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();

    // More is escaped than a renderer needs: they differ.
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '!' | '@' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::tests::plan_of_two;

    #[test]
    fn a_ticket_shows_every_target_with_its_reasons_and_what_to_do() {
        let report: Report = serde_json::from_value(plan_of_two()).unwrap();
        let text = document(&[report]);

        assert!(text.starts_with("## CHG1: refused\n"), "{text}");
        let row = "| web01 | s-1 | planned | Plan mode: nothing was changed (`plan_mode`) |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("drsjob-1 (`job_running`) |"), "{text}");
        let command = "```sh\n  aws drs tag-resource --resource-arn s-2\n  ```";
        assert!(text.contains(command), "{text}");
    }

    #[test]
    fn what_others_wrote_has_no_meaning() {
        let mut report = plan_of_two();
        report["targets"][0]["name"] = json!("a|b<script>`[x](http://y)");
        let report: Report = serde_json::from_value(report).unwrap();

        let text = document(&[report]);
        assert!(text.contains(r"a\|b\<script\>\`\[x\](http://y)"), "{text}");
    }
}
