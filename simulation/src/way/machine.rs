//! Step Functions: executions of the template's machines, whose calls reach the other services.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use template::{
    ACCOUNT, REGION,
    execution::{Call, End, Failure, Machine, Services},
    machine::definition,
    text_of,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use crate::way::{
    account::{Account, Ended},
    caller::{Caller, Last, is_unfinished},
    fleet::ended,
    hop::{Failed, Hop, Ran, Tag},
    permission::key_of,
    trace::{Origin, Sink, Truth},
};

/// The hop of a state that is tried again, before the machine's name.
pub(super) const RETRY: &str = "retry";
/// The hop of a child execution that a map starts.
pub(super) const ITEM: &str = "item of a fleet";

/// Runs an execution to its end, and sends its status.
pub(super) async fn execute(account: &Account, machine_arn: &str, input: Value, tag: Tag) {
    let name = account
        .stack
        .by_arn("AWS::Serverless::StateMachine", machine_arn);
    let name = name.unwrap_or_else(|| panic!("there is no machine {machine_arn}"));
    let properties = account.stack.deployment.properties(name);
    let arn = format!(
        "{}:run-{}",
        machine_arn.replace(":stateMachine:", ":execution:"),
        account.number()
    );
    account.hop(
        tag,
        &format!("execution of {name}"),
        &format!("{name} starts: {arn}"),
    );

    // The file of the machine, with the substitutions of the template.
    let machine = Machine::read(definition(name, properties));
    let caller = Caller::new(account, name, (machine_arn, &arn), &input, tag);
    let begun = Instant::now();
    let run = machine.run(&arn, input.clone(), &caller);
    // Now and then an operator stops one.
    let ended = match account.chance(5) {
        true => {
            let seconds = account.below(600);
            timeout(Duration::from_secs(seconds), run).await.ok()
        }
        false => Some(run.await),
    };

    let status = match &ended {
        None => "ABORTED",
        Some(ended) => match ended.end {
            End::Succeeded(_) => "SUCCEEDED",
            End::Failed(_) => "FAILED",
            End::TimedOut => "TIMED_OUT",
        },
    };
    account.hop(
        tag,
        &format!("{name} {status}"),
        &format!("{name} {status}"),
    );
    if let Some(ended) = &ended {
        caller.check_end(ended);
        caller.check_told(&ended.end);
    }
    // The status of a notification that was not sent is told in its place.
    if caller.is_notification() && caller.told_success.get().is_none() {
        account.reach(tag, Sink::Notification);
    }
    tell_status(&caller, status, &input);

    let start = account.simulation.state().start;
    account.executions.borrow_mut().push(Ended {
        machine: name.to_owned(),
        input,
        took: begun.elapsed(),
        at: start.elapsed(),
        execution: ended,
    });
}

/// Step Functions puts each end of an execution on the default bus.
fn tell_status(caller: &Caller<'_>, status: &str, input: &Value) {
    let account = caller.account;
    let origin = Origin::Status {
        machine: caller.machine.to_owned(),
        status: status.to_owned(),
        has_told: caller.told_success.get().is_some(),
    };
    let truth = Truth::Failure(status.to_owned());
    let tag = account.trace.borrow_mut().fact(caller.tag, origin, truth);

    let event = json!({
        "version": "0",
        "id": account.id(),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": ACCOUNT,
        "time": account.time(),
        "region": REGION,
        "resources": [caller.arn],
        "detail": {
            "executionArn": caller.arn,
            "stateMachineArn": caller.machine_arn,
            "status": status,
            "input": input.to_string(),
        },
    });
    account.send(Hop::Event {
        bus: "default".to_owned(),
        event,
        tag,
    });
}

impl Caller<'_> {
    async fn invoke(&self, arguments: &Value) -> Result<Value, Failure> {
        let function = text_of(&arguments["FunctionName"]);
        self.check_role("lambda:InvokeFunction", &function)?;
        if function != self.account.stack.alias_arn {
            let complaint = format!("{} invokes {function}", self.machine);
            self.account.violate(self.tag, 2, &complaint);
        }
        self.hiccup("Lambda.ServiceException")?;

        // What a fleet sends is known by its list.
        let request = &arguments["Payload"];
        if self.is_follow_up() {
            self.check_next(request);
        }
        // The invocation goes on, even if the state does not wait for it.
        let (reply, answer) = oneshot::channel();
        self.account.send(Hop::Call {
            payload: request.to_string(),
            tag: self.tag,
            reply,
        });
        self.check_concurrency();
        self.running.update(|running| running + 1);
        let ran = answer.await.expect("a call is answered");
        self.running.update(|running| running - 1);

        *self.last.borrow_mut() = Last {
            request: request.clone(),
            ran: ran.clone(),
            ended: Instant::now(),
        };
        self.answered(ran)
    }

    /// What a state sees of an invocation.
    fn answered(&self, ran: Ran) -> Result<Value, Failure> {
        match ran {
            Ran::Throttled => Err(Failure::new("Lambda.TooManyRequestsException")),
            Ran::Answered(report) => {
                if is_unfinished(&report) {
                    self.pending.update(|pending| pending + 1);
                }
                Ok(json!({ "Payload": report, "StatusCode": 200 }))
            }
            Ran::Failed(Failed { error, payload }) => {
                Err(Failure::new(&error).because(&payload.to_string()))
            }
        }
    }

    fn publish(&self, arguments: &Value) -> Result<Value, Failure> {
        // Every event of a machine is put by itself.
        let entry = &arguments["Entries"][0];
        let bus = text_of(&entry["EventBusName"]);
        let arn = format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{bus}");
        self.check_role("events:PutEvents", &arn)?;
        self.hiccup("EventBridge.FailedEntry")?;

        let detail = entry["Detail"].clone();
        let bytes = entry.to_string().len();
        self.account.meter.borrow_mut().count_event(bytes);
        let truth = match self.is_follow_up() {
            true => self.conclude(&detail),
            false => ended(&detail),
        };
        let origin = Origin::Machine(self.machine.to_owned());
        self.told_success
            .set(Some(matches!(truth, Truth::Success(_))));
        let tag = self
            .account
            .trace
            .borrow_mut()
            .fact(self.tag, origin, truth);

        let event = json!({
            "version": "0",
            "id": self.account.id(),
            "detail-type": entry["DetailType"],
            "source": entry["Source"],
            "account": ACCOUNT,
            "time": self.account.time(),
            "region": REGION,
            "resources": [],
            "detail": detail,
        });
        self.account.send(Hop::Event { bus, event, tag });
        Ok(json!({ "FailedEntryCount": 0 }))
    }

    /// Sends a notification to people.
    async fn notify(&self, arguments: &Value) -> Result<Value, Failure> {
        let topic = text_of(&arguments["TopicArn"]);
        self.check_role("sns:Publish", &topic)?;
        // SNS encrypts with the permissions of whoever publishes.
        for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
            if let Some(key) = key_of(self.account, &topic) {
                self.check_role(action, &key)?;
            }
        }

        // An operator may stop the execution meanwhile.
        sleep(Duration::from_secs(self.account.below(120))).await;
        let is_away = || self.account.chance(1);
        if *self.topic_away.get_or_init(is_away) {
            self.account.hop(self.tag, "topic away", "SNS is away");
            return Err(Failure::new("SNS.SnsException").because("Unavailable"));
        }
        self.hiccup("SNS.SnsException")?;

        let [subject, message] = ["Subject", "Message"].map(|name| text_of(&arguments[name]));
        self.check_message(&subject, &message);
        self.told_success.set(Some(true));
        self.account.reach(self.tag, Sink::Notification);
        self.account.send(Hop::Publish {
            topic,
            message,
            tag: self.tag,
        });
        Ok(json!({ "MessageId": self.account.id() }))
    }

    /// EC2 finds by a filter what it still has, so that what is gone is no error.
    fn describe_snapshots(&self, arguments: &Value) -> Result<Value, Failure> {
        self.check_role("ec2:DescribeSnapshots", "*")?;
        self.hiccup("Ec2.Ec2Exception")?;

        let filter = &arguments["Filters"][0];
        let named = named_snapshots(&self.last.borrow().request);
        if filter["Name"] != "snapshot-id" || filter["Values"] != json!(named) {
            let complaint = format!("EC2 is asked for {arguments} where {named:?} were named");
            self.account.violate(self.tag, 3, &complaint);
        }
        // Most of them AWS has removed.
        let left = named.into_iter().filter(|_| self.account.chance(10));
        let left: Vec<Value> = left.collect();
        let described = left.iter().map(|id| json!({ "SnapshotId": id }));
        let described: Vec<Value> = described.collect();

        self.left.replace(json!(left));
        Ok(json!({ "Snapshots": described }))
    }

    fn start(&self, arguments: &Value) -> Result<Value, Failure> {
        let machine = text_of(&arguments["StateMachineArn"]);
        self.check_role("states:StartExecution", &machine)?;
        self.hiccup("Sfn.SfnException")?;

        // A pending item is followed up by itself.
        self.followed.update(|followed| followed + 1);
        let tag = self.account.trace.borrow_mut().branch(self.tag);
        self.account.send(Hop::Execute {
            machine,
            input: arguments["Input"].clone(),
            tag,
        });
        Ok(json!({ "ExecutionArn": "started" }))
    }

    /// Whether a role allows something with an object, whose bucket is the deployment's.
    fn check_object(&self, action: &str, arguments: &Value, key: &str) -> Result<(), Failure> {
        let bucket = text_of(&arguments["Bucket"]);
        self.check_role(action, &format!("arn:aws:s3:::{bucket}/{key}"))?;

        self.hiccup("S3.S3Exception")
    }

    fn store(&self, arguments: &Value) -> Result<Value, Failure> {
        // Operators put their lists into the same bucket.
        let key = text_of(&arguments["Key"]);
        self.check_object("s3:PutObject", arguments, &key)?;

        self.account.meter.borrow_mut().writes += 1;
        let mut bucket = self.account.bucket.borrow_mut();
        let known = bucket.insert(key.clone(), arguments["Body"].clone());
        if known.is_some() {
            let complaint = format!("a fleet overwrites {key}");
            self.account.violate(self.tag, 2, &complaint);
        }
        Ok(json!({ "ETag": "any" }))
    }

    fn load(&self, arguments: &Value) -> Result<Value, Failure> {
        let key = text_of(&arguments["Key"]);
        let is_readable = self.check_object("s3:GetObject", arguments, &key);
        // A map tells whatever keeps it from its list in this way.
        is_readable.map_err(|failure| Failure {
            error: "States.ItemReaderFailed".to_owned(),
            ..failure
        })?;
        // A distributed map runs its items as executions of its own machine.
        self.check_role("states:StartExecution", self.machine_arn)?;

        self.account.meter.borrow_mut().reads += 1;
        let bucket = self.account.bucket.borrow();
        let object = bucket.get(&key).cloned();
        object.ok_or_else(|| Failure::new("States.ItemReaderFailed"))
    }

    fn write_results(&self, arguments: &Value) -> Result<Value, Failure> {
        // Step Functions writes a folder for each run of a map.
        let prefix = text_of(&arguments["Prefix"]);
        let run = self.arn.rsplit(':').next().unwrap_or_default();
        let key = format!("{prefix}/{run}/manifest.json");
        self.check_object("s3:PutObject", arguments, &key)?;

        self.account
            .bucket
            .borrow_mut()
            .insert(key.clone(), Value::Null);
        Ok(json!({ "Bucket": arguments["Bucket"], "Key": key }))
    }
}

impl Services for Caller<'_> {
    fn call<'a>(&'a self, call: Call<'a>) -> LocalBoxFuture<'a, Result<Value, Failure>> {
        let arguments = call.arguments;

        Box::pin(async move {
            match call.resource {
                "arn:aws:states:::lambda:invoke" => self.invoke(arguments).await,
                "arn:aws:states:::events:putEvents" => self.publish(arguments),
                "arn:aws:states:::sns:publish" => self.notify(arguments).await,
                "arn:aws:states:::aws-sdk:ec2:describeSnapshots" => {
                    self.describe_snapshots(arguments)
                }
                "arn:aws:states:::states:startExecution" => self.start(arguments),
                "arn:aws:states:::aws-sdk:s3:putObject" => self.store(arguments),
                "arn:aws:states:::s3:getObject" => self.load(arguments),
                "arn:aws:states:::s3:putObject" => self.write_results(arguments),
                other => panic!("{other} is not known here"),
            }
        })
    }

    fn enters(&self, state: &str) {
        let machine = self.machine;
        let hop = format!("state {machine}/{state}");

        self.account
            .hop(self.tag, &hop, &format!("{machine} enters \"{state}\""));
    }

    fn retries(&self) {
        let hop = format!("{RETRY} of {}", self.machine);

        self.account.trace.borrow_mut().count(&hop);
    }

    fn starts_item(&self) {
        self.account.trace.borrow_mut().count(ITEM);
    }

    fn jittered(&self, longest: u64) -> u64 {
        self.account.below(longest + 1)
    }
}

/// Every EBS snapshot that a request names, in its order.
fn named_snapshots(request: &Value) -> Vec<Value> {
    let targets = request["targets"].as_array().into_iter().flatten();
    let lists = targets.filter_map(|target| target["disconnect"]["ebsSnapshotIDs"].as_array());

    lists.flatten().cloned().collect()
}
