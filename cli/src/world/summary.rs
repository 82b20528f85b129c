//! What was read, what is missing, and what to do next.

use std::{collections::BTreeSet, path::Path};

use emulator::{Known, World};

use super::{answer::Kind, import::Imported};
use crate::{
    console::{DIM, HEAD, WARN},
    sanitize::sanitize,
    units::counted,
};

/// The lines about a world that was imported to a file, or to standard output.
pub(super) fn summary(imported: &Imported, output: Option<&Path>) -> Vec<String> {
    let world = &imported.world;
    // What is missing comes right after what there is.
    let mut lines = vec![format!("{HEAD}read{HEAD:#}     {}", counts(world))];

    let missing = missing(imported);
    lines.extend(
        missing
            .into_iter()
            .map(|line| format!("{WARN}missing{WARN:#}  {line}")),
    );
    let notes = imported.notes.iter().map(|note| sanitize(note));
    lines.extend(notes.map(|note| format!("{WARN}note{WARN:#}     {note}")));

    let region = &world.region;
    lines.push(format!(
        "{HEAD}world{HEAD:#}    the functions run in {region} {DIM}(--region chooses another){DIM:#}"
    ));
    let file = match output {
        Some(file) => sanitize(&file.display().to_string()),
        None => "WORLD.json".to_owned(),
    };
    lines.push(format!(
        "{HEAD}next{HEAD:#}     drover plan --world {file} EVENT.json"
    ));
    lines
}

/// What a world has, and where.
fn counts(world: &World) -> String {
    let drs = || world.drs.regions.values();
    let servers: usize = drs().map(|drs| drs.source_servers.len()).sum();
    let instances: usize = drs().map(|drs| drs.recovery_instances.len()).sum();
    let jobs: usize = drs().map(|drs| drs.jobs.len()).sum();
    let efs = world.efs.regions.values();
    let file_systems: usize = efs.map(|efs| efs.file_systems.len()).sum();
    let replications = world.efs.replications.len();

    let counts = [
        (servers, "source server"),
        (instances, "recovery instance"),
        (jobs, "job"),
        (file_systems, "file system"),
        (replications, "replication"),
    ];
    // What there is none of says nothing.
    let present: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| counted(count as u64, what))
        .collect();
    let what = match present.is_empty() {
        true => "nothing".to_owned(),
        false => present.join(", "),
    };
    let regions: Vec<&str> = regions(world).into_iter().collect();
    format!(
        "{what} in {}, account {}",
        regions.join(" and "),
        world.account
    )
}

/// The Regions of which something was collected.
fn regions(world: &World) -> BTreeSet<&str> {
    let known = world.known.iter().flat_map(Known::keys);

    known.map(String::as_str).collect()
}

/// A line for each answer that is missing, with what is unknown without it.
fn missing(imported: &Imported) -> Vec<String> {
    let world = &imported.world;
    let mut regions: BTreeSet<&str> = regions(world);
    regions.extend(imported.refused.keys().map(|(region, _)| region.as_str()));
    // A replica may be where nobody looked.
    let replications = world.efs.replications.iter();
    regions.extend(replications.map(|it| it.destination_region.as_str()));

    let mut lines = Vec::new();
    for region in regions {
        for is_of_drs in [true, false] {
            lines.extend(missing_of_service(imported, region, is_of_drs));
        }
    }
    lines
}

fn missing_of_service(imported: &Imported, region: &str, is_of_drs: bool) -> Vec<String> {
    let service = if is_of_drs { "DRS" } else { "EFS" };
    let lists = || {
        let lists = Kind::OF_REGION.into_iter();
        lists.filter(move |kind| kind.is_of_drs() == is_of_drs)
    };
    // A list that was refused was asked for.
    let key = |kind: Kind| (region.to_owned(), kind);
    let is_refused = |kind: Kind| imported.refused.contains_key(&key(kind));

    let unknown = lists().filter(|kind| unknown(&imported.world, region, *kind).is_none());
    let missing: Vec<Kind> = unknown.collect();
    // One line is enough where nobody asked.
    if missing.len() == lists().count() && !lists().any(is_refused) {
        return vec![format!("{region}: nothing of {service} was collected")];
    }

    let mut lines = Vec::new();
    for kind in missing {
        let why = match imported.refused.get(&key(kind)) {
            Some(why) => format!(
                "the answer of {} is not whole: {}",
                kind.command(),
                sanitize(why)
            ),
            None => format!("no answer of {}", kind.command()),
        };
        lines.push(format!("{region}: {why}: {} are unknown", kind.subject()));
    }
    lines.extend(missing_parts(imported, region, is_of_drs));
    lines
}

/// The answers about single resources that are missing.
fn missing_parts(imported: &Imported, region: &str, is_of_drs: bool) -> Vec<String> {
    let world = &imported.world;
    let drs = world.drs.regions.get(region);
    let servers = drs.map_or(0, |drs| drs.source_servers.len());
    let file_systems: Vec<_> = world.efs.file_systems(region).collect();
    let targets: usize = file_systems.iter().map(|it| it.mount_targets.len()).sum();

    let kinds = match is_of_drs {
        true => vec![(Kind::RecoverySnapshots, servers, "source server")],
        false => {
            let of_each = Kind::OF_FILE_SYSTEM.into_iter();
            let count = file_systems.len();
            of_each
                .map(|kind| (kind, count, "file system"))
                .chain([(Kind::SecurityGroups, targets, "mount target")])
                .collect()
        }
    };
    let lines = kinds.into_iter().filter_map(|(kind, count, what)| {
        let unknown = unknown(world, region, kind).unwrap_or(count);
        let (subject, all) = (kind.subject(), counted(count as u64, what));
        let command = match kind {
            Kind::RecoverySnapshots => "scripts/collect.sh -p",
            kind => kind.command(),
        };
        (unknown > 0)
            .then(|| format!("{region}: {subject} of {unknown} of {all} are unknown: {command}"))
    });
    lines.collect()
}

/// Of how many resources an answer is missing; `None` if it is missing altogether.
fn unknown(world: &World, region: &str, kind: Kind) -> Option<usize> {
    let known = world.known.as_ref()?.get(region)?;

    Some(known.get(kind.operation())?.except.len())
}
