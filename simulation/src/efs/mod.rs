//! `bootstrap-efs-replication`: how its scenarios are made, and what must hold of file systems and
//! their replicas.

mod audit;
mod bugs;
mod by_hand;
pub(crate) mod changes;
mod checks;
mod contents;
mod estate;
mod generate;
mod gist;
mod judge;
mod mistakes;
mod observed;
mod parts;
mod reports;
mod truth;
mod wanted;
mod wordings;

use crate::record::{Subject, without_resource_tags};

/// The tag of a replica that was once usable.
const MARK: &str = "drover:bootstrapped-by";
/// The tag by which a file system asks for a replica.
const REPLICATE_TO: &str = "drover:replicate-to";
/// Where the target of an event has the key that the deployment gives it.
const DEFAULT_KEY: &str = "defaultKey";

/// The operations that change something.
pub(crate) const STEPS: [&str; 7] = [
    "CreateReplicationConfiguration",
    "CreateMountTarget",
    "CreateAccessPoint",
    "PutLifecycleConfiguration",
    "PutBackupPolicy",
    "PutFileSystemPolicy",
    "TagResource",
];

/// The function in the simulator.
pub(crate) static SUBJECT: Subject = Subject {
    function: &harness::BOOTSTRAP,
    detail_type: bootstrap_efs_replication::command::DETAIL_TYPE,
    queue: "ReplicationQueue",
    generate: generate::generate,
    by_hand: by_hand::by_hand,
    bugs: &bugs::BUGS,
    needs_seconds: 600,
    looks_after_expiry: |_| true,
    steps: &STEPS,
    main_steps: &["CreateReplicationConfiguration"],
    bad_settings: &mistakes::SETTINGS,
    mistaken: generate::mistaken,
    wordings: &wordings::WORDINGS,
    switches: &[
        "secondReplication",
        "protectedDestination",
        "writesWhileReplicating",
        "mountTargetsWhileEnabling",
        "backupOnRegionalReplica",
        "enabledAfterFirstSync",
        "pageSize",
        "longestPage",
    ],
    as_observed: |_, _, ask| without_resource_tags(ask),
    on_event: checks::on_event,
    on_change: checks::on_change,
    on_effect: checks::on_effect,
    on_world: truth::source_with_two_destinations,
    on_report: reports::on_report,
    judge: judge::judge,
    gist: gist::gist,
    content: contents::of_call,
    at_the_end: checks::at_the_end,
    audit: Some(audit::AUDITOR),
};
