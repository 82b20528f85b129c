//! `CreateReplicationConfiguration`: what it checks, and the destination that it creates.

use serde::Deserialize;

use crate::{
    aws::{call::Service, constraints, context::Context, error::ApiError},
    efs::model::{
        errors::{bad_request, lost, no_file_system, refused, unsupported_zone},
        names::{Named, check_key, region_of},
        replications::METADATA_BYTES,
        types::{FileSystem, Model, Replication, enabled, general_purpose},
    },
};

/// A wanted destination, with the member names of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub struct Destination {
    /// The Region.
    pub region: Option<String>,
    /// The zone of a new One Zone file system.
    pub availability_zone_name: Option<String>,
    /// The KMS key of a new file system.
    pub kms_key_id: Option<String>,
    /// An existing file system.
    pub file_system_id: Option<String>,
    /// The IAM role that EFS replicates with.
    pub role_arn: Option<String>,
}

impl Model {
    /// `CreateReplicationConfiguration`.
    ///
    /// # Errors
    ///
    /// The obstacle, by its code in the model. Where the model has none, a switch of the account
    /// decides.
    pub fn replicate(
        &mut self,
        context: &Context,
        source: &str,
        destinations: &[Destination],
    ) -> Result<&Replication, ApiError> {
        let [wanted] = destinations else {
            let message = "a replication has exactly one destination";
            return Err(bad_request(message));
        };
        // A role of another partition cannot be passed.
        if let Some(role) = &wanted.role_arn
            && role.split(':').nth(1) != constraints::partition(&context.region)
        {
            return Err(bad_request("the role is in another partition"));
        }

        // The source is checked before the destination, which may not exist yet.
        let source = self.replicable(context, source)?;
        let (region, id) = match &wanted.file_system_id {
            Some(name) => self.existing_destination(context, &source, wanted, name)?,
            None => self.new_destination(context, &source, wanted)?,
        };

        let from = (context.region.as_str(), source.file_system_id.as_str());
        let replication = self
            .bind(from, (&region, &id), context.now)
            .ok_or_else(lost)?;
        replication.role_arn.clone_from(&wanted.role_arn);
        Ok(replication)
    }

    /// The source of a new replication: the caller's, available, and not replicated yet.
    fn replicable(&mut self, context: &Context, name: &str) -> Result<FileSystem, ApiError> {
        let source = self.named_file_system(context, name)?.clone();
        // Only its owner can replicate a file system, whatever its policy says.
        if source.owner(&context.account) != context.account {
            return Err(no_file_system(&source.file_system_id));
        }

        source.require_available()?;
        self.require_single(context, &source.file_system_id)?;
        Ok(source)
    }

    /// Checks that a file system is in no replication yet.
    fn require_single(&self, context: &Context, id: &str) -> Result<(), ApiError> {
        match self.replication_of(&context.region, id) {
            None => Ok(()),
            Some(_) => {
                let message = format!("{id} is already in a replication configuration");
                Err(refused(context.behaviour.second_replication, message))
            }
        }
    }

    /// The Region and ID of an existing file system that can become a destination.
    fn existing_destination(
        &mut self,
        context: &Context,
        source: &FileSystem,
        wanted: &Destination,
        name: &str,
    ) -> Result<(String, String), ApiError> {
        if wanted.kms_key_id.is_some() || wanted.availability_zone_name.is_some() {
            let message = "an existing destination has its key and its zone";
            return Err(bad_request(message));
        }

        // The Region is a member of its own, part of the ARN, or both.
        let Named { id, place } = Named::file_system(name)?;
        let region_of_arn = place.map(|(region, _)| region);
        let region = wanted
            .region
            .as_deref()
            .or(region_of_arn)
            .ok_or_else(|| bad_request("Region is required"))?;
        if region_of_arn.is_some_and(|of_arn| of_arn != region) {
            return Err(bad_request(format!("{name} is not in {region}")));
        }
        if place.is_some_and(|(_, owner)| owner != context.account) && wanted.role_arn.is_none() {
            let message =
                "No RoleArn provided.  RoleArn is required for cross-account replication.";
            return Err(bad_request(message));
        }

        // A foreign destination is visible only by ARN and policy.
        let in_region = context.in_region(region);
        self.named_file_system(&in_region, name)?;
        if (region, id) == (&context.region, &source.file_system_id) {
            let message = "a file system is not its own destination";
            return Err(bad_request(message));
        }
        self.require_single(&in_region, id)?;

        // Its state comes last, as it is the only obstacle that passes by itself.
        let replica = self.named_file_system(&in_region, name)?;
        check_replica(context, source, replica)?;
        Ok((region.to_owned(), id.to_owned()))
    }

    /// The Region and ID of a file system that is created to be a destination.
    fn new_destination(
        &mut self,
        context: &Context,
        source: &FileSystem,
        wanted: &Destination,
    ) -> Result<(String, String), ApiError> {
        let zone = wanted.availability_zone_name.as_deref();
        let region = destination_region(wanted)?;
        if !is_within_reach(&context.region, region) {
            let message = format!("EFS is not in {region}, or it is in another partition");
            return Err(bad_request(message));
        }
        if zone.is_some_and(|zone| region_of(zone) != Some(region)) {
            return Err(unsupported_zone(region));
        }
        check_key(wanted.kms_key_id.as_deref(), region)?;

        // One Zone storage has no maxIO, and always has automatic backups.
        let performance_mode = match zone {
            Some(_) => general_purpose(),
            None => source.performance_mode.clone(),
        };
        let has_backups = zone.is_some() || context.behaviour.backup_on_regional_replica;
        let replica = FileSystem {
            size_bytes: METADATA_BYTES,
            performance_mode,
            throughput_mode: source.throughput_mode.clone(),
            provisioned_throughput_in_mibps: source.provisioned_throughput_in_mibps,
            kms_key_id: wanted.kms_key_id.clone(),
            availability_zone_name: zone.map(str::to_owned),
            backup: has_backups.then(enabled),
            ..FileSystem::new("")
        };

        let replica = self.add_file_system(&context.in_region(region), replica)?;
        // A token belongs to one file system, however often its source is replicated.
        replica.creation_token = format!("destination-{}", replica.file_system_id);
        Ok((region.to_owned(), replica.file_system_id.clone()))
    }
}

/// Checks that an existing file system can be overwritten by a source.
fn check_replica(
    context: &Context,
    source: &FileSystem,
    replica: &FileSystem,
) -> Result<(), ApiError> {
    let id = &replica.file_system_id;
    replica.require_available()?;

    // Overwriting needs the protection to be disabled by hand.
    if replica.protection != "DISABLED" {
        let protection = &replica.protection;
        let message = format!("the overwrite protection of {id} is {protection}");
        return Err(refused(context.behaviour.protected_destination, message));
    }
    // The other way round is allowed: the copy is better protected than the original.
    if source.encrypted && !replica.encrypted {
        let source_id = &source.file_system_id;
        let message = format!("{source_id} is encrypted, {id} is not");
        return Err(ApiError::conflict(message));
    }
    Ok(())
}

/// The Region of a new destination.
fn destination_region(wanted: &Destination) -> Result<&str, ApiError> {
    match (&wanted.region, &wanted.availability_zone_name) {
        (Some(region), _) => Ok(region),
        (None, Some(zone)) => region_of(zone).ok_or_else(|| unsupported_zone(zone)),
        (None, None) => Err(bad_request(
            "a destination needs a Region or an Availability Zone",
        )),
    }
}

/// Whether EFS can replicate from a Region to another: within one partition.
fn is_within_reach(from: &str, to: &str) -> bool {
    constraints::is_in(Service::Efs, to)
        && constraints::partition(from) == constraints::partition(to)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::TimeDelta;

    use super::*;
    use crate::{
        aws::behaviour::Refusal,
        efs::model::fixtures::{
            Account, HERE, OTHER_ACCOUNT, REPLICA, ROLE, SOURCE, THERE, to_existing, to_region,
        },
    };

    #[test]
    fn new_destination_has_only_the_settings_that_aws_gives_it() {
        let mut account = Account::new();
        *account.source() = FileSystem {
            performance_mode: "maxIO".to_owned(),
            throughput_mode: "bursting".to_owned(),
            encrypted: false,
            backup: Some(enabled()),
            ..FileSystem::new(SOURCE).tagged("Name", "shared")
        };
        let mut other = account.clone();

        let id = account.replicate(to_region()).unwrap();
        let regional = account.efs.file_system(THERE, &id).unwrap();
        assert_eq!(regional.performance_mode, "maxIO");
        assert_eq!(regional.throughput_mode, "bursting");
        assert_eq!(regional.protection, "REPLICATING");
        assert_eq!(regional.size_bytes, METADATA_BYTES);
        assert!(regional.encrypted && regional.tags.is_empty() && regional.backup.is_none());

        let zone = Destination {
            availability_zone_name: Some(format!("{THERE}b")),
            ..Destination::default()
        };
        let id = other.replicate(zone).unwrap();
        let one_zone = other.efs.file_system(THERE, &id).unwrap();
        assert_eq!(one_zone.performance_mode, "generalPurpose");
        assert_eq!(one_zone.backup.as_deref(), Some("ENABLED"));
    }

    #[test]
    fn obstacle_is_reported_by_its_code_and_nothing_changes() {
        let region = |region: &str| Destination {
            region: Some(region.to_owned()),
            ..Destination::default()
        };
        let zone = |zone: &str| Destination {
            availability_zone_name: Some(zone.to_owned()),
            ..Destination::default()
        };
        let zone_elsewhere = Destination {
            region: Some(THERE.to_owned()),
            ..zone("us-east-1a")
        };
        let foreign_key = Destination {
            kms_key_id: Some(format!("arn:aws:kms:{HERE}:111122223333:key/mrk-0123")),
            ..to_region()
        };
        let foreign_role = Destination {
            role_arn: Some(ROLE.replace("aws", "aws-cn")),
            ..to_region()
        };
        let arn =
            format!("arn:aws-cn:elasticfilesystem:{THERE}:111122223333:file-system/{REPLICA}");

        for (to, code) in [
            (Destination::default(), "BadRequest"),
            (zone_elsewhere, "UnsupportedAvailabilityZone"),
            (zone("eu-west-1z"), "UnsupportedAvailabilityZone"),
            (zone("cn-north-1a"), "BadRequest"),
            (foreign_key, "BadRequest"),
            (to_existing("fs-00000000000000009"), "FileSystemNotFound"),
            (region("us-nowhere-1"), "BadRequest"),
            (region("us-gov-east-1"), "BadRequest"),
            (foreign_role, "BadRequest"),
            (to_existing(&arn), "BadRequest"),
        ] {
            let mut account = Account::new();
            let before = account.efs.clone();
            assert_eq!(account.replicate(to), Err(code));
            assert_eq!(account.efs, before);
        }
    }

    #[test]
    fn source_exists_in_the_region_and_is_available() {
        let mut account = Account::new();
        let from =
            |account: &mut Account, region, to: &[_]| account.replicate_from(region, SOURCE, to);

        assert_eq!(from(&mut account, HERE, &[]), Err("BadRequest"));
        assert_eq!(
            from(&mut account, THERE, &[to_region()]),
            Err("FileSystemNotFound")
        );
        account.source().life_cycle_state = "updating".to_owned();
        assert_eq!(
            from(&mut account, HERE, &[to_region()]),
            Err("IncorrectFileSystemLifeCycleState")
        );
    }

    #[test]
    fn encrypted_source_needs_an_encrypted_destination() {
        for (source, replica, expected) in [
            (true, false, Err("ConflictException")),
            (false, true, Ok(REPLICA.to_owned())),
        ] {
            let mut account = Account::new();
            account.source().encrypted = source;
            account.replica().encrypted = replica;
            account.replica().protection = "DISABLED".to_owned();

            assert_eq!(account.replicate(to_existing(REPLICA)), expected);
        }
    }

    #[test]
    fn switch_decides_about_the_error_of_a_second_replication() {
        for (refusal, code) in [
            (Refusal::BadRequest, "BadRequest"),
            (Refusal::Conflict, "ConflictException"),
        ] {
            let mut account = Account::new();
            account.behaviour.second_replication = refusal;
            let id = account.replicate(to_region()).unwrap();
            assert_eq!(account.replicate(to_region()), Err(code));

            // A replica cannot be replicated either.
            account.advance(TimeDelta::minutes(1));
            let back = Destination {
                region: Some(HERE.to_owned()),
                ..Destination::default()
            };
            assert_eq!(account.replicate_from(THERE, &id, &[back]), Err(code));
        }
    }

    #[test]
    fn switch_decides_about_the_error_of_a_protected_destination() {
        let mut account = Account::new();
        account.behaviour.protected_destination = Refusal::Conflict;

        let refused = account.replicate(to_existing(REPLICA));
        assert_eq!(refused, Err("ConflictException"));
    }

    #[test]
    fn destination_of_another_account_needs_a_role_an_arn_and_a_policy() {
        let mut account = Account::new();
        let arn =
            format!("arn:aws:elasticfilesystem:{THERE}:{OTHER_ACCOUNT}:file-system/{REPLICA}");
        let replica = account.replica();
        replica.owner_id = Some(OTHER_ACCOUNT.to_owned());
        replica.protection = "DISABLED".to_owned();
        let with_role = |name: &str| Destination {
            role_arn: Some(ROLE.to_owned()),
            ..to_existing(name)
        };

        assert_eq!(account.replicate(to_existing(&arn)), Err("BadRequest"));
        assert_eq!(
            account.replicate(with_role(REPLICA)),
            Err("FileSystemNotFound")
        );
        assert_eq!(
            account.replicate(with_role(&arn)),
            Err("AccessDeniedException")
        );

        let policy = r#"{"Statement": [{"Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]}"#;
        account.replica().policy = Some(policy.to_owned());
        assert_eq!(account.replicate(with_role(&arn)), Ok(REPLICA.to_owned()));
        let made = &account.efs.replications[0];
        assert_eq!(made.destination_owner_id.as_deref(), Some(OTHER_ACCOUNT));
        assert_eq!(made.role_arn.as_deref(), Some(ROLE));

        let context = account.call(THERE);
        let by_arn = account.efs.named_file_system(&context, &arn).unwrap();
        assert_eq!(by_arn.file_system_id, REPLICA);
        let by_id = account.efs.named_file_system(&context, REPLICA);
        assert_eq!(by_id.unwrap_err().code, "FileSystemNotFound");
    }

    #[test]
    fn replicas_of_one_source_have_different_tokens() {
        let mut account = Account::new();
        for _ in 0..2 {
            account.replicate(to_region()).unwrap();
            account.stop_replicating(HERE, SOURCE, false).unwrap();
        }

        let replicas = account.efs.file_systems(THERE);
        let tokens: BTreeSet<&String> = replicas.map(|replica| &replica.creation_token).collect();
        let count = account.efs.file_systems(THERE).count();
        assert_eq!(tokens.len(), count, "{tokens:?}");
    }

    #[test]
    fn switches_decide_about_backups_and_the_time_of_enabled() {
        let mut account = Account::new();
        account.behaviour.backup_on_regional_replica = true;
        account.behaviour.enabled_after_first_sync = true;

        let id = account.replicate(to_region()).unwrap();
        let replica = account.efs.file_system(THERE, &id).unwrap();
        assert_eq!(replica.backup.as_deref(), Some("ENABLED"));

        account.advance(TimeDelta::minutes(6));
        assert_eq!(account.status(), "ENABLING");
        account.advance(TimeDelta::minutes(1));
        assert_eq!(account.status(), "ENABLED");
    }
}
