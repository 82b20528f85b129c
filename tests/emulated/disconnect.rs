//! `DisconnectSourceServer` of the emulator, as the SDK of AWS reads it.

use aws_sdk_drs::{
    Client,
    operation::disconnect_source_server::DisconnectSourceServerError as Error,
    types::{
        DataReplicationErrorString, DataReplicationInitiationStepName,
        DataReplicationInitiationStepStatus, DataReplicationState, LastLaunchResult,
        LastLaunchType, LaunchStatus, SourceServer as Described,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use emulator::{Behaviour, Emulator, FaultKind, Reply, SourceServer, World};
use serde_json::json;

use crate::{
    emulated::{SIGNED, complains},
    stage::{
        drs::{ONE, number},
        sdk_config,
    },
};

/// An account with this server, and its client.
async fn account(world: World) -> (Emulator, Client) {
    let local = Emulator::without_functions(world).await.unwrap();
    let client = Client::new(&sdk_config(&local));

    (local, client)
}

async fn one() -> (Emulator, Client) {
    account(World::with([SourceServer::new(ONE)])).await
}

async fn described(client: &Client) -> Described {
    let listed = client.describe_source_servers().send().await.unwrap();

    listed.items()[0].clone()
}

fn state(server: &Described) -> &DataReplicationState {
    let replication = server.data_replication_info().unwrap();

    replication.data_replication_state().unwrap()
}

async fn disconnect(client: &Client) -> Result<(), Error> {
    let answer = client
        .disconnect_source_server()
        .source_server_id(ONE)
        .send()
        .await;

    answer.map(drop).map_err(|error| error.into_service_error())
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

// Pages: DRS-07 to DRS-09, DRS-11, DRS-13, DRS-20 to DRS-22, DRS-27, DRS-62.
#[tokio::test]
async fn a_disconnect_answers_with_the_server_as_it_is_from_then_on() {
    let (_local, client) = one().await;
    let before = described(&client).await;
    assert_eq!(state(&before), &DataReplicationState::Continuous);
    let replication = before.data_replication_info().unwrap();
    assert_eq!(replication.lag_duration(), Some("PT0S"));
    assert!(replication.replicated_disks()[0].total_storage_bytes() > 0);

    let answer = client
        .disconnect_source_server()
        .source_server_id(ONE)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.source_server_id(), Some(ONE));
    let replication = answer.data_replication_info().unwrap();
    let disconnected = Some(&DataReplicationState::Disconnected);
    assert_eq!(replication.data_replication_state(), disconnected);
    for disk in replication.replicated_disks() {
        assert_eq!(disk.total_storage_bytes(), 0);
    }
    assert_eq!(replication.lag_duration(), None);
    assert_eq!(replication.eta_date_time(), None);

    // A list shows the same, and what the disconnect does not touch is as before.
    let after = described(&client).await;
    assert_eq!(after.data_replication_info(), Some(replication));
    assert_eq!(after.arn(), before.arn());
    assert_eq!(after.source_properties(), before.source_properties());
}

/// The times of the recovery points that DRS lists.
async fn points(client: &Client) -> Vec<String> {
    let list = client.describe_recovery_snapshots().source_server_id(ONE);
    let list = list.send().await.unwrap();

    let times = list.items().iter().map(|point| point.timestamp());
    times.map(|time| time.unwrap().to_owned()).collect()
}

// Pages: DRS-01, DRS-02.
#[tokio::test]
async fn a_disconnect_ends_the_replication_at_once() {
    let (local, client) = one().await;
    let before = points(&client).await;
    assert_eq!(before.len(), 37);
    // DRS takes a point every ten minutes.
    local.advance(minutes(10));
    let before = (before, points(&client).await);
    assert_ne!(before.0, before.1);

    disconnect(&client).await.unwrap();
    assert_eq!(
        state(&described(&client).await),
        &DataReplicationState::Disconnected
    );
    local.advance(minutes(89));
    assert_eq!(points(&client).await, before.1, "no point is taken");
}

/// The emulator has no EC2: of the staging resources it shows the recovery points, and refuses the
/// deletion of the record where the account says so.
// Pages: DRS-03.
#[tokio::test]
async fn the_staging_resources_are_gone_ninety_minutes_after_the_disconnect() {
    let mut world = World::with([SourceServer::new(ONE)]);
    world.behaviour.delete_before_cleanup = Reply::Conflict;
    let (local, client) = account(world).await;
    disconnect(&client).await.unwrap();
    let delete = async || {
        let call = client.delete_source_server().source_server_id(ONE);
        call.send().await.is_ok()
    };

    local.advance(minutes(89));
    assert_eq!(points(&client).await.len(), 37);
    assert!(!delete().await);
    local.advance(minutes(1));
    assert_eq!(points(&client).await, [""; 0]);
    // No time brings them back.
    local.advance(TimeDelta::days(1));
    assert_eq!(points(&client).await, [""; 0]);
    assert!(delete().await);
}

/// While the initial sync runs, DRS says when it will be complete.
// Pages: DRS-07 to DRS-09.
#[tokio::test]
async fn a_disconnect_sets_the_sizes_to_zero_and_nullifies_lag_and_estimate_at_once() {
    let mut world = World::with([SourceServer::new(ONE)]);
    let since = world.now - minutes(60);
    let server = world.server(ONE).unwrap();
    server.data_replication_state = "INITIAL_SYNC".to_owned();
    (server.replicating_since, server.lag_seconds) = (Some(since), Some(90));
    let (_local, client) = account(world).await;

    let before = described(&client).await;
    let replication = before.data_replication_info().unwrap();
    assert!(replication.replicated_disks()[0].total_storage_bytes() > 0);
    assert_eq!(replication.lag_duration(), Some("PT90S"));
    assert!(replication.eta_date_time().is_some());

    disconnect(&client).await.unwrap();
    let after = described(&client).await;
    let replication = after.data_replication_info().unwrap();
    assert_eq!(state(&after), &DataReplicationState::Disconnected);
    assert!(!replication.replicated_disks().is_empty());
    for disk in replication.replicated_disks() {
        assert_eq!(disk.total_storage_bytes(), 0);
    }
    assert_eq!(replication.lag_duration(), None);
    assert_eq!(replication.eta_date_time(), None);
}

// Pages: DRS-05, DRS-38.
#[tokio::test]
async fn an_agent_that_reaches_drs_is_gone_ten_minutes_after_the_disconnect() {
    let (local, client) = one().await;
    let last_seen = async || {
        let server = described(&client).await;
        let text = server
            .life_cycle()
            .unwrap()
            .last_seen_by_service_date_time();
        text.unwrap().parse::<DateTime<Utc>>().unwrap()
    };
    let began = last_seen().await;
    disconnect(&client).await.unwrap();

    for (later, seen) in [(9, 9), (1, 10), (60, 10)] {
        local.advance(minutes(later));
        assert_eq!(last_seen().await, began + minutes(seen));
    }
}

// Pages: DRS-06, DRS-38, DRS-83.
#[tokio::test]
async fn an_agent_that_cannot_reach_drs_is_never_told_to_uninstall_itself() {
    let mut world = World::with([SourceServer::new(ONE)]);
    let silent_since = world.now - TimeDelta::days(3);
    let server = world.server(ONE).unwrap();
    server.data_replication_state = "STALLED".to_owned();
    server.agent_unreachable_since = Some(silent_since);
    let (local, client) = account(world).await;

    let before = described(&client).await;
    let error = before.data_replication_info().unwrap();
    let error = error.data_replication_error().unwrap().error();
    assert_eq!(error, Some(&DataReplicationErrorString::AgentNotSeen));

    disconnect(&client).await.unwrap();
    local.advance(minutes(60));
    assert_eq!(local.world().server(ONE).unwrap().agent_gone_at, None);
    let life_cycle = described(&client).await.life_cycle().unwrap().clone();
    let last_seen = life_cycle.last_seen_by_service_date_time().unwrap();
    let last_seen = last_seen.parse::<DateTime<Utc>>().unwrap();
    assert_eq!(last_seen.timestamp(), silent_since.timestamp());
}

/// The reference forbids it, and leaves the others to the switches of an account.
// Pages: DRS-04, DRS-39, DRS-70.
#[tokio::test]
async fn a_server_in_use_is_not_disconnected() {
    let instance = json!({ "recoveryInstanceID": "i-00000000000000009", "sourceServerID": ONE });
    let launched = |world: &mut World| {
        let instance = serde_json::from_value(instance.clone()).unwrap();
        world.here().recovery_instances.push(instance);
    };
    let named = |world: &mut World| {
        let instance = Some("i-00000000000000009".to_owned());
        world.server(ONE).unwrap().recovery_instance_id = instance;
    };
    let extended = |world: &mut World| {
        world.server(ONE).unwrap().staging_status = "EXTENDED".to_owned();
    };

    let changes: [&dyn Fn(&mut World); 3] = [&launched, &named, &extended];
    for change in changes {
        let mut world = World::with([SourceServer::new(ONE)]);
        change(&mut world);
        let (local, client) = account(world).await;

        let refused = disconnect(&client).await.unwrap_err();
        assert!(refused.is_conflict_exception(), "{refused:?}");
        assert_eq!(
            state(&described(&client).await),
            &DataReplicationState::Continuous
        );
        assert_eq!(local.changes(), [""; 0]);
    }
}

// Pages: DRS-70, DRS-82.
#[tokio::test]
async fn a_second_disconnect_is_a_conflict_or_changes_nothing() {
    for reply in [Reply::Conflict, Reply::Ok] {
        let mut world = World::with([SourceServer::new(ONE)]);
        world.behaviour = Behaviour {
            second_disconnect: reply,
            ..Behaviour::default()
        };
        let (local, client) = account(world).await;

        disconnect(&client).await.unwrap();
        let second = disconnect(&client).await;
        match reply {
            Reply::Conflict => assert!(second.unwrap_err().is_conflict_exception()),
            Reply::Ok => second.unwrap(),
        }
        assert_eq!(local.changes().len(), 1);
    }
}

// Pages: DRS-68, DRS-69, DRS-71, DRS-72.
#[tokio::test]
async fn every_error_of_a_disconnect_is_one_that_the_sdk_knows() {
    let (_local, client) = account(World::with([])).await;
    let refused = disconnect(&client).await.unwrap_err();
    assert!(refused.is_resource_not_found_exception(), "{refused:?}");

    let (_local, client) = account(World::empty()).await;
    let refused = disconnect(&client).await.unwrap_err();
    assert!(refused.is_uninitialized_account_exception(), "{refused:?}");

    for (kind, is_known) in [
        (
            FaultKind::Throttle,
            Error::is_throttling_exception as fn(&Error) -> bool,
        ),
        (
            FaultKind::InternalError,
            Error::is_internal_server_exception,
        ),
    ] {
        let (local, client) = one().await;
        for _ in 0..3 {
            local.inject(emulator::Fault::next("DisconnectSourceServer", kind));
        }
        let refused = disconnect(&client).await.unwrap_err();
        assert!(is_known(&refused), "{refused:?}");
        assert_eq!(local.changes(), [""; 0]);
    }
}

// Pages: DRS-10.
#[tokio::test]
async fn a_disconnect_names_one_server_by_its_id() {
    for body in [
        json!({}),
        json!({ "sourceServerID": null }),
        json!({ "sourceServerID": [ONE] }),
        json!({ "sourceServerID": "s-1" }),
        json!({ "sourceServerIDs": [ONE] }),
    ] {
        let (local, _) = one().await;
        let line = "POST /DisconnectSourceServer";
        let code = match body["sourceServerID"].is_array() {
            true => "SerializationException",
            false => "ValidationException",
        };
        complains(&local, line, SIGNED, &body.to_string(), 400, code).await;
        assert_eq!(local.changes(), [""; 0], "{body}");
    }
}

// Pages: DRS-17 to DRS-19, DRS-21, DRS-74, DRS-75, DRS-78, DRS-97 to DRS-110.
#[tokio::test]
async fn a_replication_that_starts_shows_its_steps_and_when_it_will_be_complete() {
    let (local, client) = one().await;
    let began = local.world().now;
    let stopped = client.stop_replication().source_server_id(ONE);
    stopped.send().await.unwrap();
    let started = client.start_replication().source_server_id(ONE);
    started.send().await.unwrap();

    let mut progress = Vec::new();
    for later in [0, 5, 5, 120] {
        local.advance(minutes(later));
        let server = described(&client).await;
        let replication = server.data_replication_info().unwrap();
        let initiation = replication.data_replication_initiation().unwrap();
        let started = initiation.start_date_time().unwrap();
        assert_eq!(
            started.parse::<DateTime<Utc>>().unwrap().timestamp(),
            began.timestamp()
        );

        let names = initiation
            .steps()
            .iter()
            .map(|step| step.name().unwrap().as_str());
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        assert_eq!(names, DataReplicationInitiationStepName::values());

        let succeeded = Some(&DataReplicationInitiationStepStatus::Succeeded);
        let steps = initiation.steps().iter();
        let done = steps.filter(|step| step.status() == succeeded).count();
        let has_eta = replication.eta_date_time().is_some();
        progress.push((state(&server).as_str().to_owned(), done, has_eta));
    }

    let expected = [
        ("INITIATING", 1, true),
        ("INITIATING", 6, true),
        ("INITIAL_SYNC", 11, true),
        ("CONTINUOUS", 11, false),
    ];
    let expected = expected.map(|(state, done, has_eta)| (state.to_owned(), done, has_eta));
    assert_eq!(progress, expected);
}

/// As its job shows it, and the instance that the job launched.
// Pages: DRS-30, DRS-35 to DRS-37, DRS-117 to DRS-119, DRS-122 to DRS-125.
#[tokio::test]
async fn the_last_launch_of_a_server_follows_its_job() {
    let mut world = World::with([SourceServer::new(ONE), SourceServer::new(&number(2))]);
    let job = json!({
        "jobID": "drsjob-00000000000000001", "type": "LAUNCH", "initiatedBy": "START_DRILL",
        "createdAt": world.now, "endsAt": world.now + minutes(15), "sourceServerIDs": [ONE],
    });
    world.here().jobs.push(serde_json::from_value(job).unwrap());
    let (local, client) = account(world).await;

    let expected = [
        (0, LaunchStatus::Pending, LastLaunchResult::Pending),
        (1, LaunchStatus::InProgress, LastLaunchResult::Pending),
        (14, LaunchStatus::Launched, LastLaunchResult::Succeeded),
    ];
    for (later, status, result) in expected {
        local.advance(minutes(later));
        let server = described(&client).await;
        let launch = server.life_cycle().unwrap().last_launch().unwrap();
        assert_eq!(launch.status(), Some(&status));
        assert_eq!(server.last_launch_result(), Some(&result));

        let initiated = launch.initiated().unwrap();
        assert_eq!(initiated.job_id(), Some("drsjob-00000000000000001"));
        assert_eq!(initiated.r#type(), Some(&LastLaunchType::Drill));
    }

    let listed = client.describe_source_servers().send().await.unwrap();
    let never = Some(&LastLaunchResult::NotStarted);
    assert_eq!(listed.items()[1].last_launch_result(), never);
}

// Pages: DRS-63 to DRS-66, DRS-130 to DRS-132.
#[tokio::test]
async fn an_extended_server_names_its_origin_and_what_is_wrong_with_it() {
    let arn = "arn:aws:drs:us-east-1:999999999999:source-server/s-00000000000000009";
    for (status, has_message) in [("EXTENDED", false), ("EXTENSION_ERROR", true)] {
        let server = SourceServer {
            staging_status: status.to_owned(),
            staging_source_server_arn: Some(arn.to_owned()),
            ..SourceServer::new(ONE)
        };
        let (_local, client) = account(World::with([server])).await;

        let server = described(&client).await;
        let staging = server.staging_area().unwrap();
        assert_eq!(staging.status().unwrap().as_str(), status);
        assert_eq!(staging.staging_account_id(), Some("999999999999"));
        assert_eq!(staging.staging_source_server_arn(), Some(arn));
        assert_eq!(staging.error_message().is_some(), has_message, "{status}");
    }

    let (_local, client) = one().await;
    let server = described(&client).await;
    let staging = server.staging_area().unwrap();
    assert_eq!(staging.staging_account_id(), Some("111122223333"));
    assert_eq!(staging.staging_source_server_arn(), None);
}
