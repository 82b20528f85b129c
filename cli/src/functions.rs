//! What the command knows of each function: its name, and which events it reads.

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use emulator::Binaries;
use shared::{Inbound, Message, Rejection, envelope};

/// A function, and how it reads a message.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    read: fn(&Message, DateTime<Utc>) -> Result<(), Rejection>,
}

/// Every function that is started by an event.
pub(crate) const FUNCTIONS: [Function; 2] = [
    Function {
        name: "disconnect-source-server",
        read: |message, now| disconnect_source_server::Command::parse(message, now).map(drop),
    },
    Function {
        name: "bootstrap-efs-replication",
        read: |message, now| bootstrap_efs_replication::Command::parse(message, now).map(drop),
    },
];

impl Function {
    /// What the function says of each message of an event: that it is a request, or why not.
    pub(crate) fn read_all(&self, event: &str, now: DateTime<Utc>) -> Vec<Result<(), Rejection>> {
        let messages = match envelope::open(event) {
            Inbound::One(message) => vec![message],
            Inbound::Sns(messages) => messages,
            Inbound::Sqs(deliveries) => deliveries.into_iter().map(|it| it.message).collect(),
        };

        // A record that cannot be opened is rejected by every function in the same words.
        let read = |message: Result<Message, Rejection>| (self.read)(&message?, now);
        messages.into_iter().map(read).collect()
    }

    /// Why the function rejects messages of an event, each by its name.
    fn rejections(&self, event: &str, now: DateTime<Utc>) -> Vec<String> {
        let messages = self.read_all(event, now).into_iter();
        let rejections = messages.filter_map(Result::err);

        rejections
            .map(|rejection| format!("{}: {rejection}", self.name))
            .collect()
    }

    /// Whether any message of an event is a request for the function.
    fn accepts(&self, event: &str, now: DateTime<Utc>) -> bool {
        self.read_all(event, now).iter().any(Result::is_ok)
    }
}

/// The function with a name.
///
/// # Errors
///
/// When there is none, with the names that there are.
pub(crate) fn named(binaries: &Binaries, name: &str) -> Result<String> {
    if !binaries.have(name) {
        let known = binaries.names().join(", ");
        bail!("there is no function `{name}`. The functions are: {known}");
    }
    Ok(name.to_owned())
}

/// The function that an event is a request for.
///
/// # Errors
///
/// When it is one for none, with what each function says of it, or for several.
pub(crate) fn of_event(event: &str, now: DateTime<Utc>) -> Result<String> {
    let accepting: Vec<&Function> = FUNCTIONS
        .iter()
        .filter(|function| function.accepts(event, now))
        .collect();

    match accepting.as_slice() {
        [function] => Ok(function.name.to_owned()),
        [] => {
            let why: Vec<String> = FUNCTIONS
                .iter()
                .flat_map(|function| function.rejections(event, now))
                .collect();
            bail!("no function reads this event. {}", why.join(". "))
        }
        // To guess would be to run the wrong one.
        several => {
            let names: Vec<&str> = several.iter().map(|function| function.name).collect();
            let names = names.join(" and ");
            bail!("the event holds requests for {names}. Name the function before the event.")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use emulator::event;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-29T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn every_event_of_a_function_is_found_to_be_its_own() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = 0;

        for function in FUNCTIONS {
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
    fn an_event_for_no_function_is_refused_with_what_each_says_of_it() {
        let event = r#"{"detail-type": "Heartbeat", "source": "test", "detail": {}}"#;
        let error = of_event(event, now()).unwrap_err().to_string();

        for function in FUNCTIONS {
            let said = format!(". {}: `Heartbeat` from `test` is not", function.name);
            assert!(error.contains(&said), "{error}");
        }
    }

    #[test]
    fn a_batch_for_both_functions_needs_a_name() {
        let record = |detail: &str| serde_json::json!({ "eventSource": "aws:sqs", "body": detail });
        let expiry = "2026-11-29T13:00:00Z";
        let server = format!(
            r#"{{"version":1,"requestID":"C","expiresAt":"{expiry}","targets":[{{"hostname":"a"}}]}}"#
        );
        let file_system = format!(
            r#"{{"version":1,"requestID":"C","expiresAt":"{expiry}","targets":[
                {{"sourceFileSystemId":"fs-00000001","destination":{{"region":"eu-west-1"}}}}]}}"#
        );
        let event = serde_json::json!({ "Records": [record(&server), record(&file_system)] });

        let error = of_event(&event.to_string(), now()).unwrap_err().to_string();
        assert!(error.contains("Name the function"), "{error}");
    }
}
