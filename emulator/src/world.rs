//! The pretend account: plain data and total functions, without HTTP.
//!
//! What each change does follows the DRS API reference; where that is silent, a switch in
//! [`Behaviour`] decides, and tests run under both settings. Time passes only when
//! [`World::advance_to`] says so.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

use crate::{
    aws::call::Service,
    aws::constraints,
    drs, efs,
    efs::model::{Efs, Refusal, Replication, Subnet},
    fault::Fault,
};

/// Staging resources are removed within 90 minutes of a disconnect (`DisconnectSourceServer`).
pub const STAGING_GONE: TimeDelta = TimeDelta::minutes(90);
/// The agent is told to uninstall itself within about 10 minutes of a disconnect
/// (`DisconnectSourceServer`).
pub const AGENT_GONE: TimeDelta = TimeDelta::minutes(10);
/// The quota: source servers of a job.
const SERVERS_OF_A_JOB: usize = 100;
/// How long a job waits before it starts. Not documented; a plausible pace.
const JOB_STARTS: TimeDelta = TimeDelta::minutes(1);
/// How long a job takes in all. Not documented; a plausible pace.
const JOB_TAKES: TimeDelta = TimeDelta::minutes(15);
/// How long a started replication initiates, and then synchronises. Not documented; a plausible
/// pace.
const INITIATING: TimeDelta = TimeDelta::minutes(10);
const INITIAL_SYNC: TimeDelta = TimeDelta::hours(2);

/// The years that a world can be in: all have four digits, as the times of DRS have.
pub(crate) const YEARS: std::ops::Range<i32> = 2000..3000;

/// An AWS account as it stands at a moment. A world file is this as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct World {
    /// The account's ID, 12 digits.
    pub account: String,
    /// The Region in which the functions run.
    pub region: String,
    /// What time it is there.
    #[serde(default = "Utc::now")]
    pub now: DateTime<Utc>,
    /// When it began to run, if it did. What has no date of its own is half a year older, however
    /// late it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<DateTime<Utc>>,
    /// How it behaves where the API reference is silent.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// How the functions are deployed, by name.
    #[serde(default)]
    pub functions: BTreeMap<String, Deployment>,
    /// The faults that calls to come will meet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// DRS in each Region where it was initialised.
    #[serde(default)]
    pub drs: BTreeMap<String, Drs>,
    /// EFS in each Region where there is a file system.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub efs: BTreeMap<String, Efs>,
    /// The replications between file systems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replications: Vec<Replication>,
    /// The subnets by ID; without any, there is every subnet in every Region, in the zone that its
    /// last digit gives.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subnets: BTreeMap<String, Subnet>,
    /// Calls whose effect is still to come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<LateEffect>,
}

/// A call that was never answered, and takes effect later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LateEffect {
    /// When it does.
    pub at: DateTime<Utc>,
    /// The service that was called.
    #[serde(default)]
    pub service: Service,
    /// The API's name of the operation.
    pub operation: String,
    /// The Region that the signature named.
    pub region: String,
    /// The members of the call.
    pub input: serde_json::Value,
}

/// How a function is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Deployment {
    /// Lambda's timeout for it.
    pub timeout_seconds: u32,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
}

/// Answers to questions that the API reference leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Behaviour {
    /// `DisconnectSourceServer` on a server that is DISCONNECTED.
    pub second_disconnect: Reply,
    /// `DisconnectSourceServer` on a server that is extended from another account.
    pub disconnect_extended: Reply,
    /// `DisconnectSourceServer` while a job works on the server.
    pub disconnect_during_job: Reply,
    /// `DisconnectSourceServer` on a server with a recovery instance: the API reference forbids it,
    /// the console's guide does not.
    pub disconnect_with_recovery_instance: Reply,
    /// Whether `DisconnectSourceServer` answers with the server as it was, and not, as its model
    /// says, as it is then.
    pub disconnect_answers_as_before: bool,
    /// `DeleteSourceServer` within the 90 minutes in which staging resources are removed.
    pub delete_before_cleanup: Reply,
    /// How many items a page holds when the request does not say.
    pub page_size: usize,
    /// `CreateReplicationConfiguration` for a file system that is in a configuration.
    pub second_replication: Refusal,
    /// `CreateReplicationConfiguration` onto a file system whose overwrite protection is ENABLED.
    pub protected_destination: Refusal,
    /// `PutLifecycleConfiguration`, `PutFileSystemPolicy` and `CreateAccessPoint` on a destination
    /// while it is REPLICATING; what is not Ok is an IncorrectFileSystemLifeCycleState.
    pub writes_while_replicating: Reply,
    /// `CreateMountTarget` on a destination while its replication is ENABLING; what is not Ok is an
    /// IncorrectFileSystemLifeCycleState.
    pub mount_targets_while_enabling: Reply,
    /// Whether a new Regional destination has automatic backups, as every new One Zone destination
    /// has.
    pub backup_on_regional_replica: bool,
    /// Whether a replication is ENABLED only after its first sync.
    pub enabled_after_first_sync: bool,
}

/// Whether a doubtful call succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// It does.
    Ok,
    /// It is answered by a conflict, 409.
    Conflict,
}

/// DRS in one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Drs {
    /// All records of source servers.
    pub source_servers: Vec<SourceServer>,
    /// All recovery instances.
    pub recovery_instances: Vec<RecoveryInstance>,
    /// All jobs.
    pub jobs: Vec<Job>,
    /// The IDs of the servers and jobs that were deleted: no other ever has them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub gone: BTreeSet<String>,
}

/// The record of a source server. Only its ID is needed; the rest has the values of a healthy
/// server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SourceServer {
    /// `s-` and 17 letters or digits.
    #[serde(rename = "sourceServerID")]
    pub id: String,
    /// The host's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The host's name with its domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<String>,
    /// The EC2 instance, if it is one.
    #[serde(
        rename = "awsInstanceID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub aws_instance_id: Option<String>,
    /// The account of the instance.
    #[serde(
        rename = "originAccountID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub origin_account_id: Option<String>,
    /// The Region of the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_region: Option<String>,
    /// The replication state, as the API spells it.
    #[serde(default = "continuous")]
    pub data_replication_state: String,
    /// FAILOVER or FAILBACK.
    #[serde(default = "failover")]
    pub replication_direction: String,
    /// The server that replicates the other way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_direction_source_server_arn: Option<String>,
    /// NOT_EXTENDED, EXTENDED or EXTENSION_ERROR.
    #[serde(default = "not_extended")]
    pub staging_status: String,
    /// Of an extended server: the server of a staging account whose replication it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging_source_server_arn: Option<String>,
    /// The recovery instance that the record names.
    #[serde(
        rename = "recoveryInstanceID",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub recovery_instance_id: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The size of its one disk; replicated in full.
    #[serde(default = "hundred_gibibytes")]
    pub disk_bytes: u64,
    /// How many recovery points it has at most: every ten minutes of an hour, then every hour of a
    /// day, then every day of a week.
    #[serde(default = "a_week_of_points")]
    pub recovery_points: u32,
    /// When its replication began, for the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicating_since: Option<DateTime<Utc>>,
    /// When its staging resources will be gone; set by a disconnect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging_gone_at: Option<DateTime<Utc>>,
    /// When its agent will have been uninstalled; set by a disconnect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_gone_at: Option<DateTime<Utc>>,
}

/// A recovery instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RecoveryInstance {
    /// `i-` and hexadecimal digits.
    #[serde(rename = "recoveryInstanceID")]
    pub id: String,
    /// The server that it was launched for.
    #[serde(rename = "sourceServerID")]
    pub source_server_id: String,
    /// Whether it was launched for a drill.
    #[serde(default)]
    pub is_drill: bool,
    /// The state of the EC2 instance.
    #[serde(default = "running")]
    pub ec2_instance_state: String,
    /// The state of a failback from it.
    #[serde(default = "failback_not_started")]
    pub failback_state: String,
    /// Whether its agent was disconnected.
    #[serde(default)]
    pub disconnected: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Job {
    /// `drsjob-` and 17 letters or digits.
    #[serde(rename = "jobID")]
    pub id: String,
    /// LAUNCH, TERMINATE or CREATE_CONVERTED_SNAPSHOT.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who began it, as the API spells it.
    pub initiated_by: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was deleted or will have ended.
    pub ends_at: DateTime<Utc>,
    /// The servers that it works on.
    #[serde(rename = "sourceServerIDs")]
    pub source_server_ids: Vec<String>,
    /// The recovery instances that it terminates.
    #[serde(rename = "recoveryInstanceIDs", default)]
    pub recovery_instance_ids: Vec<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// JSON in which nothing is there twice: of two Regions or tags with one name, the first would
/// vanish without a word.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value::<Self>()?;
            if let Some(twice) = seen.replace(name) {
                return Err(A::Error::custom(format!("`{twice}` is there twice")));
            }
        }
        Ok(self)
    }
}

/// Why a change is refused: the code and status of the answer, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The error's name in the API's model, or one that is not modelled.
    pub code: &'static str,
    /// The text for people.
    pub message: String,
    /// A further member of the error's body, where the model has one.
    pub more: Option<(&'static str, String)>,
}

fn continuous() -> String {
    "CONTINUOUS".to_owned()
}

fn failover() -> String {
    "FAILOVER".to_owned()
}

fn not_extended() -> String {
    "NOT_EXTENDED".to_owned()
}

fn running() -> String {
    "RUNNING".to_owned()
}

fn failback_not_started() -> String {
    "FAILBACK_NOT_STARTED".to_owned()
}

fn hundred_gibibytes() -> u64 {
    100 << 30
}

/// Six of the last hour, 24 of the last day, seven of the last week.
fn a_week_of_points() -> u32 {
    37
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            timeout_seconds: 120,
            environment: BTreeMap::new(),
        }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            second_disconnect: Reply::Conflict,
            disconnect_extended: Reply::Conflict,
            disconnect_during_job: Reply::Conflict,
            disconnect_with_recovery_instance: Reply::Conflict,
            disconnect_answers_as_before: false,
            delete_before_cleanup: Reply::Ok,
            page_size: 50,
            second_replication: Refusal::BadRequest,
            protected_destination: Refusal::BadRequest,
            writes_while_replicating: Reply::Ok,
            mount_targets_while_enabling: Reply::Ok,
            backup_on_regional_replica: false,
            enabled_after_first_sync: false,
        }
    }
}

impl Default for World {
    /// The account that comes with drover: servers of several kinds, some approved for the change
    /// of the sample events.
    fn default() -> Self {
        Self::from_json(include_str!("../worlds/default.json")).unwrap_or_else(|_| Self::empty())
    }
}

impl World {
    /// Reads a world file.
    ///
    /// # Errors
    ///
    /// A sentence: what serde stumbled over, with line and column, or a value that no account has.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str::<Once>(text).map_err(|error| error.to_string())?;
        let world: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        world.check().map(|()| world)
    }

    fn check(&self) -> Result<(), String> {
        if !is_account(&self.account) {
            return Err(format!("the account `{}` is not 12 digits", self.account));
        }
        self.check_regions()?;
        if !YEARS.contains(&self.now.year()) {
            return Err(format!(
                "it is {} there; a world is in the years from 2000 to 2999",
                self.now
            ));
        }
        if self.behaviour.page_size == 0 {
            return Err("a page size of 0 has no pages".to_owned());
        }
        for (name, deployment) in &self.functions {
            let is_sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
            if !(1..=64).contains(&name.len()) || !name.chars().all(is_sign) {
                return Err(format!("`{name}` is not the name of a function"));
            }
            deployment
                .check()
                .map_err(|wrong| format!("the function {name}: {wrong}"))?;
        }
        self.faults.iter().try_for_each(Fault::check)?;
        self.late.iter().try_for_each(LateEffect::check)?;
        if self.began.is_some_and(|began| began > self.now) {
            return Err(format!("it began in the future, after {}", self.now));
        }
        self.drs.values().try_for_each(|drs| drs.check(self))?;
        self.check_efs()?;
        drs::api::check(self)?;
        efs::api::check(self)?;
        self.check_efs_together()
    }

    /// Every Region exists, is in the account's partition, and has the service that is told of
    /// there.
    fn check_regions(&self) -> Result<(), String> {
        let partition = constraints::partition(&self.region);
        let drs = self.drs.keys().map(|region| (region, Service::Drs));
        let efs = self
            .efs
            .keys()
            .chain(self.subnets.values().map(|subnet| &subnet.region));
        let ends = self
            .replications
            .iter()
            .flat_map(|of| [&of.source_region, &of.destination_region]);
        let late = self
            .late
            .iter()
            .map(|effect| (&effect.region, effect.service));
        let all = drs
            .chain(efs.chain(ends).map(|region| (region, Service::Efs)))
            .chain(late);
        let faults = self.faults.iter().filter_map(|fault| fault.region.as_ref());
        for region in all
            .clone()
            .map(|(region, _)| region)
            .chain(faults)
            .chain([&self.region])
        {
            match constraints::partition(region) {
                None => return Err(format!("`{region}` is not a Region")),
                of if of != partition => {
                    return Err(format!(
                        "{region} is not in the partition of {}",
                        self.region
                    ));
                }
                _ => {}
            }
        }
        match all
            .into_iter()
            .find(|(region, service)| !constraints::is_in(*service, region))
        {
            Some((region, service)) => Err(format!("{service:?} is not in {region}")),
            None => Ok(()),
        }
    }

    /// An account in which DRS was never initialised.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            now: Utc::now(),
            began: None,
            behaviour: Behaviour::default(),
            functions: BTreeMap::new(),
            faults: Vec::new(),
            drs: BTreeMap::new(),
            efs: BTreeMap::new(),
            replications: Vec::new(),
            subnets: BTreeMap::new(),
            late: Vec::new(),
        }
    }

    /// When what has no date of its own was made.
    #[must_use]
    pub fn long_ago(&self) -> DateTime<Utc> {
        self.began.unwrap_or(self.now) - TimeDelta::days(180)
    }

    /// An account with these servers in the Region of the functions.
    #[must_use]
    pub fn with(servers: impl IntoIterator<Item = SourceServer>) -> Self {
        let mut world = Self::empty();
        world.here().source_servers = servers.into_iter().collect();
        world
    }

    /// DRS in the Region of the functions, initialised if it was not.
    pub fn here(&mut self) -> &mut Drs {
        self.drs.entry(self.region.clone()).or_default()
    }

    /// The server with this ID in the Region of the functions.
    pub fn server(&mut self, id: &str) -> Option<&mut SourceServer> {
        self.here()
            .source_servers
            .iter_mut()
            .find(|server| server.id == id)
    }

    /// The same world, where every server and file system still has the tags that it had in an
    /// earlier one.
    #[must_use]
    pub fn with_tags_of(&self, earlier: &Self) -> Self {
        let mut world = self.clone();
        for server in world
            .drs
            .values_mut()
            .flat_map(|drs| &mut drs.source_servers)
        {
            let mut servers = earlier.drs.values().flat_map(|drs| &drs.source_servers);
            if let Some(was) = servers.find(|was| was.id == server.id) {
                server.tags.clone_from(&was.tags);
            }
        }
        for file_system in world.efs.values_mut().flat_map(|efs| &mut efs.file_systems) {
            let mut file_systems = earlier.efs.values().flat_map(|efs| &efs.file_systems);
            if let Some(was) =
                file_systems.find(|was| was.file_system_id == file_system.file_system_id)
            {
                file_system.tags.clone_from(&was.tags);
            }
        }
        world
    }

    /// Lets time pass until `now`. Time does not run backwards.
    pub fn advance_to(&mut self, now: DateTime<Utc>) {
        let before = self.now;
        self.now = before.max(now);
        self.settle_efs(before);
        for drs in self.drs.values_mut() {
            drs.settle(self.now);
        }
    }
}

impl SourceServer {
    /// A healthy server of an EC2 instance.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            hostname: None,
            fqdn: None,
            aws_instance_id: None,
            origin_account_id: None,
            origin_region: None,
            data_replication_state: continuous(),
            replication_direction: failover(),
            reversed_direction_source_server_arn: None,
            staging_status: not_extended(),
            staging_source_server_arn: None,
            recovery_instance_id: None,
            tags: BTreeMap::new(),
            disk_bytes: hundred_gibibytes(),
            recovery_points: a_week_of_points(),
            replicating_since: None,
            staging_gone_at: None,
            agent_gone_at: None,
        }
    }

    /// The same server with a tag.
    #[must_use]
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Whether it shares the replication of a server in a staging account, or did so.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.staging_status != "NOT_EXTENDED"
    }

    /// Whether replication has ended for good.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.data_replication_state == "DISCONNECTED"
    }

    /// The times of its recovery points, the newest first. They stand for as long as AWS keeps
    /// them: a point is taken every ten minutes, and of those that are an hour old the first of
    /// each hour is kept, a day later the first of each day.
    #[must_use]
    pub fn points(&self, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let (minutes, hours, days) = (6, 24, 7);
        let age_of = |(step, from): (i64, DateTime<Utc>)| {
            let newest = from.timestamp().div_euclid(step * 60) * step;
            (0..).map(move |back| {
                DateTime::from_timestamp((newest - back * step) * 60, 0).unwrap_or(from)
            })
        };
        let hour_ago = now - TimeDelta::hours(1);
        let day_ago = hour_ago - TimeDelta::hours(hours);
        let kept = [
            (10, now, minutes),
            (60, hour_ago, hours),
            (24 * 60, day_ago, days),
        ];
        let all = kept
            .into_iter()
            .flat_map(|(step, from, count)| age_of((step, from)).zip(0..count));
        let first = self
            .replicating_since
            .map(|since| since + INITIATING + INITIAL_SYNC);
        let taken = all
            .map(|(at, _)| at)
            .filter(|at| first.is_none_or(|first| *at >= first));
        taken.take(self.recovery_points as usize).collect()
    }

    /// Begins a replication from nothing, as an operator does who restores a server.
    pub fn start(&mut self, now: DateTime<Utc>) {
        self.data_replication_state = "INITIATING".to_owned();
        self.recovery_points = a_week_of_points();
        self.replicating_since = Some(now);
        (self.staging_gone_at, self.agent_gone_at) = (None, None);
    }

    fn settle(&mut self, now: DateTime<Utc>) {
        let Some(since) = self.replicating_since else {
            return;
        };
        let reached = match now - since {
            age if age < INITIATING => "INITIATING",
            age if age < INITIATING + INITIAL_SYNC => "INITIAL_SYNC",
            _ => "CONTINUOUS",
        };
        if matches!(
            self.data_replication_state.as_str(),
            "INITIATING" | "INITIAL_SYNC"
        ) {
            self.data_replication_state = reached.to_owned();
        }
    }
}

impl Deployment {
    /// Lambda keeps its own variables to itself, and so do the endpoints of this account.
    fn check(&self) -> Result<(), String> {
        if !(1..=900).contains(&self.timeout_seconds) {
            return Err(format!(
                "a timeout of {} seconds is not one of Lambda's, 1 to 900",
                self.timeout_seconds
            ));
        }
        if let Some(name) = self
            .environment
            .keys()
            .find(|name| name.starts_with("AWS_") || name.starts_with("_"))
        {
            return Err(format!("the variable {name} is reserved"));
        }
        let is_name = |name: &str| {
            let mut signs = name.chars();
            signs
                .next()
                .is_some_and(|first| first.is_ascii_alphabetic())
                && name.len() > 1
                && signs.all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
        };
        match self
            .environment
            .iter()
            .find(|(name, value)| !is_name(name) || value.contains('\0'))
        {
            Some((name, _)) => Err(format!(
                "`{}` is not a variable that Lambda has",
                name.escape_debug()
            )),
            None => Ok(()),
        }
    }
}

impl LateEffect {
    fn check(&self) -> Result<(), String> {
        let (service, operation) = (self.service, self.operation.as_str());
        let checked = constraints::check_input(service, operation, &self.input);
        checked.map_err(|wrong| format!("a late effect of {operation}: {wrong}"))
    }
}

impl Job {
    /// The status at a moment.
    #[must_use]
    pub fn status(&self, now: DateTime<Utc>) -> &'static str {
        match now {
            now if now >= self.ends_at => "COMPLETED",
            now if now >= self.created_at + JOB_STARTS => "STARTED",
            _ => "PENDING",
        }
    }

    fn is_running(&self, now: DateTime<Utc>) -> bool {
        now < self.ends_at
    }
}

impl Drs {
    /// Checks that what a world file says could have come about.
    fn check(&self, world: &World) -> Result<(), String> {
        for server in &self.source_servers {
            let SourceServer {
                id,
                origin_account_id,
                origin_region,
                replicating_since,
                ..
            } = server;
            if replicating_since.is_some_and(|since| since > world.now) {
                return Err(format!("{id} replicates since a time to come"));
            }
            let known = origin_region.as_ref().is_none_or(|region| {
                constraints::partition(region)
                    .is_some_and(|of| Some(of) == constraints::partition(&world.region))
            });
            if !known || origin_account_id.is_some() != origin_region.is_some() {
                return Err(format!(
                    "{id} needs originAccountID and originRegion, a Region of this partition, or neither"
                ));
            }
        }
        for Job {
            id,
            kind,
            created_at,
            ends_at,
            source_server_ids,
            recovery_instance_ids,
            ..
        } in &self.jobs
        {
            if created_at > ends_at || *created_at > world.now {
                return Err(format!("{id} was created after it ends, or in the future"));
            }
            if kind == "TERMINATE" && source_server_ids.len() != recovery_instance_ids.len() {
                return Err(format!(
                    "{id} terminates other recovery instances than those of its servers"
                ));
            }
        }
        Ok(())
    }

    /// `DisconnectSourceServer`: ends replication, destroys the recovery points, and leaves the
    /// rest to time.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException with a recovery instance and where
    /// [`Behaviour`] says so.
    pub fn disconnect(
        &mut self,
        id: &str,
        now: DateTime<Utc>,
        behaviour: Behaviour,
    ) -> Result<&SourceServer, ApiError> {
        let in_job = self
            .jobs
            .iter()
            .any(|job| job.is_running(now) && job.source_server_ids.iter().any(|of| of == id));
        let launched = self
            .recovery_instances
            .iter()
            .any(|instance| instance.source_server_id == id);
        let server = self.source_server(id)?;
        let launched = launched || server.recovery_instance_id.is_some();
        refuse_if(
            launched,
            behaviour.disconnect_with_recovery_instance,
            || format!("{id} has a Recovery Instance"),
        )?;
        refuse_if(
            server.is_disconnected(),
            behaviour.second_disconnect,
            || format!("{id} is disconnected"),
        )?;
        refuse_if(in_job, behaviour.disconnect_during_job, || {
            format!("{id} is in a running job")
        })?;
        refuse_if(server.is_extended(), behaviour.disconnect_extended, || {
            format!("{id} is extended")
        })?;
        if !server.is_disconnected() {
            server.data_replication_state = "DISCONNECTED".to_owned();
            server.recovery_points = 0;
            server.staging_gone_at = Some(now + STAGING_GONE);
            server.agent_gone_at = Some(now + AGENT_GONE);
        }
        Ok(server)
    }

    /// `DeleteSourceServer`: removes the record of a server that is DISCONNECTED.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for a server that still replicates.
    pub fn delete(
        &mut self,
        id: &str,
        now: DateTime<Utc>,
        behaviour: Behaviour,
    ) -> Result<(), ApiError> {
        let server = self.source_server(id)?;
        // What is extended from a staging account can go at any time: it does not replicate.
        if !server.is_disconnected() && !server.is_extended() {
            return Err(ApiError::conflict(format!(
                "{id} must be disconnected first"
            )));
        }
        let cleaning = server.staging_gone_at.is_some_and(|gone| now < gone);
        refuse_if(cleaning, behaviour.delete_before_cleanup, || {
            format!("{id} still has staging resources")
        })?;
        self.source_servers.retain(|server| server.id != id);
        self.gone.insert(id.to_owned());
        Ok(())
    }

    /// `StopReplication`: stops for a while; keeps the agent and the record, deletes the recovery
    /// points.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for a server that is DISCONNECTED.
    pub fn stop(&mut self, id: &str) -> Result<&SourceServer, ApiError> {
        let server = self.source_server(id)?;
        if server.is_disconnected() {
            return Err(ApiError::conflict(format!("{id} is disconnected")));
        }
        server.data_replication_state = "STOPPED".to_owned();
        server.recovery_points = 0;
        Ok(server)
    }

    /// `StartReplication`: begins a stopped replication from nothing.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for a server that is not STOPPED.
    pub fn start(&mut self, id: &str, now: DateTime<Utc>) -> Result<&SourceServer, ApiError> {
        let server = self.source_server(id)?;
        if server.data_replication_state != "STOPPED" {
            return Err(ApiError::conflict(format!("{id} is not stopped")));
        }
        server.start(now);
        Ok(server)
    }

    /// `RetryDataReplication`: begins again, also for a server that is DISCONNECTED.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ValidationException for a server that is neither stalled,
    /// STOPPED nor DISCONNECTED.
    pub fn retry(&mut self, id: &str, now: DateTime<Utc>) -> Result<&SourceServer, ApiError> {
        let server = self.source_server(id)?;
        if !matches!(
            server.data_replication_state.as_str(),
            "STALLED" | "STOPPED" | "DISCONNECTED"
        ) {
            return Err(ApiError::validation(format!(
                "{id} is {}",
                server.data_replication_state
            )));
        }
        server.start(now);
        Ok(server)
    }

    /// Whether a job is terminating a recovery instance.
    pub(crate) fn is_being_terminated(&self, id: &str, now: DateTime<Utc>) -> bool {
        let mut running = self
            .jobs
            .iter()
            .filter(|job| job.is_running(now))
            .flat_map(|job| &job.recovery_instance_ids);
        running.any(|of| of == id)
    }

    /// `TerminateRecoveryInstances`: begins a job that ends with the instances gone.
    ///
    /// # Errors
    ///
    /// ConflictException for an instance that is not there, is there twice, is failed back from, or
    /// is being terminated: the model knows no other error for it. ServiceQuotaExceededException
    /// for more servers than a job may have.
    pub fn terminate(&mut self, ids: &[String], now: DateTime<Utc>) -> Result<&Job, ApiError> {
        let conflict = |why: String| Err(ApiError::conflict(why));
        if ids.len() > SERVERS_OF_A_JOB {
            return Err(ApiError::new(
                402,
                "ServiceQuotaExceededException",
                "a job has at most 100 servers",
            ));
        }
        if let Some(id) = ids.iter().find(|id| self.is_being_terminated(id, now)) {
            return conflict(format!("{id} is being terminated"));
        }
        let mut source_server_ids = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            let known = self
                .recovery_instances
                .iter()
                .find(|instance| instance.id == *id);
            let known = known.ok_or_else(|| ApiError::conflict(format!("{id} does not exist")))?;
            if ids.iter().take(at).any(|before| before == id) {
                return conflict(format!("{id} is there twice"));
            }
            if matches!(
                known.failback_state.as_str(),
                "FAILBACK_IN_PROGRESS" | "FAILBACK_READY_FOR_LAUNCH"
            ) {
                return conflict(format!(
                    "{id} is being failed back: {}",
                    known.failback_state
                ));
            }
            source_server_ids.push(known.source_server_id.clone());
        }
        self.jobs.push(Job {
            id: fresh(
                "drsjob-",
                self.jobs.iter().map(|job| &job.id).chain(&self.gone),
            ),
            kind: "TERMINATE".to_owned(),
            initiated_by: "TERMINATE_RECOVERY_INSTANCES".to_owned(),
            created_at: now,
            ends_at: now + JOB_TAKES,
            source_server_ids,
            recovery_instance_ids: ids.to_vec(),
            tags: BTreeMap::new(),
        });
        self.jobs
            .last()
            .ok_or_else(|| ApiError::internal("the job was lost"))
    }

    /// `DisconnectRecoveryInstance`: the instance runs on without its agent.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException the second time.
    pub fn disconnect_recovery_instance(&mut self, id: &str) -> Result<(), ApiError> {
        let instance = self.recovery_instance(id)?;
        if instance.disconnected {
            return Err(ApiError::conflict(format!("{id} is disconnected")));
        }
        instance.disconnected = true;
        Ok(())
    }

    /// `DeleteRecoveryInstance`: removes the record of an instance that was disconnected; the
    /// instance itself stays.
    ///
    /// # Errors
    ///
    /// ConflictException for one that is not there or was not disconnected: the model knows no
    /// other error for it.
    pub fn delete_recovery_instance(&mut self, id: &str) -> Result<(), ApiError> {
        let instance = self
            .recovery_instance(id)
            .map_err(|error| ApiError::conflict(error.message))?;
        if !instance.disconnected {
            return Err(ApiError::conflict(format!(
                "{id} must be disconnected first"
            )));
        }
        self.forget_recovery_instances(&[id.to_owned()]);
        Ok(())
    }

    /// `DeleteJob`: removes the record of a job that has ended.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException, or ConflictException for one that runs.
    pub fn delete_job(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        if self.job(id)?.is_running(now) {
            return Err(ApiError::conflict(format!("{id} is running")));
        }
        self.jobs.retain(|job| job.id != id);
        self.gone.insert(id.to_owned());
        Ok(())
    }

    /// An ID that no source server has.
    #[must_use]
    pub fn fresh_source_server_id(&self) -> String {
        fresh(
            "s-",
            self.source_servers
                .iter()
                .map(|server| &server.id)
                .chain(&self.gone),
        )
    }

    /// The server with this ID.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException.
    pub fn source_server(&mut self, id: &str) -> Result<&mut SourceServer, ApiError> {
        self.source_servers
            .iter_mut()
            .find(|server| server.id == id)
            .ok_or_else(|| ApiError::not_found(id))
    }

    /// The recovery instance with this ID.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException.
    pub fn recovery_instance(&mut self, id: &str) -> Result<&mut RecoveryInstance, ApiError> {
        self.recovery_instances
            .iter_mut()
            .find(|instance| instance.id == id)
            .ok_or_else(|| ApiError::not_found(id))
    }

    /// The job with this ID.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException.
    pub fn job(&self, id: &str) -> Result<&Job, ApiError> {
        self.jobs
            .iter()
            .find(|job| job.id == id)
            .ok_or_else(|| ApiError::not_found(id))
    }

    /// The tags of a resource by its kind and ID, as its ARN names them.
    ///
    /// # Errors
    ///
    /// ResourceNotFoundException.
    pub fn tags(
        &mut self,
        kind: &str,
        id: &str,
    ) -> Result<&mut BTreeMap<String, String>, ApiError> {
        match kind {
            "source-server" => self.source_server(id).map(|server| &mut server.tags),
            "recovery-instance" => self
                .recovery_instance(id)
                .map(|instance| &mut instance.tags),
            "job" => {
                let job = self.jobs.iter_mut().find(|job| job.id == id);
                job.map(|job| &mut job.tags)
                    .ok_or_else(|| ApiError::not_found(id))
            }
            _ => Err(ApiError::not_found(id)),
        }
    }

    /// The tags of a resource, to read.
    pub(crate) fn tags_of(&self, kind: &str, id: &str) -> Option<&BTreeMap<String, String>> {
        match kind {
            "source-server" => self
                .source_servers
                .iter()
                .find(|server| server.id == id)
                .map(|server| &server.tags),
            "recovery-instance" => self
                .recovery_instances
                .iter()
                .find(|instance| instance.id == id)
                .map(|instance| &instance.tags),
            "job" => self
                .jobs
                .iter()
                .find(|job| job.id == id)
                .map(|job| &job.tags),
            _ => None,
        }
    }

    fn settle(&mut self, now: DateTime<Utc>) {
        self.source_servers
            .iter_mut()
            .for_each(|server| server.settle(now));
        let ended = self
            .jobs
            .iter()
            .filter(|job| job.kind == "TERMINATE" && !job.is_running(now));
        let gone: Vec<String> = ended
            .flat_map(|job| job.recovery_instance_ids.clone())
            .collect();
        self.forget_recovery_instances(&gone);
    }

    fn forget_recovery_instances(&mut self, ids: &[String]) {
        self.recovery_instances
            .retain(|instance| !ids.contains(&instance.id));
        for server in &mut self.source_servers {
            server.recovery_instance_id = server
                .recovery_instance_id
                .take()
                .filter(|id| !ids.contains(id));
        }
    }
}

/// Whether text is the ID of an account.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first ID of a kind that is not taken.
pub(crate) fn fresh<'a>(prefix: &str, taken: impl Iterator<Item = &'a String>) -> String {
    let taken: BTreeSet<&str> = taken.map(String::as_str).collect();
    let ids = (1_u64..).map(|number| format!("{prefix}{number:017}"));
    ids.into_iter()
        .find(|id| !taken.contains(id.as_str()))
        .unwrap_or_default()
}

fn refuse_if(condition: bool, reply: Reply, message: impl Fn() -> String) -> Result<(), ApiError> {
    if condition && reply == Reply::Conflict {
        Err(ApiError::conflict(message()))
    } else {
        Ok(())
    }
}

impl ApiError {
    /// An error by its status and code.
    #[must_use]
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            more: None,
        }
    }

    /// ConflictException, 409.
    #[must_use]
    pub fn conflict(message: String) -> Self {
        Self::new(409, "ConflictException", message)
    }

    /// ResourceNotFoundException, 404.
    #[must_use]
    pub fn not_found(id: &str) -> Self {
        Self::new(
            404,
            "ResourceNotFoundException",
            format!("{id} does not exist"),
        )
    }

    /// ValidationException, 400.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    /// UninitializedAccountException, 400.
    #[must_use]
    pub fn uninitialized() -> Self {
        Self::new(
            400,
            "UninitializedAccountException",
            "the account was never initialised for DRS in this Region",
        )
    }

    /// InternalServerException, 500.
    #[must_use]
    pub fn internal(message: &str) -> Self {
        Self::new(500, "InternalServerException", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "s-00000000000000001";

    fn drs() -> Drs {
        Drs {
            source_servers: vec![SourceServer::new(ID)],
            ..Drs::default()
        }
    }

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn the_default_world_can_be_read() {
        World::from_json(include_str!("../worlds/default.json")).unwrap();
    }

    #[test]
    fn a_disconnect_destroys_the_recovery_points_and_dates_the_cleanup() {
        let mut drs = drs();
        let server = drs.disconnect(ID, noon(), Behaviour::default()).unwrap();
        assert_eq!(
            (
                server.data_replication_state.as_str(),
                server.recovery_points
            ),
            ("DISCONNECTED", 0)
        );
        assert_eq!(
            server.staging_gone_at,
            Some(noon() + TimeDelta::minutes(90))
        );
        assert_eq!(server.agent_gone_at, Some(noon() + TimeDelta::minutes(10)));
    }

    #[test]
    fn recovery_points_have_times_that_stand_until_aws_thins_them_out() {
        let server = SourceServer::new(ID);
        let mut before = server.points(noon());
        assert_eq!(before.len(), 37);
        assert!(
            before.is_sorted_by(|newer, older| newer > older),
            "{before:?}"
        );
        assert!(noon() - before[36] > TimeDelta::days(7));
        for minutes in (1..30 * 60).step_by(7) {
            let now = noon() + TimeDelta::minutes(minutes);
            let points = server.points(now);
            assert_eq!(points.len(), 37);
            let new = |at: &&DateTime<Utc>| !before.contains(at);
            assert!(
                points
                    .iter()
                    .filter(new)
                    .all(|at| now - at < TimeDelta::minutes(10)),
                "{minutes}"
            );
            before = points;
        }
        let few = SourceServer {
            recovery_points: 3,
            ..SourceServer::new(ID)
        };
        assert_eq!(few.points(noon()), server.points(noon())[..3]);
    }

    #[test]
    fn a_restarted_server_has_points_again_once_it_is_synchronised() {
        let mut drs = drs();
        drs.stop(ID).unwrap();
        drs.start(ID, noon()).unwrap();
        let server = drs.source_server(ID).unwrap();
        assert!(server.points(noon() + TimeDelta::hours(2)).is_empty());
        assert_eq!(server.points(noon() + TimeDelta::hours(3)).len(), 6);
    }

    fn launched(failback_state: &str) -> Drs {
        let instance = |id: &str| RecoveryInstance {
            id: id.to_owned(),
            source_server_id: ID.to_owned(),
            is_drill: true,
            ec2_instance_state: running(),
            failback_state: failback_state.to_owned(),
            disconnected: false,
            tags: BTreeMap::new(),
        };
        Drs {
            recovery_instances: vec![instance("i-00000001"), instance("i-00000002")],
            ..drs()
        }
    }

    #[test]
    fn what_cannot_be_terminated_is_a_conflict_or_over_the_quota() {
        let terminate = |drs: &mut Drs, ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            drs.terminate(&ids, noon())
                .map(|job| job.recovery_instance_ids.clone())
                .map_err(|error| error.status)
        };
        let mut drs = launched("FAILBACK_NOT_STARTED");
        assert_eq!(terminate(&mut drs, &["i-00000001", "i-00000001"]), Err(409));
        assert_eq!(terminate(&mut drs, &["i-00000001", "i-00000003"]), Err(409));
        assert_eq!(terminate(&mut drs, &["i-00000001"; 101]), Err(402));
        assert!(terminate(&mut drs, &["i-00000001"]).is_ok());
        assert_eq!(
            terminate(&mut drs, &["i-00000001", "i-00000002"]),
            Err(409),
            "it is being terminated"
        );
        for state in ["FAILBACK_IN_PROGRESS", "FAILBACK_READY_FOR_LAUNCH"] {
            assert_eq!(
                terminate(&mut launched(state), &["i-00000002"]),
                Err(409),
                "{state}"
            );
        }
        assert!(terminate(&mut launched("FAILBACK_COMPLETED"), &["i-00000002"]).is_ok());
    }

    #[test]
    fn an_extended_server_can_be_deleted_at_any_time() {
        for status in ["EXTENDED", "EXTENSION_ERROR"] {
            let mut drs = drs();
            drs.source_servers[0].staging_status = status.to_owned();
            drs.delete(ID, noon(), Behaviour::default()).unwrap();
        }
    }

    #[test]
    fn a_recovery_instance_forbids_a_disconnect_until_it_is_gone() {
        let mut world = World::with([SourceServer::new(ID)]);
        world.here().recovery_instances.push(RecoveryInstance {
            id: "i-0000000000000000a".to_owned(),
            source_server_id: ID.to_owned(),
            is_drill: true,
            ec2_instance_state: running(),
            failback_state: failback_not_started(),
            disconnected: false,
            tags: BTreeMap::new(),
        });
        let now = world.now;
        assert_eq!(
            world
                .here()
                .disconnect(ID, now, Behaviour::default())
                .unwrap_err()
                .status,
            409
        );
        world
            .here()
            .terminate(&["i-0000000000000000a".to_owned()], now)
            .unwrap();
        world.advance_to(now + JOB_TAKES);
        world
            .here()
            .disconnect(ID, now + JOB_TAKES, Behaviour::default())
            .unwrap();
    }

    #[test]
    fn a_second_disconnect_is_a_switch() {
        for (reply, ok) in [(Reply::Ok, true), (Reply::Conflict, false)] {
            let mut drs = drs();
            let behaviour = Behaviour {
                second_disconnect: reply,
                ..Behaviour::default()
            };
            drs.disconnect(ID, noon(), behaviour).unwrap();
            assert_eq!(
                drs.disconnect(ID, noon() + STAGING_GONE, behaviour).is_ok(),
                ok
            );
            assert_eq!(
                drs.source_servers[0].staging_gone_at,
                Some(noon() + STAGING_GONE)
            );
        }
    }

    #[test]
    fn only_a_disconnected_server_can_be_deleted() {
        let mut drs = drs();
        assert_eq!(
            drs.delete(ID, noon(), Behaviour::default())
                .unwrap_err()
                .status,
            409
        );
        drs.disconnect(ID, noon(), Behaviour::default()).unwrap();
        drs.delete(ID, noon(), Behaviour::default()).unwrap();
        assert_eq!(
            drs.delete(ID, noon(), Behaviour::default())
                .unwrap_err()
                .status,
            404
        );
    }

    #[test]
    fn the_id_of_what_was_deleted_is_not_given_again() {
        let mut drs = launched("FAILBACK_NOT_STARTED");
        let jobs = ["i-00000001", "i-00000002"].map(|instance| {
            let job = drs
                .terminate(&[instance.to_owned()], noon())
                .unwrap()
                .id
                .clone();
            drs.delete_job(&job, noon() + JOB_TAKES).unwrap();
            job
        });
        assert_ne!(jobs[0], jobs[1]);
        let server = drs.fresh_source_server_id();
        drs.source_servers.push(SourceServer {
            staging_status: "EXTENDED".to_owned(),
            ..SourceServer::new(&server)
        });
        drs.delete(&server, noon(), Behaviour::default()).unwrap();
        assert_ne!(drs.fresh_source_server_id(), server);
    }

    #[test]
    fn a_deletion_before_the_cleanup_is_a_switch() {
        for (reply, ok) in [(Reply::Ok, true), (Reply::Conflict, false)] {
            let mut drs = drs();
            let behaviour = Behaviour {
                delete_before_cleanup: reply,
                ..Behaviour::default()
            };
            drs.disconnect(ID, noon(), behaviour).unwrap();
            assert_eq!(
                drs.delete(ID, noon() + TimeDelta::minutes(89), behaviour)
                    .is_ok(),
                ok
            );
            assert_eq!(
                drs.delete(ID, noon() + STAGING_GONE, behaviour).is_ok(),
                !ok
            );
        }
    }

    fn world(drs: &str, more: &str) -> String {
        format!(
            r#"{{"account": "111122223333", "region": "us-east-1", "drs": {{"us-east-1": {{"sourceServers": [{drs}]}}}}{more}}}"#
        )
    }

    fn refuse(cases: impl IntoIterator<Item = (String, &'static str)>) {
        for (text, part) in cases {
            let wrong = World::from_json(&text).unwrap_err();
            assert!(wrong.contains(part), "`{wrong}` does not say `{part}`");
        }
    }

    #[test]
    fn a_world_that_cannot_be_is_told_in_a_sentence() {
        let one = format!(r#"{{"sourceServerID": "{ID}"}}"#);
        World::from_json(&world(&one, "")).unwrap();
        refuse([
            (
                world(r#"{"sourceServerID": "banana"}"#, ""),
                "Value 'banana' at 'sourceServerID'",
            ),
            (world(&format!("{one}, {one}"), ""), "is there twice"),
            (
                world(
                    &one.replace('}', r#", "dataReplicationState": "Continuous"}"#),
                    "",
                ),
                "Value 'Continuous' at 'dataReplicationInfo.dataReplicationState'",
            ),
            (
                world(&one.replace('}', r#", "stagingStatus": "SOMEHOW"}"#), ""),
                "at 'stagingArea.status'",
            ),
            (
                world(
                    &one.replace('}', r#", "originAccountID": "1", "originRegion": "x"}"#),
                    "",
                ),
                "originRegion",
            ),
            (
                world(
                    &one.replace('}', &format!(r#", "hostname": "{}"}}"#, "h".repeat(257))),
                    "",
                ),
                "hostname",
            ),
            (
                world("", "").replace(r#""us-east-1": {"#, r#""us-east-9": {"#),
                "`us-east-9` is not a Region",
            ),
            (
                world("", "").replace(r#""us-east-1": {"#, r#""us-gov-east-1": {"#),
                "not in the partition of us-east-1",
            ),
            (
                world("", "")
                    .replace("us-east-1", "cn-north-1")
                    .replace("s-0", "s-1"),
                "Drs is not in cn-north-1",
            ),
            (
                world("", r#", "functions": {"a b": {}}"#),
                "`a b` is not the name of a function",
            ),
            (
                world(
                    "",
                    r#", "late": [{"at": "2026-11-21T00:00:00Z", "operation": "DeleteJob", "region": "us-east-1", "input": {}}]"#,
                ),
                "Value null at 'jobID'",
            ),
            (world("", r#", "behaviour": {"pageSize": 0}"#), "page size"),
            (
                world("", r#", "functions": {"f": {"timeoutSeconds": 0}}"#),
                "a timeout of 0 seconds",
            ),
            (
                world(
                    "",
                    r#", "functions": {"f": {"environment": {"AWS_ENDPOINT_URL_DRS": "x"}}}"#,
                ),
                "AWS_ENDPOINT_URL_DRS is reserved",
            ),
            (
                world(
                    "",
                    r#", "faults": [{"operation": "Disconect", "kind": "throttle"}]"#,
                ),
                "`Disconect`",
            ),
            (
                world(
                    "",
                    r#", "faults": [{"operation": "DescribeJobs", "kind": "throttle", "times": 0}]"#,
                ),
                "for no call",
            ),
            (
                world(
                    "",
                    r#", "faults": [{"operation": "DeleteJob", "kind": "stale_read"}]"#,
                ),
                "for lists only",
            ),
            (
                world(
                    "",
                    r#", "faults": [{"operation": "DeleteJob", "kind": "throttle", "region": "us-east-9"}]"#,
                ),
                "`us-east-9` is not a Region",
            ),
        ]);
    }

    #[test]
    fn a_world_that_no_calls_lead_to_is_told_in_a_sentence() {
        let one = format!(r#"{{"sourceServerID": "{ID}"}}"#);
        let job = |kind: &str, created: &str, ends: &str| {
            let job = format!(
                r#"{{"jobID": "drsjob-00000000000000001", "type": "{kind}", "initiatedBy": "START_DRILL", "createdAt": "{created}", "endsAt": "{ends}", "sourceServerIDs": ["{ID}"]}}"#
            );
            world(&one, "").replace(
                r#""sourceServers""#,
                &format!(r#""jobs": [{job}], "sourceServers""#),
            )
        };
        World::from_json(&job(
            "LAUNCH",
            "2026-11-21T00:00:00Z",
            "2026-11-21T00:15:00Z",
        ))
        .unwrap();
        refuse([
            (
                world(
                    &one.replace('}', r#", "replicatingSince": "2999-01-01T00:00:00Z"}"#),
                    "",
                ),
                "a time to come",
            ),
            (
                world(&one.replace('}', r#", "originRegion": "us-west-2"}"#), ""),
                "needs originAccountID",
            ),
            (
                world(
                    &one.replace(
                        '}',
                        r#", "originAccountID": "111122223333", "originRegion": "cn-north-1"}"#,
                    ),
                    "",
                ),
                "a Region of this partition",
            ),
            (
                world(&one.replace('}', r#", "tags": {"a": "1", "a": "2"}}"#), ""),
                "`a` is there twice",
            ),
            (
                world("", "").replace(r#""us-east-1": {"#, r#""us-east-1": {}, "us-east-1": {"#),
                "`us-east-1` is there twice",
            ),
            (
                world("", r#", "began": "2999-01-01T00:00:00Z""#),
                "it began in the future",
            ),
            (
                job("LAUNCH", "2026-11-21T00:00:00Z", "2026-11-20T00:00:00Z"),
                "created after it ends",
            ),
            (
                job("LAUNCH", "2999-11-21T00:00:00Z", "2999-11-21T00:15:00Z"),
                "in the future",
            ),
            (
                job("TERMINATE", "2026-11-21T00:00:00Z", "2026-11-21T00:15:00Z"),
                "terminates other",
            ),
            (
                world("", r#", "functions": {"f": {"environment": {"A=B": "x"}}}"#),
                "`A=B` is not a variable",
            ),
            (
                world(
                    "",
                    r#", "functions": {"f": {"environment": {"AB": "x\u0000"}}}"#,
                ),
                "`AB` is not a variable",
            ),
        ]);
    }

    #[test]
    fn a_restored_server_replicates_from_the_beginning() {
        let mut world = World::with([SourceServer::new(ID)]);
        let now = world.now;
        world
            .here()
            .disconnect(ID, now, Behaviour::default())
            .unwrap();
        world.here().retry(ID, now).unwrap();
        let mut states = Vec::new();
        for minutes in [0, 10, 130] {
            world.advance_to(now + TimeDelta::minutes(minutes));
            states.push(world.server(ID).unwrap().data_replication_state.clone());
        }
        assert_eq!(states, ["INITIATING", "INITIAL_SYNC", "CONTINUOUS"]);
    }
}
