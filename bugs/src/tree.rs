//! The copy of the repository in which bugs are planted, and what is built of it.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::bug::Bug;

/// A copy of the repository.
#[derive(Debug)]
pub(crate) struct Tree {
    origin: PathBuf,
    /// Where the copy, what is built of it, and what is known of it are.
    pub(crate) folder: PathBuf,
    /// Where the copy is.
    pub(crate) root: PathBuf,
    /// Cargo's target folder for the copy.
    pub(crate) target: PathBuf,
    /// The commit of the repository.
    pub(crate) commit: String,
    /// A hash of everything that is built or read by a test, so that a result of other code is not
    /// taken for one of this.
    pub(crate) content: String,
}

impl Tree {
    /// The repository that this program was built from, and where its copy is.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or git does not answer.
    pub(crate) fn find() -> Result<Self> {
        let origin = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let folder = target.unwrap_or_else(|| origin.join("target")).join("bugs");

        // Documents and this list change without changing what is noticed.
        let files = files(&origin)?;
        let is_code = |file: &&String| !file.ends_with(".md") && !file.starts_with("bugs/");
        let mut hash = Hash::default();
        for file in files.iter().filter(is_code) {
            hash.add(file.as_bytes());
            hash.add(&fs::read(origin.join(file))?);
        }

        Ok(Self {
            root: folder.join("tree"),
            target: folder.join("target"),
            folder,
            commit: git(&origin, &["rev-parse", "--short", "HEAD"])?,
            content: hash.hex(),
            origin,
        })
    }

    /// Copies what differs from an earlier copy, so that cargo builds little. Until what is returned
    /// is dropped, nobody else may change the copy.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written, or another run has the copy.
    pub(crate) fn refresh(&self) -> Result<File> {
        fs::create_dir_all(&self.root)?;
        let lock = File::create(self.folder.join("lock"))?;
        lock.try_lock().context("another run plants its bugs")?;

        let files = files(&self.origin)?;
        for file in &files {
            let bytes = fs::read(self.origin.join(file)).with_context(|| file.clone())?;
            write_if_other(&self.root.join(file), &bytes)?;
        }
        remove_others(&self.root, &self.root, &files)?;
        Ok(lock)
    }

    /// Plants a bug until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// When its text does not occur once, or the file cannot be written.
    pub(crate) fn plant(&self, bug: &Bug) -> Result<Planted> {
        let path = self.root.join(bug.file);
        let original = fs::read_to_string(&path).with_context(|| bug.file.to_owned())?;
        let places = original.matches(bug.from).count();
        ensure!(places == 1, "{}: {places} places", bug.name);

        let changed = original.replacen(bug.from, bug.to, 1);
        // Restores the file also if it was written in part.
        let planted = Planted { path, original };
        fs::write(&planted.path, changed)?;
        Ok(planted)
    }
}

/// A bug that stands in the copy; it is taken out again when this is dropped.
#[derive(Debug)]
pub(crate) struct Planted {
    path: PathBuf,
    original: String,
}

impl Drop for Planted {
    fn drop(&mut self) {
        // What remains of a bug is found by the next run, which compares every file.
        _ = fs::write(&self.path, &self.original);
    }
}

/// The files of the repository, new ones included, ignored ones not.
fn files(origin: &Path) -> Result<BTreeSet<String>> {
    let listed = git(
        origin,
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    )?;
    let files = listed.lines().map(str::to_owned);

    // One that was removed is still listed.
    Ok(files.filter(|file| origin.join(file).is_file()).collect())
}

fn git(origin: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(origin)
        .args(arguments)
        .output()?;
    if !output.status.success() {
        bail!("git: {}", String::from_utf8_lossy(&output.stderr).trim());
    }

    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn write_if_other(path: &Path, bytes: &[u8]) -> Result<()> {
    // A file that is not written keeps its time, by which cargo knows it.
    if fs::read(path).is_ok_and(|known| known == bytes) {
        return Ok(());
    }

    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// Removes what the repository no longer has.
fn remove_others(root: &Path, folder: &Path, files: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(root, &path, files)?;
            continue;
        }

        let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
        if !files.contains(&name) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// FNV-1a, which is the same wherever it is computed.
pub(crate) struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    /// Adds some bytes, and that they end here.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xff]) {
            self.0 ^= u64::from(*byte);
            self.0 = self.0.wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn hex(&self) -> String {
        format!("{:016x}", self.0)
    }
}
