//! The follow-up machine in virtual time: it sends a request until its result is final.

use serde_json::{Value, json};
use template::{
    execution::{End, Execution, Failure},
    facts::is_within,
};

use crate::{
    functions::FUNCTIONS,
    rules::rules_of,
    template::{
        notify::{assert_failure_told, assert_result_told},
        services::{
            DEPLOYMENT, FunctionAnswer, Simulated, arn, asked_function, error, pending, planned,
            report, request, run,
        },
    },
};

const DAY: u64 = 86_400;

/// Follows up a result as Lambda puts it on the bus, where a version stands behind a function's ARN.
fn follow_up(result: &Value, services: &mut Simulated) -> Execution {
    follow_up_of(&asked_function(), result, services)
}

fn follow_up_of(function: &str, result: &Value, services: &mut Simulated) -> Execution {
    let detail = json!({
        "requestContext": { "functionArn": format!("{function}:$LATEST") },
        "requestPayload": request(),
        "responsePayload": result,
    });

    run("FollowUp", json!({ "detail": detail }), services)
}

fn retryable() -> Value {
    json!({ "errorType": "Retryable", "errorMessage": report("retryable").to_string() })
}

/// Asserts that an execution failed, and that it published its failure so that the rules keep it.
#[track_caller]
fn assert_failed(ended: &Execution, services: &Simulated, name: &str) {
    let End::Failed(Failure { error, .. }) = &ended.end else {
        panic!("{ended:?}")
    };
    assert_eq!(error, name);

    let event = services.event();
    assert_eq!(event["detail-type"], "Follow-up Result - Failure");
    assert_eq!(event["source"], "drover");
    assert_eq!(event["detail"]["requestPayload"], request());
    assert_eq!(event["detail"]["responsePayload"]["errorType"], name);
    let context = &event["detail"]["requestContext"];
    assert_eq!(context["condition"], "RetriesExhausted");
    assert_eq!(context["functionArn"], asked_function());
    let kept_and_notified = ["NotifyFailure", "RequestFailed"];
    assert_eq!(rules_of(&DEPLOYMENT, event), kept_and_notified);
    assert_failure_told(event);
}

#[test]
fn a_follow_up_waits_as_the_report_says_and_repeats_the_request() {
    let mut services = Simulated::answering(&[Ok(pending(600)), Ok(report("done"))]);
    let ended = follow_up(&pending(5400), &mut services);

    assert_eq!(ended.end, End::Succeeded(report("done")));
    assert_eq!(ended.waits, [5400, 600]);
    assert_eq!(services.requests(), [&request(), &request()]);
    assert_eq!(
        services.invocations[0].start, 5400,
        "not before it has waited"
    );

    let event = services.event();
    assert_eq!(event["source"], "drover", "Lambda would start another one");
    assert_eq!(event["detail-type"], "Follow-up Result - Success");
    assert_eq!(event["detail"]["requestContext"]["condition"], "Success");
    assert_eq!(event["detail"]["requestPayload"], request());
    assert_eq!(event["detail"]["responsePayload"], report("done"));
    assert_eq!(rules_of(&DEPLOYMENT, event), ["NotifyResult"]);
}

/// A retryable failure has no time to look again.
#[test]
fn a_follow_up_waits_five_minutes_where_the_report_says_nothing() {
    for result in [report("pending"), retryable()] {
        let mut services = Simulated::always(Ok(report("done")));
        assert_eq!(follow_up(&result, &mut services).waits, [300]);
    }
}

#[test]
fn a_follow_up_sends_the_request_that_the_report_names() {
    let deletion = json!({ "requestID": "CHG1", "action": "delete" });
    let mut named = pending(60);
    named["nextRequest"] = deletion.clone();

    let mut services = Simulated::answering(&[Ok(pending(60)), Ok(report("done"))]);
    follow_up(&named, &mut services);
    assert_eq!(services.requests(), [&deletion, &deletion]);
    assert_eq!(services.event()["detail"]["requestPayload"], deletion);
}

#[test]
fn a_follow_up_invokes_the_function_that_the_result_names() {
    for function in FUNCTIONS {
        let named = arn(function.name());
        let mut services = Simulated::answering(&[Ok(pending(60)), Ok(report("done"))]);
        follow_up_of(&named, &pending(60), &mut services);

        let invoked = services.invocations.iter().map(|it| it.function.as_str());
        assert!(invoked.eq([&named, &named]), "without the version");
        let context = &services.event()["detail"]["requestContext"];
        assert_eq!(context["functionArn"], named);
    }
}

/// What follows a disconnect, with the snapshots that DRS named before it.
fn verification() -> Value {
    json!({ "requestID": "CHG1", "action": "verify", "targets": [
        { "sourceServerID": "s-1",
          "disconnect": { "ebsSnapshotIDs": ["snap-00000001", "snap-00000002"] } },
        { "sourceServerID": "s-2", "disconnect": { "at": "2026-11-21T10:30:00Z" } },
        { "sourceServerID": "s-3", "disconnect": { "ebsSnapshotIDs": ["snap-00000003"] } },
    ] })
}

/// A disconnect whose clean-up is to be verified, followed up.
fn verified(services: &mut Simulated) -> Execution {
    let mut result = pending(5400);
    result["nextRequest"] = verification();

    follow_up(&result, services)
}

#[test]
fn a_follow_up_asks_ec2_for_exactly_the_snapshots_that_the_request_names() {
    let all = ["snap-00000001", "snap-00000002", "snap-00000003"];
    let cases: [&[&str]; 3] = [&[], &["snap-00000002"], &["snap-00000001", "snap-00000003"]];

    for left in cases {
        let mut services = Simulated::answering(&[Ok(pending(900)), Ok(report("already_done"))]);
        services.snapshots = [left, &["snap-99999999"]].concat();
        let ended = verified(&mut services);

        assert_eq!(ended.end, End::Succeeded(report("already_done")));
        assert_eq!(services.asked_snapshots, all, "once, at the end");
        assert_eq!(services.event()["detail"]["ebsSnapshotsLeft"], json!(left));
    }
}

#[test]
fn a_failed_verification_names_the_snapshots_too() {
    let mut services = Simulated::always(Ok(report("failed")));
    services.snapshots = vec!["snap-00000003"];
    verified(&mut services);

    let detail = &services.event()["detail"];
    assert_eq!(detail["responsePayload"]["outcome"], "failed");
    assert_eq!(detail["ebsSnapshotsLeft"], json!(["snap-00000003"]));
}

/// What EC2 did not answer is not told as nothing.
// Invariant 3.
#[test]
fn a_result_is_published_without_snapshots_where_ec2_was_not_asked() {
    let mut services = Simulated::always(Ok(report("already_done")));
    services.refused_questions = 5;
    let ended = verified(&mut services);
    assert_eq!(ended.end, End::Succeeded(report("already_done")));
    assert_eq!(services.event()["detail"].get("ebsSnapshotsLeft"), None);

    // Four refusals are asked again.
    let mut services = Simulated::always(Ok(report("already_done")));
    services.refused_questions = 4;
    verified(&mut services);
    let left = &services.event()["detail"]["ebsSnapshotsLeft"];
    assert_eq!(*left, json!([]));

    let mut services = Simulated::always(Ok(report("done")));
    follow_up(&pending(60), &mut services);
    assert_eq!(services.asked_snapshots, [Value::Null; 0]);
    assert_eq!(services.event()["detail"].get("ebsSnapshotsLeft"), None);
}

#[test]
fn a_plan_gets_no_follow_up() {
    let mut services = Simulated::always(Ok(report("done")));
    let ended = follow_up(&planned(pending(60)), &mut services);
    assert_eq!(ended.end, End::Succeeded(planned(pending(60))));
    assert_eq!(services.requests(), [&Value::Null; 0]);

    // A deployment that goes back to plan ends it.
    let mut services = Simulated::always(Ok(planned(pending(60))));
    follow_up(&pending(60), &mut services);
    assert_eq!(services.requests().len(), 1);
}

#[test]
fn a_follow_up_ends_with_a_result_that_is_neither_pending_nor_retryable() {
    for outcome in ["done", "already_done", "refused", "failed", "planned"] {
        let mut services = Simulated::always(Ok(report(outcome)));
        let ended = follow_up(&pending(60), &mut services);

        assert_eq!(ended.end, End::Succeeded(report(outcome)));
        let published = &services.event()["detail"]["responsePayload"];
        assert_eq!(published["outcome"], outcome);
        assert_result_told(services.event());
    }
}

/// A request that expires while it is pending comes back rejected. Nobody would learn of it.
// Invariant 2.
#[test]
fn a_request_that_is_rejected_later_fails_with_its_report() {
    let mut expired = report("rejected");
    expired["reason"] = json!("expired");

    let mut services = Simulated::always(Ok(expired.clone()));
    let ended = follow_up(&pending(60), &mut services);
    assert_failed(&ended, &services, "Rejected");

    let published = &services.event()["detail"]["responsePayload"]["errorMessage"];
    assert_eq!(*published, expired.to_string());
}

#[test]
fn a_permanent_failure_is_not_retried() {
    let mut services = Simulated::always(error("Permanent"));
    let ended = follow_up(&pending(60), &mut services);

    assert_eq!(services.requests().len(), 1);
    assert_failed(&ended, &services, "Permanent");
}

/// Step Functions cuts a cause, and what is left of a report is a text like any other.
// Invariant 10.
#[test]
fn a_failure_with_the_longest_report_is_published_with_its_start() {
    let report = "é".repeat(150_000);
    let mut services = Simulated::always(Err(Failure::new("Permanent").because(&report)));
    let ended = follow_up(&pending(60), &mut services);

    assert_failed(&ended, &services, "Permanent");
    let published = &services.event()["detail"]["responsePayload"]["errorMessage"];
    assert_eq!(*published, "é".repeat(32_768));
}

/// An error may come without a cause.
#[test]
fn a_failure_without_a_cause_is_published_too() {
    let mut services = Simulated::always(Err(Failure::new("Permanent")));
    let ended = follow_up(&pending(60), &mut services);

    assert_failed(&ended, &services, "Permanent");
    let published = &services.event()["detail"]["responsePayload"];
    assert_eq!(published.get("errorMessage"), None);
}

#[test]
fn a_retryable_failure_is_retried_for_more_than_a_day() {
    let mut services = Simulated::always(error("Retryable"));
    let ended = follow_up(&retryable(), &mut services);
    assert_failed(&ended, &services, "Retryable");

    // A minute at first, and every hour at least.
    let gaps = services.gaps();
    assert_eq!(gaps[..7], [60, 120, 240, 480, 960, 1920, 3600]);
    assert_eq!(gaps.iter().max(), Some(&3600));
    // With jitter half of it is the mean. A request expires within a day, and is rejected then.
    assert!(
        ended.seconds > 2 * DAY && ended.seconds < 4 * DAY,
        "{ended:?}"
    );
    assert_eq!(gaps.len(), 72);
}

#[test]
fn a_retryable_failure_can_recover_or_expire() {
    let failures = vec![error("Retryable"); 20];

    let recovered = [&failures[..], &[Ok(report("done"))]].concat();
    let mut services = Simulated::answering(&recovered);
    let ended = follow_up(&retryable(), &mut services);
    assert_eq!(ended.end, End::Succeeded(report("done")));
    assert_eq!(services.requests(), [&request(); 21]);

    let expired = [&failures[..], &[Ok(report("rejected"))]].concat();
    let mut services = Simulated::answering(&expired);
    let ended = follow_up(&retryable(), &mut services);
    assert_failed(&ended, &services, "Rejected");
}

/// Operators stop a function by a concurrency of 0, and start it again hours later.
#[test]
fn a_stopped_function_is_retried_for_hours() {
    let mut services = Simulated::always(error("Lambda.TooManyRequestsException"));
    let ended = follow_up(&pending(60), &mut services);
    assert_failed(&ended, &services, "Lambda.TooManyRequestsException");

    let gaps = services.gaps();
    assert_eq!(gaps[..6], [30, 45, 67, 101, 151, 227]);
    assert_eq!(gaps.iter().max(), Some(&300));
    assert_eq!(gaps.len(), 40);
    assert!(ended.seconds > 3 * 3600, "{ended:?}");
}

/// The errors of Lambda itself that pass, and of a process that ended.
pub(super) const TRANSIENT: [&str; 7] = [
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "Lambda.Unknown",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
];

#[test]
fn a_transient_failure_of_lambda_is_retried() {
    for name in TRANSIENT {
        let answers = [error(name), error(name), Ok(report("done"))];
        let mut services = Simulated::answering(&answers);
        let ended = follow_up(&pending(60), &mut services);
        assert_eq!(ended.end, End::Succeeded(report("done")), "{name}");

        let mut services = Simulated::always(error(name));
        let ended = follow_up(&pending(60), &mut services);
        assert_failed(&ended, &services, name);
        assert_eq!(services.gaps(), [60, 120, 240, 480], "{name}");
    }
}

/// Whatever else an invocation ends in is reported, and not retried.
// Invariant 2.
#[test]
fn an_unknown_error_is_reported() {
    let mut services = Simulated::always(error("Function.SomethingNew"));
    let ended = follow_up(&pending(60), &mut services);

    assert_eq!(services.requests().len(), 1);
    assert_failed(&ended, &services, "Function.SomethingNew");
}

#[test]
fn a_function_may_take_its_time_and_no_more() {
    let longest = FUNCTIONS.map(|function| function.timeout_seconds);
    let mut services = Simulated::always(Ok(report("done")));
    services.took = longest.into_iter().max().unwrap();
    let ended = follow_up(&pending(60), &mut services);
    assert_eq!(ended.end, End::Succeeded(report("done")));

    // An invocation whose answer is lost would be waited for for good.
    let mut services = Simulated::always(Ok(report("done")));
    services.took = 100_000;
    let ended = follow_up(&pending(60), &mut services);
    assert_failed(&ended, &services, "States.Timeout");
    let waited = 60 + 5 * 660 + 60 + 120 + 240 + 480;
    assert_eq!(ended.seconds, waited, "five tries of 660 seconds each");
}

// Invariant 2.
#[test]
fn a_request_that_stays_pending_fails_before_time_and_history_run_out() {
    for seconds in [60, 300, 3600] {
        let mut services = Simulated::always(Ok(pending(seconds)));
        let ended = follow_up(&pending(seconds), &mut services);
        assert_failed(&ended, &services, "StillPending");

        // Six days of waits, and a day for what comes between them.
        let waited: u64 = ended.waits.iter().sum();
        assert!(waited >= 518_400 && ended.seconds < 7 * DAY, "{waited}");
        let published = &services.event()["detail"]["responsePayload"]["errorMessage"];
        assert_eq!(*published, pending(seconds).to_string());

        // Half of the history is left for tries that fail.
        let limit = "events in the history of an execution";
        assert!(is_within(2 * ended.events, limit), "{}", ended.events);
    }
}

/// The waits are as the report says at first, and a hundredth of the time waited later.
#[test]
fn the_waits_grow_with_the_time_waited() {
    let mut services = Simulated::always(Ok(pending(60)));
    let waits = follow_up(&pending(60), &mut services).waits;
    assert_eq!(waits[..100], [60; 100]);

    let mut waited = 0;
    for wait in waits {
        assert_eq!(wait, 60.max(waited / 100));
        waited += wait;
    }
}

/// An execution that is forgotten would run for a year. A rule keeps the input of this one.
#[test]
fn a_follow_up_ends_after_a_week_at_the_latest() {
    let mut services = Simulated::always(Ok(report("done")));
    let ended = follow_up(&pending(8 * DAY), &mut services);

    assert_eq!((ended.end, ended.seconds), (End::TimedOut, 7 * DAY));
}

#[test]
fn an_event_that_the_bus_refuses_is_published_again() {
    let results: [FunctionAnswer; 3] = [
        Ok(report("done")),
        Ok(report("rejected")),
        error("Permanent"),
    ];

    for result in results {
        let mut services = Simulated::always(result.clone());
        services.refused_events = 4;
        follow_up(&pending(60), &mut services);
        assert_eq!(services.published.len(), 1, "{result:?}");

        // An execution whose result nobody learns of fails, and an alarm goes off.
        let mut services = Simulated::always(result);
        services.refused_events = 5;
        let ended = follow_up(&pending(60), &mut services);
        let refused = Failure::new("EventBridge.FailedEntry").because("Slow Down");
        assert_eq!(ended.end, End::Failed(refused));
    }
}

#[test]
fn an_execution_that_fails_names_its_error_and_its_cause() {
    let mut services = Simulated::always(error("Permanent"));
    let ended = follow_up(&pending(60), &mut services);
    let expected = Failure::new("Permanent").because("{}");
    assert_eq!(ended.end, End::Failed(expected));

    // `Fail` needs a text.
    let mut services = Simulated::always(Err(Failure::new("Permanent")));
    let ended = follow_up(&pending(60), &mut services);
    let expected = Failure::new("Permanent").because("");
    assert_eq!(ended.end, End::Failed(expected));
}

/// A request and a report of about the most bytes that a function takes and gives.
fn largest() -> (Value, Value) {
    let name = "a".repeat(600);
    let targets: Vec<Value> = (0..100)
        .map(|number| json!({ "hostname": format!("{name}{number}") }))
        .collect();
    let mut request = request();
    request["targets"] = json!(targets);

    // Counted as a text inside of JSON.
    let mut report = report("done");
    let call = json!({ "operation": "DescribeSourceServers", "requests": 1, "answer": "ok" });
    let size = |value: &Value| json!(value.to_string()).to_string().len();
    let calls = (160_000 - size(&report)) / (size(&call) + 1);
    report["calls"] = json!(vec![call; calls - 1]);

    (request, report)
}

// Invariant 10.
#[test]
fn the_largest_result_fits_every_state() {
    let (request, mut report) = largest();
    // One such wait is as long as a follow-up waits at all.
    let detail = json!({
        "requestContext": { "functionArn": asked_function() },
        "requestPayload": request,
        "responsePayload": pending(518_400),
    });

    let mut services = Simulated::always(Ok(report.clone()));
    let ended = run("FollowUp", json!({ "detail": detail }), &mut services);
    assert_eq!(ended.end, End::Succeeded(report.clone()));
    assert_eq!(services.event()["detail"]["responsePayload"], report);

    // The report of a failure is a text.
    report["outcome"] = json!("pending");
    let mut services = Simulated::always(Ok(report.clone()));
    let ended = run("FollowUp", json!({ "detail": detail }), &mut services);
    let expected = Failure::new("StillPending").because(&report.to_string());
    assert_eq!(ended.end, End::Failed(expected));
    let published = &services.event()["detail"]["responsePayload"];
    assert_eq!(published["errorMessage"], report.to_string());
}
