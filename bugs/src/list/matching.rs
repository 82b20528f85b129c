//! Which resource is meant: names, events of AWS, destinations.

use crate::bug::Bug;

const EFS_KEY: &str = "shared/src/efs/key.rs";
const BOOTSTRAP_DESTINATION: &str = "functions/bootstrap-efs-replication/src/destination.rs";
const BOOTSTRAP_NATIVE: &str = "functions/bootstrap-efs-replication/src/native.rs";
const DISCONNECT_COMMAND: &str = "functions/disconnect-source-server/src/command.rs";
const DISCONNECT_MATCHING: &str = "functions/disconnect-source-server/src/matching.rs";
const DISCONNECT_NATIVE: &str = "functions/disconnect-source-server/src/native.rs";

pub(super) const BUGS: &[Bug] = &[
    // A name decides only where nothing contradicts it.
    Bug {
        name: "the first of several servers with one name is taken",
        file: DISCONNECT_MATCHING,
        from: "_ => Found::Several(matching),",
        to: "(several, _) => Found::One(several[0]),",
    },
    Bug {
        name: "names are compared without regard to case",
        file: DISCONNECT_MATCHING,
        from: "asked.is_some() && asked != read.as_deref()",
        to: "asked.is_some_and(|asked| !read.as_deref().is_some_and(|read| read.eq_ignore_ascii_case(asked)))",
    },
    Bug {
        name: "a name that the server does not report fits",
        file: DISCONNECT_MATCHING,
        from: "asked.is_some() && asked != read.as_deref()",
        to: "asked.is_some() && read.is_some() && asked != read.as_deref()",
    },
    Bug {
        name: "an ARN of another account fits a server",
        file: DISCONNECT_MATCHING,
        from: "arn.filter(|arn| server.arn.as_ref() != Some(*arn)) {",
        to: "arn.filter(|_| server.arn.is_none()) {",
    },
    Bug {
        name: "an instance ID is passed over for a host name",
        file: DISCONNECT_MATCHING,
        from: "if let Some(id) = &target.aws_instance_id {",
        to: "if let Some(id) = target.aws_instance_id.as_ref().filter(|_| target.hostname.is_none()) {",
    },
    // A native event names an account and a Region, and both have to fit.
    Bug {
        name: "a server without an origin fits every native event",
        file: DISCONNECT_MATCHING,
        from: "    if other_account || other_region {",
        to: "    if server.origin_region.is_some() && (other_account || other_region) {",
    },
    Bug {
        name: "the Region of a native event is not compared",
        file: DISCONNECT_MATCHING,
        from: "    if other_account || other_region {",
        to: "    if other_account {",
    },
    Bug {
        name: "the account of a native event is not compared",
        file: DISCONNECT_MATCHING,
        from: "    if other_account || other_region {",
        to: "    if other_region {",
    },
    // Only the end of an instance asks for anything.
    Bug {
        name: "shutting-down asks for a disconnect too",
        file: DISCONNECT_NATIVE,
        from: r#"if detail.state != "terminated" {"#,
        to: r#"if !["shutting-down", "terminated"].contains(&detail.state.as_str()) {"#,
    },
    Bug {
        name: "an event of any source terminates an instance",
        file: DISCONNECT_NATIVE,
        from: r#"event.source == "aws.ec2" && event.detail_type =="#,
        to: "event.detail_type ==",
    },
    Bug {
        name: "the Region of a terminated instance is lost",
        file: DISCONNECT_NATIVE,
        from: "region: event.region.clone(),",
        to: "region: None,",
    },
    Bug {
        name: "a terminated instance asks for a retirement",
        file: DISCONNECT_COMMAND,
        from: "action: Action::Disconnect,",
        to: "action: Action::Retire,",
    },
    Bug {
        name: "a target is read back by its names, not by the server it was",
        file: DISCONNECT_COMMAND,
        from: "target.source_server = Some(id.clone().into());",
        to: "let _unbound = (target, id);",
    },
    // A call to EFS asks for a replica only if it succeeded and named a file system.
    Bug {
        name: "a call that failed asks for a replica",
        file: BOOTSTRAP_NATIVE,
        from: "if let Some(code) = &detail.error_code {",
        to: "if let Some(code) = detail.error_code.as_ref().filter(|code| code.is_null()) {",
    },
    Bug {
        name: "a tagged access point is taken for a file system",
        file: BOOTSTRAP_NATIVE,
        from: r#"id.filter(|id| !id.starts_with("fsap-"))"#,
        to: "id",
    },
    Bug {
        name: "the older call that tags a file system is not heard",
        file: BOOTSTRAP_NATIVE,
        from: r#""TagResource" | "CreateTags" => {"#,
        to: r#""TagResource" => {"#,
    },
    Bug {
        name: "a call to another service asks for a replica",
        file: BOOTSTRAP_NATIVE,
        from: r#"        _ if detail.event_source != "elasticfilesystem.amazonaws.com" => None,
"#,
        to: "",
    },
    // A destination has to agree with itself and with its source.
    Bug {
        name: "a zone may be in another Region than the destination",
        file: BOOTSTRAP_DESTINATION,
        from: "let other = [in_zone, in_arn]",
        to: "let other = [None, in_arn]",
    },
    Bug {
        name: "an ARN may be in another Region than the destination",
        file: BOOTSTRAP_DESTINATION,
        from: "let other = [in_zone, in_arn]",
        to: "let other = [in_zone, None]",
    },
    Bug {
        name: "a KMS key may be in another Region than the replica",
        file: BOOTSTRAP_DESTINATION,
        from: "    if differs(&of_key, &region) {",
        to: "    if false {",
    },
    Bug {
        name: "a file system is replicated onto itself",
        file: BOOTSTRAP_DESTINATION,
        from: "existing.is_some_and(|existing| existing.id == target.source.id)",
        to: "existing.is_some_and(|existing| existing.text() == target.source.text())",
    },
    Bug {
        name: "another account needs no role",
        file: BOOTSTRAP_DESTINATION,
        from: "(true, None) => conflicts.push(Reason::RoleMissing.into()),",
        to: "(true, None) => {}",
    },
    Bug {
        name: "resources are requested in another account",
        file: BOOTSTRAP_DESTINATION,
        from: "conflicts.push(Reason::PartsInAnotherAccount.into());",
        to: "",
    },
    // An existing replication is adopted only if it leads where the request wants it.
    Bug {
        name: "a replication into another account is adopted",
        file: BOOTSTRAP_DESTINATION,
        from: "if owner.is_some_and(|owner| *owner != account) {",
        to: "if owner.is_some_and(|owner| *owner != account) && destination.file_system.is_some() {",
    },
    Bug {
        name: "a replication into another Region is adopted",
        file: BOOTSTRAP_DESTINATION,
        from: "if region.is_some_and(|region| region != replication.destination_region) {",
        to: "if region.is_some_and(|region| region != replication.destination_region)
        && destination.file_system.is_some()
    {",
    },
    Bug {
        name: "any replica serves for a named file system",
        file: BOOTSTRAP_DESTINATION,
        from: "return file_system.id == replication.destination_id;",
        to: "return true;",
    },
    Bug {
        name: "a One Zone replica serves for a regional one",
        file: BOOTSTRAP_DESTINATION,
        from: "replica.availability_zone_name == destination.availability_zone_name",
        to: "destination.availability_zone_name.is_none()
        || replica.availability_zone_name == destination.availability_zone_name",
    },
    Bug {
        name: "a key named by its ID counts as another key",
        file: EFS_KEY,
        from: "false => name(asked) == name(key),",
        to: "false => asked == key,",
    },
    Bug {
        name: "a key named by its alias counts as another key",
        file: EFS_KEY,
        from: "false if name(asked).starts_with(\"alias/\") => Self::Unresolved,",
        to: "false if key.is_empty() => Self::Unresolved,",
    },
    Bug {
        name: "a destination in another account is read by its ID",
        file: BOOTSTRAP_DESTINATION,
        from: "requested.text().to_owned()",
        to: "requested.id.to_string()",
    },
];
