//! The figures of the code's air: paragraphs, reasons, long lines, and names that say nothing.
//!
//! The figures of a room may only get better: raise what is demanded of it when it has risen.

use std::fmt;

use crate::tidy::{read, sources};

/// What is demanded of a room.
struct Demand {
    room: &'static str,
    /// At least this percentage of the functions with twelve lines or more has a blank line.
    paragraphs: f64,
    /// At least this percentage of all lines is a `//` comment.
    reasons: f64,
    /// At most this percentage of all lines is longer than 100 columns.
    long: f64,
    /// At most so many bindings have a name that says nothing.
    vague: usize,
}

const DEMANDS: [Demand; 8] = [
    demand("bugs", 85.0, 2.5, 1.0, 0),
    demand("cli", 80.0, 3.0, 1.0, 0),
    demand("emulator", 90.0, 3.0, 1.0, 0),
    demand("functions", 90.0, 3.0, 1.0, 0),
    demand("harness", 85.0, 3.0, 1.0, 0),
    demand("shared", 80.0, 3.0, 1.0, 0),
    demand("simulation", 85.0, 3.0, 1.0, 0),
    demand("template", 85.0, 3.0, 1.0, 0),
];

const fn demand(
    room: &'static str,
    paragraphs: f64,
    reasons: f64,
    long: f64,
    vague: usize,
) -> Demand {
    Demand {
        room,
        paragraphs,
        reasons,
        long,
        vague,
    }
}

/// A function with so many lines is made of paragraphs.
const LONG_FUNCTION: usize = 12;
const COLUMNS: usize = 100;
/// Names that say nothing of what is bound to them.
const VAGUE: [&str; 4] = ["of", "at", "there", "then"];

/// The figures of some code.
#[derive(Debug, Default)]
struct Figures {
    lines: usize,
    reasons: usize,
    long: usize,
    functions: usize,
    functions_with_paragraphs: usize,
    /// The lines with a vague name.
    vague: Vec<String>,
}

impl Figures {
    /// The figures of a room, without its tests.
    fn of_room(room: &str) -> Self {
        let mut figures = Self::default();
        for path in sources(room) {
            // The lists of planted bugs quote the code that they change.
            let is_quoted = path.starts_with("bugs/src/list/");
            if !path.contains("/tests/") && !is_quoted {
                figures.add(&code_without_tests(&path));
            }
        }

        figures
    }

    fn add(&mut self, code: &str) {
        let lines: Vec<&str> = code.lines().collect();
        self.lines += lines.len();
        self.reasons += lines.iter().filter(|line| is_reason(line)).count();
        self.long += lines
            .iter()
            .filter(|line| line.chars().count() > COLUMNS)
            .count();

        for function in functions(&lines) {
            if function.len() >= LONG_FUNCTION {
                let is_blank = |line: &&str| line.trim().is_empty();
                self.functions += 1;
                self.functions_with_paragraphs += usize::from(function.iter().any(is_blank));
            }
        }
        self.vague.extend(vague_names(code));
    }

    fn paragraphs_percent(&self) -> f64 {
        percent(self.functions_with_paragraphs, self.functions)
    }

    fn reasons_percent(&self) -> f64 {
        percent(self.reasons, self.lines)
    }

    fn long_percent(&self) -> f64 {
        percent(self.long, self.lines)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} % with paragraphs, {:.1} % reasons, {:.1} % long, {} vague names {:#?}",
            self.paragraphs_percent(),
            self.reasons_percent(),
            self.long_percent(),
            self.vague.len(),
            self.vague
        )
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// The code of a file before its unit tests, which are the last module in it.
fn code_without_tests(path: &str) -> String {
    let text = read(path);
    // A module in a file of its own is declared in a line.
    let is_module = |rest: &str| {
        let line = rest.lines().next().unwrap_or_default();
        line.contains("mod ") && line.ends_with('{')
    };

    match text.split_once("#[cfg(test)]\n") {
        Some((code, rest)) if is_module(rest) => code.to_owned(),
        _ => text,
    }
}

/// Whether a line is a `//` comment, and no documentation.
fn is_reason(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix("//") else {
        return false;
    };

    !comment.starts_with(['/', '!'])
}

/// The functions in code as rustfmt writes it, each as its lines.
fn functions<'a>(lines: &'a [&'a str]) -> Vec<&'a [&'a str]> {
    let mut functions = Vec::new();
    let mut rest = lines;
    while let Some((first, after)) = rest.split_first() {
        let length = if is_function(first) {
            let indent = first.len() - first.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            rest.iter().position(|line| *line == end)
        } else {
            None
        };

        rest = match length {
            Some(end) => {
                let (function, after) = rest.split_at(end + 1);
                functions.push(function);
                after
            }
            None => after,
        };
    }

    functions
}

/// Whether a line starts a function.
fn is_function(line: &str) -> bool {
    let mut rest = line.trim_start();
    for word in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }

    rest.starts_with("fn ")
}

/// The lines that bind or use a vague name.
fn vague_names(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let mut lines: Vec<usize> = tokens
        .windows(3)
        .filter(|window| is_vague(window))
        .map(|window| window[1].line)
        .collect();
    lines.dedup();

    let text: Vec<&str> = code.lines().collect();
    lines
        .into_iter()
        .map(|line| text[line].trim().to_owned())
        .collect()
}

/// A word or a sign of the code, its line, and the bracket that it stands in.
struct Token<'a> {
    text: &'a str,
    line: usize,
    bracket: char,
}

/// Whether the middle of three tokens is a vague name that is bound, or used as a binding.
fn is_vague(window: &[Token<'_>]) -> bool {
    let [before, token, after] = window else {
        return false;
    };
    if !VAGUE.contains(&token.text) {
        return false;
    }

    match (before.text, after.text) {
        // A field, a method, a function, a path.
        ("." | "fn" | "::", _) | (_, "(" | "::") => false,
        // A parameter stands in parentheses or between bars, a field in braces.
        (before, ":") => token.bracket == '(' || before == "|",
        _ => true,
    }
}

/// The words and signs of code, without comments and strings.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut brackets = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| token_length(rest, first));
        let (text, after) = rest.split_at(length);

        if skipped(rest).is_none() && !first.is_whitespace() {
            match first {
                '(' | '[' | '{' => brackets.push(first),
                ')' | ']' | '}' => _ = brackets.pop(),
                _ => {}
            }
            let bracket = brackets.last().copied().unwrap_or('{');
            let line = code[..code.len() - rest.len()].matches('\n').count();
            tokens.push(Token {
                text,
                line,
                bracket,
            });
        }
        rest = after;
    }

    tokens
}

fn token_length(rest: &str, first: char) -> usize {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';

    if is_word(first) {
        rest.find(|character| !is_word(character))
            .unwrap_or(rest.len())
    } else if rest.starts_with("::") {
        2
    } else {
        first.len_utf8()
    }
}

/// The length of a comment or of a literal text at the start of code, if there is one.
fn skipped(rest: &str) -> Option<usize> {
    let until = |start: usize, end: &str| {
        let length = rest[start..].find(end);
        length.map_or(rest.len(), |length| start + length + end.len())
    };

    if rest.starts_with("//") {
        Some(until(2, "\n"))
    } else if rest.starts_with("r#\"") || rest.starts_with("br#\"") {
        let start = rest.find('"').unwrap_or_default() + 1;
        Some(until(start, "\"#"))
    } else if rest.starts_with('"') {
        Some(text_length(rest))
    } else if rest.starts_with("'\\") {
        Some(until(2, "'"))
    } else {
        // A character, and not a lifetime.
        let mut characters = rest.char_indices();
        let quote = characters.next().is_some_and(|(_, first)| first == '\'');
        let (end, _) = characters.nth(1).filter(|(_, last)| *last == '\'')?;
        quote.then_some(end + 1)
    }
}

/// The length of a text in quotes, escaped quotes included.
fn text_length(rest: &str) -> usize {
    let mut is_escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }

    rest.len()
}

#[test]
fn every_room_has_air() {
    let mut complaints = Vec::new();
    for demand in DEMANDS {
        let figures = Figures::of_room(demand.room);
        let is_met = figures.paragraphs_percent() >= demand.paragraphs
            && figures.reasons_percent() >= demand.reasons
            && figures.long_percent() <= demand.long
            && figures.vague.len() <= demand.vague;
        if !is_met {
            let Demand {
                room,
                paragraphs,
                reasons,
                long,
                vague,
            } = demand;
            complaints.push(format!(
                "{room}: {figures}\ndemanded: {paragraphs} % of long functions with a blank line, \
                 {reasons} % of lines are // comments, at most {long} % longer than {COLUMNS} \
                 columns, at most {vague} vague names"
            ));
        }
    }

    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_vague_name_is_found_where_it_is_bound() {
    let bound = [
        "let of = 1;",
        "let (at, x) = y;",
        "|there| there.is_some()",
        "|(name, of)| x",
        "fn f(at: u64) {}",
        "|at: u64| 1",
        "Some(then) => 1,",
        "for at in list {}",
        "Delivery { at, request }",
    ];
    for code in bound {
        assert!(!vague_names(code).is_empty(), "{code}");
    }

    let other = [
        "Role::of(name)",
        "fn of(name: &str) {}",
        "delivery.at",
        "Delivery { at: time }",
        "struct Delivery { at: u64 }",
        "x.then(|| 1)",
        "// of all",
        "\"of \\\" all\"",
        "When::At(1)",
    ];
    for code in other {
        assert_eq!(vague_names(code), [""; 0], "{code}");
    }
}
