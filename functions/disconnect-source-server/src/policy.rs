//! What the deployment allows, read from the environment once, at start.

use shared::{
    AccountId, Guardrails,
    drs::AccountSize,
    guardrails::ApprovalRule,
    variables::{BadVariable, boolean, count, environment, list, minutes},
};

use crate::command::Action;

/// What the deployment allows. The defaults are the strictest that still do something useful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `MODE`, `APPROVAL_TAG`, `PROTECTION_TAG` and `MAX_TARGETS`: what all functions have.
    pub guardrails: Guardrails,
    /// `MAX_SHARE_PERCENT`: the largest share of the account's servers that one request may change.
    pub max_share_percent: usize,
    /// `ALLOW_DELETE`: whether records may be deleted.
    pub allow_delete: bool,
    /// `REQUIRE_SILENT_MINUTES`: for how long the agent of a server must not have been seen before a
    /// disconnect; 0 does not ask.
    pub require_silent_minutes: u64,
    /// `VERIFY_CLEANUP`: whether the follow-up of a disconnect verifies that AWS has removed the
    /// staging resources.
    pub verify_cleanup: bool,
    /// `ORIGIN_ACCOUNTS`: the accounts whose terminated instances count; `None` for every account.
    pub origin_accounts: Option<Vec<AccountId>>,
}

impl Policy {
    /// The names of all variables, in the order of the README's table.
    pub const VARIABLES: [&str; 9] = [
        "MODE",
        "APPROVAL_TAG",
        "PROTECTION_TAG",
        "MAX_TARGETS",
        "MAX_SHARE_PERCENT",
        "ALLOW_DELETE",
        "REQUIRE_SILENT_MINUTES",
        "VERIFY_CLEANUP",
        "ORIGIN_ACCOUNTS",
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

        Ok(Self {
            guardrails: Guardrails::from_lookup(&lookup, ApprovalRule::Optional)?,
            max_share_percent: count("MAX_SHARE_PERCENT", value("MAX_SHARE_PERCENT", "10"))?,
            allow_delete: boolean("ALLOW_DELETE", value("ALLOW_DELETE", "false"))?,
            require_silent_minutes: minutes(
                "REQUIRE_SILENT_MINUTES",
                value("REQUIRE_SILENT_MINUTES", "0"),
            )?,
            verify_cleanup: boolean("VERIFY_CLEANUP", value("VERIFY_CLEANUP", "false"))?,
            origin_accounts: read_accounts("ORIGIN_ACCOUNTS", value("ORIGIN_ACCOUNTS", ""))?,
        })
    }

    /// Whether the deployment allows this action at all.
    #[must_use]
    pub fn allows(&self, action: Action) -> bool {
        match action {
            Action::Disconnect | Action::Verify => true,
            Action::Retire | Action::Delete => self.allow_delete,
        }
    }

    /// Whether a terminated instance of this account counts.
    #[must_use]
    pub fn accepts_origin(&self, account: &str) -> bool {
        match &self.origin_accounts {
            None => true,
            Some(accepted) => accepted.iter().any(|it| it.as_ref() == account),
        }
    }

    /// How many servers a request may change. One is always allowed, or small accounts could do
    /// nothing.
    #[must_use]
    pub fn allowed_changes(&self, action: Action, account: AccountSize) -> usize {
        // Rounded down: ten percent of nineteen servers is one.
        (share_base(action, account) * self.max_share_percent / 100).max(1)
    }

    /// Whether the account's servers have to be counted: one target is always allowed, and so is a
    /// share of 100 %.
    #[must_use]
    pub fn needs_account_size(&self, targets: usize) -> bool {
        // Counting lists every server of the account, which costs one call for each 250.
        targets > 1 && self.max_share_percent < 100
    }
}

/// IDs of accounts, or nothing for every account.
fn read_accounts(name: &'static str, found: String) -> Result<Option<Vec<AccountId>>, BadVariable> {
    if found.is_empty() {
        return Ok(None);
    }
    let expected = "empty, or IDs of accounts separated by commas, such as \
                    `111122223333,444455556666`";

    list(name, found, expected).map(Some)
}

/// The servers of which a share is computed. A disconnect takes its share of those that are still
/// connected: old records must not make room for more. A verification changes none.
#[must_use]
pub fn share_base(action: Action, account: AccountSize) -> usize {
    match action {
        Action::Disconnect | Action::Retire => account.connected,
        Action::Delete | Action::Verify => account.records,
    }
}

#[cfg(test)]
mod tests {
    use shared::Mode;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Policy, BadVariable> {
        Policy::from_lookup(|name| {
            let found = variables.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        })
    }

    // Invariant 11.
    #[test]
    fn the_defaults_change_nothing() {
        let policy = read(&[]).unwrap();

        assert_eq!(policy.guardrails.mode, Mode::Plan);
        assert_eq!(policy.max_share_percent, 10);
        assert!(!policy.allow_delete);
        assert!(!policy.verify_cleanup);
    }

    #[test]
    fn each_variable_is_read() {
        let variables = [
            ("MODE", "enforce"),
            ("MAX_SHARE_PERCENT", "1"),
            ("ALLOW_DELETE", "true"),
            ("VERIFY_CLEANUP", "true"),
        ];
        let policy = read(&variables).unwrap();

        assert_eq!(policy.guardrails.mode, Mode::Enforce);
        assert_eq!(policy.max_share_percent, 1);
        assert!(policy.allow_delete);
        assert!(policy.verify_cleanup);
    }

    #[test]
    fn a_deployment_may_do_without_approvals() {
        read(&[("APPROVAL_TAG", "none")]).unwrap();
    }

    #[test]
    fn a_bad_value_is_named_in_a_sentence() {
        let cases = [
            ("MODE", "", "`plan` or `enforce`"),
            ("MAX_SHARE_PERCENT", "ten", "a whole number from 1 to 100"),
            ("ALLOW_DELETE", "yes", "`true` or `false`"),
            (
                "ORIGIN_ACCOUNTS",
                "111122223333, 444455556666",
                "empty, or IDs of accounts separated by commas, such as `111122223333,444455556666`",
            ),
        ];

        for (name, value, expected) in cases {
            let error = read(&[(name, value)]).unwrap_err();
            let sentence = format!("{name} is `{value}`, but must be {expected}");
            assert_eq!(format!("{error:?}"), sentence);
        }
    }

    #[test]
    fn deletions_need_the_deployments_permission() {
        for (allow_delete, value) in [(true, "true"), (false, "false")] {
            let policy = read(&[("ALLOW_DELETE", value)]).unwrap();

            assert!(policy.allows(Action::Disconnect));
            assert!(policy.allows(Action::Verify));
            assert_eq!(policy.allows(Action::Retire), allow_delete);
            assert_eq!(policy.allows(Action::Delete), allow_delete);
        }
    }

    #[test]
    fn machines_of_every_account_count_unless_some_are_listed() {
        let accepts = |accounts: &str, account: &str| {
            let policy = read(&[("ORIGIN_ACCOUNTS", accounts)]).unwrap();
            policy.accepts_origin(account)
        };

        assert!(accepts("", "444455556666"));
        assert!(accepts("111122223333,444455556666", "444455556666"));
        assert!(!accepts("111122223333", "444455556666"));
    }

    #[test]
    fn servers_are_counted_only_where_the_share_can_forbid_something() {
        let needs_size = |targets: usize, percent: &str| {
            let policy = read(&[("MAX_SHARE_PERCENT", percent)]).unwrap();
            policy.needs_account_size(targets)
        };

        assert!(needs_size(2, "99"));
        assert!(!needs_size(1, "10"), "one server is always allowed");
        assert!(!needs_size(2, "100"), "all servers are allowed");
    }
}
