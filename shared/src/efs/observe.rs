//! Every read of EFS that a function may need. Only the modelled not-found code means that
//! something does not exist.
//!
//! A list of several pages may show an item twice that has moved meanwhile; it counts once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aws_sdk_efs::types::{
    self, LifeCycleState, LifecyclePolicy, MountTargetDescription, ReplicationOverwriteProtection,
    ReplicationStatus as SdkReplicationStatus, Tag,
};
use chrono::DateTime;
use serde_json::Value;

use super::{
    client::RegionalEfs,
    model::{
        AccessPoint, AccessPointRoot, FileSystem, FileSystemId, LifeCycle, MountTarget, Owner,
        PosixUser, Protection, Replication, ReplicationStatus, Transitions,
    },
};
use crate::{
    api::{CallRecord, FailedCall},
    arn::{AccountId, Arn, Region},
    fault::FaultKind,
    guardrails::Tags,
};

pub(super) const TO_IA: &str = "TransitionToIA";
pub(super) const TO_PRIMARY: &str = "TransitionToPrimaryStorageClass";
pub(super) const TO_ARCHIVE: &str = "TransitionToArchive";

impl RegionalEfs {
    /// One file system, by ID or ARN; `None` only if EFS says that it does not exist.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn file_system(
        &self,
        id_or_arn: &str,
        record: &CallRecord,
    ) -> Result<Option<FileSystem>, FailedCall> {
        const OPERATION: &str = "DescribeFileSystems";
        let unreadable = || FailedCall::new(OPERATION, FaultKind::Unreadable);

        let request = self
            .client
            .describe_file_systems()
            .file_system_id(id_or_arn);
        let answer = self
            .api(record)
            .find(OPERATION, &["FileSystemNotFound"], request.send())
            .await?;
        let Some(answer) = answer else {
            return Ok(None);
        };

        // EFS has an error for what does not exist; an empty list says nothing.
        let found = answer.file_systems().first().ok_or_else(unreadable)?;
        // The Region of the client: the ARN, which would name it, is optional in the model.
        let region = self.region().ok_or_else(unreadable)?;
        let file_system = read_file_system(found, region).ok_or_else(unreadable)?;

        Ok(Some(file_system))
    }

    /// Lists the file systems of the account in the Region, and keeps what `keep` leaves of each.
    ///
    /// An account may have 1,000 with 50 tags each, which would not fit into a function's memory.
    ///
    /// # Errors
    ///
    /// The call and its fault; [`FaultKind::Unreadable`] for a file system without a readable ID.
    pub async fn file_systems(
        &self,
        mut keep: impl FnMut(FileSystem) -> Option<FileSystem>,
        record: &CallRecord,
    ) -> Result<BTreeMap<FileSystemId, FileSystem>, FailedCall> {
        const OPERATION: &str = "DescribeFileSystems";
        let unreadable = || FailedCall::new(OPERATION, FaultKind::Unreadable);

        // Without a Region nobody knew where they are.
        let region = self.region().ok_or_else(unreadable)?;
        // By ID: a list of several pages may show one twice.
        let mut file_systems = BTreeMap::new();
        let pages = self
            .client
            .describe_file_systems()
            .into_paginator()
            .stop_on_duplicate_token(false)
            .send();
        self.api(record)
            .list(
                OPERATION,
                pages,
                |page| page.next_marker(),
                |page| {
                    for found in page.file_systems() {
                        let read = read_file_system(found, region.clone());
                        // One that is left out would be told as missing.
                        let file_system = read.ok_or(FaultKind::Unreadable)?;
                        // What is not kept is gone with its page.
                        if let Some(kept) = keep(file_system) {
                            file_systems.insert(kept.id.clone(), kept);
                        }
                    }
                    Ok(())
                },
            )
            .await?;

        Ok(file_systems)
    }

    /// Lists the replications that start or end in the Region, at a file system of the account.
    ///
    /// # Errors
    ///
    /// The call and its fault; [`FaultKind::Unreadable`] for a replication that names no source or
    /// not one destination.
    pub async fn replications(&self, record: &CallRecord) -> Result<Vec<Replication>, FailedCall> {
        // Without a file system EFS lists them all, and an empty list is no error.
        let mut replications = Vec::new();
        let mut sources = BTreeSet::new();
        let pages = self
            .client
            .describe_replication_configurations()
            .into_paginator()
            .stop_on_duplicate_token(false)
            .send();

        self.api(record)
            .list(
                "DescribeReplicationConfigurations",
                pages,
                |page| page.next_token(),
                |page| {
                    for found in page.replications() {
                        let read = read_replication(found).ok_or(FaultKind::Unreadable)?;
                        // A source has one replication.
                        let source = (read.source_region.clone(), read.source_id.clone());
                        if sources.insert(source) {
                            replications.push(read);
                        }
                    }
                    Ok(())
                },
            )
            .await?;
        Ok(replications)
    }

    /// The replication that a file system is part of, on either end; `None` only if EFS says that
    /// there is none.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn replication(
        &self,
        id_or_arn: &str,
        record: &CallRecord,
    ) -> Result<Option<Replication>, FailedCall> {
        const OPERATION: &str = "DescribeReplicationConfigurations";

        let request = self
            .client
            .describe_replication_configurations()
            .file_system_id(id_or_arn);
        // A file system without a replication is an error to EFS, not an empty list.
        let absent = ["ReplicationNotFound", "FileSystemNotFound"];
        let answer = self
            .api(record)
            .find(OPERATION, &absent, request.send())
            .await?;
        let Some(answer) = answer else {
            return Ok(None);
        };

        let unreadable = || FailedCall::new(OPERATION, FaultKind::Unreadable);
        // EFS has an error for none, and allows no more than one.
        let [found] = answer.replications() else {
            return Err(unreadable());
        };
        read_replication(found).ok_or_else(unreadable).map(Some)
    }

    /// The mount targets of a file system, with their security groups.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn mount_targets(
        &self,
        file_system: &FileSystemId,
        record: &CallRecord,
    ) -> Result<Vec<MountTarget>, FailedCall> {
        let mut found: Vec<MountTargetDescription> = Vec::new();
        let mut ids = HashSet::new();
        let pages = self
            .client
            .describe_mount_targets()
            .file_system_id(file_system.as_ref())
            .into_paginator()
            .stop_on_duplicate_token(false)
            .send();
        self.api(record)
            .list(
                "DescribeMountTargets",
                pages,
                |page| page.next_marker(),
                |page| {
                    // Mount targets may come and go while they are listed.
                    let listed = page.mount_targets.unwrap_or_default().into_iter();
                    found.extend(listed.filter(|it| ids.insert(it.mount_target_id.clone())));
                    Ok(())
                },
            )
            .await?;

        // EFS has no call for the security groups of several mount targets.
        let mut targets = Vec::new();
        for target in found {
            targets.push(MountTarget {
                security_groups: self.security_groups(&target, record).await?,
                state: read_life_cycle(target.life_cycle_state()),
                subnet_id: target.subnet_id,
            });
        }
        Ok(targets)
    }

    async fn security_groups(
        &self,
        target: &MountTargetDescription,
        record: &CallRecord,
    ) -> Result<Vec<String>, FailedCall> {
        let request = self
            .client
            .describe_mount_target_security_groups()
            .mount_target_id(target.mount_target_id());

        // A mount target that is being created has no groups to show yet.
        let not_ready = ["IncorrectMountTargetState", "MountTargetNotFound"];
        let answer = self
            .api(record)
            .find(
                "DescribeMountTargetSecurityGroups",
                &not_ready,
                request.send(),
            )
            .await?;

        // Sorted, so that two lists of the same groups are equal.
        let mut groups = answer
            .map(|answer| answer.security_groups)
            .unwrap_or_default();
        groups.sort();
        Ok(groups)
    }

    /// The access points of a file system. Tags are kept only of those that `keep_tags` names: a
    /// file system may have 10,000 access points with 50 tags each, which would not fit into a
    /// function's memory.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn access_points(
        &self,
        file_system: &FileSystemId,
        mut keep_tags: impl FnMut(&AccessPoint) -> bool,
        record: &CallRecord,
    ) -> Result<Vec<AccessPoint>, FailedCall> {
        let mut points = Vec::new();
        let mut ids = HashSet::new();
        let pages = self
            .client
            .describe_access_points()
            .file_system_id(file_system.as_ref())
            .into_paginator()
            .stop_on_duplicate_token(false)
            .send();

        self.api(record)
            .list(
                "DescribeAccessPoints",
                pages,
                |page| page.next_token(),
                |page| {
                    for found in page.access_points() {
                        let mut point = read_access_point(found);
                        if !ids.insert(point.id.clone()) {
                            continue;
                        }
                        // The tags are most of an access point.
                        if !keep_tags(&point) {
                            point.tags.clear();
                        }
                        points.push(point);
                    }
                    Ok(())
                },
            )
            .await?;
        Ok(points)
    }

    /// The lifecycle policies of a file system.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn lifecycle(
        &self,
        file_system: &FileSystemId,
        record: &CallRecord,
    ) -> Result<Transitions, FailedCall> {
        let request = self
            .client
            .describe_lifecycle_configuration()
            .file_system_id(file_system.as_ref());
        let answer = self
            .api(record)
            .call("DescribeLifecycleConfiguration", request.send())
            .await?;

        // An empty list means that files never move.
        let policies = answer.lifecycle_policies().iter();
        Ok(policies.flat_map(read_transitions).collect())
    }

    /// Whether automatic backups are on.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn has_backup(
        &self,
        file_system: &FileSystemId,
        record: &CallRecord,
    ) -> Result<bool, FailedCall> {
        let request = self
            .client
            .describe_backup_policy()
            .file_system_id(file_system.as_ref());
        let answer = self
            .api(record)
            .find("DescribeBackupPolicy", &["PolicyNotFound"], request.send())
            .await?;

        // A file system without a policy has no automatic backups.
        let policy = answer.and_then(|answer| answer.backup_policy);
        Ok(policy.is_some_and(|policy| is_on(policy.status())))
    }

    /// The file system policy, if there is one.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn policy(
        &self,
        file_system: &FileSystemId,
        record: &CallRecord,
    ) -> Result<Option<Value>, FailedCall> {
        const OPERATION: &str = "DescribeFileSystemPolicy";

        let request = self
            .client
            .describe_file_system_policy()
            .file_system_id(file_system.as_ref());
        let answer = self
            .api(record)
            .find(OPERATION, &["PolicyNotFound"], request.send())
            .await?;

        // A file system without a policy of its own has EFS's default.
        let Some(text) = answer.and_then(|answer| answer.policy) else {
            return Ok(None);
        };
        serde_json::from_str(&text)
            .map_err(|_| FailedCall::new(OPERATION, FaultKind::Unreadable))
            .map(Some)
    }
}

fn read_file_system(found: &types::FileSystemDescription, region: Region) -> Option<FileSystem> {
    // AWS may leave the protection out, which is not the same as disabled.
    let protection = found
        .file_system_protection()
        .and_then(|protection| protection.replication_overwrite_protection());

    Some(FileSystem {
        id: FileSystemId::try_from(found.file_system_id().to_owned()).ok()?,
        arn: read_arn(found.file_system_arn()),
        owner_id: read_account(found.owner_id())?,
        region,
        state: read_life_cycle(found.life_cycle_state()),
        encrypted: found.encrypted().unwrap_or_default(),
        kms_key_arn: found.kms_key_id().map(str::to_owned),
        availability_zone_name: found.availability_zone_name().map(str::to_owned),
        protection: match protection {
            Some(ReplicationOverwriteProtection::Enabled) => Protection::Enabled,
            Some(ReplicationOverwriteProtection::Disabled) => Protection::Disabled,
            Some(ReplicationOverwriteProtection::Replicating) => Protection::Replicating,
            _ => Protection::Unknown,
        },
        size_in_bytes: found
            .size_in_bytes()
            .map(|size| size.value())
            .unwrap_or_default(),
        // A number below zero would be none either.
        mount_targets: usize::try_from(found.number_of_mount_targets()).unwrap_or_default(),
        tags: read_tags(found.tags()),
    })
}

/// A replication with its one destination; EFS allows no more.
fn read_replication(found: &types::ReplicationConfigurationDescription) -> Option<Replication> {
    let [destination] = found.destinations() else {
        return None;
    };

    // What cannot be read cannot be compared either.
    let id = |text: &str| FileSystemId::try_from(text.to_owned()).ok();
    let region = |text: &str| Region::try_from(text.to_owned()).ok();
    Some(Replication {
        source_id: id(found.source_file_system_id())?,
        source_region: region(found.source_file_system_region())?,
        source_owner_id: read_source_owner(found),
        destination_id: id(destination.file_system_id())?,
        destination_region: region(destination.region())?,
        destination_owner_id: destination.owner_id().and_then(read_account),
        status: match destination.status() {
            SdkReplicationStatus::Enabled => ReplicationStatus::Enabled,
            SdkReplicationStatus::Enabling => ReplicationStatus::Enabling,
            SdkReplicationStatus::Pausing => ReplicationStatus::Pausing,
            SdkReplicationStatus::Paused => ReplicationStatus::Paused,
            SdkReplicationStatus::Error => ReplicationStatus::Error,
            SdkReplicationStatus::Deleting => ReplicationStatus::Deleting,
            _ => ReplicationStatus::Unknown,
        },
        status_message: destination.status_message().map(str::to_owned),
        created: DateTime::from_timestamp(found.creation_time().secs(), 0),
        last_replicated: destination
            .last_replicated_timestamp()
            .and_then(|time| DateTime::from_timestamp(time.secs(), 0)),
    })
}

/// The account of a source. AWS may leave it out, but not the ARN that says it too.
fn read_source_owner(found: &types::ReplicationConfigurationDescription) -> Option<AccountId> {
    // Only by its account is a source known that a bare ID does not find.
    let owner = found.source_file_system_owner_id().and_then(read_account);

    owner.or_else(|| read_arn(Some(found.source_file_system_arn()))?.account())
}

fn read_access_point(found: &types::AccessPointDescription) -> AccessPoint {
    let posix_user = found.posix_user().map(|user| PosixUser {
        uid: user.uid(),
        gid: user.gid(),
        secondary_gids: user.secondary_gids().to_vec(),
    });
    // Without a root directory a client sees the whole file system.
    let root = found.root_directory();
    let creation_info = root
        .and_then(|root| root.creation_info())
        .map(|info| Owner {
            uid: info.owner_uid(),
            gid: info.owner_gid(),
            permissions: info.permissions().to_owned(),
        });

    AccessPoint {
        id: found.access_point_id().unwrap_or_default().to_owned(),
        arn: read_arn(found.access_point_arn()),
        state: found
            .life_cycle_state()
            .map_or(LifeCycle::Error, read_life_cycle),
        root: AccessPointRoot {
            posix_user,
            path: root.and_then(|root| root.path()).unwrap_or("/").to_owned(),
            creation_info,
        },
        tags: read_tags(found.tags()),
    }
}

fn read_arn(text: Option<&str>) -> Option<Arn> {
    Arn::try_from(text?.to_owned()).ok()
}

/// EFS may write an account as `1234-5678-9012` (`AwsAccountId`, API model).
fn read_account(text: &str) -> Option<AccountId> {
    AccountId::try_from(text.replace('-', "")).ok()
}

fn read_tags(tags: &[Tag]) -> Tags {
    tags.iter()
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect()
}

fn read_life_cycle(state: &LifeCycleState) -> LifeCycle {
    match state {
        LifeCycleState::Creating => LifeCycle::Creating,
        LifeCycleState::Available => LifeCycle::Available,
        LifeCycleState::Updating => LifeCycle::Updating,
        LifeCycleState::Deleting | LifeCycleState::Deleted => LifeCycle::Deleting,
        _ => LifeCycle::Error,
    }
}

fn is_on(status: &types::Status) -> bool {
    // A change that is in progress counts as done: asking again would not hurry it.
    matches!(status, types::Status::Enabled | types::Status::Enabling)
}

pub(super) fn read_transitions(policy: &LifecyclePolicy) -> Vec<(String, String)> {
    let to_ia = policy.transition_to_ia().map(|rule| (TO_IA, rule.as_str()));
    let to_primary = policy
        .transition_to_primary_storage_class()
        .map(|rule| (TO_PRIMARY, rule.as_str()));
    let to_archive = policy
        .transition_to_archive()
        .map(|rule| (TO_ARCHIVE, rule.as_str()));

    [to_ia, to_primary, to_archive]
        .into_iter()
        .flatten()
        .map(|(name, rule)| (name.to_owned(), rule.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_efs::primitives::DateTime as SdkTime;

    use super::*;

    #[test]
    fn every_state_of_a_resource_is_read_and_an_unknown_one_is_an_error() {
        use LifeCycle::{Available, Creating, Deleting, Error, Updating};

        let states = [
            ("creating", Creating),
            ("available", Available),
            ("updating", Updating),
            ("deleting", Deleting),
            ("deleted", Deleting),
            ("error", Error),
            ("resting", Error),
        ];
        for (text, expected) in states {
            assert_eq!(read_life_cycle(&LifeCycleState::from(text)), expected);
        }
    }

    #[test]
    fn a_backup_that_is_being_switched_on_counts_as_on() {
        let statuses = [
            ("ENABLED", true),
            ("ENABLING", true),
            ("DISABLED", false),
            ("DISABLING", false),
        ];
        for (text, expected) in statuses {
            assert_eq!(is_on(&types::Status::from(text)), expected, "{text}");
        }
    }

    fn description(owner: &str) -> types::builders::FileSystemDescriptionBuilder {
        types::FileSystemDescription::builder()
            .owner_id(owner)
            .creation_token("")
            .file_system_id("fs-00000001")
            .creation_time(SdkTime::from_secs(0))
            .life_cycle_state(LifeCycleState::Available)
            .number_of_mount_targets(0)
            .size_in_bytes(types::FileSystemSize::builder().value(6144).build())
            .performance_mode(types::PerformanceMode::GeneralPurpose)
            .set_tags(Some(vec![]))
    }

    fn region() -> Region {
        Region::try_from("us-east-1".to_owned()).unwrap()
    }

    #[test]
    fn every_protection_is_read_and_an_unknown_one_is_unknown() {
        let protection = |text: &str| {
            let protection = types::FileSystemProtectionDescription::builder()
                .replication_overwrite_protection(ReplicationOverwriteProtection::from(text))
                .build();
            let found = description("111122223333")
                .file_system_protection(protection)
                .build()
                .unwrap();
            read_file_system(&found, region()).unwrap().protection
        };

        assert_eq!(protection("ENABLED"), Protection::Enabled);
        assert_eq!(protection("DISABLED"), Protection::Disabled);
        assert_eq!(protection("REPLICATING"), Protection::Replicating);
        assert_eq!(protection("LOCKED"), Protection::Unknown);
    }

    #[test]
    fn an_account_is_the_same_with_and_without_hyphens() {
        let owner = |text: &str| {
            let found = description(text).build().unwrap();
            read_file_system(&found, region()).map(|found| found.owner_id.to_string())
        };

        assert_eq!(owner("1111-2222-3333").as_deref(), Some("111122223333"));
        assert_eq!(owner("111122223333").as_deref(), Some("111122223333"));
        assert_eq!(owner("nobody"), None);
    }

    #[test]
    fn every_status_of_a_replication_is_read_and_an_unknown_one_is_unknown() {
        let status = |text: &str| {
            let destination = types::Destination::builder()
                .status(SdkReplicationStatus::from(text))
                .file_system_id("fs-00000002")
                .region("eu-west-1")
                .build()
                .unwrap();
            let found = types::ReplicationConfigurationDescription::builder()
                .source_file_system_id("fs-00000001")
                .source_file_system_region("us-east-1")
                .source_file_system_arn("")
                .original_source_file_system_arn("")
                .creation_time(SdkTime::from_secs(0))
                .destinations(destination)
                .build()
                .unwrap();
            read_replication(&found).unwrap().status
        };

        assert_eq!(status("ENABLED"), ReplicationStatus::Enabled);
        assert_eq!(status("ENABLING"), ReplicationStatus::Enabling);
        assert_eq!(status("PAUSED"), ReplicationStatus::Paused);
        assert_eq!(status("PAUSING"), ReplicationStatus::Pausing);
        assert_eq!(status("ERROR"), ReplicationStatus::Error);
        assert_eq!(status("DELETING"), ReplicationStatus::Deleting);
        assert_eq!(status("RESTING"), ReplicationStatus::Unknown);
    }
}
