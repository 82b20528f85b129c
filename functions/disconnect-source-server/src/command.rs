//! `parse`: from the message that arrived to a [`Command`], or a named [`Rejection`].
//!
//! What comes out is valid by itself; whether it may be carried out is for the planner to say.

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::{
    AwsInstanceId, Message, Mode, Rejection, RejectionCode, RequestId,
    drs::{EBS_SNAPSHOTS_KEPT, SourceServerId, SourceServerRef},
    request::{detail, unsupported},
};

pub use crate::request::{Action, DETAIL_TYPE, HostName, Lost, PriorDisconnect};
use crate::{
    native::{self, TerminatedInstance},
    request::{self, Request, RequestedServer},
};

/// For how many seconds DRS must not have seen an agent to take it for one that it cannot reach. An
/// agent that talks is seen every few minutes.
pub const UNREACHABLE_SECONDS: u64 = 15 * 60;

/// What is asked for, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The ID of the request, and the value that the approval tag must have.
    pub request_id: RequestId,
    /// What to do with the servers.
    pub action: Action,
    /// Which servers; 1 to 100.
    pub targets: Vec<Target>,
    /// `Plan` for a dry run.
    pub mode: Mode,
    /// When the request expires; `None` for a native event, which does not.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the instance of a native event was terminated, as the event says.
    pub terminated_at: Option<DateTime<Utc>>,
    /// Whether a record may be deleted while DRS shows something of its staging area.
    pub skip_cleanup_check: bool,
}

/// How a request names one source server. Every name that is given must match the same server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The source server itself.
    #[serde(rename = "sourceServerID", skip_serializing_if = "Option::is_none")]
    pub source_server: Option<SourceServerRef>,
    /// The EC2 instance that is replicated, as in `identificationHints.awsInstanceID`.
    #[serde(rename = "awsInstanceID", skip_serializing_if = "Option::is_none")]
    pub aws_instance_id: Option<AwsInstanceId>,
    /// The host name, as in `identificationHints.hostname`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostName>,
    /// The fully qualified host name, as in `identificationHints.fqdn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<HostName>,
    /// The account of the instance as a native event claims it, as in
    /// `sourceCloudProperties.originAccountID`.
    #[serde(rename = "originAccountID", skip_serializing_if = "Option::is_none")]
    pub origin_account_id: Option<String>,
    /// The Region of the instance as a native event claims it, as in
    /// `sourceCloudProperties.originRegion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_region: Option<String>,
    /// Of a deletion or a verification: what the disconnect before it destroyed, as the request
    /// says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// Of a deletion or a verification: the disconnect before it, as the request says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect: Option<PriorDisconnect>,
}

impl Command {
    /// Reads a message at the time `now`.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that names the first rule that the message breaks.
    pub fn parse(message: &Message, now: DateTime<Utc>) -> Result<Self, Rejection> {
        match message {
            Message::Bare(text) => Self::from_request(request::read(text, now)?),
            Message::Event(event) if event.detail_type == DETAIL_TYPE => {
                Self::from_request(request::read(detail(event)?, now)?)
            }
            // Of AWS's own events, one kind asks for anything.
            Message::Event(event) if native::is_instance_state_change(event) => {
                Ok(Self::from_termination(native::read_termination(event)?))
            }
            Message::Event(event) => Err(unsupported(event)),
        }
    }

    fn from_request(request: Request) -> Result<Self, Rejection> {
        // Nothing else waits for the staging area.
        if request.skip_cleanup_check && request.action != Action::Delete {
            let message = "`skipCleanupCheck` is for the action delete: nothing else waits";
            let rejection = Rejection::new(RejectionCode::InvalidValue, message);
            return Err(rejection.about("skipCleanupCheck"));
        }

        let mut targets = Vec::new();
        for (position, server) in request.targets.into_iter().enumerate() {
            let target = Target::from_request(request.action, server.0);
            targets.push(target.map_err(|wrong| wrong.in_target(position))?);
        }

        Ok(Self {
            request_id: request.request_id,
            action: request.action,
            targets,
            mode: match request.dry_run {
                true => Mode::Plan,
                false => Mode::Enforce,
            },
            expires_at: Some(request.expires_at.0),
            terminated_at: None,
            skip_cleanup_check: request.skip_cleanup_check,
        })
    }

    /// A terminated instance asks for its source server to be disconnected, under its own ID as the
    /// request's.
    ///
    /// It does not expire: an instance that is terminated stays so, and the approval for it names
    /// that instance alone.
    fn from_termination(instance: TerminatedInstance) -> Self {
        let target = Target {
            aws_instance_id: Some(instance.id.clone()),
            origin_account_id: instance.account,
            origin_region: instance.region,
            ..Target::default()
        };

        Self {
            request_id: instance.id.into(),
            action: Action::Disconnect,
            targets: vec![target],
            mode: Mode::Enforce,
            expires_at: None,
            terminated_at: instance.at,
            skip_cleanup_check: false,
        }
    }

    /// Whether it comes from an event of AWS itself, which nobody can send again.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.terminated_at.is_some()
    }

    /// The same command with its targets named by the IDs of the servers that they turned out to
    /// be, so that a later read cannot find another server under the same name.
    #[must_use]
    pub fn bound_to<'a>(mut self, ids: impl Iterator<Item = Option<&'a SourceServerId>>) -> Self {
        for (target, id) in self.targets.iter_mut().zip(ids) {
            if let Some(id) = id {
                // The other names stay, and still have to match.
                target.source_server = Some(id.clone().into());
            }
        }
        self
    }
}

impl Target {
    /// The name by which people know the server: of those that the request gives, the one that
    /// they chose themselves before those that AWS made.
    #[must_use]
    pub fn familiar_name(&self) -> String {
        let host = self.hostname.as_ref().or(self.fqdn.as_ref());
        let names = [
            host.map(ToString::to_string),
            self.aws_instance_id.as_ref().map(ToString::to_string),
            self.source_server
                .as_ref()
                .map(|server| server.id.to_string()),
        ];

        names.into_iter().flatten().next().unwrap_or_default()
    }

    fn from_request(action: Action, server: RequestedServer) -> Result<Self, Rejection> {
        let named = Self {
            source_server: server.source_server,
            aws_instance_id: server.aws_instance_id,
            hostname: server.hostname,
            fqdn: server.fqdn,
            ..Self::default()
        };

        // A target without a name would match nothing, or everything.
        if named == Self::default() {
            let message = "names no server: sourceServerID, awsInstanceID, hostname or fqdn";
            return Err(Rejection::new(RejectionCode::InvalidValue, message));
        }
        // A disconnect sees by itself what it destroys, and when.
        let follows = matches!(action, Action::Delete | Action::Verify);
        let tells = server.lost.is_some() || server.disconnect.is_some();
        if tells && !follows {
            let message = "`lost` and `disconnect` are for the actions delete and verify: they say \
                           what the disconnect before was";
            return Err(Rejection::new(RejectionCode::InvalidValue, message));
        }
        let disconnect = server.disconnect.map(|disconnect| disconnect.0);
        let snapshots = disconnect
            .as_ref()
            .map_or(0, |it| it.ebs_snapshot_ids.len());
        if snapshots > EBS_SNAPSHOTS_KEPT {
            let message =
                format!("{snapshots} `ebsSnapshotIDs`; at most {EBS_SNAPSHOTS_KEPT} are read");
            return Err(Rejection::new(RejectionCode::InvalidValue, message));
        }

        Ok(Self {
            lost: server.lost.map(|lost| lost.0),
            disconnect,
            ..named
        })
    }

    /// Whether DRS could not tell the agent to uninstall itself, as the request says: a disconnect
    /// tells only an agent that can be reached.
    #[must_use]
    pub fn was_unreachable(&self) -> bool {
        let silent = self
            .disconnect
            .as_ref()
            .and_then(|it| it.agent_silent_seconds);

        silent.is_some_and(|seconds| seconds >= UNREACHABLE_SECONDS)
    }
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
            "requestID": "CHG0031234",
            "expiresAt": "2026-11-22T00:00:00Z",
            "targets": [{ "sourceServerID": "s-0123456789abcdef0" }],
        })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut request = request();
        request[member] = value;
        request
    }

    fn server(server: Value) -> Value {
        with("targets", json!([server]))
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
    fn what_is_left_out_has_its_default() {
        let command = parse(&request()).unwrap();
        assert_eq!(
            (command.action, command.mode),
            (Action::Disconnect, Mode::Enforce)
        );
    }

    #[test]
    fn what_follows_a_disconnect_says_what_was_seen_of_it() {
        let disconnect = json!({
            "at": "2026-11-21T10:30:00Z",
            "agentSilentSeconds": 900,
            "ebsSnapshotIDs": ["snap-0123456789abcdef0"],
        });
        let mut named = json!({ "hostname": "app01", "disconnect": disconnect.clone() });
        for action in ["delete", "verify"] {
            let mut request = server(named.clone());
            request["action"] = json!(action);
            let target = parse(&request).unwrap().targets.remove(0);
            assert!(target.was_unreachable());
            assert_eq!(json!(target), named);
        }
        rejects(
            &server(named.clone()),
            RejectionCode::InvalidValue,
            "`disconnect` are for",
        );

        let mut rejects_part = |member: &str, value: Value, code, part: &str| {
            named["disconnect"] = disconnect.clone();
            named["disconnect"][member] = value;
            let mut request = server(named.clone());
            request["action"] = json!("verify");
            rejects(&request, code, part);
        };
        let snapshots = vec!["snap-01234567"; 11];
        let invalid = RejectionCode::InvalidValue;
        rejects_part("ebsSnapshotIDs", json!(snapshots), invalid, "at most 10");
        rejects_part("ebsSnapshotIDs", json!(["vol-01234567"]), invalid, "snap-");
        rejects_part("at", json!("yesterday"), invalid, "a date and time");
        rejects_part("at", Value::Null, RejectionCode::WrongType, "null");
    }

    #[test]
    fn an_agent_that_was_seen_lately_was_told_to_uninstall_itself() {
        let was_unreachable = |seconds: Value| {
            let disconnect = json!({ "agentSilentSeconds": seconds });
            let mut request = server(json!({ "hostname": "a", "disconnect": disconnect }));
            request["action"] = json!("verify");
            parse(&request).unwrap().targets[0].was_unreachable()
        };

        assert!(!was_unreachable(json!(899)));
        assert!(was_unreachable(json!(900)));
    }

    #[test]
    fn only_a_deletion_can_skip_the_check_of_the_clean_up() {
        let mut skips = with("skipCleanupCheck", json!(true));
        rejects(&skips, RejectionCode::InvalidValue, "skipCleanupCheck");
        skips["action"] = json!("delete");
        assert!(parse(&skips).unwrap().skip_cleanup_check);
    }

    /// A verification only reads, and may come days after the request that it follows.
    // Invariant 7.
    #[test]
    fn a_verification_does_not_go_stale_and_cannot_be_made_to_last() {
        let mut request = with("expiresAt", json!("2026-11-20T00:00:00Z"));
        rejects(&request, RejectionCode::Expired, "expired");
        request["action"] = json!("verify");
        parse(&request).unwrap();

        request["expiresAt"] = json!("2026-11-23T00:00:00Z");
        rejects(&request, RejectionCode::ExpiresTooLate, "24 hours");
    }

    #[test]
    fn a_target_may_be_named_in_every_way_at_once() {
        let arn = "arn:aws-us-gov:drs:us-gov-west-1:111122223333:source-server/s-0123456789abcdef0";
        let named = json!({ "sourceServerID": arn, "awsInstanceID": "i-0abc1234", "hostname": "app_1", "fqdn": "app-1.x" });
        let target = parse(&server(named.clone())).unwrap().targets.remove(0);
        let id = &target.source_server.as_ref().unwrap().id;
        assert_eq!(
            (id.as_ref(), id.to_string().as_str()),
            ("s-0123456789abcdef0", "s-0123456789abcdef0")
        );
        assert_eq!(json!(target), named);
    }

    #[test]
    fn every_field_is_checked_and_its_fault_is_named() {
        use RejectionCode::*;
        rejects(
            &with("version", json!(2)),
            UnsupportedVersion,
            "version 2 is not known",
        );
        rejects(
            &with("version", json!("1")),
            UnsupportedVersion,
            "this function reads version 1",
        );
        rejects(&with("version", json!(1.0)), UnsupportedVersion, "1.0");
        rejects(&with("version", json!(null)), MissingField, "version");
        rejects(&with("requestID", json!("")), InvalidValue, "requestID");
        rejects(&with("requestID", json!("СHG1")), InvalidValue, "requestID");
        rejects(
            &with("requestID", json!("CHG\u{0}1")),
            InvalidValue,
            "requestID",
        );
        rejects(
            &with("requestID", json!(31234)),
            WrongType,
            "integer `31234`",
        );
        rejects(&with("dry_run", json!(true)), UnknownField, "dry_run");
        rejects(&with("dryRun", json!("true")), WrongType, "boolean");
        rejects(
            &with("action", json!("terminate")),
            InvalidValue,
            "terminate",
        );
        rejects(&with("targets", json!([])), InvalidValue, "empty");
        rejects(&with("targets", json!({})), WrongType, "sequence");
        rejects(
            &with("targets", json!([["s-0123456789abcdef0"]])),
            WrongType,
            "object",
        );
        rejects(
            &with("targets", json!(vec![json!({"hostname": "a"}); 101])),
            TooManyTargets,
            "101 targets",
        );
        parse(&with("targets", json!(vec![json!({"hostname": "a"}); 100]))).unwrap();
    }

    // Pages: DRS-10.
    #[test]
    fn every_name_of_a_server_is_checked() {
        use RejectionCode::*;
        rejects(
            &server(json!({})),
            InvalidValue,
            "`targets[0]`: names no server",
        );
        rejects(&server(json!({ "hostname": null })), WrongType, "null");
        rejects(
            &server(json!({ "hostName": "a" })),
            UnknownField,
            "hostName",
        );
        rejects(
            &server(json!({ "hostname": "a b" })),
            InvalidValue,
            "a host name",
        );
        rejects(
            &server(json!({ "fqdn": "x".repeat(256) })),
            InvalidValue,
            "a host name",
        );
        rejects(
            &server(json!({ "awsInstanceID": "i-0abc123" })),
            InvalidValue,
            "an EC2 instance ID",
        );
        for id in [
            "",
            "s-0123456789abcdef",
            "s-0123456789abcdef01",
            "s-0123456789аbcdef",
            "S-0123456789abcdef0",
            "s-0123456789abcde-0",
        ] {
            rejects(
                &server(json!({ "sourceServerID": id })),
                InvalidValue,
                "a source server ID",
            );
        }
        for arn in [
            "arn:aws:drs:us-east-1:111122223333:source-server/s-0123456789abcdef",
            "arn:aws:drs:us-east-1:11112222333:source-server/s-0123456789abcdef0",
            "arn:aws:drs:us-east-1:111122223333:recovery-instance/s-0123456789abcdef0",
            "arn:aws:ec2:us-east-1:111122223333:source-server/s-0123456789abcdef0",
            "arn:evil:drs:us-east-1:111122223333:source-server/s-0123456789abcdef0",
            "arn:aws:drs::111122223333:source-server/s-0123456789abcdef0",
        ] {
            rejects(
                &server(json!({ "sourceServerID": arn })),
                InvalidValue,
                "the ARN of a source server",
            );
        }
    }

    #[test]
    fn what_was_lost_is_said_by_a_deletion_and_names_no_server() {
        use RejectionCode::*;
        let deletion = |server: Value| {
            let mut request = with("action", json!("delete"));
            request["targets"] = json!([server]);
            request
        };
        let lost = json!({ "recoveryPoints": 37, "replicationHours": 4320 });
        let named = json!({ "hostname": "a", "lost": lost });
        let target = parse(&deletion(named.clone())).unwrap().targets.remove(0);
        assert_eq!(json!(target), named);

        rejects(
            &server(named),
            InvalidValue,
            "`targets[0]`: `lost` and `disconnect` are for",
        );
        rejects(
            &deletion(json!({ "lost": lost })),
            InvalidValue,
            "names no server",
        );
        for (wrong, code) in [
            (json!(null), WrongType),
            (json!([37]), WrongType),
            (json!({ "recoveryPoints": -1 }), InvalidValue),
            (json!({ "recoveryPoints": "37" }), WrongType),
            (json!({ "bytes": 1 }), UnknownField),
        ] {
            rejects(
                &deletion(json!({ "hostname": "a", "lost": wrong })),
                code,
                "lost",
            );
        }
    }

    // Invariant 7.
    #[test]
    fn a_request_goes_stale_and_cannot_be_made_to_last() {
        let expiring = |time: &str| with("expiresAt", json!(time));
        parse(&expiring("2026-11-21T12:00:01Z")).unwrap();
        parse(&expiring("2026-11-22T14:00:00+02:00")).unwrap();
        // The sender's clock may be five minutes ahead.
        parse(&expiring("2026-11-22T12:05:00Z")).unwrap();
        rejects(
            &expiring("2026-11-21T12:00:00Z"),
            RejectionCode::Expired,
            "expired",
        );
        rejects(
            &expiring("2026-11-22T12:05:01Z"),
            RejectionCode::ExpiresTooLate,
            "more than 24 hours ahead",
        );
        for wrong in [
            "",
            "tomorrow",
            "2026-11-22",
            "2026-11-22 00:00:00",
            "1795305600",
            "99999999-01-01T00:00:00Z",
        ] {
            rejects(
                &expiring(wrong),
                RejectionCode::InvalidValue,
                "a date and time",
            );
        }
        rejects(
            &with("expiresAt", json!(1_795_305_600)),
            RejectionCode::WrongType,
            "integer",
        );
    }

    #[test]
    fn a_duplicate_key_is_refused_at_every_level() {
        let doubled = request()
            .to_string()
            .replace("\"version\":1", "\"version\":1,\"requestID\":\"CHG0\"");
        let rejection = Command::parse(&Message::Bare(doubled), now()).unwrap_err();
        assert_eq!(rejection.code, RejectionCode::DuplicateField);
        let server = request().to_string().replace(
            "{\"source",
            "{\"hostname\":\"a\",\"hostname\":\"b\",\"source",
        );
        let rejection = Command::parse(&Message::Bare(server), now()).unwrap_err();
        assert_eq!(rejection.code, RejectionCode::DuplicateField);
    }

    #[test]
    fn only_a_terminated_instance_asks_for_anything() {
        let [source, detail_type] = ["aws.ec2", "EC2 Instance State-change Notification"];
        let read = |source: &str, detail_type: &str, state: &str| {
            let detail = json!({ "instance-id": "i-0abc1234def567890", "state": state });
            let event = json!({
                "detail-type": detail_type,
                "source": source,
                "account": "444455556666",
                "region": "eu-central-1",
                "detail": detail,
            });
            let Inbound::One(Ok(message)) = envelope::open(&event.to_string()) else {
                panic!("not an event")
            };
            Command::parse(&message, now())
        };
        let refused =
            |source, detail_type, state| read(source, detail_type, state).unwrap_err().code;

        let terminated = read(source, detail_type, "terminated").unwrap();
        assert_eq!(terminated.request_id.as_ref(), "i-0abc1234def567890");
        let target = json!(terminated.targets[0]);
        assert_eq!(target["awsInstanceID"], "i-0abc1234def567890");
        assert_eq!(target["originAccountID"], "444455556666");
        assert_eq!(target["originRegion"], "eu-central-1");
        for state in [
            "pending",
            "running",
            "stopping",
            "stopped",
            "shutting-down",
            "Terminated",
            "",
        ] {
            let code = refused(source, detail_type, state);
            assert_eq!(code, RejectionCode::UnsupportedEvent, "{state}");
        }

        // Anybody may put an event that looks like one of EC2, under a source of their own.
        for (source, detail_type) in [
            ("change.management", detail_type),
            (source, "EC2 Spot Instance Interruption Warning"),
        ] {
            let code = refused(source, detail_type, "terminated");
            assert_eq!(
                code,
                RejectionCode::UnsupportedEvent,
                "{source} {detail_type}"
            );
        }
    }

    #[test]
    fn an_event_of_awss_own_cannot_carry_a_request() {
        let event = json!({ "detail-type": DETAIL_TYPE, "source": "aws.drs", "detail": request() })
            .to_string();
        let Inbound::One(Ok(message)) = envelope::open(&event) else {
            panic!("not an event")
        };
        assert_eq!(
            Command::parse(&message, now()).unwrap_err().code,
            RejectionCode::ReservedSource
        );
    }
}
