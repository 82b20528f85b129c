//! Servers extended from a staging account, on the wire.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::{
    aws::{
        call::{ApiResult, Request},
        constraints,
        context::Context,
        error::ApiError,
    },
    drs::{
        api::{
            descriptions::server_json,
            launches::View,
            lists::{List, Nothing},
        },
        model::{Model, SourceServer},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Extend {
    source_server_arn: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// `ListExtensibleSourceServers`: the servers of a staging account that can be extended. A world
/// has one account, so there are none.
pub(super) fn list_extensible(
    model: &mut Model,
    context: &Context,
    request: &Request,
) -> ApiResult {
    model.region_mut(&context.region)?;
    let list: List<Nothing> = request.read()?;
    list.staging_account_id()?;

    list.page(Vec::new(), context, request)
}

/// `CreateExtendedSourceServer`: extends a server of another account in the same Region, once.
/// Whether that server exists is unknown here.
pub(super) fn extend(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let drs = model.region_mut(&context.region)?;
    let Extend {
        source_server_arn: arn,
        tags,
    } = request.read()?;

    if !is_foreign(&arn, context) {
        let region = &context.region;
        let message = format!("{arn} is not a server of another account in {region}");
        return Err(ApiError::validation(message));
    }
    let mut servers = drs.source_servers.iter();
    if servers.any(|server| server.staging_source_server_arn.as_ref() == Some(&arn)) {
        return Err(ApiError::validation(format!("{arn} is extended already")));
    }

    let server = SourceServer {
        staging_status: "EXTENDED".to_owned(),
        staging_source_server_arn: Some(arn),
        tags,
        ..SourceServer::new(&drs.fresh_source_server_id())
    };
    let json = server_json(&server, &View::new(drs, context));
    drs.source_servers.push(server);

    Ok((201, Some(json!({ "sourceServer": json }))))
}

/// Whether an ARN names a DRS resource of another account, in the Region of the call.
fn is_foreign(arn: &str, context: &Context) -> bool {
    let own = constraints::arn("drs", &context.region, &context.account, "");

    // What is before the account: `arn:PARTITION:drs:REGION`.
    let Some(place) = own.rsplitn(3, ':').nth(2) else {
        return false;
    };
    arn.starts_with(&format!("{place}:")) && arn.split(':').nth(4) != Some(&context.account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drs::api::fixtures::{ONE, call, world},
        world::World,
    };

    fn extend(world: &mut World, arn: &str) -> Result<serde_json::Value, &'static str> {
        let input = json!({ "sourceServerArn": arn });
        call(world, "CreateExtendedSourceServer", input)
    }

    #[test]
    fn extended_server_names_its_staging_account_and_is_extended_once() {
        let mut world = world();
        let arn = |account: &str, region: &str| {
            format!("arn:aws:drs:{region}:{account}:source-server/{ONE}")
        };
        for (account, region) in [("111122223333", "us-east-1"), ("444455556666", "us-west-2")] {
            assert_eq!(
                extend(&mut world, &arn(account, region)),
                Err("ValidationException"),
                "{account} {region}"
            );
        }

        let wanted = arn("444455556666", "us-east-1");
        let made = extend(&mut world, &wanted).unwrap();
        let area = json!({
            "status": "EXTENDED",
            "stagingAccountID": "444455556666",
            "stagingSourceServerArn": wanted,
        });
        assert_eq!(made["sourceServer"]["stagingArea"], area);
        assert_eq!(extend(&mut world, &wanted), Err("ValidationException"));

        let mut count = |account: &str| {
            let filters = json!({ "filters": { "stagingAccountIDs": [account] } });
            let page = call(&mut world, "DescribeSourceServers", filters).unwrap();
            page["items"].as_array().unwrap().len()
        };
        assert_eq!((count("444455556666"), count("111122223333")), (1, 2));
    }
}
