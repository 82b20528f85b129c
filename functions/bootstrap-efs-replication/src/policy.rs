//! What the deployment allows, read from the environment once, at start.

use shared::{
    Guardrails, Region,
    guardrails::ApprovalRule,
    variables::{BadVariable, environment, list},
};

use crate::defaults::ReplicaDefaults;

/// What the deployment allows. By default nothing is changed, and replicas may be in any Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `MODE`, `APPROVAL_TAG`, `PROTECTION_TAG` and `MAX_TARGETS`: what all functions have. The
    /// tags count on the file system that would be overwritten.
    pub guardrails: Guardrails,
    /// `REPLICA_REGIONS`: the Regions in which replicas may be; `None` for every Region.
    pub replica_regions: Option<Vec<Region>>,
    /// `REPLICA_DEFAULTS`: what the replica of a tagged file system gets, by its Region.
    pub replica_defaults: ReplicaDefaults,
}

impl Policy {
    /// The names of all variables, in the order of the README's table.
    pub const VARIABLES: [&str; 6] = [
        "MODE",
        "APPROVAL_TAG",
        "PROTECTION_TAG",
        "MAX_TARGETS",
        "REPLICA_REGIONS",
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
        let regions = lookup("REPLICA_REGIONS").unwrap_or_else(|| "*".to_owned());
        let defaults = lookup("REPLICA_DEFAULTS").unwrap_or_else(|| "{}".to_owned());

        Ok(Self {
            guardrails: Guardrails::from_lookup(&lookup, ApprovalRule::Mandatory)?,
            replica_regions: read_regions("REPLICA_REGIONS", regions)?,
            replica_defaults: ReplicaDefaults::read(&defaults)
                .map_err(|wrong| BadVariable::because("REPLICA_DEFAULTS", &wrong.message))?,
        })
    }

    /// Whether a replica may be in this Region.
    #[must_use]
    pub fn allows_region(&self, region: &Region) -> bool {
        match &self.replica_regions {
            None => true,
            Some(allowed) => allowed.contains(region),
        }
    }
}

/// Names of Regions, or `*` for every Region.
fn read_regions(name: &'static str, found: String) -> Result<Option<Vec<Region>>, BadVariable> {
    if found == "*" {
        return Ok(None);
    }

    // A name that is no Region would silently allow nothing.
    let expected = "`*`, or names of Regions separated by commas, such as `eu-west-1,eu-north-1`";
    list(name, found, expected).map(Some)
}

#[cfg(test)]
mod tests {
    use shared::Mode;

    use super::*;

    fn read(name: &str, value: &str) -> Result<Policy, BadVariable> {
        Policy::from_lookup(|asked| (asked == name).then(|| value.to_owned()))
    }

    // Invariant 11.
    #[test]
    fn the_defaults_change_nothing() {
        let policy = Policy::from_lookup(|_| None).unwrap();

        assert_eq!(policy.guardrails.mode, Mode::Plan);
        assert_eq!(policy.replica_regions, None);
        assert_eq!(policy.replica_defaults, ReplicaDefaults::default());
    }

    #[test]
    fn bad_defaults_stop_the_start_with_their_place() {
        let wrong = read("REPLICA_DEFAULTS", r#"{ "Ireland": {} }"#).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "REPLICA_DEFAULTS is wrong: `Ireland`: not the name of a Region, such as eu-west-1"
        );
        let wrong = read("REPLICA_DEFAULTS", "eu-west-1").unwrap_err();
        assert!(wrong.to_string().contains("is wrong: not JSON"), "{wrong}");
    }

    #[test]
    fn an_overwrite_always_needs_an_approval() {
        read("APPROVAL_TAG", "none").unwrap_err();
        read("APPROVAL_TAG", "go").unwrap();
    }

    #[test]
    fn replicas_may_be_everywhere_unless_regions_are_named() {
        let region = |text: &str| Region::try_from(text.to_owned()).unwrap();
        let allows = |value: &str, name: &str| {
            let policy = read("REPLICA_REGIONS", value).unwrap();
            policy.allows_region(&region(name))
        };

        assert!(allows("*", "eu-west-1"));
        assert!(allows("eu-west-1,eu-north-1", "eu-north-1"));
        assert!(!allows("eu-west-1,eu-north-1", "us-east-1"));
    }

    #[test]
    fn a_list_of_regions_holds_regions_alone() {
        for wrong in [
            "",
            "eu-west-1,",
            "*,eu-west-1",
            "eu-west-1, eu-north-1",
            "EU",
        ] {
            read("REPLICA_REGIONS", wrong).unwrap_err();
        }
    }
}
