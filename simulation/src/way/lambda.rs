//! Lambda: one invocation of the function, and the queue of asynchronous ones, by
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.

use std::time::Duration;

use serde_json::{Value, json};
use template::{ACCOUNT, REGION, text_of};
use tokio::time::{Instant, sleep};

use crate::{
    run::AttemptResult,
    scenario::Stop,
    way::{
        account::Account,
        hop::{Failed, Hop, Ran, Tag},
        permission::{bus_in, may},
        trace::{Origin, Truth},
    },
};

/// Between the first two attempts, and between the second and the third, in seconds.
const BETWEEN_ATTEMPTS: [u64; 2] = [60, 120];
/// The longest interval between two tries of what is throttled, in seconds.
const LONGEST_BACKOFF: u64 = 300;

/// Runs the function once, unless as many run as are reserved.
pub(super) async fn run(account: &Account, payload: &str, tag: Tag) -> Ran {
    if !begins(account, tag) {
        return Ran::Throttled;
    }

    let Some(request) = account.request_in(payload) else {
        account.running.update(|running| running - 1);
        let start: String = payload.chars().take(300).collect();
        account.violate(tag, 2, &format!("nobody asked for this: {start}"));
        return Ran::Failed(failed("Unknown", "nobody asked for this"));
    };
    // Warm sandboxes first, as Lambda does.
    let mut worker = account.sandbox();
    // A sandbox that ends in the middle is what the next attempt has to finish.
    let kill = account.is_disturbed(8);
    let kill = kill.then(|| Stop::Kill(account.rng.borrow_mut().usize(1..60)));

    let begun = Instant::now();
    let attempt =
        account
            .simulation
            .attempt_with(&mut worker, request, Some(payload.to_owned()), kill);
    let result = attempt.await;
    let took = begun.elapsed();
    // A killed sandbox has been replaced by a new one.
    account.running.update(|running| running - 1);
    account.warm.borrow_mut().push(worker);

    match result {
        AttemptResult::Killed => {
            account.meter.borrow_mut().count_invocation(took, 0);
            Ran::Failed(killed(account, begun))
        }
        AttemptResult::Completed { error_type, body } => {
            let bytes = body.to_string().len();
            account.meter.borrow_mut().count_invocation(took, bytes);
            know_next(account, &body);
            match error_type {
                None => Ran::Answered(body),
                Some(error) => Ran::Failed(failed(&error, &body.to_string())),
            }
        }
    }
}

/// Takes a place among the invocations that may run at the same time, if one is free.
pub(super) fn begins(account: &Account, tag: Tag) -> bool {
    let reserved = account.stack.number("ReservedConcurrentExecutions");
    let running = account.running.get();
    let is_full = |most: Option<usize>| most.is_some_and(|most| running >= most);

    // Whoever deploys says how many, and without a number the account is the limit.
    let is_throttled = is_full(reserved);
    if is_throttled != is_full(account.stack.reserved()) {
        let complaint = format!("with {running} running, throttled: {is_throttled}");
        account.violate(tag, 6, &complaint);
    }
    if is_throttled {
        account.hop(
            tag,
            "throttled",
            &format!("throttled: {running} are running"),
        );
        return false;
    }

    account.running.set(running + 1);
    true
}

/// The error of a sandbox that ended without an answer.
pub(super) fn killed(account: &Account, begun: Instant) -> Failed {
    let timeout = account.simulation.state().scenario.timeout_seconds;

    match begun.elapsed() >= Duration::from_secs(timeout) {
        true => failed("Sandbox.Timedout", "Task timed out"),
        false => failed("Runtime.ExitError", "Runtime exited"),
    }
}

fn failed(error: &str, message: &str) -> Failed {
    Failed {
        error: error.to_owned(),
        payload: json!({ "errorType": error, "errorMessage": message }),
    }
}

/// A report may name the request that comes next.
pub(super) fn know_next(account: &Account, report: &Value) {
    let next = &report["nextRequest"];

    if next.is_object() {
        account.know(crate::scenario::Request::new(next.clone(), None));
    }
}

/// An event in the queue of asynchronous invocations, until its result is on its way.
pub(super) async fn invoke(account: &Account, payload: &str, tag: Tag) {
    let config = account.stack.properties()["EventInvokeConfig"].clone();
    // Lambda's own limits, where the template has none.
    let number = |name: &str, default| config[name].as_u64().unwrap_or(default);
    let retries = number("MaximumRetryAttempts", 2);
    let most = Duration::from_secs(number("MaximumEventAgeInSeconds", 21_600));

    // The age counts from here, however long each attempt takes.
    let begun = Instant::now();
    let (mut attempts, mut backoff) = (0, 1);
    let (condition, last) = loop {
        let name = format!("asynchronous attempt {} of {}", attempts + 1, retries + 1);
        account.hop(tag, "asynchronous attempt", &name);
        let ran = run(account, payload, tag).await;
        attempts += u64::from(ran != Ran::Throttled);
        let pause = match &ran {
            Ran::Answered(_) => break ("Success", Some(ran)),
            Ran::Failed(_) if attempts > retries => break ("RetriesExhausted", Some(ran)),
            Ran::Failed(_) => BETWEEN_ATTEMPTS[attempts.min(2) as usize - 1],
            // What is throttled waits longer each time, and is no attempt.
            Ran::Throttled => {
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
                backoff
            }
        };

        sleep(Duration::from_secs(pause)).await;
        if begun.elapsed() >= most {
            break ("EventAgeExceeded", None);
        }
    };

    check_patience(account, tag, condition, attempts, begun);
    conclude(account, payload, (condition, last), attempts, tag);
    duplicate(account, payload, tag);
}

/// An event is given up after three attempts, or after the six hours in which operators may stop the
/// function, and not before.
fn check_patience(account: &Account, tag: Tag, condition: &str, attempts: u64, begun: Instant) {
    let waited = begun.elapsed().as_secs();
    let is_right = match condition {
        "RetriesExhausted" => attempts == 3,
        "EventAgeExceeded" => waited >= 6 * 3600,
        _ => true,
    };

    if !is_right {
        let complaint = format!("{condition} after {attempts} attempts and {waited} s");
        account.violate(tag, 8, &complaint);
    }
}

/// The queue of Lambda delivers at least once.
fn duplicate(account: &Account, payload: &str, tag: Tag) {
    if !account.chance(3) {
        return;
    }

    account.hop(tag, "duplicate by Lambda", "Lambda delivers it once more");
    let tag = account.trace.borrow_mut().duplicate(tag);
    account.send(Hop::Invoke {
        payload: payload.to_owned(),
        tag,
    });
}

/// Sends the record of an invocation to its destination.
fn conclude(
    account: &Account,
    payload: &str,
    (condition, last): (&str, Option<Ran>),
    attempts: u64,
    tag: Tag,
) {
    let (truth, response) = match last {
        Some(Ran::Answered(report)) => (Truth::Success(report.clone()), Some(report)),
        Some(Ran::Failed(failed)) => (Truth::Failure(failed.error), Some(failed.payload)),
        _ => (Truth::Failure(condition.to_owned()), None),
    };
    // From here on the event tells this result.
    let is_success = matches!(truth, Truth::Success(_));
    let tag = account.trace.borrow_mut().fact(tag, Origin::Lambda, truth);

    let end = if is_success { "OnSuccess" } else { "OnFailure" };
    let config = &account.stack.properties()["EventInvokeConfig"]["DestinationConfig"];
    let Some(destination) = config[end].get("Destination") else {
        return account.violate(tag, 2, &format!("a result has no destination {end}"));
    };
    let bus = text_of(destination);
    account.hop(
        tag,
        &format!("destination {end}"),
        &format!("destination {end}: {condition}"),
    );
    account
        .trace
        .borrow_mut()
        .count(&format!("condition {condition}"));

    // Lambda puts the event with the role of the function.
    let role = text_of(&account.stack.properties()["Role"]);
    let service = ("lambda.amazonaws.com", account.stack.function_arn.as_str());
    if may(account, tag, service, &role, ("events:PutEvents", &bus)) {
        let event = record(account, payload, (condition, response), attempts);
        account.send(Hop::Event {
            bus: bus_in(destination),
            event,
            tag,
        });
    }
}

/// The record of an invocation, as Lambda puts it on a bus.
fn record(
    account: &Account,
    payload: &str,
    (condition, response): (&str, Option<Value>),
    attempts: u64,
) -> Value {
    // Lambda names what was invoked.
    let function = account.stack.alias_arn.as_str();
    let end = if condition == "Success" {
        "Success"
    } else {
        "Failure"
    };
    let request: Value = serde_json::from_str(payload).unwrap_or_default();
    let mut detail = json!({
        "version": "1.0",
        "timestamp": account.time(),
        "requestContext": {
            "requestId": account.id(),
            "functionArn": function,
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": request,
    });
    // What never ran has no response.
    if let Some(response) = response {
        detail["responseContext"] = json!({ "statusCode": 200, "executedVersion": "1" });
        detail["responsePayload"] = response;
    }

    json!({
        "version": "0",
        "id": account.id(),
        "detail-type": format!("Lambda Function Invocation Result - {end}"),
        "source": "lambda",
        "account": ACCOUNT,
        "time": account.time(),
        "region": REGION,
        "resources": [function],
        "detail": detail,
    })
}
