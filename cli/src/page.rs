//! Reports as a web page: one file without scripts and without addresses, which can be printed.

use std::fmt::Write as _;

use crate::{
    markdown::evidence,
    report::{NextStep, Report, Target},
};

const STYLE: &str = "
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 2rem 0 .3rem; }
p { margin: .3rem 0; }
small { opacity: .7; }
table { border-collapse: collapse; margin: 1rem 0; width: 100%; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: .4rem .6rem; text-align: left; vertical-align: top; overflow-wrap: break-word; }
td:nth-child(-n+2), td:first-child code { white-space: nowrap; }
td:last-child { max-width: 16rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
ul { margin: .2rem 0; padding-left: 1.2rem; }
.done, .already_done { color: light-dark(#176b2c, #7ddb93); }
.pending, .planned, .refused, .rejected { color: light-dark(#8a5a00, #f0c060); }
.failed, .permanent, .indeterminate, .retryable { color: light-dark(#a3140f, #ff8f85); }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
";

/// The reports as one page.
pub(crate) fn document(reports: &[Report]) -> String {
    // The browser offers it as the name of the printed file.
    let title = match reports {
        [only] => escaped(only.request_id.as_deref().unwrap_or("drover")),
        _ => format!("{} reports of drover", reports.len()),
    };
    let body: String = reports.iter().map(report).collect();

    // Nothing is loaded and nothing runs, even if a text slipped through unescaped.
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>"
    )
}

fn report(report: &Report) -> String {
    // An outcome is a class of the style sheet, too.
    let outcome = escaped(&report.outcome);
    let words = outcome.replace('_', " ");
    let request = escaped(report.request_id.as_deref().unwrap_or("no request"));
    let mut text = format!(
        "<h1>{request}: <span class=\"{outcome}\">{words}</span></h1>\n<p>{}</p>\n",
        escaped(&report.summary)
    );

    if let Some(line) = report.origin() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "<p><small>{}</small></p>", escaped(&line));
    }
    if !report.targets.is_empty() {
        let rows: String = report.targets.iter().map(row).collect();
        let _ = writeln!(
            text,
            "<table>\n<thead><tr><th>target</th><th>outcome</th><th>why, and what comes next</th>\
             <th>evidence</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
        );
    }
    if !report.cut.is_empty() {
        let cut = escaped(&report.cut.join(", "));
        let _ = writeln!(text, "<p>Left out, so that the report fits: {cut}.</p>");
    }
    text
}

fn row(target: &Target) -> String {
    // Whoever prints it in black still reads the outcome as a word.
    let outcome = escaped(&target.outcome);
    let words = outcome.replace('_', " ");
    let id = target.id().filter(|id| *id != target.name);
    let id = id.map_or_else(String::new, |id| {
        format!("<br><code>{}</code>", escaped(id))
    });
    let why = match target.reasons.is_empty() {
        true => escaped(&target.message),
        false => items(target.reasons.iter().map(|stated| escaped(&stated.message))),
    };

    let plan = items(target.plan.iter().map(|step| match step.when.as_str() {
        "now" => escaped(&step.sentence),
        _ => escaped(&format!("{}: {}", step.awaits(), step.sentence)),
    }));
    let next = items(target.next_steps.iter().map(next_step));
    // One below the other: a command beside them would be a column of syllables.
    let (plan, next) = (labelled("Plan", &plan), labelled("Next", &next));
    let (name, evidence) = (escaped(&target.name), escaped(&evidence(target)));
    format!(
        "<tr><td>{name}{id}</td><td class=\"{outcome}\">{words}</td><td>{why}{plan}{next}</td>\
         <td><small>{evidence}</small></td></tr>\n"
    )
}

/// A list with a word above it, unless it is empty.
fn labelled(label: &str, list: &str) -> String {
    match list.is_empty() {
        true => String::new(),
        false => format!("<p><strong>{label}</strong></p>{list}"),
    }
}

fn next_step(step: &NextStep) -> String {
    let (who, what) = (escaped(&step.who), escaped(&step.what));

    match &step.command {
        Some(command) => format!("{who}: {what}<br><code>{}</code>", escaped(command)),
        None => format!("{who}: {what}"),
    }
}

fn items(items: impl Iterator<Item = String>) -> String {
    // An empty list would be read out as one.
    let items: String = items.map(|item| format!("<li>{item}</li>")).collect();

    match items.is_empty() {
        true => items,
        false => format!("<ul>{items}</ul>"),
    }
}

/// A text that has no meaning in HTML, in an attribute neither.
fn escaped(text: &str) -> String {
    // The ampersand first, or those of the others would be escaped again.
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::tests::plan_of_two;

    fn page(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut report = plan_of_two();
        change(&mut report);

        document(&[serde_json::from_value(report).unwrap()])
    }

    #[test]
    fn a_page_shows_every_target_and_loads_nothing() {
        let page = page(|_| {});

        assert_eq!(page.matches("<tr><td>").count(), 2, "{page}");
        assert!(page.contains("<li>A DRS job is working on the server: drsjob-1</li>"));
        assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("src="));
    }

    #[test]
    fn what_others_wrote_is_text() {
        let hostile = "\"><script>alert('x')</script>&";
        let page = page(|report| {
            report["targets"][0]["name"] = json!(hostile);
            report["targets"][0]["outcome"] = json!(hostile);
            report["targets"][1]["nextSteps"][0]["command"] = json!(hostile);
            report["requestID"] = json!(hostile);
        });

        assert!(!page.contains("<script>"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;").count(), 6, "{page}");
    }
}
