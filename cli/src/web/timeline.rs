//! The timeline: every call of AWS's APIs and every invocation, the newest first.

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{Ended, Entry, World};
use maud::{Markup, html};

use crate::{
    find::reports_of,
    narrative::is_answer,
    sanitize::sanitize,
    units,
    web::words::{clock, span},
};

/// How many lines are shown.
const SHOWN: usize = 60;
/// A pause of this length is shown as such: somebody advanced the clock, or nothing happened.
const PAUSE: TimeDelta = TimeDelta::minutes(5);

/// A line of the timeline; equal ones that follow each other are one line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    at: DateTime<Utc>,
    kind: Kind,
    what: String,
    subject: String,
    answer: String,
    times: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Changed,
    Failed,
    Invoked,
}

/// The section of the timeline.
pub(super) fn section(world: &World, journal: &[Entry], ended: &[Ended]) -> Markup {
    let lines = lines(world, journal, ended);
    // Changes are few, and what people look for.
    let changes = journal.iter().filter(|entry| entry.changed).count();

    html! {
        section #timeline data-live aria-labelledby="timeline-title" {
            div.section-head {
                h2 #timeline-title { "Timeline" }
                p.meta {
                    (units::counted(journal.len() as u64, "call")) ", " (units::counted(changes as u64, "change"))
                }
            }
            @if lines.is_empty() { p.empty { "Nothing has been called yet." } }
            ol.timeline tabindex="0" {
                @if let Some(newest) = lines.first() { (pause(world.now - newest.at)) }
                @for (index, line) in lines.iter().enumerate() {
                    (line_markup(line))
                    @if let Some(before) = lines.get(index + 1) {
                        (pause(line.at - before.at))
                    }
                }
            }
        }
    }
}

/// The last lines, the newest first.
fn lines(world: &World, journal: &[Entry], ended: &[Ended]) -> Vec<Line> {
    // Most calls are alike and are folded, so more of them are read than shown.
    let latest = journal.iter().rev().take(4 * SHOWN).rev();
    let calls = latest.map(|entry| call_line(entry, world));
    let invocations = ended.iter().map(invocation_line);

    // An invocation ends after its calls, also within the same millisecond.
    let mut lines: Vec<Line> = calls.chain(invocations).collect();
    lines.sort_by_key(|line| line.at);

    let mut folded: Vec<Line> = Vec::new();
    for line in lines.into_iter().rev() {
        match folded.last_mut() {
            Some(newer) if is_alike(newer, &line) => newer.times += 1,
            _ => folded.push(line),
        }
        if folded.len() > SHOWN {
            break;
        }
    }
    folded.truncate(SHOWN);
    folded
}

fn is_alike(one: &Line, other: &Line) -> bool {
    *one == Line {
        at: one.at,
        times: one.times,
        ..other.clone()
    } && one.at - other.at < PAUSE
}

fn call_line(entry: &Entry, world: &World) -> Line {
    // Tools ask for all services that there are, one after the other, and nobody reads forty lines.
    if entry.unexpected && entry.answer.starts_with("not an operation of") {
        return Line {
            at: entry.at,
            kind: Kind::Failed,
            what: "Unknown operation".to_owned(),
            subject: "not emulated".to_owned(),
            answer: "404".to_owned(),
            times: 1,
        };
    }

    let kind = match entry.changed {
        true => Kind::Changed,
        false if is_answer(&entry.answer) && !entry.unexpected => Kind::Read,
        false => Kind::Failed,
    };
    // Only other Regions than the functions' own are worth mentioning.
    let place = match entry.region.is_empty() || entry.region == world.region {
        true => String::new(),
        false => format!(" in {}", entry.region),
    };

    Line {
        at: entry.at,
        kind,
        what: sanitize(&entry.operation),
        subject: format!("{}{place}", sanitize(&entry.subject)),
        answer: sanitize(&entry.answer),
        times: 1,
    }
}

fn invocation_line(ended: &Ended) -> Line {
    let reports = reports_of(&ended.result, &ended.log);
    let summaries: Vec<&str> = reports
        .iter()
        .map(|report| report.summary.as_str())
        .collect();

    Line {
        at: ended.at,
        kind: Kind::Invoked,
        what: "Invoke".to_owned(),
        subject: ended.function.clone(),
        answer: match summaries.is_empty() {
            true => "no report".to_owned(),
            false => summaries.join("; "),
        },
        times: 1,
    }
}

fn line_markup(line: &Line) -> Markup {
    // Changes are marked by a word too, for those who do not see the colour.
    let (tone, mark) = match line.kind {
        Kind::Read => ("read", None),
        Kind::Changed => ("changed", Some("changed")),
        Kind::Failed => ("failed", Some("error")),
        Kind::Invoked => ("invoked", Some("report")),
    };

    html! {
        li class=(tone) {
            time datetime=(line.at.to_rfc3339()) { (clock(line.at)) }
            span.op {
                (line.what)
                @if line.times > 1 { span.times { "×" (line.times) } }
            }
            span.subject { (line.subject) }
            span.answer {
                @if let Some(mark) = mark { span.mark { (mark) } " " }
                (line.answer)
            }
        }
    }
}

/// A pause between two lines, if it is a long one.
fn pause(time: TimeDelta) -> Markup {
    html! {
        @if time >= PAUSE {
            li.pause { span { (span(time)) " passed" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, answer: &str, changed: bool) -> Entry {
        Entry {
            at: DateTime::from_timestamp(at, 0).unwrap(),
            operation: "DescribeJobs".to_owned(),
            region: "us-east-1".to_owned(),
            subject: "all".to_owned(),
            answer: answer.to_owned(),
            changed,
            unexpected: false,
            iam: Vec::new(),
        }
    }

    #[test]
    fn lines_come_newest_first_and_equal_ones_are_folded() {
        let journal = [
            entry(1, "200", true),
            entry(2, "200", false),
            entry(3, "200", false),
            entry(4, "500", false),
        ];

        let lines = lines(&World::empty(), &journal, &[]);
        let told: Vec<(Kind, usize)> = lines.iter().map(|line| (line.kind, line.times)).collect();
        assert_eq!(
            told,
            [(Kind::Failed, 1), (Kind::Read, 2), (Kind::Changed, 1)]
        );
    }

    #[test]
    fn calls_of_services_that_are_not_emulated_are_one_line() {
        let unknown = |seconds: i64, service: &str| Entry {
            operation: format!("POST {service}"),
            unexpected: true,
            ..entry(seconds, &format!("not an operation of {service}"), false)
        };

        let journal = [unknown(1, "s3"), unknown(2, "ec2"), unknown(3, "ec2")];
        let lines = lines(&World::empty(), &journal, &[]);
        let told: Vec<(Kind, usize)> = lines.iter().map(|line| (line.kind, line.times)).collect();
        assert_eq!(told, [(Kind::Failed, 3)]);
    }

    #[test]
    fn a_pause_is_shown_where_time_has_passed() {
        let mut world = World::empty();
        world.now = DateTime::from_timestamp(12_600, 0).unwrap();
        let journal = [entry(0, "200", true), entry(5400, "200", false)];

        let page = section(&world, &journal, &[]).into_string();
        assert!(page.contains("1 h 30 min passed"), "{page}");
        assert!(page.contains("2 h passed"), "{page}");
    }
}
