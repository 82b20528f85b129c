//! EFS as a service among others.

use serde_json::{Value, json};

use crate::{
    aws::{
        call::{self, Service},
        error::ApiError,
        operation,
    },
    definition::{Definition, Protocol},
    efs::{api, iam},
    saved::Saved,
};

/// EFS.
pub(crate) static DEFINITION: Definition = Definition {
    service: Service::Efs,
    signing_name: "elasticfilesystem",
    protocol: Protocol::RestJson,

    route: |method, path, _| operation::route(&api::OPERATIONS, method, path),
    changes: |name| Some(operation::find(&api::OPERATIONS, name)?.changes),
    bind: |name, path| operation::bind(&api::OPERATIONS, name, path),
    tokens: api::tokens,
    first_token: |request, _| Some(call::page_token(request, 0)),
    subject: api::subject,

    answer: |world, context, request| {
        operation::answer(&api::OPERATIONS, &mut world.efs, context, request)
    },
    iam: iam::requests,
    save: |world, _| Saved::Efs(world.efs.clone()),

    error_body,
    invalid: "ValidationException",
    internal: "InternalServerError",
    // The model has ThrottlingException for one operation, as 429; EFS sends 400.
    throttled: ("ThrottlingException", 400),
};

fn error_body(error: &ApiError) -> Value {
    match error.code {
        // Throttling happens in front of EFS, which has other members.
        "ThrottlingException" => json!({ "message": error.message }),
        code => json!({ "ErrorCode": code, "Message": error.message }),
    }
}
