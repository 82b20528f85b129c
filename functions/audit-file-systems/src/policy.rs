//! Where the deployment draws its lines, read from the environment once, at start.

use shared::{
    Guardrails,
    guardrails::ApprovalRule,
    variables::{BadVariable, environment, seconds},
};

use crate::defaults::ReplicaDefaults;

/// Where the deployment draws its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `APPROVAL_TAG` and `PROTECTION_TAG`: the tags that a replica does not inherit.
    pub guardrails: Guardrails,
    /// `SYNC_SECONDS`: how old the last sync may be.
    pub sync_seconds: u64,
    /// `REPLICA_DEFAULTS`: what the replica of a tagged file system gets, by its Region.
    pub replica_defaults: ReplicaDefaults,
}

impl Policy {
    /// The names of all variables, in the order of the README's table.
    pub const VARIABLES: [&str; 4] = [
        "APPROVAL_TAG",
        "PROTECTION_TAG",
        "SYNC_SECONDS",
        "REPLICA_DEFAULTS",
    ];

    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// The first variable with a value that is not allowed.
    pub fn from_env() -> Result<Self, BadVariable> {
        Self::from_lookup(environment)
    }

    /// Reads variables through `lookup`; a variable that it does not find has its default.
    ///
    /// # Errors
    ///
    /// The first variable with a value that is not allowed.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, BadVariable> {
        let value = |name: &str, default: &str| lookup(name).unwrap_or_else(|| default.to_owned());
        // Nothing is changed, so that there is no mode to read, and no limit.
        let tags = |name: &str| match name {
            "APPROVAL_TAG" | "PROTECTION_TAG" => lookup(name),
            _ => None,
        };

        Ok(Self {
            // As the function reads them that would carry out what is offered.
            guardrails: Guardrails::from_lookup(&tags, ApprovalRule::Mandatory)?,
            // What EFS aims at for most file systems (EFS User Guide, replication).
            sync_seconds: seconds("SYNC_SECONDS", value("SYNC_SECONDS", "900"))?,
            replica_defaults: ReplicaDefaults::read(&value("REPLICA_DEFAULTS", "{}"))
                .map_err(|wrong| BadVariable::because("REPLICA_DEFAULTS", &wrong.message))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::{Mode, guardrails::Approval};

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Policy, BadVariable> {
        Policy::from_lookup(|name| {
            let found = variables.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        })
    }

    // Invariant 11.
    #[test]
    fn no_variable_lets_it_change_anything() {
        let policy = read(&[("MODE", "enforce"), ("MAX_TARGETS", "many")]).unwrap();

        assert_eq!(policy.guardrails.mode, Mode::Plan);
        assert_eq!(policy, read(&[]).unwrap());
    }

    #[test]
    fn each_variable_is_read() {
        assert_eq!(read(&[]).unwrap().sync_seconds, 900);
        let policy = read(&[
            ("APPROVAL_TAG", "approved"),
            ("PROTECTION_TAG", "keep"),
            ("SYNC_SECONDS", "60"),
        ])
        .unwrap();

        let approval = Approval::Tag("approved".to_owned());
        assert_eq!(policy.guardrails.approval, approval);
        assert_eq!(policy.guardrails.protection_tag, "keep");
        assert_eq!(policy.sync_seconds, 60);
    }

    #[test]
    fn a_bad_value_stops_the_start() {
        for (name, value) in [
            ("APPROVAL_TAG", "none"),
            ("PROTECTION_TAG", ""),
            ("SYNC_SECONDS", "59"),
            ("REPLICA_DEFAULTS", "eu-west-1"),
        ] {
            let wrong = read(&[(name, value)]).unwrap_err().to_string();
            assert!(wrong.starts_with(name), "{wrong}");
        }
    }
}
