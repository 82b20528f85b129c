//! The state machines: the follow-up, the fleet and the notification.

use crate::bug::Bug;

const FOLLOW_UP: &str = "statemachines/follow-up.asl.json";
const FLEET: &str = "statemachines/fleet.asl.json";
const NOTIFY: &str = "statemachines/notify.asl.json";

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "a follow-up never times out",
        file: FOLLOW_UP,
        from: r#"  "TimeoutSeconds": 604800,
"#,
        to: "",
    },
    Bug {
        name: "a follow-up may run for a month",
        file: FOLLOW_UP,
        from: r#""TimeoutSeconds": 604800"#,
        to: r#""TimeoutSeconds": 2678400"#,
    },
    Bug {
        name: "a follow-up keeps the version in the function's ARN",
        file: FOLLOW_UP,
        from: "{% $join($split($states.input.detail.requestContext.functionArn, ':', 7), ':') & ':live' %}",
        to: "{% $states.input.detail.requestContext.functionArn %}",
    },
    Bug {
        name: "a follow-up waits a second whatever the report says",
        file: FOLLOW_UP,
        from: r#""Seconds": "{% $max([$exists($report.lookAgainAfterSeconds) ? $report.lookAgainAfterSeconds : 300, $floor($waited / 100)]) %}""#,
        to: r#""Seconds": 1"#,
    },
    Bug {
        name: "a follow-up waits a minute where the report says nothing",
        file: FOLLOW_UP,
        from: r#""Seconds": "{% $max([$exists($report.lookAgainAfterSeconds) ? $report.lookAgainAfterSeconds : 300,"#,
        to: r#""Seconds": "{% $max([$exists($report.lookAgainAfterSeconds) ? $report.lookAgainAfterSeconds : 60,"#,
    },
    Bug {
        name: "the waits of a follow-up do not grow",
        file: FOLLOW_UP,
        from: r#""Seconds": "{% $max([$exists($report.lookAgainAfterSeconds) ? $report.lookAgainAfterSeconds : 300, $floor($waited / 100)]) %}""#,
        to: r#""Seconds": "{% $exists($report.lookAgainAfterSeconds) ? $report.lookAgainAfterSeconds : 300 %}""#,
    },
    Bug {
        name: "the waits of a follow-up grow ten times as fast",
        file: FOLLOW_UP,
        from: r#""Seconds": "{% $max([$exists($report.lookAgainAfterSeconds) ? $report.lookAgainAfterSeconds : 300, $floor($waited / 100)]) %}""#,
        to: r#""Seconds": "{% $max([$exists($report.lookAgainAfterSeconds) ? $report.lookAgainAfterSeconds : 300, $floor($waited / 10)]) %}""#,
    },
    Bug {
        name: "a follow-up does not count the time waited",
        file: FOLLOW_UP,
        from: r#""waited": "{% $waited + $max"#,
        to: r#""waited": "{% $max"#,
    },
    Bug {
        name: "a follow-up never asks EC2",
        file: FOLLOW_UP,
        from: "$exists($request.targets.disconnect.ebsSnapshotIDs)",
        to: "$exists($request.disconnect.ebsSnapshotIDs)",
    },
    Bug {
        name: "EC2 is asked for all snapshots of the account",
        file: FOLLOW_UP,
        from: r#""Name": "snapshot-id""#,
        to: r#""Name": "owner-id""#,
    },
    Bug {
        name: "what EC2 did not answer is told as nothing",
        file: FOLLOW_UP,
        from: r#""found": {}"#,
        to: r#""found": { "ebsSnapshotsLeft": [] }"#,
    },
    Bug {
        name: "what EC2 found is not told",
        file: FOLLOW_UP,
        from: "'responsePayload': $report }, $found])",
        to: "'responsePayload': $report }])",
    },
    Bug {
        name: "a follow-up ignores the next request",
        file: FOLLOW_UP,
        from: r#""{% $exists($report.nextRequest) ? $report.nextRequest : $request %}""#,
        to: r#""{% $request %}""#,
    },
    Bug {
        name: "a follow-up is given up after a day",
        file: FOLLOW_UP,
        from: "$waited >= 518400",
        to: "$waited >= 86400",
    },
    Bug {
        name: "a follow-up follows up plans",
        file: FOLLOW_UP,
        from: r#""Condition": "{% $report.outcome = 'pending' and $report.mode = 'enforce' %}""#,
        to: r#""Condition": "{% $report.outcome = 'pending' %}""#,
    },
    Bug {
        name: "a follow-up reports a pending result as final",
        file: FOLLOW_UP,
        from: r#""Condition": "{% $report.outcome = 'pending' and $report.mode = 'enforce' %}""#,
        to: r#""Condition": "{% $report.outcome = 'waiting' and $report.mode = 'enforce' %}""#,
    },
    Bug {
        name: "a follow-up does not wait for a retryable result",
        file: FOLLOW_UP,
        from: "$report.errorType = 'Retryable'",
        to: "$report.errorType = 'Throttled'",
    },
    Bug {
        name: "a rejected request counts as a success of its follow-up",
        file: FOLLOW_UP,
        from: "$report.outcome = 'rejected'",
        to: "$report.outcome = 'unread'",
    },
    Bug {
        name: "a follow-up sends the report instead of the request",
        file: FOLLOW_UP,
        from: r#""Payload": "{% $request %}""#,
        to: r#""Payload": "{% $report %}""#,
    },
    Bug {
        name: "a follow-up's step is shorter than the function",
        file: FOLLOW_UP,
        from: r#""TimeoutSeconds": 660"#,
        to: r#""TimeoutSeconds": 60"#,
    },
    Bug {
        name: "a follow-up's step never times out",
        file: FOLLOW_UP,
        from: r#"      "TimeoutSeconds": 660,
"#,
        to: "",
    },
    Bug {
        name: "a follow-up keeps the first report for ever",
        file: FOLLOW_UP,
        from: r#"      "Assign": {
        "report": "{% $states.result.Payload %}"
      },
"#,
        to: "",
    },
    Bug {
        name: "a follow-up retries Permanent",
        file: FOLLOW_UP,
        from: r#"            "Retryable"
          ],"#,
        to: r#"            "Retryable", "Permanent"
          ],"#,
    },
    Bug {
        name: "a follow-up retries whatever fails",
        file: FOLLOW_UP,
        from: r#"            "Retryable"
          ],"#,
        to: r#"            "States.ALL"
          ],"#,
    },
    Bug {
        name: "a follow-up does not retry Retryable",
        file: FOLLOW_UP,
        from: r#"            "Retryable"
          ],"#,
        to: r#"            "Retriable"
          ],"#,
    },
    Bug {
        name: "a follow-up gives Retryable up within the hour",
        file: FOLLOW_UP,
        from: r#""MaxAttempts": 72"#,
        to: r#""MaxAttempts": 5"#,
    },
    Bug {
        name: "a follow-up waits up to a day between two tries",
        file: FOLLOW_UP,
        from: r#""MaxDelaySeconds": 3600"#,
        to: r#""MaxDelaySeconds": 86400"#,
    },
    Bug {
        name: "a follow-up gives a stopped function up at once",
        file: FOLLOW_UP,
        from: r#""MaxAttempts": 40"#,
        to: r#""MaxAttempts": 2"#,
    },
    Bug {
        name: "a follow-up asks a stopped function ever more seldom",
        file: FOLLOW_UP,
        from: r#"          "MaxDelaySeconds": 300,
"#,
        to: "",
    },
    Bug {
        name: "a follow-up does not retry a process that ended",
        file: FOLLOW_UP,
        from: r#"            "Runtime.ExitError",
"#,
        to: "",
    },
    Bug {
        name: "a follow-up has no Catch",
        file: FOLLOW_UP,
        from: r#"      "Catch": [
        {
          "ErrorEquals": [
            "States.ALL"
          ],
          "Assign": {
            "failure": "{% $states.errorOutput %}"
          },
          "Next": "Publish the failure"
        }
      ],
"#,
        to: "",
    },
    Bug {
        name: "a follow-up takes a failure for its end",
        file: FOLLOW_UP,
        from: r#"            "failure": "{% $states.errorOutput %}"
          },
          "Next": "Publish the failure""#,
        to: r#"            "failure": "{% $states.errorOutput %}"
          },
          "Next": "Publish the result""#,
    },
    Bug {
        name: "a follow-up publishes under the name of Lambda",
        file: FOLLOW_UP,
        from: r#"            "Source": "drover",
            "DetailType": "Follow-up Result - Success""#,
        to: r#"            "Source": "lambda",
            "DetailType": "Follow-up Result - Success""#,
    },
    Bug {
        name: "a follow-up publishes a failure as a success",
        file: FOLLOW_UP,
        from: "'condition': 'RetriesExhausted'",
        to: "'condition': 'Success'",
    },
    Bug {
        name: "a follow-up publishes a failure without its request",
        file: FOLLOW_UP,
        from: "'RetriesExhausted' }, 'requestPayload': $request,",
        to: "'RetriesExhausted' },",
    },
    Bug {
        name: "a follow-up publishes no report",
        file: FOLLOW_UP,
        from: "'responsePayload': $report }",
        to: "'responsePayload': {} }",
    },
    Bug {
        name: "a follow-up ends as a success after a failure",
        file: FOLLOW_UP,
        from: r#"      "Next": "Failed"
    },
    "Failed": {
      "Type": "Fail",
      "Error": "{% $failure.Error %}",
      "Cause": "{% $exists($failure.Cause) ? $failure.Cause : '' %}"
    }"#,
        to: r#"      "Next": "Failed"
    },
    "Failed": {
      "Type": "Succeed"
    }"#,
    },
    Bug {
        name: "a follow-up needs a cause",
        file: FOLLOW_UP,
        from: r#""Cause": "{% $exists($failure.Cause) ? $failure.Cause : '' %}""#,
        to: r#""Cause": "{% $failure.Cause %}""#,
    },
    Bug {
        name: "all retries of a follow-up come at the same time",
        file: FOLLOW_UP,
        from: r#"          "MaxAttempts": 72,
          "JitterStrategy": "FULL""#,
        to: r#"          "MaxAttempts": 72"#,
    },
    Bug {
        name: "a fleet never times out",
        file: FLEET,
        from: r#"  "TimeoutSeconds": 86400,
"#,
        to: "",
    },
    Bug {
        name: "a fleet takes any function",
        file: FLEET,
        from: "{% $states.input.function in $split('${FunctionNames}', ',') and $exists($states.input.request.requestID) and $type($states.input.items)",
        to: "{% $exists($states.input.function) and $exists($states.input.request.requestID) and $type($states.input.items)",
    },
    Bug {
        name: "a fleet takes a request without an ID",
        file: FLEET,
        from: "$exists($states.input.request.requestID) and $type($states.input.key)",
        to: "$exists($states.input.request) and $type($states.input.key)",
    },
    Bug {
        name: "a fleet takes both a list and a key",
        file: FLEET,
        from: " and $not($exists($states.input.key)) %}",
        to: " %}",
    },
    Bug {
        name: "a fleet stores every list under one key",
        file: FLEET,
        from: "'items/' & $states.context.Execution.Name & '.json'",
        to: "'items/list.json'",
    },
    Bug {
        name: "a fleet stores its list where operators put theirs",
        file: FLEET,
        from: "'items/' & $states",
        to: "'lists/' & $states",
    },
    Bug {
        name: "a fleet does not report a list that cannot be stored",
        file: FLEET,
        from: r#"        "ContentType": "application/json"
      },
      "Retry": [
        {
          "ErrorEquals": [
            "States.ALL"
          ],
          "MaxAttempts": 4,
          "JitterStrategy": "FULL"
        }
      ],
      "Catch": [
        {
          "ErrorEquals": [
            "States.ALL"
          ],
          "Assign": {
            "failure": "{% $states.errorOutput %}"
          },
          "Next": "Publish the failure"
        }
      ],
"#,
        to: r#"        "ContentType": "application/json"
      },
      "Retry": [
        {
          "ErrorEquals": [
            "States.ALL"
          ],
          "MaxAttempts": 4,
          "JitterStrategy": "FULL"
        }
      ],
"#,
    },
    Bug {
        name: "a fleet sends the whole list with each request",
        file: FLEET,
        from: "[$states.context.Map.Item.Value]",
        to: "$states.context.Map.Item",
    },
    Bug {
        name: "a fleet has no limit of concurrency",
        file: FLEET,
        from: r#"      "MaxConcurrency": "{% ${Concurrency} %}",
"#,
        to: "",
    },
    Bug {
        name: "a fleet has no tolerance",
        file: FLEET,
        from: r#"      "ToleratedFailurePercentage": "{% ${ToleratedFailurePercentage} %}",
"#,
        to: "",
    },
    Bug {
        name: "a fleet tolerates every failure",
        file: FLEET,
        from: r#""{% ${ToleratedFailurePercentage} %}""#,
        to: "100",
    },
    Bug {
        name: "the concurrency and the tolerance of a fleet are swapped",
        file: FLEET,
        from: r#"      "MaxConcurrency": "{% ${Concurrency} %}",
      "ToleratedFailurePercentage": "{% ${ToleratedFailurePercentage} %}","#,
        to: r#"      "MaxConcurrency": "{% ${ToleratedFailurePercentage} %}",
      "ToleratedFailurePercentage": "{% ${Concurrency} %}","#,
    },
    Bug {
        name: "a fleet's step is shorter than the function",
        file: FLEET,
        from: r#""TimeoutSeconds": 660"#,
        to: r#""TimeoutSeconds": 300"#,
    },
    Bug {
        name: "a fleet's step never times out",
        file: FLEET,
        from: r#"            "TimeoutSeconds": 660,
"#,
        to: "",
    },
    Bug {
        name: "an item is retried when its failure is permanent",
        file: FLEET,
        from: r#"                  "Retryable",
"#,
        to: r#"                  "Retryable",
                  "Permanent",
"#,
    },
    Bug {
        name: "an item is not retried when its function is stopped",
        file: FLEET,
        from: r#""MaxAttempts": 40"#,
        to: r#""MaxAttempts": 0"#,
    },
    Bug {
        name: "a refused item counts as done",
        file: FLEET,
        from: "['done', 'already_done', 'planned']",
        to: "['done', 'already_done', 'planned', 'refused']",
    },
    Bug {
        name: "a done item counts as failed",
        file: FLEET,
        from: "['done', 'already_done', 'planned']",
        to: "['already_done', 'planned']",
    },
    Bug {
        name: "a pending item has no follow-up",
        file: FLEET,
        from: r#""Next": "Start a follow-up""#,
        to: r#""Next": "Return the report""#,
    },
    Bug {
        name: "a pending plan gets a follow-up",
        file: FLEET,
        from: " or ($report.outcome = 'pending' and $report.mode = 'plan') %}",
        to: " %}",
    },
    Bug {
        name: "a follow-up of an item sends the fleet's input",
        file: FLEET,
        from: r#""requestPayload": "{% $asked %}""#,
        to: r#""requestPayload": "{% $states.input %}""#,
    },
    Bug {
        name: "a follow-up of an item is not tried again",
        file: FLEET,
        from: r#"                "MaxAttempts": 4,
                "JitterStrategy": "FULL"
              }
            ],
            "Next": "Return the report""#,
        to: r#"                "MaxAttempts": 0,
                "JitterStrategy": "FULL"
              }
            ],
            "Next": "Return the report""#,
    },
    Bug {
        name: "an item returns no report",
        file: FLEET,
        from: r#"            "Output": "{% $report %}",
"#,
        to: "",
    },
    Bug {
        name: "a failed item does not say why",
        file: FLEET,
        from: r#""Cause": "{% $string($report) %}""#,
        to: r#""Cause": "not done""#,
    },
    Bug {
        name: "a fleet whose tolerance is exceeded reports a success",
        file: FLEET,
        from: r#"          "Next": "Publish the failure"
        }
      ],
      "Next": "Publish the result""#,
        to: r#"          "Next": "Publish the result"
        }
      ],
      "Next": "Publish the result""#,
    },
    Bug {
        name: "a fleet reports an outcome that no rule knows",
        file: FLEET,
        from: "'outcome': 'ended'",
        to: "'outcome': 'refused'",
    },
    Bug {
        name: "a fleet does not say where its results are",
        file: FLEET,
        from: "results: ' & $results",
        to: "results: '",
    },
    Bug {
        name: "a fleet writes its results over the lists",
        file: FLEET,
        from: r#""Prefix": "results""#,
        to: r#""Prefix": "lists""#,
    },
    Bug {
        name: "a fleet's failure is not retried when the bus refuses it",
        file: FLEET,
        from: r#"          "MaxAttempts": 4,
          "JitterStrategy": "FULL"
        }
      ],
      "Next": "Failed""#,
        to: r#"          "MaxAttempts": 0,
          "JitterStrategy": "FULL"
        }
      ],
      "Next": "Failed""#,
    },
    Bug {
        name: "a subject keeps letters that SNS refuses",
        file: NOTIFY,
        from: "responsePayload.reports.summary], '; '), /[^ -~]/",
        to: "responsePayload.reports.summary], '; '), /[^ -ÿ]/",
    },
    Bug {
        name: "the subject of a failure is longer than SNS takes",
        file: NOTIFY,
        from: "$join($report.summary, '; '), /[^ -~]/, '?'), 0, 99)",
        to: "$join($report.summary, '; '), /[^ -~]/, '?'), 0, 199)",
    },
    Bug {
        name: "a report in the answer of Lambda is not found",
        file: NOTIFY,
        from: "$report := $exists($answer.errorMessage) ? $parse($answer.errorMessage) : $answer; $changed",
        to: "$report := $answer; $changed",
    },
    Bug {
        name: "what failed at its last step counts as unchanged",
        file: NOTIFY,
        from: "or $exists(calls[$not($contains(operation, /^(Describe|Get|List)/))]) ",
        to: "",
    },
    Bug {
        name: "a last attempt without a change proves that nothing was changed",
        file: NOTIFY,
        from: "approximateInvokeCount = 1 ?",
        to: "approximateInvokeCount >= 1 ?",
    },
    Bug {
        name: "a failure without a report loses its event",
        file: NOTIFY,
        from: r#"          "Output": "{% $states.input %}",
"#,
        to: "",
    },
    Bug {
        name: "an expression that fails is tried again",
        file: NOTIFY,
        from: r#"'\\n')) %}"
      },
      "Retry": [
        {
          "ErrorEquals": [
            "States.QueryEvaluationError"
          ],
          "MaxAttempts": 0"#,
        to: r#"'\\n')) %}"
      },
      "Retry": [
        {
          "ErrorEquals": [
            "States.QueryEvaluationError"
          ],
          "MaxAttempts": 2"#,
    },
    Bug {
        name: "snapshots that are left are in no notification",
        file: NOTIFY,
        from: "$exists($states.input.detail.ebsSnapshotsLeft[0]) ?",
        to: "$exists($states.input.detail.ebsSnapshotsLeft[100]) ?",
    },
];
