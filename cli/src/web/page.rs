//! The whole page. Each of its live sections is also what a running page replaces.

use chrono::{DateTime, Utc};
use emulator::World;
use maud::{DOCTYPE, Markup, html};

use crate::web::{
    cards, controls, file_systems,
    servers::{self, Filter},
    state::Console,
    timeline,
};

/// The page, as the account is now.
pub(super) fn page(console: &Console, filter: &Filter) -> Markup {
    let emulator = &console.emulator;
    // Read in this order, what is shown of the journal is never ahead of the account.
    let (journal, ended) = (emulator.journal(), emulator.functions().ended());
    let world = emulator.world();

    html! {
        (DOCTYPE)
        html lang="en" {
            (head())
            body {
                a.skip href="#servers" { "Skip to the servers" }
                (banner(&world))
                (notice(console))
                main {
                    div.resources {
                        (servers::section(&world, &ended, filter))
                        (file_systems::section(&world, &ended))
                    }
                    div.side {
                        (cards::section(&ended, &world))
                        (controls::event(&world, &console.event()))
                        (controls::faults(&world))
                        (controls::world())
                    }
                    div.history { (timeline::section(&world, &journal, &ended)) }
                }
            }
        }
    }
}

fn head() -> Markup {
    html! {
        head {
            meta charset="utf-8";
            // A telephone would otherwise show a tiny page of a large screen.
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { "drover" }
            link rel="icon" type="image/svg+xml" href="/console/icon.svg";
            link rel="stylesheet" href="/console/console.css";
            script src="/console/console.js" defer {}
        }
    }
}

/// The account, its clock, and how to advance it.
fn banner(world: &World) -> Markup {
    html! {
        header.banner {
            h1 { "drover" }
            p.live #live hidden {}
            // The form beside it is no part of it, so that typing there is never disturbed.
            dl #place data-live {
                div { dt { "Account" } dd.mono { (world.account) } }
                div { dt { "Region" } dd { (world.region) } }
                div { dt { "Clock" } dd { (time(world.now)) } }
            }
            form.clock method="post" action="/console/advance" {
                label.hidden for="minutes" { "Minutes to advance the clock by" }
                input #minutes type="number" name="minutes" value="90" min="1" max="525600" required;
                span { "min" }
                button #advance { "Advance" }
            }
            nav aria-label="On this page" {
                a href="#decisions" { "Decisions" }
                a href="#event" { "Event" }
                a href="#faults" { "Faults" }
                a href="#world" { "World" }
                a href="#timeline" { "Timeline" }
            }
        }
    }
}

fn time(now: DateTime<Utc>) -> Markup {
    html! {
        time datetime=(now.to_rfc3339()) {
            (now.format("%-d %b %Y ")) b { (now.format("%H:%M")) } " UTC"
        }
    }
}

/// What became of the last action.
fn notice(console: &Console) -> Markup {
    let notice = console.notice();

    html! {
        // Screen readers say what appears in a status.
        div #notice data-live role="status" {
            @if let Some(notice) = notice {
                p class={ "notice" @if notice.is_error { " bad" } } data-number=(notice.number) {
                    span aria-hidden="true" { @if notice.is_error { "!" } @else { "✓" } }
                    " " (notice.text)
                }
            }
        }
    }
}
