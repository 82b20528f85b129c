//! The template: parameters, retries, alarms, rules, logs and policies.

use crate::bug::Bug;

const TEMPLATE: &str = "template.yaml";

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "VerifyCleanup reaches no function",
        file: TEMPLATE,
        from: "VERIFY_CLEANUP: !Ref VerifyCleanup",
        to: "VERIFY_CLEANUP: false",
    },
    Bug {
        name: "every follow-up may read snapshots",
        file: TEMPLATE,
        from: "                - Verifies
                - Sid: FindSnapshots",
        to: "                - Disconnects
                - Sid: FindSnapshots",
    },
    Bug {
        name: "Mode does not reach the function",
        file: TEMPLATE,
        from: "      Timeout: 300
      Environment:
        Variables:
          MODE: !Ref Mode",
        to: "      Timeout: 300
      Environment:
        Variables:
          MODE: plan",
    },
    Bug {
        name: "a replicating function always enforces",
        file: TEMPLATE,
        from: "      Timeout: 600
      Environment:
        Variables:
          MODE: !Ref Mode",
        to: "      Timeout: 600
      Environment:
        Variables:
          MODE: enforce",
    },
    Bug {
        name: "MaxTargets and MaxSharePercent are swapped",
        file: TEMPLATE,
        from: "MAX_TARGETS: !Ref MaxTargets
          MAX_SHARE_PERCENT: !Ref MaxSharePercent",
        to: "MAX_TARGETS: !Ref MaxSharePercent
          MAX_SHARE_PERCENT: !Ref MaxTargets",
    },
    Bug {
        name: "MaxTargets is ignored by one function",
        file: TEMPLATE,
        from: "          MODE: !Ref Mode
          APPROVAL_TAG: drover:approved
          PROTECTION_TAG: drover:protected
          MAX_TARGETS: !Ref MaxTargets",
        to: "          MODE: !Ref Mode
          APPROVAL_TAG: drover:approved
          PROTECTION_TAG: drover:protected
          MAX_TARGETS: 10",
    },
    Bug {
        name: "MaxSharePercent is the fleet's tolerance",
        file: TEMPLATE,
        from: "!Ref MaxSharePercent",
        to: "!Ref FleetToleratedFailurePercentage",
    },
    Bug {
        name: "ALLOW_DELETE follows nothing",
        file: TEMPLATE,
        from: "ALLOW_DELETE: !Ref AllowDelete
          REQUIRE",
        to: r#"ALLOW_DELETE: "false"
          REQUIRE"#,
    },
    Bug {
        name: "enforces whatever the mode",
        file: TEMPLATE,
        from: "Enforces: !Equals [!Ref Mode, enforce]",
        to: "Enforces: !Equals [!Ref EventTrigger, ENABLED]",
    },
    Bug {
        name: "ReplicaRegions are ignored by the function",
        file: TEMPLATE,
        from: r#"REPLICA_REGIONS: !Join [",", !Ref ReplicaRegions]"#,
        to: r#"REPLICA_REGIONS: "*""#,
    },
    Bug {
        name: "a role may provision replicas in every Region",
        file: TEMPLATE,
        from: "                    - elasticfilesystem:TagResource
                  Resource: !Sub arn:${AWS::Partition}:elasticfilesystem:*:${AWS::AccountId}:file-system/*
                  Condition: { StringLike: { aws:RequestedRegion: !Ref ReplicaRegions } }",
        to: "                    - elasticfilesystem:TagResource
                  Resource: !Sub arn:${AWS::Partition}:elasticfilesystem:*:${AWS::AccountId}:file-system/*",
    },
    Bug {
        name: "any role may be passed to EFS",
        file: TEMPLATE,
        from: "Resource: !Ref ReplicationRoleArn",
        to: r#"Resource: "*""#,
    },
    Bug {
        name: "a request is heard on the default bus",
        file: TEMPLATE,
        from: "      Description: Requests to disconnect, retire or delete DRS source servers.
      EventBusName: !Ref EventBusName
",
        to: "      Description: Requests to disconnect, retire or delete DRS source servers.
",
    },
    Bug {
        name: "a trigger follows another parameter",
        file: TEMPLATE,
        from: "State: !Ref InstanceTerminatedTrigger",
        to: "State: !Ref EventTrigger",
    },
    Bug {
        name: "a trigger is always on",
        file: TEMPLATE,
        from: "State: !Ref FileSystemTaggedTrigger",
        to: "State: ENABLED",
    },
    Bug {
        name: "the topic follows the queue's trigger",
        file: TEMPLATE,
        from: "HasTopic: !Equals [!Ref TopicTrigger, ENABLED]",
        to: "HasTopic: !Equals [!Ref QueueTrigger, ENABLED]",
    },
    Bug {
        name: "the email of notifications is fixed",
        file: TEMPLATE,
        from: "Endpoint: !Ref NotificationEmail",
        to: "Endpoint: ops@example.com",
    },
    Bug {
        name: "the objective of replication is fixed",
        file: TEMPLATE,
        from: "Threshold: !Ref ReplicationObjectiveSeconds",
        to: "Threshold: 900",
    },
    Bug {
        name: "logs are kept as long as the objective says",
        file: TEMPLATE,
        from: "  DisconnectLogs:
    Type: AWS::Logs::LogGroup
    Condition: Disconnects
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      RetentionInDays: !Ref LogRetentionDays",
        to: "  DisconnectLogs:
    Type: AWS::Logs::LogGroup
    Condition: Disconnects
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      RetentionInDays: !Ref ReplicationObjectiveSeconds",
    },
    Bug {
        name: "logs of machines are kept for ever",
        file: TEMPLATE,
        from: "      LogGroupName: !Sub /aws/vendedlogs/states/${AWS::StackName}
      RetentionInDays: !Ref LogRetentionDays",
        to: "      LogGroupName: !Sub /aws/vendedlogs/states/${AWS::StackName}",
    },
    Bug {
        name: "the architecture is ignored",
        file: TEMPLATE,
        from: "Architectures: [!Ref Architecture]",
        to: "Architectures: [arm64]",
    },
    Bug {
        name: "the concurrency of a fleet is reserved",
        file: TEMPLATE,
        from: "!If [Reserves, !Ref ReservedConcurrency,",
        to: "!If [Reserves, !Ref FleetConcurrency,",
    },
    Bug {
        name: "the fleet's parameters are swapped",
        file: TEMPLATE,
        from: "Concurrency: !Ref FleetConcurrency
        ToleratedFailurePercentage: !Ref FleetToleratedFailurePercentage",
        to: "Concurrency: !Ref FleetToleratedFailurePercentage
        ToleratedFailurePercentage: !Ref FleetConcurrency",
    },
    Bug {
        name: "a fleet takes the reserved concurrency",
        file: TEMPLATE,
        from: "Concurrency: !Ref FleetConcurrency",
        to: "Concurrency: !Ref ReservedConcurrency",
    },
    Bug {
        name: "an email may be any text",
        file: TEMPLATE,
        from: r#"AllowedPattern: ^$|^[^@\s]+@[^@\s]+$"#,
        to: "AllowedPattern: .*",
    },
    Bug {
        name: "a replica's Region may be any text",
        file: TEMPLATE,
        from: r#"AllowedPattern: ^(\*|[a-z]{2}(-[a-z]+)+-[0-9])$"#,
        to: "AllowedPattern: .*",
    },
    Bug {
        name: "two outputs are swapped",
        file: TEMPLATE,
        from: "Value: !Ref FollowUp }
",
        to: "Value: !Ref Fleet }
",
    },
    Bug {
        name: "a failed invocation is not retried",
        file: TEMPLATE,
        from: "      LoggingConfig: { LogGroup: !Ref DisconnectLogs, LogFormat: JSON, ApplicationLogLevel: INFO, SystemLogLevel: INFO }
      EventInvokeConfig:
        MaximumRetryAttempts: 2",
        to: "      LoggingConfig: { LogGroup: !Ref DisconnectLogs, LogFormat: JSON, ApplicationLogLevel: INFO, SystemLogLevel: INFO }
      EventInvokeConfig:
        MaximumRetryAttempts: 0",
    },
    Bug {
        name: "an event is dropped after a minute",
        file: TEMPLATE,
        from: "      LoggingConfig: { LogGroup: !Ref BootstrapLogs, LogFormat: JSON, ApplicationLogLevel: INFO, SystemLogLevel: INFO }
      EventInvokeConfig:
        MaximumRetryAttempts: 2
        MaximumEventAgeInSeconds: 21600",
        to: "      LoggingConfig: { LogGroup: !Ref BootstrapLogs, LogFormat: JSON, ApplicationLogLevel: INFO, SystemLogLevel: INFO }
      EventInvokeConfig:
        MaximumRetryAttempts: 2
        MaximumEventAgeInSeconds: 60",
    },
    Bug {
        name: "failures are sent nowhere",
        file: TEMPLATE,
        from: r#"      LoggingConfig: { LogGroup: !Ref DisconnectLogs, LogFormat: JSON, ApplicationLogLevel: INFO, SystemLogLevel: INFO }
      EventInvokeConfig:
        MaximumRetryAttempts: 2
        MaximumEventAgeInSeconds: 21600
        DestinationConfig:
          OnSuccess: { Type: EventBridge, Destination: !Sub "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}" }
          OnFailure: { Type: EventBridge, Destination: !Sub "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}" }"#,
        to: r#"      LoggingConfig: { LogGroup: !Ref DisconnectLogs, LogFormat: JSON, ApplicationLogLevel: INFO, SystemLogLevel: INFO }
      EventInvokeConfig:
        MaximumRetryAttempts: 2
        MaximumEventAgeInSeconds: 21600
        DestinationConfig:
          OnSuccess: { Type: EventBridge, Destination: !Sub "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}" }"#,
    },
    Bug {
        name: "a rule's target is not retried",
        file: TEMPLATE,
        from: "          RoleArn: !GetAtt StartFollowUpRole.Arn
          RetryPolicy: { MaximumEventAgeInSeconds: 86400, MaximumRetryAttempts: 185",
        to: "          RoleArn: !GetAtt StartFollowUpRole.Arn
          RetryPolicy: { MaximumEventAgeInSeconds: 86400, MaximumRetryAttempts: 0",
    },
    Bug {
        name: "a rule's event is kept for a minute",
        file: TEMPLATE,
        from: "              responsePayload: { errorType: [{ exists: false }] }
      Targets:
        - Id: failed-requests
          Arn: !GetAtt FailedRequests.Arn
          InputPath: $.detail
          RetryPolicy: { MaximumEventAgeInSeconds: 86400",
        to: "              responsePayload: { errorType: [{ exists: false }] }
      Targets:
        - Id: failed-requests
          Arn: !GetAtt FailedRequests.Arn
          InputPath: $.detail
          RetryPolicy: { MaximumEventAgeInSeconds: 60",
    },
    Bug {
        name: "a rule's target has no dead letters",
        file: TEMPLATE,
        from: "          DeadLetterConfig: { Arn: !GetAtt UndeliveredEvents.Arn }

  StartNotifyRole:",
        to: "
  StartNotifyRole:",
    },
    Bug {
        name: "failed requests are kept for an hour",
        file: TEMPLATE,
        from: "  FailedRequests:
    Type: AWS::SQS::Queue
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, true]
      KmsMasterKeyId: !If [HasKey, !Ref KmsKeyArn, !Ref AWS::NoValue]
      MessageRetentionPeriod: 1209600",
        to: "  FailedRequests:
    Type: AWS::SQS::Queue
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, true]
      KmsMasterKeyId: !If [HasKey, !Ref KmsKeyArn, !Ref AWS::NoValue]
      MessageRetentionPeriod: 3600",
    },
    Bug {
        name: "unfinished messages are kept for four days",
        file: TEMPLATE,
        from: "    Condition: HasQueues
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, true]
      KmsMasterKeyId: !If [HasKey, !Ref KmsKeyArn, !Ref AWS::NoValue]
      MessageRetentionPeriod: 1209600",
        to: "    Condition: HasQueues
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, true]
      KmsMasterKeyId: !If [HasKey, !Ref KmsKeyArn, !Ref AWS::NoValue]
      MessageRetentionPeriod: 345600",
    },
    Bug {
        name: "a queue's message expires before its last delivery",
        file: TEMPLATE,
        from: "      VisibilityTimeout: 3600
      MessageRetentionPeriod: 345600",
        to: "      VisibilityTimeout: 3600
      MessageRetentionPeriod: 3600",
    },
    Bug {
        name: "a message is delivered once",
        file: TEMPLATE,
        from: "      VisibilityTimeout: 1800
      MessageRetentionPeriod: 345600
      RedrivePolicy: { deadLetterTargetArn: !GetAtt UnfinishedMessages.Arn, maxReceiveCount: 5",
        to: "      VisibilityTimeout: 1800
      MessageRetentionPeriod: 345600
      RedrivePolicy: { deadLetterTargetArn: !GetAtt UnfinishedMessages.Arn, maxReceiveCount: 1",
    },
    Bug {
        name: "a message is shown again while it is processed",
        file: TEMPLATE,
        from: "VisibilityTimeout: 1800",
        to: "VisibilityTimeout: 30",
    },
    Bug {
        name: "a batch has ten messages",
        file: TEMPLATE,
        from: "      FunctionName: !Ref BootstrapEfsReplication.Alias
      BatchSize: 5",
        to: "      FunctionName: !Ref BootstrapEfsReplication.Alias
      BatchSize: 10",
    },
    Bug {
        name: "a queue takes all concurrency",
        file: TEMPLATE,
        from: "      FunctionName: !Ref DisconnectSourceServer.Alias
      BatchSize: 5
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: { MaximumConcurrency: 2",
        to: "      FunctionName: !Ref DisconnectSourceServer.Alias
      BatchSize: 5
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: { MaximumConcurrency: 5",
    },
    Bug {
        name: "a batch that fails in part is delivered as a whole",
        file: TEMPLATE,
        from: "      FunctionName: !Ref DisconnectSourceServer.Alias
      BatchSize: 5
      FunctionResponseTypes: [ReportBatchItemFailures]",
        to: "      FunctionName: !Ref DisconnectSourceServer.Alias
      BatchSize: 5",
    },
    Bug {
        name: "a function has half of its time",
        file: TEMPLATE,
        from: "verify it, with every call at its slowest.
      Timeout: 600",
        to: "verify it, with every call at its slowest.
      Timeout: 300",
    },
    Bug {
        name: "a function has more memory than it needs",
        file: TEMPLATE,
        from: "MemorySize: 128",
        to: "MemorySize: 1024",
    },
    Bug {
        name: "dead letters are deleted with the stack",
        file: TEMPLATE,
        from: "  UndeliveredEvents:
    Type: AWS::SQS::Queue
    DeletionPolicy: RetainExceptOnCreate",
        to: "  UndeliveredEvents:
    Type: AWS::SQS::Queue
    DeletionPolicy: Delete",
    },
    Bug {
        name: "results of fleets expire after a week",
        file: TEMPLATE,
        from: "ExpirationInDays: 365",
        to: "ExpirationInDays: 7",
    },
    Bug {
        name: "a topic message is filtered by its attributes",
        file: TEMPLATE,
        from: "      Endpoint: !Ref BootstrapEfsReplication.Alias
      # A message is an event as it would be on the bus.
      FilterPolicyScope: MessageBody",
        to: "      Endpoint: !Ref BootstrapEfsReplication.Alias
      # A message is an event as it would be on the bus.
      FilterPolicyScope: MessageAttributes",
    },
    Bug {
        name: "a dead letter holds the whole event",
        file: TEMPLATE,
        from: "              responsePayload: { errorType: [{ exists: false }] }
      Targets:
        - Id: failed-requests
          Arn: !GetAtt FailedRequests.Arn
          InputPath: $.detail",
        to: "              responsePayload: { errorType: [{ exists: false }] }
      Targets:
        - Id: failed-requests
          Arn: !GetAtt FailedRequests.Arn",
    },
    Bug {
        name: "an alarm rings at a hundred failures",
        file: TEMPLATE,
        from: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 1"#,
        to: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 100"#,
    },
    Bug {
        name: "an alarm rings at one error",
        file: TEMPLATE,
        from: "Threshold: 3",
        to: "Threshold: 1",
    },
    Bug {
        name: "an alarm takes the average of errors",
        file: TEMPLATE,
        from: r#"            Stat: Sum
            Period: 900
            Metric: { Namespace: AWS/Lambda, MetricName: Errors, Dimensions: [{ Name: FunctionName, Value: !Sub "${AWS::StackName}-disconnect-source-server" }] }"#,
        to: r#"            Stat: Average
            Period: 900
            Metric: { Namespace: AWS/Lambda, MetricName: Errors, Dimensions: [{ Name: FunctionName, Value: !Sub "${AWS::StackName}-disconnect-source-server" }] }"#,
    },
    Bug {
        name: "an alarm notifies nobody",
        file: TEMPLATE,
        from: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 1
      DatapointsToAlarm: 1
      EvaluationPeriods: 288
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Notifications]"#,
        to: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 1
      DatapointsToAlarm: 1
      EvaluationPeriods: 288
      TreatMissingData: notBreaching
      AlarmActions: []"#,
    },
    Bug {
        name: "an alarm is over after five minutes",
        file: TEMPLATE,
        from: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 1
      DatapointsToAlarm: 1
      EvaluationPeriods: 288"#,
        to: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 1
      EvaluationPeriods: 1"#,
    },
    Bug {
        name: "an alarm waits for a day of failures",
        file: TEMPLATE,
        from: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 1
      DatapointsToAlarm: 1
      EvaluationPeriods: 288"#,
        to: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 1
      DatapointsToAlarm: 288
      EvaluationPeriods: 288"#,
    },
    Bug {
        name: "an alarm on three errors looks back for a day",
        file: TEMPLATE,
        from: "      Threshold: 3
      EvaluationPeriods: 1",
        to: "      Threshold: 3
      DatapointsToAlarm: 1
      EvaluationPeriods: 96",
    },
    Bug {
        name: "no alarm watches what a schedule loses",
        file: TEMPLATE,
        from: "MetricName: InvocationsFailedToBeSentToDeadLetterCount, Dimensions: [{ Name: ScheduleGroup, Value: default }]",
        to: "MetricName: InvocationsSentToDeadLetterCount, Dimensions: [{ Name: ScheduleGroup, Value: default }]",
    },
    Bug {
        name: "an alarm's actions are off",
        file: TEMPLATE,
        from: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
"#,
        to: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ActionsEnabled: false
"#,
    },
    Bug {
        name: "an alarm rings where nothing is known",
        file: TEMPLATE,
        from: "      Threshold: 1
      EvaluationPeriods: 3
      TreatMissingData: notBreaching",
        to: "      Threshold: 1
      EvaluationPeriods: 3
      TreatMissingData: breaching",
    },
    Bug {
        name: "an alarm rings below its threshold",
        file: TEMPLATE,
        from: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold"#,
        to: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: LessThanThreshold"#,
    },
    Bug {
        name: "an alarm does not ring at its threshold",
        file: TEMPLATE,
        from: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanOrEqualToThreshold"#,
        to: r#"            Metric: { Namespace: !Sub "drover/${AWS::StackName}", MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }] }
      ComparisonOperator: GreaterThanThreshold"#,
    },
    Bug {
        name: "an alarm forgets one of its metrics",
        file: TEMPLATE,
        from: "          Label: failed
          Expression: SUM(METRICS())",
        to: "          Label: failed
          Expression: m1 + m2",
    },
    Bug {
        name: "an alarm watches the largest of its metrics",
        file: TEMPLATE,
        from: "          Label: state-machines
          Expression: SUM(METRICS())",
        to: "          Label: state-machines
          Expression: MAX(METRICS())",
    },
    Bug {
        name: "an alarm on letters rings once for all",
        file: TEMPLATE,
        from: "      # Rings for the first dead letter, a minute after each further one, and every day while any is left.
      Metrics:
        - Id: deadletters
          Label: dead letters
          Expression: IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1)",
        to: "      # Rings for the first dead letter, a minute after each further one, and every day while any is left.
      Metrics:
        - Id: deadletters
          Label: dead letters
          Expression: m1 * 1",
    },
    Bug {
        name: "an alarm on letters rings at once and never again",
        file: TEMPLATE,
        from: "      AlarmDescription: An event reached no function, machine or topic. The queue of undelivered events holds it. Fix the delivery, then replay the event.
      Metrics:
        - Id: deadletters
          Label: dead letters
          Expression: IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1)",
        to: "      AlarmDescription: An event reached no function, machine or topic. The queue of undelivered events holds it. Fix the delivery, then replay the event.
      Metrics:
        - Id: deadletters
          Label: dead letters
          Expression: IF(DIFF(m1) > 0, 0, m1)",
    },
    Bug {
        name: "an alarm waits for an hour of throttles",
        file: TEMPLATE,
        from: "      Threshold: 1
      EvaluationPeriods: 3",
        to: "      Threshold: 1
      EvaluationPeriods: 12",
    },
    Bug {
        name: "an alarm looks at one outcome twice",
        file: TEMPLATE,
        from: "MetricName: Replications, Dimensions: [{ Name: Outcome, Value: indeterminate }]",
        to: "MetricName: Replications, Dimensions: [{ Name: Outcome, Value: failed }]",
    },
    Bug {
        name: "an alarm watches executions that succeed",
        file: TEMPLATE,
        from: r#"MetricName: ExecutionsFailed, Dimensions: [{ Name: StateMachineArn, Value: !Sub "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-fleet" }]"#,
        to: r#"MetricName: ExecutionsSucceeded, Dimensions: [{ Name: StateMachineArn, Value: !Sub "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-fleet" }]"#,
    },
    Bug {
        name: "an alarm watches the queue of another",
        file: TEMPLATE,
        from: "            Metric: { Namespace: AWS/SQS, MetricName: ApproximateNumberOfMessagesVisible, Dimensions: [{ Name: QueueName, Value: !GetAtt UnfinishedMessages.QueueName",
        to: "            Metric: { Namespace: AWS/SQS, MetricName: ApproximateNumberOfMessagesVisible, Dimensions: [{ Name: QueueName, Value: !GetAtt FailedRequests.QueueName",
    },
    Bug {
        name: "an alarm rings when letters have expired",
        file: TEMPLATE,
        from: "Threshold: 864000",
        to: "Threshold: 1209600",
    },
    Bug {
        name: "an alarm on the lag rings for one late sync",
        file: TEMPLATE,
        from: "      Threshold: !Ref ReplicationObjectiveSeconds
      EvaluationPeriods: 3",
        to: "      Threshold: !Ref ReplicationObjectiveSeconds
      EvaluationPeriods: 1",
    },
    Bug {
        name: "an alarm watches the least lag",
        file: TEMPLATE,
        from: "SELECT MAX(",
        to: "SELECT MIN(",
    },
    Bug {
        name: "a metric is in the namespace of nobody",
        file: TEMPLATE,
        from: "        - MetricName: Decommissions
          MetricNamespace: !Sub drover/${AWS::StackName}",
        to: "        - MetricName: Decommissions
          MetricNamespace: drover",
    },
    Bug {
        name: "a stopped instance is retired",
        file: TEMPLATE,
        from: "detail: { state: [terminated] }",
        to: "detail: { state: [terminated, stopped] }",
    },
    Bug {
        name: "every state of an instance asks",
        file: TEMPLATE,
        from: "
        detail: { state: [terminated] }",
        to: "",
    },
    Bug {
        name: "a request may come from AWS",
        file: TEMPLATE,
        from: "      Description: Requests to replicate EFS file systems.
      EventBusName: !Ref EventBusName
      State: !Ref EventTrigger
      EventPattern:
        source: [{ anything-but: { prefix: aws. } }]
",
        to: "      Description: Requests to replicate EFS file systems.
      EventBusName: !Ref EventBusName
      State: !Ref EventTrigger
      EventPattern:
",
    },
    Bug {
        name: "a failed creation asks for a replica",
        file: TEMPLATE,
        from: "          errorCode: [{ exists: false }]
",
        to: "",
    },
    Bug {
        name: "a plan gets a follow-up",
        file: TEMPLATE,
        from: "responsePayload: { outcome: [pending], mode: [enforce] }",
        to: "responsePayload: { outcome: [pending] }",
    },
    Bug {
        name: "a result of another account counts",
        file: TEMPLATE,
        from: "      Description: Starts a follow-up for a request that is pending, or that failed three times as Retryable.
      EventBusName: !Ref EventBusName
      State: ENABLED
      EventPattern:
        account: [!Ref AWS::AccountId]
",
        to: "      Description: Starts a follow-up for a request that is pending, or that failed three times as Retryable.
      EventBusName: !Ref EventBusName
      State: ENABLED
      EventPattern:
",
    },
    Bug {
        name: "a machine that is stopped is not kept",
        file: TEMPLATE,
        from: "status: [TIMED_OUT, ABORTED]",
        to: "status: [TIMED_OUT]",
    },
    Bug {
        name: "a function logs text",
        file: TEMPLATE,
        from: "      LoggingConfig: { LogGroup: !Ref DisconnectLogs, LogFormat: JSON, ApplicationLogLevel: INFO, SystemLogLevel: INFO",
        to: "      LoggingConfig: { LogGroup: !Ref DisconnectLogs, LogFormat: Text",
    },
    Bug {
        name: "a function logs errors only",
        file: TEMPLATE,
        from: "      LoggingConfig: { LogGroup: !Ref BootstrapLogs, LogFormat: JSON, ApplicationLogLevel: INFO",
        to: "      LoggingConfig: { LogGroup: !Ref BootstrapLogs, LogFormat: JSON, ApplicationLogLevel: ERROR",
    },
    Bug {
        name: "a metric filter reads a member that nobody writes",
        file: TEMPLATE,
        from: r#"      LogGroupName: !Ref DisconnectLogs
      # A function logs one such line for each request, whatever its trigger.
      FilterPattern: '{ $.fields.outcome = "*" }'"#,
        to: r#"      LogGroupName: !Ref DisconnectLogs
      # A function logs one such line for each request, whatever its trigger.
      FilterPattern: '{ $.outcome = "*" }'"#,
    },
    Bug {
        name: "a metric filter counts done alone",
        file: TEMPLATE,
        from: r#"      LogGroupName: !Ref BootstrapLogs
      # A function logs one such line for each request, whatever its trigger.
      FilterPattern: '{ $.fields.outcome = "*" }'"#,
        to: r#"      LogGroupName: !Ref BootstrapLogs
      # A function logs one such line for each request, whatever its trigger.
      FilterPattern: '{ $.fields.outcome = "done" }'"#,
    },
    Bug {
        name: "a metric counts by the request",
        file: TEMPLATE,
        from: r#"        - MetricName: Decommissions
          MetricNamespace: !Sub drover/${AWS::StackName}
          MetricValue: "1"
          Unit: Count
          Dimensions: [{ Key: Outcome, Value: $.fields.outcome"#,
        to: r#"        - MetricName: Decommissions
          MetricNamespace: !Sub drover/${AWS::StackName}
          MetricValue: "1"
          Unit: Count
          Dimensions: [{ Key: Outcome, Value: $.fields.requestID"#,
    },
    Bug {
        name: "the key is for everybody",
        file: TEMPLATE,
        from: r#"Principal: { AWS: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" }"#,
        to: r#"Principal: "*""#,
    },
    Bug {
        name: "a service may do everything with the key",
        file: TEMPLATE,
        from: "Principal: { Service: events.amazonaws.com }
            Action: [kms:Decrypt, kms:GenerateDataKey*]",
        to: "Principal: { Service: events.amazonaws.com }
            Action: kms:*",
    },
    Bug {
        name: "the bucket is public",
        file: TEMPLATE,
        from: "BlockPublicPolicy: true",
        to: "BlockPublicPolicy: false",
    },
    Bug {
        name: "the bucket keeps access control lists",
        file: TEMPLATE,
        from: "BucketOwnerEnforced",
        to: "ObjectWriter",
    },
    Bug {
        name: "the bucket takes plain HTTP",
        file: TEMPLATE,
        from: r#"      Bucket: !Ref Fleets
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: DenyInsecureTransport
            Effect: Deny"#,
        to: r#"      Bucket: !Ref Fleets
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: DenyInsecureTransport
            Effect: Allow"#,
    },
    Bug {
        name: "every rule may send to the queue of failed requests",
        file: TEMPLATE,
        from: "
            Condition: { ArnEquals: { aws:SourceArn: [!GetAtt RequestFailed.Arn, !GetAtt MachineTimedOut.Arn] } }",
        to: "",
    },
    Bug {
        name: "every account's topic may send to a queue",
        file: TEMPLATE,
        from: "
              Condition: { ArnEquals: { aws:SourceArn: !Ref Requests } }",
        to: "",
    },
    Bug {
        name: "a notification cannot be encrypted",
        file: TEMPLATE,
        from: "                Action: [kms:Decrypt, kms:GenerateDataKey*]
                Resource: !GetAtt NotificationsKey.Arn",
        to: "                Action: kms:Decrypt
                Resource: !GetAtt NotificationsKey.Arn",
    },
    Bug {
        name: "nobody is told of a notification that failed",
        file: TEMPLATE,
        from: "            - !Ref Fleet
            - !Ref Notify
",
        to: "            - !Ref Fleet
",
    },
    Bug {
        name: "no alarm watches a notification that fails",
        file: TEMPLATE,
        from: r#"MetricName: ExecutionsFailed, Dimensions: [{ Name: StateMachineArn, Value: !Sub "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-notify" }]"#,
        to: r#"MetricName: ExecutionsStarted, Dimensions: [{ Name: StateMachineArn, Value: !Sub "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-notify" }]"#,
    },
    Bug {
        name: "alarms of every stack may notify",
        file: TEMPLATE,
        from: "alarm:${AWS::StackName}-*",
        to: "alarm:*",
    },
    Bug {
        name: "anybody may publish notifications",
        file: TEMPLATE,
        from: "          # No condition: EventBridge does not support one in the policy of a topic.
          - Sid: AllowEventBridge
            Effect: Allow
            Principal: { Service: events.amazonaws.com }",
        to: r#"          # No condition: EventBridge does not support one in the policy of a topic.
          - Sid: AllowEventBridge
            Effect: Allow
            Principal: "*""#,
    },
    Bug {
        name: "a follow-up may invoke every function",
        file: TEMPLATE,
        from: r#"        - PolicyName: follow-up
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Sid: InvokeFunctions
                Effect: Allow
                Action: lambda:InvokeFunction
                Resource:
                  - !If [Disconnects, !Ref DisconnectSourceServer.Alias, !Ref AWS::NoValue]
                  - !If [Replicates, !Ref BootstrapEfsReplication.Alias, !Ref AWS::NoValue]"#,
        to: r#"        - PolicyName: follow-up
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Sid: InvokeFunctions
                Effect: Allow
                Action: lambda:InvokeFunction
                Resource: "*""#,
    },
    Bug {
        name: "a role of a machine is for every account",
        file: TEMPLATE,
        from: r#"      Description: Execution role of the fleet machine.
      Path: !Ref RolePath
      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, !Ref AWS::NoValue]
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: { Service: states.amazonaws.com }
            Action: sts:AssumeRole
            Condition:
              StringEquals: { aws:SourceAccount: !Ref AWS::AccountId }
              ArnLike"#,
        to: r#"      Description: Execution role of the fleet machine.
      Path: !Ref RolePath
      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, !Ref AWS::NoValue]
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: { Service: states.amazonaws.com }
            Action: sts:AssumeRole
            Condition:
              ArnLike"#,
    },
    Bug {
        name: "a function may disconnect without an approval",
        file: TEMPLATE,
        from: r#"                  Action: drs:DisconnectSourceServer
                  Resource: !Sub arn:${AWS::Partition}:drs:${AWS::Region}:${AWS::AccountId}:source-server/*
                  Condition: { "Null": { "aws:ResourceTag/drover:approved": "false" } }"#,
        to: "                  Action: drs:DisconnectSourceServer
                  Resource: !Sub arn:${AWS::Partition}:drs:${AWS::Region}:${AWS::AccountId}:source-server/*",
    },
    Bug {
        name: "a function may change a protected server",
        file: TEMPLATE,
        from: r#"                  Condition: { "Null": { "aws:ResourceTag/drover:protected": "false" } }"#,
        to: r#"                  Condition: { "Null": { "aws:ResourceTag/drover:protected": "true" } }"#,
    },
    Bug {
        name: "a fleet may write every object",
        file: TEMPLATE,
        from: "Resource: !Sub ${Fleets.Arn}/items/*",
        to: "Resource: !Sub ${Fleets.Arn}/*",
    },
    Bug {
        name: "a permission names its account, and EventBridge cannot invoke",
        file: TEMPLATE,
        from: "SourceArn: !GetAtt DecommissionRequested.Arn",
        to: "SourceArn: !GetAtt DecommissionRequested.Arn
      SourceAccount: !Ref AWS::AccountId",
    },
    Bug {
        name: "every rule may invoke a function",
        file: TEMPLATE,
        from: "
      SourceArn: !GetAtt InstanceTerminated.Arn",
        to: "",
    },
    Bug {
        name: "a queue is not encrypted",
        file: TEMPLATE,
        from: "    Condition: DisconnectsByQueue
    # Deleted with its trigger: a queue that nothing reads must not accept messages.
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, true]
",
        to: "    Condition: DisconnectsByQueue
    # Deleted with its trigger: a queue that nothing reads must not accept messages.
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, false]
",
    },
    Bug {
        name: "a function may write to every log group",
        file: TEMPLATE,
        from: "Action: [logs:CreateLogStream, logs:PutLogEvents]
                Resource: !GetAtt BootstrapLogs.Arn",
        to: r#"Action: [logs:CreateLogStream, logs:PutLogEvents]
                Resource: "*""#,
    },
    Bug {
        name: "a function may put events on every bus",
        file: TEMPLATE,
        from: r#"                Resource: !GetAtt DisconnectLogs.Arn
              - Sid: SendTraces
                Effect: Allow
                Action: [xray:PutTraceSegments, xray:PutTelemetryRecords]
                Resource: "*"
              - Sid: SendResults
                Effect: Allow
                Action: events:PutEvents
                Resource: !Sub arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"#,
        to: r#"                Resource: !GetAtt DisconnectLogs.Arn
              - Sid: SendTraces
                Effect: Allow
                Action: [xray:PutTraceSegments, xray:PutTelemetryRecords]
                Resource: "*"
              - Sid: SendResults
                Effect: Allow
                Action: events:PutEvents
                Resource: "*""#,
    },
    Bug {
        name: "a function may read every queue",
        file: TEMPLATE,
        from: "${AWS::StackName}-DecommissionQueue-*",
        to: "*",
    },
    Bug {
        name: "a machine may put events on every bus",
        file: TEMPLATE,
        from: "                Resource: !Sub ${Fleets.Arn}/results/*
              - Sid: SendResults
                Effect: Allow
                Action: events:PutEvents
                Resource: !Sub arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}",
        to: r#"                Resource: !Sub ${Fleets.Arn}/results/*
              - Sid: SendResults
                Effect: Allow
                Action: events:PutEvents
                Resource: "*""#,
    },
    Bug {
        name: "a machine may stop every execution",
        file: TEMPLATE,
        from: "execution:${AWS::StackName}-fleet:*",
        to: "execution:*",
    },
    Bug {
        name: "the trust of a role is for every service",
        file: TEMPLATE,
        from: r#"      Description: Execution role of disconnect-source-server.
      Path: !Ref RolePath
      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, !Ref AWS::NoValue]
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }"#,
        to: r#"      Description: Execution role of disconnect-source-server.
      Path: !Ref RolePath
      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, !Ref AWS::NoValue]
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{ Effect: Allow, Principal: "*""#,
    },
    Bug {
        name: "a rule may invoke the function but not its alias",
        file: TEMPLATE,
        from: "      FunctionName: !Ref DisconnectSourceServer.Alias
      Principal: events.amazonaws.com
      SourceArn: !GetAtt DecommissionRequested.Arn",
        to: "      FunctionName: !Ref DisconnectSourceServer
      Principal: events.amazonaws.com
      SourceArn: !GetAtt DecommissionRequested.Arn",
    },
    Bug {
        name: "a rule invokes code that is not live",
        file: TEMPLATE,
        from: "        detail-type: [File System Replication Requested]
      Targets:
        - Id: bootstrap-efs-replication
          Arn: !Ref BootstrapEfsReplication.Alias",
        to: "        detail-type: [File System Replication Requested]
      Targets:
        - Id: bootstrap-efs-replication
          Arn: !GetAtt BootstrapEfsReplication.Arn",
    },
    Bug {
        name: "a queue invokes code that is not live",
        file: TEMPLATE,
        from: "      EventSourceArn: !GetAtt DecommissionQueue.Arn
      FunctionName: !Ref DisconnectSourceServer.Alias",
        to: "      EventSourceArn: !GetAtt DecommissionQueue.Arn
      FunctionName: !Ref DisconnectSourceServer",
    },
    Bug {
        name: "a topic invokes code that is not live",
        file: TEMPLATE,
        from: "Endpoint: !Ref DisconnectSourceServer.Alias",
        to: "Endpoint: !GetAtt DisconnectSourceServer.Arn",
    },
    Bug {
        name: "a schedule invokes code that is not live",
        file: TEMPLATE,
        from: "      Target:
        Arn: !Ref AuditFileSystems.Alias",
        to: "      Target:
        Arn: !GetAtt AuditFileSystems.Arn",
    },
    Bug {
        name: "a follow-up may invoke the function but not its alias",
        file: TEMPLATE,
        from: "                  - !If [Disconnects, !Ref DisconnectSourceServer.Alias, !Ref AWS::NoValue]
                  - !If [Replicates, !Ref BootstrapEfsReplication.Alias, !Ref AWS::NoValue]
                  - !If [Disconnects, !Ref AuditSourceServers.Alias",
        to: "                  - !If [Disconnects, !GetAtt DisconnectSourceServer.Arn, !Ref AWS::NoValue]
                  - !If [Replicates, !Ref BootstrapEfsReplication.Alias, !Ref AWS::NoValue]
                  - !If [Disconnects, !Ref AuditSourceServers.Alias",
    },
    Bug {
        name: "another MaxTargets publishes no version",
        file: TEMPLATE,
        from: "            MaxTargets=${MaxTargets}
",
        to: "",
    },
    Bug {
        name: "a function publishes versions for new code only",
        file: TEMPLATE,
        from: "      Role: !GetAtt DisconnectRole.Arn
      AutoPublishAliasAllProperties: true
",
        to: "      Role: !GetAtt DisconnectRole.Arn
",
    },
    Bug {
        name: "the description of a version is always the same",
        file: TEMPLATE,
        from: "      VersionDescription: !Sub settings ${Settings}
      # The function takes a step",
        to: "      VersionDescription: settings
      # The function takes a step",
    },
    Bug {
        name: "a function's variables name the profile of its settings",
        file: TEMPLATE,
        from: "SETTINGS: !Ref Settings }",
        to: "SETTINGS: !Ref SettingsProfile }",
    },
    Bug {
        name: "the rules of a stack for EFS apply to one for DRS",
        file: TEMPLATE,
        from: "RuleCondition: !Equals [!Ref Functions, efs]",
        to: "RuleCondition: !Equals [!Ref Functions, drs]",
    },
    Bug {
        name: "subnets without security groups are accepted",
        file: TEMPLATE,
        from: r#"- !And [!Not [!Equals [!Ref VpcSubnetIds, ""]], !Not [!Equals [!Ref VpcSecurityGroupIds, ""]]]"#,
        to: r#"- !Not [!Equals [!Ref VpcSubnetIds, ""]]"#,
    },
    Bug {
        name: "a role ignores the permissions boundary",
        file: TEMPLATE,
        from: "      Description: Lets EventBridge Scheduler start audits.
      Path: !Ref RolePath
      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, !Ref AWS::NoValue]
",
        to: "      Description: Lets EventBridge Scheduler start audits.
      Path: !Ref RolePath
",
    },
    Bug {
        name: "a queue ignores the key",
        file: TEMPLATE,
        from: "  UndeliveredEvents:
    Type: AWS::SQS::Queue
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, true]
      KmsMasterKeyId: !If [HasKey, !Ref KmsKeyArn, !Ref AWS::NoValue]
",
        to: "  UndeliveredEvents:
    Type: AWS::SQS::Queue
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, true]
",
    },
    Bug {
        name: "a schedule's dead letters cannot be encrypted",
        file: TEMPLATE,
        from: "Action: [kms:Decrypt, kms:GenerateDataKey]",
        to: "Action: [kms:Decrypt]",
    },
    Bug {
        name: "a function's code may use the permissions for its VPC",
        file: TEMPLATE,
        from: "function:${AWS::StackName}-audit-file-systems*",
        to: "function:${AWS::StackName}-audit-source-servers*",
    },
    Bug {
        name: "the log class of machines is infrequent access by default",
        file: TEMPLATE,
        from: "!If [HasMachineLogClass, !Ref MachineLogClass, !Ref AWS::NoValue]",
        to: "!If [HasMachineLogClass, !Ref MachineLogClass, INFREQUENT_ACCESS]",
    },
    Bug {
        name: "an alarm watches schedules of another group",
        file: TEMPLATE,
        from: "Dimensions: [{ Name: ScheduleGroup, Value: default }]",
        to: "Dimensions: [{ Name: ScheduleGroup, Value: !Ref AWS::StackName }]",
    },
];
