//! What people do to the account by a form: each action ends with a redirect to the page, which
//! shows what became of it.

use axum::{
    Form,
    extract::{Multipart, State},
    http::HeaderMap,
    response::Redirect,
};
use chrono::TimeDelta;
use emulator::{Fault, World};
use serde::Deserialize;

use crate::{
    units,
    web::{
        account::{self, Tagged},
        back::back,
        state::Console,
        words::span,
    },
};

/// A form about one resource.
#[derive(Deserialize)]
pub(super) struct OfResource {
    pub(super) id: String,
    pub(super) region: String,
    #[serde(default)]
    pub(super) request: String,
}

/// Approves a resource for a request, by its tag.
pub(super) async fn approve(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<OfResource>,
) -> Redirect {
    // A space from the clipboard would approve another request.
    let (id, request) = (form.id.as_str(), form.request.trim());
    let resource = Tagged::from_id(id);
    let key = resource.approval_tag(&console.emulator.world());

    let tagged = account::tag(&console.emulator, &form.region, &resource, &key, request);
    console.show(tagged.map(|()| format!("{id} is approved for {request} by the tag {key}.")));
    back(&headers, "servers")
}

/// Withdraws the approval of a resource.
pub(super) async fn withdraw(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<OfResource>,
) -> Redirect {
    // The key is that of the deployment, which the tag has to have.
    let resource = Tagged::from_id(&form.id);
    let key = resource.approval_tag(&console.emulator.world());

    let untagged = account::untag(&console.emulator, &form.region, &resource, &key);
    console.show(untagged.map(|()| format!("The approval of {} is withdrawn.", form.id)));
    back(&headers, "servers")
}

/// Protects a server from every change, by its tag.
pub(super) async fn protect(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<OfResource>,
) -> Redirect {
    let resource = Tagged::from_id(&form.id);
    let key = resource.protection_tag(&console.emulator.world());

    // The value is for people: any value protects.
    let tagged = account::tag(
        &console.emulator,
        &form.region,
        &resource,
        &key,
        "by the console",
    );
    console.show(tagged.map(|()| format!("{} is protected by the tag {key}.", form.id)));
    back(&headers, "servers")
}

/// Removes the protection of a server.
pub(super) async fn unprotect(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<OfResource>,
) -> Redirect {
    let resource = Tagged::from_id(&form.id);
    let key = resource.protection_tag(&console.emulator.world());

    let untagged = account::untag(&console.emulator, &form.region, &resource, &key);
    console.show(untagged.map(|()| format!("{} is protected no longer.", form.id)));
    back(&headers, "servers")
}

/// The form that advances the clock.
#[derive(Deserialize)]
pub(super) struct Advance {
    minutes: i64,
}

/// Lets time pass.
pub(super) async fn advance(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(form): Form<Advance>,
) -> Redirect {
    // The limits are those of every operator.
    let advanced = console.emulator.advance_minutes(form.minutes);

    console.show(advanced.map(|()| {
        let passed = span(TimeDelta::minutes(form.minutes));
        format!("{passed} passed.")
    }));
    back(&headers, "servers")
}

/// Injects a fault.
pub(super) async fn fault(
    State(console): State<Console>,
    headers: HeaderMap,
    Form(fault): Form<Fault>,
) -> Redirect {
    // A fault that no call can meet would wait for ever.
    let checked = fault.check();

    console.show(checked.map(|()| {
        let waiting = units::counted(fault.times.into(), "call");
        let said = format!("A fault waits for {waiting} of {}.", fault.operation);
        console.emulator.inject(fault);
        said
    }));
    back(&headers, "faults")
}

/// Replaces the account by the world of a file, or of a text.
pub(super) async fn world(
    State(console): State<Console>,
    headers: HeaderMap,
    form: Multipart,
) -> Redirect {
    // The account is replaced only by a world that is valid as a whole.
    let replaced = match read_world(form).await {
        Ok(text) => {
            // Thousands of servers take seconds to check, in which others are answered.
            let reading = tokio::task::spawn_blocking(move || World::from_json(&text));
            let read = reading.await.unwrap_or_else(|error| Err(error.to_string()));
            read.map_err(|wrong| format!("Not a world: {wrong}"))
        }
        Err(wrong) => Err(wrong),
    };

    console.show(replaced.map(|world| {
        let said = format!("The account is now {} in {}.", world.account, world.region);
        console.emulator.replace(world);
        said
    }));
    back(&headers, "servers")
}

/// The text of the first field that has any.
async fn read_world(mut form: Multipart) -> Result<String, String> {
    while let Some(field) = form.next_field().await.map_err(|wrong| wrong.to_string())? {
        // A world is JSON, which is UTF-8.
        let text = field.text().await.map_err(|wrong| wrong.to_string())?;
        // Without a file a browser sends an empty one.
        if !text.trim().is_empty() {
            return Ok(text);
        }
    }

    Err("Choose a world file, or paste its JSON.".to_owned())
}
