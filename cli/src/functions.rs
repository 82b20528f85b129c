//! What the command knows of each function: its name, and which events it reads.

use anyhow::{Result, anyhow, bail};
use chrono::{DateTime, Utc};
use emulator::Binaries;
use serde_json::Value;
use shared::{Inbound, Message, Rejection, RejectionCode, envelope};

use crate::find::reports_in;

/// How many letters may be wrong in a word that is taken for another.
const SLIPS: usize = 3;

/// A function, and how it reads a message.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The `detail-type` of its requests.
    detail_type: &'static str,
    /// The source of the events of AWS that it reads.
    native_source: &'static str,
    /// The names by which its requests call a target.
    names: &'static [&'static str],
    read: fn(&Message, DateTime<Utc>) -> Result<(), Rejection>,
}

/// Every function that is started by an event.
pub(crate) static FUNCTIONS: [Function; 4] = [
    Function {
        name: "disconnect-source-server",
        detail_type: disconnect_source_server::command::DETAIL_TYPE,
        native_source: "aws.ec2",
        names: &["sourceServerID", "awsInstanceID", "hostname", "fqdn"],
        read: |message, now| disconnect_source_server::Command::parse(message, now).map(drop),
    },
    Function {
        name: "bootstrap-efs-replication",
        detail_type: bootstrap_efs_replication::command::DETAIL_TYPE,
        native_source: "aws.elasticfilesystem",
        names: &["sourceFileSystemId"],
        read: |message, now| bootstrap_efs_replication::Command::parse(message, now).map(drop),
    },
    Function {
        name: "audit-source-servers",
        detail_type: audit_source_servers::command::DETAIL_TYPE,
        native_source: "aws.drs",
        // Its requests have no targets.
        names: &[],
        read: |message, _| audit_source_servers::Command::parse(message).map(drop),
    },
    Function {
        name: "audit-file-systems",
        detail_type: audit_file_systems::command::DETAIL_TYPE,
        // No event of AWS asks for it: those of EFS ask for replicas.
        native_source: "",
        names: &[],
        read: |message, _| audit_file_systems::Command::parse(message).map(drop),
    },
];

impl Function {
    /// What the function says of a message: that it is a request, or why not.
    pub(crate) fn read(&self, message: &Message, now: DateTime<Utc>) -> Result<(), Rejection> {
        let said = (self.read)(message, now);

        // By another kind no rule finds an event, and the bus drops it without a word.
        said.map_err(|rejection| match meant_kind(message) {
            Some(kind) => Rejection {
                message: format!("{rejection}; is its detail-type to be `{kind}`?"),
                ..rejection
            },
            None => rejection,
        })
    }

    /// Whether a message that the function may reject was meant for it all the same.
    fn is_meant(&self, message: &Message) -> bool {
        let request = match message {
            Message::Bare(request) => request,
            Message::Event(event) => {
                let is_own = is_alike(&event.detail_type, self.detail_type);
                return is_own || event.source == self.native_source;
            }
        };

        // A bare request does not say for whom it is, but for its targets.
        let request: Value = serde_json::from_str(request).unwrap_or_default();
        let targets = request.get("targets").and_then(Value::as_array);
        let mut targets = targets.into_iter().flatten();
        targets.any(|target| self.names.iter().any(|name| target.get(name).is_some()))
    }
}

/// The names by which the requests of all functions call their targets, the most exact first.
pub(crate) fn target_names() -> impl Iterator<Item = &'static str> {
    let names = FUNCTIONS.iter().flat_map(|function| function.names);

    names.copied()
}

/// The messages in an event, or why one cannot be read.
pub(crate) fn messages(event: &str) -> Vec<Result<Message, Rejection>> {
    match envelope::open(event) {
        Inbound::One(message) => vec![message],
        Inbound::Sns(messages) => messages,
        Inbound::Sqs(deliveries) => deliveries.into_iter().map(|it| it.message).collect(),
    }
}

/// What the function that a message is for says of it, and which one that is, if it is for any.
pub(crate) fn read(
    message: &Message,
    now: DateTime<Utc>,
) -> (Option<&'static Function>, Result<(), Rejection>) {
    let mut functions = FUNCTIONS.iter();
    if let Some(function) = functions.find(|function| function.read(message, now).is_ok()) {
        return (Some(function), Ok(()));
    }

    // Of one that nobody reads, the function for which it was meant knows why.
    if let Some(function) = FUNCTIONS.iter().find(|function| function.is_meant(message)) {
        return (Some(function), function.read(message, now));
    }
    let why = match message {
        Message::Event(event) => {
            format!(
                "no function handles `{}` from `{}`",
                event.detail_type, event.source
            )
        }
        Message::Bare(text) if !reports_in(text).is_empty() => {
            "this is a report, not a request: `drover show` shows it, and what it asks for next is \
             its nextRequest"
                .to_owned()
        }
        Message::Bare(_) => {
            let names: Vec<&str> = target_names().collect();
            format!("no target is named by any of {}", names.join(", "))
        }
    };
    (
        None,
        Err(Rejection::new(RejectionCode::UnsupportedEvent, why)),
    )
}

/// What the command knows of the function with a name.
///
/// # Errors
///
/// When there is none, with the names that there are.
pub(crate) fn known(name: &str) -> Result<&'static Function> {
    let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    let mut functions = FUNCTIONS.iter();

    let found = functions.find(|function| function.name == name);
    found.ok_or_else(|| no_function(name, &names))
}

/// The function with a name that can be built.
///
/// # Errors
///
/// When there is none, with the names that there are.
pub(crate) fn named(binaries: &Binaries, name: &str) -> Result<String> {
    if !binaries.have(name) {
        let names = binaries.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(no_function(name, &names));
    }
    Ok(name.to_owned())
}

fn no_function(name: &str, names: &[&str]) -> anyhow::Error {
    let meant = match closest(name, names.iter().copied()) {
        Some(known) => format!(" Did you mean `{known}`?"),
        None => String::new(),
    };

    let names = names.join(", ");
    anyhow!("there is no function `{name}`.{meant} The functions are: {names}")
}

/// The name that a word was most likely meant to be.
pub(crate) fn closest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = names.filter(|name| is_alike(word, name));

    alike.min_by_key(|name| strsim::damerau_levenshtein(word, name))
}

/// Whether a word may be another one with a few letters wrong.
fn is_alike(word: &str, other: &str) -> bool {
    let [word, other] = [word, other].map(str::to_lowercase);

    // People cut long names short.
    let is_start = word.len() > SLIPS && other.starts_with(&word);
    is_start || strsim::damerau_levenshtein(&word, &other) <= SLIPS
}

/// The `detail-type` that an event was meant to have, where it has one that is only alike.
fn meant_kind(message: &Message) -> Option<&'static str> {
    let Message::Event(event) = message else {
        return None;
    };
    let given = &event.detail_type;

    let mut kinds = FUNCTIONS.iter().map(|function| function.detail_type);
    kinds.find(|kind| given != kind && is_alike(given, kind))
}

/// The names of the functions to which a message is a request.
fn readers(message: &Message, now: DateTime<Utc>) -> impl Iterator<Item = &'static str> {
    let functions = FUNCTIONS.iter();

    functions
        .filter(move |function| function.read(message, now).is_ok())
        .map(|function| function.name)
}

/// The function that an event is a request for.
///
/// # Errors
///
/// When it is one for none, with why, or for several.
pub(crate) fn of_event(event: &str, now: DateTime<Utc>) -> Result<String> {
    let messages = messages(event);
    // A bare request for all that an account has is one for each function that audits.
    let read_by = messages.iter().flatten().flat_map(|it| readers(it, now));
    let mut names: Vec<&str> = read_by.collect();
    names.sort_unstable();
    names.dedup();

    match names.as_slice() {
        [name] => Ok((*name).to_owned()),
        [] => {
            let said = messages.into_iter().map(|message| match message {
                Ok(message) => read(&message, now),
                Err(rejection) => (None, Err(rejection)),
            });
            let why: Vec<String> = said.filter_map(|said| reason(&said)).collect();
            bail!("no function reads this event: {}", why.join("; "))
        }
        // To guess would be to run the wrong one.
        several => {
            let names = several.join(" and ");
            bail!("the event is a request for {names}. Name the function before the event.")
        }
    }
}

/// Why a message is no request, with the function for which it was meant.
fn reason((function, said): &(Option<&Function>, Result<(), Rejection>)) -> Option<String> {
    let rejection = said.as_ref().err()?;

    Some(match function {
        Some(function) => format!("{}: {rejection}", function.name),
        None => rejection.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use emulator::event;
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-29T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn every_event_of_a_function_is_found_to_be_its_own() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = 0;

        for function in &FUNCTIONS {
            for file in fs::read_dir(root.join("events").join(function.name)).unwrap() {
                let file = file.unwrap().path();
                let text = fs::read_to_string(&file).unwrap();
                let event = event::fill(&text, now()).unwrap();
                let name = of_event(&event, now()).unwrap();
                assert_eq!(name, function.name, "{}", file.display());
                found += 1;
            }
        }
        assert!(found > 10, "{found}");
    }

    #[test]
    fn an_event_for_no_function_is_refused_by_its_kind() {
        let event = r#"{"detail-type": "Heartbeat", "source": "test", "detail": {}}"#;
        let error = of_event(event, now()).unwrap_err().to_string();

        let why = "no function reads this event: no function handles `Heartbeat` from `test`";
        assert_eq!(error, why);
    }

    #[test]
    fn a_report_is_no_request_and_is_called_by_its_name() {
        let report = crate::report::tests::plan_of_two().to_string();
        let error = of_event(&report, now()).unwrap_err().to_string();

        assert!(error.contains("this is a report, not a request"), "{error}");
    }

    #[test]
    fn what_was_meant_for_a_function_is_read_by_it() {
        let bare = |target: &str| {
            let request = format!(r#"{{"version": 1, "targets": [{{"{target}": "x"}}]}}"#);
            read(&Message::Bare(request), now()).0.map(|it| it.name)
        };

        assert_eq!(bare("hostname"), Some("disconnect-source-server"));
        assert_eq!(
            bare("sourceFileSystemId"),
            Some("bootstrap-efs-replication")
        );
        assert_eq!(bare("host"), None);
        let event = r#"{"detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2",
            "detail": {"instance-id": "i-0123456789abcdef0", "state": "running"}}"#;
        let error = of_event(event, now()).unwrap_err().to_string();
        assert!(error.contains("only `terminated` is handled"), "{error}");
    }

    #[test]
    fn a_slip_in_a_name_is_noticed() {
        let said = known("disconect-source-server").err().unwrap().to_string();
        assert!(
            said.contains("Did you mean `disconnect-source-server`?"),
            "{said}"
        );
        let said = known("bootstrap").err().unwrap().to_string();
        assert!(
            said.contains("Did you mean `bootstrap-efs-replication`?"),
            "{said}"
        );
        let said = known("promote").err().unwrap().to_string();
        assert!(!said.contains("mean"), "{said}");

        let meant = |detail_type: &str| {
            let event = json!({ "detail-type": detail_type, "source": "cmdb", "detail": {} });
            meant_kind(messages(&event.to_string()).remove(0).as_ref().unwrap())
        };
        let right = "Source Server Decommission Requested";
        for slip in [
            "Source Server Decomission Requested",
            "source server decommission requested",
        ] {
            assert_eq!(meant(slip), Some(right), "{slip}");
        }
        assert_eq!(meant(right), None);
        assert_eq!(meant("Heartbeat"), None);
    }

    #[test]
    fn a_request_that_two_functions_read_needs_a_name() {
        let all = r#"{"version": 1, "requestID": "daily"}"#;
        let error = of_event(all, now()).unwrap_err().to_string();

        let both = "a request for audit-file-systems and audit-source-servers. Name the function";
        assert!(error.contains(both), "{error}");
    }

    #[test]
    fn a_batch_for_both_functions_needs_a_name() {
        let record = |detail: &str| json!({ "eventSource": "aws:sqs", "body": detail });
        let expiry = "2026-11-29T13:00:00Z";
        let server = format!(
            r#"{{"version":1,"requestID":"C","expiresAt":"{expiry}","targets":[{{"hostname":"a"}}]}}"#
        );
        let file_system = format!(
            r#"{{"version":1,"requestID":"C","expiresAt":"{expiry}","targets":[
                {{"sourceFileSystemId":"fs-00000001","destination":{{"region":"eu-west-1"}}}}]}}"#
        );
        let event = json!({ "Records": [record(&server), record(&file_system)] });

        let error = of_event(&event.to_string(), now()).unwrap_err().to_string();
        assert!(error.contains("Name the function"), "{error}");
    }
}
