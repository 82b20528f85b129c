//! Source servers on the wire.

use serde::Deserialize;
use serde_json::json;

use crate::{
    aws::{
        call::{ApiResult, Request},
        context::Context,
        error::ApiError,
    },
    drs::{
        api::{
            descriptions::{configuration_json, mac_address, server_json, staging_account},
            launches::View,
            lists::List,
        },
        model::{Drs, Model, SourceServer},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerName {
    #[serde(rename = "sourceServerID")]
    id: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct ServerFilters {
    #[serde(rename = "sourceServerIDs")]
    ids: Vec<String>,
    hardware_id: Option<String>,
    #[serde(rename = "stagingAccountIDs")]
    staging_account_ids: Vec<String>,
}

impl ServerFilters {
    fn match_server(&self, server: &SourceServer, context: &Context) -> bool {
        // DRS takes the ID of an EC2 instance and a MAC address for hardware IDs. The latter is made
        // up, and so not for a server that was imported.
        let is_hardware = |id: &String| {
            let is_interface = !context.is_imported && *id == mac_address(server);
            is_interface || server.aws_instance_id.as_ref() == Some(id)
        };
        // A server that is not extended is staged in its own account.
        let account = staging_account(server, context);

        (self.ids.is_empty() || self.ids.contains(&server.id))
            && self.hardware_id.as_ref().is_none_or(is_hardware)
            && (self.staging_account_ids.is_empty()
                || self.staging_account_ids.iter().any(|id| id == account))
    }
}

/// `DescribeSourceServers`.
pub(super) fn describe(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let drs = model.region_mut(&context.region)?;
    let view = View::new(drs, context);
    let mut list: List<ServerFilters> = request.read()?;
    let filters = list.take_filters();

    let servers = drs.source_servers.iter();
    let matching = servers.filter(|server| filters.match_server(server, context));
    list.described_page(matching.collect(), context, request, |server| {
        server_json(server, &view)
    })
}

/// `GetReplicationConfiguration`.
pub(super) fn get_configuration(
    model: &mut Model,
    context: &Context,
    request: &Request,
) -> ApiResult {
    let (drs, id) = named_server(model, context, request)?;
    let server = drs.source_server(&id)?;

    Ok((200, Some(configuration_json(server))))
}

/// `DisconnectSourceServer`.
pub(super) fn disconnect(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let (drs, id) = named_server(model, context, request)?;
    let view = View::new(drs, context);
    // Described twice, since a switch decides which of the two is the answer.
    let before = server_json(drs.source_server(&id)?, &view);
    let after = server_json(drs.disconnect(&id, context)?, &view);
    model.end_failback(&context.region, &id);

    match context.behaviour.disconnect_answers_as_before {
        true => Ok((200, Some(before))),
        false => Ok((200, Some(after))),
    }
}

/// `RetryDataReplication`.
pub(super) fn retry(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let (drs, id) = named_server(model, context, request)?;
    let view = View::new(drs, context);
    let server = drs.retry(&id, context.now)?;

    Ok((200, Some(server_json(server, &view))))
}

/// `DeleteSourceServer`.
pub(super) fn delete(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let (drs, id) = named_server(model, context, request)?;
    drs.delete(&id, context)?;

    Ok((204, Some(json!({}))))
}

/// `StopReplication`.
pub(super) fn stop(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let (drs, id) = named_server(model, context, request)?;
    let view = View::new(drs, context);
    let body = json!({ "sourceServer": server_json(drs.stop(&id)?, &view) });
    model.end_failback(&context.region, &id);

    Ok((200, Some(body)))
}

/// `StartReplication`.
pub(super) fn start(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let (drs, id) = named_server(model, context, request)?;
    let view = View::new(drs, context);
    let server = drs.start(&id, context.now)?;

    let body = json!({ "sourceServer": server_json(server, &view) });
    Ok((200, Some(body)))
}

/// DRS in the Region of a call, and the ID of the server that the call names.
fn named_server<'a>(
    model: &'a mut Model,
    context: &Context,
    request: &Request,
) -> Result<(&'a mut Drs, String), ApiError> {
    let drs = model.region_mut(&context.region)?;
    let ServerName { id } = request.read()?;

    Ok((drs, id))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        aws::call::{Service, page_token},
        drs::api::fixtures::{ONE, call, world},
    };

    #[test]
    fn server_is_found_by_its_instance_and_by_its_network_interface() {
        let mut world = world();
        let server = world.server(ONE).unwrap();
        server.aws_instance_id = Some("i-00000001".to_owned());
        let mac = mac_address(server);

        let mut find = |id: &str| -> Vec<Value> {
            let input = json!({ "filters": { "hardwareId": id } });
            let page = call(&mut world, "DescribeSourceServers", input).unwrap();
            let servers = page["items"].as_array().unwrap().iter();
            servers
                .map(|server| server["sourceServerID"].clone())
                .collect()
        };
        assert_eq!(find("i-00000001"), find(&mac));
        assert_eq!(find(&mac), [ONE]);
    }

    #[test]
    fn page_token_is_valid_only_unmodified() {
        let mut world = world();
        let mut list = |token: &str| {
            let input = json!({ "maxResults": 1, "nextToken": token });
            let page = call(&mut world, "DescribeSourceServers", input)?;
            Ok(page["items"].as_array().unwrap().len())
        };

        let request = Request {
            service: Service::Drs,
            operation: "DescribeSourceServers".to_owned(),
            region: "us-east-1".to_owned(),
            input: json!({}),
        };
        let token = page_token(&request, 1);
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
}
