//! What every request of an invocation is processed with.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, future::join_all, stream};
use shared::{
    CallRecord, Invocation, Region,
    efs::{Efs, RegionalEfs},
};

use crate::policy::Policy;

/// How many replicas of one Region are read at once. Each may have 10,000 access points, twice.
const CONCURRENT_REPLICAS: usize = 4;

/// How long before the end of the function nothing more is read, so that what was read is assessed
/// and reported: for 1,000 file systems at a fraction of a processor.
const TIME_TO_ASSESS: Duration = Duration::from_secs(30);

/// What every request of an invocation is processed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) invocation: &'a Invocation,
    pub(crate) efs: &'a Efs,
    pub(crate) policy: &'a Policy,
}

impl Context<'_> {
    /// EFS in a Region, with one rate limiter for each.
    pub(crate) fn efs_in(&self, region: &Region) -> RegionalEfs {
        let home = self.efs.home();

        // Two clients of one Region would learn its rate apart from each other.
        match home.region().as_ref() == Some(region) {
            true => home.clone(),
            false => self.efs.in_region(region),
        }
    }

    /// The same invocation with time left after its end. What it does not come to is told as not
    /// read.
    pub(crate) fn ending_early(&self) -> Invocation {
        // An observation that Lambda cuts off reports nothing at all.
        let mut early = self.invocation.clone();

        early.deadline = early
            .deadline
            .checked_sub(TIME_TO_ASSESS)
            .unwrap_or(early.deadline);
        early
    }
}

/// Does a piece of work for each item, and returns the results in the order of the items.
///
/// The items of each Region are worked on beside those of every other one, so that a Region that
/// hangs costs its own items alone. The calls of all are added to `calls`.
pub(crate) async fn in_each_region<I, T>(
    items: impl IntoIterator<Item = (Region, I)>,
    calls: &CallRecord,
    work: impl AsyncFn(I, &CallRecord) -> T,
) -> Vec<T> {
    let mut by_region: BTreeMap<Region, Vec<_>> = BTreeMap::new();
    for (position, (region, item)) in items.into_iter().enumerate() {
        let work = &work;
        let run = async move {
            let record = CallRecord::default();
            let result = work(item, &record).await;
            (position, result, record)
        };
        by_region.entry(region).or_default().push(run);
    }

    // Within a Region a few at once: they share its rate limit, and the memory.
    let regions = by_region.into_values().map(|runs| {
        let runs = stream::iter(runs).buffered(CONCURRENT_REPLICAS);
        runs.collect::<Vec<_>>()
    });
    let mut finished: Vec<_> = join_all(regions).await.into_iter().flatten().collect();
    // Regions finish in any order; what they read belongs to its item.
    finished.sort_by_key(|(position, ..)| *position);

    let mut results = Vec::new();
    for (_, result, record) in finished {
        // Calls of a thousand replicas are many and alike: the report counts them.
        calls.merge(record);
        results.push(result);
    }
    results
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use shared::{FailedCall, Unobserved};
    use tokio::time::Instant;

    use super::*;
    use crate::fixtures::policy;

    // Invariant 8.
    #[tokio::test(start_paused = true)]
    async fn nothing_is_read_in_the_time_for_the_assessment() {
        let efs = Efs::new(&harness::sdk_config().build());
        let policy = policy();
        let read = async |seconds: u64| {
            let deadline = Instant::now() + Duration::from_secs(seconds);
            let invocation = Invocation::at(Utc::now(), deadline);
            let context = Context {
                invocation: &invocation,
                efs: &efs,
                policy: &policy,
            };
            let look = async {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok::<(), FailedCall>(())
            };
            context.ending_early().observe(look).await
        };

        assert_eq!(read(120).await, Ok(()));
        assert_eq!(read(85).await, Err(Unobserved::OutOfTime));
        assert_eq!(read(20).await, Err(Unobserved::OutOfTime));
    }

    #[tokio::test]
    async fn results_are_in_the_order_of_the_items() {
        let calls = CallRecord::default();
        let region = |text: &str| Region::try_from(text.to_owned()).unwrap();
        let items = ["us-east-1", "eu-west-1", "us-east-1"].map(region);
        let items = items.into_iter().zip(1..);

        let results = in_each_region(items, &calls, async |item: i32, _: &CallRecord| item).await;
        assert_eq!(results, [1, 2, 3]);
    }
}
