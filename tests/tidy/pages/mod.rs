//! The two pages of the API reference that drover was founded on, and the marks of the scenarios
//! that prove what is done about each sentence.
//!
//! A scenario has a comment with its numbers: `// Pages: DRS-04, DRS-10 to DRS-19.`

mod drs;
mod efs;

use super::{
    marks::{Test, marked_tests},
    sections::{check_sections, table},
};

/// A page by the name of its numbers, with what it says, by number from 1.
const PAGES: [(&str, &[&str]); 2] = [("DRS", drs::SENTENCES), ("EFS", efs::SENTENCES)];

/// The number of a sentence: that of its page, and its own.
type Number = (String, usize);

/// The numbers of a mark, if a line is one.
fn mark(line: &str) -> Option<Vec<Number>> {
    let rest = line.trim().strip_prefix("// Pages")?;

    // One that nobody can read would be a scenario that is not counted.
    let numbers = numbers(rest).unwrap_or_else(|| panic!("`{line}` is no mark"));
    Some(numbers)
}

/// The numbers after the word of a mark.
fn numbers(rest: &str) -> Option<Vec<Number>> {
    let list = rest.strip_prefix(": ")?.strip_suffix('.')?;

    let mut numbers = Vec::new();
    for part in list.split(", ") {
        let (first, last) = part.split_once(" to ").unwrap_or((part, part));
        let (page, first) = number(first)?;
        let (page_of_last, last) = number(last)?;
        if page != page_of_last || first > last {
            return None;
        }
        numbers.extend((first..=last).map(|number| (page.to_owned(), number)));
    }
    Some(numbers)
}

fn number(text: &str) -> Option<(&str, usize)> {
    let (page, number) = text.split_once('-')?;

    Some((page, number.parse().ok()?))
}

#[test]
fn every_sentence_of_the_two_pages_has_a_scenario() {
    let mut scenarios = marked_tests(mark);
    let mut sections = Vec::new();

    for (page, sentences) in PAGES {
        let rows: Vec<[String; 3]> = (1..)
            .zip(sentences)
            .map(|(number, sentence)| {
                let name = format!("{page}-{number:02}");
                let proven = scenarios.remove(&(page.to_owned(), number));
                let proven = proven.unwrap_or_else(|| panic!("no scenario proves {name}"));
                [name, (*sentence).to_owned(), links(&proven)]
            })
            .collect();
        sections.push((page, table(["number", "the page", "scenarios"], rows)));
    }

    assert!(scenarios.is_empty(), "marks of no sentence: {scenarios:?}");
    check_sections("docs/pages.md", &sections);
}

fn links(scenarios: &[Test]) -> String {
    let links: Vec<String> = scenarios
        .iter()
        .map(|(name, path)| format!("[`{name}`](../{path})"))
        .collect();

    links.join(", ")
}

#[test]
fn a_mark_of_the_pages_is_a_comment_with_numbers_and_ranges() {
    let some = |of_page: &[(&str, usize)]| {
        let owned = of_page
            .iter()
            .map(|(page, number)| ((*page).to_owned(), *number));
        Some(owned.collect::<Vec<Number>>())
    };
    assert_eq!(mark("    // Pages: DRS-04."), some(&[("DRS", 4)]));
    assert_eq!(
        mark("// Pages: DRS-09 to DRS-11, EFS-02."),
        some(&[("DRS", 9), ("DRS", 10), ("DRS", 11), ("EFS", 2)])
    );

    assert_eq!(mark("/// Pages: DRS-04."), None);

    for rest in [
        ": DRS-4 and DRS-5.",
        ": DRS-04 to EFS-05.",
        ": DRS-05 to DRS-04.",
        ": DRS-04",
        " DRS-04.",
    ] {
        assert_eq!(numbers(rest), None, "{rest}");
    }
}
