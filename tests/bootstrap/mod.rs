//! Scenarios of `bootstrap-efs-replication`: an event, the changes on both sides, and the report.

mod answers;
mod destinations;
mod expiry;
mod faults;
mod large;
mod overwrite;
mod parts;
mod unknown;

use emulator::World;
use serde_json::Value;

use crate::stage::efs::Stage;

/// How often each operation was called for one look, with each of its answers.
async fn reads(stage: &Stage, event: &Value) -> Vec<(String, usize)> {
    let answer = stage.deliver(event).await;
    let calls = answer.body["calls"].as_array().unwrap().iter();
    let mut reads: Vec<(String, usize)> = calls
        .map(|call| {
            (
                call["operation"].as_str().unwrap().to_owned(),
                call["requests"].as_u64().unwrap() as usize,
            )
        })
        .collect();

    reads.sort();
    reads
}

/// Delivers twice, expects the same refusal both times, and no change.
async fn refused(world: World, event: Value, reason: &str) {
    let stage = Stage::with(world).await;
    for _ in 0..2 {
        assert_eq!(stage.conclusion(&event).await, format!("refused {reason}"));
    }
    assert_eq!(stage.changes(), [""; 0], "{reason}");
}
