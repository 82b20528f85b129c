//! `execute`: takes the steps of a plan, reads back what they did, and plans again from that.
//!
//! A step is one SDK call. Which steps come next is what the plan that is made from the last read
//! says.

use shared::{
    CallRecord,
    efs::{FileSystemId, ReplicationStatus},
    settle::Made,
};

use crate::{
    command::{Backup, Command, Target},
    context::{Context, for_each_target},
    destination::asked,
    observe::{calls_per_observation, observe_target},
    plan::{Plan, Resource, Step, Verdict, plan_target},
    snapshot::{Incomplete, MissingPoints, Observation, Snapshot, View},
};

/// What became of a plan: one run for each target, in the order of the request.
#[derive(Debug)]
pub struct Execution {
    /// One for each target.
    pub runs: Vec<TargetRun>,
}

/// Everything about one target, from the first read to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRun {
    /// The plan after the first read, without the tags of access points.
    pub first: Verdict,
    /// The steps that were attempted, in order.
    pub attempts: Vec<Attempt>,
    /// The plan after the last read.
    pub last: Verdict,
    /// The status of the replication at the first read.
    pub status_before: Option<ReplicationStatus>,
    /// The access points that the replica lacked at the first read.
    pub missing_before: MissingPoints,
    /// How many it lacked at the last read.
    pub missing_access_points: usize,
    /// What the last read that came to its end showed.
    pub view: View,
    /// Why the target could not be read back, if it could not.
    pub unread: Option<Incomplete>,
}

/// One step that was taken, or for which there was no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The step, without the tags of an access point.
    pub step: Step,
    /// What the call came to; `None` if there was no time to make it.
    pub made: Option<Made>,
}

/// Takes the steps of every target, each by itself.
pub(crate) async fn execute(
    command: &Command,
    plan: Plan,
    snapshot: Snapshot,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Execution {
    // Each run starts as in a dry run, and goes on from there.
    let inputs = Execution::none(plan, snapshot).runs;
    let runs = for_each_target(command, inputs, calls, async |target, run, record| {
        run_target(command, target, run, context, record).await
    });

    Execution { runs: runs.await }
}

/// Takes the steps of a target, reads back, plans again, and goes on while there are new steps.
async fn run_target(
    command: &Command,
    target: &Target,
    mut run: TargetRun,
    context: &Context<'_>,
    calls: &CallRecord,
) -> TargetRun {
    // The other targets may have taken their time, and a key may have been turned back.
    if run.overwrites() {
        run = recheck(command, target, context, calls).await;
    }

    // Each round takes steps that were not attempted before, and there are only so many.
    loop {
        let attempts = take_next_steps(target, &run, context).await;
        let is_changed = attempts.iter().any(|attempt| attempt.made.is_some());
        // What was attempted is recorded before the read, so that no read can undo it.
        run.attempts.extend(attempts);
        if !is_changed {
            return run;
        }

        // What AWS accepted is not done until a read shows it.
        match observe_target(command, target, context, calls).await {
            Observation::Complete(view) => {
                let last = plan_target(command, target, &view, context.policy);
                run.replan(last, view);
            }
            Observation::Incomplete(incomplete) => run.unread = Some(incomplete),
        }
    }
}

/// Reads a target again right before an overwrite.
async fn recheck(
    command: &Command,
    target: &Target,
    context: &Context<'_>,
    calls: &CallRecord,
) -> TargetRun {
    let observation = observe_target(command, target, context, calls).await;
    let verdict = match &observation {
        Observation::Complete(view) => plan_target(command, target, view, context.policy),
        Observation::Incomplete(incomplete) => Verdict::Unobserved(incomplete.why.clone()),
    };

    TargetRun::new(verdict, observation)
}

/// Takes the next steps of a target in their order, as long as there is time for a read after them.
/// None depends on another of the round, so one that fails does not stop the rest.
async fn take_next_steps(target: &Target, run: &TargetRun, context: &Context<'_>) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let source = run.view.source.as_ref();
    let asked = source.and_then(|source| asked(target, source, context.policy).ok());
    let calls_to_read = calls_per_observation(&asked.unwrap_or_default());

    for step in run.next_steps() {
        // A step without time for a read after it would leave doubt for nothing.
        let has_time = context.invocation.calls_left() > calls_to_read;
        let made = match has_time {
            true => Some(Box::pin(take(step, &target.source.id, context)).await),
            false => None,
        };

        attempts.push(Attempt {
            step: step.without_tags(),
            made,
        });
        if !has_time {
            break;
        }
    }

    attempts
}

/// Makes the one call that a step is, in the Region where it belongs.
async fn take(step: &Step, source: &FileSystemId, context: &Context<'_>) -> Made {
    let record = CallRecord::default();

    let result = match step {
        // A replication is created in the Region of its source.
        Step::Replicate(destination) => {
            let home = context.efs.home();
            home.create_replication(source, destination, &record).await
        }
        Step::Provision { replica, resource } => {
            // Everything else belongs to the replica, and to its Region.
            let efs = context.efs.in_region(&replica.region);
            let id = &replica.id;
            match resource {
                Resource::MountTarget(subnet, groups) => {
                    efs.create_mount_target(id, subnet, groups, &record).await
                }
                Resource::AccessPoint(point) => efs.create_access_point(id, point, &record).await,
                Resource::Lifecycle(transitions) => {
                    efs.put_lifecycle(id, transitions, &record).await
                }
                Resource::Backup(backup) => {
                    let is_on = *backup == Backup::Enabled;
                    efs.put_backup(id, is_on, &record).await
                }
                Resource::Policy(document) => efs.put_policy(id, document, &record).await,
                Resource::Tags(tags) => efs.tag(id, tags, &record).await,
            }
        }
    };

    Made {
        calls: record.into_calls(),
        result,
    }
}

impl Execution {
    /// A plan that is not executed.
    pub(crate) fn none(plan: Plan, snapshot: Snapshot) -> Self {
        let planned = plan.targets.into_iter().zip(snapshot.targets);

        Self {
            runs: planned
                .map(|(verdict, observation)| TargetRun::new(verdict, observation))
                .collect(),
        }
    }
}

impl TargetRun {
    /// A target that was observed and planned, and of which no step was taken.
    #[must_use]
    pub fn new(verdict: Verdict, observation: Observation) -> Self {
        let view = match observation {
            Observation::Complete(view) => view,
            Observation::Incomplete(incomplete) => incomplete.view,
        };
        let replication = view.replication.as_ref();

        Self {
            first: verdict.without_tags(),
            attempts: Vec::new(),
            last: verdict,
            status_before: replication.map(|replication| replication.status),
            missing_before: view.missing_access_points(),
            missing_access_points: view.missing_access_points().count,
            view: view.without_resources(),
            unread: None,
        }
    }

    /// Takes over the plan after another read.
    fn replan(&mut self, last: Verdict, view: View) {
        self.last = last;
        self.missing_access_points = view.missing_access_points().count;
        self.view = view.without_resources();
    }

    /// The steps that come next: those that were not attempted yet. A replication is created only
    /// if the first plan said so.
    #[must_use]
    pub fn next_steps(&self) -> Vec<&Step> {
        if self.unread.is_some() {
            return Vec::new();
        }

        let is_attempted = |step: &Step| {
            let mut attempts = self.attempts.iter();
            attempts.any(|attempt| attempt.step.is_same_change(step))
        };
        // Resources that a later read finds missing may be created; a replication may not.
        let is_allowed = |step: &Step| match step {
            Step::Replicate(_) => self.first.steps().contains(step),
            Step::Provision { .. } => true,
        };
        self.last
            .steps()
            .iter()
            .filter(|step| is_allowed(step) && !is_attempted(step))
            .collect()
    }

    /// The steps of the last plan that are still to be taken. A read that failed shows nothing of
    /// what AWS accepted before it, which is not to be done twice.
    pub fn open_steps(&self) -> impl Iterator<Item = &Step> {
        let is_accepted = |step: &Step| {
            let mut attempts = self.attempts.iter();
            attempts.any(|attempt| attempt.succeeded() && attempt.step.is_same_change(step))
        };

        let steps = self.last.steps().iter();
        steps.filter(move |step| self.unread.is_none() || !is_accepted(step))
    }

    /// Whether a step of the first plan destroys what an existing file system holds.
    #[must_use]
    pub fn overwrites(&self) -> bool {
        let mut steps = self.first.steps().iter();

        steps.any(|step| match step {
            Step::Replicate(destination) => destination.file_system.is_some(),
            Step::Provision { .. } => false,
        })
    }

    /// The attempt that matters most: the first that failed at something which is still to be done,
    /// or else the last.
    #[must_use]
    pub fn decisive_attempt(&self) -> Option<&Attempt> {
        let is_open = |attempt: &&Attempt| {
            let mut steps = self.last.steps().iter();
            self.unread.is_none() && steps.any(|step| attempt.step.is_same_change(step))
        };
        // What failed, and is no longer to be done, needs nobody's attention.
        let mut failed = self.attempts.iter().filter(|attempt| attempt.failed());

        failed.find(is_open).or_else(|| self.attempts.last())
    }
}

impl Attempt {
    /// Whether the call was made and AWS did not accept it.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.made.as_ref().is_some_and(|made| made.result.is_err())
    }

    /// Whether the call was made and AWS accepted it.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.made.as_ref().is_some_and(|made| made.result.is_ok())
    }
}
