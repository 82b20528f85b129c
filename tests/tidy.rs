//! The layering rules of ARCHITECTURE.md, and the agreement of README, code and events.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
use shared::{FaultKind, Outcome, RejectionCode, code};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in a folder, sorted.
pub(crate) fn list(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every Rust file below a folder.
pub(crate) fn sources(folder: &str) -> Vec<String> {
    let paths = list(folder).into_iter().flat_map(|name| {
        let path = format!("{folder}/{name}");
        if root().join(&path).is_dir() {
            sources(&path)
        } else {
            vec![path]
        }
    });
    paths.filter(|path| path.ends_with(".rs")).collect()
}

/// The lines of a source file that are neither tests nor comments.
fn code_of(path: &str) -> String {
    let text = read(path);
    let code = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every source file of every function, but for those named.
fn function_sources(but: &[&str]) -> Vec<String> {
    let files = list("functions").into_iter().flat_map(|function| {
        let folder = format!("functions/{function}/src");
        list(&folder)
            .into_iter()
            .map(move |file| (format!("{folder}/{file}"), file))
    });
    files
        .filter(|(_, file)| !but.contains(&file.as_str()))
        .map(|(path, _)| path)
        .collect()
}

#[track_caller]
fn lacks(paths: &[String], words: &[&str]) {
    assert!(!paths.is_empty());
    for path in paths {
        let code = code_of(path);
        for word in words {
            assert!(!code.contains(word), "{path} must not say `{word}`");
        }
    }
}

/// The dependencies of a package that its users get, by name.
fn dependencies(package: &str) -> Vec<String> {
    let manifest = read(format!("{package}/Cargo.toml"));
    let table = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap_or_default()
        .split("\n[")
        .next()
        .unwrap_or_default();
    let names = table
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next());
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The words of the pipeline, as the code of a function says them.
const FIVE_WORDS: [&str; 5] = [
    "Command::parse(",
    "observe(",
    "plan(",
    "execute(",
    "report(",
];

#[test]
fn every_function_reads_as_the_five_words() {
    for function in list("functions") {
        let code = code_of(&format!("functions/{function}/src/lib.rs"));
        let body = code.split("pub async fn handle").nth(1).unwrap();

        let positions = FIVE_WORDS.map(|word| {
            body.find(word)
                .unwrap_or_else(|| panic!("{function} does not say `{word}`"))
        });
        assert!(positions.is_sorted(), "{function}: {positions:?}");
        assert!(body.lines().count() <= 60, "{function}");
    }
}

#[test]
fn the_planner_is_pure() {
    let planners: Vec<String> = list("functions")
        .iter()
        .map(|function| format!("functions/{function}/src/plan.rs"))
        .collect();
    lacks(
        &planners,
        &[
            "async",
            "await",
            "aws_sdk",
            "aws_smithy",
            "aws_types",
            "std::env",
            "::now",
            "Instant",
            "SystemTime",
            "chrono",
            "println",
            "tracing",
        ],
    );
}

/// The files of a function from the ground up: each may use those before it, and none after it.
const FLOORS: [&str; 15] = [
    "request",
    "native",
    "command",
    "reason",
    "policy",
    "snapshot",
    "context",
    "matching",
    "destination",
    "document",
    "comparison",
    "observe",
    "plan",
    "execute",
    "report",
];

#[test]
fn nothing_points_back() {
    let floor = |name: &str| FLOORS.iter().position(|known| *known == name);

    for path in function_sources(&["lib.rs", "main.rs", "fixtures.rs"]) {
        let file = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        let own = floor(file).unwrap_or_else(|| panic!("{path} is on no floor"));

        let code = code_of(&path);
        let imports: Vec<&str> = code
            .split("use crate::")
            .skip(1)
            .filter_map(|import| import.split(';').next())
            .collect();
        for other in FLOORS {
            let used = code.contains(&format!("crate::{other}::"))
                || imports.iter().any(|import| {
                    let mut words =
                        import.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
                    words.any(|word| word == other) && import.contains(&format!("{other}::"))
                });
            assert!(
                !used || floor(other) < Some(own),
                "{path} must not use {other}"
            );
        }
    }
}

#[test]
fn no_function_names_an_sdk() {
    lacks(&function_sources(&[]), &["aws_sdk", "aws_smithy"]);
}

#[test]
fn only_requests_and_native_events_are_read_as_json() {
    let readers = ["request.rs", "native.rs"];
    lacks(
        &function_sources(&readers),
        &["strict::read", "envelope::open"],
    );
    lacks(
        &function_sources(&[]),
        &["from_str", "from_slice", "from_value"],
    );
}

#[test]
fn only_the_policy_reads_the_environment() {
    lacks(&function_sources(&["policy.rs"]), &["std::env", "env::var"]);
}

#[test]
fn main_is_wiring() {
    for function in list("functions") {
        assert!(
            read(format!("functions/{function}/src/main.rs"))
                .lines()
                .count()
                <= 20,
            "{function}"
        );
    }
}

#[test]
fn the_emulator_depends_on_nothing_of_ours() {
    for name in dependencies("emulator") {
        assert!(
            !list("functions").contains(&name) && name != "shared" && !name.starts_with("aws"),
            "local uses {name}"
        );
    }
}

#[test]
fn the_shared_crate_knows_a_service_only_behind_its_feature() {
    // A list of the error codes of all services, and the modules of the features.
    let sources: Vec<String> = list("shared/src")
        .into_iter()
        .filter(|file| file.ends_with(".rs") && file != "codes.rs" && file != "lib.rs")
        .map(|file| format!("shared/src/{file}"))
        .collect();

    lacks(
        &sources,
        &["aws_sdk", "drs", "efs", "SourceServer", "FileSystem"],
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

/// The rows of the README's table under a heading, each with its first two cells.
pub(crate) fn rows(readme: &str, heading: &str) -> Vec<[String; 2]> {
    let readme = read(readme);
    let after = readme
        .split(&format!("\n{heading}\n"))
        .nth(1)
        .unwrap_or_else(|| panic!("no `{heading}`"));
    let rows = after
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2);
    rows.map(|row| {
        [1, 2].map(|cell| {
            row.split('|')
                .nth(cell)
                .unwrap()
                .trim()
                .trim_matches('`')
                .to_owned()
        })
    })
    .collect()
}

/// The first cells of the rows of the README's table under a heading.
fn table(readme: &str, heading: &str) -> Vec<String> {
    rows(readme, heading)
        .into_iter()
        .map(|[first, _]| first)
        .collect()
}

fn codes<T: Serialize + Copy>(all: &[T]) -> Vec<String> {
    all.iter().map(|variant| code(*variant)).collect()
}

#[test]
fn the_tables_of_the_readme_are_those_of_the_code() {
    for function in harness::FUNCTIONS {
        let readme = function.readme();
        assert_eq!(table(&readme, "### Variables"), function.variables);
        assert_eq!(table(&readme, "### Reasons"), (function.reasons)());
    }

    assert_eq!(table("README.md", "### Outcomes"), codes(Outcome::ALL));
    assert_eq!(table("README.md", "### Faults"), codes(FaultKind::ALL));
    assert_eq!(
        table("README.md", "### Rejections"),
        codes(RejectionCode::ALL)
    );
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let documents = ["ARCHITECTURE.md", "SECURITY.md"].map(read).concat();
    let folders = [
        "functions",
        "shared",
        "cli",
        "emulator",
        "harness",
        "simulation",
        "template",
        "tests",
    ];
    let tests: String = folders.into_iter().flat_map(sources).map(read).collect();
    let is_test = |word: &&str| {
        word.matches('_').count() >= 3
            && word
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    let named: Vec<&str> = documents.split('`').filter(is_test).collect();
    assert!(named.len() > 12, "{named:?}");
    for name in named {
        assert!(
            tests.contains(&format!("fn {name}(")),
            "a document names the test {name}, which does not exist"
        );
    }
}
