//! The settings of a file system: lifecycle, policy, tags.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    aws::{behaviour::Behaviour, error::ApiError},
    efs::model::{
        errors::{bad_request, lost},
        names::Named,
        types::FileSystem,
    },
    world::World,
};

pub(crate) const MAX_TAGS: usize = 50;

impl FileSystem {
    /// `PutLifecycleConfiguration`: replaces all policies; none removes them.
    ///
    /// # Errors
    ///
    /// IncorrectFileSystemLifeCycleState, or BadRequest for policies that EFS does not take.
    pub fn set_lifecycle(
        &mut self,
        policies: Vec<Value>,
        behaviour: Behaviour,
    ) -> Result<(), ApiError> {
        self.require_open(behaviour.writes_while_replicating)?;
        let mut transitions = BTreeMap::new();
        for policy in &policies {
            let members: Vec<_> = policy.as_object().into_iter().flatten().collect();
            let [(name, value)] = members.as_slice() else {
                return Err(bad_request("a lifecycle policy has one transition"));
            };
            let value = value.as_str().unwrap_or_default();
            let days = days(value)
                .filter(|days| (*days == 0) == (*name == "TransitionToPrimaryStorageClass"));
            let days =
                days.ok_or_else(|| bad_request(format!("`{value}` is not a value of {name}")))?;
            if transitions.insert(name.as_str(), days).is_some() {
                return Err(bad_request(format!("{name} is there twice")));
            }
        }
        let archive = transitions.get("TransitionToArchive");
        if archive.is_some()
            && (self.throughput_mode != "elastic" || self.performance_mode != "generalPurpose")
        {
            return Err(bad_request(
                "Archive needs elastic throughput and the mode generalPurpose",
            ));
        }
        if archive
            .zip(transitions.get("TransitionToIA"))
            .is_some_and(|(archive, access)| archive <= access)
        {
            return Err(bad_request("Archive must come later than IA"));
        }
        self.lifecycle_policies = policies;
        Ok(())
    }

    /// `PutFileSystemPolicy`.
    ///
    /// # Errors
    ///
    /// IncorrectFileSystemLifeCycleState, or InvalidPolicyException for what is no policy, and for
    /// one that would keep its writer from writing another, unless the writer waives that check.
    pub fn set_policy(
        &mut self,
        policy: &str,
        waived: bool,
        behaviour: Behaviour,
    ) -> Result<(), ApiError> {
        self.require_open(behaviour.writes_while_replicating)?;
        let invalid = |message: &str| Err(ApiError::new(400, "InvalidPolicyException", message));
        let read = serde_json::from_str::<Value>(policy).ok();
        let statements = read.as_ref().and_then(|policy| policy.get("Statement"));
        let has = |statement: &Value, names: [&str; 2]| {
            names.iter().any(|name| statement.get(name).is_some())
        };
        let is_one = |statement: &Value| {
            matches!(
                statement.get("Effect").and_then(Value::as_str),
                Some("Allow" | "Deny")
            ) && has(statement, ["Principal", "NotPrincipal"])
                && has(statement, ["Action", "NotAction"])
        };
        let Some(statements) = statements.filter(|statements| many(statements).iter().all(is_one))
        else {
            return invalid("the policy is not a policy of EFS");
        };
        if !waived && many(statements).iter().any(locks_out) {
            return invalid("the policy locks its writer out");
        }
        self.policy = Some(policy.to_owned());
        Ok(())
    }
}

impl World {
    /// The tags of the file system or access point that the caller names.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound or AccessPointNotFound.
    pub fn efs_tags(
        &mut self,
        region: &str,
        name: &str,
    ) -> Result<&mut BTreeMap<String, String>, ApiError> {
        if Named::access_point(name).is_err() {
            return self
                .named_file_system(region, name)
                .map(|file_system| &mut file_system.tags);
        }
        let (file_system, found) = self.named_access_point(region, name)?;
        let point = file_system
            .access_points
            .iter_mut()
            .find(|point| point.access_point_id == found.access_point_id);
        point.map(|point| &mut point.tags).ok_or_else(lost)
    }
}

/// One value or several, as policies have them.
pub(crate) fn many(value: &Value) -> &[Value] {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Whether a statement forbids everybody, on no condition, to write a policy. Who the writer is,
/// nobody here knows.
pub(crate) fn locks_out(statement: &Value) -> bool {
    let texts = |name: &str| {
        statement
            .get(name)
            .map(|value| many(value).iter().filter_map(Value::as_str))
    };
    let is_writing = |action: &str| {
        fits(
            &action.to_ascii_lowercase(),
            "elasticfilesystem:putfilesystempolicy",
        )
    };
    let acts = match (texts("Action"), texts("NotAction")) {
        (Some(mut actions), _) => actions.any(is_writing),
        (None, Some(mut others)) => !others.any(is_writing),
        (None, None) => false,
    };
    let principal = statement.get("Principal");
    let named = principal.and_then(|who| who.get("AWS")).or(principal);
    let everybody = named.is_some_and(|who| many(who).iter().any(|who| who == "*"));
    statement
        .get("Effect")
        .is_some_and(|effect| effect == "Deny")
        && statement.get("Condition").is_none()
        && everybody
        && acts
}

/// Whether a text fits an action of a policy, in which `*` stands for any text and `?` for any
/// sign.
pub(crate) fn fits(action: &str, text: &str) -> bool {
    let pattern = regex::escape(action)
        .replace(r"\*", ".*")
        .replace(r"\?", ".");
    regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(text))
}

/// The days of a transition's value, none for the first access; `None` for another text.
pub(crate) fn days(value: &str) -> Option<u16> {
    match value {
        "AFTER_1_ACCESS" => Some(0),
        "AFTER_1_DAY" => Some(1),
        _ => {
            let days = value
                .strip_prefix("AFTER_")?
                .strip_suffix("_DAYS")?
                .parse()
                .ok()?;
            [7, 14, 30, 60, 90, 180, 270, 365]
                .contains(&days)
                .then_some(days)
        }
    }
}

/// That a resource may have these tags. AWS's own do not count.
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let own = tags
        .keys()
        .filter(|key| !key.to_lowercase().starts_with("aws:"));
    if own.count() > MAX_TAGS {
        Err(bad_request("a resource has at most 50 tags"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::fixtures::*;
    use crate::{
        aws::behaviour::Reply,
        efs::model::fixtures::{HERE, REPLICA, SOURCE, THERE, point},
    };
    use serde_json::json;

    #[test]
    fn settings_of_a_replicating_destination_are_a_switch() {
        for (reply, ok) in [(Reply::Ok, true), (Reply::Conflict, false)] {
            let mut world = world();
            world.bind((HERE, SOURCE), (THERE, REPLICA)).unwrap();
            let behaviour = Behaviour {
                writes_while_replicating: reply,
                ..Behaviour::default()
            };
            world.behaviour = behaviour;
            let replica = world.file_system(THERE, REPLICA).unwrap();
            assert_eq!(replica.set_lifecycle(vec![], behaviour).is_ok(), ok);
            assert_eq!(
                replica
                    .set_policy(r#"{"Statement": []}"#, false, behaviour)
                    .is_ok(),
                ok
            );
            let made = world.create_access_point(THERE, REPLICA, point());
            assert_eq!(made.map_err(|error| error.code).is_ok(), ok);
            world.create_access_point(HERE, SOURCE, point()).unwrap();
        }
    }

    #[test]
    fn a_policy_that_locks_its_writer_out_needs_the_check_to_be_waived() {
        let statement = |more: &str| {
            format!(r#"{{"Statement": [{{"Effect": "Deny", "Principal": "*", {more}}}]}}"#)
        };
        for (policy, locks) in [
            (statement(r#""Action": "*""#), true),
            (
                statement(
                    r#""Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:Put*"]"#,
                ),
                true,
            ),
            (
                statement(r#""NotAction": "elasticfilesystem:ClientMount""#),
                true,
            ),
            (statement(r#""Action": "elasticfilesystem:*Policy""#), true),
            (
                statement(r#""Action": "elasticfilesystem:Put?ileSystemPolicy""#),
                true,
            ),
            (
                statement(r#""Action": "*""#).replace(r#""*", "#, r#"{"AWS": ["*"]}, "#),
                true,
            ),
            (
                statement(r#""Action": "elasticfilesystem:ClientMount""#),
                false,
            ),
            (statement(r#""NotAction": "elasticfilesystem:*""#), false),
            (
                statement(
                    r#""Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}"#,
                ),
                false,
            ),
            (
                statement(r#""Action": "*""#).replace("Deny", "Allow"),
                false,
            ),
        ] {
            let set =
                |waived| FileSystem::new(SOURCE).set_policy(&policy, waived, Behaviour::default());
            assert_eq!(
                set(false).map_err(|error| error.code),
                if locks {
                    Err("InvalidPolicyException")
                } else {
                    Ok(())
                },
                "{policy}"
            );
            set(true).unwrap();
        }
    }

    #[test]
    fn a_policy_says_who_may_do_what() {
        let policy = json!({ "Effect": "Allow", "Principal": "*", "Action": "elasticfilesystem:ClientMount" });
        let set = |statement: &Value| {
            let policy = json!({ "Statement": statement }).to_string();
            FileSystem::new(SOURCE)
                .set_policy(&policy, false, Behaviour::default())
                .map_err(|error| error.code)
        };
        assert_eq!(set(&policy), Ok(()));
        for member in ["Effect", "Principal", "Action"] {
            let mut without = policy.clone();
            without.as_object_mut().unwrap().remove(member);
            assert_eq!(set(&without), Err("InvalidPolicyException"), "{member}");
            assert_eq!(
                set(&json!([policy, without])),
                Err("InvalidPolicyException"),
                "{member}"
            );
        }
    }

    #[test]
    fn lifecycle_policies_are_checked_as_documented() {
        let policies = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap();
        for (text, ok) in [
            (
                r#"[{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToArchive": "AFTER_90_DAYS"}]"#,
                true,
            ),
            (
                r#"[{"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]"#,
                true,
            ),
            ("[]", true),
            (
                r#"[{"TransitionToIA": "AFTER_90_DAYS"}, {"TransitionToArchive": "AFTER_30_DAYS"}]"#,
                false,
            ),
            (
                r#"[{"TransitionToIA": "AFTER_30_DAYS", "TransitionToArchive": "AFTER_90_DAYS"}]"#,
                false,
            ),
            (r#"[{"TransitionToIA": "AFTER_1_ACCESS"}]"#, false),
            (r#"[{"TransitionToIA": "AFTER_31_DAYS"}]"#, false),
        ] {
            let set = FileSystem::new(SOURCE).set_lifecycle(policies(text), Behaviour::default());
            assert_eq!(set.is_ok(), ok, "{text}");
        }
        let archive = policies(r#"[{"TransitionToArchive": "AFTER_90_DAYS"}]"#);
        let mut bursting = FileSystem {
            throughput_mode: "bursting".to_owned(),
            ..FileSystem::new(SOURCE)
        };
        assert_eq!(
            bursting
                .set_lifecycle(archive, Behaviour::default())
                .unwrap_err()
                .code,
            "BadRequest"
        );
    }
}
