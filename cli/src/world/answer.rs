//! Which call an answer is of.

use anyhow::{Result, bail};

use super::document::Document;

/// The answers that a world is made of. Those of resources come before those about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    SourceServers,
    RecoveryInstances,
    Jobs,
    RecoverySnapshots,
    FileSystems,
    Replications,
    MountTargets,
    SecurityGroups,
    AccessPoints,
    Lifecycle,
    Backup,
    Policy,
}

impl Kind {
    /// All kinds.
    pub(super) const ALL: [Self; 12] = [
        Self::SourceServers,
        Self::RecoveryInstances,
        Self::Jobs,
        Self::RecoverySnapshots,
        Self::FileSystems,
        Self::Replications,
        Self::MountTargets,
        Self::SecurityGroups,
        Self::AccessPoints,
        Self::Lifecycle,
        Self::Backup,
        Self::Policy,
    ];
    /// The lists of a Region's own.
    pub(super) const OF_REGION: [Self; 5] = [
        Self::SourceServers,
        Self::RecoveryInstances,
        Self::Jobs,
        Self::FileSystems,
        Self::Replications,
    ];
    /// The answers about one file system each.
    pub(super) const OF_FILE_SYSTEM: [Self; 5] = [
        Self::MountTargets,
        Self::AccessPoints,
        Self::Lifecycle,
        Self::Backup,
        Self::Policy,
    ];

    /// The command of the AWS CLI, the operation, and what is unknown without its answer.
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::SourceServers => (
                "drs describe-source-servers",
                "DescribeSourceServers",
                "source servers",
            ),
            Self::RecoveryInstances => (
                "drs describe-recovery-instances",
                "DescribeRecoveryInstances",
                "recovery instances",
            ),
            Self::Jobs => ("drs describe-jobs", "DescribeJobs", "running jobs"),
            // One call for each server, so that the script makes them only when it is asked to.
            Self::RecoverySnapshots => (
                "drs describe-recovery-snapshots",
                "DescribeRecoverySnapshots",
                "recovery points",
            ),
            Self::FileSystems => (
                "efs describe-file-systems",
                "DescribeFileSystems",
                "file systems",
            ),
            Self::Replications => (
                "efs describe-replication-configurations",
                "DescribeReplicationConfigurations",
                "replications",
            ),
            Self::MountTargets => (
                "efs describe-mount-targets",
                "DescribeMountTargets",
                "mount targets",
            ),
            Self::SecurityGroups => (
                "efs describe-mount-target-security-groups",
                "DescribeMountTargetSecurityGroups",
                "security groups",
            ),
            Self::AccessPoints => (
                "efs describe-access-points",
                "DescribeAccessPoints",
                "access points",
            ),
            Self::Lifecycle => (
                "efs describe-lifecycle-configuration",
                "DescribeLifecycleConfiguration",
                "lifecycle policies",
            ),
            Self::Backup => (
                "efs describe-backup-policy",
                "DescribeBackupPolicy",
                "backup policies",
            ),
            Self::Policy => (
                "efs describe-file-system-policy",
                "DescribeFileSystemPolicy",
                "file system policies",
            ),
        }
    }

    /// The command of the AWS CLI.
    pub(super) const fn command(self) -> &'static str {
        self.names().0
    }

    /// The operation of the API.
    pub(super) const fn operation(self) -> &'static str {
        self.names().1
    }

    /// What is unknown without its answer.
    pub(super) const fn subject(self) -> &'static str {
        self.names().2
    }

    /// Whether DRS answers it.
    pub(super) fn is_of_drs(self) -> bool {
        self.command().starts_with("drs ")
    }

    /// The kind of an answer: what its label says, or else what its members do.
    ///
    /// # Errors
    ///
    /// When it is no answer that a world is made of, or none that says which.
    pub(super) fn of(document: &Document) -> Result<Self> {
        let place = &document.place;
        if let Some(label) = &document.label {
            let command = &label.answer_of;
            let mut kinds = Self::ALL.into_iter();
            return match kinds.find(|kind| kind.command() == command) {
                Some(kind) => Ok(kind),
                None => bail!("{place}: a world is not made of the answer of `{command}`"),
            };
        }

        let has = |member: &str| document.value.get(member).is_some();
        let lists = [
            ("FileSystems", Self::FileSystems),
            ("Replications", Self::Replications),
            ("MountTargets", Self::MountTargets),
            ("AccessPoints", Self::AccessPoints),
        ];
        if let Some((_, kind)) = lists.into_iter().find(|(list, _)| has(list)) {
            return Ok(kind);
        }
        match document
            .value
            .get("items")
            .and_then(|items| items.as_array())
        {
            Some(items) => Self::of_items(items.first(), place),
            // Answers such as that of a policy do not say of which file system they are.
            None => bail!(
                "{place} is not an answer that says what it is of: it has neither `items` nor \
                 `FileSystems`, `Replications`, `MountTargets` or `AccessPoints`. \
                 scripts/collect.sh collects the others with a label before each"
            ),
        }
    }

    fn of_items(first: Option<&serde_json::Value>, place: &str) -> Result<Self> {
        let Some(first) = first else {
            bail!(
                "{place}: an empty list of `items` does not say what it is of. Leave it out, or \
                 write a label before it: \
                 {{\"answerOf\": \"drs describe-jobs\", \"region\": \"us-east-1\"}}"
            );
        };

        // A recovery instance names its server and its job too, so the order matters.
        let members = [
            ("snapshotID", Self::RecoverySnapshots),
            ("recoveryInstanceID", Self::RecoveryInstances),
            ("jobID", Self::Jobs),
            ("sourceServerID", Self::SourceServers),
        ];
        let mut members = members.into_iter();
        match members.find(|(member, _)| first.get(member).is_some()) {
            Some((_, kind)) => Ok(kind),
            None => bail!("{place}: items[0] is no source server, recovery instance or job"),
        }
    }
}
