//! A world that is being made of answers, and what is known of it so far.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use chrono::{DateTime, Utc};
use emulator::{Collected, World};
use serde_json::Value;

use super::{answer::Kind, document::Document};

/// What the command line says of the account, and the time.
pub(super) struct Place {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) now: DateTime<Utc>,
}

/// A world that is being made.
pub(super) struct Draft {
    pub(super) world: World,
    /// The Region of answers that do not name theirs.
    pub(super) region: Option<String>,
    /// The resources about which there is an answer.
    pub(super) covered: BTreeSet<(Kind, String)>,
    /// The Regions whose access points were listed as a whole.
    pub(super) listed_points: BTreeSet<String>,
    /// The replications that each Region lists, by their sources.
    pub(super) listed_replications: BTreeSet<(String, String)>,
    pub(super) refused: BTreeMap<(String, Kind), String>,
    pub(super) notes: Vec<String>,
}

impl Draft {
    pub(super) fn new(answers: &[(Kind, Document)], place: Place) -> Result<Self> {
        let account = match place.account {
            Some(account) => account,
            None => account(answers)?,
        };
        let dates = answers.iter().filter_map(|(_, it)| it.label.as_ref()?.at);
        // The account is as old as the last answer.
        let now = dates.max().unwrap_or(place.now);

        // Known is what the answers will say, and nothing before them.
        let world = World {
            account,
            now,
            known: Some(BTreeMap::new()),
            ..World::empty()
        };
        Ok(Self {
            world,
            region: place.region,
            covered: BTreeSet::new(),
            listed_points: BTreeSet::new(),
            listed_replications: BTreeSet::new(),
            refused: BTreeMap::new(),
            notes: Vec::new(),
        })
    }

    /// The Region that a label names.
    pub(super) fn labelled(&self, document: &Document) -> BTreeSet<String> {
        let label = document.label.iter();

        label.map(|label| label.region.clone()).collect()
    }

    /// The Region of a resource: that of its ARN, of the label, or of the command line.
    pub(super) fn region(
        &self,
        document: &Document,
        arn: Option<&str>,
        path: &str,
    ) -> Result<String> {
        let of_arn = arn.and_then(|arn| arn.split(':').nth(3)).map(str::to_owned);
        let of_label = document.label.as_ref().map(|label| label.region.clone());
        if let (Some(arn), Some(label)) = (&of_arn, &of_label) {
            ensure!(
                arn == label,
                "{}: {path} is in {arn}, and its label says {label}",
                document.place
            );
        }

        let found = of_arn.or(of_label).or_else(|| self.region.clone());
        found.with_context(|| {
            format!(
                "{}: {path} is missing. Say the Region: --region",
                document.place
            )
        })
    }

    pub(super) fn drs(&mut self, region: &str) -> &mut emulator::Drs {
        self.world.drs.regions.entry(region.to_owned()).or_default()
    }

    /// Notes that a list is known in some Regions, unless more pages of it follow.
    pub(super) fn know_all(
        &mut self,
        kind: Kind,
        document: &Document,
        mut regions: BTreeSet<String>,
        next_page: Option<String>,
    ) -> Result<()> {
        // An empty list does not even say where it is of.
        if regions.is_empty() {
            let chosen = self.region.clone().with_context(|| {
                format!(
                    "{}: an empty list names no Region. Say it: --region",
                    document.place
                )
            })?;
            regions.insert(chosen);
        }

        for region in regions {
            // Where DRS answers, it is initialised; EFS is everywhere.
            match kind.is_of_drs() {
                true => drop(self.drs(&region)),
                false => drop(self.world.efs.regions.entry(region.clone()).or_default()),
            }
            match next_page {
                None => self.know(kind, &region),
                Some(_) => {
                    self.forget(kind, &region);
                    let refused = (region, kind);
                    self.refused.insert(refused, "more pages follow".to_owned());
                }
            }
        }
        Ok(())
    }

    pub(super) fn know(&mut self, kind: Kind, region: &str) {
        self.refused.remove(&(region.to_owned(), kind));
        self.know_except(kind, region, BTreeSet::new());
    }

    pub(super) fn know_except(&mut self, kind: Kind, region: &str, except: BTreeSet<String>) {
        let known = self.world.known.get_or_insert_default();
        let operations = known.entry(region.to_owned()).or_default();

        operations.insert(kind.operation().to_owned(), Collected { except });
    }

    pub(super) fn forget(&mut self, kind: Kind, region: &str) {
        let known = self.world.known.get_or_insert_default();
        if let Some(operations) = known.get_mut(region) {
            operations.remove(kind.operation());
        }
    }

    pub(super) fn knows(&self, kind: Kind, region: &str) -> bool {
        self.world.knows(region, kind.operation())
    }
}

/// The account that the answers are of.
fn account(answers: &[(Kind, Document)]) -> Result<String> {
    let mut of_drs = BTreeSet::new();
    let mut of_efs = BTreeSet::new();
    // Before anything is read: who owns a file system is told by comparison.
    for (kind, document) in answers {
        let items = ["items", "FileSystems"];
        let lists = items
            .iter()
            .filter_map(|list| document.value.get(list)?.as_array());
        let text = |item: &Value, name: &str| Some(item.get(name)?.as_str()?.to_owned());

        for item in lists.flatten() {
            let arn = text(item, "arn");
            of_drs.extend(arn.and_then(|arn| arn.split(':').nth(4).map(str::to_owned)));
            let owner = text(item, "OwnerId").filter(|_| *kind == Kind::FileSystems);
            of_efs.extend(owner);
        }
    }

    // EFS may describe what others own; DRS describes one's own.
    let accounts = if of_drs.is_empty() { of_efs } else { of_drs };
    let accounts: Vec<String> = accounts.into_iter().collect();
    match accounts.as_slice() {
        [account] => Ok(account.clone()),
        [] => bail!("no answer names the account. Say it: --account"),
        several => bail!(
            "the answers are of several accounts, {}. Import one, or say which: --account",
            several.join(" and ")
        ),
    }
}
