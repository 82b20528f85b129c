//! Faults to order: what a call to come will meet instead of a plain answer.

use serde::{Deserialize, Serialize};

use crate::{
    aws::call::{Request, Service},
    aws::constraints,
};

/// One kind of trouble for some calls of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fault {
    /// The API's name of the operation.
    pub operation: String,
    /// Whose operation it is; without it, that of any service that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// In which Region; without it, in any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What happens.
    pub kind: FaultKind,
    /// How many calls pass before it.
    #[serde(default)]
    pub skip: u32,
    /// How many calls meet it.
    #[serde(default = "once")]
    pub times: u32,
}

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// ThrottlingException, with the status that the service has for it: 429 of DRS, 400 of EFS.
    Throttle,
    /// 500 InternalServerException, or what the service calls it.
    InternalError,
    /// 503 without a body, as a load balancer answers.
    Unavailable,
    /// 403 AccessDeniedException, as IAM answers.
    AccessDenied,
    /// 403 ExpiredTokenException.
    ExpiredToken,
    /// The connection breaks before the call has an effect.
    ResetBefore,
    /// The connection breaks after the call had its effect.
    ResetAfter,
    /// No answer ever comes, and the call has no effect.
    HangBefore,
    /// No answer ever comes, but the call had its effect.
    HangAfter,
    /// The connection breaks, and the call has its effect half a minute later.
    LateEffect,
    /// The call has its effect, and its answer is cut off in the middle.
    Truncated,
    /// The call has its effect, and its answer takes four seconds.
    Slow,
    /// 400 with a code that no model has.
    UnknownError,
    /// The answer is from before the last change.
    StaleRead,
    /// The answer is of now, but its tags are from before the last change.
    StaleTags,
    /// The answer repeats the page token of the request before.
    RepeatedPageToken,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Throttle,
        Self::InternalError,
        Self::Unavailable,
        Self::AccessDenied,
        Self::ExpiredToken,
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

    /// Whether it can be ordered for lists only.
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
    /// Checks an order as it came from a file or over the port.
    ///
    /// # Errors
    ///
    /// A sentence for an operation that nobody serves, a kind that does not fit it, a Region
    /// without the service, or no calls at all.
    pub fn check(&self) -> Result<(), String> {
        let Self {
            operation,
            kind,
            times,
            ..
        } = self;
        let mut serving = Service::ALL
            .into_iter()
            .filter(|service| self.service.is_none_or(|of| of == *service));
        let Some(service) = serving.find(|service| service.serves(operation)) else {
            return Err(format!(
                "a fault is ordered for `{operation}`, which is not an operation that is served"
            ));
        };
        if kind.is_of_lists() && service.changes(operation) {
            return Err(format!(
                "{kind:?} can be ordered for lists only, and {operation} is none"
            ));
        }
        let meets =
            |of: &Service| self.service.is_none_or(|only| only == *of) && of.serves(operation);
        let mut meeting = Service::ALL.into_iter().filter(meets);
        if *kind == FaultKind::RepeatedPageToken
            && let Some(service) = meeting.find(|of| !of.has_pages(operation))
        {
            return Err(format!(
                "{kind:?} can be ordered for lists with pages only, and {operation} of {service:?} has none"
            ));
        }
        if let Some(region) = self
            .region
            .as_ref()
            .filter(|region| !constraints::is_in(service, region))
        {
            return Err(format!(
                "a fault of {operation} is ordered for {region}, where no call can meet it"
            ));
        }
        if *times == 0 {
            Err(format!("a fault of {operation} is ordered for no call"))
        } else {
            Ok(())
        }
    }

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

    /// A fault for all calls of an operation that may come.
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
        self.operation == request.operation
            && self
                .service
                .is_none_or(|service| service == request.service)
            && self
                .region
                .as_ref()
                .is_none_or(|region| *region == request.region)
    }
}

/// Takes the fault that a call meets, if there is one.
pub(crate) fn take(faults: &mut Vec<Fault>, request: &Request) -> Option<FaultKind> {
    let at = faults.iter().position(|fault| fault.is_for(request))?;
    let fault = faults.get_mut(at)?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    let kind = fault.kind;
    if fault.times != u32::MAX {
        fault.times = fault.times.saturating_sub(1);
    }
    if fault.times == 0 {
        faults.remove(at);
    }
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{drs::model::SourceServer, world::World};

    fn call(service: Service, operation: &str, region: &str) -> Request {
        let (operation, region) = (operation.to_owned(), region.to_owned());
        Request {
            service,
            operation,
            region,
            input: serde_json::json!({}),
        }
    }

    #[test]
    fn a_fault_is_met_by_as_many_calls_as_were_ordered() {
        let mut faults = vec![Fault {
            skip: 1,
            times: 2,
            ..Fault::next("DescribeJobs", FaultKind::Throttle)
        }];
        let jobs = call(Service::Drs, "DescribeJobs", "us-east-1");
        let met: Vec<bool> = (0..4).map(|_| take(&mut faults, &jobs).is_some()).collect();
        assert_eq!(met, [false, true, true, false]);
        assert_eq!(faults, []);
        assert_eq!(take(&mut faults, &jobs), None);
    }

    #[test]
    fn a_page_token_is_repeated_only_where_there_are_pages() {
        let order = |operation: &str, service| Fault {
            service,
            ..Fault::next(operation, FaultKind::RepeatedPageToken)
        };
        for (operation, service, ok) in [
            ("DescribeSourceServers", None, true),
            ("DescribeMountTargets", None, true),
            ("ListTagsForResource", Some(Service::Efs), true),
            ("ListTagsForResource", Some(Service::Drs), false),
            ("ListTagsForResource", None, false),
            ("GetReplicationConfiguration", None, false),
            ("DescribeLifecycleConfiguration", None, false),
        ] {
            assert_eq!(
                order(operation, service).check().is_ok(),
                ok,
                "{operation} {service:?}"
            );
        }
    }

    #[test]
    fn stale_tags_are_those_from_before_the_last_change_and_nothing_else_is() {
        let id = "s-00000000000000001";
        let mut before = World::with([SourceServer::new(id).tagged("a", "1")]);
        let mut now = before.clone();
        now.server(id).unwrap().tags.clear();
        now.server(id).unwrap().data_replication_state = "DISCONNECTED".to_owned();
        let mut seen = now.with_tags_of(&before);
        assert_eq!(
            seen.server(id).unwrap().tags,
            before.server(id).unwrap().tags
        );
        assert!(seen.server(id).unwrap().is_disconnected());
    }

    #[test]
    fn a_fault_of_one_service_and_region_spares_the_others() {
        let fault = Fault::every("TagResource", FaultKind::Throttle).in_region("eu-west-1");
        let mut faults = vec![Fault {
            service: Some(Service::Efs),
            ..fault
        }];
        for (service, region, met) in [
            (Service::Drs, "eu-west-1", false),
            (Service::Efs, "us-east-1", false),
            (Service::Efs, "eu-west-1", true),
        ] {
            assert_eq!(
                take(&mut faults, &call(service, "TagResource", region)).is_some(),
                met,
                "{service:?} {region}"
            );
        }
    }
}
