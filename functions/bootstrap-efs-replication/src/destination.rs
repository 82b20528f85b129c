//! Where a replica is to be, and whether a replication leads there.

use shared::{
    AccountId, Arn, Grounds, Region,
    arn::region_of_zone,
    efs::{Destination, FileSystem, FileSystemRef, KeyComparison, REPLICATE_TO_TAG, Replication},
};

use crate::{
    command::{Replica, Target},
    grounds,
    policy::Policy,
    reason::Reason,
    snapshot::View,
};

/// What a target asks for, once it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Where the replica is to be.
    pub destination: Destination,
    /// What it is to have besides the data.
    pub replica: Replica,
    /// Whether the defaults of the deployment say so, and no request.
    pub by_default: bool,
}

/// What a target asks for: as the request says, or as the tag of the source and the defaults of the
/// deployment do.
///
/// # Errors
///
/// The [`Reason`] why the tag says nothing, with the tag.
pub fn asked(
    target: &Target,
    source: &FileSystem,
    policy: &Policy,
) -> Result<Asked, Grounds<Reason>> {
    // A request is taken at its word: what it leaves out stays as it is.
    if let Some(destination) = &target.destination {
        return Ok(Asked {
            destination: destination.clone(),
            replica: target.replica.clone(),
            by_default: false,
        });
    }

    let wrong = |reason| grounds::replicate_to(reason, REPLICATE_TO_TAG, source);
    let tag = source.tags.get(REPLICATE_TO_TAG);
    let text = tag.ok_or_else(|| wrong(Reason::NoReplicateToTag))?;
    let region = Region::try_from(text.clone()).map_err(|_| wrong(Reason::BadReplicateToTag))?;

    let defaults = policy.replica_defaults.in_region(&region);
    Ok(Asked {
        destination: Destination {
            region: Some(region),
            kms_key_id: defaults.kms_key_id,
            ..Destination::default()
        },
        replica: defaults.replica,
        by_default: true,
    })
}

impl Asked {
    /// Whether the replica is to have anything besides the data.
    #[must_use]
    pub fn has_resources(&self) -> bool {
        self.replica != Replica::default()
    }
}

/// Everything that is wrong with a destination by itself or beside its source, whatever else
/// exists.
#[must_use]
pub fn destination_conflicts(
    target: &Target,
    source: &FileSystem,
    asked: &Asked,
) -> Vec<Grounds<Reason>> {
    let destination = &asked.destination;
    let region = destination.region();
    let existing = destination.file_system.as_ref();
    let mut conflicts = Vec::new();

    // The Region may be given three times; all have to agree.
    let zone = destination.availability_zone_name.as_deref();
    let in_zone = zone.and_then(region_of_zone);
    let in_arn = existing.and_then(FileSystemRef::region);
    let other = [in_zone, in_arn]
        .into_iter()
        .find(|given| differs(given, &region));
    if let Some(given) = other {
        let reason = Reason::RegionMismatch;
        conflicts.push(grounds::differs(reason, given.as_ref(), region.as_ref()));
    }

    // A key ID or an alias says nothing about its Region.
    let key = destination.kms_key_id.clone();
    let key_arn = key.and_then(|key| Arn::try_from(key).ok());
    let of_key = key_arn.and_then(|key| key.region());
    if differs(&of_key, &region) {
        let reason = Reason::KmsKeyRegionMismatch;
        conflicts.push(grounds::differs(reason, of_key.as_ref(), region.as_ref()));
    }

    if existing.is_some_and(|existing| existing.id == target.source.id) {
        conflicts.push(Reason::SameFileSystem.into());
    }

    // Another account is replicated into by a role, and provisioned by its own deployment.
    let is_elsewhere = differs(
        &destination_account(destination),
        &Some(source.owner_id.clone()),
    );
    match (is_elsewhere, &destination.role_arn) {
        (true, None) => conflicts.push(Reason::RoleMissing.into()),
        (false, Some(_)) => conflicts.push(Reason::RoleNotNeeded.into()),
        (true, Some(_)) if asked.has_resources() => {
            conflicts.push(Reason::PartsInAnotherAccount.into());
        }
        (true, Some(_)) | (false, None) => {}
    }

    conflicts
}

/// Whether something that is given differs from what it is compared with.
fn differs<T: PartialEq>(given: &Option<T>, other: &Option<T>) -> bool {
    given.is_some() && given != other
}

fn destination_account(destination: &Destination) -> Option<AccountId> {
    destination.file_system.as_ref()?.account()
}

/// Whether a replication leads to the destination that is asked for: to the named file system, or
/// into the Region and zone, in the account that is meant.
#[must_use]
pub fn matches_destination(
    replication: &Replication,
    view: &View,
    source: &FileSystem,
    destination: &Destination,
) -> bool {
    // An existing replication may lead into an account that nobody asked for.
    let account = destination_account(destination).unwrap_or_else(|| source.owner_id.clone());
    let owner = replication.destination_owner_id.as_ref();
    if owner.is_some_and(|owner| *owner != account) {
        return false;
    }

    let region = destination.region();
    if region.is_some_and(|region| region != replication.destination_region) {
        return false;
    }

    // A named file system has to be that one; a new one is any in the right place.
    if let Some(file_system) = &destination.file_system {
        return file_system.id == replication.destination_id;
    }

    // A replica that cannot be read yet is taken for the one that was asked for: there can be no
    // other.
    let Some(replica) = &view.destination else {
        return true;
    };
    replica.availability_zone_name == destination.availability_zone_name
}

/// Compares the key of the replica with the one that was requested. What was not requested, or cannot
/// be read, is no difference.
#[must_use]
pub fn compare_keys(view: &View, destination: &Destination) -> KeyComparison {
    let requested = destination.kms_key_id.as_deref();

    match (requested, &view.destination) {
        (Some(requested), Some(replica)) => KeyComparison::of(requested, replica),
        _ => KeyComparison::Same,
    }
}

/// How the destination of a replication is named in a call: by the ARN of the request where there
/// is one, since an ID says nothing in another account.
#[must_use]
pub fn reference(target: &Target, replication: &Replication) -> String {
    let requested = target
        .destination
        .as_ref()
        .and_then(|destination| destination.file_system.as_ref());

    match requested {
        Some(requested) if requested.id == replication.destination_id => {
            requested.text().to_owned()
        }
        _ => replication.destination_id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{file_system, replication, target};

    #[test]
    fn a_key_that_was_not_requested_or_cannot_be_read_does_not_differ() {
        let requested = Destination {
            kms_key_id: Some("1".to_owned()),
            ..Destination::default()
        };
        let seen = View {
            destination: Some(FileSystem {
                kms_key_arn: Some("2".to_owned()),
                ..file_system("fs-00000002", "eu-west-1")
            }),
            ..View::default()
        };

        assert_eq!(compare_keys(&seen, &requested), KeyComparison::Differs);
        let compared = compare_keys(&seen, &Destination::default());
        assert_eq!(compared, KeyComparison::Same);
        let compared = compare_keys(&View::default(), &requested);
        assert_eq!(compared, KeyComparison::Same);
    }

    #[test]
    fn a_file_system_is_the_same_by_its_id_and_by_its_arn() {
        let source = file_system("fs-00000001", "us-east-1");
        let onto = |named: &str| {
            let destination = Destination {
                region: Some(Region::try_from("us-east-1".to_owned()).unwrap()),
                file_system: Some(FileSystemRef::try_from(named.to_owned()).unwrap()),
                ..Destination::default()
            };
            let asked = Asked {
                destination,
                ..Asked::default()
            };
            let conflicts = destination_conflicts(&target(), &source, &asked);
            conflicts.first().map(|grounds| grounds.reason)
        };

        let arn = "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-00000001";
        assert_eq!(onto("fs-00000001"), Some(Reason::SameFileSystem));
        assert_eq!(onto(arn), Some(Reason::SameFileSystem));
        assert_eq!(onto("fs-00000002"), None);
    }

    #[test]
    fn a_destination_is_named_by_the_arn_of_the_request_and_any_other_by_its_id() {
        let arn =
            |id: &str| format!("arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/{id}");
        let over = |id: &str| Target {
            destination: Some(Destination {
                file_system: Some(FileSystemRef::try_from(arn(id)).unwrap()),
                ..Destination::default()
            }),
            ..target()
        };
        let replication = replication();

        let requested = reference(&over("fs-00000002"), &replication);
        assert_eq!(requested, arn("fs-00000002"));
        assert_eq!(reference(&over("fs-00000003"), &replication), "fs-00000002");
        let unnamed = Target {
            destination: None,
            ..target()
        };
        assert_eq!(reference(&unnamed, &replication), "fs-00000002");
    }
}
