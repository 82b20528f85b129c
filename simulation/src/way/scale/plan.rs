//! What is run at scale: the size of the whole, and the rows of the table.

use crate::way::account::Mishaps;

/// How large the whole is, and what AWS allows each account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// The accounts, each with an installation of its own.
    pub(super) accounts: usize,
    /// The source servers of each account.
    pub(super) servers: usize,
    pub(super) rate: Rate,
    pub(super) seed: u64,
}

/// The calls that AWS admits of an account in a Region, whatever their operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// Calls a second.
    pub(super) per_second: f64,
    /// Calls at once after a pause.
    pub(super) burst: f64,
}

impl Rate {
    /// A rate that nothing reaches.
    pub(super) const ENDLESS: Self = Self {
        per_second: 1e9,
        burst: 1e9,
    };

    /// The seconds that so many calls take at the least.
    pub(super) fn floor(self, calls: u64) -> f64 {
        (calls as f64 - self.burst).max(0.0) / self.per_second
    }
}

/// One way to run the fleets of all accounts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The head of its column.
    pub(super) name: &'static str,
    /// What it is, in a sentence.
    pub(super) about: &'static str,
    /// Parameters of the template beside `Mode=enforce`; all others have their defaults.
    pub(super) parameters: &'static [(&'static str, &'static str)],
    /// Whether each disconnect is pending until its clean-up is verified, by a follow-up.
    pub(super) verifies: bool,
    /// Whether calls meet faults, invocations are killed, and services refuse calls of machines.
    pub(super) has_faults: bool,
    /// One server of so many is not approved.
    pub(super) unapproved: Option<usize>,
    /// Whether operators put right what a fleet tells of, and send the list again.
    pub(super) is_sent_again: bool,
}

impl Row {
    const CALM: Self = Self {
        name: "defaults",
        about: "Mode=enforce, every other parameter at its default",
        parameters: &[],
        verifies: false,
        has_faults: false,
        unapproved: None,
        is_sent_again: false,
    };

    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::CALM,
        Self {
            name: "verified",
            about: "VerifyCleanup=true: a follow-up for each server",
            verifies: true,
            ..Self::CALM
        },
        Self {
            name: "wide",
            about: "FleetConcurrency=20, ReservedConcurrency=25",
            parameters: &[("FleetConcurrency", "20"), ("ReservedConcurrency", "25")],
            ..Self::CALM
        },
        Self {
            name: "faults",
            about: "3% of the calls meet one of nineteen faults and 8% of the invocations are killed; the calls recover, and the list is sent again",
            has_faults: true,
            is_sent_again: true,
            ..Self::CALM
        },
        Self {
            name: "tolerated",
            about: "one server in ten is not approved, which the default tolerance of 10% bears",
            unapproved: Some(10),
            ..Self::CALM
        },
        Self {
            name: "stopped",
            about: "the same with FleetToleratedFailurePercentage=5; then all are approved, and the list is sent again",
            parameters: &[("FleetToleratedFailurePercentage", "5")],
            unapproved: Some(10),
            is_sent_again: true,
            ..Self::CALM
        },
    ];

    /// What goes wrong beside the calls.
    pub(super) fn mishaps(self, servers: usize) -> Mishaps {
        let disturbances = match self.has_faults {
            true => u32::try_from(servers).unwrap_or(u32::MAX),
            false => 0,
        };

        Mishaps {
            of_services: false,
            disturbances,
        }
    }

    /// Whether the server with this number, from 1 on, is approved at first.
    pub(super) fn approves(self, number: usize) -> bool {
        self.unapproved
            .is_none_or(|every| !number.is_multiple_of(every))
    }
}
