//! Recovery instances on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::ids::fresh,
    aws::{
        call::{Reply, Request, input, put},
        constraints,
        error::ApiError,
        ids::digest,
    },
    drs::api::lists::arn,
    drs::{
        api::{
            jobs::job_json,
            launches::Context,
            lists::{List, page, time},
            source_servers::properties_json,
        },
        model::types::{Drs, RecoveryInstance, SourceServer},
    },
    world::World,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfRecoveryInstance {
    #[serde(rename = "recoveryInstanceID")]
    pub(crate) id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terminate {
    #[serde(rename = "recoveryInstanceIDs")]
    pub(crate) ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RecoveryInstanceFilters {
    #[serde(rename = "recoveryInstanceIDs")]
    pub(crate) ids: Vec<String>,
    #[serde(rename = "sourceServerIDs")]
    pub(crate) source_server_ids: Vec<String>,
}

pub(crate) fn recovery_instances(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    let of_instance = || input::<OfRecoveryInstance>(&request.input).map(|instance| instance.id);
    match request.operation.as_str() {
        "DescribeRecoveryInstances" => {
            let list: List<RecoveryInstanceFilters> = input(&request.input)?;
            let filters = list.filters.as_ref();
            let fits = |instance: &&RecoveryInstance| {
                filters.is_none_or(|filters| {
                    (filters.ids.is_empty() || filters.ids.contains(&instance.id))
                        && (filters.source_server_ids.is_empty()
                            || filters
                                .source_server_ids
                                .contains(&instance.source_server_id))
                })
            };
            let fitting = drs.recovery_instances.iter().filter(fits);
            page(
                fitting
                    .map(|instance| recovery_instance_json(instance, drs, context))
                    .collect(),
                &list,
                request,
                context,
            )
        }
        "TerminateRecoveryInstances" => {
            let ids = input::<Terminate>(&request.input)?.ids;
            drs.terminate(&ids, context.now)
                .map(|job| (200, Some(json!({ "job": job_json(job, context) }))))
        }
        "DisconnectRecoveryInstance" => drs
            .disconnect_recovery_instance(&of_instance()?)
            .map(|()| (200, None)),
        "DeleteRecoveryInstance" => drs
            .delete_recovery_instance(&of_instance()?)
            .map(|()| (200, None)),
        "StopFailback" => {
            drs.recovery_instance(&of_instance()?)?.failback_state =
                "FAILBACK_NOT_STARTED".to_owned();
            Ok((200, None))
        }
        other => Err(ApiError::internal(&format!("{other} is not served"))),
    }
}

/// Replication from a recovery instance back to where its server came from, in EC2 alone, while its
/// agent is connected and nobody terminates it: the server gets a counterpart in the origin's
/// Region, which the instance is the source of, and the two name each other. The second time, the
/// counterpart is there.
pub(crate) fn reverse(world: &mut World, context: &Context, request: &Request) -> Reply {
    let id = input::<OfRecoveryInstance>(&request.input)?.id;
    let answer = |arn: &str| {
        Ok((
            200,
            Some(json!({ "reversedDirectionSourceServerArn": arn })),
        ))
    };
    let fresh = SourceServer::new(&fresh_in_all_regions(world));
    let here = world
        .drs
        .get_mut(&request.region)
        .ok_or_else(ApiError::uninitialized)?;
    let instance = here.recovery_instance(&id)?;
    let (disconnected, source_server_id) =
        (instance.disconnected, instance.source_server_id.clone());
    if disconnected || here.is_being_terminated(&id, context.now) {
        return Err(ApiError::conflict(format!(
            "{id} is disconnected or being terminated"
        )));
    }
    let server = here.source_server(&source_server_id)?.clone();
    let (Some(account), Some(region)) = (&server.origin_account_id, &server.origin_region) else {
        return Err(ApiError::validation(format!(
            "{source_server_id} did not originate in EC2"
        )));
    };
    if *account != context.account {
        return Err(ApiError::new(
            403,
            "AccessDeniedException",
            format!("the origin is in the account {account}"),
        ));
    }
    let origin = world
        .drs
        .get_mut(region)
        .ok_or_else(ApiError::uninitialized)?;
    let own_arn = arn(context, "source-server", &source_server_id);
    let replicates =
        |of: &&SourceServer| of.reversed_direction_source_server_arn.as_ref() == Some(&own_arn);
    let counterpart = match origin.source_servers.iter().find(replicates) {
        Some(known) if known.aws_instance_id.as_ref() == Some(&id) => known.id.clone(),
        Some(other) => {
            return Err(ApiError::conflict(format!(
                "{} replicates from another instance",
                other.id
            )));
        }
        None => {
            let mut counterpart = SourceServer {
                hostname: server.hostname.clone(),
                fqdn: server.fqdn.clone(),
                aws_instance_id: Some(id.clone()),
                origin_account_id: Some(context.account.clone()),
                origin_region: Some(context.region.clone()),
                replication_direction: "FAILBACK".to_owned(),
                reversed_direction_source_server_arn: Some(own_arn),
                disk_bytes: server.disk_bytes,
                ..fresh
            };
            counterpart.start(context.now);
            let made = counterpart.id.clone();
            origin.source_servers.push(counterpart);
            made
        }
    };
    let arn = constraints::arn(
        "drs",
        region,
        &context.account,
        &format!("source-server/{counterpart}"),
    );
    let here = world
        .drs
        .get_mut(&request.region)
        .ok_or_else(ApiError::uninitialized)?;
    here.source_server(&source_server_id)?
        .reversed_direction_source_server_arn = Some(arn.clone());
    here.recovery_instance(&id)?.failback_state = "FAILBACK_IN_PROGRESS".to_owned();
    answer(&arn)
}

pub(crate) fn fresh_in_all_regions(world: &World) -> String {
    let taken = world.drs.values();
    fresh(
        "s-",
        taken.flat_map(|drs| {
            drs.source_servers
                .iter()
                .map(|server| &server.id)
                .chain(&drs.gone)
        }),
    )
}

pub(crate) fn recovery_instance_json(
    instance: &RecoveryInstance,
    drs: &Drs,
    context: &Context,
) -> Value {
    let server = drs
        .source_servers
        .iter()
        .find(|server| server.id == instance.source_server_id);
    let is_of_aws = server
        .is_none_or(|server| server.origin_region.is_some() || server.aws_instance_id.is_some());
    let mut properties =
        server.map_or_else(|| json!({}), |server| properties_json(server, context));
    let bytes = server.map(|server| server.disk_bytes).unwrap_or_default();
    // The model has 19 signs for an ID that has 21 today, so this is one of the old form.
    let volume = format!("vol-{:08x}", digest(&instance.id) >> 32);
    if let Some(properties) = properties.as_object_mut() {
        properties.retain(|member, _| {
            !matches!(
                member.as_str(),
                "recommendedInstanceType" | "supportsNitroInstances"
            )
        });
        let disk =
            json!({ "internalDeviceName": "/dev/xvda", "bytes": bytes, "ebsVolumeID": volume });
        properties.insert("disks".to_owned(), json!([disk]));
    }
    if let Some(hints) = properties.get_mut("identificationHints") {
        put(hints, "awsInstanceID", json!(instance.id));
    }
    let fails_back = instance.failback_state == "FAILBACK_IN_PROGRESS";
    let state = match instance.disconnected {
        true => "DISCONNECTED",
        false if fails_back => "INITIAL_SYNC",
        false => "NOT_STARTED",
    };
    let mut json = json!({
        "recoveryInstanceID": instance.id,
        "ec2InstanceID": instance.id,
        "ec2InstanceState": instance.ec2_instance_state,
        "sourceServerID": instance.source_server_id,
        "arn": arn(context, "recovery-instance", &instance.id),
        "tags": instance.tags,
        "failback": { "state": instance.failback_state },
        "isDrill": instance.is_drill,
        "originEnvironment": if is_of_aws { "AWS" } else { "ON_PREMISES" },
        "dataReplicationInfo": { "dataReplicationState": state },
        "recoveryInstanceProperties": properties,
        "agentVersion": "6.4.0",
    });
    if let Some(region) = server.and_then(|server| server.origin_region.as_ref()) {
        put(
            &mut json,
            "originAvailabilityZone",
            json!(format!("{region}a")),
        );
    }
    if let Some((id, at)) = context
        .launches
        .get(&instance.source_server_id)
        .and_then(|launch| launch.job.as_ref())
    {
        put(&mut json, "jobID", json!(id));
        put(&mut json, "pointInTimeSnapshotDateTime", json!(time(*at)));
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drs::api::fixtures::*;
    use crate::drs::api::fixtures::{INSTANCE, ONE, call};

    #[test]
    fn a_reversal_begins_in_the_region_of_the_origin_and_only_once() {
        let mut world = world();
        let reverse = |world: &mut World| {
            call(
                world,
                "ReverseReplication",
                json!({ "recoveryInstanceID": INSTANCE }),
            )
        };
        assert_eq!(
            reverse(&mut world),
            Err("UninitializedAccountException"),
            "the origin's Region"
        );
        world.drs.insert("us-west-2".to_owned(), Drs::default());
        let made = reverse(&mut world).unwrap();
        assert_eq!(reverse(&mut world), Ok(made.clone()));
        let [counterpart] = world.drs["us-west-2"].source_servers.as_slice() else {
            panic!("one")
        };
        let arn = format!(
            "arn:aws:drs:us-west-2:111122223333:source-server/{}",
            counterpart.id
        );
        assert_eq!(made["reversedDirectionSourceServerArn"], arn);
        assert_eq!(counterpart.aws_instance_id.as_deref(), Some(INSTANCE));
        let own = format!("arn:aws:drs:us-east-1:111122223333:source-server/{ONE}");
        assert_eq!(counterpart.reversed_direction_source_server_arn, Some(own));
        assert_eq!(world.here().source_servers.len(), 2);
        let terminate = json!({ "recoveryInstanceIDs": [INSTANCE] });
        assert_eq!(
            call(&mut world, "TerminateRecoveryInstances", terminate.clone()),
            Err("ConflictException")
        );
        let id = world.drs["us-west-2"].source_servers[0].id.clone();
        world.region = "us-west-2".to_owned();
        call(
            &mut world,
            "StopReplication",
            json!({ "sourceServerID": id }),
        )
        .unwrap();
        world.region = "us-east-1".to_owned();
        call(&mut world, "TerminateRecoveryInstances", terminate).unwrap();
    }

    #[test]
    fn a_reversal_needs_an_instance_that_stays() {
        let mut world = world();
        world.drs.insert("us-west-2".to_owned(), Drs::default());
        let reverse = |world: &mut World| {
            call(
                world,
                "ReverseReplication",
                json!({ "recoveryInstanceID": INSTANCE }),
            )
        };
        let mut terminating = world.clone();
        call(
            &mut terminating,
            "TerminateRecoveryInstances",
            json!({ "recoveryInstanceIDs": [INSTANCE] }),
        )
        .unwrap();
        assert_eq!(reverse(&mut terminating), Err("ConflictException"));
        call(
            &mut world,
            "DisconnectRecoveryInstance",
            json!({ "recoveryInstanceID": INSTANCE }),
        )
        .unwrap();
        assert_eq!(reverse(&mut world), Err("ConflictException"));
        assert!(world.drs["us-west-2"].source_servers.is_empty());
    }

    #[test]
    fn what_did_not_originate_in_ec2_cannot_be_reversed() {
        let mut world = world();
        world.server(ONE).unwrap().origin_region = None;
        let reversed = call(
            &mut world,
            "ReverseReplication",
            json!({ "recoveryInstanceID": INSTANCE }),
        );
        assert_eq!(reversed, Err("ValidationException"));
    }
}
