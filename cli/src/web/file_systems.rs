//! The file systems, each with an arrow to its replica.

use chrono::{DateTime, Utc};
use emulator::{Ended, FileSystem, Replication, World};
use maud::{Markup, html};

use crate::{
    units,
    web::{
        account::Tagged,
        decisions,
        words::{ago, span},
    },
};

/// The request ID that a form has at first.
const REQUEST_ID: &str = "CHG0031236";

/// A file system in its place.
struct Place<'a> {
    region: &'a str,
    file_system: &'a FileSystem,
}

/// The section of the file systems: those that others replicate to stand beside their sources.
pub(super) fn section(world: &World, ended: &[Ended]) -> Markup {
    let decisions = decisions::by_id(ended);
    // A replica is listed with its source alone, or it would be there twice.
    let places = places(world);
    let is_replica = |place: &&Place<'_>| {
        let mut replications = world.efs.replications.iter();
        replications.any(|replication| {
            replication.destination_region == place.region
                && replication.destination_file_system_id == place.file_system.file_system_id
        })
    };

    html! {
        section #file-systems data-live aria-labelledby="file-systems-title" {
            h2 #file-systems-title { "File systems " span.count { (places.len()) } }
            @if places.is_empty() { p.empty { "No file system." } }
            ul.pairs {
                @for place in places.iter().filter(|place| !is_replica(place)) {
                    li {
                        (pair(place, &places, world))
                        // A request names the source, so that decisions are about it.
                        @if let Some(decision) = decisions.get(&place.file_system.file_system_id) {
                            div.decision { (decisions::line(decision, world.now)) }
                        }
                    }
                }
            }
        }
    }
}

fn places(world: &World) -> Vec<Place<'_>> {
    let mut regions: Vec<_> = world.efs.regions.iter().collect();
    // The functions' own Region comes first.
    regions.sort_by_key(|(region, _)| **region != world.region);

    regions
        .into_iter()
        .flat_map(|(region, efs)| {
            let file_systems = efs.file_systems.iter();
            file_systems.map(move |file_system| Place {
                region,
                file_system,
            })
        })
        .collect()
}

/// A file system, and its replica if it has one.
fn pair(place: &Place<'_>, places: &[Place<'_>], world: &World) -> Markup {
    // A file system is the source of one replication at most.
    let id = &place.file_system.file_system_id;
    let mut replications = world.efs.replications.iter();
    let replication = replications.find(|replication| {
        replication.source_region == place.region && replication.source_file_system_id == *id
    });
    let replica = replication.and_then(|replication| {
        let mut places = places.iter();
        places.find(|place| {
            place.region == replication.destination_region
                && place.file_system.file_system_id == replication.destination_file_system_id
        })
    });

    html! {
        (end(place, world))
        @if let Some(replication) = replication {
            (arrow(replication, world))
            @match replica {
                Some(replica) => (end(replica, world)),
                // A replica of another account is not in this world.
                None => div.end {
                    span.name { (replication.destination_file_system_id) }
                    span.sub { (replication.destination_region) ", of another account" }
                },
            }
        } @else {
            p.unreplicated { "not replicated" }
        }
    }
}

/// The arrow from a source to its replica: the status, and the age of the last sync.
fn arrow(replication: &Replication, world: &World) -> Markup {
    let now = world.now;
    let status = replication.status(now, world.behaviour);
    // Whatever AWS adds one day needs attention first.
    let tone = match status {
        "ENABLED" => "good",
        "ENABLING" => "wait",
        _ => "bad",
    };

    html! {
        div.arrow {
            span class={ "state " (tone) } { (status) }
            span.line aria-hidden="true" {}
            span.sub { (last_sync(replication, now)) }
        }
    }
}

fn last_sync(replication: &Replication, now: DateTime<Utc>) -> String {
    match replication.last_replicated_at(now) {
        Some(time) => format!("synced {}", ago(time, now)),
        None => {
            // Until the first sync is complete, the replica is of no use.
            let left = replication.first_sync_ends_at - now;
            format!("first sync, {} left", span(left))
        }
    }
}

fn end(place: &Place<'_>, world: &World) -> Markup {
    let Place {
        region,
        file_system,
    } = place;
    let id = &file_system.file_system_id;
    // The destination is what an approval is for: its contents are what is lost.
    let tag = Tagged::from_id(id).approval_tag(world);
    let approval = file_system.tags.get(&tag);

    html! {
        div.end id=(format!("row-{id}")) {
            span.name { (file_system.tags.get("Name").unwrap_or(id)) }
            span.id { (id) }
            span.sub { (region) " · " (units::size(file_system.size_bytes)) }
            span.sub { "overwrite protection " (file_system.protection) }
            @if let Some(request) = approval {
                span.guard.good {
                    span aria-hidden="true" { "✓" } " approved " b.mono { (request) }
                }
            }
            // Only an overwrite of what is there already needs an approval.
            @if file_system.protection == "DISABLED" || approval.is_some() {
                (approve(region, id, approval.map(String::as_str)))
            }
        }
    }
}

fn approve(region: &str, id: &str, approval: Option<&str>) -> Markup {
    let field = format!("request-{id}");

    html! {
        form.row-form method="post" action="/console/approve" {
            input type="hidden" name="id" value=(id);
            input type="hidden" name="region" value=(region);
            label.hidden for=(field) { "Request ID for " (id) }
            input.mono id=(field) name="request" value=(approval.unwrap_or(REQUEST_ID))
                required maxlength="128" spellcheck="false" autocomplete="off";
            div.buttons {
                @match approval {
                    None => button id=(format!("approve-{id}")) { "Approve" },
                    Some(_) => button id=(format!("approve-{id}"))
                        formaction="/console/withdraw" { "Withdraw" },
                }
            }
        }
    }
}
