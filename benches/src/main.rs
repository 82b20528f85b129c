//! Measures the functions beside the same jobs in Python, in Node, and without an SDK.
//!
//! `benches/run` puts the stage up and calls this. Every variant is started, made ready, given
//! events and ended, in turn, several rounds, against the same Runtime API, the same DRS and EFS
//! over TLS, and the same account: [`jobs`] has the requests and checks that they were done,
//! [`variants`] who does it, [`measure`] what is watched.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]
#![expect(
    clippy::cast_precision_loss,
    reason = "no figure here has sixteen digits"
)]

mod audits;
mod figures;
mod measure;
mod plot;
mod process;
mod quota;
mod runtime;
mod service;
mod table;
mod variants;

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use clap::{Parser, ValueEnum};
use jobs::{AUDITS, JOBS, Job, Scene};
use serde_json::{Value, json};

use crate::{
    figures::{Goal, Row, Section, Unit},
    measure::{Bench, Calls, First, Slow, Warm, minutes_since, ms},
    quota::Group,
    service::{CALLS_A_SECOND, Service},
    variants::{Stage, Variant},
};

/// How many rounds there are of what takes long and varies little.
const ROUNDS_OF_MANY: usize = 3;
/// How many servers or file systems an account has by default.
const ACCOUNT: usize = 40;
/// Accounts that grow.
const ACCOUNTS: [usize; 2] = [1000, 4000];
/// How many servers a page of a list has, as all variants ask for it.
const PAGE: usize = 250;
/// The most targets of a request.
const MANY: usize = 100;
/// How many targets there are where calls are throttled, in requests of the most targets.
const MORE: usize = 300;
/// In an account of so many servers each of the requests is for no more than a tenth of those still
/// connected.
const ACCOUNT_OF_MORE: usize = 1200;
const MEGABYTE: f64 = 1e6;
/// Where the tables stand in the README: at its end.
const FIGURES: &str = "\n## Figures\n";
const PICTURE_IN_README: &str = "\n![the most telling figures as bars](results.svg)\n";
/// The figures of the picture.
const PICTURE: [&str; 5] = ["cpu", "throttled", "warm", "memory", "zip"];

/// Measures the functions beside the same jobs in Python, in Node, and without an SDK.
#[derive(Parser)]
#[command(name = "benches/run")]
struct Arguments {
    /// How many rounds.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// How many warm events a process and round.
    #[arg(long, default_value_t = 200)]
    events: usize,
    /// Two rounds of few events, whose results are printed and not kept: whether it works, not how
    /// fast.
    #[arg(long)]
    quick: bool,
    /// Measures also what building costs, which otherwise stays in the tables as it was measured
    /// last.
    #[arg(long)]
    build: bool,
    /// Measures a part alone; the other tables stay as they were measured last.
    #[arg(long)]
    only: Option<Part>,
    /// Where `benches/run` has put everything.
    #[arg(long, hide = true)]
    stage: PathBuf,
    /// Where results.json, results.svg and the README are.
    #[arg(long, hide = true)]
    results: PathBuf,
}

/// What can be measured by itself.
#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// The functions that only look; they need neither Python nor Node.
    Audits,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (rounds, events) = if arguments.quick {
        (2, 20)
    } else {
        (arguments.rounds.max(1), arguments.events.max(1))
    };
    let stage = Stage::new(&arguments.stage)?;
    let service = Service::start(&stage.path("")).await?;
    let bench = Bench { stage, service };

    let about = about(&bench.stage, rounds, events);
    let mut sections = Vec::new();
    if arguments.only.is_none() {
        println!("{}\n", note(&about).join("\n"));
        sections.extend(beside_peers(&bench, rounds, events, arguments.quick).await?);
    }
    let measured = measured_audits(&about, arguments.only);
    sections.extend(audits::measure(&bench, rounds, &measured).await?);
    if arguments.build {
        sections.push(building(&bench.stage)?);
    }

    println!("{}", table::markdown(&sections));
    if !arguments.quick {
        keep(&arguments, &sections, &about)?;
    }
    Ok(())
}

/// What drover is compared with others in.
async fn beside_peers(
    bench: &Bench,
    rounds: usize,
    events: usize,
    quick: bool,
) -> Result<Vec<Section>> {
    let mut sections = one_event(bench, rounds, events).await?;
    sections.extend(many_targets(bench, rounds).await?);

    if !quick {
        // They wait most of the time, so they run at once.
        let slow = JOBS.map(|job| slow(bench, job));
        sections.extend(futures_util::future::try_join_all(slow).await?);
    }
    Ok(sections)
}

/// All sections in the order of the README: those that were measured now, and the others as they
/// were measured last, if ever.
fn with_kept(measured: &[Section], kept: &Value) -> Vec<Section> {
    let mut sections: Vec<Section> = JOBS.map(section_of_one).into();
    sections.extend(growth().into_iter().map(section_of_many));
    sections.extend(JOBS.map(section_of_slow));
    sections.extend(AUDITS.map(audits::section));
    sections.push(section_of_building());

    sections
        .into_iter()
        .filter_map(|section| {
            let now = measured.iter().find(|now| now.key == section.key);
            now.cloned().or_else(|| table::read(kept, section))
        })
        .collect()
}

/// The figures of one event for each job, in several rounds.
async fn one_event(bench: &Bench, rounds: usize, events: usize) -> Result<Vec<Section>> {
    let group = Group::new()
        .inspect_err(|why| eprintln!("no quota can be set here: {why:#}"))
        .ok();
    let mut sections: Vec<Section> = JOBS.map(section_of_one).into();

    let start = Instant::now();
    for job in JOBS {
        settle(bench, job).await?;
    }
    for round in 1..=rounds {
        for (job, section) in JOBS.into_iter().zip(&mut sections) {
            one(bench, job, section, events, group.as_ref()).await?;
        }
        eprintln!("round {round} of {rounds}, {}", minutes_since(start));
    }

    Ok(sections)
}

fn section_of_one(job: &Job) -> Section {
    Section {
        key: job.function.to_owned(),
        title: format!("{}, {}", job.function, job.target),
        measured: None,
        rows: rows(job),
    }
}

/// The figures of one event with many targets for each job.
async fn many_targets(bench: &Bench, rounds: usize) -> Result<Vec<Section>> {
    let start = Instant::now();
    let mut sections = Vec::new();
    for growth in growth() {
        let mut section = section_of_many(growth);
        for _ in 0..rounds.min(ROUNDS_OF_MANY) {
            many(bench, growth, &mut section).await?;
        }

        eprintln!("{}, {}", section.title, minutes_since(start));
        sections.push(section);
    }

    Ok(sections)
}

fn section_of_many(Growth { job, account }: Growth) -> Section {
    let targets = job.targets;
    let title = if job.reads_account {
        format!("{MANY} {targets} in an account of {account}, pages of {PAGE}")
    } else {
        format!("{MANY} {targets}")
    };

    Section {
        key: format!("{}-{MANY}-of-{account}", job.function),
        title,
        measured: None,
        rows: rows_of_only_event(&[]),
    }
}

/// Writes results.json, results.svg, and the tables at the end of the README, so that all say the
/// same.
fn keep(arguments: &Arguments, measured: &[Section], about: &Value) -> Result<()> {
    let folder = &arguments.results;
    let kept: Value = serde_json::from_slice(&fs::read(folder.join("results.json"))?)?;
    let sections = with_kept(measured, &kept);
    // The sections that were measured alone say themselves what they are of.
    let about = match arguments.only {
        Some(_) => kept.get("about").context("results.json is about nothing")?,
        None => about,
    };

    let note = note(about);
    let json = serde_json::to_string_pretty(&table::json(&sections, about))?;
    fs::write(folder.join("results.json"), json + "\n")?;
    fs::write(
        folder.join("results.svg"),
        plot::svg(sections.get(..2).unwrap_or_default(), &PICTURE, &note),
    )?;
    let readme = fs::read_to_string(folder.join("README.md"))?;
    let (above, _) = readme
        .split_once(FIGURES)
        .context("README.md has no place for the figures")?;
    let tables = format!(
        "{above}{FIGURES}{PICTURE_IN_README}\n{}\n\n{}\n",
        note.join(" "),
        table::markdown(&sections).trim_end()
    );

    fs::write(folder.join("README.md"), tables)?;
    Ok(())
}

/// The figures of one event.
fn rows(job: &Job) -> Vec<Row> {
    use Goal::AtMost;
    use Unit::Count;

    let mut rows = rows_of_time();
    rows.extend(rows_of_size());

    let connections: Vec<Goal> = job.most_connections.into_iter().map(AtMost).collect();
    rows.extend([
        Row::new("calls", "calls an event", Count, &[]),
        Row::new("init_calls", "calls during init", Count, &[]),
        Row::new(
            "connections",
            "connections, init and first event",
            Count,
            &connections,
        ),
        Row::new("connections_warm", "connections, warm event", Count, &[]),
    ]);
    for counted in job.counted_calls {
        let name = format!("calls of {}", counted.operation);
        rows.push(Row::new(counted.key, name, Count, &[AtMost(counted.most)]));
    }

    rows
}

fn rows_of_time() -> Vec<Row> {
    use Goal::{PartOf, TimesOf};
    use Variant::{Limit, Node, Python};
    let row = |key, name, goals: &[Goal]| Row::new(key, name, Unit::Milliseconds, goals);

    vec![
        row("ready", "start to ready", &[]),
        row("ready_cpu", "processor time, start to ready", &[]),
        row("first", "first event", &[]),
        row(
            "cpu",
            "processor time, start to first answer",
            &[
                PartOf(Python, 100.0),
                PartOf(Node, 45.0),
                TimesOf(Limit, 2.0),
            ],
        ),
        row(
            "throttled",
            "first event, a fourteenth of a processor",
            &[PartOf(Python, 300.0), PartOf(Node, 250.0)],
        ),
        row(
            "warm",
            "warm event above the service's own time, median",
            &[PartOf(Python, 8.0), PartOf(Node, 4.0)],
        ),
        row("warm_p99", "warm event, 99th percentile", &[]),
        row("warm_cpu", "processor time of a warm event", &[]),
    ]
}

fn rows_of_size() -> Vec<Row> {
    use Goal::{AtMost, PartOf};
    let row = |key, name, goals: &[Goal]| Row::new(key, name, Unit::Megabytes, goals);

    vec![
        row("memory", "peak memory", &[PartOf(Variant::Python, 7.0)]),
        row("zip", "zipped", &[AtMost(2.2)]),
    ]
}

/// The figures of a process that gets one event and no other, with the goals of its memory.
fn rows_of_only_event(memory: &[Goal]) -> Vec<Row> {
    vec![
        Row::new(
            "event",
            "the event above the service's own time",
            Unit::Milliseconds,
            &[],
        ),
        Row::new(
            "cpu",
            "processor time, start to answer",
            Unit::Milliseconds,
            &[],
        ),
        Row::new("memory", "peak memory", Unit::Megabytes, memory),
        Row::new("calls", "calls", Unit::Count, &[]),
        Row::new(
            "connections",
            "connections, init and event",
            Unit::Count,
            &[],
        ),
    ]
}

/// The figures of many targets under a service that throttles.
fn rows_of_slow() -> Vec<Row> {
    use Goal::AtMost;
    vec![
        Row::new("seconds", "the event", Unit::Seconds, &[]),
        Row::new(
            "of_floor",
            "the event, of the least that its calls can take",
            Unit::Count,
            &[AtMost(1.1)],
        ),
        Row::new(
            "throttled",
            "share of throttled calls",
            Unit::Percent,
            &[AtMost(2.0)],
        ),
        Row::new("lost", "targets lost", Unit::Count, &[AtMost(0.0)]),
        Row::new("calls", "calls that were let pass", Unit::Count, &[]),
    ]
}

/// What building costs; drover alone is built.
fn rows_of_building() -> Vec<Row> {
    use Goal::AtMost;
    vec![
        Row::new(
            "cold",
            "the README's first command, nothing built, processor time",
            Unit::Minutes,
            &[AtMost(6.0)],
        ),
        Row::new(
            "edit",
            "the same after an edit of a function",
            Unit::Seconds,
            &[AtMost(6.0)],
        ),
        Row::new(
            "edit_cpu",
            "the same after an edit of a function, processor time",
            Unit::Seconds,
            &[],
        ),
    ]
}

fn section_of_building() -> Section {
    Section {
        key: "building".to_owned(),
        title: format!("building, measured {}", today()),
        measured: None,
        rows: rows_of_building(),
    }
}

/// What building costs, as `benches/run` has just measured it.
fn building(stage: &Stage) -> Result<Section> {
    let measured: Value = serde_json::from_slice(&fs::read(stage.path("building.json"))?)?;
    let mut section = section_of_building();

    for row in rows_of_building() {
        let number = measured
            .get(row.key)
            .and_then(Value::as_f64)
            .with_context(|| row.key)?;
        section.add(row.key, Variant::Drover, number);
    }

    Ok(section)
}

/// A job of many targets in an account of some size.
#[derive(Clone, Copy)]
struct Growth {
    job: &'static Job,
    account: usize,
}

/// What grows: the account, and with it the pages of the answer, where a function reads the account.
fn growth() -> Vec<Growth> {
    let mut growth = Vec::new();
    for job in JOBS {
        if job.reads_account {
            growth.extend(ACCOUNTS.map(|account| Growth { job, account }));
        } else {
            growth.push(Growth { job, account: MANY });
        }
    }

    growth
}

/// One life of each variant that nobody looks at, so that files are read and compiled.
async fn settle(bench: &Bench, job: &'static Job) -> Result<()> {
    let scene = Scene::new(job, 1, ACCOUNT, Utc::now());
    for variant in Variant::ALL {
        bench
            .cold(variant, &scene)
            .await
            .with_context(|| format!("{} of {}", job.function, variant.name()))?;
    }
    Ok(())
}

/// A round of one event.
async fn one(
    bench: &Bench,
    job: &'static Job,
    section: &mut Section,
    events: usize,
    group: Option<&Group>,
) -> Result<()> {
    let scene = Scene::new(job, 1, ACCOUNT, Utc::now());
    let mut ours = None;

    for variant in Variant::ALL {
        let who = || format!("{} of {}", job.function, variant.name());
        let (first, warm) = bench
            .life(variant, &scene, events)
            .await
            .with_context(who)?;
        same_calls(&mut ours, &first.calls).with_context(who)?;
        let zip = fs::metadata(variant.archive(&bench.stage, job.function))
            .with_context(who)?
            .len();
        if let Some(group) = group {
            let wall = bench
                .throttled(variant, &scene, group)
                .await
                .with_context(who)?;
            section.add("throttled", variant, ms(wall));
        }
        section.add("zip", variant, zip as f64 / MEGABYTE);
        note_first(section, job, variant, &first);
        note_warm(section, variant, &warm);
    }

    Ok(())
}

/// A round of one event with many targets.
async fn many(bench: &Bench, Growth { job, account }: Growth, section: &mut Section) -> Result<()> {
    let scene = Scene::new(job, MANY, account, Utc::now());
    let mut ours = None;

    for variant in Variant::ALL {
        let who = || format!("{} of {}", section.title, variant.name());
        let first = bench.cold(variant, &scene).await.with_context(who)?;
        same_calls(&mut ours, &first.calls).with_context(who)?;
        note_only(section, variant, &first);
    }

    Ok(())
}

fn section_of_slow(job: &Job) -> Section {
    let targets = job.targets;
    let title = format!(
        "{MORE} {targets} in one invocation, under a service that allows {CALLS_A_SECOND} calls a second"
    );

    Section {
        key: format!("{}-{MORE}-throttled", job.function),
        title,
        measured: None,
        rows: rows_of_slow(),
    }
}

/// Many targets under a service that throttles. The limit is not asked: it tries nothing twice.
async fn slow(bench: &Bench, job: &'static Job) -> Result<Section> {
    let mut section = section_of_slow(job);
    let account = if job.reads_account {
        ACCOUNT_OF_MORE
    } else {
        MORE
    };
    let scene = Scene::batch(job, MORE, MANY, account, Utc::now());
    let of = |variant| bench.slow(variant, &scene);
    let (drover, python, node) =
        tokio::try_join!(of(Variant::Drover), of(Variant::Python), of(Variant::Node))
            .with_context(|| job.function)?;
    for (variant, slow) in [
        (Variant::Drover, drover),
        (Variant::Python, python),
        (Variant::Node, node),
    ] {
        note_slow(&mut section, variant, &slow);
    }
    Ok(section)
}

/// A variant that makes other calls than drover does another job, and is not to be compared.
fn same_calls(ours: &mut Option<Calls>, theirs: &Calls) -> Result<()> {
    let ours = ours.get_or_insert_with(|| theirs.clone());
    ensure!(
        ours == theirs,
        "its calls are {theirs:?}, and drover's are {ours:?}"
    );
    Ok(())
}

fn note_first(section: &mut Section, job: &Job, variant: Variant, first: &First) {
    let calls = |operation: &str| first.calls.get(operation).copied().unwrap_or_default() as f64;
    section.add("ready", variant, ms(first.ready));
    section.add("ready_cpu", variant, ms(first.ready_cpu));
    section.add("first", variant, ms(first.wall));
    section.add("cpu", variant, ms(first.cpu));
    section.add("calls", variant, first.calls.values().sum::<usize>() as f64);
    section.add("init_calls", variant, first.init_calls as f64);
    section.add("connections", variant, first.connections as f64);

    for counted in job.counted_calls {
        section.add(counted.key, variant, calls(counted.operation));
    }
}

/// The figures of a process that gets one event and no other.
fn note_only(section: &mut Section, variant: Variant, only: &First) {
    let above = only.wall.saturating_sub(only.service);

    section.add("event", variant, ms(above));
    section.add("cpu", variant, ms(only.cpu));
    section.add("memory", variant, only.memory as f64 / MEGABYTE);
    section.add("calls", variant, only.calls.values().sum::<usize>() as f64);
    section.add("connections", variant, only.connections as f64);
}

fn note_warm(section: &mut Section, variant: Variant, warm: &Warm) {
    section.add("warm", variant, warm.median);
    section.add("warm_p99", variant, warm.p99);
    section.add("warm_cpu", variant, warm.cpu);
    section.add("memory", variant, warm.memory as f64 / MEGABYTE);
    section.add("connections_warm", variant, warm.connections);
}

fn note_slow(section: &mut Section, variant: Variant, slow: &Slow) {
    let (seconds, passed, throttled) = (
        slow.wall.as_secs_f64(),
        slow.passed as f64,
        slow.throttled as f64,
    );

    section.add("seconds", variant, seconds);
    section.add("of_floor", variant, seconds / (passed / CALLS_A_SECOND));
    section.add(
        "throttled",
        variant,
        100.0 * throttled / (passed + throttled),
    );
    section.add("lost", variant, slow.lost as f64);
    section.add("calls", variant, passed);
}

fn today() -> String {
    Utc::now().format("%Y-%m-%d").to_string()
}

/// What the numbers are of: the day, the machine and the versions.
fn about(stage: &Stage, rounds: usize, events: usize) -> Value {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo".into());
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();

    json!({
        "day": today(),
        "rounds": rounds,
        "warmEvents": events,
        "processor": model.trim_start_matches(['\t', ' ', ':']),
        "processors": cpus.lines().filter(|line| line.starts_with("processor")).count(),
        "kernel": read("/proc/sys/kernel/osrelease".into()).trim(),
        "versions": read(stage.path("versions")).trim(),
    })
}

/// The same in two lines.
fn note(about: &Value) -> [String; 2] {
    let events = format!("of {} warm events ", text(about, "warmEvents"));

    [measured(about, &events), text(about, "versions")]
}

/// What the numbers of the audits are of, which can be measured without the rest.
fn measured_audits(about: &Value, only: Option<Part>) -> String {
    let command = match only {
        Some(Part::Audits) => "benches/run --only audits",
        None => "benches/run",
    };
    let versions = text(about, "versions");
    let compiler = versions.split(',').next().unwrap_or_default();

    format!("{}, {compiler}, by `{command}`.", measured(about, ""))
}

fn measured(about: &Value, events: &str) -> String {
    let [day, rounds, kernel] = ["day", "rounds", "kernel"].map(|name| text(about, name));
    let [processors, processor] = ["processors", "processor"].map(|name| text(about, name));

    format!(
        "Measured {day} in {rounds} rounds {events}on {processors} processors {processor}, Linux {kernel}"
    )
}

fn text(about: &Value, name: &str) -> String {
    about
        .get(name)
        .map(|value| value.to_string().replace('"', ""))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_alone_leaves_the_rest_as_it_was() {
        let measured = |mut section: Section, number| {
            section.add("memory", Variant::Drover, number);
            section
        };
        let (job, audit) = (section_of_one(JOBS[0]), audits::section(AUDITS[0]));
        let kept = [measured(job, 1.0), measured(audit.clone(), 2.0)];
        let kept = table::json(&kept, &json!({}));

        let sections = with_kept(&[measured(audit, 3.0)], &kept);
        let memory = |section: &Section| {
            let row = section.rows.iter().find(|row| row.key == "memory");
            row.and_then(|row| row.of(Variant::Drover).median())
        };
        let medians: Vec<Option<f64>> = sections.iter().map(memory).collect();
        assert_eq!(medians, [Some(1.0), Some(3.0)]);
    }
}
