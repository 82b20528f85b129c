//! The functions that only look, each in an account at its limits; nobody else does their work.

use std::{fs, time::Instant};

use anyhow::{Context, Result};
use chrono::Utc;
use jobs::{AUDITS, Audit, Scene};

use crate::{
    MEGABYTE,
    figures::{Goal::AtMost, Row, Section, Unit},
    measure::{Bench, minutes_since},
    note_only, rows_of_only_event,
    variants::Variant,
};

/// The smallest size of a function.
const MEMORY_MB: f64 = 128.0;
/// What an event with a result carries.
const REPORT_BYTES: f64 = 262_144.0;

/// A section without numbers.
pub(crate) fn section(audit: &Audit) -> Section {
    Section {
        key: audit.function.to_owned(),
        title: format!("{}, {}", audit.function, audit.account),
        measured: None,
        rows: rows(),
    }
}

fn rows() -> Vec<Row> {
    let mut rows = rows_of_only_event(&[AtMost(MEMORY_MB)]);
    rows.extend([
        Row::new("report", "report", Unit::Bytes, &[AtMost(REPORT_BYTES)]),
        Row::new("zip", "zipped", Unit::Megabytes, &[]),
    ]);
    rows
}

/// The figures of one request for each audit, in several rounds.
pub(crate) async fn measure(bench: &Bench, rounds: usize, measured: &str) -> Result<Vec<Section>> {
    let start = Instant::now();
    let mut sections = Vec::new();

    for audit in AUDITS {
        let mut section = section(audit);
        section.measured = Some(measured.to_owned());
        // A life that nobody looks at, so that files are read.
        look(bench, audit, &mut section.clone()).await?;
        for _ in 0..rounds {
            look(bench, audit, &mut section).await?;
        }

        eprintln!("{}, {}", section.title, minutes_since(start));
        sections.push(section);
    }

    Ok(sections)
}

/// A round of one request.
async fn look(bench: &Bench, audit: &'static Audit, section: &mut Section) -> Result<()> {
    let variant = Variant::Drover;
    let scene = Scene::audit(audit, Utc::now());
    let only = bench.cold(variant, &scene).await.context(audit.function)?;
    let zip = fs::metadata(variant.archive(&bench.stage, audit.function))?.len();

    note_only(section, variant, &only);
    section.add("report", variant, only.answer as f64);
    section.add("zip", variant, zip as f64 / MEGABYTE);
    Ok(())
}
