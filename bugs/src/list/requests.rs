//! What is a request: envelopes, strict JSON, expiry, identifiers.

use crate::bug::Bug;

const ARN: &str = "shared/src/arn.rs";
const BOOTSTRAP_COMMAND: &str = "functions/bootstrap-efs-replication/src/command.rs";
const DISCONNECT_COMMAND: &str = "functions/disconnect-source-server/src/command.rs";
const DISCONNECT_REQUEST: &str = "functions/disconnect-source-server/src/request.rs";
const ENVELOPE: &str = "shared/src/envelope.rs";
const IDS: &str = "shared/src/ids.rs";
const REQUEST: &str = "shared/src/request.rs";
const STRICT: &str = "shared/src/strict.rs";

pub(super) const BUGS: &[Bug] = &[
    // A message is found in its envelope, and nothing else is taken for one.
    Bug {
        name: "an ordered queue is taken for an unordered one",
        file: ENVELOPE,
        from: r#"fifo: queue.is_some_and(|arn| arn.ends_with(".fifo")),"#,
        to: "fifo: false,",
    },
    Bug {
        name: "the first of two members with one name counts",
        file: ENVELOPE,
        from: "if named.next().is_some() {",
        to: r#"if named.next().is_some() && name == "Records" {"#,
    },
    Bug {
        name: "a batch of two services is read as one of them",
        file: ENVELOPE,
        from: "sources.iter().all(|source| source == service)",
        to: "sources.iter().any(|source| source == service)",
    },
    Bug {
        name: "the confirmation of a subscription is read as a request",
        file: ENVELOPE,
        from: r#"if kind != "Notification" {"#,
        to: "if kind.is_empty() {",
    },
    Bug {
        name: "an SNS envelope inside an SNS envelope is opened",
        file: ENVELOPE,
        from: "if matches!(layer, Layer::InsideNotification) {",
        to: "if matches!(layer, Layer::InsideNotification) && kind.is_empty() {",
    },
    Bug {
        name: "a record of a stream cannot be asked for again",
        file: ENVELOPE,
        from: "message_id: message.or(event),",
        to: "message_id: message.and(event),",
    },
    Bug {
        name: "the account of an event is lost",
        file: ENVELOPE,
        from: r#"account: members.text("account")?,"#,
        to: "account: None,",
    },
    Bug {
        name: "a forged event of AWS is a request",
        file: REQUEST,
        from: r#"if event.source.starts_with("aws.") {"#,
        to: r#"if event.source == "aws." {"#,
    },
    // JSON is read without forgiveness.
    Bug {
        name: "an escaped quote ends a text",
        file: STRICT,
        from: r#"            b'\\' if in_string => escaped = true,
"#,
        to: "",
    },
    Bug {
        name: "nesting that is closed again is not counted",
        file: STRICT,
        from: "if deepest > MAX_DEPTH {",
        to: "if depth > MAX_DEPTH {",
    },
    Bug {
        name: "a request is measured in characters",
        file: STRICT,
        from: "if text.len() > MAX_REQUEST_BYTES {",
        to: "if text.chars().count() > MAX_REQUEST_BYTES {",
    },
    Bug {
        name: "version 2 is read as version 1",
        file: REQUEST,
        from: r#"Some("1") => Ok(()),"#,
        to: r#"Some("1" | "2") => Ok(()),"#,
    },
    Bug {
        name: "a name that is null counts as left out",
        file: STRICT,
        from: "T::deserialize(deserializer).map(Some)",
        to: "Option::<T>::deserialize(deserializer)",
    },
    Bug {
        name: "a dry run of a disconnect executes",
        file: DISCONNECT_COMMAND,
        from: "true => Mode::Plan,",
        to: "true => Mode::Enforce,",
    },
    Bug {
        name: "a dry run of a replication executes",
        file: BOOTSTRAP_COMMAND,
        from: "true => Mode::Plan,",
        to: "true => Mode::Enforce,",
    },
    // A request goes stale, and names only so much.
    Bug {
        name: "an expired disconnect is carried out",
        file: DISCONNECT_REQUEST,
        from: "    check_expiry(request.expires_at.0, now)?;
",
        to: "",
    },
    Bug {
        name: "an expired replication is created",
        file: "functions/bootstrap-efs-replication/src/command.rs",
        from: "is_expired: request.expires_at.0 <= now,",
        to: "is_expired: false,",
    },
    Bug {
        name: "a request is carried out in the second in which it expires",
        file: REQUEST,
        from: "if expires_at <= now {",
        to: "if expires_at < now {",
    },
    Bug {
        name: "a request may wait for two days",
        file: REQUEST,
        from: "pub const MAX_HOURS_TO_EXPIRY: i64 = 24;",
        to: "pub const MAX_HOURS_TO_EXPIRY: i64 = 48;",
    },
    Bug {
        name: "an expiry is read in other spellings",
        file: REQUEST,
        from: "DateTime::parse_from_rfc3339(&text).map_err(",
        to: r#"DateTime::parse_from_rfc3339(&text)
            .or_else(|_| DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S %z"))
            .map_err("#,
    },
    Bug {
        name: "a request may name a thousand servers",
        file: DISCONNECT_REQUEST,
        from: "const MAX_TARGETS: usize = 100;",
        to: "const MAX_TARGETS: usize = 1000;",
    },
    Bug {
        name: "five security groups are too many",
        file: BOOTSTRAP_COMMAND,
        from: "if groups > MAX_SECURITY_GROUPS {",
        to: "if groups >= MAX_SECURITY_GROUPS {",
    },
    Bug {
        name: "a subnet may be named twice",
        file: BOOTSTRAP_COMMAND,
        from: r#"        if subnets.contains(&subnet) {
            let message = format!("{subnet} is named twice");
            return Err(Rejection::new(RejectionCode::InvalidValue, message));
        }
"#,
        to: "",
    },
    Bug {
        name: "a role of any service is taken",
        file: BOOTSTRAP_COMMAND,
        from: r#"arn.service() == "iam"
            && arn.is_global()"#,
        to: "arn.is_global()",
    },
    Bug {
        name: "an existing file system is given a key",
        file: BOOTSTRAP_COMMAND,
        from: "if availability_zone_name.is_some() || kms_key_id.is_some() {",
        to: "if availability_zone_name.is_some() {",
    },
    // An identifier is checked where it is made.
    Bug {
        name: "one good letter makes an identifier",
        file: IDS,
        from: "length.contains(&rest.len()) && rest.as_bytes().iter().all(class)",
        to: "length.contains(&rest.len()) && rest.as_bytes().iter().any(class)",
    },
    Bug {
        name: "an instance ID may have any letters",
        file: IDS,
        from: r#"matches_pattern(text, "i-", u8::is_ascii_hexdigit, 8..=17)"#,
        to: r#"matches_pattern(text, "i-", u8::is_ascii_alphanumeric, 8..=17)"#,
    },
    Bug {
        name: "an ARN of another resource is taken",
        file: ARN,
        from: "if arn.service() != K::SERVICE || kind != K::TYPE {",
        to: "if arn.service() != K::SERVICE {",
    },
    Bug {
        name: "an ARN without a Region or an account is taken",
        file: ARN,
        from: "    let _has_place = (arn.region()?, arn.account()?);
",
        to: "",
    },
    Bug {
        name: "an account may have fewer digits",
        file: ARN,
        from: r#"matches_pattern(text, "", u8::is_ascii_digit, 12..=12)"#,
        to: r#"matches_pattern(text, "", u8::is_ascii_digit, 1..=12)"#,
    },
    Bug {
        name: "a word with a number is a Region",
        file: ARN,
        from: "
            && words.contains('-')",
        to: "",
    },
    Bug {
        name: "a Region is its own zone",
        file: ARN,
        from: "let region = zone.strip_suffix(|last: char| last.is_ascii_lowercase())?;",
        to: "let region = zone.trim_end_matches(|last: char| last.is_ascii_lowercase());",
    },
    Bug {
        name: "a resource of another account is named by its ID",
        file: ARN,
        from: "self.arn.as_ref().map_or(self.id.as_ref(), Arn::as_ref)",
        to: "self.id.as_ref()",
    },
    Bug {
        name: "a verification goes stale",
        file: "functions/disconnect-source-server/src/request.rs",
        from: "Action::Verify => check_not_too_late(request.expires_at.0, now)?,",
        to: "Action::Verify => check_expiry(request.expires_at.0, now)?,",
    },
    Bug {
        name: "a disconnect may skip the check of a clean-up",
        file: "functions/disconnect-source-server/src/command.rs",
        from: "if request.skip_cleanup_check && request.action != Action::Delete {",
        to: "if request.skip_cleanup_check && request.action == Action::Verify {",
    },
    Bug {
        name: "a request names any number of snapshots",
        file: "functions/disconnect-source-server/src/command.rs",
        from: "if snapshots > EBS_SNAPSHOTS_KEPT {",
        to: "if snapshots > 1000 * EBS_SNAPSHOTS_KEPT {",
    },
];
