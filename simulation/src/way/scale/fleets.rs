//! The fleets of all accounts of a row, at once: each account has a clock, a bus, quotas and a world
//! of its own, so that none can wait for another.

use std::{thread, time::Duration};

use crate::way::scale::{
    checks::BEYOND_TOLERANCE,
    installation::{Ran, run},
    plan::{Rate, Row, Size},
    results::Sent,
    usage::Usage,
};

/// The least that the calls of a fleet take in one account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor {
    /// The calls for one server in an account of its own without a rate limit, up to the answer to
    /// its item.
    pub(super) calls_per_server: u64,
    /// What so many for each server of an account take.
    pub(super) seconds: f64,
}

/// What came of a row.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) row: Row,
    size: Size,
    pub(super) floor: Floor,
    pub(super) accounts: Vec<Ran>,
    /// What all accounts used.
    pub(super) usage: Usage,
}

impl Floor {
    /// Measures the floor with one server alone.
    pub(super) fn measure(size: Size) -> Self {
        let alone = Size {
            servers: 1,
            rate: Rate::ENDLESS,
            ..size
        };
        let ran = run(Row::ALL[0], alone, 0);

        // What a verification calls comes later, and holds nobody up.
        let calls_per_server = ran.usage.calls_for(Some("disconnect")).admitted;
        Self {
            calls_per_server,
            seconds: size.rate.floor(calls_per_server * size.servers as u64),
        }
    }
}

impl Column {
    /// Runs all accounts, an equal share on each processor.
    pub(super) fn run(row: Row, size: Size, floor: Floor) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = size.accounts.div_ceil(threads).max(1);

        // An account gives the same result wherever it runs.
        let numbers: Vec<usize> = (0..size.accounts).collect();
        let accounts: Vec<Ran> = thread::scope(|scope| {
            let running: Vec<_> = numbers
                .chunks(share)
                .map(|part| {
                    let each = move |number: &usize| run(row, size, *number);
                    scope.spawn(move || part.iter().map(each).collect::<Vec<_>>())
                })
                .collect();
            let parts = running.into_iter().map(thread::ScopedJoinHandle::join);
            parts
                .flat_map(|part| part.expect("panics are caught inside"))
                .collect()
        });

        let mut usage = Usage::default();
        for ran in &accounts {
            usage.add(&ran.usage);
        }
        Self {
            row,
            size,
            floor,
            accounts,
            usage,
        }
    }

    /// Whether nothing was lost, and no invariant broken.
    pub(super) fn holds(&self) -> bool {
        self.complaints().next().is_none()
    }

    /// Everything that is wrong, each with its account.
    pub(super) fn complaints(&self) -> impl Iterator<Item = String> {
        let accounts = self.accounts.iter().enumerate();

        accounts.flat_map(|(number, ran)| {
            let complaints = ran.complaints.iter();
            complaints.map(move |text| format!("account {number}: {text}"))
        })
    }

    /// Equal for equal runs of all accounts.
    pub(super) fn hash(&self) -> u64 {
        let hashes = self.accounts.iter().map(|ran| ran.hash);

        hashes.fold(0, |all, hash| all.rotate_left(5) ^ hash)
    }

    /// All servers.
    pub(super) fn servers(&self) -> usize {
        self.size.servers * self.size.accounts
    }

    /// The memory of the function, in MB.
    pub(super) fn memory(&self) -> u64 {
        self.accounts.first().map_or(0, |ran| ran.memory)
    }

    /// How often a list was sent to an account, at the least and at the most.
    pub(super) fn lists(&self) -> (usize, usize) {
        let lists = || self.accounts.iter().map(|ran| ran.sent.len());

        let [least, most] = [lists().min(), lists().max()];
        (least.unwrap_or_default(), most.unwrap_or_default())
    }

    pub(super) fn count_lists(&self, is_counted: impl Fn(&Sent) -> bool) -> usize {
        let lists = self.accounts.iter().flat_map(|ran| &ran.sent);

        lists.filter(|sent| is_counted(sent)).count()
    }

    /// How many servers have such a result of the first list.
    pub(super) fn first(&self, is_counted: fn(&str) -> bool) -> usize {
        self.firsts().map(|sent| sent.count(is_counted)).sum()
    }

    /// How many servers have such a result of the last list.
    pub(super) fn last(&self, is_counted: fn(&str) -> bool) -> usize {
        let lasts = self.accounts.iter().filter_map(|ran| ran.sent.last());

        lasts.map(|sent| sent.count(is_counted)).sum()
    }

    /// How many items of the first list a failing fleet stopped while they ran.
    pub(super) fn stopped(&self) -> usize {
        self.firsts().map(|sent| sent.stopped).sum()
    }

    /// How many items of the first list were never begun.
    pub(super) fn never_begun(&self) -> usize {
        let servers = self.size.servers;

        self.firsts()
            .map(|sent| servers - sent.results.len() - sent.stopped)
            .sum()
    }

    /// How long the first list took in the slowest account, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        let slowest = self.firsts().map(|sent| sent.took).max();

        slowest.unwrap_or_default().as_secs_f64()
    }

    /// When the last execution of all ended.
    pub(super) fn ended(&self) -> Duration {
        let ends = self.accounts.iter().map(|ran| ran.ended);

        ends.max().unwrap_or_default()
    }

    /// Whether the first list worked off what the floor is about.
    pub(super) fn is_comparable(&self) -> bool {
        let is_stopped = |sent: &Sent| sent.error.as_deref() == Some(BEYOND_TOLERANCE);

        self.row.unapproved.is_none() && !self.firsts().any(is_stopped)
    }

    fn firsts(&self) -> impl Iterator<Item = &Sent> {
        self.accounts.iter().filter_map(|ran| ran.sent.first())
    }
}
