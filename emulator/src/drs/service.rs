//! DRS as a service among others.

use serde_json::{Value, json};

use crate::{
    aws::{
        call::{self, Request, Service},
        error::ApiError,
        operation,
    },
    definition::{Definition, Protocol},
    drs::{api, iam},
    saved::Saved,
    world::World,
};

/// DRS.
pub(crate) static DEFINITION: Definition = Definition {
    service: Service::Drs,
    signing_name: "drs",
    protocol: Protocol::RestJson,

    route: |method, path, _| operation::route(&api::OPERATIONS, method, path),
    changes: |name| Some(operation::find(&api::OPERATIONS, name)?.changes),
    bind: |name, path| operation::bind(&api::OPERATIONS, name, path),
    tokens: |_| api::TOKENS,
    first_token: |request, _| Some(call::page_token(request, 0)),
    subject: api::subject,

    answer: |world, context, request| {
        operation::answer(&api::OPERATIONS, &mut world.drs, context, request)
    },
    iam: iam::requests,
    save,

    error_body,
    invalid: "ValidationException",
    internal: "InternalServerException",
    throttled: ("ThrottlingException", 429),
};

fn error_body(error: &ApiError) -> Value {
    match error.code {
        // The model gives these two no `code`.
        "ThrottlingException" | "InternalServerException" => json!({ "message": error.message }),
        code => json!({ "message": error.message, "code": code }),
    }
}

fn save(world: &World, request: &Request) -> Saved {
    changed_server(world, request).unwrap_or_else(|| Saved::Drs(world.drs.clone()))
}

/// The server that a call changes, if lists show no other change of it.
fn changed_server(world: &World, request: &Request) -> Option<Saved> {
    let id = match request.operation.as_str() {
        // Tags of other resources than servers are saved with all of DRS.
        "TagResource" | "UntagResource" => {
            let arn = request.text("resourceArn")?;
            arn.split_once(":source-server/")?.1
        }
        _ => request.text("sourceServerID")?,
    };

    // The index lets the change be compared and undone without a search.
    let servers = &world.drs.regions.get(&request.region)?.source_servers;
    let (index, server) = servers
        .iter()
        .enumerate()
        .find(|(_, server)| server.id == id)?;

    // A failback ends with the replication of its target, and changes a recovery instance too.
    (server.replication_direction != "FAILBACK").then(|| Saved::SourceServer {
        region: request.region.clone(),
        index,
        server: Box::new(server.clone()),
    })
}
