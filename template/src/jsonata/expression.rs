//! Expressions and their values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    functions::Function,
    values::{Evaluated, number, text},
};

/// What an expression refers to by `$name`; `None` is nothing. By no name at all, `$`, it is the item
/// of a list that a predicate or a step is about.
pub(crate) type Variables = BTreeMap<String, Option<Value>>;

/// An expression as it is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Literal(Value),
    Variable(String),
    /// A regular expression, which is an argument and nothing else.
    Pattern(String),
    Member(Box<Self>, String),
    /// The item of a list at an index.
    Index(Box<Self>, usize),
    /// The items of a list for which something holds.
    Filter(Box<Self>, Box<Self>),
    /// What something comes to for each item of a list.
    Step(Box<Self>, Box<Self>),
    Array(Vec<Self>),
    Object(Vec<(Self, Self)>),
    Operation(Operator, Box<Self>, Box<Self>),
    /// Without the last part, nothing if the condition does not hold.
    Conditional(Box<Self>, Box<Self>, Option<Box<Self>>),
    Call(Function, Vec<Self>),
    /// Variables, in order, and the value that is made of them.
    Block(Vec<(String, Self)>, Box<Self>),
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
            Self::Pattern(pattern) => Ok(Some(json!(pattern))),
            Self::Variable(name) => {
                // A name that no state assigns is a mistake, and never "nothing".
                let value = variables.get(name);
                let value = value.unwrap_or_else(|| panic!("no state has assigned ${name}"));
                Ok(value.clone())
            }
            Self::Member(whole, name) => Ok(member(whole.evaluate(variables)?, name)),
            Self::Index(list, index) => {
                let list = list.evaluate(variables)?;
                Ok(list.and_then(|list| items(list).into_iter().nth(*index)))
            }
            Self::Filter(list, condition) => filter(list, condition, variables),
            Self::Step(list, step) => {
                let list = list.evaluate(variables)?.map(items);
                let values = list.into_iter().flatten().map(|item| {
                    let variables = about(item, variables);
                    step.evaluate(&variables)
                });
                let values: Vec<Option<Value>> = values.collect::<Result<_, _>>()?;
                Ok(spread(values.into_iter().flatten()))
            }
            Self::Array(items) => array(items, variables),
            Self::Object(members) => object(members, variables),
            Self::Operation(operator, left, right) => operate(*operator, left, right, variables),
            Self::Conditional(condition, if_true, if_false) => {
                let holds = truth(condition.evaluate(variables)?)?;
                match (holds, if_false) {
                    (true, _) => if_true.evaluate(variables),
                    (false, Some(if_false)) => if_false.evaluate(variables),
                    (false, None) => Ok(None),
                }
            }
            Self::Call(function, arguments) => {
                let arguments = arguments.iter().map(|it| it.evaluate(variables));
                function.call(&arguments.collect::<Result<Vec<_>, _>>()?)
            }
            Self::Block(assigned, value) => {
                let mut variables = variables.clone();
                for (name, expression) in assigned {
                    let assigned = expression.evaluate(&variables)?;
                    variables.insert(name.clone(), assigned);
                }
                value.evaluate(&variables)
            }
        }
    }
}

/// A step of a path. What has no members has nothing there, and a list has those of all its items.
fn member(whole: Option<Value>, name: &str) -> Option<Value> {
    match whole? {
        Value::Object(members) => members.get(name).cloned(),
        Value::Array(items) => {
            let found = items.into_iter();
            spread(found.filter_map(|item| member(Some(item), name)))
        }
        _ => None,
    }
}

/// The items of a list; one value counts as a list with one item.
fn items(list: Value) -> Vec<Value> {
    match list {
        Value::Array(items) => items,
        one => vec![one],
    }
}

/// The variables for an expression about one item.
fn about(item: Value, variables: &Variables) -> Variables {
    let mut variables = variables.clone();
    variables.insert(String::new(), Some(item));

    variables
}

fn filter(list: &Expression, condition: &Expression, variables: &Variables) -> Evaluated {
    let Some(list) = list.evaluate(variables)? else {
        return Ok(None);
    };

    // The condition sees the item, and the variables outside.
    let mut kept = Vec::new();
    for item in items(list) {
        let variables = about(item.clone(), variables);
        if truth(condition.evaluate(&variables)?)? {
            kept.push(item);
        }
    }
    Ok(sequence(kept))
}

/// What a path finds: several values are a list, one stands for itself, and none is nothing.
fn sequence(mut found: Vec<Value>) -> Option<Value> {
    match found.len() {
        0 | 1 => found.pop(),
        _ => Some(Value::Array(found)),
    }
}

/// The same, with the items of each list that is found.
fn spread(found: impl Iterator<Item = Value>) -> Option<Value> {
    sequence(found.flat_map(items).collect())
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

    is_scalar && items(list).contains(&value)
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
