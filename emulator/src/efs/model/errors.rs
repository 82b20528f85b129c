//! The errors of EFS.

use crate::aws::{behaviour::Refusal, error::ApiError};

/// BadRequest, 400.
pub(crate) fn bad_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "BadRequest", message)
}

/// The error of a refusal that the API reference does not name.
pub(super) fn refused(refusal: Refusal, message: String) -> ApiError {
    match refusal {
        Refusal::BadRequest => bad_request(message),
        Refusal::Conflict => ApiError::conflict(message),
    }
}

/// ReplicationNotFound, 404.
pub(crate) fn no_replication(id: &str) -> ApiError {
    let message = format!("{id} is in no replication configuration");
    ApiError::new(404, "ReplicationNotFound", message)
}

/// FileSystemNotFound, 404.
pub(super) fn no_file_system(id: &str) -> ApiError {
    let message = format!("File system '{id}' does not exist.");
    ApiError::new(404, "FileSystemNotFound", message)
}

/// AccessDeniedException, 403: by the policy of a file system of another owner.
pub(super) fn access_denied(id: &str) -> ApiError {
    let message = format!("no policy of {id} allows access to the caller");
    ApiError::new(403, "AccessDeniedException", message)
}

/// IncorrectFileSystemLifeCycleState, 409.
pub(super) fn wrong_state(message: String) -> ApiError {
    ApiError::new(409, "IncorrectFileSystemLifeCycleState", message)
}

/// UnsupportedAvailabilityZone, 400.
pub(super) fn unsupported_zone(place: &str) -> ApiError {
    let message = format!("One Zone storage is not supported in this zone of {place}");
    ApiError::new(400, "UnsupportedAvailabilityZone", message)
}

/// InternalServerError, 500: a resource that the same call has found or created is missing.
pub(super) fn lost() -> ApiError {
    let message = "a resource disappeared during the call";
    ApiError::new(500, "InternalServerError", message)
}
