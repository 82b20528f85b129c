//! `drover event`: makes requests, and the envelopes in which they travel.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON object by name adds the member"
)]

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use chrono::{SecondsFormat, TimeDelta, Utc};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use shared::{AccountId, Region};

use crate::{console, functions, invoke::duration};

/// The most that a request may be good for (docs/reference.md).
const LONGEST_HOURS: i64 = 24;

/// The arguments of `drover event`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  drover event decommission --request CHG1 --server web01 --in 12h > event.json
  drover event decommission --request CHG1 --server i-0abc1234def567890 --action retire --as sqs
  drover event replicate --request CHG2 --file-system fs-0123456789abcdef0 --to eu-west-1 \\
      --subnet subnet-0abc1234 --copy access-points,tags
  drover event terminated --instance i-0abc1234def567890
  drover event decommission --request CHG1 --server web01 | drover plan -
  aws events put-events --entries \"$(drover event decommission --request CHG1 --server web01 --as put-events)\"")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// A request to disconnect, retire, delete or verify source servers.
    Decommission(Decommission),
    /// A request for replicas of file systems.
    Replicate(Replicate),
    /// EC2's own event of an instance that was terminated.
    Terminated(Terminated),
}

/// What every request has.
#[derive(clap::Args)]
struct Common {
    /// The ID of the change, which is also the value of the approval tag.
    #[arg(long, value_name = "ID")]
    request: String,
    /// For how long the request is good (20m, 12h), at most 24h.
    #[arg(long = "in", value_name = "TIME", value_parser = duration, default_value = "12h")]
    good_for: TimeDelta,
    /// Ask for a plan only.
    #[arg(long)]
    dry_run: bool,
    /// What it travels in.
    #[arg(long = "as", value_name = "ENVELOPE", default_value = "eventbridge")]
    envelope: Envelope,
}

#[derive(clap::Args)]
struct Decommission {
    #[command(flatten)]
    common: Common,
    /// A source server by ID, ARN, EC2 instance ID, FQDN or host name. Names that must all match are
    /// joined by +. Repeat it for more.
    #[arg(long, value_name = "NAME", required = true)]
    server: Vec<String>,
    /// What to do with them.
    #[arg(long, default_value = "disconnect")]
    action: Action,
    /// Of a deletion: do not wait until AWS has removed the staging resources.
    #[arg(long)]
    skip_cleanup_check: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    Disconnect,
    Retire,
    Delete,
    Verify,
}

#[derive(clap::Args)]
struct Replicate {
    #[command(flatten)]
    common: Common,
    /// A source file system by ID or ARN. Repeat it for more.
    #[arg(long, value_name = "ID", required = true)]
    file_system: Vec<String>,
    /// The Region of the replica.
    #[arg(long, value_name = "REGION")]
    to: String,
    /// The KMS key of a new replica.
    #[arg(long, value_name = "KEY")]
    kms_key: Option<String>,
    /// Replicate onto this file system, whose contents are overwritten.
    #[arg(long, value_name = "ID")]
    overwrite: Option<String>,
    /// Give the replica a mount target in this subnet. Repeat it for more.
    #[arg(long, value_name = "ID")]
    subnet: Vec<String>,
    /// A security group of the mount targets. Repeat it for more.
    #[arg(long, value_name = "ID", requires = "subnet")]
    security_group: Vec<String>,
    /// What to copy from the source.
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    copy: Vec<Part>,
    /// Switch automatic backups of the replica on or off.
    #[arg(long)]
    backup: Option<Backup>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    AccessPoints,
    Lifecycle,
    Policy,
    Tags,
}

#[derive(Clone, Copy, ValueEnum)]
enum Backup {
    Enabled,
    Disabled,
}

#[derive(clap::Args)]
struct Terminated {
    /// The EC2 instance.
    #[arg(long, value_name = "ID")]
    instance: String,
    /// The account in which it was.
    #[arg(long, value_name = "ID", default_value = "111122223333")]
    account: String,
    /// The Region in which it was.
    #[arg(long, value_name = "REGION", default_value = "us-west-2")]
    region: String,
    /// What it travels in.
    #[arg(long = "as", value_name = "ENVELOPE", default_value = "eventbridge")]
    envelope: Envelope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Envelope {
    /// As a rule of EventBridge hands it to Lambda.
    Eventbridge,
    /// As SNS hands it to Lambda.
    Sns,
    /// As an SQS queue hands it to Lambda.
    Sqs,
    /// The entries of `aws events put-events`.
    PutEvents,
    /// The request alone, as a test event or the body of a message.
    Bare,
}

/// What is to be sent: an event with its source and its kind.
struct Event {
    source: &'static str,
    detail_type: &'static str,
    account: String,
    region: String,
    detail: Value,
}

/// Makes the event, and prints it.
///
/// # Errors
///
/// When the request would be rejected, by the function's own parser.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (event, envelope) = match &arguments.kind {
        Kind::Decommission(wanted) => (wanted.event()?, wanted.common.envelope),
        Kind::Replicate(wanted) => (wanted.event()?, wanted.common.envelope),
        Kind::Terminated(wanted) => (wanted.event()?, wanted.envelope),
    };
    let is_of_aws = event.source.starts_with("aws.");
    if is_of_aws && matches!(envelope, Envelope::Bare | Envelope::PutEvents) {
        bail!(
            "an event of AWS does not come bare, and nobody else may put one on a bus: choose \
             another envelope with --as"
        );
    }

    // Checked as the function will check it, in the envelope in which it understands everything.
    let sent = event.on_the_bus().to_string();
    for message in functions::messages(&sent) {
        let (_, said) = functions::read(&message?, Utc::now());
        said?;
    }
    let made = serde_json::to_string_pretty(&event.enclosed(envelope))?;
    console::print(&made)?;
    Ok(ExitCode::SUCCESS)
}

impl Common {
    /// The members that every request has.
    fn request(&self, targets: Vec<Value>) -> Result<Value> {
        ensure!(
            self.good_for <= TimeDelta::hours(LONGEST_HOURS),
            "a request is good for at most {LONGEST_HOURS} hours"
        );

        // A time and no placeholder: what is made here is sent as it is.
        let expires_at = Utc::now() + self.good_for;
        Ok(json!({
            "version": 1,
            "requestID": self.request,
            "expiresAt": expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "targets": targets,
            "dryRun": self.dry_run,
        }))
    }
}

impl Decommission {
    fn event(&self) -> Result<Event> {
        let targets: Result<Vec<Value>> = self.server.iter().map(|names| server(names)).collect();

        // Told also where it is the default, so that whoever approves it reads it.
        let mut detail = self.common.request(targets?)?;
        detail["action"] = json!(match self.action {
            Action::Disconnect => "disconnect",
            Action::Retire => "retire",
            Action::Delete => "delete",
            Action::Verify => "verify",
        });
        // Only a deletion knows it, so that it is not told where nobody asks for it.
        if self.skip_cleanup_check {
            detail["skipCleanupCheck"] = json!(true);
        }
        Ok(Event::of(
            disconnect_source_server::command::DETAIL_TYPE,
            detail,
        ))
    }
}

/// A server by its names, each under the member that it looks like.
///
/// # Errors
///
/// When two of them are of one kind: one server has one of each.
fn server(names: &str) -> Result<Value> {
    let mut target = json!({});

    // No host name has a plus.
    for name in names.split('+') {
        let member = match name {
            name if name.starts_with("arn:") || name.starts_with("s-") => "sourceServerID",
            name if is_instance(name) => "awsInstanceID",
            name if name.contains('.') => "fqdn",
            _ => "hostname",
        };

        // The other name would be lost without a word.
        if let Some(other) = target.get(member) {
            bail!(
                "{other} and \"{name}\" are both a {member}. Names joined by + are those of one \
                 server; give --server once for each server"
            );
        }
        target[member] = json!(name);
    }
    Ok(target)
}

fn is_instance(name: &str) -> bool {
    // A host may be called `i-web`.
    let digits = name.strip_prefix("i-");

    digits.is_some_and(|digits| {
        digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

impl Replicate {
    fn event(&self) -> Result<Event> {
        let replica = self.replica();
        // Only what is asked for is named; the function knows its defaults.
        let mut destination = json!({ "region": self.to });
        if let Some(key) = &self.kms_key {
            destination["kmsKeyId"] = json!(key);
        }
        if let Some(existing) = &self.overwrite {
            destination["fileSystemId"] = json!(existing);
        }

        let target = |id: &String| {
            let mut target = json!({ "sourceFileSystemId": id, "destination": destination });
            // The request repeats the ID: one of the three keys of an overwrite.
            if let Some(existing) = &self.overwrite {
                target["overwrite"] = json!(existing);
            }
            if replica != json!({}) {
                target["replica"] = replica.clone();
            }
            target
        };
        let targets = self.file_system.iter().map(target).collect();
        Ok(Event::of(
            bootstrap_efs_replication::command::DETAIL_TYPE,
            self.common.request(targets)?,
        ))
    }

    /// What the replica is to have besides the data.
    fn replica(&self) -> Value {
        let mut replica = json!({});

        if !self.subnet.is_empty() {
            let groups = &self.security_group;
            let mount_target =
                |subnet: &String| json!({ "subnetId": subnet, "securityGroups": groups });
            let mount_targets: Vec<Value> = self.subnet.iter().map(mount_target).collect();
            replica["mountTargets"] = json!(mount_targets);
        }
        for part in &self.copy {
            let member = match part {
                Part::AccessPoints => "accessPoints",
                Part::Lifecycle => "lifecycle",
                Part::Policy => "policy",
                Part::Tags => "tags",
            };
            replica[member] = json!("copy");
        }
        if let Some(backup) = self.backup {
            replica["backup"] = json!(match backup {
                Backup::Enabled => "enabled",
                Backup::Disabled => "disabled",
            });
        }
        replica
    }
}

impl Terminated {
    fn event(&self) -> Result<Event> {
        // A place that cannot exist would be compared in vain.
        AccountId::try_from(self.account.clone())?;
        Region::try_from(self.region.clone())?;

        Ok(Event {
            source: "aws.ec2",
            detail_type: "EC2 Instance State-change Notification",
            account: self.account.clone(),
            region: self.region.clone(),
            detail: json!({ "instance-id": self.instance, "state": "terminated" }),
        })
    }
}

impl Event {
    /// A request of a change system.
    fn of(detail_type: &'static str, detail: Value) -> Self {
        Self {
            source: "com.example.change-management",
            detail_type,
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            detail,
        }
    }

    /// The event as a bus hands it on.
    fn on_the_bus(&self) -> Value {
        json!({
            "version": "0",
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "detail-type": self.detail_type,
            "source": self.source,
            "account": self.account,
            "time": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": self.region,
            "resources": [],
            "detail": self.detail,
        })
    }

    fn enclosed(&self, envelope: Envelope) -> Value {
        let (account, region) = (&self.account, &self.region);

        // Only what functions read, and what tools check.
        match envelope {
            Envelope::Eventbridge => self.on_the_bus(),
            Envelope::Bare => self.detail.clone(),
            Envelope::PutEvents => json!([{
                "Source": self.source,
                "DetailType": self.detail_type,
                // The API takes it as a text.
                "Detail": self.detail.to_string(),
            }]),
            Envelope::Sns => json!({ "Records": [{
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": format!("arn:aws:sns:{region}:{account}:requests:1"),
                "Sns": {
                    "Type": "Notification",
                    "MessageId": "82833b5c-8d5d-56d0-b0e1-7511f8253eb8",
                    "TopicArn": format!("arn:aws:sns:{region}:{account}:requests"),
                    "Message": self.on_the_bus().to_string(),
                },
            }] }),
            Envelope::Sqs => json!({ "Records": [{
                "messageId": "059f36b4-87a3-44ab-83d2-661975830001",
                "body": self.on_the_bus().to_string(),
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:{region}:{account}:requests"),
                "awsRegion": region,
            }] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn made(words: &str) -> Event {
        let command = Command::try_parse_from(words.split_whitespace()).unwrap();

        match command.arguments.kind {
            Kind::Decommission(wanted) => wanted.event().unwrap(),
            Kind::Replicate(wanted) => wanted.event().unwrap(),
            Kind::Terminated(wanted) => wanted.event().unwrap(),
        }
    }

    #[test]
    fn a_name_is_put_under_the_member_that_it_looks_like() {
        let event = made(
            "event decommission --request CHG1 --server web01 --server db.example.com \
             --server i-0abc1234 --server s-0123456789abcdef0+i-nox --action retire",
        );

        let expected = json!([
            { "hostname": "web01" },
            { "fqdn": "db.example.com" },
            { "awsInstanceID": "i-0abc1234" },
            { "sourceServerID": "s-0123456789abcdef0", "hostname": "i-nox" },
        ]);
        assert_eq!(event.detail["targets"], expected);
        assert_eq!(event.detail["action"], "retire");
    }

    #[test]
    fn two_names_of_one_kind_are_two_servers() {
        for names in [
            "web01+web02",
            "a.example.com+b.example.com",
            "s-1+arn:aws:drs",
        ] {
            let refused = server(names).unwrap_err().to_string();
            assert!(refused.contains("once for each server"), "{refused}");
        }
    }

    #[test]
    fn every_kind_is_understood_by_its_function_in_every_envelope() {
        let kinds = [
            "event decommission --request CHG1 --server web01",
            "event decommission --request CHG1 --server web01 --action verify",
            "event decommission --request CHG1 --server web01 --action delete \
             --skip-cleanup-check",
            "event replicate --request CHG1 --file-system fs-0123456789abcdef0 --to eu-west-1 \
             --subnet subnet-0abc1234 --copy access-points,tags --backup enabled",
            "event terminated --instance i-0abc1234def567890",
        ];

        for kind in kinds {
            let event = made(kind);
            for envelope in [Envelope::Eventbridge, Envelope::Sns, Envelope::Sqs] {
                let sent = event.enclosed(envelope).to_string();
                functions::of_event(&sent, Utc::now()).unwrap();
            }
        }
    }

    #[test]
    fn a_request_for_a_replica_has_what_was_asked_for_and_nothing_else() {
        let plain = made("event replicate --request CHG1 --file-system fs-01234567 --to eu-west-1");
        let target = json!({ "sourceFileSystemId": "fs-01234567", "destination": { "region": "eu-west-1" } });
        assert_eq!(plain.detail["targets"], json!([target]));

        let onto = made(
            "event replicate --request CHG1 --file-system fs-01234567 --to eu-west-1 \
             --overwrite fs-89abcdef --kms-key alias/dr",
        );
        let target = &onto.detail["targets"][0];
        assert_eq!(target["overwrite"], "fs-89abcdef");
        assert_eq!(target["destination"]["fileSystemId"], "fs-89abcdef");
        assert_eq!(target["destination"]["kmsKeyId"], "alias/dr");
    }

    #[test]
    fn a_request_is_good_for_a_day_at_most() {
        let words = "event decommission --request CHG1 --server web01 --in 25h";
        let command = Command::try_parse_from(words.split_whitespace()).unwrap();

        let refused = run(&command.arguments).unwrap_err().to_string();
        assert_eq!(refused, "a request is good for at most 24 hours");
    }
}
