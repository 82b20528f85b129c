//! Fleets small enough for every build; the binary runs larger ones.

use std::sync::LazyLock;

use crate::way::scale::{
    fleets::{Column, Floor},
    plan::{Rate, Row, Size},
    results::is_done,
};

/// Two accounts of forty servers, at ten calls a second.
const SIZE: Size = Size {
    accounts: 2,
    servers: 40,
    rate: Rate {
        per_second: 10.0,
        burst: 10.0,
    },
    seed: 0,
};

const SERVERS: usize = SIZE.accounts * SIZE.servers;

/// Every row, run once for all tests.
static COLUMNS: LazyLock<[Column; 6]> = LazyLock::new(|| {
    let floor = Floor::measure(SIZE);

    Row::ALL.map(|row| Column::run(row, SIZE, floor))
});

fn column(name: &str) -> &'static Column {
    let mut columns = COLUMNS.iter();

    columns.find(|column| column.row.name == name).unwrap()
}

#[track_caller]
fn assert_holds(column: &Column) {
    let complaints: Vec<String> = column.complaints().collect();

    assert_eq!(complaints, [""; 0], "{}", column.row.name);
}

// Invariants 2, 4, 8, 10.
#[test]
fn nothing_is_lost_of_fleets_in_several_accounts() {
    for column in COLUMNS.iter() {
        assert_holds(column);

        let row = column.row;
        let tolerated = row.unapproved.filter(|_| !row.is_sent_again);
        let refused = tolerated.map_or(0, |every| SERVERS / every);
        assert_eq!(column.last(is_done), SERVERS - refused, "{}", row.name);
    }
}

#[test]
fn a_fleet_of_defaults_takes_little_longer_than_the_rate_demands() {
    let column = column("defaults");
    let needed = column.floor.calls_per_server * SERVERS as u64;

    // No call but those for one server alone, beside what is throttled.
    assert!(column.floor.calls_per_server > 0);
    assert!(column.usage.calls_for(None).admitted <= needed);
    let ratio = column.seconds() / column.floor.seconds;
    assert!((1.0..1.25).contains(&ratio), "{ratio}");
}

#[test]
fn a_wider_fleet_is_slower_where_the_rate_is_the_limit() {
    let [narrow, wide] = ["defaults", "wide"].map(column);

    let throttled = |column: &Column| column.usage.calls_for(None).throttled;
    assert!(throttled(wide) > throttled(narrow));
    assert!(wide.seconds() > narrow.seconds());
}

#[test]
fn a_verified_fleet_has_a_follow_up_and_a_notification_for_each_server() {
    let usage = &column("verified").usage;

    // One of each besides for the fleet itself.
    let of_all = (SERVERS + SIZE.accounts) as u64;
    assert_eq!((usage.notified, usage.meter.events), (of_all, of_all));
    assert_eq!(usage.transitions.starts, SERVERS as u64);
    // A server is asked for twice, and once more where an invocation was throttled.
    assert!(usage.meter.invocations >= 2 * SERVERS as u64);
    assert!(usage.transitions.follow_ups >= 8 * SERVERS as u64);
}

#[test]
fn a_fleet_beyond_its_tolerance_leaves_the_rest_as_it_was() {
    let column = column("stopped");

    // The tolerance stops the first, and the second finishes all.
    assert_eq!(column.lists(), (2, 2));
    assert!(column.never_begun() > 0);
    let ended = column.first(|_| true);
    assert_eq!(ended + column.stopped() + column.never_begun(), SERVERS);
    assert_eq!(column.last(is_done), SERVERS);
}

#[test]
fn a_seed_always_gives_the_same_fleets() {
    let small = Size {
        servers: 10,
        ..SIZE
    };
    let floor = column("faults").floor;
    let run = |seed| Column::run(column("faults").row, Size { seed, ..small }, floor);

    // Equal by calls, faults, kills and reports, and by what was used.
    let [first, second, other] = [3, 3, 7].map(run);
    assert_eq!((first.hash(), &first.usage), (second.hash(), &second.usage));
    assert_ne!(first.hash(), other.hash());
}
