//! Sections of documents that are generated: what stands between two comments of Markdown.
//!
//! A test compares them with the code. With `UPDATE_EXPECT=1` it writes them anew.

use std::{env, fs};

use super::{read, root};

/// The line that ends a generated section.
const END: &str = "<!-- end -->";

/// The line that starts a generated section.
fn start(name: &str) -> String {
    format!("<!-- generated: {name} -->")
}

/// A generated section of a document, by its name.
pub(super) fn section<'a>(document: &'a str, name: &str) -> &'a str {
    let (_, after) = document
        .split_once(&start(name))
        .unwrap_or_else(|| panic!("there is no section `{name}`"));
    let (section, _) = after
        .split_once(END)
        .unwrap_or_else(|| panic!("the section `{name}` does not end"));

    section
}

/// Holds the generated sections of a document, each with its name, to what they should be.
#[track_caller]
pub(super) fn check_sections(path: &str, sections: &[(&str, String)]) {
    let found = read(path);
    let mut expected = found.clone();
    for (name, text) in sections {
        let (before, after) = expected.split_once(&start(name)).unwrap_or_default();
        let (_, after) = after.split_once(END).unwrap_or_default();
        expected = format!("{before}{}\n{}\n{END}{after}", start(name), text.trim_end());
        // Says which section is missing.
        section(&found, name);
    }

    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(root().join(path), expected).unwrap();
    } else {
        assert!(
            found == expected,
            "{path} does not say what the code says; \
             run `UPDATE_EXPECT=1 cargo test --workspace --test tests`"
        );
    }
}

/// A table of Markdown.
pub(super) fn table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));

    let mut table = line(&head.map(str::to_owned));
    table.push_str(&line(&head.map(|_| "---".to_owned())));
    for row in rows {
        // A bar would end the cell.
        table.push_str(&line(&row.map(|cell| cell.replace('|', "\\|"))));
    }
    table
}
