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
            items: 0,
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
    /// What stands between two slashes.
    Pattern(String),
    Sign(&'static str),
}

const SIGNS: [&str; 17] = [
    ">=", ":=", "=", "&", "+", "/", "?", ":", ";", ",", ".", "(", ")", "[", "]", "{", "}",
];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        // A slash divides what stands before it.
        let is_pattern = rest.starts_with('/')
            && matches!(tokens.last(), Some(Token::Sign(sign)) if ![")", "]", "}"].contains(sign));
        let found = if is_pattern {
            pattern(rest)
        } else {
            token(rest)
        };
        let (token, after) = found.unwrap_or_else(|| panic!("not known here: {rest}"));
        tokens.push(token);
        rest = after.trim_start();
    }

    tokens
}

/// A regular expression, and what follows it.
fn pattern(rest: &str) -> Option<(Token, &str)> {
    let (pattern, after) = rest.strip_prefix('/')?.split_once('/')?;

    // A flag would follow, and an escape could mean something else to another engine.
    let is_plain = !pattern.contains('\\') && !after.starts_with(char::is_alphabetic);
    is_plain.then(|| (Token::Pattern(pattern.to_owned()), after))
}

/// The first token, and what follows it.
fn token(rest: &str) -> Option<(Token, &str)> {
    if let Some(text) = rest.strip_prefix('\'') {
        let (text, after) = text.split_once('\'')?;
        // Any other escape would mean another text.
        let text = text.replace("\\n", "\n");
        return (!text.contains('\\')).then_some((Token::Text(text), after));
    }
    if let Some(name) = rest.strip_prefix('`') {
        let (name, after) = name.split_once('`')?;
        return Some((Token::Name(name.to_owned()), after));
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
    if variable.is_some() && word.is_empty() {
        return Some((Token::Variable(String::new()), after));
    }
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
    /// In how many predicates and steps it is: only there a name is that of a member.
    items: usize,
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
        let if_false = self.takes(":").then(|| self.conditional().into());
        Expression::Conditional(condition.into(), if_true.into(), if_false)
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
        loop {
            // A number is an index, and everything else a condition on each item.
            if self.takes("[") {
                whole = match self.of_items("]") {
                    Expression::Literal(Value::Number(index)) => {
                        let index = index.as_u64().unwrap_or_else(|| panic!("{index}"));
                        Expression::Index(whole.into(), index as usize)
                    }
                    condition => Expression::Filter(whole.into(), condition.into()),
                };
            } else if !self.takes(".") {
                return whole;
            } else if self.takes("(") {
                let step = self.of_items(")");
                whole = Expression::Step(whole.into(), step.into());
            } else {
                let Some(Token::Name(name)) = self.tokens.get(self.next) else {
                    panic!("{}", self.unknown())
                };
                whole = Expression::Member(whole.into(), name.clone());
                self.next += 1;
            }
        }
    }

    /// An expression about the items of a list, up to the closing sign.
    fn of_items(&mut self, end: &'static str) -> Expression {
        self.items += 1;
        let expression = self.conditional();
        self.items -= 1;

        self.expect(end);
        expression
    }

    /// Assignments, each with a semicolon, and the value of all, up to the closing sign.
    fn block(&mut self) -> Expression {
        // Without an assignment it is a pair of brackets.
        let mut assigned = Vec::new();
        while let Some([Token::Variable(name), Token::Sign(":=")]) =
            self.tokens.get(self.next..self.next + 2)
        {
            let name = name.clone();
            self.next += 2;
            assigned.push((name, self.conditional()));
            self.expect(";");
        }

        let value = self.conditional();
        self.expect(")");
        match assigned.is_empty() {
            true => value,
            false => Expression::Block(assigned, value.into()),
        }
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
            Token::Name(name) if self.items > 0 => {
                let item = Expression::Variable(String::new());
                Expression::Member(item.into(), name)
            }
            Token::Variable(name) if self.takes("(") => {
                let arguments = self.list(")");
                self.call(&name, arguments)
            }
            Token::Variable(name) if !name.is_empty() || self.items > 0 => {
                Expression::Variable(name)
            }
            Token::Sign("(") => self.block(),
            Token::Sign("[") => {
                let items = self.list("]");
                let is_pattern = |item: &Expression| matches!(item, Expression::Pattern(_));
                assert!(!items.iter().any(is_pattern), "{}", self.unknown());
                Expression::Array(items)
            }
            Token::Sign("{") => Expression::Object(self.members()),
            _ => {
                // The token that nobody knows belongs to the message.
                self.next -= 1;
                panic!("{}", self.unknown())
            }
        }
    }

    fn call(&self, name: &str, arguments: Vec<Expression>) -> Expression {
        // A text in the place of a pattern would mean something else.
        let function = Function::by_name(name, arguments.len());
        for (index, argument) in arguments.iter().enumerate() {
            let is_pattern = matches!(argument, Expression::Pattern(_));
            let expected = index == 1 && function.takes_pattern();
            assert!(is_pattern == expected, "{}", self.unknown());
        }

        Expression::Call(function, arguments)
    }

    /// An argument of a function or an item of a list.
    fn item(&mut self) -> Expression {
        let Some(Token::Pattern(pattern)) = self.tokens.get(self.next).cloned() else {
            return self.conditional();
        };
        self.next += 1;

        Expression::Pattern(pattern)
    }

    /// Expressions between commas, up to the closing sign.
    fn list(&mut self, end: &'static str) -> Vec<Expression> {
        let mut list = Vec::new();
        while !self.takes(end) {
            if !list.is_empty() {
                self.expect(",");
            }
            list.push(self.item());
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
