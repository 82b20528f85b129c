//! What the deployment allows, read from the environment once, at start.

use shared::{
    Mode,
    variables::{BadVariable, boolean, count, mode, tag_key},
};

/// What the deployment allows. The defaults are the strictest that still do something useful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `MODE`: whether anything may be changed at all.
    pub mode: Mode,
    /// `APPROVAL_TAG`: where the approval of a change is looked for.
    pub approval: Approval,
    /// `PROTECTION_TAG`: the key of the tag that forbids every change, whatever its value.
    pub protection_tag: String,
    /// `MAX_TARGETS`: the most servers that one request may name.
    pub max_targets: usize,
    /// `MAX_SHARE_PERCENT`: the largest share of the account's servers that one request may change.
    pub max_share_percent: usize,
    /// `ALLOW_DELETE`: whether records may be deleted.
    pub allow_delete: bool,
}

/// Where an approval is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// In the tag with this key on the source server; its value must be the request's ID.
    Tag(String),
    /// Nowhere: whoever can send an event is trusted.
    NotRequired,
}

impl Policy {
    /// The names of all variables, in the order of the README's table.
    pub const VARIABLES: [&str; 6] = [
        "MODE",
        "APPROVAL_TAG",
        "PROTECTION_TAG",
        "MAX_TARGETS",
        "MAX_SHARE_PERCENT",
        "ALLOW_DELETE",
    ];

    /// The key of the approval tag; empty where none is required, and so none is ever removed.
    #[must_use]
    pub fn approval_tag(&self) -> &str {
        match &self.approval {
            Approval::Tag(key) => key,
            Approval::NotRequired => "",
        }
    }

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
        let approval = tag_key("APPROVAL_TAG", value("APPROVAL_TAG", "drover:approved"))?;
        let protection_tag = tag_key(
            "PROTECTION_TAG",
            value("PROTECTION_TAG", "drover:protected"),
        )?;
        if protection_tag == "none" {
            let expected = "a tag key; protection cannot be switched off";
            return Err(BadVariable::new("PROTECTION_TAG", protection_tag, expected));
        }
        if approval == protection_tag {
            let expected = "another tag key than APPROVAL_TAG";
            return Err(BadVariable::new("PROTECTION_TAG", protection_tag, expected));
        }
        Ok(Self {
            mode: mode("MODE", value("MODE", "plan"))?,
            approval: if approval == "none" {
                Approval::NotRequired
            } else {
                Approval::Tag(approval)
            },
            protection_tag,
            max_targets: count("MAX_TARGETS", value("MAX_TARGETS", "10"))?,
            max_share_percent: count("MAX_SHARE_PERCENT", value("MAX_SHARE_PERCENT", "10"))?,
            allow_delete: boolean("ALLOW_DELETE", value("ALLOW_DELETE", "false"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Policy, BadVariable> {
        Policy::from_lookup(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_defaults_change_nothing() {
        let policy = read(&[]).unwrap();
        assert_eq!(policy.mode, Mode::Plan);
        assert_eq!(policy.approval, Approval::Tag("drover:approved".to_owned()));
        assert_eq!(policy.protection_tag, "drover:protected");
        assert_eq!((policy.max_targets, policy.max_share_percent), (10, 10));
        assert!(!policy.allow_delete);
    }

    #[test]
    fn each_variable_is_read() {
        let policy = read(&[
            ("MODE", "enforce"),
            ("APPROVAL_TAG", "none"),
            ("PROTECTION_TAG", "keep"),
            ("MAX_TARGETS", "100"),
            ("MAX_SHARE_PERCENT", "1"),
            ("ALLOW_DELETE", "true"),
        ]);
        let expected = Policy {
            mode: Mode::Enforce,
            approval: Approval::NotRequired,
            protection_tag: "keep".to_owned(),
            max_targets: 100,
            max_share_percent: 1,
            allow_delete: true,
        };
        assert_eq!(policy.unwrap(), expected);
    }

    #[test]
    fn a_tag_is_removed_only_where_one_is_required() {
        assert_eq!(
            read(&[("APPROVAL_TAG", "go")]).unwrap().approval_tag(),
            "go"
        );
        assert_eq!(
            read(&[("APPROVAL_TAG", "none")]).unwrap().approval_tag(),
            ""
        );
    }

    #[test]
    fn a_bad_value_is_told_in_a_sentence() {
        let cases = [
            ("MODE", "", "MODE is ``, but must be `plan` or `enforce`"),
            (
                "MODE",
                "Enforce",
                "MODE is `Enforce`, but must be `plan` or `enforce`",
            ),
            (
                "MAX_TARGETS",
                "0",
                "MAX_TARGETS is `0`, but must be a whole number from 1 to 100",
            ),
            (
                "MAX_TARGETS",
                "101",
                "MAX_TARGETS is `101`, but must be a whole number from 1 to 100",
            ),
            (
                "MAX_SHARE_PERCENT",
                "ten",
                "MAX_SHARE_PERCENT is `ten`, but must be a whole number from 1 to 100",
            ),
            (
                "ALLOW_DELETE",
                "yes",
                "ALLOW_DELETE is `yes`, but must be `true` or `false`",
            ),
            (
                "PROTECTION_TAG",
                "none",
                "PROTECTION_TAG is `none`, but must be a tag key; protection cannot be switched off",
            ),
            (
                "PROTECTION_TAG",
                "drover:approved",
                "PROTECTION_TAG is `drover:approved`, but must be another tag key than APPROVAL_TAG",
            ),
            (
                "APPROVAL_TAG",
                "AWS:x",
                "APPROVAL_TAG is `AWS:x`, but must be a tag key of 1 to 128 characters that does not start with `aws:`",
            ),
            (
                "APPROVAL_TAG",
                " none",
                "APPROVAL_TAG is ` none`, but must be a tag key of 1 to 128 characters that does not start with `aws:`",
            ),
        ];
        for (name, value, sentence) in cases {
            assert_eq!(
                format!("{:?}", read(&[(name, value)]).unwrap_err()),
                sentence
            );
        }
    }
}
