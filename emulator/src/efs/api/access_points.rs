//! Access points on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request, put},
        context::Context,
        error::ApiError,
    },
    efs::{
        api::{
            lists::{PAGE, arn, page},
            tags::{Tag, read_tags, tags_json},
        },
        model::{AccessPoint, FileSystem, Model, bad_request},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateAccessPoint {
    client_token: String,
    file_system_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
    posix_user: Option<PosixUser>,
    root_directory: Option<RootDirectory>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PosixUser {
    uid: u32,
    gid: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secondary_gids: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RootDirectory {
    #[serde(default = "slash")]
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    creation_info: Option<CreationInfo>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreationInfo {
    owner_uid: u32,
    owner_gid: u32,
    permissions: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct ListAccessPoints {
    max_results: Option<usize>,
    next_token: Option<String>,
    access_point_id: Option<String>,
    file_system_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct DeleteAccessPoint {
    access_point_id: String,
}

fn slash() -> String {
    "/".to_owned()
}

impl CreateAccessPoint {
    fn into_access_point(self) -> Result<AccessPoint, ApiError> {
        Ok(AccessPoint {
            // The model assigns the ID, the date and the state.
            access_point_id: String::new(),
            client_token: self.client_token,
            tags: read_tags(self.tags)?,
            posix_user: self.posix_user.map(|user| json!(user)),
            root_directory: self.root_directory.map(|root| json!(root)),
            created_at: None,
            state: String::new(),
        })
    }
}

/// `CreateAccessPoint`.
pub(super) fn create(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: CreateAccessPoint = request.read()?;
    // The description of the access point has the owner of its file system.
    let name = input.file_system_id.clone();
    let point = model.create_access_point(context, &name, input.into_access_point()?)?;
    let file_system = model.named_file_system(context, &name)?;

    let body = access_point_json(&point, file_system, context);
    Ok((200, Some(body)))
}

/// `DescribeAccessPoints`: one, those of a file system, or all that the caller owns.
pub(super) fn describe(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let list: ListAccessPoints = request.read()?;
    // Foreign access points are listed by the ARN of their file system only.
    let all = |file_system: &FileSystem| -> Vec<Value> {
        let points = file_system.access_points.iter();
        points
            .map(|point| access_point_json(point, file_system, context))
            .collect()
    };

    let items = match (&list.access_point_id, &list.file_system_id) {
        (Some(name), None) => {
            let (file_system, point) = model.named_access_point(context, name)?;
            vec![access_point_json(&point, file_system, context)]
        }
        (None, Some(name)) => all(model.named_file_system(context, name)?),
        (None, None) => model.own_file_systems(context).flat_map(all).collect(),
        (Some(_), Some(_)) => {
            let message = "AccessPointId and FileSystemId exclude each other";
            return Err(bad_request(message));
        }
    };

    let size = list.max_results.unwrap_or(PAGE);
    let token = list.next_token.as_deref();
    page(context, request, "AccessPoints", items, size, token)
}

/// `DeleteAccessPoint`.
pub(super) fn delete(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let input: DeleteAccessPoint = request.read()?;
    model.delete_access_point(context, &input.access_point_id)?;

    Ok((204, None))
}

/// An access point as EFS describes it.
pub(super) fn access_point_json(
    point: &AccessPoint,
    file_system: &FileSystem,
    context: &Context,
) -> Value {
    let id = &point.access_point_id;
    let owner = file_system.owner(&context.account);
    // Without a root directory the whole file system is exposed.
    let root = point.root_directory.clone();

    let mut json = json!({
        "ClientToken": point.client_token,
        "Tags": tags_json(&point.tags),
        "AccessPointId": id,
        "AccessPointArn": arn(&context.region, owner, "access-point", id),
        "FileSystemId": file_system.file_system_id,
        "RootDirectory": root.unwrap_or_else(|| json!({ "Path": "/" })),
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
