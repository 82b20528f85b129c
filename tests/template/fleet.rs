//! The fleet machine in virtual time: it sends one request for each item of a list.

use serde_json::{Value, json};
use template::execution::{End, Execution, Failure};

use crate::{
    functions::{CHANGING, DISCONNECT},
    rules::rules_of,
    template::{
        follow_up::TRANSIENT,
        notify::{assert_failure_told, assert_result_told},
        services::{
            DEPLOYMENT, Simulated, arn, asked_function, error, pending, planned, report, request,
            run,
        },
    },
};

/// How a fleet gets its list: in its input, or by the key of an object.
const WAYS: [Way; 2] = [Way::Items, Way::Key];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Items,
    Key,
}

/// Where an operator puts a list.
const KEY: &str = "lists/fleet.json";

fn fleet(items: &[Value], way: Way, services: &mut Simulated) -> Execution {
    fleet_of(DISCONNECT.name(), items, way, services)
}

fn fleet_of(function: &str, items: &[Value], way: Way, services: &mut Simulated) -> Execution {
    let mut request = request();
    request.as_object_mut().unwrap().remove("targets");
    let mut input = json!({ "function": function, "request": request });
    match way {
        Way::Items => input["items"] = json!(items),
        Way::Key => {
            services.bucket.insert(KEY.to_owned(), json!(items));
            input["key"] = json!(KEY);
        }
    }

    run("Fleet", input, services)
}

fn servers(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| json!({ "sourceServerID": format!("s-{number}") }))
        .collect()
}

/// The request for one item.
fn request_for(item: &Value) -> Value {
    let mut request = request();
    request["targets"] = json!([item]);

    request
}

#[track_caller]
fn assert_succeeded(ended: &Execution) {
    let results = json!({ "results": "s3://Fleets/results/run/manifest.json" });

    assert_eq!(ended.end, End::Succeeded(results));
}

/// Asserts that an execution failed, and that it published its failure so that the rules keep it.
#[track_caller]
fn assert_failed(ended: &Execution, services: &Simulated, name: &str) {
    let End::Failed(Failure { error, .. }) = &ended.end else {
        panic!("{:?}", ended.end)
    };
    assert_eq!(error, name);

    let event = services.event();
    assert_eq!(event["source"], "drover");
    assert_eq!(event["detail-type"], "Fleet Result - Failure");
    assert_eq!(event["detail"]["responsePayload"]["errorType"], name);
    assert_eq!(event["detail"]["requestPayload"]["requestID"], "CHG1");
    let context = &event["detail"]["requestContext"];
    assert_eq!(context["condition"], "RetriesExhausted");
    assert_eq!(context["functionArn"], asked_function());
    let execution = context["executionArn"].as_str().unwrap();
    assert!(execution.ends_with(":execution:any:run"), "{execution}");
    let kept_and_notified = ["NotifyFailure", "RequestFailed"];
    assert_eq!(rules_of(&DEPLOYMENT, event), kept_and_notified);
    assert_failure_told(event);
}

// Invariant 2.
#[test]
fn a_fleet_sends_one_request_for_each_item() {
    for way in WAYS {
        for items in [servers(0), servers(1), servers(10), vec![json!("s-1")]] {
            let mut services = Simulated::always(Ok(report("done")));
            let ended = fleet(&items, way, &mut services);
            assert_succeeded(&ended);

            let expected: Vec<Value> = items.iter().map(request_for).collect();
            assert!(services.requests().into_iter().eq(&expected), "{way:?}");
            assert_eq!(ended.items, vec![Ok(report("done")); items.len()]);

            let event = services.event();
            assert_eq!(event["source"], "drover");
            assert_eq!(event["detail-type"], "Fleet Result - Success");
            assert_eq!(event["detail"]["requestPayload"]["requestID"], "CHG1");
            let answer = &event["detail"]["responsePayload"];
            assert_eq!(answer["outcome"], "ended");
            assert_eq!(answer["requestID"], "CHG1");
            let summary = answer["summary"].as_str().unwrap();
            assert!(summary.starts_with("CHG1 fleet: "), "{summary}");
            assert!(summary.ends_with("s3://Fleets/results/run/manifest.json"));
            assert_eq!(rules_of(&DEPLOYMENT, event), ["NotifyResult"]);
            assert_result_told(event);
        }
    }
}

#[test]
fn a_fleet_invokes_the_function_that_its_input_names() {
    for function in CHANGING {
        for way in WAYS {
            let named = arn(function.name());
            let mut services = Simulated::always(Ok(pending(60)));
            let ended = fleet_of(function.name(), &servers(2), way, &mut services);
            assert_succeeded(&ended);

            let invoked = services.invocations.iter().map(|it| it.function.as_str());
            assert!(invoked.eq([&named, &named]), "{way:?}");
            for started in &services.started {
                assert_eq!(started["detail"]["requestContext"]["functionArn"], named);
            }
            let context = &services.event()["detail"]["requestContext"];
            assert_eq!(context["functionArn"], named);
        }
    }
}

#[test]
fn a_fleet_stores_the_list_of_its_input_in_the_bucket() {
    let mut services = Simulated::always(Ok(report("done")));
    fleet(&servers(3), Way::Items, &mut services);
    // The name of the execution keeps one fleet from the list of another.
    assert_eq!(services.bucket["items/run.json"], json!(servers(3)));

    let mut services = Simulated::always(Ok(report("done")));
    fleet(&servers(3), Way::Key, &mut services);
    assert!(services.bucket.keys().eq([KEY]), "a list there stays there");
}

#[test]
fn a_list_that_cannot_be_stored_is_retried_and_then_reported() {
    let mut services = Simulated::always(Ok(report("done")));
    services.refused_objects = 4;
    assert_succeeded(&fleet(&servers(1), Way::Items, &mut services));

    let mut services = Simulated::always(Ok(report("done")));
    services.refused_objects = 5;
    let ended = fleet(&servers(1), Way::Items, &mut services);
    assert_failed(&ended, &services, "S3.S3Exception");
    assert!(services.invocations.is_empty(), "no item is started");
}

#[test]
fn a_list_that_cannot_be_read_is_read_again_and_then_reported() {
    for way in WAYS {
        let mut services = Simulated::always(Ok(report("done")));
        services.refused_lists = 4;
        assert_succeeded(&fleet(&servers(2), way, &mut services));
        assert_eq!(services.requests().len(), 2, "{way:?}");

        let mut services = Simulated::always(Ok(report("done")));
        services.refused_lists = 5;
        let ended = fleet(&servers(2), way, &mut services);
        assert_failed(&ended, &services, "States.ItemReaderFailed");
        assert!(services.invocations.is_empty(), "no item is started");
    }
}

#[test]
fn a_list_that_is_not_there_is_reported() {
    let mut services = Simulated::always(Ok(report("done")));
    let input = json!({ "function": DISCONNECT.name(), "request": request(), "key": "lists/none" });
    let ended = run("Fleet", input, &mut services);

    assert_failed(&ended, &services, "States.ItemReaderFailed");
}

/// Four of the five invocations that a function has reserved, so that one is left for others.
#[test]
fn a_fleet_runs_as_many_items_at_once_as_the_template_says() {
    for way in WAYS {
        let mut services = Simulated::always(Ok(report("done")));
        services.took = 100;
        let ended = fleet(&servers(10), way, &mut services);
        assert_eq!(services.most_at_once(), 4);
        assert_eq!(ended.seconds, 300);
    }
}

#[test]
fn a_fleet_stops_when_too_many_items_fail() {
    for way in WAYS {
        for outcome in ["refused", "failed", "rejected"] {
            // A tenth is tolerated.
            let items: Vec<Value> = (0..100).map(|number| json!(number)).collect();
            let mut services = Simulated::by(move |request| {
                let fails = request["targets"][0].as_u64().unwrap() < 10;
                Ok(report(if fails { outcome } else { "done" }))
            });
            let ended = fleet(&items, way, &mut services);
            assert_succeeded(&ended);
            let failed = Failure::new(outcome).because(&report(outcome).to_string());
            assert_eq!(ended.items[..10], vec![Err(failed); 10]);

            let mut services = Simulated::always(Ok(report(outcome)));
            let ended = fleet(&items, way, &mut services);
            assert_failed(&ended, &services, "States.ExceedToleratedFailureThreshold");
            let begun = services.invocations.len();
            assert!((11..11 + 4).contains(&begun), "no new item starts: {begun}");
        }
    }
}

#[test]
fn an_item_that_is_done_or_planned_does_not_fail() {
    for outcome in ["done", "already_done", "planned"] {
        let mut services = Simulated::always(Ok(report(outcome)));
        let ended = fleet(&servers(1), Way::Items, &mut services);
        assert_succeeded(&ended);
        assert_eq!(ended.items, [Ok(report(outcome))]);
        assert!(services.started.is_empty(), "{outcome}");
    }
}

// Invariant 2.
#[test]
fn a_pending_item_gets_a_follow_up_of_its_own() {
    for way in WAYS {
        let mut services = Simulated::always(Ok(pending(60)));
        let ended = fleet(&servers(1), way, &mut services);
        assert_succeeded(&ended);
        assert_eq!(ended.items, [Ok(pending(60))]);

        // As the rule would pass it on.
        let detail = json!({
            "requestContext": { "functionArn": asked_function() },
            "requestPayload": request_for(&servers(1)[0]),
            "responsePayload": pending(60),
        });
        assert_eq!(services.started, [json!({ "detail": detail })]);

        let mut services = Simulated::always(Ok(planned(pending(60))));
        assert_succeeded(&fleet(&servers(1), way, &mut services));
        assert!(services.started.is_empty(), "a plan gets none");
    }
}

#[test]
fn a_follow_up_that_cannot_be_started_is_tried_again() {
    let mut services = Simulated::always(Ok(pending(60)));
    services.refused_starts = 4;
    assert_succeeded(&fleet(&servers(1), Way::Items, &mut services));
    assert_eq!(services.started.len(), 1);

    // An item that nobody follows up is not finished.
    let mut services = Simulated::always(Ok(pending(60)));
    services.refused_starts = 5;
    let ended = fleet(&servers(1), Way::Items, &mut services);
    assert_failed(&ended, &services, "States.ExceedToleratedFailureThreshold");
}

#[test]
fn an_item_is_retried_unless_its_failure_is_permanent() {
    let mut services = Simulated::always(error("Permanent"));
    let ended = fleet(&servers(1), Way::Items, &mut services);
    assert_failed(&ended, &services, "States.ExceedToleratedFailureThreshold");
    assert_eq!(services.requests().len(), 1);

    for name in TRANSIENT.into_iter().chain(["Retryable"]) {
        let answers = [error(name), error(name), Ok(report("done"))];
        let mut services = Simulated::answering(&answers);
        assert_succeeded(&fleet(&servers(1), Way::Items, &mut services));

        let mut services = Simulated::always(error(name));
        let ended = fleet(&servers(1), Way::Items, &mut services);
        assert_failed(&ended, &services, "States.ExceedToleratedFailureThreshold");
        assert_eq!(services.gaps(), [30, 60, 120, 240], "{name}");
    }
}

/// Operators stop a function by a concurrency of 0, and start it again hours later.
#[test]
fn an_item_of_a_stopped_function_is_retried_for_hours() {
    let mut services = Simulated::always(error("Lambda.TooManyRequestsException"));
    fleet(&servers(1), Way::Items, &mut services);

    let gaps = services.gaps();
    assert_eq!(gaps[..6], [30, 45, 67, 101, 151, 227]);
    assert_eq!(gaps.iter().max(), Some(&300));
    assert_eq!(gaps.len(), 40);
}

#[test]
fn an_item_may_take_as_long_as_its_function_and_no_longer() {
    let longest = CHANGING.map(|function| function.timeout_seconds);
    let mut services = Simulated::always(Ok(report("done")));
    services.took = longest.into_iter().max().unwrap();
    assert_succeeded(&fleet(&servers(1), Way::Items, &mut services));

    let mut services = Simulated::always(Ok(report("done")));
    services.took = 100_000;
    let ended = fleet(&servers(1), Way::Items, &mut services);
    assert_failed(&ended, &services, "States.ExceedToleratedFailureThreshold");
    assert_eq!(ended.seconds, 5 * 660 + 30 + 60 + 120 + 240);
}

/// A request expires within a day.
#[test]
fn a_fleet_ends_after_a_day_at_the_latest() {
    let mut services = Simulated::always(Ok(report("done")));
    services.took = 600;
    let ended = fleet(&servers(1000), Way::Key, &mut services);

    assert_eq!((ended.end, ended.seconds), (End::TimedOut, 86_400));
    assert_eq!(services.most_at_once(), 4);
}

#[test]
fn an_event_that_the_bus_refuses_is_published_again() {
    for outcome in ["done", "failed"] {
        let mut services = Simulated::always(Ok(report(outcome)));
        services.refused_events = 4;
        fleet(&servers(1), Way::Items, &mut services);
        assert_eq!(services.published.len(), 1, "{outcome}");

        let mut services = Simulated::always(Ok(report(outcome)));
        services.refused_events = 5;
        let ended = fleet(&servers(1), Way::Items, &mut services);
        let refused = Failure::new("EventBridge.FailedEntry").because("Slow Down");
        assert_eq!(ended.end, End::Failed(refused));
    }
}

#[test]
fn a_fleet_without_a_list_a_request_or_a_function_is_refused() {
    let (name, request) = (DISCONNECT.name(), json!({ "requestID": "CHG1" }));
    let both = CHANGING.map(|function| function.name());
    let contents = [
        json!({ "function": name }),
        json!({ "function": name, "request": request }),
        json!({ "function": name, "items": [] }),
        json!({ "function": name, "request": {}, "items": [] }),
        json!({ "function": name, "request": {}, "key": KEY }),
        json!({ "function": name, "request": request, "items": [], "key": KEY }),
        json!({ "function": name, "request": request, "items": "s-1" }),
        json!({ "function": name, "request": request, "items": null, "key": null }),
        json!({ "function": name, "request": request, "key": [KEY] }),
        json!({ "request": request, "items": [] }),
        json!({ "function": "", "request": request, "items": [] }),
        json!({ "function": "disconnect", "request": request, "key": KEY }),
        json!({ "function": both.join(","), "request": request, "items": [] }),
        json!({ "function": both, "request": request, "key": KEY }),
        json!({ "function": null, "request": request, "items": [] }),
        json!({ "function": {}, "request": request, "items": [] }),
    ];

    for content in contents {
        let mut services = Simulated::always(Ok(report("done")));
        let ended = run("Fleet", content.clone(), &mut services);
        let End::Failed(failure) = ended.end else {
            panic!("{content}")
        };
        assert_eq!(failure.error, "InvalidInput", "{content}");
        assert!(failure.cause.unwrap().contains(name), "{content}");
        assert!(services.invocations.is_empty() && services.bucket.is_empty());
    }
}
