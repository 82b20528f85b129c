//! Source servers as DRS describes them.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    aws::{call::put, context::Context, ids::digest},
    drs::{
        api::{
            launches::{Launch, View},
            lists::{arn, time},
        },
        model::{STEPS, SourceServer},
    },
};

/// A source server.
pub(super) fn server_json(server: &SourceServer, view: &View<'_>) -> Value {
    let launch = view.launches.get(&server.id).map(|launch| launch.status);
    let last_launch_result = match launch {
        None => "NOT_STARTED",
        Some("PENDING" | "IN_PROGRESS") => "PENDING",
        Some(_) => "SUCCEEDED",
    };

    let mut json = json!({
        "sourceServerID": server.id,
        "arn": arn(view.context, "source-server", &server.id),
        "tags": server.tags,
        "lastLaunchResult": last_launch_result,
        "dataReplicationInfo": replication_json(server, view.context),
        "lifeCycle": life_cycle_json(server, view),
        "sourceProperties": properties_json(server, view.context),
        "stagingArea": staging_json(server, view.context),
        "replicationDirection": server.replication_direction,
        "agentVersion": "6.4.0",
    });

    // Members without a value are absent, as in the answers of AWS.
    if let Some(id) = &server.recovery_instance_id {
        put(&mut json, "recoveryInstanceId", json!(id));
    }
    if let Some(arn) = &server.reversed_direction_source_server_arn {
        put(&mut json, "reversedDirectionSourceServerArn", json!(arn));
    }
    if let (Some(account), Some(region)) = (&server.origin_account_id, &server.origin_region) {
        let origin = json!({
            "originAccountID": account,
            "originRegion": region,
            "originAvailabilityZone": format!("{region}a"),
        });
        put(&mut json, "sourceCloudProperties", origin);
    }

    json
}

fn replication_json(server: &SourceServer, context: &Context) -> Value {
    // A disconnect discards the replicated data.
    let bytes = match server.is_disconnected() {
        true => 0,
        false => server.disk_bytes,
    };
    let mut json = json!({
        "dataReplicationState": server.data_replication_state,
        // The replication servers could be in any zone of the Region.
        "stagingAvailabilityZone": format!("{}a", context.region),
        "replicatedDisks": [{
            "deviceName": "/dev/xvda",
            "totalStorageBytes": bytes,
            "replicatedStorageBytes": bytes,
            "rescannedStorageBytes": 0,
            "backloggedStorageBytes": 0,
            "volumeStatus": "REGULAR",
        }],
    });

    match server.data_replication_state.as_str() {
        "CONTINUOUS" => put(&mut json, "lagDuration", json!("PT0S")),
        "STALLED" => {
            // Any other error of the API would do for a server whose agent is seen.
            let error = match server.agent_unreachable_since {
                Some(_) => "AGENT_NOT_SEEN",
                None => "NOT_CONVERGING",
            };
            let error = json!({ "error": error, "rawError": "the replication is stalled" });
            put(&mut json, "dataReplicationError", error);
        }
        _ => {}
    }

    // A replication that has ended, or that started before the world began, shows no start.
    let is_ended = matches!(
        server.data_replication_state.as_str(),
        "STOPPED" | "DISCONNECTED"
    );
    if let Some(since) = server.replicating_since.filter(|_| !is_ended) {
        let initiation = initiation_json(since, context.now);
        put(&mut json, "dataReplicationInitiation", initiation);
    }
    if let Some(synced_at) = server.synced_at() {
        put(&mut json, "etaDateTime", json!(time(synced_at)));
    }
    json
}

/// The steps by which a replication started.
fn initiation_json(since: DateTime<Utc>, now: DateTime<Utc>) -> Value {
    let done = SourceServer::steps_done(since, now);
    let steps = STEPS.iter().enumerate().map(|(index, name)| {
        let status = match index.cmp(&done) {
            Ordering::Less => "SUCCEEDED",
            Ordering::Equal => "IN_PROGRESS",
            Ordering::Greater => "NOT_STARTED",
        };
        json!({ "name": name, "status": status })
    });

    json!({ "startDateTime": time(since), "steps": steps.collect::<Vec<_>>() })
}

fn life_cycle_json(server: &SourceServer, view: &View<'_>) -> Value {
    let now = view.context.now;
    let since = server.replicating_since.unwrap_or(view.context.long_ago);
    // ISO 8601 with days and hours, as DRS writes it.
    let hours = (now - since).num_hours();
    // The agent talks to DRS until a disconnect has uninstalled it, unless it cannot.
    let silent_since = server.agent_unreachable_since.or(server.agent_gone_at);
    let last_seen = silent_since.map_or(now, |since| since.min(now));

    let mut json = json!({
        "addedToServiceDateTime": time(since),
        "firstByteDateTime": time(since),
        "elapsedReplicationDuration": format!("P{}DT{}H", hours / 24, hours % 24),
        "lastSeenByServiceDateTime": time(last_seen),
    });
    if let Some(launch) = view.launches.get(&server.id) {
        put(&mut json, "lastLaunch", launch_json(launch));
    }
    json
}

fn launch_json(launch: &Launch) -> Value {
    let mut initiated = json!({ "type": launch.kind() });
    if let Some((id, created_at)) = &launch.job {
        put(&mut initiated, "jobID", json!(id));
        put(&mut initiated, "apiCallDateTime", json!(time(*created_at)));
    }

    json!({ "status": launch.status, "initiated": initiated })
}

/// The properties of a server's machine.
pub(super) fn properties_json(server: &SourceServer, context: &Context) -> Value {
    let mut hints = json!({});
    for (member, value) in [
        ("hostname", &server.hostname),
        ("fqdn", &server.fqdn),
        ("awsInstanceID", &server.aws_instance_id),
    ] {
        if let Some(value) = value {
            put(&mut hints, member, json!(value));
        }
    }

    let interface = json!({
        "macAddress": mac_address(server),
        "ips": ["10.20.30.40"],
        "isPrimary": true,
    });
    json!({
        "lastUpdatedDateTime": time(context.now),
        "recommendedInstanceType": "m6i.large",
        "identificationHints": hints,
        "networkInterfaces": [interface],
        "disks": [{ "deviceName": "/dev/xvda", "bytes": server.disk_bytes }],
        "cpus": [{ "cores": 2, "modelName": "Intel(R) Xeon(R)" }],
        "ramBytes": 8_589_934_592_u64,
        "os": { "fullString": "Linux" },
        "supportsNitroInstances": true,
    })
}

fn staging_json(server: &SourceServer, context: &Context) -> Value {
    let mut json = json!({
        "status": server.staging_status,
        "stagingAccountID": staging_account(server, context),
    });
    if let Some(arn) = &server.staging_source_server_arn {
        put(&mut json, "stagingSourceServerArn", json!(arn));
    }
    if server.staging_status == "EXTENSION_ERROR" {
        // The text of AWS is not documented.
        let message = "The staging source server cannot be accessed.";
        put(&mut json, "errorMessage", json!(message));
    }
    json
}

/// The account into which a server replicates.
pub(super) fn staging_account<'a>(server: &'a SourceServer, context: &'a Context) -> &'a str {
    // The account is the fifth part of the ARN.
    let arn = server.staging_source_server_arn.as_ref();
    let extended = arn.and_then(|arn| arn.split(':').nth(4));

    extended.unwrap_or(&context.account)
}

/// The MAC address of a server, which is its own and the same in every run.
pub(super) fn mac_address(server: &SourceServer) -> String {
    // 0a marks a locally administered address, as EC2 uses them.
    let bytes = digest(&server.id).to_be_bytes();
    let parts = bytes.iter().take(5).map(|byte| format!(":{byte:02x}"));

    format!("0a{}", parts.collect::<String>())
}

/// The replication configuration of a server, with the defaults of the console.
pub(super) fn configuration_json(server: &SourceServer) -> Value {
    json!({
        "sourceServerID": server.id,
        "name": server.hostname.as_deref().unwrap_or(&server.id),
        "stagingAreaSubnetId": "subnet-0123456789abcdef0",
        "associateDefaultSecurityGroup": true,
        "replicationServersSecurityGroupsIDs": [],
        "replicationServerInstanceType": "t3.small",
        "useDedicatedReplicationServer": false,
        "defaultLargeStagingDiskType": "GP3",
        "replicatedDisks": [],
        "ebsEncryption": "DEFAULT",
        "bandwidthThrottling": 0,
        "dataPlaneRouting": "PRIVATE_IP",
        "createPublicIP": false,
        "stagingAreaTags": {},
        "pitPolicy": [
            { "ruleID": 1, "units": "MINUTE", "interval": 10, "retentionDuration": 60,
                "enabled": true },
            { "ruleID": 2, "units": "HOUR", "interval": 1, "retentionDuration": 24,
                "enabled": true },
            { "ruleID": 3, "units": "DAY", "interval": 1, "retentionDuration": 7,
                "enabled": true },
        ],
    })
}
