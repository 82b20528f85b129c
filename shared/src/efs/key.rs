//! Whether a file system is encrypted with a certain KMS key.

use super::model::FileSystem;

/// How the key of a file system compares with one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyComparison {
    /// It is that key.
    Same,
    /// It is another one, or the file system is not encrypted.
    Differs,
    /// Only KMS could tell what the alias stands for that was asked for.
    Unresolved,
}

impl KeyComparison {
    /// Compares the key of a file system with one in any of the forms that EFS takes.
    ///
    /// EFS reports a key by its ARN, or by its ID: its model allows both, and an alias as well. It
    /// never says what an alias stands for.
    #[must_use]
    pub fn of(asked: &str, file_system: &FileSystem) -> Self {
        let Some(key) = file_system.kms_key_arn.as_deref() else {
            // EFS leaves it out for what is not encrypted.
            return match file_system.encrypted {
                true => Self::Unresolved,
                false => Self::Differs,
            };
        };

        // Where only one is an ARN, it is compared by what the other has: `alias/NAME`, or the ID.
        let are_arns = asked.starts_with("arn:") && key.starts_with("arn:");
        let is_same = match are_arns {
            true => asked == key,
            false => name(asked) == name(key),
        };
        match is_same {
            true => Self::Same,
            // Two names of one key differ as well.
            false if name(asked).starts_with("alias/") => Self::Unresolved,
            false => Self::Differs,
        }
    }
}

/// `alias/NAME`, or the ID of a key.
fn name(key: &str) -> &str {
    let of_arn = key.rsplit_once(':').map_or(key, |(_, resource)| resource);

    of_arn.strip_prefix("key/").unwrap_or(of_arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        efs::{LifeCycle, Protection},
        guardrails::Tags,
    };

    /// Compares a key with that of a file system, which is not encrypted if it has none.
    fn compare(asked: &str, reported: Option<&str>) -> KeyComparison {
        let file_system = FileSystem {
            id: "fs-00000001".to_owned().try_into().unwrap(),
            arn: None,
            owner_id: "111122223333".to_owned().try_into().unwrap(),
            region: "eu-west-1".to_owned().try_into().unwrap(),
            state: LifeCycle::Available,
            encrypted: reported.is_some(),
            kms_key_arn: reported.map(str::to_owned),
            availability_zone_name: None,
            protection: Protection::Enabled,
            size_in_bytes: 0,
            mount_targets: 0,
            tags: Tags::new(),
        };

        KeyComparison::of(asked, &file_system)
    }

    #[test]
    fn a_key_is_the_same_by_its_arn_and_by_its_id() {
        let arn = |account: &str, id: &str| format!("arn:aws:kms:eu-west-1:{account}:key/{id}");
        let own = arn("111122223333", "1");

        for same in [&own, "1"] {
            assert_eq!(compare(same, Some(&own)), KeyComparison::Same, "{same}");
            assert_eq!(compare(same, Some("1")), KeyComparison::Same, "{same}");
        }
        let others = arn("999999999999", "1");
        for other in ["2", &arn("111122223333", "2"), &others] {
            let compared = compare(other, Some(&own));
            assert_eq!(compared, KeyComparison::Differs, "{other}");
        }
    }

    #[test]
    fn an_alias_is_compared_with_an_alias_alone() {
        let arn = |account: &str| format!("arn:aws:kms:eu-west-1:{account}:alias/dr");
        let own = arn("111122223333");

        for (asked, reported) in [("alias/dr", &*own), (&own, "alias/dr"), (&own, &own)] {
            let compared = compare(asked, Some(reported));
            assert_eq!(compared, KeyComparison::Same, "{asked}");
        }
        let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
        let others = arn("999999999999");
        let unresolved = [
            ("alias/dr", key),
            (&own, key),
            ("alias/a", &own),
            (&others, &own),
        ];
        for (asked, reported) in unresolved {
            let compared = compare(asked, Some(reported));
            assert_eq!(compared, KeyComparison::Unresolved, "{asked}");
        }
    }

    #[test]
    fn what_is_not_encrypted_has_no_key() {
        assert_eq!(compare("1", None), KeyComparison::Differs);
        assert_eq!(compare("alias/dr", None), KeyComparison::Differs);
    }
}
