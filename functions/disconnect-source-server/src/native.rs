//! Events of AWS itself that ask for something.

use serde::Deserialize;
use shared::{AwsInstanceId, Event, Rejection, RejectionCode, strict};

/// An EC2 instance that was terminated, as the event claims.
pub(crate) struct TerminatedInstance {
    pub(crate) id: AwsInstanceId,
    pub(crate) account: Option<String>,
    pub(crate) region: Option<String>,
}

pub(crate) fn is_instance_state_change(event: &Event) -> bool {
    event.source == "aws.ec2" && event.detail_type == "EC2 Instance State-change Notification"
}

/// Reads the detail of an instance's state change, of which only `terminated` asks for anything.
pub(crate) fn read_termination(event: &Event) -> Result<TerminatedInstance, Rejection> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Detail {
        instance_id: AwsInstanceId,
        state: String,
    }

    // Unknown fields are fine here: AWS may add some.
    let detail: Detail = strict::read(&event.detail)?;
    if detail.state != "terminated" {
        let message = format!(
            "{} is `{}`; only `terminated` is handled",
            detail.instance_id, detail.state
        );
        return Err(Rejection::new(RejectionCode::UnsupportedEvent, message));
    }

    Ok(TerminatedInstance {
        id: detail.instance_id,
        account: event.account.clone(),
        region: event.region.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(source: &str, detail_type: &str, state: &str) -> Event {
        Event {
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            account: Some("444455556666".to_owned()),
            region: Some("eu-central-1".to_owned()),
            detail: json!({ "instance-id": "i-00000001", "state": state }).to_string(),
        }
    }

    #[test]
    fn an_event_is_a_state_change_by_its_source_and_its_type() {
        let [source, detail_type] = ["aws.ec2", "EC2 Instance State-change Notification"];
        let is_one = |source, detail_type| {
            let event = event(source, detail_type, "terminated");
            is_instance_state_change(&event)
        };

        assert!(is_one(source, detail_type));
        // Anybody may put an event that looks like one of EC2, under a source of their own.
        assert!(!is_one("change.management", detail_type));
        assert!(!is_one(source, "EC2 Spot Instance Interruption Warning"));
    }

    #[test]
    fn only_a_termination_asks_for_anything() {
        let read = |state| {
            let event = event("aws.ec2", "EC2 Instance State-change Notification", state);
            read_termination(&event).map_err(|rejection| rejection.code)
        };

        let terminated = read("terminated").unwrap();
        assert_eq!(terminated.id.to_string(), "i-00000001");
        assert_eq!(terminated.account.as_deref(), Some("444455556666"));
        assert_eq!(terminated.region.as_deref(), Some("eu-central-1"));
        for state in ["pending", "running", "stopped", "shutting-down"] {
            assert!(matches!(read(state), Err(RejectionCode::UnsupportedEvent)));
        }
    }
}
