//! What must hold of an account once everything has ended: nothing is lost, and nothing happened
//! twice.

use emulator::World;
use template::{execution::End, facts::is_within};

use crate::{
    constants::APPROVED,
    way::{
        account::{Account, Ended},
        caller::FOLLOW_UP,
        scale::{
            plan::{Row, Size},
            results::{FLEET, Sent, is_done, is_unchanged},
            world::id,
        },
    },
};

/// The error of a fleet of which more failed than are tolerated.
pub(super) const BEYOND_TOLERANCE: &str = "States.ExceedToleratedFailureThreshold";

/// The operation by which a server ends.
const DISCONNECT: &str = "DisconnectSourceServer";

/// Everything that is wrong.
pub(super) fn of_account(account: &Account, row: Row, size: Size, sent: &[Sent]) -> Vec<String> {
    let mut world = account.simulation.state().cloud.world();
    let mut complaints: Vec<String> = (1..=size.servers)
        .filter_map(|number| of_server(account, &mut world, number, row, sent))
        .collect();
    for (list, sent) in sent.iter().enumerate() {
        let wrong = of_list(sent, size.servers);
        complaints.extend(
            wrong
                .into_iter()
                .map(|wrong| format!("list {list}: {wrong}")),
        );
    }
    complaints.extend(of_letters(account));
    complaints.extend(of_histories(account));

    // Of a list that is sent until it is done, nothing may be left over.
    let is_complete = sent
        .last()
        .is_some_and(|last| is_complete(last, size.servers));
    if row.is_sent_again && !is_complete {
        complaints.push("the list was sent again, and not all of it is done".to_owned());
    }
    complaints
}

/// Whether every server of a list is done.
pub(super) fn is_complete(sent: &Sent, servers: usize) -> bool {
    sent.count(is_done) == servers
}

/// A server is disconnected once if a result says so, with its approval consumed. It is as it was if
/// all results say that.
fn of_server(
    account: &Account,
    world: &mut World,
    number: usize,
    row: Row,
    sent: &[Sent],
) -> Option<String> {
    let id = id(number);
    let state = account.simulation.state();
    let effects = state.effects.iter();
    let disconnects = effects.filter(|effect| effect.is(DISCONNECT, &id)).count();
    let Some(server) = world.server(&id) else {
        return Some(format!("{id} is gone"));
    };
    let is_disconnected = server.is_disconnected();
    let is_approved = server.tags.contains_key(APPROVED);

    let results = sent.iter().filter_map(|sent| sent.results.get(&number));
    let results: Vec<&String> = results.flatten().collect();
    let says_done = results.iter().any(|result| is_done(result));
    let says_unchanged = !results.is_empty() && results.iter().all(|result| is_unchanged(result));
    let was_approved = row.approves(number);
    // What failed or was stopped may be changed already, and its approval not consumed yet.
    let is_right = match says_done {
        true => is_disconnected && disconnects == 1 && !is_approved,
        false if says_unchanged => disconnects == 0 && is_approved == was_approved,
        false => disconnects <= 1 && (is_disconnected || is_approved == was_approved),
    } && is_disconnected == (disconnects == 1);

    let found = format!(
        "{id} is disconnected: {is_disconnected}, {disconnects} times; approved: {is_approved}; results: {results:?}"
    );
    (!is_right).then_some(found)
}

/// Each item that was begun has one result that is about its server, and a list stops early for one
/// reason only, which it tells.
fn of_list(sent: &Sent, servers: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, results) in &sent.results {
        if results.len() != 1 {
            let id = id(*number);
            wrong.push(format!(
                "{id} has {} terminal results: {results:?}",
                results.len()
            ));
        }
    }

    if sent.mistaken > 0 {
        wrong.push(format!(
            "{} answers are about another server",
            sent.mistaken
        ));
    }
    let has_stopped = sent.error.as_deref() == Some(BEYOND_TOLERANCE);
    if sent.results.len() < servers && !has_stopped {
        let (ended, error) = (sent.results.len(), &sent.error);
        wrong.push(format!(
            "{ended} of {servers} items ended, and the fleet says {error:?}"
        ));
    }
    wrong
}

/// A fleet that failed is kept for people, and so is a follow-up that gave up. Nothing else may be.
fn of_letters(account: &Account) -> Option<String> {
    let letters = account.trace.borrow().letters.len();
    let executions = account.executions.borrow();
    let has_failed = |ended: &&Ended| {
        let execution = ended.execution.as_ref();
        let failed = execution.is_some_and(|it| !matches!(it.end, End::Succeeded(_)));
        failed && [FLEET, FOLLOW_UP].contains(&ended.machine.as_str())
    };
    let failed = executions.iter().filter(has_failed).count();

    (letters != failed).then(|| format!("{letters} dead letters, where {failed} executions failed"))
}

/// What a fleet never began is as it was: it still replicates, and its approval stands.
pub(super) fn of_rest(account: &Account, row: Row, size: Size, begun: usize) -> Vec<String> {
    let state = account.simulation.state();
    let mut world = state.cloud.world();

    // A map begins its items in their order.
    let rest = (begun + 1..=size.servers).filter(|number| {
        let id = id(*number);
        let is_named = state.effects.iter().any(|effect| effect.subject == id);
        let is_as_it_was = world.server(&id).is_some_and(|server| {
            !server.is_disconnected() && server.tags.contains_key(APPROVED) == row.approves(*number)
        });
        is_named || !is_as_it_was
    });
    rest.map(|number| format!("{} was never begun, and is changed", id(number)))
        .collect()
}

/// The history of an execution has a limit.
fn of_histories(account: &Account) -> Vec<String> {
    let executions = account.executions.borrow();
    let events = executions.iter().filter_map(|ended| {
        let events = ended.execution.as_ref()?.events;
        let is_right = is_within(events, "events in the history of an execution");
        (!is_right).then(|| format!("{} has a history of {events} events", ended.machine))
    });

    events.collect()
}
