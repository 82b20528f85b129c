//! The contract of a request, version 1, as it is written on the wire.

use serde::Deserialize;
use shared::{
    Rejection, RequestId,
    efs::FileSystemRef,
    request::{check_count, check_version},
    strict,
};

/// The detail-type of a request that comes as an EventBridge event.
pub const DETAIL_TYPE: &str = "File System Audit Requested";

/// The most file systems that one request may name.
const MAX_FILE_SYSTEMS: usize = 100;

/// The detail of a request.
///
/// It has no expiry: a look is never too late.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "File System Audit Requested"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Request {
    /// The version of this contract.
    #[cfg_attr(test, schemars(range(min = 1, max = 1)))]
    #[expect(
        dead_code,
        reason = "checked before the rest is read; declared so that it is not an unknown field"
    )]
    version: u8,
    /// The name under which the audit is reported.
    #[serde(rename = "requestID")]
    #[cfg_attr(
        test,
        schemars(
            with = "String",
            length(min = 1, max = 128),
            regex(pattern = r"^[0-9A-Za-z._:/=+@-]+$")
        )
    )]
    pub(crate) request_id: RequestId,
    /// The IDs or ARNs of the only file systems to look at; all of the account and Region without
    /// it.
    #[serde(
        rename = "sourceFileSystemIds",
        default,
        deserialize_with = "strict::present"
    )]
    #[cfg_attr(
        test,
        schemars(with = "Vec<String>", length(min = 1, max = 100), transform = tests::drop_default)
    )]
    pub(crate) file_systems: Option<Vec<FileSystemRef>>,
}

/// Reads the detail of a request.
pub(crate) fn read(text: &str) -> Result<Request, Rejection> {
    // The version first: a later one may have other fields.
    check_version(text)?;
    let request: Request = strict::read(text)?;

    if let Some(file_systems) = &request.file_systems {
        check_count("sourceFileSystemIds", file_systems.len(), MAX_FILE_SYSTEMS)?;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    /// A list that is left out has no default value, and `null` is not one.
    pub(super) fn drop_default(schema: &mut schemars::Schema) {
        drop(schema.remove("default"));
    }

    #[test]
    fn the_schema_in_the_repository_is_that_of_the_types() {
        let schema = schemars::schema_for!(Request);
        let text = serde_json::to_string_pretty(&schema)
            .unwrap()
            .replace("\\n", " ")
            + "\n";
        expect_file!["../request.schema.json"].assert_eq(&text);
    }
}
