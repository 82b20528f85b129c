//! The facts behind each reason: which limit and by how much, which instance, job or other server.

use serde_json::Value;
use shared::{
    Grounds,
    drs::{AccountSize, Leftovers, Server, ServerInJob, State},
    units,
};

use crate::{
    command::Action,
    policy::{Policy, share_base},
    reason::Reason,
};

/// How many IDs a reason names.
const NAMED: usize = 10;

pub(crate) fn other_instance(server: &Server) -> Grounds<Reason> {
    // An instance ID is AWS's own name, which anybody may read.
    let grounds = Grounds::new(Reason::AwsInstanceIdMismatch);

    match &server.aws_instance_id {
        Some(id) => grounds
            .detail(id.as_str())
            .fact("awsInstanceID", id.as_str()),
        None => grounds.detail("none"),
    }
}

pub(crate) fn other_origin(server: &Server) -> Grounds<Reason> {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let (account, region) = (
        known(&server.origin_account_id),
        known(&server.origin_region),
    );

    Grounds::new(Reason::OriginMismatch)
        .detail(format!("{account} in {region}"))
        .fact("originAccountID", account)
        .fact("originRegion", region)
}

/// An account, as the event says it, whose machines the deployment does not accept.
pub(crate) fn origin_not_allowed(account: &str) -> Grounds<Reason> {
    Grounds::new(Reason::OriginNotAllowed)
        .detail(account)
        .fact("originAccountID", account)
}

pub(crate) fn ambiguous(servers: &[&Server]) -> Grounds<Reason> {
    // Whoever sent the request can name one of these by its ID.
    let ids = servers.iter().map(|server| server.id.to_string());

    listing(Grounds::new(Reason::Ambiguous), "sourceServerIDs", ids)
}

/// A machine that was seen so many seconds after its end, as the event says it.
pub(crate) fn seen_after_end(seconds: u64) -> Grounds<Reason> {
    // When it was seen is in the evidence.
    let span = units::seconds(seconds);

    Grounds::new(Reason::AgentAlive)
        .detail(format!(
            "seen {span} after the event says that it was terminated"
        ))
        .fact("secondsAfterTermination", seconds)
}

/// An agent that was seen within the time of silence which the deployment asks for.
pub(crate) fn not_silent(seconds: Option<u64>, required: u64) -> Grounds<Reason> {
    let seen = match seconds {
        Some(seconds) => format!("seen {} ago", units::seconds(seconds)),
        None => "DRS does not say when it was seen".to_owned(),
    };

    Grounds::new(Reason::AgentAlive)
        .detail(format!(
            "{seen}, {} of silence are required",
            units::seconds(required * 60)
        ))
        .fact("agentSilentSeconds", seconds)
        .fact("limit", required)
        .fact("variable", "REQUIRE_SILENT_MINUTES")
}

pub(crate) fn delete_not_allowed() -> Grounds<Reason> {
    Grounds::new(Reason::DeleteNotAllowed).fact("variable", "ALLOW_DELETE")
}

pub(crate) fn not_disconnected(server: &Server) -> Grounds<Reason> {
    let state = match &server.state {
        State::Connected(name) => name.as_str(),
        State::Disconnected | State::Unknown => "unknown",
    };

    Grounds::new(Reason::NotDisconnected)
        .detail(format!("it is {state}"))
        .fact("dataReplicationState", state)
}

/// What DRS still shows of a staging area; `None` is what was not read.
pub(crate) fn left_over(reason: Reason, leftovers: Option<&Leftovers>) -> Grounds<Reason> {
    let grounds = Grounds::new(reason);
    let Some(leftovers) = leftovers else {
        return grounds;
    };

    grounds
        .detail(leftovers.words())
        .fact("disks", leftovers.disks)
        .fact("lag", leftovers.lag)
        .fact("recoveryPoints", leftovers.recovery_points)
}

/// The member of the record that this program does not understand.
pub(crate) fn unknown(member: &str) -> Grounds<Reason> {
    Grounds::new(Reason::UnknownState)
        .detail(member)
        .fact("member", member)
}

pub(crate) fn extended(reason: Reason, server: &Server) -> Grounds<Reason> {
    let grounds = Grounds::new(reason);

    match &server.extended_from {
        Some(arn) => grounds
            .detail(arn.as_str())
            .fact("stagingSourceServerArn", arn.as_str()),
        None => grounds,
    }
}

pub(crate) fn reversed(server: &Server) -> Grounds<Reason> {
    let grounds = Grounds::new(Reason::ReversedPair);

    match &server.reversed_by {
        Some(arn) => grounds
            .detail(arn.as_str())
            .fact("reversedDirectionSourceServerArn", arn.as_str()),
        None => grounds,
    }
}

pub(crate) fn launched<'a>(
    reason: Reason,
    instances: impl Iterator<Item = &'a String>,
) -> Grounds<Reason> {
    let mut ids: Vec<String> = instances.cloned().collect();
    // The record and the list may name the same one.
    ids.sort();
    ids.dedup();

    listing(Grounds::new(reason), "recoveryInstanceIDs", ids.into_iter())
}

pub(crate) fn in_job(job: &ServerInJob) -> Grounds<Reason> {
    let grounds = Grounds::new(Reason::JobRunning);

    match &job.job_id {
        Some(id) => grounds.detail(id.as_str()).fact("jobID", id.as_str()),
        None => grounds,
    }
}

/// The share of the account that a request would change, and the one that is allowed.
pub(crate) fn over_share(
    changes: usize,
    action: Action,
    account: AccountSize,
    policy: &Policy,
) -> Grounds<Reason> {
    let servers = share_base(action, account);
    let counted = match action {
        Action::Disconnect | Action::Retire => "connected servers",
        Action::Delete | Action::Verify => "records",
    };
    // To one decimal, rounded up: what is over the limit never looks like the limit.
    let tenths = (changes * 1000).div_ceil(servers.max(1));
    let percent = match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    };

    let allowed = policy.max_share_percent;
    Grounds::new(Reason::OverMaxShare)
        .detail(format!(
            "{changes} of {servers} {counted} are {percent} %, allowed {allowed} %"
        ))
        .fact("changes", changes)
        .fact("servers", servers)
        .fact("maxSharePercent", allowed)
        .fact("allowed", policy.allowed_changes(action, account))
}

/// The first of these IDs, and how many there are.
fn listing(
    grounds: Grounds<Reason>,
    name: &str,
    ids: impl Iterator<Item = String>,
) -> Grounds<Reason> {
    let mut ids: Vec<String> = ids.collect();
    let count = ids.len();
    // A report has to fit what carries it.
    ids.truncate(NAMED);
    if ids.is_empty() {
        return grounds;
    }

    let mut detail = ids.join(", ");
    if count > ids.len() {
        detail += &format!(" and {} more", count - ids.len());
    }
    let ids: Vec<Value> = ids.into_iter().map(Value::from).collect();
    grounds.detail(detail).fact(name, ids).fact("count", count)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{id, policy, server};

    #[test]
    fn a_share_is_told_with_its_figures() {
        let account = AccountSize {
            records: 50,
            connected: 37,
        };
        let over = |changes, action| over_share(changes, action, account, &policy());

        let disconnect = over(4, Action::Disconnect);
        let detail = "4 of 37 connected servers are 10.9 %, allowed 10 %";
        assert_eq!(disconnect.detail.as_deref(), Some(detail));
        let facts = json!({ "changes": 4, "servers": 37, "maxSharePercent": 10, "allowed": 3 });
        assert_eq!(json!(disconnect.facts), facts);

        let delete = over(6, Action::Delete).detail.unwrap();
        assert_eq!(delete, "6 of 50 records are 12 %, allowed 10 %");
    }

    #[test]
    fn of_many_ids_the_first_are_named_and_all_are_counted() {
        let servers: Vec<Server> = (1..=12).map(server).collect();
        let found = ambiguous(&servers.iter().collect::<Vec<_>>());

        assert_eq!(found.facts["count"], 12);
        assert_eq!(found.facts["sourceServerIDs"].as_array().unwrap().len(), 10);
        let detail = found.detail.unwrap();
        assert!(detail.starts_with(id(1).as_ref()) && detail.ends_with(" and 2 more"));
    }

    #[test]
    fn what_is_left_is_told_part_by_part() {
        let leftovers = Leftovers {
            disks: 2,
            lag: false,
            recovery_points: 37,
        };
        let left = left_over(Reason::StagingLeft, Some(&leftovers));

        assert_eq!(left.detail.as_deref(), Some("2 disks, 37 recovery points"));
        let facts = json!({ "disks": 2, "lag": false, "recoveryPoints": 37 });
        assert_eq!(json!(left.facts), facts);
        // What was not read has no figures.
        let unread = left_over(Reason::CleanupPending, None);
        assert_eq!((unread.detail, json!(unread.facts)), (None, json!({})));
    }

    #[test]
    fn an_instance_that_the_record_and_the_list_name_is_told_once() {
        let ids = ["i-2".to_owned(), "i-1".to_owned(), "i-2".to_owned()];
        let found = launched(Reason::DrillInstancePresent, ids.iter());

        assert_eq!(found.facts["recoveryInstanceIDs"], json!(["i-1", "i-2"]));
    }
}
