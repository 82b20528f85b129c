//! Makes text from elsewhere safe to print.

use serde_json::Value;

/// The longest text that is printed.
const MAX_LENGTH: usize = 1000;

/// Text on one line, of limited length, and without characters that control a terminal or that are
/// invisible. Colours are added afterwards.
pub(crate) fn sanitize(text: &str) -> String {
    // Cut before anything else, so that a megabyte costs nothing.
    let characters = text.chars().take(MAX_LENGTH);

    characters
        .map(
            |character| match is_hidden(character) || character.is_control() {
                true => char::REPLACEMENT_CHARACTER,
                false => character,
            },
        )
        .collect()
}

/// A whole page without characters that are invisible or change the direction of what follows. Its
/// line breaks stay.
pub(crate) fn visible(page: &str) -> String {
    let is_kept = |character: char| matches!(character, '\n' | '\t');

    page.chars()
        .map(|character| {
            let is_seen = !is_hidden(character) && !character.is_control();
            match is_seen || is_kept(character) {
                true => character,
                false => char::REPLACEMENT_CHARACTER,
            }
        })
        .collect()
}

/// Whether a character is invisible, or changes the direction of the text around it.
fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// A value with every text in it sanitized.
pub(crate) fn sanitized(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(sanitize(&text)),
        Value::Array(items) => items.into_iter().map(sanitized).collect(),
        Value::Object(members) => {
            // Names come from elsewhere too.
            let members = members.into_iter();
            let members = members.map(|(name, value)| (sanitize(&name), sanitized(value)));
            Value::Object(members.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_lines_and_nothing_that_is_not_seen() {
        let page = "<p>\n\ta\u{202e}b\u{1b}[2J\r</p>";

        assert_eq!(visible(page), "<p>\n\ta\u{fffd}b\u{fffd}[2J\u{fffd}</p>");
    }

    #[test]
    fn sanitized_text_has_no_control_and_no_invisible_characters() {
        let hostile = "\u{1b}[2J\r\n\u{202e}\u{9b}31m";
        assert_eq!(
            sanitize(hostile),
            "\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}\u{fffd}31m"
        );

        let hidden = "\u{ad}\u{61c}\u{180e}\u{200b}\u{200f}\u{2028}\u{202e}\u{2060}\u{206f}\
                      \u{feff}\u{e0000}\u{e007f}";
        assert_eq!(sanitize(hidden), "\u{fffd}".repeat(12));
        assert_eq!(sanitize("ħöst-ß 東京"), "ħöst-ß 東京");
    }

    #[test]
    fn sanitized_text_has_a_limited_length() {
        let long = "\u{1b}[2J".repeat(1 << 20);
        assert_eq!(sanitize(&long).chars().count(), MAX_LENGTH);
    }
}
