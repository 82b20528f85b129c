//! Event patterns, read as EventBridge reads them.
//!
//! No library here knows both `$or` and `anything-but` a prefix, so the operators that the template
//! uses are here. An unknown operator fails the test: it must never be taken for a match.

use serde_json::Value;

/// Whether an event matches a pattern.
#[must_use]
pub fn matches(pattern: &Value, event: Option<&Value>) -> bool {
    // Of an array, one element is enough.
    if let Some(Value::Array(elements)) = event {
        return elements
            .iter()
            .any(|element| matches(pattern, Some(element)));
    }

    match pattern {
        Value::Array(matchers) => matchers.iter().any(|matcher| matches_value(matcher, event)),
        Value::Object(members) => members.iter().all(|(name, member)| {
            // One of the alternatives is enough.
            if name == "$or" {
                let alternatives = member.as_array().unwrap();
                return alternatives
                    .iter()
                    .any(|alternative| matches(alternative, event));
            }
            matches(member, event.and_then(|event| event.get(name)))
        }),
        other => panic!("{other} is not a pattern"),
    }
}

/// Whether one value matches one matcher. Only `exists` matches an absent value.
fn matches_value(matcher: &Value, value: Option<&Value>) -> bool {
    let Value::Object(operators) = matcher else {
        return value == Some(matcher);
    };
    let (operator, operand) = operators.iter().next().unwrap();
    assert_eq!(operators.len(), 1, "{matcher}");

    match (operator.as_str(), value) {
        ("exists", value) => value.is_some() == operand.as_bool().unwrap(),
        ("prefix", value) => {
            let prefix = operand.as_str().unwrap();
            let text = value.and_then(Value::as_str);
            text.is_some_and(|text| text.starts_with(prefix))
        }
        ("anything-but", None) => false,
        ("anything-but", value) => match operand {
            Value::Array(excluded) => !excluded
                .iter()
                .any(|excluded| matches_value(excluded, value)),
            excluded => !matches_value(excluded, value),
        },
        (other, _) => panic!("{other} is not known here"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_is_read_as_eventbridge_reads_it() {
        let event = json!({ "source": "aws.ec2", "detail": { "state": "running", "tags": [{ "k": "a" }, { "k": "b" }] } });
        for (pattern, expected) in [
            (json!({ "source": ["aws.ec2"] }), true),
            (
                json!({ "source": ["x", "aws.ec2"], "detail": { "state": ["running"] } }),
                true,
            ),
            (
                json!({ "source": ["aws.ec2"], "detail": { "state": ["stopped"] } }),
                false,
            ),
            (json!({ "source": [{ "prefix": "aws." }] }), true),
            (
                json!({ "source": [{ "anything-but": { "prefix": "aws." } }] }),
                false,
            ),
            (
                json!({ "source": [{ "anything-but": ["aws.s3", "aws.ec2"] }] }),
                false,
            ),
            (json!({ "source": [{ "anything-but": "aws.s3" }] }), true),
            (json!({ "absent": [{ "anything-but": "x" }] }), false),
            (
                json!({ "detail": { "error": [{ "exists": false }] } }),
                true,
            ),
            (
                json!({ "absent": { "error": [{ "exists": false }] } }),
                true,
            ),
            (
                json!({ "detail": { "state": [{ "exists": false }] } }),
                false,
            ),
            (json!({ "detail": { "state": [{ "exists": true }] } }), true),
            (json!({ "detail": { "tags": { "k": ["b"] } } }), true),
            (
                json!({ "detail": { "tags": { "k": [{ "anything-but": ["a", "b"] }] } } }),
                false,
            ),
            (
                json!({ "source": ["aws.ec2"], "detail": { "$or": [{ "x": ["y"] }, { "state": ["running"] }] } }),
                true,
            ),
            (
                json!({ "source": ["aws.s3"], "detail": { "$or": [{ "x": ["y"] }, { "state": ["running"] }] } }),
                false,
            ),
        ] {
            assert_eq!(matches(&pattern, Some(&event)), expected, "{pattern}");
        }
    }

    #[test]
    #[should_panic(expected = "wildcard is not known here")]
    fn an_unknown_operator_is_never_taken_for_a_match() {
        _ = matches(
            &json!({ "source": [{ "wildcard": "*" }] }),
            Some(&json!({ "source": "x" })),
        );
    }
}
