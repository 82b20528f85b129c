//! Every number and every switch of the template, each with its reason. Alarms, patterns and
//! policies have tests of their own.

use std::collections::BTreeMap;

use serde_json::Value;
use template::text_of;

use crate::iam::everything;

/// A setting: of which resources, by type or by logical ID, where, what, and why.
type Setting = (&'static str, &'static str, &'static str, &'static str);

const FUNCTION: &str = "AWS::Serverless::Function";
const LETTERS: &str = "FailedRequests UndeliveredEvents UnfinishedMessages";
const MACHINE: &str = "AWS::Serverless::StateMachine";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
const METRIC: &str = "AWS::Logs::MetricFilter";
const QUEUE: &str = "AWS::SQS::Queue";
const REQUESTS: &str = "DecommissionQueue ReplicationQueue";
const RULE: &str = "AWS::Events::Rule";
const SCHEDULE: &str = "AWS::Scheduler::Schedule";
const SUBSCRIPTION: &str = "AWS::SNS::Subscription";

#[rustfmt::skip] // A row a setting.
const SETTINGS: [Setting; 67] = [
    (FUNCTION, "Metadata BuildMethod", "rust-cargolambda", "SAM builds the crate"),
    (FUNCTION, "AutoPublishAliasAllProperties", "true", "another property is published too, not new code alone"),
    (FUNCTION, "Handler", "bootstrap", "Lambda starts the file of this name"),
    (FUNCTION, "Runtime", "provided.al2023", "Lambda has no runtime of its own for Rust"),
    (FUNCTION, "MemorySize", "128", "the largest account takes half of it, and the network decides about speed"),
    (FUNCTION, "Tracing", "Active", "a trace shows which call of AWS took the time"),
    (FUNCTION, "Environment Variables APPROVAL_TAG", "drover:approved", "the role knows it by name"),
    (FUNCTION, "Environment Variables PROTECTION_TAG", "drover:protected", "the role knows it by name"),
    (FUNCTION, "EventInvokeConfig MaximumEventAgeInSeconds", "21600", "as long as Lambda keeps an event"),
    (FUNCTION, "EventInvokeConfig MaximumRetryAttempts", "2", "as often as Lambda tries again; a follow-up tries for days"),
    (FUNCTION, "LoggingConfig LogFormat", "JSON", "the metric filters read members"),
    (FUNCTION, "LoggingConfig ApplicationLogLevel", "INFO", "the line of a request that succeeds is at INFO"),
    (FUNCTION, "LoggingConfig SystemLogLevel", "INFO", "what a process reports on its end is at INFO"),
    ("DisconnectSourceServer", "Timeout", "300", "several servers with every call at its slowest"),
    ("BootstrapEfsReplication", "Timeout", "600", "the resources of a replica with every call at its slowest"),

    ("AuditSourceServers AuditFileSystems", "Timeout", "600", "the largest account, and as long as a machine waits for a function"),

    ("DisconnectLogs BootstrapLogs ServerAuditLogs FileSystemAuditLogs", "DeletionPolicy", "RetainExceptOnCreate", "the only record of reports from queues"),
    ("DisconnectLogs BootstrapLogs ServerAuditLogs FileSystemAuditLogs", "UpdateReplacePolicy", "Retain", "the only record of reports from queues"),
    ("MachineLogs", "DeletionPolicy", "Delete", "its name is fixed, and another stack may need it"),
    ("MachineLogs", "UpdateReplacePolicy", "Delete", "its name is fixed, and another stack may need it"),
    (METRIC, "MetricTransformations MetricValue", "1", "one for each request"),
    (METRIC, "MetricTransformations Unit", "Count", "requests are counted"),

    (RULE, "Targets RetryPolicy MaximumEventAgeInSeconds", "86400", "as long as EventBridge keeps an event, and a request is valid"),
    (RULE, "Targets RetryPolicy MaximumRetryAttempts", "185", "as often as EventBridge tries"),
    ("RequestFailed MachineTimedOut", "Targets InputPath", "$.detail", "a replay sends what stands in the letter"),

    (SCHEDULE, "FlexibleTimeWindow MaximumWindowInMinutes", "15", "several stacks do not ask AWS in the same second"),
    (SCHEDULE, "Target RetryPolicy MaximumEventAgeInSeconds", "86400", "the next audit comes a day later"),
    (SCHEDULE, "Target RetryPolicy MaximumRetryAttempts", "185", "as often as EventBridge Scheduler tries"),

    (SUBSCRIPTION, "FilterPolicyScope", "MessageBody", "a message is an event, and has no attributes"),
    ("DecommissionSubscription ReplicationSubscription", "Protocol", "lambda", "SNS invokes the function"),
    ("UnknownSubscription", "Protocol", "sqs", "what no function takes is kept"),
    ("UnknownSubscription", "RawMessageDelivery", "true", "a replay sends the message as it was"),
    ("Requests", "KmsMasterKeyId", "alias/aws/sns", "only identities of this account publish there"),
    ("Notifications", "KmsMasterKeyId", "NotificationsKey", "AWS services may not use the managed key"),
    ("NotificationsKey", "EnableKeyRotation", "true", "a key that lives for years"),
    ("NotificationsKey", "PendingWindowInDays", "7", "nothing is stored under it, so the least that KMS allows"),

    (QUEUE, "SqsManagedSseEnabled", "true", "requests name servers"),
    (LETTERS, "MessageRetentionPeriod", "1209600", "as long as SQS keeps a message; an alarm goes off after ten days"),
    (LETTERS, "DeletionPolicy", "RetainExceptOnCreate", "letters outlive the stack"),
    (LETTERS, "UpdateReplacePolicy", "Retain", "letters outlive a replacement"),
    (REQUESTS, "MessageRetentionPeriod", "345600", "longer than five deliveries take, and than a request is valid"),
    (REQUESTS, "RedrivePolicy maxReceiveCount", "5", "a message that five deliveries do not finish needs a human"),
    (REQUESTS, "DeletionPolicy", "Delete", "nothing reads them any more"),
    (REQUESTS, "UpdateReplacePolicy", "Delete", "nothing reads them any more"),
    ("DecommissionQueue", "VisibilityTimeout", "1800", "six times the function's timeout, as Lambda recommends"),
    ("ReplicationQueue", "VisibilityTimeout", "3600", "six times the function's timeout, as Lambda recommends"),
    (MAPPING, "BatchSize", "5", "so many requests as one invocation has time for"),
    (MAPPING, "FunctionResponseTypes", "ReportBatchItemFailures", "a finished message is not delivered again"),
    (MAPPING, "ScalingConfig MaximumConcurrency", "2", "the least that Lambda allows; three of five are left for events"),

    (MACHINE, "Logging Level", "ERROR", "an execution that succeeds has its result event"),
    (MACHINE, "Logging IncludeExecutionData", "true", "an error without its input explains nothing"),
    (MACHINE, "Tracing Enabled", "true", "a trace shows which state took the time"),

    ("Fleets", "DeletionPolicy", "RetainExceptOnCreate", "the results of fleets outlive the stack"),
    ("Fleets", "UpdateReplacePolicy", "Retain", "the results of fleets outlive a replacement"),
    ("Fleets", "BucketEncryption ServerSideEncryptionConfiguration ServerSideEncryptionByDefault SSEAlgorithm", "AES256", "lists name servers"),
    ("Fleets", "OwnershipControls Rules ObjectOwnership", "BucketOwnerEnforced", "access control lists are off"),
    ("Fleets", "PublicAccessBlockConfiguration BlockPublicAcls", "true", "lists name servers"),
    ("Fleets", "PublicAccessBlockConfiguration BlockPublicPolicy", "true", "lists name servers"),
    ("Fleets", "PublicAccessBlockConfiguration IgnorePublicAcls", "true", "lists name servers"),
    ("Fleets", "PublicAccessBlockConfiguration RestrictPublicBuckets", "true", "lists name servers"),
    ("Fleets", "VersioningConfiguration Status", "Enabled", "a list that is overwritten can be found again"),
    ("Fleets", "LifecycleConfiguration Rules Status", "Enabled", "what expires below expires"),
    ("Fleets", "LifecycleConfiguration Rules ExpirationInDays", "365", "as long as logs are kept by default"),
    ("Fleets", "LifecycleConfiguration Rules NoncurrentVersionExpiration NoncurrentDays", "30", "a month to find a list again"),
    ("Fleets", "LifecycleConfiguration Rules AbortIncompleteMultipartUpload DaysAfterInitiation", "7", "parts of an upload that never ended"),
    (FUNCTION, "EventInvokeConfig DestinationConfig OnSuccess Type", "EventBridge", "a result is an event on the bus"),
    (FUNCTION, "EventInvokeConfig DestinationConfig OnFailure Type", "EventBridge", "a failure is an event on the bus"),
];

/// Members that are settings although they are texts.
const WORDS: [&str; 24] = [
    "APPROVAL_TAG",
    "ApplicationLogLevel",
    "BuildMethod",
    "DeletionPolicy",
    "FilterPolicyScope",
    "FunctionResponseTypes",
    "Handler",
    "InputPath",
    "KmsMasterKeyId",
    "Level",
    "LogFormat",
    "MetricValue",
    "OnFailure Type",
    "OnSuccess Type",
    "ObjectOwnership",
    "PROTECTION_TAG",
    "Protocol",
    "Runtime",
    "SSEAlgorithm",
    "Status",
    "SystemLogLevel",
    "Tracing",
    "Unit",
    "UpdateReplacePolicy",
];

/// The settings below a path, each by its own path.
fn collect(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                // Patterns have tests of their own.
                match name.as_str() {
                    "EventPattern" | "FilterPolicy" => {}
                    "Properties" => collect(path, member, found),
                    name => collect(format!("{path} {name}").trim_start(), member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(path, item, found)),
        scalar => {
            let is_word = WORDS.iter().any(|it| path.ends_with(it));
            if scalar.is_number() || scalar.is_boolean() || is_word {
                found.insert(path.to_owned(), text_of(scalar));
            }
        }
    }
}

/// A number without a reason cannot be changed with good conscience, nor kept.
#[test]
fn every_setting_has_its_value_and_a_reason() {
    let deployment = everything();
    let mut used = [false; SETTINGS.len()];

    for (name, resource) in &deployment.resources {
        if resource["Type"] == "AWS::CloudWatch::Alarm" {
            continue;
        }
        let mut found = BTreeMap::new();
        collect("", resource, &mut found);

        // A setting that is gone is missed as well as one that is new.
        let is_of =
            |whose: &str| resource["Type"] == whose || whose.split(' ').any(|it| it == name);
        let mut expected = BTreeMap::new();
        for (index, (whose, path, value, _)) in SETTINGS.iter().enumerate() {
            if is_of(whose) {
                used[index] = true;
                expected.insert((*path).to_owned(), (*value).to_owned());
            }
        }
        assert_eq!(
            found, expected,
            "{name}: each setting stands in SETTINGS with its reason"
        );
    }

    assert!(used.iter().all(|it| *it), "a setting of nothing: {used:?}");
}

/// What holds between several settings, whatever their values.
#[test]
fn settings_agree_with_each_other() {
    let deployment = everything();
    let number = |name: &str, pointer: &str| {
        let value = deployment.properties(name).pointer(pointer);
        text_of(value.unwrap()).parse::<u64>().unwrap()
    };

    for (function, queue, mapping) in [
        (
            "DisconnectSourceServer",
            "DecommissionQueue",
            "DecommissionQueueMapping",
        ),
        (
            "BootstrapEfsReplication",
            "ReplicationQueue",
            "ReplicationQueueMapping",
        ),
    ] {
        // A message that expires before its last delivery is in no dead-letter queue.
        let deliveries = number(queue, "/RedrivePolicy/maxReceiveCount");
        let kept = number(queue, "/MessageRetentionPeriod");
        assert!(
            kept > deliveries * number(queue, "/VisibilityTimeout"),
            "{queue}"
        );
        // SQS counts the age of a letter from when it was first sent.
        assert!(
            kept < number("UnfinishedMessages", "/MessageRetentionPeriod"),
            "{queue}"
        );
        assert!(kept > 86400, "{queue}: a request is valid for a day");

        // The alarm does not ring while a request is still tried, and leaves a day to act.
        let waited = number("WaitingMessagesAlarm", "/Threshold");
        let tried = deliveries * number(queue, "/VisibilityTimeout");
        assert!(tried < waited && waited + 86400 < kept, "{queue}");

        let reserved = number(function, "/ReservedConcurrentExecutions");
        let polled = number(mapping, "/ScalingConfig/MaximumConcurrency");
        assert!(polled < reserved, "{mapping} leaves nothing for events");
        let fleet = number("Fleet", "/DefinitionSubstitutions/Concurrency");
        assert!(fleet < reserved, "a fleet leaves nothing for events");
    }

    // The alarm leaves time to replay what expires.
    let expiring = number("ExpiringDeadLettersAlarm", "/Threshold");
    for queue in ["FailedRequests", "UndeliveredEvents", "UnfinishedMessages"] {
        assert!(
            number(queue, "/MessageRetentionPeriod") >= expiring + 3 * 86400,
            "{queue}"
        );
    }
}
