//! What EFS may say of file systems in other words.

use serde_json::{Value, json};

use crate::wording::{Wording, items, leave_out};

const FILE_SYSTEMS: &str = "DescribeFileSystems";

/// Every wording that a scenario may have.
pub(crate) const WORDINGS: [Wording; 6] = [
    // What is not said to be lifted stands.
    Wording {
        name: "no_overwrite_protection",
        operation: FILE_SYSTEMS,
        is_the_same: false,
        // That it is itself a replica cannot be seen either, and what is seen comes next.
        may_lead_to: &["unknown_state", "source_unusable", "failback_impossible"],
        reword: |body| {
            items(body, "FileSystems").for_each(|it| leave_out(it, "FileSystemProtection"));
        },
    },
    // EFS has an error for what does not exist; an empty list says nothing.
    Wording {
        name: "no_file_systems",
        operation: FILE_SYSTEMS,
        is_the_same: false,
        may_lead_to: &[],
        reword: |body| body["FileSystems"] = json!([]),
    },
    // As the console writes an account.
    Wording {
        name: "account_with_dashes",
        operation: FILE_SYSTEMS,
        is_the_same: true,
        may_lead_to: &[],
        reword: |body| {
            for file_system in items(body, "FileSystems") {
                if let Some(account) = file_system["OwnerId"].as_str()
                    && let (Some(first), Some(second), Some(third)) =
                        (account.get(..4), account.get(4..8), account.get(8..))
                {
                    file_system["OwnerId"] = json!(format!("{first}-{second}-{third}"));
                }
            }
        },
    },
    // Groups are a set.
    Wording {
        name: "security_groups_in_another_order",
        operation: "DescribeMountTargetSecurityGroups",
        is_the_same: true,
        may_lead_to: &[],
        reword: |body| {
            if let Some(groups) = body["SecurityGroups"].as_array_mut() {
                groups.reverse();
            }
        },
    },
    // What is being set is as good as set.
    Wording {
        name: "backup_policy_being_set",
        operation: "DescribeBackupPolicy",
        is_the_same: true,
        may_lead_to: &[],
        reword: |body| {
            let status = &mut body["BackupPolicy"]["Status"];
            *status = match status.as_str() {
                Some("ENABLED") => json!("ENABLING"),
                Some("DISABLED") => json!("DISABLING"),
                _ => status.take(),
            };
        },
    },
    // IAM's grammar lets a list of one stand by itself.
    Wording {
        name: "policy_spelt_otherwise",
        operation: "DescribeFileSystemPolicy",
        is_the_same: true,
        may_lead_to: &[],
        reword: |body| {
            let policy = body["Policy"].as_str();
            let policy = policy.and_then(|policy| serde_json::from_str(policy).ok());
            if let Some(policy) = policy {
                body["Policy"] = json!(spelt_otherwise(policy).to_string());
            }
        },
    },
];

/// A policy with an action by itself in a list, and one in a list of one by itself.
fn spelt_otherwise(mut policy: Value) -> Value {
    for statement in items(&mut policy, "Statement") {
        let action = statement["Action"].take();
        statement["Action"] = match action {
            Value::Array(mut actions) if actions.len() == 1 => actions.remove(0),
            Value::Array(actions) => json!(actions),
            action => json!([action]),
        };
    }

    policy
}
