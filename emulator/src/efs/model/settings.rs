//! The lifecycle configuration of a file system.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    aws::{behaviour::Behaviour, error::ApiError},
    efs::model::{errors::bad_request, types::FileSystem},
};

impl FileSystem {
    /// `PutLifecycleConfiguration`: replaces all policies. An empty list removes them.
    ///
    /// # Errors
    ///
    /// IncorrectFileSystemLifeCycleState, or BadRequest for policies that EFS does not accept.
    pub fn set_lifecycle(
        &mut self,
        policies: Vec<Value>,
        behaviour: Behaviour,
    ) -> Result<(), ApiError> {
        self.require_open(behaviour.writes_while_replicating)?;

        let transitions = transitions(&policies)?;
        let archive = transitions.get("TransitionToArchive");
        let infrequent_access = transitions.get("TransitionToIA");

        // AWS documents both requirements of the storage class.
        let is_for_archive =
            self.throughput_mode == "elastic" && self.performance_mode == "generalPurpose";
        if archive.is_some() && !is_for_archive {
            let message = "Archive needs elastic throughput and the mode generalPurpose";
            return Err(bad_request(message));
        }
        if archive
            .zip(infrequent_access)
            .is_some_and(|(archive, infrequent_access)| archive <= infrequent_access)
        {
            return Err(bad_request("Archive must come later than IA"));
        }

        self.lifecycle_policies = policies;
        Ok(())
    }
}

/// The days of each transition, by its name.
fn transitions(policies: &[Value]) -> Result<BTreeMap<&str, u16>, ApiError> {
    let mut transitions = BTreeMap::new();

    for policy in policies {
        let members: Vec<_> = policy.as_object().into_iter().flatten().collect();
        let [(name, value)] = members.as_slice() else {
            return Err(bad_request("a lifecycle policy has one transition"));
        };
        let value = value.as_str().unwrap_or_default();

        // Only the way back to the primary storage class depends on an access.
        let is_on_access = *name == "TransitionToPrimaryStorageClass";
        let days = days(value)
            .filter(|days| (*days == 0) == is_on_access)
            .ok_or_else(|| bad_request(format!("`{value}` is not a value of {name}")))?;

        if transitions.insert(name.as_str(), days).is_some() {
            return Err(bad_request(format!("{name} appears twice")));
        }
    }

    Ok(transitions)
}

/// The days in the value of a transition, 0 for the first access; `None` for any other text.
fn days(value: &str) -> Option<u16> {
    let after = value.strip_prefix("AFTER_")?;

    match after {
        "1_ACCESS" => Some(0),
        "1_DAY" => Some(1),
        _ => {
            let days = after.strip_suffix("_DAYS")?.parse().ok()?;
            // The values of the service model.
            let allowed = [7, 14, 30, 60, 90, 180, 270, 365];
            allowed.contains(&days).then_some(days)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aws::behaviour::Reply,
        efs::model::fixtures::{Account, HERE, REPLICA, SOURCE, THERE, point},
    };

    fn policies(text: &str) -> Vec<Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn switch_decides_about_settings_of_a_replicating_destination() {
        for (reply, ok) in [(Reply::Ok, true), (Reply::Conflict, false)] {
            let mut account = Account::new();
            account
                .efs
                .bind((HERE, SOURCE), (THERE, REPLICA), account.now);
            account.behaviour.writes_while_replicating = reply;

            let behaviour = account.behaviour;
            let replica = account.replica();
            assert_eq!(replica.set_lifecycle(vec![], behaviour).is_ok(), ok);
            let policy = replica.set_policy(r#"{"Statement": []}"#, false, behaviour);
            assert_eq!(policy.is_ok(), ok);

            let (here, elsewhere) = (account.call(HERE), account.call(THERE));
            let made = account
                .efs
                .create_access_point(&elsewhere, REPLICA, point());
            assert_eq!(made.is_ok(), ok);
            account
                .efs
                .create_access_point(&here, SOURCE, point())
                .unwrap();
        }
    }

    #[test]
    fn lifecycle_policies_are_checked_as_documented() {
        for (text, ok) in [
            (
                r#"[{"TransitionToIA": "AFTER_30_DAYS"},
                    {"TransitionToArchive": "AFTER_90_DAYS"}]"#,
                true,
            ),
            (
                r#"[{"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]"#,
                true,
            ),
            ("[]", true),
            (
                r#"[{"TransitionToIA": "AFTER_90_DAYS"},
                    {"TransitionToArchive": "AFTER_30_DAYS"}]"#,
                false,
            ),
            (
                r#"[{"TransitionToIA": "AFTER_30_DAYS", "TransitionToArchive": "AFTER_90_DAYS"}]"#,
                false,
            ),
            (r#"[{"TransitionToIA": "AFTER_1_ACCESS"}]"#, false),
            (r#"[{"TransitionToIA": "AFTER_31_DAYS"}]"#, false),
        ] {
            let mut file_system = FileSystem::new(SOURCE);
            let set = file_system.set_lifecycle(policies(text), Behaviour::default());
            assert_eq!(set.is_ok(), ok, "{text}");
        }
    }

    #[test]
    fn archive_needs_elastic_throughput() {
        let archive = policies(r#"[{"TransitionToArchive": "AFTER_90_DAYS"}]"#);
        let mut bursting = FileSystem {
            throughput_mode: "bursting".to_owned(),
            ..FileSystem::new(SOURCE)
        };

        let refused = bursting.set_lifecycle(archive, Behaviour::default());
        assert_eq!(refused.unwrap_err().code, "BadRequest");
    }
}
