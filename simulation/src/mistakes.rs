//! Mistakes that people make in every function's requests and settings.

use serde_json::{Value, json};

use crate::{
    constants::epoch,
    scenario::{Request, in_event},
};

/// A change of a request after which it is none.
pub(crate) type Mistake = fn(&mut Value);

/// The same as a change of its text.
type Garbling = fn(&str) -> String;

/// What is wrong with the text of a request.
const TEXTS: [Garbling; 7] = [
    |text| text.replacen("\"version\":1", "\"version\":2", 1),
    |text| text.replacen("\"version\"", "\"requestID\":\"twice\",\"version\"", 1),
    |text| text.replacen("\"version\"", "\"force\":true,\"version\"", 1),
    |text| text.replacen(":[{", ":[{\"forceful\":1,", 1),
    // A truncated message is what a full disk or a broken proxy makes of it.
    |text| text.get(..text.len() / 2).unwrap_or_default().to_owned(),
    // Larger than any request may be, and deeper.
    |text| format!("{}{text}", " ".repeat(70_000)),
    |_| format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)),
];

/// What is wrong in a request of any function.
const REQUESTS: [Mistake; 16] = [
    |request| request["version"] = json!("1"),
    |request| request["version"] = json!(1.0),
    |request| request["version"] = Value::Null,
    |request| request["requestID"] = Value::Null,
    |request| request["requestID"] = json!("CHG 1"),
    |request| request["requestID"] = json!("C".repeat(129)),
    // Spellings of a time that some readers accept.
    |request| request["expiresAt"] = json!("2027-01-15 20:00:00 +0000"),
    |request| request["expiresAt"] = json!("2027-01-15T20:00:00"),
    |request| request["expiresAt"] = json!(epoch().timestamp() + 3600),
    |request| request["expiresAt"] = Value::Null,
    |request| request["targets"] = json!([]),
    |request| request["targets"] = Value::Null,
    |request| request["targets"][0] = json!("the first one"),
    // One more than a request may have.
    |request| request["targets"] = json!(vec![request["targets"][0].clone(); 101]),
    |request| request["dryRun"] = Value::Null,
    |request| request["dryRun"] = json!("no"),
];

/// What is wrong with an event that carries a request, or with one of AWS.
const EVENTS: [Mistake; 3] = [
    |event| event["source"] = json!("aws.health"),
    // Deeper than 32 levels, and larger than 64 KiB although it has fewer letters.
    |event| event["resources"] = (0..40).fold(json!([]), |inner, _| json!([inner])),
    |event| event["resources"] = json!(["\u{e9}".repeat(40_000)]),
];

/// One thing that is wrong with a request.
#[derive(Clone, Copy)]
enum Wrong {
    Text(Garbling),
    Member(Mistake),
}

/// A request and an event of AWS that are right, and what a function's own mistakes are.
pub(crate) struct Right<'a> {
    pub(crate) detail: Value,
    pub(crate) detail_type: &'a str,
    pub(crate) event: Value,
    pub(crate) of_request: &'a [Mistake],
    pub(crate) of_event: &'a [Mistake],
}

impl Right<'_> {
    /// The same with one mistake, by its number, so that as many numbers as there are mistakes name
    /// each of them once.
    pub(crate) fn with_mistake(&self, number: u64) -> Request {
        let requests = wrong_requests(self.of_request);
        let events: Vec<Mistake> = EVENTS.iter().chain(self.of_event).copied().collect();
        let all = requests.len() + EVENTS.len() + events.len();
        let index = usize::try_from(number).unwrap_or_default() % all;

        // In the request first, then in the event that carries it, then in one of AWS.
        if let Some(wrong) = requests.get(index) {
            return wrong.made_in(&self.detail);
        }
        let index = index - requests.len();
        let payload = match EVENTS.get(index) {
            Some(mistake) => changed(&in_event(&self.detail, self.detail_type), *mistake),
            None => changed(&self.event, events[index - EVENTS.len()]),
        };
        asking_for_nothing(&self.detail, payload)
    }
}

impl Wrong {
    fn made_in(self, detail: &Value) -> Request {
        let payload = match self {
            Self::Text(garbled) => garbled(&detail.to_string()),
            Self::Member(mistake) => changed(detail, mistake),
        };

        asking_for_nothing(detail, payload)
    }
}

/// What may be wrong with a request by itself.
fn wrong_requests(own: &[Mistake]) -> Vec<Wrong> {
    let members = REQUESTS.iter().chain(own).copied();

    TEXTS
        .into_iter()
        .map(Wrong::Text)
        .chain(members.map(Wrong::Member))
        .collect()
}

fn changed(value: &Value, mistake: Mistake) -> String {
    let mut changed = value.clone();
    mistake(&mut changed);
    changed.to_string()
}

/// A payload that was made of a request and is none any more.
fn asking_for_nothing(detail: &Value, payload: String) -> Request {
    Request {
        payload,
        detail: None,
        ..Request::new(detail.clone(), None)
    }
}

/// The request with one mistake of a request in it.
pub(crate) fn malformed(rng: &mut fastrand::Rng, detail: &Value, own: &[Mistake]) -> Request {
    let wrong = wrong_requests(own);

    wrong[rng.usize(0..wrong.len())].made_in(detail)
}

/// Settings with which no function may start.
pub(crate) const SETTINGS: [(&str, &str); 12] = [
    ("MODE", ""),
    ("MODE", "Enforce"),
    ("MAX_TARGETS", "0"),
    ("MAX_TARGETS", "101"),
    ("MAX_TARGETS", "ten"),
    ("APPROVAL_TAG", ""),
    ("APPROVAL_TAG", "drover:approved "),
    ("APPROVAL_TAG", "aws:approved"),
    ("PROTECTION_TAG", "none"),
    ("PROTECTION_TAG", " drover:protected"),
    // One tag cannot both allow and forbid.
    ("PROTECTION_TAG", "drover:approved"),
    ("APPROVAL_TAG", "drover:protected"),
];
