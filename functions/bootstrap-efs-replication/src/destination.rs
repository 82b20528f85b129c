//! Where a replica is to be, and whether a replication leads there.

use shared::{
    AccountId, Arn, Grounds, Region,
    arn::region_of_zone,
    efs::{Destination, FileSystem, FileSystemRef, REPLICATE_TO_TAG, Replication},
};

use crate::{
    command::{Replica, Target},
    grounds,
    reason::Reason,
    snapshot::View,
};

/// Where the replica is to be: as the request says, or as the tag of the source does.
///
/// # Errors
///
/// The [`Reason`] why the tag says nothing, with the tag.
pub fn destination(target: &Target, source: &FileSystem) -> Result<Destination, Grounds<Reason>> {
    if let Some(destination) = &target.destination {
        return Ok(destination.clone());
    }

    let wrong = |reason| grounds::replicate_to(reason, REPLICATE_TO_TAG, source);
    let tag = source.tags.get(REPLICATE_TO_TAG);
    let text = tag.ok_or_else(|| wrong(Reason::NoReplicateToTag))?;
    let region = Region::try_from(text.clone()).map_err(|_| wrong(Reason::BadReplicateToTag))?;

    Ok(Destination {
        region: Some(region),
        ..Destination::default()
    })
}

/// Whether the replica is to have anything besides the data.
#[must_use]
pub fn requests_resources(target: &Target) -> bool {
    target.replica != Replica::default()
}

/// Everything that is wrong with a destination by itself or beside its source, whatever else
/// exists.
#[must_use]
pub fn destination_conflicts(
    target: &Target,
    source: &FileSystem,
    destination: &Destination,
) -> Vec<Grounds<Reason>> {
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
        (true, Some(_)) if requests_resources(target) => {
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

/// Whether the replica is encrypted with another key than requested.
///
/// EFS reports the key by its ARN, or by its ID: its model allows both. What an alias stands for
/// only KMS could tell, so a request by alias is not compared.
#[must_use]
pub fn has_another_key(view: &View, destination: &Destination) -> bool {
    let Some(requested) = destination.kms_key_id.as_deref() else {
        return false;
    };
    let replica = view.destination.as_ref();
    let Some(key) = replica.and_then(|replica| replica.kms_key_arn.as_deref()) else {
        return false;
    };

    let is_alias = requested.starts_with("alias/") || requested.contains(":alias/");
    // Both may be an ARN or an ID. Where only one is an ARN, the IDs are compared.
    let id = |key: &str| {
        let of_arn = key.rsplit_once(":key/").map(|(_, id)| id.to_owned());
        of_arn.unwrap_or_else(|| key.to_owned())
    };
    let are_arns = requested.starts_with("arn:") && key.starts_with("arn:");
    let is_same = match are_arns {
        true => requested == key,
        false => id(requested) == id(key),
    };
    !is_alias && !is_same
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
    fn a_key_is_the_same_by_its_arn_and_by_its_id() {
        let arn = |account: &str, id: &str| format!("arn:aws:kms:eu-west-1:{account}:key/{id}");
        let own = arn("111122223333", "1");
        let differs = |requested: &str, reported: &str| {
            let view = View {
                destination: Some(FileSystem {
                    kms_key_arn: Some(reported.to_owned()),
                    ..file_system("fs-00000002", "eu-west-1")
                }),
                ..View::default()
            };
            let destination = Destination {
                kms_key_id: Some(requested.to_owned()),
                ..Destination::default()
            };
            has_another_key(&view, &destination)
        };

        for same in [&own, "1"] {
            assert!(!differs(same, &own), "{same}");
            assert!(!differs(same, "1"), "{same}");
        }
        let others = arn("999999999999", "1");
        for other in ["2", &arn("111122223333", "2"), &others] {
            assert!(differs(other, &own), "{other}");
        }
        assert!(!differs("alias/dr", &own));
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
            let conflicts = destination_conflicts(&target(), &source, &destination);
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
