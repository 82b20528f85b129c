//! What has to be true of the EFS resources in a world file: calls could have led to them.

use std::collections::BTreeSet;

use crate::efs::model::{
    names::region_of,
    subnets::addresses,
    types::{FileSystem, Model, Replication, Side, Subnet},
};

impl Model {
    /// Checks the IDs, subnets and replications, before values are compared with the service model.
    ///
    /// # Errors
    ///
    /// A sentence about the first resource that could not exist.
    pub(crate) fn check_names(&self, is_imported: bool) -> Result<(), String> {
        let mut known = BTreeSet::new();
        for file_system in self.all_file_systems() {
            for id in ids(file_system) {
                // The service model allows ARNs for IDs in some answers.
                if id.contains(':') {
                    return Err(format!("{id} is not an ID"));
                }
                if !known.insert(id) {
                    return Err(format!("{id} appears twice"));
                }
            }
        }

        for (id, subnet) in &self.subnets {
            check_subnet(id, subnet)?;
        }
        // The end where nobody looked may be anything, and so may one that was looked at earlier.
        if is_imported {
            return Ok(());
        }
        self.replications
            .iter()
            .try_for_each(|replication| self.check_replication(replication))
    }

    /// Checks that the resources could exist together, after their values were compared with the
    /// service model.
    ///
    /// # Errors
    ///
    /// A sentence about the first resource that could not exist.
    pub(crate) fn check_together(&self, account: &str, is_imported: bool) -> Result<(), String> {
        for (region, efs) in &self.regions {
            // Tokens and addresses are unique in a Region.
            let mut taken = BTreeSet::new();

            for file_system in &efs.file_systems {
                let id = &file_system.file_system_id;
                file_system
                    .check_alone(region)
                    .map_err(|wrong| format!("{id}: {}", wrong.message))?;

                for unique in unique_values(file_system, account) {
                    let (what, value, _) = unique;
                    // Two VPCs may have the same addresses, and a world does not know its VPCs.
                    let may_repeat = is_imported && what == ADDRESS;
                    if !taken.insert(unique) && !may_repeat {
                        return Err(format!(
                            "{id}: the {what} {value} appears twice in {region}"
                        ));
                    }
                }

                // EFS allows a file system in one configuration only, as a source or a destination.
                let replications = self.replications.iter();
                let own = replications.filter(|replication| replication.side(region, id).is_some());
                if own.count() > 1 {
                    return Err(format!("{id} is in two replication configurations"));
                }
            }
        }

        for replication in &self.replications {
            let source = (
                &replication.source_region,
                &replication.source_file_system_id,
            );
            let destination = (
                &replication.destination_region,
                &replication.destination_file_system_id,
            );
            if source == destination {
                return Err(format!("{} is its own destination", source.1));
            }
        }
        Ok(())
    }

    /// Checks that both ends of a replication exist. An end that deleted the configuration for
    /// itself may be gone.
    fn check_replication(&self, replication: &Replication) -> Result<(), String> {
        let find = |region: &str, id: &str| {
            self.find(region, id)
                .ok_or_else(|| format!("the replicated file system {id} is not in {region}"))
        };

        // The protection of the destination shows that it is one.
        if replication.forgotten_by != Some(Side::Source) {
            let (region, id) = (
                &replication.source_region,
                &replication.source_file_system_id,
            );
            find(region, id)?;
        }
        if replication.forgotten_by != Some(Side::Destination) {
            let (region, id) = (
                &replication.destination_region,
                &replication.destination_file_system_id,
            );
            if find(region, id)?.protection != "REPLICATING" {
                return Err(format!("{id} is a destination and not REPLICATING"));
            }
        }
        Ok(())
    }
}

/// What an address is called.
const ADDRESS: &str = "address";

/// The IDs of a file system and of what belongs to it.
fn ids(file_system: &FileSystem) -> impl Iterator<Item = &String> {
    let points = file_system.access_points.iter();
    let targets = file_system.mount_targets.iter();

    points
        .map(|point| &point.access_point_id)
        .chain(targets.map(|target| &target.mount_target_id))
        .chain([&file_system.file_system_id])
}

/// The values that no two file systems of a Region share: what they are, and whose.
fn unique_values<'a>(
    file_system: &'a FileSystem,
    account: &'a str,
) -> impl Iterator<Item = (&'static str, &'a str, &'a str)> {
    let owner = file_system.owner(account);
    let points = file_system.access_points.iter();
    let client_tokens = points.map(move |point| ("client token", &*point.client_token, owner));

    // Addresses are unique, whatever the owner of the mount target.
    let targets = file_system.mount_targets.iter();
    let addresses = targets.map(|target| (ADDRESS, &*target.ip_address, ""));

    // A file system of a world file may have no token.
    let token = &*file_system.creation_token;
    let creation_token = Some(("creation token", token, owner)).filter(|_| !token.is_empty());

    client_tokens.chain(addresses).chain(creation_token)
}

fn check_subnet(id: &str, subnet: &Subnet) -> Result<(), String> {
    let is_in_region = region_of(&subnet.availability_zone_name) == Some(&subnet.region);

    match is_in_region && addresses(&subnet.cidr_block).is_some() {
        true => Ok(()),
        false => Err(format!(
            "the subnet {id} has a zone of another Region, or no block of addresses"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{
        efs::model::{
            FileSystem,
            fixtures::{HERE, SOURCE},
        },
        world::World,
    };

    /// Reads a world file with these file systems and further members.
    fn read(file_systems: Value, more: Value) -> Result<World, String> {
        let mut world = json!({
            "account": "111122223333",
            "region": HERE,
            "efs": { HERE: { "fileSystems": file_systems } },
        });
        let members = world.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());

        World::from_json(&world.to_string())
    }

    /// The source, with further members.
    fn source(more: Value) -> Value {
        let mut file_system = json!({ "fileSystemId": SOURCE });
        let members = file_system.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());

        file_system
    }

    #[track_caller]
    fn assert_refused(read: Result<World, String>, part: &str) {
        let wrong = read.unwrap_err();
        assert!(wrong.contains(part), "`{wrong}` does not say `{part}`");
    }

    #[test]
    fn file_system_defaults_to_a_healthy_one() {
        let world = read(json!([source(json!({}))]), json!({})).unwrap();
        let file_systems = &world.efs.regions[HERE].file_systems;

        assert_eq!(*file_systems, [FileSystem::new(SOURCE)]);
    }

    #[test]
    fn file_system_with_values_outside_the_model_is_refused() {
        let arn = format!("arn:aws:elasticfilesystem:us-east-1:1:file-system/{SOURCE}");
        let lifecycle = json!([{ "TransitionToIA": "AFTER_2_DAYS" }]);
        let point = json!({
            "accessPointId": "fsap-00000001",
            "clientToken": "a",
            "posixUser": { "Uid": -1, "Gid": 0 },
        });

        for (more, part) in [
            (
                json!({ "fileSystemId": "s-0123456789abcdef0" }),
                "at 'fileSystemId'",
            ),
            (json!({ "fileSystemId": arn }), "is not an ID"),
            (
                json!({ "protection": "OFF" }),
                "at 'fileSystemProtection.replicationOverwriteProtection'",
            ),
            (
                json!({ "lifeCycleState": "AVAILABLE" }),
                "Value 'AVAILABLE' at 'lifeCycleState'",
            ),
            (json!({ "backup": "on" }), "at 'backupPolicy.status'"),
            (json!({ "throughputMode": "fast" }), "at 'throughputMode'"),
            (json!({ "ownerId": "me" }), "at 'ownerId'"),
            (json!({ "lifecyclePolicies": lifecycle }), "transitionToIA"),
            (json!({ "accessPoints": [point] }), "at 'posixUser.uid'"),
        ] {
            assert_refused(read(json!([source(more)]), json!({})), part);
        }
    }

    #[test]
    fn ids_subnets_and_ends_of_replications_are_checked() {
        let one = || source(json!({}));
        assert_refused(read(json!([one(), one()]), json!({})), "appears twice");

        let subnet = json!({ "region": "us-east-1", "availabilityZoneName": "us-east-1a" });
        let subnets = json!({ "subnets": { "subnet-1": subnet } });
        assert_refused(read(json!([one()]), subnets), "at 'subnetId'");

        let replicated_to = |id: &str| {
            let replication = json!({
                "sourceRegion": HERE,
                "sourceFileSystemId": SOURCE,
                "destinationRegion": HERE,
                "destinationFileSystemId": id,
                "createdAt": "2026-11-21T00:00:00Z",
                "firstSyncEndsAt": "2026-11-21T00:05:00Z",
            });
            read(json!([one()]), json!({ "replications": [replication] }))
        };
        assert_refused(
            replicated_to("fs-00000009"),
            "the replicated file system fs-00000009 is not in",
        );
        assert_refused(
            replicated_to(SOURCE),
            "is a destination and not REPLICATING",
        );
    }

    fn id(number: u8) -> String {
        format!("fs-0000000{number}")
    }

    fn target(number: u8, zone: &str) -> Value {
        json!({
            "mountTargetId": format!("fsmt-0000000{number}"),
            "subnetId": "subnet-00000001",
            "ipAddress": format!("10.0.0.{number}"),
            "availabilityZoneName": zone,
        })
    }

    fn point(number: u8, token: &str) -> Value {
        json!({ "accessPointId": format!("fsap-0000000{number}"), "clientToken": token })
    }

    fn replication(from: u8, to: u8) -> Value {
        json!({
            "sourceRegion": HERE,
            "sourceFileSystemId": id(from),
            "destinationRegion": HERE,
            "destinationFileSystemId": id(to),
            "createdAt": "2026-11-01T00:00:00Z",
            "firstSyncEndsAt": "2026-11-01T01:00:00Z",
        })
    }

    /// Reads a world with a first file system of these members, another one, and two replicas.
    fn read_four(more: Value, replications: Value) -> Result<World, String> {
        let mut first = json!({ "fileSystemId": id(1), "creationToken": "first" });
        let members = first.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());

        let other = json!({
            "fileSystemId": id(2),
            "creationToken": "other",
            "accessPoints": [point(2, "taken")],
        });
        let [third, fourth] =
            [3, 4].map(|number| json!({ "fileSystemId": id(number), "protection": "REPLICATING" }));

        let file_systems = json!([first, other, third, fourth]);
        read(file_systems, json!({ "replications": replications }))
    }

    fn zone(letter: char) -> String {
        format!("{HERE}{letter}")
    }

    #[test]
    fn file_systems_that_calls_lead_to_are_accepted() {
        let mounted = json!({ "mountTargets": [target(1, &zone('a')), target(2, &zone('b'))] });
        let exposed = json!({ "accessPoints": [point(1, "own")] });

        for (more, replications) in [
            (json!({}), json!([])),
            (mounted, json!([replication(1, 3)])),
            (exposed, json!([replication(1, 3), replication(2, 4)])),
        ] {
            read_four(more, replications).unwrap();
        }
    }

    #[test]
    fn file_system_that_no_calls_lead_to_is_refused() {
        let foreign_key = "arn:aws:kms:eu-west-1:111122223333:alias/a";
        let [in_a, in_b] = ['a', 'b'].map(zone);
        let in_one_zone = json!({
            "mountTargets": [target(1, &in_a)],
            "availabilityZoneName": in_b,
        });

        for (more, part) in [
            (json!({ "performanceMode": "maxIO" }), "elastic"),
            (
                json!({ "throughputMode": "provisioned" }),
                "provisioned throughput",
            ),
            (
                json!({ "kmsKeyId": "alias/a", "encrypted": false }),
                "encrypted",
            ),
            (json!({ "kmsKeyId": foreign_key }), "unexpected region"),
            (
                json!({ "availabilityZoneName": "eu-west-1a" }),
                "fs-00000001: ",
            ),
            (
                json!({ "mountTargets": [target(1, &in_a), target(2, &in_a)] }),
                "fsmt-00000002",
            ),
            (
                json!({ "mountTargets": [target(1, "eu-west-1a")] }),
                "fsmt-00000001",
            ),
            (in_one_zone, "fsmt-"),
            (json!({ "policy": "banana" }), "not a policy"),
            (
                json!({ "creationToken": "other" }),
                "the creation token other",
            ),
            (
                json!({ "accessPoints": [point(1, "taken")] }),
                "the client token taken",
            ),
        ] {
            assert_refused(read_four(more, json!([])), part);
        }
    }

    #[test]
    fn file_system_is_in_one_replication_and_not_its_own_destination() {
        for second in [replication(1, 4), replication(2, 3), replication(3, 4)] {
            let replications = json!([replication(1, 3), second]);
            assert_refused(
                read_four(json!({}), replications),
                "two replication configurations",
            );
        }

        let own = json!([replication(3, 3)]);
        assert_refused(read_four(json!({}), own), "its own destination");
    }
}
