//! What the deployment gives the replica of a tagged file system, which the request for one that is
//! offered has to say as well.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use shared::{
    Region, Rejection, RejectionCode,
    strict::{self, Members, Object},
};

/// What replicas get by default, by the Region in which they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicaDefaults(BTreeMap<Region, Defaults>);

/// What a replica in one Region gets by default, in the words of a request. They are handed on as
/// they are: `bootstrap-efs-replication` has the same variable, and checks them when it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Defaults {
    /// The KMS key of a new replica.
    pub kms_key_id: Option<String>,
    /// What the replica is to have besides the data.
    pub replica: Map<String, Value>,
}

impl ReplicaDefaults {
    /// Reads a JSON object with a member for each Region.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that names the first rule that the text breaks.
    pub fn read(text: &str) -> Result<Self, Rejection> {
        let Members(written) = strict::read::<Members<Object<Defaults>>>(text)?;

        let mut defaults = BTreeMap::new();
        for (name, Object(given)) in written {
            let region = Region::try_from(name.clone()).map_err(|wrong| {
                Rejection::at(&name, RejectionCode::InvalidValue, &wrong.to_string())
            })?;
            defaults.insert(region, given);
        }
        Ok(Self(defaults))
    }

    /// What a replica in this Region gets, if the Region is named.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> Option<&Defaults> {
        self.0.get(region)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::region;

    #[test]
    fn what_is_given_in_a_region_is_handed_on_as_it_is() {
        let replica =
            json!({ "mountTargets": [{ "subnetId": "subnet-0abc1234" }], "tags": "copy" });
        let written = json!({ "eu-west-1": { "kmsKeyId": "alias/dr", "replica": replica } });
        let defaults = ReplicaDefaults::read(&written.to_string()).unwrap();

        let given = defaults.in_region(&region("eu-west-1")).unwrap();
        assert_eq!(given.kms_key_id.as_deref(), Some("alias/dr"));
        assert_eq!(json!(given.replica), replica);
        assert_eq!(defaults.in_region(&region("us-east-1")), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let wrong = [
            "",
            "[]",
            r#"{ "Ireland": {} }"#,
            r#"{ "eu-west-1": null }"#,
            r#"{ "eu-west-1": { "kmsKey": "1" } }"#,
            r#"{ "eu-west-1": {}, "eu-west-1": {} }"#,
        ];
        for text in wrong {
            assert!(ReplicaDefaults::read(text).is_err(), "{text}");
        }
    }
}
