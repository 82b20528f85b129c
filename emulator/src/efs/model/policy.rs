//! File system policies, as far as the emulator understands them: which account they name, and
//! whether they lock their writer out.

use serde_json::Value;

use crate::{
    aws::{behaviour::Behaviour, error::ApiError},
    efs::model::types::FileSystem,
};

/// The action that a policy may not deny to its writer.
const PUT_POLICY: &str = "elasticfilesystem:putfilesystempolicy";

impl FileSystem {
    /// `PutFileSystemPolicy`.
    ///
    /// # Errors
    ///
    /// IncorrectFileSystemLifeCycleState, or InvalidPolicyException for text that is no policy and
    /// for a policy that would keep its writer from writing another, unless that check is bypassed.
    pub fn set_policy(
        &mut self,
        policy: &str,
        bypass_lockout_check: bool,
        behaviour: Behaviour,
    ) -> Result<(), ApiError> {
        self.require_open(behaviour.writes_while_replicating)?;

        let invalid = |message| Err(ApiError::new(400, "InvalidPolicyException", message));
        // EFS stores the text, so it is parsed only to be checked.
        let parsed: Option<Value> = serde_json::from_str(policy).ok();
        let statements = parsed.as_ref().and_then(|policy| policy.get("Statement"));
        let Some(statements) = statements.map(one_or_many) else {
            return invalid("the policy is not a policy of EFS");
        };

        if !statements.iter().all(is_statement) {
            return invalid("the policy is not a policy of EFS");
        }
        // The check protects from a policy that nobody could replace.
        if !bypass_lockout_check && statements.iter().any(locks_writer_out) {
            return invalid("the policy locks its writer out");
        }

        self.policy = Some(policy.to_owned());
        Ok(())
    }

    /// Whether the policy allows anything to an account. The allowed actions are not looked at.
    pub(super) fn policy_names(&self, account: &str) -> bool {
        let Some(policy) = &self.policy else {
            return false;
        };
        // A policy that is no JSON allows nothing.
        let policy: Value = serde_json::from_str(policy).unwrap_or_default();
        let statements = policy.get("Statement").map(one_or_many).unwrap_or_default();

        statements.iter().any(|statement| {
            let principal = statement.get("Principal");
            is(statement, "Effect", "Allow")
                && principal.is_some_and(|principal| principal.to_string().contains(account))
        })
    }
}

/// The statements, principals or actions of a policy: one value or a list.
fn one_or_many(value: &Value) -> &[Value] {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn is(statement: &Value, member: &str, text: &str) -> bool {
    statement.get(member).and_then(Value::as_str) == Some(text)
}

/// Whether a value has the members of a statement.
fn is_statement(statement: &Value) -> bool {
    let has_one_of = |names: [&str; 2]| names.iter().any(|name| statement.get(name).is_some());

    (is(statement, "Effect", "Allow") || is(statement, "Effect", "Deny"))
        && has_one_of(["Principal", "NotPrincipal"])
        && has_one_of(["Action", "NotAction"])
}

/// Whether a statement unconditionally denies everybody to write a policy. The writer's identity
/// is unknown here.
fn locks_writer_out(statement: &Value) -> bool {
    let principal = statement.get("Principal");
    // Everybody is written as "*" or as {"AWS": "*"}.
    let accounts = principal
        .and_then(|principal| principal.get("AWS"))
        .or(principal);
    let is_everybody = accounts
        .map(one_or_many)
        .is_some_and(|accounts| accounts.iter().any(|account| account == "*"));

    is(statement, "Effect", "Deny")
        && statement.get("Condition").is_none()
        && is_everybody
        && applies_to_put_policy(statement)
}

fn applies_to_put_policy(statement: &Value) -> bool {
    let matches_put_policy = |member: &str| {
        let actions = statement.get(member).map(one_or_many)?;
        let mut actions = actions.iter().filter_map(Value::as_str);
        Some(actions.any(|action| action_matches(action, PUT_POLICY)))
    };

    match (
        matches_put_policy("Action"),
        matches_put_policy("NotAction"),
    ) {
        (Some(matches), _) => matches,
        (None, Some(is_excepted)) => !is_excepted,
        (None, None) => false,
    }
}

/// Whether an action of a policy covers an action. In policies `*` stands for any text and `?` for
/// any character, and case does not matter.
fn action_matches(pattern: &str, action: &str) -> bool {
    let pattern = regex::escape(&pattern.to_ascii_lowercase())
        .replace(r"\*", ".*")
        .replace(r"\?", ".");

    regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(action))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::efs::model::fixtures::SOURCE;

    fn set(policy: &Value, bypass_lockout_check: bool) -> Result<(), &'static str> {
        let mut file_system = FileSystem::new(SOURCE);
        let (policy, behaviour) = (policy.to_string(), Behaviour::default());

        file_system
            .set_policy(&policy, bypass_lockout_check, behaviour)
            .map_err(|error| error.code)
    }

    /// A policy that denies everybody something.
    fn deny(more: Value) -> Value {
        let mut statement = json!({ "Effect": "Deny", "Principal": "*" });
        let members = statement.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());

        json!({ "Statement": [statement] })
    }

    #[test]
    fn policy_that_locks_its_writer_out_needs_the_check_to_be_bypassed() {
        for more in [
            json!({ "Action": "*" }),
            json!({ "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:Put*"] }),
            json!({ "NotAction": "elasticfilesystem:ClientMount" }),
            json!({ "Action": "elasticfilesystem:*Policy" }),
            json!({ "Action": "elasticfilesystem:Put?ileSystemPolicy" }),
            json!({ "Action": "*", "Principal": { "AWS": ["*"] } }),
        ] {
            let policy = deny(more);
            assert_eq!(
                set(&policy, false),
                Err("InvalidPolicyException"),
                "{policy}"
            );
            assert_eq!(set(&policy, true), Ok(()));
        }
    }

    #[test]
    fn policy_that_leaves_its_writer_in_is_accepted() {
        let condition = json!({ "Bool": { "aws:SecureTransport": "false" } });

        for more in [
            json!({ "Action": "elasticfilesystem:ClientMount" }),
            json!({ "NotAction": "elasticfilesystem:*" }),
            json!({ "Action": "*", "Condition": condition }),
            json!({ "Action": "*", "Effect": "Allow" }),
        ] {
            let policy = deny(more);
            assert_eq!(set(&policy, false), Ok(()), "{policy}");
            assert_eq!(set(&policy, true), Ok(()));
        }
    }

    #[test]
    fn statement_has_an_effect_a_principal_and_an_action() {
        let statement = json!({
            "Effect": "Allow",
            "Principal": "*",
            "Action": "elasticfilesystem:ClientMount",
        });
        let set = |statements: Value| set(&json!({ "Statement": statements }), false);
        assert_eq!(set(statement.clone()), Ok(()));

        for member in ["Effect", "Principal", "Action"] {
            let mut without = statement.clone();
            without.as_object_mut().unwrap().remove(member);

            let both = json!([statement, without]);
            assert_eq!(set(without), Err("InvalidPolicyException"), "{member}");
            assert_eq!(set(both), Err("InvalidPolicyException"), "{member}");
        }
    }
}
