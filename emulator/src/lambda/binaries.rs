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
    /// Those that somebody else has built, by function.
    Fixed(BTreeMap<String, PathBuf>),
    /// Those of the Cargo workspace with this root, one a folder of `functions`, each built when it
    /// is wanted.
    Workspace(PathBuf),
}

/// The line of cargo's output that tells where it put a binary.
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
    /// The workspace around a folder: the nearest parent with a `functions` folder.
    #[must_use]
    pub fn around(folder: &Path) -> Option<Self> {
        let root = folder.ancestors().find(|folder| {
            folder.join("functions").is_dir() && folder.join("Cargo.toml").is_file()
        })?;
        Some(Self::Workspace(root.to_path_buf()))
    }

    /// The functions by name.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Fixed(binaries) => binaries.keys().cloned().collect(),
            Self::Workspace(root) => {
                let folders = std::fs::read_dir(root.join("functions"))
                    .into_iter()
                    .flatten()
                    .flatten();
                let functions = folders.filter(|folder| folder.path().join("Cargo.toml").is_file());
                let mut names: Vec<String> = functions
                    .map(|folder| folder.file_name().to_string_lossy().into_owned())
                    .collect();
                names.sort();
                names
            }
        }
    }

    /// Whether there is such a function.
    #[must_use]
    pub fn have(&self, name: &str) -> bool {
        self.names().iter().any(|known| known == name)
    }

    /// The binary of a function, built if need be; cargo shows its progress on standard error.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub fn find(&self, name: &str) -> Result<PathBuf, String> {
        match self {
            Self::Fixed(binaries) => binaries
                .get(name)
                .cloned()
                .ok_or_else(|| format!("there is no function {name}")),
            Self::Workspace(root) => build(root, name),
        }
    }
}

/// What `cargo run` and `cargo test` tell a program about its own package. The build scripts of
/// some crates watch these variables: with them, the same build by hand and from here would each
/// undo what the other has compiled.
const OF_CARGO: [&str; 7] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

fn command(root: &Path, name: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(["build", "--package", name, "--bin", name]);
    command
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    for (variable, _) in std::env::vars_os() {
        let is_of_cargo = |variable: &str| {
            variable == "CARGO" || OF_CARGO.iter().any(|of| variable.starts_with(of))
        };
        if variable.to_str().is_some_and(is_of_cargo) {
            command.env_remove(variable);
        }
    }
    command
}

fn build(root: &Path, name: &str) -> Result<PathBuf, String> {
    let output = command(root, name)
        .output()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo could not build {name}; its messages are above"
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let artifacts = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let mut executables = artifacts
        .filter(|artifact| artifact.target.name == name)
        .filter_map(|artifact| artifact.executable);
    executables
        .next()
        .ok_or_else(|| format!("cargo built {name} and did not say where"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_does_not_inherit_what_cargo_says_of_this_package() {
        assert!(
            std::env::var_os("CARGO_PKG_NAME").is_some(),
            "cargo runs this test"
        );
        let command = command(Path::new("."), "f");
        let kept = |variable: &str| {
            !command
                .get_envs()
                .any(|(name, value)| name == variable && value.is_none())
        };
        for variable in [
            "CARGO",
            "CARGO_PKG_NAME",
            "CARGO_PKG_VERSION_PRE",
            "CARGO_MANIFEST_DIR",
        ] {
            assert!(!kept(variable), "{variable} is inherited");
        }
        assert!(kept("CARGO_TARGET_DIR") && kept("CARGO_HOME") && kept("PATH"));
    }
}
