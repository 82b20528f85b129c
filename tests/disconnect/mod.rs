//! Scenarios of `disconnect-source-server`: an event, the changes in the account, and the report.

mod answers;
mod approvals;
mod batches;
mod cleanup;
mod faults;
mod life;
mod limits;
mod matching;
mod retirement;
mod unknown;

use emulator::{Behaviour, RecoveryInstance, Reply, World};
use serde_json::{Value, json};

use crate::stage::drs::{ONE, Stage, approved, approved_servers, by_id, number, request};

const DISCONNECTED_ONCE: [&str; 2] = [
    "DisconnectSourceServer s-00000000000000001",
    "UntagResource s-00000000000000001",
];

/// The same account under both answers to what a second disconnect does.
async fn under_both_answers() -> [Stage; 2] {
    let stage = |reply| {
        let mut world = World::with([approved(ONE)]);
        world.behaviour = Behaviour {
            second_disconnect: reply,
            ..Behaviour::default()
        };
        Stage::with(world)
    };
    [stage(Reply::Ok).await, stage(Reply::Conflict).await]
}

/// The same account where the answer to a disconnect shows the server as it is from then on, and
/// where it does not.
async fn with_and_without_confirmation() -> [Stage; 2] {
    let stage = |disconnect_answers_as_before| {
        let mut world = World::with([approved(ONE)]);
        world.behaviour = Behaviour {
            disconnect_answers_as_before,
            ..Behaviour::default()
        };
        Stage::with(world)
    };
    [stage(false).await, stage(true).await]
}

/// Delivers twice, expects the same refusal both times, and no change.
async fn refused(world: World, reason: &str) {
    let stage = Stage::with(world).await;
    for _ in 0..2 {
        assert_eq!(
            stage.disconnect().await.conclusion(),
            format!("refused {reason}")
        );
    }
    assert_eq!(stage.changes(), [""; 0], "{reason}");
}

fn recovery_instance(is_drill: bool) -> RecoveryInstance {
    serde_json::from_value(
        json!({ "recoveryInstanceID": "i-00000000000000009", "sourceServerID": ONE, "isDrill": is_drill }),
    )
    .unwrap()
}

/// Thirty approved servers, so that three are within the share of ten percent.
fn thirty() -> World {
    approved_servers(30)
}

fn first(count: usize) -> Value {
    request(
        "disconnect",
        &(1..=count)
            .map(|index| by_id(&number(index)))
            .collect::<Vec<_>>(),
    )
}
