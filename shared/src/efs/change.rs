//! The calls to EFS that change something, one each.

use aws_sdk_efs::{
    config::{self, Config},
    error::BuildError,
    types::{
        BackupPolicy, CreationInfo, DestinationToCreate, LifecyclePolicy, PosixUser as SdkUser,
        RootDirectory, Status, Tag, TransitionToArchiveRules, TransitionToIaRules,
        TransitionToPrimaryStorageClassRules,
    },
};
use serde_json::Value;

use super::{
    client::RegionalEfs,
    model::{AccessPoint, AccessPointRoot, Destination, FileSystemId, Transitions},
    observe::{TO_ARCHIVE, TO_IA, TO_PRIMARY},
};
use crate::{
    api::{CallRecord, FailedCall},
    arn::Arn,
    fault::FaultKind,
    guardrails::Tags,
    rate_limit::OnlyThrottles,
};

/// What every change comes to: only a read can tell whether a call that failed had an effect all
/// the same.
type Changed = Result<(), FailedCall>;

impl RegionalEfs {
    /// Starts replicating a file system of this Region. What an existing destination holds is
    /// overwritten.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn create_replication(
        &self,
        source: &FileSystemId,
        destination: &Destination,
        record: &CallRecord,
    ) -> Changed {
        // By ARN where the request gave one: an ID says nothing in another account.
        let existing = destination.file_system.as_ref();
        // EFS takes one destination, in one of several forms.
        let sdk_destination = DestinationToCreate::builder()
            .set_region(destination.region().map(String::from))
            .set_availability_zone_name(destination.availability_zone_name.clone())
            .set_kms_key_id(destination.kms_key_id.clone())
            .set_file_system_id(existing.map(|existing| existing.text().to_owned()))
            .set_role_arn(destination.role_arn.as_ref().map(Arn::to_string))
            .build();

        let request = self
            .client
            .create_replication_configuration()
            .source_file_system_id(source.as_ref())
            .destinations(sdk_destination)
            .customize()
            .config_override(once());
        self.api(record)
            .call("CreateReplicationConfiguration", request.send())
            .await
            .map(drop)
    }

    /// Creates a mount target. No security groups mean the default one of the VPC.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn create_mount_target(
        &self,
        file_system: &FileSystemId,
        subnet: &str,
        security_groups: &[String],
        record: &CallRecord,
    ) -> Changed {
        // Left out, EFS takes the default group of the VPC.
        let groups = Some(security_groups.to_vec()).filter(|groups| !groups.is_empty());

        let request = self
            .client
            .create_mount_target()
            .file_system_id(file_system.as_ref())
            .subnet_id(subnet)
            .set_security_groups(groups)
            .customize()
            .config_override(once());
        self.api(record)
            .call("CreateMountTarget", request.send())
            .await
            .map(drop)
    }

    /// Creates an access point like this one of another file system. The client token is made of
    /// both, so that a repeated call creates no second one.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn create_access_point(
        &self,
        file_system: &FileSystemId,
        like: &AccessPoint,
        record: &CallRecord,
    ) -> Changed {
        const OPERATION: &str = "CreateAccessPoint";
        let (user, root) = sdk_root(&like.root).map_err(|error| impossible(OPERATION, error))?;
        let tags = sdk_tags(&like.tags).map_err(|error| impossible(OPERATION, error))?;

        let request = self
            .client
            .create_access_point()
            // An access point has no name by which a second one would be noticed.
            .client_token(client_token(file_system.as_ref(), &like.id))
            .file_system_id(file_system.as_ref())
            .set_posix_user(user)
            .root_directory(root)
            .set_tags(Some(tags).filter(|tags| !tags.is_empty()));
        self.api(record)
            .call(OPERATION, request.send())
            .await
            .map(drop)
    }

    /// Replaces the lifecycle policies.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn put_lifecycle(
        &self,
        file_system: &FileSystemId,
        transitions: &Transitions,
        record: &CallRecord,
    ) -> Changed {
        // EFS wants one object for each transition.
        let policies = transitions
            .iter()
            .filter_map(|(name, rule)| sdk_lifecycle_policy(name, rule))
            .collect();

        let request = self
            .client
            .put_lifecycle_configuration()
            .file_system_id(file_system.as_ref())
            .set_lifecycle_policies(Some(policies));
        self.api(record)
            .call("PutLifecycleConfiguration", request.send())
            .await
            .map(drop)
    }

    /// Switches automatic backups on or off.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn put_backup(
        &self,
        file_system: &FileSystemId,
        enabled: bool,
        record: &CallRecord,
    ) -> Changed {
        const OPERATION: &str = "PutBackupPolicy";
        // EFS switches through ENABLING and DISABLING by itself.
        let status = match enabled {
            true => Status::Enabled,
            false => Status::Disabled,
        };
        let policy = BackupPolicy::builder()
            .status(status)
            .build()
            .map_err(|error| impossible(OPERATION, error))?;

        let request = self
            .client
            .put_backup_policy()
            .file_system_id(file_system.as_ref())
            .backup_policy(policy);
        self.api(record)
            .call(OPERATION, request.send())
            .await
            .map(drop)
    }

    /// Replaces the file system policy.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn put_policy(
        &self,
        file_system: &FileSystemId,
        policy: &Value,
        record: &CallRecord,
    ) -> Changed {
        let request = self
            .client
            .put_file_system_policy()
            .file_system_id(file_system.as_ref())
            .policy(policy.to_string());

        self.api(record)
            .call("PutFileSystemPolicy", request.send())
            .await
            .map(drop)
    }

    /// Sets tags.
    ///
    /// # Errors
    ///
    /// The call and its fault.
    pub async fn tag(
        &self,
        file_system: &FileSystemId,
        tags: &Tags,
        record: &CallRecord,
    ) -> Changed {
        const OPERATION: &str = "TagResource";
        let tags = sdk_tags(tags).map_err(|error| impossible(OPERATION, error))?;

        let request = self
            .client
            .tag_resource()
            .resource_id(file_system.as_ref())
            .set_tags(Some(tags));
        self.api(record)
            .call(OPERATION, request.send())
            .await
            .map(drop)
    }
}

/// For a call without a token that would make a repetition harmless. By default the SDK repeats it
/// when an answer is lost, and returns the second answer alone: that the resource exists, as if it
/// had been refused.
fn once() -> config::Builder {
    Config::builder().retry_classifier(OnlyThrottles)
}

/// The same for the same two, and at most the 64 characters that EFS takes: the ends of IDs tell
/// them apart.
fn client_token(file_system: &str, point: &str) -> String {
    // The ends differ: IDs begin with their prefix and, when short, are used whole.
    let end = |id: &str| {
        let start = id.len().saturating_sub(28);
        id.get(start..).unwrap_or(id).to_owned()
    };

    format!("drover-{}-{}", end(file_system), end(point))
}

fn sdk_root(root: &AccessPointRoot) -> Result<(Option<SdkUser>, RootDirectory), BuildError> {
    // An empty list of secondary groups is left out.
    let user = root.posix_user.as_ref().map(|user| {
        let more = Some(user.secondary_gids.clone()).filter(|more| !more.is_empty());
        SdkUser::builder()
            .uid(user.uid)
            .gid(user.gid)
            .set_secondary_gids(more)
            .build()
    });
    let creation_info = root.creation_info.as_ref().map(|owner| {
        CreationInfo::builder()
            .owner_uid(owner.uid)
            .owner_gid(owner.gid)
            .permissions(&owner.permissions)
            .build()
    });

    let directory = RootDirectory::builder()
        .path(&root.path)
        .set_creation_info(creation_info.transpose()?)
        .build();
    Ok((user.transpose()?, directory))
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, BuildError> {
    // Only a missing key or value can fail here.
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();

    tags.iter().map(tag).collect()
}

/// A policy object has one transition.
pub(super) fn sdk_lifecycle_policy(name: &str, rule: &str) -> Option<LifecyclePolicy> {
    let policy = LifecyclePolicy::builder();

    // Unknown transitions cannot be written, and are left to a later version.
    let policy = match name {
        TO_IA => policy.transition_to_ia(TransitionToIaRules::from(rule)),
        TO_PRIMARY => {
            let rule = TransitionToPrimaryStorageClassRules::from(rule);
            policy.transition_to_primary_storage_class(rule)
        }
        TO_ARCHIVE => policy.transition_to_archive(TransitionToArchiveRules::from(rule)),
        _ => return None,
    };
    Some(policy.build())
}

/// A required member is missing, which our own types exclude.
fn impossible(operation: &'static str, _: BuildError) -> FailedCall {
    FailedCall::new(operation, FaultKind::Misconfigured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::observe::read_transitions;

    #[test]
    fn a_lifecycle_transition_is_written_as_it_was_read() {
        for (name, rule) in [
            ("TransitionToIA", "AFTER_30_DAYS"),
            ("TransitionToPrimaryStorageClass", "AFTER_1_ACCESS"),
            ("TransitionToArchive", "AFTER_90_DAYS"),
        ] {
            let written = sdk_lifecycle_policy(name, rule).unwrap();
            let read = read_transitions(&written);
            assert_eq!(read, [(name.to_owned(), rule.to_owned())]);
        }

        assert_eq!(
            sdk_lifecycle_policy("TransitionToTape", "AFTER_1_DAY"),
            None
        );
    }

    #[test]
    fn a_client_token_fits_whatever_the_length_of_the_ids() {
        let long = "f".repeat(40);
        let token = client_token(&format!("fs-{long}"), &format!("fsap-{long}"));
        assert!(token.len() <= 64, "{token}");

        assert_eq!(
            client_token("fs-00000001", "fsap-00000002"),
            "drover-fs-00000001-fsap-00000002"
        );
    }
}
