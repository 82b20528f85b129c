//! Lambda entry point: wiring only.

use disconnect_source_server::{Client, Policy, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::value::RawValue;
use shared::{Invocation, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let policy = &Policy::from_env()?;
    let drs = &Client::new(&start::aws().await);
    let answer = |event: LambdaEvent<Box<RawValue>>| async move {
        handle(event.payload.get(), Invocation::new(&event.context), drs, policy).await
    };
    run(service_fn(answer)).await
}
