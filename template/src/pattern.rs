//! Event patterns, read as EventBridge reads them.

use serde_json::Value;

/// Whether an event fits a pattern of EventBridge. Of an array, one element must fit.
///
/// No library here knows both `$or` and `anything-but` a prefix, so the operators that the template
/// uses are here. Another one fails the test: it must never be taken for a match.
#[must_use]
pub fn fits(pattern: &Value, event: Option<&Value>) -> bool {
    if let Some(Value::Array(elements)) = event {
        return elements.iter().any(|element| fits(pattern, Some(element)));
    }
    match pattern {
        Value::Array(matchers) => matchers.iter().any(|matcher| is(matcher, event)),
        Value::Object(members) => members.iter().all(|(name, of)| match name.as_str() {
            "$or" => of.as_array().unwrap().iter().any(|one| fits(one, event)),
            name => fits(of, event.and_then(|event| event.get(name))),
        }),
        other => panic!("{other} is not a pattern"),
    }
}

/// Whether one value is what one matcher asks for. What is not there is only ever asked for by
/// `exists`.
fn is(matcher: &Value, value: Option<&Value>) -> bool {
    let Value::Object(operator) = matcher else {
        return value == Some(matcher);
    };
    let (name, of) = operator.iter().next().unwrap();
    assert_eq!(operator.len(), 1, "{matcher}");
    match (name.as_str(), value) {
        ("exists", value) => value.is_some() == of.as_bool().unwrap(),
        ("prefix", value) => value
            .and_then(Value::as_str)
            .is_some_and(|text| text.starts_with(of.as_str().unwrap())),
        ("anything-but", None) => false,
        ("anything-but", value) => match of {
            Value::Array(several) => !several.iter().any(|one| is(one, value)),
            one => !is(one, value),
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
            assert_eq!(fits(&pattern, Some(&event)), expected, "{pattern}");
        }
    }

    #[test]
    #[should_panic(expected = "wildcard is not known here")]
    fn an_unknown_operator_is_never_taken_for_a_match() {
        _ = fits(
            &json!({ "source": [{ "wildcard": "*" }] }),
            Some(&json!({ "source": "x" })),
        );
    }
}
