//! A stage for `bootstrap-efs-replication`.

use bootstrap_efs_replication::{Efs, Policy, handle};
use chrono::{TimeDelta, Utc};
use emulator::{Emulator, Fault, FaultKind, FileSystem, World};
use serde_json::{Value, json};

use crate::{
    functions::BOOTSTRAP,
    iam,
    stage::{Answer, Canned, answers::Answers, invocation, sdk_config},
};

/// The source that a scenario is about by default.
pub(crate) const SOURCE: &str = "fs-00000001";
/// A file system that a replication may overwrite.
pub(crate) const EXISTING: &str = "fs-0000000e";
/// The change under which that is approved.
pub(crate) const CHANGE: &str = "CHG0031235";
/// The Region of the source.
pub(crate) const HERE: &str = "us-east-1";
/// The Region of the replica.
pub(crate) const THERE: &str = "eu-west-1";
/// The role under which EFS replicates to another account.
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/replicate";

pub(crate) struct Stage {
    pub(crate) local: Emulator,
    pub(crate) policy: Policy,
    pub(crate) seconds_left: u64,
    /// What AWS answers instead of what the emulator does.
    answers: Option<Answers>,
    /// The parameter of the template; empty unless a scenario replicates to another account.
    pub(crate) replication_role: &'static str,
}

/// However a scenario ends, the role of the template allows its calls.
impl Drop for Stage {
    fn drop(&mut self) {
        iam::check(&self.local, &BOOTSTRAP, self.replication_role, None);
    }
}

impl Stage {
    /// One source in an account of its own.
    pub(crate) async fn new() -> Self {
        Self::with(world()).await
    }

    pub(crate) async fn with(world: World) -> Self {
        let mode = |name: &str| (name == "MODE").then(|| "enforce".to_owned());

        Self {
            local: Emulator::without_functions(world).await.unwrap(),
            policy: Policy::from_lookup(mode).unwrap(),
            seconds_left: 900,
            answers: None,
            replication_role: "",
        }
    }

    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        let config = match &self.answers {
            Some(answers) => answers.sdk_config(&self.local),
            None => sdk_config(&self.local),
        };
        let efs = Efs::new(&config);
        let mut invocation = invocation(self.seconds_left);
        let account = self.local.world().account.clone();
        invocation.function.account = account;
        invocation.function.region = HERE.to_owned();

        Answer::new(handle(&event.to_string(), invocation, &efs, &self.policy).await)
    }

    pub(crate) async fn conclusion(&self, event: &Value) -> String {
        self.deliver(event).await.conclusion()
    }

    /// The operations of the changes so far, after a check that every fault was met and no call was
    /// unexpected. EFS chooses most IDs, so no change is known by its ID.
    #[track_caller]
    pub(crate) fn changes(&self) -> Vec<String> {
        self.local.finish().unwrap();
        let changes = self.local.changes();

        changes
            .iter()
            .filter_map(|change| change.split(' ').next())
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn wait(&self, minutes: i64) {
        self.local.advance(TimeDelta::minutes(minutes));
    }

    /// The one file system in the other Region.
    pub(crate) fn replica(&self) -> FileSystem {
        let world = self.local.world();
        let replica = world.efs.file_systems(THERE).next();

        replica.unwrap().clone()
    }

    /// Lets the next calls of an operation meet a fault.
    pub(crate) fn fault(&self, operation: &str, kind: FaultKind, times: u32) {
        self.local.inject(Fault {
            times,
            ..Fault::next(operation, kind)
        });
    }

    /// Lets the next call that meets this fault be answered with this error, without an effect.
    pub(crate) fn next_error(mut self, fault: Fault, error: Canned) -> Self {
        assert_eq!(fault.kind, FaultKind::UnknownError);
        self.answers = Some(Answers::with_error(error));
        self.local.inject(fault);

        self
    }

    /// Changes every answer.
    pub(crate) fn answered(mut self, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.answers = Some(Answers::with_body(change));

        self
    }

    /// Changes what EFS says of the replication.
    pub(crate) fn described(self, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.answered(move |body| {
            for replication in body["Replications"].as_array_mut().into_iter().flatten() {
                change(replication);
            }
        })
    }

    /// How often an operation was called.
    pub(crate) fn count(&self, operation: &str) -> usize {
        let journal = self.local.journal();
        let calls = journal.iter().filter(|entry| entry.operation == operation);

        calls.count()
    }
}

/// One encrypted file system of 6 GB, whose first sync takes a minute.
pub(crate) fn world() -> World {
    World::empty().with_file_system(
        HERE,
        FileSystem {
            size_bytes: 6_000_000_000,
            ..FileSystem::new(SOURCE)
        },
    )
}

/// The same beside a file system in the other Region that may be overwritten.
pub(crate) fn beside_existing() -> World {
    let existing = FileSystem {
        protection: "DISABLED".to_owned(),
        ..FileSystem::new(EXISTING)
    };
    world().with_file_system(THERE, existing.tagged("drover:approved", CHANGE))
}

pub(crate) fn to(destination: Value) -> Value {
    request(json!({ "sourceFileSystemId": SOURCE, "destination": destination }))
}

pub(crate) fn request(file_system: Value) -> Value {
    let expires_at = Utc::now() + TimeDelta::hours(1);
    json!({ "version": 1, "requestID": CHANGE, "expiresAt": expires_at, "targets": [file_system] })
}

pub(crate) fn new_replica() -> Value {
    to(json!({ "region": THERE }))
}

pub(crate) fn over_existing() -> Value {
    request(json!({
        "sourceFileSystemId": SOURCE,
        "destination": { "region": THERE, "fileSystemId": EXISTING },
        "overwrite": EXISTING,
    }))
}

pub(crate) fn provisioned() -> Value {
    request(json!({
        "sourceFileSystemId": SOURCE,
        "destination": { "region": THERE },
        "replica": {
            "mountTargets": [{ "subnetId": "subnet-00000001", "securityGroups": ["sg-00000001"] }],
            "accessPoints": "copy", "lifecycle": "copy", "backup": "enabled", "policy": "copy", "tags": "copy",
        },
    }))
}

/// A source with one of each part, its policy naming its access point.
pub(crate) fn source_with_parts() -> World {
    let arn =
        |kind: &str, id: &str| format!("arn:aws:elasticfilesystem:{HERE}:111122223333:{kind}/{id}");
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "app", "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ["elasticfilesystem:ClientMount"],
        "Resource": arn("file-system", SOURCE),
        "Condition": { "StringEquals": { "elasticfilesystem:AccessPointArn": arn("access-point", "fsap-00000001") } },
    }] });

    let point = json!({ "accessPointId": "fsap-00000001", "clientToken": "app", "tags": { "Name": "app" },
        "posixUser": { "Uid": 1000, "Gid": 1000, "SecondaryGids": [5] },
        "rootDirectory": { "Path": "/app", "CreationInfo": { "OwnerUid": 1, "OwnerGid": 2, "Permissions": "0750" } } });
    let mut world = world();
    let source = world.efs.file_system(HERE, SOURCE).unwrap();
    source.size_bytes = 60_000_000_000;
    source.tags = [("Name", "data"), ("drover:replicate-to", THERE)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    source.lifecycle_policies = vec![
        json!({ "TransitionToIA": "AFTER_30_DAYS" }),
        json!({ "TransitionToArchive": "AFTER_90_DAYS" }),
    ];
    source.access_points = vec![serde_json::from_value(point).unwrap()];
    source.policy = Some(policy.to_string());

    world
}

/// Beside a file system of another account that lets this one replicate to it.
pub(crate) async fn beside_theirs() -> Stage {
    let mut theirs = FileSystem::new(EXISTING).tagged("drover:approved", CHANGE);
    theirs.owner_id = Some("999999999999".to_owned());
    theirs.protection = "DISABLED".to_owned();
    theirs.policy = Some(
        json!({ "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" } }] })
            .to_string(),
    );
    let mut stage = Stage::with(world().with_file_system(THERE, theirs)).await;
    stage.replication_role = ROLE;

    stage
}

pub(crate) fn over_theirs(role: Value) -> Value {
    let arn = format!("arn:aws:elasticfilesystem:{THERE}:999999999999:file-system/{EXISTING}");
    let destination = json!({ "fileSystemId": arn, "roleArn": role });
    request(
        json!({ "sourceFileSystemId": SOURCE, "destination": destination, "overwrite": EXISTING }),
    )
}
