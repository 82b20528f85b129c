//! Roles, and what their policies allow.

use emulator::IamRequest;
use serde_json::Value;

use crate::{
    resolve::Deployment,
    values::{text_of, texts_of},
};

/// What a role may do. What no statement allows is denied, and so is what any statement denies.
#[derive(Debug, Clone)]
pub struct Role(pub Vec<Statement>);

/// A statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its `Sid`.
    pub id: String,
    /// Whether its effect is `Allow`, and not `Deny`.
    pub allows: bool,
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Patterns of ARNs.
    pub resources: Vec<String>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

/// One key of one operator.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Such as `StringEquals`.
    pub operator: String,
    /// Such as `aws:RequestedRegion`.
    pub key: String,
    /// One of them is enough.
    pub values: Vec<String>,
}

/// The ARN of the role of a function, by its binary.
#[must_use]
pub fn arn_of_role(function: &str, deployment: &Deployment) -> String {
    text_of(&deployment.properties(deployment.function(function))["Role"])
}

/// A question to IAM, for tables.
#[must_use]
pub fn ask(action: &str, resource: &str) -> IamRequest {
    IamRequest {
        action: action.to_owned(),
        resource: resource.to_owned(),
        keys: [].into(),
    }
    .with("aws:RequestedRegion", "us-east-1")
}

impl Role {
    /// The role of a function, without the policy by which Lambda runs it.
    #[must_use]
    pub fn of(function: &str, deployment: &Deployment) -> Self {
        Self::by_arn(&arn_of_role(function, deployment), deployment, &["run"])
    }

    /// A role with its policies, except for some.
    #[must_use]
    pub fn by_arn(arn: &str, deployment: &Deployment, but: &[&str]) -> Self {
        // The roles of the template are named by their logical IDs.
        let name = arn.rsplit('/').next().unwrap();
        let policies = deployment.properties(name)["Policies"].as_array().unwrap();

        let statements = policies
            .iter()
            .filter(|policy| !but.contains(&policy["PolicyName"].as_str().unwrap()))
            .flat_map(|policy| Self::read(&policy["PolicyDocument"]).0);
        Self(statements.collect())
    }

    /// A policy as it is written.
    #[must_use]
    pub fn read(document: &Value) -> Self {
        let statements = document["Statement"].as_array().unwrap();

        Self(statements.iter().map(Statement::read).collect())
    }

    /// The actions that its statements allow, as they are written.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        let allowing = self.0.iter().filter(|statement| statement.allows);

        allowing
            .flat_map(|statement| &statement.actions)
            .map(String::as_str)
    }

    /// Whether IAM would allow it.
    #[must_use]
    pub fn allows(&self, ask: &IamRequest) -> bool {
        let statements = self.0.iter().filter(|statement| statement.is_about(ask));
        let mut statements = statements.peekable();

        // One statement must allow it, and none may deny it.
        statements.peek().is_some() && statements.all(|statement| statement.allows)
    }
}

impl Statement {
    fn read(statement: &Value) -> Self {
        let known = [
            "Sid",
            "Effect",
            "Principal",
            "Action",
            "Resource",
            "Condition",
        ];
        // An unknown member, such as NotAction, would change the meaning.
        for member in statement.as_object().unwrap().keys() {
            assert!(
                known.contains(&member.as_str()),
                "{member} is not known here: {statement}"
            );
        }

        // An effect is one of two words, in this case.
        let allows = match text_of(&statement["Effect"]).as_str() {
            "Allow" => true,
            "Deny" => false,
            other => panic!("{other} is not an effect"),
        };

        Self {
            id: text_of(&statement["Sid"]),
            allows,
            actions: texts_of(&statement["Action"]),
            resources: texts_of(&statement["Resource"]),
            conditions: Condition::read(statement.get("Condition")),
        }
    }

    fn is_about(&self, ask: &IamRequest) -> bool {
        // IAM ignores the case of actions, and not that of resources.
        let same_action = |one: char, other: char| one.eq_ignore_ascii_case(&other);
        let is_action = |pattern: &String| matches_by(pattern, &ask.action, same_action);
        let is_resource = |pattern: &String| matches(pattern, &ask.resource);

        self.actions.iter().any(is_action)
            && self.resources.iter().any(is_resource)
            && self.conditions.iter().all(|condition| condition.holds(ask))
    }
}

impl Condition {
    /// The conditions of a statement: the keys of all operators.
    fn read(conditions: Option<&Value>) -> Vec<Self> {
        let operators = conditions.and_then(Value::as_object).into_iter().flatten();

        operators
            .flat_map(|(operator, keys)| {
                let keys = keys.as_object().unwrap().iter();
                keys.map(|(key, values)| Self {
                    operator: operator.clone(),
                    key: key.clone(),
                    values: texts_of(values),
                })
            })
            .collect()
    }

    /// An unknown operator fails the test: it must never be taken for true.
    fn holds(&self, ask: &IamRequest) -> bool {
        // IAM ignores the case of keys.
        let asked = ask
            .keys
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(&self.key));
        let asked = asked.map_or(&[][..], |(_, values)| values.as_slice());

        // The values that IAM compares one by one.
        let is_equal = |value: &String| self.values.contains(value);
        let is_like = |value: &String| self.values.iter().any(|pattern| matches(pattern, value));
        let is_same = |value: &String| {
            let mut values = self.values.iter();
            values.any(|wanted| wanted.eq_ignore_ascii_case(value))
        };

        match self.operator.as_str() {
            "StringEquals" | "ForAnyValue:StringEquals" => asked.iter().any(is_equal),
            // Of a key that the request does not have, all values are equal: there is none.
            "ForAllValues:StringEquals" => asked.iter().all(is_equal),
            "StringLike" | "ArnLike" | "ArnEquals" => asked.iter().any(is_like),
            "Bool" => asked.iter().any(is_same),
            "Null" => self.values.contains(&asked.is_empty().to_string()),
            other => panic!("the operator {other} is not known here"),
        }
    }
}

/// Whether a text matches a pattern in which `*` stands for any text and `?` for any character.
fn matches(pattern: &str, text: &str) -> bool {
    matches_by(pattern, text, |one, other| one == other)
}

fn matches_by(pattern: &str, text: &str, same: fn(char, char) -> bool) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest_of_pattern = &pattern[first.len_utf8()..];
    let rest_of_text = |character: char| &text[character.len_utf8()..];

    match (first, text.chars().next()) {
        // A star stands for nothing, or for one character and whatever a star stands for.
        ('*', _) if matches_by(rest_of_pattern, text, same) => true,
        ('*', Some(character)) => matches_by(pattern, rest_of_text(character), same),
        ('?', Some(character)) => matches_by(rest_of_pattern, rest_of_text(character), same),
        (first, Some(character)) if same(first, character) => {
            matches_by(rest_of_pattern, rest_of_text(character), same)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn statement(effect: &str, action: &str, resource: &str) -> Value {
        json!({ "Sid": "a", "Effect": effect, "Action": action, "Resource": resource })
    }

    #[test]
    fn a_policy_is_read_as_iam_reads_it() {
        let allowed = |statements: Value, asked: &IamRequest| {
            Role::read(&json!({ "Statement": statements })).allows(asked)
        };
        let one = |action: &str, resource: &str| json!([statement("Allow", action, resource)]);
        let get = ask("s3:GetObject", "arn:aws:s3:::b/k");
        assert!(!allowed(json!([]), &get), "denied by default");
        for (action, resource, expected) in [
            ("s3:GetObject", "*", true),
            ("S3:getobject", "arn:aws:s3:::b/*", true),
            ("s3:Get*", "arn:aws:s3:::?/k", true),
            ("*", "arn:aws:s3:::b/k", true),
            ("s3:Put*", "*", false),
            ("s3:GetObject", "arn:aws:s3:::b", false),
            ("s3:GetObject", "arn:aws:s3:::B/k", false),
            ("s3:GetObject", "arn:aws:s3:::??/k", false),
        ] {
            assert_eq!(
                allowed(one(action, resource), &get),
                expected,
                "{action} {resource}"
            );
        }
        let both = json!([
            statement("Allow", "s3:*", "*"),
            statement("Deny", "s3:*", "*")
        ]);
        assert!(!allowed(both, &get), "a denial wins");
        assert!(
            !allowed(one("s3:*", "arn:*"), &ask("s3:ListAllMyBuckets", "*")),
            "an ARN is not every resource"
        );
    }

    #[test]
    fn a_condition_is_read_as_iam_reads_it() {
        let keyed = ask("a:B", "*")
            .with("k", "v")
            .with("keys", "one")
            .with("keys", "two");
        for (operator, key, value, expected) in [
            ("StringEquals", "k", json!("v"), true),
            ("StringEquals", "K", json!(["x", "v"]), true),
            ("StringEquals", "k", json!("V"), false),
            ("StringEquals", "absent", json!("v"), false),
            ("StringLike", "k", json!("*"), true),
            ("StringLike", "absent", json!("*"), false),
            ("Null", "absent", json!("true"), true),
            ("Null", "k", json!("true"), false),
            ("Null", "k", json!("false"), true),
            ("Null", "absent", json!("false"), false),
            (
                "ForAllValues:StringEquals",
                "keys",
                json!(["one", "two", "three"]),
                true,
            ),
            ("ForAllValues:StringEquals", "keys", json!("one"), false),
            ("ForAllValues:StringEquals", "absent", json!("one"), true),
            ("ForAnyValue:StringEquals", "keys", json!("two"), true),
            ("ForAnyValue:StringEquals", "keys", json!("three"), false),
            ("ForAnyValue:StringEquals", "absent", json!("one"), false),
            ("Bool", "k", json!("true"), false),
        ] {
            let condition = Condition {
                operator: operator.to_owned(),
                key: key.to_owned(),
                values: texts_of(&value),
            };
            assert_eq!(
                condition.holds(&keyed),
                expected,
                "{operator} {key} {value}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "StringNotEquals is not known here")]
    fn an_unknown_operator_is_never_taken_for_true() {
        let condition = Condition {
            operator: "StringNotEquals".to_owned(),
            key: "k".to_owned(),
            values: vec![],
        };
        condition.holds(&ask("a:B", "*"));
    }
}
