//! Lambda entry point: wiring only.

use audit_file_systems::{Efs, Policy, handle};
use lambda_runtime::Error;
use shared::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start::log("audit_file_systems");
    let policy = &Policy::from_env()?;
    let efs = &Efs::new(&start::aws().await?);

    start::connect(efs.warm_up()).await;
    start::serve(async |payload, invocation| handle(payload, invocation, efs, policy).await).await
}
