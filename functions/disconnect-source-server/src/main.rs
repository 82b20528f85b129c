//! Lambda entry point: wiring only.

use disconnect_source_server::{Drs, Policy, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;
use shared::{Invocation, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start::log("disconnect_source_server");
    let policy = &Policy::from_env()?;
    let drs = &Drs::new(&start::aws()?);
    start::connect(drs.reach()).await;
    let answer = |event: LambdaEvent<Box<RawValue>>| async move {
        handle(event.payload.get(), Invocation::new(&event.context), drs, policy).await
    };
    run(service_fn(answer)).await
}
