//! Makes text of others fit for logs, reports and terminals: bounded, on one line, and without
//! control characters.

use serde_json::Value;

/// The most characters of one text. Longer than any identifier, name or message that AWS documents
/// except for policies, which no report holds.
pub const LONGEST: usize = 1000;

/// The characters that have no width, besides those of [`HIDDEN_RANGES`].
const HIDDEN: [char; 6] = [
    '\u{ad}', '\u{61c}', '\u{180e}', '\u{feff}', '\u{2028}', '\u{2029}',
];

/// The ranges of characters that have no width or change the direction of writing.
const HIDDEN_RANGES: [std::ops::RangeInclusive<char>; 4] = [
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{e0000}'..='\u{e007f}',
];

/// The text without control characters and without those that hide or reverse what surrounds them,
/// cut after [`LONGEST`] characters.
#[must_use]
pub fn sanitize(text: &str) -> String {
    // Nearly every text is printable ASCII, and is copied as it is.
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_printable && text.len() <= LONGEST {
        return text.to_owned();
    }

    let is_cut = text.chars().nth(LONGEST).is_some();
    let kept = text.chars().take(LONGEST).map(|letter| match letter {
        letter if is_visible(letter) => letter,
        _ => char::REPLACEMENT_CHARACTER,
    });
    kept.chain(is_cut.then_some('…')).collect()
}

/// Sanitizes every text of a value, names of members included.
pub fn sanitize_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = sanitize(text),
        Value::Array(items) => items.iter_mut().for_each(sanitize_value),
        Value::Object(members) => {
            let sanitized = std::mem::take(members)
                .into_iter()
                .map(|(name, mut member)| {
                    sanitize_value(&mut member);
                    (sanitize(&name), member)
                });

            *members = sanitized.collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_visible(letter: char) -> bool {
    let is_hidden =
        HIDDEN.contains(&letter) || HIDDEN_RANGES.iter().any(|range| range.contains(&letter));

    !letter.is_control() && !is_hidden
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_taken_out() {
        assert_eq!(sanitize("app01.example.com"), "app01.example.com");
        assert_eq!(sanitize("grün, 緑 and 🟢"), "grün, 緑 and 🟢");
        assert_eq!(
            sanitize("a\u{1b}[2Jb\r\nc\0d"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d"
        );
        assert_eq!(
            sanitize("\u{9b}31m\u{7f}\u{202e}x\u{200b}\u{feff}"),
            "\u{fffd}31m\u{fffd}\u{fffd}x\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn what_nobody_sees_is_taken_out() {
        let hidden = [
            "\u{ad}", "\u{61c}", "\u{180e}", "\u{200b}", "\u{200f}", "\u{2028}", "\u{2029}",
            "\u{202a}", "\u{202e}",
        ];
        for sign in
            hidden
                .into_iter()
                .chain(["\u{2060}", "\u{206f}", "\u{feff}", "\u{e0000}", "\u{e007f}"])
        {
            assert_eq!(
                sanitize(&format!("a{sign}b")),
                "a\u{fffd}b",
                "{}",
                sign.escape_unicode()
            );
        }
        for sign in [
            "\u{200a}",
            "\u{2010}",
            "\u{2027}",
            "\u{205f}",
            "\u{2070}",
            "\u{e0080}",
        ] {
            assert_eq!(sanitize(sign), sign, "{}", sign.escape_unicode());
        }
    }

    #[test]
    fn a_text_is_cut_and_says_so() {
        assert_eq!(sanitize(&"ü".repeat(LONGEST)), "ü".repeat(LONGEST));
        assert_eq!(
            sanitize(&"ü".repeat(LONGEST + 1)),
            "ü".repeat(LONGEST) + "…"
        );
        assert_eq!(sanitize(&"x".repeat(10 << 20)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn every_text_of_a_value_is_sanitized() {
        let mut value = json!({ "a\n": ["\u{1b}", { "b": "\t" }, 1, null], "c": true });
        sanitize_value(&mut value);
        assert_eq!(
            value,
            json!({ "a\u{fffd}": ["\u{fffd}", { "b": "\u{fffd}" }, 1, null], "c": true })
        );
    }
}
