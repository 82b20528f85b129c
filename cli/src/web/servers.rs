//! The source servers: what each is, what guards it, and what was last decided about it.

use emulator::{Ended, SourceServer, World};
use maud::{Markup, html};

use crate::web::{
    account::Tagged,
    decisions,
    server_row::{self, Row, flags},
};

/// How many servers are shown before somebody asks for all of them.
const SHOWN: usize = 12;

/// Which servers somebody wants to see.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Filter {
    /// A part of a name, an ID or a tag.
    #[serde(default)]
    pub(super) q: String,
    /// `all`, or the first ones.
    #[serde(default)]
    pub(super) servers: String,
}

/// The section of the servers.
pub(super) fn section(world: &World, ended: &[Ended], filter: &Filter) -> Markup {
    let rows = rows(world, &filter.q);
    // Looked up once, since there may be thousands of servers.
    let decisions = decisions::by_id(ended);
    // A page with thousands of forms is slow, and nobody reads it.
    let limit = match filter.servers.as_str() {
        "all" => rows.len(),
        _ => SHOWN,
    };

    html! {
        section #servers data-live aria-labelledby="servers-title" {
            div.section-head {
                h2 #servers-title { "Source servers " span.count { (rows.len()) } }
                form.search method="get" action="/" role="search" {
                    label.hidden for="q" { "Find servers" }
                    input #q type="search" name="q" value=(filter.q) placeholder="Name, ID or tag";
                    button { "Find" }
                }
            }
            (tally(&rows, world))
            @if rows.is_empty() {
                p.empty { "No server" @if !filter.q.is_empty() { " matches" } "." }
            } @else {
                table.servers {
                    thead {
                        tr {
                            th scope="col" { "Server" }
                            th scope="col" { "Replication" }
                            th scope="col" { "Guardrails" }
                            th scope="col" { "At stake" }
                            th scope="col" { "Change" }
                        }
                    }
                    @for row in rows.iter().take(limit) {
                        (server_row::markup(row, world, decisions.get(&row.server.id)))
                    }
                }
            }
            @if rows.len() > limit {
                p.more { a href="/?servers=all#servers" { "Show all " (rows.len()) } }
            } @else if !filter.q.is_empty() || rows.len() > SHOWN {
                p.more { a href="/#servers" { "Show the first " (SHOWN) " of all" } }
            }
        }
    }
}

/// How many of the servers are guarded by what.
fn tally(rows: &[Row<'_>], world: &World) -> Markup {
    let counted = |is_so: &dyn Fn(&Row<'_>) -> bool| rows.iter().filter(|row| is_so(row)).count();
    let has_tag = |row: &Row<'_>, key: &str| row.server.tags.contains_key(key);
    let tags = Tagged::from_id("s-");
    let (approval, protection) = (tags.approval_tag(world), tags.protection_tag(world));

    // All servers that were found are counted, also those that are not shown.
    let tallies = [
        ("approved", counted(&|row| has_tag(row, &approval))),
        ("protected", counted(&|row| has_tag(row, &protection))),
        ("in use", counted(&|row| !flags(row, world.now).is_empty())),
        ("disconnected", counted(&|row| row.server.is_disconnected())),
    ];
    html! {
        p.tally {
            @for (word, number) in tallies { span { b { (number) } " " (word) } }
        }
    }
}

/// The servers with a text in their names, IDs or tags, those of the functions' Region first.
fn rows<'a>(world: &'a World, wanted: &str) -> Vec<Row<'a>> {
    let wanted = wanted.trim().to_lowercase();
    let mut regions: Vec<_> = world.drs.regions.iter().collect();
    regions.sort_by_key(|(region, _)| **region != world.region);

    // Within a Region they stay in the order in which AWS lists them.
    let rows = regions.into_iter().flat_map(|(region, drs)| {
        let servers = drs.source_servers.iter();
        servers.map(move |server| Row {
            region,
            drs,
            server,
        })
    });
    rows.filter(|row| has(row.server, &wanted)).collect()
}

fn has(server: &SourceServer, wanted: &str) -> bool {
    let names = [&server.hostname, &server.fqdn, &server.aws_instance_id];
    let names = names.into_iter().flatten();
    let tags = server.tags.iter().flat_map(|(key, value)| [key, value]);

    // Tags are searched too: an approval is found by its request.
    let mut texts = names.chain(tags).chain([&server.id]);
    texts.any(|text| text.to_lowercase().contains(wanted))
}
