//! The error that a call is answered with.

/// Why a change is refused: the code and status of the answer, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The error's name in the API's model, or one that is not modelled.
    pub code: &'static str,
    /// The text for people.
    pub message: String,
    /// A further member of the error's body, where the model has one.
    pub more: Option<(&'static str, String)>,
}

impl ApiError {
    /// An error by its status and code.
    #[must_use]
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            more: None,
        }
    }

    /// ConflictException, 409.
    #[must_use]
    pub fn conflict(message: String) -> Self {
        Self::new(409, "ConflictException", message)
    }

    /// ResourceNotFoundException, 404.
    #[must_use]
    pub fn not_found(id: &str) -> Self {
        Self::new(
            404,
            "ResourceNotFoundException",
            format!("{id} does not exist"),
        )
    }

    /// ValidationException, 400.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    /// UninitializedAccountException, 400.
    #[must_use]
    pub fn uninitialized() -> Self {
        Self::new(
            400,
            "UninitializedAccountException",
            "the account was never initialised for DRS in this Region",
        )
    }

    /// InternalServerException, 500.
    #[must_use]
    pub fn internal(message: &str) -> Self {
        Self::new(500, "InternalServerException", message)
    }
}
