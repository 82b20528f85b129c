//! The table of a run at scale: a column for each row of the plan, and a line for each figure.

use crate::way::scale::{
    checks::BEYOND_TOLERANCE,
    fleets::{Column, Floor},
    price::{Cost, gigabyte_seconds},
    results::is_done,
    usage::Usage,
};

/// The width of the names of figures, and of each column.
const WIDTHS: (usize, usize) = (31, 12);

/// A figure by its name, and how it is read from a column.
type Figure = (&'static str, fn(&Column) -> String);

/// What came of the servers.
const RESULTS: [Figure; 9] = [
    // People send a list again after what it told; a healthy fleet needs one.
    ("lists sent to an account", |it| range(it.lists())),
    ("fleets beyond their tolerance", |it| {
        let stopped = |error: Option<&str>| error == Some(BEYOND_TOLERANCE);
        it.count_lists(|sent| stopped(sent.error.as_deref()))
            .to_string()
    }),
    ("first list: done", |it| it.first(is_done).to_string()),
    ("first list: refused", |it| {
        it.first(|result| result == "refused").to_string()
    }),
    // By an error of the function or of a service, and not by a rule of ours.
    ("first list: failed", |it| {
        it.first(|result| !is_done(result) && result != "refused")
            .to_string()
    }),
    // What ran when its fleet failed has no result, and what was never begun is as it was.
    ("first list: stopped", |it| it.stopped().to_string()),
    ("first list: never begun", |it| it.never_begun().to_string()),
    ("last list: done", |it| it.last(is_done).to_string()),
    ("violations and losses", |it| {
        it.complaints().count().to_string()
    }),
];

/// How long it took.
const TIMES: [Figure; 5] = [
    // Of the slowest account, since all begin at once.
    ("first list, seconds", |it| format!("{:.1}", it.seconds())),
    ("its floor by the rate, seconds", |it| {
        format!("{:.1}", it.floor.seconds)
    }),
    // A fleet that refuses or stops makes fewer calls than the floor is about.
    ("ratio", |it| match it.is_comparable() {
        true => format!("{:.2}", it.seconds() / it.floor.seconds),
        false => "-".to_owned(),
    }),
    // Follow-ups and notifications included.
    ("all ended after, minutes", |it| {
        format!("{:.1}", it.ended().as_secs_f64() / 60.0)
    }),
    ("calls that AWS throttled", |it| {
        let calls = it.usage.calls_for(None);
        format!(
            "{:.1}%",
            percent(calls.throttled, calls.throttled + calls.admitted)
        )
    }),
];

/// What it used.
const USAGE: [Figure; 19] = [
    // A call that the SDK repeats counts each time.
    ("AWS calls admitted", |it| {
        it.usage.calls_for(None).admitted.to_string()
    }),
    ("AWS calls throttled", |it| {
        it.usage.calls_for(None).throttled.to_string()
    }),
    ("state transitions", |it| {
        it.usage.transitions.sum().to_string()
    }),
    ("  of fleets", |it| it.usage.transitions.fleets.to_string()),
    ("  of items", |it| it.usage.transitions.items.to_string()),
    // Billed beside the states that an item enters.
    ("  starts of items", |it| {
        it.usage.transitions.starts.to_string()
    }),
    ("  of follow-ups", |it| {
        it.usage.transitions.follow_ups.to_string()
    }),
    ("  of notifications", |it| {
        it.usage.transitions.notifications.to_string()
    }),
    ("  retries", |it| it.usage.transitions.retries.to_string()),
    // Step Functions ends an execution after 25,000.
    ("longest history, events", |it| {
        it.usage.longest_history.to_string()
    }),
    ("invocations", |it| it.usage.meter.invocations.to_string()),
    // Those are no invocations, and not billed.
    ("  refused by the reservation", |it| {
        it.usage.refused.to_string()
    }),
    ("  processes started", |it| it.usage.sandboxes.to_string()),
    // Mostly the wait for a rate: virtual time has no processor.
    ("  billed seconds each", |it| {
        let meter = it.usage.meter;
        let seconds = meter.milliseconds as f64 / 1e3;
        format!("{:.2}", seconds / meter.invocations.max(1) as f64)
    }),
    ("  GB-seconds", |it| {
        format!("{:.0}", gigabyte_seconds(&it.usage, it.memory()))
    }),
    // AWS's own events about executions cost nothing.
    ("events put", |it| it.usage.meter.events.to_string()),
    ("notifications", |it| it.usage.notified.to_string()),
    ("S3 writes, reads", |it| {
        let meter = it.usage.meter;
        format!("{}, {}", meter.writes, meter.reads)
    }),
    // Each invocation logs its report in a line.
    ("log MB of reports", |it| {
        format!("{:.1}", it.usage.meter.log_bytes as f64 / 1e6)
    }),
];

/// What it costs, in US dollars.
const COSTS: [Figure; 7] = [
    ("Step Functions, USD", |it| {
        dollars(it.cost().step_functions)
    }),
    ("Lambda, USD", |it| dollars(it.cost().lambda)),
    ("EventBridge, USD", |it| dollars(it.cost().eventbridge)),
    ("S3 requests, USD", |it| dollars(it.cost().s3)),
    ("log ingestion, USD", |it| dollars(it.cost().logs)),
    ("all, USD", |it| dollars(it.cost().sum())),
    ("per 1,000 servers, USD", |it| {
        dollars(it.cost().sum() * 1000.0 / it.servers() as f64)
    }),
];

impl Column {
    fn cost(&self) -> Cost {
        Cost::of(&self.usage, self.memory())
    }
}

/// The lines of the whole table.
pub(super) fn lines(columns: &[Column]) -> Vec<String> {
    let mut lines: Vec<String> = columns
        .iter()
        .map(|column| format!("  {:<11}{}", column.row.name, column.row.about))
        .collect();

    // What a row is, before its figures.
    lines.push(String::new());
    lines.push(line(
        "",
        columns.iter().map(|column| column.row.name.to_owned()),
    ));
    for figures in [&RESULTS[..], &TIMES, &USAGE, &COSTS] {
        lines.push(String::new());
        for (name, read) in figures {
            lines.push(line(name, columns.iter().map(read)));
        }
    }

    // Rows differ in how many calls there are, and not in which.
    lines.push(String::new());
    if let Some(column) = columns.first() {
        lines.extend(operations(column.row.name, &column.usage, column.floor));
    }
    lines
}

/// The calls of a column, by operation.
fn operations(name: &str, usage: &Usage, floor: Floor) -> Vec<String> {
    let head = format!(
        "calls of \"{name}\" by operation ({} of a server alone):",
        floor.calls_per_server
    );

    let lines = usage.calls.iter().map(|((action, operation), calls)| {
        let (admitted, throttled) = (calls.admitted, calls.throttled);
        format!("  {action}: {operation} {admitted}, throttled besides {throttled}")
    });
    std::iter::once(head).chain(lines).collect()
}

fn line(name: &str, values: impl Iterator<Item = String>) -> String {
    let (first, other) = WIDTHS;
    let values: String = values.map(|value| format!("{value:>other$}")).collect();

    format!("{name:<first$}{values}")
}

fn range((least, most): (usize, usize)) -> String {
    match least == most {
        true => least.to_string(),
        false => format!("{least} to {most}"),
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

fn dollars(amount: f64) -> String {
    format!("{amount:.4}")
}
