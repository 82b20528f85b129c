//! The policies for people: sending and approving stay apart.

use crate::bug::Bug;

const PEOPLE: &str = "docs/people.md";

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "a requester may publish results",
        file: PEOPLE,
        from: r#"          "events:detail-type": [
            "Source Server Decommission Requested",
            "File System Replication Requested",
            "Source Server Audit Requested",
            "File System Audit Requested"
          ]
        },
        "Null": { "events:source": "false", "events:detail-type": "false" }"#,
        to: r#"          "events:detail-type": [
            "Source Server Decommission Requested",
            "File System Replication Requested",
            "Source Server Audit Requested",
            "File System Audit Requested"
          ]
        }"#,
    },
    Bug {
        name: "an approver may set other tags beside an approval",
        file: PEOPLE,
        from: r#"      "Resource": "arn:aws:drs:us-east-1:111122223333:source-server/*",
      "Condition": {
        "ForAllValues:StringEquals""#,
        to: r#"      "Resource": "arn:aws:drs:us-east-1:111122223333:source-server/*",
      "Condition": {
        "ForAnyValue:StringEquals""#,
    },
    Bug {
        name: "an approver may invoke the alias",
        file: PEOPLE,
        from: r#"        "arn:aws:lambda:us-east-1:111122223333:function:drover-*",
        "arn:aws:sns:us-east-1:111122223333:drover-*",
        "arn:aws:sqs:us-east-1:111122223333:drover-*",
        "arn:aws:states:us-east-1:111122223333:stateMachine:drover-*"
      ]
    }
  ]"#,
        to: r#"        "arn:aws:lambda:us-east-1:111122223333:function:drover-disconnect-source-server",
        "arn:aws:lambda:us-east-1:111122223333:function:drover-bootstrap-efs-replication",
        "arn:aws:sns:us-east-1:111122223333:drover-*",
        "arn:aws:sqs:us-east-1:111122223333:drover-*",
        "arn:aws:states:us-east-1:111122223333:stateMachine:drover-*"
      ]
    }
  ]"#,
    },
    Bug {
        name: "an operator may invoke code that is not live",
        file: PEOPLE,
        from: "function:drover-*:live",
        to: "function:drover-*",
    },
    Bug {
        name: "a deployer may create roles without the boundary",
        file: PEOPLE,
        from: r#""Condition": { "StringEquals": { "iam:PermissionsBoundary""#,
        to: r#""Condition": { "StringEqualsIfExists": { "iam:PermissionsBoundary""#,
    },
    Bug {
        name: "a deployer may pass every role",
        file: PEOPLE,
        from: r#"      "Action": "iam:PassRole",
      "Resource": "arn:aws:iam::111122223333:role/drover-*""#,
        to: r#"      "Action": "iam:PassRole",
      "Resource": "arn:aws:iam::111122223333:role/*""#,
    },
];
