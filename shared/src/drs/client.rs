//! The client of DRS.

use aws_sdk_drs::{Client, Config};

use crate::{
    api::{Api, CallRecord},
    rate_limit::{RateLimiter, Throttles},
};

/// The DRS client of this process, with one rate limiter for all calls.
#[derive(Debug)]
pub struct Drs {
    pub(super) client: Client,
    limiter: RateLimiter,
}

impl Drs {
    /// A client with this configuration.
    #[must_use]
    pub fn new(config: impl Into<Config>) -> Self {
        // The limiter learns from every answer, also from those of the SDK's own retries.
        let limiter = RateLimiter::default();
        let config = config
            .into()
            .to_builder()
            .interceptor(limiter.clone())
            .retry_classifier(Throttles)
            .build();

        Self {
            // One client for the life of the process: it keeps the connections.
            client: Client::from_conf(config),
            limiter,
        }
    }

    /// Opens a connection during the init phase, by a call that changes nothing and answers little.
    pub async fn warm_up(&self) {
        // Whether it succeeds is for the first event to find out.
        let _ = self.client.describe_jobs().max_results(1).send().await;
    }

    pub(super) fn api<'a>(&'a self, record: &'a CallRecord) -> Api<'a> {
        Api::new(&self.limiter, record)
    }
}
