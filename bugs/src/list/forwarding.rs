//! Events of other accounts: what forwards them, who may send them, and which of them count.

use crate::bug::Bug;

const FORWARD: &str = "forwarding/forward.yaml";
const TEMPLATE: &str = "template.yaml";
const RETIRE_POLICY: &str = "functions/disconnect-source-server/src/policy.rs";
const RETIRE_PLAN: &str = "functions/disconnect-source-server/src/plan.rs";
const BOOTSTRAP_COMMAND: &str = "functions/bootstrap-efs-replication/src/command.rs";
const BOOTSTRAP_OBSERVE: &str = "functions/bootstrap-efs-replication/src/observe.rs";

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "a forwarded termination is forwarded again",
        file: FORWARD,
        from: "        account: [!Ref AWS::AccountId]
        region: [!Ref AWS::Region]
        source: [aws.ec2]",
        to: "        region: [!Ref AWS::Region]
        source: [aws.ec2]",
    },
    Bug {
        name: "a request from another Region is forwarded again",
        file: FORWARD,
        from: "        account: [!Ref AWS::AccountId]
        region: [!Ref AWS::Region]
        source: [{ anything-but: { prefix: aws. } }]",
        to: "        account: [!Ref AWS::AccountId]
        source: [{ anything-but: { prefix: aws. } }]",
    },
    Bug {
        name: "only tags of the recovery account are forwarded",
        file: FORWARD,
        from: "        account: [!Ref AWS::AccountId]
        region: [!Ref AWS::Region]
        source: [aws.elasticfilesystem]",
        to: "        account: [!Ref RecoveryAccount]
        region: [!Ref AWS::Region]
        source: [aws.elasticfilesystem]",
    },
    Bug {
        name: "a stopped instance is forwarded",
        file: FORWARD,
        from: "detail: { state: [terminated] }",
        to: "detail: { state: [terminated, stopped] }",
    },
    Bug {
        name: "a failed tagging call is forwarded",
        file: FORWARD,
        from: "          errorCode: [{ exists: false }]
",
        to: "",
    },
    Bug {
        name: "requests from AWS services are forwarded",
        file: FORWARD,
        from: "source: [{ anything-but: { prefix: aws. } }]",
        to: "source: [{ exists: true }]",
    },
    Bug {
        name: "the other Regions of the recovery account forward nothing",
        file: FORWARD,
        from: "IsElsewhere: !Not [!And [",
        to: "IsElsewhere: !Not [!Or [",
    },
    Bug {
        name: "other accounts in the recovery Region forward nothing",
        file: FORWARD,
        from: "IsElsewhere: !Not [!And [!Equals [!Ref RecoveryAccount, !Ref AWS::AccountId], !Equals [!Ref RecoveryRegion, !Ref AWS::Region]]]",
        to: "IsElsewhere: !Not [!Equals [!Ref RecoveryRegion, !Ref AWS::Region]]",
    },
    Bug {
        name: "forwarded requests arrive on the default bus",
        file: FORWARD,
        from: "event-bus/${RecoveryBusName}
          RoleArn",
        to: "event-bus/default
          RoleArn",
    },
    Bug {
        name: "the forwarding role may write to every bus of the recovery account",
        file: FORWARD,
        from: "event-bus/${RecoveryBusName}

",
        to: "event-bus/*

",
    },
    Bug {
        name: "the forwarding role has no permissions boundary",
        file: FORWARD,
        from: "      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, !Ref AWS::NoValue]
",
        to: "",
    },
    Bug {
        name: "the queue of unsent events ignores its key",
        file: FORWARD,
        from: "      KmsMasterKeyId: !If [HasQueueKey, !Ref QueueKeyAlias, !Ref AWS::NoValue]
",
        to: "",
    },
    Bug {
        name: "the queue of unsent events is not encrypted without a key",
        file: FORWARD,
        from: "SqsManagedSseEnabled: !If [HasQueueKey, !Ref AWS::NoValue, true]",
        to: "SqsManagedSseEnabled: !If [HasQueueKey, !Ref AWS::NoValue, false]",
    },
    Bug {
        name: "the queue of unsent events accepts plain HTTP",
        file: FORWARD,
        from: r#"aws:SecureTransport: "false""#,
        to: r#"aws:SecureTransport: "true""#,
    },
    Bug {
        name: "a rule's unsent events are denied by the queue",
        file: FORWARD,
        from: "aws:SourceArn: [!GetAtt InstanceTerminated.Arn, !GetAtt Requested.Arn, !GetAtt FileSystemTagged.Arn]",
        to: "aws:SourceArn: [!GetAtt InstanceTerminated.Arn, !GetAtt Requested.Arn]",
    },
    Bug {
        name: "unsent events are kept for four days",
        file: FORWARD,
        from: "MessageRetentionPeriod: 1209600",
        to: "MessageRetentionPeriod: 345600",
    },
    Bug {
        name: "unsent events are deleted with their stack",
        file: FORWARD,
        from: "DeletionPolicy: RetainExceptOnCreate",
        to: "DeletionPolicy: Delete",
    },
    Bug {
        name: "the alarm on unsent events counts messages in flight",
        file: FORWARD,
        from: "MetricName: ApproximateNumberOfMessagesVisible",
        to: "MetricName: ApproximateNumberOfMessagesNotVisible",
    },
    Bug {
        name: "the alarm on forwarding is over after five minutes",
        file: FORWARD,
        from: "      DatapointsToAlarm: 1
      EvaluationPeriods: 288",
        to: "      EvaluationPeriods: 1",
    },
    Bug {
        name: "the alarm on lost events counts one rule twice",
        file: FORWARD,
        from: "Value: !Ref FileSystemTagged }",
        to: "Value: !Ref InstanceTerminated }",
    },
    Bug {
        name: "lost requests on their own bus are not counted",
        file: FORWARD,
        from: "HasOwnRequestBus: !Not [!Equals [!Ref RequestBusName, default]]",
        to: "HasOwnRequestBus: !Equals [!Ref RequestBusName, default]",
    },
    Bug {
        name: "alarms of forwarding name a topic without an account",
        file: FORWARD,
        from: r#"IsTopicElsewhere: !Not [!Equals [!Ref AlarmTopicAccount, ""]]"#,
        to: r#"IsTopicElsewhere: !Equals [!Ref AlarmTopicAccount, ""]"#,
    },
    Bug {
        name: "everybody may write to the bus of requests",
        file: TEMPLATE,
        from: "event-bus/${EventBusName}
        Condition: !If [HasOrganization, { StringEquals: { aws:PrincipalOrgID: !Ref SourceOrganization } }, !Ref AWS::NoValue]",
        to: "event-bus/${EventBusName}",
    },
    Bug {
        name: "the bus compares its own organization",
        file: TEMPLATE,
        from: "event-bus/default
        Condition: !If [HasOrganization, { StringEquals: { aws:PrincipalOrgID:",
        to: "event-bus/default
        Condition: !If [HasOrganization, { StringEquals: { aws:ResourceOrgID:",
    },
    Bug {
        name: "an organization is admitted only with a list of accounts",
        file: TEMPLATE,
        from: "HasSources: !Or [",
        to: "HasSources: !And [",
    },
    Bug {
        name: "a list of accounts excludes drover's own",
        file: TEMPLATE,
        from: r#"!Sub "${AWS::AccountId},${SourceAccounts}""#,
        to: "!Ref SourceAccounts",
    },
    Bug {
        name: "listed accounts count only with an organization",
        file: TEMPLATE,
        from: "ORIGIN_ACCOUNTS: !If [HasSourceAccounts,",
        to: "ORIGIN_ACCOUNTS: !If [HasOrganization,",
    },
    Bug {
        name: "a list of accounts that cannot be read accepts all",
        file: RETIRE_POLICY,
        from: "list(name, found, expected).map(Some)",
        to: "Ok(list(name, found, expected).ok())",
    },
    Bug {
        name: "without a list of accounts none is accepted",
        file: RETIRE_POLICY,
        from: "            None => true,
            Some(accepted)",
        to: "            None => false,
            Some(accepted)",
    },
    Bug {
        name: "an instance's Region is compared with the accounts",
        file: RETIRE_PLAN,
        from: "let origin = target.origin_account_id.as_deref();",
        to: "let origin = target.origin_region.as_deref();",
    },
    Bug {
        name: "an instance of an account that is not listed counts",
        file: RETIRE_PLAN,
        from: "origin.filter(|account| !policy.accepts_origin(account))",
        to: "origin.filter(|account| policy.accepts_origin(account))",
    },
    Bug {
        name: "a file system in another Region is taken for one of this",
        file: BOOTSTRAP_COMMAND,
        from: "differs(&self.account, &function.account) || differs",
        to: "differs(&self.account, &function.account) && differs",
    },
    Bug {
        name: "an event without an account is from elsewhere",
        file: BOOTSTRAP_COMMAND,
        from: "said.is_some_and(|said| !own.is_empty()",
        to: "said.is_none_or(|said| !own.is_empty()",
    },
    Bug {
        name: "a source that is named by its ARN is never elsewhere",
        file: BOOTSTRAP_OBSERVE,
        from: "command.origin.clone().or(named)",
        to: "command.origin.clone().and(named)",
    },
    Bug {
        name: "only the account of a source is compared",
        file: BOOTSTRAP_OBSERVE,
        from: "origin.filter(|it| it.is_elsewhere(function))",
        to: "origin.filter(|it| it.account.as_deref() != Some(function.account.as_str()))",
    },
];
