//! File systems and the replications between them: plain data and total functions, without HTTP.
//!
//! One caller works here, in the world's account. File systems of other owners stand in the same
//! lists; the caller reaches them by ARN, as far as their policy names its account. What ends
//! asynchronously in AWS without a known pace, a deletion for instance, ends at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    aws::call::Service,
    aws::constraints,
    world::{ApiError, Behaviour, Reply, World, fresh},
};

/// How long a file system is `creating`. Not documented; a plausible pace.
const FILE_SYSTEM_TAKES: TimeDelta = TimeDelta::minutes(1);
/// How long a mount target is `creating`. Not documented; a plausible pace.
const MOUNT_TARGET_TAKES: TimeDelta = TimeDelta::seconds(90);
/// How long an access point is `creating`. Not documented; a plausible pace.
const ACCESS_POINT_TAKES: TimeDelta = TimeDelta::seconds(5);
/// How long a replication is ENABLING. Not documented; a plausible pace.
const ENABLING: TimeDelta = TimeDelta::minutes(5);
/// How much a first sync copies in a second. Not documented; a plausible pace.
const BYTES_PER_SECOND: u64 = 100 << 20;
/// The recovery point objective, in minutes.
const OBJECTIVE_MINUTES: i64 = 15;
/// The hidden metadata of a destination.
pub const METADATA_BYTES: u64 = 12 << 20;
/// The largest size that the model has a number for.
const LARGEST: u64 = i64::MAX.cast_unsigned();
/// The quotas: file systems of an account in a Region, access points of a file system, security
/// groups of a mount target, tags of a resource.
const MAX_FILE_SYSTEMS: usize = 1000;
const MAX_ACCESS_POINTS: usize = 10_000;
const MAX_SECURITY_GROUPS: usize = 5;
const MAX_TAGS: usize = 50;
/// Throughput may be lowered, or its mode changed, once in this time.
const THROUGHPUT_STANDS: TimeDelta = TimeDelta::hours(24);
/// The VPC and the security group that are there without being told of.
const DEFAULT_VPC: &str = "vpc-0123456789abcdef0";
const DEFAULT_SECURITY_GROUP: &str = "sg-0123456789abcdef0";

/// EFS in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Efs {
    /// All file systems, of all owners.
    pub file_systems: Vec<FileSystem>,
    /// The IDs of the file systems, mount targets and access points that were deleted: no other
    /// ever has them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gone: BTreeSet<String>,
}

/// A file system. Only its ID is needed; the rest has the values of a healthy one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileSystem {
    /// `fs-` and 8 to 40 hexadecimal digits.
    pub file_system_id: String,
    /// The account that owns it; without it, the world's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// The token that it was created with.
    #[serde(default)]
    pub creation_token: String,
    /// When it was created; without it, long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The life cycle's state, as the API spells it.
    #[serde(default = "available")]
    pub life_cycle_state: String,
    /// What it holds.
    #[serde(default = "six_kibibytes")]
    pub size_bytes: u64,
    /// generalPurpose or maxIO.
    #[serde(default = "general_purpose")]
    pub performance_mode: String,
    /// bursting, provisioned or elastic.
    #[serde(default = "elastic")]
    pub throughput_mode: String,
    /// The throughput of the mode provisioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioned_throughput_in_mibps: Option<f64>,
    /// When the throughput was changed for the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_changed_at: Option<DateTime<Utc>>,
    /// Whether it is encrypted at rest.
    #[serde(default = "yes")]
    pub encrypted: bool,
    /// The key, where it is not the service's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The zone of a One Zone file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone_name: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its overwrite protection: ENABLED, DISABLED or REPLICATING.
    #[serde(default = "enabled")]
    pub protection: String,
    /// Its lifecycle policies, as the API spells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifecycle_policies: Vec<Value>,
    /// ENABLED or DISABLED; without it, there is no backup policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// Its policy, a JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its mount targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount_targets: Vec<MountTarget>,
    /// Its access points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_points: Vec<AccessPoint>,
}

/// A mount target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MountTarget {
    /// `fsmt-` and hexadecimal digits.
    pub mount_target_id: String,
    /// The subnet in which it is.
    pub subnet_id: String,
    /// Its address there.
    pub ip_address: String,
    /// The zone of the subnet.
    pub availability_zone_name: String,
    /// The security groups of its network interface.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// When it was created; without it, long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The life cycle's state, as the API spells it.
    #[serde(default = "available")]
    pub state: String,
}

/// An access point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AccessPoint {
    /// `fsap-` and hexadecimal digits.
    pub access_point_id: String,
    /// The token that it was created with.
    pub client_token: String,
    /// Its tags; `Name` is its name.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The user that it enforces, as the API spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posix_user: Option<Value>,
    /// The folder that it exposes, as the API spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_directory: Option<Value>,
    /// When it was created; without it, long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// The life cycle's state, as the API spells it.
    #[serde(default = "available")]
    pub state: String,
}

/// A replication from one file system to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Replication {
    /// The Region of the source.
    pub source_region: String,
    /// The source.
    pub source_file_system_id: String,
    /// The Region of the destination.
    pub destination_region: String,
    /// The destination.
    pub destination_file_system_id: String,
    /// The account of the destination; without it, the world's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_owner_id: Option<String>,
    /// The role under which EFS replicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When the destination is complete for the first time.
    pub first_sync_ends_at: DateTime<Utc>,
    /// A status to order; while it stands, nothing is replicated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<OrderedStatus>,
    /// The side that deleted the configuration for itself alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten_by: Option<Side>,
}

/// A status to order, as an outage or an operator brings it about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OrderedStatus {
    /// PAUSED, ERROR, or another that the API spells.
    pub status: String,
    /// What EFS says about it.
    pub message: String,
}

/// An end of a replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// Where the data comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// A subnet that mount targets may be in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Subnet {
    /// Its Region.
    pub region: String,
    /// Its zone.
    pub availability_zone_name: String,
    /// Its VPC.
    #[serde(default = "default_vpc")]
    pub vpc_id: String,
    /// Its IPv4 addresses.
    #[serde(default = "default_addresses")]
    pub cidr_block: String,
}

/// Which error a call is refused with, where the API reference does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// BadRequest, 400.
    BadRequest,
    /// ConflictException, 409.
    Conflict,
}

/// Where a replication is to go, with the API's member names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub struct Destination {
    /// The Region.
    pub region: Option<String>,
    /// The zone of a new One Zone file system.
    pub availability_zone_name: Option<String>,
    /// The key of a new file system.
    pub kms_key_id: Option<String>,
    /// An existing file system.
    pub file_system_id: Option<String>,
    /// The role under which EFS replicates.
    pub role_arn: Option<String>,
}

fn available() -> String {
    "available".to_owned()
}

fn six_kibibytes() -> u64 {
    6144
}

fn general_purpose() -> String {
    "generalPurpose".to_owned()
}

fn elastic() -> String {
    "elastic".to_owned()
}

fn yes() -> bool {
    true
}

fn enabled() -> String {
    "ENABLED".to_owned()
}

fn default_vpc() -> String {
    DEFAULT_VPC.to_owned()
}

fn default_addresses() -> String {
    "10.0.0.0/16".to_owned()
}

/// A resource as a caller names it: by its ID, or by an ARN, which says Region and account too.
pub(crate) struct Named<'a> {
    /// The bare ID.
    pub(crate) id: &'a str,
    /// The Region and the account.
    place: Option<(&'a str, &'a str)>,
}

impl<'a> Named<'a> {
    pub(crate) fn file_system(name: &'a str) -> Result<Self, ApiError> {
        Self::read(name, "file-system", "fs-")
    }

    pub(crate) fn access_point(name: &'a str) -> Result<Self, ApiError> {
        Self::read(name, "access-point", "fsap-")
    }

    fn read(name: &'a str, kind: &str, prefix: &str) -> Result<Self, ApiError> {
        let parts: Vec<&str> = name.split(':').collect();
        let named = match parts.as_slice() {
            [id] => Some(Self { id, place: None }),
            [
                "arn",
                partition,
                "elasticfilesystem",
                region,
                account,
                resource,
            ] => resource
                .split_once('/')
                .filter(|(of, _)| *of == kind && constraints::partition(region) == Some(partition))
                .map(|(_, id)| Self {
                    id,
                    place: Some((region, account)),
                }),
            _ => None,
        };
        let named = named.filter(|named| is_id(prefix, named.id));
        named.ok_or_else(|| {
            bad_request(format!(
                "`{name}` is neither the ID nor the ARN of a {kind}"
            ))
        })
    }
}

impl Refusal {
    fn error(self, message: String) -> ApiError {
        match self {
            Self::BadRequest => bad_request(message),
            Self::Conflict => ApiError::conflict(message),
        }
    }
}

impl FileSystem {
    /// An encrypted Regional file system that is available.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            file_system_id: id.to_owned(),
            owner_id: None,
            creation_token: String::new(),
            created_at: None,
            life_cycle_state: available(),
            size_bytes: six_kibibytes(),
            performance_mode: general_purpose(),
            throughput_mode: elastic(),
            provisioned_throughput_in_mibps: None,
            throughput_changed_at: None,
            encrypted: true,
            kms_key_id: None,
            availability_zone_name: None,
            tags: BTreeMap::new(),
            protection: enabled(),
            lifecycle_policies: Vec::new(),
            backup: None,
            policy: None,
            mount_targets: Vec::new(),
            access_points: Vec::new(),
        }
    }

    /// The same file system with a tag.
    #[must_use]
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Who owns it in the world of an account.
    #[must_use]
    pub fn owner<'a>(&'a self, account: &'a str) -> &'a str {
        self.owner_id.as_deref().unwrap_or(account)
    }

    /// Whether its policy names an account. Which actions it allows is not looked at.
    fn lets_in(&self, account: &str) -> bool {
        let policy = self
            .policy
            .as_ref()
            .and_then(|policy| serde_json::from_str::<Value>(policy).ok());
        let statements = policy.and_then(|policy| policy.get("Statement").cloned());
        let statements = match statements {
            Some(Value::Array(statements)) => statements,
            one => one.into_iter().collect(),
        };
        let allows =
            |statement: &Value| statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        let names = |statement: &Value| {
            statement
                .get("Principal")
                .is_some_and(|who| who.to_string().contains(account))
        };
        statements
            .iter()
            .any(|statement| allows(statement) && names(statement))
    }

    pub(crate) fn require_available(&self) -> Result<(), ApiError> {
        let (id, state) = (&self.file_system_id, &self.life_cycle_state);
        if state == "available" {
            Ok(())
        } else {
            Err(wrong_state(format!("{id} is {state}")))
        }
    }

    /// That it is available, and not a destination where destinations take no settings.
    pub(crate) fn require_open(&self, while_replicating: Reply) -> Result<(), ApiError> {
        self.require_available()?;
        if self.protection == "REPLICATING" && while_replicating == Reply::Conflict {
            return Err(wrong_state(format!(
                "{} is a replication destination",
                self.file_system_id
            )));
        }
        Ok(())
    }

    /// What `CreateFileSystem` does not let pass, whatever else there is.
    fn check_modes(&self) -> Result<(), ApiError> {
        let one_zone = self.availability_zone_name.is_some();
        match (
            self.performance_mode.as_str(),
            self.throughput_mode.as_str(),
        ) {
            ("maxIO", _) if one_zone => Err(bad_request("maxIO is not for One Zone file systems")),
            ("maxIO", "elastic") => Err(bad_request("maxIO does not go with elastic throughput")),
            ("generalPurpose" | "maxIO", "bursting" | "elastic" | "provisioned") => Ok(()),
            (performance, throughput) => Err(ApiError::validation(format!(
                "`{performance}` or `{throughput}` is not a mode"
            ))),
        }?;
        match (
            self.throughput_mode.as_str(),
            self.provisioned_throughput_in_mibps,
        ) {
            ("provisioned", Some(mibps)) if mibps >= 1.0 => {}
            ("provisioned", _) => {
                return Err(bad_request(
                    "provisioned throughput must be at least 1 MiB/s",
                ));
            }
            (_, Some(_)) => {
                return Err(bad_request(
                    "only the mode provisioned has a provisioned throughput",
                ));
            }
            (_, None) => {}
        }
        if self.kms_key_id.is_some() && !self.encrypted {
            return Err(bad_request("a KMS key is for an encrypted file system"));
        }
        Ok(())
    }

    /// That it could have been created in a Region: its modes go together, its key, its zone and
    /// its mount targets are of there, a zone has one of those, and its policy is one.
    fn check_alone(&self, region: &str) -> Result<(), ApiError> {
        self.check_modes()?;
        check_key(self.kms_key_id.as_deref(), region)?;
        if self
            .availability_zone_name
            .as_ref()
            .is_some_and(|zone| region_of(zone) != Some(region))
        {
            return Err(unsupported_zone(region));
        }
        let mut zones = BTreeSet::new();
        for MountTarget {
            mount_target_id,
            availability_zone_name: zone,
            ..
        } in &self.mount_targets
        {
            let is_apart = self
                .availability_zone_name
                .as_ref()
                .is_some_and(|own| own != zone);
            if is_apart || region_of(zone) != Some(region) || !zones.insert(zone) {
                return Err(bad_request(format!(
                    "{mount_target_id} cannot be in {zone}, or another one is"
                )));
            }
        }
        let Some(policy) = &self.policy else {
            return Ok(());
        };
        let mut open = Self {
            life_cycle_state: available(),
            ..Self::new(&self.file_system_id)
        };
        open.set_policy(policy, true, Behaviour::default())
    }

    /// `UpdateFileSystem`: another throughput.
    ///
    /// # Errors
    ///
    /// IncorrectFileSystemLifeCycleState, BadRequest for modes that do not go together, or
    /// TooManyRequests where the mode is changed or the throughput lowered for the second time in a
    /// day.
    pub fn set_throughput(
        &mut self,
        mode: Option<String>,
        mibps: Option<f64>,
        now: DateTime<Utc>,
    ) -> Result<(), ApiError> {
        self.require_available()?;
        let mut wanted = self.clone();
        wanted.throughput_mode = mode.unwrap_or(wanted.throughput_mode);
        let kept = wanted
            .provisioned_throughput_in_mibps
            .filter(|_| wanted.throughput_mode == "provisioned");
        wanted.provisioned_throughput_in_mibps = mibps.or(kept);
        wanted.check_modes()?;
        let held = self
            .throughput_changed_at
            .is_some_and(|at| now < at + THROUGHPUT_STANDS);
        let lowered = match (
            self.provisioned_throughput_in_mibps,
            wanted.provisioned_throughput_in_mibps,
        ) {
            (Some(before), Some(after)) => after < before,
            _ => self.throughput_mode != wanted.throughput_mode,
        };
        if held && lowered {
            return Err(ApiError::new(
                429,
                "TooManyRequests",
                "wait at least 24 hours after the last change",
            ));
        }
        // What changes nothing does not begin another day.
        if wanted != *self {
            wanted.throughput_changed_at = Some(now);
        }
        *self = wanted;
        Ok(())
    }

    /// `UpdateFileSystemProtection`.
    ///
    /// # Errors
    ///
    /// ReplicationAlreadyExists for a destination, IncorrectFileSystemLifeCycleState, or BadRequest
    /// for anything but ENABLED and DISABLED.
    pub fn protect(&mut self, protection: &str) -> Result<(), ApiError> {
        self.require_available()?;
        if self.protection == "REPLICATING" {
            let message = "ReplicationOverwriteProtection cannot be changed while the file system is a replication destination.";
            return Err(ApiError::new(409, "ReplicationAlreadyExists", message));
        }
        if !matches!(protection, "ENABLED" | "DISABLED") {
            return Err(bad_request(format!(
                "`{protection}` is neither ENABLED nor DISABLED"
            )));
        }
        self.protection = protection.to_owned();
        Ok(())
    }

    /// `PutLifecycleConfiguration`: replaces all policies; none removes them.
    ///
    /// # Errors
    ///
    /// IncorrectFileSystemLifeCycleState, or BadRequest for policies that EFS does not take.
    pub fn set_lifecycle(
        &mut self,
        policies: Vec<Value>,
        behaviour: Behaviour,
    ) -> Result<(), ApiError> {
        self.require_open(behaviour.writes_while_replicating)?;
        let mut transitions = BTreeMap::new();
        for policy in &policies {
            let members: Vec<_> = policy.as_object().into_iter().flatten().collect();
            let [(name, value)] = members.as_slice() else {
                return Err(bad_request("a lifecycle policy has one transition"));
            };
            let value = value.as_str().unwrap_or_default();
            let days = days(value)
                .filter(|days| (*days == 0) == (*name == "TransitionToPrimaryStorageClass"));
            let days =
                days.ok_or_else(|| bad_request(format!("`{value}` is not a value of {name}")))?;
            if transitions.insert(name.as_str(), days).is_some() {
                return Err(bad_request(format!("{name} is there twice")));
            }
        }
        let archive = transitions.get("TransitionToArchive");
        if archive.is_some()
            && (self.throughput_mode != "elastic" || self.performance_mode != "generalPurpose")
        {
            return Err(bad_request(
                "Archive needs elastic throughput and the mode generalPurpose",
            ));
        }
        if archive
            .zip(transitions.get("TransitionToIA"))
            .is_some_and(|(archive, access)| archive <= access)
        {
            return Err(bad_request("Archive must come later than IA"));
        }
        self.lifecycle_policies = policies;
        Ok(())
    }

    /// `PutFileSystemPolicy`.
    ///
    /// # Errors
    ///
    /// IncorrectFileSystemLifeCycleState, or InvalidPolicyException for what is no policy, and for
    /// one that would keep its writer from writing another, unless the writer waives that check.
    pub fn set_policy(
        &mut self,
        policy: &str,
        waived: bool,
        behaviour: Behaviour,
    ) -> Result<(), ApiError> {
        self.require_open(behaviour.writes_while_replicating)?;
        let invalid = |message: &str| Err(ApiError::new(400, "InvalidPolicyException", message));
        let read = serde_json::from_str::<Value>(policy).ok();
        let statements = read.as_ref().and_then(|policy| policy.get("Statement"));
        let has = |statement: &Value, names: [&str; 2]| {
            names.iter().any(|name| statement.get(name).is_some())
        };
        let is_one = |statement: &Value| {
            matches!(
                statement.get("Effect").and_then(Value::as_str),
                Some("Allow" | "Deny")
            ) && has(statement, ["Principal", "NotPrincipal"])
                && has(statement, ["Action", "NotAction"])
        };
        let Some(statements) = statements.filter(|statements| many(statements).iter().all(is_one))
        else {
            return invalid("the policy is not a policy of EFS");
        };
        if !waived && many(statements).iter().any(locks_out) {
            return invalid("the policy locks its writer out");
        }
        self.policy = Some(policy.to_owned());
        Ok(())
    }

    fn settle(&mut self, now: DateTime<Utc>) {
        settle(
            &mut self.life_cycle_state,
            &mut self.created_at,
            FILE_SYSTEM_TAKES,
            now,
        );
        for target in &mut self.mount_targets {
            settle(
                &mut target.state,
                &mut target.created_at,
                MOUNT_TARGET_TAKES,
                now,
            );
        }
        for point in &mut self.access_points {
            settle(
                &mut point.state,
                &mut point.created_at,
                ACCESS_POINT_TAKES,
                now,
            );
        }
    }
}

/// One value or several, as policies have them.
fn many(value: &Value) -> &[Value] {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Whether a statement forbids everybody, on no condition, to write a policy. Who the writer is,
/// nobody here knows.
fn locks_out(statement: &Value) -> bool {
    let texts = |name: &str| {
        statement
            .get(name)
            .map(|value| many(value).iter().filter_map(Value::as_str))
    };
    let is_writing = |action: &str| {
        fits(
            &action.to_ascii_lowercase(),
            "elasticfilesystem:putfilesystempolicy",
        )
    };
    let acts = match (texts("Action"), texts("NotAction")) {
        (Some(mut actions), _) => actions.any(is_writing),
        (None, Some(mut others)) => !others.any(is_writing),
        (None, None) => false,
    };
    let principal = statement.get("Principal");
    let named = principal.and_then(|who| who.get("AWS")).or(principal);
    let everybody = named.is_some_and(|who| many(who).iter().any(|who| who == "*"));
    statement
        .get("Effect")
        .is_some_and(|effect| effect == "Deny")
        && statement.get("Condition").is_none()
        && everybody
        && acts
}

/// Whether a text fits an action of a policy, in which `*` stands for any text and `?` for any
/// sign.
fn fits(action: &str, text: &str) -> bool {
    let pattern = regex::escape(action)
        .replace(r"\*", ".*")
        .replace(r"\?", ".");
    regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(text))
}

/// What is being created is available after a while. One that does not say since when begins with
/// the first look.
fn settle(
    state: &mut String,
    created_at: &mut Option<DateTime<Utc>>,
    takes: TimeDelta,
    now: DateTime<Utc>,
) {
    if state == "creating" && now >= *created_at.get_or_insert(now) + takes {
        *state = available();
    }
}

impl Replication {
    /// Its status at a moment.
    #[must_use]
    pub fn status(&self, now: DateTime<Utc>, behaviour: Behaviour) -> &str {
        match &self.ordered {
            _ if self.forgotten_by.is_some() => "ERROR",
            Some(ordered) => &ordered.status,
            None if now < self.created_at + ENABLING => "ENABLING",
            None if behaviour.enabled_after_first_sync && now < self.first_sync_ends_at => {
                "ENABLING"
            }
            None => "ENABLED",
        }
    }

    /// What EFS says about its status.
    #[must_use]
    pub fn status_message(&self) -> Option<&str> {
        match self.forgotten_by {
            Some(_) => {
                Some("The other file system is not in the replication configuration any more.")
            }
            None => self
                .ordered
                .as_ref()
                .map(|ordered| ordered.message.as_str()),
        }
    }

    /// The time of the last complete sync; `None` until the first one.
    #[must_use]
    pub fn last_replicated_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let since = now - self.first_sync_ends_at;
        if since < TimeDelta::zero() {
            return None;
        }
        // While it stands still nothing is known but the first.
        let syncs = if self.is_running() {
            since.num_minutes() / OBJECTIVE_MINUTES
        } else {
            0
        };
        Some(self.first_sync_ends_at + TimeDelta::minutes(syncs * OBJECTIVE_MINUTES))
    }

    /// Whether data flows.
    fn is_running(&self) -> bool {
        self.ordered.is_none() && self.forgotten_by.is_none()
    }

    /// Which end of it a file system is, as far as that end knows of it.
    #[must_use]
    pub fn side(&self, region: &str, id: &str) -> Option<Side> {
        let is = |of: &str, end: &str| of == region && end == id;
        let side = match self {
            _ if is(&self.source_region, &self.source_file_system_id) => Side::Source,
            _ if is(&self.destination_region, &self.destination_file_system_id) => {
                Side::Destination
            }
            _ => return None,
        };
        (self.forgotten_by != Some(side)).then_some(side)
    }
}

impl World {
    /// The file system with this ID, whoever owns it.
    pub fn file_system(&mut self, region: &str, id: &str) -> Option<&mut FileSystem> {
        let file_systems = &mut self.efs.get_mut(region)?.file_systems;
        file_systems
            .iter_mut()
            .find(|file_system| file_system.file_system_id == id)
    }

    /// The file systems of a Region, of all owners.
    pub fn file_systems(&self, region: &str) -> impl Iterator<Item = &FileSystem> {
        self.efs
            .get(region)
            .into_iter()
            .flat_map(|efs| &efs.file_systems)
    }

    /// The same world with a file system in a Region.
    #[must_use]
    pub fn with_file_system(mut self, region: &str, file_system: FileSystem) -> Self {
        self.efs
            .entry(region.to_owned())
            .or_default()
            .file_systems
            .push(file_system);
        self
    }

    /// The file system that the caller names, by ID or ARN, if the caller may know of it.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, or AccessDeniedException for one of another owner that does not let the
    /// caller in.
    pub fn named_file_system(
        &mut self,
        region: &str,
        name: &str,
    ) -> Result<&mut FileSystem, ApiError> {
        let named = Named::file_system(name)?;
        let account = self.account.clone();
        let file_system = self
            .file_system(region, named.id)
            .ok_or_else(|| no_file_system(named.id))?;
        let owner = file_system.owner(&account);
        match named.place {
            Some((of, named_owner)) if of != region || named_owner != owner => {
                Err(no_file_system(named.id))
            }
            None if owner != account => Err(no_file_system(named.id)),
            Some(_) if owner != account && !file_system.lets_in(&account) => {
                Err(access_denied(named.id))
            }
            _ => Ok(file_system),
        }
    }

    /// `CreateFileSystem`: adds a file system of the caller's; its ID, owner and dates are given
    /// here.
    ///
    /// # Errors
    ///
    /// FileSystemAlreadyExists with the ID of the one that has the token, BadRequest for modes that
    /// do not go together, UnsupportedAvailabilityZone, or FileSystemLimitExceeded.
    pub fn create_file_system(
        &mut self,
        region: &str,
        wanted: FileSystem,
    ) -> Result<&mut FileSystem, ApiError> {
        wanted.check_modes()?;
        let account = self.account.clone();
        let (account, token) = (&account, &wanted.creation_token);
        let same = |of: &&FileSystem| of.owner(account) == account && of.creation_token == *token;
        let first = self
            .file_systems(region)
            .find(same)
            .map(|first| first.file_system_id.clone());
        if let Some(id) = first {
            let message = format!("{id} was created with this token");
            return Err(ApiError {
                more: Some(("FileSystemId", id)),
                ..ApiError::new(409, "FileSystemAlreadyExists", message)
            });
        }
        if wanted
            .availability_zone_name
            .as_ref()
            .is_some_and(|zone| region_of(zone) != Some(region))
        {
            return Err(unsupported_zone(region));
        }
        check_key(wanted.kms_key_id.as_deref(), region)?;
        self.add_file_system(region, wanted)
    }

    fn add_file_system(
        &mut self,
        region: &str,
        wanted: FileSystem,
    ) -> Result<&mut FileSystem, ApiError> {
        let own = self
            .file_systems(region)
            .filter(|file_system| file_system.owner_id.is_none());
        if own.count() >= MAX_FILE_SYSTEMS {
            return Err(ApiError::new(
                403,
                "FileSystemLimitExceeded",
                "the account has 1,000 file systems here",
            ));
        }
        // An ID is of one Region alone, so that a call to the wrong one is noticed.
        let taken = self.efs.values().flat_map(|efs| &efs.file_systems);
        let file_system_id = fresh(
            "fs-",
            taken
                .map(|file_system| &file_system.file_system_id)
                .chain(self.gone()),
        );
        let (created_at, life_cycle_state) = (Some(self.now), "creating".to_owned());
        let file_systems = &mut self.efs.entry(region.to_owned()).or_default().file_systems;
        file_systems.push(FileSystem {
            file_system_id,
            created_at,
            life_cycle_state,
            ..wanted
        });
        file_systems.last_mut().ok_or_else(lost)
    }

    /// `DeleteFileSystem`: removes a file system that nothing uses.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, or FileSystemInUse while it has mount targets or is replicated.
    pub fn delete_file_system(&mut self, region: &str, name: &str) -> Result<(), ApiError> {
        let file_system = self.named_file_system(region, name)?;
        let (id, mounted) = (
            file_system.file_system_id.clone(),
            !file_system.mount_targets.is_empty(),
        );
        let points: Vec<String> = file_system
            .access_points
            .iter()
            .map(|point| point.access_point_id.clone())
            .collect();
        let in_use = |message: String| Err(ApiError::new(409, "FileSystemInUse", message));
        if mounted {
            return in_use(format!("{id} has mount targets"));
        }
        if self.replication_of(region, &id).is_some() {
            return in_use(format!(
                "You cannot delete file system '{id}' because it is in a replication configuration"
            ));
        }
        if let Some(efs) = self.efs.get_mut(region) {
            efs.file_systems
                .retain(|file_system| file_system.file_system_id != id);
            efs.gone.extend(points);
            efs.gone.insert(id);
        }
        Ok(())
    }

    /// The replication that a file system is in, if it knows of one.
    #[must_use]
    pub fn replication_of(&self, region: &str, id: &str) -> Option<&Replication> {
        self.replications
            .iter()
            .find(|replication| replication.side(region, id).is_some())
    }

    /// Makes one file system the destination of another, from now on and without a question.
    ///
    /// Each is named by its Region and ID; `None` where one of them is not there.
    pub fn bind(
        &mut self,
        source: (&str, &str),
        destination: (&str, &str),
    ) -> Option<&mut Replication> {
        let size = self.file_system(source.0, source.1)?.size_bytes;
        let replica = self.file_system(destination.0, destination.1)?;
        replica.protection = "REPLICATING".to_owned();
        let destination_owner_id = replica.owner_id.clone();
        let seconds = i64::try_from(size / BYTES_PER_SECOND).unwrap_or(i64::from(i32::MAX));
        let copying = TimeDelta::try_seconds(seconds).unwrap_or_default();
        self.replications.push(Replication {
            source_region: source.0.to_owned(),
            source_file_system_id: source.1.to_owned(),
            destination_region: destination.0.to_owned(),
            destination_file_system_id: destination.1.to_owned(),
            destination_owner_id,
            role_arn: None,
            created_at: self.now,
            first_sync_ends_at: self.now + ENABLING + copying,
            ordered: None,
            forgotten_by: None,
        });
        self.replications.last_mut()
    }

    /// `CreateReplicationConfiguration`.
    ///
    /// # Errors
    ///
    /// What stands in the way, by the code that the model has for it; where it has none,
    /// [`Behaviour`] says.
    pub fn replicate(
        &mut self,
        region: &str,
        source: &str,
        destinations: &[Destination],
    ) -> Result<&Replication, ApiError> {
        let [wanted] = destinations else {
            return Err(bad_request("a replication has exactly one destination"));
        };
        let partition = wanted
            .role_arn
            .as_deref()
            .map(|role| role.split(':').nth(1));
        if partition.is_some_and(|of| of != constraints::partition(region)) {
            return Err(bad_request("the role is in another partition"));
        }
        let source = self.replicable(region, source)?;
        let (to, id) = match &wanted.file_system_id {
            Some(name) => self.existing_destination(region, &source, wanted, name)?,
            None => self.new_destination(&source, wanted)?,
        };
        let replication = self
            .bind((region, &source.file_system_id), (&to, &id))
            .ok_or_else(lost)?;
        replication.role_arn.clone_from(&wanted.role_arn);
        Ok(replication)
    }

    /// The source of a replication to be: the caller's, available, and in no replication.
    fn replicable(&mut self, region: &str, name: &str) -> Result<FileSystem, ApiError> {
        let source = self.named_file_system(region, name)?.clone();
        if source
            .owner_id
            .as_ref()
            .is_some_and(|owner| *owner != self.account)
        {
            return Err(no_file_system(&source.file_system_id));
        }
        source.require_available()?;
        self.require_single(region, &source.file_system_id)?;
        Ok(source)
    }

    fn require_single(&self, region: &str, id: &str) -> Result<(), ApiError> {
        match self.replication_of(region, id) {
            None => Ok(()),
            Some(_) => Err(self
                .behaviour
                .second_replication
                .error(format!("{id} is already in a replication configuration"))),
        }
    }

    /// The Region and ID of an existing file system that may become a destination.
    fn existing_destination(
        &mut self,
        region: &str,
        source: &FileSystem,
        wanted: &Destination,
        name: &str,
    ) -> Result<(String, String), ApiError> {
        if wanted.kms_key_id.is_some() || wanted.availability_zone_name.is_some() {
            return Err(bad_request(
                "an existing destination has its key and its zone",
            ));
        }
        let named = Named::file_system(name)?;
        let of_arn = named.place.map(|(of, _)| of);
        let to = wanted
            .region
            .as_deref()
            .or(of_arn)
            .ok_or_else(|| bad_request("Region is required"))?;
        if of_arn.is_some_and(|of| of != to) {
            return Err(bad_request(format!("{name} is not in {to}")));
        }
        if named.place.is_some_and(|(_, owner)| owner != self.account) && wanted.role_arn.is_none()
        {
            let message =
                "No RoleArn provided.  RoleArn is required for cross-account replication.";
            return Err(bad_request(message));
        }
        let behaviour = self.behaviour;
        self.named_file_system(to, name)?;
        if (to, named.id) == (region, source.file_system_id.as_str()) {
            return Err(bad_request("a file system is not its own destination"));
        }
        self.require_single(to, named.id)?;
        let replica = self.named_file_system(to, name)?;
        replica.require_available()?;
        if replica.protection != "DISABLED" {
            let message = format!(
                "the overwrite protection of {} is {}",
                named.id, replica.protection
            );
            return Err(behaviour.protected_destination.error(message));
        }
        if source.encrypted && !replica.encrypted {
            return Err(ApiError::conflict(format!(
                "{} is encrypted, {} is not",
                source.file_system_id, named.id
            )));
        }
        Ok((to.to_owned(), named.id.to_owned()))
    }

    /// The Region and ID of a file system that is created to be a destination.
    fn new_destination(
        &mut self,
        source: &FileSystem,
        wanted: &Destination,
    ) -> Result<(String, String), ApiError> {
        let zone = wanted.availability_zone_name.as_deref();
        let to = match (wanted.region.as_deref(), zone) {
            (Some(region), _) => region,
            (None, Some(zone)) => region_of(zone).ok_or_else(|| unsupported_zone(zone))?,
            (None, None) => {
                return Err(bad_request(
                    "a destination needs a Region or an Availability Zone",
                ));
            }
        };
        if !is_within_reach(&self.region, to) {
            return Err(bad_request(format!(
                "EFS is not in {to}, or it is in another partition"
            )));
        }
        if zone.is_some_and(|zone| region_of(zone) != Some(to)) {
            return Err(unsupported_zone(to));
        }
        check_key(wanted.kms_key_id.as_deref(), to)?;
        let backup = zone.is_some() || self.behaviour.backup_on_regional_replica;
        let replica = FileSystem {
            size_bytes: METADATA_BYTES,
            performance_mode: zone
                .map_or_else(|| source.performance_mode.clone(), |_| general_purpose()),
            throughput_mode: source.throughput_mode.clone(),
            provisioned_throughput_in_mibps: source.provisioned_throughput_in_mibps,
            kms_key_id: wanted.kms_key_id.clone(),
            availability_zone_name: zone.map(str::to_owned),
            backup: backup.then(enabled),
            ..FileSystem::new("")
        };
        let replica = self.add_file_system(to, replica)?;
        // A token is of one file system alone, however often a source is replicated.
        replica.creation_token = format!("destination-{}", replica.file_system_id);
        Ok((to.to_owned(), replica.file_system_id.clone()))
    }

    /// `DeleteReplicationConfiguration`: by its source, in the Region of either end. The
    /// destination stays and can be written again; `locally` leaves the other end in ERROR.
    ///
    /// # Errors
    ///
    /// ReplicationNotFound, FileSystemNotFound, or BadRequest for a local deletion within one
    /// account and Region.
    pub fn stop_replicating(
        &mut self,
        region: &str,
        source: &str,
        locally: bool,
    ) -> Result<(), ApiError> {
        let Named { id, place } = Named::file_system(source)?;
        // The Region of an ARN is the source's, which the call need not be made in.
        let is_source = |replication: &Replication| {
            let own = (replication.source_region.as_str(), self.account.as_str());
            replication.source_file_system_id == id && place.is_none_or(|place| place == own)
        };
        let side_here = |replication: &Replication| {
            let to = &replication.destination_file_system_id;
            replication
                .side(region, id)
                .or_else(|| replication.side(region, to))
        };
        let mut replications = self.replications.iter().enumerate();
        let found = replications.find_map(|(at, replication)| {
            let side = side_here(replication).filter(|_| is_source(replication))?;
            Some((at, side, replication.clone()))
        });
        let Some((at, side, replication)) = found else {
            self.named_file_system(region, source)?;
            return Err(no_replication(id));
        };
        let here_only = replication.source_region == replication.destination_region;
        if locally && here_only && replication.destination_owner_id.is_none() {
            return Err(bad_request(
                "both file systems are in this account and Region",
            ));
        }
        // A destination that forgot the replication was released then, and may be another one's by
        // now.
        let forgotten = replication.forgotten_by == Some(Side::Destination);
        if (!locally || side == Side::Destination) && !forgotten {
            self.release(&replication);
        }
        match self.replications.get_mut(at) {
            Some(kept) if locally && kept.forgotten_by.is_none() => kept.forgotten_by = Some(side),
            _ => drop(self.replications.remove(at)),
        }
        Ok(())
    }

    /// Makes a destination a file system like any other.
    fn release(&mut self, replication: &Replication) {
        let Replication {
            destination_region,
            destination_file_system_id,
            ..
        } = replication;
        if let Some(replica) = self.file_system(destination_region, destination_file_system_id) {
            replica.protection = enabled();
        }
    }

    /// `CreateMountTarget`: a mount target in a subnet, whose ID, address and dates are given here.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, IncorrectFileSystemLifeCycleState, SubnetNotFound,
    /// AvailabilityZonesMismatch, MountTargetConflict, IpAddressInUse, SecurityGroupLimitExceeded,
    /// or SecurityGroupNotFound.
    pub fn create_mount_target(
        &mut self,
        region: &str,
        name: &str,
        subnet_id: &str,
        ip_address: Option<&str>,
        security_groups: Vec<String>,
    ) -> Result<MountTarget, ApiError> {
        let file_system = self.named_file_system(region, name)?.clone();
        file_system.require_available()?;
        self.require_mountable(region, &file_system.file_system_id)?;
        check_security_groups(&security_groups)?;
        let subnet = self.subnet(region, subnet_id)?;
        self.require_place(region, &file_system, &subnet)?;
        let target = MountTarget {
            mount_target_id: fresh(
                "fsmt-",
                self.all_mount_targets()
                    .map(|target| &target.mount_target_id)
                    .chain(self.gone()),
            ),
            subnet_id: subnet_id.to_owned(),
            ip_address: self.free_address(region, &subnet, ip_address)?,
            availability_zone_name: subnet.availability_zone_name,
            security_groups: match security_groups.is_empty() {
                true => vec![DEFAULT_SECURITY_GROUP.to_owned()],
                false => security_groups,
            },
            created_at: Some(self.now),
            state: "creating".to_owned(),
        };
        self.named_file_system(region, name)?
            .mount_targets
            .push(target.clone());
        Ok(target)
    }

    fn require_mountable(&self, region: &str, id: &str) -> Result<(), ApiError> {
        let enabling = self.replication_of(region, id).is_some_and(|replication| {
            replication.side(region, id) == Some(Side::Destination)
                && replication.status(self.now, self.behaviour) == "ENABLING"
        });
        match self.behaviour.mount_targets_while_enabling {
            Reply::Conflict if enabling => Err(wrong_state(format!(
                "the replication to {id} is being enabled"
            ))),
            _ => Ok(()),
        }
    }

    /// One mount target a zone, all in one VPC; a One Zone file system has it in its own zone.
    fn require_place(
        &self,
        region: &str,
        file_system: &FileSystem,
        subnet: &Subnet,
    ) -> Result<(), ApiError> {
        let zone = &subnet.availability_zone_name;
        if file_system
            .availability_zone_name
            .as_ref()
            .is_some_and(|own| own != zone)
        {
            let message = format!("{} is not in {zone}", file_system.file_system_id);
            return Err(ApiError::new(400, "AvailabilityZonesMismatch", message));
        }
        let conflict = |message: &str| Err(ApiError::new(409, "MountTargetConflict", message));
        if file_system
            .mount_targets
            .iter()
            .any(|target| target.availability_zone_name == *zone)
        {
            return conflict("mount target already exists in this AZ");
        }
        let mut subnets = file_system
            .mount_targets
            .iter()
            .filter_map(|of| self.subnet(region, &of.subnet_id).ok());
        if subnets.any(|other| other.vpc_id != subnet.vpc_id) {
            return conflict(
                "requested subnet for new mount target is not in the same VPC as existing mount targets",
            );
        }
        Ok(())
    }

    /// The IDs that are not given again.
    fn gone(&self) -> impl Iterator<Item = &String> {
        self.efs.values().flat_map(|efs| &efs.gone)
    }

    fn all_mount_targets(&self) -> impl Iterator<Item = &MountTarget> {
        let file_systems = self.efs.values().flat_map(|efs| &efs.file_systems);
        file_systems.flat_map(|file_system| &file_system.mount_targets)
    }

    fn mount_targets_in(&self, region: &str) -> impl Iterator<Item = &MountTarget> {
        self.file_systems(region)
            .flat_map(|file_system| &file_system.mount_targets)
    }

    /// The address that is asked for, or one that is free.
    fn free_address(
        &self,
        region: &str,
        subnet: &Subnet,
        wanted: Option<&str>,
    ) -> Result<String, ApiError> {
        let (first, last) = addresses(&subnet.cidr_block).ok_or_else(lost)?;
        let taken: BTreeSet<&str> = self
            .mount_targets_in(region)
            .map(|target| target.ip_address.as_str())
            .collect();
        if let Some(wanted) = wanted {
            let address = wanted.parse::<Ipv4Addr>();
            let address =
                address.map_err(|_| bad_request(format!("`{wanted}` is not an IPv4 address")))?;
            if !(first..=last).contains(&address.to_bits()) {
                return Err(bad_request(
                    "Address does not fall within the subnet's address range",
                ));
            }
            // AWS keeps the first four addresses of a subnet and the last.
            if !(first.saturating_add(4)..last).contains(&address.to_bits()) {
                return Err(bad_request("Address is in subnet's reserved address range"));
            }
            let message = format!("{wanted} is in use");
            return match taken.contains(wanted) {
                true => Err(ApiError::new(409, "IpAddressInUse", message)),
                false => Ok(wanted.to_owned()),
            };
        }
        let mut free =
            (first.saturating_add(4)..last).map(|address| Ipv4Addr::from_bits(address).to_string());
        let free = free.find(|address| !taken.contains(address.as_str()));
        free.ok_or_else(|| ApiError::new(409, "NoFreeAddressesInSubnet", "the subnet is full"))
    }

    /// The subnet with this ID.
    ///
    /// # Errors
    ///
    /// SubnetNotFound.
    pub fn subnet(&self, region: &str, id: &str) -> Result<Subnet, ApiError> {
        if !is_id("subnet-", id) {
            return Err(ApiError::validation(format!(
                "`{id}` is not the ID of a subnet"
            )));
        }
        if !self.subnets.is_empty() {
            let known = self
                .subnets
                .get(id)
                .filter(|subnet| subnet.region == region);
            return known.cloned().ok_or_else(|| {
                ApiError::new(
                    400,
                    "SubnetNotFound",
                    format!("The subnet ID '{id}' does not exist"),
                )
            });
        }
        let zone = match id
            .chars()
            .last()
            .and_then(|digit| digit.to_digit(16))
            .unwrap_or_default()
            % 3
        {
            0 => "a",
            1 => "b",
            _ => "c",
        };
        Ok(Subnet {
            region: region.to_owned(),
            availability_zone_name: format!("{region}{zone}"),
            vpc_id: default_vpc(),
            cidr_block: default_addresses(),
        })
    }

    /// The caller's mount target with this ID, and the file system that it is of.
    ///
    /// # Errors
    ///
    /// MountTargetNotFound.
    pub fn mount_target(
        &mut self,
        region: &str,
        id: &str,
    ) -> Result<(String, &mut MountTarget), ApiError> {
        let missing = || {
            ApiError::new(
                404,
                "MountTargetNotFound",
                format!("Mount target '{id}' does not exist."),
            )
        };
        if !is_id("fsmt-", id) {
            return Err(ApiError::validation(format!(
                "`{id}` is not the ID of a mount target"
            )));
        }
        let account = self.account.clone();
        let own = self
            .efs
            .get_mut(region)
            .into_iter()
            .flat_map(|efs| &mut efs.file_systems);
        for file_system in own.filter(|file_system| file_system.owner(&account) == account) {
            let of = file_system.file_system_id.clone();
            if let Some(found) = file_system
                .mount_targets
                .iter_mut()
                .find(|target| target.mount_target_id == id)
            {
                return Ok((of, found));
            }
        }
        Err(missing())
    }

    /// `DeleteMountTarget`.
    ///
    /// # Errors
    ///
    /// MountTargetNotFound.
    pub fn delete_mount_target(&mut self, region: &str, id: &str) -> Result<(), ApiError> {
        let (of, _) = self.mount_target(region, id)?;
        let file_system = self.file_system(region, &of).ok_or_else(lost)?;
        file_system
            .mount_targets
            .retain(|target| target.mount_target_id != id);
        self.efs
            .entry(region.to_owned())
            .or_default()
            .gone
            .insert(id.to_owned());
        Ok(())
    }

    /// `CreateAccessPoint`: adds an access point, whose ID and dates are given here.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, IncorrectFileSystemLifeCycleState, AccessPointAlreadyExists with the ID
    /// of the one that has the token, or AccessPointLimitExceeded.
    pub fn create_access_point(
        &mut self,
        region: &str,
        name: &str,
        wanted: AccessPoint,
    ) -> Result<AccessPoint, ApiError> {
        let (behaviour, now) = (self.behaviour, self.now);
        let points = self
            .efs
            .values()
            .flat_map(|efs| &efs.file_systems)
            .flat_map(|of| &of.access_points);
        let access_point_id = fresh(
            "fsap-",
            points
                .map(|point| &point.access_point_id)
                .chain(self.gone()),
        );
        let owner = self.named_file_system(region, name)?.owner_id.clone();
        // A token is of an account and a Region, whichever file system it comes with.
        let own = self
            .file_systems(region)
            .filter(|of| of.owner_id == owner)
            .flat_map(|of| &of.access_points);
        let first = own
            .into_iter()
            .find(|point| point.client_token == wanted.client_token);
        let first = first.map(|point| point.access_point_id.clone());
        let file_system = self.named_file_system(region, name)?;
        file_system.require_open(behaviour.writes_while_replicating)?;
        if let Some(id) = first {
            let message = format!("{id} was created with this token");
            let more = Some(("AccessPointId", id));
            return Err(ApiError {
                more,
                ..ApiError::new(409, "AccessPointAlreadyExists", message)
            });
        }
        if file_system.access_points.len() >= MAX_ACCESS_POINTS {
            return Err(ApiError::new(
                403,
                "AccessPointLimitExceeded",
                "the file system has 10,000 access points",
            ));
        }
        let (created_at, state) = (Some(now), "creating".to_owned());
        let point = AccessPoint {
            access_point_id,
            created_at,
            state,
            ..wanted
        };
        file_system.access_points.push(point.clone());
        Ok(point)
    }

    /// The access point that the caller names, by ID or ARN, and the file system that it is of.
    ///
    /// # Errors
    ///
    /// AccessPointNotFound.
    pub fn named_access_point(
        &mut self,
        region: &str,
        name: &str,
    ) -> Result<(&mut FileSystem, AccessPoint), ApiError> {
        let Named { id, place } = Named::access_point(name)?;
        let account = self.account.clone();
        let elsewhere = place.is_some_and(|(of, _)| of != region);
        let efs = self.efs.get_mut(region).filter(|_| !elsewhere);
        let visible = |file_system: &&mut FileSystem| match (file_system.owner(&account), place) {
            (owner, Some((_, named))) if owner != named => false,
            (owner, named) => {
                owner == account || (named.is_some() && file_system.lets_in(&account))
            }
        };
        let mut file_systems = efs
            .into_iter()
            .flat_map(|efs| &mut efs.file_systems)
            .filter(visible);
        let found = file_systems.find_map(|file_system| {
            let point = file_system
                .access_points
                .iter()
                .find(|point| point.access_point_id == id)?
                .clone();
            Some((file_system, point))
        });
        found.ok_or_else(|| {
            ApiError::new(
                404,
                "AccessPointNotFound",
                format!("Access point {id} does not exist."),
            )
        })
    }

    /// `DeleteAccessPoint`.
    ///
    /// # Errors
    ///
    /// AccessPointNotFound.
    pub fn delete_access_point(&mut self, region: &str, name: &str) -> Result<(), ApiError> {
        let (file_system, point) = self.named_access_point(region, name)?;
        file_system
            .access_points
            .retain(|other| other.access_point_id != point.access_point_id);
        self.efs
            .entry(region.to_owned())
            .or_default()
            .gone
            .insert(point.access_point_id);
        Ok(())
    }

    /// The tags of the file system or access point that the caller names.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound or AccessPointNotFound.
    pub fn efs_tags(
        &mut self,
        region: &str,
        name: &str,
    ) -> Result<&mut BTreeMap<String, String>, ApiError> {
        if Named::access_point(name).is_err() {
            return self
                .named_file_system(region, name)
                .map(|file_system| &mut file_system.tags);
        }
        let (file_system, found) = self.named_access_point(region, name)?;
        let point = file_system
            .access_points
            .iter_mut()
            .find(|point| point.access_point_id == found.access_point_id);
        point.map(|point| &mut point.tags).ok_or_else(lost)
    }

    /// What time does to file systems and replications between a moment and now.
    pub(crate) fn settle_efs(&mut self, before: DateTime<Utc>) {
        let now = self.now;
        for file_system in self.efs.values_mut().flat_map(|efs| &mut efs.file_systems) {
            file_system.settle(now);
        }
        for replication in &mut self.replications {
            if !replication.is_running() && replication.first_sync_ends_at > before {
                replication.first_sync_ends_at += now - before;
            }
        }
        let synced = self
            .replications
            .iter()
            .filter(|replication| replication.is_running());
        let synced: Vec<Replication> = synced
            .filter(|of| of.first_sync_ends_at <= now)
            .cloned()
            .collect();
        for replication in synced {
            let source = self.file_system(
                &replication.source_region,
                &replication.source_file_system_id,
            );
            let size = source.map(|source| {
                source
                    .size_bytes
                    .saturating_add(METADATA_BYTES)
                    .min(LARGEST)
            });
            let replica = self.file_system(
                &replication.destination_region,
                &replication.destination_file_system_id,
            );
            if let Some((replica, size)) = replica.zip(size) {
                replica.size_bytes = size;
            }
        }
    }

    /// Checks what a world file says of EFS.
    pub(crate) fn check_efs(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for file_system in self.efs.values().flat_map(|efs| &efs.file_systems) {
            let points = file_system
                .access_points
                .iter()
                .map(|point| &point.access_point_id);
            let targets = file_system
                .mount_targets
                .iter()
                .map(|target| &target.mount_target_id);
            let ids: Vec<_> = points
                .chain(targets)
                .chain([&file_system.file_system_id])
                .collect();
            // An answer may have an ARN in place of an ID; what is there has an ID.
            if let Some(arn) = ids.iter().find(|id| id.contains(':')) {
                return Err(format!("{arn} is not an ID"));
            }
            if let Some(twice) = ids.into_iter().find(|id| !seen.insert((*id).clone())) {
                return Err(format!("{twice} is there twice"));
            }
        }
        for (id, subnet) in &self.subnets {
            let is_there = region_of(&subnet.availability_zone_name) == Some(&subnet.region);
            if !is_there || addresses(&subnet.cidr_block).is_none() {
                return Err(format!(
                    "the subnet {id} has a zone of another Region, or no block of addresses"
                ));
            }
        }
        self.replications
            .iter()
            .try_for_each(|replication| self.check_replication(replication))
    }

    /// Checks that what a world file says of EFS could have come about: after its values are known
    /// to be of the model.
    pub(crate) fn check_efs_together(&self) -> Result<(), String> {
        for (region, efs) in &self.efs {
            let mut taken = BTreeSet::new();
            for of in &efs.file_systems {
                let id = &of.file_system_id;
                of.check_alone(region)
                    .map_err(|wrong| format!("{id}: {}", wrong.message))?;
                let owner = of.owner(&self.account);
                let points = of
                    .access_points
                    .iter()
                    .map(|point| ("client token", point.client_token.as_str(), owner));
                let targets = of
                    .mount_targets
                    .iter()
                    .map(|target| ("address", target.ip_address.as_str(), ""));
                let token = Some(("creation token", of.creation_token.as_str(), owner))
                    .filter(|(_, token, _)| !token.is_empty());
                if let Some((what, twice, _)) = points
                    .chain(targets)
                    .chain(token)
                    .find(|one| !taken.insert(*one))
                {
                    return Err(format!(
                        "{id}: the {what} {twice} is there twice in {region}"
                    ));
                }
                if self
                    .replications
                    .iter()
                    .filter(|replication| replication.side(region, id).is_some())
                    .count()
                    > 1
                {
                    return Err(format!("{id} is in two replication configurations"));
                }
            }
        }
        let is_own = |of: &&Replication| {
            (&of.source_region, &of.source_file_system_id)
                == (&of.destination_region, &of.destination_file_system_id)
        };
        match self.replications.iter().find(is_own) {
            Some(own) => Err(format!(
                "{} is its own destination",
                own.source_file_system_id
            )),
            None => Ok(()),
        }
    }

    fn check_replication(&self, replication: &Replication) -> Result<(), String> {
        let there = |region: &str, id: &str| {
            let mut file_systems = self.file_systems(region);
            let found = file_systems.find(|file_system| file_system.file_system_id == id);
            found.ok_or_else(|| format!("the replicated file system {id} is not in {region}"))
        };
        // An end that forgot the replication may be gone.
        if replication.forgotten_by != Some(Side::Source) {
            there(
                &replication.source_region,
                &replication.source_file_system_id,
            )?;
        }
        if replication.forgotten_by != Some(Side::Destination) {
            let replica = there(
                &replication.destination_region,
                &replication.destination_file_system_id,
            )?;
            if replica.protection != "REPLICATING" {
                return Err(format!(
                    "{} is a destination and not REPLICATING",
                    replica.file_system_id
                ));
            }
        }
        Ok(())
    }
}

/// Whether text is a prefix and 8 to 40 hexadecimal digits in lower case.
fn is_id(prefix: &str, id: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    id.strip_prefix(prefix)
        .is_some_and(|rest| (8..=40).contains(&rest.len()) && rest.bytes().all(is_digit))
}

/// The first and the last address of a block.
fn addresses(cidr_block: &str) -> Option<(u32, u32)> {
    let (address, length) = cidr_block.split_once('/')?;
    let (address, length) = (
        address.parse::<Ipv4Addr>().ok()?,
        length.parse::<u32>().ok()?,
    );
    let mask = u32::MAX
        .checked_shl(32_u32.checked_sub(length)?)
        .filter(|_| (16..=28).contains(&length))?;
    Some((address.to_bits() & mask, address.to_bits() | !mask))
}

/// The ID of a zone: its Region's name made short, and the zone's number, which here is the
/// letter's.
pub(crate) fn zone_id(zone: &str) -> Option<String> {
    let region = region_of(zone)?;
    let number = zone
        .bytes()
        .next_back()?
        .checked_sub(b'a')?
        .checked_add(1)?;
    let mut parts = region.split('-');
    let mut id = parts.next()?.to_owned();
    for part in parts {
        id.push_str(match part {
            "north" | "south" | "east" | "west" | "central" => part.get(..1)?,
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            "gov" => "g",
            other => other,
        });
    }
    Some(format!("{id}-az{number}"))
}

/// Whether EFS can replicate from a Region to another: within one partition.
fn is_within_reach(from: &str, to: &str) -> bool {
    constraints::is_in(Service::Efs, to)
        && constraints::partition(from) == constraints::partition(to)
}

/// The Region of a zone, which is the Region and a letter; `None` for a zone that no Region has
/// here.
fn region_of(zone: &str) -> Option<&str> {
    let region = zone.strip_suffix(|letter| ('a'..='f').contains(&letter));
    region.filter(|region| constraints::is_in(Service::Efs, region))
}

/// The days of a transition's value, none for the first access; `None` for another text.
fn days(value: &str) -> Option<u16> {
    match value {
        "AFTER_1_ACCESS" => Some(0),
        "AFTER_1_DAY" => Some(1),
        _ => {
            let days = value
                .strip_prefix("AFTER_")?
                .strip_suffix("_DAYS")?
                .parse()
                .ok()?;
            [7, 14, 30, 60, 90, 180, 270, 365]
                .contains(&days)
                .then_some(days)
        }
    }
}

/// That a key can be one of a Region: only an ARN tells.
fn check_key(key: Option<&str>, region: &str) -> Result<(), ApiError> {
    let Some(key) = key else { return Ok(()) };
    let parts: Vec<&str> = key.split(':').collect();
    match parts.as_slice() {
        [_] => Ok(()),
        ["arn", partition, "kms", of, _, _]
            if *of == region && constraints::partition(of) == Some(partition) =>
        {
            Ok(())
        }
        ["arn", _, "kms", _, _, _] => Err(bad_request(
            "Failed to create destination file system: Invalid KMS key ID (unexpected region)",
        )),
        _ => Err(ApiError::validation(format!("`{key}` is not a KMS key"))),
    }
}

/// That a mount target may have these security groups; every one that looks like one exists.
pub(crate) fn check_security_groups(groups: &[String]) -> Result<(), ApiError> {
    if groups.len() > MAX_SECURITY_GROUPS {
        let message = "a mount target has at most five security groups";
        return Err(ApiError::new(400, "SecurityGroupLimitExceeded", message));
    }
    match groups.iter().find(|group| !is_id("sg-", group)) {
        Some(group) => Err(ApiError::new(
            400,
            "SecurityGroupNotFound",
            format!("the security group '{group}' does not exist"),
        )),
        None => Ok(()),
    }
}

/// That a resource may have these tags. AWS's own do not count.
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let own = tags
        .keys()
        .filter(|key| !key.to_lowercase().starts_with("aws:"));
    if own.count() > MAX_TAGS {
        Err(bad_request("a resource has at most 50 tags"))
    } else {
        Ok(())
    }
}

/// BadRequest, 400.
pub(crate) fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "BadRequest", message)
}

/// ReplicationNotFound, 404.
pub(crate) fn no_replication(id: &str) -> ApiError {
    ApiError::new(
        404,
        "ReplicationNotFound",
        format!("{id} is in no replication configuration"),
    )
}

fn no_file_system(id: &str) -> ApiError {
    ApiError::new(
        404,
        "FileSystemNotFound",
        format!("File system '{id}' does not exist."),
    )
}

fn access_denied(id: &str) -> ApiError {
    ApiError::new(
        403,
        "AccessDeniedException",
        format!("no policy of {id} lets the caller in"),
    )
}

fn wrong_state(message: String) -> ApiError {
    ApiError::new(409, "IncorrectFileSystemLifeCycleState", message)
}

fn unsupported_zone(place: &str) -> ApiError {
    ApiError::new(
        400,
        "UnsupportedAvailabilityZone",
        format!("One Zone storage is not supported in this zone of {place}"),
    )
}

fn lost() -> ApiError {
    ApiError::new(500, "InternalServerError", "what was just there is gone")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HERE: &str = "us-east-1";
    const THERE: &str = "eu-west-1";
    const SOURCE: &str = "fs-0123456789abcdef0";
    const REPLICA: &str = "fs-0123456789abcdef1";
    const OTHER_ACCOUNT: &str = "444455556666";
    const ROLE: &str = "arn:aws:iam::111122223333:role/replication";
    const GIBIBYTE: u64 = 1 << 30;

    /// A source of six GiB, of which a first sync takes about a minute, and an existing file system
    /// elsewhere.
    fn world() -> World {
        let source = FileSystem {
            size_bytes: 6 * GIBIBYTE,
            ..FileSystem::new(SOURCE)
        };
        World::empty()
            .with_file_system(HERE, source)
            .with_file_system(THERE, FileSystem::new(REPLICA))
    }

    fn to_region() -> Destination {
        Destination {
            region: Some(THERE.to_owned()),
            ..Destination::default()
        }
    }

    fn to_existing(name: &str) -> Destination {
        Destination {
            file_system_id: Some(name.to_owned()),
            ..to_region()
        }
    }

    fn advance(world: &mut World, by: TimeDelta) {
        world.advance_to(world.now + by);
    }

    fn replicate(world: &mut World, to: Destination) -> Result<String, &'static str> {
        let made = world.replicate(HERE, SOURCE, &[to]);
        made.map(|made| made.destination_file_system_id.clone())
            .map_err(|error| error.code)
    }

    #[test]
    fn what_is_created_is_available_after_a_while() {
        let mut world = world();
        let wanted = FileSystem {
            creation_token: "one".to_owned(),
            ..FileSystem::new("")
        };
        let id = world
            .create_file_system(HERE, wanted)
            .unwrap()
            .file_system_id
            .clone();
        assert_eq!(
            world
                .create_mount_target(HERE, &id, "subnet-00000000", None, vec![])
                .unwrap_err()
                .status,
            409
        );
        advance(&mut world, FILE_SYSTEM_TAKES);
        let target = world
            .create_mount_target(HERE, &id, "subnet-00000000", None, vec![])
            .unwrap();
        let state = |world: &mut World| {
            world
                .mount_target(HERE, &target.mount_target_id)
                .unwrap()
                .1
                .state
                .clone()
        };
        assert_eq!(state(&mut world), "creating");
        advance(&mut world, MOUNT_TARGET_TAKES);
        assert_eq!(state(&mut world), "available");
    }

    #[test]
    fn a_replication_is_enabling_then_enabled_then_synced_every_quarter_of_an_hour() {
        let mut world = world();
        let id = replicate(&mut world, to_region()).unwrap();
        let begun = world.now;
        let first = TimeDelta::minutes(5) + TimeDelta::seconds(61);
        let mut seen = |after: TimeDelta| {
            world.advance_to(begun + after);
            let replication = &world.replications[0];
            let last = replication
                .last_replicated_at(world.now)
                .map(|at| at - begun);
            (
                replication
                    .status(world.now, Behaviour::default())
                    .to_owned(),
                last,
            )
        };
        assert_eq!(seen(TimeDelta::minutes(4)), ("ENABLING".to_owned(), None));
        assert_eq!(seen(TimeDelta::minutes(5)), ("ENABLED".to_owned(), None));
        assert_eq!(seen(first), ("ENABLED".to_owned(), Some(first)));
        let second = first + TimeDelta::minutes(15);
        assert_eq!(seen(second - TimeDelta::seconds(1)).1, Some(first));
        assert_eq!(seen(second + TimeDelta::seconds(1)).1, Some(second));
        assert_eq!(
            world.file_system(THERE, &id).unwrap().size_bytes,
            6 * GIBIBYTE + METADATA_BYTES
        );
    }

    #[test]
    fn an_order_to_pause_holds_the_first_sync_up() {
        let mut world = world();
        replicate(&mut world, to_region()).unwrap();
        let ordered = OrderedStatus {
            status: "PAUSED".to_owned(),
            message: "the key cannot be used".to_owned(),
        };
        world.replications[0].ordered = Some(ordered);
        advance(&mut world, TimeDelta::hours(5));
        assert_eq!(
            world.replications[0].status(world.now, Behaviour::default()),
            "PAUSED"
        );
        assert_eq!(world.replications[0].last_replicated_at(world.now), None);
        world.replications[0].ordered = None;
        advance(&mut world, TimeDelta::minutes(7));
        assert!(
            world.replications[0]
                .last_replicated_at(world.now)
                .is_some()
        );
    }

    #[test]
    fn a_new_destination_has_what_aws_gives_it_and_nothing_else() {
        let mut world = world();
        let mut source = FileSystem::new(SOURCE).tagged("Name", "shared");
        source.performance_mode = "maxIO".to_owned();
        source.throughput_mode = "bursting".to_owned();
        source.encrypted = false;
        source.backup = Some(enabled());
        *world.file_system(HERE, SOURCE).unwrap() = source.clone();
        let mut other = world.clone();
        let id = replicate(&mut world, to_region()).unwrap();
        let regional = world.file_system(THERE, &id).unwrap();
        assert_eq!(
            (
                regional.performance_mode.as_str(),
                regional.throughput_mode.as_str()
            ),
            ("maxIO", "bursting")
        );
        assert_eq!(
            (regional.protection.as_str(), regional.size_bytes),
            ("REPLICATING", METADATA_BYTES)
        );
        assert!(regional.encrypted && regional.tags.is_empty() && regional.backup.is_none());
        let zone = Some(format!("{THERE}b"));
        let id = replicate(
            &mut other,
            Destination {
                availability_zone_name: zone,
                ..Destination::default()
            },
        )
        .unwrap();
        let one_zone = other.file_system(THERE, &id).unwrap();
        assert_eq!(one_zone.performance_mode, "generalPurpose");
        assert_eq!(one_zone.backup.as_deref(), Some("ENABLED"));
    }

    #[test]
    fn overwrite_protection_goes_from_enabled_over_disabled_and_replicating_back_to_enabled() {
        let mut world = world();
        assert_eq!(
            replicate(&mut world, to_existing(REPLICA)),
            Err("BadRequest")
        );
        let replica = world.file_system(THERE, REPLICA).unwrap();
        assert_eq!(
            replica.protect("REPLICATING").unwrap_err().code,
            "BadRequest"
        );
        replica.protect("DISABLED").unwrap();
        replica.protect("DISABLED").unwrap();
        assert_eq!(
            replicate(&mut world, to_existing(REPLICA)),
            Ok(REPLICA.to_owned())
        );
        let replica = world.file_system(THERE, REPLICA).unwrap();
        assert_eq!(replica.protection, "REPLICATING");
        assert_eq!(
            replica.protect("ENABLED").unwrap_err().code,
            "ReplicationAlreadyExists"
        );
        assert_eq!(
            world.delete_file_system(THERE, REPLICA).unwrap_err().code,
            "FileSystemInUse"
        );
        world.stop_replicating(THERE, SOURCE, false).unwrap();
        assert_eq!(
            world.file_system(THERE, REPLICA).unwrap().protection,
            "ENABLED"
        );
        assert_eq!(
            world
                .stop_replicating(HERE, SOURCE, false)
                .unwrap_err()
                .code,
            "ReplicationNotFound"
        );
        assert_eq!(
            world
                .stop_replicating(THERE, SOURCE, false)
                .unwrap_err()
                .code,
            "FileSystemNotFound"
        );
    }

    #[test]
    fn an_arn_deletes_the_replication_of_its_own_account_and_region_alone() {
        let arn = |region: &str, account: &str| {
            format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/{SOURCE}")
        };
        let mut world = world();
        replicate(&mut world, to_region()).unwrap();
        for (region, account) in [
            (HERE, OTHER_ACCOUNT),
            (THERE, "111122223333"),
            ("us-west-2", OTHER_ACCOUNT),
        ] {
            for from in [HERE, THERE] {
                let refused = world
                    .stop_replicating(from, &arn(region, account), false)
                    .unwrap_err();
                assert_eq!(
                    refused.code, "FileSystemNotFound",
                    "{region} {account} from {from}"
                );
            }
        }
        world
            .stop_replicating(THERE, &arn(HERE, "111122223333"), false)
            .unwrap();
        assert_eq!(world.replications, []);
    }

    #[test]
    fn a_local_deletion_leaves_the_other_end_in_error() {
        let mut world = world();
        let id = replicate(&mut world, to_region()).unwrap();
        world.stop_replicating(HERE, SOURCE, true).unwrap();
        assert!(world.replication_of(HERE, SOURCE).is_none());
        let left = world.replication_of(THERE, &id).unwrap();
        assert_eq!(left.status(world.now, Behaviour::default()), "ERROR");
        assert_eq!(
            world.file_system(THERE, &id).unwrap().protection,
            "REPLICATING"
        );
        world.stop_replicating(THERE, SOURCE, true).unwrap();
        assert_eq!(world.replications, []);
        assert_eq!(world.file_system(THERE, &id).unwrap().protection, "ENABLED");
    }

    #[test]
    fn what_forbids_a_replication_is_told_by_its_code() {
        let zone = |region: Option<&str>, zone: &str| Destination {
            region: region.map(str::to_owned),
            availability_zone_name: Some(zone.to_owned()),
            ..Destination::default()
        };
        let key = |key: &str| Destination {
            kms_key_id: Some(key.to_owned()),
            ..to_region()
        };
        let key_here = format!("arn:aws:kms:{HERE}:111122223333:key/mrk-0123");
        for (to, code) in [
            (Destination::default(), "BadRequest"),
            (
                zone(Some(THERE), "us-east-1a"),
                "UnsupportedAvailabilityZone",
            ),
            (zone(None, "eu-west-1z"), "UnsupportedAvailabilityZone"),
            (key(&key_here), "BadRequest"),
            (to_existing("fs-00000000000000009"), "FileSystemNotFound"),
            (
                Destination {
                    region: Some("us-nowhere-1".to_owned()),
                    ..Destination::default()
                },
                "BadRequest",
            ),
            (
                Destination {
                    region: Some("us-gov-east-1".to_owned()),
                    ..Destination::default()
                },
                "BadRequest",
            ),
            (zone(None, "cn-north-1a"), "BadRequest"),
            (
                Destination {
                    role_arn: Some(ROLE.replace("aws", "aws-cn")),
                    ..to_region()
                },
                "BadRequest",
            ),
            (
                to_existing(&format!(
                    "arn:aws-cn:elasticfilesystem:{THERE}:111122223333:file-system/{REPLICA}"
                )),
                "BadRequest",
            ),
        ] {
            let mut world = world();
            let before = world.clone();
            assert_eq!(replicate(&mut world, to), Err(code));
            assert_eq!(world, before, "a refusal changes nothing");
        }
        let mut world = world();
        assert_eq!(
            world.replicate(HERE, SOURCE, &[]).unwrap_err().code,
            "BadRequest"
        );
        assert_eq!(
            world
                .replicate(THERE, SOURCE, &[to_region()])
                .unwrap_err()
                .code,
            "FileSystemNotFound"
        );
        world.file_system(HERE, SOURCE).unwrap().life_cycle_state = "updating".to_owned();
        assert_eq!(
            replicate(&mut world, to_region()),
            Err("IncorrectFileSystemLifeCycleState")
        );
    }

    #[test]
    fn an_encrypted_source_needs_an_encrypted_destination_and_not_the_other_way_round() {
        for (source, replica, expected) in [
            (true, false, Err("ConflictException")),
            (false, true, Ok(REPLICA.to_owned())),
        ] {
            let mut world = world();
            world.file_system(HERE, SOURCE).unwrap().encrypted = source;
            let existing = world.file_system(THERE, REPLICA).unwrap();
            (existing.encrypted, existing.protection) = (replica, "DISABLED".to_owned());
            assert_eq!(replicate(&mut world, to_existing(REPLICA)), expected);
        }
    }

    #[test]
    fn a_second_replication_is_refused_as_the_switch_says() {
        for (refusal, code) in [
            (Refusal::BadRequest, "BadRequest"),
            (Refusal::Conflict, "ConflictException"),
        ] {
            let mut world = world();
            world.behaviour.second_replication = refusal;
            let id = replicate(&mut world, to_region()).unwrap();
            assert_eq!(replicate(&mut world, to_region()), Err(code));
            advance(&mut world, TimeDelta::minutes(1));
            let back = Destination {
                region: Some(HERE.to_owned()),
                ..Destination::default()
            };
            assert_eq!(
                world.replicate(THERE, &id, &[back]).unwrap_err().code,
                code,
                "a chain"
            );
        }
    }

    #[test]
    fn a_protected_destination_is_refused_as_the_switch_says() {
        let mut world = world();
        world.behaviour.protected_destination = Refusal::Conflict;
        assert_eq!(
            replicate(&mut world, to_existing(REPLICA)),
            Err("ConflictException")
        );
    }

    #[test]
    fn another_account_needs_a_role_an_arn_and_a_policy_that_lets_us_in() {
        let mut world = world();
        let arn =
            format!("arn:aws:elasticfilesystem:{THERE}:{OTHER_ACCOUNT}:file-system/{REPLICA}");
        let replica = world.file_system(THERE, REPLICA).unwrap();
        (replica.owner_id, replica.protection) =
            (Some(OTHER_ACCOUNT.to_owned()), "DISABLED".to_owned());
        let with_role = |name: &str| Destination {
            role_arn: Some(ROLE.to_owned()),
            ..to_existing(name)
        };
        assert_eq!(replicate(&mut world, to_existing(&arn)), Err("BadRequest"));
        assert_eq!(
            replicate(&mut world, with_role(REPLICA)),
            Err("FileSystemNotFound")
        );
        assert_eq!(
            replicate(&mut world, with_role(&arn)),
            Err("AccessDeniedException")
        );
        let policy = r#"{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]}"#;
        world.file_system(THERE, REPLICA).unwrap().policy = Some(policy.to_owned());
        assert_eq!(
            replicate(&mut world, with_role(&arn)),
            Ok(REPLICA.to_owned())
        );
        assert_eq!(
            world.replications[0].destination_owner_id.as_deref(),
            Some(OTHER_ACCOUNT)
        );
        assert_eq!(world.replications[0].role_arn.as_deref(), Some(ROLE));
        assert_eq!(
            world.named_file_system(THERE, &arn).unwrap().file_system_id,
            REPLICA
        );
        assert_eq!(
            world.named_file_system(THERE, REPLICA).unwrap_err().code,
            "FileSystemNotFound"
        );
    }

    #[test]
    fn settings_of_a_replicating_destination_are_a_switch() {
        for (reply, ok) in [(Reply::Ok, true), (Reply::Conflict, false)] {
            let mut world = world();
            world.bind((HERE, SOURCE), (THERE, REPLICA)).unwrap();
            let behaviour = Behaviour {
                writes_while_replicating: reply,
                ..Behaviour::default()
            };
            world.behaviour = behaviour;
            let replica = world.file_system(THERE, REPLICA).unwrap();
            assert_eq!(replica.set_lifecycle(vec![], behaviour).is_ok(), ok);
            assert_eq!(
                replica
                    .set_policy(r#"{"Statement": []}"#, false, behaviour)
                    .is_ok(),
                ok
            );
            let made = world.create_access_point(THERE, REPLICA, point());
            assert_eq!(made.map_err(|error| error.code).is_ok(), ok);
            world.create_access_point(HERE, SOURCE, point()).unwrap();
        }
    }

    fn point() -> AccessPoint {
        serde_json::from_str(r#"{"accessPointId": "", "clientToken": "a"}"#).unwrap()
    }

    #[test]
    fn a_client_token_is_of_an_account_and_a_region() {
        let mut world = world().with_file_system(HERE, FileSystem::new("fs-00000001"));
        let foreign = FileSystem {
            owner_id: Some(OTHER_ACCOUNT.to_owned()),
            ..FileSystem::new("fs-00000002")
        };
        world = world.with_file_system(
            HERE,
            FileSystem {
                access_points: vec![point()],
                ..foreign
            },
        );
        let id = world
            .create_access_point(HERE, SOURCE, point())
            .unwrap()
            .access_point_id;
        let again = world
            .create_access_point(HERE, "fs-00000001", point())
            .unwrap_err();
        assert_eq!(
            (again.code, again.more),
            ("AccessPointAlreadyExists", Some(("AccessPointId", id)))
        );
        world.create_access_point(THERE, REPLICA, point()).unwrap();
    }

    #[test]
    fn two_replicas_of_one_source_have_two_tokens() {
        let mut world = world();
        for _ in 0..2 {
            replicate(&mut world, to_region()).unwrap();
            world.stop_replicating(HERE, SOURCE, false).unwrap();
        }
        let tokens: BTreeSet<&String> = world
            .file_systems(THERE)
            .map(|of| &of.creation_token)
            .collect();
        assert_eq!(
            tokens.len(),
            world.file_systems(THERE).count(),
            "{tokens:?}"
        );
    }

    #[test]
    fn a_policy_that_locks_its_writer_out_needs_the_check_to_be_waived() {
        let statement = |more: &str| {
            format!(r#"{{"Statement": [{{"Effect": "Deny", "Principal": "*", {more}}}]}}"#)
        };
        for (policy, locks) in [
            (statement(r#""Action": "*""#), true),
            (
                statement(
                    r#""Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:Put*"]"#,
                ),
                true,
            ),
            (
                statement(r#""NotAction": "elasticfilesystem:ClientMount""#),
                true,
            ),
            (statement(r#""Action": "elasticfilesystem:*Policy""#), true),
            (
                statement(r#""Action": "elasticfilesystem:Put?ileSystemPolicy""#),
                true,
            ),
            (
                statement(r#""Action": "*""#).replace(r#""*", "#, r#"{"AWS": ["*"]}, "#),
                true,
            ),
            (
                statement(r#""Action": "elasticfilesystem:ClientMount""#),
                false,
            ),
            (statement(r#""NotAction": "elasticfilesystem:*""#), false),
            (
                statement(
                    r#""Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}"#,
                ),
                false,
            ),
            (
                statement(r#""Action": "*""#).replace("Deny", "Allow"),
                false,
            ),
        ] {
            let set =
                |waived| FileSystem::new(SOURCE).set_policy(&policy, waived, Behaviour::default());
            assert_eq!(
                set(false).map_err(|error| error.code),
                if locks {
                    Err("InvalidPolicyException")
                } else {
                    Ok(())
                },
                "{policy}"
            );
            set(true).unwrap();
        }
    }

    #[test]
    fn a_policy_says_who_may_do_what() {
        let policy = json!({ "Effect": "Allow", "Principal": "*", "Action": "elasticfilesystem:ClientMount" });
        let set = |statement: &Value| {
            let policy = json!({ "Statement": statement }).to_string();
            FileSystem::new(SOURCE)
                .set_policy(&policy, false, Behaviour::default())
                .map_err(|error| error.code)
        };
        assert_eq!(set(&policy), Ok(()));
        for member in ["Effect", "Principal", "Action"] {
            let mut without = policy.clone();
            without.as_object_mut().unwrap().remove(member);
            assert_eq!(set(&without), Err("InvalidPolicyException"), "{member}");
            assert_eq!(
                set(&json!([policy, without])),
                Err("InvalidPolicyException"),
                "{member}"
            );
        }
    }

    #[test]
    fn a_zone_has_the_id_that_aws_gives_zones_of_its_region() {
        for (zone, id) in [
            ("us-east-1a", "use1-az1"),
            ("ap-southeast-2c", "apse2-az3"),
            ("us-gov-west-1b", "usgw1-az2"),
            ("cn-northwest-1a", "cnnw1-az1"),
        ] {
            assert_eq!(zone_id(zone).as_deref(), Some(id));
        }
    }

    #[test]
    fn mount_targets_of_an_enabling_destination_are_a_switch() {
        let mut world = world();
        world.bind((HERE, SOURCE), (THERE, REPLICA)).unwrap();
        world.behaviour.mount_targets_while_enabling = Reply::Conflict;
        let mut mount = |after| {
            advance(&mut world, after);
            world
                .create_mount_target(THERE, REPLICA, "subnet-00000000", None, vec![])
                .map_err(|error| error.code)
        };
        assert_eq!(
            mount(TimeDelta::zero()).unwrap_err(),
            "IncorrectFileSystemLifeCycleState"
        );
        mount(ENABLING).unwrap();
    }

    #[test]
    fn backups_of_a_regional_destination_and_enabled_before_the_sync_are_switches() {
        let mut world = world();
        world.behaviour.backup_on_regional_replica = true;
        world.behaviour.enabled_after_first_sync = true;
        let id = replicate(&mut world, to_region()).unwrap();
        assert_eq!(
            world.file_system(THERE, &id).unwrap().backup.as_deref(),
            Some("ENABLED")
        );
        advance(&mut world, TimeDelta::minutes(6));
        assert_eq!(
            world.replications[0].status(world.now, world.behaviour),
            "ENABLING"
        );
        advance(&mut world, TimeDelta::minutes(1));
        assert_eq!(
            world.replications[0].status(world.now, world.behaviour),
            "ENABLED"
        );
    }

    #[test]
    fn there_is_one_mount_target_a_zone_and_of_one_zone_it_is_the_own() {
        let mut world = world();
        let mut mount = |subnet: &str, address: Option<&str>, groups: &[&str]| {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            let made = world.create_mount_target(HERE, SOURCE, subnet, address, groups);
            made.map(|made| made.availability_zone_name)
                .map_err(|error| error.code)
        };
        assert_eq!(
            mount("subnet-00000000", Some("10.0.0.11"), &["sg-00000000"]),
            Ok("us-east-1a".to_owned())
        );
        assert_eq!(
            mount("subnet-00000003", None, &[]),
            Err("MountTargetConflict")
        );
        assert_eq!(
            mount("subnet-00000001", Some("10.0.0.11"), &[]),
            Err("IpAddressInUse")
        );
        assert_eq!(
            mount("subnet-00000001", Some("10.1.0.11"), &[]),
            Err("BadRequest")
        );
        for address in ["10.0.0.311", "10.0.0.0", "10.0.0.3", "10.0.255.255"] {
            assert_eq!(
                mount("subnet-00000001", Some(address), &[]),
                Err("BadRequest"),
                "{address}"
            );
        }
        assert_eq!(
            mount("subnet-00000001", None, &["default"]),
            Err("SecurityGroupNotFound")
        );
        assert_eq!(
            mount("subnet-00000001", None, &["sg-00000000"; 6]),
            Err("SecurityGroupLimitExceeded")
        );
        assert_eq!(
            mount("subnet-00000001", None, &[]),
            Ok("us-east-1b".to_owned())
        );
        let subnet = Subnet {
            region: HERE.to_owned(),
            availability_zone_name: "us-east-1f".into(),
            vpc_id: default_vpc(),
            cidr_block: default_addresses(),
        };
        world.subnets.insert("subnet-0000000f".to_owned(), subnet);
        let one_zone = FileSystem {
            availability_zone_name: Some("us-east-1a".into()),
            ..FileSystem::new("fs-00000001")
        };
        world = world.with_file_system(HERE, one_zone);
        for (subnet, code) in [
            ("subnet-00000000", "SubnetNotFound"),
            ("subnet-0000000f", "AvailabilityZonesMismatch"),
        ] {
            let made = world.create_mount_target(HERE, "fs-00000001", subnet, None, vec![]);
            assert_eq!(made.unwrap_err().code, code);
        }
    }

    #[test]
    fn a_token_that_comes_again_names_what_it_made() {
        let mut world = world();
        let wanted = FileSystem {
            creation_token: "once".to_owned(),
            ..FileSystem::new("")
        };
        let id = world
            .create_file_system(HERE, wanted.clone())
            .unwrap()
            .file_system_id
            .clone();
        let again = world.create_file_system(HERE, wanted.clone()).unwrap_err();
        assert_eq!(
            (again.code, again.more),
            ("FileSystemAlreadyExists", Some(("FileSystemId", id)))
        );
        world.create_file_system(THERE, wanted).unwrap();
    }

    #[test]
    fn lifecycle_policies_are_checked_as_documented() {
        let policies = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap();
        for (text, ok) in [
            (
                r#"[{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToArchive": "AFTER_90_DAYS"}]"#,
                true,
            ),
            (
                r#"[{"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]"#,
                true,
            ),
            ("[]", true),
            (
                r#"[{"TransitionToIA": "AFTER_90_DAYS"}, {"TransitionToArchive": "AFTER_30_DAYS"}]"#,
                false,
            ),
            (
                r#"[{"TransitionToIA": "AFTER_30_DAYS", "TransitionToArchive": "AFTER_90_DAYS"}]"#,
                false,
            ),
            (r#"[{"TransitionToIA": "AFTER_1_ACCESS"}]"#, false),
            (r#"[{"TransitionToIA": "AFTER_31_DAYS"}]"#, false),
        ] {
            let set = FileSystem::new(SOURCE).set_lifecycle(policies(text), Behaviour::default());
            assert_eq!(set.is_ok(), ok, "{text}");
        }
        let archive = policies(r#"[{"TransitionToArchive": "AFTER_90_DAYS"}]"#);
        let mut bursting = FileSystem {
            throughput_mode: "bursting".to_owned(),
            ..FileSystem::new(SOURCE)
        };
        assert_eq!(
            bursting
                .set_lifecycle(archive, Behaviour::default())
                .unwrap_err()
                .code,
            "BadRequest"
        );
    }

    #[test]
    fn a_throughput_stands_for_a_day() {
        let now = World::empty().now;
        let mut of = FileSystem::new(SOURCE);
        of.set_throughput(Some("provisioned".to_owned()), Some(64.0), now)
            .unwrap();
        of.set_throughput(None, Some(128.0), now).unwrap();
        assert_eq!(
            of.set_throughput(None, Some(32.0), now).unwrap_err().code,
            "TooManyRequests"
        );
        // What stands already is no change.
        of.set_throughput(None, Some(128.0), now + TimeDelta::hours(23))
            .unwrap();
        of.set_throughput(Some("bursting".to_owned()), None, now + THROUGHPUT_STANDS)
            .unwrap();
        assert_eq!(of.provisioned_throughput_in_mibps, None);
    }

    #[test]
    fn a_world_of_file_systems_that_cannot_be_is_told_in_a_sentence() {
        let world = |file_systems: &str, more: &str| {
            let efs = format!(r#""efs": {{"{HERE}": {{"fileSystems": [{file_systems}]}}}}"#);
            format!(r#"{{"account": "111122223333", "region": "{HERE}", {efs}{more}}}"#)
        };
        let one = format!(r#"{{"fileSystemId": "{SOURCE}"}}"#);
        let with = |member: &str| one.replace('}', &format!(", {member}}}"));
        let read = World::from_json(&world(&one, "")).unwrap();
        assert_eq!(read.efs[HERE].file_systems, [FileSystem::new(SOURCE)]);
        let replication = format!(
            r#", "replications": [{{"sourceRegion": "{HERE}", "sourceFileSystemId": "{SOURCE}", "destinationRegion": "{HERE}", "destinationFileSystemId": "fs-00000009", "createdAt": "2026-11-21T00:00:00Z", "firstSyncEndsAt": "2026-11-21T00:05:00Z"}}]"#
        );
        let cases = [
            (world(&one.replace("fs-", "s-"), ""), "at 'fileSystemId'"),
            (
                world(
                    &one.replace(
                        "fs-",
                        "arn:aws:elasticfilesystem:us-east-1:1:file-system/fs-",
                    ),
                    "",
                ),
                "is not an ID",
            ),
            (world(&format!("{one}, {one}"), ""), "is there twice"),
            (
                world(&with(r#""protection": "OFF""#), ""),
                "at 'fileSystemProtection.replicationOverwriteProtection'",
            ),
            (
                world(&with(r#""lifeCycleState": "AVAILABLE""#), ""),
                "Value 'AVAILABLE' at 'lifeCycleState'",
            ),
            (
                world(&with(r#""backup": "on""#), ""),
                "at 'backupPolicy.status'",
            ),
            (
                world(&with(r#""throughputMode": "fast""#), ""),
                "at 'throughputMode'",
            ),
            (world(&with(r#""ownerId": "me""#), ""), "at 'ownerId'"),
            (
                world(
                    &with(r#""lifecyclePolicies": [{"TransitionToIA": "AFTER_2_DAYS"}]"#),
                    "",
                ),
                "transitionToIA",
            ),
            (
                world(
                    &with(
                        r#""accessPoints": [{"accessPointId": "fsap-00000001", "clientToken": "a", "posixUser": {"Uid": -1, "Gid": 0}}]"#,
                    ),
                    "",
                ),
                "at 'posixUser.uid'",
            ),
            (
                world(
                    &one,
                    r#", "subnets": {"subnet-1": {"region": "us-east-1", "availabilityZoneName": "us-east-1a"}}"#,
                ),
                "at 'subnetId'",
            ),
            (
                world(&one, &replication),
                "the replicated file system fs-00000009 is not in",
            ),
            (
                world(&one, &replication.replace("fs-00000009", SOURCE)),
                "is a destination and not REPLICATING",
            ),
        ];
        for (text, part) in cases {
            let wrong = World::from_json(&text).unwrap_err();
            assert!(wrong.contains(part), "`{wrong}` does not say `{part}`");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of worlds")]
    fn a_world_has_no_file_system_that_could_not_have_been_made() {
        let id = |number: u8| format!("fs-0000000{number}");
        let target = |number: u8, zone: &str| {
            json!({ "mountTargetId": format!("fsmt-0000000{number}"), "subnetId": "subnet-00000001",
                "ipAddress": format!("10.0.0.{number}"), "availabilityZoneName": zone })
        };
        let point = |number: u8, token: &str| json!({ "accessPointId": format!("fsap-0000000{number}"), "clientToken": token });
        let replication = |from: u8, to: u8| {
            json!({ "sourceRegion": HERE, "sourceFileSystemId": id(from), "destinationRegion": HERE,
                "destinationFileSystemId": id(to), "createdAt": "2026-11-01T00:00:00Z", "firstSyncEndsAt": "2026-11-01T01:00:00Z" })
        };
        let read = |more: Value, replications: Value| {
            let mut first = json!({ "fileSystemId": id(1), "creationToken": "first" });
            first
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let other = json!({ "fileSystemId": id(2), "creationToken": "other", "accessPoints": [point(2, "taken")] });
            let replicas = [3, 4]
                .map(|number| json!({ "fileSystemId": id(number), "protection": "REPLICATING" }));
            let all = json!([first, other, replicas[0], replicas[1]]);
            let world = json!({ "account": "111122223333", "region": HERE, "efs": { HERE: { "fileSystems": all } },
                "replications": replications });
            World::from_json(&world.to_string()).map(drop)
        };
        let zone = |letter: char| format!("{HERE}{letter}");
        for (more, replications) in [
            (json!({}), json!([])),
            (
                json!({ "mountTargets": [target(1, &zone('a')), target(2, &zone('b'))] }),
                json!([replication(1, 3)]),
            ),
            (
                json!({ "accessPoints": [point(1, "own")] }),
                json!([replication(1, 3), replication(2, 4)]),
            ),
        ] {
            read(more, replications).unwrap();
        }
        for (more, replications, part) in [
            (json!({ "performanceMode": "maxIO" }), json!([]), "elastic"),
            (
                json!({ "throughputMode": "provisioned" }),
                json!([]),
                "provisioned throughput",
            ),
            (
                json!({ "kmsKeyId": "alias/a", "encrypted": false }),
                json!([]),
                "encrypted",
            ),
            (
                json!({ "kmsKeyId": "arn:aws:kms:eu-west-1:111122223333:alias/a" }),
                json!([]),
                "unexpected region",
            ),
            (
                json!({ "availabilityZoneName": "eu-west-1a" }),
                json!([]),
                "fs-00000001: ",
            ),
            (
                json!({ "mountTargets": [target(1, &zone('a')), target(2, &zone('a'))] }),
                json!([]),
                "fsmt-00000002",
            ),
            (
                json!({ "mountTargets": [target(1, "eu-west-1a")] }),
                json!([]),
                "fsmt-00000001",
            ),
            (
                json!({ "mountTargets": [target(1, &zone('a'))], "availabilityZoneName": zone('b') }),
                json!([]),
                "fsmt-",
            ),
            (json!({ "policy": "banana" }), json!([]), "not a policy"),
            (
                json!({ "creationToken": "other" }),
                json!([]),
                "the creation token other",
            ),
            (
                json!({ "accessPoints": [point(1, "taken")] }),
                json!([]),
                "the client token taken",
            ),
            (
                json!({}),
                json!([replication(1, 3), replication(1, 4)]),
                "two replication configurations",
            ),
            (
                json!({}),
                json!([replication(1, 3), replication(2, 3)]),
                "two replication configurations",
            ),
            (
                json!({}),
                json!([replication(1, 3), replication(3, 4)]),
                "two replication configurations",
            ),
            (json!({}), json!([replication(3, 3)]), "its own destination"),
        ] {
            let wrong = read(more.clone(), replications).unwrap_err();
            assert!(wrong.contains(part), "{more}: {wrong}");
        }
    }

    #[test]
    fn the_id_of_what_was_deleted_is_not_given_again() {
        let mut world = World::empty();
        let mut ids = BTreeSet::new();
        for token in ["first", "second"] {
            let wanted = FileSystem {
                creation_token: token.to_owned(),
                ..FileSystem::new("")
            };
            let id = world
                .create_file_system(HERE, wanted)
                .unwrap()
                .file_system_id
                .clone();
            world.file_system(HERE, &id).unwrap().life_cycle_state = available();
            let target = world
                .create_mount_target(HERE, &id, "subnet-00000001", None, Vec::new())
                .unwrap()
                .mount_target_id;
            world.delete_mount_target(HERE, &target).unwrap();
            let [with, before] = [token, "deleted before"].map(|client_token| {
                let wanted = AccessPoint {
                    client_token: client_token.to_owned(),
                    ..point()
                };
                world
                    .create_access_point(HERE, &id, wanted)
                    .unwrap()
                    .access_point_id
            });
            world.delete_access_point(HERE, &before).unwrap();
            world.delete_file_system(HERE, &id).unwrap();
            ids.extend([id, target, with, before]);
        }
        assert_eq!(ids.len(), 8);
    }

    #[test]
    fn a_replica_is_no_larger_than_a_number_of_the_model() {
        let mut world = world();
        world.file_system(HERE, SOURCE).unwrap().size_bytes = LARGEST;
        world
            .bind((HERE, SOURCE), (THERE, REPLICA))
            .unwrap()
            .first_sync_ends_at = world.now;
        let later = world.now + TimeDelta::minutes(1);
        world.advance_to(later);
        assert_eq!(
            world.file_system(THERE, REPLICA).unwrap().size_bytes,
            LARGEST
        );
    }
}
