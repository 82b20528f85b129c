//! What a world file says of EFS could have come about.

use std::collections::BTreeSet;

use crate::{
    efs::model::{
        mount_targets::addresses,
        names::region_of,
        types::{Replication, Side},
    },
    world::World,
};

impl World {
    /// Checks what a world file says of EFS.
    pub(crate) fn check_efs(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for file_system in self.efs.values().flat_map(|efs| &efs.file_systems) {
            let points = file_system
                .access_points
                .iter()
                .map(|point| &point.access_point_id);
            let targets = file_system
                .mount_targets
                .iter()
                .map(|target| &target.mount_target_id);
            let ids: Vec<_> = points
                .chain(targets)
                .chain([&file_system.file_system_id])
                .collect();
            // An answer may have an ARN in place of an ID; what is there has an ID.
            if let Some(arn) = ids.iter().find(|id| id.contains(':')) {
                return Err(format!("{arn} is not an ID"));
            }
            if let Some(twice) = ids.into_iter().find(|id| !seen.insert((*id).clone())) {
                return Err(format!("{twice} is there twice"));
            }
        }
        for (id, subnet) in &self.subnets {
            let is_there = region_of(&subnet.availability_zone_name) == Some(&subnet.region);
            if !is_there || addresses(&subnet.cidr_block).is_none() {
                return Err(format!(
                    "the subnet {id} has a zone of another Region, or no block of addresses"
                ));
            }
        }
        self.replications
            .iter()
            .try_for_each(|replication| self.check_replication(replication))
    }

    /// Checks that what a world file says of EFS could have come about: after its values are known
    /// to be of the model.
    pub(crate) fn check_efs_together(&self) -> Result<(), String> {
        for (region, efs) in &self.efs {
            let mut taken = BTreeSet::new();
            for of in &efs.file_systems {
                let id = &of.file_system_id;
                of.check_alone(region)
                    .map_err(|wrong| format!("{id}: {}", wrong.message))?;
                let owner = of.owner(&self.account);
                let points = of
                    .access_points
                    .iter()
                    .map(|point| ("client token", point.client_token.as_str(), owner));
                let targets = of
                    .mount_targets
                    .iter()
                    .map(|target| ("address", target.ip_address.as_str(), ""));
                let token = Some(("creation token", of.creation_token.as_str(), owner))
                    .filter(|(_, token, _)| !token.is_empty());
                if let Some((what, twice, _)) = points
                    .chain(targets)
                    .chain(token)
                    .find(|one| !taken.insert(*one))
                {
                    return Err(format!(
                        "{id}: the {what} {twice} is there twice in {region}"
                    ));
                }
                if self
                    .replications
                    .iter()
                    .filter(|replication| replication.side(region, id).is_some())
                    .count()
                    > 1
                {
                    return Err(format!("{id} is in two replication configurations"));
                }
            }
        }
        let is_own = |of: &&Replication| {
            (&of.source_region, &of.source_file_system_id)
                == (&of.destination_region, &of.destination_file_system_id)
        };
        match self.replications.iter().find(is_own) {
            Some(own) => Err(format!(
                "{} is its own destination",
                own.source_file_system_id
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn check_replication(&self, replication: &Replication) -> Result<(), String> {
        let there = |region: &str, id: &str| {
            let mut file_systems = self.file_systems(region);
            let found = file_systems.find(|file_system| file_system.file_system_id == id);
            found.ok_or_else(|| format!("the replicated file system {id} is not in {region}"))
        };
        // An end that forgot the replication may be gone.
        if replication.forgotten_by != Some(Side::Source) {
            there(
                &replication.source_region,
                &replication.source_file_system_id,
            )?;
        }
        if replication.forgotten_by != Some(Side::Destination) {
            let replica = there(
                &replication.destination_region,
                &replication.destination_file_system_id,
            )?;
            if replica.protection != "REPLICATING" {
                return Err(format!(
                    "{} is a destination and not REPLICATING",
                    replica.file_system_id
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::{
        fixtures::{HERE, SOURCE},
        types::FileSystem,
    };
    use serde_json::{Value, json};

    #[test]
    fn a_world_of_file_systems_that_cannot_be_is_told_in_a_sentence() {
        let world = |file_systems: &str, more: &str| {
            let efs = format!(r#""efs": {{"{HERE}": {{"fileSystems": [{file_systems}]}}}}"#);
            format!(r#"{{"account": "111122223333", "region": "{HERE}", {efs}{more}}}"#)
        };
        let one = format!(r#"{{"fileSystemId": "{SOURCE}"}}"#);
        let with = |member: &str| one.replace('}', &format!(", {member}}}"));
        let read = World::from_json(&world(&one, "")).unwrap();
        assert_eq!(read.efs[HERE].file_systems, [FileSystem::new(SOURCE)]);
        let replication = format!(
            r#", "replications": [{{"sourceRegion": "{HERE}", "sourceFileSystemId": "{SOURCE}", "destinationRegion": "{HERE}", "destinationFileSystemId": "fs-00000009", "createdAt": "2026-11-21T00:00:00Z", "firstSyncEndsAt": "2026-11-21T00:05:00Z"}}]"#
        );
        let cases = [
            (world(&one.replace("fs-", "s-"), ""), "at 'fileSystemId'"),
            (
                world(
                    &one.replace(
                        "fs-",
                        "arn:aws:elasticfilesystem:us-east-1:1:file-system/fs-",
                    ),
                    "",
                ),
                "is not an ID",
            ),
            (world(&format!("{one}, {one}"), ""), "is there twice"),
            (
                world(&with(r#""protection": "OFF""#), ""),
                "at 'fileSystemProtection.replicationOverwriteProtection'",
            ),
            (
                world(&with(r#""lifeCycleState": "AVAILABLE""#), ""),
                "Value 'AVAILABLE' at 'lifeCycleState'",
            ),
            (
                world(&with(r#""backup": "on""#), ""),
                "at 'backupPolicy.status'",
            ),
            (
                world(&with(r#""throughputMode": "fast""#), ""),
                "at 'throughputMode'",
            ),
            (world(&with(r#""ownerId": "me""#), ""), "at 'ownerId'"),
            (
                world(
                    &with(r#""lifecyclePolicies": [{"TransitionToIA": "AFTER_2_DAYS"}]"#),
                    "",
                ),
                "transitionToIA",
            ),
            (
                world(
                    &with(
                        r#""accessPoints": [{"accessPointId": "fsap-00000001", "clientToken": "a", "posixUser": {"Uid": -1, "Gid": 0}}]"#,
                    ),
                    "",
                ),
                "at 'posixUser.uid'",
            ),
            (
                world(
                    &one,
                    r#", "subnets": {"subnet-1": {"region": "us-east-1", "availabilityZoneName": "us-east-1a"}}"#,
                ),
                "at 'subnetId'",
            ),
            (
                world(&one, &replication),
                "the replicated file system fs-00000009 is not in",
            ),
            (
                world(&one, &replication.replace("fs-00000009", SOURCE)),
                "is a destination and not REPLICATING",
            ),
        ];
        for (text, part) in cases {
            let wrong = World::from_json(&text).unwrap_err();
            assert!(wrong.contains(part), "`{wrong}` does not say `{part}`");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of worlds")]
    fn a_world_has_no_file_system_that_could_not_have_been_made() {
        let id = |number: u8| format!("fs-0000000{number}");
        let target = |number: u8, zone: &str| {
            json!({ "mountTargetId": format!("fsmt-0000000{number}"), "subnetId": "subnet-00000001",
                "ipAddress": format!("10.0.0.{number}"), "availabilityZoneName": zone })
        };
        let point = |number: u8, token: &str| json!({ "accessPointId": format!("fsap-0000000{number}"), "clientToken": token });
        let replication = |from: u8, to: u8| {
            json!({ "sourceRegion": HERE, "sourceFileSystemId": id(from), "destinationRegion": HERE,
                "destinationFileSystemId": id(to), "createdAt": "2026-11-01T00:00:00Z", "firstSyncEndsAt": "2026-11-01T01:00:00Z" })
        };
        let read = |more: Value, replications: Value| {
            let mut first = json!({ "fileSystemId": id(1), "creationToken": "first" });
            first
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let other = json!({ "fileSystemId": id(2), "creationToken": "other", "accessPoints": [point(2, "taken")] });
            let replicas = [3, 4]
                .map(|number| json!({ "fileSystemId": id(number), "protection": "REPLICATING" }));
            let all = json!([first, other, replicas[0], replicas[1]]);
            let world = json!({ "account": "111122223333", "region": HERE, "efs": { HERE: { "fileSystems": all } },
                "replications": replications });
            World::from_json(&world.to_string()).map(drop)
        };
        let zone = |letter: char| format!("{HERE}{letter}");
        for (more, replications) in [
            (json!({}), json!([])),
            (
                json!({ "mountTargets": [target(1, &zone('a')), target(2, &zone('b'))] }),
                json!([replication(1, 3)]),
            ),
            (
                json!({ "accessPoints": [point(1, "own")] }),
                json!([replication(1, 3), replication(2, 4)]),
            ),
        ] {
            read(more, replications).unwrap();
        }
        for (more, replications, part) in [
            (json!({ "performanceMode": "maxIO" }), json!([]), "elastic"),
            (
                json!({ "throughputMode": "provisioned" }),
                json!([]),
                "provisioned throughput",
            ),
            (
                json!({ "kmsKeyId": "alias/a", "encrypted": false }),
                json!([]),
                "encrypted",
            ),
            (
                json!({ "kmsKeyId": "arn:aws:kms:eu-west-1:111122223333:alias/a" }),
                json!([]),
                "unexpected region",
            ),
            (
                json!({ "availabilityZoneName": "eu-west-1a" }),
                json!([]),
                "fs-00000001: ",
            ),
            (
                json!({ "mountTargets": [target(1, &zone('a')), target(2, &zone('a'))] }),
                json!([]),
                "fsmt-00000002",
            ),
            (
                json!({ "mountTargets": [target(1, "eu-west-1a")] }),
                json!([]),
                "fsmt-00000001",
            ),
            (
                json!({ "mountTargets": [target(1, &zone('a'))], "availabilityZoneName": zone('b') }),
                json!([]),
                "fsmt-",
            ),
            (json!({ "policy": "banana" }), json!([]), "not a policy"),
            (
                json!({ "creationToken": "other" }),
                json!([]),
                "the creation token other",
            ),
            (
                json!({ "accessPoints": [point(1, "taken")] }),
                json!([]),
                "the client token taken",
            ),
            (
                json!({}),
                json!([replication(1, 3), replication(1, 4)]),
                "two replication configurations",
            ),
            (
                json!({}),
                json!([replication(1, 3), replication(2, 3)]),
                "two replication configurations",
            ),
            (
                json!({}),
                json!([replication(1, 3), replication(3, 4)]),
                "two replication configurations",
            ),
            (json!({}), json!([replication(3, 3)]), "its own destination"),
        ] {
            let wrong = read(more.clone(), replications).unwrap_err();
            assert!(wrong.contains(part), "{more}: {wrong}");
        }
    }
}
