//! Reads expressions.

use serde_json::{Value, json};

use super::{
    expression::{Expression, Operator},
    functions::Function,
    values,
};

impl Expression {
    /// An expression as it is written between `{%` and `%}`.
    pub(crate) fn read(text: &str) -> Self {
        let mut reader = Reader {
            whole: text,
            tokens: tokens(text),
            next: 0,
        };

        // What is left over would be ignored.
        let expression = reader.conditional();
        assert!(reader.next == reader.tokens.len(), "{}", reader.unknown());
        expression
    }
}

/// A word or a sign of an expression.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Text(String),
    Number(f64),
    /// A name behind a `$`.
    Variable(String),
    Name(String),
    Sign(&'static str),
}

const SIGNS: [&str; 15] = [
    ">=", "=", "&", "+", "/", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}",
];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (token, after) = token(rest).unwrap_or_else(|| panic!("not known here: {rest}"));
        tokens.push(token);
        rest = after.trim_start();
    }

    tokens
}

/// The first token, and what follows it.
fn token(rest: &str) -> Option<(Token, &str)> {
    if let Some(text) = rest.strip_prefix('\'') {
        let (text, after) = text.split_once('\'')?;
        // An escape would mean another text.
        return (!text.contains('\\')).then(|| (Token::Text(text.to_owned()), after));
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Some((Token::Sign(sign), &rest[sign.len()..]));
    }

    // What is left are names, variables and numbers.
    let variable = rest.strip_prefix('$');
    let word = variable.unwrap_or(rest);
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let end = word.find(|character| !is_word(character));
    let (word, after) = word.split_at(end.unwrap_or(word.len()));
    let token = match (variable, word.chars().next()?) {
        (Some(_), _) => Token::Variable(word.to_owned()),
        (None, '0'..='9') => Token::Number(word.parse().ok()?),
        (None, _) => Token::Name(word.to_owned()),
    };

    Some((token, after))
}

/// How tightly an operator binds; a higher number binds first.
fn operator(token: &Token) -> Option<(u8, Operator)> {
    let found = match token {
        Token::Name(name) if name == "or" => (1, Operator::Or),
        Token::Name(name) if name == "and" => (2, Operator::And),
        Token::Name(name) if name == "in" => (3, Operator::In),
        Token::Sign("=") => (3, Operator::Equal),
        Token::Sign(">=") => (3, Operator::AtLeast),
        Token::Sign("&") => (4, Operator::Concatenate),
        Token::Sign("+") => (4, Operator::Add),
        Token::Sign("/") => (5, Operator::Divide),
        _ => return None,
    };

    Some(found)
}

/// Where a reader is in an expression.
struct Reader<'a> {
    whole: &'a str,
    tokens: Vec<Token>,
    next: usize,
}

impl Reader<'_> {
    fn unknown(&self) -> String {
        let rest = self.tokens.get(self.next..).unwrap_or_default();

        format!("not known here: {rest:?} in {}", self.whole)
    }

    /// Takes a sign, if it is the next token.
    fn takes(&mut self, sign: &'static str) -> bool {
        let is_next = self.tokens.get(self.next) == Some(&Token::Sign(sign));
        self.next += usize::from(is_next);

        is_next
    }

    fn expect(&mut self, sign: &'static str) {
        assert!(self.takes(sign), "{sign} is missing: {}", self.unknown());
    }

    fn conditional(&mut self) -> Expression {
        // A condition binds less tightly than any operator.
        let condition = self.operation(1);
        if !self.takes("?") {
            return condition;
        }

        let if_true = self.conditional();
        self.expect(":");
        let if_false = self.conditional();
        Expression::Conditional(condition.into(), if_true.into(), if_false.into())
    }

    /// Operands with operators between them that bind at least so tightly.
    fn operation(&mut self, least: u8) -> Expression {
        let mut left = self.path();
        while let Some((binding, operator)) = self.tokens.get(self.next).and_then(operator)
            && binding >= least
        {
            self.next += 1;
            // Equal operators go from the left.
            let right = self.operation(binding + 1);
            left = Expression::Operation(operator, left.into(), right.into());
        }

        left
    }

    fn path(&mut self) -> Expression {
        let mut whole = self.operand();
        // Steps that filter or map are not known here.
        while self.takes(".") {
            let Some(Token::Name(name)) = self.tokens.get(self.next) else {
                panic!("{}", self.unknown())
            };
            whole = Expression::Member(whole.into(), name.clone());
            self.next += 1;
        }

        whole
    }

    fn operand(&mut self) -> Expression {
        let token = self.tokens.get(self.next).cloned();
        let token = token.unwrap_or_else(|| panic!("{}", self.unknown()));
        self.next += 1;

        match token {
            Token::Text(text) => Expression::Literal(json!(text)),
            Token::Number(number) => Expression::Literal(values::number(number)),
            Token::Name(name) if name == "true" || name == "false" => {
                Expression::Literal(Value::Bool(name == "true"))
            }
            Token::Variable(name) if self.takes("(") => {
                let arguments = self.list(")");
                Expression::Call(Function::by_name(&name, arguments.len()), arguments)
            }
            Token::Variable(name) if !name.is_empty() => Expression::Variable(name),
            Token::Sign("(") => {
                let inner = self.conditional();
                self.expect(")");
                inner
            }
            Token::Sign("[") => Expression::Array(self.list("]")),
            Token::Sign("{") => Expression::Object(self.members()),
            _ => {
                // The token that nobody knows belongs to the message.
                self.next -= 1;
                panic!("{}", self.unknown())
            }
        }
    }

    /// Expressions between commas, up to the closing sign.
    fn list(&mut self, end: &'static str) -> Vec<Expression> {
        let mut list = Vec::new();
        while !self.takes(end) {
            if !list.is_empty() {
                self.expect(",");
            }
            list.push(self.conditional());
        }

        list
    }

    fn members(&mut self) -> Vec<(Expression, Expression)> {
        let mut members = Vec::new();
        while !self.takes("}") {
            if !members.is_empty() {
                self.expect(",");
            }
            let name = self.operation(1);
            self.expect(":");
            members.push((name, self.conditional()));
        }

        members
    }
}
