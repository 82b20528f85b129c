//! Whether an answer is right, and the account is as it must be after it.

use anyhow::{Context, Result, bail, ensure};
use emulator::Cloud;
use serde_json::Value;

/// Checks that the answer has one result for each of these, all with this outcome.
pub(crate) fn check_answer(ids: &[String], answer: &Value, outcome: &str) -> Result<()> {
    let results = answer
        .get("targets")
        .and_then(Value::as_array)
        .with_context(|| format!("no targets: {answer}"))?;
    ensure!(
        results.len() == ids.len(),
        "not a result for each target: {answer}"
    );

    let has_outcome = |value: &Value| value.get("outcome").and_then(Value::as_str) == Some(outcome);
    ensure!(has_outcome(answer), "not {outcome}: {answer}");
    ensure!(
        results.iter().all(has_outcome),
        "a target is not {outcome}: {answer}"
    );
    Ok(())
}

/// Checks that no call was wrong, and that each of these was changed so, and nothing else.
pub(crate) fn check_changes(ids: &[String], cloud: &Cloud, changes: &[&str]) -> Result<()> {
    if let Err(complaints) = cloud.finish() {
        bail!("{complaints:?}");
    }

    let mut expected: Vec<String> = Vec::new();
    for id in ids {
        expected.extend(changes.iter().map(|change| format!("{change} {id}")));
    }
    let mut changed = cloud.changes();
    expected.sort();
    changed.sort();
    ensure!(changed == expected, "it changed {changed:?}");
    Ok(())
}
