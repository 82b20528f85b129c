//! The request inside an event.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::aws;

/// How far ahead a request may expire, in seconds.
const LONGEST_VALIDITY: i64 = 24 * 3600;

/// The request inside an EventBridge event, if it is one that may be worked on now.
pub(crate) fn request(event: &Value) -> Result<(&str, &[Value])> {
    let detail = event.get("detail").context("no detail")?;
    if detail.get("version").and_then(Value::as_i64) != Some(1) {
        bail!("not version 1");
    }

    let left =
        aws::seconds(text(detail, "expiresAt")).context("expiresAt is no time")? - aws::now();
    if !(1..=LONGEST_VALIDITY).contains(&left) {
        bail!("expired, or for too long");
    }

    let targets = detail
        .get("targets")
        .and_then(Value::as_array)
        .context("no targets")?;
    let most = std::env::var("MAX_TARGETS")
        .ok()
        .and_then(|most| most.parse().ok())
        .unwrap_or(10);

    if targets.is_empty() || targets.len() > most {
        bail!("{} targets", targets.len());
    }

    Ok((text(detail, "requestID"), targets))
}

/// A text member; empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The elements of a list; none if there is no list.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}
