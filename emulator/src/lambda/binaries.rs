//! Where the binaries of functions come from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

/// The binaries that an account can run.
#[derive(Debug, Clone)]
pub enum Binaries {
    /// Binaries that exist already, by function.
    Fixed(BTreeMap<String, PathBuf>),
    /// The functions of the Cargo workspace with this root, one for each folder of `functions`.
    /// Each is built when it is needed.
    Workspace(PathBuf),
}

/// The line of Cargo's output that says where a binary is.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
    target: ArtifactTarget,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}

impl Binaries {
    /// The workspace around a folder: its nearest ancestor with a `functions` folder.
    #[must_use]
    pub fn around(folder: &Path) -> Option<Self> {
        let is_root = |folder: &&Path| {
            folder.join("functions").is_dir() && folder.join("Cargo.toml").is_file()
        };
        let root = folder.ancestors().find(is_root)?;

        Some(Self::Workspace(root.to_path_buf()))
    }

    /// The names of the functions, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let root = match self {
            Self::Fixed(binaries) => return binaries.keys().cloned().collect(),
            Self::Workspace(root) => root,
        };

        // A folder that cannot be read has no functions.
        let folders = std::fs::read_dir(root.join("functions")).into_iter();
        let mut names: Vec<String> = folders
            .flatten()
            .flatten()
            .filter(|folder| folder.path().join("Cargo.toml").is_file())
            .map(|folder| folder.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Whether there is a function with this name.
    #[must_use]
    pub fn have(&self, name: &str) -> bool {
        self.names().iter().any(|known| known == name)
    }

    /// The binary of a function, built if need be. Cargo shows its progress on standard error.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub fn find(&self, name: &str) -> Result<PathBuf, String> {
        match self {
            Self::Fixed(binaries) => {
                let binary = binaries.get(name).cloned();
                binary.ok_or_else(|| format!("there is no function {name}"))
            }
            Self::Workspace(root) => build(root, name),
        }
    }
}

/// The variables by which Cargo describes a package to the programs that it runs. Build scripts of
/// some crates watch them, so that a build from here and one by hand would each undo the other.
const CARGO_VARIABLES: [&str; 7] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

fn build(root: &Path, name: &str) -> Result<PathBuf, String> {
    let output = cargo_build(root, name)
        .output()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo could not build {name}; see its messages"));
    }

    let text = String::from_utf8_lossy(&output.stdout);
    let mut executables = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.target.name == name)
        .filter_map(|artifact| artifact.executable);
    executables
        .next()
        .ok_or_else(|| format!("cargo built {name} without saying where"))
}

/// The command that builds a function, without the variables of the package that runs it.
fn cargo_build(root: &Path, name: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(["build", "--package", name, "--bin", name])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());

    for (variable, _) in std::env::vars_os() {
        if variable.to_str().is_some_and(is_cargo_variable) {
            command.env_remove(variable);
        }
    }
    command
}

fn is_cargo_variable(variable: &str) -> bool {
    variable == "CARGO"
        || CARGO_VARIABLES
            .iter()
            .any(|prefix| variable.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_does_not_inherit_the_variables_of_this_package() {
        assert!(
            std::env::var_os("CARGO_PKG_NAME").is_some(),
            "cargo runs this test"
        );
        let command = cargo_build(Path::new("."), "f");
        let is_inherited = |variable: &str| {
            let mut changes = command.get_envs();
            !changes.any(|(name, value)| name == variable && value.is_none())
        };

        for variable in [
            "CARGO",
            "CARGO_PKG_NAME",
            "CARGO_PKG_VERSION_PRE",
            "CARGO_MANIFEST_DIR",
        ] {
            assert!(!is_inherited(variable), "{variable}");
        }
        for variable in ["CARGO_TARGET_DIR", "CARGO_HOME", "PATH"] {
            assert!(is_inherited(variable), "{variable}");
        }
    }
}
