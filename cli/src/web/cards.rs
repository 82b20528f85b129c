//! Decisions: what functions planned and did, each invocation as a card.

use chrono::{DateTime, Utc};
use emulator::{Ended, InvocationResult, World};
use maud::{Markup, html};
use serde_json::Value;

use crate::{
    find::reports_of,
    report::{Report, Target},
    sanitize::sanitize,
    units,
    web::words::ago,
};

/// How many cards are shown.
const CARDS: usize = 6;
/// How many more can be opened.
const OLDER: usize = 18;
/// How many lines of the log are shown where there is no report.
const LOG_LINES: usize = 5;

/// The section of the cards, the newest first.
pub(super) fn section(ended: &[Ended], world: &World) -> Markup {
    // Everybody sees the same list, so the newest is the one that somebody waits for.
    let mut newest = ended.iter().rev();

    html! {
        section #decisions data-live aria-labelledby="decisions-title" {
            h2 #decisions-title { "Decisions" }
            @if ended.is_empty() {
                p.empty {
                    "None yet. Plan a server, or send an event: the function's report appears here, "
                    "with what it would do, what it did, or why not."
                }
            }
            @for one in newest.by_ref().take(CARDS) {
                (card(one, world))
            }
            @if newest.len() > 0 {
                details.older #older {
                    summary { "Older decisions" }
                    @for one in newest.take(OLDER) { (card(one, world)) }
                }
            }
        }
    }
}

/// The ID of the card of an invocation.
fn card_id(ended: &Ended) -> String {
    format!("run-{}", ended.request_id)
}

fn card(ended: &Ended, world: &World) -> Markup {
    // A batch has several, and an invocation that failed early has none.
    let reports = reports_of(&ended.result, &ended.log);

    html! {
        article.card id=(card_id(ended)) tabindex="-1" {
            @if reports.is_empty() {
                (without_report(ended, world.now))
            }
            @for report in &reports {
                (report_markup(report, ended, world))
            }
            footer.card-foot {
                details id=(format!("raw-{}", ended.request_id)) {
                    summary { "Event and answer" }
                    pre tabindex="0" { (pretty(&ended.payload)) }
                    pre tabindex="0" { (raw_answer(ended)) }
                }
            }
        }
    }
}

fn report_markup(report: &Report, ended: &Ended, world: &World) -> Markup {
    // One request names up to a hundred targets, but mostly one.
    let is_one = report.targets.len() == 1;
    let is_plan = report.is_plan();

    html! {
        header.card-head {
            h3 {
                (badge(&report.outcome))
                " "
                span.what { @if is_plan { "Plan" } @else { "Run" } }
                @if let Some(id) = &report.request_id {
                    " for " span.mono { (id) }
                }
            }
            p.meta { (ended.function) " · " (ago(ended.at, world.now)) }
        }
        // Of one target the summary would only repeat the outcome.
        @if !is_one { p.summary { (report.summary) } }
        ul.targets {
            @for target in &report.targets {
                li {
                    p.target-head {
                        @if !is_one { (badge(&target.outcome)) " " }
                        (title(target, world))
                    }
                    (target_markup(target, is_plan))
                }
            }
        }
        (follow_ups(report, ended, is_plan))
    }
}

/// What can be done about a report: carry out the plan, or send the request that follows.
fn follow_ups(report: &Report, ended: &Ended, is_plan: bool) -> Markup {
    // Of a plan without steps there is nothing to carry out.
    let is_planned = report.outcome == "planned";
    // The report of a dry run has a follow-up as well, of what it did not do.
    let follows = report.next_request.as_ref();
    let invocation = &ended.request_id;

    html! {
        @if is_plan && is_planned {
            form.card-actions method="post" action="/console/again" {
                input type="hidden" name="invocation" value=(invocation);
                button.primary id=(format!("again-{invocation}")) { "Enforce this plan" }
                span.hint { "Deploys enforce mode, and sends the event again." }
            }
        }
        @if let (Some(next), false) = (follows, is_plan) {
            form.card-actions method="post" action="/console/follow" {
                input type="hidden" name="invocation" value=(invocation);
                button id=(format!("follow-{invocation}")) { "Send the follow-up" }
                span.hint {
                    "Action " span.mono { (next.get("action").and_then(Value::as_str).unwrap_or("of the report")) }
                    @if let Some(seconds) = report.look_again_after_seconds {
                        ", due in " (seconds / 60) " min: advance the clock first."
                    }
                }
            }
        }
    }
}

/// A target by the name that its resource has, and by what the request and AWS call it.
fn title(target: &Target, world: &World) -> Markup {
    // People know a machine by its name, and the request may say nothing but an ID.
    let (name, id) = (&target.name, target.id());
    let own = id.and_then(|id| name_tag(world, id));
    let title = own.unwrap_or(name);

    html! {
        strong { (title) }
        @if name != title { " " span.id { (name) } }
        @if let Some(id) = id.filter(|id| name != id && *id != title) {
            " " span.id { (id) }
        }
    }
}

/// The name of a resource, if it exists and has one.
fn name_tag<'a>(world: &'a World, id: &str) -> Option<&'a str> {
    let servers = world.drs.regions.values();
    let mut servers = servers.flat_map(|drs| &drs.source_servers);
    let file_systems = world.efs.regions.values();
    let mut file_systems = file_systems.flat_map(|efs| &efs.file_systems);

    // IDs are unique in an account, so the Region does not matter.
    let server = servers.find(|server| server.id == id);
    let tags = match server {
        Some(server) => &server.tags,
        None => {
            let is_named = |file_system: &&emulator::FileSystem| file_system.file_system_id == id;
            &file_systems.find(is_named)?.tags
        }
    };
    tags.get("Name").map(String::as_str)
}

fn target_markup(target: &Target, is_plan: bool) -> Markup {
    html! {
        @for stated in &target.reasons {
            p.reason { (stated.message) " " code { (stated.reason) } }
        }
        (evidence(target))
        @if !target.plan.is_empty() {
            p.steps-title { @if is_plan { "Would" } @else { "Planned" } }
            ol.steps {
                @for step in &target.plan {
                    li {
                        @if step.when != "now" { span.meta { (step.awaits()) ": " } }
                        (step.sentence)
                    }
                }
            }
        }
        @for step in &target.next_steps {
            p.next { span.next-label { "Next" } " " (step.who) ": " (step.what) }
            @if let Some(command) = &step.command { pre.command tabindex="0" { (command) } }
        }
    }
}

/// What was seen of a target, in a line.
fn evidence(target: &Target) -> Markup {
    let mut facts = Vec::new();
    let text = |member: &&str| target.evidence.get(member)?.as_str();
    let states = ["stateBefore", "stateAfter", "statusBefore", "status"];
    let mut states: Vec<&str> = states.iter().filter_map(text).collect();
    // What has not changed is said once.
    states.dedup();
    if !states.is_empty() {
        facts.push(states.join(" → "));
    }

    // What a run destroyed matters more than what there was.
    match (
        target.figure("recoveryPointsLost"),
        target.figure("recoveryPoints"),
    ) {
        (Some(lost), _) => facts.push(format!("{lost} recovery points destroyed")),
        (None, Some(points)) => facts.push(format!("{points} recovery points")),
        (None, None) => {}
    }
    if let Some(lost) = target.lost_earlier("recoveryPoints") {
        let points = units::counted(lost, "recovery point");
        facts.push(format!("{points} destroyed earlier, as the request says"));
    }
    // A server has one of them, and a file system the other.
    let bytes = target.figure("replicatedBytes");
    let bytes = bytes.or_else(|| target.figure("sourceSizeInBytes"));
    facts.extend(bytes.filter(|bytes| *bytes > 0).map(units::size));
    if let Some(hours) = target.figure("replicationHours") {
        facts.push(format!("replicated for {}", units::hours(hours)));
    }

    html! {
        @if !facts.is_empty() { p.facts { (facts.join(" · ")) } }
    }
}

/// A card of an invocation that has no report: it failed before it could make one.
fn without_report(ended: &Ended, now: DateTime<Utc>) -> Markup {
    // Without a report, the kind of the error is what there is to go by.
    let (title, message) = match &ended.result {
        InvocationResult::Failed(error) => {
            let text = |member: &str| error.get(member)?.as_str();
            (
                text("errorType").unwrap_or("failed").to_owned(),
                text("errorMessage").unwrap_or_default().to_owned(),
            )
        }
        InvocationResult::Unknown => (
            "no such function".to_owned(),
            "There is no function with this name.".to_owned(),
        ),
        InvocationResult::NotBuilt(why) => ("not built".to_owned(), why.clone()),
        InvocationResult::Answered(_) => ("no report".to_owned(), String::new()),
    };
    // The reason of a crash is in its last lines.
    let last = ended.log.len().saturating_sub(LOG_LINES);

    html! {
        header.card-head {
            h3 { (badge("failed")) " " span.what { (sanitize(&title)) } }
            p.meta { (ended.function) " · " (ago(ended.at, now)) }
        }
        @if !message.is_empty() { p.reason { (sanitize(&message)) } }
        @if !ended.log.is_empty() {
            pre.log tabindex="0" {
                @for line in ended.log.iter().skip(last) { (sanitize(line)) "\n" }
            }
        }
    }
}

/// An outcome, by its word, a sign and a colour.
pub(super) fn badge(outcome: &str) -> Markup {
    // The sign says it without the colour.
    let (tone, sign) = match outcome {
        "done" | "already_done" => ("good", "✓"),
        "planned" => ("plan", "◇"),
        "pending" => ("wait", "…"),
        "refused" | "rejected" => ("warn", "✕"),
        _ => ("bad", "!"),
    };

    html! {
        span class={ "badge " (tone) } {
            span aria-hidden="true" { (sign) } " " (outcome.replace('_', " "))
        }
    }
}

fn pretty(json: &[u8]) -> String {
    // An event is JSON, but its text is shown whatever it is.
    let value: Result<Value, _> = serde_json::from_slice(json);

    match value {
        Ok(value) => format!("{value:#}"),
        Err(_) => String::from_utf8_lossy(json).into_owned(),
    }
}

fn raw_answer(ended: &Ended) -> String {
    match &ended.result {
        InvocationResult::Answered(body) => pretty(body),
        InvocationResult::Failed(error) => format!("{error:#}"),
        InvocationResult::Unknown => "unknown function".to_owned(),
        InvocationResult::NotBuilt(why) => why.clone(),
    }
}
