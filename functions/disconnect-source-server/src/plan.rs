//! `plan`: from what is asked, what was seen and what is allowed, to what will be done and said.
//!
//! Pure and total: no calls, no clock, no environment. Read it from the top; the rules stand in the
//! order in which they are asked. One law holds by type: a plan either has steps or says how things
//! are. Only a look that finds nothing left to do can say that something is done.

use std::iter;

use shared::Mode;

use self::Verdict::{Act, Done, Pending, Refused};

use crate::{
    command::{Action, Command, SourceServerId, Target},
    policy::{Approval, Policy},
    reason::Reason,
    snapshot::{Direction, RecoveryInstance, Server, Snapshot, Staging, State},
};

/// One call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `DisconnectSourceServer`: ends replication and destroys all recovery points of the server.
    Disconnect,
    /// `UntagResource` for the approval tag: the approval has served.
    ConsumeApproval,
    /// `DeleteSourceServer`: removes the record of the server.
    Delete,
}

/// What is to be done about a target, or, if nothing is, what is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These steps are to be taken, in order.
    Act(Vec<Step>),
    /// Nothing is left to do.
    Done(Reason),
    /// It takes its time; look again.
    Pending(Reason),
    /// A rule forbids it.
    Refused(Reason),
}

/// What will be done and said about every target, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One for each target.
    pub targets: Vec<TargetPlan>,
}

/// What will be done and said about one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPlan {
    /// The server that the target turned out to be.
    pub server: Option<Server>,
    /// What is to be done or said.
    pub verdict: Verdict,
}

/// Decides about a request.
#[must_use]
pub fn plan(command: &Command, snapshot: &Snapshot, policy: &Policy) -> Plan {
    let mut targets: Vec<TargetPlan> = command
        .targets
        .iter()
        .map(|target| plan_target(command, target, snapshot, policy))
        .collect();
    refuse_second_mentions(&mut targets);
    if command.targets.len() > policy.max_targets {
        refuse(&mut targets, Reason::OverMaxTargets, |_| true);
    }
    if changes(&targets) > allowed_share(command.action, snapshot, policy) {
        refuse(
            &mut targets,
            Reason::OverMaxShare,
            TargetPlan::changes_the_server,
        );
    }
    Plan { targets }
}

fn plan_target(
    command: &Command,
    target: &Target,
    snapshot: &Snapshot,
    policy: &Policy,
) -> TargetPlan {
    match find(target, &snapshot.servers) {
        Found::One(server) => TargetPlan {
            server: Some(server.clone()),
            verdict: plan_server(command, target, server, snapshot, policy),
        },
        Found::Nothing if is_deleted(command.action, target, snapshot) => {
            TargetPlan::unfound(Done(Reason::RecordDeleted))
        }
        Found::Nothing if !snapshot.initialised => {
            TargetPlan::unfound(Refused(Reason::NotInitialised))
        }
        Found::Nothing => TargetPlan::unfound(Refused(Reason::NotFound)),
        Found::Several => TargetPlan::unfound(Refused(Reason::Ambiguous)),
    }
}

/// Absence is what a deletion wants, but only a plain ID can tell that it is *this* record which is
/// absent *here*.
fn is_deleted(action: Action, target: &Target, snapshot: &Snapshot) -> bool {
    let by_plain_id = target
        .source_server
        .as_ref()
        .is_some_and(|source_server| source_server.arn.is_none());
    action == Action::Delete && by_plain_id && snapshot.initialised
}

fn plan_server(
    command: &Command,
    target: &Target,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Verdict {
    if let Some(reason) = mismatch(target, server) {
        return Refused(reason);
    }
    match command.action {
        Action::Disconnect => plan_disconnect(command, server, snapshot, policy),
        Action::Retire => plan_retire(command, server, snapshot, policy),
        Action::Delete => plan_delete(command, server, snapshot, policy),
    }
}

fn plan_disconnect(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Verdict {
    let consume = consume_approval(command, server, policy);
    if server.state == State::Disconnected {
        return plan_the_rest(server, consume, policy);
    }
    if let Some(reason) = forbidden(command, server, snapshot, policy) {
        return Refused(reason);
    }
    Act(iter::once(Step::Disconnect).chain(consume).collect())
}

/// A run that was killed after the disconnect ends here: its approval is still to be consumed.
fn plan_the_rest(server: &Server, consume: Option<Step>, policy: &Policy) -> Verdict {
    let Some(step) = consume else {
        return Done(Reason::Disconnected);
    };
    match untouchable(server, policy) {
        Some(reason) => Refused(reason),
        None => Act(vec![step]),
    }
}

fn plan_retire(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Verdict {
    if !policy.allow_delete {
        return Refused(Reason::DeleteNotAllowed);
    }
    if let Some(reason) = forbidden(command, server, snapshot, policy) {
        return Refused(reason);
    }
    if server.state == State::Disconnected {
        return Pending(Reason::RecordAwaitsDeletion);
    }
    Act(vec![Step::Disconnect])
}

fn plan_delete(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Verdict {
    if !policy.allow_delete {
        return Refused(Reason::DeleteNotAllowed);
    }
    if let Some(reason) = forbidden(command, server, snapshot, policy) {
        return Refused(reason);
    }
    if server.state != State::Disconnected {
        return Refused(Reason::NotDisconnected);
    }
    Act(vec![Step::Delete])
}

/// The first rule that forbids to change this server.
fn forbidden(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Option<Reason> {
    let not_approved = || not_approved(command, server, policy);
    untouchable(server, policy)
        .or_else(not_approved)
        .or_else(|| in_use(server, snapshot))
}

fn untouchable(server: &Server, policy: &Policy) -> Option<Reason> {
    if server.tags.contains_key(&policy.protection_tag) {
        return Some(Reason::Protected);
    }
    server.arn.is_empty().then_some(Reason::UnknownState)
}

fn not_approved(command: &Command, server: &Server, policy: &Policy) -> Option<Reason> {
    let Approval::Tag(key) = &policy.approval else {
        return None;
    };
    match server.tags.get(key) {
        None => Some(Reason::NotApproved),
        Some(approved) if approved == command.request_id.as_ref() => None,
        Some(_) => Some(Reason::ApprovedForAnotherRequest),
    }
}

fn in_use(server: &Server, snapshot: &Snapshot) -> Option<Reason> {
    match server.staging {
        Staging::Own => {}
        Staging::Extended => return Some(Reason::Extended),
        Staging::ExtensionError => return Some(Reason::ExtensionError),
        Staging::Unknown => return Some(Reason::UnknownState),
    }
    match server.direction {
        Direction::Failover => {}
        Direction::Failback => return Some(Reason::FailbackDirection),
        Direction::ReversedPair => return Some(Reason::ReversedPair),
        Direction::Unknown => return Some(Reason::UnknownState),
    }
    if let Some(reason) = recovery_instance(server, snapshot) {
        return Some(reason);
    }
    // A job whose servers AWS did not name may work on this one.
    if snapshot
        .servers_in_jobs
        .iter()
        .any(|in_job| in_job.as_ref().is_none_or(|id| *id == server.id))
    {
        return Some(Reason::JobRunning);
    }
    (server.state == State::Unknown).then_some(Reason::UnknownState)
}

/// A real recovery instance counts before a drill; one that only the server's record names may be
/// either.
fn recovery_instance(server: &Server, snapshot: &Snapshot) -> Option<Reason> {
    let of_server = |instance: &&RecoveryInstance| {
        instance
            .source_server_id
            .as_ref()
            .is_none_or(|id| *id == server.id)
    };
    let mut instances = snapshot
        .recovery_instances
        .iter()
        .filter(of_server)
        .peekable();
    if instances.peek().is_none() {
        return server
            .recovery_instance_id
            .is_some()
            .then_some(Reason::RecoveryInstancePresent);
    }
    let all_drills = instances.all(|instance| instance.is_drill);
    Some(if all_drills {
        Reason::DrillInstancePresent
    } else {
        Reason::RecoveryInstancePresent
    })
}

/// The step that uses up the approval, where the server carries this request's.
fn consume_approval(command: &Command, server: &Server, policy: &Policy) -> Option<Step> {
    let Approval::Tag(key) = &policy.approval else {
        return None;
    };
    let approved = server
        .tags
        .get(key)
        .is_some_and(|approved| approved == command.request_id.as_ref());
    approved.then_some(Step::ConsumeApproval)
}

/// A target, looked for among servers.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// No server has the name.
    Nothing,
    /// Exactly one does.
    One(&'a Server),
    /// More than one does, and nothing else tells them apart.
    Several,
}

/// Looks for a target by its most exact name, and among several servers with that name by all the
/// others.
#[must_use]
pub fn find<'a>(target: &Target, servers: &'a [Server]) -> Found<'a> {
    let named: Vec<&Server> = servers
        .iter()
        .filter(|server| has_name(target, server))
        .collect();
    let fitting: Vec<&Server> = named
        .iter()
        .copied()
        .filter(|server| mismatch(target, server).is_none())
        .collect();
    match (named.as_slice(), fitting.as_slice()) {
        ([], _) => Found::Nothing,
        ([only], _) | (_, [only]) => Found::One(only),
        _ => Found::Several,
    }
}

/// Whether a server has the most exact name of a target.
pub(crate) fn has_name(target: &Target, server: &Server) -> bool {
    if let Some(source_server) = &target.source_server {
        return source_server.id == server.id;
    }
    if let Some(id) = &target.aws_instance_id {
        return server.aws_instance_id.as_deref() == Some(id.as_ref());
    }
    if let Some(fqdn) = &target.fqdn {
        return server.fqdn.as_deref() == Some(fqdn.as_ref());
    }
    target
        .hostname
        .as_ref()
        .is_some_and(|hostname| server.hostname.as_deref() == Some(hostname.as_ref()))
}

/// The first name in the target that does not fit the server. Names are compared byte by byte.
fn mismatch(target: &Target, server: &Server) -> Option<Reason> {
    let differs =
        |asked: Option<&str>, seen: &Option<String>| asked.is_some() && asked != seen.as_deref();
    let arn = target
        .source_server
        .as_ref()
        .and_then(|source_server| source_server.arn.as_deref());
    if arn.is_some_and(|arn| arn != server.arn) {
        return Some(Reason::ArnMismatch);
    }
    if differs(
        target.aws_instance_id.as_ref().map(AsRef::as_ref),
        &server.aws_instance_id,
    ) {
        return Some(Reason::AwsInstanceIdMismatch);
    }
    if differs(
        target.hostname.as_ref().map(AsRef::as_ref),
        &server.hostname,
    ) {
        return Some(Reason::HostnameMismatch);
    }
    if differs(target.fqdn.as_ref().map(AsRef::as_ref), &server.fqdn) {
        return Some(Reason::FqdnMismatch);
    }
    let other_account = differs(
        target.origin_account_id.as_deref(),
        &server.origin_account_id,
    );
    let other_region = differs(target.origin_region.as_deref(), &server.origin_region);
    (other_account || other_region).then_some(Reason::OriginMismatch)
}

fn refuse_second_mentions(targets: &mut [TargetPlan]) {
    let mut seen: Vec<SourceServerId> = Vec::new();
    for target in targets {
        let Some(server) = &target.server else {
            continue;
        };
        if seen.contains(&server.id) {
            target.verdict = Refused(Reason::NamedTwice);
        } else {
            seen.push(server.id.clone());
        }
    }
}

fn refuse(targets: &mut [TargetPlan], reason: Reason, which: impl Fn(&TargetPlan) -> bool) {
    targets
        .iter_mut()
        .filter(|target| which(target))
        .for_each(|target| target.verdict = Refused(reason));
}

fn changes(targets: &[TargetPlan]) -> usize {
    targets
        .iter()
        .filter(|target| target.changes_the_server())
        .count()
}

/// How many servers the request may change. One is always allowed, or small accounts could do
/// nothing.
///
/// A disconnect takes its share of the servers that are still connected: old records must not make
/// room for more.
fn allowed_share(action: Action, snapshot: &Snapshot, policy: &Policy) -> usize {
    let Some(account) = snapshot.account else {
        return usize::MAX;
    };
    let of = match action {
        Action::Disconnect | Action::Retire => account.connected,
        Action::Delete => account.records,
    };
    (of * policy.max_share_percent / 100).max(1)
}

/// Whether the planner needs to know how many servers the account has: one is always allowed, and
/// so is all.
#[must_use]
pub fn needs_count(command: &Command, policy: &Policy) -> bool {
    command.targets.len() > 1 && policy.max_share_percent < 100
}

/// What a request may do: what it asks for, or less if the deployment allows less.
#[must_use]
pub fn mode(command: &Command, policy: &Policy) -> Mode {
    command.mode.min(policy.mode)
}

impl Plan {
    /// The servers that are to be disconnected.
    #[must_use]
    pub fn disconnects(&self) -> Vec<SourceServerId> {
        let disconnected = self
            .targets
            .iter()
            .filter(|target| target.steps().contains(&Step::Disconnect));
        disconnected
            .filter_map(|target| Some(target.server.as_ref()?.id.clone()))
            .collect()
    }
}

impl TargetPlan {
    fn unfound(verdict: Verdict) -> Self {
        Self {
            server: None,
            verdict,
        }
    }

    /// The steps to be taken, in order; none where something is said instead.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        if let Act(steps) = &self.verdict {
            steps
        } else {
            &[]
        }
    }

    fn changes_the_server(&self) -> bool {
        self.steps()
            .iter()
            .any(|step| *step != Step::ConsumeApproval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command::SourceServerRef,
        snapshot::{AccountSize, RecoveryInstance},
    };

    const APPROVED: (&str, &str) = ("drover:approved", "CHG1");

    fn id(number: usize) -> SourceServerId {
        SourceServerId::try_from(format!("s-{number:017}")).unwrap()
    }

    /// A healthy server that is approved for CHG1.
    fn server(number: usize) -> Server {
        Server {
            id: id(number),
            arn: format!(
                "arn:aws:drs:us-east-1:111122223333:source-server/{}",
                id(number)
            ),
            aws_instance_id: Some(format!("i-{number:017}")),
            hostname: Some(format!("host{number}")),
            fqdn: Some(format!("host{number}.example.com")),
            origin_account_id: Some("111122223333".to_owned()),
            origin_region: Some("us-west-2".to_owned()),
            state: State::Connected("CONTINUOUS".to_owned()),
            direction: Direction::Failover,
            staging: Staging::Own,
            recovery_instance_id: None,
            tags: [(APPROVED.0.to_owned(), APPROVED.1.to_owned())].into(),
            replicated_bytes: Some(1),
            replication_hours: Some(1),
        }
    }

    fn with(change: impl FnOnce(&mut Server)) -> Snapshot {
        let mut server = server(1);
        change(&mut server);
        seen(vec![server])
    }

    fn seen(servers: Vec<Server>) -> Snapshot {
        Snapshot {
            servers,
            initialised: true,
            ..Snapshot::default()
        }
    }

    fn by_id(number: usize) -> Target {
        Target {
            source_server: Some(SourceServerRef {
                id: id(number),
                arn: None,
            }),
            ..Target::default()
        }
    }

    fn by_hostname(name: &str) -> Target {
        Target {
            hostname: Some(name.to_owned().try_into().unwrap()),
            ..Target::default()
        }
    }

    fn command(action: Action, targets: Vec<Target>) -> Command {
        let request_id = "CHG1".to_owned().try_into().unwrap();
        Command {
            request_id,
            action,
            targets,
            mode: Mode::Enforce,
            expires_at: None,
        }
    }

    fn policy() -> Policy {
        Policy {
            allow_delete: true,
            ..Policy::from_lookup(|_| None).unwrap()
        }
    }

    fn plan_one(action: Action, target: Target, snapshot: &Snapshot, policy: &Policy) -> Verdict {
        plan(&command(action, vec![target]), snapshot, policy)
            .targets
            .remove(0)
            .verdict
    }

    #[track_caller]
    fn check(action: Action, snapshot: &Snapshot, verdict: Verdict) {
        assert_eq!(plan_one(action, by_id(1), snapshot, &policy()), verdict);
    }

    fn disconnect() -> Verdict {
        Act(vec![Step::Disconnect, Step::ConsumeApproval])
    }

    #[track_caller]
    fn refuses(target: Target, snapshot: &Snapshot, reason: Reason) {
        for action in [Action::Disconnect, Action::Retire, Action::Delete] {
            let planned = plan_one(action, target.clone(), snapshot, &policy());
            assert_eq!(planned, Refused(reason), "{action:?}");
        }
    }

    fn disconnected(server: &mut Server) {
        server.state = State::Disconnected;
    }

    #[test]
    fn a_disconnected_server_without_approval_needs_nothing() {
        let snapshot = with(|server| {
            disconnected(server);
            server.tags.clear();
        });
        check(Action::Disconnect, &snapshot, Done(Reason::Disconnected));
    }

    #[test]
    fn each_action_has_its_steps() {
        let connected = with(|_| {});
        check(Action::Disconnect, &connected, disconnect());
        check(Action::Retire, &connected, Act(vec![Step::Disconnect]));
        check(Action::Delete, &connected, Refused(Reason::NotDisconnected));
        let ended = with(disconnected);
        check(Action::Disconnect, &ended, Act(vec![Step::ConsumeApproval]));
        check(
            Action::Retire,
            &ended,
            Pending(Reason::RecordAwaitsDeletion),
        );
        check(Action::Delete, &ended, Act(vec![Step::Delete]));
    }

    #[test]
    fn every_replicating_state_can_be_disconnected_and_an_unknown_one_cannot() {
        for state in ["STOPPED", "INITIATING", "INITIAL_SYNC", "STALLED", "PAUSED"] {
            let snapshot = with(|server| server.state = State::Connected(state.to_owned()));
            check(Action::Disconnect, &snapshot, disconnect());
        }
        refuses(
            by_id(1),
            &with(|server| server.state = State::Unknown),
            Reason::UnknownState,
        );
        refuses(
            by_id(1),
            &with(|server| server.arn.clear()),
            Reason::UnknownState,
        );
    }

    #[test]
    fn no_approval_no_change() {
        refuses(
            by_id(1),
            &with(|server| server.tags.clear()),
            Reason::NotApproved,
        );
        let other =
            with(|server| drop(server.tags.insert(APPROVED.0.to_owned(), "CHG2".to_owned())));
        refuses(by_id(1), &other, Reason::ApprovedForAnotherRequest);
        let longer = with(|server| {
            drop(
                server
                    .tags
                    .insert(APPROVED.0.to_owned(), "CHG1 ".to_owned()),
            )
        });
        refuses(by_id(1), &longer, Reason::ApprovedForAnotherRequest);
    }

    #[test]
    fn without_an_approval_tag_nothing_is_consumed() {
        let policy = Policy {
            approval: Approval::NotRequired,
            ..policy()
        };
        let planned = plan_one(Action::Disconnect, by_id(1), &with(|_| {}), &policy);
        assert_eq!(planned, Act(vec![Step::Disconnect]));
        let planned = plan_one(Action::Disconnect, by_id(1), &with(disconnected), &policy);
        assert_eq!(planned, Done(Reason::Disconnected));
    }

    #[test]
    fn protected_is_protected_whatever_the_value_and_the_approval() {
        for value in ["", "false", "true"] {
            let snapshot = with(|server| {
                drop(
                    server
                        .tags
                        .insert("drover:protected".to_owned(), value.to_owned()),
                )
            });
            refuses(by_id(1), &snapshot, Reason::Protected);
        }
    }

    #[test]
    fn a_server_in_use_is_refused_by_name() {
        refuses(
            by_id(1),
            &with(|server| server.staging = Staging::Extended),
            Reason::Extended,
        );
        refuses(
            by_id(1),
            &with(|server| server.staging = Staging::ExtensionError),
            Reason::ExtensionError,
        );
        refuses(
            by_id(1),
            &with(|server| server.staging = Staging::Unknown),
            Reason::UnknownState,
        );
        refuses(
            by_id(1),
            &with(|server| server.direction = Direction::Failback),
            Reason::FailbackDirection,
        );
        refuses(
            by_id(1),
            &with(|server| server.direction = Direction::ReversedPair),
            Reason::ReversedPair,
        );
        refuses(
            by_id(1),
            &with(|server| server.direction = Direction::Unknown),
            Reason::UnknownState,
        );
        for in_job in [Some(id(1)), None] {
            let in_job = Snapshot {
                servers_in_jobs: vec![in_job],
                ..with(|_| {})
            };
            refuses(by_id(1), &in_job, Reason::JobRunning);
        }
        let elsewhere = Snapshot {
            servers_in_jobs: vec![Some(id(2))],
            ..with(|_| {})
        };
        check(Action::Disconnect, &elsewhere, disconnect());
    }

    #[test]
    fn a_drill_and_a_recovery_are_told_apart() {
        let launched = |drills: &[bool], source_server_id: Option<SourceServerId>| {
            let instance = |is_drill: &bool| RecoveryInstance {
                source_server_id: source_server_id.clone(),
                is_drill: *is_drill,
            };
            Snapshot {
                recovery_instances: drills.iter().map(instance).collect(),
                ..with(|_| {})
            }
        };
        refuses(
            by_id(1),
            &launched(&[true], Some(id(1))),
            Reason::DrillInstancePresent,
        );
        refuses(
            by_id(1),
            &launched(&[true, false], Some(id(1))),
            Reason::RecoveryInstancePresent,
        );
        refuses(
            by_id(1),
            &launched(&[false], None),
            Reason::RecoveryInstancePresent,
        );
        let named = with(|server| server.recovery_instance_id = Some("i-00000000".to_owned()));
        refuses(by_id(1), &named, Reason::RecoveryInstancePresent);
        let of_another = launched(&[false], Some(id(2)));
        check(Action::Disconnect, &of_another, disconnect());
    }

    #[test]
    fn every_name_must_fit_the_same_server() {
        let snapshot = with(|_| {});
        let other = |change: fn(&mut Target)| {
            let mut target = by_id(1);
            change(&mut target);
            target
        };
        refuses(
            other(|target| target.hostname = "host2".to_owned().try_into().ok()),
            &snapshot,
            Reason::HostnameMismatch,
        );
        refuses(
            other(|target| target.hostname = "HOST1".to_owned().try_into().ok()),
            &snapshot,
            Reason::HostnameMismatch,
        );
        refuses(
            other(|target| target.fqdn = "host1".to_owned().try_into().ok()),
            &snapshot,
            Reason::FqdnMismatch,
        );
        let instance =
            other(|target| target.aws_instance_id = "i-00000002".to_owned().try_into().ok());
        refuses(instance, &snapshot, Reason::AwsInstanceIdMismatch);
        refuses(
            other(|target| target.origin_region = Some("eu-west-1".to_owned())),
            &snapshot,
            Reason::OriginMismatch,
        );
        refuses(
            other(|target| target.origin_account_id = Some("1".to_owned())),
            &snapshot,
            Reason::OriginMismatch,
        );
        let unknown_origin = with(|server| server.origin_region = None);
        refuses(
            other(|target| target.origin_region = Some("us-west-2".to_owned())),
            &unknown_origin,
            Reason::OriginMismatch,
        );
        let unknown_account = with(|server| server.origin_account_id = None);
        refuses(
            other(|target| target.origin_account_id = Some("111122223333".to_owned())),
            &unknown_account,
            Reason::OriginMismatch,
        );
        let arn = "arn:aws:drs:eu-west-1:111122223333:source-server/s-00000000000000001";
        let by_arn = Target {
            source_server: arn.to_owned().try_into().ok(),
            ..Target::default()
        };
        refuses(by_arn, &snapshot, Reason::ArnMismatch);
    }

    #[test]
    fn an_approval_is_compared_letter_by_letter() {
        for approved in ["chg1", "CHG1 ", "CHG11", ""] {
            let seen = with(|server| {
                _ = server
                    .tags
                    .insert(APPROVED.0.to_owned(), approved.to_owned())
            });
            check(
                Action::Disconnect,
                &seen,
                Refused(Reason::ApprovedForAnotherRequest),
            );
            let seen = with(|server| {
                server
                    .tags
                    .insert(APPROVED.0.to_owned(), approved.to_owned());
                server.state = State::Disconnected;
            });
            check(Action::Disconnect, &seen, Done(Reason::Disconnected));
        }
    }

    #[test]
    fn no_match_is_refused_and_never_done_unless_the_id_was_to_be_deleted() {
        refuses(by_hostname("host9"), &with(|_| {}), Reason::NotFound);
        check(Action::Disconnect, &seen(vec![]), Refused(Reason::NotFound));
        check(Action::Delete, &seen(vec![]), Done(Reason::RecordDeleted));
        check(
            Action::Delete,
            &Snapshot::default(),
            Refused(Reason::NotInitialised),
        );
        check(
            Action::Disconnect,
            &Snapshot::default(),
            Refused(Reason::NotInitialised),
        );
    }

    #[test]
    fn several_matches_are_refused_unless_another_name_decides() {
        let mut twin = server(2);
        twin.hostname = Some("host1".to_owned());
        let snapshot = seen(vec![server(1), twin]);
        refuses(by_hostname("host1"), &snapshot, Reason::Ambiguous);
        let decided = Target {
            aws_instance_id: format!("i-{:017}", 2).try_into().ok(),
            ..by_hostname("host1")
        };
        let planned = plan(
            &command(Action::Disconnect, vec![decided]),
            &snapshot,
            &policy(),
        );
        assert_eq!(planned.targets[0].server.as_ref().unwrap().id, id(2));
    }

    #[test]
    fn a_server_is_found_by_any_of_its_names_alone() {
        let servers = [server(1), server(2)];
        let named = |change: fn(&mut Target)| {
            let mut target = Target::default();
            change(&mut target);
            target
        };
        for target in [
            by_id(2),
            named(|target| target.aws_instance_id = format!("i-{:017}", 2).try_into().ok()),
            named(|target| target.fqdn = "host2.example.com".to_owned().try_into().ok()),
            by_hostname("host2"),
        ] {
            assert_eq!(
                find(&target, &servers),
                Found::One(&servers[1]),
                "{target:?}"
            );
        }
        assert_eq!(
            find(&by_hostname("host2.example.com"), &servers),
            Found::Nothing
        );
    }

    #[test]
    fn servers_are_counted_only_where_the_share_can_forbid_something() {
        let counts = |targets: usize, max_share_percent: usize| {
            let command = command(Action::Disconnect, (1..=targets).map(by_id).collect());
            needs_count(
                &command,
                &Policy {
                    max_share_percent,
                    ..policy()
                },
            )
        };
        assert!(counts(2, 99));
        assert!(!counts(1, 10), "one server is always allowed");
        assert!(!counts(2, 100), "all servers are allowed");
    }

    #[test]
    fn only_the_servers_that_are_to_be_disconnected_lose_recovery_points() {
        let mut servers: Vec<Server> = (1..=3).map(server).collect();
        disconnected(&mut servers[0]);
        servers[1].tags.clear();
        let targets = [1, 2, 3, 4].map(by_id).to_vec();
        let planned = plan(
            &command(Action::Disconnect, targets),
            &seen(servers),
            &policy(),
        );
        assert_eq!(planned.disconnects(), [id(3)]);
    }

    #[test]
    fn a_server_that_is_named_twice_is_changed_once() {
        let command = command(Action::Disconnect, vec![by_id(1), by_hostname("host1")]);
        let planned = plan(&command, &with(|_| {}), &policy());
        assert_eq!(planned.targets[0].verdict, disconnect());
        assert_eq!(planned.targets[1].verdict, Refused(Reason::NamedTwice));
    }

    fn plan_many(
        action: Action,
        servers: Vec<Server>,
        targets: usize,
        account: AccountSize,
        policy: &Policy,
    ) -> Plan {
        let snapshot = Snapshot {
            account: Some(account),
            ..seen(servers)
        };
        plan(
            &command(action, (1..=targets).map(by_id).collect()),
            &snapshot,
            policy,
        )
    }

    fn refused_for(plan: &Plan, reason: Reason) -> usize {
        plan.targets
            .iter()
            .filter(|target| target.verdict == Refused(reason))
            .count()
    }

    #[test]
    fn over_the_limit_nothing_of_the_request_is_done() {
        let policy = Policy {
            max_targets: 2,
            ..policy()
        };
        let account = AccountSize {
            records: 100,
            connected: 100,
        };
        let servers = || (1..=3).map(server).collect();
        assert_eq!(
            refused_for(
                &plan_many(Action::Disconnect, servers(), 3, account, &policy),
                Reason::OverMaxTargets
            ),
            3
        );
        assert_eq!(
            refused_for(
                &plan_many(Action::Disconnect, servers(), 2, account, &policy),
                Reason::OverMaxTargets
            ),
            0
        );
    }

    #[test]
    fn the_share_counts_connected_servers_and_is_never_less_than_one() {
        let servers = || (1..=3).map(server).collect();
        let over = |action, targets, records, connected| {
            let plan = plan_many(
                action,
                servers(),
                targets,
                AccountSize { records, connected },
                &policy(),
            );
            refused_for(&plan, Reason::OverMaxShare)
        };
        assert_eq!(over(Action::Disconnect, 3, 300, 30), 0);
        assert_eq!(over(Action::Disconnect, 3, 300, 29), 3);
        assert_eq!(over(Action::Disconnect, 1, 1, 1), 0);
        assert_eq!(over(Action::Disconnect, 2, 1, 1), 2);
        let ended = || {
            (1..=3)
                .map(server)
                .map(|mut server| {
                    disconnected(&mut server);
                    server
                })
                .collect::<Vec<_>>()
        };
        let account = |records| AccountSize {
            records,
            connected: 0,
        };
        assert_eq!(
            refused_for(
                &plan_many(Action::Delete, ended(), 3, account(30), &policy()),
                Reason::OverMaxShare
            ),
            0
        );
        assert_eq!(
            refused_for(
                &plan_many(Action::Delete, ended(), 3, account(29), &policy()),
                Reason::OverMaxShare
            ),
            3
        );
    }

    #[test]
    fn what_is_disconnected_already_is_finished_whatever_the_share() {
        let mut servers: Vec<Server> = (1..=3).map(server).collect();
        disconnected(&mut servers[0]);
        let plan = plan_many(
            Action::Disconnect,
            servers,
            3,
            AccountSize {
                records: 3,
                connected: 2,
            },
            &policy(),
        );
        assert_eq!(plan.targets[0].steps(), [Step::ConsumeApproval]);
        assert_eq!(refused_for(&plan, Reason::OverMaxShare), 2);
    }

    #[test]
    fn the_deployment_must_allow_deletion_before_a_retirement_begins() {
        let policy = Policy {
            allow_delete: false,
            ..policy()
        };
        for action in [Action::Retire, Action::Delete] {
            let planned = plan_one(action, by_id(1), &with(|_| {}), &policy);
            assert_eq!(planned, Refused(Reason::DeleteNotAllowed));
        }
    }

    #[test]
    fn the_stricter_mode_wins() {
        let modes = |asked, deployed| {
            mode(
                &Command {
                    mode: asked,
                    ..command(Action::Disconnect, vec![])
                },
                &Policy {
                    mode: deployed,
                    ..policy()
                },
            )
        };
        assert_eq!(modes(Mode::Enforce, Mode::Enforce), Mode::Enforce);
        assert_eq!(modes(Mode::Plan, Mode::Enforce), Mode::Plan);
        assert_eq!(modes(Mode::Enforce, Mode::Plan), Mode::Plan);
    }

    #[test]
    fn a_server_that_is_protected_after_a_killed_run_keeps_its_approval() {
        let snapshot = with(|server| {
            disconnected(server);
            server
                .tags
                .insert("drover:protected".to_owned(), String::new());
        });
        check(Action::Disconnect, &snapshot, Refused(Reason::Protected));
    }

    #[test]
    fn the_absence_of_an_arn_or_a_name_is_not_a_deletion() {
        let arn = "arn:aws:drs:eu-west-1:999999999999:source-server/s-00000000000000001";
        let by_arn = Target {
            source_server: arn.to_owned().try_into().ok(),
            ..Target::default()
        };
        refuses(by_arn, &seen(vec![]), Reason::NotFound);
        refuses(by_hostname("host1"), &seen(vec![]), Reason::NotFound);
    }

    /// Every combination of what decides about one server, against what must hold for each step by
    /// itself.
    #[test]
    fn no_step_is_taken_that_any_rule_forbids() {
        for bits in 0..512_u32 {
            let bit = |at: u32| bits & (1 << at) != 0;
            let [
                ended,
                failback,
                unapproved,
                protected,
                launched,
                no_delete,
                by_name,
                misnamed,
                in_job,
            ] = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(bit);
            let mut snapshot = with(|server| {
                server.state = if ended {
                    State::Disconnected
                } else {
                    server.state.clone()
                };
                server.direction = if failback {
                    Direction::Failback
                } else {
                    Direction::Failover
                };
                if unapproved {
                    server.tags.clear();
                }
                if protected {
                    server
                        .tags
                        .insert("drover:protected".to_owned(), String::new());
                }
                server.recovery_instance_id = launched.then(|| "i-00000001".to_owned());
            });
            snapshot.servers_in_jobs.extend(in_job.then(|| Some(id(1))));
            let policy = Policy {
                allow_delete: !no_delete,
                ..policy()
            };
            let hostname = Target {
                hostname: "host2".to_owned().try_into().ok(),
                ..by_id(1)
            };
            let target = if misnamed {
                hostname
            } else if by_name {
                by_hostname("host1")
            } else {
                by_id(1)
            };
            let touchable = !unapproved && !protected && !misnamed;
            let free = touchable && !failback && !launched && !in_job;
            for action in [Action::Disconnect, Action::Retire, Action::Delete] {
                let planned = plan(&command(action, vec![target.clone()]), &snapshot, &policy)
                    .targets
                    .remove(0);
                let takes = |step: Step| planned.steps().contains(&step);
                let disconnects = free
                    && !ended
                    && (action == Action::Disconnect || action == Action::Retire && !no_delete);
                assert_eq!(takes(Step::Disconnect), disconnects, "{bits:b} {action:?}");
                let deletes = free && ended && action == Action::Delete && !no_delete;
                assert_eq!(takes(Step::Delete), deletes, "{bits:b} {action:?}");
                let consumes = action == Action::Disconnect && touchable && (ended || free);
                assert_eq!(
                    takes(Step::ConsumeApproval),
                    consumes,
                    "{bits:b} {action:?}"
                );
            }
        }
    }
}
