//! A share of a processor, by a control group of Linux.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The period of the quota.
const PERIOD_US: u32 = 20_000;
/// The processor time in each period: a fourteenth, as Lambda gives to 128 MB.
const QUOTA_US: u32 = PERIOD_US / 14;
const ROOT: &str = "/sys/fs/cgroup";

/// A control group for one process, removed when it is dropped.
pub(crate) struct Group {
    folder: PathBuf,
    unified: bool,
}

impl Group {
    /// Makes a group without a limit.
    ///
    /// # Errors
    ///
    /// Where the machine does not let one be made or limited.
    pub(crate) fn new() -> Result<Self> {
        let unified = !Path::new(ROOT).join("cpu").is_dir();
        let parent = if unified {
            PathBuf::from(ROOT)
        } else {
            Path::new(ROOT).join("cpu")
        };

        let group = Self {
            folder: parent.join(format!("drover-benches-{}", std::process::id())),
            unified,
        };
        fs::create_dir_all(&group.folder).with_context(|| group.folder.display().to_string())?;
        group.lift()?;

        Ok(group)
    }

    /// Moves a process into it.
    pub(crate) fn add(&self, pid: u32) -> Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// Limits what is in it from now on.
    pub(crate) fn limit(&self) -> Result<()> {
        if self.unified {
            return self.write("cpu.max", &format!("{QUOTA_US} {PERIOD_US}"));
        }
        self.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
        self.write("cpu.cfs_quota_us", &QUOTA_US.to_string())
    }

    /// Takes the limit away.
    pub(crate) fn lift(&self) -> Result<()> {
        if self.unified {
            self.write("cpu.max", "max")
        } else {
            self.write("cpu.cfs_quota_us", "-1")
        }
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.folder.join(file);
        fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Only an empty one can be removed; the processes were ended before.
        let _ = fs::remove_dir(&self.folder);
    }
}
