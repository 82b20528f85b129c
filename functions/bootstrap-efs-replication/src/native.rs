//! Events of AWS itself that ask for something.

use serde::Deserialize;
use serde_json::Value;
use shared::{Event, Rejection, RejectionCode, efs::FileSystemRef, strict};

/// The calls to EFS, as CloudTrail delivers them, after which a file system may ask for a replica
/// by its tag.
pub(crate) fn is_efs_call(event: &Event) -> bool {
    event.source == "aws.elasticfilesystem" && event.detail_type == "AWS API Call via CloudTrail"
}

/// Reads which file system a call created or tagged.
///
/// Only the ID is taken from the event. The tag, and whether the file system is a replica itself,
/// are read from EFS.
pub(crate) fn read_efs_call(event: &Event) -> Result<FileSystemRef, Rejection> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Detail {
        event_source: String,
        event_name: String,
        #[serde(default)]
        error_code: Option<Value>,
        #[serde(default)]
        request_parameters: Option<Value>,
        #[serde(default)]
        response_elements: Option<Value>,
    }

    let detail: Detail = strict::read(&event.detail)?;
    let call = &detail.event_name;
    if let Some(code) = &detail.error_code {
        let message = format!("`{call}` failed, by its errorCode {code}, and asks for no replica");
        return Err(Rejection::new(RejectionCode::UnsupportedEvent, message));
    }

    // `CreateTags` is the older API; both name the file system in their parameters.
    let requested = |name: &str| text_in(&detail.request_parameters, name);
    let id = match call.as_str() {
        _ if detail.event_source != "elasticfilesystem.amazonaws.com" => None,
        "CreateFileSystem" => text_in(&detail.response_elements, "fileSystemId"),
        "TagResource" | "CreateTags" => {
            requested("resourceId").or_else(|| requested("fileSystemId"))
        }
        _ => None,
    };

    // Access points are tagged by the same call.
    let Some(id) = id.filter(|id| !id.starts_with("fsap-")) else {
        let source = &detail.event_source;
        let message = format!("`{call}` of `{source}` asks for no replica");
        return Err(Rejection::new(RejectionCode::UnsupportedEvent, message));
    };
    FileSystemRef::try_from(id)
        .map_err(|wrong| Rejection::new(RejectionCode::InvalidValue, wrong.to_string()))
}

fn text_in(object: &Option<Value>, name: &str) -> Option<String> {
    let value = object.as_ref()?.get(name)?;

    Some(value.as_str()?.to_owned())
}
