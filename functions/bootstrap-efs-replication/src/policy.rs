//! What the deployment allows, read from the environment once, at start.

use shared::{
    Mode,
    ids::matches_pattern,
    variables::{BadVariable, count, mode, tag_key},
};

/// What the deployment allows. The defaults are the strictest that still do something useful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `MODE`: whether anything may be changed at all.
    pub mode: Mode,
    /// `APPROVAL_TAG`: the key of the tag by which an existing file system names the request that
    /// may overwrite it.
    pub approval_tag: String,
    /// `PROTECTION_TAG`: the key of the tag that forbids to overwrite a file system, whatever its
    /// value.
    pub protection_tag: String,
    /// `MAX_TARGETS`: the most file systems that one request may name.
    pub max_targets: usize,
    /// `REPLICA_REGIONS`: the Regions in which replicas may be; `None` for every Region.
    pub replica_regions: Option<Vec<String>>,
}

impl Policy {
    /// The names of all variables, in the order of the README's table.
    pub const VARIABLES: [&str; 5] = [
        "MODE",
        "APPROVAL_TAG",
        "PROTECTION_TAG",
        "MAX_TARGETS",
        "REPLICA_REGIONS",
    ];

    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// The first variable with a value that is not allowed.
    pub fn from_env() -> Result<Self, BadVariable> {
        Self::from_lookup(|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    /// Reads variables through `lookup`; a variable that it does not find has its default.
    ///
    /// # Errors
    ///
    /// The first variable with a value that is not allowed.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, BadVariable> {
        let value = |name: &str, default: &str| lookup(name).unwrap_or_else(|| default.to_owned());
        let policy = Self {
            mode: mode("MODE", value("MODE", "plan"))?,
            approval_tag: tag_key("APPROVAL_TAG", value("APPROVAL_TAG", "drover:approved"))?,
            protection_tag: tag_key(
                "PROTECTION_TAG",
                value("PROTECTION_TAG", "drover:protected"),
            )?,
            max_targets: count("MAX_TARGETS", value("MAX_TARGETS", "10"))?,
            replica_regions: regions("REPLICA_REGIONS", value("REPLICA_REGIONS", "*"))?,
        };
        let expected = "a tag key; an overwrite always needs an approval, and protection cannot be switched off";
        for (name, key) in [
            ("APPROVAL_TAG", &policy.approval_tag),
            ("PROTECTION_TAG", &policy.protection_tag),
        ] {
            if key == "none" {
                return Err(BadVariable::new(name, key.clone(), expected));
            }
        }
        if policy.approval_tag == policy.protection_tag {
            return Err(BadVariable::new(
                "PROTECTION_TAG",
                policy.protection_tag,
                "another tag key than APPROVAL_TAG",
            ));
        }
        Ok(policy)
    }
}

/// Names of Regions, or `*` for every Region.
fn regions(name: &'static str, found: String) -> Result<Option<Vec<String>>, BadVariable> {
    if found == "*" {
        return Ok(None);
    }
    let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let regions: Vec<String> = found.split(',').map(str::to_owned).collect();
    if regions
        .iter()
        .all(|region| matches_pattern(region, "", letter, 1..=32))
    {
        return Ok(Some(regions));
    }
    Err(BadVariable::new(
        name,
        found,
        "`*`, or names of Regions with commas between, such as `eu-west-1,eu-north-1`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Policy, BadVariable> {
        Policy::from_lookup(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn the_defaults_change_nothing() {
        let policy = Policy::from_lookup(|_| None).unwrap();
        assert_eq!((policy.mode, policy.max_targets), (Mode::Plan, 10));
        assert_eq!(
            (policy.approval_tag.as_str(), policy.protection_tag.as_str()),
            ("drover:approved", "drover:protected")
        );
    }

    #[test]
    fn an_overwrite_cannot_be_had_without_an_approval() {
        for name in ["APPROVAL_TAG", "PROTECTION_TAG"] {
            read(name, "none").unwrap_err();
            read(name, "aws:x").unwrap_err();
        }
        read("PROTECTION_TAG", "drover:approved").unwrap_err();
        assert_eq!(read("MODE", "enforce").unwrap().mode, Mode::Enforce);
        assert_eq!(read("MAX_TARGETS", "3").unwrap().max_targets, 3);
    }

    #[test]
    fn replicas_may_be_everywhere_unless_regions_are_named() {
        let regions = |value| read("REPLICA_REGIONS", value).map(|policy| policy.replica_regions);
        assert_eq!(regions("*").unwrap(), None);
        assert_eq!(
            regions("eu-west-1,eu-north-1").unwrap().unwrap(),
            ["eu-west-1", "eu-north-1"]
        );
        for bad in [
            "",
            "eu-west-1,",
            "*,eu-west-1",
            "eu-west-1, eu-north-1",
            "EU",
        ] {
            regions(bad).unwrap_err();
        }
    }
}
