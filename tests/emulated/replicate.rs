//! `CreateReplicationConfiguration` of the emulator, as the SDK of AWS reads it.

use aws_sdk_efs::{
    Client,
    config::{Config, Region},
    operation::create_replication_configuration::{
        CreateReplicationConfigurationError as Error, CreateReplicationConfigurationOutput as Made,
    },
    types::{
        BackupPolicy, DestinationToCreate, FileSystemDescription, LifecyclePolicy, PerformanceMode,
        ReplicationOverwriteProtection, ReplicationStatus, Status, ThroughputMode,
        TransitionToIaRules,
    },
};
use chrono::TimeDelta;
use emulator::{Emulator, Fault, FaultKind, FileSystem, OrderedStatus, World};
use serde_json::Value;

use crate::{
    stage::{
        efs::{EXISTING, HERE, SOURCE, THERE, beside_existing, world},
        sdk_config,
    },
    tidy::read,
};

/// An account, and its clients in the Regions of the source and of the replica.
struct Account {
    local: Emulator,
    here: Client,
    elsewhere: Client,
}

impl Account {
    async fn new(world: World) -> Self {
        let local = Emulator::without_functions(world).await.unwrap();
        let config = Config::from(&sdk_config(&local));
        let elsewhere = config.to_builder().region(Region::new(THERE)).build();

        Self {
            here: Client::from_conf(config),
            elsewhere: Client::from_conf(elsewhere),
            local,
        }
    }

    /// One source that differs from the default in this.
    async fn with_source(change: impl FnOnce(&mut FileSystem)) -> Self {
        let mut world = world();
        change(world.efs.file_system(HERE, SOURCE).unwrap());

        Self::new(world).await
    }

    async fn replicate(&self, destinations: &[DestinationToCreate]) -> Result<Made, Error> {
        let answer = self
            .here
            .create_replication_configuration()
            .source_file_system_id(SOURCE)
            .set_destinations(Some(destinations.to_vec()))
            .send()
            .await;

        answer.map_err(|error| error.into_service_error())
    }

    /// Replicates to a new file system, and returns it as it is once it is available.
    async fn replicated_to(&self, destination: DestinationToCreate) -> FileSystemDescription {
        let made = self.replicate(&[destination]).await.unwrap();
        self.local.advance(TimeDelta::minutes(10));

        self.replica(made.destinations()[0].file_system_id()).await
    }

    async fn replica(&self, id: &str) -> FileSystemDescription {
        let listed = self.elsewhere.describe_file_systems().file_system_id(id);
        let listed = listed.send().await.unwrap();

        listed.file_systems()[0].clone()
    }
}

fn to_region() -> DestinationToCreate {
    DestinationToCreate::builder().region(THERE).build()
}

fn to_zone(zone: &str) -> DestinationToCreate {
    DestinationToCreate::builder()
        .availability_zone_name(zone)
        .build()
}

fn to_existing(id: &str) -> DestinationToCreate {
    DestinationToCreate::builder()
        .region(THERE)
        .file_system_id(id)
        .build()
}

// Pages: EFS-01, EFS-08, EFS-35 to EFS-44, EFS-48.
#[tokio::test]
async fn a_replication_answers_with_its_description() {
    let account = Account::new(world()).await;
    let made = account.replicate(&[to_region()]).await.unwrap();
    let arn = format!("arn:aws:elasticfilesystem:{HERE}:111122223333:file-system/{SOURCE}");

    assert_eq!(made.source_file_system_id(), SOURCE);
    assert_eq!(made.source_file_system_region(), HERE);
    assert_eq!(made.source_file_system_arn(), arn);
    assert_eq!(made.original_source_file_system_arn(), arn);
    let now = account.local.world().now;
    assert_eq!(made.creation_time().secs(), now.timestamp());

    let [destination] = made.destinations() else {
        panic!("{made:?}");
    };
    assert_eq!(destination.status(), &ReplicationStatus::Enabling);
    assert_eq!(destination.region(), THERE);
    assert_eq!(destination.last_replicated_timestamp(), None);

    // Its replica exists, can be read in its own Region, and only there.
    let id = destination.file_system_id();
    assert_eq!(account.replica(id).await.file_system_id(), id);
    let here = account.here.describe_file_systems().file_system_id(id);
    assert!(here.send().await.is_err());
}

// Pages: EFS-44 to EFS-47.
#[tokio::test]
async fn a_sync_is_dated_and_everything_before_it_is_on_the_replica() {
    let account = Account::new(world()).await;
    account.replicate(&[to_region()]).await.unwrap();
    let described = async || {
        let list = account.here.describe_replication_configurations();
        let list = list.file_system_id(SOURCE).send().await.unwrap();
        let destination = list.replications()[0].destinations()[0].clone();
        let synced = destination
            .last_replicated_timestamp()
            .map(|time| time.secs());
        (destination.status().clone(), synced)
    };

    account.local.advance(TimeDelta::minutes(5));
    assert_eq!(described().await, (ReplicationStatus::Enabled, None));

    account.local.advance(TimeDelta::minutes(5));
    let first = account.local.world().efs.replications[0].first_sync_ends_at;
    let first = first.timestamp();
    assert_eq!(described().await.1, Some(first));

    // What comes after a sync is on the replica after the next.
    let id = account.local.world().efs.replications[0]
        .destination_file_system_id
        .clone();
    let size = async || account.replica(&id).await.size_in_bytes().unwrap().value();
    let synced_size = size().await;
    account.local.change(|world| {
        let source = world.efs.file_system(HERE, SOURCE).unwrap();
        source.size_bytes += 1_000_000;
    });
    account.local.advance(TimeDelta::minutes(5));
    assert_eq!(described().await.1, Some(first));
    assert_eq!(size().await, synced_size);

    account.local.advance(TimeDelta::minutes(10));
    assert_eq!(described().await.1, Some(first + 15 * 60));
    assert_eq!(size().await, synced_size + 1_000_000);
}

// Pages: EFS-41, EFS-47 to EFS-52.
#[tokio::test]
async fn each_status_is_shown_as_the_sdk_knows_it() {
    let account = Account::new(world()).await;
    account.replicate(&[to_region()]).await.unwrap();

    for status in ReplicationStatus::values() {
        account.local.change(|world| {
            world.efs.replications[0].ordered = Some(OrderedStatus {
                status: (*status).to_owned(),
                message: "as EFS put it".to_owned(),
            });
        });
        let list = account.here.describe_replication_configurations();
        let list = list.send().await.unwrap();
        let destination = &list.replications()[0].destinations()[0];
        assert_eq!(destination.status(), &ReplicationStatus::from(*status));
    }
}

// Pages: EFS-01.
#[tokio::test]
async fn a_replica_is_read_only_as_long_as_it_is_one() {
    let account = Account::new(world()).await;
    let replica = account.replicated_to(to_region()).await;
    let protection = replica.file_system_protection().unwrap();
    let replicating = Some(&ReplicationOverwriteProtection::Replicating);
    assert_eq!(protection.replication_overwrite_protection(), replicating);

    let opened = account
        .elsewhere
        .update_file_system_protection()
        .file_system_id(replica.file_system_id())
        .replication_overwrite_protection(ReplicationOverwriteProtection::Disabled)
        .send()
        .await;
    let refused = opened.unwrap_err().into_service_error();
    assert!(refused.is_replication_already_exists(), "{refused:?}");
}

// Pages: EFS-16, EFS-17, EFS-19.
#[tokio::test]
async fn a_new_replica_has_the_modes_of_its_source_unless_one_zone_storage_forbids() {
    let modes = [
        ("generalPurpose", "elastic", None),
        ("generalPurpose", "bursting", None),
        ("generalPurpose", "provisioned", Some(64.0)),
        ("maxIO", "bursting", None),
        ("maxIO", "provisioned", Some(64.0)),
    ];

    for (performance, throughput, mibps) in modes {
        for (destination, kept) in [
            (to_region(), performance),
            (to_zone("eu-west-1a"), "generalPurpose"),
        ] {
            let account = Account::with_source(|source| {
                source.performance_mode = performance.to_owned();
                source.throughput_mode = throughput.to_owned();
                source.provisioned_throughput_in_mibps = mibps;
            })
            .await;
            let replica = account.replicated_to(destination).await;

            assert_eq!(replica.performance_mode(), &PerformanceMode::from(kept));
            let throughput = Some(ThroughputMode::from(throughput));
            assert_eq!(replica.throughput_mode(), throughput.as_ref());
            assert_eq!(replica.provisioned_throughput_in_mibps(), mibps);
        }
    }
}

// Pages: EFS-04, EFS-11, EFS-28, EFS-29.
#[tokio::test]
async fn a_new_replica_is_in_the_region_or_the_zone_that_is_asked_for() {
    let account = Account::new(world()).await;
    let replica = account.replicated_to(to_region()).await;
    assert_eq!(replica.availability_zone_name(), None);

    let account = Account::new(world()).await;
    let replica = account.replicated_to(to_zone("eu-west-1b")).await;
    assert_eq!(replica.availability_zone_name(), Some("eu-west-1b"));
}

// Pages: EFS-12 to EFS-14, EFS-30 to EFS-33.
#[tokio::test]
async fn a_new_replica_is_encrypted_with_the_key_that_is_asked_for_or_that_of_efs() {
    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let with_key = |key: &str| {
        let destination = DestinationToCreate::builder().region(THERE);
        destination.kms_key_id(key).build()
    };

    // Also where the source is not encrypted.
    for encrypted in [true, false] {
        let account = Account::with_source(|source| source.encrypted = encrypted).await;
        let replica = account.replicated_to(to_region()).await;
        assert_eq!(replica.encrypted(), Some(true));
        let key = format!("arn:aws:kms:{THERE}:111122223333:alias/aws/elasticfilesystem");
        assert_eq!(replica.kms_key_id(), Some(key.as_str()));
    }

    // The emulator has no KMS, and shows a key in the form in which it was given.
    let arn = |resource: &str| format!("arn:aws:kms:{THERE}:111122223333:{resource}");
    let key = format!("key/{ID}");
    for key in [ID, &arn(&key), "alias/dr", &arn("alias/dr")] {
        let account = Account::new(world()).await;
        let replica = account.replicated_to(with_key(key)).await;
        assert_eq!(replica.kms_key_id(), Some(key));
    }

    let elsewhere = format!("arn:aws:kms:{HERE}:111122223333:key/{ID}");
    let account = Account::new(world()).await;
    let refused = account.replicate(&[with_key(&elsewhere)]).await;
    assert!(refused.unwrap_err().is_bad_request());
}

/// The settings that a replica starts with can be changed, but for its mode of performance and its
/// key, for which EFS has no call.
// Pages: EFS-21, EFS-22.
#[tokio::test]
async fn a_new_replica_starts_without_lifecycle_management_and_may_get_it() {
    let account = Account::with_source(|source| {
        let policy = serde_json::json!({ "TransitionToIA": "AFTER_30_DAYS" });
        source.lifecycle_policies = vec![policy];
    })
    .await;
    let replica = account.replicated_to(to_region()).await;
    let id = replica.file_system_id();

    let policies = async || {
        let read = account.elsewhere.describe_lifecycle_configuration();
        let read = read.file_system_id(id).send().await.unwrap();
        read.lifecycle_policies().len()
    };
    assert_eq!(policies().await, 0);

    let rule = TransitionToIaRules::After30Days;
    let policy = LifecyclePolicy::builder().transition_to_ia(rule).build();
    let put = account.elsewhere.put_lifecycle_configuration();
    let put = put.file_system_id(id).lifecycle_policies(policy);
    put.send().await.unwrap();
    assert_eq!(policies().await, 1);
}

/// The reference promises automatic backups to every new replica, the guide to One Zone alone: a
/// switch of the account decides about the others.
// Pages: EFS-23, EFS-24.
#[tokio::test]
async fn a_new_replica_has_automatic_backups_and_may_lose_them() {
    for (destination, on_regional, expected) in [
        (to_region(), true, Some(Status::Enabled)),
        (to_region(), false, None),
        (to_zone("eu-west-1a"), false, Some(Status::Enabled)),
    ] {
        let mut world = world();
        world.behaviour.backup_on_regional_replica = on_regional;
        let account = Account::new(world).await;
        let replica = account.replicated_to(destination).await;
        let id = replica.file_system_id();

        let status = async || {
            let read = account.elsewhere.describe_backup_policy();
            let read = read.file_system_id(id).send().await.ok()?;
            Some(read.backup_policy().unwrap().status().clone())
        };
        assert_eq!(status().await, expected);

        let off = BackupPolicy::builder().status(Status::Disabled).build();
        let put = account.elsewhere.put_backup_policy().file_system_id(id);
        put.backup_policy(off.unwrap()).send().await.unwrap();
        assert_eq!(status().await, Some(Status::Disabled));
    }
}

// Pages: EFS-20.
#[tokio::test]
async fn the_throughput_of_a_replica_can_be_changed_once_it_exists() {
    let account = Account::new(world()).await;
    let replica = account.replicated_to(to_region()).await;
    let id = replica.file_system_id();

    let update = account.elsewhere.update_file_system().file_system_id(id);
    let bursting = update.throughput_mode(ThroughputMode::Bursting);
    bursting.send().await.unwrap();
    let changed = account.replica(id).await;
    assert_eq!(changed.throughput_mode(), Some(&ThroughputMode::Bursting));
    assert_eq!(changed.performance_mode(), replica.performance_mode());
    assert_eq!(changed.kms_key_id(), replica.kms_key_id());
}

// Pages: EFS-09, EFS-10, EFS-34.
#[tokio::test]
async fn an_existing_file_system_becomes_the_destination_only_without_its_protection() {
    let account = Account::new(beside_existing()).await;
    let made = account.replicate(&[to_existing(EXISTING)]).await.unwrap();
    assert_eq!(made.destinations()[0].file_system_id(), EXISTING);

    let mut protected = beside_existing();
    let existing = protected.efs.file_system(THERE, EXISTING).unwrap();
    existing.protection = "ENABLED".to_owned();
    let account = Account::new(protected).await;
    let refused = account.replicate(&[to_existing(EXISTING)]).await;
    assert!(refused.unwrap_err().is_bad_request());
    assert_eq!(account.local.changes(), [""; 0]);
}

// Pages: EFS-02, EFS-03.
#[tokio::test]
async fn a_file_system_is_in_one_replication_and_on_one_end_of_it() {
    let account = Account::new(beside_existing()).await;
    let made = account.replicate(&[to_existing(EXISTING)]).await.unwrap();
    account.local.advance(TimeDelta::minutes(10));

    // The source once more, to another destination.
    let refused = account.replicate(&[to_region()]).await.unwrap_err();
    assert!(refused.is_bad_request(), "{refused:?}");

    // The destination as a source.
    let id = made.destinations()[0].file_system_id();
    let back = DestinationToCreate::builder().region(HERE).build();
    let chained = account
        .elsewhere
        .create_replication_configuration()
        .source_file_system_id(id)
        .destinations(back)
        .send()
        .await;
    let refused = chained.unwrap_err().into_service_error();
    assert!(refused.is_bad_request(), "{refused:?}");
    assert_eq!(account.local.changes().len(), 1);
}

/// What each error needs to be answered, and whether it is the one.
type Case = (
    &'static str,
    fn(&mut World),
    fn() -> Vec<DestinationToCreate>,
    fn(&Error) -> bool,
);

const CASES: [Case; 9] = [
    ("no destination", |_| {}, Vec::new, Error::is_bad_request),
    (
        "two destinations",
        |_| {},
        || vec![to_region(), to_zone("us-west-2a")],
        Error::is_bad_request,
    ),
    (
        "a Region that does not exist",
        |_| {},
        || {
            vec![
                DestinationToCreate::builder()
                    .region("us-nowhere-1")
                    .build(),
            ]
        },
        Error::is_bad_request,
    ),
    (
        "a Region that cannot be one",
        |_| {},
        || vec![DestinationToCreate::builder().region("nowhere").build()],
        Error::is_validation_exception,
    ),
    (
        "an unencrypted destination of an encrypted source",
        |world| world.efs.file_system(THERE, EXISTING).unwrap().encrypted = false,
        || vec![to_existing(EXISTING)],
        Error::is_conflict_exception,
    ),
    (
        "a full Region",
        |world| {
            let more = (0..1000).map(|number| FileSystem::new(&format!("fs-{number:08x}")));
            let region = world.efs.regions.get_mut(THERE).unwrap();
            region.file_systems.extend(more);
        },
        || vec![to_region()],
        Error::is_file_system_limit_exceeded,
    ),
    (
        "a destination that does not exist",
        |_| {},
        || vec![to_existing("fs-00000009")],
        Error::is_file_system_not_found,
    ),
    (
        "a source that is being updated",
        |world| {
            let source = world.efs.file_system(HERE, SOURCE).unwrap();
            source.life_cycle_state = "updating".to_owned();
        },
        || vec![to_region()],
        Error::is_incorrect_file_system_life_cycle_state,
    ),
    (
        "a zone without One Zone storage",
        |_| {},
        || vec![to_zone("eu-west-1z")],
        Error::is_unsupported_availability_zone,
    ),
];

// Pages: EFS-07, EFS-27, EFS-57 to EFS-59, EFS-61 to EFS-63, EFS-66, EFS-67.
#[tokio::test]
async fn every_obstacle_has_its_error_and_nothing_changes() {
    for (what, change, destinations, is_known) in CASES {
        let mut world = beside_existing();
        change(&mut world);
        let account = Account::new(world).await;

        let refused = account.replicate(&destinations()).await.unwrap_err();
        assert!(is_known(&refused), "{what}: {refused:?}");
        assert_eq!(account.local.changes(), [""; 0], "{what}");
    }

    let account = Account::new(world()).await;
    account.local.inject(Fault {
        times: 3,
        ..Fault::next("CreateReplicationConfiguration", FaultKind::InternalError)
    });
    let refused = account.replicate(&[to_region()]).await.unwrap_err();
    assert!(refused.is_internal_server_error(), "{refused:?}");
    assert_eq!(account.local.changes(), [""; 0]);
}

/// Every Region of the partition in which AWS offers EFS, as its own clients know them.
// Pages: EFS-05.
#[tokio::test]
async fn a_replica_may_be_in_every_region_in_which_efs_is() {
    let table: Value = serde_json::from_str(&read("emulator/src/aws/constraints.json")).unwrap();
    let names = |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).unwrap() };
    let with_efs = names(&table["elasticfilesystem"]["regions"]);
    let mut regions = names(&table["partitions"]["aws"]);
    regions.retain(|region| with_efs.contains(region));
    assert!(regions.len() > 30, "{regions:?}");

    for region in regions {
        let account = Account::new(world()).await;
        let destination = DestinationToCreate::builder().region(&region).build();
        let made = account.replicate(&[destination]).await.unwrap();
        assert_eq!(made.destinations()[0].region(), region);
        assert_eq!(account.local.world().efs.file_systems(&region).count(), {
            // In its own Region the source is one of two.
            1 + usize::from(region == HERE)
        });
    }
}
