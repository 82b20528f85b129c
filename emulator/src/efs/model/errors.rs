//! The errors of EFS.

use crate::aws::{behaviour::Refusal, error::ApiError};

impl Refusal {
    pub(crate) fn error(self, message: String) -> ApiError {
        match self {
            Self::BadRequest => bad_request(message),
            Self::Conflict => ApiError::conflict(message),
        }
    }
}

/// BadRequest, 400.
pub(crate) fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "BadRequest", message)
}

/// ReplicationNotFound, 404.
pub(crate) fn no_replication(id: &str) -> ApiError {
    ApiError::new(
        404,
        "ReplicationNotFound",
        format!("{id} is in no replication configuration"),
    )
}

pub(crate) fn no_file_system(id: &str) -> ApiError {
    ApiError::new(
        404,
        "FileSystemNotFound",
        format!("File system '{id}' does not exist."),
    )
}

pub(crate) fn access_denied(id: &str) -> ApiError {
    ApiError::new(
        403,
        "AccessDeniedException",
        format!("no policy of {id} lets the caller in"),
    )
}

pub(crate) fn wrong_state(message: String) -> ApiError {
    ApiError::new(409, "IncorrectFileSystemLifeCycleState", message)
}

pub(crate) fn unsupported_zone(place: &str) -> ApiError {
    ApiError::new(
        400,
        "UnsupportedAvailabilityZone",
        format!("One Zone storage is not supported in this zone of {place}"),
    )
}

pub(crate) fn lost() -> ApiError {
    ApiError::new(500, "InternalServerError", "what was just there is gone")
}
