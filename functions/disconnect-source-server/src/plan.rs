//! `plan`: from what is asked, observed and allowed, to what will be done and said.
//!
//! Pure and total: no calls, no clock, no environment. Read it from the top; the rules stand in the
//! order in which they are asked. One law holds by type: a plan either has steps or says how things
//! are. Only an observation that finds nothing left to do can say that something is done.

use shared::{
    Arn, Grounds, Mode,
    drs::{Direction, RecoveryInstance, Server, ServerInJob, SourceServerId, Staging, State},
    guardrails::Refusal,
};

use self::Verdict::{Act, Done, Failed, Pending, Refused};
use crate::{
    command::{Action, Command, Target},
    grounds,
    matching::{Found, find, mismatches},
    policy::Policy,
    reason::Reason,
    snapshot::Snapshot,
};

/// One call that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `DisconnectSourceServer`: ends replication and destroys all recovery points of the server.
    Disconnect,
    /// `UntagResource` for the approval tag, which has served.
    ConsumeApproval {
        /// The server.
        arn: Arn,
        /// The key of the tag.
        tag: String,
    },
    /// `DeleteSourceServer`: removes the record of the server.
    Delete,
}

/// What will be done about a target, or, if nothing is, what is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These steps are to be taken, in order.
    Act(Vec<Step>),
    /// Nothing is left to do.
    Done(Reason),
    /// It takes time; observe again later.
    Pending(Grounds<Reason>),
    /// It took too long, and a human has to look.
    Failed(Grounds<Reason>),
    /// These rules forbid it, in the order in which they are asked; never empty.
    Refused(Vec<Grounds<Reason>>),
}

/// What will be done and said about every target, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whether the plan may be executed.
    pub mode: Mode,
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

    // Two targets may turn out to be one server; it must not count, or change, twice.
    refuse_duplicates(&mut targets);

    // Before the first change: over MAX_TARGETS everything is refused, over the share whatever
    // would disconnect or delete.
    if let Some(over) = policy.guardrails.against_targets(targets.len()) {
        refuse(&mut targets, &over, |_| true);
    }
    let changes = count_changes(&targets);
    if let Some(account) = snapshot.account
        && changes > policy.allowed_changes(command.action, account)
    {
        let over = grounds::over_share(changes, command.action, account, policy);
        refuse(&mut targets, &over, TargetPlan::changes_server);
    }

    Plan {
        mode: policy.guardrails.effective_mode(command.mode),
        targets,
    }
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

        // Absence is success for a deletion, and a refusal for everything else.
        Found::Nothing if is_deleted(command.action, target, snapshot) => {
            TargetPlan::not_found(Done(Reason::RecordDeleted))
        }
        Found::Nothing if !snapshot.initialised => {
            TargetPlan::not_found(Refused(vec![Reason::NotInitialised.into()]))
        }
        Found::Nothing => TargetPlan::not_found(Refused(vec![Reason::NotFound.into()])),
        // Guessing between two servers is how the wrong one goes.
        Found::Several(servers) => {
            TargetPlan::not_found(Refused(vec![grounds::ambiguous(&servers)]))
        }
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
    // A name that contradicts the server comes first and alone: it may be another machine, of which
    // nothing else should be said.
    let mismatches = mismatches(target, server);
    if !mismatches.is_empty() {
        return Refused(mismatches);
    }

    // An account that has no say here has none about any of its machines.
    let origin = target.origin_account_id.as_deref();
    if let Some(account) = origin.filter(|account| !policy.accepts_origin(account)) {
        return Refused(vec![grounds::origin_not_allowed(account)]);
    }

    match command.action {
        Action::Disconnect => plan_disconnect(command, server, snapshot, policy),
        Action::Retire => plan_retire(command, server, snapshot, policy),
        Action::Delete => plan_delete(command, server, snapshot, policy),
        Action::Verify => plan_verify(server, snapshot),
    }
}

fn plan_disconnect(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Verdict {
    // It may have been disconnected by us, by an earlier delivery, or by an operator.
    if server.state == State::Disconnected {
        return plan_remainder(command, server, snapshot, policy);
    }
    let against = forbidden(command, server, snapshot, policy);
    if !against.is_empty() {
        return Refused(against);
    }

    // The machine of an event has just ended, and its silence is still to come.
    if command.is_native() && lacks_silence(server, snapshot, policy).is_some() {
        return Pending(Reason::AgentNotSilentYet.into());
    }

    // The approval goes last, so that a run which is killed in between can be resumed.
    let mut steps = vec![Step::Disconnect];
    steps.extend(consume_approval(command, server, policy));
    Act(steps)
}

/// A run that was killed after the disconnect continues here: its approval is still to be removed.
fn plan_remainder(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Verdict {
    let guardrails = &policy.guardrails;
    // Without an approval of this request there is nothing of ours to tidy up.
    let approval = guardrails.approval_of(&command.request_id, &server.tags);
    if approval.is_none() {
        return finished(server, snapshot, policy);
    }

    let mut against: Vec<_> = guardrails
        .against_protected(&server.tags)
        .into_iter()
        .collect();
    against.extend(without_arn(server));
    if !against.is_empty() {
        return Refused(against);
    }
    match consume_approval(command, server, policy) {
        Some(step) => Act(vec![step]),
        None => finished(server, snapshot, policy),
    }
}

/// What is said of a disconnected server of which nothing is left to be changed.
fn finished(server: &Server, snapshot: &Snapshot, policy: &Policy) -> Verdict {
    match unproven(server, snapshot) {
        // Right after the disconnect nothing of the staging area was read yet.
        Some(_) if policy.verify_cleanup => Pending(Reason::CleanupAwaitsVerification.into()),
        _ => Done(Reason::Disconnected),
    }
}

fn plan_retire(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Verdict {
    let against = forbidden(command, server, snapshot, policy);
    if !against.is_empty() {
        return Refused(against);
    }
    // The deletion waits until DRS shows nothing of the staging area, whoever disconnected it.
    if server.state == State::Disconnected {
        return Pending(Reason::RecordAwaitsDeletion.into());
    }

    // The approval stays: the deletion needs it.
    Act(vec![Step::Disconnect])
}

fn plan_delete(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Verdict {
    let mut against = forbidden(command, server, snapshot, policy);
    // DRS wants a server disconnected before its record is deleted (API model).
    if server.state != State::Disconnected {
        against.push(grounds::not_disconnected(server));
    }
    if !against.is_empty() {
        return Refused(against);
    }

    // With the record goes the only place where DRS shows what it has left behind.
    match unproven(server, snapshot) {
        Some(verdict) if !command.skip_cleanup_check => verdict,
        _ => Act(vec![Step::Delete]),
    }
}

/// Changes nothing, so no approval is asked for.
fn plan_verify(server: &Server, snapshot: &Snapshot) -> Verdict {
    // A server that replicates again has a staging area, and needs it.
    if server.state != State::Disconnected {
        return Refused(vec![grounds::not_disconnected(server)]);
    }

    unproven(server, snapshot).unwrap_or(Done(Reason::CleanupVerified))
}

/// What is said of a disconnected server while it is not proven that its staging area is gone;
/// `None` once it is.
fn unproven(server: &Server, snapshot: &Snapshot) -> Option<Verdict> {
    match snapshot.leftovers.get(&server.id) {
        Some(leftovers) if leftovers.is_empty() => None,
        Some(left) if snapshot.cleanup_overdue.contains(&server.id) => {
            Some(Failed(grounds::left_over(Reason::StagingLeft, Some(left))))
        }
        // What was not read is no proof, and no failure.
        left => Some(Pending(grounds::left_over(Reason::CleanupPending, left))),
    }
}

/// Every rule that forbids to change this server.
fn forbidden(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Vec<Grounds<Reason>> {
    let mut against = Vec::new();

    if !policy.allows(command.action) {
        against.push(grounds::delete_not_allowed());
    }
    // Protection before approval: an approval does not lift it.
    let tags = &server.tags;
    against.extend(policy.guardrails.against(&command.request_id, tags));

    against.extend(without_arn(server));
    against.extend(in_use(server, snapshot));
    // Last: whoever reads why a protected server may not go is not to be told to stop it.
    if command.action != Action::Delete && server.state != State::Disconnected {
        against.extend(alive(command, server, snapshot, policy));
    }
    against
}

/// A machine that still talks to DRS is not gone: after its termination never, and for a request as
/// far as the deployment asks for silence.
fn alive(
    command: &Command,
    server: &Server,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Vec<Grounds<Reason>> {
    let after_end = snapshot.seconds_after_end.get(&server.id);
    let mut against: Vec<_> = after_end
        .copied()
        .map(grounds::seen_after_end)
        .into_iter()
        .collect();

    // An event comes within seconds of its end, and nobody sends it again.
    if !command.is_native() {
        against.extend(lacks_silence(server, snapshot, policy));
    }
    against
}

/// What a server lacks of the silence that the deployment asks for.
fn lacks_silence(server: &Server, snapshot: &Snapshot, policy: &Policy) -> Option<Grounds<Reason>> {
    let required = policy.require_silent_minutes;

    match snapshot.silent_seconds.get(&server.id) {
        _ if required == 0 => None,
        Some(seconds) if *seconds >= required * 60 => None,
        // What DRS does not say is no proof of silence.
        silent => Some(grounds::not_silent(silent.copied(), required)),
    }
}

/// Without an ARN the tags of a server cannot be changed.
fn without_arn(server: &Server) -> Option<Grounds<Reason>> {
    server.arn.is_none().then(|| grounds::unknown("arn"))
}

/// Everything that somebody does with a server, or that nobody understands.
fn in_use(server: &Server, snapshot: &Snapshot) -> Vec<Grounds<Reason>> {
    let mut against = Vec::new();

    // An extended server belongs to another account, where it has to be disconnected.
    match server.staging {
        Staging::Own => {}
        Staging::Extended => against.push(grounds::extended(Reason::Extended, server)),
        Staging::ExtensionError => {
            against.push(grounds::extended(Reason::ExtensionError, server));
        }
        Staging::Unknown => against.push(grounds::unknown("stagingArea.status")),
    }
    // A failback, or a pair that replicates both ways, is a recovery in progress.
    match server.direction {
        Direction::Failover => {}
        Direction::Failback => against.push(Reason::FailbackDirection.into()),
        Direction::ReversedPair => against.push(grounds::reversed(server)),
        Direction::Unknown => against.push(grounds::unknown("replicationDirection")),
    }

    match &snapshot.usage {
        Some(usage) => {
            against.extend(launched(server, &usage.recovery_instances));
            against.extend(in_job(server, &usage.servers_in_jobs));
        }
        // What was not read cannot allow anything.
        None => against.push(grounds::unknown("jobs and recovery instances")),
    }
    if server.state == State::Unknown {
        against.push(grounds::unknown("dataReplicationInfo.dataReplicationState"));
    }
    against
}

/// A recovery instance counts before a drill; one that only the server's record names may be
/// either.
fn launched(server: &Server, instances: &[RecoveryInstance]) -> Option<Grounds<Reason>> {
    let of_server: Vec<&RecoveryInstance> = instances
        .iter()
        .filter(|instance| match &instance.source_server_id {
            Some(id) => *id == server.id,
            // It may be of any server.
            None => true,
        })
        .collect();

    // The list may lag behind the record of the server, so the record counts too.
    let named = server.recovery_instance_id.iter();
    let listed = of_server.iter().filter_map(|instance| instance.id.as_ref());
    let reason = match of_server.is_empty() {
        true if server.recovery_instance_id.is_none() => return None,
        false if of_server.iter().all(|instance| instance.is_drill) => Reason::DrillInstancePresent,
        true | false => Reason::RecoveryInstancePresent,
    };
    Some(grounds::launched(reason, named.chain(listed)))
}

fn in_job(server: &Server, servers_in_jobs: &[ServerInJob]) -> Option<Grounds<Reason>> {
    let job = servers_in_jobs
        .iter()
        .find(|in_job| match &in_job.server_id {
            Some(id) => *id == server.id,
            // A job whose servers AWS did not name may work on this one.
            None => true,
        });

    job.map(grounds::in_job)
}

/// The step that removes the approval, where the server carries that of this request.
fn consume_approval(command: &Command, server: &Server, policy: &Policy) -> Option<Step> {
    let guardrails = &policy.guardrails;
    let tag = guardrails.approval_of(&command.request_id, &server.tags)?;

    Some(Step::ConsumeApproval {
        arn: server.arn.clone()?,
        tag: tag.to_owned(),
    })
}

fn refuse_duplicates(targets: &mut [TargetPlan]) {
    let mut known: Vec<SourceServerId> = Vec::new();

    for target in targets {
        // A target without a server cannot change anything.
        let Some(server) = &target.server else {
            continue;
        };

        if known.contains(&server.id) {
            let twice = Grounds::new(Reason::NamedTwice);
            target.refuse(&twice);
        } else {
            known.push(server.id.clone());
        }
    }
}

fn refuse(targets: &mut [TargetPlan], why: &Grounds<Reason>, which: fn(&TargetPlan) -> bool) {
    for target in targets {
        if which(target) {
            target.refuse(why);
        }
    }
}

fn count_changes(targets: &[TargetPlan]) -> usize {
    let changed = targets.iter().filter(|target| target.changes_server());

    changed.count()
}

impl TargetPlan {
    fn not_found(verdict: Verdict) -> Self {
        Self {
            server: None,
            verdict,
        }
    }

    /// Refuses a target for a reason of the whole request, which comes before its own.
    fn refuse(&mut self, why: &Grounds<Reason>) {
        let mut against = vec![why.clone()];
        if let Refused(own) = &mut self.verdict {
            against.append(own);
        }

        self.verdict = Refused(against);
    }

    /// The steps to be taken, in order; none where something is said instead.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        match &self.verdict {
            Act(steps) => steps,
            Done(_) | Pending(_) | Failed(_) | Refused(_) => &[],
        }
    }

    fn changes_server(&self) -> bool {
        let mut steps = self.steps().iter();

        // Removing an approval is no change to the server, and is not limited.
        steps.any(|step| matches!(step, Step::Disconnect | Step::Delete))
    }
}

impl Step {
    /// The API's name of the call.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Disconnect => "DisconnectSourceServer",
            Self::ConsumeApproval { .. } => "UntagResource",
            Self::Delete => "DeleteSourceServer",
        }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Protected => Self::Protected,
            Refusal::NotApproved => Self::NotApproved,
            Refusal::ApprovedForAnotherRequest => Self::ApprovedForAnotherRequest,
            Refusal::TooManyTargets => Self::OverMaxTargets,
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::{
        drs::{AccountSize, Leftovers},
        guardrails::Approval,
    };

    use super::*;
    use crate::{
        fixtures::{
            APPROVED, NOON, by_hostname, by_id, command, consume, disconnected, id, policy, server,
        },
        snapshot::Usage,
    };

    fn with(change: impl FnOnce(&mut Server)) -> Snapshot {
        let mut server = server(1);
        change(&mut server);
        snapshot_of(vec![server])
    }

    /// Nothing uses these servers, and of those that are DISCONNECTED nothing is left.
    fn snapshot_of(servers: Vec<Server>) -> Snapshot {
        let ended = servers.iter().filter(|it| it.state == State::Disconnected);
        let leftovers = ended.map(|server| (server.id.clone(), Leftovers::default()));

        Snapshot {
            leftovers: leftovers.collect(),
            servers,
            initialised: true,
            usage: Some(Usage::default()),
            ..Snapshot::uninitialised()
        }
    }

    fn plan_one(action: Action, target: Target, snapshot: &Snapshot, policy: &Policy) -> Verdict {
        let planned = plan(&command(action, vec![target]), snapshot, policy);

        first_alone(&planned.targets[0].verdict)
    }

    /// A verdict with the first reason of a refusal alone, and without facts.
    fn first_alone(verdict: &Verdict) -> Verdict {
        match verdict {
            Refused(against) => refused(against[0].reason),
            other => other.clone(),
        }
    }

    fn refused(reason: Reason) -> Verdict {
        Refused(vec![reason.into()])
    }

    // Invariant 1.
    #[test]
    fn a_machine_that_talks_after_its_termination_is_not_gone() {
        let planned = |action, change: fn(&mut Server)| {
            let snapshot = Snapshot {
                seconds_after_end: [(id(1), 960)].into(),
                ..with(change)
            };
            plan_one(action, by_id(1), &snapshot, &policy())
        };

        let talks = planned(Action::Disconnect, |_| {});
        assert_eq!(talks, refused(Reason::AgentAlive));
        // One that is disconnected already may have talked before.
        let disconnected = planned(Action::Retire, disconnected);
        assert_eq!(disconnected, Pending(Reason::RecordAwaitsDeletion.into()));
    }

    // Invariant 1.
    #[test]
    fn the_event_of_a_termination_waits_for_the_silence_of_its_machine() {
        let planned = |silent: u64| {
            let snapshot = Snapshot {
                silent_seconds: [(id(1), silent)].into(),
                ..with(|_| {})
            };
            let policy = Policy {
                require_silent_minutes: 30,
                ..policy()
            };
            let command = Command {
                terminated_at: Some(NOON),
                ..command(Action::Disconnect, vec![by_id(1)])
            };
            first_alone(&plan(&command, &snapshot, &policy).targets[0].verdict)
        };

        assert_eq!(planned(0), Pending(Reason::AgentNotSilentYet.into()));
        assert_eq!(planned(1800), Act(vec![Step::Disconnect, consume(1)]));
    }

    // Invariant 1.
    #[test]
    fn a_deployment_may_ask_for_silence_before_a_disconnect() {
        let planned = |silent: Option<u64>, required: u64, action| {
            let snapshot = Snapshot {
                silent_seconds: silent.map(|seconds| (id(1), seconds)).into_iter().collect(),
                ..with(|_| {})
            };
            let policy = Policy {
                require_silent_minutes: required,
                ..policy()
            };
            plan_one(action, by_id(1), &snapshot, &policy)
        };

        let goes = Act(vec![Step::Disconnect]);
        assert_eq!(planned(Some(0), 0, Action::Retire), goes);
        assert_eq!(planned(Some(1800), 30, Action::Retire), goes);
        let talks = planned(Some(1799), 30, Action::Retire);
        assert_eq!(talks, refused(Reason::AgentAlive));
        // What DRS does not say is no silence.
        let unknown = planned(None, 30, Action::Retire);
        assert_eq!(unknown, refused(Reason::AgentAlive));
        // The record of a server has no agent.
        let deletion = planned(Some(0), 30, Action::Delete);
        assert_eq!(deletion, refused(Reason::NotDisconnected));
    }

    fn reasons(verdict: &Verdict) -> Vec<Reason> {
        match verdict {
            Refused(against) => against.iter().map(|grounds| grounds.reason).collect(),
            _ => Vec::new(),
        }
    }

    #[track_caller]
    fn check(action: Action, snapshot: &Snapshot, verdict: Verdict) {
        assert_eq!(plan_one(action, by_id(1), snapshot, &policy()), verdict);
    }

    fn disconnect() -> Verdict {
        Act(vec![Step::Disconnect, consume(1)])
    }

    #[track_caller]
    fn refuses(target: Target, snapshot: &Snapshot, reason: Reason) {
        for action in [Action::Disconnect, Action::Retire, Action::Delete] {
            let planned = plan_one(action, target.clone(), snapshot, &policy());
            assert_eq!(planned, refused(reason), "{action:?}");
        }
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
        check(Action::Delete, &connected, refused(Reason::NotDisconnected));
        let ended = with(disconnected);
        check(Action::Disconnect, &ended, Act(vec![consume(1)]));
        check(
            Action::Retire,
            &ended,
            Pending(Reason::RecordAwaitsDeletion.into()),
        );
        check(Action::Delete, &ended, Act(vec![Step::Delete]));
    }

    #[test]
    fn each_step_is_named_after_its_call() {
        assert_eq!(Step::Disconnect.operation(), "DisconnectSourceServer");
        assert_eq!(consume(1).operation(), "UntagResource");
        assert_eq!(Step::Delete.operation(), "DeleteSourceServer");
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
            &with(|server| server.arn = None),
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
        let mut policy = policy();
        policy.guardrails.approval = Approval::NotRequired;
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

    fn in_job(server_id: Option<SourceServerId>) -> ServerInJob {
        ServerInJob {
            job_id: Some("drsjob-1".to_owned()),
            server_id,
        }
    }

    fn in_jobs(servers: Vec<Option<SourceServerId>>) -> Snapshot {
        Snapshot {
            usage: Some(Usage {
                servers_in_jobs: servers.into_iter().map(in_job).collect(),
                ..Usage::default()
            }),
            ..with(|_| {})
        }
    }

    #[test]
    fn what_was_not_read_allows_nothing() {
        let unread = Snapshot {
            usage: None,
            ..with(|_| {})
        };
        refuses(by_id(1), &unread, Reason::UnknownState);
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
            let in_job = in_jobs(vec![in_job]);
            refuses(by_id(1), &in_job, Reason::JobRunning);
        }
        let elsewhere = in_jobs(vec![Some(id(2))]);
        check(Action::Disconnect, &elsewhere, disconnect());
    }

    #[test]
    fn every_reason_is_given_in_the_order_of_the_rules() {
        let snapshot = Snapshot {
            account: Some(AccountSize {
                records: 1,
                connected: 1,
            }),
            usage: Some(Usage {
                servers_in_jobs: vec![in_job(Some(id(1)))],
                ..Usage::default()
            }),
            ..with(|server| {
                server.tags = [("drover:protected".to_owned(), String::new())].into();
                server.direction = Direction::Failback;
                server.recovery_instance_id = Some("i-00000001".to_owned());
            })
        };
        let mut policy = policy();
        policy.allow_delete = false;
        policy.guardrails.max_targets = 1;
        let planned = plan(
            &command(Action::Delete, vec![by_id(1), by_id(1)]),
            &snapshot,
            &policy,
        );

        let own = [
            Reason::DeleteNotAllowed,
            Reason::Protected,
            Reason::NotApproved,
            Reason::FailbackDirection,
            Reason::RecoveryInstancePresent,
            Reason::JobRunning,
            Reason::NotDisconnected,
        ];
        let first = reasons(&planned.targets[0].verdict);
        assert_eq!(first[0], Reason::OverMaxTargets);
        assert_eq!(first[1..], own);
        let second = reasons(&planned.targets[1].verdict);
        assert_eq!(second[..2], [Reason::OverMaxTargets, Reason::NamedTwice]);
        assert_eq!(second[2..], own);
    }

    #[test]
    fn of_a_server_that_may_be_another_only_the_names_are_told() {
        let target = Target {
            hostname: "host2".to_owned().try_into().ok(),
            fqdn: "host2.example.com".to_owned().try_into().ok(),
            ..by_id(1)
        };
        let snapshot = with(|server| server.tags.clear());
        let planned = plan(
            &command(Action::Disconnect, vec![target]),
            &snapshot,
            &policy(),
        );

        let mismatches = [Reason::HostnameMismatch, Reason::FqdnMismatch];
        assert_eq!(reasons(&planned.targets[0].verdict), mismatches);
    }

    #[test]
    fn a_drill_instance_is_distinguished_from_a_recovery_instance() {
        let launched = |drills: &[bool], source_server_id: Option<SourceServerId>| {
            let instance = |is_drill: &bool| RecoveryInstance {
                id: Some("i-00000001".to_owned()),
                source_server_id: source_server_id.clone(),
                is_drill: *is_drill,
            };
            Snapshot {
                usage: Some(Usage {
                    recovery_instances: drills.iter().map(instance).collect(),
                    ..Usage::default()
                }),
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

    // Invariant 1.
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
            let snapshot = with(|server| {
                _ = server
                    .tags
                    .insert(APPROVED.0.to_owned(), approved.to_owned())
            });
            check(
                Action::Disconnect,
                &snapshot,
                refused(Reason::ApprovedForAnotherRequest),
            );
            let snapshot = with(|server| {
                server
                    .tags
                    .insert(APPROVED.0.to_owned(), approved.to_owned());
                server.state = State::Disconnected;
            });
            check(Action::Disconnect, &snapshot, Done(Reason::Disconnected));
        }
    }

    #[test]
    fn no_match_is_refused_and_never_done_unless_the_id_was_to_be_deleted() {
        refuses(by_hostname("host9"), &with(|_| {}), Reason::NotFound);
        check(
            Action::Disconnect,
            &snapshot_of(vec![]),
            refused(Reason::NotFound),
        );
        check(
            Action::Delete,
            &snapshot_of(vec![]),
            Done(Reason::RecordDeleted),
        );
        check(
            Action::Delete,
            &Snapshot::uninitialised(),
            refused(Reason::NotInitialised),
        );
        check(
            Action::Disconnect,
            &Snapshot::uninitialised(),
            refused(Reason::NotInitialised),
        );
    }

    #[test]
    fn several_matches_are_refused_unless_another_name_decides() {
        let mut twin = server(2);
        twin.hostname = Some("host1".to_owned());
        let snapshot = snapshot_of(vec![server(1), twin]);
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

    // Invariant 4.
    #[test]
    fn a_server_that_is_named_twice_is_changed_once() {
        let command = command(Action::Disconnect, vec![by_id(1), by_hostname("host1")]);
        let planned = plan(&command, &with(|_| {}), &policy());
        assert_eq!(planned.targets[0].verdict, disconnect());
        assert_eq!(reasons(&planned.targets[1].verdict), [Reason::NamedTwice]);
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
            ..snapshot_of(servers)
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
            .filter(|target| reasons(&target.verdict).first() == Some(&reason))
            .count()
    }

    #[test]
    fn over_the_limit_nothing_of_the_request_is_done() {
        let mut policy = policy();
        policy.guardrails.max_targets = 2;
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

    // Invariant 6.
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
        assert_eq!(plan.targets[0].steps(), [consume(1)]);
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
            assert_eq!(planned, refused(Reason::DeleteNotAllowed));
        }
    }

    fn one_point() -> Leftovers {
        Leftovers {
            recovery_points: 1,
            ..Leftovers::default()
        }
    }

    /// A server that is DISCONNECTED, and of which this is left.
    fn ended_with(left: Option<Leftovers>, overdue: bool) -> Snapshot {
        let mut snapshot = with(disconnected);
        snapshot.leftovers = left.map(|left| (id(1), left)).into_iter().collect();
        snapshot.cleanup_overdue = overdue.then(|| id(1)).into_iter().collect();
        snapshot
    }

    fn name_of(verdict: &Verdict) -> Reason {
        match verdict {
            Done(reason) => *reason,
            Pending(why) | Failed(why) => why.reason,
            Act(_) | Refused(_) => panic!("{verdict:?}"),
        }
    }

    // Invariant 3.
    #[test]
    fn a_clean_up_is_verified_once_nothing_is_left_and_failed_after_a_time() {
        let planned = |left, overdue| {
            let snapshot = ended_with(left, overdue);
            plan_one(Action::Verify, by_id(1), &snapshot, &policy())
        };
        let parts = [
            one_point(),
            Leftovers {
                disks: 1,
                ..Leftovers::default()
            },
            Leftovers {
                lag: true,
                ..Leftovers::default()
            },
        ];

        for overdue in [false, true] {
            let clean = planned(Some(Leftovers::default()), overdue);
            assert_eq!(clean, Done(Reason::CleanupVerified));
            // What was not read is neither.
            let unread = planned(None, overdue);
            assert_eq!(unread, Pending(Reason::CleanupPending.into()));
        }
        for part in parts {
            let waits = planned(Some(part), false);
            assert!(matches!(waits, Pending(_)), "{waits:?}");
            assert_eq!(name_of(&waits), Reason::CleanupPending);
            let failed = planned(Some(part), true);
            assert!(matches!(failed, Failed(_)), "{failed:?}");
            assert_eq!(name_of(&failed), Reason::StagingLeft);
        }
    }

    #[test]
    fn a_verification_needs_a_disconnected_server_and_nothing_else() {
        let connected = plan_one(Action::Verify, by_id(1), &with(|_| {}), &policy());
        assert_eq!(connected, refused(Reason::NotDisconnected));

        let mut snapshot = with(|server| {
            disconnected(server);
            server.tags = [("drover:protected".to_owned(), String::new())].into();
        });
        snapshot.usage = None;
        let planned = plan_one(Action::Verify, by_id(1), &snapshot, &policy());
        assert_eq!(planned, Done(Reason::CleanupVerified));
    }

    // Invariant 3.
    #[test]
    fn a_record_is_deleted_once_nothing_is_left_unless_the_request_gives_that_up() {
        let planned = |left, overdue, skip_cleanup_check| {
            let command = Command {
                skip_cleanup_check,
                ..command(Action::Delete, vec![by_id(1)])
            };
            let plan = plan(&command, &ended_with(left, overdue), &policy());
            plan.targets[0].verdict.clone()
        };
        let deletes = Act(vec![Step::Delete]);

        assert_eq!(planned(Some(Leftovers::default()), false, false), deletes);
        let waits = planned(Some(one_point()), false, false);
        assert_eq!(name_of(&waits), Reason::CleanupPending);
        assert_eq!(
            name_of(&planned(None, false, false)),
            Reason::CleanupPending
        );
        let failed = planned(Some(one_point()), true, false);
        assert_eq!(name_of(&failed), Reason::StagingLeft);
        for left in [None, Some(one_point())] {
            assert_eq!(planned(left, true, true), deletes);
        }
    }

    #[test]
    fn a_disconnect_awaits_its_verification_where_the_deployment_asks_for_it() {
        let planned = |left, verify_cleanup| {
            let mut snapshot = ended_with(left, false);
            snapshot.servers[0].tags.clear();
            let policy = Policy {
                verify_cleanup,
                ..policy()
            };
            plan_one(Action::Disconnect, by_id(1), &snapshot, &policy)
        };
        let awaits = Pending(Reason::CleanupAwaitsVerification.into());

        for left in [None, Some(one_point())] {
            assert_eq!(planned(left, true), awaits);
            assert_eq!(planned(left, false), Done(Reason::Disconnected));
        }
        let clean = planned(Some(Leftovers::default()), true);
        assert_eq!(clean, Done(Reason::Disconnected));
    }

    #[test]
    fn a_server_that_is_protected_after_a_killed_run_keeps_its_approval() {
        let snapshot = with(|server| {
            disconnected(server);
            server
                .tags
                .insert("drover:protected".to_owned(), String::new());
        });
        check(Action::Disconnect, &snapshot, refused(Reason::Protected));
    }

    #[test]
    fn the_absence_of_an_arn_or_a_name_is_not_a_deletion() {
        let arn = "arn:aws:drs:eu-west-1:999999999999:source-server/s-00000000000000001";
        let by_arn = Target {
            source_server: arn.to_owned().try_into().ok(),
            ..Target::default()
        };
        refuses(by_arn, &snapshot_of(vec![]), Reason::NotFound);
        refuses(by_hostname("host1"), &snapshot_of(vec![]), Reason::NotFound);
    }

    /// Every combination of what decides about one server, against what must hold for each step by
    /// itself.
    // Invariant 1.
    #[test]
    #[expect(clippy::too_many_lines, reason = "one combination after the other")]
    fn no_step_is_taken_that_any_rule_forbids() {
        for bits in 0..1024_u32 {
            let bit = |position: u32| bits & (1 << position) != 0;
            let [
                ended,
                failback,
                unapproved,
                protected,
                launched,
                no_delete,
                by_name,
                misnamed,
                is_in_job,
                is_left,
            ] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(bit);
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
            snapshot.usage = Some(Usage {
                servers_in_jobs: is_in_job.then(|| in_job(Some(id(1)))).into_iter().collect(),
                ..Usage::default()
            });
            if is_left {
                snapshot.leftovers.insert(id(1), one_point());
            }
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
            let free = touchable && !failback && !launched && !is_in_job;
            for action in [
                Action::Disconnect,
                Action::Retire,
                Action::Delete,
                Action::Verify,
            ] {
                let planned = plan(&command(action, vec![target.clone()]), &snapshot, &policy)
                    .targets
                    .remove(0);
                let takes = |step: Step| planned.steps().contains(&step);
                let disconnects = free
                    && !ended
                    && (action == Action::Disconnect || action == Action::Retire && !no_delete);
                assert_eq!(takes(Step::Disconnect), disconnects, "{bits:b} {action:?}");
                let deletes = free && ended && action == Action::Delete && !no_delete && !is_left;
                assert_eq!(takes(Step::Delete), deletes, "{bits:b} {action:?}");
                let consumes = action == Action::Disconnect && touchable && (ended || free);
                assert_eq!(takes(consume(1)), consumes, "{bits:b} {action:?}");
            }
        }
    }
}
