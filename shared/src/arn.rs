//! ARNs, Regions, Availability Zones and account IDs, each checked where it is made.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Id, InvalidValue, Kind, matches_pattern};

/// An AWS Region, such as `eu-west-1`: two lower-case words or more, and a number.
pub type Region = Id<RegionKind>;

/// The ID of an AWS account: twelve digits.
pub type AccountId = Id<AccountKind>;

/// The kind of [`Region`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegionKind;

/// The kind of [`AccountId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountKind;

impl Kind for RegionKind {
    const EXPECTED: &'static str = "a Region such as eu-west-1";

    fn matches(text: &str) -> bool {
        let Some((words, number)) = text.rsplit_once('-') else {
            return false;
        };
        let is_word = |word: &str| matches_pattern(word, "", u8::is_ascii_lowercase, 1..=16);

        // Names alone: whether AWS has the Region is for the call to find out.
        matches_pattern(number, "", u8::is_ascii_digit, 1..=2)
            && words.split('-').all(is_word)
            && words.contains('-')
    }
}

impl Kind for AccountKind {
    const EXPECTED: &'static str = "an account ID: 12 digits";

    fn matches(text: &str) -> bool {
        matches_pattern(text, "", u8::is_ascii_digit, 12..=12)
    }
}

/// The Region of an Availability Zone such as `eu-west-1a`: its name without the last letter.
#[must_use]
pub fn region_of_zone(zone: &str) -> Option<Region> {
    let region = zone.strip_suffix(|last: char| last.is_ascii_lowercase())?;

    Region::try_from(region.to_owned()).ok()
}

/// An Amazon Resource Name: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, in a partition of AWS.
///
/// Region and account are empty for services that have none in their ARNs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn(String);

impl Arn {
    /// The service, such as `drs`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The Region, if the ARN has one.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        Region::try_from(self.part(3).to_owned()).ok()
    }

    /// The account, if the ARN has one.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        AccountId::try_from(self.part(4).to_owned()).ok()
    }

    /// Whether the ARN names no Region, as those of IAM do.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.part(3).is_empty()
    }

    /// Everything after the account, such as `source-server/s-0123456789abcdef0`.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.part(5)
    }

    /// The parts in which another ARN differs from this one, in words.
    #[must_use]
    pub fn differing_parts(&self, other: &Self) -> Vec<&'static str> {
        const PARTS: [(usize, &str); 5] = [
            (1, "partition"),
            (2, "service"),
            (3, "Region"),
            (4, "account"),
            (5, "resource"),
        ];
        let differing = PARTS
            .iter()
            .filter(|(index, _)| self.part(*index) != other.part(*index));

        differing.map(|(_, name)| *name).collect()
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }
}

impl TryFrom<String> for Arn {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        let partition = |text: &str| {
            let allowed = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'-';
            matches_pattern(text, "aws", allowed, 0..=16)
        };

        // The resource may hold colons of its own.
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts.as_slice() {
            // Every partition is called `aws` or something that starts so.
            ["arn", aws, _, _, _, _] if partition(aws) => Ok(Self(text)),
            _ => Err(InvalidValue::new(&text, "an ARN")),
        }
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.0
    }
}

impl AsRef<str> for Arn {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An identifier of a resource that has an ARN with a Region and an account.
pub trait Resource: Kind {
    /// The service in the ARN.
    const SERVICE: &'static str;
    /// The type of the resource in the ARN, before the slash and the ID.
    const TYPE: &'static str;
    /// What the ARN looks like, for the message of an [`InvalidValue`].
    const EXPECTED_ARN: &'static str;
}

/// A resource as a request names it: by ID, or by ARN, in which case account and Region must match
/// too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "String",
    into = "String",
    bound(serialize = "K: Clone", deserialize = "K: Resource")
)]
pub struct ResourceRef<K> {
    /// The ID, also if an ARN was given.
    pub id: Id<K>,
    /// The ARN, if one was given.
    pub arn: Option<Arn>,
}

impl<K> ResourceRef<K> {
    /// The ARN, or the ID where none was given: what AWS's APIs take.
    #[must_use]
    pub fn text(&self) -> &str {
        self.arn.as_ref().map_or(self.id.as_ref(), Arn::as_ref)
    }

    /// The Region, if an ARN was given.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.arn.as_ref()?.region()
    }

    /// The account, if an ARN was given.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        self.arn.as_ref()?.account()
    }
}

impl<K: PartialEq> ResourceRef<K> {
    /// Whether it names a resource: by its ID, and by its ARN too, if one was given.
    #[must_use]
    pub fn means(&self, id: &Id<K>, arn: Option<&Arn>) -> bool {
        // The same ID in another account or Region is another resource.
        self.id == *id && self.arn.as_ref().is_none_or(|own| Some(own) == arn)
    }
}

impl<K> From<Id<K>> for ResourceRef<K> {
    fn from(id: Id<K>) -> Self {
        Self { id, arn: None }
    }
}

impl<K> From<ResourceRef<K>> for String {
    fn from(resource: ResourceRef<K>) -> Self {
        resource.text().to_owned()
    }
}

impl<K: Resource> TryFrom<String> for ResourceRef<K> {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        // Everything else is an ID, or no identifier at all.
        if !text.starts_with("arn:") {
            return Id::try_from(text).map(Self::from);
        }

        read_arn(&text).ok_or_else(|| InvalidValue::new(&text, K::EXPECTED_ARN))
    }
}

/// The resource that an ARN names; `None` if it is not one of a resource of this kind.
fn read_arn<K: Resource>(text: &str) -> Option<ResourceRef<K>> {
    let arn = Arn::try_from(text.to_owned()).ok()?;
    // A resource without a Region or an account could be anywhere.
    let _has_place = (arn.region()?, arn.account()?);

    let (kind, id) = arn.resource().split_once('/')?;
    // An ARN of another resource may end with an ID that looks right.
    if arn.service() != K::SERVICE || kind != K::TYPE {
        return None;
    }

    Some(ResourceRef {
        id: Id::try_from(id.to_owned()).ok()?,
        arn: Some(arn),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A resource for the tests: `thing-` and letters.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Thing;

    impl Kind for Thing {
        const EXPECTED: &'static str = "a thing";

        fn matches(text: &str) -> bool {
            matches_pattern(text, "thing-", u8::is_ascii_lowercase, 1..=8)
        }
    }

    impl Resource for Thing {
        const SERVICE: &'static str = "things";
        const TYPE: &'static str = "thing";
        const EXPECTED_ARN: &'static str = "the ARN of a thing";
    }

    fn thing(text: &str) -> Result<ResourceRef<Thing>, String> {
        ResourceRef::try_from(text.to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_region_is_lower_case_words_that_end_with_a_number() {
        let is_region = |text: &str| Region::try_from(text.to_owned()).is_ok();

        for region in ["eu-west-1", "us-gov-east-1", "us-iso-east-1"] {
            assert!(is_region(region), "{region}");
        }
        for wrong in [
            "",
            "eu",
            "eu-1",
            "eu-west",
            "eu--1",
            "eu-we5t-1",
            "eu-west-1a",
            "eu-west-001",
            "EU-WEST-1",
            "eu_west_1",
        ] {
            assert!(!is_region(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_zone_is_its_region_and_a_letter() {
        let region = region_of_zone("eu-west-1a");

        assert_eq!(region.as_ref().map(Region::as_ref), Some("eu-west-1"));
        assert_eq!(region_of_zone("eu-west-1"), None);
        assert_eq!(region_of_zone("westa"), None);
    }

    #[test]
    fn an_arn_has_its_parts() {
        let text = "arn:aws-us-gov:things:us-gov-west-1:111122223333:thing/thing-a";
        let named = thing(text).unwrap();

        assert_eq!(named.id.as_ref(), "thing-a");
        assert_eq!(named.region().unwrap().as_ref(), "us-gov-west-1");
        assert_eq!(named.account().unwrap().as_ref(), "111122223333");
        assert_eq!(named.text(), text);
    }

    #[test]
    fn an_id_has_neither_region_nor_account() {
        let named = thing("thing-a").unwrap();

        assert_eq!((named.region(), named.account()), (None, None));
        assert_eq!(named.text(), "thing-a");
    }

    #[test]
    fn an_arn_of_something_else_is_rejected() {
        for wrong in [
            "arn:aws:things:us-east-1:111122223333:thing/other-a",
            "arn:aws:things:us-east-1:11112222333:thing/thing-a",
            "arn:aws:things:us-east-1:111122223333:place/thing-a",
            "arn:aws:ec2:us-east-1:111122223333:thing/thing-a",
            "arn:evil:things:us-east-1:111122223333:thing/thing-a",
            "arn:aws:things::111122223333:thing/thing-a",
            "arn:aws:things:us-east-1::thing/thing-a",
            "arn:aws:things:us-east-1",
        ] {
            let error = thing(wrong).unwrap_err();
            assert!(error.ends_with("is not the ARN of a thing"), "{error}");
        }
        assert_eq!(thing("other-a").unwrap_err(), "`other-a` is not a thing");
    }
}
