//! The one door to AWS for whatever a request needs: each call waits for the rate limiter and is
//! recorded, and each list is read to its end.

use std::{cell::RefCell, collections::BTreeSet};

use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    fault::{Fault, FaultKind},
    rate_limit::RateLimiter,
};

/// What the SDK answers.
pub type Response<T, E> = Result<T, SdkError<E, HttpResponse>>;

/// One call to AWS, as the report lists it. Retries by the SDK are inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Call {
    /// The API's name of the operation.
    pub operation: &'static str,
    /// How many requests were sent: the pages of a list, or the calls that became one entry.
    pub requests: usize,
    /// `ok`, or what went wrong.
    pub answer: String,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {fault}")]
pub struct FailedCall {
    /// The API's name of the operation.
    pub operation: &'static str,
    /// Why it failed.
    pub fault: Fault,
}

impl FailedCall {
    /// A call that failed without an error code of AWS's.
    #[must_use]
    pub fn new(operation: &'static str, kind: FaultKind) -> Self {
        Self {
            operation,
            fault: Fault::of(kind),
        }
    }

    /// What a report says of it by name: the operation, and AWS's error code if it gave one.
    #[must_use]
    pub fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();

        facts.insert("operation".to_owned(), self.operation.into());
        if let Some(code) = &self.fault.code {
            facts.insert("code".to_owned(), code.as_str().into());
        }
        facts
    }
}

/// Why AWS could not be observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unobserved {
    /// A call failed.
    Failed(FailedCall),
    /// There was no time left.
    OutOfTime,
}

/// The calls that were made for one piece of work.
#[derive(Debug, Default)]
pub struct CallRecord(RefCell<Vec<Call>>);

impl CallRecord {
    /// Adds the calls of another record; calls of one operation with the same answer become one.
    pub fn merge(&self, other: Self) {
        merge(&mut self.0.borrow_mut(), other.into_calls());
    }

    /// The calls.
    #[must_use]
    pub fn into_calls(self) -> Vec<Call> {
        self.0.into_inner()
    }

    fn add(&self, operation: &'static str, requests: usize, answer: String) {
        self.0.borrow_mut().push(Call {
            operation,
            requests,
            answer,
        });
    }
}

/// Adds calls to a list in which calls of the same operation with the same answer are one entry.
pub fn merge(calls: &mut Vec<Call>, more: impl IntoIterator<Item = Call>) {
    for call in more {
        // Calls of a fleet are many and alike; a report counts them.
        let known = calls
            .iter_mut()
            .find(|known| known.operation == call.operation && known.answer == call.answer);

        match known {
            Some(known) => known.requests += call.requests,
            None => calls.push(call),
        }
    }
}

/// An AWS API, called at the pace of its rate limiter, with every call on record.
#[derive(Debug, Clone, Copy)]
pub struct Api<'a> {
    limiter: &'a RateLimiter,
    record: &'a CallRecord,
}

impl<'a> Api<'a> {
    /// The API behind this rate limiter, with this record.
    #[must_use]
    pub fn new(limiter: &'a RateLimiter, record: &'a CallRecord) -> Self {
        Self { limiter, record }
    }

    /// Makes a call.
    ///
    /// # Errors
    ///
    /// The call and its [`Fault`].
    pub async fn call<T, E: ProvideErrorMetadata>(
        self,
        operation: &'static str,
        request: impl Future<Output = Response<T, E>>,
    ) -> Result<T, FailedCall> {
        // A future of the SDK sends nothing before it is awaited.
        self.limiter.acquire().await;
        let response = request.await;

        self.conclude(operation, response)
    }

    /// Makes a call that asks for one thing; `None` where AWS answers with one of the codes in
    /// `absent`, which say that it does not exist. Every other error is a fault.
    ///
    /// # Errors
    ///
    /// The call and its [`Fault`].
    pub async fn find<T, E: ProvideErrorMetadata>(
        self,
        operation: &'static str,
        absent: &[&str],
        request: impl Future<Output = Response<T, E>>,
    ) -> Result<Option<T>, FailedCall> {
        self.limiter.acquire().await;
        let response = request.await;

        // What does not exist is an answer, not a fault, and is recorded as such.
        if let Some(code) = code_among(&response, absent) {
            self.record.add(operation, 1, code);
            return Ok(None);
        }
        self.conclude(operation, response).map(Some)
    }

    /// Reads a list to its end and hands each page to `read`.
    ///
    /// # Errors
    ///
    /// The call and its [`Fault`], also that of a page which `read` could not use. What was read
    /// before must not be taken for the whole list.
    pub async fn list<T, E: ProvideErrorMetadata>(
        self,
        operation: &'static str,
        pages: PaginationStream<Response<T, E>>,
        next_token: fn(&T) -> Option<&str>,
        read: impl FnMut(T) -> Result<(), FaultKind>,
    ) -> Result<(), FailedCall> {
        let nothing = &[];
        self.find_list(operation, nothing, pages, next_token, read)
            .await
            .map(drop)
    }

    /// Like [`Api::list`]; `None` where AWS answers with one of the codes in `absent`, which say
    /// that there can be no such list.
    ///
    /// The SDK's paginator is to be made with `stop_on_duplicate_token(false)`: it would end
    /// without a word if AWS repeated a page token, and here that is a fault.
    ///
    /// # Errors
    ///
    /// As [`Api::list`].
    pub async fn find_list<T, E: ProvideErrorMetadata>(
        self,
        operation: &'static str,
        absent: &[&str],
        mut pages: PaginationStream<Response<T, E>>,
        next_token: fn(&T) -> Option<&str>,
        mut read: impl FnMut(T) -> Result<(), FaultKind>,
    ) -> Result<Option<()>, FailedCall> {
        let mut requests = 0;
        let mut tokens = BTreeSet::new();

        loop {
            self.limiter.acquire().await;
            // The SDK retries each page by itself.
            let Some(response) = pages.next().await else {
                break;
            };
            requests += 1;

            if let Some(code) = code_among(&response, absent) {
                self.record.add(operation, requests, code);
                return Ok(None);
            }
            let page = match response {
                Ok(page) => page,
                Err(error) => return Err(self.fail(operation, requests, Fault::from_sdk(&error))),
            };

            let token = next_token(&page)
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            let is_last = token.is_none();
            // A token that comes again, however late, would make the list endless or incomplete.
            let is_repeated = token.is_some_and(|token| !tokens.insert(token));
            let used = match is_repeated {
                true => Err(FaultKind::BrokenPaging),
                false => read(page),
            };
            // A list that was not read to its end must not be taken for the whole.
            if let Err(kind) = used {
                return Err(self.fail(operation, requests, Fault::of(kind)));
            }

            // Asking the paginator would wait for the rate limiter once more.
            if is_last {
                break;
            }
        }

        // A list is one entry, however many pages it has.
        self.record.add(operation, requests.max(1), "ok".to_owned());
        Ok(Some(()))
    }

    fn conclude<T, E: ProvideErrorMetadata>(
        self,
        operation: &'static str,
        response: Response<T, E>,
    ) -> Result<T, FailedCall> {
        // The SDK has retried what it may; this is the last answer.
        match response {
            Ok(answer) => {
                self.record.add(operation, 1, "ok".to_owned());
                Ok(answer)
            }
            Err(error) => Err(self.fail(operation, 1, Fault::from_sdk(&error))),
        }
    }

    fn fail(self, operation: &'static str, requests: usize, fault: Fault) -> FailedCall {
        // The record has the fault in the words of the report.
        self.record.add(operation, requests, fault.to_string());
        FailedCall { operation, fault }
    }
}

/// The code of an error answer, if it is one of these.
fn code_among<T, E: ProvideErrorMetadata>(
    response: &Response<T, E>,
    codes: &[&str],
) -> Option<String> {
    let code = response.as_ref().err()?.code()?;

    codes.contains(&code).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use aws_smithy_async::future::pagination_stream::fn_stream::FnStream;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::{body::SdkBody, error::ErrorMetadata};
    use tokio::time::Instant;

    use super::*;

    type Page = Response<Vec<&'static str>, ErrorMetadata>;

    /// A page is its items and, last, the token of the next page.
    fn next_token<'a>(page: &'a Vec<&'static str>) -> Option<&'a str> {
        page.last().copied()
    }

    fn pages(pages: Vec<Page>) -> PaginationStream<Page> {
        PaginationStream::new(FnStream::new(|sender| {
            Box::pin(async move {
                for page in pages {
                    if sender.send(page).await.is_err() {
                        return;
                    }
                }
            })
        }))
    }

    fn error(status: u16, code: &str) -> SdkError<ErrorMetadata, HttpResponse> {
        let status = StatusCode::try_from(status).unwrap();
        let metadata = ErrorMetadata::builder().code(code).build();

        SdkError::service_error(metadata, HttpResponse::new(status, SdkBody::empty()))
    }

    async fn list(answers: Vec<Page>) -> (Result<Vec<&'static str>, FaultKind>, Vec<Call>) {
        let (limiter, record) = (RateLimiter::default(), CallRecord::default());
        let mut items = Vec::new();
        let read = Api::new(&limiter, &record)
            .list("DescribeJobs", pages(answers), next_token, |page| {
                items.extend(page);
                Ok(())
            })
            .await;

        let items = read.map(|()| items).map_err(|call| call.fault.kind);
        (items, record.into_calls())
    }

    fn call(operation: &'static str, requests: usize, answer: &str) -> Call {
        Call {
            operation,
            requests,
            answer: answer.to_owned(),
        }
    }

    /// A throttle holds up whatever is asked next, until its turn comes.
    #[tokio::test(start_paused = true)]
    async fn every_kind_of_call_waits_for_its_turn() {
        for kind in ["call", "find", "list"] {
            let (limiter, record) = (RateLimiter::default(), CallRecord::default());
            limiter.learn(true);
            let (api, throttled) = (Api::new(&limiter, &record), Instant::now());

            let sent = async { Response::<Instant, ErrorMetadata>::Ok(Instant::now()) };
            let at = match kind {
                "call" => api.call("GetX", sent).await.unwrap(),
                "find" => api.find("GetX", &[], sent).await.unwrap().unwrap(),
                _ => {
                    let mut read = throttled;
                    let page = |_| {
                        read = Instant::now();
                        Ok(())
                    };
                    api.list("ListX", pages(vec![Ok(vec![])]), next_token, page)
                        .await
                        .unwrap();
                    read
                }
            };
            assert!(at > throttled, "{kind}");
        }
    }

    #[tokio::test]
    async fn a_list_is_read_until_a_page_has_no_token() {
        let (items, calls) = list(vec![Ok(vec!["1", "a"]), Ok(vec!["2", ""])]).await;

        assert_eq!(items.unwrap(), ["1", "a", "2", ""]);
        assert_eq!(calls, [call("DescribeJobs", 2, "ok")]);
    }

    #[tokio::test]
    async fn a_list_without_a_page_counts_as_one_request() {
        let (items, calls) = list(vec![]).await;

        assert_eq!(items.unwrap(), [""; 0]);
        assert_eq!(calls, [call("DescribeJobs", 1, "ok")]);
    }

    // Invariant 1.
    #[tokio::test]
    async fn a_repeated_page_token_is_a_fault_however_late() {
        let answers = vec![Ok(vec!["a"]), Ok(vec!["b"]), Ok(vec!["c"]), Ok(vec!["a"])];
        let (items, calls) = list(answers).await;

        assert_eq!(items, Err(FaultKind::BrokenPaging));
        let answer = "AWS repeated a page token, so the list is incomplete";
        assert_eq!(calls, [call("DescribeJobs", 4, answer)]);
    }

    #[tokio::test]
    async fn only_the_code_for_absence_means_that_nothing_exists() {
        let (limiter, record) = (RateLimiter::default(), CallRecord::default());
        let api = Api::new(&limiter, &record);
        let find = async |code: &str| {
            let answer = async { Err::<(), _>(error(404, code)) };
            api.find("DescribeFileSystems", &["FileSystemNotFound"], answer)
                .await
        };

        assert_eq!(find("FileSystemNotFound").await, Ok(None));
        let failed = find("PolicyNotFound").await.unwrap_err();
        assert_eq!(failed.fault.kind, FaultKind::NotFound);
        assert_eq!(failed.operation, "DescribeFileSystems");

        let answers: Vec<String> = record
            .into_calls()
            .into_iter()
            .map(|call| call.answer)
            .collect();
        assert_eq!(
            answers,
            [
                "FileSystemNotFound",
                "AWS does not know the resource (PolicyNotFound)"
            ]
        );
    }

    #[tokio::test]
    async fn a_list_that_cannot_exist_differs_from_one_that_failed() {
        let (limiter, record) = (RateLimiter::default(), CallRecord::default());
        let api = Api::new(&limiter, &record);
        let find = async |code: &str| {
            let answers = pages(vec![Err(error(400, code))]);
            let absent = &["UninitializedAccountException"];
            api.find_list("DescribeJobs", absent, answers, next_token, |_| Ok(()))
                .await
        };

        assert_eq!(find("UninitializedAccountException").await, Ok(None));
        let failed = find("ValidationException").await.unwrap_err();
        assert_eq!(failed.fault.kind, FaultKind::RejectedByAws);
    }

    #[test]
    fn calls_of_one_operation_with_one_answer_become_one() {
        let mut calls = vec![
            call("DescribeJobs", 2, "ok"),
            call("TagResource", 1, "AWS reports a conflict"),
        ];
        let more = ["DescribeJobs", "TagResource", "TagResource"];
        merge(&mut calls, more.map(|operation| call(operation, 3, "ok")));

        let expected = [
            call("DescribeJobs", 5, "ok"),
            call("TagResource", 1, "AWS reports a conflict"),
            call("TagResource", 6, "ok"),
        ];
        assert_eq!(calls, expected);
    }
}
