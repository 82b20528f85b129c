//! `disconnect-source-server`: how its scenarios are made, and what must hold of source servers.

mod audit;
mod bugs;
mod by_hand;
pub(crate) mod changes;
mod checks;
mod generate;
mod gist;
mod judge;
mod mistakes;
mod observed;
mod reports;
mod wordings;

use serde_json::Value;

use crate::record::Subject;

/// The operations that change something.
pub(crate) const STEPS: [&str; 3] = [
    "DisconnectSourceServer",
    "UntagResource",
    "DeleteSourceServer",
];

/// The function in the simulator.
pub(crate) static SUBJECT: Subject = Subject {
    function: &harness::DISCONNECT,
    detail_type: disconnect_source_server::command::DETAIL_TYPE,
    queue: "DecommissionQueue",
    generate: generate::generate,
    by_hand: by_hand::by_hand,
    bugs: &bugs::BUGS,
    needs_seconds: 300,
    // A verification changes nothing.
    looks_after_expiry: |request| {
        let detail = request.detail.as_ref();
        detail.is_some_and(|detail| detail["action"] == "verify")
    },
    steps: &STEPS,
    main_steps: &["DisconnectSourceServer", "DeleteSourceServer"],
    bad_settings: &mistakes::SETTINGS,
    mistaken: generate::mistaken,
    wordings: &wordings::WORDINGS,
    switches: &[
        "secondDisconnect",
        "disconnectExtended",
        "disconnectDuringJob",
        "disconnectWithRecoveryInstance",
        "disconnectAnswersAsBefore",
        "deleteBeforeCleanup",
        "pageSize",
        "longestPage",
    ],
    as_observed: observed::as_observed,
    on_event: checks::on_event,
    on_change: checks::on_change,
    on_effect: checks::on_effect,
    on_world: |_| None,
    on_report: reports::on_report,
    judge: judge::judge,
    gist: gist::gist,
    // What is done to a server has no more to it than the server.
    content: |_, _| Value::Null,
    at_the_end: |_| {},
    audit: Some(audit::AUDITOR),
};
