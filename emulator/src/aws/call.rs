//! What the services have in common: a call, its answer, and the choice of who answers it.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    aws::constraints, aws::error::ApiError, aws::ids::digest, drs::api as drs, efs::api as efs,
    world::World,
};

/// A service, by the name that signatures have for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Service {
    /// Elastic Disaster Recovery.
    #[default]
    #[serde(rename = "drs")]
    Drs,
    /// Elastic File System.
    #[serde(rename = "elasticfilesystem")]
    Efs,
}

/// A call to a service, read from its HTTP request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whom the signature names.
    pub service: Service,
    /// The API's name of the operation.
    pub operation: String,
    /// The Region that the signature names.
    pub region: String,
    /// The body, and what the API's model binds to path and query.
    pub input: Value,
}

/// A plain answer: its status, and its body if the operation has one.
pub type Reply = Result<(u16, Option<Value>), ApiError>;

impl Service {
    /// All services.
    pub const ALL: [Self; 2] = [Self::Drs, Self::Efs];

    /// The service that a signature names.
    #[must_use]
    pub fn signed(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| json!(service) == name)
    }

    /// The operation of a request, by method and path; `None` for one that is not served.
    #[must_use]
    pub fn route(self, method: &str, path: &str) -> Option<&'static str> {
        match self {
            Self::Drs => drs::route(method, path),
            Self::Efs => efs::route(method, path),
        }
    }

    /// Whether there is such an operation.
    #[must_use]
    pub fn serves(self, operation: &str) -> bool {
        match self {
            Self::Drs => drs::serves(operation),
            Self::Efs => efs::serves(operation),
        }
    }

    /// Whether an operation can change anything.
    #[must_use]
    pub fn changes(self, operation: &str) -> bool {
        match self {
            Self::Drs => drs::changes(operation),
            Self::Efs => efs::changes(operation),
        }
    }

    /// What a call is about, for people.
    #[must_use]
    pub fn subject(self, input: &Value) -> String {
        match self {
            Self::Drs => drs::subject(input),
            Self::Efs => efs::subject(input),
        }
    }

    /// Answers a call.
    ///
    /// # Errors
    ///
    /// The error that AWS would answer with.
    pub fn answer(world: &mut World, request: &Request) -> Reply {
        match request.service {
            Self::Drs => drs::answer(world, request),
            Self::Efs => efs::answer(world, request),
        }
    }

    /// The members of a call that its path carries.
    pub(crate) fn path_members(self, operation: &str, path: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::Drs => drs::path_members(path),
            Self::Efs => efs::path_members(operation, path),
        }
    }

    /// The members that carry a page token: of the request, and of the answer.
    pub(crate) fn tokens(self, operation: &str) -> (&'static str, &'static str) {
        match self {
            Self::Drs => ("nextToken", "nextToken"),
            Self::Efs => efs::tokens(operation),
        }
    }

    /// Whether the model gives an operation pages.
    pub(crate) fn has_pages(self, operation: &str) -> bool {
        constraints::takes(self, operation, self.tokens(operation).0)
    }

    /// What the service calls an error of its own.
    pub(crate) fn internal_error(self) -> &'static str {
        match self {
            Self::Drs => "InternalServerException",
            Self::Efs => "InternalServerError",
        }
    }

    /// The status of a throttled call. The model of EFS has it for one operation, as 429; what EFS
    /// sends is a 400.
    pub(crate) fn throttled(self) -> u16 {
        match self {
            Self::Drs => 429,
            Self::Efs => 400,
        }
    }

    /// The body of an error.
    pub(crate) fn error_body(self, error: &ApiError) -> Value {
        let mut body = match (self, error.code) {
            // What throttles stands before EFS, and does not know its members.
            (Self::Efs, "ThrottlingException") => json!({ "message": error.message }),
            (Self::Efs, code) => json!({ "ErrorCode": code, "Message": error.message }),
            // DRS has no `code` beside these two.
            (Self::Drs, "ThrottlingException" | "InternalServerException") => {
                json!({ "message": error.message })
            }
            (Self::Drs, code) => json!({ "message": error.message, "code": code }),
        };
        if let Some((member, value)) = &error.more {
            put(&mut body, member, json!(value));
        }
        body
    }
}

/// A parameter of a query: its name and its value.
pub(crate) type Pair = (String, String);

/// The members of a call. One that the API's model does not have is answered like AWS answers a
/// wrong one, so that nothing hides.
pub(crate) fn input<T: DeserializeOwned>(input: &Value) -> Result<T, ApiError> {
    serde_json::from_value(input.clone()).map_err(|error| ApiError::validation(error.to_string()))
}

/// The token of the page that begins with an item: of one list alone, which is an operation in a
/// Region with its filters.
pub(crate) fn page_token(request: &Request, first: usize) -> String {
    let is_of_page = |name: &str| {
        ["token", "marker", "max"]
            .iter()
            .any(|part| name.to_lowercase().contains(part))
    };
    let members = request.input.as_object().into_iter().flatten();
    let filters: Vec<_> = members
        .filter(|(name, _)| *name == "CreationToken" || !is_of_page(name))
        .collect();
    let list = json!([
        request.service,
        request.operation,
        request.region,
        filters,
        first
    ]);
    format!("{:016x}-{first}", digest(&list.to_string()))
}

/// Gives an object a member; anything else stays as it is.
pub(crate) fn put(json: &mut Value, member: &str, value: Value) {
    if let Some(object) = json.as_object_mut() {
        object.insert(member.to_owned(), value);
    }
}

/// Text as it was before a client wrote it into a path or a query.
pub(crate) fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

/// One page of a list, and the token of the next; `None` for a token that is none of this list's.
pub(crate) fn page(
    items: Vec<Value>,
    size: usize,
    token: Option<&str>,
    request: &Request,
) -> Option<(Vec<Value>, Option<String>)> {
    let start: usize = match token {
        None => 0,
        Some(token) => token
            .rsplit_once('-')
            .and_then(|(_, from)| from.parse().ok())?,
    };
    if token.is_some_and(|token| token != page_token(request, start)) {
        return None;
    }
    let next = start.saturating_add(size);
    let token = (next < items.len()).then(|| page_token(request, next));
    Some((items.into_iter().skip(start).take(size).collect(), token))
}
