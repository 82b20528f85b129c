//! The whole way: what people and AWS put, through the rules, queues, topics, destinations and
//! machines of the template, to the results that people read. The template and the machines decide
//! every hop; the function behind them is the real one, over the simulated account.

mod account;
mod alarms;
mod batch;
mod bus;
mod caller;
mod carrier;
mod checks;
pub(crate) mod coverage;
mod deployed;
mod fleet;
mod follow_up;
mod hop;
mod lambda;
mod machine;
mod meter;
mod nobody;
mod notification;
mod permission;
mod promises;
mod put;
mod queue;
pub(crate) mod scale;
mod topic;
mod trace;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use template::Role;
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{sleep, timeout},
};

use crate::{
    record::{Ending, Simulation, State, Subject},
    run::check_end,
    seeds::Kind,
    story,
    virtual_time::in_virtual_time,
    way::{
        account::{Account, Mishaps},
        deployed::Stack,
        hop::Hop,
        put::Puts,
    },
};

/// The whole way, as a kind of simulation.
pub(crate) const WAY: Kind = Kind {
    flag: "--way ",
    tell: story::requests,
    run,
};

/// When faults stop and nobody changes anything any more, in seconds.
const CALM: u64 = 3600;
/// When everything must have ended: a day for a rule, six hours for Lambda, a week for a follow-up,
/// and a day for each of the rules that tell its end or that a notification failed; in seconds.
const MOST: u64 = 12 * 86_400;

/// Simulates the whole way of one seed.
fn run(subject: &'static Subject, seed: u64) -> Ending {
    in_virtual_time(seed, async |begun| {
        let mut scenario = (subject.generate)(seed);
        let mut rng = fastrand::Rng::with_seed(seed ^ 0xd07e);
        let stack = Stack::draw(&mut rng, subject, &scenario);
        scenario.timeout_seconds = stack.number("Timeout").unwrap_or(3) as u64;
        let requests = scenario.requests.clone();

        let mut state = State::new(subject, scenario, None);
        state.deployed = Some(stack.variables(subject));
        state.role = Arc::new(Role::of(subject.name(), &stack.deployment));
        state.narrate(format!("parameters: {:?}", stack.given));
        if state.lacks_time() {
            state.violate(8, "the function has less time than its README asks for");
        }
        let (outbox, mut hops) = unbounded_channel();
        let simulation = Simulation::new(state);
        begun.replace(Some(simulation.clone()));
        let account = Account::new(simulation, stack, rng, Mishaps::OF_WAY, outbox);

        account.send(Hop::Calm.after(CALM));
        let puts = Puts {
            account: &account,
            subject,
            detail_type: subject.detail_type,
        };
        puts.put_all(&requests);
        let is_ended = timeout(Duration::from_secs(MOST), drive(&account, &mut hops)).await;

        conclude(&account, is_ended.is_ok())
    })
}

fn conclude(account: &Account, is_ended: bool) -> Ending {
    // The world as it is in the end.
    let mut state = account.simulation.state();
    state.catch_up();
    if !is_ended {
        state.violate(8, "something is still under way");
    }
    check_end(&mut state);
    drop(state);
    checks::check(account);

    let mut state = account.simulation.state();
    state.figures.hops = account.trace.borrow().hops.clone();
    state.ending()
}

/// Takes hops until nothing is under way any more.
async fn drive(account: &Account, hops: &mut UnboundedReceiver<Hop>) {
    // Whatever takes time goes on while others begin.
    let mut running = FuturesUnordered::new();
    loop {
        while let Ok(hop) = hops.try_recv() {
            running.push(take(account, hop));
        }
        if running.is_empty() {
            return;
        }

        tokio::select! {
            biased;
            Some(hop) = hops.recv() => running.push(take(account, hop)),
            _ = running.next() => {}
        }
    }
}

/// Takes one hop to its end.
fn take(account: &Account, hop: Hop) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move {
        match hop {
            Hop::Later { seconds, hop } => {
                sleep(Duration::from_secs(seconds)).await;
                account.send(*hop);
            }
            Hop::Calm => account.simulation.stop_faults().await,
            Hop::Event { bus, event, tag } => bus::put(account, &bus, &event, tag),
            Hop::Deliver(delivery) => bus::deliver(account, *delivery).await,
            Hop::Publish {
                topic,
                message,
                tag,
            } => topic::publish(account, &topic, &message, tag),
            Hop::Invoke { payload, tag } => lambda::invoke(account, &payload, tag).await,
            Hop::Call {
                payload,
                tag,
                reply,
            } => {
                // A state that timed out takes no answer any more.
                _ = reply.send(lambda::run(account, &payload, tag).await);
            }
            Hop::Send { queue, message } => queue::send(account, &queue, message),
            Hop::Poll { queue } => queue::read(account, &queue).await,
            Hop::Show { queue, id } => queue::show(account, &queue, id),
            Hop::Execute {
                machine,
                input,
                tag,
            } => machine::execute(account, &machine, input, tag).await,
        }
    })
}
