//! `parse`: from the message that arrived to a [`Command`], or a named [`Rejection`].

use shared::{
    Message, Rejection, RequestId,
    drs::{Server, SourceServerRef},
    request::{detail, unsupported},
};

pub use crate::request::DETAIL_TYPE;
use crate::{
    native,
    request::{self, Request},
};

/// What is asked for, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The name under which the audit is reported.
    pub request_id: RequestId,
    /// The only servers to look at; `None` for all of the account and Region.
    pub source_servers: Option<Vec<SourceServerRef>>,
}

impl Command {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that names the first rule that the message breaks.
    pub fn parse(message: &Message) -> Result<Self, Rejection> {
        match message {
            Message::Bare(text) => Ok(Self::from_request(request::read(text)?)),
            Message::Event(event) if event.detail_type == DETAIL_TYPE => {
                Ok(Self::from_request(request::read(detail(event)?)?))
            }
            // Of AWS's own events, one kind asks for anything.
            Message::Event(event) if native::is_stall_change(event) => {
                Ok(Self::from_stall(native::read_stall(event)?))
            }
            Message::Event(event) => Err(unsupported(event)),
        }
    }

    /// Whether a server is one that is to be looked at.
    #[must_use]
    pub fn means(&self, server: &Server) -> bool {
        let Some(named) = &self.source_servers else {
            return true;
        };

        let mut named = named.iter();
        named.any(|asked| asked.means(&server.id, server.arn.as_ref()))
    }

    fn from_request(request: Request) -> Self {
        Self {
            request_id: request.request_id,
            source_servers: request.source_servers,
        }
    }

    /// A stalled server asks to be looked at, under its own ID as the request's.
    fn from_stall(server: SourceServerRef) -> Self {
        // Whoever reads the report finds the server by it.
        Self {
            request_id: server.id.clone().into(),
            source_servers: Some(vec![server]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::{Inbound, RejectionCode, envelope};

    use super::*;

    const ID: &str = "s-0123456789abcdef0";
    const ARN: &str = "arn:aws:drs:us-east-1:111122223333:source-server/s-0123456789abcdef0";

    fn parse(value: &Value) -> Result<Command, Rejection> {
        let Inbound::One(Ok(message)) = envelope::open(&value.to_string()) else {
            panic!("not a message")
        };
        Command::parse(&message)
    }

    fn refused(value: &Value) -> (RejectionCode, String) {
        let rejection = parse(value).unwrap_err();
        (rejection.code, rejection.message)
    }

    fn stall(state: &str, resources: Value) -> Value {
        json!({
            "source": "aws.drs",
            "detail-type": "DRS Source Server Data Replication Stalled Change",
            "resources": resources,
            "detail": { "state": state },
        })
    }

    #[test]
    fn a_request_is_for_all_servers_or_for_those_that_it_names() {
        let all = parse(&json!({ "version": 1, "requestID": "daily" })).unwrap();
        assert_eq!(all.source_servers, None);

        let some = json!({ "version": 1, "requestID": "x", "sourceServerIDs": [ID, ARN] });
        let named = parse(&some).unwrap().source_servers.unwrap();
        assert!(named.iter().all(|server| server.id.as_ref() == ID));
    }

    #[test]
    fn every_field_is_checked() {
        use RejectionCode::*;
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
            (
                json!({ "version": 1, "requestID": "x", "sourceServerIDs": null }),
                WrongType,
            ),
            (
                json!({ "version": 1, "requestID": "x", "sourceServerIDs": [] }),
                InvalidValue,
            ),
            (
                json!({ "version": 1, "requestID": "x", "sourceServerIDs": ["i-1"] }),
                InvalidValue,
            ),
            (
                json!({ "version": 1, "requestID": "x", "sourceServerIDs": vec![ID; 101] }),
                TooManyTargets,
            ),
        ] {
            assert_eq!(refused(&request).0, code, "{request}");
        }
    }

    #[test]
    fn the_event_of_a_stall_asks_for_its_server() {
        let command = parse(&stall("STALLED", json!([ARN]))).unwrap();
        assert_eq!(command.request_id.as_ref(), ID);
        assert_eq!(command.source_servers.unwrap()[0].id.as_ref(), ID);

        let (code, message) = refused(&stall("NOT_STALLED", json!([ARN])));
        assert_eq!(code, RejectionCode::UnsupportedEvent, "{message}");
        for resources in [json!([]), json!(["i-0abc1234"]), json!("x"), json!(null)] {
            let (code, message) = refused(&stall("STALLED", resources.clone()));
            assert_eq!(code, RejectionCode::InvalidValue, "{resources}");
            assert!(message.contains("resources[0]"), "{message}");
        }
    }

    #[test]
    fn an_event_of_awss_own_cannot_carry_a_request() {
        let detail = json!({ "version": 1, "requestID": "x" });
        let event = json!({ "source": "aws.drs", "detail-type": DETAIL_TYPE, "detail": detail });
        assert_eq!(refused(&event).0, RejectionCode::ReservedSource);

        let other = json!({ "source": "aws.ec2", "detail-type": "Other", "detail": {} });
        assert_eq!(refused(&other).0, RejectionCode::UnsupportedEvent);
    }
}
