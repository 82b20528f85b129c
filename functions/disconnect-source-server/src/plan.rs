//! `plan`: from what is asked, what was seen and what is allowed, to what will be done and said.
//!
//! Pure and total: no calls, no clock, no environment. Read it from the top; the rules stand in the order in which
//! they are asked. One law holds over all of it: a plan with steps never says that something is done. Only a look
//! that finds nothing left to do may say so.

use shared::{Mode, Outcome};

use crate::{
    command::{Action, Command, SourceServerId, Target},
    policy::{Approval, Policy},
    report::Reason,
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

/// What is to be said of a target whose plan has no steps left, and what the steps work towards while it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
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
    /// What is to be done, in order.
    pub steps: Vec<Step>,
    /// What is to be said.
    pub verdict: Verdict,
}

/// Decides about a request.
#[must_use]
pub fn plan(command: &Command, snapshot: &Snapshot, policy: &Policy) -> Plan {
    let mut targets: Vec<TargetPlan> =
        command.targets.iter().map(|target| plan_target(command, target, snapshot, policy)).collect();
    refuse_second_mentions(&mut targets);
    if command.targets.len() > policy.max_targets {
        refuse(&mut targets, Reason::OverMaxTargets, |_| true);
    }
    if changes(&targets) > allowed_share(command.action, snapshot, policy) {
        refuse(&mut targets, Reason::OverMaxShare, TargetPlan::changes_the_server);
    }
    Plan { targets }
}

fn plan_target(command: &Command, target: &Target, snapshot: &Snapshot, policy: &Policy) -> TargetPlan {
    match find(target, &snapshot.servers) {
        Found::One(server) => plan_server(command, target, server, snapshot, policy),
        Found::Nothing if is_deleted(command.action, target, snapshot) => TargetPlan::done(None, Reason::RecordDeleted),
        Found::Nothing => TargetPlan::refused(None, Reason::NotFound),
        Found::Several => TargetPlan::refused(None, Reason::Ambiguous),
    }
}

/// Absence is what a deletion wants, but only the ID can tell that it is *this* record which is absent.
fn is_deleted(action: Action, target: &Target, snapshot: &Snapshot) -> bool {
    action == Action::Delete && target.source_server.is_some() && snapshot.initialised
}

fn plan_server(
    command: &Command,
    target: &Target,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> TargetPlan {
    if let Some(reason) = mismatch(target, server) {
        return TargetPlan::refused(Some(server), reason);
    }
    match command.action {
        Action::Disconnect => plan_disconnect(command, server, snapshot, policy),
        Action::Retire => plan_retire(command, server, snapshot, policy),
        Action::Delete => plan_delete(command, server, snapshot, policy),
    }
}

fn plan_disconnect(command: &Command, server: &Server, snapshot: &Snapshot, policy: &Policy) -> TargetPlan {
    let done = Verdict::Done(Reason::Disconnected);
    if server.state == State::Disconnected {
        // A run that was killed after the disconnect ends here: its approval is still to be consumed.
        return TargetPlan::new(server, consume_approval(command, server, policy), done);
    }
    if let Some(reason) = forbidden(command, server, snapshot, policy) {
        return TargetPlan::refused(Some(server), reason);
    }
    let mut steps = vec![Step::Disconnect];
    steps.extend(consume_approval(command, server, policy));
    TargetPlan::new(server, steps, done)
}

fn plan_retire(command: &Command, server: &Server, snapshot: &Snapshot, policy: &Policy) -> TargetPlan {
    let later = Verdict::Pending(Reason::RecordAwaitsDeletion);
    if !policy.allow_delete {
        return TargetPlan::refused(Some(server), Reason::DeleteNotAllowed);
    }
    if let Some(reason) = forbidden(command, server, snapshot, policy) {
        return TargetPlan::refused(Some(server), reason);
    }
    if server.state == State::Disconnected {
        return TargetPlan::new(server, vec![], later);
    }
    TargetPlan::new(server, vec![Step::Disconnect], later)
}

fn plan_delete(command: &Command, server: &Server, snapshot: &Snapshot, policy: &Policy) -> TargetPlan {
    if !policy.allow_delete {
        return TargetPlan::refused(Some(server), Reason::DeleteNotAllowed);
    }
    if let Some(reason) = forbidden(command, server, snapshot, policy) {
        return TargetPlan::refused(Some(server), reason);
    }
    if server.state != State::Disconnected {
        return TargetPlan::refused(Some(server), Reason::NotDisconnected);
    }
    TargetPlan::new(server, vec![Step::Delete], Verdict::Done(Reason::RecordDeleted))
}

/// The first rule that forbids to change this server.
fn forbidden(command: &Command, server: &Server, snapshot: &Snapshot, policy: &Policy) -> Option<Reason> {
    if server.tags.contains_key(&policy.protection_tag) {
        return Some(Reason::Protected);
    }
    not_approved(command, server, policy).or_else(|| in_use(server, snapshot))
}

fn not_approved(command: &Command, server: &Server, policy: &Policy) -> Option<Reason> {
    let Approval::Tag(key) = &policy.approval else { return None };
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
    if snapshot.servers_in_jobs.contains(&server.id) {
        return Some(Reason::JobRunning);
    }
    (server.state == State::Unknown || server.arn.is_empty()).then_some(Reason::UnknownState)
}

/// A real recovery instance counts before a drill; one that only the server's record names may be either.
fn recovery_instance(server: &Server, snapshot: &Snapshot) -> Option<Reason> {
    let of_server = |instance: &&RecoveryInstance| instance.source_server_id.as_ref().is_none_or(|id| *id == server.id);
    let mut instances = snapshot.recovery_instances.iter().filter(of_server).peekable();
    if instances.peek().is_none() {
        return server.recovery_instance_id.is_some().then_some(Reason::RecoveryInstancePresent);
    }
    let all_drills = instances.all(|instance| instance.is_drill);
    Some(if all_drills { Reason::DrillInstancePresent } else { Reason::RecoveryInstancePresent })
}

/// The step that uses up the approval, where the server carries this request's.
fn consume_approval(command: &Command, server: &Server, policy: &Policy) -> Vec<Step> {
    let Approval::Tag(key) = &policy.approval else { return vec![] };
    match server.tags.get(key) {
        Some(approved) if approved == command.request_id.as_ref() => vec![Step::ConsumeApproval],
        _ => vec![],
    }
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

/// Looks for a target by its most exact name, and among several servers with that name by all the others.
#[must_use]
pub fn find<'a>(target: &Target, servers: &'a [Server]) -> Found<'a> {
    let named: Vec<&Server> = servers.iter().filter(|server| has_name(target, server)).collect();
    let fitting: Vec<&Server> = named.iter().copied().filter(|server| mismatch(target, server).is_none()).collect();
    match (named.as_slice(), fitting.as_slice()) {
        ([], _) => Found::Nothing,
        ([only], _) | (_, [only]) => Found::One(only),
        _ => Found::Several,
    }
}

fn has_name(target: &Target, server: &Server) -> bool {
    if let Some(source_server) = &target.source_server {
        return source_server.id == server.id;
    }
    if let Some(id) = &target.aws_instance_id {
        return server.aws_instance_id.as_deref() == Some(id.as_ref());
    }
    if let Some(fqdn) = &target.fqdn {
        return server.fqdn.as_deref() == Some(fqdn.as_ref());
    }
    target.hostname.as_ref().is_some_and(|hostname| server.hostname.as_deref() == Some(hostname.as_ref()))
}

/// The first name in the target that does not fit the server. Names are compared byte by byte.
fn mismatch(target: &Target, server: &Server) -> Option<Reason> {
    let differs = |asked: Option<&str>, seen: &Option<String>| asked.is_some() && asked != seen.as_deref();
    let arn = target.source_server.as_ref().and_then(|source_server| source_server.arn.as_deref());
    if arn.is_some_and(|arn| arn != server.arn) {
        return Some(Reason::ArnMismatch);
    }
    if differs(target.aws_instance_id.as_ref().map(AsRef::as_ref), &server.aws_instance_id) {
        return Some(Reason::AwsInstanceIdMismatch);
    }
    if differs(target.hostname.as_ref().map(AsRef::as_ref), &server.hostname) {
        return Some(Reason::HostnameMismatch);
    }
    if differs(target.fqdn.as_ref().map(AsRef::as_ref), &server.fqdn) {
        return Some(Reason::FqdnMismatch);
    }
    let other_account = differs(target.origin_account_id.as_deref(), &server.origin_account_id);
    let other_region = differs(target.origin_region.as_deref(), &server.origin_region);
    (other_account || other_region).then_some(Reason::OriginMismatch)
}

fn refuse_second_mentions(targets: &mut [TargetPlan]) {
    let mut seen: Vec<SourceServerId> = Vec::new();
    for target in targets {
        let Some(server) = target.server.clone() else { continue };
        if seen.contains(&server.id) {
            *target = TargetPlan::refused(Some(&server), Reason::NamedTwice);
        } else {
            seen.push(server.id);
        }
    }
}

fn refuse(targets: &mut [TargetPlan], reason: Reason, which: impl Fn(&TargetPlan) -> bool) {
    for target in targets.iter_mut().filter(|target| which(target)) {
        *target = TargetPlan::refused(target.server.as_ref(), reason);
    }
}

fn changes(targets: &[TargetPlan]) -> usize {
    targets.iter().filter(|target| target.changes_the_server()).count()
}

/// How many servers the request may change. One is always allowed, or small accounts could do nothing.
///
/// A disconnect takes its share of the servers that are still connected: old records must not make room for more.
fn allowed_share(action: Action, snapshot: &Snapshot, policy: &Policy) -> usize {
    let Some(account) = snapshot.account else { return usize::MAX };
    let of = match action {
        Action::Disconnect | Action::Retire => account.connected,
        Action::Delete => account.records,
    };
    (of * policy.max_share_percent / 100).max(1)
}

/// Whether the planner needs to know how many servers the account has: one is always allowed, and so is all.
#[must_use]
pub fn needs_count(command: &Command, policy: &Policy) -> bool {
    command.targets.len() > 1 && policy.max_share_percent < 100
}

/// What a request may do: what it asks for, or less if the deployment allows less.
#[must_use]
pub fn mode(command: &Command, policy: &Policy) -> Mode {
    command.mode.min(policy.mode)
}

impl TargetPlan {
    fn new(server: &Server, steps: Vec<Step>, verdict: Verdict) -> Self {
        Self { server: Some(server.clone()), steps, verdict }
    }

    fn refused(server: Option<&Server>, reason: Reason) -> Self {
        Self { server: server.cloned(), steps: vec![], verdict: Verdict::Refused(reason) }
    }

    fn done(server: Option<&Server>, reason: Reason) -> Self {
        Self { server: server.cloned(), steps: vec![], verdict: Verdict::Done(reason) }
    }

    /// Whether a rule forbids to touch the target.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.verdict, Verdict::Refused(_))
    }

    fn changes_the_server(&self) -> bool {
        self.steps.iter().any(|step| *step != Step::ConsumeApproval)
    }
}

impl Verdict {
    /// The outcome and its reason for a target with no steps left, which this invocation has changed or has not.
    #[must_use]
    pub fn outcome(self, changed: bool) -> (Outcome, Reason) {
        match self {
            Self::Done(reason) if changed => (Outcome::Done, reason),
            Self::Done(reason) => (Outcome::AlreadyDone, reason),
            Self::Pending(reason) => (Outcome::Pending, reason),
            Self::Refused(reason) => (Outcome::Refused, reason),
        }
    }
}
