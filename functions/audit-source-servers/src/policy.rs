//! Where the deployment draws its lines, read from the environment once, at start.

use shared::{
    Guardrails,
    guardrails::ApprovalRule,
    variables::{BadVariable, boolean, count, environment, hours, minutes, rate},
};

/// Where the deployment draws its lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `APPROVAL_TAG` and `PROTECTION_TAG`: what a decommission asks for.
    pub guardrails: Guardrails,
    /// `ALLOW_DELETE`: whether the requests that are offered may delete records.
    pub allow_delete: bool,
    /// `SILENT_HOURS`: for how long an agent may not have been seen.
    pub silent_hours: u64,
    /// `LAG_MINUTES`: how far a replication may be behind; 0 does not ask.
    pub lag_minutes: u64,
    /// `SYNC_HOURS`: how long an initial sync may take.
    pub sync_hours: u64,
    /// `QUOTA_PERCENT`: the share of a quota of DRS that may be used.
    pub quota_percent: usize,
    /// `SERVER_HOUR_RATE`: what DRS charges for a server and an hour; 0 is unknown.
    pub server_hour_rate: f64,
}

impl Policy {
    /// The names of all variables, in the order of the README's table.
    pub const VARIABLES: [&str; 8] = [
        "APPROVAL_TAG",
        "PROTECTION_TAG",
        "ALLOW_DELETE",
        "SILENT_HOURS",
        "LAG_MINUTES",
        "SYNC_HOURS",
        "QUOTA_PERCENT",
        "SERVER_HOUR_RATE",
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
            guardrails: Guardrails::from_lookup(&tags, ApprovalRule::Optional)?,
            allow_delete: boolean("ALLOW_DELETE", value("ALLOW_DELETE", "false"))?,
            silent_hours: hours("SILENT_HOURS", value("SILENT_HOURS", "24"))?,
            lag_minutes: minutes("LAG_MINUTES", value("LAG_MINUTES", "60"))?,
            sync_hours: hours("SYNC_HOURS", value("SYNC_HOURS", "72"))?,
            quota_percent: count("QUOTA_PERCENT", value("QUOTA_PERCENT", "80"))?,
            server_hour_rate: rate("SERVER_HOUR_RATE", value("SERVER_HOUR_RATE", "0"))?,
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
        let policy = read(&[
            ("APPROVAL_TAG", "approved"),
            ("PROTECTION_TAG", "keep"),
            ("ALLOW_DELETE", "true"),
            ("SILENT_HOURS", "1"),
            ("LAG_MINUTES", "2"),
            ("SYNC_HOURS", "3"),
            ("QUOTA_PERCENT", "4"),
            ("SERVER_HOUR_RATE", "0.028"),
        ])
        .unwrap();

        let approval = Approval::Tag("approved".to_owned());
        assert_eq!(policy.guardrails.approval, approval);
        assert_eq!(policy.guardrails.protection_tag, "keep");
        assert_eq!((policy.silent_hours, policy.lag_minutes), (1, 2));
        assert_eq!((policy.sync_hours, policy.quota_percent), (3, 4));
        assert_eq!(
            (policy.server_hour_rate, policy.allow_delete),
            (0.028, true)
        );
    }

    #[test]
    fn a_bad_value_stops_the_start() {
        for name in [
            "APPROVAL_TAG",
            "ALLOW_DELETE",
            "SILENT_HOURS",
            "LAG_MINUTES",
            "SYNC_HOURS",
            "QUOTA_PERCENT",
            "SERVER_HOUR_RATE",
        ] {
            let wrong = read(&[(name, "")]).unwrap_err().to_string();
            assert!(wrong.starts_with(name), "{wrong}");
        }
    }
}
