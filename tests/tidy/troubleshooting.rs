//! The page on troubleshooting, from the same source as `drover explain` and the reports.

use shared::{Advice, Explain, FaultKind, code};
use strum::EnumMessage;

use super::{
    sections::check_sections,
    tables::{meaning, quoted},
};

/// What something in a report means, and who can do what about it.
fn entry(name: &str, meaning: &str, advice: &[Advice]) -> String {
    let mut entry = format!("### {name}\n\n{meaning}\n");

    for advice in advice {
        // Nothing is known here of a target: what has to be filled in stands in capitals.
        let step = advice.fill(&serde_json::Map::new());
        entry += &format!("\n- **{}:** {}\n", code(step.who), step.what);
        if let Some(command) = step.command {
            entry += &format!("\n  ```sh\n  {command}\n  ```\n");
        }
    }

    entry + "\n"
}

/// What needs nobody is no trouble.
fn of_reasons<R: Explain + EnumMessage + serde::Serialize>(all: &[R]) -> String {
    let troubles = all.iter().filter(|reason| !reason.advice().is_empty());

    troubles
        .map(|reason| entry(&quoted(reason), &meaning(reason), reason.advice()))
        .collect()
}

fn of_faults() -> String {
    FaultKind::ALL
        .iter()
        .map(|kind| entry(&quoted(kind), &meaning(kind), kind.advice()))
        .collect()
}

#[test]
fn the_page_on_troubleshooting_says_what_drover_explains() {
    let sections = [
        (
            "disconnect-source-server",
            of_reasons(disconnect_source_server::reason::Reason::ALL),
        ),
        (
            "bootstrap-efs-replication",
            of_reasons(bootstrap_efs_replication::reason::Reason::ALL),
        ),
        (
            "audit-source-servers",
            of_reasons(audit_source_servers::finding::Finding::ALL),
        ),
        (
            "audit-file-systems",
            of_reasons(audit_file_systems::finding::Finding::ALL),
        ),
        ("faults", of_faults()),
    ];

    check_sections("docs/troubleshooting.md", &sections);
}
