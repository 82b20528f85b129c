//! The limit: what both jobs cost without an SDK.
//!
//! Signs its calls by hand, keeps its TLS connections, and makes the same calls as the functions
//! under the same rules. It is a measure, not a tool: nothing is tried twice, no time limit is
//! kept, and its reports are short.

#![expect(clippy::print_stdout, reason = "what a function prints is its log")]

mod aws;
mod connection;
mod disconnect;
mod environment;
mod replicate;
mod request;

use anyhow::{Context, Result, bail};

use crate::{aws::Aws, connection::Connection, environment::variable};

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
