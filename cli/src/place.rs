//! Where in a file a member of its JSON stands.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The line of the member with a path such as `detail.targets[2].hostname`, counted from 1; of the
/// nearest member around it that exists, if it does not.
pub(crate) fn line_of(text: &str, path: &str) -> usize {
    let mut found = text.trim_start();

    for step in path.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
        match member(found, step) {
            Some(inner) => found = inner,
            None => break,
        }
    }
    // What was found is a part of the text itself.
    let start = found.as_ptr().addr() - text.as_ptr().addr();
    let before = text.get(..start).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// The text of a member of an object, or of an item of a list.
fn member<'a>(text: &'a str, step: &str) -> Option<&'a str> {
    // A list is no map, and a map has no numbers.
    if let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
        return members.get(step).map(|value| value.get());
    }
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;

    items
        .get(step.parse::<usize>().ok()?)
        .map(|item| item.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_by_its_path_and_a_missing_one_by_what_is_around_it() {
        let text =
            "\n{\n \"detail\": {\n  \"targets\": [\n   {},\n   { \"a\": 1,\n     \"b\": 2 }\n]}}";

        for (path, line) in [
            ("", 2),
            ("detail", 3),
            ("detail.targets[0]", 5),
            ("detail.targets[1].b", 7),
            ("detail.targets[1].c", 6),
            ("detail.targets[7].b", 4),
            ("nothing", 2),
        ] {
            assert_eq!(line_of(text, path), line, "{path}");
        }
        assert_eq!(line_of("no JSON", "a.b"), 1);
    }
}
