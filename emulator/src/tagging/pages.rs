//! The pages of a list, and tokens that expire.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{
    aws::{
        call::{self, Request},
        error::ApiError,
    },
    tagging::resources::Resource,
};

/// How long a token is valid.
const TOKEN_LIFETIME_SECONDS: i64 = 15 * 60;

/// How much a page holds at most.
pub(super) struct PageSize {
    pub(super) resources: usize,
    /// The tags of all resources; a resource without tags counts as one tag.
    pub(super) tags: Option<usize>,
}

impl PageSize {
    /// How many of these resources fit on a page. A resource is not split across pages.
    pub(super) fn fitting(&self, resources: &[Resource<'_>]) -> usize {
        // Both limits hold, and the page ends at the first that is reached.
        let limit = self.tags.unwrap_or(usize::MAX);
        let mut tags = 0_usize;

        resources
            .iter()
            .take(self.resources)
            .take_while(|resource| {
                tags = tags.saturating_add(resource.tags.len().max(1));
                tags <= limit
            })
            .count()
    }
}

/// The token of the page that starts with the resource at `first`.
pub(super) fn token(request: &Request, first: usize, issued: DateTime<Utc>) -> String {
    let seconds = issued.timestamp();
    format!(
        "{seconds}.{}",
        call::page_token(&stamped(request, seconds), first)
    )
}

/// The index of the first resource on the page of a token.
///
/// # Errors
///
/// InvalidParameterException for a token of another list, or PaginationTokenExpiredException.
pub(super) fn start(token: &str, request: &Request, now: DateTime<Utc>) -> Result<usize, ApiError> {
    // The time is readable in the token, and the digest protects it.
    let parsed = token.split_once('.').and_then(|(seconds, token)| {
        let issued: i64 = seconds.parse().ok()?;
        let start = call::page_start(token, &stamped(request, issued))?;
        Some((issued, start))
    });
    let Some((issued, start)) = parsed else {
        let message = "Pagination token is not valid";
        return Err(ApiError::new(400, "InvalidParameterException", message));
    };

    if now.timestamp().saturating_sub(issued) > TOKEN_LIFETIME_SECONDS {
        let message = "Pagination token has expired";
        let code = "PaginationTokenExpiredException";
        return Err(ApiError::new(400, code, message));
    }
    Ok(start)
}

/// The request with the time of its token, so that the digest in the token covers both.
fn stamped(request: &Request, seconds: i64) -> Request {
    let mut stamped = request.clone();
    call::put(&mut stamped.input, "issued", json!(seconds));
    stamped
}
