//! From what Lambda was given to what Lambda is answered: every message to its report, every report
//! to its place.

use aws_lambda_events::sqs::SqsBatchResponse;
use lambda_runtime::tracing;

use crate::{
    answer::{Answer, Failure},
    envelope::{self, Delivery, Inbound, Message},
    invocation::Invocation,
    outcome::{Mode, code},
    rejection::Rejection,
    report::Report,
};

/// How the requests of a function are worked on.
#[derive(Debug, Clone, Copy)]
pub struct Dispatcher {
    /// What the deployment allows; a rejected input is reported under it.
    pub mode: Mode,
    /// How much time there is.
    pub invocation: Invocation,
    /// How many calls one after the other a look is at least: with less time than that, a record of
    /// a batch is left.
    pub calls_per_observation: usize,
}

impl Dispatcher {
    /// Answers one invocation; `process` answers one request, or says why a message is none.
    ///
    /// # Errors
    ///
    /// A [`Failure`] with all reports when Lambda is to deliver the event again or the deployment
    /// is to be repaired.
    pub async fn answer(
        self,
        payload: &str,
        process: impl AsyncFn(Message) -> Result<Report, Rejection>,
    ) -> Result<Answer, Failure> {
        match envelope::open(payload) {
            Inbound::One(message) => Answer::one(self.dispatch_message(message, &process).await),
            Inbound::Sns(messages) => {
                let mut reports = Vec::new();
                for message in messages {
                    reports.push(self.dispatch_message(message, &process).await);
                }
                Answer::many(reports)
            }
            Inbound::Sqs(deliveries) => self.answer_batch(deliveries, &process).await,
        }
    }

    async fn dispatch_message(
        self,
        message: Result<Message, Rejection>,
        process: &impl AsyncFn(Message) -> Result<Report, Rejection>,
    ) -> Report {
        let carried_out = match message {
            Ok(message) => process(message).await,
            Err(rejection) => Err(rejection),
        };
        let report = carried_out
            .unwrap_or_else(|rejection| Report::rejected(&rejection, self.mode))
            .sanitized();
        let (report, json) = report.bounded();
        log(&report, json);
        report
    }

    /// Asks for those records again that are not finished, or for which there is no time. A queue
    /// that keeps an order stops at the first.
    async fn answer_batch(
        self,
        deliveries: Vec<Delivery>,
        process: &impl AsyncFn(Message) -> Result<Report, Rejection>,
    ) -> Result<Answer, Failure> {
        let (mut answer, mut reports, mut stopped) =
            (SqsBatchResponse::default(), Vec::new(), false);
        for delivery in deliveries {
            let has_time =
                reports.is_empty() || self.invocation.calls_left() >= self.calls_per_observation;
            if !stopped && has_time {
                let report = self.dispatch_message(delivery.message, process).await;
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
        let credentials_expired = reports.iter().any(Report::met_expired_credentials);
        Ok(Answer::Batch {
            failed: answer,
            credentials_expired,
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
        Some(error_type) => {
            tracing::error!(
                requestID = request_id,
                error_type,
                outcome,
                report = json,
                "{}",
                report.summary
            );
        }
    }
}
