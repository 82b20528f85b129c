//! Which source server a target is. Names are compared byte by byte.

use shared::{Grounds, drs::Server};

use crate::{command::Target, grounds, reason::Reason};

/// The result of looking for a target among servers.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// No server has the name.
    Nothing,
    /// Exactly one does.
    One(&'a Server),
    /// More than one does, and nothing else decides between them.
    Several(Vec<&'a Server>),
}

/// Looks for a target by its most exact name, and among several servers with that name by all the
/// others.
#[must_use]
pub fn find<'a>(target: &Target, servers: &'a [Server]) -> Found<'a> {
    let named: Vec<&Server> = servers
        .iter()
        .filter(|server| has_name(target, server))
        .collect();
    let matching: Vec<&Server> = named
        .iter()
        .copied()
        .filter(|server| mismatches(target, server).is_empty())
        .collect();

    // The other names only decide between servers that share the most exact one.
    match (named.as_slice(), matching.as_slice()) {
        ([], _) => Found::Nothing,
        // A single server that another name contradicts is found too: the mismatch is the refusal.
        ([only], _) | (_, [only]) => Found::One(only),
        (_, []) => Found::Several(named),
        _ => Found::Several(matching),
    }
}

/// Every server that a target turned out to be, once.
#[must_use]
pub fn matched<'a>(targets: &[Target], servers: &'a [Server]) -> Vec<&'a Server> {
    let mut matched: Vec<&Server> = Vec::new();

    for target in targets {
        if let Found::One(server) = find(target, servers)
            && !matched.iter().any(|known| known.id == server.id)
        {
            matched.push(server);
        }
    }

    // The order of the calls must not depend on the order of the targets.
    matched.sort_by(|left, right| left.id.cmp(&right.id));
    matched
}

/// Whether a server has the most exact name of a target.
#[must_use]
pub fn has_name(target: &Target, server: &Server) -> bool {
    // From the most exact name to the least: an ID is unique, a host name often is not.
    if let Some(source_server) = &target.source_server {
        return source_server.id == server.id;
    }
    if let Some(id) = &target.aws_instance_id {
        return server.aws_instance_id.as_deref() == Some(id.as_ref());
    }
    if let Some(fqdn) = &target.fqdn {
        return server.fqdn.as_deref() == Some(fqdn.as_ref());
    }

    let hostname = target.hostname.as_ref().map(AsRef::as_ref);
    hostname.is_some() && hostname == server.hostname.as_deref()
}

/// Every name of the target that the server does not have. Host names of AWS's answer stay out of
/// the facts.
#[must_use]
pub fn mismatches(target: &Target, server: &Server) -> Vec<Grounds<Reason>> {
    let differs = |asked: Option<&str>, read: &Option<String>| {
        // A name that the request leaves out matches every server.
        asked.is_some() && asked != read.as_deref()
    };
    let mut mismatches = Vec::new();

    let arn = target
        .source_server
        .as_ref()
        .and_then(|source_server| source_server.arn.as_ref());
    if let Some(arn) = arn.filter(|arn| server.arn.as_ref() != Some(*arn)) {
        // An ARN says where the server is, and names no host.
        let mismatch = Grounds::new(Reason::ArnMismatch);
        mismatches.push(mismatch.other_arn(arn, server.arn.as_ref()));
    }

    let instance = target.aws_instance_id.as_ref().map(AsRef::as_ref);
    if differs(instance, &server.aws_instance_id) {
        mismatches.push(grounds::other_instance(server));
    }
    let hostname = target.hostname.as_ref().map(AsRef::as_ref);
    if differs(hostname, &server.hostname) {
        mismatches.push(Reason::HostnameMismatch.into());
    }
    let fqdn = target.fqdn.as_ref().map(AsRef::as_ref);
    if differs(fqdn, &server.fqdn) {
        mismatches.push(Reason::FqdnMismatch.into());
    }

    // A native event claims where the instance was; a server of unknown origin is not taken for it.
    let other_account = differs(
        target.origin_account_id.as_deref(),
        &server.origin_account_id,
    );
    let other_region = differs(target.origin_region.as_deref(), &server.origin_region);
    if other_account || other_region {
        mismatches.push(grounds::other_origin(server));
    }

    mismatches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{by_hostname, by_id, id, server};

    #[test]
    fn a_server_is_found_by_any_of_its_names_alone() {
        let servers = [server(1), server(2)];
        let named = |change: fn(&mut Target)| {
            let mut target = Target::default();
            change(&mut target);
            target
        };
        for target in [
            by_id(2),
            named(|target| target.aws_instance_id = format!("i-{:017}", 2).try_into().ok()),
            named(|target| target.fqdn = "host2.example.com".to_owned().try_into().ok()),
            by_hostname("host2"),
        ] {
            assert_eq!(
                find(&target, &servers),
                Found::One(&servers[1]),
                "{target:?}"
            );
        }
        assert_eq!(
            find(&by_hostname("host2.example.com"), &servers),
            Found::Nothing
        );
    }

    #[test]
    fn a_server_that_two_targets_name_is_matched_once() {
        let servers = [server(2), server(1)];
        let targets = [by_id(2), by_hostname("host2"), by_id(1), by_id(3)];

        let matched: Vec<_> = matched(&targets, &servers)
            .into_iter()
            .map(|server| server.id.clone())
            .collect();
        assert_eq!(matched, [id(1), id(2)]);
    }
}
