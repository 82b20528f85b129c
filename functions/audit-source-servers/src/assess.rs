//! `assess`: what is to be said of each source server, and which request would mend it. Pure: no
//! clock, no environment, no AWS.

use std::collections::BTreeMap;

use shared::{
    Grounds, RequestId,
    drs::{Direction, Leftovers, Server, SourceServerId, Staging, State},
    guardrails::Approval,
    units,
};

use crate::{command::Command, finding::Finding, policy::Policy, snapshot::Snapshot};

/// How many servers of an account and Region may replicate at the same time (DRS quotas).
pub const MOST_CONNECTED: usize = 300;
/// How many records of source servers an account and Region may have (DRS quotas).
pub const MOST_RECORDS: usize = 4000;

/// From which percentage of silent agents on nothing is offered for their silence.
const OUTAGE_PERCENT: usize = 10;

/// What is to be said of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment<'a> {
    /// How many servers were looked at.
    pub examined: usize,
    /// Of the account itself.
    pub account: Vec<Grounds<Finding>>,
    /// Of the servers that something is to be said of, the worst first.
    pub servers: Vec<Assessed<'a>>,
}

/// What is to be said of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessed<'a> {
    /// The server.
    pub server: &'a Server,
    /// What, the worst first; never empty.
    pub findings: Vec<Grounds<Finding>>,
    /// The request that would mend it.
    pub proposal: Option<Proposal>,
}

/// A decommission that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The ID of the request, and the value of the approval that it needs.
    pub request_id: String,
    /// Whether the server carries this approval already.
    pub is_approved: bool,
    /// `disconnect`, `retire` or `delete`.
    pub action: &'static str,
}

/// Assesses everything that was observed and that the command means.
#[must_use]
pub fn assess<'a>(command: &Command, snapshot: &'a Snapshot, policy: &Policy) -> Assessment<'a> {
    // Of a server that only an ID of the request fits, nothing is said.
    let servers = snapshot.servers.iter();
    let meant: Vec<&Server> = servers.filter(|server| command.means(server)).collect();

    let duplicates = Duplicates::among(&meant);
    let is_outage = is_outage(&meant, snapshot, policy);
    let mut servers = Vec::new();
    for server in meant.iter().copied() {
        let case = Case {
            server,
            snapshot,
            policy,
        };
        let mut findings = case.findings();
        findings.extend(duplicates.of(server));
        findings.sort_by_key(|grounds| grounds.reason);
        if !findings.is_empty() {
            let proposal = case.proposal(is_outage);
            servers.push(Assessed {
                server,
                findings,
                proposal,
            });
        }
    }

    // The worst first; of two alike, the one with more to say.
    servers.sort_by_key(|it| {
        let worst = it.findings.first().map(|grounds| grounds.reason);
        (worst, usize::MAX - it.findings.len())
    });
    Assessment {
        examined: meant.len(),
        account: quotas(snapshot, policy),
        servers,
    }
}

/// Whether so many agents are silent that a site or a network is down, and not some machines gone:
/// what DRS holds of them is all that is left then. One server is always few.
fn is_outage(servers: &[&Server], snapshot: &Snapshot, policy: &Policy) -> bool {
    let is_connected = |server: &&&Server| matches!(server.state, State::Connected(_));
    let all = servers.iter().filter(is_connected).count();
    let silent = servers.iter();
    let silent = silent.filter(|server| snapshot.silence(server, policy).is_some());

    silent.count() > (all * OUTAGE_PERCENT / 100).max(1)
}

/// A server, and what it is judged by.
struct Case<'a> {
    server: &'a Server,
    snapshot: &'a Snapshot,
    policy: &'a Policy,
}

impl Case<'_> {
    /// Everything that is to be said of the server by itself.
    fn findings(&self) -> Vec<Grounds<Finding>> {
        // What is wrong with a server depends on whether it is to be recovered at all.
        let by_state = match &self.server.state {
            State::Connected(state) => self.connected(state),
            State::Disconnected => vec![self.disconnected()],
            State::Unknown => vec![unknown("dataReplicationState")],
        };

        by_state
            .into_iter()
            .chain(self.staging())
            .chain(self.direction())
            .chain(self.instances())
            .collect()
    }

    /// What is to be said of a server that is connected.
    fn connected(&self, state: &str) -> Vec<Grounds<Finding>> {
        let error = self.server.replication_error.as_deref();

        // One of these: an error explains a stall, and is no second finding beside it.
        let replication = match (state, error) {
            ("STALLED", error) => {
                let grounds = Grounds::new(Finding::ReplicationStalled);
                Some(with_error(grounds, error))
            }
            ("STOPPED" | "PAUSED", _) => {
                let grounds = Grounds::new(Finding::ReplicationStopped);
                Some(grounds.detail(state).fact("dataReplicationState", state))
            }
            (_, Some(error)) => {
                let grounds = Grounds::new(Finding::ReplicationError);
                Some(with_error(grounds, Some(error)))
            }
            _ => None,
        };
        // In no order: findings are sorted in the end.
        let parts = [
            replication,
            self.silence(),
            self.lag(),
            self.initial_sync(state),
            self.approval(),
        ];
        parts.into_iter().flatten().collect()
    }

    fn silence(&self) -> Option<Grounds<Finding>> {
        let seconds = self.snapshot.silence(self.server, self.policy)?;
        let (allowed, silent) = (self.policy.silent_hours, units::seconds(seconds));

        let grounds = Grounds::new(Finding::AgentSilent)
            .detail(format!(
                "silent for {silent}, {} allowed",
                units::hours(allowed)
            ))
            .fact("agentSilentSeconds", seconds)
            .fact("allowedHours", allowed);
        Some(grounds)
    }

    fn lag(&self) -> Option<Grounds<Finding>> {
        let allowed = self.policy.lag_minutes;
        let lag = self.server.lag_seconds?;
        // 0 does not ask.
        if allowed == 0 || lag <= allowed * 60 {
            return None;
        }

        let (is, may_be) = (units::seconds(lag), units::seconds(allowed * 60));
        let grounds = Grounds::new(Finding::LagOverObjective)
            .detail(format!("{is} behind, {may_be} allowed"))
            .fact("lagSeconds", lag)
            .fact("allowedMinutes", allowed);
        Some(grounds)
    }

    fn initial_sync(&self, state: &str) -> Option<Grounds<Finding>> {
        let allowed = self.policy.sync_hours;
        let hours = self.server.replication_hours?;
        if !matches!(state, "INITIATING" | "INITIAL_SYNC") || hours <= allowed {
            return None;
        }

        let (is, may_be) = (units::hours(hours), units::hours(allowed));
        let grounds = Grounds::new(Finding::InitialSyncOverdue)
            .detail(format!("{state} for {is}, {may_be} allowed"))
            .fact("replicationHours", hours)
            .fact("allowedHours", allowed);
        Some(grounds)
    }

    fn approval(&self) -> Option<Grounds<Finding>> {
        let guardrails = &self.policy.guardrails;
        let request = guardrails.approved_request(&self.server.tags)?;
        // What keeps the request from being carried out, and is no finding by itself.
        let protected = if self.is_protected() {
            ", and protected"
        } else {
            ""
        };

        let grounds = Grounds::new(Finding::ApprovedStillConnected)
            .detail(format!("approved for {request}{protected}"))
            .fact("approvedFor", request.as_str());
        Some(grounds)
    }

    /// What is left of a server that is DISCONNECTED.
    fn disconnected(&self) -> Grounds<Finding> {
        let left = self.leftovers();
        if !left.is_empty() {
            return Grounds::new(Finding::StagingLeft)
                .detail(left.words())
                .fact("recoveryPoints", left.recovery_points)
                .fact("disks", left.disks);
        }

        let grounds = Grounds::new(Finding::RecordRemains);
        match (self.is_protected(), self.points()) {
            (true, _) => grounds.detail("protected"),
            (false, None) => grounds.detail("its recovery points were not counted"),
            (false, Some(_)) => grounds,
        }
    }

    /// How many recovery points the server has, if they were counted.
    fn points(&self) -> Option<usize> {
        let points = &self.snapshot.recovery_points;

        points.get(&self.server.id).copied()
    }

    /// What was seen of its staging area: what was not counted was not seen.
    fn leftovers(&self) -> Leftovers {
        Leftovers::seen(self.server, self.points().unwrap_or_default())
    }

    fn is_protected(&self) -> bool {
        let guardrails = &self.policy.guardrails;

        guardrails.check_protection(&self.server.tags).is_err()
    }

    fn staging(&self) -> Option<Grounds<Finding>> {
        match self.server.staging {
            Staging::Own | Staging::Extended => None,
            Staging::ExtensionError => Some(Finding::ExtensionError.into()),
            Staging::Unknown => Some(unknown("stagingArea.status")),
        }
    }

    fn direction(&self) -> Option<Grounds<Finding>> {
        match self.server.direction {
            Direction::Failover => None,
            Direction::Failback => Some(Finding::FailbackOpen.into()),
            Direction::ReversedPair => {
                let grounds = Grounds::new(Finding::FailbackOpen);
                Some(grounds.detail("another source server replicates the other way"))
            }
            Direction::Unknown => Some(unknown("replicationDirection")),
        }
    }

    /// The recovery instances of the server, those of drills by themselves.
    fn instances(&self) -> Vec<Grounds<Finding>> {
        let mut by_kind: BTreeMap<Finding, Vec<String>> = BTreeMap::new();
        for instance in &self.snapshot.recovery_instances {
            // One that AWS does not name may be that of any server.
            let id = instance.source_server_id.as_ref();
            if id.is_none_or(|id| *id == self.server.id) {
                let kind = match instance.is_drill {
                    true => Finding::DrillInstanceRemains,
                    false => Finding::RecoveryInstanceRemains,
                };
                by_kind.entry(kind).or_default().extend(instance.id.clone());
            }
        }
        // The record may name an instance that is not listed any more.
        if let Some(id) = &self.server.recovery_instance_id
            && by_kind.is_empty()
        {
            by_kind.insert(Finding::RecoveryInstanceRemains, vec![id.clone()]);
        }

        by_kind
            .into_iter()
            .map(|(kind, ids)| {
                Grounds::new(kind)
                    .detail(ids.join(", "))
                    .fact("recoveryInstanceIDs", ids)
            })
            .collect()
    }

    /// The request that would retire the server, unless it would be refused.
    fn proposal(&self, is_outage: bool) -> Option<Proposal> {
        let server = self.server;
        let is_plain = server.staging == Staging::Own && server.direction == Direction::Failover;
        if self.is_protected() || !is_plain || server.arn.is_none() || !self.instances().is_empty()
        {
            return None;
        }

        let approved = self.approved_request().map(RequestId::into);
        // Silence alone offers nothing where many are silent, or where nobody would have to approve.
        let is_silent = self.snapshot.silence(server, self.policy).is_some();
        let needs_approval = matches!(self.policy.guardrails.approval, Approval::Tag(_));
        let may_go = is_silent && !is_outage && needs_approval;
        // As a deletion asks for it: nothing is proven by points that were not counted.
        let is_clean = self.points().is_some() && self.leftovers().is_empty();
        let action = match (&server.state, self.policy.allow_delete) {
            (State::Disconnected, true) if is_clean => "delete",
            (State::Connected(_), true) if may_go => "retire",
            // Whoever approved a machine that talks knows which action was meant: the milder one.
            (State::Connected(_), _) if approved.is_some() || may_go => "disconnect",
            _ => return None,
        };

        Some(Proposal {
            is_approved: approved.is_some(),
            request_id: approved.unwrap_or_else(|| format!("{action}-{}", server.id)),
            action,
        })
    }

    /// The request that the server is approved for, if a request can have this ID.
    fn approved_request(&self) -> Option<RequestId> {
        let approved = self.policy.guardrails.approved_request(&self.server.tags)?;

        RequestId::try_from(approved.clone()).ok()
    }
}

/// The servers that replicate one machine more than once.
struct Duplicates<'a> {
    by_instance: BTreeMap<&'a str, Vec<&'a SourceServerId>>,
    by_name: BTreeMap<&'a str, Vec<&'a SourceServerId>>,
}

impl<'a> Duplicates<'a> {
    fn among(servers: &[&'a Server]) -> Self {
        let mut found = Self {
            by_instance: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };

        // Host names are compared here, and never told.
        let alone = servers.iter().copied();
        for server in alone.filter(|server| replicates_alone(server)) {
            if let Some(id) = server.aws_instance_id.as_deref() {
                found.by_instance.entry(id).or_default().push(&server.id);
            }
            if let Some(name) = name(server) {
                found.by_name.entry(name).or_default().push(&server.id);
            }
        }
        found
    }

    /// That other servers replicate the machine of this one, by the surest sign of it.
    fn of(&self, server: &Server) -> Option<Grounds<Finding>> {
        if !replicates_alone(server) {
            return None;
        }

        let others = |known: Option<&Vec<&SourceServerId>>| {
            let ids = known.into_iter().flatten();
            let others = ids.filter(|id| **id != &server.id);
            others.map(ToString::to_string).collect::<Vec<_>>()
        };
        let by_instance = server.aws_instance_id.as_deref();
        let by_instance = others(by_instance.and_then(|id| self.by_instance.get(id)));
        let by_name = others(name(server).and_then(|name| self.by_name.get(name)));
        // Host names stay out of reports: the other server is named by its ID.
        let (finding, others) = match (by_instance.is_empty(), by_name.is_empty()) {
            (false, _) => (Finding::DuplicateInstance, by_instance),
            (true, false) => (Finding::DuplicateName, by_name),
            (true, true) => return None,
        };

        let first = others.iter().take(NAMED).cloned().collect::<Vec<_>>();
        let grounds = Grounds::new(finding)
            .detail(format!("as {}", first.join(", ")))
            .fact("others", others.len())
            .fact("sourceServerIDs", first);
        Some(grounds)
    }
}

/// How many other servers a finding names.
const NAMED: usize = 10;

/// Whether a server is connected, and not one of a pair or of an extension, which replicate one
/// machine on purpose.
fn replicates_alone(server: &Server) -> bool {
    // Pairs and extensions are found by their direction and their staging area.
    let is_connected = matches!(server.state, State::Connected(_));

    is_connected && server.direction == Direction::Failover && server.staging == Staging::Own
}

fn name(server: &Server) -> Option<&str> {
    // The full name first: two networks may each have a `web01`.
    server.fqdn.as_deref().or(server.hostname.as_deref())
}

fn with_error(grounds: Grounds<Finding>, error: Option<&str>) -> Grounds<Finding> {
    match error {
        Some(error) => grounds.detail(error).fact("dataReplicationError", error),
        None => grounds.detail("DRS names no error"),
    }
}

/// The member of the record that this program does not understand.
fn unknown(member: &str) -> Grounds<Finding> {
    Grounds::new(Finding::UnknownState)
        .detail(member)
        .fact("member", member)
}

/// The quotas of which a large share is used.
fn quotas(snapshot: &Snapshot, policy: &Policy) -> Vec<Grounds<Finding>> {
    let Some(size) = snapshot.account else {
        return Vec::new();
    };
    let quotas = [
        ("replicating servers", size.connected, MOST_CONNECTED),
        ("records", size.records, MOST_RECORDS),
    ];

    // AWS raises quotas on request; what was raised is not read.
    let near = quotas
        .into_iter()
        .filter(|(_, used, most)| used * 100 >= most * policy.quota_percent);
    near.map(|(what, used, most)| {
        Grounds::new(Finding::QuotaNear)
            .detail(format!("{used} of {most} {what}"))
            .fact("quota", what)
            .fact("used", used)
            .fact("allowed", most)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use shared::drs::{AccountSize, RecoveryInstance};

    use super::*;
    use crate::fixtures::{all, id, policy, server, snapshot};

    /// What is found of one server after a change to it.
    fn found(change: impl FnOnce(&mut Server)) -> Vec<Finding> {
        let mut server = server(1);
        change(&mut server);
        codes(&snapshot(vec![server]))
    }

    /// What is found of the first server.
    fn codes(snapshot: &Snapshot) -> Vec<Finding> {
        let policy = policy();
        let assessment = assess(&all(), snapshot, &policy);
        let first = assessment.servers.into_iter().next();

        first.map_or_else(Vec::new, |it| {
            it.findings.iter().map(|grounds| grounds.reason).collect()
        })
    }

    fn in_state(state: &str) -> State {
        State::Connected(state.to_owned())
    }

    fn proposed(snapshot: &Snapshot, policy: &Policy) -> Option<(String, &'static str)> {
        let assessment = assess(&all(), snapshot, policy);
        let proposal = assessment.servers.into_iter().next()?.proposal?;
        Some((proposal.request_id, proposal.action))
    }

    #[test]
    fn of_a_healthy_server_nothing_is_said() {
        assert_eq!(found(|_| {}), []);
    }

    #[test]
    fn a_replication_that_does_not_work_is_found_by_its_state_or_its_error() {
        use Finding::*;
        for (state, error, finding) in [
            ("STALLED", Some("NOT_CONVERGING"), ReplicationStalled),
            ("STALLED", None, ReplicationStalled),
            ("STOPPED", None, ReplicationStopped),
            ("PAUSED", None, ReplicationStopped),
            ("CONTINUOUS", Some("SNAPSHOTS_FAILURE"), ReplicationError),
            (
                "INITIATING",
                Some("FAILED_TO_BOOT_REPLICATION_SERVER"),
                ReplicationError,
            ),
        ] {
            let found = found(|server| {
                server.state = in_state(state);
                server.replication_error = error.map(str::to_owned);
            });
            assert_eq!(found, [finding], "{state} {error:?}");
        }
        assert_eq!(
            found(|server| server.state = State::Unknown),
            [UnknownState]
        );
    }

    #[test]
    fn lines_are_drawn_where_the_deployment_draws_them() {
        use Finding::*;
        let silent = |seconds| {
            let mut snapshot = snapshot(vec![server(1)]);
            snapshot.silent_seconds.insert(id(1), seconds);
            codes(&snapshot)
        };
        assert_eq!(silent(24 * 3600), []);
        assert_eq!(silent(24 * 3600 + 1), [AgentSilent]);

        let behind = |seconds| found(|server| server.lag_seconds = Some(seconds));
        assert_eq!(behind(3600), []);
        assert_eq!(behind(3601), [LagOverObjective]);

        let syncing = |state: &str, hours| {
            found(|server| {
                server.state = in_state(state);
                server.replication_hours = Some(hours);
            })
        };
        assert_eq!(syncing("INITIAL_SYNC", 72), []);
        assert_eq!(syncing("INITIAL_SYNC", 73), [InitialSyncOverdue]);
        assert_eq!(syncing("INITIATING", 73), [InitialSyncOverdue]);
        assert_eq!(syncing("CONTINUOUS", 73), []);

        let unasked = Policy {
            lag_minutes: 0,
            ..policy()
        };
        let mut late = server(1);
        late.lag_seconds = Some(999_999);
        assert!(
            assess(&all(), &snapshot(vec![late]), &unasked)
                .servers
                .is_empty()
        );
    }

    #[test]
    fn what_somebody_left_behind_is_found() {
        use Finding::*;
        assert_eq!(
            found(|it| it.direction = Direction::Failback),
            [FailbackOpen]
        );
        assert_eq!(
            found(|it| it.direction = Direction::ReversedPair),
            [FailbackOpen]
        );
        assert_eq!(
            found(|it| it.direction = Direction::Unknown),
            [UnknownState]
        );
        assert_eq!(
            found(|it| it.staging = Staging::ExtensionError),
            [ExtensionError]
        );
        assert_eq!(found(|it| it.staging = Staging::Extended), []);
        assert_eq!(found(|it| it.staging = Staging::Unknown), [UnknownState]);
        let named = |it: &mut Server| it.recovery_instance_id = Some("i-1".to_owned());
        assert_eq!(found(named), [RecoveryInstanceRemains]);

        let mut snapshot = snapshot(vec![server(1)]);
        for is_drill in [true, false] {
            snapshot.recovery_instances.push(RecoveryInstance {
                id: Some("i-2".to_owned()),
                source_server_id: Some(id(1)),
                is_drill,
            });
        }
        assert_eq!(
            codes(&snapshot),
            [RecoveryInstanceRemains, DrillInstanceRemains]
        );
        snapshot.recovery_instances[0].source_server_id = Some(id(2));
        assert_eq!(codes(&snapshot), [RecoveryInstanceRemains]);
        // One of no named server may be that of any.
        snapshot.recovery_instances[0].source_server_id = None;
        assert_eq!(
            codes(&snapshot),
            [RecoveryInstanceRemains, DrillInstanceRemains]
        );
    }

    #[test]
    fn of_a_disconnected_server_only_what_is_left_is_said() {
        use Finding::*;
        let mut gone = server(1);
        gone.state = State::Disconnected;
        gone.tags
            .insert("drover:approved".to_owned(), "CHG1".to_owned());
        let mut snapshot = snapshot(vec![gone]);
        snapshot.silent_seconds.insert(id(1), 999_999);

        assert_eq!(codes(&snapshot), [RecordRemains]);
        snapshot.recovery_points.insert(id(1), 3);
        assert_eq!(codes(&snapshot), [StagingLeft]);
        snapshot.recovery_points.insert(id(1), 0);
        assert_eq!(codes(&snapshot), [RecordRemains]);
        snapshot.servers[0].staged_disks = 1;
        assert_eq!(codes(&snapshot), [StagingLeft]);
    }

    #[test]
    fn a_machine_that_is_replicated_twice_is_found_by_instance_before_name() {
        use Finding::*;
        let two = |change: fn(&mut Server)| {
            let mut second = Server {
                id: id(2),
                ..server(1)
            };
            change(&mut second);
            codes(&snapshot(vec![server(1), second]))
        };
        assert_eq!(two(|_| {}), [DuplicateInstance]);
        assert_eq!(two(|it| it.aws_instance_id = None), [DuplicateName]);
        assert_eq!(two(|it| it.state = State::Disconnected), [RecordRemains]);
        assert_eq!(two(|it| it.staging = Staging::Extended), []);

        // Machines without a name or an instance are not one machine.
        let nameless = |number| Server {
            aws_instance_id: None,
            hostname: None,
            fqdn: None,
            ..server(number)
        };
        assert_eq!(codes(&snapshot(vec![nameless(1), nameless(2)])), []);
    }

    #[test]
    fn the_worst_comes_first() {
        let with = |number, change: fn(&mut Server)| {
            let mut server = server(number);
            change(&mut server);
            server
        };
        let snapshot = snapshot(vec![
            with(1, |it| it.state = State::Disconnected),
            with(2, |it| it.lag_seconds = Some(9999)),
            with(3, |it| it.state = in_state("STALLED")),
            with(4, |it| {
                it.state = in_state("STALLED");
                it.lag_seconds = Some(9999);
            }),
        ]);

        let policy = policy();
        let assessment = assess(&all(), &snapshot, &policy);
        let order = assessment.servers.iter().map(|it| it.server.id.clone());
        assert_eq!(order.collect::<Vec<_>>(), [4, 3, 2, 1].map(id));
    }

    #[test]
    fn a_quota_is_told_from_its_share_on() {
        let near = |connected, records| {
            let mut snapshot = snapshot(vec![]);
            snapshot.account = Some(AccountSize { records, connected });
            assess(&all(), &snapshot, &policy()).account.len()
        };

        assert_eq!(near(239, 3199), 0);
        assert_eq!(near(240, 3199), 1);
        assert_eq!(near(240, 3200), 2);
        assert!(
            assess(&all(), &snapshot(vec![]), &policy())
                .account
                .is_empty()
        );
    }

    #[test]
    fn a_server_that_may_go_is_offered_and_no_other() {
        let mut silent = snapshot(vec![server(1)]);
        silent.silent_seconds.insert(id(1), 999_999);
        let offered = |change: fn(&mut Snapshot)| {
            let mut snapshot = silent.clone();
            change(&mut snapshot);
            proposed(&snapshot, &policy())
        };
        let named = |action: &'static str| Some((format!("{action}-{}", id(1)), action));
        fn tag(snapshot: &mut Snapshot, key: &str) {
            let tags = &mut snapshot.servers[0].tags;
            tags.insert(key.to_owned(), "CHG1".to_owned());
        }

        assert_eq!(offered(|_| {}), named("retire"));
        let talking = snapshot_of_approved();
        assert_eq!(
            proposed(&talking, &policy()),
            Some(("CHG1".to_owned(), "disconnect"))
        );
        let approved = offered(|it| tag(it, "drover:approved"));
        assert_eq!(approved, Some(("CHG1".to_owned(), "retire")));
        // Whatever refuses a request keeps it from being offered.
        assert_eq!(offered(|it| tag(it, "drover:protected")), None);
        assert_eq!(
            offered(|it| it.servers[0].staging = Staging::Extended),
            None
        );
        assert_eq!(
            offered(|it| it.servers[0].direction = Direction::Failback),
            None
        );
        assert_eq!(offered(|it| it.servers[0].arn = None), None);
        assert_eq!(
            offered(|it| it.servers[0].recovery_instance_id = Some("i-1".to_owned())),
            None
        );

        let careful = Policy {
            allow_delete: false,
            ..policy()
        };
        assert_eq!(proposed(&silent, &careful), named("disconnect"));
    }

    /// A server that is approved and talks.
    fn snapshot_of_approved() -> Snapshot {
        let mut approved = server(1);
        let tag = ("drover:approved".to_owned(), "CHG1".to_owned());
        approved.tags.extend([tag]);
        snapshot(vec![approved])
    }

    #[test]
    fn where_many_are_silent_nothing_is_offered_for_it() {
        let silent = |count: usize| {
            let mut snapshot = snapshot((1..=20).map(server).collect());
            let ids = (1..=count).map(|number| (id(number), 999_999));
            snapshot.silent_seconds.extend(ids);
            snapshot
        };

        assert!(proposed(&silent(2), &policy()).is_some());
        assert_eq!(proposed(&silent(3), &policy()), None);
        let unapproved =
            Policy::from_lookup(|name| (name == "APPROVAL_TAG").then(|| "none".to_owned()));
        assert_eq!(proposed(&silent(1), &unapproved.unwrap()), None);
    }

    #[test]
    fn a_record_is_offered_for_deletion_once_nothing_else_is_left() {
        let mut gone = server(1);
        gone.state = State::Disconnected;
        let mut snapshot = snapshot(vec![gone]);
        let mut offered = |points: Option<usize>| {
            snapshot.recovery_points = points.map(|points| (id(1), points)).into_iter().collect();
            proposed(&snapshot, &policy()).map(|(_, action)| action)
        };

        assert_eq!(offered(Some(0)), Some("delete"));
        assert_eq!(offered(Some(1)), None);
        assert_eq!(offered(None), None);
    }
}
