//! The clients of EFS, one for each Region.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_efs::{
    Client, Config,
    config::{self, Region as SdkRegion},
};

use crate::{
    api::{Api, CallRecord},
    arn::Region,
    rate_limit::{RateLimiter, Throttles},
};

/// The EFS clients of this process: that of its own Region, and of those that it was sent to.
#[derive(Debug)]
pub struct Efs {
    config: Config,
    home: RegionalEfs,
    others: Mutex<BTreeMap<Region, RegionalEfs>>,
}

/// The EFS client of one Region, with one rate limiter for all calls there.
#[derive(Debug, Clone)]
pub struct RegionalEfs {
    pub(super) client: Client,
    limiter: RateLimiter,
}

impl Efs {
    /// Clients with this configuration, each in its Region.
    #[must_use]
    pub fn new(config: impl Into<Config>) -> Self {
        let config = config.into();

        Self {
            home: RegionalEfs::new(config.to_builder()),
            config,
            others: Mutex::default(),
        }
    }

    /// Opens a connection during the init phase, by a call that changes nothing and answers little.
    ///
    /// It asks for a file system that does not exist, so a 404 is expected: a list would need more
    /// permissions, and EFS pages by the hundred.
    pub async fn warm_up(&self) {
        let request = self.home.client.describe_file_systems();

        // Whether it succeeds is for the first event to find out.
        let _ = request.file_system_id("fs-00000000").send().await;
    }

    /// EFS in the Region of this process.
    #[must_use]
    pub fn home(&self) -> &RegionalEfs {
        &self.home
    }

    /// EFS in a Region.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> RegionalEfs {
        // A panic elsewhere does not make the other clients wrong.
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);

        // A client is made once, so that its connections can be used again.
        others
            .entry(region.clone())
            .or_insert_with(|| {
                let region = SdkRegion::new(region.to_string());
                RegionalEfs::new(self.config.to_builder().region(region))
            })
            .clone()
    }
}

impl RegionalEfs {
    fn new(config: config::Builder) -> Self {
        // EFS throttles by Region, so that each has a limiter of its own.
        let limiter = RateLimiter::default();
        let config = config
            .interceptor(limiter.clone())
            .retry_classifier(Throttles)
            .build();

        Self {
            client: Client::from_conf(config),
            limiter,
        }
    }

    pub(super) fn api<'a>(&'a self, record: &'a CallRecord) -> Api<'a> {
        Api::new(&self.limiter, record)
    }

    /// The Region of the client, if its configuration names a readable one.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        // What the client was made for, not what an answer claims.
        let region = self.client.config().region()?;

        Region::try_from(region.to_string()).ok()
    }
}
