//! What people and AWS put, and where: drawn from a seed.

use serde_json::{Value, json};
use template::ACCOUNT;

use crate::{
    record::{Subject, text},
    scenario::{Request, is_of_aws},
    way::{
        account::Account,
        hop::{Hop, Message, Tag},
        nobody,
        trace::Expected,
    },
};

/// Everything that a seed puts.
pub(super) struct Puts<'a> {
    pub(super) account: &'a Account,
    pub(super) subject: &'static Subject,
    /// The detail-type of a request for the function.
    pub(super) detail_type: &'static str,
}

/// The ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Bus,
    Topic,
    Queue,
    Invocation,
    Fleet,
}

const WAYS: [Way; 8] = [
    Way::Bus,
    Way::Bus,
    Way::Bus,
    Way::Topic,
    Way::Queue,
    Way::Queue,
    Way::Invocation,
    Way::Fleet,
];

impl Puts<'_> {
    /// Puts every request of the scenario, and what is nobody's business.
    pub(super) fn put_all(&self, requests: &[Request]) {
        for (number, request) in requests.iter().enumerate() {
            let account = self.account;
            account.know_as(number, request.forms());
            self.put(number, request, self.seconds(60));
            // People send again what they hear nothing of.
            if account.chance(20) {
                self.put(number, request, self.seconds(20_000));
            }
        }

        for _ in 0..self.account.below(3) {
            let seconds = self.seconds(5_000);
            self.put_nobodys(seconds);
        }
        // Most events of AWS are about what drover does not manage.
        if self.account.chance(30) {
            let (id, event, detail) = nobody::unknown(self.subject.detail_type);
            let request = Request::native(id, &event, detail);
            self.account.know(request);
            self.put_native(&event, self.seconds(5_000));
        }
    }

    fn seconds(&self, most: u64) -> u64 {
        self.account.below(most)
    }

    /// Puts a request where it can be put.
    fn put(&self, number: usize, request: &Request, seconds: u64) {
        let payload: Value = serde_json::from_str(&request.payload).unwrap_or_default();
        // What a bus or an invocation takes is JSON, and is the same when it is written again.
        let is_json = payload.is_object()
            && payload.to_string().len() == request.payload.len()
            && request.payload.matches("\"requestID\"").count() <= 1;
        // An event that no rule lets through still comes by hand.
        if payload.get("detail-type").is_some() && request.detail.is_none() {
            return self.invoke(request, &payload, seconds);
        }
        if is_of_aws(&payload) {
            return self.put_native(&payload, seconds);
        }

        // Where a way is closed, people take another one.
        let way = self.account.rng.borrow_mut().choice(WAYS);
        match way.unwrap_or(Way::Bus) {
            Way::Bus if is_json => self.put_on_bus(number, &payload, seconds),
            Way::Topic if self.account.stack.has("TopicTrigger") => {
                self.publish(number, request, is_json.then_some(&payload), seconds);
            }
            Way::Queue if self.account.stack.has("QueueTrigger") => self.enqueue(request, seconds),
            Way::Fleet if request.detail.is_some() => {
                self.start_fleet(request.detail.as_ref(), seconds);
            }
            _ if is_json => self.invoke(request, &payload, seconds),
            // What is no JSON is accepted by a topic and a queue alone.
            _ if self.account.stack.has("QueueTrigger") => self.enqueue(request, seconds),
            _ => {}
        }
    }

    fn tag(&self, way: &str, what: &str, expected: Expected) -> Tag {
        self.tag_of(way, what, expected, way == "native event")
    }

    /// Whether it is of AWS decides who is told of its result.
    fn tag_of(&self, way: &str, what: &str, expected: Expected, is_of_aws: bool) -> Tag {
        let account = self.account;
        let mut trace = account.trace.borrow_mut();
        trace.count(&format!("in by {way}"));

        trace.put(&format!("{what} by {way}"), expected, is_of_aws)
    }

    /// What is expected of an event, as its trigger is on or off.
    fn by_trigger(&self, trigger: &str) -> Expected {
        match self.account.stack.has(trigger) {
            true => Expected::Result,
            false => Expected::Nothing,
        }
    }

    /// An event of AWS on the default bus.
    fn put_native(&self, event: &Value, seconds: u64) {
        let trigger = match text(event, "source") {
            "aws.ec2" => "InstanceTerminatedTrigger",
            _ => "FileSystemTaggedTrigger",
        };
        // An event whose rule is off is nobody's business.
        let tag = self.tag("native event", trigger, self.by_trigger(trigger));

        let hop = Hop::Event {
            bus: "default".to_owned(),
            event: event.clone(),
            tag,
        };
        self.account.send(hop.after(seconds));
    }

    /// A request as an event on the bus of the deployment.
    fn put_on_bus(&self, number: usize, payload: &Value, seconds: u64) {
        let event = self.in_event(payload);
        self.account.know_as(number, [event["detail"].clone()]);
        let tag = self.tag("bus", "request", self.by_trigger("EventTrigger"));

        let bus = self.account.stack.parameter("EventBusName").to_owned();
        self.account
            .send(Hop::Event { bus, event, tag }.after(seconds));
    }

    /// A request in an event, as it is or as the detail of one.
    fn in_event(&self, payload: &Value) -> Value {
        if payload.get("detail-type").is_some() {
            return payload.clone();
        }

        json!({
            "version": "0",
            "id": self.account.id(),
            "detail-type": self.detail_type,
            "source": "change.management",
            "account": ACCOUNT,
            "time": "2027-01-15T08:00:00Z",
            "region": "us-east-1",
            "resources": [],
            "detail": payload,
        })
    }

    /// A request on the topic, where it needs a detail-type.
    fn publish(&self, number: usize, request: &Request, payload: Option<&Value>, seconds: u64) {
        let bare = payload.filter(|payload| payload.get("detail-type").is_none());
        let message = match bare.filter(|_| self.account.chance(80)) {
            Some(bare) => {
                let event = self.in_event(bare);
                self.account.know_as(number, [event["detail"].clone()]);
                event.to_string()
            }
            None => request.payload.clone(),
        };

        // As SNS reads it.
        let expected = match serde_json::from_str::<Value>(&message) {
            Ok(Value::Object(body)) if body.contains_key("detail-type") => Expected::Result,
            Ok(Value::Object(_)) => Expected::Kept,
            _ => Expected::Dropped,
        };
        self.publish_text(message, "request", expected, seconds);
    }

    fn publish_text(&self, message: String, what: &str, expected: Expected, seconds: u64) {
        let tag = self.tag("topic", what, expected);
        let topic = self.account.stack.deployment.arn("Requests");

        let hop = Hop::Publish {
            topic,
            message,
            tag,
        };
        self.account.send(hop.after(seconds));
    }

    /// Messages in the queue at the same time: the request, and others good and bad.
    fn enqueue(&self, request: &Request, seconds: u64) {
        self.enqueue_text(&request.payload, seconds);

        let others = self.account.below(8).saturating_sub(2);
        for _ in 0..others {
            // A bad message must not keep a good one from its end.
            let is_good = self.account.chance(50);
            let body = if is_good {
                &request.payload
            } else {
                "not a request"
            };
            self.enqueue_text(body, seconds);
        }
    }

    fn enqueue_text(&self, body: &str, seconds: u64) {
        let account = self.account;
        if account.request_in(body).is_none() {
            let unreadable = Request {
                id: String::new(),
                payload: body.to_owned(),
                expires_at: None,
                detail: None,
            };
            account.know(unreadable);
        }
        let tag = self.tag("queue", "message", Expected::Processed);
        let tag = account.trace.borrow_mut().delivery(tag);

        let message = Message::new(account.number(), body.to_owned(), tag);
        let queue = account.stack.deployment.arn(self.subject.queue);
        account.send(Hop::Send { queue, message }.after(seconds));
    }

    fn invoke(&self, request: &Request, payload: &Value, seconds: u64) {
        let is_of_aws = is_of_aws(payload);
        let tag = self.tag_of("invocation", "request", Expected::Result, is_of_aws);
        let tag = self.account.trace.borrow_mut().delivery(tag);

        let hop = Hop::Invoke {
            payload: request.payload.clone(),
            tag,
        };
        self.account.send(hop.after(seconds));
    }

    /// A fleet with an item for each target of the request.
    fn start_fleet(&self, detail: Option<&Value>, seconds: u64) {
        let account = self.account;
        // The items take the place of the targets.
        let mut request = detail.cloned().unwrap_or_default();
        let items = request["targets"].take();
        if let Some(members) = request.as_object_mut() {
            members.remove("targets");
        }
        for item in items.as_array().into_iter().flatten() {
            let mut one = request.clone();
            one["targets"] = json!([item]);
            account.know(Request::new(one, None));
        }

        let mut input = json!({ "function": self.subject.name(), "request": request });
        if account.chance(50) {
            input["items"] = items;
        } else {
            let key = format!("lists/{}.json", account.number());
            account.bucket.borrow_mut().insert(key.clone(), items);
            input["key"] = json!(key);
        }
        // Now and then somebody forgets the list.
        if account.chance(8) {
            input = json!({ "function": self.subject.name() });
        }
        let tag = self.tag("fleet", "fleet", Expected::Result);
        let tag = account.trace.borrow_mut().delivery(tag);
        let machine = account.stack.deployment.arn("Fleet");
        let hop = Hop::Execute {
            machine,
            input,
            tag,
        };
        account.send(hop.after(seconds));
    }

    /// Something that is on the bus or on the topic and asks for nothing.
    fn put_nobodys(&self, seconds: u64) {
        let account = self.account;
        if account.stack.has("TopicTrigger") && account.chance(30) {
            let (message, expected) = match account.chance(50) {
                true => (r#"{"detail-type":"Greeting"}"#, Expected::Kept),
                false => ("good morning", Expected::Dropped),
            };
            return self.publish_text(message.to_owned(), "greeting", expected, seconds);
        }

        // Each differs in one thing from an event that starts something.
        let events = nobody::events(&account.stack, self.detail_type);
        let number = account.rng.borrow_mut().usize(0..events.len());
        let (what, bus, event) = events[number].clone();
        let tag = self.tag("bus", what, Expected::Nothing);
        account.trace.borrow_mut().count("nobody's event");
        account.send(Hop::Event { bus, event, tag }.after(seconds));
    }
}
