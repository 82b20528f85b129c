//! Retires AWS Elastic Disaster Recovery source servers from an event.
//!
//! `parse -> observe -> plan -> execute -> report`: [`command`] reads what is asked for, [`drs`]
//! looks at AWS and makes [`snapshot`]s, [`plan`](mod@plan) decides, [`drs`] acts, and [`report`]
//! says what became of it; [`policy`] is what the deployment allows. An event is a hint to look,
//! never an authority, and AWS is the only memory: when the world is as it was asked to be, the
//! plan is empty, so duplicates and resumed runs need no code of their own.

pub mod command;
pub mod drs;
pub mod plan;
pub mod policy;
pub mod reason;
pub mod report;
pub mod snapshot;

use futures_util::{StreamExt, stream};
use shared::{
    Answer, Call, Dispatcher, Failure, Fault, FaultKind, Invocation, Message, Mode, Report,
};

pub use crate::{command::Command, drs::Drs, plan::plan, policy::Policy};
use crate::{
    plan::Plan,
    report::{Attempt, Course},
    snapshot::Snapshot,
};

/// What every request of an invocation is worked on with.
#[derive(Clone, Copy)]
struct Work<'a> {
    invocation: Invocation,
    drs: &'a Drs,
    policy: &'a Policy,
}

/// A step that was taken of a target.
struct Taken {
    /// Which target.
    at: usize,
    attempt: Attempt,
    /// Whether AWS's answer tells that the server is disconnected, and its approval is what comes
    /// next. It is enough to use that up; it is not enough to delete a record, or to say that
    /// something is done.
    told: bool,
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
    drs: &Drs,
    policy: &Policy,
) -> Result<Answer, Failure> {
    let work = Work {
        invocation,
        drs,
        policy,
    };
    let desk = Dispatcher {
        mode: policy.mode,
        invocation,
        calls_per_observation: drs::CALLS_PER_OBSERVATION,
    };
    let carry_out = async |message: Message| {
        Ok(work
            .carry_out(Command::parse(&message, invocation.now)?)
            .await)
    };
    desk.answer(payload, carry_out).await
}

impl Work<'_> {
    async fn carry_out(self, command: Command) -> Report {
        let mut calls = Vec::new();
        let look = drs::observe(self.drs, &command, self.policy, self.invocation, &mut calls);
        let mut snapshot = match self.invocation.in_time(look).await {
            Some(Ok(snapshot)) => snapshot,
            Some(Err(fault)) => return report::blind(&command, self.policy, Some(&fault), calls),
            None => return report::blind(&command, self.policy, None, calls),
        };
        let plan = plan(&command, &snapshot, self.policy);
        let mode = plan::mode(&command, self.policy);
        let courses = match mode {
            Mode::Plan => plan.targets.into_iter().map(Course::begin).collect(),
            Mode::Enforce => {
                self.execute(&command, plan, &mut snapshot, &mut calls)
                    .await
            }
        };
        report::report(&command, &courses, &snapshot, self.policy, mode, calls)
    }

    /// Takes one step of every target, looks, plans again from what is seen, and goes on until
    /// there is no new step.
    ///
    /// A step that was tried is not tried again, whatever the look says: there are three kinds, so
    /// three rounds at most. Where AWS's own answer tells what the next step waits for, the look
    /// waits for that step.
    async fn execute(
        self,
        command: &Command,
        plan: Plan,
        snapshot: &mut Snapshot,
        calls: &mut Vec<Call>,
    ) -> Vec<Course> {
        let ids: Vec<_> = plan
            .targets
            .iter()
            .map(|target| Some(target.server.as_ref()?.id.clone()))
            .collect();
        let bound = command.clone().bound_to(&ids);
        let mut courses = self.begin(plan);
        loop {
            let taken = self.take_steps(&courses).await;
            if taken.is_empty() {
                return courses;
            }
            let (told, untold): (Vec<&Taken>, Vec<&Taken>) =
                taken.iter().partition(|taken| taken.told);
            let servers = |of: Vec<&Taken>| -> Vec<_> {
                of.iter().filter_map(|of| ids.get(of.at)?.clone()).collect()
            };
            snapshot.mark_disconnected(&servers(told));
            let look = self
                .invocation
                .in_time(drs::read_back(self.drs, &servers(untold), snapshot, calls))
                .await;
            let unread = look
                .unwrap_or_else(|| Err(Fault::of(FaultKind::Timeout)))
                .err();
            let targets = crate::plan(&bound, snapshot, self.policy).targets;
            for Taken { at, attempt, told } in taken {
                let unread = if told { None } else { unread.clone() };
                if let (Some(course), Some(last)) = (courses.get_mut(at), targets.get(at)) {
                    course.go_on(Attempt { unread, ..attempt }, last);
                }
            }
        }
    }

    /// Begins as many targets as can be seen through before the deadline, every call at its
    /// slowest; the others are not begun.
    fn begin(self, plan: Plan) -> Vec<Course> {
        let mut courses: Vec<Course> = plan.targets.into_iter().map(Course::begin).collect();
        let rounds = courses
            .iter()
            .map(|course| course.first.steps().len())
            .max()
            .unwrap_or_default();
        // A round is one call for every eight targets, and one to read them all back.
        let waves = self
            .invocation
            .calls_left()
            .checked_div(rounds)
            .unwrap_or_default()
            .saturating_sub(1);
        let acting = courses
            .iter_mut()
            .filter(|course| !course.first.steps().is_empty());
        for course in acting.skip(waves.saturating_mul(drs::CALLS_AT_ONCE)) {
            let step = course.first.steps().first().copied();
            course.attempts.extend(step.map(|step| Attempt {
                step,
                made: None,
                unread: None,
            }));
        }
        courses
    }

    async fn take_steps(self, courses: &[Course]) -> Vec<Taken> {
        let steps = courses.iter().enumerate().filter_map(|(at, course)| {
            let (step, server) = course.next()?;
            Some(async move {
                let (call, result) =
                    drs::execute(self.drs, step, server, self.policy.approval_tag()).await;
                let told = course.consumes_next() && result == Ok(true);
                Taken {
                    at,
                    attempt: Attempt {
                        step,
                        made: Some((call, result.map(drop))),
                        unread: None,
                    },
                    told,
                }
            })
        });
        stream::iter(steps.collect::<Vec<_>>())
            .buffered(drs::CALLS_AT_ONCE)
            .collect()
            .await
    }
}
