//! From what Lambda was given to what Lambda is answered: every message to its report, every report
//! to its place.

use aws_lambda_events::sqs::SqsBatchResponse;
use lambda_runtime::tracing;

use crate::{
    answer::{Answer, Failure},
    bounded::bounded,
    envelope::{self, Delivery, Inbound, Message},
    invocation::Invocation,
    outcome::Mode,
    rejection::Rejection,
    report::Report,
    variant::code,
};

/// Hands every message of an invocation to the function that processes it.
#[derive(Debug, Clone)]
pub struct Dispatcher {
    /// What the deployment allows; a rejected input is reported under it.
    pub mode: Mode,
    /// How much time there is.
    pub invocation: Invocation,
    /// How many calls an observation makes one after the other, at least. With less time than that,
    /// a record of a batch is left for the next delivery.
    pub calls_per_observation: usize,
}

impl Dispatcher {
    /// Answers one invocation; `process` reports on one message, or says why it is no request.
    ///
    /// # Errors
    ///
    /// A [`Failure`] with all reports when Lambda is to deliver the event again or the deployment
    /// is to be fixed.
    pub async fn dispatch(
        &self,
        payload: &str,
        process: impl AsyncFn(Message) -> Result<Report, Rejection>,
    ) -> Result<Answer, Failure> {
        // Every message that is processed ends in exactly one report.
        match envelope::open(payload) {
            Inbound::One(message) => Answer::one(self.report(message, &process).await),
            Inbound::Sns(messages) => {
                let mut reports = Vec::new();
                for message in messages {
                    reports.push(self.report(message, &process).await);
                }
                Answer::many(reports)
            }
            Inbound::Sqs(deliveries) => self.dispatch_batch(deliveries, &process).await,
        }
    }

    async fn report(
        &self,
        message: Result<Message, Rejection>,
        process: &impl AsyncFn(Message) -> Result<Report, Rejection>,
    ) -> Report {
        // An envelope that cannot be opened is rejected like a request that cannot be read.
        let processed = match message {
            Ok(message) => process(message).await,
            Err(rejection) => Err(rejection),
        };
        let report = processed.unwrap_or_else(|rejection| Report::rejected(&rejection, self.mode));

        let report = report.sanitized().processed_in(&self.invocation);
        let (report, json) = bounded(report);
        log(&report, json);
        report
    }

    /// Asks for those records again that are not finished, or for which there is no time. A queue
    /// that keeps an order stops at the first.
    async fn dispatch_batch(
        &self,
        deliveries: Vec<Delivery>,
        process: &impl AsyncFn(Message) -> Result<Report, Rejection>,
    ) -> Result<Answer, Failure> {
        let mut answer = SqsBatchResponse::default();
        let mut reports = Vec::new();
        let mut is_stopped = false;

        for delivery in deliveries {
            // The first record is always processed: it may be that there is never more time.
            let has_time =
                reports.is_empty() || self.invocation.calls_left() >= self.calls_per_observation;
            if !is_stopped && has_time {
                let report = self.report(delivery.message, process).await;
                let is_finished = !report.wants_redelivery();
                reports.push(report);
                if is_finished {
                    continue;
                }
            }

            // What follows in an ordered queue must not overtake what is asked for again.
            // A record that is left gets no report: it is delivered again.
            is_stopped = is_stopped || delivery.fifo;
            match delivery.message_id.filter(|id| !id.is_empty()) {
                Some(id) => answer.add_failure(id),
                // A record without an ID cannot be asked for again by itself.
                None => return Err(Failure::of_batch(reports)),
            }
        }

        Ok(Answer::Batch {
            failed: answer,
            credentials_expired: reports.iter().any(Report::met_expired_credentials),
        })
    }
}

/// The one wide line of a request. The report holds the names that the request gave and AWS's IDs,
/// never AWS's names.
fn log(report: &Report, json: String) {
    let request_id = report.request_id.as_deref().unwrap_or("-");
    let outcome = code(report.outcome);

    match report.outcome.error_type() {
        None => tracing::info!(
            requestID = request_id,
            outcome,
            report = json,
            "{}",
            report.summary
        ),
        Some(error_type) => tracing::error!(
            requestID = request_id,
            error_type,
            outcome,
            report = json,
            "{}",
            report.summary
        ),
    }
}
