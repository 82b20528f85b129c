//! The stream of server-sent events that tells a page to look again.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use emulator::Emulator;
use futures_util::stream;

/// How often a page looks again where nothing happens: ages and clocks change by themselves.
const PULSE: Duration = Duration::from_secs(15);

/// An event, in the form of `text/event-stream`. What has changed is in the page.
const CHANGE: &str = "event: change\ndata: look\n\n";

/// An endless answer, with an event after each change.
pub(super) fn changes(emulator: &Emulator) -> Response {
    let follower = emulator.follow();

    let events = stream::unfold(follower, |mut follower| async move {
        // An account that is gone would never change again.
        match tokio::time::timeout(PULSE, follower.changed()).await {
            Ok(Err(_)) => None,
            Ok(Ok(())) | Err(_) => {
                let event: Result<_, Infallible> = Ok(Bytes::from_static(CHANGE.as_bytes()));
                Some((event, follower))
            }
        }
    });
    // A proxy or a browser that keeps answers would keep this one for ever.
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(events)).into_response()
}
