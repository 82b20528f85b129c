//! Lambda entry point: wiring only.

use audit_source_servers::{Drs, Policy, handle};
use lambda_runtime::Error;
use shared::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start::log("audit_source_servers");
    let policy = &Policy::from_env()?;
    let drs = &Drs::new(&start::aws().await?);

    start::connect(drs.warm_up()).await;
    start::serve(async |payload, invocation| handle(payload, invocation, drs, policy).await).await
}
