//! The console of `drover serve`: the account on one page, and what functions decide about it.
//!
//! Plain pages and forms that work without a script; with it, they follow the account. All of it is
//! in this program, and nothing of it comes from elsewhere.

mod account;
mod actions;
mod back;
mod cards;
mod controls;
mod decisions;
mod file_systems;
mod live;
mod origin;
mod page;
mod sends;
mod server_row;
mod servers;
mod state;
#[cfg(test)]
mod tests;
mod timeline;
mod words;

use std::{io, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Query, State},
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    middleware,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use emulator::{Emulator, Front, FrontAnswer};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower_service::Service as _;

use self::{servers::Filter, state::Console};
use crate::sanitize::visible;

/// What the browser may load and do: this style, this script, and calls of this port.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// What every answer tells the browser besides.
const HEADERS: [(HeaderName, &str); 4] = [
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    // Without a referrer a browser would hide the origin of forms, by which they are admitted.
    (HeaderName::from_static("referrer-policy"), "same-origin"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// What answers at the port of an account besides AWS's APIs.
pub(crate) fn front(emulator: &Emulator) -> Front {
    let router = router(Console::new(emulator.clone()));

    Arc::new(move |request| {
        // Everything else belongs to AWS's clients, errors for unknown paths included.
        let path = request.uri().path();
        let is_page = path == "/" && request.method().is_safe();
        if !is_page && path != "/health" && !path.starts_with("/console/") {
            return None;
        }

        let mut router = router.clone();
        Some(Box::pin(async move {
            let request = request.map(axum::body::Body::from);
            // A router cannot fail.
            let response = router
                .call(request)
                .await
                .unwrap_or_else(|never| match never {});
            response.map(|body| body.map_err(io::Error::other).boxed_unsync())
        }) as FrontAnswer)
    })
}

fn router(console: Console) -> Router {
    let port = console.emulator.port();
    // Reading is by GET and acting by POST, on which the check of the origin relies.
    let pages = Router::new()
        .route("/", get(page))
        .route("/health", get(health))
        .route("/console/console.css", get(style))
        .route("/console/console.js", get(script))
        .route("/console/icon.svg", get(icon))
        .route("/console/changes", get(changes))
        .route("/console/world.json", get(world));

    pages
        .merge(actions())
        // The port itself has a limit, which a world may reach.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(port, origin::check))
        .layer(middleware::map_response(secure))
        .with_state(console)
}

fn actions() -> Router<Console> {
    Router::new()
        .route("/console/approve", post(actions::approve))
        .route("/console/withdraw", post(actions::withdraw))
        .route("/console/protect", post(actions::protect))
        .route("/console/unprotect", post(actions::unprotect))
        .route("/console/plan", post(sends::plan))
        .route("/console/advance", post(actions::advance))
        .route("/console/fault", post(actions::fault))
        .route("/console/event", post(sends::event))
        .route("/console/again", post(sends::again))
        .route("/console/follow", post(sends::follow))
        .route("/console/world", post(actions::world))
}

/// Every answer says what the browser may do with it.
async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // Texts of the account are escaped. Should one slip through, it still could not run.
    let policy = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
    ];

    for (name, value) in HEADERS.into_iter().chain(policy) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn page(State(console): State<Console>, Query(filter): Query<Filter>) -> Html<String> {
    let page = page::page(&console, &filter).into_string();

    // Names and tags of an account may hold what turns the text beside a button around.
    Html(visible(&page))
}

/// That the account is served, for whoever waits for it.
async fn health(State(console): State<Console>) -> impl IntoResponse {
    let world = console.emulator.world();

    let health = json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "account": world.account,
        "region": world.region,
        "now": world.now,
    });
    ([(CONTENT_TYPE, "application/json")], health.to_string())
}

async fn changes(State(console): State<Console>) -> Response {
    live::changes(&console.emulator)
}

/// The account as a file.
async fn world(State(console): State<Console>) -> Response {
    let world = serde_json::to_value(console.emulator.world()).unwrap_or_default();
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"world.json\""),
    ];

    (headers, format!("{world:#}\n")).into_response()
}

async fn style() -> impl IntoResponse {
    let text = include_str!("assets/console.css");
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], text)
}

async fn script() -> impl IntoResponse {
    let text = include_str!("assets/console.js");
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], text)
}

async fn icon() -> impl IntoResponse {
    let text = include_str!("assets/icon.svg");
    ([(CONTENT_TYPE, "image/svg+xml")], text)
}
