//! The layers of the code, and documents that say what the code says.

mod documents;
mod invariants;
mod layers;
mod marks;
mod pages;
mod sections;
mod tables;
mod troubleshooting;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) use self::documents::rows;

pub(crate) fn root() -> PathBuf {
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
