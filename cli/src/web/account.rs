//! The account as its APIs show it to the console, which is a client like any other: what it
//! changes is in the journal, and injected faults meet it too.

use emulator::{
    Emulator, World,
    wire::{Answer, Call, Wire},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// The function that disconnects servers, and whose tags protect and approve them.
pub(super) const SERVERS: &str = "disconnect-source-server";
/// The function whose tag approves file systems.
const FILE_SYSTEMS: &str = "bootstrap-efs-replication";

/// A resource with tags.
pub(super) enum Tagged<'a> {
    /// A source server, by its ID.
    Server(&'a str),
    /// A file system, by its ID.
    FileSystem(&'a str),
}

impl<'a> Tagged<'a> {
    /// The resource with an ID.
    pub(super) fn from_id(id: &'a str) -> Self {
        match id.starts_with("fs-") {
            true => Self::FileSystem(id),
            false => Self::Server(id),
        }
    }

    fn function(&self) -> &'static str {
        match self {
            Self::Server(_) => SERVERS,
            Self::FileSystem(_) => FILE_SYSTEMS,
        }
    }

    /// The key of its approval tag, as its function is deployed.
    pub(super) fn approval_tag(&self, world: &World) -> String {
        setting(world, self.function(), "APPROVAL_TAG", "drover:approved")
    }

    /// The key of its protection tag, as its function is deployed.
    pub(super) fn protection_tag(&self, world: &World) -> String {
        setting(world, self.function(), "PROTECTION_TAG", "drover:protected")
    }
}

/// A variable of a function's deployment.
pub(super) fn setting(world: &World, function: &str, name: &str, default: &str) -> String {
    // A function that no world deploys runs with its defaults.
    let deployment = world.functions.get(function);
    let value = deployment.and_then(|deployment| deployment.environment.get(name));

    value.map_or(default, String::as_str).to_owned()
}

/// Sets a tag of a resource.
///
/// # Errors
///
/// A sentence, if AWS does not accept it.
pub(super) fn tag(
    emulator: &Emulator,
    region: &str,
    resource: &Tagged<'_>,
    key: &str,
    value: &str,
) -> Result<(), String> {
    // Each service has its own form for the same thing.
    let body = match resource {
        Tagged::Server(_) => json!({ "tags": { key: value } }),
        Tagged::FileSystem(_) => json!({ "Tags": [{ "Key": key, "Value": value }] }),
    };

    call(emulator, region, resource, "POST", "", &body)
}

/// Removes a tag of a resource.
///
/// # Errors
///
/// A sentence, if AWS does not accept it.
pub(super) fn untag(
    emulator: &Emulator,
    region: &str,
    resource: &Tagged<'_>,
    key: &str,
) -> Result<(), String> {
    // A key may have signs that mean something else in a query.
    let query = format!("tagKeys={}", encode(key));
    call(emulator, region, resource, "DELETE", &query, &Value::Null)
}

fn call(
    emulator: &Emulator,
    region: &str,
    resource: &Tagged<'_>,
    method: &str,
    query: &str,
    body: &Value,
) -> Result<(), String> {
    let (service, path) = match resource {
        Tagged::Server(id) => {
            // DRS names a resource by its ARN, and EFS by its ID.
            let account = emulator.world().account;
            let resource = format!("source-server/{id}");
            let arn = emulator::aws::constraints::arn("drs", region, &account, &resource);
            ("drs", format!("/tags/{}", encode(&arn)))
        }
        Tagged::FileSystem(id) => {
            let path = format!("/2015-02-01/resource-tags/{}", encode(id));
            ("elasticfilesystem", path)
        }
    };
    // Signatures are parsed, not verified.
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential=console/20260101/{region}/{service}/aws4_request");
    // A DELETE has no body.
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };

    said(emulator.call(Call {
        method,
        path: &path,
        query,
        authorization: Some(&authorization),
        target: None,
        body: body.as_bytes(),
    }))
}

/// What an answer of AWS says to a person.
fn said(wire: Wire) -> Result<(), String> {
    match wire {
        Wire::Answer(answer) | Wire::Slow(answer) => success(&answer),
        // The change may have been made all the same, and saying that it failed would be wrong.
        Wire::Truncate(_) | Wire::Reset | Wire::Hang => Err(
            "a fault kept the answer: whether the change took effect shows in the account"
                .to_owned(),
        ),
    }
}

fn success(answer: &Answer) -> Result<(), String> {
    if (200..300).contains(&answer.status) {
        return Ok(());
    }

    let body = answer.body.as_deref().unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    // Services spell the member in two ways.
    let message = ["message", "Message"];
    let message = message.iter().find_map(|name| body.get(name)?.as_str());
    let code = answer.error_type.as_deref().unwrap_or("no code");
    Err(format!(
        "AWS answered {} {code}: {}",
        answer.status,
        message.unwrap_or("without a message")
    ))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use emulator::{Fault, FaultKind, FileSystem, SourceServer};

    use super::*;

    const SERVER: &str = "s-00000000000000001";
    const FILE_SYSTEM: &str = "fs-00000001";

    async fn emulator() -> Emulator {
        let world = World::with([SourceServer::new(SERVER)]);
        let world = world.with_file_system("us-east-1", FileSystem::new(FILE_SYSTEM));
        Emulator::without_functions(world).await.unwrap()
    }

    #[tokio::test]
    async fn tags_of_servers_and_file_systems_are_set_and_removed_in_the_journal() {
        let emulator = emulator().await;
        let key = "approved: a/b = c+d";

        for id in [SERVER, FILE_SYSTEM] {
            let resource = Tagged::from_id(id);
            tag(&emulator, "us-east-1", &resource, key, "CHG1").unwrap();
            assert!(json!(emulator.world()).to_string().contains("CHG1"), "{id}");
            untag(&emulator, "us-east-1", &resource, key).unwrap();
            assert!(
                !json!(emulator.world()).to_string().contains("CHG1"),
                "{id}"
            );
        }
        assert_eq!(emulator.changes().len(), 4);
    }

    #[tokio::test]
    async fn a_change_that_aws_refuses_or_does_not_answer_is_said() {
        let emulator = emulator().await;
        let missing = Tagged::from_id("s-00000000000000009");
        let refused = tag(&emulator, "us-east-1", &missing, "a", "b").unwrap_err();
        assert!(
            refused.contains("404 ResourceNotFoundException"),
            "{refused}"
        );

        emulator.inject(Fault::next("TagResource", FaultKind::HangAfter));
        let server = Tagged::from_id(SERVER);
        let lost = tag(&emulator, "us-east-1", &server, "a", "b").unwrap_err();
        assert!(lost.contains("kept the answer"), "{lost}");
    }
}
