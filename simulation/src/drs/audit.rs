//! What is true of the source servers of a world, told apart from how `audit-source-servers` finds
//! it: from the plain data of the emulator.

use std::collections::BTreeSet;

use chrono::{SubsecRound as _, TimeDelta};
use emulator::{Drs, SourceServer, World};
use fastrand::Rng;

use crate::{
    auditor::{Auditor, Findings},
    constants::{APPROVED, HERE, UNHEARD_OF},
    drs::judge::last_seen,
    scenario::Variables,
};

/// The function beside `disconnect-source-server`.
pub(super) const AUDITOR: Auditor = Auditor {
    function: &harness::AUDIT_SERVERS,
    lists: &["DescribeSourceServers", "DescribeRecoveryInstances"],
    never: &[
        "audited",
        "out_of_time",
        "not_initialised",
        "not_found",
        "arn_mismatch",
    ],
    settings,
    disturb,
    expected,
};

fn settings(rng: &mut Rng) -> Variables {
    let mut number = |name, most: u64| (name, rng.u64(1..=most).to_string());

    vec![
        number("SILENT_HOURS", 48),
        number("LAG_MINUTES", 90),
        number("SYNC_HOURS", 96),
        // Small worlds reach a small share.
        number("QUOTA_PERCENT", 4),
    ]
}

/// Gives servers what a retirement does not look at: lags, errors, silence and age.
fn disturb(rng: &mut Rng, world: &mut World) {
    let now = world.now;
    let Some(drs) = world.drs.regions.get_mut(HERE) else {
        return;
    };

    for server in &mut drs.source_servers {
        match rng.u8(0..12) {
            0 => server.lag_seconds = Some(rng.u32(0..7200)),
            1 => server.data_replication_error = Some("SNAPSHOTS_FAILURE".to_owned()),
            2 => server.data_replication_state = "INITIAL_SYNC".to_owned(),
            3 => server.data_replication_state = "PAUSED".to_owned(),
            4 => server.data_replication_state = "STALLED".to_owned(),
            // Not on the hour, where a second decides.
            5 => {
                let minutes = i64::from(rng.u16(0..60)) * 60 + 30;
                server.agent_unreachable_since = Some(now - TimeDelta::minutes(minutes));
            }
            6 => {
                server.first_byte_at = Some(now - TimeDelta::minutes(i64::from(rng.u16(0..9000))));
            }
            7 => server.aws_instance_id = Some("i-0123456789abcdef0".to_owned()),
            8 => server.fqdn = Some("twin.example.com".to_owned()),
            _ => {}
        }
        // A replication that was started has its own state in time.
        if server.data_replication_state == "INITIAL_SYNC" {
            server.replicating_since = None;
        }
    }
}

fn expected(world: &World, variables: &Variables) -> Option<Findings> {
    let drs = world.drs.regions.get(HERE)?;
    let number = |name: &str| -> i64 {
        let set = variables.iter().find(|(known, _)| *known == name);
        set.and_then(|(_, value)| value.parse().ok())
            .unwrap_or_default()
    };
    let mut findings = Findings::new();

    for server in &drs.source_servers {
        let case = Case {
            world,
            drs,
            server,
            silent_hours: number("SILENT_HOURS"),
            lag_minutes: number("LAG_MINUTES"),
            sync_hours: number("SYNC_HOURS"),
        };
        let found = case.findings();
        if !found.is_empty() {
            findings.insert(server.id.clone(), found);
        }
    }

    let connected = drs.source_servers.iter();
    let connected = connected.filter(|it| it.data_replication_state != "DISCONNECTED");
    let percent = number("QUOTA_PERCENT");
    let is_near = |used: usize, most: i64| used as i64 * 100 >= most * percent;
    if is_near(connected.count(), 300) || is_near(drs.source_servers.len(), 4000) {
        // An audit of the simulator does not know its Region.
        findings.insert(
            "source servers of ".to_owned(),
            BTreeSet::from(["quota_near"]),
        );
    }
    Some(findings)
}

/// A server of a world, and where its lines are drawn.
struct Case<'a> {
    world: &'a World,
    drs: &'a Drs,
    server: &'a SourceServer,
    silent_hours: i64,
    lag_minutes: i64,
    sync_hours: i64,
}

impl Case<'_> {
    fn findings(&self) -> BTreeSet<&'static str> {
        let server = self.server;
        let mut found = BTreeSet::new();
        let mut say = |holds: bool, finding: &'static str| {
            if holds {
                found.insert(finding);
            }
        };

        match server.data_replication_state.as_str() {
            "DISCONNECTED" => {
                let is_left = !server.points(self.world.now).is_empty();
                say(is_left, "staging_left");
                say(!is_left, "record_remains");
            }
            UNHEARD_OF => say(true, "unknown_state"),
            _ => self.of_connected(&mut say),
        }
        let words = [&server.staging_status, &server.replication_direction];
        let is_reversed = server.reversed_direction_source_server_arn.is_some();
        say(
            server.staging_status == "EXTENSION_ERROR",
            "extension_error",
        );
        say(*words[0] == UNHEARD_OF, "unknown_state");
        // Of a pair the direction does not matter any more.
        say(*words[1] == UNHEARD_OF && !is_reversed, "unknown_state");
        say(words[1] == "FAILBACK" || is_reversed, "failback_open");
        self.of_instances(&mut say);
        self.of_twins(&mut say);
        found
    }

    fn of_connected(&self, say: &mut impl FnMut(bool, &'static str)) {
        let (server, now) = (self.server, self.world.now);
        let state = server.data_replication_state.as_str();
        let is_stalled = state == "STALLED";
        let is_stopped = matches!(state, "STOPPED" | "PAUSED");
        let has_error = server.data_replication_error.is_some();

        say(is_stalled, "replication_stalled");
        say(is_stopped, "replication_stopped");
        say(has_error && !is_stalled && !is_stopped, "replication_error");
        // AWS writes whole seconds.
        let seen = last_seen(server, now).trunc_subsecs(0);
        let silent = (now - seen).num_seconds();
        say(silent > self.silent_hours * 3600, "agent_silent");
        let lag = i64::from(server.lag_seconds.unwrap_or_default());
        say(lag > self.lag_minutes * 60, "lag_over_objective");

        let long_ago = self.world.context(HERE).long_ago;
        let began = server.first_byte_at.or(server.replicating_since);
        let hours = (now - began.unwrap_or(long_ago)).num_hours();
        let is_syncing = matches!(state, "INITIATING" | "INITIAL_SYNC");
        say(
            is_syncing && hours > self.sync_hours,
            "initial_sync_overdue",
        );
        say(
            server.tags.contains_key(APPROVED),
            "approved_still_connected",
        );
    }

    fn of_instances(&self, say: &mut impl FnMut(bool, &'static str)) {
        let all = self.drs.recovery_instances.iter();
        let own = all.filter(|it| [&self.server.id, ""].contains(&it.source_server_id.as_str()));
        let (drills, others): (Vec<_>, Vec<_>) = own.partition(|it| it.is_drill);

        let is_named = self.server.recovery_instance_id.is_some();
        let is_listed = !drills.is_empty() || !others.is_empty();
        say(!drills.is_empty(), "drill_instance_remains");
        say(
            !others.is_empty() || is_named && !is_listed,
            "recovery_instance_remains",
        );
    }

    /// Other servers that replicate the same machine.
    fn of_twins(&self, say: &mut impl FnMut(bool, &'static str)) {
        let has_twin = |key: fn(&SourceServer) -> Option<&String>| {
            let own = key(self.server);
            let others = self.drs.source_servers.iter();
            let mut others = others.filter(|it| it.id != self.server.id && is_alone(it));
            own.is_some() && others.any(|other| key(other) == own)
        };
        if !is_alone(self.server) {
            return;
        }

        let by_instance = has_twin(|it| it.aws_instance_id.as_ref());
        let by_name = has_twin(|it| it.fqdn.as_ref().or(it.hostname.as_ref()));
        say(by_instance, "duplicate_instance");
        say(by_name && !by_instance, "duplicate_name");
    }
}

/// Whether a server is connected, and neither of a pair nor of an extension.
fn is_alone(server: &SourceServer) -> bool {
    let state = server.data_replication_state.as_str();

    state != "DISCONNECTED"
        && state != UNHEARD_OF
        && server.replication_direction == "FAILOVER"
        && server.reversed_direction_source_server_arn.is_none()
        && server.staging_status == "NOT_EXTENDED"
}
