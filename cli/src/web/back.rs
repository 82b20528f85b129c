//! The way back from an action to the page.

use axum::{
    http::{HeaderMap, header::REFERER},
    response::Redirect,
};

/// Back to the part of the page where the result shows, with what was searched for.
pub(super) fn back(headers: &HeaderMap, section: &str) -> Redirect {
    let referer = headers.get(REFERER).and_then(|value| value.to_str().ok());
    // Only the query is taken, so that a redirect always leads to this page.
    let query = referer.and_then(|referer| referer.split_once('?'));
    let query = query.and_then(|(_, rest)| rest.split('#').next());

    match query {
        Some(query) => Redirect::to(&format!("/?{query}#{section}")),
        None => Redirect::to(&format!("/#{section}")),
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn a_redirect_leads_to_this_page_whatever_the_referer_is() {
        let location = |referer: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REFERER, referer.parse().unwrap());
            let response = back(&headers, "servers").into_response();
            response.headers()["location"].to_str().unwrap().to_owned()
        };

        assert_eq!(
            location("http://localhost:1/?q=db&servers=all#faults"),
            "/?q=db&servers=all#servers"
        );
        assert_eq!(location("http://example.com/"), "/#servers");
        assert_eq!(location("//example.com?a"), "/?a#servers");
    }
}
