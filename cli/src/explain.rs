//! `drover explain`: what a reason, an outcome, a fault or a rejection means, who can do what about
//! it, and whether it is safe to send the request again.

use std::process::ExitCode;

use anyhow::{Result, bail};
use audit_file_systems::{finding::Finding as OfFileSystems, reason::Reason as OfFileSystemAudit};
use audit_source_servers::{finding::Finding as OfServers, reason::Reason as OfServerAudit};
use bootstrap_efs_replication::reason::Reason as OfReplication;
use disconnect_source_server::reason::Reason as OfRetirement;
use serde_json::Map;
use shared::{Advice, Explain, FaultKind, Outcome, RejectionCode, code, fault::Remedy, sentence};
use strum::EnumMessage;

use crate::{
    console::{self, DIM, HEAD},
    functions::closest,
    layout::Layout,
    units,
};

/// The arguments of `drover explain`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  drover explain                 # everything that can be explained
  drover explain not_approved    # one of it")]
pub(crate) struct Arguments {
    /// What a report says: a reason, an outcome, a fault or a rejection [default: list all]
    reason: Option<String>,
}

/// Something that a report may say.
struct Entry {
    name: String,
    /// Where it belongs: a function, or a kind of thing.
    place: &'static str,
    meaning: String,
    advice: Vec<Advice>,
    again: String,
}

/// Explains one thing, or lists all.
///
/// # Errors
///
/// When there is no such thing; the closest one is named.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let entries = entries();
    let Some(asked) = &arguments.reason else {
        console::print(&list(&entries))?;
        return Ok(ExitCode::SUCCESS);
    };

    // As people write it, or as the report does.
    let name = asked.to_lowercase().replace(['-', ' '], "_");
    let found: Vec<String> = entries
        .iter()
        .filter(|entry| entry.name == name)
        .map(|entry| explain(Layout::of_stdout(), entry))
        .collect();
    if found.is_empty() {
        let names = entries.iter().map(|entry| entry.name.as_str());
        match closest(&name, names) {
            Some(close) => bail!("nothing is called `{asked}`. Did you mean `{close}`?"),
            None => bail!("nothing is called `{asked}`. `drover explain` lists everything"),
        }
    }
    console::print(&found.join("\n\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that a report may say, in the order of the documents.
fn entries() -> Vec<Entry> {
    // The same sources as the reports and the tables of the documents.
    let retirement = OfRetirement::ALL
        .iter()
        .map(|reason| of_reason(reason, "disconnect-source-server"));
    let replication = OfReplication::ALL
        .iter()
        .map(|reason| of_reason(reason, "bootstrap-efs-replication"));
    let of_audit = OfServerAudit::ALL
        .iter()
        .map(|reason| of_reason(reason, "audit-source-servers"));
    let findings = OfServers::ALL
        .iter()
        .map(|finding| of_finding(finding, "finding of audit-source-servers"));
    let of_file_system_audit = OfFileSystemAudit::ALL
        .iter()
        .map(|reason| of_reason(reason, "audit-file-systems"));
    let of_file_systems = OfFileSystems::ALL
        .iter()
        .map(|finding| of_finding(finding, "finding of audit-file-systems"));
    let faults = FaultKind::ALL.iter().map(|kind| of_fault(*kind));

    let outcomes = Outcome::ALL.iter().map(|outcome| Entry {
        name: code(outcome),
        place: "outcome",
        meaning: meaning(outcome),
        advice: Vec::new(),
        again: match outcome {
            Outcome::Indeterminate | Outcome::Retryable => {
                "Yes. Lambda or the queue delivers it again by itself."
            }
            Outcome::Permanent => "Yes, once the deployment is fixed.",
            Outcome::Rejected => "Yes, once it is corrected. As it is, it is rejected again.",
            Outcome::Refused | Outcome::Failed => {
                "Yes, once the cause is gone; `drover explain` knows each reason. Before that it \
                 meets the same."
            }
            Outcome::Pending | Outcome::Planned | Outcome::Done | Outcome::AlreadyDone => {
                "Yes. A request starts from what it finds, and never does a thing twice."
            }
        }
        .to_owned(),
    });
    let rejections = RejectionCode::ALL.iter().map(|rejection| Entry {
        name: code(rejection),
        place: "rejection",
        meaning: meaning(rejection),
        advice: vec![Advice::requester("Correct the event.").by("drover validate EVENT.json")],
        again: "Yes, once it is corrected. As it is, it is rejected again.".to_owned(),
    });

    retirement
        .chain(replication)
        .chain(of_audit)
        .chain(findings)
        .chain(of_file_system_audit)
        .chain(of_file_systems)
        .chain(outcomes)
        .chain(faults)
        .chain(rejections)
        .collect()
}

fn of_reason(reason: &(impl Explain + EnumMessage), place: &'static str) -> Entry {
    // Whatever was done before, a request goes on from there: sending again is always safe.
    let advice = reason.advice().to_vec();
    let again = match reason.look_again_after_seconds() {
        Some(seconds) => format!(
            "Yes; it is worth it after {}. A request starts from what it finds.",
            units::seconds(seconds.into())
        ),
        None if advice.is_empty() => "Yes; nothing is left to do.".to_owned(),
        None => {
            "Yes; nothing was changed for this reason. It helps once the cause is gone.".to_owned()
        }
    };

    Entry {
        name: code(reason),
        place,
        meaning: meaning(reason),
        advice,
        again,
    }
}

fn of_finding(finding: &(impl Explain + EnumMessage), place: &'static str) -> Entry {
    Entry {
        name: code(finding),
        place,
        meaning: meaning(finding),
        advice: finding.advice().to_vec(),
        again: "Yes. An audit only looks.".to_owned(),
    }
}

fn of_fault(kind: FaultKind) -> Entry {
    // The one thing that nobody may overlook.
    let doubt = match kind.leaves_doubt() {
        true => " A change may have been made all the same: the report says `indeterminate` then.",
        false => "",
    };
    let again = match kind.remedy() {
        Remedy::Retry => "Yes. Lambda or the queue delivers it again by itself.",
        Remedy::FixDeployment => "Yes, once the deployment is fixed.",
        Remedy::Manual => "Yes, but it meets the same, until somebody has acted.",
    };

    Entry {
        name: code(kind),
        place: "fault of a call",
        meaning: meaning(&kind) + doubt,
        advice: kind.advice().to_vec(),
        again: again.to_owned(),
    }
}

/// The whole comment of a variant.
fn meaning(variant: &impl EnumMessage) -> String {
    // Reports have the first line; here is room for the rest.
    let documentation = variant.get_documentation().unwrap_or_default();
    let words: Vec<&str> = documentation.split_whitespace().collect();

    match words.is_empty() {
        true => sentence(variant).to_owned(),
        false => words.join(" "),
    }
}

fn explain(layout: Layout, entry: &Entry) -> String {
    let (name, place) = (&entry.name, entry.place);
    let mut lines = vec![format!("{HEAD}{name}{HEAD:#} {DIM}({place}){DIM:#}")];
    lines.extend(layout.wrap("  ", 2, &entry.meaning));

    for advice in &entry.advice {
        // Nothing is known of a resource here, so what has to be filled in stands in capitals.
        let step = advice.fill(&Map::new());
        let who = code(step.who);
        lines.push(String::new());
        lines.extend(layout.wrap("  ", 4, &format!("{HEAD}{who}{HEAD:#}: {}", step.what)));
        lines.extend(step.command.map(|command| format!("    {command}")));
    }

    lines.push(String::new());
    let again = format!("{HEAD}Safe to send again?{HEAD:#} {}", entry.again);
    lines.extend(layout.wrap("  ", 4, &again));
    lines.join("\n")
}

/// Everything by name, with the first sentence of what it means.
fn list(entries: &[Entry]) -> String {
    let mut text = String::new();

    // One list for each place, in the order of the documents.
    for alike in entries.chunk_by(|entry, next| entry.place == next.place) {
        let place = alike.first().map_or("", |entry| entry.place);
        text += &format!("{HEAD}{place}{HEAD:#}\n");
        for entry in alike {
            let first = entry.meaning.split(". ").next().unwrap_or_default();
            let name = &entry.name;
            text += &format!("  {name:30} {DIM}{first}{DIM:#}\n");
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_report_may_say_is_explained() {
        for entry in entries() {
            let text = explain(Layout::default(), &entry);

            assert!(text.contains("Safe to send again?"), "{text}");
            assert!(entry.meaning.contains(' '), "{text}");
            assert!(!text.contains(['{', '}']), "{text}");
        }
    }

    #[test]
    fn a_reason_is_explained_with_the_command_for_it() {
        let entries = entries();
        let of_both: Vec<_> = entries
            .iter()
            .filter(|entry| entry.name == "not_approved")
            .map(|entry| explain(Layout::default(), entry))
            .collect();

        assert_eq!(of_both.len(), 2, "one for each function");
        assert!(
            of_both[0].contains("--tags TAG=REQUEST_ID"),
            "{}",
            of_both[0]
        );
    }
}
