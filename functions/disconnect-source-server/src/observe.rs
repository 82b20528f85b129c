//! `observe`: what a plan depends on, read from DRS.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    CallRecord, FailedCall, Unobserved,
    drs::{
        Direction, Leftovers, RecoveryPoints, Server, ServerFilter, SourceServerId, Staging, State,
        silent_seconds,
    },
};

use crate::{
    command::{Action, Command, Target},
    context::Context,
    matching::{Found, find, has_name, matched, mismatches},
    policy::Policy,
    reason::STAGING_OVERDUE_SECONDS,
    snapshot::{Snapshot, Usage},
};

/// How many calls an observation makes one after the other, at least.
pub(crate) const CALLS_PER_OBSERVATION: usize = 3;

/// How many calls are kept free while recovery points are counted: the lists of jobs and of recovery
/// instances, and the two steps of a target with a read after each. Without them nothing would be
/// started.
const CALLS_KEPT_FREE: usize = 6;

/// How long after the event of its termination DRS may still see a machine: clocks differ, and AWS
/// does not say how exact `lastSeenByServiceDateTime` is.
const LAST_WORDS_SECONDS: u64 = 15 * 60;

/// Reads everything that the plan for a request depends on.
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
    // A verification changes nothing, and so is no share of anything.
    let changes = command.action != Action::Verify;
    let needs_size = changes && policy.needs_account_size(command.targets.len());
    let named = |server: Server| {
        let mut targets = command.targets.iter();
        let is_named = targets.any(|target| has_name(target, &server));
        is_named.then_some(server)
    };

    // Only servers that a target may mean are kept in memory.
    let filter = server_filter(command, needs_size);
    let Some(mut listed) = drs.source_servers(&filter, named, calls).await? else {
        return Ok(Snapshot::uninitialised());
    };
    // A record may move between two pages of a list while it is read. One that is asked for alone
    // cannot, and only that proves that it is deleted.
    for id in missing_records(command, &filter, &listed.servers) {
        let alone = ServerFilter::Ids(vec![id]);
        let found = drs.source_servers(&alone, named, calls).await?;
        listed
            .servers
            .extend(found.into_iter().flat_map(|found| found.servers));
    }

    let mut snapshot = Snapshot {
        initialised: true,
        servers: listed.servers,
        account: needs_size.then_some(listed.size),
        ..Snapshot::uninitialised()
    };
    read_clock(command, context.invocation.now, &mut snapshot);

    let matched = matched(&command.targets, &snapshot.servers);
    // Nothing can be changed, so nothing more has to be known.
    if matched.is_empty() {
        return Ok(snapshot);
    }
    let ids: Vec<SourceServerId> = matched.iter().map(|server| server.id.clone()).collect();
    let losing = servers_losing_recovery_points(command, &snapshot, policy);

    // One list after the other: concurrent calls would each open a connection. What may use the
    // servers comes last, since it changes by itself.
    snapshot.recovery_points = read_recovery_points(&losing, context, calls).await;
    snapshot.leftovers = read_leftovers(command, &snapshot, context, calls).await?;
    // Whatever uses a server, a verification changes nothing.
    if command.action == Action::Verify {
        return Ok(snapshot);
    }

    // Jobs first: one that ends in between has left its instance for the second list.
    let servers_in_jobs = drs.servers_in_jobs(calls).await?;
    let recovery_instances = drs.recovery_instances(&ids, calls).await?;
    snapshot.usage = Some(Usage {
        servers_in_jobs,
        recovery_instances,
    });

    Ok(snapshot)
}

/// Notes everything of a request and of its servers that is a matter of time.
fn read_clock(command: &Command, now: DateTime<Utc>, snapshot: &mut Snapshot) {
    snapshot.silent_seconds = silent_seconds(&snapshot.servers, now);
    snapshot.cleanup_overdue = overdue(&command.targets, &snapshot.servers, now);

    if let Some(end) = command.terminated_at {
        snapshot.seconds_after_end = seen_after(&snapshot.servers, end);
    }
}

/// The servers whose disconnect, by the request, is so long ago that AWS should have removed their
/// staging areas.
fn overdue(targets: &[Target], servers: &[Server], now: DateTime<Utc>) -> BTreeSet<SourceServerId> {
    let is_overdue = |target: &&Target| {
        let disconnected_at = target.disconnect.as_ref().and_then(|it| it.at);
        let allowed = TimeDelta::seconds(STAGING_OVERDUE_SECONDS.into());
        disconnected_at.is_some_and(|seen| now - seen.0 > allowed)
    };

    targets
        .iter()
        .filter(is_overdue)
        .filter_map(|target| match find(target, servers) {
            Found::One(server) => Some(server.id.clone()),
            Found::Nothing | Found::Several(_) => None,
        })
        .collect()
}

/// How many seconds after its machine ended DRS saw the agent of each server, where that is more than
/// a slip of two clocks.
fn seen_after(servers: &[Server], end: DateTime<Utc>) -> BTreeMap<SourceServerId, u64> {
    let after = |server: &Server| u64::try_from((server.last_seen? - end).num_seconds()).ok();
    let seen = servers
        .iter()
        .filter_map(|server| Some((server.id.clone(), after(server)?)));

    seen.filter(|(_, seconds)| *seconds > LAST_WORDS_SECONDS)
        .collect()
}

/// The records that a deletion names by ID, and that were not listed.
fn missing_records(
    command: &Command,
    filter: &ServerFilter,
    listed: &[Server],
) -> Vec<SourceServerId> {
    let was_alone = matches!(filter, ServerFilter::Ids(ids) if ids.len() == 1);
    if command.action != Action::Delete || was_alone {
        return Vec::new();
    }

    let is_listed = |id: &SourceServerId| listed.iter().any(|server| server.id == *id);
    let named = command.targets.iter();
    let mut missing: Vec<SourceServerId> = named
        .filter_map(|target| Some(target.source_server.as_ref()?.id.clone()))
        .filter(|id| !is_listed(id))
        .collect();
    // A record that two targets name is one record.
    missing.sort();
    missing.dedup();

    missing
}

/// The narrowest filter that serves: by ID, by instance, or none where a name has no filter or the
/// servers have to be counted.
fn server_filter(command: &Command, needs_size: bool) -> ServerFilter {
    // A share can only be computed over the whole account.
    if needs_size {
        return ServerFilter::All;
    }

    let id = |target: &Target| Some(target.source_server.as_ref()?.id.clone());
    let ids: Option<Vec<SourceServerId>> = command.targets.iter().map(id).collect();
    if let Some(ids) = ids {
        return ServerFilter::Ids(ids);
    }

    // DRS filters by one hardware ID at most, and by no other name.
    match command.targets.as_slice() {
        [target] => match &target.aws_instance_id {
            Some(id) => ServerFilter::Instance(id.clone()),
            None => ServerFilter::All,
        },
        _ => ServerFilter::All,
    }
}

/// The servers whose recovery points a disconnect may destroy: those that are still connected, and
/// that neither their own record nor the number of targets keeps from being disconnected.
///
/// The planner decides; this only saves calls for servers that it cannot but refuse.
fn servers_losing_recovery_points(
    command: &Command,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Vec<SourceServerId> {
    let within_limits = policy.guardrails.check_targets(command.targets.len());
    let disconnects = matches!(command.action, Action::Disconnect | Action::Retire);
    if !disconnects || !policy.allows(command.action) || within_limits.is_err() {
        return Vec::new();
    }

    let mut losing: Vec<SourceServerId> = Vec::new();
    for target in &command.targets {
        if let Found::One(server) = find(target, &snapshot.servers)
            && mismatches(target, server).is_empty()
            && may_be_disconnected(command, server, policy)
            && !losing.contains(&server.id)
        {
            losing.push(server.id.clone());
        }
    }

    // Whether they are within the share is not known yet: jobs and recovery instances may keep some
    // of them from being disconnected.
    losing
}

/// Whether nothing in the record of a server keeps it from being disconnected.
fn may_be_disconnected(command: &Command, server: &Server, policy: &Policy) -> bool {
    let is_allowed = policy.guardrails.check(&command.request_id, &server.tags);

    is_allowed.is_ok()
        && matches!(server.state, State::Connected(_))
        && server.staging == Staging::Own
        && server.direction == Direction::Failover
        && server.recovery_instance_id.is_none()
        && server.arn.is_some()
}

/// Reads the recovery points that disconnects would destroy.
///
/// They are evidence and decide nothing. A server whose points could not be read is left out, and
/// the report says that their number is not known; so is one for which there is no time.
async fn read_recovery_points(
    ids: &[SourceServerId],
    context: &Context<'_>,
    calls: &CallRecord,
) -> BTreeMap<SourceServerId, RecoveryPoints> {
    // Counting must not take the time that the steps need.
    let has_time = || context.invocation.calls_left() > CALLS_KEPT_FREE;
    let read = context.drs.recovery_points_of(ids, has_time, calls).await;

    read.into_iter()
        .filter_map(|(id, points)| Some((id.clone(), points.ok()?)))
        .collect()
}

/// Reads what DRS shows of the staging areas of servers that are DISCONNECTED.
///
/// # Errors
///
/// The first call that failed, where the request is about nothing else: a staging area that was not
/// read is never taken for one that is gone. For a disconnect it is left out, and verified later.
async fn read_leftovers(
    command: &Command,
    snapshot: &Snapshot,
    context: &Context<'_>,
    calls: &CallRecord,
) -> Result<BTreeMap<SourceServerId, Leftovers>, FailedCall> {
    let servers = servers_to_prove(command, snapshot, context.policy);
    let ids = servers.iter().map(|server| &server.id);
    let is_needed = command.action != Action::Disconnect;
    // What can be verified later must not take the time that the steps need.
    let has_time = || is_needed || context.invocation.calls_left() > CALLS_KEPT_FREE;
    let read = context.drs.recovery_points_of(ids, has_time, calls).await;

    let mut leftovers = BTreeMap::new();
    for (id, points) in read {
        let server = servers.iter().find(|server| server.id == *id);
        match (points, server) {
            (Ok(points), Some(server)) => {
                leftovers.insert(id.clone(), Leftovers::seen(server, points.count));
            }
            (Err(call), _) if is_needed => return Err(call),
            _ => {}
        }
    }
    Ok(leftovers)
}

/// The servers of which the plan depends on what is left of their staging areas.
fn servers_to_prove<'a>(
    command: &Command,
    snapshot: &'a Snapshot,
    policy: &Policy,
) -> Vec<&'a Server> {
    let asks = match command.action {
        Action::Verify => true,
        Action::Delete => policy.allows(command.action) && !command.skip_cleanup_check,
        Action::Disconnect => policy.verify_cleanup,
        // Its deletion asks.
        Action::Retire => false,
    };
    let within_limits = policy.guardrails.check_targets(command.targets.len());
    if !asks || within_limits.is_err() {
        return Vec::new();
    }

    let mut servers: Vec<&Server> = Vec::new();
    for target in &command.targets {
        if let Found::One(server) = find(target, &snapshot.servers)
            && mismatches(target, server).is_empty()
            && server.state == State::Disconnected
            && !servers.contains(&server)
        {
            servers.push(server);
        }
    }
    servers
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use shared::request::Timestamp;

    use super::*;
    use crate::{
        command::PriorDisconnect,
        fixtures::{NOON, by_id, command, disconnected, id, server},
        plan::{Step, plan},
    };

    fn policy(variables: &[(&str, &str)]) -> Policy {
        Policy::from_lookup(|name| {
            let found = variables.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        })
        .unwrap()
    }

    fn by_instance() -> Target {
        Target {
            aws_instance_id: "i-00000001".to_owned().try_into().ok(),
            ..Target::default()
        }
    }

    #[test]
    fn the_narrowest_filter_is_used() {
        let filter = |targets: Vec<Target>, needs_size| {
            server_filter(&command(Action::Disconnect, targets), needs_size)
        };

        let ids = ServerFilter::Ids(vec![id(1), id(2)]);
        assert_eq!(filter(vec![by_id(1), by_id(2)], false), ids);
        let instance = "i-00000001".to_owned().try_into().unwrap();
        assert_eq!(
            filter(vec![by_instance()], false),
            ServerFilter::Instance(instance)
        );

        assert_eq!(filter(vec![by_id(1)], true), ServerFilter::All);
        let mixed = vec![by_id(1), by_instance()];
        assert_eq!(filter(mixed, false), ServerFilter::All);
    }

    #[test]
    fn an_agent_is_silent_since_drs_last_saw_it() {
        let mut servers: Vec<Server> = (1..=3).map(server).collect();
        servers[1].last_seen = None;
        // By a clock that is ahead of the function's.
        servers[2].last_seen = Some(NOON + TimeDelta::hours(1));

        let silent = silent_seconds(&servers, NOON + TimeDelta::minutes(2));
        assert_eq!(silent, [(id(1), 120), (id(3), 0)].into());
    }

    #[test]
    fn a_machine_may_be_seen_a_quarter_of_an_hour_after_its_end() {
        let seen = |seconds| seen_after(&[server(1)], NOON - TimeDelta::seconds(seconds));

        for seconds in [-60, 0, 900] {
            assert_eq!(seen(seconds), [].into());
        }
        assert_eq!(seen(901), [(id(1), 901)].into());
        let mut unseen = server(1);
        unseen.last_seen = None;
        assert_eq!(seen_after(&[unseen], NOON - TimeDelta::days(1)), [].into());
    }

    #[test]
    fn a_clean_up_is_overdue_three_hours_after_the_disconnect_that_the_request_names() {
        let after = |at: Option<i64>| {
            let at = at.map(|minutes| Timestamp(NOON - TimeDelta::minutes(minutes)));
            let disconnect = PriorDisconnect {
                at,
                ..PriorDisconnect::default()
            };
            let target = Target {
                disconnect: Some(disconnect),
                ..by_id(1)
            };
            overdue(&[target, by_id(2)], &[server(1), server(2)], NOON)
        };

        assert_eq!(after(Some(181)), [id(1)].into());
        for at in [Some(180), Some(-60), None] {
            assert_eq!(after(at), [].into());
        }
    }

    #[test]
    fn what_is_left_is_read_of_disconnected_servers_where_it_decides_something() {
        let mut servers: Vec<Server> = (1..=2).map(server).collect();
        disconnected(&mut servers[0]);
        let snapshot = Snapshot {
            servers,
            ..Snapshot::uninitialised()
        };
        let read = |action, skip_cleanup_check, variables: &[(&str, &str)]| {
            let command = Command {
                skip_cleanup_check,
                ..command(action, vec![by_id(1), by_id(1), by_id(2)])
            };
            let servers = servers_to_prove(&command, &snapshot, &policy(variables));
            servers.iter().map(|it| it.id.clone()).collect::<Vec<_>>()
        };
        let nothing: [SourceServerId; 0] = [];

        assert_eq!(read(Action::Verify, false, &[]), [id(1)]);
        let few = [("MAX_TARGETS", "2")];
        assert_eq!(read(Action::Verify, false, &few), nothing);
        let deletes = [("ALLOW_DELETE", "true")];
        assert_eq!(read(Action::Delete, false, &deletes), [id(1)]);
        assert_eq!(read(Action::Delete, true, &deletes), nothing);
        assert_eq!(read(Action::Delete, false, &[]), nothing);
        assert_eq!(read(Action::Retire, false, &deletes), nothing);
        assert_eq!(read(Action::Disconnect, false, &[]), nothing);
        let verifies = [("VERIFY_CLEANUP", "true")];
        assert_eq!(read(Action::Disconnect, false, &verifies), [id(1)]);
    }

    #[test]
    fn a_record_to_delete_that_a_list_left_out_is_asked_for_alone_and_once() {
        let targets = vec![by_id(1), by_id(2), by_id(2), by_instance()];
        let missing = |action, filter: &ServerFilter| {
            missing_records(&command(action, targets.clone()), filter, &[server(1)])
        };

        let nothing: [SourceServerId; 0] = [];
        assert_eq!(missing(Action::Delete, &ServerFilter::All), [id(2)]);
        assert_eq!(missing(Action::Disconnect, &ServerFilter::All), nothing);
        let alone = ServerFilter::Ids(vec![id(2)]);
        assert_eq!(missing(Action::Delete, &alone), nothing);
    }

    #[test]
    fn only_servers_that_may_be_disconnected_lose_recovery_points() {
        let mut servers: Vec<Server> = (1..=6).map(server).collect();
        disconnected(&mut servers[0]);
        servers[1].tags.clear();
        servers[2].direction = Direction::Failback;
        servers[3].staging = Staging::Extended;
        servers[4].recovery_instance_id = Some("i-00000001".to_owned());
        let snapshot = Snapshot {
            servers,
            ..Snapshot::uninitialised()
        };
        let losing = |action, variables: &[(&str, &str)]| {
            let command = command(action, (1..=6).map(by_id).collect());
            servers_losing_recovery_points(&command, &snapshot, &policy(variables))
        };

        assert_eq!(losing(Action::Disconnect, &[]), [id(6)]);
        let nothing: [SourceServerId; 0] = [];
        assert_eq!(losing(Action::Disconnect, &[("MAX_TARGETS", "5")]), nothing);
        assert_eq!(losing(Action::Retire, &[]), nothing);
        assert_eq!(losing(Action::Retire, &[("ALLOW_DELETE", "true")]), [id(6)]);
        assert_eq!(losing(Action::Delete, &[("ALLOW_DELETE", "true")]), nothing);
    }

    /// The planner decides about each combination of what a record may say; every server that it
    /// would disconnect is among those whose recovery points are counted, and no other.
    #[test]
    fn the_recovery_points_of_every_planned_disconnect_are_counted() {
        let states = [State::Disconnected, connected(), State::Unknown];
        let directions = [
            Direction::Failover,
            Direction::Failback,
            Direction::ReversedPair,
            Direction::Unknown,
        ];
        let stagings = [
            Staging::Own,
            Staging::Extended,
            Staging::ExtensionError,
            Staging::Unknown,
        ];
        let policy = policy(&[("ALLOW_DELETE", "true")]);

        let mut planned = 0;
        for bits in 0..3 * 4 * 4 * 2 * 2 * 2_usize {
            let mut server = server(1);
            server.state = states[bits % 3].clone();
            server.direction = directions[bits / 3 % 4];
            server.staging = stagings[bits / 12 % 4];
            server.recovery_instance_id = (bits / 48 % 2 == 1).then(|| "i-00000001".to_owned());
            if bits / 96 % 2 == 1 {
                server.tags.clear();
            }
            if bits / 192 == 1 {
                server.arn = None;
            }
            let snapshot = Snapshot {
                initialised: true,
                servers: vec![server],
                usage: Some(Usage::default()),
                ..Snapshot::uninitialised()
            };

            for action in [Action::Disconnect, Action::Retire, Action::Delete] {
                let command = command(action, vec![by_id(1)]);
                let planned_for = plan(&command, &snapshot, &policy);
                let disconnects = planned_for.targets[0].steps().contains(&Step::Disconnect);
                let counted = servers_losing_recovery_points(&command, &snapshot, &policy);
                assert_eq!(counted.len(), usize::from(disconnects), "{bits} {action:?}");
                planned += usize::from(disconnects);
            }
        }
        assert_eq!(planned, 2, "one server, to be disconnected or retired");
    }

    fn connected() -> State {
        State::Connected("CONTINUOUS".to_owned())
    }
}
