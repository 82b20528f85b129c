//! Which requests may see and change the account: those of pages that this port served.
//!
//! A page of any site can send requests to 127.0.0.1, and a site can give that address a name of
//! its own. The first shows in `Origin` and `Sec-Fetch-Site`, the second in `Host`.

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, Method, StatusCode,
        header::{HOST, ORIGIN},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that no page of this port makes.
pub(super) async fn check(State(port): State<u16>, request: Request, next: Next) -> Response {
    match refusal(request.method(), request.headers(), port) {
        None => next.run(request).await,
        Some(why) => (StatusCode::FORBIDDEN, why).into_response(),
    }
}

/// Why a request is refused, if it is.
fn refusal(method: &Method, headers: &HeaderMap, port: u16) -> Option<&'static str> {
    let hosts = all(headers, &HOST);
    let [host] = hosts.as_slice() else {
        return Some("refused: a request has one Host");
    };
    if !is_own_host(host, port) {
        return Some("refused: the Host is not this machine and this port; open the printed URL");
    }
    // Nothing that only reads changes anything.
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }

    // Browsers send at least one of them with every form, and no page can write either.
    let (origins, sites) = (all(headers, &ORIGIN), all(headers, &SEC_FETCH_SITE));
    let is_own_origin = |origin: &&str| origin.strip_prefix("http://") == Some(*host);
    let is_own =
        origins.iter().all(is_own_origin) && sites.iter().all(|site| *site == "same-origin");
    match is_own && (!origins.is_empty() || !sites.is_empty()) {
        true => None,
        false => Some("refused: only a page of this console may act; programs use /local or AWS"),
    }
}

fn is_own_host(host: &str, port: u16) -> bool {
    // These names always lead to this machine, and no one else can give them to a page.
    let names = ["127.0.0.1", "localhost", "[::1]"];

    names.iter().any(|name| {
        let rest = host.strip_prefix(name);
        // A browser leaves out the port of HTTP.
        rest.is_some_and(|rest| rest == format!(":{port}") || (rest.is_empty() && port == 80))
    })
}

/// All values of a header. One that is no text counts as one that is nowhere right.
fn all<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();

    values
        .map(|value| value.to_str().unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a request with these headers is refused at port 9010.
    fn is_refused(method: Method, sent: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, value.parse().unwrap());
        }

        refusal(&method, &headers, 9010).is_some()
    }

    #[test]
    fn a_host_that_is_not_this_machine_and_port_is_refused() {
        for host in ["127.0.0.1:9010", "localhost:9010", "[::1]:9010"] {
            assert!(!is_refused(Method::GET, &[("host", host)]), "{host}");
        }
        for host in [
            "example.com:9010",
            "127.0.0.1.example.com:9010",
            "localhost:9011",
            "localhost",
            "localhost:9010.example.com",
        ] {
            assert!(is_refused(Method::GET, &[("host", host)]), "{host}");
        }
        assert!(is_refused(Method::GET, &[]));
        let two = [("host", "localhost:9010"), ("host", "localhost:9010")];
        assert!(is_refused(Method::GET, &two));
    }

    #[test]
    fn a_page_of_another_origin_cannot_act() {
        let post = |origin| {
            let sent = [("host", "localhost:9010"), ("origin", origin)];
            is_refused(Method::POST, &sent)
        };

        assert!(!post("http://localhost:9010"));
        for origin in [
            "http://example.com",
            "http://localhost:9011",
            "https://localhost:9010",
            "http://127.0.0.1:9010",
            "null",
        ] {
            assert!(post(origin), "{origin}");
        }
    }

    #[test]
    fn a_browser_that_names_another_site_cannot_act() {
        let post = |site| {
            let sent = [
                ("host", "localhost:9010"),
                ("origin", "http://localhost:9010"),
                ("sec-fetch-site", site),
            ];
            is_refused(Method::POST, &sent)
        };

        assert!(!post("same-origin"));
        for site in ["cross-site", "same-site", "none"] {
            assert!(post(site), "{site}");
        }
    }

    #[test]
    fn what_does_not_say_where_it_comes_from_can_read_and_not_act() {
        let host = [("host", "localhost:9010")];
        assert!(!is_refused(Method::GET, &host));
        assert!(is_refused(Method::POST, &host));

        let site = [
            ("host", "localhost:9010"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert!(!is_refused(Method::POST, &site));
    }
}
