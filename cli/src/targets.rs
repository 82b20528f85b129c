//! The targets of a request, each on a line.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    console::{GOOD, WARN},
    functions::target_names,
};

/// What was observed of a target of a request, if anything was.
pub(crate) fn observed(target: &Value, request: Option<&str>) -> Option<String> {
    let evidence = target.get("evidence").filter(|value| value.is_object())?;

    Some(match evidence.get("stateBefore") {
        Some(Value::String(state)) => server(target, evidence, state, request),
        _ => file_system(target, evidence),
    })
}

fn server(target: &Value, evidence: &Value, state: &str, request: Option<&str>) -> String {
    let id = resource(target, "sourceServerID");
    let name = name(target);
    // A target named by ID needs no repetition of it.
    let found = match name.starts_with(&id) {
        true => name,
        false => format!("{name} is {id}"),
    };

    // Writing to a string cannot fail.
    let mut line = format!("{found}: {state}");
    // What is disconnected holds nothing and replicates no longer.
    if state != "DISCONNECTED" {
        if let Some(bytes) = number(evidence, "replicatedBytes") {
            let _ = write!(line, ", {}", size(bytes));
        }
        if let Some(points) = number(evidence, "recoveryPoints") {
            let _ = write!(line, ", {points} recovery points");
        }
        if let Some(hours) = number(evidence, "replicationHours") {
            let _ = write!(line, ", replicating for {}", hours_in_words(hours));
        }
    }
    if let Some(approved) = text(evidence, "approvedFor") {
        // The approval of another request allows this one nothing.
        let style = if request == Some(approved) {
            GOOD
        } else {
            WARN
        };
        let _ = write!(line, ", {style}approved for {approved}{style:#}");
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
    // A target of a report has the target of the request inside.
    let named = target.get("target").unwrap_or(target);

    // Several names mean that all of them must match.
    let names: Vec<&str> = target_names()
        .filter_map(|name| text(named, name))
        .collect();
    names.join(" + ")
}

/// What an event of AWS is about: an instance and its state, or a file system and the call.
pub(crate) fn named_by_aws(detail: &Value) -> Option<String> {
    if let Some(instance) = text(detail, "instance-id") {
        let state = text(detail, "state").unwrap_or("in an unknown state");
        return Some(format!("{instance}: {state}"));
    }

    // CloudTrail names what a call was about among its parameters, or in its answer.
    let call = text(detail, "eventName")?;
    let parts = ["requestParameters", "responseElements"];
    let file_system = parts.into_iter().find_map(|part| {
        let part = detail.get(part)?;
        text(part, "fileSystemId").or_else(|| text(part, "resourceId"))
    });
    Some(format!("{}: {call}", file_system?))
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
    fn an_event_of_aws_is_told_by_what_it_is_about() {
        let terminated = json!({ "instance-id": "i-1", "state": "terminated" });
        assert_eq!(
            named_by_aws(&terminated).as_deref(),
            Some("i-1: terminated")
        );

        let tagged =
            json!({ "eventName": "TagResource", "requestParameters": { "resourceId": "fs-1" } });
        assert_eq!(named_by_aws(&tagged).as_deref(), Some("fs-1: TagResource"));
        let created = json!({
            "eventName": "CreateFileSystem",
            "requestParameters": { "encrypted": true },
            "responseElements": { "fileSystemId": "fs-2" },
        });
        assert_eq!(
            named_by_aws(&created).as_deref(),
            Some("fs-2: CreateFileSystem")
        );
        assert_eq!(named_by_aws(&json!({ "status": "ok" })), None);
    }

    #[test]
    fn server_is_described_by_what_was_observed() {
        let target = json!({
            "target": { "hostname": "db02" },
            "resource": { "sourceServerID": "s-1" },
            "evidence": { "stateBefore": "CONTINUOUS", "replicatedBytes": 1_u64 << 40 },
        });
        assert_eq!(
            observed(&target, None).as_deref(),
            Some("db02 is s-1: CONTINUOUS, 1 TiB")
        );
    }

    #[test]
    fn only_the_approval_of_this_request_is_good_and_nothing_is_left_of_what_is_disconnected() {
        let target = |state: &str| {
            json!({
                "target": { "hostname": "db02" },
                "resource": { "sourceServerID": "s-1" },
                "evidence": {
                    "stateBefore": state,
                    "replicatedBytes": 0,
                    "replicationHours": 4320,
                    "approvedFor": "CHG1",
                },
            })
        };

        let said = |request| observed(&target("DISCONNECTED"), request).unwrap();
        let by = |style: anstyle::Style| {
            format!("db02 is s-1: DISCONNECTED, {style}approved for CHG1{style:#}")
        };
        assert_eq!(said(Some("CHG1")), by(GOOD));
        assert_eq!(said(Some("CHG2")), by(WARN));
        assert!(
            observed(&target("STALLED"), None)
                .unwrap()
                .contains("replicating for 180 days")
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
            observed(&target(unreplicated), None).as_deref(),
            Some("fs-1, 6 GiB: no replication")
        );
        let enabled = json!({ "statusBefore": "ENABLED" });
        assert_eq!(
            observed(&target(enabled), None).as_deref(),
            Some("fs-1: ENABLED to fs-2 in eu-west-1, not synced yet")
        );
    }
}
