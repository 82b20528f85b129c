//! Events, world files and the workspace on disk.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use chrono::Utc;
use emulator::{Binaries, World, event};

use crate::functions::FUNCTIONS;

/// The most bytes that a function can be invoked with (Lambda quotas).
const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// The functions: those of a folder of binaries if one is given, else those of the Cargo workspace
/// around the working directory, else those beside the command itself, as an archive has them.
///
/// # Errors
///
/// When there are none.
pub(crate) fn binaries(folder: Option<&Path>) -> Result<Binaries> {
    if let Some(folder) = folder {
        return binaries_in(folder);
    }

    let here = std::env::current_dir()?;
    // Under `cargo run` this is the folder of this package, whatever the working directory is.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let mut around = manifest.iter().chain([&here]);
    if let Some(workspace) = around.find_map(|folder| Binaries::around(folder)) {
        return Ok(workspace);
    }

    let beside = std::env::current_exe()?.with_file_name("functions");
    match beside.is_dir() {
        true => binaries_in(&beside),
        false => bail!(
            "there are no functions here. Work in a clone of drover, or name a folder with built \
             functions with --binaries"
        ),
    }
}

/// The functions of a folder: each a file with the name of the function, or a folder of this name
/// with a `bootstrap` in it, as cargo-lambda leaves them.
fn binaries_in(folder: &Path) -> Result<Binaries> {
    let found: BTreeMap<String, PathBuf> = FUNCTIONS
        .iter()
        .filter_map(|function| {
            let own = folder.join(function.name);
            let mut places = [own.join("bootstrap"), own].into_iter();
            let binary = places.find(|place| place.is_file())?;
            Some((function.name.to_owned(), binary))
        })
        .collect();

    let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    ensure!(
        !found.is_empty(),
        "{} has none of the functions: {}",
        folder.display(),
        names.join(", ")
    );
    Ok(Binaries::Fixed(found))
}

/// The event in a file, with its times filled in.
///
/// # Errors
///
/// When the file cannot be read or is not JSON.
pub(crate) fn read_event(file: &Path) -> Result<String> {
    let text = read_text(file)?;

    match not_json(&text) {
        Some(why) => bail!("{} is not JSON: {why}", file.display()),
        None => Ok(text),
    }
}

/// Why a text is no JSON, with what it may be instead.
pub(crate) fn not_json(text: &str) -> Option<String> {
    let wrong = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;

    // YAML begins with a name and a colon, where JSON has a bracket.
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let first = first.unwrap_or_default();
    let is_name = !first.starts_with(['{', '[']) && (first.contains(": ") || first.ends_with(':'));
    Some(match is_name || first == "---" {
        true => "this looks like YAML; events are JSON".to_owned(),
        false => wrong.to_string(),
    })
}

/// The text of a file that is to hold an event, with its times filled in.
///
/// # Errors
///
/// When the file cannot be read, begins with a byte order mark, or asks for a time that is none.
pub(crate) fn read_text(file: &Path) -> Result<String> {
    let text = read_json(file)?;
    // No service carries more to a function.
    let bytes = text.len();
    ensure!(
        bytes <= MAX_PAYLOAD,
        "{} has {bytes} bytes; Lambda takes at most {MAX_PAYLOAD}",
        file.display()
    );

    // Times are filled in before parsing, since a placeholder may stand for any value.
    event::fill(&text, Utc::now()).map_err(|wrong| anyhow!("{}: {wrong}", file.display()))
}

/// The world in a file, or the default world.
///
/// # Errors
///
/// When the file cannot be read or is not a world.
pub(crate) fn read_world(file: Option<&Path>) -> Result<World> {
    let Some(file) = file else {
        return Ok(World::default());
    };

    let text = read_json(file)?;
    World::from_json(&text).map_err(|wrong| anyhow!("{} is not a world: {wrong}", file.display()))
}

/// Checks that a world can be saved to a file, before anything has run whose result could be lost.
///
/// # Errors
///
/// When the file is there already and is not to be replaced, or cannot be written.
pub(crate) fn check_can_save(file: &Path, may_replace: bool) -> Result<()> {
    let name = file.display();
    ensure!(
        file != Path::new("-") && !file.is_dir(),
        "{name} is not a file to save a world in"
    );
    // A link counts even if what it leads to is missing.
    let exists = file.symlink_metadata().is_ok();
    ensure!(
        may_replace || !exists,
        "{name} exists. Add --force to replace it, or choose another file."
    );

    // Opened, and left as it is: what a folder or a permission forbids shows only then.
    let mut options = OpenOptions::new();
    let opened = options.append(true).create(true).open(file);
    opened.with_context(|| format!("{name} cannot be written"))?;
    if !exists {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

/// Writes a world to a file.
///
/// # Errors
///
/// When the file cannot be written.
pub(crate) fn save_world(world: &World, file: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(world)? + "\n";
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// The text of any file, or of standard input for `-`.
///
/// # Errors
///
/// When it cannot be read, or is not UTF-8.
pub(crate) fn read_any(file: &Path) -> Result<String> {
    let read = match file == Path::new("-") {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(file),
    };

    read.with_context(|| format!("{} cannot be read", file.display()))
}

/// The text of a JSON file, or of standard input for `-`.
///
/// # Errors
///
/// When it cannot be read, or begins with a byte order mark.
pub(crate) fn read_json(file: &Path) -> Result<String> {
    let name = file.display();
    let text = read_any(file)?;

    // Some editors write one. It is invisible, and JSON forbids it.
    ensure!(
        !text.starts_with('\u{feff}'),
        "{name} starts with a byte order mark. Save it as UTF-8 without one."
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_as_files_and_as_cargo_lambda_leaves_them() {
        let folder = std::env::temp_dir().join(format!("drover-binaries-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("bootstrap-efs-replication")).unwrap();
        let refused = binaries(Some(&folder)).unwrap_err().to_string();
        assert!(refused.contains("has none of the functions"), "{refused}");

        std::fs::write(folder.join("bootstrap-efs-replication/bootstrap"), "").unwrap();
        std::fs::write(folder.join("disconnect-source-server"), "").unwrap();
        std::fs::write(folder.join("another"), "").unwrap();
        let names = binaries(Some(&folder)).unwrap().names();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            names,
            ["bootstrap-efs-replication", "disconnect-source-server"]
        );
    }

    #[test]
    fn a_world_is_not_saved_over_another_unless_that_is_wanted() {
        let file = std::env::temp_dir().join(format!("drover-save-{}.json", std::process::id()));
        check_can_save(&file, false).unwrap();
        assert!(!file.exists(), "nothing was saved yet");

        std::fs::write(&file, "as it was").unwrap();
        let refused = check_can_save(&file, false).unwrap_err().to_string();
        check_can_save(&file, true).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(refused.contains("Add --force"), "{refused}");
        assert_eq!(text, "as it was");
        assert!(check_can_save(&file.join("inside"), true).is_err());
    }

    #[test]
    fn yaml_is_called_by_its_name() {
        for yaml in [
            "version: 1\nrequestID: CHG1\n",
            "---\n",
            "# a comment\n\ntargets:\n",
        ] {
            assert!(
                not_json(yaml).unwrap().contains("looks like YAML"),
                "{yaml}"
            );
        }
        assert!(not_json("{").unwrap().contains("EOF"));
        assert_eq!(not_json("{}"), None);
    }

    #[test]
    fn file_with_a_byte_order_mark_is_refused_by_that_name() {
        let file = std::env::temp_dir().join(format!("drover-{}.json", std::process::id()));
        std::fs::write(&file, "\u{feff}{}").unwrap();
        let errors = [
            read_event(&file).unwrap_err(),
            read_world(Some(&file)).unwrap_err(),
        ];
        std::fs::remove_file(&file).unwrap();

        for error in errors.map(|error| error.to_string()) {
            assert!(error.contains("starts with a byte order mark"), "{error}");
        }
    }
}
