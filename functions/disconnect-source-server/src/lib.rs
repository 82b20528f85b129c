//! Retires AWS Elastic Disaster Recovery source servers from an event.
//!
//! `parse -> observe -> plan -> execute -> report`: [`command`] reads what is asked for, [`drs`] looks at AWS and makes
//! [`snapshot`]s, [`plan`](mod@plan) decides, [`drs`] acts, and [`report`] says what became of it; [`policy`] is what
//! the deployment allows. An event is a hint to look, never an authority, and AWS is the only memory: when the world
//! is as it was asked to be, the plan is empty, so duplicates and resumed runs need no code of their own.

pub mod command;
pub mod drs;
pub mod plan;
pub mod policy;
pub mod reason;
pub mod report;
pub mod snapshot;

use futures_util::{StreamExt, stream};
use shared::{Answer, Call, Desk, Failure, Invocation, Message, Mode, Report};

pub use crate::{command::Command, drs::Drs, plan::plan, policy::Policy};
use crate::{
    plan::{Plan, Step},
    report::{Attempt, Course},
    snapshot::{Snapshot, State},
};

/// What every request of an invocation is worked on with.
#[derive(Clone, Copy)]
struct Work<'a> {
    invocation: Invocation,
    drs: &'a Drs,
    policy: &'a Policy,
}

/// Answers one invocation.
///
/// # Errors
///
/// A [`Failure`] with all reports when Lambda is to deliver the event again or the deployment is to be repaired.
pub async fn handle(payload: &str, invocation: Invocation, drs: &Drs, policy: &Policy) -> Result<Answer, Failure> {
    let work = Work { invocation, drs, policy };
    let desk = Desk { mode: policy.mode, invocation, calls_of_a_look: drs::CALLS_OF_A_LOOK };
    let carry_out = async |message: Message| Ok(work.carry_out(Command::parse(&message, invocation.now)?).await);
    desk.answer(payload, carry_out).await
}

impl Work<'_> {
    async fn carry_out(self, command: Command) -> Report {
        let mut calls = Vec::new();
        let mut snapshot = match drs::observe(self.drs, &command, self.policy, &mut calls).await {
            Ok(snapshot) => snapshot,
            Err(fault) => return report::blind(&command, self.policy, &fault, calls),
        };
        let plan = plan(&command, &snapshot, self.policy);
        let mode = plan::mode(&command, self.policy);
        let courses = match mode {
            Mode::Plan => plan.targets.into_iter().map(Course::begin).collect(),
            Mode::Enforce => self.execute(&command, plan, &mut snapshot, &mut calls).await,
        };
        report::report(&command, &courses, &snapshot, self.policy, mode, calls)
    }

    /// Takes one step of every target, looks, plans again from what is seen, and goes on until there is no new step.
    ///
    /// A step that was tried is not tried again, whatever the look says: there are three kinds, so three rounds at most.
    /// Where AWS's own answer shows what the next step waits for, the look waits for that step.
    async fn execute(
        self,
        command: &Command,
        plan: Plan,
        snapshot: &mut Snapshot,
        calls: &mut Vec<Call>,
    ) -> Vec<Course> {
        let ids: Vec<_> = plan.targets.iter().map(|target| Some(target.server.as_ref()?.id.clone())).collect();
        let bound = command.clone().bound_to(&ids);
        let mut courses = self.begin(plan);
        loop {
            let attempts = self.take_steps(&courses).await;
            if attempts.is_empty() {
                return courses;
            }
            let of = |shown: bool| {
                let attempts = attempts.iter().filter(move |attempt| attempt.2 == shown);
                attempts.filter_map(|(at, ..)| ids.get(*at)?.clone()).collect::<Vec<_>>()
            };
            snapshot.show_disconnected(&of(true));
            let unread = drs::read_back(self.drs, &of(false), snapshot, calls).await.err();
            let targets = crate::plan(&bound, snapshot, self.policy).targets;
            for (at, attempt, shown) in attempts {
                if let (Some(course), Some(last)) = (courses.get_mut(at), targets.get(at)) {
                    course.go_on(Attempt { unread: unread.clone().filter(|_| !shown), ..attempt }, last);
                }
            }
        }
    }

    /// Begins as many targets as can be seen through before the deadline, every call at its slowest; the others are
    /// not begun.
    fn begin(self, plan: Plan) -> Vec<Course> {
        let mut courses: Vec<Course> = plan.targets.into_iter().map(Course::begin).collect();
        let rounds = courses.iter().map(|course| course.first.steps().len()).max().unwrap_or_default();
        // A round is one call for every eight targets, and one to read them all back.
        let waves = self.invocation.calls_left().checked_div(rounds).unwrap_or_default().saturating_sub(1);
        let acting = courses.iter_mut().filter(|course| !course.first.steps().is_empty());
        for course in acting.skip(waves.saturating_mul(drs::CALLS_AT_ONCE)) {
            let step = course.first.steps().first().copied();
            course.attempts.extend(step.map(|step| Attempt { step, made: None, unread: None }));
        }
        courses
    }

    /// The targets of which a step was taken, and whether AWS's answer shows a server disconnected whose course goes on.
    ///
    /// Such an answer is enough to use up an approval. It is not enough to delete a record, or to say that it is done.
    async fn take_steps(self, courses: &[Course]) -> Vec<(usize, Attempt, bool)> {
        let steps = courses.iter().enumerate().filter_map(|(at, course)| {
            let (step, server) = course.next()?;
            let consumes_next = course.last.steps().get(1) == Some(&Step::ConsumeApproval);
            Some(async move {
                let (call, told) = drs::execute(self.drs, step, server, self.policy.approval_tag()).await;
                let shown = consumes_next && matches!(told, Ok(Some(State::Disconnected)));
                (at, Attempt { step, made: Some((call, told.map(drop))), unread: None }, shown)
            })
        });
        stream::iter(steps.collect::<Vec<_>>()).buffered(drs::CALLS_AT_ONCE).collect().await
    }
}
