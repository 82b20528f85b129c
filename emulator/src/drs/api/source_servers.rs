//! Source servers on the wire.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{Reply, Request, input, put},
        constraints,
        error::ApiError,
        ids::digest,
    },
    drs::{
        api::{
            launches::{Context, Launch, launch_type},
            lists::{List, Nothing, arn, page, time},
        },
        model::types::{Drs, SourceServer},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfServer {
    #[serde(rename = "sourceServerID")]
    pub(crate) id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Extend {
    pub(crate) source_server_arn: String,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct ServerFilters {
    #[serde(rename = "sourceServerIDs")]
    pub(crate) ids: Vec<String>,
    pub(crate) hardware_id: Option<String>,
    #[serde(rename = "stagingAccountIDs")]
    pub(crate) staging_account_ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct SnapshotFilters {
    pub(crate) from_date_time: Option<DateTime<Utc>>,
    pub(crate) to_date_time: Option<DateTime<Utc>>,
}

pub(crate) fn source_servers(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    let of_server = || input::<OfServer>(&request.input).map(|server| server.id);
    match request.operation.as_str() {
        "DescribeSourceServers" => describe_source_servers(drs, context, request),
        "DescribeRecoverySnapshots" => describe_recovery_snapshots(drs, context, request),
        "ListExtensibleSourceServers" => list_extensible(drs, context, request),
        "CreateExtendedSourceServer" => extend(drs, context, request),
        "GetReplicationConfiguration" => {
            let id = of_server()?;
            drs.source_server(&id)
                .map(|server| (200, Some(configuration_json(server))))
        }
        "DisconnectSourceServer" => {
            let id = of_server()?;
            let before = server_json(drs.source_server(&id)?, context);
            let after = server_json(
                drs.disconnect(&id, context.now, context.behaviour)?,
                context,
            );
            Ok((
                200,
                Some(if context.behaviour.disconnect_answers_as_before {
                    before
                } else {
                    after
                }),
            ))
        }
        "RetryDataReplication" => drs
            .retry(&of_server()?, context.now)
            .map(|server| (200, Some(server_json(server, context)))),
        "DeleteSourceServer" => drs
            .delete(&of_server()?, context.now, context.behaviour)
            .map(|()| (204, Some(json!({})))),
        "StopReplication" => wrapped(drs.stop(&of_server()?)?, context),
        "StartReplication" => wrapped(drs.start(&of_server()?, context.now)?, context),
        other => Err(ApiError::internal(&format!("{other} is not served"))),
    }
}

pub(crate) fn wrapped(server: &SourceServer, context: &Context) -> Reply {
    Ok((
        200,
        Some(json!({ "sourceServer": server_json(server, context) })),
    ))
}

pub(crate) fn describe_source_servers(drs: &Drs, context: &Context, request: &Request) -> Reply {
    let list: List<ServerFilters> = input(&request.input)?;
    let filters = list.filters.as_ref();
    let fits = |server: &&SourceServer| {
        filters.is_none_or(|filters| {
            (filters.ids.is_empty() || filters.ids.contains(&server.id))
                && filters.hardware_id.as_ref().is_none_or(|id| {
                    server.aws_instance_id.as_ref() == Some(id) || *id == mac_address(server)
                })
                && (filters.staging_account_ids.is_empty()
                    || filters
                        .staging_account_ids
                        .iter()
                        .any(|id| id == staging_account(server, context)))
        })
    };
    let items = drs
        .source_servers
        .iter()
        .filter(fits)
        .map(|server| server_json(server, context))
        .collect();
    page(items, &list, request, context)
}

pub(crate) fn describe_recovery_snapshots(
    drs: &mut Drs,
    context: &Context,
    request: &Request,
) -> Reply {
    let list: List<SnapshotFilters> = input(&request.input)?;
    let id = list
        .source_server_id
        .clone()
        .ok_or_else(|| ApiError::validation("sourceServerID is required"))?;
    // The model knows no error for a server that does not exist, so it has no points.
    let Ok(server) = drs.source_server(&id) else {
        return page(Vec::new(), &list, request, context);
    };
    let filters = list.filters.as_ref();
    let mut items: Vec<(DateTime<Utc>, Value)> = server
        .points(context.now)
        .into_iter()
        .map(|at| (at, recovery_point(server, at)))
        .collect();
    items.retain(|(at, _)| {
        filters.is_none_or(|filters| {
            filters.from_date_time.is_none_or(|from| *at >= from)
                && filters.to_date_time.is_none_or(|to| *at <= to)
        })
    });
    if list.order.as_deref() == Some("ASC") {
        items.reverse();
    }
    page(
        items.into_iter().map(|(_, item)| item).collect(),
        &list,
        request,
        context,
    )
}

/// A recovery point of a server. Its IDs are made of its server and its time: the same whenever it
/// is asked for.
pub(crate) fn recovery_point(server: &SourceServer, taken: DateTime<Utc>) -> Value {
    let of = |kind: &str| digest(&format!("{kind} {} {}", server.id, taken.timestamp()));
    json!({
        "snapshotID": format!("pit-{:017x}", of("point")),
        "sourceServerID": server.id,
        "expectedTimestamp": time(taken),
        "timestamp": time(taken),
        "ebsSnapshots": [format!("snap-{:017x}", of("snapshot"))],
    })
}

/// Servers of a staging account that could be extended here. This world has one account, so there
/// are none.
pub(crate) fn list_extensible(_: &Drs, context: &Context, request: &Request) -> Reply {
    let list: List<Nothing> = input(&request.input)?;
    list.staging_account_id
        .as_ref()
        .ok_or_else(|| ApiError::validation("stagingAccountID is required"))?;
    page(Vec::new(), &list, request, context)
}

/// A server of another account in the same Region is extended into this one, once. Whether it is
/// there, nobody here knows.
pub(crate) fn extend(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    let extend: Extend = input(&request.input)?;
    let own = constraints::arn("drs", &context.region, &context.account, "");
    let (place, account) = (
        own.rsplitn(3, ':').nth(2),
        extend.source_server_arn.split(':').nth(4),
    );
    let there =
        place.is_some_and(|place| extend.source_server_arn.starts_with(&format!("{place}:")));
    if !there || account == Some(&context.account) {
        let message = format!(
            "{} is not a server of another account in {}",
            extend.source_server_arn, context.region
        );
        return Err(ApiError::validation(message));
    }
    if drs
        .source_servers
        .iter()
        .any(|of| of.staging_source_server_arn.as_ref() == Some(&extend.source_server_arn))
    {
        return Err(ApiError::validation(format!(
            "{} is extended already",
            extend.source_server_arn
        )));
    }
    let server = SourceServer {
        staging_status: "EXTENDED".to_owned(),
        staging_source_server_arn: Some(extend.source_server_arn),
        tags: extend.tags,
        ..SourceServer::new(&drs.fresh_source_server_id())
    };
    let json = server_json(&server, context);
    drs.source_servers.push(server);
    Ok((201, Some(json!({ "sourceServer": json }))))
}

/// The account in which a server is replicated to.
pub(crate) fn staging_account<'a>(server: &'a SourceServer, context: &'a Context) -> &'a str {
    let extended = server
        .staging_source_server_arn
        .as_ref()
        .and_then(|arn| arn.split(':').nth(4));
    extended.unwrap_or(&context.account)
}

pub(crate) fn server_json(server: &SourceServer, context: &Context) -> Value {
    let mut json = json!({
        "sourceServerID": server.id,
        "arn": arn(context, "source-server", &server.id),
        "tags": server.tags,
        "lastLaunchResult": match context.launches.get(&server.id).map(|launch| launch.status) {
            None => "NOT_STARTED",
            Some("PENDING" | "IN_PROGRESS") => "PENDING",
            Some(_) => "SUCCEEDED",
        },
        "dataReplicationInfo": replication_json(server, context),
        "lifeCycle": life_cycle_json(server, context),
        "sourceProperties": properties_json(server, context),
        "stagingArea": { "status": server.staging_status, "stagingAccountID": staging_account(server, context) },
        "replicationDirection": server.replication_direction,
        "agentVersion": "6.4.0",
    });
    if let (Some(arn), Some(area)) = (
        &server.staging_source_server_arn,
        json.get_mut("stagingArea"),
    ) {
        put(area, "stagingSourceServerArn", json!(arn));
    }
    if let Some(id) = &server.recovery_instance_id {
        put(&mut json, "recoveryInstanceId", json!(id));
    }
    if let Some(arn) = &server.reversed_direction_source_server_arn {
        put(&mut json, "reversedDirectionSourceServerArn", json!(arn));
    }
    if let (Some(account), Some(region)) = (&server.origin_account_id, &server.origin_region) {
        let zone = format!("{region}a");
        put(
            &mut json,
            "sourceCloudProperties",
            json!({ "originAccountID": account, "originRegion": region, "originAvailabilityZone": zone }),
        );
    }
    json
}

pub(crate) fn replication_json(server: &SourceServer, context: &Context) -> Value {
    let bytes = if server.is_disconnected() {
        0
    } else {
        server.disk_bytes
    };
    let mut json = json!({
        "dataReplicationState": server.data_replication_state,
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
        "STALLED" => put(
            &mut json,
            "dataReplicationError",
            json!({ "error": "AGENT_NOT_SEEN", "rawError": "agent not seen" }),
        ),
        _ => {}
    }
    json
}

pub(crate) fn life_cycle_json(server: &SourceServer, context: &Context) -> Value {
    let since = server.replicating_since.unwrap_or(context.long_ago);
    let hours = (context.now - since).num_hours();
    let mut json = json!({
        "addedToServiceDateTime": time(since),
        "firstByteDateTime": time(since),
        "elapsedReplicationDuration": format!("P{}DT{}H", hours / 24, hours % 24),
        "lastSeenByServiceDateTime": time(server.agent_gone_at.map_or(context.now, |gone| gone.min(context.now))),
    });
    if let Some(Launch {
        is_drill,
        job,
        status,
    }) = context.launches.get(&server.id)
    {
        let mut launch =
            json!({ "status": status, "initiated": { "type": launch_type(*is_drill) } });
        if let (Some((id, at)), Some(initiated)) = (job, launch.get_mut("initiated")) {
            put(initiated, "jobID", json!(id));
            put(initiated, "apiCallDateTime", json!(time(*at)));
        }
        put(&mut json, "lastLaunch", launch);
    }
    json
}

/// The address of a server's network interface: its own, and the same in every run.
pub(crate) fn mac_address(server: &SourceServer) -> String {
    let bytes = digest(&server.id).to_be_bytes();
    bytes.iter().take(5).fold("0a".to_owned(), |address, byte| {
        format!("{address}:{byte:02x}")
    })
}

pub(crate) fn properties_json(server: &SourceServer, context: &Context) -> Value {
    let mut hints = json!({});
    let named = [
        ("hostname", &server.hostname),
        ("fqdn", &server.fqdn),
        ("awsInstanceID", &server.aws_instance_id),
    ];
    for (member, value) in named {
        if let Some(value) = value {
            put(&mut hints, member, json!(value));
        }
    }
    json!({
        "lastUpdatedDateTime": time(context.now),
        "recommendedInstanceType": "m6i.large",
        "identificationHints": hints,
        "networkInterfaces": [{ "macAddress": mac_address(server), "ips": ["10.20.30.40"], "isPrimary": true }],
        "disks": [{ "deviceName": "/dev/xvda", "bytes": server.disk_bytes }],
        "cpus": [{ "cores": 2, "modelName": "Intel(R) Xeon(R)" }],
        "ramBytes": 8_589_934_592_u64,
        "os": { "fullString": "Linux" },
        "supportsNitroInstances": true,
    })
}

pub(crate) fn configuration_json(server: &SourceServer) -> Value {
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
            { "ruleID": 1, "units": "MINUTE", "interval": 10, "retentionDuration": 60, "enabled": true },
            { "ruleID": 2, "units": "HOUR", "interval": 1, "retentionDuration": 24, "enabled": true },
            { "ruleID": 3, "units": "DAY", "interval": 1, "retentionDuration": 7, "enabled": true },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drs::api::fixtures::*;
    use crate::{
        aws::call::{self, Service},
        drs::api::fixtures::{ONE, TWO, call},
        world::World,
    };
    use chrono::TimeDelta;

    fn points(world: &mut World, id: &str) -> BTreeMap<String, String> {
        let list = call(
            world,
            "DescribeRecoverySnapshots",
            json!({ "sourceServerID": id, "maxResults": 100 }),
        )
        .unwrap();
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| {
                (
                    item["snapshotID"].to_string(),
                    item["timestamp"].to_string(),
                )
            })
            .collect()
    }

    #[test]
    fn a_recovery_point_is_of_one_server_and_one_time() {
        let mut world = world();
        let (one, two) = (points(&mut world, ONE), points(&mut world, TWO));
        assert_eq!((one.len(), two.len()), (37, 37));
        assert!(one.keys().all(|id| !two.contains_key(id)));
        let now = world.now;
        world.advance_to(now + TimeDelta::minutes(15));
        let later = points(&mut world, ONE);
        assert!(later.keys().filter(|id| one.contains_key(*id)).count() > 30);
        assert!(
            later
                .iter()
                .all(|(id, at)| one.get(id).is_none_or(|was| was == at))
        );
        assert!(
            one.keys().any(|id| !later.contains_key(id)),
            "the oldest are gone"
        );
    }

    #[test]
    fn a_server_is_found_by_its_instance_and_by_its_network_interface() {
        let mut world = world();
        world.server(ONE).unwrap().aws_instance_id = Some("i-00000001".to_owned());
        let find = |world: &mut World, id: &str| {
            let list = call(
                world,
                "DescribeSourceServers",
                json!({ "filters": { "hardwareId": id } }),
            )
            .unwrap();
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["sourceServerID"].to_string())
                .collect::<Vec<_>>()
        };
        let mac = mac_address(world.server(ONE).unwrap());
        assert_eq!(find(&mut world, "i-00000001"), find(&mut world, &mac));
        assert_eq!(find(&mut world, &mac).len(), 1);
    }

    #[test]
    fn a_page_token_is_taken_only_as_it_was_given() {
        let mut world = world();
        let mut list = |token: &str| {
            call(
                &mut world,
                "DescribeSourceServers",
                json!({ "maxResults": 1, "nextToken": token }),
            )
            .map(|page| page["items"].as_array().unwrap().len())
        };
        let token = call::page_token(
            &Request {
                service: Service::Drs,
                operation: "DescribeSourceServers".to_owned(),
                region: "us-east-1".to_owned(),
                input: json!({}),
            },
            1,
        );
        assert_eq!(list(&token), Ok(1));
        let forged = [
            token.replace("-1", "-0"),
            token.replace("-1", "-99"),
            token.replace("-1", "-+1"),
            "-1".to_owned(),
        ];
        for token in forged {
            assert_eq!(list(&token), Err("ValidationException"), "{token}");
        }
    }

    #[test]
    fn an_extended_server_names_its_staging_account_and_is_extended_once() {
        let mut world = world();
        let arn = |account: &str, region: &str| {
            format!("arn:aws:drs:{region}:{account}:source-server/{ONE}")
        };
        let extend = |world: &mut World, arn: String| {
            call(
                world,
                "CreateExtendedSourceServer",
                json!({ "sourceServerArn": arn }),
            )
        };
        for (account, region) in [("111122223333", "us-east-1"), ("444455556666", "us-west-2")] {
            assert_eq!(
                extend(&mut world, arn(account, region)),
                Err("ValidationException"),
                "{account} {region}"
            );
        }
        let wanted = arn("444455556666", "us-east-1");
        let made = extend(&mut world, wanted.clone()).unwrap();
        let area = json!({ "status": "EXTENDED", "stagingAccountID": "444455556666", "stagingSourceServerArn": wanted });
        assert_eq!(made["sourceServer"]["stagingArea"], area);
        assert_eq!(extend(&mut world, wanted), Err("ValidationException"));
        let of_account = |world: &mut World, account: &str| {
            let filters = json!({ "filters": { "stagingAccountIDs": [account] } });
            call(world, "DescribeSourceServers", filters).unwrap()["items"]
                .as_array()
                .unwrap()
                .len()
        };
        assert_eq!(
            (
                of_account(&mut world, "444455556666"),
                of_account(&mut world, "111122223333")
            ),
            (1, 2)
        );
    }
}
