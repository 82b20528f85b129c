//! The error that answers a call.

/// The error that AWS answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The error's name in the service model, or an unmodelled code.
    pub code: &'static str,
    /// The message for people.
    pub message: String,
    /// One more member of the error's body, if the model has one.
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
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ConflictException", message)
    }

    /// ResourceNotFoundException, 404.
    #[must_use]
    pub fn not_found(id: &str) -> Self {
        let message = format!("{id} does not exist");
        Self::new(404, "ResourceNotFoundException", message)
    }

    /// ValidationException, 400.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    /// SerializationException, 400: the request cannot be parsed at all.
    #[must_use]
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new(400, "SerializationException", message)
    }

    /// InternalServerException, 500.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalServerException", message)
    }
}
