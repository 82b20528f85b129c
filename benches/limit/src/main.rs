//! The limit: what both jobs cost without an SDK.
//!
//! Signs its calls by hand, keeps its TLS connections, and makes the same calls as the functions
//! under the same rules. It is a measure, not a tool: nothing is tried twice, no time limit is
//! kept, and its reports are short.

#![expect(clippy::print_stdout, reason = "what a function prints is its log")]

mod aws;
mod connection;
mod disconnect;
mod replicate;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{aws::Aws, connection::Connection};

/// How far ahead a request may expire, in seconds.
const LONGEST_VALIDITY: i64 = 24 * 3600;

fn main() -> Result<()> {
    let api = variable("AWS_LAMBDA_RUNTIME_API")?;
    let mut runtime = Connection::plain(&api)?;
    let handler = variable("_HANDLER")?;
    let endpoint = if handler == disconnect::NAME {
        "AWS_ENDPOINT_URL_DRS"
    } else {
        "AWS_ENDPOINT_URL_EFS"
    };

    let mut aws = Aws::from_env(&variable(endpoint)?)?;
    loop {
        let event = runtime.send(
            "GET",
            "/2018-06-01/runtime/invocation/next",
            &[("host", &api)],
            b"",
        )?;
        let id = event
            .header("lambda-runtime-aws-request-id")
            .context("an invocation without an ID")?;
        let answer = match handler.as_str() {
            disconnect::NAME => disconnect::answer(&mut aws, &event.body),
            replicate::NAME => replicate::answer(&mut aws, &event.body),
            _ => bail!("no job is called {handler}"),
        };
        let (kind, body) = match answer {
            Ok(report) => ("response", report.to_string()),
            Err(error) => (
                "error",
                serde_json::json!({ "errorMessage": format!("{error:#}") }).to_string(),
            ),
        };
        println!("{body}");
        let path = format!("/2018-06-01/runtime/invocation/{id}/{kind}");
        runtime.send("POST", &path, &[("host", &api)], body.as_bytes())?;
    }
}

/// What the environment says.
///
/// # Errors
///
/// When it does not.
fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

/// The request inside an EventBridge event, if it is one that may be worked on now.
fn request<'a>(event: &'a Value, targets: &str) -> Result<(&'a str, &'a [Value])> {
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
        .get(targets)
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
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The elements of a list; none if there is no list.
fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}
