//! What the README says of the template.

use serde_json::Value;
use template::{Deployment, text_of, texts_of};

use crate::{
    iam::{BOOTSTRAP, DISCONNECT},
    tidy::{read, rows},
};

#[test]
fn every_parameter_is_in_the_readme_with_its_default() {
    let parameters = Deployment::declared().map(|(name, declaration)| {
        let default = text_of(&declaration["Default"]);
        [
            name.to_owned(),
            if default.is_empty() {
                "empty".to_owned()
            } else {
                default
            },
        ]
    });
    assert_eq!(
        rows("README.md", "### Parameters"),
        parameters.collect::<Vec<_>>()
    );
}

/// The commands of the README's deployment name parameters that there are, with values that they
/// take.
#[test]
fn the_readme_deploys_with_parameters_that_there_are() {
    let readme = read("README.md");
    let given: Vec<(&str, &str)> = readme
        .split("--parameter-overrides ")
        .skip(1)
        .flat_map(|rest| {
            rest.split(['\n', '`', ','])
                .next()
                .unwrap()
                .split(' ')
                .map_while(|one| one.split_once('='))
        })
        .collect();
    for (name, value) in &given {
        let declared = Deployment::declared().find(|(of, _)| of == name);
        let (_, declaration) = declared.unwrap_or_else(|| panic!("the README sets {name}"));
        let allowed = texts_of(declaration.get("AllowedValues").unwrap_or(&Value::Null));
        assert!(
            allowed.is_empty() || allowed.iter().any(|of| of == value),
            "{name}={value}"
        );
    }
    // One stack for each function, where it belongs; back again; and what a small account needs.
    for wanted in [
        ("Functions", DISCONNECT),
        ("Functions", BOOTSTRAP),
        ("Mode", "enforce"),
        ("Mode", "plan"),
    ] {
        assert!(given.contains(&wanted), "{wanted:?} in {given:?}");
    }
    assert!(readme.contains("`ReservedConcurrency=-1`"));
}

#[test]
fn git_ignores_what_the_readme_writes() {
    let ignored = read(".gitignore");
    let readme = read("README.md");
    let written: Vec<&str> = readme
        .split("> ")
        .skip(1)
        .map(|rest| rest.split([' ', '\n']).next().unwrap())
        .filter(|name| {
            !name.starts_with('<') && (name.ends_with(".json") || name.starts_with(".env"))
        })
        .collect();
    assert!(written.len() >= 5, "{written:?}");
    for name in written {
        assert!(
            ignored.lines().any(|line| line == format!("/{name}")),
            "{name}"
        );
    }
}
