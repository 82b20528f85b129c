//! What DRS may say of source servers in other words.

use serde_json::{Value, json};

use crate::wording::{Wording, items, leave_out};

const SERVERS: &str = "DescribeSourceServers";
const INSTANCES: &str = "DescribeRecoveryInstances";

/// Every wording that a scenario may have.
pub(crate) const WORDINGS: [Wording; 7] = [
    // Without an ARN there is no tag to remove, and nothing to compare a target's ARN with.
    Wording {
        name: "server_without_arn",
        operation: SERVERS,
        is_the_same: false,
        may_lead_to: &["unknown_state", "arn_mismatch"],
        reword: |body| items(body, "items").for_each(|server| leave_out(server, "arn")),
    },
    // Whether it is one of the targets cannot be known, so that no list with it can be used.
    Wording {
        name: "server_without_id",
        operation: SERVERS,
        is_the_same: false,
        may_lead_to: &[],
        reword: |body| {
            if let Some(server) = items(body, "items").next() {
                leave_out(server, "sourceServerID");
            }
        },
    },
    // The server of another account may stand behind it.
    Wording {
        name: "staging_area_without_status",
        operation: SERVERS,
        is_the_same: false,
        may_lead_to: &["extended"],
        reword: |body| {
            for server in items(body, "items") {
                let arn = "arn:aws:drs:us-east-1:999999999999:source-server/s-1";
                server["stagingArea"] = json!({ "stagingSourceServerArn": arn });
            }
        },
    },
    // It may be of any server.
    Wording {
        name: "recovery_instance_without_server",
        operation: INSTANCES,
        is_the_same: false,
        may_lead_to: &["recovery_instance_present", "drill_instance_present"],
        reword: |body| items(body, "items").for_each(|it| leave_out(it, "sourceServerID")),
    },
    // What is no drill may go without saying.
    Wording {
        name: "recovery_without_kind",
        operation: INSTANCES,
        is_the_same: true,
        may_lead_to: &[],
        reword: |body| {
            for instance in items(body, "items").filter(|it| it["isDrill"] == false) {
                leave_out(instance, "isDrill");
            }
        },
    },
    // Some answers of AWS have an empty text for what is not there.
    Wording {
        name: "empty_recovery_instance_id",
        operation: SERVERS,
        is_the_same: true,
        may_lead_to: &[],
        reword: |body| {
            for server in items(body, "items").filter(|it| it["recoveryInstanceId"].is_null()) {
                server["recoveryInstanceId"] = json!("");
            }
        },
    },
    // Evidence is of all the disks together.
    Wording {
        name: "two_disks",
        operation: SERVERS,
        is_the_same: true,
        may_lead_to: &[],
        reword: |body| items(body, "items").for_each(divide_disk),
    },
];

/// The same bytes on two disks.
fn divide_disk(server: &mut Value) {
    let disks = server["dataReplicationInfo"]["replicatedDisks"].as_array_mut();
    let Some(disks) = disks else { return };
    let Some(bytes) = disks
        .first()
        .and_then(|disk| disk["replicatedStorageBytes"].as_i64())
    else {
        return;
    };

    let mut second = disks[0].clone();
    second["deviceName"] = json!("/dev/xvdb");
    disks.push(second);
    for (disk, bytes) in disks.iter_mut().zip([bytes / 3, bytes - bytes / 3]) {
        disk["replicatedStorageBytes"] = json!(bytes);
    }
}
