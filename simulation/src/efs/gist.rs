//! What an answer of EFS says that matters, in a few words, for whoever reads a failing seed.

use serde_json::Value;

use crate::{
    constants::{APPROVED, PROTECTED},
    efs::{
        MARK, REPLICATE_TO,
        observed::{protection, tag},
    },
    record::{Call, text},
};

/// What an answer says that matters; empty where that is nothing but its status.
pub(crate) fn gist(call: &Call) -> String {
    let body = &call.body;
    let more = if call.has_more() {
        ", and another page"
    } else {
        ""
    };
    match call.operation.as_str() {
        "DescribeFileSystems" => each(&body["FileSystems"], file_system),
        "DescribeReplicationConfigurations" => each(&body["Replications"], replication),
        "DescribeAccessPoints" => format!("{}{more}", each(&body["AccessPoints"], access_point)),
        "DescribeMountTargets" => format!("{}{more}", each(&body["MountTargets"], mount_target)),
        "DescribeMountTargetSecurityGroups" => body["SecurityGroups"].to_string(),
        "DescribeLifecycleConfiguration" => body["LifecyclePolicies"].to_string(),
        "DescribeBackupPolicy" => text(&body["BackupPolicy"], "Status").to_owned(),
        _ => String::new(),
    }
}

fn each(list: &Value, tell: impl Fn(&Value) -> String) -> String {
    let items = list.as_array().into_iter().flatten();
    let told: Vec<String> = items.map(tell).collect();

    told.join("; ")
}

/// A file system: its state, its protection, and the tags that decide something.
fn file_system(file_system: &Value) -> String {
    let mut words = vec![text(file_system, "LifeCycleState").to_owned()];
    let state = protection(file_system).as_str().unwrap_or("unknown");
    words.push(format!("overwrite protection {state}"));

    for (key, word) in [
        (APPROVED, "approved for"),
        (PROTECTED, "protected:"),
        (REPLICATE_TO, "tagged to be replicated to"),
        (MARK, "marked by"),
    ] {
        if let Some(value) = tag(file_system, key) {
            words.push(format!("{word} {value}"));
        }
    }
    words.join(", ")
}

/// An access point: whose files it shows from where, and whether it can be used.
fn access_point(point: &Value) -> String {
    let (id, state) = (text(point, "AccessPointId"), text(point, "LifeCycleState"));
    let path = text(&point["RootDirectory"], "Path");
    let user = match &point["PosixUser"] {
        Value::Null => "any user".to_owned(),
        user => format!("user {}:{}", user["Uid"], user["Gid"]),
    };

    format!("{id} {path} {user} {state}")
}

fn mount_target(target: &Value) -> String {
    let (subnet, state) = (text(target, "SubnetId"), text(target, "LifeCycleState"));

    format!("{subnet} {state}")
}

fn replication(replication: &Value) -> String {
    let destination = &replication["Destinations"][0];
    let source = text(replication, "SourceFileSystemId");
    let (status, region) = (text(destination, "Status"), text(destination, "Region"));
    let synced = match destination["LastReplicatedTimestamp"].is_null() {
        true => "never synced",
        false => "synced",
    };

    format!(
        "{source} to {} in {region}, {status}, {synced}",
        text(destination, "FileSystemId")
    )
}
