//! Where in a deployment each parameter arrives, and that it arrives nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use template::{Deployment, machine::definition, text_of};

use crate::stage::efs::ROLE;

/// A parameter, a value that it has nowhere else in these tests, and every place that follows it.
struct Parameter {
    name: &'static str,
    value: &'static str,
    places: &'static [&'static str],
}

/// A value for each parameter. No two are the same, and none is a default where it need not be.
const VALUES: [(&str, &str); 40] = [
    ("Functions", "all"),
    ("Mode", "enforce"),
    ("AllowDelete", "true"),
    ("MaxTargets", "51"),
    ("MaxSharePercent", "52"),
    ("RequireSilentMinutes", "53"),
    ("VerifyCleanup", "true"),
    ("ReplicaRegions", "eu-west-1"),
    ("ReplicaDefaults", r#"{"eu-west-1":{"kmsKeyId":"alias/a"}}"#),
    ("ReplicationRoleArn", ROLE),
    ("SourceOrganization", "o-a1b2c3d4e5"),
    ("SourceAccounts", "444455556666"),
    ("EventBusName", "requests"),
    ("EventTrigger", "ENABLED"),
    ("TopicTrigger", "ENABLED"),
    ("QueueTrigger", "ENABLED"),
    ("InstanceTerminatedTrigger", "ENABLED"),
    ("FileSystemTaggedTrigger", "ENABLED"),
    ("ReplicationStalledTrigger", "ENABLED"),
    ("AuditTrigger", "ENABLED"),
    ("AuditSchedule", "rate(2 days)"),
    ("SilentHours", "58"),
    ("LagMinutes", "59"),
    ("SyncHours", "60"),
    ("QuotaPercent", "61"),
    ("ServerHourRate", "0.62"),
    ("RecoveryEventsTrigger", "ENABLED"),
    ("NotificationEmail", "ops@example.com"),
    ("ReplicationObjectiveSeconds", "1234"),
    ("LogRetentionDays", "30"),
    ("RolePath", "/first/"),
    (
        "PermissionsBoundaryArn",
        "arn:aws:iam::111122223333:policy/first",
    ),
    ("KmsKeyArn", "arn:aws:kms:us-east-1:111122223333:key/first"),
    ("VpcSubnetIds", "subnet-01"),
    ("VpcSecurityGroupIds", "sg-01"),
    ("MachineLogClass", "STANDARD"),
    ("Architecture", "x86_64"),
    ("ReservedConcurrency", "55"),
    ("FleetConcurrency", "56"),
    ("FleetToleratedFailurePercentage", "57"),
];

/// Another value for each parameter but `Functions`, whose stacks are compared elsewhere, and what
/// it changes.
const PARAMETERS: [Parameter; 39] = [
    Parameter {
        name: "Mode",
        value: "plan",
        places: &[
            "BootstrapEfsReplication Environment Variables MODE",
            "BootstrapRole Policies change",
            "BootstrapRole Policies cross-accounts PassReplicationRole",
            "DisconnectRole Policies change",
            "DisconnectSourceServer Environment Variables MODE",
            "Outputs Mode",
            "Settings Content",
        ],
    },
    Parameter {
        name: "AllowDelete",
        value: "false",
        places: &[
            "AuditSourceServers Environment Variables ALLOW_DELETE",
            "DisconnectRole Policies change DeleteApproved",
            "DisconnectSourceServer Environment Variables ALLOW_DELETE",
            "Settings Content",
        ],
    },
    Parameter {
        name: "MaxTargets",
        value: "71",
        places: &[
            "BootstrapEfsReplication Environment Variables MAX_TARGETS",
            "DisconnectSourceServer Environment Variables MAX_TARGETS",
            "Settings Content",
        ],
    },
    Parameter {
        name: "MaxSharePercent",
        value: "72",
        places: &[
            "DisconnectSourceServer Environment Variables MAX_SHARE_PERCENT",
            "Settings Content",
        ],
    },
    Parameter {
        name: "RequireSilentMinutes",
        value: "73",
        places: &[
            "DisconnectSourceServer Environment Variables REQUIRE_SILENT_MINUTES",
            "Settings Content",
        ],
    },
    Parameter {
        name: "VerifyCleanup",
        value: "false",
        places: &[
            "DisconnectSourceServer Environment Variables VERIFY_CLEANUP",
            "FollowUpRole Policies follow-up FindSnapshots",
            "Settings Content",
        ],
    },
    Parameter {
        name: "ReplicaRegions",
        value: "eu-north-1",
        places: &[
            "BootstrapEfsReplication Environment Variables REPLICA_REGIONS",
            "BootstrapRole Policies change ConnectMountTargets StringLike aws:RequestedRegion 0",
            "BootstrapRole Policies change CreateReplicas StringLike aws:RequestedRegion 0",
            "BootstrapRole Policies change ProvisionReplicas StringLike aws:RequestedRegion 0",
            "BootstrapRole Policies change TagAccessPoints StringLike aws:RequestedRegion 0",
            "Settings Content",
        ],
    },
    Parameter {
        name: "ReplicaDefaults",
        value: r#"{"eu-west-1":{"kmsKeyId":"alias/b"}}"#,
        places: &[
            "AuditFileSystems Environment Variables REPLICA_DEFAULTS",
            "BootstrapEfsReplication Environment Variables REPLICA_DEFAULTS",
            "Settings Content",
        ],
    },
    Parameter {
        name: "ReplicationRoleArn",
        value: "arn:aws:iam::999999999999:role/other",
        places: &["BootstrapRole Policies cross-accounts PassReplicationRole Resource"],
    },
    Parameter {
        name: "SourceOrganization",
        value: "o-9z9z9z9z9z",
        places: &[
            "OtherAccounts StringEquals aws:PrincipalOrgID",
            "OtherAccountsOnOwnBus StringEquals aws:PrincipalOrgID",
        ],
    },
    Parameter {
        name: "SourceAccounts",
        value: "777788889999",
        places: &[
            "DisconnectSourceServer Environment Variables ORIGIN_ACCOUNTS",
            "Settings Content",
        ],
    },
    Parameter {
        name: "EventBusName",
        value: "other-bus",
        places: &[
            "AuditFileSystems EventInvokeConfig DestinationConfig OnFailure Destination",
            "AuditFileSystems EventInvokeConfig DestinationConfig OnSuccess Destination",
            "AuditSourceServers EventInvokeConfig DestinationConfig OnFailure Destination",
            "AuditSourceServers EventInvokeConfig DestinationConfig OnSuccess Destination",
            "BootstrapEfsReplication EventInvokeConfig DestinationConfig OnFailure Destination",
            "BootstrapEfsReplication EventInvokeConfig DestinationConfig OnSuccess Destination",
            "BootstrapRole Policies run SendResults Resource",
            "DecommissionRequested EventBusName",
            "DecommissionRequestedMayInvoke SourceArn",
            "DisconnectRole Policies run SendResults Resource",
            "DisconnectSourceServer EventInvokeConfig DestinationConfig OnFailure Destination",
            "DisconnectSourceServer EventInvokeConfig DestinationConfig OnSuccess Destination",
            "FailedRequestsPolicy AllowEventBridge ArnEquals aws:SourceArn 0",
            "FileSystemAuditRequested EventBusName",
            "FileSystemAuditRequestedMayInvoke SourceArn",
            "FileSystemAuditRole Policies run SendResults Resource",
            "Fleet Definition States Publish the failure Arguments Entries 0 EventBusName",
            "Fleet Definition States Publish the result Arguments Entries 0 EventBusName",
            "Fleet DefinitionSubstitutions EventBusName",
            "FleetRole Policies fleet SendResults Resource",
            "FollowUp Definition States Publish the failure Arguments Entries 0 EventBusName",
            "FollowUp Definition States Publish the result Arguments Entries 0 EventBusName",
            "FollowUp DefinitionSubstitutions EventBusName",
            "FollowUpRole Policies follow-up SendResults Resource",
            "LostEventsAlarm Metrics m1 MetricStat Metric Dimensions EventBusName Value",
            "LostEventsAlarm Metrics m2 MetricStat Metric Dimensions EventBusName Value",
            "LostEventsAlarm Metrics m6 MetricStat Metric Dimensions EventBusName Value",
            "LostEventsAlarm Metrics m9 MetricStat Metric Dimensions EventBusName Value",
            "LostResultsAlarm Metrics m3 MetricStat Metric Dimensions EventBusName Value",
            "LostResultsAlarm Metrics m5 MetricStat Metric Dimensions EventBusName Value",
            "LostResultsAlarm Metrics m6 MetricStat Metric Dimensions EventBusName Value",
            "LostResultsAlarm Metrics m7 MetricStat Metric Dimensions EventBusName Value",
            "NotifyFailure EventBusName",
            "NotifyResult EventBusName",
            "OtherAccountsOnOwnBus EventBusName",
            "OtherAccountsOnOwnBus Resource",
            "PendingResult EventBusName",
            "ReplicationRequested EventBusName",
            "ReplicationRequestedMayInvoke SourceArn",
            "RequestFailed EventBusName",
            "ServerAuditRequested EventBusName",
            "ServerAuditRequestedMayInvoke SourceArn",
            "ServerAuditRole Policies run SendResults Resource",
            "UndeliveredEventsPolicy AllowEventBridge ArnEquals aws:SourceArn 0",
            "UndeliveredEventsPolicy AllowEventBridge ArnEquals aws:SourceArn 1",
            "UndeliveredEventsPolicy AllowEventBridge ArnEquals aws:SourceArn 10",
            "UndeliveredEventsPolicy AllowEventBridge ArnEquals aws:SourceArn 11",
            "UndeliveredEventsPolicy AllowEventBridge ArnEquals aws:SourceArn 4",
            "UndeliveredEventsPolicy AllowEventBridge ArnEquals aws:SourceArn 6",
            "UndeliveredEventsPolicy AllowEventBridge ArnEquals aws:SourceArn 7",
            "UndeliveredEventsPolicy AllowEventBridge ArnEquals aws:SourceArn 8",
        ],
    },
    Parameter {
        name: "EventTrigger",
        value: "DISABLED",
        places: &[
            "DecommissionRequested State",
            "FileSystemAuditRequested State",
            "ReplicationRequested State",
            "ServerAuditRequested State",
        ],
    },
    Parameter {
        name: "TopicTrigger",
        value: "DISABLED",
        places: &[
            "Dashboard DashboardBody",
            "DecommissionSubscription",
            "DecommissionSubscriptionMayInvoke",
            "LostEventsAlarm Metrics m5",
            "Outputs RequestsTopicArn",
            "ReplicationSubscription",
            "ReplicationSubscriptionMayInvoke",
            "Requests",
            "RequestsPolicy",
            "UndeliveredEventsPolicy AllowRequestsTopic",
            "UnknownSubscription",
            "UnreadableMessagesAlarm",
        ],
    },
    Parameter {
        name: "QueueTrigger",
        value: "DISABLED",
        places: &[
            "Dashboard DashboardBody",
            "DecommissionQueue",
            "DecommissionQueueMapping",
            "ExpiringDeadLettersAlarm Metrics m3",
            "Outputs DecommissionQueueUrl",
            "Outputs ReplicationQueueUrl",
            "Outputs UnfinishedMessagesUrl",
            "QueuesPolicy",
            "ReplicationQueue",
            "ReplicationQueueMapping",
            "UnfinishedMessages",
            "UnfinishedMessagesAlarm",
            "WaitingMessagesAlarm",
        ],
    },
    Parameter {
        name: "InstanceTerminatedTrigger",
        value: "DISABLED",
        places: &["InstanceTerminated State"],
    },
    Parameter {
        name: "FileSystemTaggedTrigger",
        value: "DISABLED",
        places: &["FileSystemTagged State"],
    },
    Parameter {
        name: "ReplicationStalledTrigger",
        value: "DISABLED",
        places: &["ServerAuditStall State"],
    },
    Parameter {
        name: "AuditTrigger",
        value: "DISABLED",
        places: &["FileSystemAuditSchedule State", "ServerAuditSchedule State"],
    },
    Parameter {
        name: "AuditSchedule",
        value: "rate(3 days)",
        places: &[
            "FileSystemAuditSchedule ScheduleExpression",
            "ServerAuditSchedule ScheduleExpression",
        ],
    },
    Parameter {
        name: "SilentHours",
        value: "78",
        places: &[
            "AuditSourceServers Environment Variables SILENT_HOURS",
            "Settings Content",
        ],
    },
    Parameter {
        name: "LagMinutes",
        value: "79",
        places: &[
            "AuditSourceServers Environment Variables LAG_MINUTES",
            "Settings Content",
        ],
    },
    Parameter {
        name: "SyncHours",
        value: "80",
        places: &[
            "AuditSourceServers Environment Variables SYNC_HOURS",
            "Settings Content",
        ],
    },
    Parameter {
        name: "QuotaPercent",
        value: "81",
        places: &[
            "AuditSourceServers Environment Variables QUOTA_PERCENT",
            "Settings Content",
        ],
    },
    Parameter {
        name: "ServerHourRate",
        value: "0.82",
        places: &[
            "AuditSourceServers Environment Variables SERVER_HOUR_RATE",
            "Settings Content",
        ],
    },
    Parameter {
        name: "RecoveryEventsTrigger",
        value: "DISABLED",
        places: &["NotifyRecoveryEvent State"],
    },
    Parameter {
        name: "NotificationEmail",
        value: "others@example.com",
        places: &["NotificationsByEmail Endpoint"],
    },
    Parameter {
        name: "ReplicationObjectiveSeconds",
        value: "74",
        places: &[
            "AuditFileSystems Environment Variables SYNC_SECONDS",
            "Dashboard DashboardBody",
            "ReplicationLagAlarm Threshold",
            "Settings Content",
        ],
    },
    Parameter {
        name: "LogRetentionDays",
        value: "60",
        places: &[
            "BootstrapLogs RetentionInDays",
            "DisconnectLogs RetentionInDays",
            "FileSystemAuditLogs RetentionInDays",
            "MachineLogs RetentionInDays",
            "ServerAuditLogs RetentionInDays",
        ],
    },
    Parameter {
        name: "RolePath",
        value: "/second/",
        places: &[
            "AuditFileSystems Role",
            "AuditScheduleRole Path",
            "AuditSourceServers Role",
            "BootstrapEfsReplication Role",
            "BootstrapRole Path",
            "DisconnectRole Path",
            "DisconnectSourceServer Role",
            "FileSystemAuditRole Path",
            "FileSystemAuditSchedule Target RoleArn",
            "Fleet Role",
            "FleetRole Path",
            "FollowUp Role",
            "FollowUpRole Path",
            "Notify Role",
            "NotifyFailure Targets notify RoleArn",
            "NotifyResult Targets notify RoleArn",
            "NotifyRole Path",
            "PendingResult Targets follow-up RoleArn",
            "ServerAuditRole Path",
            "ServerAuditSchedule Target RoleArn",
            "Settings Content",
            "StartFollowUpRole Path",
            "StartNotifyRole Path",
        ],
    },
    Parameter {
        name: "PermissionsBoundaryArn",
        value: "arn:aws:iam::111122223333:policy/second",
        places: &[
            "AuditScheduleRole PermissionsBoundary",
            "BootstrapRole PermissionsBoundary",
            "DisconnectRole PermissionsBoundary",
            "FileSystemAuditRole PermissionsBoundary",
            "FleetRole PermissionsBoundary",
            "FollowUpRole PermissionsBoundary",
            "NotifyRole PermissionsBoundary",
            "ServerAuditRole PermissionsBoundary",
            "StartFollowUpRole PermissionsBoundary",
            "StartNotifyRole PermissionsBoundary",
        ],
    },
    Parameter {
        name: "KmsKeyArn",
        value: "arn:aws:kms:us-east-1:111122223333:key/second",
        places: &[
            "AuditScheduleRole Policies start EncryptUndelivered Resource",
            "BootstrapLogs KmsKeyId",
            "BootstrapRole Policies run DecryptMessages Resource",
            "DecommissionQueue KmsMasterKeyId",
            "DisconnectLogs KmsKeyId",
            "DisconnectRole Policies run DecryptMessages Resource",
            "FailedRequests KmsMasterKeyId",
            "FileSystemAuditLogs KmsKeyId",
            "MachineLogs KmsKeyId",
            "ReplicationQueue KmsMasterKeyId",
            "ServerAuditLogs KmsKeyId",
            "UndeliveredEvents KmsMasterKeyId",
            "UnfinishedMessages KmsMasterKeyId",
        ],
    },
    Parameter {
        name: "VpcSubnetIds",
        value: "subnet-02",
        places: &[
            "AuditFileSystems VpcConfig SubnetIds 0",
            "AuditSourceServers VpcConfig SubnetIds 0",
            "BootstrapEfsReplication VpcConfig SubnetIds 0",
            "DisconnectSourceServer VpcConfig SubnetIds 0",
            "Settings Content",
        ],
    },
    Parameter {
        name: "VpcSecurityGroupIds",
        value: "sg-02",
        places: &[
            "AuditFileSystems VpcConfig SecurityGroupIds 0",
            "AuditSourceServers VpcConfig SecurityGroupIds 0",
            "BootstrapEfsReplication VpcConfig SecurityGroupIds 0",
            "DisconnectSourceServer VpcConfig SecurityGroupIds 0",
            "Settings Content",
        ],
    },
    Parameter {
        name: "MachineLogClass",
        value: "INFREQUENT_ACCESS",
        places: &["MachineLogs LogGroupClass"],
    },
    Parameter {
        name: "Architecture",
        value: "arm64",
        places: &[
            "AuditFileSystems Architectures 0",
            "AuditSourceServers Architectures 0",
            "BootstrapEfsReplication Architectures 0",
            "DisconnectSourceServer Architectures 0",
            "Settings Content",
        ],
    },
    Parameter {
        name: "ReservedConcurrency",
        value: "75",
        places: &[
            "AuditFileSystems ReservedConcurrentExecutions",
            "AuditSourceServers ReservedConcurrentExecutions",
            "BootstrapEfsReplication ReservedConcurrentExecutions",
            "DisconnectSourceServer ReservedConcurrentExecutions",
        ],
    },
    Parameter {
        name: "FleetConcurrency",
        value: "76",
        places: &[
            "Fleet Definition States For each item MaxConcurrency",
            "Fleet DefinitionSubstitutions Concurrency",
        ],
    },
    Parameter {
        name: "FleetToleratedFailurePercentage",
        value: "77",
        places: &[
            "Fleet Definition States For each item ToleratedFailurePercentage",
            "Fleet DefinitionSubstitutions ToleratedFailurePercentage",
        ],
    },
];

/// A deployment in which one parameter has another value.
fn deployment(changed: Option<&Parameter>) -> Value {
    let mut values = VALUES;
    if let Some(parameter) = changed {
        let value = values.iter_mut().find(|(name, _)| *name == parameter.name);
        value.unwrap().1 = parameter.value;
    }

    whole(&Deployment::with(&values))
}

/// Everything of a deployment: resources, the definitions of its machines, and outputs.
fn whole(deployment: &Deployment) -> Value {
    let mut whole = Map::new();
    for (name, resource) in &deployment.resources {
        let mut resource = resource.clone();
        if resource["Type"] == "AWS::Serverless::StateMachine" {
            resource["Definition"] = definition(name, &resource["Properties"]);
        }
        whole.insert(name.clone(), resource);
    }

    whole.insert("Outputs".to_owned(), json!(deployment.outputs()));
    Value::Object(whole)
}

/// The members of an object, or the items of a list by their names, so that others may come before.
fn parts(value: &Value) -> Option<BTreeMap<String, &Value>> {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            Some(
                members
                    .map(|(name, member)| (name.clone(), member))
                    .collect(),
            )
        }
        Value::Array(items) => {
            let names = ["PolicyName", "Sid", "Id", "Name"];
            let name_of = |(index, item): (usize, &Value)| {
                let name = names.iter().find_map(|name| item.get(*name));
                name.map_or_else(|| index.to_string(), text_of)
            };
            let items = items.iter().enumerate();
            Some(
                items
                    .map(|(index, item)| (name_of((index, item)), item))
                    .collect(),
            )
        }
        _ => None,
    }
}

/// The places that differ, each with what is there; a part that only one side has is one place.
fn compare<'a>(
    path: &str,
    one: Option<&Value>,
    other: Option<&'a Value>,
    places: &mut BTreeMap<String, Option<&'a Value>>,
) {
    if one == other {
        return;
    }
    let (Some(left), Some(right)) = (one.and_then(parts), other.and_then(parts)) else {
        places.insert(path.trim_start().to_owned(), other);
        return;
    };

    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for name in names {
        // These say nothing of the place.
        let is_frame = ["Properties", "PolicyDocument", "Statement", "Condition"];
        let path = match is_frame.contains(&name.as_str()) {
            true => path.to_owned(),
            false => format!("{path} {name}"),
        };
        let part = |parts: &BTreeMap<String, &'a Value>| parts.get(name).copied();
        compare(&path, left.get(name).copied(), part(&right), places);
    }
}

#[test]
fn every_parameter_is_changed_here() {
    let declared: Vec<&str> = Deployment::declared().map(|(name, _)| name).collect();
    let given: BTreeSet<&str> = VALUES.iter().map(|(name, _)| *name).collect();
    assert_eq!(given, declared.iter().copied().collect());

    let mut changed = PARAMETERS.iter().map(|parameter| parameter.name);
    assert!(
        declared[1..]
            .iter()
            .all(|name| changed.any(|it| it == *name))
    );
}

/// A parameter that is ignored, or that is taken for another one with the same default, is noticed
/// here.
#[test]
fn a_parameter_changes_what_it_is_for_and_nothing_else() {
    let before = deployment(None);

    for parameter in &PARAMETERS {
        let name = parameter.name;
        let after = deployment(Some(parameter));
        let mut places = BTreeMap::new();
        compare("", Some(&before), Some(&after), &mut places);
        let found: Vec<&str> = places.keys().map(String::as_str).collect();
        assert_eq!(found, parameter.places, "{name}");

        // A parameter with free values is passed on as it is.
        let (_, declaration) = Deployment::declared().find(|(it, _)| *it == name).unwrap();
        if declaration.get("AllowedValues").is_none() {
            for (place, value) in places {
                let text = value.map(text_of).unwrap_or_default();
                assert!(text.contains(parameter.value), "{name}: {place} is {text}");
            }
        }
    }
}
