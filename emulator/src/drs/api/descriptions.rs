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

/// The members that the emulator makes up about every server.
const MADE_UP: [&str; 13] = [
    "/agentVersion",
    "/lastLaunchResult",
    "/lifeCycle/lastLaunch",
    "/stagingArea/errorMessage",
    "/dataReplicationInfo/stagingAvailabilityZone",
    "/sourceCloudProperties/originAvailabilityZone",
    "/sourceProperties/lastUpdatedDateTime",
    "/sourceProperties/recommendedInstanceType",
    "/sourceProperties/networkInterfaces",
    "/sourceProperties/cpus",
    "/sourceProperties/ramBytes",
    "/sourceProperties/os",
    "/sourceProperties/supportsNitroInstances",
];
/// The members that tell when replication began.
const DATES: [&str; 3] = [
    "/lifeCycle/addedToServiceDateTime",
    "/lifeCycle/firstByteDateTime",
    "/lifeCycle/elapsedReplicationDuration",
];

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

    without_made_up(json, server, view.context)
}

/// What a description of an imported server leaves out: the members that the emulator makes up, and
/// the dates that were not collected.
fn without_made_up(mut json: Value, server: &SourceServer, context: &Context) -> Value {
    json = context.without_made_up(json, &MADE_UP);

    let is_dated = server.first_byte_at.is_some() || server.replicating_since.is_some();
    if !is_dated {
        json = context.without_made_up(json, &DATES);
    }
    if server.last_seen().is_none() {
        let last_seen = ["/lifeCycle/lastSeenByServiceDateTime"];
        json = context.without_made_up(json, &last_seen);
    }
    if server.data_replication_error.is_none() && server.agent_unreachable_since.is_none() {
        let error = ["/dataReplicationInfo/dataReplicationError"];
        json = context.without_made_up(json, &error);
    }
    if server.lag_seconds.is_none() {
        json = context.without_made_up(json, &["/dataReplicationInfo/lagDuration"]);
    }
    // Without a size there are no disks to show.
    if server.disk_bytes == 0 {
        let disks = [
            "/dataReplicationInfo/replicatedDisks",
            "/sourceProperties/disks",
        ];
        json = context.without_made_up(json, &disks);
    }
    json
}

fn replication_json(server: &SourceServer, context: &Context) -> Value {
    // A disconnect discards the replicated data.
    let (bytes, replicated) = match server.is_disconnected() {
        true => (0, 0),
        false => {
            let replicated = server.replicated_bytes.unwrap_or(server.disk_bytes);
            (server.disk_bytes, replicated)
        }
    };
    let mut json = json!({
        "dataReplicationState": server.data_replication_state,
        // The replication servers could be in any zone of the Region.
        "stagingAvailabilityZone": format!("{}a", context.region),
        "replicatedDisks": [{
            "deviceName": "/dev/xvda",
            "totalStorageBytes": bytes,
            "replicatedStorageBytes": replicated,
            "rescannedStorageBytes": 0,
            "backloggedStorageBytes": 0,
            "volumeStatus": "REGULAR",
        }],
    });

    if let Some(seconds) = server.lag() {
        put(&mut json, "lagDuration", json!(format!("PT{seconds}S")));
    }
    if let Some(error) = server.replication_error() {
        let error = json!({ "error": error, "rawError": "the emulator's replication error" });
        put(&mut json, "dataReplicationError", error);
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
    let since = server.first_byte_at.or(server.replicating_since);
    let since = since.unwrap_or(view.context.long_ago);
    // ISO 8601 with days and hours, as DRS writes it.
    let hours = (now - since).num_hours();
    // The agent talks to DRS until a disconnect has uninstalled it, unless it cannot.
    let last_seen = server.last_seen().map_or(now, |seen| seen.min(now));

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        drs::api::fixtures::{ONE, call, world},
        known::Collected,
        world::World,
    };

    /// The first server of a world, as it is described.
    fn described(world: &mut World) -> Value {
        let list = call(world, "DescribeSourceServers", json!({})).unwrap();
        list["items"][0].clone()
    }

    #[test]
    fn nothing_is_made_up_about_an_imported_server() {
        let mut world = world();
        let made_up = [
            "sourceProperties/os",
            "lifeCycle/elapsedReplicationDuration",
        ];
        let has =
            |server: &Value| made_up.map(|name| server.pointer(&format!("/{name}")).is_some());
        assert_eq!(has(&described(&mut world)), [true, true]);

        let known = BTreeMap::from([("DescribeSourceServers".to_owned(), Collected::default())]);
        world.known = Some([("us-east-1".to_owned(), known)].into());
        let server = described(&mut world);
        assert_eq!(has(&server), [false, false]);
        assert_eq!(
            server["dataReplicationInfo"]["dataReplicationState"],
            "CONTINUOUS"
        );

        let first_byte = world.now - chrono::TimeDelta::hours(30);
        let server = world.server(ONE).unwrap();
        server.first_byte_at = Some(first_byte);
        server.replicated_bytes = Some(5);
        let server = described(&mut world);
        assert_eq!(server["lifeCycle"]["elapsedReplicationDuration"], "P1DT6H");
        let disk = &server["dataReplicationInfo"]["replicatedDisks"][0];
        assert_eq!(disk["replicatedStorageBytes"], 5);
    }
}
