//! The functions of JSONata that the state machines call.

use serde_json::{Map, Value, json};

use super::values::{Evaluated, number, text};

/// A function, by its name behind the `$`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Exists,
    Floor,
    Join,
    Max,
    Merge,
    Not,
    Split,
    String,
    Type,
}

/// Every function: its name, how many arguments it takes at least and at most, and itself.
const FUNCTIONS: [(&str, usize, usize, Function); 9] = [
    ("exists", 1, 1, Function::Exists),
    ("floor", 1, 1, Function::Floor),
    ("join", 2, 2, Function::Join),
    ("max", 1, 1, Function::Max),
    ("merge", 1, 1, Function::Merge),
    ("not", 1, 1, Function::Not),
    ("split", 2, 3, Function::Split),
    ("string", 1, 1, Function::String),
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
            Self::Exists => panic!("answered above"),
            Self::Floor => number(as_number(first)?.floor()),
            Self::Join => join(first, rest)?,
            Self::Max => return max(first),
            Self::Merge => merge(first)?,
            Self::Not => match first {
                Value::Bool(truth) => json!(!truth),
                other => return Err(format!("{other} is neither true nor false")),
            },
            Self::Split => split(first, rest)?,
            Self::String => json!(text(first)),
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

fn separator(rest: &[Option<Value>]) -> Result<&str, String> {
    match rest.first() {
        Some(Some(Value::String(separator))) => Ok(separator),
        other => Err(format!("{other:?} is not a separator")),
    }
}

fn join(list: &Value, rest: &[Option<Value>]) -> Result<Value, String> {
    let texts: Result<Vec<&str>, String> = items(list).iter().map(as_text).collect();

    Ok(json!(texts?.join(separator(rest)?)))
}

/// The parts of a text, no more of them than the limit says.
fn split(whole: &Value, rest: &[Option<Value>]) -> Result<Value, String> {
    let limit = match rest.get(1) {
        Some(Some(limit)) => as_number(limit)? as usize,
        _ => usize::MAX,
    };

    // What is behind the limit is left out, and not kept in the last part.
    let parts = as_text(whole)?.split(separator(rest)?).take(limit);
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
