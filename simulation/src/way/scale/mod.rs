//! Fleets at scale: many accounts, each at its quota of servers, with the machines of the template,
//! the real function, and the rate at which AWS admits the calls of an account in a Region.
//!
//! Nothing may be lost: each server ends disconnected once, with its approval consumed, and each
//! item of each list ends in one result. What it takes and what it costs is counted.

mod checks;
mod fleets;
mod installation;
mod plan;
mod price;
mod results;
mod table;
#[cfg(test)]
mod tests;
mod usage;
mod world;

use clap::Args;

use self::{
    fleets::{Column, Floor},
    plan::{Rate, Row, Size},
};
use crate::stopwatch::Stopwatch;

/// How many complaints of a row are printed.
const MOST_PRINTED: usize = 20;

/// How large the fleets are.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Arguments {
    /// Run a fleet in each of many accounts, and count what it takes.
    #[arg(long, conflicts_with_all = ["way", "bugs", "exhaustive", "function"])]
    pub(crate) fleet: bool,
    /// The accounts of --fleet, each with an installation of its own.
    #[arg(long, default_value_t = 10, requires = "fleet")]
    accounts: usize,
    /// The source servers of each account. DRS replicates 300 in an account and Region.
    #[arg(long, default_value_t = 300, requires = "fleet")]
    servers: usize,
    /// The calls a second that AWS admits of an account in a Region. AWS publishes no figure.
    #[arg(long, default_value_t = 10.0, requires = "fleet")]
    rate: f64,
    /// The calls at once that it admits after a pause.
    #[arg(long, default_value_t = 10.0, requires = "fleet")]
    burst: f64,
}

impl Arguments {
    fn size(self, seed: u64) -> Size {
        Size {
            accounts: self.accounts,
            servers: self.servers,
            rate: Rate {
                per_second: self.rate,
                burst: self.burst,
            },
            seed,
        }
    }
}

/// Runs every row and prints the table; false if anything is lost.
pub(crate) fn run(arguments: Arguments, seed: u64) -> bool {
    let stopwatch = Stopwatch::start();
    let size = arguments.size(seed);
    let floor = Floor::measure(size);
    // One row after the other: its accounts share the processors.
    let columns = Row::ALL.map(|row| Column::run(row, size, floor));

    let Arguments {
        accounts,
        servers,
        rate,
        burst,
        ..
    } = arguments;
    println!("{accounts} accounts with {servers} source servers each, seed {seed}");
    println!("AWS admits {rate} calls a second of an account in a Region, {burst} at once\n");
    for line in table::lines(&columns) {
        println!("{line}");
    }

    println!();
    // A hash that changes without a change of the code is a fault of the simulator.
    for column in &columns {
        println!("hash of \"{}\": {:016x}", column.row.name, column.hash());
        for complaint in column.complaints().take(MOST_PRINTED) {
            println!("  WRONG {complaint}");
        }
    }
    println!("{stopwatch}");
    columns.iter().all(Column::holds)
}
