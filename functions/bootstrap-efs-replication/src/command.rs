//! `parse`: from the message that arrived to a [`Command`], or a named [`Rejection`].
//!
//! What comes out is valid by itself. Whether a destination fits its source is for the planner to
//! say, which sees both.

use chrono::{DateTime, Utc};
use shared::{
    Arn, Event, Message, Mode, Region, Rejection, RejectionCode, RequestId,
    arn::region_of_zone,
    efs::{Destination, FileSystemId, FileSystemRef},
    ids::{InvalidValue, matches_pattern},
    invocation::Function,
    request::{detail, unsupported},
};

pub use crate::request::{Backup, Copying, DETAIL_TYPE, RequestedMountTarget};
use crate::{
    native,
    request::{self, Request, RequestedDestination, RequestedFileSystem, RequestedReplica},
};

/// The most mount targets that a file system can have: it takes one in each Availability Zone, of
/// which no Region has more. Reading more would not fit into the time of one invocation.
const MAX_MOUNT_TARGETS: usize = 12;

/// The most security groups that a mount target takes (EFS User Guide, quotas).
const MAX_SECURITY_GROUPS: usize = 5;

/// What is asked for, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The ID of the request, and the value of the approval tag on a file system to be overwritten.
    pub request_id: RequestId,
    /// Which file systems; 1 to 100.
    pub targets: Vec<Target>,
    /// `Plan` for a dry run.
    pub mode: Mode,
    /// Whether the request had expired when it arrived, so that nothing may be changed for it.
    pub is_expired: bool,
    /// Where the file system of a native event is, as the event says.
    pub origin: Option<Origin>,
}

/// An account and a Region, as far as an event or an ARN names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The account.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
}

impl Origin {
    /// Where a resource is, as its ARN says.
    #[must_use]
    pub fn of(arn: &Arn) -> Self {
        Self {
            account: arn.account().map(|account| account.to_string()),
            region: arn.region().map(|region| region.to_string()),
        }
    }

    /// Whether it is another account or Region than that of a function. What one of them does not
    /// say is no difference.
    #[must_use]
    pub fn is_elsewhere(&self, function: &Function) -> bool {
        let differs = |said: &Option<String>, own: &str| {
            let said = said.as_deref();
            said.is_some_and(|said| !own.is_empty() && said != own)
        };

        differs(&self.account, &function.account) || differs(&self.region, &function.region)
    }
}

/// One file system that is to have a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The file system, in the function's own account and Region.
    pub source: FileSystemRef,
    /// Where to; `None` means that the tag `drover:replicate-to` of the source says so, and that the
    /// defaults of the deployment say what else the replica is to have.
    pub destination: Option<Destination>,
    /// The ID of the file system that may be overwritten, repeated.
    pub overwrite: Option<FileSystemId>,
    /// Whether an unencrypted source may have an encrypted replica, from which it can never be
    /// restored.
    pub accept_no_failback: bool,
    /// What the replica is to have besides the data.
    pub replica: Replica,
}

/// What a replica is to have; EFS itself copies only the data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replica {
    /// Mount targets, one for each subnet.
    pub mount_targets: Vec<RequestedMountTarget>,
    /// Whether the source's access points are copied.
    pub access_points: Copying,
    /// Whether the source's lifecycle policies are copied.
    pub lifecycle: Copying,
    /// Whether automatic backups are on; left as they are if not given.
    pub backup: Option<Backup>,
    /// Whether the source's file system policy is translated and merged.
    pub policy: Copying,
    /// Whether the source's tags are copied.
    pub tags: Copying,
}

impl Command {
    /// Reads a message at the time `now`.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that names the first rule that the message breaks.
    pub fn parse(message: &Message, now: DateTime<Utc>) -> Result<Self, Rejection> {
        match message {
            Message::Bare(text) => Self::from_request(request::read(text, now)?, now),
            Message::Event(event) if event.detail_type == DETAIL_TYPE => {
                Self::from_request(request::read(detail(event)?, now)?, now)
            }
            // Of AWS's own events, the calls that create or tag a file system may ask for a
            // replica.
            Message::Event(event) if native::is_efs_call(event) => {
                Self::from_file_system(native::read_efs_call(event)?, event)
            }
            Message::Event(event) => Err(unsupported(event)),
        }
    }

    fn from_request(request: Request, now: DateTime<Utc>) -> Result<Self, Rejection> {
        let mut targets = Vec::new();
        for (position, target) in request.targets.into_iter().enumerate() {
            let target = Target::from_request(target.0);
            targets.push(target.map_err(|wrong| wrong.in_target(position))?);
        }

        Ok(Self {
            request_id: request.request_id,
            targets,
            mode: match request.dry_run {
                true => Mode::Plan,
                false => Mode::Enforce,
            },
            is_expired: request.expires_at.0 <= now,
            origin: None,
        })
    }

    /// A file system that was created or tagged may carry `drover:replicate-to`. It asks under its
    /// own ID as the request's.
    ///
    /// It does not expire: what the tag says now is what is wanted now.
    fn from_file_system(source: FileSystemRef, event: &Event) -> Result<Self, Rejection> {
        let request_id = RequestId::try_from(source.id.to_string())
            .map_err(|wrong| Rejection::new(RejectionCode::InvalidValue, wrong.to_string()))?;
        let target = Target {
            source,
            destination: None,
            overwrite: None,
            accept_no_failback: false,
            replica: Replica::default(),
        };

        Ok(Self {
            request_id,
            targets: vec![target],
            mode: Mode::Enforce,
            is_expired: false,
            origin: Some(Origin {
                account: event.account.clone(),
                region: event.region.clone(),
            }),
        })
    }
}

impl Target {
    fn from_request(target: RequestedFileSystem) -> Result<Self, Rejection> {
        let replica = match target.replica {
            Some(replica) => Replica::from_request(replica.0)?,
            None => Replica::default(),
        };

        Ok(Self {
            source: target.source_file_system_id,
            destination: Some(read_destination(target.destination.0)?),
            overwrite: target.overwrite,
            accept_no_failback: target.accept_no_failback,
            replica,
        })
    }
}

fn read_destination(destination: RequestedDestination) -> Result<Destination, Rejection> {
    let RequestedDestination {
        region,
        availability_zone_name,
        kms_key_id,
        file_system_id,
        role_arn,
    } = destination;

    let is_named = region.is_some() || availability_zone_name.is_some() || file_system_id.is_some();
    if !is_named {
        let message = "a destination names a region, an availabilityZoneName or a fileSystemId";
        return Err(Rejection::new(RejectionCode::MissingField, message));
    }
    // An existing file system is found by Region and ID, and keeps what it was created with.
    if let Some(existing) = &file_system_id {
        if existing.arn.is_none() && region.is_none() {
            let message =
                "an existing destination is named by its ARN, or by fileSystemId and region";
            return Err(Rejection::new(RejectionCode::MissingField, message));
        }
        if availability_zone_name.is_some() || kms_key_id.is_some() {
            let message = "an existing destination keeps its zone and its key; availabilityZoneName and kmsKeyId are for new ones";
            return Err(Rejection::new(RejectionCode::InvalidValue, message));
        }
    }

    let zone = availability_zone_name.as_deref();
    let is_zone = |zone: &str| region_of_zone(zone).is_some();
    let region = region.map(Region::try_from).transpose();
    let region = region.map_err(|wrong| invalid("region", &wrong))?;
    check(
        "availabilityZoneName",
        zone,
        is_zone,
        "a zone such as eu-west-1a",
    )?;

    check_kms_key(kms_key_id.as_deref())?;

    Ok(Destination {
        region,
        availability_zone_name,
        file_system: file_system_id,
        kms_key_id,
        role_arn: role_arn.map(read_role).transpose()?,
    })
}

fn read_role(text: String) -> Result<Arn, Rejection> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_+=,.@/-".contains(byte);
    let is_role = |arn: &Arn| {
        arn.service() == "iam"
            && arn.is_global()
            && arn.account().is_some()
            && matches_pattern(arn.resource(), "role/", allowed, 1..=512)
    };

    match Arn::try_from(text.clone()) {
        Ok(arn) if is_role(&arn) => Ok(arn),
        _ => {
            let wrong = InvalidValue::new(&text, "the ARN of an IAM role");
            Err(invalid("roleArn", &wrong))
        }
    }
}

/// Refuses what can be no name of a KMS key.
pub(crate) fn check_kms_key(key: Option<&str>) -> Result<(), Rejection> {
    let expected = "a KMS key: ID, ARN, alias or ARN of an alias";

    check("kmsKeyId", key, is_kms_key, expected)
}

impl Replica {
    /// What a request, or a default, says that a replica is to have.
    pub(crate) fn from_request(replica: RequestedReplica) -> Result<Self, Rejection> {
        let mount_targets = replica.mount_targets.into_iter();
        let mount_targets: Vec<RequestedMountTarget> =
            mount_targets.map(|target| target.0).collect();
        check_mount_targets(&mount_targets)?;

        Ok(Self {
            mount_targets,
            access_points: replica.access_points,
            lifecycle: replica.lifecycle,
            backup: replica.backup,
            policy: replica.policy,
            tags: replica.tags,
        })
    }
}

fn check_mount_targets(targets: &[RequestedMountTarget]) -> Result<(), Rejection> {
    let count = targets.len();
    if count > MAX_MOUNT_TARGETS {
        let message = format!(
            "mountTargets: {count} subnets; a file system takes one for each Availability Zone, and \
             at most {MAX_MOUNT_TARGETS} are asked for"
        );
        return Err(Rejection::new(RejectionCode::InvalidValue, message));
    }

    let mut subnets: Vec<&str> = Vec::new();
    for target in targets {
        let subnet = target.subnet_id.as_str();
        let is_subnet = |text: &str| is_network_id(text, "subnet-");
        check(
            "subnetId",
            Some(subnet),
            is_subnet,
            "a subnet such as subnet-0abc1234",
        )?;

        for group in &target.security_groups {
            let is_group = |text: &str| is_network_id(text, "sg-");
            let expected = "a security group such as sg-0abc1234";
            check("securityGroups", Some(group), is_group, expected)?;
        }

        // More would fail only once the replica exists.
        let groups = target.security_groups.len();
        if groups > MAX_SECURITY_GROUPS {
            let message =
                format!("{subnet} has {groups} security groups; a mount target takes five");
            return Err(Rejection::new(RejectionCode::InvalidValue, message));
        }
        if subnets.contains(&subnet) {
            let message = format!("{subnet} is named twice");
            return Err(Rejection::new(RejectionCode::InvalidValue, message));
        }
        subnets.push(subnet);
    }

    Ok(())
}

fn check(
    field: &str,
    text: Option<&str>,
    matches: impl Fn(&str) -> bool,
    expected: &'static str,
) -> Result<(), Rejection> {
    match text {
        Some(text) if !matches(text) => Err(invalid(field, &InvalidValue::new(text, expected))),
        _ => Ok(()),
    }
}

fn invalid(field: &str, wrong: &InvalidValue) -> Rejection {
    Rejection::new(RejectionCode::InvalidValue, format!("{field}: {wrong}"))
}

/// Whether EFS takes a text for a key: its ID, `alias/NAME`, or the ARN of either (the service model
/// of EFS).
fn is_kms_key(text: &str) -> bool {
    if !text.starts_with("arn:") {
        return is_key_id(text) || is_alias(text);
    }

    let Ok(arn) = Arn::try_from(text.to_owned()) else {
        return false;
    };
    // The planner compares the Region.
    let is_of_kms = arn.service() == "kms" && arn.region().is_some() && arn.account().is_some();
    let resource = arn.resource();
    is_of_kms && (resource.strip_prefix("key/").is_some_and(is_key_id) || is_alias(resource))
}

/// A UUID, or `mrk-` and 32 digits for a key of several Regions.
fn is_key_id(text: &str) -> bool {
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let groups = text.split('-').map(str::len);

    let is_uuid = groups.eq([8, 4, 4, 4, 12]) && text.bytes().all(|it| it == b'-' || is_hex(&it));
    is_uuid || matches_pattern(text, "mrk-", is_hex, 32..=32)
}

fn is_alias(text: &str) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_-".contains(byte);

    matches_pattern(text, "alias/", allowed, 1..=250)
}

fn is_network_id(text: &str, prefix: &str) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);

    matches_pattern(text, prefix, allowed, 8..=40)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::{Inbound, envelope};

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn request() -> Value {
        json!({
            "version": 1,
            "requestID": "CHG0031235",
            "expiresAt": "2026-11-22T00:00:00Z",
            "targets": [{ "sourceFileSystemId": "fs-0123456789abcdef0", "destination": { "region": "eu-west-1" } }],
        })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut request = request();
        request["targets"][0][member] = value;
        request
    }

    fn to(destination: Value) -> Value {
        with("destination", destination)
    }

    fn parse(request: &Value) -> Result<Command, Rejection> {
        Command::parse(&Message::Bare(request.to_string()), now())
    }

    #[track_caller]
    fn rejects(request: &Value, code: RejectionCode, part: &str) {
        let rejection = parse(request).unwrap_err();
        assert_eq!(rejection.code, code, "{rejection}");
        assert!(
            rejection.message.contains(part),
            "`{rejection}` does not say `{part}`"
        );
    }

    #[test]
    fn what_is_left_out_stays_as_it_is() {
        let command = parse(&request()).unwrap();
        assert_eq!(
            (command.mode, &command.targets[0].replica),
            (Mode::Enforce, &Replica::default())
        );
        let nulls = json!({ "region": "eu-west-1", "availabilityZoneName": null, "kmsKeyId": null, "fileSystemId": null, "roleArn": null });
        assert_eq!(parse(&to(nulls)).unwrap(), command);
    }

    #[test]
    fn a_destination_gives_its_region_in_three_ways() {
        let region = |destination| {
            parse(&to(destination)).unwrap().targets[0]
                .destination
                .as_ref()
                .unwrap()
                .region()
                .map(String::from)
        };
        assert_eq!(
            region(json!({ "region": "eu-west-1" })).as_deref(),
            Some("eu-west-1")
        );
        assert_eq!(
            region(json!({ "availabilityZoneName": "eu-west-1b" })).as_deref(),
            Some("eu-west-1")
        );
        let arn = "arn:aws:elasticfilesystem:eu-west-1:999999999999:file-system/fs-00000001";
        assert_eq!(
            region(json!({ "fileSystemId": arn })).as_deref(),
            Some("eu-west-1")
        );
        rejects(
            &to(json!({ "fileSystemId": "fs-00000001" })),
            RejectionCode::MissingField,
            "by its ARN, or by fileSystemId and region",
        );
    }

    #[test]
    fn every_field_is_checked_and_its_fault_is_named() {
        use RejectionCode::*;
        rejects(
            &with("sourceFileSystemId", json!("fs-0123")),
            InvalidValue,
            "a file system ID",
        );
        rejects(
            &with("sourceFileSystemId", json!("fs-0123456789ABCDEF0")),
            InvalidValue,
            "a file system ID",
        );
        rejects(
            &with("sourceFileSystemId", json!("fs-0123456789аbcdef")),
            InvalidValue,
            "a file system ID",
        );
        rejects(
            &with("sourceFileSystemId", json!("arn:aws:s3:::bucket")),
            InvalidValue,
            "the ARN of a file system",
        );
        rejects(
            &with("sourceFilesystemId", json!("fs-00000001")),
            UnknownField,
            "sourceFilesystemId",
        );
        rejects(&with("overwrite", json!(true)), WrongType, "string");
        rejects(&to(json!({})), MissingField, "names a region");
        rejects(&to(json!("eu-west-1")), WrongType, "an object");
        rejects(&to(json!(["eu-west-1"])), WrongType, "an object");
        rejects(&to(json!({ "region": "Europe" })), InvalidValue, "a Region");
        rejects(
            &to(json!({ "availabilityZoneName": "eu-west-1" })),
            InvalidValue,
            "a zone",
        );
        let mut second = request();
        let wrong = to(json!({ "region": "Europe" }))["targets"][0].clone();
        second["targets"].as_array_mut().unwrap().push(wrong);
        rejects(&second, InvalidValue, "`targets[1]`: region: ");
        rejects(
            &to(json!({ "region": "eu-west-1", "roleArn": "replicate" })),
            InvalidValue,
            "an IAM role",
        );
        rejects(
            &to(json!({ "region": "eu-west-1", "kmsKeyId": "a b" })),
            InvalidValue,
            "a KMS key",
        );
        rejects(
            &to(
                json!({ "region": "eu-west-1", "fileSystemId": "fs-00000001", "kmsKeyId": "alias/dr" }),
            ),
            InvalidValue,
            "keeps its zone and its key",
        );
    }

    #[test]
    fn an_arn_is_that_of_a_file_system_or_a_role_in_every_part() {
        let file_system =
            "arn:aws-us-gov:elasticfilesystem:us-gov-west-1:111122223333:file-system/fs-00000001";
        let role = "arn:aws:iam::111122223333:role/service-role/replicate_1";
        let to_role = |role: &str| to(json!({ "region": "eu-west-1", "roleArn": role }));
        parse(&with("sourceFileSystemId", json!(file_system))).unwrap();
        let command = parse(&to_role(role)).unwrap();
        assert_eq!(
            command.targets[0]
                .destination
                .as_ref()
                .unwrap()
                .role_arn
                .as_ref()
                .map(Arn::as_ref),
            Some(role)
        );
        for (part, wrong) in [
            ("arn:", "urn:"),
            ("arn:aws", "arn:evil"),
            ("elasticfilesystem", "fsx"),
            ("us-gov-west-1", "US"),
            ("111122223333", "11112222333"),
            ("file-system/", "access-point/"),
            ("fs-00000001", "fs-1"),
        ] {
            let wrong = with(
                "sourceFileSystemId",
                json!(file_system.replace(part, wrong)),
            );
            rejects(&wrong, RejectionCode::InvalidValue, "a file system");
        }
        for (part, wrong) in [
            ("arn:", "urn:"),
            ("arn:aws", "arn:evil"),
            ("iam", "sts"),
            ("::", ":eu-west-1:"),
            ("111122223333", "11112222333"),
            ("role/", "user/"),
            ("replicate", "repli cate"),
        ] {
            rejects(
                &to_role(&role.replace(part, wrong)),
                RejectionCode::InvalidValue,
                "an IAM role",
            );
        }
    }

    #[test]
    fn a_kms_key_is_an_id_an_alias_or_an_arn_with_a_region() {
        let to_key = |key: &str| to(json!({ "region": "eu-west-1", "kmsKeyId": key }));
        let id = "22222222-2222-2222-2222-222222222222";
        let arn = format!("arn:aws:kms:eu-west-1:111122223333:key/{id}");

        let multi_region = "mrk-0123456789abcdef0123456789abcdef";
        let alias = "arn:aws:kms:eu-west-1:111122223333:alias/dr/1";
        for key in [id, multi_region, "alias/dr_1", &arn, alias] {
            let command = parse(&to_key(key)).unwrap();
            let destination = command.targets[0].destination.as_ref().unwrap();
            assert_eq!(destination.kms_key_id.as_deref(), Some(key));
        }
        let nowhere = arn.replace("eu-west-1", "");
        let of_another_service = arn.replace("kms", "s3");
        let of_nothing = arn.replace("key/", "");
        let wrong = [
            "",
            "a b",
            // The prefix is what people forget.
            "dr",
            "alias/",
            "alias/d r",
            "arn:aws:kms",
            "22222222-2222-2222-2222-22222222222G",
            "mrk-0123",
            &nowhere,
            &of_another_service,
            &of_nothing,
        ];
        for key in wrong {
            rejects(&to_key(key), RejectionCode::InvalidValue, "a KMS key");
        }
    }

    #[test]
    fn as_many_mount_targets_as_zones_are_asked_for() {
        let mounted = |count: usize| {
            let target = |number| json!({ "subnetId": format!("subnet-{number:08x}") });
            let targets: Vec<Value> = (0..count).map(target).collect();
            with("replica", json!({ "mountTargets": targets }))
        };

        let command = parse(&mounted(12)).unwrap();
        assert_eq!(command.targets[0].replica.mount_targets.len(), 12);
        rejects(
            &mounted(13),
            RejectionCode::InvalidValue,
            "mountTargets: 13",
        );
    }

    #[test]
    fn a_file_system_is_reported_as_it_was_named() {
        for name in [
            "fs-00000001",
            "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-00000001",
        ] {
            let named = FileSystemRef::try_from(name.to_owned()).unwrap();
            assert_eq!(
                (named.text(), named.id.to_string().as_str()),
                (name, "fs-00000001")
            );
            assert_eq!(json!(named), json!(name));
        }
    }

    #[test]
    fn every_part_of_the_replica_is_checked() {
        use RejectionCode::*;
        let mounts = |mounts: Value| with("replica", json!({ "mountTargets": mounts }));
        rejects(
            &mounts(json!([{ "subnetId": "subnet-1" }])),
            InvalidValue,
            "a subnet",
        );
        rejects(
            &mounts(json!([{ "subnetId": "subnet-00000001", "securityGroups": ["x"] }])),
            InvalidValue,
            "a security group",
        );
        rejects(
            &mounts(
                json!([{ "subnetId": "subnet-00000001", "securityGroups": vec!["sg-00000001"; 6] }]),
            ),
            InvalidValue,
            "takes five",
        );
        let five = vec!["sg-00000001"; 5];
        parse(&mounts(
            json!([{ "subnetId": "subnet-00000001", "securityGroups": five }]),
        ))
        .unwrap();
        rejects(
            &mounts(json!([{ "subnetId": "subnet-00000001" }, { "subnetId": "subnet-00000001" }])),
            InvalidValue,
            "named twice",
        );
        rejects(
            &with("replica", json!({ "tags": "all" })),
            InvalidValue,
            "all",
        );
        rejects(
            &with("replica", json!({ "backup": true })),
            WrongType,
            "another type",
        );
    }

    const EFS_CALL: (&str, &str) = ("aws.elasticfilesystem", "AWS API Call via CloudTrail");

    fn parse_event(
        (source, detail_type): (&str, &str),
        detail: &Value,
    ) -> Result<Command, Rejection> {
        let event = json!({ "detail-type": detail_type, "source": source, "detail": detail });
        let Inbound::One(Ok(message)) = envelope::open(&event.to_string()) else {
            panic!("not an event")
        };

        Command::parse(&message, now())
    }

    fn efs_call(name: &str, member: &str, id: &Value) -> Value {
        json!({ "eventSource": "elasticfilesystem.amazonaws.com", "eventName": name, member: id })
    }

    fn created() -> Value {
        let id = json!({ "fileSystemId": "fs-00000001" });
        efs_call("CreateFileSystem", "responseElements", &id)
    }

    /// By the two calls that tag a resource.
    fn tagged(id: &str) -> [Value; 2] {
        [
            ("TagResource", "resourceId"),
            ("CreateTags", "fileSystemId"),
        ]
        .map(|(name, member)| efs_call(name, "requestParameters", &json!({ member: id })))
    }

    #[test]
    fn a_request_may_be_the_detail_of_an_event() {
        let requested = parse_event(("change.management", DETAIL_TYPE), &request());

        assert_eq!(requested.unwrap(), parse(&request()).unwrap());
    }

    #[test]
    fn a_file_system_that_was_created_or_tagged_asks_for_a_replica() {
        let [tagged, older] = tagged("fs-00000001");

        for detail in [created(), tagged, older] {
            let command = parse_event(EFS_CALL, &detail).unwrap();
            assert_eq!(command.request_id.as_ref(), "fs-00000001");
            assert_eq!(command.targets[0].source.id.as_ref(), "fs-00000001");
        }
    }

    #[test]
    fn an_event_of_another_account_or_region_is_from_elsewhere() {
        let function = Function {
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            ..Function::default()
        };
        let is_elsewhere = |account: Option<&str>, region: Option<&str>, function: &Function| {
            let origin = Origin {
                account: account.map(str::to_owned),
                region: region.map(str::to_owned),
            };
            origin.is_elsewhere(function)
        };
        let (here, there) = (Some("us-east-1"), Some("eu-west-1"));
        let (ours, theirs) = (Some("111122223333"), Some("444455556666"));

        assert!(!is_elsewhere(ours, here, &function));
        assert!(is_elsewhere(ours, there, &function));
        assert!(is_elsewhere(theirs, here, &function));
        // What nobody says is no difference.
        assert!(!is_elsewhere(None, None, &function));
        assert!(!is_elsewhere(theirs, there, &Function::default()));
    }

    #[test]
    fn only_efss_own_calls_that_succeeded_ask_for_a_replica() {
        let (source, detail_type) = EFS_CALL;
        let with = |member: &str, value: &str| {
            let mut detail = created();
            detail[member] = json!(value);
            detail
        };
        let [point, older] = tagged("fsap-00000001");

        for (event, detail) in [
            (
                ("aws.fsx", detail_type),
                with("eventSource", "fsx.amazonaws.com"),
            ),
            (("change.management", detail_type), created()),
            ((source, "AWS Service Event via CloudTrail"), created()),
            (EFS_CALL, with("eventSource", "s3files.amazonaws.com")),
            // One that failed still names what it was about.
            (EFS_CALL, with("errorCode", "BadRequest")),
            (EFS_CALL, with("eventName", "UntagResource")),
            // Access points are tagged by the same calls.
            (EFS_CALL, point),
            (EFS_CALL, older),
        ] {
            let code = parse_event(event, &detail).unwrap_err().code;
            assert_eq!(code, RejectionCode::UnsupportedEvent, "{event:?} {detail}");
        }
        for detail in tagged("nonsense") {
            let code = parse_event(EFS_CALL, &detail).unwrap_err().code;
            assert_eq!(code, RejectionCode::InvalidValue);
        }
    }
}
