//! A source server as a row: what it is, what guards it, and what can be done with it.

use chrono::{DateTime, Utc};
use emulator::{Drs, SourceServer, World};
use maud::{Markup, html};

use crate::{
    units,
    web::{
        account::Tagged,
        decisions::{self, Decision},
        words::{ago, span},
    },
};

/// The request ID that a row has at first.
const REQUEST_ID: &str = "CHG0031234";

/// A server in its place.
pub(super) struct Row<'a> {
    pub(super) region: &'a str,
    pub(super) drs: &'a Drs,
    pub(super) server: &'a SourceServer,
}

/// The markup of a row, with the last decision about its server.
pub(super) fn markup(row: &Row<'_>, world: &World, decision: Option<&Decision>) -> Markup {
    let server = row.server;
    // Guardrails are what the function reads, by the keys of its deployment.
    let tagged = Tagged::from_id(&server.id);
    let approval = server.tags.get(&tagged.approval_tag(world));
    let protection = server.tags.get(&tagged.protection_tag(world));

    html! {
        tbody id=(format!("row-{}", server.id)) {
            tr {
                th scope="row" { (name(row, world)) }
                td data-label="Replication" { (replication(row, world.now)) }
                td data-label="Guardrails" { (guardrails(approval, protection)) }
                td data-label="At stake" { (at_stake(server, world.now)) }
                td.change data-label="Change" {
                    (change(row, approval.map(String::as_str), protection.is_some()))
                }
            }
            @if let Some(decision) = decision {
                tr.decision {
                    td colspan="5" { (decisions::line(decision, world.now)) }
                }
            }
        }
    }
}

fn name(row: &Row<'_>, world: &World) -> Markup {
    let server = row.server;
    let host = server.hostname.as_deref().or(server.fqdn.as_deref());
    // The console of AWS shows the tag Name, and so people know a server by it.
    let given = server.tags.get("Name").map(String::as_str);
    let title = given.or(host).unwrap_or("unnamed");
    // A host name that begins with the name says nothing new.
    let is_new = |host: &&str| host.split('.').next() != Some(title);

    html! {
        span.name { (title) }
        @if let Some(host) = host.filter(is_new) { span.sub { (host) } }
        span.id { (server.id) }
        @if *row.region != *world.region { span.sub { (row.region) } }
    }
}

fn replication(row: &Row<'_>, now: DateTime<Utc>) -> Markup {
    let server = row.server;
    let state = server.data_replication_state.as_str();
    // States that are on their way, and those that AWS adds one day, are to be watched.
    let (tone, sign) = match state {
        "CONTINUOUS" => ("good", "●"),
        "DISCONNECTED" | "STOPPED" => ("idle", "■"),
        "STALLED" => ("bad", "▲"),
        _ => ("wait", "◐"),
    };

    html! {
        span class={ "state " (tone) } { span aria-hidden="true" { (sign) } " " (state) }
        span.sub { (liveness(server, now)) }
        @if let Some(gone) = server.staging_gone_at.filter(|gone| *gone > now) {
            span.sub { "staging area for " (span(gone - now)) }
        }
        @for flag in flags(row, now) { span.flag { (flag) } }
    }
}

/// When the agent was last seen.
fn liveness(server: &SourceServer, now: DateTime<Utc>) -> String {
    // A disconnect sets a time that is still to come.
    let gone = server.agent_gone_at.filter(|gone| *gone <= now);

    let seen = server.agent_unreachable_since.or(server.agent_seen_at);

    match (gone, seen) {
        (Some(gone), _) => format!("agent gone {}", ago(gone, now)),
        (None, Some(seen)) => format!("agent last seen {}", ago(seen, now)),
        (None, None) if server.is_disconnected() => "agent not replicating".to_owned(),
        (None, None) => "agent seen now".to_owned(),
    }
}

/// What keeps a server in use.
pub(super) fn flags(row: &Row<'_>, now: DateTime<Utc>) -> Vec<String> {
    let Row { drs, server, .. } = row;
    let mut flags = Vec::new();

    // The function asks for them as well, and refuses what is in use.
    for instance in &drs.recovery_instances {
        if instance.source_server_id == server.id && instance.ec2_instance_state != "TERMINATED" {
            let kind = match instance.is_drill {
                true => "drill instance",
                false => "recovery instance",
            };
            flags.push(format!("{kind} {}", instance.id));
        }
    }
    let jobs = drs.jobs.iter().filter(|job| job.is_running(now));
    let jobs = jobs.filter(|job| job.source_server_ids.contains(&server.id));
    flags.extend(jobs.map(|job| format!("job {} running", job.id)));

    if server.replication_direction == "FAILBACK" {
        flags.push("failback in progress".to_owned());
    }
    if server.is_extended() {
        flags.push("extended from another account".to_owned());
    }
    flags
}

fn guardrails(approval: Option<&String>, protection: Option<&String>) -> Markup {
    html! {
        @match approval {
            Some(request) => span.guard.good { span aria-hidden="true" { "✓" } " approved " b.mono { (request) } },
            None => span.guard.none { "not approved" },
        }
        @if let Some(why) = protection {
            span.guard.warn {
                span aria-hidden="true" { "⊘" } " protected"
                @if !why.is_empty() { ": " (why) }
            }
        }
    }
}

/// What a disconnect would destroy.
fn at_stake(server: &SourceServer, now: DateTime<Utc>) -> Markup {
    // A disconnect has destroyed all of it.
    let (bytes, points) = match server.is_disconnected() {
        true => (0, 0),
        false => (server.disk_bytes, server.points(now).len()),
    };

    html! {
        @if (bytes, points) == (0, 0) {
            span.sub { "nothing left" }
        } @else {
            span.figure { (units::size(bytes)) }
            span.sub { (units::counted(points as u64, "recovery point")) }
        }
    }
}

/// The forms of a row: one request ID, and what can be done with it.
fn change(row: &Row<'_>, approval: Option<&str>, is_protected: bool) -> Markup {
    let id = &row.server.id;
    // One field for all buttons: a plan, an approval and a run are for the same request.
    let field = format!("request-{id}");
    let (protection, protect) = match is_protected {
        true => ("/console/unprotect", "Unprotect"),
        false => ("/console/protect", "Protect"),
    };

    html! {
        form.row-form method="post" action="/console/plan" {
            input type="hidden" name="id" value=(id);
            input type="hidden" name="region" value=(row.region);
            label.hidden for=(field) { "Request ID for " (id) }
            input.mono id=(field) name="request" value=(approval.unwrap_or(REQUEST_ID))
                required maxlength="128" spellcheck="false" autocomplete="off";
            div.buttons {
                button.accent id=(format!("plan-{id}")) { "Plan" }
                @match approval {
                    None => button id=(format!("approve-{id}")) formaction="/console/approve" { "Approve" },
                    Some(_) => button id=(format!("approve-{id}")) formaction="/console/withdraw" { "Withdraw" },
                }
                button id=(format!("protect-{id}")) formaction=(protection) { (protect) }
            }
        }
    }
}
