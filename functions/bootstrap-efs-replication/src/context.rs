//! What every request of an invocation is processed with.

use std::collections::BTreeMap;

use futures_util::{StreamExt, future::join_all, stream};
use shared::{CallRecord, Invocation, Region, efs::Efs};

use crate::{
    command::{Command, Target},
    policy::Policy,
};

/// How many targets are worked on at once whose replicas are in one Region.
const CONCURRENT_TARGETS: usize = 4;

/// What every request of an invocation is processed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) invocation: &'a Invocation,
    pub(crate) efs: &'a Efs,
    pub(crate) policy: &'a Policy,
}

/// Does a piece of work for every target, and returns the results in the order of the request.
///
/// The targets of each Region are worked on beside those of every other one, so that a Region that
/// hangs costs its own targets alone. The calls of all are added to `calls`, in the same order.
pub(crate) async fn for_each_target<'c, I, T>(
    command: &'c Command,
    inputs: Vec<I>,
    calls: &CallRecord,
    work: impl AsyncFn(&'c Target, I, &CallRecord) -> T,
) -> Vec<T> {
    let mut by_region: BTreeMap<Option<Region>, Vec<_>> = BTreeMap::new();
    for (position, (target, input)) in command.targets.iter().zip(inputs).enumerate() {
        // A native event does not say where to: its targets wait in a queue of their own.
        let destination = target.destination.as_ref();
        let region = destination.and_then(|destination| destination.region());

        let work = &work;
        let run = async move {
            let record = CallRecord::default();
            let result = work(target, input, &record).await;
            (position, result, record)
        };
        by_region.entry(region).or_default().push(run);
    }

    // Within a Region a few targets at once: they share its rate limit.
    let regions = by_region.into_values().map(|runs| {
        let runs = stream::iter(runs).buffered(CONCURRENT_TARGETS);
        runs.collect::<Vec<_>>()
    });
    let mut finished: Vec<_> = join_all(regions).await.into_iter().flatten().collect();
    // Regions finish in any order; the report has the order of the request.
    finished.sort_by_key(|(position, ..)| *position);

    let mut results = Vec::new();
    for (_, result, record) in finished {
        calls.merge(record);
        results.push(result);
    }
    results
}
