//! What a replica lacks of what was requested: a model of the README's rules over the world.

use std::collections::{BTreeMap, BTreeSet};

use emulator::{AccessPoint, FileSystem, MountTarget};
use serde_json::{Value, json};

use crate::{efs::MARK, record::text};

/// The most tags of a file system that are not AWS's own (EFS User Guide).
const MAX_TAGS: usize = 50;
/// How many steps of a kind, or tags of a step, a report names before it counts them.
const NAMED: usize = 4;

/// A step that gives a replica one of its parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    MountTarget(Value),
    AccessPoint(AccessPoint),
    Lifecycle(Vec<Value>),
    Backup(String),
    /// The statements that the replica's policy lacks.
    Policy(Vec<Value>),
    Tags(BTreeMap<String, String>),
}

/// What a replica lacks, and what is in the way.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) missing: Vec<Part>,
    pub(crate) is_creating: bool,
    /// Every reason for which somebody has to act.
    pub(crate) broken: Vec<&'static str>,
}

/// A source and its replica, each with its Region, in an account.
#[derive(Clone, Copy)]
pub(crate) struct Ends<'a> {
    pub(crate) account: &'a str,
    pub(crate) source: (&'a str, &'a FileSystem),
    pub(crate) replica: (&'a str, &'a FileSystem),
}

impl Parts {
    /// Whether the replica has everything that was requested.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing.is_empty() && !self.is_creating && self.broken.is_empty()
    }
}

/// Compares both ends, as far as a request asks for parts.
pub(crate) fn compare(ends: Ends<'_>, asked: &Value) -> Parts {
    let mut parts = Parts::default();
    let (source, replica) = (ends.source.1, ends.replica.1);
    let copies = |part: &str| asked[part] == "copy";

    for requested in asked["mountTargets"].as_array().into_iter().flatten() {
        add_mount_target(&mut parts, replica, requested);
    }
    if copies("accessPoints") {
        for point in &source.access_points {
            add_access_point(&mut parts, replica, point);
        }
    }

    // Lifecycle policies have no order.
    let as_set = |policies: &[Value]| -> BTreeSet<String> {
        policies.iter().map(ToString::to_string).collect()
    };
    let (wanted, found) = (&source.lifecycle_policies, &replica.lifecycle_policies);
    if copies("lifecycle") && as_set(wanted) != as_set(found) {
        parts.missing.push(Part::Lifecycle(wanted.clone()));
    }

    // A file system without a backup policy has no backups.
    let is_enabled = replica.backup.as_deref() == Some("ENABLED");
    if let Some(backup) = asked["backup"].as_str()
        && is_enabled != (backup == "enabled")
    {
        parts.missing.push(Part::Backup(backup.to_owned()));
    }

    if copies("policy") {
        match lacking_statements(ends) {
            Some(lacking) if lacking.is_empty() => {}
            Some(lacking) => parts.missing.push(Part::Policy(lacking)),
            None => parts.broken.push("policy_not_translatable"),
        }
    }
    if copies("tags") {
        add_tags(&mut parts, source, replica);
    }
    parts
}

fn add_mount_target(parts: &mut Parts, replica: &FileSystem, requested: &Value) {
    let mut existing = replica.mount_targets.iter();
    let found = existing.find(|found| requested["subnetId"] == found.subnet_id.as_str());
    let Some(found) = found else {
        return parts.missing.push(Part::MountTarget(requested.clone()));
    };

    // A request without security groups takes any; otherwise their order makes no difference.
    let groups: BTreeSet<&str> = groups(requested).collect();
    let real = found.security_groups.iter().map(String::as_str).collect();
    match found.state.as_str() {
        "available" if !groups.is_empty() && groups != real => {
            parts.broken.push("mount_target_differs");
        }
        "available" => {}
        "creating" | "updating" => parts.is_creating = true,
        _ => parts.broken.push("part_in_error"),
    }
}

pub(crate) fn groups(requested: &Value) -> impl Iterator<Item = &str> {
    let groups = requested["securityGroups"].as_array().into_iter().flatten();

    groups.filter_map(Value::as_str)
}

fn add_access_point(parts: &mut Parts, replica: &FileSystem, point: &AccessPoint) {
    let counterpart = counterpart(replica, point);

    match (
        point.state.as_str(),
        counterpart.map(|it| it.state.as_str()),
    ) {
        ("available", None) => parts.missing.push(Part::AccessPoint(point.clone())),
        ("available", Some("available")) => {}
        ("creating" | "updating", _) | ("available", Some("creating" | "updating")) => {
            parts.is_creating = true;
        }
        ("available", Some(_)) => parts.broken.push("part_in_error"),
        // What is about to disappear from the source is not handed over.
        _ => {}
    }
}

/// The access point behind which a client acts as the same user in the same directory.
pub(crate) fn counterpart<'a>(
    replica: &'a FileSystem,
    point: &AccessPoint,
) -> Option<&'a AccessPoint> {
    let mut existing = replica.access_points.iter();

    existing.find(|existing| behind(existing) == behind(point))
}

/// What a client finds behind an access point.
pub(crate) fn behind(point: &AccessPoint) -> Value {
    behind_which(point.posix_user.as_ref(), point.root_directory.as_ref())
}

/// The same of a call that creates one.
pub(crate) fn behind_call(input: &Value) -> Value {
    behind_which(input.get("PosixUser"), input.get("RootDirectory"))
}

fn behind_which(user: Option<&Value>, root: Option<&Value>) -> Value {
    let path = root.and_then(|root| root["Path"].as_str());
    let groups = user.and_then(|user| user["SecondaryGids"].as_array());

    json!({
        "uid": user.map(|user| &user["Uid"]),
        "gid": user.map(|user| &user["Gid"]),
        "groups": groups.cloned().unwrap_or_default(),
        "path": path.unwrap_or("/"),
        "created as": root.map(|root| &root["CreationInfo"]),
    })
}

fn add_tags(parts: &mut Parts, source: &FileSystem, replica: &FileSystem) {
    let mut lacking = own_tags(source);
    lacking.retain(|key, value| replica.tags.get(key) != Some(value));
    if lacking.is_empty() {
        return;
    }

    let new = lacking
        .keys()
        .filter(|key| !replica.tags.contains_key(*key));
    if count_tags(replica) + new.count() > MAX_TAGS {
        parts.broken.push("too_many_tags");
    } else {
        parts.missing.push(Part::Tags(lacking));
    }
}

/// The tags that a replica is to have as well: neither AWS's nor drover's.
pub(crate) fn own_tags(file_system: &FileSystem) -> BTreeMap<String, String> {
    own_of(&file_system.tags)
}

/// The same of an access point's.
pub(crate) fn own_of(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_own = |key: &str| !is_of_aws(key) && !key.starts_with("drover:");

    tags.iter()
        .filter(|(key, _)| is_own(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_of_aws(key: &str) -> bool {
    key.to_lowercase().starts_with("aws:")
}

fn count_tags(file_system: &FileSystem) -> usize {
    let keys = file_system.tags.keys();

    keys.filter(|key| !is_of_aws(key)).count()
}

/// The step that marks a replica as usable: `None` if it is marked, or has no room for the mark.
pub(crate) fn mark(replica: &FileSystem, request: &str) -> Option<Part> {
    let has_room = count_tags(replica) < MAX_TAGS && !replica.tags.contains_key(MARK);

    has_room.then(|| Part::Tags([(MARK.to_owned(), request.to_owned())].into()))
}

/// The statements of the source's policy, in the names of the replica, that its policy lacks;
/// `None` if one names something that the replica's side does not have.
pub(crate) fn lacking_statements(ends: Ends<'_>) -> Option<Vec<Value>> {
    let of_source = statements(ends.source.1);
    let existing: Vec<Value> = statements(ends.replica.1).iter().map(meaning).collect();
    let names = names(ends);
    // Within a Region, everything else in it means what it did.
    let left = Some(ends.source.0).filter(|region| *region != ends.replica.0);

    // Statements are only ever added: what the replica's own say stays.
    let mut lacking = Vec::new();
    for statement in of_source {
        let text = translated(&statement, &names, left)?;
        if !existing.contains(&meaning(&text)) {
            lacking.push(text);
        }
    }
    Some(lacking)
}

fn statements(file_system: &FileSystem) -> Vec<Value> {
    statements_of(&policy_of(file_system))
}

/// The policy of a file system; null if it has none.
pub(crate) fn policy_of(file_system: &FileSystem) -> Value {
    let policy = file_system.policy.as_deref().unwrap_or("null");

    serde_json::from_str(policy).unwrap_or_default()
}

pub(crate) fn statements_of(policy: &Value) -> Vec<Value> {
    match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        Value::Null => Vec::new(),
        statement => vec![statement.clone()],
    }
}

/// Each ARN of the source's side with its counterpart.
fn names(ends: Ends<'_>) -> BTreeMap<String, String> {
    let Ends {
        account,
        source,
        replica,
    } = ends;
    let arn = |region: &str, kind: &str, id: &str| {
        format!("arn:aws:elasticfilesystem:{region}:{account}:{kind}/{id}")
    };
    let of_file_system =
        |(region, it): (&str, &FileSystem)| arn(region, "file-system", &it.file_system_id);

    // Only an access point with a counterpart has a name on the other side.
    let points = source.1.access_points.iter().filter_map(|point| {
        let counterpart = counterpart(replica.1, point)?;
        let to = arn(replica.0, "access-point", &counterpart.access_point_id);
        Some((arn(source.0, "access-point", &point.access_point_id), to))
    });
    points
        .chain([(of_file_system(source), of_file_system(replica))])
        .collect()
}

/// A statement in the names of the replica's side.
fn translated(
    value: &Value,
    names: &BTreeMap<String, String>,
    left: Option<&str>,
) -> Option<Value> {
    match value {
        Value::String(text) => {
            if let Some(name) = names.get(text) {
                return Some(json!(name));
            }
            // What is left of EFS, of a network or of a Region that is left has no counterpart.
            let is_arn_of = |part: &str| text.starts_with("arn:") && text.contains(part);
            let is_bound = text.starts_with("vpc-")
                || text.starts_with("vpce-")
                || is_arn_of(":elasticfilesystem:")
                || left.is_some_and(|region| is_arn_of(&format!(":{region}:")));
            (!is_bound).then(|| value.clone())
        }
        Value::Array(values) => {
            let values = values.iter().map(|it| translated(it, names, left));
            values.collect::<Option<Vec<Value>>>().map(Value::from)
        }
        Value::Object(members) => {
            let mut copy = members.clone();
            for member in copy.values_mut() {
                *member = translated(member, names, left)?;
            }
            Some(Value::Object(copy))
        }
        other => Some(other.clone()),
    }
}

/// What a statement says, however it is spelt: without its name, a list of one as its member, and
/// every list in order.
pub(crate) fn meaning(statement: &Value) -> Value {
    match statement {
        Value::Array(values) if values.len() == 1 => meaning(&values[0]),
        Value::Array(values) => {
            let mut values: Vec<Value> = values.iter().map(meaning).collect();
            values.sort_by_key(Value::to_string);
            Value::Array(values)
        }
        Value::Object(members) => {
            let named = members.iter().filter(|(name, _)| *name != "Sid");
            named
                .map(|(name, value)| (name.clone(), meaning(value)))
                .collect()
        }
        other => other.clone(),
    }
}

impl Part {
    /// The operation that provides it.
    pub(crate) fn operation(&self) -> &'static str {
        match self {
            Self::MountTarget(_) => "CreateMountTarget",
            Self::AccessPoint(_) => "CreateAccessPoint",
            Self::Lifecycle(_) => "PutLifecycleConfiguration",
            Self::Backup(_) => "PutBackupPolicy",
            Self::Policy(_) => "PutFileSystemPolicy",
            Self::Tags(_) => "TagResource",
        }
    }

    /// Whether EFS may refuse it while the replica is replicated to, which it leaves open.
    pub(crate) fn may_be_refused(&self) -> bool {
        matches!(
            self,
            Self::AccessPoint(_) | Self::Lifecycle(_) | Self::Policy(_)
        )
    }

    /// Gives a replica the part, as EFS does.
    pub(crate) fn provide(&self, replica: &mut FileSystem) {
        match self {
            Self::MountTarget(requested) => replica.mount_targets.push(MountTarget {
                mount_target_id: String::new(),
                subnet_id: text(requested, "subnetId").to_owned(),
                ip_address: String::new(),
                availability_zone_name: String::new(),
                security_groups: groups(requested).map(str::to_owned).collect(),
                created_at: None,
                state: "creating".to_owned(),
            }),
            Self::AccessPoint(point) => replica.access_points.push(AccessPoint {
                state: "creating".to_owned(),
                ..point.clone()
            }),
            Self::Lifecycle(policies) => replica.lifecycle_policies.clone_from(policies),
            Self::Backup(backup) => replica.backup = Some(backup.to_uppercase()),
            Self::Policy(lacking) => {
                let mut all = statements(replica);
                all.extend(lacking.iter().cloned());
                replica.policy = Some(json!({ "Statement": all }).to_string());
            }
            Self::Tags(tags) => replica.tags.extend(tags.clone()),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::MountTarget(requested) => {
                let subnet = text(requested, "subnetId");
                // In one order, and each once.
                let groups: Vec<&str> = groups(requested)
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect();
                match groups.is_empty() {
                    true => format!("create a mount target in {subnet}"),
                    false => format!(
                        "create a mount target in {subnet} with {}",
                        groups.join(", ")
                    ),
                }
            }
            Self::AccessPoint(point) => {
                let path = &behind(point)["path"];
                let path = path.as_str().unwrap_or_default();
                format!(
                    "create an access point like {} for {path}",
                    point.access_point_id
                )
            }
            Self::Lifecycle(policies) => {
                let transitions = policies.iter().filter_map(Value::as_object);
                let count: usize = transitions.map(serde_json::Map::len).sum();
                format!("set {count} lifecycle transitions")
            }
            Self::Backup(backup) => format!("set automatic backups to {backup}"),
            Self::Policy(_) => "merge the source's file system policy".to_owned(),
            Self::Tags(tags) => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                match keys.len() > NAMED {
                    true => {
                        let first = keys[..NAMED - 1].join(", ");
                        format!("set {} tags: {first} and more", keys.len())
                    }
                    false => format!("set the tags {}", keys.join(", ")),
                }
            }
        }
    }
}

/// Parts in words: of more than a few alike, the first and how many there are.
pub(crate) fn sentences(parts: &[Part]) -> Vec<String> {
    let mut sentences = Vec::new();

    for alike in parts.chunk_by(|part, next| part.operation() == next.operation()) {
        let total = alike.len();
        let named = if total > NAMED { NAMED - 1 } else { total };
        sentences.extend(alike.iter().take(named).map(Part::sentence));
        if named < total {
            let more = total - named;
            sentences.push(format!("and {more} more like these, {total} in all"));
        }
    }
    sentences
}
