//! Replication from a recovery instance back to where its server came from.

use serde_json::json;

use crate::{
    aws::{
        call::{ApiResult, Request},
        constraints,
        context::Context,
        error::ApiError,
    },
    drs::{
        api::{lists::arn, recovery_instances::InstanceName},
        model::{Drs, Model, SourceServer},
    },
};

/// `ReverseReplication`.
///
/// It works for servers that originate in EC2, while the agent of the instance is connected and no
/// job terminates the instance. The server gets a counterpart in the Region of its origin, with
/// the instance as its source, and the two records name each other. A second call finds the
/// counterpart of the first.
pub(super) fn reverse(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let here = model.region_mut(&context.region)?;
    let InstanceName { id } = request.read()?;
    let server = reversible_server(here, &id, context)?;
    let region = origin_region(&server, context)?;

    // Reserved before the Region of the origin is borrowed.
    let new_id = model.fresh_source_server_id();
    let origin = model.region_mut(&region)?;
    let counterpart_id = counterpart(origin, &server, &id, &new_id, context)?;
    let resource = format!("source-server/{counterpart_id}");
    let counterpart_arn = constraints::arn("drs", &region, &context.account, &resource);

    let here = model.region_mut(&context.region)?;
    // Each record names the other, which shows that they belong together.
    let reversed = &mut here
        .source_server(&server.id)?
        .reversed_direction_source_server_arn;
    *reversed = Some(counterpart_arn.clone());
    here.recovery_instance(&id)?.failback_state = "FAILBACK_IN_PROGRESS".to_owned();

    let body = json!({ "reversedDirectionSourceServerArn": counterpart_arn });
    Ok((200, Some(body)))
}

/// The server of an instance from which replication can start.
fn reversible_server(
    drs: &mut Drs,
    instance_id: &str,
    context: &Context,
) -> Result<SourceServer, ApiError> {
    let instance = drs.recovery_instance(instance_id)?;
    let (is_disconnected, server_id) = (instance.disconnected, instance.source_server_id.clone());

    // Replication back needs the agent on the instance.
    if is_disconnected || drs.is_being_terminated(instance_id, context.now) {
        let message = format!("{instance_id} is disconnected or being terminated");
        return Err(ApiError::conflict(message));
    }
    drs.source_server(&server_id).cloned()
}

/// The Region in which a server originates.
fn origin_region(server: &SourceServer, context: &Context) -> Result<String, ApiError> {
    let (Some(account), Some(region)) = (&server.origin_account_id, &server.origin_region) else {
        let message = format!("{} did not originate in EC2", server.id);
        return Err(ApiError::validation(message));
    };
    // DRS would need access to the other account, which an emulated account has not.
    if *account != context.account {
        let message = format!("the origin is in the account {account}");
        return Err(ApiError::new(403, "AccessDeniedException", message));
    }

    Ok(region.clone())
}

/// The ID of the server's counterpart in the Region of its origin, which is created if need be.
fn counterpart(
    origin: &mut Drs,
    server: &SourceServer,
    instance_id: &str,
    new_id: &str,
    context: &Context,
) -> Result<String, ApiError> {
    let own_arn = arn(context, "source-server", &server.id);
    let mut servers = origin.source_servers.iter();
    let known =
        servers.find(|other| other.reversed_direction_source_server_arn.as_ref() == Some(&own_arn));

    if let Some(known) = known {
        // A server can be launched again, but replicates back from one instance at a time.
        if known.aws_instance_id.as_deref() == Some(instance_id) {
            return Ok(known.id.clone());
        }
        let message = format!("{} replicates from another instance", known.id);
        return Err(ApiError::conflict(message));
    }

    let mut counterpart = SourceServer {
        hostname: server.hostname.clone(),
        fqdn: server.fqdn.clone(),
        aws_instance_id: Some(instance_id.to_owned()),
        origin_account_id: Some(context.account.clone()),
        origin_region: Some(context.region.clone()),
        replication_direction: "FAILBACK".to_owned(),
        reversed_direction_source_server_arn: Some(own_arn),
        disk_bytes: server.disk_bytes,
        ..SourceServer::new(new_id)
    };
    counterpart.start(context.now);
    origin.source_servers.push(counterpart);

    Ok(new_id.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        drs::api::fixtures::{INSTANCE, ONE, call, world},
        world::World,
    };

    fn call_reverse(world: &mut World) -> Result<Value, &'static str> {
        let input = json!({ "recoveryInstanceID": INSTANCE });
        call(world, "ReverseReplication", input)
    }

    fn initialize_origin(world: &mut World) {
        let regions = &mut world.drs.regions;
        regions.insert("us-west-2".to_owned(), Drs::default());
    }

    #[test]
    fn reversal_starts_once_in_the_region_of_the_origin() {
        let mut world = world();
        assert_eq!(
            call_reverse(&mut world),
            Err("UninitializedAccountException"),
            "of the origin's Region"
        );

        initialize_origin(&mut world);
        let made = call_reverse(&mut world).unwrap();
        assert_eq!(call_reverse(&mut world), Ok(made.clone()));
        let [counterpart] = world.drs.regions["us-west-2"].source_servers.as_slice() else {
            panic!("one")
        };
        let arn = |region: &str, id: &str| {
            format!("arn:aws:drs:{region}:111122223333:source-server/{id}")
        };
        assert_eq!(
            made["reversedDirectionSourceServerArn"],
            arn("us-west-2", &counterpart.id)
        );
        assert_eq!(counterpart.aws_instance_id.as_deref(), Some(INSTANCE));
        let own = arn("us-east-1", ONE);
        assert_eq!(counterpart.reversed_direction_source_server_arn, Some(own));
        let counterpart_id = counterpart.id.clone();
        assert_eq!(world.here().source_servers.len(), 2);

        // The instance cannot go before the failback has ended in the other Region.
        let terminate = json!({ "recoveryInstanceIDs": [INSTANCE] });
        assert_eq!(
            call(&mut world, "TerminateRecoveryInstances", terminate.clone()),
            Err("ConflictException")
        );
        world.region = "us-west-2".to_owned();
        let stop = json!({ "sourceServerID": counterpart_id });
        call(&mut world, "StopReplication", stop).unwrap();
        world.region = "us-east-1".to_owned();
        call(&mut world, "TerminateRecoveryInstances", terminate).unwrap();
    }

    #[test]
    fn reversal_needs_an_instance_that_stays() {
        let mut world = world();
        initialize_origin(&mut world);

        let mut terminating = world.clone();
        let terminate = json!({ "recoveryInstanceIDs": [INSTANCE] });
        call(&mut terminating, "TerminateRecoveryInstances", terminate).unwrap();
        assert_eq!(call_reverse(&mut terminating), Err("ConflictException"));

        let disconnect = json!({ "recoveryInstanceID": INSTANCE });
        call(&mut world, "DisconnectRecoveryInstance", disconnect).unwrap();
        assert_eq!(call_reverse(&mut world), Err("ConflictException"));
        assert!(world.drs.regions["us-west-2"].source_servers.is_empty());
    }

    #[test]
    fn reversal_needs_a_server_that_originates_in_ec2() {
        let mut world = world();
        world.server(ONE).unwrap().origin_region = None;

        assert_eq!(call_reverse(&mut world), Err("ValidationException"));
    }
}
