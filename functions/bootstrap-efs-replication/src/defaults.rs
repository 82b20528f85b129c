//! What the deployment gives the replica of a file system that asks for one by its tag, which has
//! room for a Region and for nothing else.

use std::collections::BTreeMap;

use serde::Deserialize;
use shared::{
    Arn, Region, Rejection, RejectionCode,
    strict::{self, Members, Object},
};

use crate::{
    command::{Replica, check_kms_key},
    request::RequestedReplica,
};

/// What replicas get by default, by the Region in which they are. Those of a Region in which no
/// replica may be are never used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicaDefaults(BTreeMap<Region, Defaults>);

/// What a replica in one Region gets by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The KMS key of a new replica, in any of the forms that EFS takes.
    pub kms_key_id: Option<String>,
    /// What the replica is to have besides the data.
    pub replica: Replica,
}

/// The same as it is written, in the words of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[derive(Default)]
struct WrittenDefaults {
    kms_key_id: Option<String>,
    replica: Option<Object<RequestedReplica>>,
}

impl ReplicaDefaults {
    /// Reads a JSON object with a member for each Region.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that names the first rule that the text breaks, with the path of the member.
    pub fn read(text: &str) -> Result<Self, Rejection> {
        let Members(written) = strict::read::<Members<Object<WrittenDefaults>>>(text)?;

        let mut defaults = BTreeMap::new();
        for (name, Object(written)) in written {
            let code = RejectionCode::InvalidValue;
            let region = Region::try_from(name.clone()).map_err(|_| {
                Rejection::at(&name, code, "not the name of a Region, such as eu-west-1")
            })?;

            let read = Defaults::read(&region, written)?;
            defaults.insert(region, read);
        }
        Ok(Self(defaults))
    }

    /// What a replica in this Region gets; nothing but the data in a Region that is not named.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> Defaults {
        self.0.get(region).cloned().unwrap_or_default()
    }
}

impl Defaults {
    fn read(region: &Region, written: WrittenDefaults) -> Result<Self, Rejection> {
        let wrong = |member: &str, message: &str| {
            let path = format!("{region}.{member}");
            Rejection::at(&path, RejectionCode::InvalidValue, message)
        };

        let key = written.kms_key_id;
        check_kms_key(key.as_deref()).map_err(|it| wrong("kmsKeyId", &it.message))?;
        // A key of another Region would be refused at each event; an ID or an alias says nothing.
        let arn = key.clone().and_then(|key| Arn::try_from(key).ok());
        if let Some(other) = arn.and_then(|arn| arn.region())
            && other != *region
        {
            return Err(wrong("kmsKeyId", &format!("the key is in {other}")));
        }

        let replica = written.replica.map(|replica| replica.0);
        let replica = Replica::from_request(replica.unwrap_or_default());
        Ok(Self {
            kms_key_id: key,
            replica: replica.map_err(|it| wrong("replica", &it.message))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::command::{Backup, Copying};

    fn region(text: &str) -> Region {
        Region::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn each_region_has_its_own() {
        let written = json!({
            "eu-west-1": {
                "kmsKeyId": "alias/dr",
                "replica": {
                    "mountTargets": [{ "subnetId": "subnet-0abc1234", "securityGroups": ["sg-0abc1234"] }],
                    "accessPoints": "copy",
                    "backup": "enabled",
                },
            },
            "eu-north-1": {},
        });
        let defaults = ReplicaDefaults::read(&written.to_string()).unwrap();

        let ireland = defaults.in_region(&region("eu-west-1"));
        assert_eq!(ireland.kms_key_id.as_deref(), Some("alias/dr"));
        assert_eq!(
            ireland.replica.mount_targets[0].subnet_id,
            "subnet-0abc1234"
        );
        assert_eq!(ireland.replica.access_points, Copying::Copy);
        assert_eq!(ireland.replica.backup, Some(Backup::Enabled));
        assert_eq!(ireland.replica.tags, Copying::Leave);

        for other in ["eu-north-1", "us-east-1"] {
            assert_eq!(defaults.in_region(&region(other)), Defaults::default());
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let subnet = |id: &str| json!({ "mountTargets": [{ "subnetId": id }] });
        let key = "arn:aws:kms:us-east-1:111122223333:alias/dr";
        let wrong: [(Value, &str); 7] = [
            (
                json!({ "Ireland": {} }),
                "`Ireland`: not the name of a Region",
            ),
            (
                json!({ "eu-west-1": null }),
                "`eu-west-1`: invalid type: null",
            ),
            (
                json!({ "eu-west-1": { "kmsKey": "1" } }),
                "`eu-west-1.kmsKey`: unknown field",
            ),
            (
                json!({ "eu-west-1": { "kmsKeyId": "a key" } }),
                "`eu-west-1.kmsKeyId`: kmsKeyId: `a key`",
            ),
            (
                json!({ "eu-west-1": { "kmsKeyId": key } }),
                "`eu-west-1.kmsKeyId`: the key is in us-east-1",
            ),
            (
                json!({ "eu-west-1": { "replica": subnet("subnet-1") } }),
                "`eu-west-1.replica`: subnetId: `subnet-1`",
            ),
            (
                json!({ "eu-west-1": { "replica": { "tags": "yes" } } }),
                "`eu-west-1.replica.tags`: unknown variant",
            ),
        ];
        for (written, part) in wrong {
            let message = ReplicaDefaults::read(&written.to_string())
                .unwrap_err()
                .message;
            assert!(message.starts_with(part), "{message}");
        }

        for text in ["", "[]", "null", "{}}", "eu-west-1"] {
            ReplicaDefaults::read(text).unwrap_err();
        }
    }

    #[test]
    fn a_region_is_named_once() {
        let twice = r#"{ "eu-west-1": {}, "eu-west-1": { "kmsKeyId": "alias/dr" } }"#;

        let wrong = ReplicaDefaults::read(twice).unwrap_err();
        assert_eq!(wrong.code, RejectionCode::DuplicateField);
        assert!(wrong.message.contains("eu-west-1"), "{wrong}");
    }
}
