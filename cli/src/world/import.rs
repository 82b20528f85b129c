//! From answers of AWS to a world, which knows what it was made of.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, anyhow};
use chrono::TimeDelta;
use emulator::{FileSystem, World};

use super::{
    answer::Kind,
    document::Document,
    draft::{Draft, Place},
};

/// How long AWS may take to remove the staging resources of a disconnected server
/// (`DisconnectSourceServer`, API reference).
const STAGING_REMOVED: TimeDelta = TimeDelta::minutes(90);

/// A world, and what was noticed when it was made.
pub(super) struct Imported {
    pub(super) world: World,
    /// The code with which AWS refused a list, by Region.
    pub(super) refused: BTreeMap<(String, Kind), String>,
    /// What the emulator cannot hold, a sentence each.
    pub(super) notes: Vec<String>,
}

/// Makes a world of answers.
///
/// # Errors
///
/// The place and the path of the first member that is wrong, or what no answer says and the command
/// line has to.
pub(super) fn import(documents: Vec<Document>, place: Place) -> Result<Imported> {
    let mut answers = Vec::new();
    for document in documents {
        answers.push((Kind::of(&document)?, document));
    }
    // Resources first, since the others are about them; otherwise in their own order.
    answers.sort_by_key(|(kind, _)| *kind);

    // One wrong answer makes no half of a world.
    let mut draft = Draft::new(&answers, place)?;
    for (kind, document) in &answers {
        draft.add(*kind, document)?;
    }
    draft.finish()
}

impl Draft {
    fn add(&mut self, kind: Kind, document: &Document) -> Result<()> {
        if let Some(code) = document.error() {
            self.add_refusal(kind, document, code);
            return Ok(());
        }

        match kind {
            Kind::SourceServers => self.add_servers(document),
            Kind::RecoveryInstances => self.add_instances(document),
            Kind::Jobs => self.add_jobs(document),
            Kind::RecoverySnapshots => self.add_snapshots(document),
            Kind::FileSystems => self.add_file_systems(document),
            Kind::Replications => self.add_replications(document),
            Kind::MountTargets => self.add_mount_targets(document),
            Kind::SecurityGroups => self.add_security_groups(document),
            Kind::AccessPoints => self.add_access_points(document),
            Kind::Lifecycle | Kind::Backup | Kind::Policy => self.add_setting(kind, document),
        }
    }

    /// What a refused call says: that there is nothing, or that nothing is known.
    fn add_refusal(&mut self, kind: Kind, document: &Document, code: &str) {
        let Some(label) = &document.label else {
            return;
        };

        match (code, &label.resource) {
            // The emulator gives the same answer where DRS was never initialised.
            ("UninitializedAccountException", _) => self.know(kind, &label.region),
            ("PolicyNotFound", Some(id)) => {
                self.covered.insert((kind, id.clone()));
            }
            (_, None) => {
                let refused = (label.region.clone(), kind);
                self.refused.insert(refused, code.to_owned());
            }
            // One of many; their number is what counts.
            (_, Some(_)) => {}
        }
    }

    fn finish(mut self) -> Result<Imported> {
        self.know_parts();
        self.know_recovery_points();
        self.date_cleanups();
        self.note_forgotten_ends();
        self.world.region = self.home()?;
        // In one order, whatever that of the answers.
        for efs in self.world.efs.regions.values_mut() {
            efs.file_systems
                .sort_by(|one, other| one.file_system_id.cmp(&other.file_system_id));
        }

        // What a world may be is for the world to say.
        let text = serde_json::to_string(&self.world)?;
        let world = World::from_json(&text)
            .map_err(|wrong| anyhow!("these answers make no world: {wrong}"))?;
        Ok(Imported {
            world,
            refused: self.refused,
            notes: self.notes,
        })
    }

    /// Notes which resources have no answer about their parts.
    fn know_parts(&mut self) {
        let regions: Vec<String> = self.world.efs.regions.keys().cloned().collect();
        for region in regions {
            // A file system that is not listed may have anything.
            if !self.knows(Kind::FileSystems, &region) {
                continue;
            }
            self.count_unlisted(&region);
            let file_systems: Vec<&FileSystem> = self.world.efs.file_systems(&region).collect();
            let ids: Vec<String> = file_systems
                .iter()
                .map(|it| it.file_system_id.clone())
                .collect();
            let targets = file_systems.iter().flat_map(|it| &it.mount_targets);
            let targets: Vec<String> = targets.map(|it| it.mount_target_id.clone()).collect();

            if self.listed_points.contains(&region) {
                let listed = ids.iter().map(|id| (Kind::AccessPoints, id.clone()));
                self.covered.extend(listed);
            }
            for kind in Kind::OF_FILE_SYSTEM {
                self.know_except(kind, &region, self.uncovered(kind, &ids));
            }
            let unknown = self.uncovered(Kind::SecurityGroups, &targets);
            self.know_except(Kind::SecurityGroups, &region, unknown);
        }
    }

    /// Of mount targets that were not all listed, counts the others only.
    fn count_unlisted(&mut self, region: &str) {
        let efs = self.world.efs.regions.get_mut(region);

        for file_system in efs.into_iter().flat_map(|efs| &mut efs.file_systems) {
            let listed = file_system.mount_targets.len();
            let unlisted = &mut file_system.unlisted_mount_targets;
            *unlisted = unlisted.saturating_sub(listed);
        }
    }

    /// Notes whose recovery points were not counted.
    fn know_recovery_points(&mut self) {
        let kind = Kind::RecoverySnapshots;
        let regions: Vec<String> = self.world.drs.regions.keys().cloned().collect();

        for region in regions {
            let servers = &self.drs(&region).source_servers;
            let ids: Vec<String> = servers.iter().map(|server| server.id.clone()).collect();
            let unknown = self.uncovered(kind, &ids);
            // Four thousand names say no more than none.
            if self.knows(Kind::SourceServers, &region) && unknown.len() < ids.len() {
                self.know_except(kind, &region, unknown);
            }
        }
    }

    /// Dates the end of staging areas that a disconnect has left to AWS: none of them is older than
    /// the answers.
    fn date_cleanups(&mut self) {
        let latest = self.world.now + STAGING_REMOVED;
        let regions = self.world.drs.regions.values_mut();

        // Recovery points that are still listed are part of a staging area.
        for server in regions.flat_map(|drs| &mut drs.source_servers) {
            if server.is_disconnected() && server.recovery_points > 0 {
                server.staging_gone_at = Some(latest);
            }
        }
    }

    /// The resources about which there is no answer.
    fn uncovered(&self, kind: Kind, ids: &[String]) -> BTreeSet<String> {
        // An answer that says that there is nothing counts.
        let is_covered = |id: &&String| self.covered.contains(&(kind, (*id).clone()));

        ids.iter().filter(|id| !is_covered(id)).cloned().collect()
    }

    /// The Region in which the functions run: the chosen one, or that with the most resources.
    fn home(&mut self) -> Result<String> {
        if let Some(region) = &self.region {
            return Ok(region.clone());
        }
        // DRS functions run where their servers are; of two Regions the first counts.
        let drs = self.world.drs.regions.iter();
        let by_servers = drs.map(|(region, drs)| (drs.source_servers.len(), region));
        let efs = self.world.efs.regions.iter();
        let by_file_systems = efs.map(|(region, efs)| (efs.file_systems.len(), region));

        let most = by_servers.rev().max_by_key(|(count, _)| *count);
        let most = most.filter(|(count, _)| *count > 0);
        let most = most.or_else(|| by_file_systems.rev().max_by_key(|(count, _)| *count));
        let known = self.world.known.iter().flat_map(BTreeMap::keys).next();
        let home = most.map(|(_, region)| region).or(known).cloned();
        home.context("no answer names a Region. Say it: --region")
    }
}
