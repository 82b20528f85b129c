//! Access points on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{Reply, Request, input, put},
        error::ApiError,
    },
    efs::{
        api::{
            lists::{OfAccessPoint, PAGE, arn, not_served, page},
            tags::{Tag, read_tags, tags_json},
        },
        model::{
            errors::bad_request,
            types::{AccessPoint, FileSystem},
        },
    },
    world::World,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct CreateAccessPoint {
    pub(crate) client_token: String,
    pub(crate) file_system_id: String,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    pub(crate) posix_user: Option<PosixUser>,
    pub(crate) root_directory: Option<RootDirectory>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct PosixUser {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) secondary_gids: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct RootDirectory {
    #[serde(default = "slash")]
    pub(crate) path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) creation_info: Option<CreationInfo>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct CreationInfo {
    pub(crate) owner_uid: u32,
    pub(crate) owner_gid: u32,
    pub(crate) permissions: String,
}

pub(crate) fn slash() -> String {
    "/".to_owned()
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub(crate) struct ListAccessPoints {
    pub(crate) max_results: Option<usize>,
    pub(crate) next_token: Option<String>,
    pub(crate) access_point_id: Option<String>,
    pub(crate) file_system_id: Option<String>,
}

pub(crate) fn access_points(world: &mut World, request: &Request) -> Reply {
    let (account, region) = (world.account.clone(), request.region.as_str());
    match request.operation.as_str() {
        "DescribeAccessPoints" => describe_access_points(world, request),
        "CreateAccessPoint" => {
            let wanted: CreateAccessPoint = input(&request.input)?;
            let name = wanted.file_system_id.clone();
            let point = world.create_access_point(region, &name, new_access_point(wanted)?)?;
            let file_system = world.named_file_system(region, &name)?;
            Ok((
                200,
                Some(access_point_json(&point, file_system, region, &account)),
            ))
        }
        "DeleteAccessPoint" => {
            let of: OfAccessPoint = input(&request.input)?;
            world
                .delete_access_point(region, &of.access_point_id)
                .map(|()| (204, None))
        }
        other => not_served(other),
    }
}

pub(crate) fn new_access_point(wanted: CreateAccessPoint) -> Result<AccessPoint, ApiError> {
    Ok(AccessPoint {
        access_point_id: String::new(),
        client_token: wanted.client_token,
        tags: read_tags(wanted.tags)?,
        posix_user: wanted.posix_user.map(|user| json!(user)),
        root_directory: wanted.root_directory.map(|root| json!(root)),
        created_at: None,
        state: String::new(),
    })
}

pub(crate) fn describe_access_points(world: &mut World, request: &Request) -> Reply {
    let list: ListAccessPoints = input(&request.input)?;
    let (account, region) = (world.account.clone(), request.region.as_str());
    let json =
        |point: &AccessPoint, of: &FileSystem| access_point_json(point, of, region, &account);
    let all = |of: &FileSystem| {
        of.access_points
            .iter()
            .map(|point| json(point, of))
            .collect::<Vec<_>>()
    };
    let items = match (&list.access_point_id, &list.file_system_id) {
        (Some(_), Some(_)) => {
            return Err(bad_request(
                "AccessPointId and FileSystemId exclude each other",
            ));
        }
        (Some(name), None) => {
            let (file_system, point) = world.named_access_point(region, name)?;
            vec![json(&point, file_system)]
        }
        (None, Some(name)) => all(world.named_file_system(region, name)?),
        (None, None) => world
            .file_systems(region)
            .filter(|of| of.owner(&account) == account)
            .flat_map(all)
            .collect(),
    };
    page(
        request,
        "AccessPoints",
        items,
        list.max_results.unwrap_or(PAGE),
        list.next_token.as_deref(),
    )
}

pub(crate) fn access_point_json(
    point: &AccessPoint,
    of: &FileSystem,
    region: &str,
    account: &str,
) -> Value {
    let owner = of.owner(account);
    let mut json = json!({
        "ClientToken": point.client_token,
        "Tags": tags_json(&point.tags),
        "AccessPointId": point.access_point_id,
        "AccessPointArn": arn(region, owner, "access-point", &point.access_point_id),
        "FileSystemId": of.file_system_id,
        "RootDirectory": point.root_directory.clone().unwrap_or_else(|| json!({ "Path": "/" })),
        "OwnerId": owner,
        "LifeCycleState": point.state,
    });
    if let Some(name) = point.tags.get("Name") {
        put(&mut json, "Name", json!(name));
    }
    if let Some(user) = &point.posix_user {
        put(&mut json, "PosixUser", user.clone());
    }
    json
}
