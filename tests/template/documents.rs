//! What the documents say of the template.

use serde_json::Value;
use template::{Deployment, text_of, texts_of};

use crate::{
    functions::CHANGING,
    tidy::{read, rows},
};

/// The guide for those who deploy drover.
const GUIDE: &str = "docs/operations.md";

#[test]
fn every_parameter_is_in_the_reference_with_its_default() {
    let mut parameters = Vec::new();
    for (name, declaration) in Deployment::declared() {
        let default = match text_of(&declaration["Default"]).as_str() {
            "" => "empty".to_owned(),
            default => default.to_owned(),
        };
        parameters.push([name.to_owned(), default]);
    }

    assert_eq!(rows("docs/reference.md", "## Parameters"), parameters);
}

/// The parameters that the guide's commands give, with their values.
fn given_parameters(guide: &str) -> Vec<(&str, &str)> {
    let mut given = Vec::new();
    for command in guide.split("--parameter-overrides ").skip(1) {
        let overrides = command.split(['\n', '`', ',']).next().unwrap();
        given.extend(
            overrides
                .split(' ')
                .map_while(|parameter| parameter.split_once('=')),
        );
    }

    given
}

#[test]
fn the_guide_deploys_with_parameters_and_values_of_the_template() {
    let guides = [read("README.md"), read(GUIDE)].concat();

    for (name, value) in given_parameters(&guides) {
        let declared = Deployment::declared().find(|(declared, _)| *declared == name);
        let (_, declaration) = declared.unwrap_or_else(|| panic!("the guide sets {name}"));
        let allowed = texts_of(declaration.get("AllowedValues").unwrap_or(&Value::Null));
        let is_allowed = allowed.is_empty() || allowed.iter().any(|it| it == value);
        assert!(is_allowed, "{name}={value}");
    }
}

#[test]
fn the_guide_deploys_each_function_alone_and_changes_the_mode() {
    let guide = read(GUIDE);
    let given = given_parameters(&guide);
    let functions = CHANGING.map(|function| ("Functions", function.under_test.stack()));
    let modes = [("Mode", "enforce"), ("Mode", "plan")];

    for (name, value) in functions.into_iter().chain(modes) {
        assert!(
            given.contains(&(name, value)),
            "{GUIDE} needs a `sam deploy` with {name}={value}; it sets {given:?}"
        );
    }
    // A small account has no concurrency to reserve.
    assert!(guide.contains("`ReservedConcurrency=-1`"));
}

#[test]
fn git_ignores_the_files_that_the_guide_writes() {
    let ignored = read(".gitignore");
    let guide = read(GUIDE);
    let mut written: Vec<&str> = guide
        .split("> ")
        .skip(1)
        .map(|rest| rest.split([' ', '\n']).next().unwrap())
        .collect();
    written.retain(|name| {
        !name.starts_with('<') && (name.ends_with(".json") || name.starts_with(".env"))
    });
    assert!(written.len() >= 5, "{written:?}");

    for name in written {
        let line = format!("/{name}");
        assert!(ignored.lines().any(|it| it == line), "{name}");
    }
}

#[test]
fn the_application_repository_gets_the_version_of_the_workspace() {
    let version = concat!("\n    SemanticVersion: ", env!("CARGO_PKG_VERSION"), "\n");

    assert!(read("template.yaml").contains(version));
}
