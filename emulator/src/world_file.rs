//! A world file: an account as JSON, and what makes it one that could have come about.

use std::collections::BTreeSet;

use chrono::Datelike as _;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

use crate::{
    aws::{call::Service, constraints, ids::is_account},
    drs::{
        self,
        model::types::{Drs, Job, SourceServer},
    },
    efs,
    fault::Fault,
    world::{Deployment, LateEffect, World, YEARS},
};

/// JSON in which nothing is there twice: of two Regions or tags with one name, the first would
/// vanish without a word.
pub(crate) struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value::<Self>()?;
            if let Some(twice) = seen.replace(name) {
                return Err(A::Error::custom(format!("`{twice}` is there twice")));
            }
        }
        Ok(self)
    }
}

impl Default for World {
    /// The account that comes with drover: servers of several kinds, some approved for the change
    /// of the sample events.
    fn default() -> Self {
        Self::from_json(include_str!("../worlds/default.json")).unwrap_or_else(|_| Self::empty())
    }
}

impl World {
    /// Reads a world file.
    ///
    /// # Errors
    ///
    /// A sentence: what serde stumbled over, with line and column, or a value that no account has.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str::<Once>(text).map_err(|error| error.to_string())?;
        let world: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        world.check().map(|()| world)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if !is_account(&self.account) {
            return Err(format!("the account `{}` is not 12 digits", self.account));
        }
        self.check_regions()?;
        if !YEARS.contains(&self.now.year()) {
            return Err(format!(
                "it is {} there; a world is in the years from 2000 to 2999",
                self.now
            ));
        }
        if self.behaviour.page_size == 0 {
            return Err("a page size of 0 has no pages".to_owned());
        }
        for (name, deployment) in &self.functions {
            let is_sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
            if !(1..=64).contains(&name.len()) || !name.chars().all(is_sign) {
                return Err(format!("`{name}` is not the name of a function"));
            }
            deployment
                .check()
                .map_err(|wrong| format!("the function {name}: {wrong}"))?;
        }
        self.faults.iter().try_for_each(Fault::check)?;
        self.late.iter().try_for_each(LateEffect::check)?;
        if self.began.is_some_and(|began| began > self.now) {
            return Err(format!("it began in the future, after {}", self.now));
        }
        self.drs.values().try_for_each(|drs| drs.check(self))?;
        self.check_efs()?;
        drs::api::check(self)?;
        efs::api::check(self)?;
        self.check_efs_together()
    }

    /// Every Region exists, is in the account's partition, and has the service that is told of
    /// there.
    pub(crate) fn check_regions(&self) -> Result<(), String> {
        let partition = constraints::partition(&self.region);
        let drs = self.drs.keys().map(|region| (region, Service::Drs));
        let efs = self
            .efs
            .keys()
            .chain(self.subnets.values().map(|subnet| &subnet.region));
        let ends = self
            .replications
            .iter()
            .flat_map(|of| [&of.source_region, &of.destination_region]);
        let late = self
            .late
            .iter()
            .map(|effect| (&effect.region, effect.service));
        let all = drs
            .chain(efs.chain(ends).map(|region| (region, Service::Efs)))
            .chain(late);
        let faults = self.faults.iter().filter_map(|fault| fault.region.as_ref());
        for region in all
            .clone()
            .map(|(region, _)| region)
            .chain(faults)
            .chain([&self.region])
        {
            match constraints::partition(region) {
                None => return Err(format!("`{region}` is not a Region")),
                of if of != partition => {
                    return Err(format!(
                        "{region} is not in the partition of {}",
                        self.region
                    ));
                }
                _ => {}
            }
        }
        match all
            .into_iter()
            .find(|(region, service)| !constraints::is_in(*service, region))
        {
            Some((region, service)) => Err(format!("{service:?} is not in {region}")),
            None => Ok(()),
        }
    }
}

impl Deployment {
    /// Lambda keeps its own variables to itself, and so do the endpoints of this account.
    fn check(&self) -> Result<(), String> {
        if !(1..=900).contains(&self.timeout_seconds) {
            return Err(format!(
                "a timeout of {} seconds is not one of Lambda's, 1 to 900",
                self.timeout_seconds
            ));
        }
        if let Some(name) = self
            .environment
            .keys()
            .find(|name| name.starts_with("AWS_") || name.starts_with("_"))
        {
            return Err(format!("the variable {name} is reserved"));
        }
        let is_name = |name: &str| {
            let mut signs = name.chars();
            signs
                .next()
                .is_some_and(|first| first.is_ascii_alphabetic())
                && name.len() > 1
                && signs.all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
        };
        match self
            .environment
            .iter()
            .find(|(name, value)| !is_name(name) || value.contains('\0'))
        {
            Some((name, _)) => Err(format!(
                "`{}` is not a variable that Lambda has",
                name.escape_debug()
            )),
            None => Ok(()),
        }
    }
}

impl LateEffect {
    fn check(&self) -> Result<(), String> {
        let (service, operation) = (self.service, self.operation.as_str());
        let checked = constraints::check_input(service, operation, &self.input);
        checked.map_err(|wrong| format!("a late effect of {operation}: {wrong}"))
    }
}

impl Drs {
    /// Checks that what a world file says could have come about.
    pub(crate) fn check(&self, world: &World) -> Result<(), String> {
        for server in &self.source_servers {
            let SourceServer {
                id,
                origin_account_id,
                origin_region,
                replicating_since,
                ..
            } = server;
            if replicating_since.is_some_and(|since| since > world.now) {
                return Err(format!("{id} replicates since a time to come"));
            }
            let known = origin_region.as_ref().is_none_or(|region| {
                constraints::partition(region)
                    .is_some_and(|of| Some(of) == constraints::partition(&world.region))
            });
            if !known || origin_account_id.is_some() != origin_region.is_some() {
                return Err(format!(
                    "{id} needs originAccountID and originRegion, a Region of this partition, or neither"
                ));
            }
        }
        for Job {
            id,
            kind,
            created_at,
            ends_at,
            source_server_ids,
            recovery_instance_ids,
            ..
        } in &self.jobs
        {
            if created_at > ends_at || *created_at > world.now {
                return Err(format!("{id} was created after it ends, or in the future"));
            }
            if kind == "TERMINATE" && source_server_ids.len() != recovery_instance_ids.len() {
                return Err(format!(
                    "{id} terminates other recovery instances than those of its servers"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const ID: &str = "s-00000000000000001";

    #[test]
    fn the_default_world_can_be_read() {
        World::from_json(include_str!("../worlds/default.json")).unwrap();
    }

    fn world(drs: &str, more: &str) -> String {
        format!(
            r#"{{"account": "111122223333", "region": "us-east-1", "drs": {{"us-east-1": {{"sourceServers": [{drs}]}}}}{more}}}"#
        )
    }

    fn refuse(cases: impl IntoIterator<Item = (String, &'static str)>) {
        for (text, part) in cases {
            let wrong = World::from_json(&text).unwrap_err();
            assert!(wrong.contains(part), "`{wrong}` does not say `{part}`");
        }
    }

    #[test]
    fn a_world_that_cannot_be_is_told_in_a_sentence() {
        let one = format!(r#"{{"sourceServerID": "{ID}"}}"#);
        World::from_json(&world(&one, "")).unwrap();
        refuse([
            (
                world(r#"{"sourceServerID": "banana"}"#, ""),
                "Value 'banana' at 'sourceServerID'",
            ),
            (world(&format!("{one}, {one}"), ""), "is there twice"),
            (
                world(
                    &one.replace('}', r#", "dataReplicationState": "Continuous"}"#),
                    "",
                ),
                "Value 'Continuous' at 'dataReplicationInfo.dataReplicationState'",
            ),
            (
                world(&one.replace('}', r#", "stagingStatus": "SOMEHOW"}"#), ""),
                "at 'stagingArea.status'",
            ),
            (
                world(
                    &one.replace('}', r#", "originAccountID": "1", "originRegion": "x"}"#),
                    "",
                ),
                "originRegion",
            ),
            (
                world(
                    &one.replace('}', &format!(r#", "hostname": "{}"}}"#, "h".repeat(257))),
                    "",
                ),
                "hostname",
            ),
            (
                world("", "").replace(r#""us-east-1": {"#, r#""us-east-9": {"#),
                "`us-east-9` is not a Region",
            ),
            (
                world("", "").replace(r#""us-east-1": {"#, r#""us-gov-east-1": {"#),
                "not in the partition of us-east-1",
            ),
            (
                world("", "")
                    .replace("us-east-1", "cn-north-1")
                    .replace("s-0", "s-1"),
                "Drs is not in cn-north-1",
            ),
            (
                world("", r#", "functions": {"a b": {}}"#),
                "`a b` is not the name of a function",
            ),
            (
                world(
                    "",
                    r#", "late": [{"at": "2026-11-21T00:00:00Z", "operation": "DeleteJob", "region": "us-east-1", "input": {}}]"#,
                ),
                "Value null at 'jobID'",
            ),
            (world("", r#", "behaviour": {"pageSize": 0}"#), "page size"),
            (
                world("", r#", "functions": {"f": {"timeoutSeconds": 0}}"#),
                "a timeout of 0 seconds",
            ),
            (
                world(
                    "",
                    r#", "functions": {"f": {"environment": {"AWS_ENDPOINT_URL_DRS": "x"}}}"#,
                ),
                "AWS_ENDPOINT_URL_DRS is reserved",
            ),
            (
                world(
                    "",
                    r#", "faults": [{"operation": "Disconect", "kind": "throttle"}]"#,
                ),
                "`Disconect`",
            ),
            (
                world(
                    "",
                    r#", "faults": [{"operation": "DescribeJobs", "kind": "throttle", "times": 0}]"#,
                ),
                "for no call",
            ),
            (
                world(
                    "",
                    r#", "faults": [{"operation": "DeleteJob", "kind": "stale_read"}]"#,
                ),
                "for lists only",
            ),
            (
                world(
                    "",
                    r#", "faults": [{"operation": "DeleteJob", "kind": "throttle", "region": "us-east-9"}]"#,
                ),
                "`us-east-9` is not a Region",
            ),
        ]);
    }

    #[test]
    fn a_world_that_no_calls_lead_to_is_told_in_a_sentence() {
        let one = format!(r#"{{"sourceServerID": "{ID}"}}"#);
        let job = |kind: &str, created: &str, ends: &str| {
            let job = format!(
                r#"{{"jobID": "drsjob-00000000000000001", "type": "{kind}", "initiatedBy": "START_DRILL", "createdAt": "{created}", "endsAt": "{ends}", "sourceServerIDs": ["{ID}"]}}"#
            );
            world(&one, "").replace(
                r#""sourceServers""#,
                &format!(r#""jobs": [{job}], "sourceServers""#),
            )
        };
        World::from_json(&job(
            "LAUNCH",
            "2026-11-21T00:00:00Z",
            "2026-11-21T00:15:00Z",
        ))
        .unwrap();
        refuse([
            (
                world(
                    &one.replace('}', r#", "replicatingSince": "2999-01-01T00:00:00Z"}"#),
                    "",
                ),
                "a time to come",
            ),
            (
                world(&one.replace('}', r#", "originRegion": "us-west-2"}"#), ""),
                "needs originAccountID",
            ),
            (
                world(
                    &one.replace(
                        '}',
                        r#", "originAccountID": "111122223333", "originRegion": "cn-north-1"}"#,
                    ),
                    "",
                ),
                "a Region of this partition",
            ),
            (
                world(&one.replace('}', r#", "tags": {"a": "1", "a": "2"}}"#), ""),
                "`a` is there twice",
            ),
            (
                world("", "").replace(r#""us-east-1": {"#, r#""us-east-1": {}, "us-east-1": {"#),
                "`us-east-1` is there twice",
            ),
            (
                world("", r#", "began": "2999-01-01T00:00:00Z""#),
                "it began in the future",
            ),
            (
                job("LAUNCH", "2026-11-21T00:00:00Z", "2026-11-20T00:00:00Z"),
                "created after it ends",
            ),
            (
                job("LAUNCH", "2999-11-21T00:00:00Z", "2999-11-21T00:15:00Z"),
                "in the future",
            ),
            (
                job("TERMINATE", "2026-11-21T00:00:00Z", "2026-11-21T00:15:00Z"),
                "terminates other",
            ),
            (
                world("", r#", "functions": {"f": {"environment": {"A=B": "x"}}}"#),
                "`A=B` is not a variable",
            ),
            (
                world(
                    "",
                    r#", "functions": {"f": {"environment": {"AB": "x\u0000"}}}"#,
                ),
                "`AB` is not a variable",
            ),
        ]);
    }
}
