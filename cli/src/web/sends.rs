//! Events that people send to functions, and what becomes of them.

use axum::{Form, extract::State, http::HeaderMap, response::Redirect};
use chrono::{SecondsFormat, TimeDelta, Utc};
use emulator::{Ended, InvocationResult, event};
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    files,
    find::reports_of,
    functions,
    sanitize::sanitize,
    web::{account, actions::OfResource, back::back, state::Console},
};

/// Plans the disconnect of a server. A request for a dry run changes nothing in any mode.
pub(super) async fn plan(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<OfResource>,
) -> Redirect {
    // Functions compare the expiry with the clock of the machine, not with the account's.
    let expires = Utc::now() + TimeDelta::hours(12);
    let request = json!({
        "version": 1,
        "requestID": form.request.trim(),
        "expiresAt": expires.to_rfc3339_opts(SecondsFormat::Secs, true),
        "action": "disconnect",
        "targets": [{ "sourceServerID": form.id }],
        "dryRun": true,
    });

    let ended = send(&console, account::SERVERS, request.to_string().into(), None).await;
    console.show(ended);
    back(&headers, "decisions")
}

/// The form that sends an event.
#[derive(Deserialize)]
pub(super) struct Event {
    event: String,
    mode: Mode,
    /// The name of the function; empty, if it is to be found by the event.
    #[serde(default)]
    function: String,
}

/// The mode of a function.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Plan,
    Enforce,
}

/// Sends an event in a mode to the function that it is for.
pub(super) async fn event(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<Event>,
) -> Redirect {
    // Kept before it is read: a slip in it is to be mended, not typed again.
    console.keep_event(&form.event);

    let result = match read_event(&form) {
        Ok((function, payload)) => send(&console, &function, payload, Some(form.mode)).await,
        Err(wrong) => Err(wrong),
    };
    console.show(result);
    back(&headers, "decisions")
}

/// The function that an event is for, and what it is invoked with.
fn read_event(form: &Event) -> Result<(String, Bytes), String> {
    let now = Utc::now();
    // Forms send lines as a terminal of old did.
    let text = form.event.replace("\r\n", "\n");
    let payload = event::fill(&text, now)?;
    if let Some(why) = files::not_json(&payload) {
        return Err(format!("The event is not JSON: {why}"));
    }

    let function = match form.function.as_str() {
        "" => functions::of_event(&payload, now).map_err(|wrong| format!("{wrong:#}"))?,
        // Also one that rejects the event: people want to see why.
        name => functions::known(name)
            .map_err(|wrong| format!("{wrong:#}"))?
            .name
            .to_owned(),
    };
    Ok((function, payload.into()))
}

/// The form about an invocation that has ended.
#[derive(Deserialize)]
pub(super) struct OfInvocation {
    invocation: String,
}

/// Sends the event of an earlier invocation again, in enforce mode.
pub(super) async fn again(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<OfInvocation>,
) -> Redirect {
    let result = match ended(&console, &form.invocation) {
        Some(ended) => {
            let payload = without_dry_run(ended.payload);
            send(&console, &ended.function, payload, Some(Mode::Enforce)).await
        }
        None => Err(forgotten()),
    };

    console.show(result);
    back(&headers, "decisions")
}

/// Sends the request that the report of an earlier invocation asks for next.
pub(super) async fn follow(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<OfInvocation>,
) -> Redirect {
    let ended = ended(&console, &form.invocation);
    // The request comes from the report, and not from the form, which anybody can write.
    let next = ended.and_then(|ended| {
        let reports = reports_of(&ended.result, &ended.log);
        let next = reports.into_iter().find_map(|report| report.next_request);
        Some((ended.function, next?.to_string()))
    });

    let result = match next {
        Some((function, next)) => send(&console, &function, next.into(), None).await,
        None => Err(forgotten()),
    };
    console.show(result);
    back(&headers, "decisions")
}

/// Invokes a function, deployed in a mode if one is wanted, and says what became of it.
async fn send(
    console: &Console,
    function: &str,
    payload: Bytes,
    mode: Option<Mode>,
) -> Result<String, String> {
    let (console, function) = (console.clone(), function.to_owned());

    // In a task of its own: a browser that does not wait for the answer must not end it.
    let sending = tokio::spawn(async move {
        // Between the deployment and the invocation nobody else may deploy another mode.
        let _one_at_a_time = console.one_at_a_time().await;
        if let Some(mode) = mode {
            deploy(&console, &function, mode);
        }
        let functions = console.emulator.functions();
        let result = functions.invoke(&function, payload).await;
        said(&console, &function, result)
    });
    let sent = sending.await;
    sent.unwrap_or_else(|error| Err(error.to_string()))
}

/// What the result of an invocation says to a person.
fn said(console: &Console, function: &str, result: InvocationResult) -> Result<String, String> {
    match result {
        InvocationResult::Answered(_) => Ok(format!("{function} answered{}", summary(console))),
        InvocationResult::Failed(error) => {
            let error = error.get("errorType").and_then(Value::as_str);
            let error = sanitize(error.unwrap_or("an error"));
            Err(format!(
                "{function} failed with {error}{}",
                summary(console)
            ))
        }
        InvocationResult::Unknown => Err(format!("There is no function {function}.")),
        InvocationResult::NotBuilt(why) => Err(why),
    }
}

/// What the last reports say in a sentence.
fn summary(console: &Console) -> String {
    // Another client's invocation may have ended since. Then its summary is shown, as its card is.
    let last = console.emulator.functions().ended().pop();
    let reports = last.map(|ended| reports_of(&ended.result, &ended.log));
    let reports = reports.unwrap_or_default();
    let summaries: Vec<&str> = reports
        .iter()
        .map(|report| report.summary.as_str())
        .collect();

    match summaries.is_empty() {
        true => ".".to_owned(),
        false => format!(": {}.", summaries.join("; ")),
    }
}

/// Deploys a function in a mode, unless it is in this mode already.
fn deploy(console: &Console, function: &str, mode: Mode) {
    let mode = match mode {
        Mode::Plan => "plan",
        Mode::Enforce => "enforce",
    };
    // A change of the deployment ends the function's process, which is not worth it for nothing.
    let deployed = account::setting(&console.emulator.world(), function, "MODE", "plan");
    if deployed == mode {
        return;
    }

    console.emulator.change(|world| {
        let deployment = world.functions.entry(function.to_owned()).or_default();
        let environment = &mut deployment.environment;
        environment.insert("MODE".to_owned(), mode.to_owned());
    });
}

/// The event without a wish for a dry run, which only a request by itself or in an event can have.
fn without_dry_run(payload: Bytes) -> Bytes {
    let Ok(mut event) = serde_json::from_slice::<Value>(&payload) else {
        return payload;
    };

    for request in ["", "/detail"] {
        let request = event.pointer_mut(request).and_then(Value::as_object_mut);
        if let Some(request) = request
            && request.contains_key("dryRun")
        {
            request.insert("dryRun".to_owned(), Value::Bool(false));
        }
    }
    event.to_string().into()
}

fn ended(console: &Console, invocation: &str) -> Option<Ended> {
    let ended = console.emulator.functions().ended().into_iter();
    let mut named = ended.filter(|ended| ended.request_id == invocation);

    named.next()
}

fn forgotten() -> String {
    "This invocation is not kept any more. Send its event again.".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_enforced_without_its_dry_run() {
        let enforced = |event: Value| -> Value {
            let event = without_dry_run(event.to_string().into());
            serde_json::from_slice(&event).unwrap()
        };

        let request = json!({ "requestID": "C", "dryRun": true });
        assert_eq!(enforced(request)["dryRun"], false);
        let event = json!({ "detail": { "dryRun": true } });
        assert_eq!(enforced(event)["detail"]["dryRun"], false);
        let other = json!({ "detail": { "instance-id": "i-1" } });
        assert_eq!(enforced(other.clone()), other);
    }
}
