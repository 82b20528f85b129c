//! The services that the state machines call, simulated: functions with the answers that a test
//! gives them, a bus, a topic, a bucket and the start of follow-ups. Every call is recorded.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    sync::LazyLock,
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use template::{
    Deployment,
    delivery::is_subject,
    execution::{Call, Execution, Failure, Machine, Services},
    facts::is_within,
    machine::definition,
};
use tokio::time::{Instant, sleep};

use crate::{functions::DISCONNECT, schemas::assert_result, template::on_another_bus};

/// The deployment whose machines run here, with requests on a bus of their own.
pub(super) static DEPLOYMENT: LazyLock<Deployment> = LazyLock::new(on_another_bus);

/// What a function answers.
pub(super) type FunctionAnswer = Result<Value, Failure>;

/// An invocation of a function.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) function: String,
    pub(super) request: Value,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// All services, and what was asked of them.
pub(super) struct Simulated {
    answer: Box<dyn FnMut(&Value) -> FunctionAnswer>,
    /// How long a function takes, in seconds.
    pub(super) took: u64,
    pub(super) invocations: Vec<Invocation>,
    /// The details of events, with their detail-types.
    pub(super) published: Vec<Value>,
    /// What was published to the topic of notifications.
    pub(super) messages: Vec<Value>,
    /// The inputs of follow-ups that were started.
    pub(super) started: Vec<Value>,
    pub(super) bucket: BTreeMap<String, Value>,
    /// The EBS snapshots that EC2 still has.
    pub(super) snapshots: Vec<&'static str>,
    /// The snapshots about which EC2 was asked.
    pub(super) asked_snapshots: Vec<Value>,
    /// So many calls of each of these services fail first.
    pub(super) refused_events: u32,
    pub(super) refused_messages: u32,
    pub(super) refused_starts: u32,
    pub(super) refused_objects: u32,
    pub(super) refused_lists: u32,
    pub(super) refused_questions: u32,
}

impl Simulated {
    /// With a function that answers a request by this.
    pub(super) fn by(answer: impl FnMut(&Value) -> FunctionAnswer + 'static) -> Self {
        Self {
            answer: Box::new(answer),
            took: 1,
            invocations: Vec::new(),
            published: Vec::new(),
            messages: Vec::new(),
            started: Vec::new(),
            bucket: BTreeMap::new(),
            snapshots: Vec::new(),
            asked_snapshots: Vec::new(),
            refused_events: 0,
            refused_messages: 0,
            refused_starts: 0,
            refused_objects: 0,
            refused_lists: 0,
            refused_questions: 0,
        }
    }

    /// With a function that gives these answers in order, and the last one ever after.
    pub(super) fn answering(answers: &[FunctionAnswer]) -> Self {
        let mut left: VecDeque<FunctionAnswer> = answers.iter().cloned().collect();

        Self::by(move |_| match left.len() {
            1 => left[0].clone(),
            _ => left.pop_front().unwrap(),
        })
    }

    /// With a function that always answers this.
    pub(super) fn always(answer: FunctionAnswer) -> Self {
        Self::answering(&[answer])
    }

    pub(super) fn requests(&self) -> Vec<&Value> {
        self.invocations.iter().map(|it| &it.request).collect()
    }

    /// The time from the end of each invocation to the start of the next.
    pub(super) fn gaps(&self) -> Vec<u64> {
        let pairs = self.invocations.windows(2);

        pairs.map(|pair| pair[1].start - pair[0].end).collect()
    }

    /// The most invocations that ran at the same time.
    pub(super) fn most_at_once(&self) -> usize {
        let starts = self.invocations.iter().map(|it| it.start);
        let running_at = |time: u64| {
            let running = self.invocations.iter();
            running
                .filter(|it| it.start <= time && time < it.end)
                .count()
        };

        starts.map(running_at).max().unwrap_or_default()
    }

    /// The one event that was published.
    pub(super) fn event(&self) -> &Value {
        let [event] = &self.published[..] else {
            panic!("one event is published: {:?}", self.published)
        };

        event
    }

    fn invoke(&mut self, time: u64, arguments: &Value) -> FunctionAnswer {
        let request = arguments["Payload"].clone();
        let answer = (self.answer)(&request);
        self.invocations.push(Invocation {
            function: arguments["FunctionName"].as_str().unwrap().to_owned(),
            request,
            start: time,
            end: time + self.took,
        });

        Ok(json!({ "Payload": answer?, "StatusCode": 200 }))
    }

    fn publish(&mut self, arguments: &Value) -> FunctionAnswer {
        refuse(&mut self.refused_events, "EventBridge.FailedEntry")?;
        let [entry] = &arguments["Entries"].as_array().unwrap()[..] else {
            panic!("{arguments} has one entry")
        };
        assert_eq!(
            entry["EventBusName"], "requests",
            "the bus of the deployment"
        );

        // As the bus passes it to rules. Step Functions makes the text of the detail.
        assert!(entry["Detail"].is_object(), "{entry}");
        let event = json!({
            "source": entry["Source"],
            "account": template::ACCOUNT,
            "region": template::REGION,
            "detail-type": entry["DetailType"],
            "detail": entry["Detail"],
        });
        assert_result(&event);
        self.published.push(event);

        Ok(json!({ "FailedEntryCount": 0 }))
    }

    fn notify(&mut self, arguments: &Value) -> FunctionAnswer {
        refuse(&mut self.refused_messages, "SNS.SnsException")?;
        assert_eq!(arguments["TopicArn"], DEPLOYMENT.arn("Notifications"));
        let [subject, message] =
            ["Subject", "Message"].map(|name| arguments[name].as_str().unwrap());
        assert!(is_subject(subject), "{subject:?}");
        let limit = "a message on a topic, in bytes";
        assert!(!message.is_empty() && is_within(message.len() as u64, limit));

        self.messages.push(arguments.clone());
        Ok(json!({ "MessageId": "any" }))
    }

    /// A filter that finds nothing is no error, as a snapshot that is named otherwise would be.
    fn describe_snapshots(&mut self, arguments: &Value) -> FunctionAnswer {
        refuse(&mut self.refused_questions, "Ec2.Ec2Exception")?;
        assert_eq!(arguments["OwnerIds"], json!(["self"]));
        let [filter] = &arguments["Filters"].as_array().unwrap()[..] else {
            panic!("{arguments} has one filter")
        };
        assert_eq!(filter["Name"], "snapshot-id");
        let asked = filter["Values"].as_array().unwrap();
        self.asked_snapshots.extend(asked.iter().cloned());

        let left = self
            .snapshots
            .iter()
            .filter(|id| asked.contains(&json!(id)));
        let described = left.map(|id| json!({ "SnapshotId": id, "State": "completed" }));
        Ok(json!({ "Snapshots": described.collect::<Vec<_>>() }))
    }

    fn start(&mut self, arguments: &Value) -> FunctionAnswer {
        refuse(&mut self.refused_starts, "Sfn.SfnException")?;
        let follow_up = DEPLOYMENT.arn("FollowUp");
        assert_eq!(arguments["StateMachineArn"], follow_up);

        self.started.push(arguments["Input"].clone());
        Ok(json!({ "ExecutionArn": "started" }))
    }

    fn put(&mut self, arguments: &Value) -> FunctionAnswer {
        refuse(&mut self.refused_objects, "S3.S3Exception")?;
        assert_eq!(arguments["ContentType"], "application/json");

        let key = arguments["Key"].as_str().unwrap();
        self.bucket
            .insert(key.to_owned(), arguments["Body"].clone());
        Ok(json!({ "ETag": "any" }))
    }

    fn get(&mut self, arguments: &Value) -> FunctionAnswer {
        refuse(&mut self.refused_lists, "States.ItemReaderFailed")?;

        let object = self.bucket.get(arguments["Key"].as_str().unwrap());

        object
            .cloned()
            .ok_or_else(|| Failure::new("States.ItemReaderFailed"))
    }
}

/// Fails as often as it is still to fail.
fn refuse(left: &mut u32, error: &str) -> Result<(), Failure> {
    match left.checked_sub(1) {
        None => Ok(()),
        Some(fewer) => {
            *left = fewer;
            Err(Failure::new(error).because("Slow Down"))
        }
    }
}

impl Simulated {
    /// How long a call takes, in seconds, and its result.
    fn answer(&mut self, time: u64, call: Call<'_>) -> (u64, FunctionAnswer) {
        let arguments = call.arguments;
        if call.resource.contains("s3:") {
            assert_eq!(
                arguments["Bucket"], "Fleets",
                "the bucket of the deployment"
            );
        }

        match call.resource {
            "arn:aws:states:::lambda:invoke" => (self.took, self.invoke(time, arguments)),
            "arn:aws:states:::events:putEvents" => (0, self.publish(arguments)),
            "arn:aws:states:::sns:publish" => (0, self.notify(arguments)),
            "arn:aws:states:::states:startExecution" => (0, self.start(arguments)),
            "arn:aws:states:::aws-sdk:ec2:describeSnapshots" => {
                (0, self.describe_snapshots(arguments))
            }
            "arn:aws:states:::aws-sdk:s3:putObject" => (0, self.put(arguments)),
            "arn:aws:states:::s3:getObject" => (0, self.get(arguments)),
            "arn:aws:states:::s3:putObject" => {
                let prefix = arguments["Prefix"].as_str().unwrap();
                let key = format!("{prefix}/run/manifest.json");
                (0, Ok(json!({ "Bucket": "Fleets", "Key": key })))
            }
            other => panic!("{other} is not known here"),
        }
    }
}

/// The services of one execution, since when they are called.
struct Called<'a> {
    services: RefCell<&'a mut Simulated>,
    start: Instant,
}

impl Services for Called<'_> {
    fn call<'a>(&'a self, call: Call<'a>) -> LocalBoxFuture<'a, FunctionAnswer> {
        let time = self.start.elapsed().as_secs();
        let (took, result) = self.services.borrow_mut().answer(time, call);

        Box::pin(async move {
            sleep(Duration::from_secs(took)).await;
            result
        })
    }
}

/// Runs a machine of the template in virtual time.
pub(super) fn run(machine: &str, input: Value, services: &mut Simulated) -> Execution {
    let definition = definition(machine, DEPLOYMENT.properties(machine));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();

    runtime.block_on(async {
        let called = Called {
            services: RefCell::new(services),
            start: Instant::now(),
        };
        let arn = "arn:aws:states:us-east-1:111122223333:execution:any:run";
        Machine::read(definition).run(arn, input, &called).await
    })
}

/// A report of a function.
pub(super) fn report(outcome: &str) -> Value {
    json!({
        "outcome": outcome,
        "mode": "enforce",
        "requestID": "CHG1",
        "summary": "",
        "counts": {},
        "targets": [],
        "calls": [],
    })
}

/// A pending report that asks to look again after so many seconds.
pub(super) fn pending(seconds: u64) -> Value {
    let mut pending = report("pending");
    pending["lookAgainAfterSeconds"] = json!(seconds);

    pending
}

/// The same report in mode plan.
pub(super) fn planned(mut report: Value) -> Value {
    report["mode"] = json!("plan");

    report
}

/// An error of a function, or of the service that invokes it.
pub(super) fn error(name: &str) -> FunctionAnswer {
    Err(Failure::new(name).because("{}"))
}

pub(super) fn request() -> Value {
    json!({ "version": 1, "requestID": "CHG1", "targets": [{ "sourceServerID": "s-1" }] })
}

/// The ARN of a function in a deployment.
pub(super) fn arn(function: &str) -> String {
    DEPLOYMENT.alias(DEPLOYMENT.function(function))
}

/// The function that most tests ask.
pub(super) fn asked_function() -> String {
    arn(DISCONNECT.name())
}
