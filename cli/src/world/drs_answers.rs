//! Adds the answers of DRS to a world.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use emulator::Drs;
use serde::de::DeserializeOwned;

use super::{
    answer::Kind,
    document::Document,
    draft::Draft,
    drs::{DescribedInstance, DescribedJob, DescribedServer, DescribedSnapshot, Items},
};

impl Draft {
    pub(super) fn add_servers(&mut self, document: &Document) -> Result<()> {
        let now = self.world.now;
        let read = |it: DescribedServer| (it.arn.clone(), it.into_server(now));

        self.add_items(
            Kind::SourceServers,
            document,
            read,
            |drs| &mut drs.source_servers,
            |it| it.id.clone(),
        )
    }

    pub(super) fn add_instances(&mut self, document: &Document) -> Result<()> {
        let read = |it: DescribedInstance| (it.arn.clone(), it.into_instance());

        self.add_items(
            Kind::RecoveryInstances,
            document,
            read,
            |drs| &mut drs.recovery_instances,
            |it| it.id.clone(),
        )
    }

    pub(super) fn add_jobs(&mut self, document: &Document) -> Result<()> {
        let now = self.world.now;
        let read = |it: DescribedJob| (it.arn.clone(), it.into_job(now));

        self.add_items(
            Kind::Jobs,
            document,
            read,
            |drs| &mut drs.jobs,
            |it| it.id.clone(),
        )
    }

    /// Adds the items of a list, each to the Region that its ARN names.
    fn add_items<D: DeserializeOwned, R>(
        &mut self,
        kind: Kind,
        document: &Document,
        read: impl Fn(D) -> (Option<String>, R),
        list_of: impl Fn(&mut Drs) -> &mut Vec<R>,
        id_of: impl Fn(&R) -> String,
    ) -> Result<()> {
        let list: Items<D> = document.read()?;
        let mut regions = self.labelled(document);

        for (index, described) in list.items.into_iter().enumerate() {
            let (arn, resource) = read(described);
            let region = self.region(document, arn.as_deref(), &format!("items[{index}].arn"))?;
            list_of(self.drs(&region)).push(resource);
            regions.insert(region);
        }
        for region in &regions {
            keep_last(list_of(self.drs(region)), &id_of);
        }
        self.know_all(kind, document, regions, list.next_token)
    }

    /// The recovery points of one server.
    pub(super) fn add_snapshots(&mut self, document: &Document) -> Result<()> {
        let list: Items<DescribedSnapshot> = document.read()?;
        let labelled = document.label.as_ref().and_then(|it| it.resource.clone());
        let first = list.items.first().map(|it| it.source_server_id.clone());
        let Some(id) = labelled.or(first) else {
            bail!(
                "{}: a list of recovery points names no server",
                document.place
            );
        };
        let is_one = list.items.iter().all(|it| it.source_server_id == id);
        ensure!(
            is_one,
            "{}: recovery points of several servers",
            document.place
        );

        // A page is not all of them, and what is counted is their IDs.
        let is_whole = list.next_token.is_none();
        let ids: BTreeSet<String> = list.items.into_iter().map(|it| it.id).collect();
        let regions = self.world.drs.regions.values_mut();
        let mut servers = regions.flat_map(|drs| &mut drs.source_servers);
        let server = servers.find(|server| server.id == id);
        let server = server.with_context(|| {
            format!(
                "{}: no answer of {} lists {id}",
                document.place,
                Kind::SourceServers.command()
            )
        })?;
        // What was counted to its end before is counted anew.
        let is_again = self.covered.remove(&(Kind::RecoverySnapshots, id.clone()));
        let earlier = if is_again { 0 } else { server.recovery_points };
        let points = earlier as usize + ids.len();
        server.recovery_points = u32::try_from(points).unwrap_or(u32::MAX);
        if is_whole {
            self.covered.insert((Kind::RecoverySnapshots, id));
        }
        Ok(())
    }
}

/// Sorts a list by its IDs. A record may move between two pages, and then is listed twice: what was
/// said last counts.
fn keep_last<T>(list: &mut Vec<T>, id: impl Fn(&T) -> String) {
    let by_id: BTreeMap<String, T> = list.drain(..).map(|item| (id(&item), item)).collect();

    list.extend(by_id.into_values());
}
