//! All services, and what is done for each of them.

use crate::{
    aws::{
        call::{ApiResult, Request, Service},
        constraints,
    },
    definition::Definition,
    drs, efs,
    fault::{Fault, FaultKind},
    known, tagging,
    world::World,
};

/// The definition of a service. A new service is a folder and a line here.
pub(crate) fn definition(service: Service) -> &'static Definition {
    match service {
        Service::Drs => &drs::service::DEFINITION,
        Service::Efs => &efs::service::DEFINITION,
        Service::Tagging => &tagging::service::DEFINITION,
    }
}

/// The service that a signature names.
pub(crate) fn signed_for(signing_name: &str) -> Option<&'static Definition> {
    let mut definitions = Service::ALL.into_iter().map(definition);
    definitions.find(|definition| definition.signing_name == signing_name)
}

/// Answers a call.
pub(crate) fn answer(world: &mut World, request: &Request) -> ApiResult {
    if let Some(known) = &world.known {
        let changes = request.service.changes(&request.operation);
        known::check(known, request, changes, |owner, id| {
            owner == world.account || world.efs.find(&request.region, id).is_some()
        })?;
    }

    let context = world.context(&request.region);
    (definition(request.service).answer)(world, &context, request)
}

impl Service {
    /// The operation of a request with a REST path; `None` if it is not emulated.
    #[must_use]
    pub fn route(self, method: &str, path: &str) -> Option<&'static str> {
        (definition(self).route)(method, path, None)
    }

    /// Whether an operation is emulated.
    #[must_use]
    pub fn emulates(self, operation: &str) -> bool {
        (definition(self).changes)(operation).is_some()
    }

    /// Whether an operation can change anything.
    #[must_use]
    pub fn changes(self, operation: &str) -> bool {
        (definition(self).changes)(operation) == Some(true)
    }
}

/// Whether the service model gives an operation pages.
pub(crate) fn has_pages(service: Service, operation: &str) -> bool {
    // The token is a member of the request in the model of every list with pages.
    let (token, _) = (definition(service).tokens)(operation);
    constraints::takes(service, operation, token)
}

impl Fault {
    /// Checks a fault from a file or from the port.
    ///
    /// # Errors
    ///
    /// A sentence, if the operation is not emulated, if the kind does not suit it, if the Region
    /// lacks the service, or if no call would meet the fault.
    pub fn check(&self) -> Result<(), String> {
        let Self {
            operation, kind, ..
        } = self;

        // Without a service, the fault is for every service that has the operation.
        let serving = || {
            Service::ALL
                .into_iter()
                .filter(|service| self.service.is_none_or(|only| only == *service))
                .filter_map(|service| {
                    let changes = (definition(service).changes)(operation)?;
                    Some((service, changes))
                })
        };
        let Some((service, changes)) = serving().next() else {
            return Err(format!(
                "there is a fault for `{operation}`, which is not an emulated operation"
            ));
        };

        // A stale answer to a change makes no sense.
        if kind.is_of_lists() && changes {
            return Err(format!(
                "{kind:?} is a fault for lists only, and {operation} is not a list"
            ));
        }
        if *kind == FaultKind::RepeatedPageToken {
            // Every operation that could meet the fault needs pages.
            let without_pages = serving().find(|(service, _)| !has_pages(*service, operation));
            if let Some((service, _)) = without_pages {
                return Err(format!(
                    "{kind:?} is a fault for lists with pages only, and {operation} of {service:?} \
                     has no pages"
                ));
            }
        }
        // A Region that does not exist has no services either.
        if let Some(region) = &self.region
            && !constraints::is_in(service, region)
        {
            return Err(format!(
                "there is a fault of {operation} in {region}, where {service:?} is not available"
            ));
        }

        match self.times {
            0 => Err(format!("the fault of {operation} is for no call")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn definition_names_its_service_as_signatures_do() {
        for service in Service::ALL {
            let definition = definition(service);
            assert_eq!(definition.service, service);
            assert_eq!(json!(service), definition.signing_name);
        }
    }

    #[test]
    fn page_token_can_be_repeated_only_for_lists_with_pages() {
        let fault = |operation, service| Fault {
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
            let checked = fault(operation, service).check();
            assert_eq!(checked.is_ok(), ok, "{operation} {service:?}");
        }
    }
}
