//! Events of AWS itself that ask for something.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use shared::{AwsInstanceId, Event, Rejection, RejectionCode, strict};

/// An EC2 instance that was terminated, as the event claims.
pub(crate) struct TerminatedInstance {
    pub(crate) id: AwsInstanceId,
    pub(crate) account: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) at: Option<DateTime<Utc>>,
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
        at: event.time,
    })
}
