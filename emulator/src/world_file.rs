//! A world file: an account in JSON, and the checks that it could exist.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, Utc};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

use crate::{
    aws::{
        behaviour::Behaviour,
        call::Service,
        constraints,
        ids::{has_function_characters, is_account},
    },
    drs,
    efs::{
        self,
        model::{Efs, Replication, Subnet},
    },
    fault::Fault,
    known::Known,
    world::{Deployment, LateEffect, World, YEARS},
};

/// The members of a world file. Only `account` and `region` are required; everything else defaults
/// to a healthy account, and unknown members are errors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WorldFile {
    account: String,
    region: String,
    #[serde(default = "Utc::now")]
    now: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<DateTime<Utc>>,
    #[serde(default)]
    behaviour: Behaviour,
    #[serde(default)]
    functions: BTreeMap<String, Deployment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<Known>,
    #[serde(default)]
    drs: drs::model::Model,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    efs: BTreeMap<String, Efs>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replications: Vec<Replication>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    subnets: BTreeMap<String, Subnet>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    late: Vec<LateEffect>,
}

impl From<WorldFile> for World {
    fn from(file: WorldFile) -> Self {
        Self {
            account: file.account,
            region: file.region,
            now: file.now,
            began: file.began,
            behaviour: file.behaviour,
            functions: file.functions,
            faults: file.faults,
            known: file.known,
            drs: file.drs,
            efs: efs::model::Model {
                regions: file.efs,
                replications: file.replications,
                subnets: file.subnets,
            },
            late: file.late,
        }
    }
}

impl From<World> for WorldFile {
    fn from(world: World) -> Self {
        Self {
            account: world.account,
            region: world.region,
            now: world.now,
            began: world.began,
            behaviour: world.behaviour,
            functions: world.functions,
            faults: world.faults,
            known: world.known,
            drs: world.drs,
            efs: world.efs.regions,
            replications: world.efs.replications,
            subnets: world.efs.subnets,
            late: world.late,
        }
    }
}

impl Serialize for World {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WorldFile::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for World {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WorldFile::deserialize(deserializer).map(Self::from)
    }
}

impl Default for World {
    /// The account that comes with drover: servers of several kinds, some of them approved for the
    /// change of the sample events.
    fn default() -> Self {
        Self::from_json(include_str!("../worlds/default.json")).unwrap_or_else(|_| Self::empty())
    }
}

impl World {
    /// Reads a world file.
    ///
    /// # Errors
    ///
    /// A sentence: the error of the parser with line and column, or a value that no account has.
    pub fn from_json(text: &str) -> Result<Self, String> {
        // The second pass reads the values. Serde itself keeps the last of two equal names.
        serde_json::from_str::<UniqueNames>(text).map_err(|error| error.to_string())?;
        let world: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;

        world.check()?;
        Ok(world)
    }

    fn check(&self) -> Result<(), String> {
        if !is_account(&self.account) {
            return Err(format!("the account `{}` is not 12 digits", self.account));
        }
        // Later checks ask for the partition and the zones of Regions, so the Regions come first.
        self.check_regions()?;
        if !YEARS.contains(&self.now.year()) {
            return Err(format!(
                "`now` is {}; a world is in the years from 2000 to 2999",
                self.now
            ));
        }
        if self.began.is_some_and(|began| began > self.now) {
            return Err(format!("it began in the future, after {}", self.now));
        }
        // Every list would be endless.
        if self.behaviour.page_size == 0 || self.behaviour.longest_page == 0 {
            return Err("a page size of 0 has no pages".to_owned());
        }

        for (name, deployment) in &self.functions {
            check_function(name, deployment)?;
        }
        self.faults.iter().try_for_each(Fault::check)?;
        self.known.iter().try_for_each(check_known)?;
        self.late.iter().try_for_each(check_late_effect)?;

        // Values come before relations, whose checks rely on them.
        let context_in = |region: &str| self.context(region);
        let is_imported = self.known.is_some();
        self.drs.check(self.now, &self.region, is_imported)?;
        self.efs.check_names(is_imported)?;
        drs::api::check(&self.drs, context_in)?;
        efs::api::check(&self.efs, context_in)?;
        self.efs.check_together(&self.account, is_imported)
    }

    /// Every Region exists, is in the partition of the account, and has the services that are used
    /// there.
    fn check_regions(&self) -> Result<(), String> {
        let used = self.used_regions();
        let of_faults = self.faults.iter().filter_map(|fault| fault.region.as_ref());
        let known = self.known.iter().flat_map(BTreeMap::keys);
        let named = used.iter().map(|(region, _)| *region).chain(known);

        // An account belongs to one partition.
        let own_partition = constraints::partition(&self.region);
        for region in named.chain(of_faults).chain([&self.region]) {
            match constraints::partition(region) {
                None => return Err(format!("`{region}` is not a Region")),
                Some(partition) if Some(partition) != own_partition => {
                    let own = &self.region;
                    return Err(format!("{region} is not in the partition of {own}"));
                }
                Some(_) => {}
            }
        }

        for (region, service) in used {
            if !constraints::is_in(service, region) {
                return Err(format!("{service:?} is not in {region}"));
            }
        }
        Ok(())
    }

    /// The Regions that are used, each with the service that is used there.
    fn used_regions(&self) -> Vec<(&String, Service)> {
        let drs = self.drs.regions.keys().map(|region| (region, Service::Drs));

        // A replication or a subnet may be in a Region without file systems.
        let file_systems = self.efs.regions.keys();
        let subnets = self.efs.subnets.values().map(|subnet| &subnet.region);
        let ends = self.efs.replications.iter();
        let ends = ends.flat_map(|ends| [&ends.source_region, &ends.destination_region]);
        let efs = file_systems
            .chain(subnets)
            .chain(ends)
            .map(|region| (region, Service::Efs));

        let late = self.late.iter();
        let late = late.map(|effect| (&effect.region, effect.service));

        drs.chain(efs).chain(late).collect()
    }
}

fn check_function(name: &str, deployment: &Deployment) -> Result<(), String> {
    if !(1..=64).contains(&name.len()) || !has_function_characters(name) {
        return Err(format!("`{name}` is not a function name"));
    }

    check_deployment(deployment).map_err(|wrong| format!("the function {name}: {wrong}"))
}

fn check_deployment(deployment: &Deployment) -> Result<(), String> {
    let seconds = deployment.timeout_seconds;
    if !(1..=900).contains(&seconds) {
        return Err(format!(
            "a timeout of {seconds} seconds is not between 1 and 900"
        ));
    }

    for (name, value) in &deployment.environment {
        // Lambda sets these itself, and so do the endpoints of the emulated account.
        if name.starts_with("AWS_") || name.starts_with('_') {
            return Err(format!("the variable {name} is reserved"));
        }
        if !is_variable_name(name) || value.contains('\0') {
            let name = name.escape_debug();
            return Err(format!("Lambda does not accept the variable `{name}`"));
        }
    }
    Ok(())
}

/// Whether Lambda accepts a name for an environment variable.
fn is_variable_name(name: &str) -> bool {
    let mut characters = name.chars();
    // Lambda documents `[a-zA-Z]([a-zA-Z0-9_])+`.
    let starts_with_letter = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic());

    starts_with_letter
        && name.len() > 1
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// What is known are answers to reads.
fn check_known(known: &Known) -> Result<(), String> {
    let is_read = |operation: &String| {
        let mut services = Service::ALL.into_iter();
        services.any(|service| service.emulates(operation) && !service.changes(operation))
    };

    let mut operations = known.values().flat_map(BTreeMap::keys);
    match operations.find(|operation| !is_read(operation)) {
        Some(wrong) => Err(format!(
            "`{wrong}` is known, and is not a read that is emulated"
        )),
        None => Ok(()),
    }
}

fn check_late_effect(effect: &LateEffect) -> Result<(), String> {
    let operation = &effect.operation;
    let checked = constraints::check_input(effect.service, operation, &effect.input);
    checked.map_err(|wrong| format!("a late effect of {operation}: {wrong}"))
}

/// JSON in which no object has a name twice. Otherwise the first of two Regions or tags with the
/// same name would be lost silently.
struct UniqueNames;

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
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
        let mut names = BTreeSet::new();

        while let Some(name) = members.next_key::<String>()? {
            // Values are visited too: a name may be repeated at any depth.
            members.next_value::<Self>()?;
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format!("`{name}` appears twice")));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "s-00000000000000001";

    /// A world file with these source servers and further members.
    fn world(servers: &str, more: &str) -> String {
        format!(
            r#"{{"account": "111122223333", "region": "us-east-1",
                "drs": {{"us-east-1": {{"sourceServers": [{servers}]}}}}{more}}}"#
        )
    }

    /// A source server with further members.
    fn server(more: &str) -> String {
        format!(r#"{{"sourceServerID": "{ID}"{more}}}"#)
    }

    /// Checks that each world is refused with a sentence that has this part.
    fn assert_refused(cases: impl IntoIterator<Item = (String, &'static str)>) {
        for (text, part) in cases {
            let wrong = World::from_json(&text).unwrap_err();
            assert!(wrong.contains(part), "`{wrong}` does not say `{part}`");
        }
    }

    #[test]
    fn default_world_is_valid() {
        World::from_json(include_str!("../worlds/default.json")).unwrap();
    }

    #[test]
    fn world_file_is_written_as_it_was_read() {
        let text = include_str!("../worlds/default.json");
        let world = World::from_json(text).unwrap();

        let written = serde_json::to_string(&world).unwrap();
        assert_eq!(World::from_json(&written).unwrap(), world);
    }

    #[test]
    fn server_with_values_outside_the_model_is_refused() {
        World::from_json(&world(&server(""), "")).unwrap();

        let long_name = format!(r#", "hostname": "{}""#, "h".repeat(257));
        assert_refused([
            (
                world(r#"{"sourceServerID": "banana"}"#, ""),
                "Value 'banana' at 'sourceServerID'",
            ),
            (world(&format!("{0}, {0}", server("")), ""), "appears twice"),
            (
                world(&server(r#", "dataReplicationState": "Continuous""#), ""),
                "Value 'Continuous' at 'dataReplicationInfo.dataReplicationState'",
            ),
            (
                world(&server(r#", "stagingStatus": "SOMEHOW""#), ""),
                "at 'stagingArea.status'",
            ),
            (
                world(
                    &server(r#", "originAccountID": "1", "originRegion": "us-west-2""#),
                    "",
                ),
                "at 'sourceCloudProperties.originAccountID'",
            ),
            (world(&server(&long_name), ""), "hostname"),
        ]);
    }

    #[test]
    fn region_without_the_service_is_refused() {
        let region = |other: &str| {
            let new = format!(r#""{other}": {{"#);
            world("", "").replace(r#""us-east-1": {"#, &new)
        };

        assert_refused([
            (region("us-east-9"), "`us-east-9` is not a Region"),
            (region("us-gov-east-1"), "not in the partition of us-east-1"),
            (
                world("", "").replace("us-east-1", "cn-north-1"),
                "Drs is not in cn-north-1",
            ),
        ]);
    }

    #[test]
    fn account_with_impossible_settings_is_refused() {
        let late = r#", "late": [{"at": "2026-11-21T00:00:00Z", "operation": "DeleteJob",
            "region": "us-east-1", "input": {}}]"#;
        let variable = r#", "functions": {"f": {"environment": {"AWS_ENDPOINT_URL_DRS": "x"}}}"#;

        assert_refused([
            (
                world("", r#", "functions": {"a b": {}}"#),
                "`a b` is not a function name",
            ),
            (world("", late), "Value null at 'jobID'"),
            (world("", r#", "behaviour": {"pageSize": 0}"#), "page size"),
            (
                world("", r#", "behaviour": {"longestPage": 0}"#),
                "page size",
            ),
            (
                world("", r#", "functions": {"f": {"timeoutSeconds": 0}}"#),
                "a timeout of 0 seconds",
            ),
            (world("", variable), "AWS_ENDPOINT_URL_DRS is reserved"),
        ]);
    }

    #[test]
    fn fault_that_no_call_can_meet_is_refused() {
        let fault = |members: &str| world("", &format!(r#", "faults": [{{{members}}}]"#));

        assert_refused([
            (
                fault(r#""operation": "Disconect", "kind": "throttle""#),
                "`Disconect`",
            ),
            (
                fault(r#""operation": "DescribeJobs", "kind": "throttle", "times": 0"#),
                "for no call",
            ),
            (
                fault(r#""operation": "DeleteJob", "kind": "stale_read""#),
                "for lists only",
            ),
            (
                fault(r#""operation": "DeleteJob", "kind": "throttle", "region": "us-east-9""#),
                "`us-east-9` is not a Region",
            ),
        ]);
    }

    #[test]
    fn only_reads_of_regions_that_exist_can_be_known() {
        let known = |region: &str, operation: &str| {
            world(
                "",
                &format!(r#", "known": {{"{region}": {{"{operation}": {{}}}}}}"#),
            )
        };
        World::from_json(&known("eu-west-1", "DescribeJobs")).unwrap();

        assert_refused([
            (known("us-east-1", "DeleteJob"), "`DeleteJob` is known"),
            (known("us-east-1", "DescribeJob"), "`DescribeJob` is known"),
            (known("us-east-9", "DescribeJobs"), "is not a Region"),
        ]);
    }

    #[test]
    fn server_that_no_calls_lead_to_is_refused() {
        let foreign = r#", "originAccountID": "111122223333", "originRegion": "cn-north-1""#;

        assert_refused([
            (
                world(
                    &server(r#", "replicatingSince": "2999-01-01T00:00:00Z""#),
                    "",
                ),
                "a time in the future",
            ),
            (
                world(&server(r#", "originRegion": "us-west-2""#), ""),
                "needs originAccountID",
            ),
            (world(&server(foreign), ""), "a Region of this partition"),
        ]);
    }

    #[test]
    fn name_that_appears_twice_in_an_object_is_refused() {
        assert_refused([
            (
                world(&server(r#", "tags": {"a": "1", "a": "2"}"#), ""),
                "`a` appears twice",
            ),
            (
                world("", "").replace(r#""us-east-1": {"#, r#""us-east-1": {}, "us-east-1": {"#),
                "`us-east-1` appears twice",
            ),
        ]);
    }

    #[test]
    fn job_that_no_calls_lead_to_is_refused() {
        let job = |kind: &str, created: &str, ends: &str| {
            let job = format!(
                r#"{{"jobID": "drsjob-00000000000000001", "type": "{kind}",
                    "initiatedBy": "START_DRILL", "createdAt": "{created}", "endsAt": "{ends}",
                    "sourceServerIDs": ["{ID}"]}}"#
            );
            let jobs = format!(r#""jobs": [{job}], "sourceServers""#);
            world(&server(""), "").replace(r#""sourceServers""#, &jobs)
        };
        let (midnight, later) = ("2026-11-21T00:00:00Z", "2026-11-21T00:15:00Z");
        World::from_json(&job("LAUNCH", midnight, later)).unwrap();

        assert_refused([
            (job("LAUNCH", later, midnight), "created after it ends"),
            (
                job("LAUNCH", "2999-11-21T00:00:00Z", "2999-11-21T00:15:00Z"),
                "in the future",
            ),
            (job("TERMINATE", midnight, later), "terminates other"),
        ]);
    }

    #[test]
    fn variable_that_lambda_does_not_accept_is_refused() {
        let variable = |variable: &str| {
            let functions = format!(r#", "functions": {{"f": {{"environment": {{{variable}}}}}}}"#);
            world("", &functions)
        };

        assert_refused([
            (variable(r#""A=B": "x""#), "the variable `A=B`"),
            (variable(r#""AB": "x\u0000""#), "the variable `AB`"),
            (
                world("", r#", "began": "2999-01-01T00:00:00Z""#),
                "it began in the future",
            ),
        ]);
    }
}
