//! A scenario: plain data, generated from a seed or written by hand, that decides everything before
//! a simulation starts.

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{FaultKind, World};
use serde_json::{Value, json};

use crate::{
    drs, efs,
    trouble::{SIGNATURE, Trouble},
};

/// The environment of a function, by the names of its variables.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// Everything that is decided before a simulation starts.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) world: World,
    pub(crate) variables: Variables,
    /// Lambda's timeout.
    pub(crate) timeout_seconds: u64,

    pub(crate) requests: Vec<Request>,
    /// The deliveries to each of two workers while calls can fail.
    pub(crate) early: [Vec<Delivery>; 2],
    pub(crate) external_events: Vec<ExternalEvent>,
    pub(crate) fault_schedule: FaultSchedule,
    pub(crate) trouble: Trouble,

    /// What operators do once every request has ended.
    pub(crate) afterwards: Vec<Change>,
    /// The deliveries that come after that.
    pub(crate) late: Vec<Delivery>,
    /// The most faults that each late delivery meets.
    pub(crate) late_faults: usize,
}

/// One request, as it is delivered any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: String,
    /// The payload of each delivery.
    pub(crate) payload: String,
    /// The parsed request; `None` where the payload is malformed.
    pub(crate) detail: Option<Value>,
    /// When the request expires; events of AWS never do.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// One delivery of a request. It is repeated until it is acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Seconds after the start.
    pub(crate) at: u64,
    pub(crate) request: usize,
    /// What stops its first attempts, each of them once.
    pub(crate) stops: Vec<Stop>,
}

/// What happens to a process in the middle of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is killed after so many polls.
    Kill(usize),
    /// After so many polls it stands still for so many seconds.
    Freeze(usize, u64),
}

/// A change made by an operator or by AWS, and when.
#[derive(Debug, Clone)]
pub(crate) struct ExternalEvent {
    pub(crate) when: When,
    pub(crate) change: Change,
}

/// When an external event happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// So many seconds after the start.
    At(u64),
    /// Right before the call with this number.
    Call(usize),
    /// Between two pages of a list, the first that is read so from the call with this number on.
    BetweenPages(usize),
}

/// A change made by an operator or by AWS, in the terms of the service that it concerns.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Drs(drs::changes::Change),
    Efs(efs::changes::Change),
}

/// The calls that meet a fault.
#[derive(Debug, Clone)]
pub(crate) enum FaultSchedule {
    /// This percentage of all calls, until `left` of them have met a fault.
    Random { percent: u8, left: usize },
    /// These calls, by their number.
    Planned(Vec<(usize, FaultKind)>),
}

impl Scenario {
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .find(|(variable, _)| *variable == name)
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

impl Request {
    /// A request, bare or as the detail of an event with this type.
    pub(crate) fn new(detail: Value, detail_type: Option<&str>) -> Self {
        let id = text_of(&detail, "requestID");
        let expires_at = DateTime::parse_from_rfc3339(&text_of(&detail, "expiresAt"))
            .map(|time| time.to_utc())
            .ok();

        // EventBridge wraps a request in an envelope; a direct invocation does not.
        let payload = match detail_type {
            None => detail.to_string(),
            Some(detail_type) => in_event(&detail, detail_type).to_string(),
        };

        Self {
            id,
            payload,
            expires_at,
            detail: Some(detail),
        }
    }

    /// An event of AWS; `detail` is the request that it amounts to.
    pub(crate) fn native(id: &str, event: &Value, detail: Value) -> Self {
        Self {
            id: id.to_owned(),
            payload: event.to_string(),
            expires_at: None,
            detail: Some(detail),
        }
    }

    /// The forms in which it may reach the function.
    pub(crate) fn forms(&self) -> Vec<Value> {
        let payload = serde_json::from_str(&self.payload);
        let payload: Value = payload.unwrap_or_else(|_| json!(self.payload));

        // An event of AWS is not the request that it amounts to.
        let detail = self.detail.clone().filter(|_| !is_of_aws(&payload));
        std::iter::once(payload).chain(detail).collect()
    }

    /// Whether it is an event of AWS itself.
    pub(crate) fn is_of_aws(&self) -> bool {
        serde_json::from_str(&self.payload).is_ok_and(|payload| is_of_aws(&payload))
    }

    pub(crate) fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }

    /// Whether it is good for too long, by a clock that may be behind.
    pub(crate) fn lasts_too_long(&self, clock: DateTime<Utc>) -> bool {
        let latest = clock + TimeDelta::hours(24) + SIGNATURE;

        self.expires_at
            .is_some_and(|expires_at| expires_at > latest)
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        // Only the literal true is a dry run; a text is malformed.
        let dry_run = self.detail.as_ref().and_then(|detail| detail.get("dryRun"));

        dry_run == Some(&Value::Bool(true))
    }

    pub(crate) fn targets(&self) -> Vec<Value> {
        // A malformed payload has no targets.
        let targets = self
            .detail
            .as_ref()
            .and_then(|detail| detail.get("targets")?.as_array());

        targets.cloned().unwrap_or_default()
    }
}

/// Whether a payload is an event of AWS itself.
pub(crate) fn is_of_aws(payload: &Value) -> bool {
    text_of(payload, "source").starts_with("aws.")
}

fn text_of(detail: &Value, name: &str) -> String {
    let text = detail.get(name).and_then(Value::as_str);

    text.unwrap_or_default().to_owned()
}

pub(crate) fn in_event(detail: &Value, detail_type: &str) -> Value {
    json!({
        "version": "0",
        "id": "36eb8523-97d0-4518-b33d-ee3579ff19f0",
        "detail-type": detail_type,
        "source": "change.management",
        "account": "111122223333",
        "time": "2027-01-15T08:00:00Z",
        "region": "us-east-1",
        // A text may hold what looks like the end of it, and like nesting.
        "resources": ["\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["],
        "detail": detail,
    })
}

impl Delivery {
    /// A delivery of the first request that nothing stops.
    pub(crate) fn of_first_request(seconds: u64) -> Self {
        Self {
            at: seconds,
            request: 0,
            stops: Vec::new(),
        }
    }
}

impl Change {
    /// Its kind, and what it is about.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Drs(change) => format!("{change:?}"),
            Self::Efs(change) => format!("{change:?}"),
        }
    }

    /// The name of its kind.
    pub(crate) fn kind(&self) -> String {
        let text = self.in_words();
        let is_of_name = |letter: &char| letter.is_alphanumeric();

        text.chars().take_while(is_of_name).collect()
    }

    /// Makes the change, where it can be made.
    pub(crate) fn apply(&self, world: &mut World) {
        match self {
            Self::Drs(change) => change.apply(world),
            Self::Efs(change) => change.apply(world),
        }
    }
}

impl From<drs::changes::Change> for Change {
    fn from(change: drs::changes::Change) -> Self {
        Self::Drs(change)
    }
}

impl From<efs::changes::Change> for Change {
    fn from(change: efs::changes::Change) -> Self {
        Self::Efs(change)
    }
}

impl FaultSchedule {
    pub(crate) const NONE: Self = Self::Random {
        percent: 0,
        left: 0,
    };
}
