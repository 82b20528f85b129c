//! Recovery instances on the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request, put},
        context::Context,
        error::ApiError,
        ids::digest,
    },
    drs::{
        api::{
            descriptions::properties_json,
            jobs::job_json,
            launches::View,
            lists::{List, arn, time},
        },
        model::{Drs, Model, RecoveryInstance, SourceServer},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceName {
    #[serde(rename = "recoveryInstanceID")]
    pub(super) id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Terminate {
    #[serde(rename = "recoveryInstanceIDs")]
    ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct InstanceFilters {
    #[serde(rename = "recoveryInstanceIDs")]
    ids: Vec<String>,
    #[serde(rename = "sourceServerIDs")]
    source_server_ids: Vec<String>,
}

impl InstanceFilters {
    fn match_instance(&self, instance: &RecoveryInstance) -> bool {
        let servers = &self.source_server_ids;

        (self.ids.is_empty() || self.ids.contains(&instance.id))
            && (servers.is_empty() || servers.contains(&instance.source_server_id))
    }
}

/// `DescribeRecoveryInstances`.
pub(super) fn describe(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let drs = model.region_mut(&context.region)?;
    let view = View::new(drs, context);
    let mut list: List<InstanceFilters> = request.read()?;
    let filters = list.take_filters();

    let instances = drs.recovery_instances.iter();
    let items = instances
        .filter(|instance| filters.match_instance(instance))
        .map(|instance| instance_json(instance, drs, &view))
        .collect();
    list.page(items, context, request)
}

/// `TerminateRecoveryInstances`.
pub(super) fn terminate(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let drs = model.region_mut(&context.region)?;
    let Terminate { ids } = request.read()?;
    let job = drs.terminate(&ids, context.now)?;

    Ok((200, Some(json!({ "job": job_json(job, context) }))))
}

/// `DisconnectRecoveryInstance`.
pub(super) fn disconnect(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let (drs, id) = named_instance(model, context, request)?;
    drs.disconnect_recovery_instance(&id)?;

    Ok((200, None))
}

/// `DeleteRecoveryInstance`.
pub(super) fn delete(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let (drs, id) = named_instance(model, context, request)?;
    drs.delete_recovery_instance(&id)?;

    Ok((200, None))
}

/// `StopFailback`.
pub(super) fn stop_failback(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let (drs, id) = named_instance(model, context, request)?;
    let instance = drs.recovery_instance(&id)?;
    instance.failback_state = "FAILBACK_NOT_STARTED".to_owned();

    Ok((200, None))
}

/// DRS in the Region of a call, and the ID of the instance that the call names.
fn named_instance<'a>(
    model: &'a mut Model,
    context: &Context,
    request: &Request,
) -> Result<(&'a mut Drs, String), ApiError> {
    let drs = model.region_mut(&context.region)?;
    let InstanceName { id } = request.read()?;

    Ok((drs, id))
}

/// The members that the emulator makes up about every recovery instance.
const MADE_UP: [&str; 6] = [
    "/agentVersion",
    "/jobID",
    "/originEnvironment",
    "/originAvailabilityZone",
    "/pointInTimeSnapshotDateTime",
    "/recoveryInstanceProperties",
];

/// A recovery instance as DRS describes it.
pub(super) fn instance_json(instance: &RecoveryInstance, drs: &Drs, view: &View<'_>) -> Value {
    // The server may have been deleted since the launch.
    let mut servers = drs.source_servers.iter();
    let server = servers.find(|server| server.id == instance.source_server_id);
    let is_from_aws = server
        .is_none_or(|server| server.origin_region.is_some() || server.aws_instance_id.is_some());

    // The state is that of the replication back, which a failback starts.
    let replication_state = match instance.failback_state.as_str() {
        _ if instance.disconnected => "DISCONNECTED",
        "FAILBACK_IN_PROGRESS" => "INITIAL_SYNC",
        _ => "NOT_STARTED",
    };
    let mut json = json!({
        "recoveryInstanceID": instance.id,
        "ec2InstanceID": instance.id,
        "ec2InstanceState": instance.ec2_instance_state,
        "sourceServerID": instance.source_server_id,
        "arn": arn(view.context, "recovery-instance", &instance.id),
        "tags": instance.tags,
        "failback": { "state": instance.failback_state },
        "isDrill": instance.is_drill,
        "originEnvironment": if is_from_aws { "AWS" } else { "ON_PREMISES" },
        "dataReplicationInfo": { "dataReplicationState": replication_state },
        "recoveryInstanceProperties": instance_properties_json(instance, server, view),
        "agentVersion": "6.4.0",
    });

    // Only servers that originate in EC2 have an origin zone.
    if let Some(region) = server.and_then(|server| server.origin_region.as_ref()) {
        let zone = format!("{region}a");
        put(&mut json, "originAvailabilityZone", json!(zone));
    }
    let launch = view.launches.get(&instance.source_server_id);
    if let Some((id, created_at)) = launch.and_then(|launch| launch.job.as_ref()) {
        // The launch took the latest point before its job.
        let point_in_time = json!(time(*created_at));
        put(&mut json, "jobID", json!(id));
        put(&mut json, "pointInTimeSnapshotDateTime", point_in_time);
    }

    json = view.context.without_made_up(json, &MADE_UP);
    // Of its replication only a disconnect is known.
    match instance.disconnected {
        true => json,
        false => view
            .context
            .without_made_up(json, &["/dataReplicationInfo"]),
    }
}

/// The properties of the instance: those of its server, on its own disk.
fn instance_properties_json(
    instance: &RecoveryInstance,
    server: Option<&SourceServer>,
    view: &View<'_>,
) -> Value {
    // The instance was launched from a copy of the server, so it looks the same inside.
    let mut properties = match server {
        Some(server) => properties_json(server, view.context),
        None => json!({}),
    };

    // The model gives these two to source servers only.
    if let Some(members) = properties.as_object_mut() {
        members.remove("recommendedInstanceType");
        members.remove("supportsNitroInstances");
    }
    if let Some(hints) = properties.get_mut("identificationHints") {
        put(hints, "awsInstanceID", json!(instance.id));
    }

    // The model allows 19 characters; volume IDs have 21 today, so this is one of the old form.
    let volume = format!("vol-{:08x}", digest(&instance.id) >> 32);
    let disk = json!({
        "internalDeviceName": "/dev/xvda",
        "bytes": server.map(|server| server.disk_bytes).unwrap_or_default(),
        "ebsVolumeID": volume,
    });
    put(&mut properties, "disks", json!([disk]));

    properties
}
