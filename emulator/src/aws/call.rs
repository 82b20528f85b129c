//! A call to a service and its result, without the way in which either travels.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::aws::{error::ApiError, ids::digest};

/// The name of a service, spelled as in signatures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Service {
    /// Elastic Disaster Recovery.
    #[default]
    #[serde(rename = "drs")]
    Drs,
    /// Elastic File System.
    #[serde(rename = "elasticfilesystem")]
    Efs,
    /// The Resource Groups Tagging API.
    #[serde(rename = "tagging")]
    Tagging,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 3] = [Self::Drs, Self::Efs, Self::Tagging];
}

/// A call to a service, read from its HTTP request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The service that the signature names.
    pub service: Service,
    /// The operation, by its name in the API.
    pub operation: String,
    /// The Region that the signature names.
    pub region: String,
    /// The members of the body, the path and the query.
    pub input: Value,
}

/// The result of a call: its status and its body, if the operation has one, or an error.
pub type ApiResult = Result<(u16, Option<Value>), ApiError>;

/// A query parameter: its name and its value.
pub(crate) type Pair = (String, String);

impl Request {
    /// Reads the input strictly: a member that the API's model does not have is an error, so that
    /// no misspelled member goes unnoticed.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_value(self.input.clone())
            .map_err(|error| ApiError::validation(error.to_string()))
    }

    /// A text member of the input.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.input.get(member)?.as_str()
    }
}

/// The token of the page that starts with the item at `first`.
///
/// It is valid for one list only: an operation in a Region with its filters.
pub(crate) fn page_token(request: &Request, first: usize) -> String {
    let is_about_pages = |name: &str| {
        let name = name.to_lowercase();
        ["token", "marker", "max", "perpage"]
            .iter()
            .any(|part| name.contains(part))
    };

    // A creation token is a filter, in spite of its name.
    let members = request.input.as_object().into_iter().flatten();
    let filters: Vec<_> = members
        .filter(|(name, _)| *name == "CreationToken" || !is_about_pages(name))
        .collect();

    let Request {
        service,
        operation,
        region,
        ..
    } = request;
    // The digest covers all that makes a list another one, so that a token cannot be used
    // elsewhere.
    let list = json!([service, operation, region, filters, first]);

    format!("{:016x}-{first}", digest(&list.to_string()))
}

/// The index of the first item on the page of a token; `None` if the token is of another list.
pub(crate) fn page_start(token: &str, request: &Request) -> Option<usize> {
    // The index is readable in the token, and the digest protects it.
    let (_, first) = token.rsplit_once('-')?;
    let first = first.parse().ok()?;

    (token == page_token(request, first)).then_some(first)
}

/// One page of a list and the token of the next page; `None` if `token` is of another list.
pub(crate) fn page<T>(
    items: Vec<T>,
    size: usize,
    token: Option<&str>,
    request: &Request,
) -> Option<(Vec<T>, Option<String>)> {
    let start = match token {
        None => 0,
        Some(token) => page_start(token, request)?,
    };

    // A page size may be larger than any list.
    let next = start.saturating_add(size);
    let next_token = (next < items.len()).then(|| page_token(request, next));
    let page = items.into_iter().skip(start).take(size).collect();

    Some((page, next_token))
}

/// Sets a member of a JSON object; any other value stays as it is.
pub(crate) fn put(json: &mut Value, member: &str, value: Value) {
    if let Some(object) = json.as_object_mut() {
        object.insert(member.to_owned(), value);
    }
}

/// Decodes the percent encoding of a path or a query.
pub(crate) fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}
