//! Expressions and their values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    functions::Function,
    values::{Evaluated, number, text},
};

/// What an expression refers to by `$name`.
pub(crate) type Variables = BTreeMap<String, Value>;

/// An expression as it is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Literal(Value),
    Variable(String),
    Member(Box<Self>, String),
    Array(Vec<Self>),
    Object(Vec<(Self, Self)>),
    Operation(Operator, Box<Self>, Box<Self>),
    Conditional(Box<Self>, Box<Self>, Box<Self>),
    Call(Function, Vec<Self>),
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    In,
    Equal,
    AtLeast,
    Concatenate,
    Add,
    Divide,
}

impl Expression {
    /// The value of the expression.
    pub(crate) fn evaluate(&self, variables: &Variables) -> Evaluated {
        match self {
            Self::Literal(value) => Ok(Some(value.clone())),
            Self::Variable(name) => {
                // A name that no state assigns is a mistake, and never "nothing".
                let value = variables.get(name);
                let value = value.unwrap_or_else(|| panic!("no state has assigned ${name}"));
                Ok(Some(value.clone()))
            }
            Self::Member(whole, name) => Ok(member(whole.evaluate(variables)?, name)),
            Self::Array(items) => array(items, variables),
            Self::Object(members) => object(members, variables),
            Self::Operation(operator, left, right) => operate(*operator, left, right, variables),
            Self::Conditional(condition, if_true, if_false) => {
                let holds = truth(condition.evaluate(variables)?)?;
                let branch = if holds { if_true } else { if_false };
                branch.evaluate(variables)
            }
            Self::Call(function, arguments) => {
                let arguments = arguments.iter().map(|it| it.evaluate(variables));
                function.call(&arguments.collect::<Result<Vec<_>, _>>()?)
            }
        }
    }
}

/// A step of a path. What has no members has nothing there.
fn member(whole: Option<Value>, name: &str) -> Option<Value> {
    match whole? {
        Value::Object(members) => members.get(name).cloned(),
        Value::Array(_) => panic!("a path through a list is not known here: .{name}"),
        _ => None,
    }
}

/// A list in a list is spread, unless it is written as a list itself.
fn array(items: &[Expression], variables: &Variables) -> Evaluated {
    let mut array = Vec::new();
    for item in items {
        match (item, item.evaluate(variables)?) {
            // Nothing is no item.
            (_, None) => {}
            (Expression::Array(_), Some(value)) => array.push(value),
            (_, Some(Value::Array(values))) => array.extend(values),
            (_, Some(value)) => array.push(value),
        }
    }

    Ok(Some(Value::Array(array)))
}

/// A member that is nothing is left out.
fn object(members: &[(Expression, Expression)], variables: &Variables) -> Evaluated {
    let mut object = Map::new();
    for (name, value) in members {
        let Some(Value::String(name)) = name.evaluate(variables)? else {
            return Err(format!("{name:?} is no name of a member"));
        };
        if let Some(value) = value.evaluate(variables)? {
            object.insert(name, value);
        }
    }

    Ok(Some(Value::Object(object)))
}

fn operate(
    operator: Operator,
    left: &Expression,
    right: &Expression,
    variables: &Variables,
) -> Evaluated {
    let left = left.evaluate(variables)?;
    // The right side of these two counts only if the left one leaves it open.
    match operator {
        Operator::And if !truth(left.clone())? => return Ok(Some(json!(false))),
        Operator::Or if truth(left.clone())? => return Ok(Some(json!(true))),
        _ => {}
    }
    let right = right.evaluate(variables)?;

    match operator {
        Operator::And | Operator::Or => Ok(Some(json!(truth(right)?))),
        Operator::In => Ok(Some(json!(is_in(left, right)))),
        // Nothing equals nothing else, and not even itself.
        Operator::Equal => Ok(Some(json!(left.is_some() && left == right))),
        Operator::Concatenate => {
            let [left, right] =
                [left, right].map(|side| side.as_ref().map_or_else(String::new, text));
            Ok(Some(json!(left + &right)))
        }
        Operator::AtLeast => numbers(left, right, |left, right| json!(left >= right)),
        Operator::Add => numbers(left, right, |left, right| number(left + right)),
        Operator::Divide => numbers(left, right, |left, right| number(left / right)),
    }
}

/// Whether a list has a value; only scalars are compared.
fn is_in(value: Option<Value>, list: Option<Value>) -> bool {
    let (Some(value), Some(list)) = (value, list) else {
        return false;
    };
    let is_scalar = !value.is_array() && !value.is_object();

    // One value counts as a list with one item.
    let items = match list {
        Value::Array(items) => items,
        one => vec![one],
    };
    is_scalar && items.contains(&value)
}

/// An operation on two numbers; nothing, if one side is nothing.
fn numbers(
    left: Option<Value>,
    right: Option<Value>,
    operation: fn(f64, f64) -> Value,
) -> Evaluated {
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(None);
    };

    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => Ok(Some(operation(left, right))),
        _ => Err(format!("{left} and {right} are not two numbers")),
    }
}

/// Nothing is false. JSONata has a truth for every value, and only a yes or a no is meant here.
fn truth(value: Option<Value>) -> Result<bool, String> {
    match value {
        None => Ok(false),
        Some(Value::Bool(truth)) => Ok(truth),
        Some(other) => Err(format!("{other} is neither true nor false")),
    }
}
