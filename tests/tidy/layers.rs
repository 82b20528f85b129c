//! The rules of layers: who may name, use and read what.

use super::{list, read};

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
/// The same for a function that only looks.
const FOUR_WORDS: [&str; 4] = ["Command::parse(", "observe(", "assess(", "report("];

/// Whether a function only looks.
fn is_audit(function: &str) -> bool {
    function.starts_with("audit-")
}

#[test]
fn every_function_reads_as_the_five_words() {
    for function in list("functions") {
        let code = code_of(&format!("functions/{function}/src/lib.rs"));
        let body = code.split("pub async fn handle").nth(1).unwrap();

        let words: &[&str] = match is_audit(&function) {
            true => &FOUR_WORDS,
            false => &FIVE_WORDS,
        };
        let positions: Vec<usize> = words
            .iter()
            .map(|word| {
                body.find(word)
                    .unwrap_or_else(|| panic!("{function} does not say `{word}`"))
            })
            .collect();
        assert!(positions.is_sorted(), "{function}: {positions:?}");
        assert!(body.lines().count() <= 60, "{function}");
    }
}

/// The files that every function has, so that who knows one finds the way in another.
const FILES: [&str; 10] = [
    "main.rs",
    "lib.rs",
    "request.rs",
    "command.rs",
    "context.rs",
    "policy.rs",
    "snapshot.rs",
    "observe.rs",
    "reason.rs",
    "report.rs",
];
/// What a function has besides, if it changes something, and if it only looks.
const MORE_FILES: [[&str; 2]; 2] = [["plan.rs", "execute.rs"], ["finding.rs", "assess.rs"]];

#[test]
fn every_function_has_the_same_files() {
    for function in list("functions") {
        let files = list(&format!("functions/{function}/src"));
        let has = |file: &str| files.iter().any(|known| known == file);
        let [changing, looking] = MORE_FILES;
        let (more, none) = match is_audit(&function) {
            true => (looking, changing),
            false => (changing, looking),
        };
        for file in FILES.into_iter().chain(more) {
            assert!(has(file), "{function} has no {file}");
        }
        // Invariant 11: what only looks has nothing to execute.
        for file in none {
            assert!(!has(file), "{function} has {file}");
        }
    }
}

#[test]
fn the_planner_is_pure() {
    let planners: Vec<String> = list("functions")
        .iter()
        .map(|function| {
            let planner = if is_audit(function) { "assess" } else { "plan" };
            format!("functions/{function}/src/{planner}.rs")
        })
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
const FLOORS: [&str; 21] = [
    "request",
    "native",
    "command",
    "advice",
    "reason",
    "finding",
    "defaults",
    "policy",
    "snapshot",
    "grounds",
    "context",
    "matching",
    "destination",
    "document",
    "comparison",
    "observe",
    "plan",
    "assess",
    "execute",
    "steps",
    "report",
];

#[test]
fn nothing_points_back() {
    let floor = |name: &str| FLOORS.iter().position(|known| *known == name);

    for path in function_sources(&["lib.rs", "main.rs", "fixtures.rs"]) {
        let file = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        let own =
            floor(file).unwrap_or_else(|| panic!("give {path} its place in FLOORS of this file"));

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
fn only_requests_native_events_and_defaults_are_read_as_json() {
    let readers = ["request.rs", "native.rs", "defaults.rs"];
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
            "the emulator uses {name}"
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

    let manifest = read("shared/Cargo.toml");
    for line in manifest.lines().filter(|line| line.starts_with("aws-sdk")) {
        assert!(line.contains("optional = true"), "{line}");
    }
}
