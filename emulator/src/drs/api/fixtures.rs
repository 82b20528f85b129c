//! An account that the tests of this wing begin with.

use serde_json::{Value, json};

use crate::{
    aws::call::{Request, Service},
    drs::{api::answer, model::types::SourceServer},
    world::World,
};

pub(crate) const ONE: &str = "s-00000000000000001";

pub(crate) const TWO: &str = "s-00000000000000002";

pub(crate) const INSTANCE: &str = "i-0123456789abcdef0";

pub(crate) fn world() -> World {
    let origin = |id: &str| SourceServer {
        origin_account_id: Some("111122223333".to_owned()),
        origin_region: Some("us-west-2".to_owned()),
        ..SourceServer::new(id)
    };
    let mut world = World::with([origin(ONE), SourceServer::new(TWO)]);
    let instance =
        json!({ "recoveryInstanceID": INSTANCE, "sourceServerID": ONE, "isDrill": true });
    world
        .here()
        .recovery_instances
        .push(serde_json::from_value(instance).unwrap());
    world
}

pub(crate) fn call(
    world: &mut World,
    operation: &str,
    input: Value,
) -> Result<Value, &'static str> {
    let (operation, region) = (operation.to_owned(), world.region.clone());
    let request = Request {
        service: Service::Drs,
        operation,
        region,
        input,
    };
    answer(world, &request)
        .map(|(_, body)| body.unwrap_or_default())
        .map_err(|error| error.code)
}
