//! File system policies: what a replica still lacks of its source's policy, translated to the
//! replica.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The names of the source's side, and what they are on the replica's.
pub type Names = BTreeMap<String, String>;

/// The replica's policy with the source's statements added to it, or `None` if it has them already.
///
/// Nothing of the replica's own policy is taken away. ARNs of the source become those of the
/// replica. Principals stay, since both sides are in one account and IAM has no Regions.
///
/// # Errors
///
/// The first name in the source's policy that means nothing on the replica's side: an EFS ARN that
/// `names` does not know, another ARN of a Region that `names` translates from, or a VPC or its
/// endpoint.
pub fn merged(
    source: &Value,
    replica: Option<&Value>,
    names: &Names,
) -> Result<Option<Value>, String> {
    let mut statements = replica.map(statements).unwrap_or_default();
    let before = statements.len();

    // Statements are only ever added: what the replica allows or denies by itself stays.
    for statement in self::statements(source) {
        let translated = translate(&statement, names)?;
        if !statements.iter().any(|known| same(known, &translated)) {
            statements.push(with_fresh_sid(translated, &statements));
        }
    }
    if statements.len() == before {
        return Ok(None);
    }

    // The replica's own version and ID stay; a new policy has those of the source.
    let mut policy = replica
        .or(Some(source))
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    policy
        .entry("Version")
        .or_insert_with(|| json!("2012-10-17"));
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Ok(Some(Value::Object(policy)))
}

/// The statements of a policy, which may be one by itself.
fn statements(policy: &Value) -> Vec<Value> {
    match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    }
}

fn translate(value: &Value, names: &Names) -> Result<Value, String> {
    match value {
        Value::String(text) => translate_text(text, names).map(Value::String),

        Value::Array(values) => {
            let translated = values.iter().map(|value| translate(value, names));
            translated.collect::<Result<_, _>>().map(Value::Array)
        }

        Value::Object(members) => {
            let translated = members
                .iter()
                .map(|(key, value)| Ok((key.clone(), translate(value, names)?)));
            let members: Result<Map<_, _>, String> = translated.collect();
            members.map(Value::Object)
        }

        other => Ok(other.clone()),
    }
}

fn translate_text(text: &str, names: &Names) -> Result<String, String> {
    // A name with a counterpart is translated as a whole, never by its beginning.
    if let Some(name) = names.get(text) {
        return Ok(name.clone());
    }

    // An ARN in a policy may have wildcards, so that it is taken apart as a text.
    let part = |arn: &str, index: usize| arn.split(':').nth(index).map(str::to_owned);
    let is_arn = text.starts_with("arn:");
    let is_efs = is_arn && part(text, 2).as_deref() == Some("elasticfilesystem");

    // What is in the Region that the policy leaves means nothing in the other.
    let region = part(text, 3);
    let leaves_region = is_arn
        && names
            .iter()
            .any(|(from, to)| part(from, 3) == region && part(to, 3) != region);

    let is_network = text.starts_with("vpc-") || text.starts_with("vpce-");
    if is_efs || is_network || leaves_region {
        return Err(text.to_owned());
    }
    Ok(text.to_owned())
}

/// Whether two statements say the same; what they are called does not matter.
fn same(left: &Value, right: &Value) -> bool {
    let nameless = |statement: &Value| {
        let mut statement = statement.clone();
        statement
            .as_object_mut()
            .map(|members| members.remove("Sid"));
        statement
    };
    canonical(&nameless(left)) == canonical(&nameless(right))
}

/// A value as EFS may spell it back: a list in another order, or its only member by itself.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(values) => {
            let mut values: Vec<Value> = values.iter().map(canonical).collect();
            values.sort_by_key(Value::to_string);

            match values.len() {
                1 => values.remove(0),
                _ => Value::Array(values),
            }
        }

        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), canonical(value)))
            .collect(),
        other => other.clone(),
    }
}

/// A statement's `Sid` must be its own within a policy.
fn with_fresh_sid(mut statement: Value, others: &[Value]) -> Value {
    let taken = |sid: &Value| others.iter().any(|other| other.get("Sid") == Some(sid));
    let Some(members) = statement.as_object_mut() else {
        return statement;
    };
    if members.get("Sid").is_some_and(taken) {
        members.remove("Sid");
    }
    statement
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-00000001";
    const REPLICA: &str =
        "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-00000002";

    fn statement(sid: &str, resource: &str) -> Value {
        json!({ "Sid": sid, "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ["elasticfilesystem:ClientMount"], "Resource": resource })
    }

    fn policy(statements: &[Value]) -> Value {
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    fn names() -> Names {
        [(SOURCE.to_owned(), REPLICA.to_owned())].into()
    }

    #[test]
    fn the_sources_statements_speak_of_the_replica() {
        let merged = merged(&policy(&[statement("mount", SOURCE)]), None, &names()).unwrap();
        assert_eq!(merged, Some(policy(&[statement("mount", REPLICA)])));
    }

    #[test]
    fn the_replicas_own_statements_stay_and_names_do_not_clash() {
        let own = json!({ "Sid": "mount", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": REPLICA });
        let merged = merged(
            &policy(&[statement("mount", SOURCE)]),
            Some(&policy(std::slice::from_ref(&own))),
            &names(),
        )
        .unwrap()
        .unwrap();
        assert_eq!(merged["Statement"][0], own);
        assert_eq!(merged["Statement"][1]["Resource"], REPLICA);
        assert_eq!(merged["Statement"][1].get("Sid"), None);
    }

    #[test]
    fn an_existing_statement_is_not_written_again() {
        let existing = policy(&[statement("other name", REPLICA)]);
        assert_eq!(
            merged(
                &policy(&[statement("mount", SOURCE)]),
                Some(&existing),
                &names()
            )
            .unwrap(),
            None
        );
    }

    #[test]
    fn a_statement_in_another_spelling_is_the_same() {
        let mut existing = statement("mount", REPLICA);
        (existing["Action"], existing["Resource"]) =
            (json!("elasticfilesystem:ClientMount"), json!([REPLICA]));
        assert_eq!(
            merged(
                &policy(&[statement("mount", SOURCE)]),
                Some(&policy(&[existing])),
                &names()
            )
            .unwrap(),
            None
        );
    }

    #[test]
    fn a_list_in_another_order_says_the_same() {
        let with = |actions: [&str; 2], resource: &str| {
            let mut statement = statement("mount", resource);
            statement["Action"] = json!(actions);
            policy(&[statement])
        };
        let (mount, write) = (
            "elasticfilesystem:ClientMount",
            "elasticfilesystem:ClientWrite",
        );

        let source = with([mount, write], SOURCE);
        let existing = with([write, mount], REPLICA);
        assert_eq!(merged(&source, Some(&existing), &names()), Ok(None));
    }

    /// Within a Region only the service tells that a name needs a counterpart.
    #[test]
    fn an_access_point_without_a_counterpart_is_refused_within_a_region_too() {
        let replica = SOURCE.replace("fs-00000001", "fs-00000002");
        let names = [(SOURCE.to_owned(), replica)].into();
        let point = "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000001";
        let mut statement = statement("app", SOURCE);
        statement["Condition"] =
            json!({ "StringEquals": { "elasticfilesystem:AccessPointArn": point } });

        let merged = merged(&policy(&[statement]), None, &names);
        assert_eq!(merged, Err(point.to_owned()));
    }

    #[test]
    fn a_deny_is_taken_over_as_it_is() {
        let deny = |resource: &str| {
            json!({
                "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": resource,
                "Condition": { "Bool": { "aws:SecureTransport": "false" } },
            })
        };
        let source = policy(&[statement("mount", SOURCE), deny(SOURCE)]);
        let merged = merged(&source, None, &names()).unwrap();
        assert_eq!(
            merged,
            Some(policy(&[statement("mount", REPLICA), deny(REPLICA)]))
        );
    }

    #[test]
    fn statements_that_differ_in_one_member_are_not_the_same() {
        let existing = statement("mount", REPLICA);
        let changes: [(&str, Value); 4] = [
            ("Effect", json!("Deny")),
            (
                "Principal",
                json!({ "AWS": "arn:aws:iam::111122223333:role/app" }),
            ),
            ("Action", json!(["elasticfilesystem:ClientWrite"])),
            (
                "Condition",
                json!({ "Bool": { "aws:SecureTransport": "true" } }),
            ),
        ];
        for (member, value) in changes {
            let (mut asked, mut expected) =
                (statement("mount", SOURCE), statement("mount", REPLICA));
            (asked[member], expected[member]) = (value.clone(), value);
            expected.as_object_mut().unwrap().remove("Sid");
            let merged = merged(
                &policy(&[asked]),
                Some(&policy(std::slice::from_ref(&existing))),
                &names(),
            )
            .unwrap();
            assert_eq!(
                merged,
                Some(policy(&[existing.clone(), expected])),
                "{member}"
            );
        }
    }

    #[test]
    fn an_arn_is_translated_as_a_whole_and_not_by_its_beginning() {
        for other in [format!("{SOURCE}0"), format!("{SOURCE}/x")] {
            assert_eq!(
                merged(&policy(&[statement("mount", &other)]), None, &names()).unwrap_err(),
                other
            );
        }
    }

    #[test]
    fn a_single_statement_needs_no_list() {
        let source = json!({ "Statement": statement("mount", SOURCE) });
        assert_eq!(
            merged(&source, None, &names()).unwrap(),
            Some(policy(&[statement("mount", REPLICA)]))
        );
    }

    #[test]
    fn an_arn_without_a_counterpart_is_named() {
        let unknown = "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000001";
        for (key, name) in [
            ("elasticfilesystem:AccessPointArn", unknown),
            ("aws:SourceVpce", "vpce-0123456789abcdef0"),
            (
                "aws:SourceArn",
                "arn:aws:lambda:us-east-1:111122223333:function:app",
            ),
        ] {
            let mut statement = statement("mount", SOURCE);
            statement["Condition"] = json!({ "StringEquals": { key: name } });
            assert_eq!(
                merged(&policy(&[statement]), None, &names()).unwrap_err(),
                name
            );
        }
    }

    #[test]
    fn a_principal_of_the_account_stays() {
        let mut statement = statement("mount", SOURCE);
        statement["Principal"] = json!({ "AWS": "arn:aws:iam::111122223333:role/app" });
        let merged = merged(&policy(&[statement]), None, &names())
            .unwrap()
            .unwrap();
        assert_eq!(
            merged["Statement"][0]["Principal"]["AWS"],
            "arn:aws:iam::111122223333:role/app"
        );
    }
}
