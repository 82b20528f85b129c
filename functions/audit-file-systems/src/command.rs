//! `parse`: from the message that arrived to a [`Command`], or a named [`Rejection`].

use shared::{
    Message, Rejection, RequestId,
    efs::{FileSystem, FileSystemRef},
    request::{detail, unsupported},
};

pub use crate::request::DETAIL_TYPE;
use crate::request::{self, Request};

/// What is asked for, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The name under which the audit is reported.
    pub request_id: RequestId,
    /// The only file systems to look at; `None` for all of the account and Region.
    pub file_systems: Option<Vec<FileSystemRef>>,
}

impl Command {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that names the first rule that the message breaks.
    pub fn parse(message: &Message) -> Result<Self, Rejection> {
        match message {
            // As a schedule sends it.
            Message::Bare(text) => Ok(Self::from_request(request::read(text)?)),
            Message::Event(event) if event.detail_type == DETAIL_TYPE => {
                Ok(Self::from_request(request::read(detail(event)?)?))
            }
            // EFS sends no events of its own that ask for a look.
            Message::Event(event) => Err(unsupported(event)),
        }
    }

    /// Whether something of a file system is to be looked at: not if the request names only the
    /// file system of that ID in another account or Region.
    #[must_use]
    pub fn means(&self, found: Option<&FileSystem>) -> bool {
        // What was not read is told of whoever asks, and so is a replica with its source.
        let (Some(found), Some(named)) = (found, &self.file_systems) else {
            return true;
        };

        let mut named = named.iter().filter(|asked| asked.id == found.id).peekable();
        let is_named = named.peek().is_some();
        !is_named || named.any(|asked| asked.means(&found.id, found.arn.as_ref()))
    }

    fn from_request(request: Request) -> Self {
        Self {
            request_id: request.request_id,
            file_systems: request.file_systems,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::{Inbound, RejectionCode, envelope};

    use super::*;

    const ID: &str = "fs-0123456789abcdef0";
    const ARN: &str =
        "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-0123456789abcdef0";

    fn parse(value: &Value) -> Result<Command, Rejection> {
        let Inbound::One(Ok(message)) = envelope::open(&value.to_string()) else {
            panic!("not a message")
        };
        Command::parse(&message)
    }

    fn refused(value: &Value) -> RejectionCode {
        parse(value).unwrap_err().code
    }

    #[test]
    fn a_request_is_for_all_file_systems_or_for_those_that_it_names() {
        let all = parse(&json!({ "version": 1, "requestID": "daily" })).unwrap();
        assert_eq!(all.file_systems, None);

        let some = json!({ "version": 1, "requestID": "x", "sourceFileSystemIds": [ID, ARN] });
        let named = parse(&some).unwrap().file_systems.unwrap();
        assert!(named.iter().all(|named| named.id.as_ref() == ID));
        let event = json!({ "source": "cmdb", "detail-type": DETAIL_TYPE, "detail": some });
        assert_eq!(parse(&event).unwrap(), parse(&some).unwrap());
    }

    // Invariant 7.
    #[test]
    fn every_field_is_checked() {
        use RejectionCode::*;
        let ids =
            |ids: Value| json!({ "version": 1, "requestID": "x", "sourceFileSystemIds": ids });

        for (request, code) in [
            (
                json!({ "version": 2, "requestID": "x" }),
                UnsupportedVersion,
            ),
            (json!({ "requestID": "x" }), MissingField),
            (json!({ "version": 1 }), MissingField),
            (json!({ "version": 1, "requestID": "" }), InvalidValue),
            (
                json!({ "version": 1, "requestID": "x", "dryRun": true }),
                UnknownField,
            ),
            (ids(json!(null)), WrongType),
            (ids(json!([])), InvalidValue),
            (ids(json!(["s-0123456789abcdef0"])), InvalidValue),
            (ids(json!(vec![ID; 101])), TooManyTargets),
        ] {
            assert_eq!(refused(&request), code, "{request}");
        }
        parse(&ids(json!(vec![ID; 100]))).unwrap();
    }

    #[test]
    fn an_event_of_awss_own_cannot_carry_a_request() {
        let detail = json!({ "version": 1, "requestID": "x" });
        let event = json!({
            "source": "aws.elasticfilesystem", "detail-type": DETAIL_TYPE, "detail": detail,
        });
        assert_eq!(refused(&event), RejectionCode::ReservedSource);

        let other = json!({ "source": "aws.ec2", "detail-type": "Other", "detail": {} });
        assert_eq!(refused(&other), RejectionCode::UnsupportedEvent);
    }
}
