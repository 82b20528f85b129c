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

use aws_lambda_events::sqs::SqsBatchResponse;
use futures_util::{StreamExt, stream};
use lambda_runtime::tracing;
use shared::{
    Answer, Call, Failure, Inbound, Invocation, Message, Mode, Rejection, Report,
    envelope::{self, Delivery},
};

pub use crate::{command::Command, drs::Client, plan::plan, policy::Policy};
use crate::{
    plan::Plan,
    report::{Attempt, Course},
    snapshot::Snapshot,
};

/// What every request of an invocation is worked on with.
#[derive(Clone, Copy)]
struct Desk<'a> {
    invocation: Invocation,
    drs: &'a Client,
    policy: &'a Policy,
}

/// Answers one invocation.
///
/// # Errors
///
/// A [`Failure`] with all reports when Lambda is to deliver the event again or the deployment is to be repaired.
pub async fn handle(payload: &str, invocation: Invocation, drs: &Client, policy: &Policy) -> Result<Answer, Failure> {
    let desk = Desk { invocation, drs, policy };
    match envelope::open(payload) {
        Inbound::One(message) => Answer::one(desk.respond(message).await),
        Inbound::Sns(messages) => {
            let mut reports = Vec::new();
            for message in messages {
                reports.push(desk.respond(message).await);
            }
            Answer::many(reports)
        }
        Inbound::Sqs(deliveries) => desk.respond_to_batch(deliveries).await,
    }
}

impl Desk<'_> {
    async fn respond(self, message: Result<Message, Rejection>) -> Report {
        let report = match message.and_then(|message| Command::parse(&message, self.invocation.now)) {
            Ok(command) => self.carry_out(command).await,
            Err(rejection) => Report::rejected(&rejection, self.policy.mode),
        };
        log(&report);
        report
    }

    /// Asks for those records again that are not finished, or for which there is no time. A queue that keeps an order
    /// stops at the first.
    async fn respond_to_batch(self, deliveries: Vec<Delivery>) -> Result<Answer, Failure> {
        let (mut answer, mut reports, mut stopped) = (SqsBatchResponse::default(), Vec::new(), false);
        for delivery in deliveries {
            let has_time = reports.is_empty() || self.invocation.calls_left() >= drs::CALLS_OF_A_LOOK;
            if !stopped && has_time {
                let report = self.respond(delivery.message).await;
                let again = report.wants_redelivery();
                reports.push(report);
                if !again {
                    continue;
                }
            }
            stopped = stopped || delivery.fifo;
            match delivery.message_id.filter(|id| !id.is_empty()) {
                Some(id) => answer.add_failure(id),
                None => return Err(Failure::of_batch(reports)),
            }
        }
        Ok(Answer::Batch(answer))
    }

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
            let touched: Vec<_> = attempts.iter().filter_map(|(at, _)| ids.get(*at)?.clone()).collect();
            let unread = drs::read_back(self.drs, &touched, snapshot, calls).await.err();
            let targets = crate::plan(&bound, snapshot, self.policy).targets;
            for (at, attempt) in attempts {
                if let (Some(course), Some(last)) = (courses.get_mut(at), targets.get(at)) {
                    course.go_on(Attempt { unread: unread.clone(), ..attempt }, last);
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

    async fn take_steps(self, courses: &[Course]) -> Vec<(usize, Attempt)> {
        let steps = courses.iter().enumerate().filter_map(|(at, course)| {
            let (step, server) = course.next()?;
            Some(async move {
                let made = drs::execute(self.drs, step, server, self.policy.approval_tag()).await;
                (at, Attempt { step, made: Some(made), unread: None })
            })
        });
        stream::iter(steps.collect::<Vec<_>>()).buffered(drs::CALLS_AT_ONCE).collect().await
    }
}

/// The one wide line of a request. The report holds the names that the request gave and AWS's IDs, never AWS's names.
fn log(report: &Report) {
    let json = serde_json::to_string(report).unwrap_or_default();
    let request_id = report.request_id.as_deref().unwrap_or("-");
    match report.outcome.error_type() {
        None => tracing::info!(requestID = request_id, outcome = ?report.outcome, report = json, "{}", report.summary),
        Some(error_type) => {
            tracing::error!(requestID = request_id, error_type, outcome = ?report.outcome, report = json, "{}", report.summary);
        }
    }
}
