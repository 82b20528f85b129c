//! The table of operations that each service has, and the routes of those with REST paths.

use crate::aws::{
    call::{ApiResult, Request, percent_decode},
    context::Context,
    error::ApiError,
};

/// An operation of a service whose resources are an `M`.
pub(crate) struct Operation<M> {
    /// The name in the API.
    pub(crate) name: &'static str,
    /// The HTTP method.
    pub(crate) method: &'static str,
    /// The path. `{Member}` is a segment that carries a member of the input, and `{Member+}` is
    /// the rest of the path.
    pub(crate) path: &'static str,
    /// Whether it can change anything.
    pub(crate) changes: bool,
    /// What answers it.
    pub(crate) handler: Handler<M>,
}

/// An operation that reads.
pub(crate) const fn reads<M>(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    handler: Handler<M>,
) -> Operation<M> {
    Operation {
        name,
        method,
        path,
        changes: false,
        handler,
    }
}

/// An operation that can change something.
pub(crate) const fn changes<M>(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    handler: Handler<M>,
) -> Operation<M> {
    Operation {
        changes: true,
        ..reads(name, method, path, handler)
    }
}

/// What answers a call, from the resources of its service.
pub(crate) type Handler<M> = fn(&mut M, &Context, &Request) -> ApiResult;

/// The members of a call that its path carries.
pub(crate) type PathMembers = Vec<(&'static str, String)>;

/// The operation with a name.
pub(crate) fn find<M>(
    operations: &'static [Operation<M>],
    name: &str,
) -> Option<&'static Operation<M>> {
    operations.iter().find(|operation| operation.name == name)
}

/// The operation that a method and a path lead to.
pub(crate) fn route<M>(
    operations: &'static [Operation<M>],
    method: &str,
    path: &str,
) -> Option<&'static str> {
    // Several operations share a path and differ in the method.
    let mut candidates = operations
        .iter()
        .filter(|operation| operation.method == method);

    candidates
        .find(|operation| path_members(operation.path, path).is_some())
        .map(|operation| operation.name)
}

/// The members that the path of a call to an operation carries.
pub(crate) fn bind<M>(operations: &'static [Operation<M>], name: &str, path: &str) -> PathMembers {
    find(operations, name)
        .and_then(|operation| path_members(operation.path, path))
        .unwrap_or_default()
}

/// Answers a call.
pub(crate) fn answer<M>(
    operations: &'static [Operation<M>],
    model: &mut M,
    context: &Context,
    request: &Request,
) -> ApiResult {
    match find(operations, &request.operation) {
        Some(operation) => (operation.handler)(model, context, request),
        None => {
            let message = format!("{} is not emulated", request.operation);
            Err(ApiError::internal(message))
        }
    }
}

/// The members in a path; `None` if it does not match the template.
fn path_members(template: &'static str, path: &str) -> Option<PathMembers> {
    let mut members = Vec::new();
    let mut rest = path;
    let mut wanted = template.split('/').peekable();

    while let Some(part) = wanted.next() {
        // A part is a name in braces, or a literal.
        let parameter = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'));

        // A greedy parameter takes slashes too, such as those of an ARN.
        if let Some(name) = parameter.and_then(|name| name.strip_suffix('+')) {
            members.push((name, percent_decode(rest)));
            return Some(members);
        }

        let (segment, after) = match rest.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (rest, None),
        };
        match parameter {
            // An empty segment would name a resource without an ID.
            Some(name) if !segment.is_empty() => members.push((name, percent_decode(segment))),
            None if part == segment => {}
            _ => return None,
        }

        // Both end together, or they do not match.
        match (after, wanted.peek()) {
            (Some(after), Some(_)) => rest = after,
            (None, None) => return Some(members),
            _ => return None,
        }
    }

    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_matches_template_segment_by_segment() {
        let policy = "/2015-02-01/file-systems/{FileSystemId}/policy";
        let id = || ("FileSystemId", "fs-1".to_owned());

        assert_eq!(
            path_members(policy, "/2015-02-01/file-systems/fs-1/policy"),
            Some(vec![id()])
        );
        for other in [
            "/2015-02-01/file-systems/fs-1",
            "/2015-02-01/file-systems/fs-1/policy/more",
            "/2015-02-01/file-systems//policy",
            "/2015-02-01/file-systems/fs-1/policy/",
            "2015-02-01/file-systems/fs-1/policy",
        ] {
            assert_eq!(path_members(policy, other), None, "{other}");
        }
    }

    #[test]
    fn greedy_parameter_takes_the_rest_of_the_path() {
        let tags = "/tags/{resourceArn+}";

        for path in ["/tags/arn:a%2Fb", "/tags/arn:a/b"] {
            let members = path_members(tags, path).unwrap();
            assert_eq!(members, [("resourceArn", "arn:a/b".to_owned())]);
        }
        assert_eq!(path_members(tags, "/tags"), None);
    }
}
