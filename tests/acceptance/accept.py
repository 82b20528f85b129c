"""Accepts drover in a sandbox account: deploys it there, sends each kind of event by each way in, checks results, roles and
alarms, asks what AWS's documentation leaves open, and removes everything.

Writes what was seen into a folder: report.json, and world.json, an account for the emulator whose switches are what AWS
answered. Exit codes: 0 everything holds that this account can show, and nothing is left; 1 something does not, or is left;
2 wrong usage; 130 interrupted.
"""

import argparse
import contextlib
import json
import shlex
import signal
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import questions
from botocore.exceptions import ClientError, EndpointConnectionError
from sandbox import CHANGE, OFFERS, OUTLASTS, TAG_KEY, Failed, NotShown, Sandbox, all_of, code_of, expect, state_of

DISCONNECT, BOOTSTRAP = "disconnect-source-server", "bootstrap-efs-replication"
SERVER_AUDIT, FILE_SYSTEM_AUDIT = "audit-source-servers", "audit-file-systems"
LIVE = "live"
# What is sent to a function, by the detail-type of its event.
KINDS = {
    "Source Server Decommission Requested": DISCONNECT,
    "File System Replication Requested": BOOTSTRAP,
    "Source Server Audit Requested": SERVER_AUDIT,
    "File System Audit Requested": FILE_SYSTEM_AUDIT,
}
# What a function answers in plan mode: the server is unknown here, or not approved.
PLANNED = {DISCONNECT: "refused", BOOTSTRAP: "planned", SERVER_AUDIT: "done", FILE_SYSTEM_AUDIT: "done"}
# The log group of each function that has a queue, by the output of the stack.
LOGS = {DISCONNECT: "DisconnectLogGroup", BOOTSTRAP: "BootstrapLogGroup"}
# A server that no account has.
NOBODY = "s-00000000000000000"
# The alarms that this run makes ring, and those that are about everything in the account.
CAUSED = ("rejected", "unreadable-messages")
OF_THE_ACCOUNT = ("servers-at-risk", "replication-lag")

HELP = """\
What it makes has a name that begins with drover-acceptance- and the Region, or the tag drover:acceptance=made-REGION, and
is removed at the end. A source server is worked on only if its tag drover:acceptance says what may be done: `disconnect`,
which destroys its recovery points and makes its agent uninstall itself, or `delete`, which also deletes its record. One is
enough for drover; the questions take another one. A server that is protected, in a job, or has a recovery instance stays.

The credentials must last for three hours, and be those of an administrator, not of the root user.

What it costs, by the list prices of us-east-1: below 0.50 USD.
  the stack     9.40 USD a month when idle, for alarms, dashboard and key: 0.03 USD for two hours
  instance      one t3.nano with a public address, for a minute: below 0.01 USD
  file systems  eight empty ones and their replicas, 0.30 USD a GB-month: below 0.01 USD
  the rest      Lambda, EventBridge, SQS, SNS, Step Functions, S3 and logs, some hundred calls: below 0.05 USD
Where the time goes: a stack is made, changed and deleted, and a first sync waited for. Expect one to two hours.

What outlasts it, and is looked for by hand:
""" + "\n".join(f"  {each}" for each in OUTLASTS)


class Stopped(BaseException):
    """Somebody pressed Ctrl-C, or ended the program."""


class Run:
    """What was seen, step by step."""

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox
        self.steps: list[dict] = []
        self.answers: list[questions.Answer] = []
        # Result events that nobody has asked for yet, and what was last heard of a request.
        self.kept: list[dict] = []
        self.heard: dict[str, str] = {}
        self.disconnected = ""

    def step(self, do, *arguments) -> bool:
        """Does one thing, and says what became of it. What fails does not keep the rest from being seen."""
        title, started = do.__doc__.splitlines()[0], time.monotonic()
        print(f"  {title}", flush=True)
        seen, said = "holds", ""
        try:
            said = do(self, *arguments) or ""
        except NotShown as reason:
            seen, said = "not shown", str(reason)
        except Exception as failure:  # noqa: BLE001
            seen, said = "FAILED", f"{type(failure).__name__}: {failure}"
        taken = time.monotonic() - started
        print(f"      {seen}{f': {said}' if said else ''} ({taken:.0f} s)", flush=True)
        self.steps.append({"step": title, "seen": seen, "said": said, "seconds": round(taken)})
        return seen == "holds"

    def ask(self, title: str, answers) -> None:
        """Asks questions until one cannot be asked; every answer until then counts."""

        def asking(run: Run) -> None:
            for answer in answers:
                print(f"      {answer.entry}\n        {'open: ' if answer.is_open else ''}{answer.answer}", flush=True)
                run.answers.append(answer)

        asking.__doc__ = title
        self.step(asking)

    def holds(self) -> bool:
        return all(each["seen"] != "FAILED" for each in self.steps)

    # ---- what is sent, and what comes back

    def put(self, detail: dict, detail_type: str) -> None:
        """Puts an event on the bus. What is heard of its request from now on is about this one."""
        self.kept = [event for event in self.kept if report_in(event).get("requestID") != detail["requestID"]]
        entry = {"Source": "com.example.cmdb", "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": self.sandbox.name}
        answer = self.sandbox.client("events").put_events(Entries=[entry])
        expect(answer["FailedEntryCount"] == 0, "the bus takes the event", answer)

    def deployed(self, function: str) -> str:
        return f"{self.sandbox.name}-{function}"

    def invoke(self, function: str, payload: dict) -> dict:
        answer = self.sandbox.client("lambda").invoke(
            FunctionName=self.deployed(function), Qualifier=LIVE, Payload=json.dumps(payload).encode()
        )
        report = json.loads(answer["Payload"].read())
        # What a function could not do is an error, whose message is the report.
        return json.loads(report["errorMessage"]) if "errorMessage" in report else report

    def result(self, wanted, what: str, minutes: float = 10) -> dict:
        """The first result event that is wanted. All others are kept for later."""
        sqs, url = self.sandbox.client("sqs"), self.results

        def look() -> dict | None:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                self.kept.append(json.loads(message["Body"]))
            for event in self.kept:
                if wanted(event):
                    self.kept.remove(event)
                    return event
            return None

        return self.sandbox.wait(what, look, minutes)

    def result_of(self, request: str, minutes: float = 10, ended: bool = False) -> dict:
        """The report of a request; if it must have ended, the first one that is not pending."""

        def wanted(event: dict) -> bool:
            report = report_in(event)
            return report.get("requestID") == request and not (ended and report.get("outcome") == "pending")

        try:
            report = report_in(self.result(wanted, f"the result of {request}", minutes))
        except Failed as failure:
            raise Failed(f"{failure}; before: {self.heard.get(request, 'nothing')}") from failure
        self.heard[request] = report.get("summary", "")
        return report

    def request_of(self, function: str, name: str) -> dict:
        """A request for a function, about what this run may work on."""
        expires = (datetime.now(timezone.utc) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
        request = {"version": 1, "requestID": name}
        if function == DISCONNECT:
            return request | {"expiresAt": expires, "targets": [{"sourceServerID": self.server or NOBODY}]}
        if function == BOOTSTRAP:
            target = {"sourceFileSystemId": self.source, "destination": {"region": self.sandbox.replica_region}}
            replica = {"accessPoints": "copy", "tags": "copy"}
            if self.subnet:
                replica["mountTargets"] = [{"subnetId": self.subnet}]
            return request | {"expiresAt": expires, "targets": [target | {"replica": replica}]}
        return request

    def kinds(self) -> dict:
        """The kinds of events that the functions of this stack handle."""
        return {kind: function for kind, function in KINDS.items() if function in self.functions}


def report_in(event: dict) -> dict:
    """The report of a result event, which is a text where the function failed."""
    response = event["detail"].get("responsePayload") or {}
    with contextlib.suppress(ValueError, TypeError):
        return json.loads(response["errorMessage"]) if "errorMessage" in response else response
    return {}


# ------------------------------------------------------------------------------- the steps
# Each is a function, in the order in which they are done; its first line is what is shown.


def the_sandbox_is_prepared(run: Run) -> str:
    """The sandbox has a file system, a bus, and a queue that listens to results."""
    sandbox = run.sandbox
    run.results, queue = sandbox.make_queue("results", "events.amazonaws.com")
    events = sandbox.client("events")
    bus = sandbox.name
    events.create_event_bus(Name=bus)
    results = {"source": ["lambda", "drover"], "detail": {"requestContext": {"condition": [{"exists": True}]}}}
    events.put_rule(Name=f"{bus}-results", EventBusName=bus, EventPattern=json.dumps(results))
    events.put_targets(Rule=f"{bus}-results", EventBusName=bus, Targets=[{"Id": "results", "Arn": queue}])
    run.source = sandbox.make_file_system("source")
    point = {"ClientToken": f"{bus}-data", "RootDirectory": {"Path": "/data"}}
    sandbox.client("efs").create_access_point(FileSystemId=run.source, **point)

    wanted = [{"Name": "default-for-az", "Values": ["true"]}]
    subnets = sandbox.client("ec2", sandbox.replica_region).describe_subnets(Filters=wanted)["Subnets"]
    run.subnet = subnets[0]["SubnetId"] if subnets else ""
    try:
        run.offered, run.functions = sandbox.offered(), set(KINDS.values())
    except EndpointConnectionError:
        run.offered, run.functions = [], {BOOTSTRAP, FILE_SYSTEM_AUDIT}
    except ClientError as error:
        expect(code_of(error) == "UninitializedAccountException", "the source servers", str(error))
        run.offered, run.functions = [], {BOOTSTRAP, FILE_SYSTEM_AUDIT}
    run.server = run.offered[0]["sourceServerID"] if run.offered else ""
    if DISCONNECT not in run.functions:
        return "DRS is not initialised here: the functions of EFS alone"
    return f"source servers that are offered: {', '.join(map(named, run.offered)) or 'none'}"


def named(server: dict) -> str:
    host = server.get("sourceProperties", {}).get("identificationHints", {}).get("hostname", "no host name")
    return f"{server['sourceServerID']} ({host}, to {server['tags'][TAG_KEY]})"


def a_stack_in_plan_mode(run: Run, sam: str, template: str, architecture: str) -> str:
    """A stack with every way in stands, in plan mode."""
    quota = run.sandbox.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    run.deploy = lambda **parameters: run.sandbox.deploy(sam, template, **parameters)
    started = time.monotonic()
    run.deploy(
        Architecture=architecture,
        Functions="all" if DISCONNECT in run.functions else "efs",
        Mode="plan",
        EventBusName=run.sandbox.name,
        EventTrigger="ENABLED",
        TopicTrigger="ENABLED",
        QueueTrigger="ENABLED",
        InstanceTerminatedTrigger="ENABLED" if DISCONNECT in run.functions else "DISABLED",
        FileSystemTaggedTrigger="ENABLED",
        AuditTrigger="ENABLED",
        AuditSchedule="'rate(5 minutes)'",
        ReplicaRegions=run.sandbox.replica_region,
        LogRetentionDays=1,
        # Lambda leaves a hundred for functions without a reservation.
        ReservedConcurrency=5 if quota >= 100 + 5 * len(run.functions) else -1,
    )
    said = f"not longer than CloudFormation waits: the stack stood at once, after {time.monotonic() - started:.0f} s"
    run.answers.append(questions.answered("How long does IAM take to propagate", said))
    return run.sandbox.outputs["DashboardUrl"]


def every_function_answers(run: Run) -> str:
    """Every function answers when it is invoked by hand."""
    reports = {each: run.invoke(each, run.request_of(each, f"HAND-{each}")) for each in sorted(run.functions)}
    return as_planned(reports)


def as_planned(reports: dict[str, dict]) -> str:
    """Expects of each function what it answers in plan mode."""
    for function, report in reports.items():
        expect(report.get("outcome") == PLANNED[function], f"the outcome of {function}", report)
    return outcomes(reports.values())


def outcomes(reports) -> str:
    return ", ".join(f"{each.get('requestID')} {each.get('outcome')}" for each in reports)


def every_kind_by_the_bus(run: Run) -> str:
    """An event of each kind reaches its function by the bus."""
    for kind, function in run.kinds().items():
        run.put(run.request_of(function, f"BUS-{function}"), kind)
    return as_planned({function: run.result_of(f"BUS-{function}") for function in run.kinds().values()})


def requests_by_the_topic(run: Run) -> str:
    """A request of each kind reaches its function by the topic."""
    sns, sent = run.sandbox.client("sns"), []
    for kind, function in run.kinds().items():
        if function in LOGS:
            request = run.request_of(function, f"TOPIC-{function}")
            event = {"source": "com.example.cmdb", "detail-type": kind, "detail": request}
            sns.publish(TopicArn=run.sandbox.outputs["RequestsTopicArn"], Message=json.dumps(event))
            sent.append(function)
    return as_planned({function: run.result_of(f"TOPIC-{function}") for function in sent})


def requests_by_the_queue(run: Run) -> str:
    """A request of each kind reaches its function by its queue."""
    sqs, logs, seen = run.sandbox.client("sqs"), run.sandbox.client("logs"), []
    for function, output in ((DISCONNECT, "DecommissionQueueUrl"), (BOOTSTRAP, "ReplicationQueueUrl")):
        if function not in run.functions:
            continue
        request = run.request_of(function, f"QUEUE-{len(seen)}")
        sqs.send_message(QueueUrl=run.sandbox.outputs[output], MessageBody=json.dumps(request))
        # A queue has no result event: the report is in the log alone.
        group, words = run.sandbox.outputs[LOGS[function]], f'"{request["requestID"]}" "{PLANNED[function]}"'
        logged = lambda: all_of(logs, "filter_log_events", "events", logGroupName=group, filterPattern=words)  # noqa: E731, B023
        run.sandbox.wait(f"the log of {request['requestID']}", logged, 10)
        seen.append(f"{request['requestID']} {PLANNED[function]}")
    return ", ".join(seen)


def a_fleet_of_one(run: Run) -> str:
    """A fleet of one item plans it."""
    states, s3 = run.sandbox.client("stepfunctions"), run.sandbox.client("s3")
    request = run.request_of(BOOTSTRAP, "FLEET")
    items = request.pop("targets")
    fleet = {"function": "bootstrap-efs-replication", "request": request | {"dryRun": True}, "items": items}
    arn = run.sandbox.outputs["FleetArn"]
    execution = states.start_execution(stateMachineArn=arn, input=json.dumps(fleet))["executionArn"]
    describe = lambda: states.describe_execution(executionArn=execution)  # noqa: E731
    run.sandbox.wait("the fleet ends", lambda: describe()["status"] != "RUNNING", 15)
    bucket = run.sandbox.outputs["FleetsBucketName"]
    [kept] = s3.list_objects_v2(Bucket=bucket, Prefix="items/")["Contents"]
    written = s3.get_object(Bucket=bucket, Key=kept["Key"])["Body"].read().decode()
    said = f"not the list: {written[:200]}"
    with contextlib.suppress(ValueError):
        said = "the list as JSON" if json.loads(written) == items else said
    run.answers.append(questions.answered("What does Step Functions write to S3", said))
    expect(describe()["status"] == "SUCCEEDED", "the fleet", describe())
    return describe()["status"]


def the_schedule_starts_an_audit(run: Run) -> str:
    """The schedule starts an audit by itself."""
    wanted = lambda event: str(report_in(event).get("requestID", "")).startswith("audit:")  # noqa: E731
    return outcomes([report_in(run.result(wanted, "the result of a scheduled audit", 12))])


def a_terminated_instance(run: Run) -> str:
    """The event of an instance that terminates reaches its function."""
    if DISCONNECT not in run.functions:
        raise NotShown("DRS is not initialised here")
    ec2 = run.sandbox.client("ec2")
    image = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-default-x86_64"
    tags = [{"ResourceType": "instance", "Tags": [run.sandbox.tag]}]
    try:
        made = ec2.run_instances(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1, TagSpecifications=tags)
    except ClientError as error:
        if code_of(error) in ("VPCIdNotSpecified", "MissingInput"):
            raise NotShown("the account has no default VPC for an instance") from error
        raise
    instance = made["Instances"][0]["InstanceId"]

    def terminated() -> bool:
        """EC2 may not know a new instance everywhere yet."""
        return not questions.outcome(ec2.terminate_instances, InstanceIds=[instance])

    run.sandbox.wait("the instance terminates", terminated, 3)
    # No source server is of this instance, which is no failure and nobody is told.
    report = run.result_of(instance)
    expect(report["targets"][0]["reason"] == "not_found", "what is told of it", report)
    return outcomes([report])


def a_tagged_file_system(run: Run) -> str:
    """The event of a file system that is tagged reaches its function by CloudTrail."""
    trail, records = run.sandbox.client("cloudtrail"), False
    for each in trail.describe_trails()["trailList"]:
        is_here = each.get("IsMultiRegionTrail") or each.get("HomeRegion") == run.sandbox.region
        records = records or bool(is_here and trail.get_trail_status(Name=each["TrailARN"])["IsLogging"])
    if not records:
        raise NotShown("no trail of CloudTrail records this Region")
    wish = [{"Key": "drover:replicate-to", "Value": run.sandbox.replica_region}]
    run.sandbox.client("efs").tag_resource(ResourceId=run.source, Tags=wish)
    try:
        wanted = lambda event: "elasticfilesystem" in json.dumps(event["detail"].get("requestPayload", {}))  # noqa: E731
        return outcomes([report_in(run.result(wanted, "the result of the tag", 20))])
    finally:
        run.sandbox.client("efs").untag_resource(ResourceId=run.source, TagKeys=[wish[0]["Key"]])


def nothing_was_changed(run: Run) -> None:
    """Nothing was changed in plan mode."""
    expect(run.sandbox.replica_of(run.source) is None, "the file system has no replica")
    now = {each["sourceServerID"]: state_of(each) for each in run.sandbox.offered()} if run.offered else {}
    before = {each["sourceServerID"]: state_of(each) for each in run.offered}
    expect(now.keys() == before.keys(), "the servers that are offered", now)


def roles(run: Run, enforces: bool) -> str:
    """The roles may do what the mode needs, and nothing else."""
    iam, functions = run.sandbox.client("iam"), run.sandbox.client("lambda")
    tagged = lambda *keys: [{"ContextKeyName": f"aws:ResourceTag/{key}", "ContextKeyValues": ["x"], "ContextKeyType": "string"} for key in keys]  # noqa: E731, E501
    disk = run.sandbox.arn("elasticfilesystem", f"file-system/{run.source}")
    server = run.sandbox.arn("drs", f"source-server/{run.server or NOBODY}")
    asked = [(BOOTSTRAP, "elasticfilesystem:CreateReplicationConfiguration", disk, (), enforces),
             (BOOTSTRAP, "elasticfilesystem:DeleteFileSystem", disk, (), False),
             (DISCONNECT, "drs:DisconnectSourceServer", server, ("drover:approved",), enforces),
             (DISCONNECT, "drs:DisconnectSourceServer", server, (), False),
             (DISCONNECT, "drs:DisconnectSourceServer", server, ("drover:approved", "drover:protected"), False),
             (DISCONNECT, "drs:TagResource", server, (), False)]  # fmt: skip
    asked = [each for each in asked if each[0] in run.functions]
    for function, action, resource, tags, allowed in asked:
        role = functions.get_function_configuration(FunctionName=run.deployed(function))["Role"]
        answer = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource], ContextEntries=tagged(*tags)
        )["EvaluationResults"][0]
        is_allowed = answer["EvalDecision"] == "allowed"
        expect(is_allowed == allowed, f"{action} by the role of {function}, tags {tags}", answer["EvalDecision"])
    return f"{len(asked)} questions to IAM"


def bad_messages_raise_alarms(run: Run) -> str:
    """A message that is no request raises an alarm, by the topic and by the queue."""
    run.sandbox.client("sns").publish(TopicArn=run.sandbox.outputs["RequestsTopicArn"], Message="replicate it, please")
    misspelt = {**run.request_of(BOOTSTRAP, "MISSPELT"), "targetz": []}
    queue = run.sandbox.outputs["ReplicationQueueUrl"]
    run.sandbox.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(misspelt))
    cloudwatch = run.sandbox.client("cloudwatch")
    rings = lambda alarm: cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["StateValue"] == "ALARM"  # noqa: E731, E501
    for alarm in CAUSED:
        run.sandbox.wait(f"{alarm} rings", lambda: rings(f"{run.sandbox.name}-{alarm}"), 20)  # noqa: B023
    return ", ".join(CAUSED)


def a_stack_that_enforces(run: Run) -> None:
    """The stack is changed to enforce mode, without the events of AWS."""
    # Nobody else's instances and file systems in this account are to be worked on.
    off = dict.fromkeys(("InstanceTerminatedTrigger", "FileSystemTaggedTrigger", "AuditTrigger"), "DISABLED")
    run.deploy(Mode="enforce", **off)
    mode = run.sandbox.outputs["Mode"]
    expect(mode == "enforce", "the mode", mode)


def offered_server(run: Run) -> dict:
    """The server that drover works on, as it is now."""
    now = [each for each in run.sandbox.offered() if each["sourceServerID"] == run.server] if run.server else []
    if not now:
        raise NotShown(f"no source server has the tag {TAG_KEY} with the value {' or '.join(OFFERS)}")
    return now[0]


def a_server_without_approval_stays(run: Run) -> str:
    """A server without an approval is refused."""
    offered_server(run)
    run.put(run.request_of(DISCONNECT, CHANGE), "Source Server Decommission Requested")
    report = run.result_of(CHANGE, ended=True)
    expect(report["targets"][0]["reason"] == "not_approved", "the reason", report)
    return report["summary"]


def an_approved_server_is_disconnected(run: Run) -> str:
    """An approved server is disconnected, and its approval is consumed."""
    drs, server = run.sandbox.client("drs"), offered_server(run)
    read = lambda: all_of(drs, "describe_source_servers", "items", filters={"sourceServerIDs": [run.server]})[0]  # noqa: E731, E501
    drs.tag_resource(resourceArn=server["arn"], tags={"drover:approved": CHANGE})
    run.sandbox.wait("DRS shows the approval", lambda: read()["tags"].get("drover:approved") == CHANGE, 5)
    run.put(run.request_of(DISCONNECT, CHANGE), "Source Server Decommission Requested")
    try:
        report = run.result_of(CHANGE, ended=True)
    finally:
        # Whatever was heard: what was destroyed is to be asked about.
        run.disconnected = run.server if state_of(read()) == "DISCONNECTED" else ""
    target, entry = report["targets"][0], "Does `DisconnectSourceServer` need permissions"
    if target["outcome"] == "done":
        run.answers.append(questions.answered(entry, "none but those of the role: it was done"))
    else:
        run.answers.append(questions.still_open(entry, f"{target['reason']}: {report['summary']}"))
    expect(target["outcome"] == "done", "the outcome", report)
    expect(run.disconnected, "the state", state_of(read()))
    run.sandbox.wait("the approval is removed", lambda: "drover:approved" not in read()["tags"], 5)
    return report["summary"]


def a_replica_becomes_usable(run: Run) -> str:
    """A file system gets a replica, which is followed up until it can be used."""
    run.put(run.request_of(BOOTSTRAP, "REPLICATE"), "File System Replication Requested")
    report = run.result_of("REPLICATE")
    expect(report["outcome"] == "pending", "the first result", report)
    # A follow-up may also give up, and is heard of then.
    report = run.result_of("REPLICATE", 60, ended=True)
    expect(report["outcome"] == "done", "the last result", report)
    replica = run.sandbox.replica_of(run.source)
    far = run.sandbox.client("efs", run.sandbox.replica_region)
    points = far.describe_access_points(FileSystemId=replica["FileSystemId"])["AccessPoints"]
    expect([each["RootDirectory"]["Path"] for each in points] == ["/data"], "the access points", points)
    mounted = far.describe_mount_targets(FileSystemId=replica["FileSystemId"])["MountTargets"]
    expect([each["SubnetId"] for each in mounted] == ([run.subnet] if run.subnet else []), "the mount targets", mounted)
    return report["summary"]


def duplicates_change_nothing(run: Run) -> str:
    """The same events again find everything done."""
    run.put(run.request_of(BOOTSTRAP, "REPLICATE"), "File System Replication Requested")
    reports = [run.result_of("REPLICATE", ended=True)]
    if run.disconnected:
        run.put(run.request_of(DISCONNECT, CHANGE), "Source Server Decommission Requested")
        reports.append(run.result_of(CHANGE, ended=True))
    expect(all(each["outcome"] == "already_done" for each in reports), "the outcomes", outcomes(reports))
    return outcomes(reports)


def no_other_alarm_rings(run: Run) -> str:
    """No alarm rings but those that were caused, and no dead letter waits."""
    name = run.sandbox.name
    found = all_of(run.sandbox.client("cloudwatch"), "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{name}-")
    alarms = {each["AlarmName"].removeprefix(f"{name}-"): each["StateValue"] for each in found}
    known = (*CAUSED, *OF_THE_ACCOUNT)
    ringing = sorted(alarm for alarm, state in alarms.items() if state == "ALARM" and alarm not in known)
    sqs = run.sandbox.client("sqs")
    letters = {}
    for output in ("FailedRequestsUrl", "UndeliveredEventsUrl", "UnfinishedMessagesUrl"):
        url = run.sandbox.outputs[output]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        letters[output] = int(found["Attributes"]["ApproximateNumberOfMessages"])
    expect(len(alarms) > 10 and ringing == [], "the alarms", {"ringing": ringing, "executions": failed_executions(run)})
    expect(not any(letters.values()), "the dead letters", letters)
    return f"{len(alarms)} alarms"


def failed_executions(run: Run) -> list[str]:
    """The executions of state machines that failed, each with its error."""
    states, found = run.sandbox.client("stepfunctions"), []
    for machine in run.sandbox.machines():
        for status in ("FAILED", "TIMED_OUT"):
            failed = all_of(states, "list_executions", "executions", stateMachineArn=machine, statusFilter=status)
            for each in failed:
                ended = states.describe_execution(executionArn=each["executionArn"])
                found.append(f"{each['executionArn']}: {ended.get('error')}, {ended.get('cause')}")
    return found


def what_a_result_names(run: Run) -> None:
    """A result event names the function by its ARN."""
    run.put(run.request_of(FILE_SYSTEM_AUDIT, "NAMES"), "File System Audit Requested")
    event = run.result(lambda event: report_in(event).get("requestID") == "NAMES", "the result of NAMES")
    arn = event["detail"]["requestContext"]["functionArn"]
    said = f"{'yes' if arn.endswith(f':{LIVE}') else 'no'}: {arn.split(':function:')[1]}"
    run.answers.append(questions.answered("Is an alias in `requestContext.functionArn`", said))
    expect(FILE_SYSTEM_AUDIT in arn, "the function", arn)


def accept(run: Run, sam: str, template: str, architecture: str) -> None:
    if not run.step(the_sandbox_is_prepared) or not run.step(a_stack_in_plan_mode, sam, template, architecture):
        return
    for each in (
        every_function_answers,
        every_kind_by_the_bus,
        what_a_result_names,
        requests_by_the_topic,
        requests_by_the_queue,
        a_fleet_of_one,
        the_schedule_starts_an_audit,
        a_terminated_instance,
        a_tagged_file_system,
        nothing_was_changed,
    ):
        run.step(each)
    run.step(roles, False)
    run.step(bad_messages_raise_alarms)
    if run.step(a_stack_that_enforces):
        run.step(roles, True)
        for each in (
            a_server_without_approval_stays,
            an_approved_server_is_disconnected,
            a_replica_becomes_usable,
            duplicates_change_nothing,
            no_other_alarm_rings,
        ):
            run.step(each)
    sandbox, others = run.sandbox, run.offered[1:]
    if DISCONNECT in run.functions:
        run.ask("What DRS does", questions.of_source_servers(sandbox, run.disconnected, others))
    run.ask("What EFS does", questions.of_file_systems(sandbox, run.subnet))
    run.ask("What the role of a replication needs", questions.of_the_role_of_a_replication(sandbox))
    run.ask("What EventBridge does", questions.of_events(sandbox))
    run.ask("What CloudWatch Logs and AppConfig do", questions.of_logs_and_settings(sandbox))


# ---------------------------------------------------------------------------- the program


def write(run: Run, folder: Path, left: list[str]) -> None:
    """What was seen, and an account for the emulator that behaves as AWS has answered."""
    sandbox, answers = run.sandbox, {each.entry: each.answer for each in run.answers if not each.is_open}
    switches = {name: value for each in run.answers for name, value in (each.switches or {}).items()}
    reasons = {questions.entry(begins): reason for begins, reason in questions.NOT_ASKED.items()}
    reasons |= {each.entry: each.answer for each in run.answers if each.is_open}
    report = {
        "account": sandbox.account,
        "region": sandbox.region,
        "replicaRegion": sandbox.replica_region,
        "at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "steps": run.steps,
        "answers": [{"entry": each.entry, "answer": each.answer} for each in run.answers if not each.is_open],
        "open": {
            each: reasons.get(each, "a step before it failed or was not shown")
            for each in questions.entries()
            if each not in answers or each in reasons
        },
        "left": left,
        "outlasts": OUTLASTS,
    }
    world = {"account": sandbox.account, "region": sandbox.region, "behaviour": switches}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("report.json", report), ("world.json", world)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="just acceptance", description=__doc__.split("\n\n")[0], epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--account", required=True, metavar="ID", help="the sandbox account, whose credentials are used")
    parser.add_argument("--again", required=True, metavar="ID", help="the same account once more")
    parser.add_argument("--region", required=True, help="the Region that DRS recovers to")
    parser.add_argument("--replica-region", required=True, metavar="REGION", help="the Region of the replicas, another one")
    parser.add_argument("--clean", action="store_true", help="only remove what an earlier run has left")
    parser.add_argument("--results", type=Path, default=Path("acceptance"), metavar="FOLDER",
                        help="where to write what was seen (default: acceptance)")  # fmt: skip
    parser.add_argument("--template", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--sam", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--architecture", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--look-seconds", type=float, default=15, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.account != given.again:
        parser.error("--account and --again name different accounts")
    if given.region == given.replica_region:
        parser.error("--replica-region must be another Region than --region")
    return given


def main() -> int:
    given = arguments()
    sandbox = Sandbox(given.account, given.region, given.replica_region, given.look_seconds)
    identity = sandbox.client("sts").get_caller_identity()
    if identity["Account"] != given.account:
        print(f"The credentials are of the account {identity['Account']}, not {given.account}. Nothing was done.")
        return 2

    again = shlex.join(["just", "acceptance", "--account", given.account, "--again", given.account, "--region",
                        given.region, "--replica-region", given.replica_region, "--clean"])  # fmt: skip
    left = sandbox.left()
    if left and not given.clean:
        print("Something is left of an earlier run, or another one is under way:")
        print("\n".join(f"  {each}" for each in left))
        print(f"Nothing was done. To remove it: {again}")
        return 2

    run, interrupted = Run(sandbox), False
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        if not given.clean:
            print(f"Accepting drover in {given.account}, {given.region}, as {identity['Arn']}\n\n{HELP}\n", flush=True)
            accept(run, given.sam, given.template, given.architecture)
    except Stopped:
        interrupted = True
        print("\nInterrupted.")
    finally:
        # From here on a signal changes nothing: what was made must go.
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: print(f"Still removing. If this is killed: {again}", flush=True))
        if not given.clean:
            # Before anything else, since removing may take long or fail.
            write(run, given.results, ["not removed yet"])
        print("\nRemoving what was made" + "".join(f"\n  {each}" for each in sandbox.left()), flush=True)
        left = sandbox.remove(print)
        if not given.clean:
            write(run, given.results, left)
    if not given.clean:
        print(f"\nWritten to {given.results}: report.json, and world.json for the emulator. What outlasts this:\n"
              + "\n".join(f"  {each}" for each in OUTLASTS))  # fmt: skip
    failed = [each["step"] for each in run.steps if each["seen"] == "FAILED"]
    hidden = sum(each["seen"] == "not shown" for each in run.steps)
    answered = sum(not each.is_open for each in run.answers)
    where = f"in {given.region} and {given.replica_region}"
    print(f"{len(run.steps)} steps, {len(failed)} failed, {hidden} not shown; {answered} questions answered; "
          f"{f'nothing is left {where}' if not left else f'{len(left)} things are LEFT {where}: {again}'}")  # fmt: skip
    if interrupted:
        return 130
    return 1 if failed or left else 0


def stop(*_) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
