//! The targets of a request, each on a line.

use std::fmt::Write as _;

use serde_json::Value;

use crate::console::GOOD;

/// What was observed of a target, if anything was.
pub(crate) fn observed(target: &Value) -> Option<String> {
    let evidence = target.get("evidence").filter(|value| value.is_object())?;

    Some(match evidence.get("stateBefore") {
        Some(Value::String(state)) => server(target, evidence, state),
        _ => file_system(target, evidence),
    })
}

fn server(target: &Value, evidence: &Value, state: &str) -> String {
    let id = resource(target, "sourceServerID");
    let name = name(target);
    // A target named by ID needs no repetition of it.
    let found = match name.starts_with(&id) {
        true => name,
        false => format!("{name} is {id}"),
    };

    // Writing to a string cannot fail.
    let mut line = format!("{found}: {state}");
    if let Some(bytes) = number(evidence, "replicatedBytes") {
        let _ = write!(line, ", {}", size(bytes));
    }
    if let Some(points) = number(evidence, "recoveryPoints") {
        let _ = write!(line, ", {points} recovery points");
    }
    if let Some(hours) = number(evidence, "replicationHours") {
        let _ = write!(line, ", replicating for {}", hours_in_words(hours));
    }
    if let Some(request) = text(evidence, "approvedFor") {
        let _ = write!(line, ", {GOOD}approved for {request}{GOOD:#}");
    }
    line
}

fn file_system(target: &Value, evidence: &Value) -> String {
    let mut line = name(target);
    if let Some(bytes) = number(evidence, "sourceSizeInBytes") {
        let _ = write!(line, ", {}", size(bytes));
    }

    let Some(status) = text(evidence, "statusBefore") else {
        return line + ": no replication";
    };
    let replica = resource(target, "destinationFileSystemId");
    let region = resource(target, "destinationRegion");
    let _ = write!(line, ": {status} to {replica} in {region}");

    match text(evidence, "lastReplicatedTimestamp") {
        Some(time) => line + &format!(", last synced {time}"),
        None => line + ", not synced yet",
    }
}

/// The names in a target, the most exact first.
pub(crate) fn name(target: &Value) -> String {
    let members = [
        "sourceServerID",
        "awsInstanceID",
        "hostname",
        "fqdn",
        "sourceFileSystemId",
    ];
    // A target of a report has the target of the request inside.
    let named = target.get("target").unwrap_or(target);

    // Several names mean that all of them must match.
    let names: Vec<&str> = members
        .iter()
        .filter_map(|member| text(named, member))
        .collect();
    names.join(" + ")
}

/// Where the replica of a request is to be.
pub(crate) fn place(destination: &Value) -> String {
    let members = ["fileSystemId", "availabilityZoneName", "region"];
    let places: Vec<&str> = members
        .iter()
        .filter_map(|member| text(destination, member))
        .collect();

    places.join(" in ")
}

/// A size in the largest unit of which there is one, with at most one decimal.
fn size(bytes: u64) -> String {
    let mut size = bytes as f64 / 1024.0;
    let mut units = ["KiB", "MiB", "GiB"].into_iter();
    let unit = loop {
        match units.next() {
            Some(unit) if size < 1024.0 => break unit,
            Some(_) => size /= 1024.0,
            None => break "TiB",
        }
    };

    match (size * 10.0).round() / 10.0 {
        whole if whole.fract() == 0.0 => format!("{whole:.0} {unit}"),
        rounded => format!("{rounded:.1} {unit}"),
    }
}

/// Hours, in days once there are two of them.
fn hours_in_words(hours: u64) -> String {
    match hours {
        1 => "1 hour".to_owned(),
        0..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

fn number(value: &Value, member: &str) -> Option<u64> {
    value.get(member)?.as_u64()
}

fn resource(target: &Value, member: &str) -> String {
    let resource = target.get("resource").and_then(|value| text(value, member));
    resource.unwrap_or("null").to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_and_times_have_units_for_people() {
        assert_eq!(size(80 << 30), "80 GiB");
        assert_eq!(size(1 << 40), "1 TiB");
        assert_eq!(size(3 << 39), "1.5 TiB");
        assert_eq!(size(6144), "6 KiB");
        assert_eq!(size(12 << 20), "12 MiB");
        assert_eq!(size(5000 << 40), "5000 TiB");

        assert_eq!(hours_in_words(1), "1 hour");
        assert_eq!(hours_in_words(47), "47 hours");
        assert_eq!(hours_in_words(4320), "180 days");
    }

    #[test]
    fn server_is_described_by_what_was_observed() {
        let target = json!({
            "target": { "hostname": "db02" },
            "resource": { "sourceServerID": "s-1" },
            "evidence": { "stateBefore": "CONTINUOUS", "replicatedBytes": 1_u64 << 40 },
        });
        assert_eq!(
            observed(&target).as_deref(),
            Some("db02 is s-1: CONTINUOUS, 1 TiB")
        );
    }

    #[test]
    fn file_system_is_described_by_its_replication() {
        let target = |evidence: Value| {
            json!({
                "target": { "sourceFileSystemId": "fs-1" },
                "resource": { "destinationFileSystemId": "fs-2", "destinationRegion": "eu-west-1" },
                "evidence": evidence,
            })
        };

        let unreplicated = json!({ "sourceSizeInBytes": 6_u64 << 30 });
        assert_eq!(
            observed(&target(unreplicated)).as_deref(),
            Some("fs-1, 6 GiB: no replication")
        );
        let enabled = json!({ "statusBefore": "ENABLED" });
        assert_eq!(
            observed(&target(enabled)).as_deref(),
            Some("fs-1: ENABLED to fs-2 in eu-west-1, not synced yet")
        );
    }
}
