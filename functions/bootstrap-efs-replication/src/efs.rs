//! `observe` and `execute`: the only file that speaks to EFS, on each side in its own Region.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_efs::{
    Client, Config,
    config::{self, Region},
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::describe_replication_configurations::DescribeReplicationConfigurationsOutput,
    types::{
        self, BackupPolicy, CreationInfo, DestinationToCreate, LifeCycleState, LifecyclePolicy,
        PosixUser, ReplicationOverwriteProtection, ReplicationStatus, RootDirectory, Tag,
        TransitionToArchiveRules, TransitionToIaRules, TransitionToPrimaryStorageClassRules,
    },
};
use chrono::DateTime;
use shared::{
    Call, Fault, FaultKind, Invocation, RateLimiter,
    api::merge,
    pages::{Pages, failed},
    rate_limit::{OnlyThrottles, Throttles},
};

use crate::{
    command::{Backup, Command, Part, Replica, Target},
    plan::{self, Step},
    snapshot::{
        AccessPoint, Entrance, FileSystem, LifeCycle, MountTarget, Parts, Protection, Replication,
        Status, Unread, View,
    },
};

/// How many calls one after the other a look is at least.
pub(crate) const CALLS_PER_OBSERVATION: usize = 4;
/// How many more a look at the parts of both sides is, but for the security groups of mount
/// targets.
const CALLS_FOR_PARTS: usize = 10;

/// How many calls one after the other a look at a target is.
pub(crate) fn calls_per_observation(target: &Target) -> usize {
    let parts = if plan::wants_parts(target) {
        CALLS_FOR_PARTS + target.replica.mount_targets.len()
    } else {
        0
    };
    CALLS_PER_OBSERVATION + parts
}

type Response = aws_sdk_efs::config::http::HttpResponse;

/// EFS as one process speaks to it: its own Region, and the others that it was sent to.
#[derive(Debug)]
pub struct Regions {
    config: Config,
    here: Efs,
    away: Mutex<BTreeMap<String, Efs>>,
}

/// EFS in one Region: a client with its connections, and one pace for all that is called there.
#[derive(Debug, Clone)]
struct Efs {
    client: Client,
    pace: RateLimiter,
}

impl Regions {
    /// EFS by way of clients with this configuration, each in its Region.
    #[must_use]
    pub fn new(config: impl Into<Config>) -> Self {
        let config = config.into();
        Self {
            here: Efs::new(config.to_builder()),
            config,
            away: Mutex::default(),
        }
    }

    /// A call that changes nothing and answers little. Only the connection that it leaves open is
    /// of use.
    ///
    /// It asks for a file system that does not exist: a list would want more of the role, and EFS
    /// pages by the hundred.
    pub async fn warm_up(&self) {
        let _ = self
            .here
            .client
            .describe_file_systems()
            .file_system_id("fs-00000000")
            .send()
            .await;
    }

    /// EFS in a Region. A panic elsewhere does not make the others wrong.
    fn of(&self, region: &str) -> Efs {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            Efs::new(
                self.config
                    .to_builder()
                    .region(Region::new(region.to_owned())),
            )
        };
        away.entry(region.to_owned()).or_insert_with(make).clone()
    }
}

impl Efs {
    fn new(config: config::Builder) -> Self {
        let pace = RateLimiter::default();
        Self {
            client: Client::from_conf(
                config
                    .interceptor(pace.clone())
                    .retry_classifier(Throttles)
                    .build(),
            ),
            pace,
        }
    }
}

/// Looks at both sides of one target, as long as there is time.
///
/// # Errors
///
/// The first call that failed, or that time ran out, and what was seen before.
pub async fn view(
    efs: &Regions,
    command: &Command,
    target: &Target,
    invocation: Invocation,
    calls: &mut Vec<Call>,
) -> Result<View, Box<Unread>> {
    let (mut made, mut view) = (Vec::new(), View::default());
    // Boxed, since it holds the futures of many kinds of calls, and would be moved with each that
    // holds it.
    let looked = invocation
        .in_time(Box::pin(look(efs, command, target, &mut view, &mut made)))
        .await;
    let failed = match looked {
        Some(Ok(())) => None,
        Some(Err(fault)) => Some(Some((failed(&made, &fault), fault))),
        None => Some(None),
    };
    merge(calls, made);
    match failed {
        None => Ok(view),
        Some(failed) => Err(Box::new(Unread {
            failed,
            seen: view.without_parts(),
        })),
    }
}

async fn look(
    regions: &Regions,
    command: &Command,
    target: &Target,
    view: &mut View,
    calls: &mut Vec<Call>,
) -> Result<(), Fault> {
    let efs = &regions.here;
    let Some(source) = file_system(efs, target.source.id.as_ref(), calls).await? else {
        return Ok(());
    };
    view.source = Some(source.clone());
    view.replication = replication(efs, target.source.id.as_ref(), calls).await?;
    let asked = plan::destination(target, &source).ok();
    let there = match (&view.replication, &asked) {
        (Some(replication), _) if replication.source_id != source.id => None,
        (Some(replication), _) => Some((
            replication.destination_region.clone(),
            reference(target, replication),
        )),
        (None, Some(asked)) => asked
            .region()
            .zip(asked.file_system.as_ref())
            .map(|(region, file_system)| (region.to_owned(), file_system.text().to_owned())),
        (None, None) => None,
    };
    let Some((region, id)) = there else {
        return Ok(());
    };
    let away = regions.of(&region);
    view.destination = file_system(&away, &id, calls).await?;
    if view.replication.is_none() && view.destination.is_some() {
        view.replication_of_destination = replication(&away, &id, calls).await?;
    }
    let enabled = view
        .replication
        .as_ref()
        .is_some_and(|replication| replication.status == Status::Enabled);
    if let Some(replica) = view
        .destination
        .as_ref()
        .filter(|_| enabled && plan::wants_parts(target))
    {
        // The source's own mount targets and backups decide nothing.
        let of_source = Replica {
            mount_targets: vec![],
            backup: None,
            ..target.replica.clone()
        };
        view.replica_parts = parts(&away, &replica.id, &target.replica, |_| false, calls).await?;
        let (there, missing) = (&view.replica_parts, &mut view.missing_access_points);
        let made_next = |point: &AccessPoint| {
            let is_missing = plan::is_missing(point, there);
            *missing += usize::from(is_missing);
            is_missing && *missing <= plan::access_points_at_once(command)
        };
        view.source_parts =
            parts(efs, target.source.id.as_ref(), &of_source, made_next, calls).await?;
    }
    Ok(())
}

/// How the destination of a replication is asked for: by the ARN of the request where there is one,
/// since an ID says nothing in another account.
fn reference(target: &Target, replication: &Replication) -> String {
    let asked = target
        .destination
        .as_ref()
        .and_then(|destination| destination.file_system.as_ref());
    let same = asked.filter(|asked| asked.id.as_ref() == replication.destination_id);
    same.map_or_else(
        || replication.destination_id.clone(),
        |asked| asked.text().to_owned(),
    )
}

/// One file system; `None` only if EFS says that it does not exist.
async fn file_system(
    efs: &Efs,
    id: &str,
    calls: &mut Vec<Call>,
) -> Result<Option<FileSystem>, Fault> {
    let answer = efs
        .pace
        .call(efs.client.describe_file_systems().file_system_id(id).send())
        .await;
    let Some(found) = absent(
        "DescribeFileSystems",
        answer,
        &["FileSystemNotFound"],
        calls,
    )?
    else {
        return Ok(None);
    };
    let region = efs
        .client
        .config()
        .region()
        .map(ToString::to_string)
        .unwrap_or_default();
    // EFS has an error for what is not there; an empty list says nothing.
    let found = found
        .file_systems()
        .first()
        .ok_or_else(|| Fault::of(FaultKind::Unreadable))?;
    Ok(Some(read_file_system(found, region)))
}

/// The replication that a file system is part of; `None` only if EFS says that there is none.
async fn replication(
    efs: &Efs,
    id: &str,
    calls: &mut Vec<Call>,
) -> Result<Option<Replication>, Fault> {
    let answer = efs
        .pace
        .call(
            efs.client
                .describe_replication_configurations()
                .file_system_id(id)
                .send(),
        )
        .await;
    let none = ["ReplicationNotFound", "FileSystemNotFound"];
    let found = absent("DescribeReplicationConfigurations", answer, &none, calls)?;
    found.as_ref().map(read_replication).transpose()
}

/// What a file system has of the parts that were asked for; the others are not read. Tags are kept
/// only of those access points that `tagged` names.
async fn parts(
    efs: &Efs,
    id: &str,
    asked: &Replica,
    tagged: impl FnMut(&AccessPoint) -> bool,
    calls: &mut Vec<Call>,
) -> Result<Parts, Fault> {
    let mut parts = Parts::default();
    if !asked.mount_targets.is_empty() {
        parts.mount_targets = mount_targets(efs, id, calls).await?;
    }
    // A policy may name access points, so that it wants them on both sides.
    if asked.access_points == Part::Copy || asked.policy == Part::Copy {
        parts.access_points = access_points(efs, id, tagged, calls).await?;
    }
    if asked.lifecycle == Part::Copy {
        let answer = efs
            .pace
            .call(
                efs.client
                    .describe_lifecycle_configuration()
                    .file_system_id(id)
                    .send(),
            )
            .await;
        let lifecycle = noted("DescribeLifecycleConfiguration", answer, calls)?;
        parts.lifecycle = lifecycle
            .lifecycle_policies()
            .iter()
            .flat_map(transitions)
            .collect();
    }
    if asked.backup.is_some() {
        let answer = efs
            .pace
            .call(
                efs.client
                    .describe_backup_policy()
                    .file_system_id(id)
                    .send(),
            )
            .await;
        let backup = absent("DescribeBackupPolicy", answer, &["PolicyNotFound"], calls)?;
        parts.backup = backup
            .and_then(|answer| answer.backup_policy)
            .is_some_and(|backup| is_on(backup.status()));
    }
    if asked.policy == Part::Copy {
        let answer = efs
            .pace
            .call(
                efs.client
                    .describe_file_system_policy()
                    .file_system_id(id)
                    .send(),
            )
            .await;
        let policy = absent(
            "DescribeFileSystemPolicy",
            answer,
            &["PolicyNotFound"],
            calls,
        )?;
        let policy = policy
            .and_then(|answer| answer.policy)
            .map(|text| serde_json::from_str(&text));
        parts.policy = policy
            .transpose()
            .map_err(|_| Fault::of(FaultKind::Unreadable))?;
    }
    Ok(parts)
}

async fn mount_targets(
    efs: &Efs,
    id: &str,
    calls: &mut Vec<Call>,
) -> Result<Vec<MountTarget>, Fault> {
    let mut targets = Vec::new();
    let mut pages = Pages::of("DescribeMountTargets");
    let mut answers = efs
        .client
        .describe_mount_targets()
        .file_system_id(id)
        .into_paginator()
        .stop_on_duplicate_token(false)
        .send();
    while let Some(answer) = pages.next(&efs.pace, answers.next()).await {
        targets.extend(
            pages
                .turn(answer, calls, |page| page.next_marker())?
                .mount_targets
                .unwrap_or_default(),
        );
    }
    pages.end(calls, "ok");
    let mut seen = Vec::new();
    for target in targets {
        let groups = efs
            .pace
            .call(
                efs.client
                    .describe_mount_target_security_groups()
                    .mount_target_id(target.mount_target_id())
                    .send(),
            )
            .await;
        // A mount target that is being created has no groups to show yet.
        let unready = ["IncorrectMountTargetState", "MountTargetNotFound"];
        let groups = absent("DescribeMountTargetSecurityGroups", groups, &unready, calls)?;
        let mut security_groups = groups
            .map(|groups| groups.security_groups)
            .unwrap_or_default();
        security_groups.sort();
        let state = life_cycle(target.life_cycle_state());
        seen.push(MountTarget {
            subnet_id: target.subnet_id().to_owned(),
            state,
            security_groups,
        });
    }
    Ok(seen)
}

async fn access_points(
    efs: &Efs,
    id: &str,
    mut tagged: impl FnMut(&AccessPoint) -> bool,
    calls: &mut Vec<Call>,
) -> Result<Vec<AccessPoint>, Fault> {
    let mut points = Vec::new();
    let mut pages = Pages::of("DescribeAccessPoints");
    let mut answers = efs
        .client
        .describe_access_points()
        .file_system_id(id)
        .into_paginator()
        .stop_on_duplicate_token(false)
        .send();
    while let Some(answer) = pages.next(&efs.pace, answers.next()).await {
        let page = pages.turn(answer, calls, |page| page.next_token())?;
        for mut point in page.access_points().iter().map(read_access_point) {
            if !tagged(&point) {
                point.tags.clear();
            }
            points.push(point);
        }
    }
    pages.end(calls, "ok");
    Ok(points)
}

/// An answer, or `None` where its error says that there is nothing. Every other error is a fault.
fn absent<T, E: ProvideErrorMetadata>(
    operation: &'static str,
    answer: Result<T, SdkError<E, Response>>,
    nothing: &[&str],
    calls: &mut Vec<Call>,
) -> Result<Option<T>, Fault> {
    if let Err(error) = &answer
        && let Some(code) = error.code().filter(|code| nothing.contains(code))
    {
        calls.push(Call {
            operation,
            requests: 1,
            answer: code.to_owned(),
        });
        return Ok(None);
    }
    noted(operation, answer, calls).map(Some)
}

fn noted<T, E: ProvideErrorMetadata>(
    operation: &'static str,
    answer: Result<T, SdkError<E, Response>>,
    calls: &mut Vec<Call>,
) -> Result<T, Fault> {
    let answer = answer.map_err(|error| Fault::from_sdk(&error));
    calls.push(Call::new(operation, 1, answer.as_ref().err()));
    answer
}

/// Makes the one call that a step is, in the Region where it belongs.
///
/// # Errors
///
/// The [`Fault`] of the call. Whether it had an effect all the same is for a read to tell.
pub async fn execute(
    efs: &Regions,
    step: &Step,
    target: &Target,
    view: &View,
) -> (Call, Result<(), Fault>) {
    let source = target.source.id.as_ref();
    let (operation, result) = match (step, &view.destination) {
        (Step::CreateReplication(destination), _) => {
            let request = efs
                .here
                .client
                .create_replication_configuration()
                .source_file_system_id(source);
            let destination = DestinationToCreate::builder()
                .set_region(destination.region().map(str::to_owned))
                .set_availability_zone_name(destination.availability_zone_name.clone())
                .set_kms_key_id(destination.kms_key_id.clone())
                .set_file_system_id(
                    destination
                        .file_system
                        .as_ref()
                        .map(|existing| existing.text().to_owned()),
                )
                .set_role_arn(destination.role_arn.clone());
            let request = request
                .destinations(destination.build())
                .customize()
                .config_override(once());
            let answer = efs.here.pace.call(request.send()).await;
            (
                "CreateReplicationConfiguration",
                answer.map(drop).map_err(|error| Fault::from_sdk(&error)),
            )
        }
        (step, Some(replica)) => furnish(&efs.of(&replica.region), step, &replica.id).await,
        (_, None) => ("DescribeFileSystems", Err(Fault::of(FaultKind::NotFound))),
    };
    (Call::new(operation, 1, result.as_ref().err()), result)
}

/// For a call without a token that makes it the same when it is repeated. The SDK would repeat it
/// behind our back when an answer is lost, and tell the second answer alone: that the thing exists,
/// as if it had been refused.
fn once() -> config::Builder {
    Config::builder().retry_classifier(OnlyThrottles)
}

/// Makes one part of the replica.
async fn furnish(efs: &Efs, step: &Step, replica: &str) -> (&'static str, Result<(), Fault>) {
    efs.pace.acquire().await;
    match step {
        Step::CreateReplication(_) => (
            "CreateReplicationConfiguration",
            Err(Fault::of(FaultKind::Misconfigured)),
        ),
        Step::CreateMountTarget(subnet, groups) => {
            let groups = Some(groups.clone()).filter(|groups| !groups.is_empty());
            let request = efs
                .client
                .create_mount_target()
                .file_system_id(replica)
                .subnet_id(subnet)
                .set_security_groups(groups);
            let answer = request.customize().config_override(once()).send().await;
            (
                "CreateMountTarget",
                answer.map(drop).map_err(|error| Fault::from_sdk(&error)),
            )
        }
        Step::CreateAccessPoint(point) => (
            "CreateAccessPoint",
            create_access_point(efs, replica, point).await,
        ),
        Step::PutLifecycle(transitions) => {
            let policies = transitions
                .iter()
                .filter_map(|(name, rule)| lifecycle_policy(name, rule))
                .collect();
            let request = efs
                .client
                .put_lifecycle_configuration()
                .file_system_id(replica)
                .set_lifecycle_policies(Some(policies));
            (
                "PutLifecycleConfiguration",
                request
                    .send()
                    .await
                    .map(drop)
                    .map_err(|error| Fault::from_sdk(&error)),
            )
        }
        Step::PutBackup(backup) => ("PutBackupPolicy", put_backup(efs, replica, *backup).await),
        Step::PutPolicy(document) => {
            let request = efs
                .client
                .put_file_system_policy()
                .file_system_id(replica)
                .policy(document.to_string());
            (
                "PutFileSystemPolicy",
                request
                    .send()
                    .await
                    .map(drop)
                    .map_err(|error| Fault::from_sdk(&error)),
            )
        }
        Step::Tag(tags) => ("TagResource", tag(efs, replica, tags).await),
    }
}

/// The client token is made of both sides, so that a repeated call makes no second one.
async fn create_access_point(efs: &Efs, replica: &str, point: &AccessPoint) -> Result<(), Fault> {
    let Entrance {
        posix_user,
        path,
        creation_info,
    } = &point.entrance;
    let user = posix_user.as_ref().map(|(uid, gid, more)| {
        PosixUser::builder()
            .uid(*uid)
            .gid(*gid)
            .set_secondary_gids(Some(more.clone()).filter(|more| !more.is_empty()))
            .build()
    });
    let info = creation_info.as_ref().map(|(uid, gid, permissions)| {
        CreationInfo::builder()
            .owner_uid(*uid)
            .owner_gid(*gid)
            .permissions(permissions)
            .build()
    });
    let info = info.transpose().map_err(impossible)?;
    let root = RootDirectory::builder()
        .path(path)
        .set_creation_info(info)
        .build();
    let request = efs
        .client
        .create_access_point()
        .client_token(client_token(replica, &point.id))
        .file_system_id(replica)
        .set_posix_user(user.transpose().map_err(impossible)?)
        .root_directory(root)
        .set_tags(Some(sdk_tags(&point.tags)?).filter(|tags| !tags.is_empty()));
    request
        .send()
        .await
        .map(drop)
        .map_err(|error| Fault::from_sdk(&error))
}

/// The same for the same two, and at most the 64 characters that EFS takes: the ends of IDs tell
/// them apart.
fn client_token(replica: &str, point: &str) -> String {
    let end = |id: &str| {
        id.get(id.len().saturating_sub(28)..)
            .unwrap_or(id)
            .to_owned()
    };
    format!("drover-{}-{}", end(replica), end(point))
}

async fn put_backup(efs: &Efs, replica: &str, backup: Backup) -> Result<(), Fault> {
    let status = if backup == Backup::Enabled {
        types::Status::Enabled
    } else {
        types::Status::Disabled
    };
    let policy = BackupPolicy::builder()
        .status(status)
        .build()
        .map_err(impossible)?;
    let answer = efs
        .client
        .put_backup_policy()
        .file_system_id(replica)
        .backup_policy(policy)
        .send()
        .await;
    answer.map(drop).map_err(|error| Fault::from_sdk(&error))
}

async fn tag(efs: &Efs, replica: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    let answer = efs
        .client
        .tag_resource()
        .resource_id(replica)
        .set_tags(Some(sdk_tags(tags)?))
        .send()
        .await;
    answer.map(drop).map_err(|error| Fault::from_sdk(&error))
}

fn sdk_tags(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, Fault> {
    tags.iter()
        .map(|(key, value)| {
            Tag::builder()
                .key(key)
                .value(value)
                .build()
                .map_err(impossible)
        })
        .collect()
}

fn impossible(_: BuildError) -> Fault {
    Fault::of(FaultKind::Misconfigured)
}

fn read_file_system(found: &types::FileSystemDescription, region: String) -> FileSystem {
    let protection = found
        .file_system_protection()
        .and_then(|protection| protection.replication_overwrite_protection());
    FileSystem {
        id: found.file_system_id().to_owned(),
        arn: found.file_system_arn().unwrap_or_default().to_owned(),
        owner_id: found.owner_id().to_owned(),
        region,
        state: life_cycle(found.life_cycle_state()),
        encrypted: found.encrypted().unwrap_or_default(),
        kms_key_arn: found.kms_key_id().map(str::to_owned),
        availability_zone_name: found.availability_zone_name().map(str::to_owned),
        protection: match protection {
            Some(ReplicationOverwriteProtection::Enabled) => Protection::Enabled,
            Some(ReplicationOverwriteProtection::Disabled) => Protection::Disabled,
            Some(ReplicationOverwriteProtection::Replicating) => Protection::Replicating,
            _ => Protection::Unknown,
        },
        size_in_bytes: found
            .size_in_bytes()
            .map(|size| size.value())
            .unwrap_or_default(),
        tags: found
            .tags()
            .iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
            .collect(),
    }
}

/// The one replication of a file system with its one destination; EFS has an error for none, and
/// allows no more.
fn read_replication(
    answer: &DescribeReplicationConfigurationsOutput,
) -> Result<Replication, Fault> {
    let [found] = answer.replications() else {
        return Err(Fault::of(FaultKind::Unreadable));
    };
    let [destination] = found.destinations() else {
        return Err(Fault::of(FaultKind::Unreadable));
    };
    Ok(Replication {
        source_id: found.source_file_system_id().to_owned(),
        source_region: found.source_file_system_region().to_owned(),
        destination_id: destination.file_system_id().to_owned(),
        destination_region: destination.region().to_owned(),
        destination_owner_id: destination.owner_id().map(str::to_owned),
        status: match destination.status() {
            ReplicationStatus::Enabled => Status::Enabled,
            ReplicationStatus::Enabling => Status::Enabling,
            ReplicationStatus::Pausing => Status::Pausing,
            ReplicationStatus::Paused => Status::Paused,
            ReplicationStatus::Error => Status::Error,
            ReplicationStatus::Deleting => Status::Deleting,
            _ => Status::Unknown,
        },
        status_message: destination.status_message().map(str::to_owned),
        last_replicated: destination
            .last_replicated_timestamp()
            .and_then(|at| DateTime::from_timestamp(at.secs(), 0)),
    })
}

fn read_access_point(found: &types::AccessPointDescription) -> AccessPoint {
    let user = |user: &PosixUser| (user.uid(), user.gid(), user.secondary_gids().to_vec());
    let info = |info: &CreationInfo| {
        (
            info.owner_uid(),
            info.owner_gid(),
            info.permissions().to_owned(),
        )
    };
    let root = found.root_directory();
    let tags = found
        .tags()
        .iter()
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect();
    AccessPoint {
        id: found.access_point_id().unwrap_or_default().to_owned(),
        arn: found.access_point_arn().unwrap_or_default().to_owned(),
        state: found
            .life_cycle_state()
            .map_or(LifeCycle::Error, life_cycle),
        entrance: Entrance {
            posix_user: found.posix_user().map(user),
            path: root.and_then(|root| root.path()).unwrap_or("/").to_owned(),
            creation_info: root.and_then(|root| root.creation_info()).map(info),
        },
        tags,
    }
}

fn life_cycle(state: &LifeCycleState) -> LifeCycle {
    match state {
        LifeCycleState::Creating => LifeCycle::Creating,
        LifeCycleState::Available => LifeCycle::Available,
        LifeCycleState::Updating => LifeCycle::Updating,
        LifeCycleState::Deleting | LifeCycleState::Deleted => LifeCycle::Deleting,
        _ => LifeCycle::Error,
    }
}

fn is_on(status: &types::Status) -> bool {
    matches!(status, types::Status::Enabled | types::Status::Enabling)
}

const TO_IA: &str = "TransitionToIA";
const TO_PRIMARY: &str = "TransitionToPrimaryStorageClass";
const TO_ARCHIVE: &str = "TransitionToArchive";

fn transitions(policy: &LifecyclePolicy) -> Vec<(String, String)> {
    let ia = policy.transition_to_ia().map(|rule| (TO_IA, rule.as_str()));
    let primary = policy
        .transition_to_primary_storage_class()
        .map(|rule| (TO_PRIMARY, rule.as_str()));
    let archive = policy
        .transition_to_archive()
        .map(|rule| (TO_ARCHIVE, rule.as_str()));
    [ia, primary, archive]
        .into_iter()
        .flatten()
        .map(|(name, rule)| (name.to_owned(), rule.to_owned()))
        .collect()
}

/// A policy object has one transition.
fn lifecycle_policy(name: &str, rule: &str) -> Option<LifecyclePolicy> {
    let policy = LifecyclePolicy::builder();
    let policy = match name {
        TO_IA => policy.transition_to_ia(TransitionToIaRules::from(rule)),
        TO_PRIMARY => policy
            .transition_to_primary_storage_class(TransitionToPrimaryStorageClassRules::from(rule)),
        TO_ARCHIVE => policy.transition_to_archive(TransitionToArchiveRules::from(rule)),
        _ => return None,
    };
    Some(policy.build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    fn target_to(destination: Option<command::Destination>) -> Target {
        Target {
            source: "fs-00000001".to_owned().try_into().unwrap(),
            destination,
            overwrite: None,
            accept_no_failback: false,
            replica: Replica::default(),
        }
    }

    #[test]
    fn a_look_at_parts_is_more_calls_and_one_more_for_each_mount_target() {
        let target = |mount_targets| Target {
            replica: Replica {
                mount_targets,
                ..Replica::default()
            },
            ..target_to(None)
        };
        let mount = command::MountTarget {
            subnet_id: "subnet-00000001".to_owned(),
            security_groups: vec![],
        };
        assert_eq!(
            calls_per_observation(&target(vec![])),
            CALLS_PER_OBSERVATION
        );
        let of_parts = CALLS_PER_OBSERVATION + CALLS_FOR_PARTS;
        assert_eq!(
            calls_per_observation(&target(vec![mount.clone(), mount])),
            of_parts + 2
        );
        assert_eq!(of_parts, 14);
    }

    #[test]
    fn every_state_of_a_part_is_read_and_one_of_the_future_is_an_error() {
        let states = [
            "creating",
            "available",
            "updating",
            "deleting",
            "deleted",
            "error",
            "resting",
        ];
        let read = states.map(|state| life_cycle(&LifeCycleState::from(state)));
        use LifeCycle::{Available, Creating, Deleting, Error, Updating};
        assert_eq!(
            read,
            [
                Creating, Available, Updating, Deleting, Deleting, Error, Error
            ]
        );
        let statuses = ["ENABLED", "ENABLING", "DISABLED", "DISABLING"];
        assert_eq!(
            statuses.map(|status| is_on(&types::Status::from(status))),
            [true, true, false, false]
        );
    }

    #[test]
    fn every_protection_and_status_is_read_and_one_of_the_future_is_unknown() {
        let protection = |protection: &str| {
            let found = types::FileSystemDescription::builder()
                .owner_id("111122223333")
                .creation_token("")
                .file_system_id("fs-00000001")
                .creation_time(aws_sdk_efs::primitives::DateTime::from_secs(0))
                .life_cycle_state(LifeCycleState::Available)
                .number_of_mount_targets(0)
                .size_in_bytes(types::FileSystemSize::builder().value(6144).build())
                .performance_mode(types::PerformanceMode::GeneralPurpose)
                .set_tags(Some(vec![]));
            let protection = types::FileSystemProtectionDescription::builder()
                .replication_overwrite_protection(ReplicationOverwriteProtection::from(protection));
            let found = found
                .file_system_protection(protection.build())
                .build()
                .unwrap();
            read_file_system(&found, "us-east-1".to_owned()).protection
        };
        use Protection::{Disabled, Enabled, Replicating};
        let protections = ["ENABLED", "DISABLED", "REPLICATING", "LOCKED"].map(protection);
        assert_eq!(
            protections,
            [Enabled, Disabled, Replicating, Protection::Unknown]
        );
        let statuses = [
            "ENABLED", "ENABLING", "PAUSED", "PAUSING", "ERROR", "DELETING", "RESTING",
        ];
        use Status::{Deleting, Enabling, Error, Paused, Pausing};
        let expected = [
            Status::Enabled,
            Enabling,
            Paused,
            Pausing,
            Error,
            Deleting,
            Status::Unknown,
        ];
        assert_eq!(
            statuses.map(|status| replication_in(status).status),
            expected
        );
    }

    fn replication_in(status: &str) -> Replication {
        let destination = types::Destination::builder()
            .status(ReplicationStatus::from(status))
            .file_system_id("fs-00000002")
            .region("eu-west-1")
            .build();
        let found = types::ReplicationConfigurationDescription::builder()
            .source_file_system_id("fs-00000001")
            .source_file_system_region("us-east-1")
            .source_file_system_arn("")
            .original_source_file_system_arn("")
            .creation_time(aws_sdk_efs::primitives::DateTime::from_secs(0))
            .destinations(destination.unwrap())
            .build();
        let answer = DescribeReplicationConfigurationsOutput::builder()
            .replications(found.unwrap())
            .build();
        read_replication(&answer).unwrap()
    }

    #[test]
    fn a_destination_is_asked_for_by_the_arn_that_the_request_gave_and_any_other_by_its_id() {
        let over = |id: &str| {
            let arn = format!("arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/{id}");
            let file_system = Some(arn.try_into().unwrap());
            target_to(Some(command::Destination {
                file_system,
                ..command::Destination::default()
            }))
        };
        let replication = replication_in("ENABLED");
        let arn = "arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/fs-00000002";
        assert_eq!(reference(&over("fs-00000002"), &replication), arn);
        assert_eq!(reference(&over("fs-00000003"), &replication), "fs-00000002");
        assert_eq!(reference(&target_to(None), &replication), "fs-00000002");
    }

    #[test]
    fn a_lifecycle_transition_is_written_as_it_was_read() {
        for (name, rule) in [
            ("TransitionToIA", "AFTER_30_DAYS"),
            ("TransitionToPrimaryStorageClass", "AFTER_1_ACCESS"),
            ("TransitionToArchive", "AFTER_90_DAYS"),
        ] {
            let written = lifecycle_policy(name, rule).unwrap();
            assert_eq!(transitions(&written), [(name.to_owned(), rule.to_owned())]);
        }
        assert_eq!(lifecycle_policy("TransitionToTape", "AFTER_1_DAY"), None);
    }

    #[test]
    fn a_client_token_fits_whatever_the_length_of_the_ids() {
        let long = "f".repeat(40);
        let token = client_token(&format!("fs-{long}"), &format!("fsap-{long}"));
        assert!(token.len() <= 64, "{token}");
        assert_eq!(
            client_token("fs-00000001", "fsap-00000002"),
            "drover-fs-00000001-fsap-00000002"
        );
    }
}
