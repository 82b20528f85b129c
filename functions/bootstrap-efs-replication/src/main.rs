//! Lambda entry point: wiring only.

use bootstrap_efs_replication::{Policy, Regions, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;
use shared::{Invocation, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start::log("bootstrap_efs_replication");
    let policy = &Policy::from_env()?;
    let efs = &Regions::new(&start::aws()?);
    start::connect(efs.reach()).await;
    let answer = |event: LambdaEvent<Box<RawValue>>| async move {
        handle(event.payload.get(), Invocation::new(&event.context), efs, policy).await
    };
    run(service_fn(answer)).await
}
