//! The calls to DRS that change something, one each.

use aws_sdk_drs::operation::disconnect_source_server::DisconnectSourceServerOutput;

use super::{
    client::Drs,
    model::{Server, SourceServerId, State},
    observe::{read_id, read_state, read_tags},
};
use crate::{
    api::{CallRecord, FailedCall},
    arn::Arn,
    guardrails::Tags,
};

/// What DRS answers to a disconnect: the server as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisconnectResponse {
    id: Option<SourceServerId>,
    state: State,
    tags: Tags,
}

impl Drs {
    /// Disconnects a source server: ends its replication and destroys its recovery points.
    ///
    /// # Errors
    ///
    /// The call and its fault. Only a read can tell whether it had an effect all the same.
    pub async fn disconnect(
        &self,
        id: &SourceServerId,
        record: &CallRecord,
    ) -> Result<DisconnectResponse, FailedCall> {
        let request = self
            .client
            .disconnect_source_server()
            .source_server_id(id.as_ref());
        let answer = self
            .api(record)
            .call("DisconnectSourceServer", request.send())
            .await?;

        Ok(read_disconnect(&answer))
    }

    /// Deletes the record of a source server that is DISCONNECTED.
    ///
    /// # Errors
    ///
    /// The call and its fault. Only a read can tell whether it had an effect all the same.
    pub async fn delete(&self, id: &SourceServerId, record: &CallRecord) -> Result<(), FailedCall> {
        // Whether the staging resources are gone is for the caller to know.
        let request = self
            .client
            .delete_source_server()
            .source_server_id(id.as_ref());

        self.api(record)
            .call("DeleteSourceServer", request.send())
            .await
            .map(drop)
    }

    /// Removes one tag from a resource.
    ///
    /// # Errors
    ///
    /// The call and its fault. Only a read can tell whether it had an effect all the same.
    pub async fn remove_tag(
        &self,
        arn: &Arn,
        key: &str,
        record: &CallRecord,
    ) -> Result<(), FailedCall> {
        // The role may remove the approval tag, and no other.
        let request = self
            .client
            .untag_resource()
            .resource_arn(arn.as_ref())
            .tag_keys(key);

        self.api(record)
            .call("UntagResource", request.send())
            .await
            .map(drop)
    }
}

impl DisconnectResponse {
    /// Whether the answer shows this server DISCONNECTED, and its tags as they were read before.
    ///
    /// It is enough to remove the approval next. It is not enough to delete a record, or to report
    /// that something is done.
    #[must_use]
    pub fn confirms(&self, server: &Server) -> bool {
        // Tags too: an approval that was withdrawn meanwhile is for a read to find.
        self.id.as_ref() == Some(&server.id)
            && self.state == State::Disconnected
            && self.tags == server.tags
    }
}

fn read_disconnect(answer: &DisconnectSourceServerOutput) -> DisconnectResponse {
    // The answer describes the server after the change, tags included.
    let replication = answer.data_replication_info();

    DisconnectResponse {
        id: read_id(answer.source_server_id()),
        state: read_state(replication.and_then(|info| info.data_replication_state())),
        tags: read_tags(answer.tags()),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_drs::types::{DataReplicationInfo, DataReplicationState};

    use super::*;
    use crate::drs::observe::tests::bare_server;

    #[test]
    fn an_answer_confirms_the_server_that_was_read_and_no_other() {
        let server = Server {
            tags: [("drover:approved".to_owned(), "CHG1".to_owned())].into(),
            ..bare_server()
        };
        let confirms = |id: &str, state: DataReplicationState, approval: &str| {
            let replication = DataReplicationInfo::builder()
                .data_replication_state(state)
                .build();
            let answer = DisconnectSourceServerOutput::builder()
                .source_server_id(id)
                .data_replication_info(replication)
                .tags("drover:approved", approval)
                .build();
            read_disconnect(&answer).confirms(&server)
        };

        let id = server.id.as_ref();
        assert!(confirms(id, DataReplicationState::Disconnected, "CHG1"));
        assert!(!confirms(
            "s-0123456789abcdef1",
            DataReplicationState::Disconnected,
            "CHG1"
        ));
        assert!(!confirms(id, DataReplicationState::Continuous, "CHG1"));
        assert!(!confirms(id, DataReplicationState::Disconnected, "CHG2"));

        let empty = DisconnectSourceServerOutput::builder().build();
        assert!(!read_disconnect(&empty).confirms(&server));
    }
}
