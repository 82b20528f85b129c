//! What the command knows of each function: its name, and which events it reads.

use anyhow::{Result, anyhow, bail};
use chrono::{DateTime, Utc};
use emulator::Binaries;
use shared::{Inbound, Message, Rejection, envelope};

/// How many letters may be wrong in a word that is taken for another.
const SLIPS: usize = 3;

/// A function, and how it reads a message.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The `detail-type` of its requests.
    detail_type: &'static str,
    read: fn(&Message, DateTime<Utc>) -> Result<(), Rejection>,
}

/// Every function that is started by an event.
pub(crate) static FUNCTIONS: [Function; 2] = [
    Function {
        name: "disconnect-source-server",
        detail_type: disconnect_source_server::command::DETAIL_TYPE,
        read: |message, now| disconnect_source_server::Command::parse(message, now).map(drop),
    },
    Function {
        name: "bootstrap-efs-replication",
        detail_type: bootstrap_efs_replication::command::DETAIL_TYPE,
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

    /// What the function says of an event that holds one message.
    pub(crate) fn read_one(&self, event: &str, now: DateTime<Utc>) -> Result<(), Rejection> {
        self.read_all(event, now).into_iter().collect()
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
    let meant = match names.iter().find(|known| is_alike(name, known)) {
        Some(known) => format!(" Did you mean `{known}`?"),
        None => String::new(),
    };

    let names = names.join(", ");
    anyhow!("there is no function `{name}`.{meant} The functions are: {names}")
}

/// Whether a word may be another one with a few letters wrong.
fn is_alike(word: &str, other: &str) -> bool {
    let [word, other] = [word, other].map(str::to_lowercase);

    // People cut long names short.
    let is_start = word.len() > SLIPS && other.starts_with(&word);
    is_start || strsim::damerau_levenshtein(&word, &other) <= SLIPS
}

/// The `detail-type` that an event may have been meant to have. By another one no rule finds it,
/// and the bus drops it without a word.
pub(crate) fn meant_detail_type(event: &str) -> Option<&'static str> {
    let event: serde_json::Value = serde_json::from_str(event).ok()?;
    let given = event.get("detail-type")?.as_str()?;

    let mut known = FUNCTIONS.iter().map(|function| function.detail_type);
    known.find(|known| given != *known && is_alike(given, known))
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
            let meant = match meant_detail_type(event) {
                Some(meant) => format!(". Is its detail-type to be `{meant}`?"),
                None => String::new(),
            };
            bail!("no function reads this event. {}{meant}", why.join(". "))
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
    fn an_event_for_no_function_is_refused_with_what_each_says_of_it() {
        let event = r#"{"detail-type": "Heartbeat", "source": "test", "detail": {}}"#;
        let error = of_event(event, now()).unwrap_err().to_string();

        for function in &FUNCTIONS {
            let said = format!(". {}: `Heartbeat` from `test` is not", function.name);
            assert!(error.contains(&said), "{error}");
        }
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
        let said = known("audit").err().unwrap().to_string();
        assert!(!said.contains("mean"), "{said}");

        let event =
            |detail_type| format!(r#"{{"detail-type": "{detail_type}", "source": "cmdb"}}"#);
        let right = "Source Server Decommission Requested";
        for slip in [
            "Source Server Decomission Requested",
            "source server decommission requested",
        ] {
            assert_eq!(meant_detail_type(&event(slip)), Some(right), "{slip}");
        }
        assert_eq!(meant_detail_type(&event(right)), None);
        assert_eq!(meant_detail_type(&event("Heartbeat")), None);
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
