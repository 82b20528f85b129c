//! Where a target asks for its replica.

use serde_json::Value;

use crate::{constants::HERE, record::text};

/// The destination of a target, as its words put it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    /// The Region, the zone's Region or that of the ARN; by default the function's own.
    pub(crate) region: String,
    pub(crate) zone: Option<&'a str>,
    /// The existing file system that would be overwritten.
    pub(crate) existing: Option<&'a str>,
    /// The account in its ARN.
    pub(crate) account: Option<&'a str>,
    pub(crate) role: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// The destination in a request.
    pub(crate) fn of(destination: &'a Value) -> Self {
        let name = destination["fileSystemId"].as_str();
        let zone = destination["availabilityZoneName"].as_str();

        // The Region is given, or follows from the ARN or the zone.
        let region = destination["region"]
            .as_str()
            .or_else(|| part(name, 3))
            .or_else(|| zone.map(region_of));
        Self {
            region: region.unwrap_or(HERE).to_owned(),
            zone,
            existing: name.map(id_in),
            account: part(name, 4),
            role: destination["roleArn"].as_str(),
            key: destination["kmsKeyId"].as_str(),
        }
    }

    /// Whether the Region is stated twice, and differently.
    pub(crate) fn contradicts_itself(&self, destination: &Value) -> bool {
        let in_arn = part(destination["fileSystemId"].as_str(), 3);

        self.zone.is_some_and(|zone| region_of(zone) != self.region)
            || in_arn.is_some_and(|region| region != self.region)
    }

    /// The Region of the key, where its ARN names one.
    pub(crate) fn region_of_key(&self) -> Option<&'a str> {
        part(self.key, 3)
    }
}

/// A part of an ARN.
fn part(arn: Option<&str>, index: usize) -> Option<&str> {
    let arn = arn.filter(|text| text.starts_with("arn:"))?;

    arn.split(':').nth(index)
}

/// The ID in an ARN, or the ID itself.
pub(crate) fn id_in(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn region_of(zone: &str) -> &str {
    zone.trim_end_matches(|letter: char| letter.is_ascii_lowercase())
}

/// The ID of a target's source.
pub(crate) fn source_id(target: &Value) -> &str {
    id_in(text(target, "sourceFileSystemId"))
}
