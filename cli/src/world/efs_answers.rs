//! Adds the answers of EFS to a world.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use emulator::{FileSystem, Replication, Side};

use super::{
    answer::Kind,
    document::Document,
    draft::Draft,
    efs::{
        AccessPoints, Backup, FileSystems, Lifecycle, MountTargets, Policy, Replications,
        SecurityGroups,
    },
};

impl Draft {
    pub(super) fn add_file_systems(&mut self, document: &Document) -> Result<()> {
        let list: FileSystems = document.read()?;
        let account = self.world.account.clone();
        let mut regions = self.labelled(document);

        for (index, described) in list.file_systems.into_iter().enumerate() {
            let path = format!("FileSystems[{index}].FileSystemArn");
            let arn = described.file_system_arn.clone();
            let region = self.region(document, arn.as_deref(), &path)?;
            // What has no mount targets needs no list of them.
            let is_mounted = described.number_of_mount_targets > 0;
            let file_system = described.into_file_system(&account);
            let id = file_system.file_system_id.clone();
            if !is_mounted {
                self.covered.insert((Kind::MountTargets, id.clone()));
            }

            let efs = self.world.efs.regions.entry(region.clone()).or_default();
            efs.file_systems.retain(|known| known.file_system_id != id);
            efs.file_systems.push(file_system);
            regions.insert(region);
        }
        self.know_all(Kind::FileSystems, document, regions, list.next_marker)
    }

    pub(super) fn add_replications(&mut self, document: &Document) -> Result<()> {
        let list: Replications = document.read()?;
        let (now, account) = (self.world.now, self.world.account.clone());
        let mut regions = self.labelled(document);
        // A replication names two Regions, and only one of them was asked.
        if regions.is_empty() {
            let ends = list.replications.iter().map(|it| {
                let [destination] = &it.destinations;
                BTreeSet::from([
                    it.source_file_system_region.clone(),
                    destination.region.clone(),
                ])
            });
            regions.insert(self.region_of_all(document, ends.collect())?);
        }

        for described in list.replications {
            let replication = described.into_replication(now, &account);
            // Both Regions list the same one.
            let same = |known: &Replication| {
                known.source_region == replication.source_region
                    && known.source_file_system_id == replication.source_file_system_id
            };
            self.world.efs.replications.retain(|known| !same(known));
            let source = &replication.source_file_system_id;
            let listed = regions
                .iter()
                .map(|region| (region.clone(), source.clone()));
            self.listed_replications.extend(listed);
            self.world.efs.replications.push(replication);
        }
        self.know_all(Kind::Replications, document, regions, list.next_token)
    }

    /// Notes which end has deleted a broken configuration for itself: the one that lists it no more.
    pub(super) fn note_forgotten_ends(&mut self) {
        let mut replications = std::mem::take(&mut self.world.efs.replications);

        for replication in &mut replications {
            let source = &replication.source_file_system_id;
            let is_gone_from = |region: &String| {
                let listed = (region.clone(), source.clone());
                self.knows(Kind::Replications, region)
                    && !self.listed_replications.contains(&listed)
            };
            let ordered = replication.ordered.as_ref();
            // One that was made meanwhile is not broken.
            if ordered.is_none_or(|ordered| ordered.status != "ERROR") {
                continue;
            }

            // What another account lists was not collected.
            let is_source = replication.source_owner_id.is_none();
            let is_destination = replication.destination_owner_id.is_none();
            let forgotten_by = if is_source && is_gone_from(&replication.source_region) {
                Side::Source
            } else if is_destination && is_gone_from(&replication.destination_region) {
                Side::Destination
            } else {
                continue;
            };
            replication.forgotten_by = Some(forgotten_by);
            replication.ordered = None;
        }
        self.world.efs.replications = replications;
    }

    /// The Region that lists all of these replications: an end of each is there.
    pub(super) fn region_of_all(
        &self,
        document: &Document,
        ends: Vec<BTreeSet<String>>,
    ) -> Result<String> {
        let all = ends.into_iter().reduce(|all, ends| &all & &ends);
        let candidates: Vec<String> = match all {
            Some(all) => {
                let is_listed = |region: &String| self.world.efs.regions.contains_key(region);
                let mut chosen = self.region.iter().filter(|region| all.contains(*region));
                match chosen.next().cloned() {
                    Some(chosen) => vec![chosen],
                    None => all.into_iter().filter(is_listed).collect(),
                }
            }
            None => self.region.iter().cloned().collect(),
        };

        match candidates.as_slice() {
            [region] => Ok(region.clone()),
            _ => bail!(
                "{}: both ends of a replication list it. Say in which Region it was asked for: \
                 --region",
                document.place
            ),
        }
    }

    pub(super) fn add_mount_targets(&mut self, document: &Document) -> Result<()> {
        let list: MountTargets = document.read()?;
        let labelled = document.label.as_ref().and_then(|it| it.resource.clone());
        let mut seen: BTreeSet<String> = labelled.into_iter().collect();

        for (index, described) in list.mount_targets.into_iter().enumerate() {
            let path = format!("MountTargets[{index}].FileSystemId");
            let id = described.file_system_id.clone();
            let file_system = self.file_system(document, &path, &id)?;
            match described.into_mount_target() {
                Some(target) => {
                    let targets = &mut file_system.mount_targets;
                    targets.retain(|known| known.mount_target_id != target.mount_target_id);
                    targets.push(target);
                }
                None => self.notes.push(format!(
                    "{id} has a mount target without an IPv4 address, which the emulator does not \
                     have: its mount targets are unknown"
                )),
            }
            seen.insert(id);
        }
        if list.next_marker.is_some() {
            return Ok(());
        }

        for id in seen {
            let file_system = self.file_system(document, "MountTargets", &id)?;
            let listed = file_system.mount_targets.len();
            let counted = file_system.unlisted_mount_targets;
            // Fewer than its description counts are not all.
            if listed >= counted {
                file_system.unlisted_mount_targets = 0;
                self.covered.insert((Kind::MountTargets, id));
            }
        }
        Ok(())
    }

    pub(super) fn add_security_groups(&mut self, document: &Document) -> Result<()> {
        let groups: SecurityGroups = document.read()?;
        let id = labelled_resource(document)?;

        // No two Regions share an ID.
        let regions = self.world.efs.regions.values_mut();
        let file_systems = regions.flat_map(|efs| &mut efs.file_systems);
        let mut targets = file_systems.flat_map(|it| &mut it.mount_targets);
        let target = targets.find(|target| target.mount_target_id == id);
        let target = target.with_context(|| {
            format!(
                "{}: no answer of {} lists {id}",
                document.place,
                Kind::MountTargets.command()
            )
        })?;
        target.security_groups = groups.security_groups;
        self.covered.insert((Kind::SecurityGroups, id));
        Ok(())
    }

    pub(super) fn add_access_points(&mut self, document: &Document) -> Result<()> {
        let list: AccessPoints = document.read()?;
        let is_whole = list.next_token.is_none();
        let mut seen = BTreeSet::new();

        for (index, described) in list.access_points.into_iter().enumerate() {
            let path = format!("AccessPoints[{index}].FileSystemId");
            let id = described.file_system_id.clone();
            let points = &mut self.file_system(document, &path, &id)?.access_points;
            let point = described.into_access_point();
            points.retain(|known| known.access_point_id != point.access_point_id);
            points.push(point);
            seen.insert(id);
        }

        if is_whole {
            // Without a label nobody knows whether others have access points too.
            match document.label.as_ref().map(|it| (&it.resource, &it.region)) {
                Some((Some(id), _)) => drop(seen.insert(id.clone())),
                Some((None, region)) => drop(self.listed_points.insert(region.clone())),
                None => {}
            }
            let covered = seen.into_iter().map(|id| (Kind::AccessPoints, id));
            self.covered.extend(covered);
        }
        Ok(())
    }

    /// A setting of one file system, which only the label names.
    pub(super) fn add_setting(&mut self, kind: Kind, document: &Document) -> Result<()> {
        let id = labelled_resource(document)?;
        let file_system = self.file_system(document, "its label", &id)?;

        match kind {
            Kind::Lifecycle => {
                let read: Lifecycle = document.read()?;
                file_system.lifecycle_policies = read.lifecycle_policies;
            }
            Kind::Backup => {
                let read: Backup = document.read()?;
                file_system.backup = Some(read.backup_policy.status);
            }
            _ => {
                let read: Policy = document.read()?;
                file_system.policy = Some(read.policy);
            }
        }
        self.covered.insert((kind, id));
        Ok(())
    }

    fn file_system(
        &mut self,
        document: &Document,
        path: &str,
        id: &str,
    ) -> Result<&mut FileSystem> {
        let regions = self.world.efs.regions.values_mut();
        let mut file_systems = regions.flat_map(|efs| &mut efs.file_systems);

        let found = file_systems.find(|known| known.file_system_id == id);
        found.with_context(|| {
            let command = Kind::FileSystems.command();
            format!(
                "{}: {path}: no answer of {command} lists {id}",
                document.place
            )
        })
    }
}

/// The ID that a label names.
fn labelled_resource(document: &Document) -> Result<String> {
    let resource = document.label.as_ref().and_then(|it| it.resource.clone());

    resource.with_context(|| format!("{}: its label has no `resource`", document.place))
}
