//! Lambda entry point: wiring only.

use disconnect_source_server::{Drs, Policy, handle};
use lambda_runtime::Error;
use shared::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start::log("disconnect_source_server");
    let policy = &Policy::from_env()?;
    let drs = &Drs::new(&start::aws().await?);

    start::connect(drs.warm_up()).await;
    start::serve(async |payload, invocation| handle(payload, invocation, drs, policy).await).await
}
