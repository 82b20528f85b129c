//! `observe`: what an assessment depends on, read from DRS.

use std::collections::BTreeMap;

use shared::{
    CallRecord, FailedCall, Unobserved,
    drs::{Server, ServerFilter, SourceServerId, State, silent_seconds},
};

use crate::{command::Command, context::Context, policy::Policy, snapshot::Snapshot};

/// How many calls an observation makes one after the other, at least.
pub(crate) const CALLS_PER_OBSERVATION: usize = 2;

/// How many calls are kept free while recovery points are counted, so that the report is made.
const CALLS_KEPT_FREE: usize = 2;

/// The most servers whose recovery points are counted: each costs a call, and an account may have
/// thousands of old records.
const MOST_COUNTED: usize = 200;

/// Reads everything that an audit depends on.
///
/// # Errors
///
/// The first call that failed, or that there was no time: a list that was not read is never taken
/// for an empty one.
pub(crate) async fn observe(
    command: &Command,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Result<Snapshot, Unobserved> {
    let reads = read(command, context, calls);

    context.invocation.observe(reads).await
}

async fn read(
    command: &Command,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Result<Snapshot, FailedCall> {
    let Context { drs, policy, .. } = *context;
    // The narrowest filter that serves: a stall is about one server.
    let ids = command.source_servers.as_ref().map(|servers| {
        let ids = servers.iter().map(|server| server.id.clone());
        ids.collect::<Vec<_>>()
    });
    let filter = match &ids {
        Some(ids) => ServerFilter::Ids(ids.clone()),
        None => ServerFilter::All,
    };

    let keep = |server| Some(without_other_tags(server, policy));
    let Some(listed) = drs.source_servers(&filter, keep, calls).await? else {
        return Ok(Snapshot::uninitialised());
    };
    // Instances after servers: one that is launched in between is seen.
    let recovery_instances = match &ids {
        Some(ids) => drs.recovery_instances(ids, calls).await?,
        None => drs.all_recovery_instances(calls).await?,
    };

    let mut snapshot = Snapshot {
        initialised: true,
        silent_seconds: silent_seconds(&listed.servers, context.invocation.now),
        servers: listed.servers,
        account: ids.is_none().then_some(listed.size),
        recovery_instances,
        recovery_points: BTreeMap::new(),
    };
    // Those that have gone first: of them the count decides what is offered.
    let servers = snapshot.servers.iter();
    let may_go = servers.filter(|server| snapshot.may_go(server, policy));
    let (gone, may_go): (Vec<_>, Vec<_>) =
        may_go.partition(|server| server.state == State::Disconnected);
    let counted = gone
        .into_iter()
        .chain(may_go)
        .map(|server| server.id.clone());
    let counted: Vec<SourceServerId> = counted.take(MOST_COUNTED).collect();
    snapshot.recovery_points = count_recovery_points(&counted, context, calls).await;

    Ok(snapshot)
}

/// A server with the tags of approval and protection alone: 4,000 records with 50 tags each would
/// not fit into the function's memory.
fn without_other_tags(mut server: Server, policy: &Policy) -> Server {
    let guardrails = &policy.guardrails;

    server.tags.retain(|key, _| guardrails.is_control_tag(key));
    server
}

/// Counts recovery points. A server whose count failed is left out, and so is one for which there is
/// no time: they are told as not counted.
async fn count_recovery_points(
    ids: &[SourceServerId],
    context: &Context<'_>,
    calls: &CallRecord,
) -> BTreeMap<SourceServerId, usize> {
    // The report matters more than the last count.
    let has_time = || context.invocation.calls_left() > CALLS_KEPT_FREE;
    let read = context.drs.recovery_points_of(ids, has_time, calls).await;

    read.into_iter()
        .filter_map(|(id, points)| Some((id.clone(), points.ok()?.count)))
        .collect()
}
