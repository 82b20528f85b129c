//! What an attempt has read of file systems and replications, as it stood on the wire.

use serde_json::Value;

use crate::{
    constants::HERE,
    record::{AttemptLog, Call},
};

/// The last call of the attempt that says something of a resource.
pub(crate) fn observed<'a>(
    log: &'a AttemptLog,
    operation: &str,
    region: &str,
    id: &str,
) -> Option<&'a Call> {
    log.calls
        .iter()
        .rev()
        .filter(|call| call.is_ok() || is_not_found(call))
        .find(|call| call.operation == operation && call.region == region && call.subject == id)
}

/// Whether an answer says that something does not exist; any other error says nothing.
fn is_not_found(call: &Call) -> bool {
    let code = call.code.as_deref();

    code.is_some_and(|code| code.ends_with("NotFound"))
}

/// The replication of a file system, as the attempt read it last.
pub(crate) fn observed_replication<'a>(
    log: &'a AttemptLog,
    region: &str,
    id: &str,
) -> Option<&'a Call> {
    observed(log, "DescribeReplicationConfigurations", region, id)
}

/// Whether the attempt read a replication of a file system when it first read whether there is one.
pub(crate) fn was_replicated_at_first(log: &AttemptLog, region: &str, id: &str) -> bool {
    let mut answered = log.calls.iter().filter(|call| {
        let is_about = call.operation == "DescribeReplicationConfigurations" && call.subject == id;
        is_about && call.region == region && (call.is_ok() || is_not_found(call))
    });

    answered.next().is_some_and(Call::is_ok)
}

/// A file system, as the attempt read it last.
pub(crate) fn observed_file_system<'a>(
    log: &'a AttemptLog,
    region: &str,
    id: &str,
) -> Option<&'a Value> {
    let call = observed(log, "DescribeFileSystems", region, id)?;

    call.body["FileSystems"].get(0).filter(|_| call.is_ok())
}

/// Whether the attempt has read something of a file system, a list to its end, or that there is
/// none.
pub(crate) fn was_read_to_the_end(
    log: &AttemptLog,
    operation: &str,
    region: &str,
    id: &str,
) -> bool {
    let is_about =
        |call: &&Call| call.operation == operation && call.region == region && call.subject == id;
    // A list is read in order, so that its last page stands for all.
    let mut calls = log.calls.iter().filter(is_about);
    // Of one file system there is one page, whatever the answer says.
    let is_one = operation == "DescribeFileSystems";
    calls.any(|call| is_not_found(call) || (call.is_ok() && (is_one || !call.has_more())))
}

/// What is wrong where an attempt has not looked at a file system twice, or got no answer when it
/// looked last.
pub(crate) fn wrong_with_second_look(
    log: &AttemptLog,
    region: &str,
    id: &str,
) -> Option<&'static str> {
    let mut looks = log.calls.iter().rev().filter(|call| {
        call.operation == "DescribeFileSystems" && call.region == region && call.subject == id
    });

    // The SDK repeats what failed, so that of one look more than one call may be in the record.
    if !looks.next().is_some_and(Call::is_ok) {
        return Some("although the look at it right before failed");
    }
    let is_second = looks.any(Call::is_ok);
    (!is_second).then_some("without looking at it again right before")
}

/// The value of a tag of a file system that was read.
pub(crate) fn tag<'a>(file_system: &'a Value, key: &str) -> Option<&'a str> {
    let tags = file_system["Tags"].as_array()?;

    tags.iter().find(|tag| tag["Key"] == key)?["Value"].as_str()
}

/// The overwrite protection of a file system that was read.
pub(crate) fn protection(file_system: &Value) -> &Value {
    &file_system["FileSystemProtection"]["ReplicationOverwriteProtection"]
}

/// Whether the last read of an attempt showed a replication of this source, and no call failed
/// after it.
pub(crate) fn is_replicated(log: &AttemptLog, id: &str) -> bool {
    let reads_replication =
        |call: &Call| call.operation == "DescribeReplicationConfigurations" && call.subject == id;
    // A call that failed later may have changed what was read.
    let mut after = log
        .calls
        .iter()
        .rev()
        .take_while(|call| !reads_replication(call));
    let nothing_failed = after.all(|call| {
        call.status
            .is_some_and(|status| status < 400 || status == 404)
    });

    let replication = observed_replication(log, HERE, id);
    let is_shown =
        replication.is_some_and(|call| call.body["Replications"][0]["SourceFileSystemId"] == id);

    is_shown && nothing_failed
}
