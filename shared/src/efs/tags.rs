//! The tags by which file systems and their replicas are known, and those that a replica inherits.

use crate::guardrails::{Guardrails, Tags};

/// The tag by which a file system asks for a replica itself; its value is a Region.
pub const REPLICATE_TO_TAG: &str = "drover:replicate-to";

/// The tag that a replica gets when it is first found usable; its value is the request. It says
/// which change created the replica, and the invocation that sets it is the one that reports
/// `done`.
pub const BOOTSTRAPPED_BY_TAG: &str = "drover:bootstrapped-by";

/// The most tags of a file system that are not AWS's own (EFS User Guide, quotas).
pub const MAX_TAGS: usize = 50;

/// The tags that are copied: not those of AWS, which nobody may write, nor those by which drover is
/// controlled, since each of them speaks of one file system.
#[must_use]
pub fn copied_tags(tags: &Tags, guardrails: &Guardrails) -> Tags {
    let stays =
        |key: &str| is_of_aws(key) || key.starts_with("drover:") || guardrails.is_control_tag(key);

    // Values are copied as they are.
    tags.iter()
        .filter(|(key, _)| !stays(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// How many tags count: those of AWS itself do not.
#[must_use]
pub fn count_user_tags(tags: &Tags) -> usize {
    // Backups alone add one of AWS's.
    tags.keys().filter(|key| !is_of_aws(key)).count()
}

fn is_of_aws(key: &str) -> bool {
    // Nobody may write one, in whatever case.
    key.to_lowercase().starts_with("aws:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrails::ApprovalRule;

    #[test]
    fn tags_of_aws_and_of_drover_are_not_copied() {
        let approval = |name: &str| (name == "APPROVAL_TAG").then(|| "go".to_owned());
        let guardrails = Guardrails::from_lookup(&approval, ApprovalRule::Mandatory).unwrap();
        let keys = ["Name", "AWS:x", "aws:y", "drover:replicate-to", "go"];
        let tags: Tags = keys.map(|key| (key.to_owned(), String::new())).into();

        let copied = copied_tags(&tags, &guardrails);
        assert_eq!(copied.keys().collect::<Vec<_>>(), ["Name"]);
        assert_eq!(count_user_tags(&tags), 3);
    }
}
