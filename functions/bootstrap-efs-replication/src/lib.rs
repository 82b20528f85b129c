//! Bootstraps Amazon EFS replication from an event, until the replica can be used.
//!
//! `parse -> observe -> plan -> execute -> report`: [`command`] reads what is asked for, [`efs`]
//! looks at both sides and makes [`snapshot`]s, [`plan`](mod@plan) decides, [`efs`] acts, and
//! [`report`] says what became of it; [`policy`] is what the deployment allows, and [`document`]
//! translates file system policies. A function never waits for EFS: what takes its time is
//! `pending`, and the same event, sent again, goes on from what it sees.

pub mod command;
pub mod document;
pub mod efs;
pub mod plan;
pub mod policy;
pub mod reason;
pub mod report;
pub mod snapshot;

use std::collections::BTreeMap;

use futures_util::{StreamExt, future::join_all, stream};
use shared::{Answer, Call, Dispatcher, Failure, Invocation, Message, Mode, Report};

pub use crate::{command::Command, efs::Regions, plan::plan, policy::Policy};
use crate::{
    command::Target,
    plan::Verdict,
    report::{Attempt, Course},
    snapshot::View,
};

/// How many targets are worked on at once whose replicas are in one Region.
const TARGETS_AT_ONCE: usize = 4;

/// What every request of an invocation is worked on with.
#[derive(Clone, Copy)]
struct Work<'a> {
    invocation: Invocation,
    efs: &'a Regions,
    policy: &'a Policy,
}

/// Answers one invocation.
///
/// # Errors
///
/// A [`Failure`] with all reports when Lambda is to deliver the event again or the deployment is to
/// be repaired.
pub async fn handle(
    payload: &str,
    invocation: Invocation,
    efs: &Regions,
    policy: &Policy,
) -> Result<Answer, Failure> {
    let work = Work {
        invocation,
        efs,
        policy,
    };
    let desk = Dispatcher {
        mode: policy.mode,
        invocation,
        calls_per_observation: efs::CALLS_PER_OBSERVATION,
    };
    // Boxed, since a future that holds those of fifteen kinds of calls is large and deep.
    let carry_out = async |message: Message| {
        Ok(Box::pin(work.carry_out(Command::parse(&message, invocation.now)?)).await)
    };
    desk.dispatch(payload, carry_out).await
}

impl Work<'_> {
    async fn carry_out(self, command: Command) -> Report {
        let mut calls = Vec::new();
        let courses = self.observe(&command, &mut calls).await;
        let mode = plan::mode(&command, self.policy);
        let courses = match mode {
            Mode::Plan => courses,
            Mode::Enforce => self.execute(&command, courses, &mut calls).await,
        };
        report::report(&command, &courses, mode, self.invocation.now, calls)
    }

    /// Looks at every target and plans; one that cannot be looked at does not hide the others. A
    /// plan is made right after its look, so that the parts of few file systems are in memory at
    /// once.
    async fn observe(self, command: &Command, calls: &mut Vec<Call>) -> Vec<Course> {
        let looks = command
            .targets
            .iter()
            .enumerate()
            .map(async |(at, target)| {
                let mut made = Vec::new();
                let course =
                    match efs::view(self.efs, command, target, self.invocation, &mut made).await {
                        Ok(view) => Course::begin(
                            plan(command, at, target, &view, self.policy),
                            view.without_parts(),
                        ),
                        Err(unread) => Course::blind(*unread),
                    };
                (course, made)
            });
        side_by_side(command, looks.collect(), calls).await
    }

    async fn execute(
        self,
        command: &Command,
        courses: Vec<Course>,
        calls: &mut Vec<Call>,
    ) -> Vec<Course> {
        let courses = command
            .targets
            .iter()
            .zip(courses)
            .map(|(target, course)| self.see_through(command, target, course));
        side_by_side(command, courses.collect(), calls).await
    }

    /// Takes the steps of a target, looks, plans again from what is seen, and goes on while there
    /// are new steps.
    async fn see_through(
        self,
        command: &Command,
        target: &Target,
        mut course: Course,
    ) -> (Course, Vec<Call>) {
        let mut calls = Vec::new();
        if course.overwrites() {
            course = self.look_once_more(command, target, &mut calls).await;
        }
        // Each round takes steps that were not tried before, and there are only so many.
        loop {
            let attempts = self.take_steps(target, &course).await;
            let acted = attempts.iter().any(|attempt| attempt.made.is_some());
            course.attempts.extend(attempts);
            if !acted {
                break;
            }
            match efs::view(self.efs, command, target, self.invocation, &mut calls).await {
                Ok(view) => {
                    (course.last, course.view) = (
                        self.plan_again(command, target, &view),
                        view.without_parts(),
                    );
                }
                Err(unread) => course.unread = Some(*unread),
            }
        }
        (course, calls)
    }

    /// Looks again right before an overwrite: the others may have taken their time, and a key may
    /// have been turned back.
    async fn look_once_more(
        self,
        command: &Command,
        target: &Target,
        calls: &mut Vec<Call>,
    ) -> Course {
        match efs::view(self.efs, command, target, self.invocation, calls).await {
            Ok(view) => Course::begin(
                self.plan_again(command, target, &view),
                view.without_parts(),
            ),
            Err(unread) => Course::blind(*unread),
        }
    }

    /// Takes the next steps of a target in their order, as long as there is time. None depends on
    /// another of the round, so one that fails does not stop the rest.
    async fn take_steps(self, target: &Target, course: &Course) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for step in course.next() {
            if self.invocation.calls_left() <= efs::calls_per_observation(target) {
                attempts.push(Attempt { step, made: None });
                break;
            }
            let made = Box::pin(efs::execute(self.efs, &step, target, &course.view)).await;
            attempts.push(Attempt::made(step, made));
        }
        attempts
    }

    fn plan_again(self, command: &Command, target: &Target, view: &View) -> Verdict {
        plan::plan_target(command, target, view, self.policy)
    }
}

/// Works on the targets of each Region beside those of every other one, so that a Region that hangs
/// costs its own targets alone. Answers in the order of the request.
async fn side_by_side<T>(
    command: &Command,
    work: Vec<impl Future<Output = (T, Vec<Call>)>>,
    calls: &mut Vec<Call>,
) -> Vec<T> {
    let mut regions: BTreeMap<Option<&str>, Vec<_>> = BTreeMap::new();
    for (at, (target, work)) in command.targets.iter().zip(work).enumerate() {
        let region = target
            .destination
            .as_ref()
            .and_then(|destination| destination.region());
        regions
            .entry(region)
            .or_default()
            .push(async move { (at, work.await) });
    }
    let regions = regions.into_values().map(|work| {
        stream::iter(work)
            .buffered(TARGETS_AT_ONCE)
            .collect::<Vec<_>>()
    });
    let mut ended: Vec<_> = join_all(regions).await.into_iter().flatten().collect();
    ended.sort_by_key(|(at, _)| *at);
    let mut answers = Vec::new();
    for (_, (answer, made)) in ended {
        shared::api::merge(calls, made);
        answers.push(answer);
    }
    answers
}
