//! AWS's error codes, and what kind of fault each is: data.

use crate::fault::FaultKind;

/// What every error code means, whatever the status beside it: those of the service models of DRS
/// and EFS, and those with which AWS answers before a service sees the call. EFS's quotas come as
/// 403, DRS's as 402, throttling as 400, 429 and 503.
///
/// `tests/conformance/codes.py` holds the table against the service models, so that a code that is
/// new there is missed. Sources: the models of botocore; "Common Errors" in the API references of
/// AWS; the SDK's own table of throttling codes.
pub(crate) const CODES: &[(FaultKind, &[&str])] = &[
    (
        FaultKind::Throttled,
        &[
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "LimitExceededException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
        ],
    ),
    (
        FaultKind::ServiceError,
        &[
            "DependencyTimeout",
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServerException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "Unavailable",
        ],
    ),
    // EFS alone: a Region may be short of Provisioned Throughput.
    (FaultKind::NoCapacity, &["InsufficientThroughputCapacity"]),
    (
        FaultKind::Timeout,
        &["RequestTimeout", "RequestTimeoutException"],
    ),
    (FaultKind::NoAnswer, &["RequestAbortedException"]),
    (
        FaultKind::CredentialsExpired,
        &[
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidToken",
            "TokenRefreshRequired",
        ],
    ),
    (
        FaultKind::SignatureRefused,
        &[
            "InvalidSignature",
            "InvalidSignatureException",
            "RequestExpired",
            "RequestInTheFuture",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
        ],
    ),
    (
        FaultKind::Conflict,
        &[
            "AccessPointAlreadyExists",
            "ConflictException",
            "FileSystemAlreadyExists",
            "FileSystemInUse",
            "IncorrectFileSystemLifeCycleState",
            "IncorrectMountTargetState",
            "ReplicationAlreadyExists",
        ],
    ),
    (
        FaultKind::NotFound,
        &[
            "AccessPointNotFound",
            "FileSystemNotFound",
            "MountTargetNotFound",
            "PolicyNotFound",
            "ReplicationNotFound",
            "ResourceNotFoundException",
        ],
    ),
    (
        FaultKind::AccessDenied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "NotAuthorized",
            "UnauthorizedAccess",
            "UnauthorizedOperation",
        ],
    ),
    (
        FaultKind::RegionNotEnabled,
        &[
            "AuthFailure",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "OptInRequired",
            "SubscriptionRequiredException",
            "UnrecognizedClientException",
        ],
    ),
    (
        FaultKind::Misconfigured,
        &[
            "IncompleteSignature",
            "IncompleteSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "UnknownOperationException",
        ],
    ),
    (
        FaultKind::QuotaExceeded,
        &[
            "AccessPointLimitExceeded",
            "FileSystemLimitExceeded",
            "NetworkInterfaceLimitExceeded",
            "SecurityGroupLimitExceeded",
            "ServiceQuotaExceededException",
            "ThroughputLimitExceeded",
        ],
    ),
    (
        FaultKind::RejectedByAws,
        &[
            "AvailabilityZonesMismatch",
            "BadRequest",
            "InvalidPolicyException",
            "IpAddressInUse",
            "MalformedHttpRequestException",
            "MountTargetConflict",
            "NoFreeAddressesInSubnet",
            "RequestEntityTooLargeException",
            "SecurityGroupNotFound",
            "SerializationException",
            "SubnetNotFound",
            // EFS lets a day pass between two changes of a setting; no retry is worth its while.
            "TooManyRequests",
            "UninitializedAccountException",
            "UnsupportedAvailabilityZone",
            "ValidationError",
            "ValidationException",
        ],
    ),
];
