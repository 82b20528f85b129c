//! Faults to inject into upcoming calls, as data. `cloud.rs` applies them.

use serde::{Deserialize, Serialize};

use crate::aws::call::{Request, Service};

/// A fault for some calls of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fault {
    /// The operation, by its name in the API.
    pub operation: String,
    /// The service; without it, every service that has the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// The Region; without it, every Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What happens.
    pub kind: FaultKind,
    /// How many calls pass before the first fault.
    #[serde(default)]
    pub skip: u32,
    /// How many calls get the fault.
    #[serde(default = "once")]
    pub times: u32,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The service's throttling error: 429 for DRS, 400 for the others.
    Throttle,
    /// The same error with a Retry-After of two seconds, as the model of DRS has it.
    ThrottleRetryAfter,
    /// 400 with the message "Rate exceeded" and no code, as from the front door of a service.
    ThrottleWithoutCode,
    /// The service's internal error, 500.
    InternalError,
    /// 503 without a body, as from a load balancer.
    Unavailable,
    /// AccessDeniedException, 403, as from IAM.
    AccessDenied,
    /// ExpiredTokenException, 403.
    ExpiredToken,
    /// InvalidSignatureException, 403: the signature is older than five minutes.
    ExpiredSignature,
    /// The connection breaks before the call takes effect.
    ResetBefore,
    /// The connection breaks after the call has taken effect.
    ResetAfter,
    /// The call gets no answer and has no effect.
    HangBefore,
    /// The call takes effect but gets no answer.
    HangAfter,
    /// The connection breaks, and the call takes effect half a minute later.
    LateEffect,
    /// The call takes effect, and its answer is cut off in the middle.
    Truncated,
    /// The call takes effect, and its answer takes four seconds.
    Slow,
    /// 400 with a code that no model has.
    UnknownError,
    /// The answer shows the account before the last change.
    StaleRead,
    /// The answer is current, but its tags are those before the last change.
    StaleTags,
    /// The answer repeats the page token of the request.
    RepeatedPageToken,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Throttle,
        Self::ThrottleRetryAfter,
        Self::ThrottleWithoutCode,
        Self::InternalError,
        Self::Unavailable,
        Self::AccessDenied,
        Self::ExpiredToken,
        Self::ExpiredSignature,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::HangBefore,
        Self::HangAfter,
        Self::LateEffect,
        Self::Truncated,
        Self::Slow,
        Self::UnknownError,
        Self::StaleRead,
        Self::StaleTags,
        Self::RepeatedPageToken,
    ];

    /// Whether it is a fault for lists only.
    #[must_use]
    pub fn is_of_lists(self) -> bool {
        matches!(
            self,
            Self::StaleRead | Self::StaleTags | Self::RepeatedPageToken
        )
    }
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault for the next call of an operation.
    #[must_use]
    pub fn next(operation: &str, kind: FaultKind) -> Self {
        Self {
            operation: operation.to_owned(),
            service: None,
            region: None,
            kind,
            skip: 0,
            times: 1,
        }
    }

    /// A fault for all upcoming calls of an operation.
    #[must_use]
    pub fn every(operation: &str, kind: FaultKind) -> Self {
        Self {
            times: u32::MAX,
            ..Self::next(operation, kind)
        }
    }

    /// The same fault in one Region only.
    #[must_use]
    pub fn in_region(self, region: &str) -> Self {
        Self {
            region: Some(region.to_owned()),
            ..self
        }
    }

    fn is_for(&self, request: &Request) -> bool {
        let Self {
            service, region, ..
        } = self;

        self.operation == request.operation
            && service.is_none_or(|service| service == request.service)
            && region
                .as_ref()
                .is_none_or(|region| *region == request.region)
    }
}

/// Takes the fault of a call from the list, if there is one.
pub(crate) fn take(faults: &mut Vec<Fault>, request: &Request) -> Option<FaultKind> {
    let index = faults.iter().position(|fault| fault.is_for(request))?;
    let fault = faults.get_mut(index)?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }

    // The maximum stands for every call, so it is not counted down.
    let kind = fault.kind;
    if fault.times != u32::MAX {
        fault.times = fault.times.saturating_sub(1);
    }
    if fault.times == 0 {
        faults.remove(index);
    }
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(service: Service, operation: &str, region: &str) -> Request {
        Request {
            service,
            operation: operation.to_owned(),
            region: region.to_owned(),
            input: serde_json::json!({}),
        }
    }

    #[test]
    fn fault_hits_as_many_calls_as_configured() {
        let mut faults = vec![Fault {
            skip: 1,
            times: 2,
            ..Fault::next("DescribeJobs", FaultKind::Throttle)
        }];
        let jobs = call(Service::Drs, "DescribeJobs", "us-east-1");

        let hits = [0; 4].map(|_| take(&mut faults, &jobs).is_some());
        assert_eq!(hits, [false, true, true, false]);
        assert_eq!(faults, []);
        assert_eq!(take(&mut faults, &jobs), None);
    }

    #[test]
    fn fault_of_one_service_and_region_spares_the_others() {
        let fault = Fault::every("TagResource", FaultKind::Throttle).in_region("eu-west-1");
        let mut faults = vec![Fault {
            service: Some(Service::Efs),
            ..fault
        }];

        for (service, region, hit) in [
            (Service::Drs, "eu-west-1", false),
            (Service::Efs, "us-east-1", false),
            (Service::Efs, "eu-west-1", true),
        ] {
            let request = call(service, "TagResource", region);
            let taken = take(&mut faults, &request);
            assert_eq!(taken.is_some(), hit, "{service:?} {region}");
        }
    }
}
