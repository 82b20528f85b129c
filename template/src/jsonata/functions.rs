//! The functions of JSONata that the state machines call.

use regex::Regex;
use serde_json::{Map, Value, json};

use super::values::{Evaluated, number, text};

/// A function, by its name behind the `$`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Contains,
    Exists,
    Floor,
    Join,
    Max,
    Merge,
    Not,
    Parse,
    Replace,
    Split,
    String,
    Substring,
    SubstringAfter,
    SubstringBefore,
    Type,
}

/// Every function: its name, how many arguments it takes at least and at most, and itself.
const FUNCTIONS: [(&str, usize, usize, Function); 15] = [
    ("contains", 2, 2, Function::Contains),
    ("exists", 1, 1, Function::Exists),
    ("floor", 1, 1, Function::Floor),
    ("join", 2, 2, Function::Join),
    ("max", 1, 1, Function::Max),
    ("merge", 1, 1, Function::Merge),
    ("not", 1, 1, Function::Not),
    // Step Functions adds this one to JSONata.
    ("parse", 1, 1, Function::Parse),
    ("replace", 3, 3, Function::Replace),
    ("split", 2, 3, Function::Split),
    ("string", 1, 1, Function::String),
    ("substring", 3, 3, Function::Substring),
    ("substringAfter", 2, 2, Function::SubstringAfter),
    ("substringBefore", 2, 2, Function::SubstringBefore),
    ("type", 1, 1, Function::Type),
];

impl Function {
    /// The function with a name, for so many arguments.
    pub(super) fn by_name(name: &str, arguments: usize) -> Self {
        // JSONata has many more; a definition that calls one needs it here first.
        let found = FUNCTIONS.iter().find(|(known, ..)| *known == name);
        let Some((_, least, most, function)) = found else {
            panic!("the function ${name} is not known here")
        };

        assert!(
            (*least..=*most).contains(&arguments),
            "${name} with {arguments} arguments is not known here"
        );
        *function
    }

    /// Whether the second argument is a regular expression. JSONata also takes a text there.
    pub(super) fn takes_pattern(self) -> bool {
        matches!(self, Self::Contains | Self::Replace)
    }

    pub(super) fn call(self, arguments: &[Option<Value>]) -> Evaluated {
        let [first, rest @ ..] = arguments else {
            panic!("{self:?} has no argument")
        };
        // These two answer for nothing as well.
        match (self, first) {
            (Self::Exists, value) => return Ok(Some(json!(value.is_some()))),
            (Self::Type, None) => return Ok(Some(json!("undefined"))),
            _ => {}
        }
        let Some(first) = first else {
            return Ok(None);
        };

        let value = match self {
            Self::Contains => json!(pattern(rest)?.is_match(as_text(first)?)),
            Self::Exists => panic!("answered above"),
            Self::Floor => number(as_number(first)?.floor()),
            Self::Join => join(first, rest)?,
            Self::Max => return max(first),
            Self::Merge => merge(first)?,
            Self::Not => match first {
                Value::Bool(truth) => json!(!truth),
                other => return Err(format!("{other} is neither true nor false")),
            },
            Self::Parse => {
                let parsed = serde_json::from_str(as_text(first)?);
                parsed.map_err(|error| error.to_string())?
            }
            Self::Replace => {
                let replacement = text_at(rest, 1)?;
                // It would stand for a part of the match.
                assert!(!replacement.contains('$'), "{replacement}");
                json!(pattern(rest)?.replace_all(as_text(first)?, replacement))
            }
            Self::Split => split(first, rest)?,
            Self::String => json!(text(first)),
            Self::Substring => {
                let number = |index: usize| match &rest[index] {
                    Some(number) => as_number(number).map(|number| number as usize),
                    None => Err("nothing is no place in a text".to_owned()),
                };
                let characters = as_text(first)?.chars();
                let cut = characters.skip(number(0)?).take(number(1)?);
                json!(cut.collect::<String>())
            }
            // A text without the separator is returned whole.
            Self::SubstringAfter => {
                let whole = as_text(first)?;
                let parts = whole.split_once(text_at(rest, 0)?);
                json!(parts.map_or(whole, |(_, after)| after))
            }
            Self::SubstringBefore => {
                let whole = as_text(first)?;
                let parts = whole.split_once(text_at(rest, 0)?);
                json!(parts.map_or(whole, |(before, _)| before))
            }
            Self::Type => json!(type_of(first)),
        };
        Ok(Some(value))
    }
}

fn as_number(value: &Value) -> Result<f64, String> {
    value
        .as_f64()
        .ok_or_else(|| format!("{value} is not a number"))
}

fn as_text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("{value} is not a text"))
}

fn items(value: &Value) -> &[Value] {
    // One value counts as a list with one item.
    match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// The text that an argument after the first one is.
fn text_at(rest: &[Option<Value>], index: usize) -> Result<&str, String> {
    match rest.get(index) {
        Some(Some(Value::String(text))) => Ok(text),
        other => Err(format!("{other:?} is not a text")),
    }
}

/// The regular expression that a reader has made sure of. JSONata's know UTF-16 where these know
/// characters.
fn pattern(rest: &[Option<Value>]) -> Result<Regex, String> {
    Regex::new(text_at(rest, 0)?).map_err(|error| error.to_string())
}

fn join(list: &Value, rest: &[Option<Value>]) -> Result<Value, String> {
    let texts: Result<Vec<&str>, String> = items(list).iter().map(as_text).collect();

    Ok(json!(texts?.join(text_at(rest, 0)?)))
}

/// The parts of a text, no more of them than the limit says.
fn split(whole: &Value, rest: &[Option<Value>]) -> Result<Value, String> {
    let limit = match rest.get(1) {
        Some(Some(limit)) => as_number(limit)? as usize,
        _ => usize::MAX,
    };

    // What is behind the limit is left out, and not kept in the last part.
    let parts = as_text(whole)?.split(text_at(rest, 0)?).take(limit);
    Ok(parts.collect())
}

/// Nothing, if the list is empty.
fn max(list: &Value) -> Evaluated {
    let numbers: Result<Vec<f64>, String> = items(list).iter().map(as_number).collect();

    Ok(numbers?.into_iter().reduce(f64::max).map(number))
}

/// One object with the members of all; the last of equal names counts.
fn merge(list: &Value) -> Result<Value, String> {
    let mut merged = Map::new();
    for object in items(list) {
        match object {
            Value::Object(members) => merged.extend(members.clone()),
            other => return Err(format!("{other} is not an object")),
        }
    }

    Ok(Value::Object(merged))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Expression, Variables};
    use super::*;

    #[test]
    fn a_function_answers_as_jsonata_does() {
        for (text, expected) in [
            ("$split('a:b:c', ':', 2)", json!(["a", "b"])),
            ("$split('a', ',')", json!(["a"])),
            ("$join($split('a:b:c', ':', 2), ':')", json!("a:b")),
            ("$join('a', ':')", json!("a")),
            ("$max([1, 3, 2])", json!(3)),
            ("$max(4)", json!(4)),
            ("$floor(7 / 2)", json!(3)),
            (
                "$merge([{ 'a': 1, 'b': 1 }, { 'b': 2 }])",
                json!({ "a": 1, "b": 2 }),
            ),
            ("$parse('{ \"a\": [1, null] }')", json!({ "a": [1, null] })),
            ("$contains('Describe', /^De/)", json!(true)),
            ("$contains('UnDescribe', /^(De|Li)/)", json!(false)),
            ("$replace('é\nab', /[^ -~]/, '?')", json!("??ab")),
            ("$substring('éabc', 0, 2)", json!("éa")),
            ("$substring('ab', 1, 9)", json!("b")),
            ("$substringAfter('a:b:c', ':')", json!("b:c")),
            ("$substringAfter('a', ':')", json!("a")),
            ("$substringBefore('a:b:c', ':')", json!("a")),
            ("$substringBefore('a', ':')", json!("a")),
            ("$string('a')", json!("a")),
            ("$string({ 'a': [1, 'b'] })", json!("{\"a\":[1,\"b\"]}")),
            ("$type([])", json!("array")),
            ("$type('a')", json!("string")),
            ("$type({}) = 'object' and $type(1) = 'number'", json!(true)),
            ("$not($exists('a'))", json!(false)),
        ] {
            let value = Expression::read(text).evaluate(&Variables::new());
            assert_eq!(value, Ok(Some(expected)), "{text}");
        }
        assert_eq!(
            Expression::read("$max([])").evaluate(&Variables::new()),
            Ok(None)
        );
    }
}
