//! `execute`: takes the steps of a plan, reads back what they did, and plans again from that.
//!
//! A step is one SDK call. Which step comes next is what the plan that is made from the last read
//! says.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use shared::{
    CallRecord, Unobserved,
    drs::{
        CONCURRENT_CALLS, Leftovers, RecoveryPoints, Server, ServerFilter, SourceServerId, State,
    },
    settle::Made,
};

use crate::{
    command::Command,
    context::Context,
    plan::{Plan, Step, TargetPlan, plan},
    snapshot::Snapshot,
};

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Execution {
    /// One for each target, in the order of the request.
    pub runs: Vec<TargetRun>,
    /// The recovery points of each server before.
    pub recovery_points: BTreeMap<SourceServerId, RecoveryPoints>,
    /// What was left of the staging area of each server at the first read.
    pub leftovers: BTreeMap<SourceServerId, Leftovers>,
    /// For how many seconds DRS had not seen the agent of each server at the first read.
    pub silent_seconds: BTreeMap<SourceServerId, u64>,
}

/// Everything about one target, from the first read to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRun {
    /// The plan after the first read.
    pub first: TargetPlan,
    /// The steps that were attempted, in order.
    pub attempts: Vec<Attempt>,
    /// The plan after the last read.
    pub last: TargetPlan,
}

/// One step that was taken, or for which there was no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The step.
    pub step: Step,
    /// What the call came to; `None` if there was no time to make it.
    pub made: Option<Made>,
    /// Why the server could not be read back afterwards, if it could not.
    pub unread: Option<Unobserved>,
}

/// A step that was just taken for a target.
struct Taken {
    step: Step,
    made: Made,
    /// Whether AWS's answer shows the server disconnected, and its approval is what comes next.
    confirmed: bool,
}

/// Takes one step of every target, reads back, plans again, and goes on until there is no new step.
///
/// A step that was attempted is not attempted again, whatever the read shows. There are three kinds
/// of step, so three rounds at most.
pub(crate) async fn execute(
    command: &Command,
    plan_of_all: Plan,
    mut snapshot: Snapshot,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Execution {
    // Every target keeps its first plan: later plans may only finish it, never extend it.
    let mut runs: Vec<TargetRun> = plan_of_all
        .targets
        .into_iter()
        .map(TargetRun::new)
        .collect();

    // From now on a target is the server that it turned out to be, even if one is renamed.
    let bound = command.clone().bound_to(runs.iter().map(TargetRun::id));
    defer_beyond_deadline(&mut runs, context);

    loop {
        let round = take_next_steps(&runs, context).await;
        // No target has a step left that is new.
        if round.iter().all(Option::is_none) {
            break;
        }

        // What AWS accepted is not done until a read shows it.
        let unread = read_back(&runs, &round, &mut snapshot, context, calls).await;
        let replanned = plan(&bound, &snapshot, context.policy);

        // Only targets that took a step in this round have something to record.
        for ((run, taken), last) in runs.iter_mut().zip(round).zip(replanned.targets) {
            let Some(taken) = taken else {
                continue;
            };

            let attempt = Attempt {
                step: taken.step,
                made: Some(taken.made),
                unread: unread.clone().filter(|_| !taken.confirmed),
            };
            run.record(attempt, last);
        }
    }

    Execution::of(runs, snapshot)
}

/// Leaves those targets for which there would not be time before the deadline, with every call at
/// its slowest; they are not started.
fn defer_beyond_deadline(runs: &mut [TargetRun], context: &Context<'_>) {
    let rounds = runs.iter().map(|run| run.first.steps().len()).max();
    let rounds = rounds.unwrap_or_default();

    // A round is one call for every eight targets, and one to read them all back.
    let calls_per_round = context
        .invocation
        .calls_left()
        .checked_div(rounds)
        .unwrap_or_default();
    let in_time = calls_per_round
        .saturating_sub(1)
        .saturating_mul(CONCURRENT_CALLS);

    // An attempt without a call is what the report calls out of time.
    let acting = runs.iter_mut().filter(|run| !run.first.steps().is_empty());
    for run in acting.skip(in_time) {
        if let Some(step) = run.first.steps().first().cloned() {
            run.attempts.push(Attempt {
                step,
                made: None,
                unread: None,
            });
        }
    }
}

/// Takes the next step of every target that has one; `None` for the others.
async fn take_next_steps(runs: &[TargetRun], context: &Context<'_>) -> Vec<Option<Taken>> {
    // Targets do not depend on each other, so their calls are made side by side.
    let steps = runs.iter().map(async |run| match run.next_step() {
        Some((step, server)) => Some(take(step, server, run.consumes_next(), context).await),
        None => None,
    });

    stream::iter(steps)
        .buffered(CONCURRENT_CALLS)
        .collect()
        .await
}

/// Makes the one call that a step is.
async fn take(step: &Step, server: &Server, consumes_next: bool, context: &Context<'_>) -> Taken {
    let record = CallRecord::default();

    let result = match step {
        Step::Disconnect => context
            .drs
            .disconnect(&server.id, &record)
            .await
            .map(|response| response.confirms(server)),
        Step::ConsumeApproval { arn, tag } => context
            .drs
            .remove_tag(arn, tag, &record)
            .await
            .map(|()| false),
        Step::Delete => context
            .drs
            .delete(&server.id, &record)
            .await
            .map(|()| false),
    };

    Taken {
        step: step.clone(),
        // Deleting a record needs more than the answer to a disconnect.
        confirmed: consumes_next && result == Ok(true),
        made: Made {
            calls: record.into_calls(),
            result: result.map(drop),
        },
    }
}

/// Reads the servers of this round again, and updates the snapshot.
///
/// A disconnect that AWS's own answer confirms is entered into the snapshot without a read; the
/// read after its approval is removed covers both.
async fn read_back(
    runs: &[TargetRun],
    round: &[Option<Taken>],
    snapshot: &mut Snapshot,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Option<Unobserved> {
    // Servers whose state the answers show are not read again before their last step.
    let mut confirmed = Vec::new();
    let mut unconfirmed = Vec::new();
    for (run, taken) in runs.iter().zip(round) {
        match (run.id(), taken) {
            (Some(id), Some(taken)) if taken.confirmed => confirmed.push(id.clone()),
            (Some(id), Some(_)) => unconfirmed.push(id.clone()),
            _ => {}
        }
    }

    snapshot.mark_disconnected(&confirmed);
    if unconfirmed.is_empty() {
        return None;
    }

    // By ID: the narrowest read, and the one that a rename cannot mislead.
    let filter = ServerFilter::Ids(unconfirmed.clone());
    let read = context.drs.source_servers(&filter, Some, calls);
    match context.invocation.observe(read).await {
        Ok(listed) => {
            snapshot.replace(&unconfirmed, listed.map(|listed| listed.servers));
            None
        }
        Err(unobserved) => Some(unobserved),
    }
}

impl Execution {
    /// A plan that is not executed.
    pub(crate) fn none(plan: Plan, snapshot: Snapshot) -> Self {
        let runs = plan.targets.into_iter().map(TargetRun::new);

        Self::of(runs.collect(), snapshot)
    }

    /// What became of the targets, with what the first read showed.
    fn of(runs: Vec<TargetRun>, snapshot: Snapshot) -> Self {
        Self {
            runs,
            recovery_points: snapshot.recovery_points,
            leftovers: snapshot.leftovers,
            silent_seconds: snapshot.silent_seconds,
        }
    }
}

impl TargetRun {
    /// A target that was planned and of which no step was taken.
    #[must_use]
    pub fn new(plan: TargetPlan) -> Self {
        Self {
            last: plan.clone(),
            first: plan,
            attempts: Vec::new(),
        }
    }

    /// The step that comes next, and the server: a step that was planned at first, was not
    /// attempted yet, and follows on what could be read.
    #[must_use]
    pub fn next_step(&self) -> Option<(&Step, &Server)> {
        let step = self.last.steps().first()?;
        let server = self.last.server.as_ref()?;

        // A step that only a later plan asks for waits for a new delivery, and a new approval.
        let planned = self.first.steps().contains(step);
        let attempted = self.attempts.iter().any(|attempt| attempt.step == *step);
        let unread = self.attempts.iter().any(|attempt| attempt.unread.is_some());

        (planned && !attempted && !unread).then_some((step, server))
    }

    /// Adds an attempt, and the plan after the read that followed it.
    fn record(&mut self, attempt: Attempt, last: TargetPlan) {
        if attempt.unread.is_none() {
            self.last = last;
        }
        self.attempts.push(attempt);
    }

    /// Whether the approval is to be removed after the next step.
    fn consumes_next(&self) -> bool {
        matches!(self.last.steps(), [_, Step::ConsumeApproval { .. }, ..])
    }

    /// For how many seconds DRS had not seen the agent of the server at the first read.
    #[must_use]
    pub fn silent_seconds(&self, execution: &Execution) -> Option<u64> {
        execution.silent_seconds.get(self.id()?).copied()
    }

    fn id(&self) -> Option<&SourceServerId> {
        Some(&self.first.server.as_ref()?.id)
    }

    /// Whether the last attempt made a call, and was followed by a read that succeeded.
    #[must_use]
    pub fn was_read_back(&self) -> bool {
        match self.attempts.last() {
            // Without a call there was no read after it.
            Some(attempt) => attempt.made.is_some() && attempt.unread.is_none(),
            None => false,
        }
    }

    /// Whether this run ended the replication: it called the disconnect, and the last read shows
    /// the result.
    #[must_use]
    pub fn ended_replication(&self) -> bool {
        let called = self
            .attempts
            .iter()
            .any(|attempt| attempt.step == Step::Disconnect && attempt.made.is_some());
        let state = self.last.server.as_ref().map(|server| &server.state);

        called && self.was_read_back() && state == Some(&State::Disconnected)
    }
}

#[cfg(test)]
mod tests {
    use shared::FaultKind;

    use super::*;
    use crate::{
        fixtures::{attempt, consume, server, tried, unread},
        plan::Verdict,
    };

    fn planned(steps: Vec<Step>) -> TargetPlan {
        TargetPlan {
            server: Some(server(1)),
            verdict: Verdict::Act(steps),
        }
    }

    fn next(first: &TargetPlan, attempts: Vec<Attempt>, last: &TargetPlan) -> Option<Step> {
        let run = TargetRun {
            first: first.clone(),
            attempts,
            last: last.clone(),
        };
        run.next_step().map(|(step, _)| step.clone())
    }

    #[test]
    fn only_a_step_of_the_first_plan_is_taken_and_none_twice() {
        let both = planned(vec![Step::Disconnect, consume(1)]);
        let rest = planned(vec![consume(1)]);

        assert_eq!(next(&both, vec![], &both), Some(Step::Disconnect));
        assert_eq!(next(&both, vec![tried(Ok(()))], &rest), Some(consume(1)));
        assert_eq!(next(&both, vec![tried(Ok(()))], &both), None);

        // Somebody restored the server after the first read: what is planned anew waits for a new
        // delivery.
        let untagged = attempt(consume(1), Err(FaultKind::Throttled));
        assert_eq!(next(&rest, vec![untagged], &both), None);
    }

    #[test]
    fn nothing_follows_on_what_could_not_be_read() {
        let both = planned(vec![Step::Disconnect, consume(1)]);
        let rest = planned(vec![consume(1)]);

        assert_eq!(next(&both, vec![unread(tried(Ok(())))], &rest), None);
    }
}
