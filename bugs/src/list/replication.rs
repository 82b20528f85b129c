//! What `bootstrap-efs-replication` may create, and when a replica is usable.

use crate::bug::Bug;

const BOOTSTRAP_CONTEXT: &str = "functions/bootstrap-efs-replication/src/context.rs";
const BOOTSTRAP_DEFAULTS: &str = "functions/bootstrap-efs-replication/src/defaults.rs";
const BOOTSTRAP_DESTINATION: &str = "functions/bootstrap-efs-replication/src/destination.rs";
const BOOTSTRAP_EXECUTE: &str = "functions/bootstrap-efs-replication/src/execute.rs";
const BOOTSTRAP_PLAN: &str = "functions/bootstrap-efs-replication/src/plan.rs";
const BOOTSTRAP_POLICY: &str = "functions/bootstrap-efs-replication/src/policy.rs";
const BOOTSTRAP_SNAPSHOT: &str = "functions/bootstrap-efs-replication/src/snapshot.rs";
const EFS_COMPARISON: &str = "shared/src/efs/comparison.rs";
const EFS_KEY: &str = "shared/src/efs/key.rs";
const EFS_TAGS: &str = "shared/src/efs/tags.rs";
const STRICT: &str = "shared/src/strict.rs";

pub(super) const BUGS: &[Bug] = &[
    // A source and its destination are fit for a replication, or are refused.
    Bug {
        name: "two targets overwrite one file system",
        file: BOOTSTRAP_PLAN,
        from: "earlier.source.id == target.source.id
        || overwritten.is_some() && overwritten == existing(earlier)",
        to: "earlier.source.id == target.source.id",
    },
    Bug {
        name: "an ARN of another account fits a file system",
        file: BOOTSTRAP_PLAN,
        from: "&& source.arn.as_ref() != Some(arn)",
        to: "&& source.arn.is_none()",
    },
    Bug {
        name: "a replica in a forbidden Region is adopted",
        file: BOOTSTRAP_PLAN,
        from: "if !policy.allows_region(&region) {",
        to: "if !policy.allows_region(&region) && view.replication.is_none() {",
    },
    Bug {
        name: "a replica is replicated",
        file: BOOTSTRAP_PLAN,
        from: "if source.protection == Protection::Replicating {",
        to: "if source.protection == Protection::Replicating && source.state != LifeCycle::Available {",
    },
    Bug {
        name: "an encrypted source gets a replica in the clear",
        file: BOOTSTRAP_PLAN,
        from: "(true, false) => Some(Reason::DestinationNotEncrypted),",
        to: "(true, false) => None,",
    },
    Bug {
        name: "a new replica gives up failback without being asked",
        file: BOOTSTRAP_PLAN,
        from: "(false, true) if !target.accept_no_failback =>",
        to: "(false, true) if !target.accept_no_failback && existing.is_some() =>",
    },
    Bug {
        name: "a replication of another Region is taken for the source's",
        file: BOOTSTRAP_PLAN,
        from: "replication.source_id == source.id && replication.source_region == source.region;",
        to: "replication.source_id == source.id;",
    },
    Bug {
        name: "a replica with another key is adopted",
        file: BOOTSTRAP_PLAN,
        from: "if has_another_key && !self.asked.by_default {",
        to: "if has_another_key && self.asked.by_default {",
    },
    Bug {
        name: "a paused replication is waited for",
        file: BOOTSTRAP_PLAN,
        from: "ReplicationStatus::Paused => stopped(Reason::ReplicationPaused),",
        to: "ReplicationStatus::Paused => Pending(Reason::ReplicationPaused),",
    },
    // Three keys open an overwrite.
    Bug {
        name: "any ID confirms an overwrite",
        file: BOOTSTRAP_PLAN,
        from: "if target.overwrite.as_ref() != Some(&existing.id) {",
        to: "if target.overwrite.is_none() {",
    },
    Bug {
        name: "an overwrite needs no approval",
        file: BOOTSTRAP_PLAN,
        from: "against.extend(guardrails.against(&command.request_id, &existing.tags));",
        to: "against.extend(guardrails.against_protected(&existing.tags));",
    },
    Bug {
        name: "the destination of another replication is overwritten",
        file: BOOTSTRAP_PLAN,
        from: "if other.is_some() || existing.protection == Protection::Replicating {",
        to: "if existing.protection == Protection::Replicating {",
    },
    Bug {
        name: "overwrite protection is ignored",
        file: BOOTSTRAP_PLAN,
        from: "Protection::Enabled => against.push(Reason::OverwriteProtectionEnabled.into()),",
        to: "Protection::Enabled => {}",
    },
    Bug {
        name: "unknown overwrite protection counts as disabled",
        file: BOOTSTRAP_PLAN,
        from: "Protection::Disabled | Protection::Replicating => {}",
        to: "Protection::Disabled | Protection::Replicating | Protection::Unknown => {}",
    },
    Bug {
        name: "a destination that is not available is overwritten",
        file: BOOTSTRAP_PLAN,
        from: "    if existing.state != LifeCycle::Available {",
        to: "    if false {",
    },
    Bug {
        name: "an overwrite is not read again right before it",
        file: BOOTSTRAP_EXECUTE,
        from: "    if run.overwrites() {
        run = recheck(command, target, context, calls).await;
    }
",
        to: "",
    },
    Bug {
        name: "an overwrite may do without approvals",
        file: BOOTSTRAP_POLICY,
        from: "ApprovalRule::Mandatory",
        to: "ApprovalRule::Optional",
    },
    Bug {
        name: "a misspelt Region is left out of REPLICA_REGIONS",
        file: BOOTSTRAP_POLICY,
        from: "    list(name, found, expected).map(Some)",
        to: "    let known = found.split(',');
    let known = known.filter(|region| Region::try_from((*region).to_owned()).is_ok());
    list(name, known.collect::<Vec<_>>().join(\",\"), expected).map(Some)",
    },
    // A replica is usable once all of it is there.
    Bug {
        name: "a replica is usable before its first sync",
        file: BOOTSTRAP_PLAN,
        from: "if self.replication.last_replicated.is_none() {",
        to: "if self.replication.last_replicated.is_none() && requests_resources(self.target) {",
    },
    Bug {
        name: "resources that were not read are complete",
        file: BOOTSTRAP_PLAN,
        from: "_ => return Some(failed(Reason::UnknownState)),",
        to: "_ => return None,",
    },
    Bug {
        name: "a replica is provisioned while it is created",
        file: BOOTSTRAP_PLAN,
        from: "LifeCycle::Creating | LifeCycle::Updating => {
                return Some(Pending(Reason::ReplicaNotAvailable));
            }",
        to: "LifeCycle::Creating | LifeCycle::Updating => {}",
    },
    Bug {
        name: "resources that are being created are not waited for",
        file: BOOTSTRAP_PLAN,
        from: "        self.is_creating
            .then_some(Pending(Reason::PartsNotAvailable))",
        to: "        None",
    },
    Bug {
        name: "access points that are being created are not waited for",
        file: BOOTSTRAP_PLAN,
        from: "        self.is_creating |= points.is_creating;
",
        to: "",
    },
    Bug {
        name: "a broken resource keeps the missing ones from being created",
        file: BOOTSTRAP_PLAN,
        from: "if !self.resources.is_empty() {",
        to: "if !self.resources.is_empty() && self.broken.is_none() {",
    },
    // Tags speak of one file system.
    Bug {
        name: "the mark is set on a replica in another account",
        file: BOOTSTRAP_PLAN,
        from: "Some(replica) if replica.owner_id == self.source.owner_id => replica,",
        to: "Some(replica) => replica,",
    },
    Bug {
        name: "each request marks the replica anew",
        file: BOOTSTRAP_PLAN,
        from: "if replica.tags.contains_key(BOOTSTRAPPED_BY_TAG) {",
        to: "if replica.tags.get(BOOTSTRAPPED_BY_TAG) == Some(&self.command.request_id.to_string()) {",
    },
    Bug {
        name: "the mark is set as the fifty-first tag",
        file: BOOTSTRAP_PLAN,
        from: "count_user_tags(&replica.tags) >= MAX_TAGS",
        to: "count_user_tags(&replica.tags) > MAX_TAGS",
    },
    Bug {
        name: "drover's own tags are copied to the replica",
        file: EFS_TAGS,
        from: r#"is_of_aws(key) || key.starts_with("drover:") || guardrails.is_control_tag(key)"#,
        to: "is_of_aws(key) || guardrails.is_control_tag(key)",
    },
    Bug {
        name: "the approval is copied to the replica",
        file: EFS_TAGS,
        from: r#"is_of_aws(key) || key.starts_with("drover:") || guardrails.is_control_tag(key)"#,
        to: r#"is_of_aws(key) || key.starts_with("drover:") || key == guardrails.protection_tag"#,
    },
    Bug {
        name: "a tag with another value is left",
        file: BOOTSTRAP_PLAN,
        from: "missing.retain(|key, value| replica.tags.get(key) != Some(value));",
        to: "missing.retain(|key, _| !replica.tags.contains_key(key));",
    },
    Bug {
        name: "copied access points lose their tags",
        file: BOOTSTRAP_PLAN,
        from: "tags: copied_tags(&point.tags, &policy.guardrails),",
        to: "tags: Tags::new(),",
    },
    // What the replica has is compared with what it should have.
    Bug {
        name: "requested security groups are compared in the order of the request",
        file: BOOTSTRAP_PLAN,
        from: "            groups.sort();
",
        to: "",
    },
    Bug {
        name: "a mount target with other security groups is left",
        file: BOOTSTRAP_PLAN,
        from: "found.security_groups != groups {",
        to: "found.security_groups.is_empty() {",
    },
    Bug {
        name: "a mount target that is being created has the wrong groups",
        file: BOOTSTRAP_PLAN,
        from: "if is_available && !groups.is_empty()",
        to: "if !groups.is_empty()",
    },
    Bug {
        name: "access points are created without being asked for",
        file: BOOTSTRAP_PLAN,
        from: "        if asked.access_points == Copying::Leave {
            return;
        }
",
        to: "",
    },
    Bug {
        name: "other lifecycle policies of the replica are left",
        file: BOOTSTRAP_PLAN,
        from: "&& lifecycle.source != lifecycle.replica",
        to: "&& lifecycle.source != lifecycle.replica
            && lifecycle.replica.is_empty()",
    },
    Bug {
        name: "backups are never switched off",
        file: BOOTSTRAP_PLAN,
        from: "&& is_on != (requested == Backup::Enabled)",
        to: "&& !is_on
            && requested == Backup::Enabled",
    },
    Bug {
        name: "access points are compared by their path alone",
        file: EFS_COMPARISON,
        from: "existing.root == point.root",
        to: "existing.root.path == point.root.path",
    },
    Bug {
        name: "access points are compared without their user",
        file: EFS_COMPARISON,
        from: "existing.root == point.root",
        to: "existing.root.path == point.root.path
            && existing.root.creation_info == point.root.creation_info",
    },
    Bug {
        name: "access points are compared without their owner and permissions",
        file: EFS_COMPARISON,
        from: "existing.root == point.root",
        to: "existing.root.path == point.root.path
            && existing.root.posix_user == point.root.posix_user",
    },
    Bug {
        name: "a policy is compared without the access points that it names",
        file: BOOTSTRAP_SNAPSHOT,
        from: "(self.policy.is_none() || self.access_points.is_none())",
        to: "self.policy.is_none()",
    },
    Bug {
        name: "missing access points beyond the limit are forgotten",
        file: EFS_COMPARISON,
        from: "// The observation after those that come first shows which come next.
            self.is_creating = true;",
        to: "// They are counted.",
    },
    Bug {
        name: "a broken access point is not reported",
        file: EFS_COMPARISON,
        from: "                self.broken.get_or_insert_with(|| existing.id.clone());
",
        to: "",
    },
    Bug {
        name: "an access point that is being deleted is copied",
        file: EFS_COMPARISON,
        from: "LifeCycle::Deleting | LifeCycle::Error => return,",
        to: "LifeCycle::Deleting | LifeCycle::Error => {}",
    },
    // Each step is taken once, in its Region, and with time to read it back.
    Bug {
        name: "a step without time for its read is taken",
        file: BOOTSTRAP_EXECUTE,
        from: "context.invocation.calls_left() > calls_to_read;",
        to: "context.invocation.calls_left() > 0;",
    },
    Bug {
        name: "a replication that only a later plan asks for is created",
        file: BOOTSTRAP_EXECUTE,
        from: "Step::Replicate(_) => self.first.steps().contains(step),",
        to: "Step::Replicate(_) => true,",
    },
    Bug {
        name: "steps follow on a replica that could not be read",
        file: BOOTSTRAP_EXECUTE,
        from: "        if self.unread.is_some() {
            return Vec::new();
        }
",
        to: "",
    },
    Bug {
        name: "the replica is provisioned in the source's Region",
        file: BOOTSTRAP_EXECUTE,
        from: "let efs = context.efs.in_region(&replica.region);",
        to: "let efs = context.efs.home();",
    },
    Bug {
        name: "a step that failed is hidden by a later one",
        file: BOOTSTRAP_EXECUTE,
        from: "failed.find(is_open).or_else(|| self.attempts.last())",
        to: "self.attempts.last()",
    },
    Bug {
        name: "a failed step that no longer matters is what is reported",
        file: BOOTSTRAP_EXECUTE,
        from: "failed.find(is_open).or_else(|| self.attempts.last())",
        to: "failed.next().or_else(|| self.attempts.last())",
    },
    Bug {
        name: "backups are switched the wrong way",
        file: BOOTSTRAP_EXECUTE,
        from: "let is_on = *backup == Backup::Enabled;",
        to: "let is_on = *backup != Backup::Enabled;",
    },
    Bug {
        name: "reports have the order in which Regions finish",
        file: BOOTSTRAP_CONTEXT,
        from: "    finished.sort_by_key(|(position, ..)| *position);
",
        to: "",
    },
    // What a deployment gives the replica of a tagged file system, and what is told of a usable one.
    Bug {
        name: "a tagged file system gets nothing of the defaults",
        file: BOOTSTRAP_DESTINATION,
        from: "replica: defaults.replica,",
        to: "replica: Replica::default(),",
    },
    Bug {
        name: "a tagged file system is replicated without the key of the defaults",
        file: BOOTSTRAP_DESTINATION,
        from: "kms_key_id: defaults.kms_key_id,",
        to: "kms_key_id: None,",
    },
    Bug {
        name: "a request takes the defaults of its Region",
        file: BOOTSTRAP_DESTINATION,
        from: "replica: target.replica.clone(),",
        to: "replica: match destination.region() {
                Some(region) => policy.replica_defaults.in_region(&region).replica,
                None => target.replica.clone(),
            },",
    },
    Bug {
        name: "a replica that nothing can mount is called usable without a word of it",
        file: BOOTSTRAP_PLAN,
        from: "if asks_for_none && replica.is_some_and(|replica| replica.mount_targets == 0) {",
        to: "if asks_for_none && replica.is_none() {",
    },
    Bug {
        name: "a key that could not be compared is not told",
        file: BOOTSTRAP_PLAN,
        from: "KeyComparison::Unresolved => known.push(self.key(Reason::KmsKeyNotCompared)),",
        to: "KeyComparison::Unresolved => {}",
    },
    Bug {
        name: "a replica in the clear has any key",
        file: EFS_KEY,
        from: "                false => Self::Differs,
            };",
        to: "                false => Self::Same,
            };",
    },
    Bug {
        name: "a replica with another key than the default is refused",
        file: BOOTSTRAP_PLAN,
        from: "if has_another_key && !self.asked.by_default {",
        to: "if has_another_key {",
    },
    Bug {
        name: "a default key of another Region is taken",
        file: BOOTSTRAP_DEFAULTS,
        from: "            && other != *region
",
        to: "            && false
",
    },
    Bug {
        name: "of a Region with two defaults one counts",
        file: STRICT,
        from: "if members.iter().any(|(other, _)| *other == name) {",
        to: "if false {",
    },
];
