//! Lines that fit the terminal: wrapped with a hanging indent, and whole where there is none.

use std::io::IsTerminal as _;

/// The narrowest that anything is wrapped to.
const NARROWEST: usize = 40;

/// Where the output goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Layout {
    /// The columns of a line; `None` where lines are not wrapped, so that tools find them whole.
    width: Option<usize>,
}

impl Layout {
    /// That of standard output: `COLUMNS` if it is set, else the terminal's own, else none.
    pub(crate) fn of_stdout() -> Self {
        // Shells set it for themselves; whoever exports it wants it.
        let columns = std::env::var("COLUMNS").ok();
        let columns = columns.and_then(|columns| columns.parse().ok());
        let terminal = || match std::io::stdout().is_terminal() {
            true => Some(textwrap::termwidth()),
            false => None,
        };

        Self::of(columns.or_else(terminal))
    }

    /// That of so many columns.
    pub(crate) fn of(width: Option<usize>) -> Self {
        Self {
            width: width.map(|width| width.max(NARROWEST)),
        }
    }

    /// A text as lines; the first begins with `first`, the others with as many spaces as `indent`.
    pub(crate) fn wrap(self, first: &str, indent: usize, text: &str) -> Vec<String> {
        let Some(width) = self.width else {
            return vec![format!("{first}{text}")];
        };

        let indent = " ".repeat(indent);
        let options = textwrap::Options::new(width)
            .initial_indent(first)
            .subsequent_indent(&indent)
            // An ARN or a host name stays in one piece, so that it can be copied.
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .word_separator(textwrap::WordSeparator::AsciiSpace);
        let lines = textwrap::wrap(text, options).into_iter();
        lines.map(std::borrow::Cow::into_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_whole_without_a_terminal() {
        let text = "word ".repeat(100);

        assert_eq!(Layout::of(None).wrap("- ", 2, &text), [format!("- {text}")]);
    }

    #[test]
    fn a_line_is_wrapped_with_a_hanging_indent() {
        let text = "The approval tag is missing on the source server";

        let expected = ["! The approval tag is missing on the", "  source server"];
        assert_eq!(Layout::of(Some(40)).wrap("! ", 2, text), expected);
        // A terminal of a few columns is not taken at its word.
        assert_eq!(Layout::of(Some(3)).wrap("! ", 2, text), expected);
    }

    #[test]
    fn what_is_copied_stays_in_one_piece() {
        let arn = format!("arn:aws:drs:us-east-1:{}", "1".repeat(60));

        assert_eq!(Layout::of(Some(40)).wrap("", 2, &arn), [arn]);
    }
}
