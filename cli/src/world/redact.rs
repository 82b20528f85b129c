//! A world without what names its owner, for a bug report.
//!
//! Every text is replaced unless its member is known to hold a word of AWS: a member that is new is
//! redacted, and not forgotten. What was one text stays one text, also inside an ARN.

use anyhow::{Result, anyhow};
use emulator::{World, aws::constraints};
use serde_json::{Map, Value};

use super::words::Words;

/// The members whose texts are words of AWS, times, or places.
pub(super) const KEPT: [&str; 39] = [
    "region",
    "now",
    "began",
    "dataReplicationState",
    "dataReplicationError",
    "replicationDirection",
    "stagingStatus",
    "replicatingSince",
    "firstByteAt",
    "stagingGoneAt",
    "agentUnreachableSince",
    "agentSeenAt",
    "agentGoneAt",
    "originRegion",
    "ec2InstanceState",
    "failbackState",
    "type",
    "initiatedBy",
    "createdAt",
    "endsAt",
    "orderedStatus",
    "launchStatus",
    "lifeCycleState",
    "performanceMode",
    "throughputMode",
    "throughputChangedAt",
    "availabilityZoneName",
    "protection",
    "backup",
    "state",
    "sourceRegion",
    "destinationRegion",
    "status",
    "firstSyncEndsAt",
    "forgottenBy",
    "TransitionToIA",
    "TransitionToArchive",
    "TransitionToPrimaryStorageClass",
    "Permissions",
];
/// The members of a policy whose texts are words of AWS.
const KEPT_IN_POLICIES: [&str; 5] = ["Version", "Effect", "Action", "NotAction", "Service"];
/// Tags of drover and of AWS mean something.
const OWN_TAGS: &str = "drover:";
const AWS_TAGS: &str = "aws:";
/// The same world without the names, addresses, tags, accounts and IDs of its owner.
///
/// # Errors
///
/// When the result is no world, which a world of AWS does not lead to.
pub(super) fn redact(world: &World) -> Result<World> {
    let mut value = serde_json::to_value(world)?;
    let mut words = Words::default();

    // As JSON, so that no member can be forgotten.
    words.redact_members("", &mut value);
    let text = serde_json::to_string(&value)?;
    World::from_json(&text).map_err(|wrong| anyhow!("the redacted world is none: {wrong}"))
}

impl Words {
    fn redact_members(&mut self, name: &str, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(name, text),
            Value::Array(items) => {
                for item in items {
                    self.redact_members(name, item);
                }
            }
            // Switches of the emulator are its own words.
            Value::Object(_) if name == "behaviour" => {}
            Value::Object(members) if name == "tags" => *members = self.tags(members),
            Value::Object(members) => {
                // Their own names are words of AWS, but for those of a map by ID.
                for (name, value) in members.iter_mut() {
                    self.redact_members(name, value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn tags(&mut self, tags: &Map<String, Value>) -> Map<String, Value> {
        // Keys name teams and projects as values do.
        let redacted = tags.iter().map(|(key, value)| {
            let value = value.as_str().unwrap_or_default();
            let is_region = constraints::partition(value).is_some();
            // Where something is to be replicated to is no secret, and means something.
            let value = match key.starts_with(OWN_TAGS) && is_region {
                true => value.to_owned(),
                false => self.name("value", value),
            };

            let key = match key.strip_prefix(AWS_TAGS) {
                _ if key.starts_with(OWN_TAGS) => key.clone(),
                Some(own) => format!("{AWS_TAGS}{}", self.word("key", own)),
                None => self.word("key", key),
            };
            (key, Value::String(value))
        });
        redacted.collect()
    }

    /// What stands for the text of a member.
    fn text(&mut self, member: &str, text: &str) -> String {
        if KEPT.contains(&member) {
            return text.to_owned();
        }

        match member {
            "policy" => self.policy(text),
            "hostname" | "fqdn" => self.host(text),
            "Path" => self.path(text),
            "creationToken" | "clientToken" => self.name("token", text),
            _ => self.name("text", text),
        }
    }

    /// A policy stays one: its words stay, and whom and what it names does not.
    fn policy(&mut self, text: &str) -> String {
        let Ok(mut policy) = serde_json::from_str::<Value>(text) else {
            return self.word("policy", text);
        };

        self.redact_policy("", &mut policy);
        policy.to_string()
    }

    fn redact_policy(&mut self, name: &str, value: &mut Value) {
        match value {
            Value::String(text) => {
                let is_word = matches!(text.as_str(), "*" | "true" | "false");
                if !is_word && !KEPT_IN_POLICIES.contains(&name) {
                    *text = self.name("text", text);
                }
                // IAM allows letters and digits only.
                if name == "Sid" {
                    text.retain(|letter| letter.is_ascii_alphanumeric());
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.redact_policy(name, item);
                }
            }
            Value::Object(members) => {
                let redacted = std::mem::take(members)
                    .into_iter()
                    .map(|(name, mut value)| {
                        self.redact_policy(&name, &mut value);
                        // Such as `aws:PrincipalTag/team`: the key of a tag.
                        let name = match name.split_once('/') {
                            Some((condition, key)) => {
                                format!("{condition}/{}", self.word("key", key))
                            }
                            None => name,
                        };
                        (name, value)
                    });
                *members = redacted.collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
