//! Roles, and what their policies allow.

use emulator::Ask;
use serde_json::Value;

use crate::{
    resolve::Deployment,
    values::{text_of, texts_of},
};

/// A statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its `Sid`.
    pub id: String,
    /// Whether its effect is `Allow`; else it is `Deny`.
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

/// What a role may do. What no statement allows is denied, and so is what any statement denies.
#[derive(Debug, Clone)]
pub struct Role(pub Vec<Statement>);

impl Role {
    /// The role of a function, without the policy by which Lambda runs it.
    #[must_use]
    pub fn of(function: &str, deployment: &Deployment) -> Self {
        Self::by_arn(&arn_of_role(function, deployment), deployment, &["run"])
    }

    /// A role with its policies, but for some.
    #[must_use]
    pub fn by_arn(arn: &str, deployment: &Deployment, but: &[&str]) -> Self {
        let name = arn.rsplit('/').next().unwrap();
        let policies = deployment.properties(name)["Policies"]
            .as_array()
            .unwrap()
            .iter();
        let policies =
            policies.filter(|policy| !but.contains(&policy["PolicyName"].as_str().unwrap()));
        Self(
            policies
                .flat_map(|policy| Self::read(&policy["PolicyDocument"]).0)
                .collect(),
        )
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

    /// Whether IAM would say yes.
    #[must_use]
    pub fn allows(&self, ask: &Ask) -> bool {
        let mut about = self
            .0
            .iter()
            .filter(|statement| statement.is_about(ask))
            .peekable();
        about.peek().is_some() && about.all(|statement| statement.allows)
    }
}

/// The ARN of the role of a function, by its binary.
#[must_use]
pub fn arn_of_role(function: &str, deployment: &Deployment) -> String {
    text_of(&deployment.properties(deployment.function(function))["Role"])
}

impl Statement {
    fn read(statement: &Value) -> Self {
        let members = statement.as_object().unwrap().keys();
        for member in members {
            let known = [
                "Sid",
                "Effect",
                "Principal",
                "Action",
                "Resource",
                "Condition",
            ];
            assert!(
                known.contains(&member.as_str()),
                "{member} is not known here: {statement}"
            );
        }
        let operators = statement
            .get("Condition")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let conditions = operators.flat_map(|(operator, keys)| {
            keys.as_object()
                .unwrap()
                .iter()
                .map(|(key, values)| Condition {
                    operator: operator.clone(),
                    key: key.clone(),
                    values: texts_of(values),
                })
        });
        Self {
            id: text_of(&statement["Sid"]),
            allows: match text_of(&statement["Effect"]).as_str() {
                "Allow" => true,
                "Deny" => false,
                other => panic!("{other} is not an effect"),
            },
            actions: texts_of(&statement["Action"]),
            resources: texts_of(&statement["Resource"]),
            conditions: conditions.collect(),
        }
    }

    fn is_about(&self, ask: &Ask) -> bool {
        let in_any_case = |one: char, other: char| one.eq_ignore_ascii_case(&other);
        self.actions
            .iter()
            .any(|pattern| fits_by(pattern, &ask.action, in_any_case))
            && self
                .resources
                .iter()
                .any(|pattern| fits(pattern, &ask.resource))
            && self.conditions.iter().all(|condition| condition.holds(ask))
    }
}

impl Condition {
    /// An operator that is not known here fails the test: it must never be taken for true.
    fn holds(&self, ask: &Ask) -> bool {
        let asked = ask
            .keys
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(&self.key));
        let asked = asked
            .map(|(_, values)| values.as_slice())
            .unwrap_or_default();
        let is_one = |value: &String| self.values.contains(value);
        let is_like = |value: &String| self.values.iter().any(|pattern| fits(pattern, value));
        match self.operator.as_str() {
            "StringEquals" | "ForAnyValue:StringEquals" => asked.iter().any(is_one),
            "ForAllValues:StringEquals" => asked.iter().all(is_one),
            "StringLike" | "ArnLike" | "ArnEquals" => asked.iter().any(is_like),
            "Bool" => asked.iter().any(|value| {
                self.values
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(value))
            }),
            "Null" => self
                .values
                .iter()
                .any(|absent| *absent == asked.is_empty().to_string()),
            other => panic!("the operator {other} is not known here"),
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any text and `?` for any sign.
fn fits(pattern: &str, text: &str) -> bool {
    fits_by(pattern, text, |one, other| one == other)
}

fn fits_by(pattern: &str, text: &str, same: fn(char, char) -> bool) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let (rest, sign) = (&pattern[first.len_utf8()..], text.chars().next());
    let after = |sign: char| &text[sign.len_utf8()..];
    match (first, sign) {
        ('*', _) if fits_by(rest, text, same) => true,
        ('*', Some(sign)) => fits_by(pattern, after(sign), same),
        ('?', Some(sign)) => fits_by(rest, after(sign), same),
        (first, Some(sign)) if same(first, sign) => fits_by(rest, after(sign), same),
        _ => false,
    }
}

/// A question to IAM, for tables.
#[must_use]
pub fn ask(action: &str, resource: &str) -> Ask {
    Ask {
        action: action.to_owned(),
        resource: resource.to_owned(),
        keys: [].into(),
    }
    .with("aws:RequestedRegion", "us-east-1")
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
        let allowed = |statements: Value, asked: &Ask| {
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
