//! The notify machine in virtual time: it tells operators of a result, or that a request was given
//! up.

use emulator::FaultKind;
use serde_json::{Value, json};
use template::{
    execution::{End, Execution, Failure},
    facts::is_within,
};

use crate::{
    functions::DISCONNECT,
    rules::{of_a_machine, record, rules_of},
    stage::drs,
    template::services::{DEPLOYMENT, Simulated, report, run},
};

const SUMMARY: &str = "CHG0042001 retire: 3 of 6 disconnected. 3 refused: \
                       web02 (drill instance present), app3 (hostname mismatch), db05 (protected)";

/// Where everything here happens.
const PLACE: &str = "Region: us-east-1\nFunction: drover-disconnect-source-server";
const DASHBOARD: &str = "Dashboard: https://console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/drover-us-east-1";
const REPLAY: &str = "The queue drover-FailedRequests-1A2B3C holds the request and its report. Fix the cause named in the report, then replay the request.";

/// The execution that a rule starts with an event.
fn execute(event: &Value, services: &mut Simulated) -> Execution {
    let machine = DEPLOYMENT.arn("Notify");
    let mut rules = rules_of(&DEPLOYMENT, event);
    rules.retain(|rule| DEPLOYMENT.properties(rule)["Targets"][0]["Arn"] == machine);
    assert_eq!(rules.len(), 1, "one rule starts it: {event}");

    run("Notify", event.clone(), services)
}

/// The subject and the text that operators get.
#[track_caller]
fn told(event: &Value) -> (String, String) {
    let mut services = Simulated::always(Ok(Value::Null));
    let ended = execute(event, &mut services);
    assert!(matches!(ended.end, End::Succeeded(_)), "{:?}", ended.end);
    // An expression that fails is no reason to wait.
    assert_eq!(ended.seconds, 0);

    let [message] = &services.messages[..] else {
        panic!("one message is sent: {:?}", services.messages)
    };
    let text = |name: &str| message[name].as_str().unwrap().to_owned();
    (text("Subject"), text("Message"))
}

/// Asserts that operators are told of the result in an event by its summary.
#[track_caller]
pub(super) fn assert_result_told(event: &Value) {
    let report = &event["detail"]["responsePayload"];
    let [summary, outcome, request] =
        ["summary", "outcome", "requestID"].map(|name| report[name].as_str().unwrap());

    let (subject, text) = told(event);
    assert!(subject.starts_with(&format!("drover {outcome} (us-east-1): ")));
    let expected =
        format!("{summary}\n\nOutcome: {outcome}\nRequest: {request}\n{PLACE}\n\n{DASHBOARD}");
    assert_eq!(text, expected);
}

/// Asserts that operators are told of the failure in an event, with its report if it has one.
#[track_caller]
pub(super) fn assert_failure_told(event: &Value) {
    let payload = &event["detail"]["responsePayload"];
    let error = payload["errorType"].as_str().unwrap();
    let message = payload["errorMessage"].as_str();
    let report = message.and_then(|text| serde_json::from_str::<Value>(text).ok());

    let (subject, text) = told(event);
    assert!(
        subject.starts_with("drover gave up (us-east-1): "),
        "{subject}"
    );
    let about = format!("\nError: {error}, RetriesExhausted\n");
    assert!(text.contains(&about), "{text}");
    assert!(
        text.contains(&format!("\nRequest: CHG1\n{PLACE}\n")),
        "{text}"
    );
    let has_report = report.is_some_and(|report| report.get("summary").is_some());
    assert_eq!(text.contains(REPLAY), has_report, "{text}");
    assert_eq!(
        subject.ends_with(&format!(": {error}, RetriesExhausted")),
        !has_report
    );
    assert!(text.ends_with(DASHBOARD));
}

fn summarized(outcome: &str, summary: &str) -> Value {
    let mut report = report(outcome);
    report["summary"] = json!(summary);

    report
}

fn result(report: &Value) -> Value {
    record(
        &DISCONNECT,
        "Success",
        &json!({ "requestID": "CHG1" }),
        report,
    )
}

/// A failure with a report of these targets, each by its name, its outcome and its last call.
fn failure(targets: &[(&str, &str, &str)]) -> Value {
    let targets = targets.iter().map(|(name, outcome, operation)| {
        let calls = ["DescribeSourceServers", operation]
            .map(|operation| json!({ "operation": operation, "requests": 1, "answer": "ok" }));
        json!({ "name": name, "outcome": outcome, "reason": "any", "calls": calls })
    });
    let mut report = summarized("permanent", "CHG1 disconnect: given up");
    report["targets"] = targets.collect();

    report
}

/// The event of a function that failed with a message, after so many attempts.
fn failed(message: &str, attempts: u64) -> Value {
    let response = json!({ "errorType": "Permanent", "errorMessage": message });
    let request = json!({ "detail": { "requestID": "CHG1" } });
    let mut event = record(&DISCONNECT, "RetriesExhausted", &request, &response);
    event["detail"]["requestContext"]["approximateInvokeCount"] = json!(attempts);

    event
}

/// What operators are told of what a failed request may have changed.
#[track_caller]
fn changes_told(report: &Value, attempts: u64) -> String {
    let (_, text) = told(&failed(&report.to_string(), attempts));
    let paragraphs: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(paragraphs.len(), 5, "{text}");

    paragraphs[2].to_owned()
}

#[test]
fn a_result_is_told_by_its_summary() {
    let mut report = summarized("refused", SUMMARY);
    report["requestID"] = json!("CHG0042001");
    let (subject, text) = told(&result(&report));

    let expected = "drover refused (us-east-1): CHG0042001 retire: 3 of 6 disconnected. \
                    3 refused: web02 (drill instanc";
    assert_eq!(subject, expected);
    let expected =
        format!("{SUMMARY}\n\nOutcome: refused\nRequest: CHG0042001\n{PLACE}\n\n{DASHBOARD}");
    assert_eq!(text, expected);
}

#[test]
fn snapshots_that_are_left_are_told_by_their_ids() {
    let with = |left: Option<Value>| {
        let mut event = result(&summarized("already_done", SUMMARY));
        if let Some(left) = left {
            event["detail"]["ebsSnapshotsLeft"] = left;
        }
        told(&event).1
    };

    let text = with(Some(json!(["snap-00000001", "snap-00000002"])));
    let line = "\nEBS snapshots that EC2 still has: snap-00000001, snap-00000002\n\n";
    assert!(text.contains(line), "{text}");
    let text = with(Some(json!(["snap-00000001"])));
    assert!(text.contains("still has: snap-00000001\n\n"), "{text}");
    // None that is left, and none that was asked for, say nothing.
    for left in [None, Some(json!([]))] {
        let text = with(left);
        assert!(!text.contains("EBS"), "{text}");
    }
}

#[test]
fn each_outcome_is_in_the_subject() {
    let outcomes = [
        "pending",
        "failed",
        "refused",
        "rejected",
        "planned",
        "done",
        "already_done",
        "ended",
    ];

    for outcome in outcomes {
        let event = result(&summarized(outcome, "CHG1 any"));
        let (subject, _) = told(&event);
        assert_eq!(subject, format!("drover {outcome} (us-east-1): CHG1 any"));
        assert_result_told(&event);
        assert_result_told(&of_a_machine(event));
    }
}

/// A rejected input has no ID that was read, and one answer may have several reports.
#[test]
fn a_result_of_any_shape_is_told() {
    let mut rejected = summarized("rejected", "rejected: serverz");
    rejected["requestID"] = Value::Null;
    let (subject, text) = told(&result(&rejected));
    assert_eq!(subject, "drover rejected (us-east-1): rejected: serverz");
    assert!(text.contains("\nRequest: CHG1\n"), "{text}");

    let several =
        json!({ "reports": [summarized("done", "CHG1 a"), summarized("refused", "CHG2 b")] });
    let (subject, text) = told(&result(&several));
    assert_eq!(subject, "drover done, refused (us-east-1): CHG1 a; CHG2 b");
    assert!(text.starts_with("CHG1 a; CHG2 b\n"), "{text}");
}

/// SNS refuses line breaks, and whatever is not ASCII.
// Invariant 10.
#[test]
fn a_subject_is_what_sns_takes_whatever_the_summary_is() {
    for (summary, expected) in [
        ("a\r\nBcc: b\tc\u{7f}", "a??Bcc: b?c?"),
        ("Schlüssel – 資料", "Schl?ssel ? ??"),
        ("", ""),
        ("~{}<>\"'\\", "~{}<>\"'\\"),
    ] {
        let (subject, text) = told(&result(&summarized("done", summary)));
        assert_eq!(subject, format!("drover done (us-east-1): {expected}"));
        assert!(text.starts_with(summary), "the text has it as it is");

        let report = summarized("permanent", summary);
        let (subject, text) = told(&failed(&report.to_string(), 3));
        assert_eq!(subject, format!("drover gave up (us-east-1): {expected}"));
        assert!(text.starts_with(summary), "the text has it as it is");
    }

    for summary in ["é".repeat(1000), "🦀".repeat(1000), "a".repeat(1000)] {
        let (subject, text) = told(&result(&summarized("done", &summary)));
        assert_eq!(subject.len(), 99);
        assert!(text.starts_with(&summary), "the text is not cut");
    }
}

#[test]
fn a_failure_is_told_by_the_summary_of_its_report() {
    let mut report = failure(&[
        ("web01", "done", "DisconnectSourceServer"),
        ("web02", "permanent", "DescribeJobs"),
    ]);
    report["summary"] = json!("CHG1 disconnect: 1 of 2 disconnected. 1 permanent: web02");
    let (subject, text) = told(&failed(&report.to_string(), 3));

    let summary = "CHG1 disconnect: 1 of 2 disconnected. 1 permanent: web02";
    assert_eq!(subject, format!("drover gave up (us-east-1): {summary}"));
    let expected = format!(
        "{summary}\n\nError: Permanent, RetriesExhausted\nRequest: CHG1\n{PLACE}\n\n\
         Something may have been changed: web01 (done)\n\n{REPLAY}\n\n{DASHBOARD}"
    );
    assert_eq!(text, expected);
}

/// The real report of a function whose role lacks a permission.
// Invariant 3.
#[test]
fn a_failure_of_a_function_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let denied = FaultKind::AccessDenied;
        let stage = drs::Stage::new().await;
        let stage = stage.next("DisconnectSourceServer", denied, 1);
        let request = drs::request("disconnect", &[drs::by_id(drs::ONE)]);
        stage.deliver(&request).await
    });
    assert_eq!(answer.error_type.as_deref(), Some("Permanent"));

    let (subject, text) = told(&failed(&answer.body.to_string(), 3));
    let summary = answer.body["summary"].as_str().unwrap();
    assert!(text.starts_with(&format!("{summary}\n")), "{text}");
    assert!(subject.contains(&summary[..20]), "{subject}");
    let name = answer.body["targets"][0]["name"].as_str().unwrap();
    let changed = format!("Something may have been changed: {name} (permanent)");
    assert!(text.contains(&changed), "a change was called: {text}");
}

// Invariant 3.
#[test]
fn what_may_have_been_changed_is_told_by_name() {
    let read = "DescribeSourceServers";
    for outcome in ["done", "pending", "indeterminate"] {
        let report = failure(&[("a", outcome, read), ("b", "permanent", read)]);
        let expected = format!("Something may have been changed: a ({outcome})");
        assert_eq!(changes_told(&report, 1), expected);
    }

    // What failed at its last step has taken the first.
    for outcome in ["retryable", "permanent", "failed"] {
        let report = failure(&[("a", outcome, "UntagResource"), ("b", "refused", read)]);
        let expected = format!("Something may have been changed: a ({outcome})");
        assert_eq!(changes_told(&report, 1), expected);
    }

    let report = failure(&[
        ("a", "done", read),
        ("b", "refused", read),
        ("c", "pending", read),
    ]);
    let expected = "Something may have been changed: a (done), c (pending)";
    assert_eq!(changes_told(&report, 3), expected);

    // A report that is cut has no calls of a target.
    let mut cut = failure(&[("a", "permanent", read), ("b", "refused", read)]);
    cut["cut"] = json!(["calls"]);
    for target in cut["targets"].as_array_mut().unwrap() {
        target["calls"] = json!([]);
    }
    let expected = "Something may have been changed: a (permanent)";
    assert_eq!(changes_told(&cut, 1), expected);
}

/// The report is that of the last attempt, and knows nothing of those before.
// Invariant 3.
#[test]
fn that_nothing_was_changed_is_told_only_if_the_report_proves_it() {
    let unchanged = [
        ("a", "refused", "DescribeJobs"),
        ("b", "already_done", "DescribeJobs"),
        ("c", "planned", "DescribeJobs"),
        ("d", "permanent", "DescribeJobs"),
        ("e", "retryable", "ListTagsForResource"),
        ("f", "failed", "GetResources"),
    ];
    let mut report = failure(&unchanged);
    assert_eq!(changes_told(&report, 1), "Nothing was changed.");
    let expected =
        "The last attempt changed nothing. An earlier attempt may have changed something.";
    assert_eq!(changes_told(&report, 3), expected);
    let (_, text) = told(&of_a_machine(failed(&report.to_string(), 3)));
    assert!(text.contains(expected), "{text}");

    report["mode"] = json!("plan");
    let expected = "The last attempt was in plan mode and changed nothing. An earlier attempt, if in enforce mode, may have changed something.";
    assert_eq!(changes_told(&report, 3), expected);
}

/// A follow-up passes on what Lambda answers, in which the report is a text once more. The records
/// of one message fail together.
#[test]
fn a_report_is_found_wherever_it_is() {
    let report = failure(&[("a", "done", "DisconnectSourceServer")]);
    let direct = told(&failed(&report.to_string(), 3));

    let answer = json!({ "errorType": "Permanent", "errorMessage": report.to_string() });
    assert_eq!(told(&failed(&answer.to_string(), 3)), direct);

    let mut other = failure(&[("b", "pending", "DescribeJobs")]);
    other["summary"] = json!("CHG2 too");
    let several = json!([report, other]).to_string();
    let (subject, text) = told(&failed(&several, 3));
    assert_eq!(
        subject,
        "drover gave up (us-east-1): CHG1 disconnect: given up; CHG2 too"
    );
    assert!(
        text.contains("may have been changed: a (done), b (pending)\n"),
        "{text}"
    );
}

/// Whatever else is known is told.
// Invariant 2.
#[test]
fn a_failure_without_a_report_is_told_by_its_error() {
    let report = failure(&[("a", "done", "DisconnectSourceServer")]).to_string();
    let crash = "RequestId: 1-2 Error: Runtime exited with error: signal: killed";
    let answer = json!({ "errorType": "Runtime.ExitError", "errorMessage": crash });

    for message in [
        crash,
        &report[..report.len() - 1],
        &answer.to_string(),
        "{}",
        "[]",
        "[{}]",
        "null",
        "5",
        "\"text\"",
        "{\"summary\": 5}",
        "",
        "\n\u{1f}é",
    ] {
        let (subject, text) = told(&failed(message, 3));
        let expected = "drover gave up (us-east-1): CHG1: Permanent, RetriesExhausted";
        assert_eq!(subject, expected, "{message}");
        let expected = format!(
            "CHG1: gave up without a report\n\nError: Permanent, RetriesExhausted\n\
             Message: {message}\nRequest: CHG1\n{PLACE}\n\n\
             Something may have been changed: there is no report that says what.\n\n\
             The queue drover-FailedRequests-1A2B3C holds the request. Fix the cause, which the \
             error or the log of the function names, then replay the request.\n\n{DASHBOARD}"
        );
        assert_eq!(text, expected, "{message}");
    }

    let (_, text) = told(&failed(&"é".repeat(100_000), 3));
    assert!(text.contains(&format!("\nMessage: {}\n", "é".repeat(500))));
}

/// An event that grew too old has no answer.
// Invariant 2.
#[test]
fn a_failure_without_an_answer_is_told() {
    let request = json!({ "requestID": "CHG1" });
    let mut events = vec![
        record(&DISCONNECT, "EventAgeExceeded", &request, &Value::Null),
        record(&DISCONNECT, "EventAgeExceeded", &request, &json!("text")),
        record(&DISCONNECT, "EventAgeExceeded", &request, &json!([1])),
    ];
    let mut without = events[0].clone();
    without["detail"]
        .as_object_mut()
        .unwrap()
        .remove("responsePayload");
    events.push(without);

    for event in events {
        let (subject, text) = told(&event);
        assert_eq!(
            subject,
            "drover gave up (us-east-1): CHG1: EventAgeExceeded"
        );
        assert!(
            text.contains("\nError: EventAgeExceeded\nRequest: CHG1\n"),
            "{text}"
        );
    }

    let of_another_type = json!({ "errorType": { "a": 1 }, "errorMessage": ["a"] });
    let (subject, text) = told(&record(
        &DISCONNECT,
        "RetriesExhausted",
        &request,
        &of_another_type,
    ));
    let expected = "drover gave up (us-east-1): CHG1: {\"a\":1}, RetriesExhausted";
    assert_eq!(subject, expected);
    assert!(text.contains("\nMessage: [\"a\"]\n"), "{text}");
}

/// A request is bare, the detail of an event, or an event of AWS, which names an instance.
#[test]
fn a_request_is_told_by_its_id_where_it_has_one() {
    let in_a_message = json!({ "Records": [{ "Sns": { "Message": "{\"requestID\":\"CHG1\"}" } }] });
    for (request, expected) in [
        (json!({ "requestID": "CHG1" }), "CHG1"),
        (json!({ "detail": { "requestID": "CHG2" } }), "CHG2"),
        (
            json!({ "source": "aws.ec2", "detail": { "instance-id": "i-1" } }),
            "i-1",
        ),
        (
            json!({ "source": "aws.elasticfilesystem", "detail": { "eventName": "TagResource" } }),
            "unknown",
        ),
        (
            json!({ "source": "aws.elasticfilesystem", "detail": {
                "requestID": "of CloudTrail", "requestParameters": { "resourceId": "fs-1" },
            } }),
            "fs-1",
        ),
        (
            json!({ "source": "aws.elasticfilesystem", "detail": {
                "requestID": "of CloudTrail", "responseElements": { "fileSystemId": "fs-2" },
            } }),
            "fs-2",
        ),
        (
            json!({ "source": "com.example", "detail": { "requestID": "CHG3" } }),
            "CHG3",
        ),
        (in_a_message.clone(), "unknown"),
        (json!({ "requestID": 5, "detail": [] }), "unknown"),
        (json!("text"), "unknown"),
        (json!([{ "requestID": null }]), "unknown"),
        (Value::Null, "unknown"),
    ] {
        let answer = json!({ "errorType": "Sandbox.Timedout", "errorMessage": "timed out" });
        let (subject, text) = told(&record(&DISCONNECT, "RetriesExhausted", &request, &answer));
        let about = format!("(us-east-1): {expected}: Sandbox.Timedout");
        assert!(subject.contains(&about), "{subject}");
        assert!(text.contains(&format!("\nRequest: {expected}\n")), "{text}");
    }

    // The function has read the message, and its report says whose it is.
    let report = failure(&[]).to_string();
    let answer = json!({ "errorType": "Permanent", "errorMessage": report });
    let (_, text) = told(&record(
        &DISCONNECT,
        "RetriesExhausted",
        &in_a_message,
        &answer,
    ));
    assert!(text.contains("\nRequest: CHG1\n"), "{text}");
}

/// A notification that nobody gets fails, which EventBridge tells of itself.
#[test]
fn a_message_that_the_topic_refuses_is_published_again() {
    let report = failure(&[]).to_string();
    let events = [
        result(&summarized("done", "CHG1 any")),
        failed(&report, 3),
        failed("crash", 3),
    ];

    for event in events {
        let mut services = Simulated::always(Ok(Value::Null));
        services.refused_messages = 4;
        let ended = execute(&event, &mut services);
        assert!(matches!(ended.end, End::Succeeded(_)), "{:?}", ended.end);
        assert_eq!(services.messages.len(), 1);
        assert_eq!(ended.seconds, 1 + 2 + 4 + 8);

        let mut services = Simulated::always(Ok(Value::Null));
        services.refused_messages = 5;
        let ended = execute(&event, &mut services);
        let refused = Failure::new("SNS.SnsException").because("Slow Down");
        assert_eq!(ended.end, End::Failed(refused));
    }
}

/// A forged result without a text for people ends at once, and an alarm goes off.
#[test]
fn a_summary_that_is_no_text_fails_the_notification() {
    let mut forged = report("done");
    forged["summary"] = json!({ "a": 1 });
    let mut services = Simulated::always(Ok(Value::Null));
    let ended = execute(&result(&forged), &mut services);

    let End::Failed(failure) = ended.end else {
        panic!("{:?}", ended.end)
    };
    assert_eq!(failure.error, "States.QueryEvaluationError");
    assert_eq!(ended.seconds, 0, "the same again would not help");
}

// Invariant 10.
#[test]
fn the_largest_failure_fits_every_state() {
    let name = "n".repeat(255);
    let targets = vec![(name.as_str(), "indeterminate", "DisconnectSourceServer"); 100];
    let mut report = failure(&targets);
    report["summary"] = json!("s".repeat(10_000));
    report["padding"] = json!("p".repeat(100_000));

    let (_, text) = told(&failed(&report.to_string(), 3));
    assert_eq!(text.matches(&name).count(), 100);
    assert!(is_within(
        text.len() as u64,
        "a message on a topic, in bytes"
    ));
}

#[test]
fn a_notification_ends_after_a_quarter_of_an_hour_at_the_latest() {
    let machine = template::machine::definition("Notify", DEPLOYMENT.properties("Notify"));

    assert_eq!(machine["TimeoutSeconds"], 900);
}
