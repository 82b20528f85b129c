//! One account and Region with its own installation: the list is sent, and again where operators do
//! so, until everything has ended.

use std::{cell::RefCell, sync::Arc, time::Duration};

use template::Role;
use tokio::{
    sync::mpsc::unbounded_channel,
    time::{sleep, timeout},
};

use crate::{
    drs,
    record::{Ending, Simulation, State},
    virtual_time::in_virtual_time,
    way::{
        MOST,
        account::Account,
        conclude,
        deployed::Stack,
        drive,
        machine::ITEM,
        scale::{
            checks::{is_complete, of_account, of_rest},
            plan::{Row, Size},
            results::Sent,
            usage::Usage,
            world::{approve_all, end_faults, scenario, send},
        },
    },
};

/// How often a list is sent at the most.
const MOST_LISTS: usize = 5;
/// After this time every late effect has happened.
const LATE_EFFECTS: Duration = Duration::from_secs(60);

/// What came of one account.
#[derive(Debug, Clone, Default)]
pub(super) struct Ran {
    /// Each time the list was sent.
    pub(super) sent: Vec<Sent>,
    pub(super) usage: Usage,
    /// The memory of the function, in MB.
    pub(super) memory: u64,
    /// When the last execution ended, since the first list was sent.
    pub(super) ended: Duration,
    pub(super) complaints: Vec<String>,
    /// Equal for equal calls, faults, kills and reports in the same order at the same times.
    pub(super) hash: u64,
}

/// Runs the account with a number.
pub(super) fn run(row: Row, size: Size, number: usize) -> Ran {
    let seed = size.seed.wrapping_add(number as u64);
    let ran = RefCell::new(None);

    let ending = in_virtual_time(seed, async |begun| {
        // The deployment decides the rest of the scenario.
        let mut scenario = scenario(row, size, seed);
        let stack = Stack::given(&drs::SUBJECT, &scenario, row.parameters);
        scenario.timeout_seconds = stack.number("Timeout").unwrap_or(3) as u64;
        let memory = stack.number("MemorySize").unwrap_or(128) as u64;

        let mut state = State::new(&drs::SUBJECT, scenario, None);
        state.deployed = Some(stack.variables(&drs::SUBJECT));
        state.role = Arc::new(Role::of(drs::SUBJECT.name(), &stack.deployment));
        let simulation = Simulation::new(state);
        begun.replace(Some(simulation.clone()));

        // The result outlives the runtime in which it was found.
        let (ending, found) = work_off(simulation, stack, row, size, seed).await;
        ran.replace(Some(Ran { memory, ..found }));
        ending
    });

    // A panic leaves no result but its violation.
    let mut ran = ran.take().unwrap_or_default();
    ran.hash = ending.hash();
    ran.complaints.extend(
        ending
            .violations
            .iter()
            .map(|violation| violation.in_words()),
    );
    ran
}

/// Sends the list until it is done, or once.
async fn work_off(
    simulation: Simulation,
    stack: Stack,
    row: Row,
    size: Size,
    seed: u64,
) -> (Ending, Ran) {
    let (outbox, mut hops) = unbounded_channel();
    // Chance of its own, so that services do not shift the faults of calls.
    let rng = fastrand::Rng::with_seed(seed ^ 0xf1ee7);
    let mishaps = row.mishaps(size.servers);
    let account = Account::new(simulation, stack, rng, mishaps, outbox);

    let mut lists = Vec::new();
    let mut complaints = Vec::new();
    let mut has_ended = true;
    for _ in 0..MOST_LISTS {
        // Executions and items of earlier lists are not this one's.
        let known = account.executions.borrow().len();
        let begun_before = items_begun(&account);
        send(&account, size.servers);
        // Everything that follows from the list is over before it is judged.
        let all = drive(&account, &mut hops);
        has_ended &= timeout(Duration::from_secs(MOST), all).await.is_ok();
        sleep(LATE_EFFECTS).await;

        let executions = account.executions.borrow();
        let begun = items_begun(&account) - begun_before;
        let sent = Sent::read(&executions[known..], size.servers, begun).unwrap_or_default();
        drop(executions);
        // A second list begins again what the first one changed.
        if lists.is_empty() {
            complaints.extend(of_rest(&account, row, size, begun));
        }
        let is_over = !row.is_sent_again || is_complete(&sent, size.servers);
        lists.push(sent);
        if is_over {
            break;
        }
        // People send again what failed once the trouble has passed.
        end_faults(&account);
        approve_all(&account, row, size.servers);
    }

    // The account as it is in the end.
    let ended = account.executions.borrow().iter().map(|it| it.at).max();
    complaints.extend(of_account(&account, row, size, &lists));
    let ran = Ran {
        sent: lists,
        usage: Usage::of_account(&account),
        ended: ended.unwrap_or_default(),
        complaints,
        ..Ran::default()
    };
    (conclude(&account, has_ended), ran)
}

/// How many items of fleets were begun so far.
fn items_begun(account: &Account) -> usize {
    let trace = account.trace.borrow();

    trace.hops.get(ITEM).map_or(0, |count| *count as usize)
}
