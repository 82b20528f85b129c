//! The calls that change something: what they carry, where they go, how often.

use crate::bug::Bug;

const EFS_CHANGE: &str = "shared/src/efs/change.rs";
const EFS_CLIENT: &str = "shared/src/efs/client.rs";
const RATE_LIMIT: &str = "shared/src/rate_limit.rs";

pub(super) const BUGS: &[Bug] = &[
    // A replication is created as it was asked for.
    Bug {
        name: "the KMS key is not passed on",
        file: EFS_CHANGE,
        from: "            .set_kms_key_id(destination.kms_key_id.clone())
",
        to: "",
    },
    Bug {
        name: "the zone of a One Zone replica is not passed on",
        file: EFS_CHANGE,
        from: "            .set_availability_zone_name(destination.availability_zone_name.clone())
",
        to: "",
    },
    Bug {
        name: "the role for another account is not passed on",
        file: EFS_CHANGE,
        from: "            .set_role_arn(destination.role_arn.as_ref().map(Arn::to_string))
",
        to: "",
    },
    Bug {
        name: "a file system of another account is overwritten by its ID",
        file: EFS_CHANGE,
        from: "existing.map(|existing| existing.text().to_owned())",
        to: "existing.map(|existing| existing.id.to_string())",
    },
    Bug {
        name: "all other Regions share one client",
        file: EFS_CLIENT,
        from: "        others
            .entry(region.clone())",
        to: "        let known = others.keys().next().cloned();
        others
            .entry(known.unwrap_or_else(|| region.clone()))",
    },
    // A call without a token is made once, and a token tells two calls apart.
    Bug {
        name: "the client token names the replica alone",
        file: EFS_CHANGE,
        from: r#"format!("drover-{}-{}", end(file_system), end(point))"#,
        to: r#"format!("drover-{}", end(file_system))"#,
    },
    Bug {
        name: "the client token names the access point alone",
        file: EFS_CHANGE,
        from: r#"format!("drover-{}-{}", end(file_system), end(point))"#,
        to: r#"format!("drover-{}", end(point))"#,
    },
    Bug {
        name: "the SDK repeats CreateMountTarget",
        file: EFS_CHANGE,
        from: "            .set_security_groups(groups)
            .customize()
            .config_override(once());",
        to: "            .set_security_groups(groups);",
    },
    Bug {
        name: "the SDK repeats CreateReplicationConfiguration",
        file: EFS_CHANGE,
        from: "            .destinations(sdk_destination)
            .customize()
            .config_override(once());",
        to: "            .destinations(sdk_destination);",
    },
    Bug {
        name: "a call without a token is repeated after a lost answer",
        file: RATE_LIMIT,
        from: "_ => RetryAction::RetryForbidden,",
        to: "_ => RetryAction::NoActionIndicated,",
    },
    // The replica's resources are like the source's.
    Bug {
        name: "a mount target gets the default security group",
        file: EFS_CHANGE,
        from: "            .set_security_groups(groups)
",
        to: "            .set_security_groups(None)
",
    },
    Bug {
        name: "the group of an access point is its user's number",
        file: EFS_CHANGE,
        from: ".gid(user.gid)",
        to: ".gid(user.uid)",
    },
    Bug {
        name: "the secondary groups of an access point are lost",
        file: EFS_CHANGE,
        from: "            .set_secondary_gids(more)
",
        to: "            .set_secondary_gids(None)
",
    },
    Bug {
        name: "the root of an access point gets other permissions",
        file: EFS_CHANGE,
        from: ".permissions(&owner.permissions)",
        to: r#".permissions("0755")"#,
    },
    Bug {
        name: "files of the replica are never archived",
        file: EFS_CHANGE,
        from: "        TO_ARCHIVE => policy.transition_to_archive(TransitionToArchiveRules::from(rule)),
",
        to: "",
    },
];
