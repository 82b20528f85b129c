//! What is known of each bug, in a file that outlives a run which is cut.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{
    bug::Bug,
    level::Level,
    tree::{Hash, Tree},
};

/// What one level came to, as a line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// A hash of the bug's file and change.
    bug: String,
    /// A hash of the code that it was planted in.
    content: String,
    /// The commit of that code, for people.
    commit: String,
    /// The bug's name, for people.
    name: String,
    level: Level,
    noticed: Option<String>,
    seconds: u64,
    /// How many seeds the simulator ran at most.
    seeds: u64,
}

/// What the levels came to for one bug: for each that was run, what noticed it, if anything did.
pub(crate) type Levels = BTreeMap<Level, Option<String>>;

/// What is known of bugs: in the code as it is, and in any code.
#[derive(Debug)]
pub(crate) struct Results {
    path: PathBuf,
    content: String,
    commit: String,
    /// How many seeds the simulator is to run.
    pub(crate) seeds: u64,
    known: Mutex<BTreeMap<String, Levels>>,
    /// What each level came to last, whatever the code was.
    latest: BTreeMap<String, Levels>,
}

impl Results {
    /// Reads what earlier runs found in the same code, by as many seeds; with `again` it is
    /// forgotten.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn read(tree: &Tree, seeds: u64, again: bool) -> Result<Self> {
        let path = tree.folder.join("results.jsonl");
        if again && path.exists() {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }

        // A line that was cut, or that another version wrote, says nothing.
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let mut known: BTreeMap<String, Levels> = BTreeMap::new();
        let mut latest: BTreeMap<String, Levels> = BTreeMap::new();
        // What few seeds did not notice, more of them may.
        let is_enough = |line: &Line| {
            line.level != Level::Simulator || line.noticed.is_some() || line.seeds >= seeds
        };
        for line in lines.filter(is_enough) {
            let levels = latest.entry(line.bug.clone()).or_default();
            levels.insert(line.level, line.noticed.clone());
            if line.content == tree.content {
                let levels = known.entry(line.bug).or_default();
                levels.insert(line.level, line.noticed);
            }
        }

        Ok(Self {
            path,
            content: tree.content.clone(),
            commit: tree.commit.clone(),
            seeds,
            known: Mutex::new(known),
            latest,
        })
    }

    /// What each level came to last for a bug, in the code as it is or in other code.
    pub(crate) fn last_of_bug(&self, bug: &Bug) -> Levels {
        self.latest.get(&key(bug)).cloned().unwrap_or_default()
    }

    /// What is known of a bug in the code as it is.
    pub(crate) fn of_bug(&self, bug: &Bug) -> Levels {
        self.known().get(&key(bug)).cloned().unwrap_or_default()
    }

    /// Adds what a level came to.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn add(
        &self,
        bug: &Bug,
        level: Level,
        noticed: Option<String>,
        seconds: u64,
    ) -> Result<()> {
        let line = Line {
            bug: key(bug),
            content: self.content.clone(),
            commit: self.commit.clone(),
            name: bug.name.to_owned(),
            level,
            noticed: noticed.clone(),
            seconds,
            seeds: self.seeds,
        };

        // Two levels may end at once; the lock keeps their lines apart.
        let mut known = self.known();
        known
            .entry(line.bug.clone())
            .or_default()
            .insert(level, noticed);
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .with_context(|| self.path.display().to_string())?;
        writeln!(file, "{}", serde_json::to_string(&line)?)?;
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Levels>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bug by its content: one that is renamed is the same, one that is changed is another.
fn key(bug: &Bug) -> String {
    let mut hash = Hash::default();
    for text in [bug.file, bug.from, bug.to] {
        hash.add(text.as_bytes());
    }

    hash.hex()
}
