//! Reading a list of AWS's to its end.

use std::collections::BTreeSet;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::{
    api::Call,
    fault::{Fault, FaultKind},
    rate_limit::RateLimiter,
};

/// The reading of one list, page by page.
///
/// The SDK's paginator would end without a word if AWS repeated a page token; here that is a fault,
/// since a list that was not read to its end must not be taken for the whole.
#[derive(Debug)]
pub struct Pages {
    operation: &'static str,
    read: usize,
    ended: bool,
    tokens: BTreeSet<String>,
}

impl Pages {
    /// The reading of a list by this operation, before its first page.
    #[must_use]
    pub fn of(operation: &'static str) -> Self {
        Self {
            operation,
            read: 0,
            ended: false,
            tokens: BTreeSet::new(),
        }
    }

    /// Asks for the next page when its turn comes; `None` after the last.
    pub async fn next<T>(
        &mut self,
        pace: &RateLimiter,
        page: impl Future<Output = Option<T>>,
    ) -> Option<T> {
        if self.ended {
            return None;
        }
        pace.call(page).await
    }

    /// Takes one page. `calls` gets the call if it ends here.
    ///
    /// # Errors
    ///
    /// The [`Fault`] of the page.
    pub fn turn<T, E: ProvideErrorMetadata>(
        &mut self,
        answer: Result<T, SdkError<E, HttpResponse>>,
        calls: &mut Vec<Call>,
        next_token: impl Fn(&T) -> Option<&str>,
    ) -> Result<T, Fault> {
        self.read += 1;
        let page = answer.map_err(|error| self.fail(Fault::from_sdk(&error), calls))?;
        let token = next_token(&page).filter(|token| !token.is_empty());
        self.ended = token.is_none();
        if token.is_some_and(|token| !self.tokens.insert(token.to_owned())) {
            return Err(self.fail(Fault::of(FaultKind::BrokenPaging), calls));
        }
        Ok(page)
    }

    /// Ends the list with a fault, and hands the fault on.
    pub fn fail(&self, fault: Fault, calls: &mut Vec<Call>) -> Fault {
        calls.push(Call::new(self.operation, self.read, Some(&fault)));
        fault
    }

    /// Ends the list with an answer.
    pub fn end(&self, calls: &mut Vec<Call>, answer: &str) {
        calls.push(Call {
            operation: self.operation,
            requests: self.read.max(1),
            answer: answer.to_owned(),
        });
    }
}

/// The operation among these calls that failed with this fault, the last one if there are several.
#[must_use]
pub fn failed(calls: &[Call], fault: &Fault) -> &'static str {
    let answer = fault.to_string();
    calls
        .iter()
        .rev()
        .find(|call| call.answer == answer)
        .map_or("the look", |call| call.operation)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    #[test]
    fn a_page_token_that_comes_again_is_a_fault_however_late() {
        let mut pages = Pages::of("DescribeJobs");
        let mut calls = Vec::new();
        let mut turn = |token: &str| {
            let answer = Ok::<_, SdkError<ErrorMetadata, HttpResponse>>(token.to_owned());
            pages
                .turn(answer, &mut calls, |token| Some(token.as_str()))
                .map_err(|fault| fault.kind)
        };
        assert!(turn("a").is_ok() && turn("b").is_ok() && turn("").is_ok());
        assert_eq!(turn("a"), Err(FaultKind::BrokenPaging));
        assert_eq!((calls[0].operation, calls[0].requests), ("DescribeJobs", 4));
    }

    #[test]
    fn a_list_without_a_page_was_asked_for_once() {
        let mut calls = Vec::new();
        Pages::of("DescribeJobs").end(&mut calls, "ok");
        assert_eq!(calls, [Call::new("DescribeJobs", 1, None)]);
    }

    #[test]
    fn the_call_that_failed_is_found_among_those_that_did_not() {
        let denied = Fault::of(FaultKind::AccessDenied);
        let calls = [
            Call::new("DescribeJobs", 1, Some(&denied)),
            Call::new("DescribeSourceServers", 1, None),
        ];
        assert_eq!(
            (
                failed(&calls, &denied),
                failed(&calls, &Fault::of(FaultKind::Timeout))
            ),
            ("DescribeJobs", "the look")
        );
    }
}
