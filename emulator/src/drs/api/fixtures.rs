//! An account for the tests of DRS on the wire.

use serde_json::{Value, json};

use crate::{
    aws::call::{Request, Service},
    drs::model::SourceServer,
    services,
    world::World,
};

pub(crate) const ONE: &str = "s-00000000000000001";
pub(crate) const TWO: &str = "s-00000000000000002";
pub(crate) const INSTANCE: &str = "i-0123456789abcdef0";

/// An account with two servers, the first of which was launched for a drill and comes from EC2.
pub(crate) fn world() -> World {
    let origin = |id: &str| SourceServer {
        origin_account_id: Some("111122223333".to_owned()),
        origin_region: Some("us-west-2".to_owned()),
        ..SourceServer::new(id)
    };
    let instance = json!({
        "recoveryInstanceID": INSTANCE,
        "sourceServerID": ONE,
        "isDrill": true,
    });

    let mut world = World::with([origin(ONE), SourceServer::new(TWO)]);
    let instances = &mut world.here().recovery_instances;
    instances.push(serde_json::from_value(instance).unwrap());
    world
}

/// Calls DRS: the body of the answer, or the code of the error.
pub(crate) fn call(
    world: &mut World,
    operation: &str,
    input: Value,
) -> Result<Value, &'static str> {
    let request = Request {
        service: Service::Drs,
        operation: operation.to_owned(),
        region: world.region.clone(),
        input,
    };
    let answer = services::answer(world, &request);

    answer
        .map(|(_, body)| body.unwrap_or_default())
        .map_err(|error| error.code)
}
