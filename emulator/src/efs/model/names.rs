//! Names: of resources, zones and Regions.

use crate::{
    aws::{call::Service, constraints, error::ApiError},
    efs::model::errors::bad_request,
};

/// A resource as a caller names it: by its ID, or by an ARN, which says Region and account too.
pub(crate) struct Named<'a> {
    /// The bare ID.
    pub(crate) id: &'a str,
    /// The Region and the account.
    pub(crate) place: Option<(&'a str, &'a str)>,
}

impl<'a> Named<'a> {
    pub(crate) fn file_system(name: &'a str) -> Result<Self, ApiError> {
        Self::read(name, "file-system", "fs-")
    }

    pub(crate) fn access_point(name: &'a str) -> Result<Self, ApiError> {
        Self::read(name, "access-point", "fsap-")
    }

    fn read(name: &'a str, kind: &str, prefix: &str) -> Result<Self, ApiError> {
        let parts: Vec<&str> = name.split(':').collect();
        let named = match parts.as_slice() {
            [id] => Some(Self { id, place: None }),
            [
                "arn",
                partition,
                "elasticfilesystem",
                region,
                account,
                resource,
            ] => resource
                .split_once('/')
                .filter(|(of, _)| *of == kind && constraints::partition(region) == Some(partition))
                .map(|(_, id)| Self {
                    id,
                    place: Some((region, account)),
                }),
            _ => None,
        };
        let named = named.filter(|named| is_id(prefix, named.id));
        named.ok_or_else(|| {
            bad_request(format!(
                "`{name}` is neither the ID nor the ARN of a {kind}"
            ))
        })
    }
}

/// Whether text is a prefix and 8 to 40 hexadecimal digits in lower case.
pub(crate) fn is_id(prefix: &str, id: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    id.strip_prefix(prefix)
        .is_some_and(|rest| (8..=40).contains(&rest.len()) && rest.bytes().all(is_digit))
}

/// The ID of a zone: its Region's name made short, and the zone's number, which here is the
/// letter's.
pub(crate) fn zone_id(zone: &str) -> Option<String> {
    let region = region_of(zone)?;
    let number = zone
        .bytes()
        .next_back()?
        .checked_sub(b'a')?
        .checked_add(1)?;
    let mut parts = region.split('-');
    let mut id = parts.next()?.to_owned();
    for part in parts {
        id.push_str(match part {
            "north" | "south" | "east" | "west" | "central" => part.get(..1)?,
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            "gov" => "g",
            other => other,
        });
    }
    Some(format!("{id}-az{number}"))
}

/// Whether EFS can replicate from a Region to another: within one partition.
pub(crate) fn is_within_reach(from: &str, to: &str) -> bool {
    constraints::is_in(Service::Efs, to)
        && constraints::partition(from) == constraints::partition(to)
}

/// The Region of a zone, which is the Region and a letter; `None` for a zone that no Region has
/// here.
pub(crate) fn region_of(zone: &str) -> Option<&str> {
    let region = zone.strip_suffix(|letter| ('a'..='f').contains(&letter));
    region.filter(|region| constraints::is_in(Service::Efs, region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_the_id_that_aws_gives_zones_of_its_region() {
        for (zone, id) in [
            ("us-east-1a", "use1-az1"),
            ("ap-southeast-2c", "apse2-az3"),
            ("us-gov-west-1b", "usgw1-az2"),
            ("cn-northwest-1a", "cnnw1-az1"),
        ] {
            assert_eq!(zone_id(zone).as_deref(), Some(id));
        }
    }
}
