//! What an event of AWS is about.

use serde_json::Value;

/// What an event of AWS is about: an instance and its state, or a file system and the call.
pub(crate) fn named_by_aws(detail: &Value) -> Option<String> {
    if let Some(instance) = text(detail, "instance-id") {
        let state = text(detail, "state").unwrap_or("in an unknown state");
        return Some(format!("{instance}: {state}"));
    }

    // CloudTrail names what a call was about among its parameters, or in its answer.
    let call = text(detail, "eventName")?;
    let parts = ["requestParameters", "responseElements"];
    let file_system = parts.into_iter().find_map(|part| {
        let part = detail.get(part)?;
        text(part, "fileSystemId").or_else(|| text(part, "resourceId"))
    });
    Some(format!("{}: {call}", file_system?))
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_aws_is_told_by_what_it_is_about() {
        let terminated = json!({ "instance-id": "i-1", "state": "terminated" });
        assert_eq!(
            named_by_aws(&terminated).as_deref(),
            Some("i-1: terminated")
        );

        let tagged =
            json!({ "eventName": "TagResource", "requestParameters": { "resourceId": "fs-1" } });
        assert_eq!(named_by_aws(&tagged).as_deref(), Some("fs-1: TagResource"));
        let created = json!({
            "eventName": "CreateFileSystem",
            "requestParameters": { "encrypted": true },
            "responseElements": { "fileSystemId": "fs-2" },
        });
        assert_eq!(
            named_by_aws(&created).as_deref(),
            Some("fs-2: CreateFileSystem")
        );
        assert_eq!(named_by_aws(&json!({ "status": "ok" })), None);
    }
}
