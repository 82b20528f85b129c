//! Documents that are written by hand, and what they say of the code.

use std::path::{Path, PathBuf};

use super::{list, read, root, sources};

/// Every document of the repository.
pub(super) fn documents() -> Vec<String> {
    let mut folders = vec![String::new(), ".github".to_owned()];
    let rooms = [
        "benches",
        "benches/counts",
        "bugs",
        "docs",
        "events",
        "simulation",
    ];
    folders.extend(rooms.map(str::to_owned));
    for function in list("functions") {
        folders.push(format!("functions/{function}"));
    }

    let mut documents = Vec::new();
    for folder in folders {
        for name in list(&folder) {
            let path = Path::new(&folder).join(name);
            if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path.display().to_string());
            }
        }
    }
    documents
}

/// The rows of the table under a heading of a document, each with its first two cells.
pub(crate) fn rows(document: &str, heading: &str) -> Vec<[String; 2]> {
    let text = read(document);
    let after = text
        .split(&format!("\n{heading}\n"))
        .nth(1)
        .unwrap_or_else(|| panic!("{document} has no `{heading}`"));
    let rows = after
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2);

    let cell = |row: &str, index: usize| {
        let cell = row.split('|').nth(index).unwrap().trim();
        cell.trim_matches('`').to_owned()
    };
    rows.map(|row| [cell(row, 1), cell(row, 2)]).collect()
}

/// The first cells of the rows of the table under a heading.
fn first_cells(document: &str, heading: &str) -> Vec<String> {
    let rows = rows(document, heading).into_iter();

    rows.map(|[first, _]| first).collect()
}

/// The tables that are written by hand, each with the test that holds it.
const HELD_BY_HAND: [(&str, &str, &str); 15] = [
    (
        "functions/audit-file-systems/README.md",
        "### Variables",
        "each_function_lists_its_variables",
    ),
    (
        "functions/audit-source-servers/README.md",
        "### Variables",
        "each_function_lists_its_variables",
    ),
    (
        "README.md",
        "## What it does",
        "the_first_page_names_every_function",
    ),
    (
        "README.md",
        "## Guardrails",
        "each_guardrail_names_the_invariant_behind_it",
    ),
    ("ARCHITECTURE.md", "## Map", "the_map_names_every_room"),
    (
        "SECURITY.md",
        "## Who can send what, and what stops them",
        "every_test_that_a_document_names_exists",
    ),
    (
        "docs/operations.md",
        "### Alarms",
        "the_guide_names_every_alarm",
    ),
    (
        "docs/topology.md",
        "## Send",
        "the_topology_names_everything_that_can_be_sent",
    ),
    (
        "docs/emulator.md",
        "### What cannot come back",
        "members_that_cannot_come_back_are_those_of_the_round_trip",
    ),
    (
        "docs/testing.md",
        "## What is tested where",
        "every_link_leads_somewhere",
    ),
    (
        "events/README.md",
        "## Samples",
        "every_folder_of_events_is_a_function_or_the_samples",
    ),
    (
        "functions/bootstrap-efs-replication/README.md",
        "### Variables",
        "each_function_lists_its_variables",
    ),
    (
        "functions/disconnect-source-server/README.md",
        "### Variables",
        "each_function_lists_its_variables",
    ),
    (
        "simulation/README.md",
        "## What is checked",
        "the_simulator_checks_invariants_that_exist",
    ),
    (
        "simulation/README.md",
        "## Planted bugs",
        "the_table_of_planted_bugs_names_every_bug",
    ),
];

/// The tables that are written by a program: `benches/run`, `benches/counts/run` and `just bugs`.
const WRITTEN_BY_PROGRAMS: [&str; 3] = [
    "benches/README.md",
    "benches/counts/README.md",
    "bugs/README.md",
];

#[test]
fn every_table_is_generated_or_held_by_a_test() {
    let tests: String = sources("tests").into_iter().map(read).collect();
    for (document, heading, test) in HELD_BY_HAND {
        assert!(!rows(document, heading).is_empty(), "{document}: {heading}");
        assert!(tests.contains(&format!("fn {test}()")), "{test}");
    }

    for document in documents() {
        if WRITTEN_BY_PROGRAMS.contains(&document.as_str()) {
            continue;
        }
        for heading in headings_of_tables(&read(&document)) {
            let is_held = HELD_BY_HAND
                .iter()
                .any(|(known, under, _)| *known == document && *under == heading);
            assert!(
                is_held,
                "no test holds the table under `{heading}` of {document}"
            );
        }
    }
}

#[test]
fn members_that_cannot_come_back_are_those_of_the_round_trip() {
    let text = read("cli/src/world/tests/round_trip.rs");
    // What a world loses is two functions there.
    let body = |name: &str| -> String {
        let after = text.split(&format!("fn {name}(")).nth(1).unwrap();
        after.split("\n}\n").next().unwrap().to_owned()
    };
    let carried = body("carried") + &body("carried_server");
    let snake_case = |name: &str| -> String {
        let letters = name
            .chars()
            .map(|letter| match letter.is_ascii_uppercase() {
                true => format!("_{}", letter.to_ascii_lowercase()),
                false => letter.to_string(),
            });
        letters.collect()
    };

    let cells = first_cells("docs/emulator.md", "### What cannot come back");
    let names = cells.iter().flat_map(|cell| cell.split(", "));
    let mut count = 0;
    for name in names.map(|name| name.trim_matches('`')) {
        let Some(name) = name.split('`').next().filter(|name| !name.contains(' ')) else {
            continue;
        };
        assert!(carried.contains(&snake_case(name)), "{name} comes back");
        count += 1;
    }
    assert!(count > 12, "{count}");
}

/// The headings of the tables that are written by hand.
fn headings_of_tables(text: &str) -> Vec<String> {
    let mut headings = Vec::new();
    let mut heading = "";
    let mut is_generated = false;

    for line in text.lines() {
        if line.starts_with('#') {
            heading = line;
        } else if line.starts_with("<!--") {
            is_generated = line.starts_with("<!-- generated: ");
        } else if line.starts_with("| ---") && !is_generated {
            headings.push(heading.to_owned());
        }
    }
    headings
}

#[test]
fn each_function_lists_its_variables() {
    for function in harness::FUNCTIONS {
        let listed = first_cells(&function.readme(), "### Variables");

        assert_eq!(listed, function.variables, "{}", function.name);
    }
}

#[test]
fn the_first_page_names_every_function() {
    let page = read("README.md");

    for function in list("functions") {
        let link = format!("[{function}](functions/{function}/README.md)");
        assert!(page.contains(&link), "README.md needs a row with {link}");
    }
}

#[test]
fn each_guardrail_names_the_invariant_behind_it() {
    let invariants = read("docs/invariants.md");
    let page = read("README.md");
    let (_, after) = page.split_once("\n## Guardrails\n").unwrap();
    let (section, _) = after.split_once("\n## ").unwrap();

    let lines = section.lines().filter(|line| line.starts_with('|'));
    let rows: Vec<&str> = lines.skip(2).collect();
    assert!(rows.len() >= 8, "{rows:?}");
    for row in rows {
        let named: Vec<&str> = row.split("docs/invariants.md#").skip(1).collect();
        assert!(!named.is_empty(), "{row}");
        for anchor in named {
            let anchor = anchor.split(')').next().unwrap();
            assert!(
                anchors(&invariants).iter().any(|known| known == anchor),
                "{row}"
            );
        }
    }
}

#[test]
fn the_map_names_every_room() {
    let map = first_cells("ARCHITECTURE.md", "## Map").join(" ");
    let rooms = list("").into_iter().filter(|name| {
        let is_room = root().join(name).is_dir() && !name.starts_with('.');
        // What builds and releases write.
        is_room && !["dist", "target"].contains(&name.as_str())
    });

    for room in rooms {
        assert!(map.contains(&room), "the map lacks {room}");
    }
    for path in map.split([' ', ',', '`']).filter(|path| path.contains('/')) {
        let path = path.replace("functions/*", "functions/disconnect-source-server");
        assert!(root().join(&path).exists(), "the map names {path}");
    }
}

#[test]
fn the_simulator_checks_invariants_that_exist() {
    let invariants = read("docs/invariants.md");

    for checked in first_cells("simulation/README.md", "## What is checked") {
        let number = checked.split(' ').next().unwrap();
        assert!(
            invariants.contains(&format!("\n## {number}. ")),
            "{checked}"
        );
    }
}

#[test]
fn the_table_of_planted_bugs_names_every_bug() {
    let mut planted = Vec::new();
    let folders = list("simulation/src").into_iter();
    let files = folders.map(|folder| format!("simulation/src/{folder}/bugs.rs"));
    for file in files.filter(|file| root().join(file).exists()) {
        let source = read(file);
        let names = source.split("name: \"").skip(1);
        let names = names.filter_map(|rest| rest.split("\",\n").next());
        planted.extend(names.map(|name| name.replace("\\\"", "\"")));
    }

    assert_eq!(
        first_cells("simulation/README.md", "## Planted bugs"),
        planted,
        "simulation/README.md lists the bugs of each `bugs.rs`, in their order"
    );
}

#[test]
fn every_folder_of_events_is_a_function_or_the_samples() {
    let functions = list("functions");
    for folder in list("events")
        .into_iter()
        .filter(|name| !name.ends_with(".md"))
    {
        assert!(
            functions.contains(&folder) || folder == "samples",
            "events/{folder}"
        );
    }

    for function in functions {
        assert!(!list(&format!("events/{function}")).is_empty());
    }
    let index = read("events/README.md");
    for sample in list("events/samples")
        .iter()
        .filter(|name| name.ends_with(".json"))
    {
        assert!(
            index.contains(sample.as_str()),
            "events/README.md does not say where {sample} comes from"
        );
    }
}

#[test]
fn every_test_that_a_document_names_exists() {
    let rooms = [
        "functions",
        "shared",
        "bugs",
        "cli",
        "emulator",
        "harness",
        "simulation",
        "template",
        "tests",
    ];
    let tests: String = rooms.into_iter().flat_map(sources).map(read).collect();
    let reasons: Vec<String> = harness::FUNCTIONS
        .iter()
        .flat_map(|function| (function.reasons)())
        .collect();
    // So many words are a test's name, or a reason's code.
    let is_test = |word: &&str| {
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        let is_reason = reasons.iter().any(|reason| reason == word);
        word.matches('_').count() >= 3 && word.chars().all(is_name) && !is_reason
    };

    let mut named = 0;
    for document in documents() {
        let text = read(&document);
        for name in text.split('`').filter(is_test) {
            named += 1;
            assert!(
                tests.contains(&format!("fn {name}(")),
                "{document} names the test {name}, which does not exist"
            );
        }
    }
    assert!(named > 40, "{named}");
}

/// The anchors of the headings of a document, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let letters = heading.chars().filter_map(|letter| match letter {
            ' ' => Some('-'),
            letter if letter.is_alphanumeric() || "-_".contains(letter) => Some(letter),
            _ => None,
        });
        letters.collect()
    };

    headings.map(anchor).collect()
}

/// The targets of the links of a document.
fn links(text: &str) -> Vec<&str> {
    let links = text.split("](").skip(1);

    links
        .filter_map(|rest| rest.split([')', '\n']).next())
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        let text = read(&document);
        let folder = Path::new(&document).parent().unwrap().to_owned();

        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf = match path {
                "" => document.clone().into(),
                path => folder.join(path),
            };
            assert!(root().join(&target).exists(), "{document} links to {link}");
            let is_there =
                anchor.is_empty() || anchors(&read(&target)).iter().any(|it| it == anchor);
            assert!(is_there, "{document} links to {link}");
        }
    }
}
