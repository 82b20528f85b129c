//! What an enum's variant is called, in reports and in the documents' tables.

use serde::Serialize;
use serde_json::Value;
use strum::EnumMessage;

/// The name of an enum's variant, as it stands in reports and in the documents' tables.
pub fn code(variant: impl Serialize) -> String {
    // One spelling for reports, tables and JSON: that of serde.
    match serde_json::to_value(variant) {
        Ok(Value::String(name)) => name,
        other => format!("{other:?}"),
    }
}

/// The sentence of an enum's variant: the first line of its doc comment, without the full stop, as
/// it stands in reports and in the documents' tables.
#[must_use]
pub fn sentence(variant: &impl EnumMessage) -> &'static str {
    // What follows the first line explains the variant to programmers.
    let documentation = variant.get_documentation().unwrap_or_default();
    let first_line = documentation.lines().next().unwrap_or_default();

    first_line.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use crate::outcome::{Mode, Outcome};

    use super::*;

    #[test]
    fn a_variant_has_the_name_that_it_has_in_json() {
        assert_eq!(code(Outcome::AlreadyDone), "already_done");
        assert_eq!(code(Mode::Plan), "plan");
    }

    #[test]
    fn a_sentence_is_the_first_line_of_the_comment_without_its_full_stop() {
        assert_eq!(sentence(&Outcome::Planned), "Plan mode: this would be done");
    }
}
