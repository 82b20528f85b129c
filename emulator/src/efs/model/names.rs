//! The names of resources and zones.

use crate::{
    aws::{call::Service, constraints, error::ApiError},
    efs::model::errors::bad_request,
};

/// A resource as a caller names it: by ID, or by an ARN, which adds Region and account.
pub(super) struct Named<'a> {
    /// The bare ID.
    pub(super) id: &'a str,
    /// The Region and the account of an ARN.
    pub(super) place: Option<(&'a str, &'a str)>,
}

impl<'a> Named<'a> {
    pub(super) fn file_system(name: &'a str) -> Result<Self, ApiError> {
        Self::parse(name, "file-system", "fs-")
    }

    pub(super) fn access_point(name: &'a str) -> Result<Self, ApiError> {
        Self::parse(name, "access-point", "fsap-")
    }

    fn parse(name: &'a str, kind: &str, prefix: &str) -> Result<Self, ApiError> {
        // IDs have no colons.
        let named = match name.contains(':') {
            false => Some(Self {
                id: name,
                place: None,
            }),
            true => Self::of_arn(name, kind),
        };

        named
            .filter(|named| is_id(prefix, named.id))
            .ok_or_else(|| {
                bad_request(format!(
                    "`{name}` is neither the ID nor the ARN of a {kind}"
                ))
            })
    }

    fn of_arn(arn: &'a str, kind: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        let [
            "arn",
            partition,
            "elasticfilesystem",
            region,
            account,
            resource,
        ] = parts.as_slice()
        else {
            return None;
        };
        let (resource_kind, id) = resource.split_once('/')?;

        // An ARN of a Region in the wrong partition names nothing.
        let exists = resource_kind == kind && constraints::partition(region) == Some(*partition);
        exists.then_some(Self {
            id,
            place: Some((region, account)),
        })
    }
}

/// Whether text is a prefix and 8 to 40 hexadecimal digits in lower case.
pub(super) fn is_id(prefix: &str, id: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');

    id.strip_prefix(prefix)
        .is_some_and(|digits| (8..=40).contains(&digits.len()) && digits.bytes().all(is_digit))
}

/// The Region of a zone, which is named after its Region and a letter; `None` for a zone that no
/// Region has.
pub(super) fn region_of(zone: &str) -> Option<&str> {
    // Local Zones have longer names, and are not emulated.
    let region = zone.strip_suffix(|letter| ('a'..='f').contains(&letter))?;
    constraints::is_in(Service::Efs, region).then_some(region)
}

/// The ID of a zone: the abbreviated name of its Region and a number. AWS assigns the numbers to
/// letters at random for each account; here `a` is 1.
pub(crate) fn zone_id(zone: &str) -> Option<String> {
    let region = region_of(zone)?;
    let letter = zone.bytes().next_back()?;
    let number = letter.checked_sub(b'a')?.checked_add(1)?;

    // AWS abbreviates directions to one or two letters.
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

/// Checks that a key could be one of a Region. Only an ARN reveals it.
pub(super) fn check_key(key: Option<&str>, region: &str) -> Result<(), ApiError> {
    let Some(key) = key else {
        return Ok(());
    };
    // An ID and an alias are looked up in the Region of the call.
    let parts: Vec<&str> = key.split(':').collect();

    match parts.as_slice() {
        [_] => Ok(()),
        ["arn", partition, "kms", of_key, _, _]
            if *of_key == region && constraints::partition(region) == Some(*partition) =>
        {
            Ok(())
        }
        ["arn", _, "kms", _, _, _] => Err(bad_request(
            "Failed to create destination file system: Invalid KMS key ID (unexpected region)",
        )),
        _ => Err(ApiError::validation(format!("`{key}` is not a KMS key"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_has_the_id_that_aws_gives_zones_of_its_region() {
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
