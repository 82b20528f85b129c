//! What one simulation is made of: plain data that a seed, or a hand, has chosen.

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{
    FaultKind, World,
    efs_world::OrderedStatus,
    world::{Job, RecoveryInstance},
};
use serde_json::Value;

/// When every simulation begins.
pub(crate) fn epoch() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
}

/// Which function is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Function {
    DisconnectSourceServer,
    BootstrapEfsReplication,
}

impl Function {
    pub(crate) const ALL: [Self; 2] = [Self::DisconnectSourceServer, Self::BootstrapEfsReplication];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DisconnectSourceServer => "disconnect-source-server",
            Self::BootstrapEfsReplication => "bootstrap-efs-replication",
        }
    }
}

/// One request, as it is delivered any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: String,
    /// What is delivered.
    pub(crate) payload: String,
    /// The detail, where the payload is a request at all.
    pub(crate) detail: Option<Value>,
    /// When it goes stale; an event of AWS never does.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

impl Request {
    /// A request by itself, or inside an event.
    pub(crate) fn of(detail: Value, inside: Option<&str>) -> Self {
        let text = |name: &str| {
            detail
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let expires_at = DateTime::parse_from_rfc3339(&text("expiresAt"))
            .map(|at| at.to_utc())
            .ok();
        let payload = match inside {
            None => detail.to_string(),
            Some(kind) => serde_json::json!({
                "version": "0", "id": "36eb8523-97d0-4518-b33d-ee3579ff19f0", "detail-type": kind,
                "source": "change.management", "account": "111122223333", "time": "2027-01-15T08:00:00Z",
                "region": "us-east-1", "resources": [], "detail": detail,
            })
            .to_string(),
        };
        Self {
            id: text("requestID"),
            payload,
            expires_at,
            detail: Some(detail),
        }
    }

    /// An event of AWS, which asks for what `detail` says of it.
    pub(crate) fn native(id: &str, event: &Value, detail: Value) -> Self {
        Self {
            id: id.to_owned(),
            payload: event.to_string(),
            expires_at: None,
            detail: Some(detail),
        }
    }

    pub(crate) fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.detail.as_ref().and_then(|detail| detail.get("dryRun")) == Some(&Value::Bool(true))
    }

    pub(crate) fn targets(&self) -> Vec<Value> {
        let detail = self.detail.as_ref();
        let list = detail.and_then(|detail| detail.get("targets")?.as_array());
        list.cloned().unwrap_or_default()
    }
}

/// One delivery of a request. It is repeated until it is acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Seconds after the beginning.
    pub(crate) at: u64,
    pub(crate) request: usize,
    /// After how many polls its first attempts are killed.
    pub(crate) kills: Vec<usize>,
}

/// When the world changes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Seconds after the beginning.
    At(u64),
    /// Right before this call.
    Call(usize),
}

/// A change that nobody of ours makes.
#[derive(Debug, Clone)]
pub(crate) struct ExternalEvent {
    pub(crate) when: When,
    pub(crate) what: Change,
}

/// What operators and AWS do.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    DrillStarts(String),
    DrillEnds(String),
    JobStarts(String),
    JobsEnd(String),
    Protect(String),
    Approve(String, String),
    Unapprove(String),
    /// Replication is started again; the approval tag is removed, or, carelessly, left.
    Restore(String, bool),
    Retag(String),
    SourceUpdates(String),
    SourceIsAvailable(String),
    Lock(String),
    Unlock(String),
    UnapproveFileSystem(String),
    ProtectFileSystem(String),
    EndReplication(String),
    Pause(String),
    Resume(String),
    RetagFileSystem(String),
}

pub(crate) const APPROVED: &str = "drover:approved";
pub(crate) const PROTECTED: &str = "drover:protected";
pub(crate) const HERE: &str = "us-east-1";
pub(crate) const THERE: &str = "eu-west-1";

impl Change {
    /// Does it, where it can be done.
    pub(crate) fn apply(&self, world: &mut World) {
        match self {
            Self::SourceUpdates(_)
            | Self::SourceIsAvailable(_)
            | Self::Lock(_)
            | Self::Unlock(_)
            | Self::UnapproveFileSystem(_)
            | Self::ProtectFileSystem(_)
            | Self::RetagFileSystem(_) => self.apply_to_file_system(world),
            Self::EndReplication(id) => _ = world.stop_replicating(HERE, id, false),
            Self::Pause(id) => order(world, id, Some("PAUSED")),
            Self::Resume(id) => order(world, id, None),
            Self::DrillStarts(id) => drill(world, id),
            Self::DrillEnds(id) => {
                world
                    .here()
                    .recovery_instances
                    .retain(|instance| instance.source_server_id != *id);
                world
                    .server(id)
                    .map(|server| server.recovery_instance_id = None)
                    .unwrap_or_default();
            }
            Self::JobStarts(id) => start_job(world, id),
            Self::JobsEnd(id) => {
                let now = world.now;
                let of = |job: &&mut Job| job.source_server_ids.contains(id);
                world
                    .here()
                    .jobs
                    .iter_mut()
                    .filter(of)
                    .for_each(|job| job.ends_at = job.ends_at.min(now));
            }
            _ => self.apply_to_server(world),
        }
    }

    fn apply_to_server(&self, world: &mut World) {
        let now = world.now;
        let (Self::Protect(id)
        | Self::Approve(id, _)
        | Self::Unapprove(id)
        | Self::Restore(id, _)
        | Self::Retag(id)) = self
        else {
            return;
        };
        let Some(server) = world.server(id) else {
            return;
        };
        match self {
            Self::Protect(_) => _ = server.tags.insert(PROTECTED.to_owned(), "yes".to_owned()),
            Self::Approve(_, request) => {
                _ = server.tags.insert(APPROVED.to_owned(), request.clone())
            }
            Self::Unapprove(_) => _ = server.tags.remove(APPROVED),
            Self::Restore(_, keeps_approval) if server.is_disconnected() => {
                server.start(now);
                if !keeps_approval {
                    server.tags.remove(APPROVED);
                }
            }
            Self::Retag(_) => _ = server.tags.insert("team".to_owned(), now.to_string()),
            _ => {}
        }
    }

    fn apply_to_file_system(&self, world: &mut World) {
        let (Self::SourceUpdates(id)
        | Self::SourceIsAvailable(id)
        | Self::Lock(id)
        | Self::Unlock(id)
        | Self::UnapproveFileSystem(id)
        | Self::ProtectFileSystem(id)
        | Self::RetagFileSystem(id)) = self
        else {
            return;
        };
        let now = world.now;
        let mut file_systems = world.efs.values_mut().flat_map(|efs| &mut efs.file_systems);
        let Some(found) = file_systems.find(|found| found.file_system_id == *id) else {
            return;
        };
        let is_free = found.protection != "REPLICATING";
        match self {
            Self::SourceUpdates(_) => "updating".clone_into(&mut found.life_cycle_state),
            Self::SourceIsAvailable(_) => "available".clone_into(&mut found.life_cycle_state),
            Self::Lock(_) if is_free => "ENABLED".clone_into(&mut found.protection),
            Self::Unlock(_) if is_free => "DISABLED".clone_into(&mut found.protection),
            Self::UnapproveFileSystem(_) => _ = found.tags.remove(APPROVED),
            Self::ProtectFileSystem(_) => {
                _ = found.tags.insert(PROTECTED.to_owned(), "yes".to_owned())
            }
            Self::RetagFileSystem(_) => _ = found.tags.insert("team".to_owned(), now.to_string()),
            _ => {}
        }
    }
}

fn order(world: &mut World, source: &str, status: Option<&str>) {
    for replication in world
        .replications
        .iter_mut()
        .filter(|of| of.source_file_system_id == source)
    {
        replication.ordered = status.map(|status| OrderedStatus {
            status: status.to_owned(),
            message: "ordered".to_owned(),
        });
    }
}

fn drill(world: &mut World, id: &str) {
    let drs = world.here();
    let instance = format!("i-{:017x}", drs.recovery_instances.len() + 100);
    let Some(server) = drs.source_servers.iter_mut().find(|server| server.id == id) else {
        return;
    };
    if server.is_disconnected() || server.recovery_instance_id.is_some() {
        return;
    }
    server.recovery_instance_id = Some(instance.clone());
    drs.recovery_instances
        .push(recovery_instance(&instance, id));
}

pub(crate) fn recovery_instance(id: &str, server: &str) -> RecoveryInstance {
    RecoveryInstance {
        id: id.to_owned(),
        source_server_id: server.to_owned(),
        is_drill: true,
        ec2_instance_state: "RUNNING".to_owned(),
        failback_state: "FAILBACK_NOT_STARTED".to_owned(),
        disconnected: false,
        tags: std::collections::BTreeMap::new(),
    }
}

fn start_job(world: &mut World, id: &str) {
    let now = world.now;
    let number = world.here().jobs.len();
    world
        .here()
        .jobs
        .push(job(number, id, now, now + TimeDelta::minutes(15)));
}

pub(crate) fn job(
    number: usize,
    server: &str,
    created_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
) -> Job {
    Job {
        id: format!("drsjob-{:017}", number + 1),
        kind: "LAUNCH".to_owned(),
        initiated_by: "START_DRILL".to_owned(),
        created_at,
        ends_at,
        source_server_ids: vec![server.to_owned()],
        recovery_instance_ids: Vec::new(),
        tags: std::collections::BTreeMap::new(),
    }
}

/// Which calls meet a fault.
#[derive(Debug, Clone)]
pub(crate) enum FaultSchedule {
    /// So many percent of the calls, until so many have met one.
    Random { percent: u8, left: usize },
    /// These calls, by their number.
    Planned(Vec<(usize, FaultKind)>),
}

impl FaultSchedule {
    pub(crate) const NONE: Self = Self::Random {
        percent: 0,
        left: 0,
    };
}

/// Everything that is decided before a simulation begins.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) function: Function,
    pub(crate) seed: u64,
    pub(crate) world: World,
    /// The environment of the function.
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) requests: Vec<Request>,
    /// What the two workers are given while there is trouble.
    pub(crate) early: [Vec<Delivery>; 2],
    /// What comes late, once every request has ended.
    pub(crate) late: Vec<Delivery>,
    /// How many faults each of those meets at most.
    pub(crate) late_faults: usize,
    pub(crate) external_events: Vec<ExternalEvent>,
    /// What operators do once every request has ended.
    pub(crate) afterwards: Vec<Change>,
    pub(crate) fault_schedule: FaultSchedule,
    /// Lambda's timeout.
    pub(crate) timeout_seconds: u64,
}

impl Scenario {
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str, default: usize) -> usize {
        self.variable(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    pub(crate) fn enforces(&self) -> bool {
        self.variable("MODE") == Some("enforce")
    }
}
