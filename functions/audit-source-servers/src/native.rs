//! Events of AWS itself that ask for something.

use serde::Deserialize;
use shared::{Event, Rejection, RejectionCode, drs::SourceServerRef, strict};

pub(crate) fn is_stall_change(event: &Event) -> bool {
    event.source == "aws.drs"
        && event.detail_type == "DRS Source Server Data Replication Stalled Change"
}

/// Reads the event of a stalled replication: which server it is about.
pub(crate) fn read_stall(event: &Event) -> Result<SourceServerRef, Rejection> {
    #[derive(Deserialize)]
    struct Detail {
        state: String,
    }

    // Unknown fields are fine here: AWS may add some.
    let detail: Detail = strict::read(&event.detail)?;
    if detail.state != "STALLED" {
        let message = format!("`{}` is no stall; only `STALLED` is handled", detail.state);
        return Err(Rejection::new(RejectionCode::UnsupportedEvent, message));
    }

    // The server is named by its ARN, and nowhere else.
    let named = event.resources.first().cloned().unwrap_or_default();
    SourceServerRef::try_from(named).map_err(|wrong| {
        let message = format!("`resources[0]`: {wrong}");
        Rejection::new(RejectionCode::InvalidValue, message).about("resources[0]")
    })
}
