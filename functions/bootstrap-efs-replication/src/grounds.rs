//! The facts behind each reason: which tag, key, Region, replication or resource.

use serde_json::Value;
use shared::{
    Grounds, Region,
    efs::{Destination, FileSystem, Replication},
};

use crate::{command::Origin, policy::Policy, reason::Reason};

/// The tag of the source that says nothing, or nothing that is a Region.
pub(crate) fn replicate_to(reason: Reason, tag: &str, source: &FileSystem) -> Grounds<Reason> {
    let grounds = Grounds::new(reason).fact("tag", tag);

    match source.tags.get(tag) {
        Some(value) => grounds.detail(value.as_str()).fact("value", value.as_str()),
        None => grounds,
    }
}

/// What is given in the destination, beside the Region that it has to agree with.
pub(crate) fn differs(
    reason: Reason,
    given: Option<&Region>,
    region: Option<&Region>,
) -> Grounds<Reason> {
    let name = |region: Option<&Region>| region.map_or("none".to_owned(), ToString::to_string);
    let (given, region) = (name(given), name(region));

    Grounds::new(reason)
        .detail(format!("{given}, not {region}"))
        .fact("given", given)
        .fact("destinationRegion", region)
}

pub(crate) fn region_not_allowed(region: &Region, policy: &Policy) -> Grounds<Reason> {
    // Without a list every Region is allowed, and there is no such reason.
    let allowed = policy.replica_regions.iter().flatten();
    let allowed: Vec<String> = allowed.map(ToString::to_string).collect();

    Grounds::new(Reason::RegionNotAllowed)
        .detail(format!("{region}; allowed: {}", allowed.join(", ")))
        .fact("destinationRegion", region.to_string())
        .fact("allowed", allowed)
}

/// The other end of a replication that the source has, or is.
pub(crate) fn source_is_a_destination(replication: &Replication) -> Grounds<Reason> {
    let (id, region) = (&replication.source_id, &replication.source_region);

    Grounds::new(Reason::SourceIsADestination)
        .detail(format!("of {id} in {region}"))
        .fact("replicatedFrom", id.to_string())
        .fact("replicatedFromRegion", region.to_string())
}

pub(crate) fn replicates_elsewhere(replication: &Replication) -> Grounds<Reason> {
    let (id, region) = (&replication.destination_id, &replication.destination_region);

    Grounds::new(Reason::ReplicatesElsewhere)
        .detail(format!("{id} in {region}"))
        .fact("destinationFileSystemId", id.to_string())
        .fact("destinationRegion", region.to_string())
}

/// The key that was requested, beside the one that the replica has.
pub(crate) fn key(
    reason: Reason,
    destination: &Destination,
    replica: Option<&FileSystem>,
) -> Grounds<Reason> {
    let requested = destination.kms_key_id.as_deref().unwrap_or_default();
    let grounds = Grounds::new(reason).fact("requestedKmsKeyId", requested);

    match replica.and_then(|replica| replica.kms_key_arn.as_deref()) {
        Some(key) => grounds
            .detail(format!("{key}; requested: {requested}"))
            .fact("kmsKeyId", key),
        None => grounds.detail(format!("EFS names none; requested: {requested}")),
    }
}

/// A replication that does not run, with EFS's own words for it.
pub(crate) fn not_running(reason: Reason, replication: &Replication) -> Grounds<Reason> {
    let grounds = Grounds::new(reason);

    match replication.short_status_message() {
        Some(message) => grounds
            .detail(message.as_str())
            .fact("statusMessage", message),
        None => grounds,
    }
}

/// A source in another account or Region, as the event from there or its ARN says.
pub(crate) fn elsewhere(origin: &Origin) -> Grounds<Reason> {
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let (account, region) = (said(&origin.account), said(&origin.region));

    Grounds::new(Reason::SourceElsewhere)
        .detail(format!("{account} in {region}"))
        .fact("originAccountID", account)
        .fact("originRegion", region)
}

/// A resource of the replica, or what is wrong with it.
pub(crate) fn resource(reason: Reason, name: &str) -> Grounds<Reason> {
    Grounds::new(reason)
        .detail(name)
        .fact("resource", Value::from(name))
}

/// A destination that is part of another replication.
pub(crate) fn in_use(replication: Option<&Replication>) -> Grounds<Reason> {
    let grounds = Grounds::new(Reason::DestinationInUse);

    match replication {
        Some(other) => grounds
            .detail(format!("{} to {}", other.source_id, other.destination_id))
            .fact("replicatedFrom", other.source_id.to_string())
            .fact("replicatedTo", other.destination_id.to_string()),
        None => grounds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{file_system, replication};

    #[test]
    fn the_words_of_efs_are_cut() {
        let stopped = Replication {
            status_message: Some("no role".repeat(100)),
            ..replication()
        };

        let grounds = not_running(Reason::ReplicationPaused, &stopped);
        let words = grounds.detail.unwrap();
        assert_eq!(words.chars().count(), 300);
        assert_eq!(grounds.facts["statusMessage"], words);
    }

    #[test]
    fn the_other_end_is_named_with_its_region() {
        let detail = |grounds: Grounds<Reason>| grounds.detail.unwrap();

        let elsewhere = replicates_elsewhere(&replication());
        assert_eq!(detail(elsewhere), "fs-00000002 in eu-west-1");
        let taken = source_is_a_destination(&replication());
        assert_eq!(detail(taken), "of fs-00000001 in us-east-1");
        let taken = in_use(Some(&replication()));
        assert_eq!(detail(taken), "fs-00000001 to fs-00000002");
    }

    #[test]
    fn the_key_of_the_replica_is_named() {
        let replica = FileSystem {
            kms_key_arn: Some("arn:aws:kms:eu-west-1:111122223333:key/k".to_owned()),
            ..file_system("fs-00000002", "eu-west-1")
        };
        let wanted = Destination {
            kms_key_id: Some("alias/dr".to_owned()),
            ..Destination::default()
        };

        let named = key(Reason::KmsKeyDiffers, &wanted, Some(&replica));
        assert_eq!(named.facts["requestedKmsKeyId"], "alias/dr");
        let detail = named.detail.unwrap();
        assert!(detail.ends_with(":key/k; requested: alias/dr"), "{detail}");

        let unnamed = key(Reason::KmsKeyNotCompared, &wanted, None)
            .detail
            .unwrap();
        assert_eq!(unnamed, "EFS names none; requested: alias/dr");
    }
}
