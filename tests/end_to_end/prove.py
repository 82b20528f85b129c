"""Deploys the built template into MiniStack, with `drover serve` as DRS and EFS, and proves what happens to an event.

Every proof reads only what an operator can read: the account, the events, the queues and the state machines.
`tests/end_to_end/run` builds the functions and runs it.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

sys.dont_write_bytecode = True

import dashboard  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
STACK, REGION, ACCOUNT = "drover", "us-east-1", "000000000000"
DISCONNECT, BOOTSTRAP = f"{STACK}-disconnect-source-server", f"{STACK}-bootstrap-efs-replication"
# What everything invokes: the alias of the version that is deployed.
LIVE = "live"
TAGGED = "fs-0123456789abcdef1"
# Accounts with machines: one that is listed, another one of the organization, and one of somebody else.
LISTED, UNLISTED, FOREIGN = "222222222222", "333333333333", "444444444444"
ORGANIZATION = {"id": "o-a1b2c3d4e5", "accounts": [ACCOUNT, LISTED, UNLISTED]}
# A step of waiting of the state machines takes this much of its time, and a minute of CloudWatch so long.
WAIT_SCALE = 0.002
MINUTE_SECONDS = 0.2
# The widget of the dashboard with what somebody may have to do.
WAITING = "Requests that are not done, by their last report"
# The most that anything here is waited for.
PATIENCE_SECONDS = 90


# ---------------------------------------------------------------------------- the machines


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def server(number: int, **more) -> dict:
    return {
        "sourceServerID": f"s-{number:017}",
        "hostname": f"node{number}",
        "fqdn": f"node{number}.example.com",
        **more,
    }


def approved(number: int, change: str, **more) -> dict:
    return server(number, tags={"drover:approved": change}, **more)


def world() -> dict:
    """The account: servers for each proof, the fleet of 200, of which each tenth is not approved, and file systems."""
    singles = [approved(number, f"CHG{number}") for number in (*range(1, 20), 21, 22)]
    instance = approved(
        20, "i-0123456789abcdef0", awsInstanceID="i-0123456789abcdef0", originAccountID=ACCOUNT, originRegion=REGION
    )
    fleet = [server(number) if number % 10 == 0 else approved(number, "FLEET") for number in range(1001, 1201)]
    refused = [server(number) for number in range(2001, 2011)]
    source = {"fileSystemId": "fs-0123456789abcdef0", "sizeBytes": 1073741824, "tags": {"Name": "shared-data"}}
    tagged = {"fileSystemId": TAGGED, "sizeBytes": 1073741824, "tags": {"drover:replicate-to": "eu-west-1"}}
    return {
        "account": ACCOUNT,
        "region": REGION,
        "drs": {REGION: {"sourceServers": [*singles, instance, *fleet, *refused]}},
        "efs": {REGION: {"fileSystems": [source, tagged]}},
        # A record that is deleted before AWS has had its time is not: the wait must be real.
        "behaviour": {"deleteBeforeCleanup": "conflict"},
    }


class Machine:
    """MiniStack and `drover serve`, started together and ended together, with everything that they start."""

    def __init__(self, local: str, account: dict, folder: Path):
        self.folder, self.children = folder, []
        self.local_url = f"http://127.0.0.1:{free_port()}"
        self.aws_url = f"http://127.0.0.1:{free_port()}"
        (folder / "world.json").write_text(json.dumps(account))
        self.start(
            "local",
            {},
            local,
            "serve",
            "--world",
            str(folder / "world.json"),
            "--port",
            self.local_url.rsplit(":", 1)[1],
        )
        # Functions inherit the endpoints from MiniStack: they can reach nothing that is not on this machine.
        settings = {
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": self.aws_url.rsplit(":", 1)[1],
            "IOT_MTLS_ENABLED": "0",
            "AUTH": "true",
            "ORGANIZATION": json.dumps(ORGANIZATION),
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ENDPOINT_URL_DRS": self.local_url,
            "AWS_ENDPOINT_URL_EFS": self.local_url,
            "SFN_WAIT_SCALE": str(WAIT_SCALE),
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
            "CLOUDWATCH_MINUTE_SECONDS": str(MINUTE_SECONDS),
        }
        self.start("ministack", settings, sys.executable, str(ROOT / "tests/end_to_end/ministack.py"))

    def start(self, name: str, settings: dict, *command: str) -> None:
        with (self.folder / f"{name}.log").open("w") as log:
            child = subprocess.Popen(
                command,
                env=environment() | settings,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
            )
        self.children.append(child)

    def processes_of(self, function: str) -> list[int]:
        """The processes in which MiniStack runs a function."""
        found, name = [], f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                variables = (folder / "environ").read_bytes().split(b"\0")
                if name in variables and f"AWS_ENDPOINT_URL_DRS={self.local_url}".encode() in variables:
                    found.append(int(folder.name))
        return found

    def end(self) -> None:
        """Ends the two and whatever they started: each leads a group of its own."""
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        for child in self.children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

    def tails(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-40:]) for log in logs)


@contextlib.contextmanager
def running(local: str, account: dict, folder: Path):
    """The two, until the block ends; if it fails, with the ends of their logs."""
    machine = Machine(local, account, folder)
    try:
        eventually(lambda: answers(machine.aws_url), "MiniStack answers")
        yield machine
    except Exception:
        print(machine.tails())
        raise
    finally:
        machine.end()


def environment() -> dict:
    """What this machine's own AWS configuration says must not matter, and can never be used."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_TELEMETRY": "0",
    }


# -------------------------------------------------------------------------------- the proofs


class Proof:
    """One deployment and what can be asked of it."""

    def __init__(self, machine: Machine, sam: str, template: str, architecture: str):
        self.machine, self.sam, self.template, self.architecture = machine, sam, template, architecture
        self.unmatched: dict[str, list[dict]] = {}
        self.started = time.time()
        self.forwarding = ROOT / "forwarding/forward.yaml"
        # The Region of the machines, whose events come from there.
        self.machines_region = "us-west-2"

    def client(self, service: str, account: str = "test", region: str = REGION):
        """A client of this account, or of another one: MiniStack takes a key of twelve digits for an account."""
        quick = Config(retries={"total_max_attempts": 1}, read_timeout=120)
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.machine.aws_url,
            config=quick,
            aws_access_key_id=account,
            aws_secret_access_key="test",
        )

    # ---- the deployment

    def deploy(self, **parameters) -> None:
        overrides = [f"{name}={value}" for name, value in {"Architecture": self.architecture, **parameters}.items()]
        command = [
            self.sam,
            "deploy",
            "--template",
            self.template,
            "--stack-name",
            STACK,
            "--resolve-s3",
            "--capabilities",
            "CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--tags",
            "team=recovery",
            "--parameter-overrides",
            *overrides,
        ]
        ended = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=environment() | {"AWS_ENDPOINT_URL": self.machine.aws_url},
        )
        expect(ended.returncode == 0, "sam deploy", ended.stderr[-2000:] + json.dumps(self.broken(), indent=1))
        self.read_outputs()

    def read_outputs(self) -> None:
        stack = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def broken(self) -> dict:
        """Why resources of the stack could not be made."""
        with contextlib.suppress(ClientError):
            events = self.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
            return {
                event["LogicalResourceId"]: event.get("ResourceStatusReason", "")
                for event in events
                if event["ResourceStatus"].endswith("FAILED")
            }
        return {}

    def subscribe(self) -> None:
        """Listens as a ticket system does to result events, and as people do to the notifications."""
        events, sqs, sns = self.client("events"), self.client("sqs"), self.client("sns")
        for name in ("tickets", "people"):
            url = sqs.create_queue(QueueName=name)["QueueUrl"]
            arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
            allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        results = {"source": ["lambda", "drover"], "detail": {"requestContext": {"condition": [{"exists": True}]}}}
        events.put_rule(Name="tickets", EventPattern=json.dumps(results))
        events.put_targets(Rule="tickets", Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:tickets"}])
        sns.subscribe(
            TopicArn=self.outputs["NotificationsTopicArn"],
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:people",
        )

    # ---- what is sent

    def request(self, change: str, *servers: dict, action: str = "disconnect") -> dict:
        return {
            "version": 1,
            "requestID": change,
            "expiresAt": in_hours(12),
            "action": action,
            "targets": list(servers),
        }

    def put(self, detail: dict, detail_type: str = "Source Server Decommission Requested") -> None:
        entry = {"Source": "com.example.cmdb", "DetailType": detail_type, "Detail": json.dumps(detail)}
        answer = self.client("events").put_events(Entries=[entry])
        expect(answer["FailedEntryCount"] == 0, "the bus takes the event", answer)

    def event(self, detail: dict) -> dict:
        return {
            "version": "0",
            "source": "com.example.cmdb",
            "detail-type": "Source Server Decommission Requested",
            "detail": detail,
        }

    def invoke(self, function: str, payload, qualifier: str = LIVE) -> dict:
        answer = self.client("lambda").invoke(
            FunctionName=function, Qualifier=qualifier, Payload=json.dumps(payload)
        )
        return json.loads(answer["Payload"].read())

    def arn_of(self, function: str) -> str:
        return self.client("lambda").get_alias(FunctionName=function, Name=LIVE)["AliasArn"]

    # ---- what is seen

    def account(self, path: str):
        with urllib.request.urlopen(f"{self.machine.local_url}/local/{path}", timeout=30) as answer:
            return json.load(answer)

    def control_account(self, path: str, body: dict) -> None:
        call = urllib.request.Request(
            f"{self.machine.local_url}/local/{path}", json.dumps(body).encode(), method="POST"
        )
        urllib.request.urlopen(call, timeout=30).close()

    def servers(self) -> dict[str, dict]:
        return {server["sourceServerID"]: server for server in self.account("world")["drs"][REGION]["sourceServers"]}

    def disconnected(self, *numbers: int) -> bool:
        servers = self.servers()
        return all(servers[f"s-{number:017}"].get("dataReplicationState") == "DISCONNECTED" for number in numbers)

    def changes(self) -> list[str]:
        """The calls that would change something, whatever their result."""
        reading = ("Describe", "List", "Get")
        calls = [line.split()[1:] for line in self.account("journal")]
        return [" ".join(call) for call in calls if not any(word.startswith(reading) for word in call[:2])]

    def received(self, queue: str, wanted, wait: float = PATIENCE_SECONDS) -> dict:
        """The first matching message of a queue. All others are kept for later."""
        sqs, url = (
            self.client("sqs"),
            queue if queue.startswith("http") else f"{self.machine.aws_url}/{ACCOUNT}/{queue}",
        )
        kept, until = self.unmatched.setdefault(queue, []), time.monotonic() + wait
        while True:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                kept.append(json.loads(message["Body"]))
            for message in kept:
                if wanted(message):
                    kept.remove(message)
                    return message
            expect(time.monotonic() < until, f"a message in {queue}", kept)
            time.sleep(0.2)

    def result(self, change: str, outcome: str, source: str = "lambda") -> dict:
        """The result event of a request, as a ticket system gets it."""

        def wanted(event: dict) -> bool:
            response = event["detail"]["responsePayload"]
            return event["source"] == source and (response.get("requestID"), response.get("outcome")) == (
                change,
                outcome,
            )

        return self.received("tickets", wanted)["detail"]["responsePayload"]

    def notification(self, start: str, *words: str) -> str:
        """The text of the notification whose subject starts so, and which contains these words."""

        def wanted(message: dict) -> bool:
            subject, text = message.get("Subject") or "", message["Message"]
            return subject.startswith(start) and all(word in text for word in words)

        message = self.received("people", wanted)
        print("     ", message["Subject"])
        return message["Message"]

    def notification_of_machine(self, machine: str, status: str) -> str:
        """The notification of an execution that did not succeed, which EventBridge sends by itself."""
        execution = f"drover: execution arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:"
        words = (execution, f" is {status}. ")
        wanted = lambda message: all(word in message["Message"] for word in words)  # noqa: E731
        return self.received("people", wanted)["Message"]

    def assert_alarm_rang(self, alarm: str) -> None:
        """Waits for the notification of an alarm."""
        wanted = lambda message: alarm_in(message).get("AlarmName") == f"{STACK}-{alarm}"  # noqa: E731
        rang = alarm_in(self.received("people", wanted))
        print(f"      {rang['AlarmName']}: {rang['AlarmDescription']}")

    def alarms(self) -> dict[str, str]:
        """The states of the alarms."""
        found = self.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{STACK}-")["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}

    def counted(self, namespace: str, metric: str, **dimensions: str) -> float:
        """The sum of a metric so far."""
        [answer] = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=datetime.now(timezone.utc) - timedelta(hours=1),
            EndTime=datetime.now(timezone.utc) + timedelta(hours=1),
            Period=86400,
            Statistics=["Sum"],
        )["Datapoints"] or [{"Sum": 0}]
        return answer["Sum"]


def alarm_in(message: dict) -> dict:
    """What CloudWatch says of an alarm, in a message from the topic of notifications."""
    with contextlib.suppress(ValueError):
        alarm = json.loads(message["Message"])
        return alarm if isinstance(alarm, dict) else {}
    return {}


class Failed(Exception):
    """A proof did not hold."""


def expect(holds: bool, what: str, seen="") -> None:
    if not holds:
        raise Failed(f"{what}: {json.dumps(seen, indent=1, default=str) if not isinstance(seen, str) else seen}")


def eventually(holds, what: str, wait: float = PATIENCE_SECONDS) -> None:
    until = time.monotonic() + wait
    while not holds():
        expect(time.monotonic() < until, what, "not within the time")
        time.sleep(0.2)


def in_hours(hours: int) -> str:
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


# Each proof is a function, in the order in which they run; its first line is what is shown.


def an_organization_gets_what_it_asks_for(proof: Proof) -> None:
    """The path of roles, the key of queues and logs, and the tags are as the deployment says."""
    # MiniStack's CloudFormation gives a role no boundary, and a function no VPC.
    iam = proof.client("iam")
    roles = [iam.get_role(RoleName=role["RoleName"])["Role"] for role in iam.list_roles()["Roles"]]
    ours = [role for role in roles if STACK in role["RoleName"]]
    expect(len(ours) > 5 and all(role["Path"] == "/drover/" for role in ours), "the path", ours)
    sqs = proof.client("sqs")
    url = proof.outputs["FailedRequestsUrl"]
    key = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["KmsMasterKeyId"])["Attributes"]["KmsMasterKeyId"]
    expect(key == ASKED["KmsKeyArn"], "the key of a queue", key)
    groups = proof.client("logs").describe_log_groups()["logGroups"]
    keys = {group.get("kmsKeyId") for group in groups if STACK in group["logGroupName"]}
    expect(keys == {ASKED["KmsKeyArn"]}, "the key of the logs", groups)
    function = proof.client("lambda").get_function(FunctionName=DISCONNECT)
    expect(function["Tags"].get("team") == "recovery", "the tags of the stack", function["Tags"])


def another_setting_is_a_version_of_its_own(proof: Proof) -> None:
    """A parameter that changes publishes a version, which the alias then stands for."""
    functions = proof.client("lambda")
    alias = functions.get_alias(FunctionName=DISCONNECT, Name=LIVE)
    expect(alias["FunctionVersion"] not in ("$LATEST", "1"), "a version after the first", alias)
    deployed = functions.get_function_configuration(FunctionName=DISCONNECT, Qualifier=LIVE)
    expect(deployed["Environment"]["Variables"]["MODE"] == "enforce", "what was deployed last", deployed)


def defaults_change_nothing(proof: Proof) -> None:
    """With default parameters, no event changes anything."""
    events, functions = proof.client("events"), (DISCONNECT, BOOTSTRAP)
    for path in sorted((ROOT / "events").glob("*/*.json")):
        text = path.read_text()
        for hours in (1, 12):
            text = text.replace("{{now+%dh}}" % hours, in_hours(hours)).replace("{{now-%dh}}" % hours, in_hours(-hours))
        payload = json.loads(text)
        for function in functions:
            proof.invoke(function, payload)
        if isinstance(payload, dict) and not str(payload.get("source", "aws.")).startswith("aws."):
            events.put_events(
                Entries=[
                    {
                        "Source": payload["source"],
                        "DetailType": payload["detail-type"],
                        "Detail": json.dumps(payload["detail"]),
                    }
                ]
            )
    # The servers of this account too, approved as they are.
    report = proof.invoke(DISCONNECT, proof.request("CHG1", server_id(1)))
    expect(report["outcome"] == "planned", "the plan of an approved server", report)
    expect(proof.changes() == [], "no call that changes anything", proof.changes())
    iam = proof.client("iam")
    roles = [
        role["RoleName"]
        for role in iam.list_roles()["Roles"]
        if "Role" in role["RoleName"] and STACK in role["RoleName"]
    ]
    named = {name: iam.list_role_policies(RoleName=name)["PolicyNames"] for name in roles}
    expect(any("read" in policies for policies in named.values()), "the roles", named)
    expect(not any("change" in policies for policies in named.values()), "no role that may change anything", named)


def the_role_refuses(proof: Proof, mode: str, outcome: str) -> None:
    """Asks for a replica in MiniStack's EFS, which checks the function's role at every call."""
    functions, efs = proof.client("lambda"), proof.client("efs")
    variables = functions.get_function_configuration(FunctionName=BOOTSTRAP)["Environment"]["Variables"]
    ours = {**variables, "MODE": "enforce", "AWS_ENDPOINT_URL_EFS": proof.machine.aws_url}
    functions.update_function_configuration(FunctionName=BOOTSTRAP, Environment={"Variables": ours})
    source = efs.create_file_system(CreationToken=f"for-{mode}", Encrypted=True)["FileSystemId"]
    destination = {"sourceFileSystemId": source, "destination": {"region": "eu-west-1"}, "replica": {}}
    request = {"version": 1, "requestID": f"ROLE-{mode}", "expiresAt": in_hours(1), "targets": [destination]}
    answer = proof.invoke(BOOTSTRAP, request, "$LATEST")
    report = json.loads(answer["errorMessage"]) if "errorMessage" in answer else answer
    target = report["targets"][0]
    expect((report["outcome"], target["reason"]) == outcome, "what the role allows", answer)
    expect(target["resource"] is not None and target["plan"] != [], "the look was allowed", answer)
    functions.update_function_configuration(FunctionName=BOOTSTRAP, Environment={"Variables": variables})
    try:
        made = efs.describe_replication_configurations(FileSystemId=source)["Replications"]
    except ClientError as error:
        expect(error.response["Error"]["Code"] == "ReplicationNotFound", "no replication", str(error))
        made = []
    expect(bool(made) == (mode == "enforce"), "a replication in EFS", made)


def the_role_of_plan_mode_refuses_a_change(proof: Proof) -> None:
    """The role of plan mode denies a change even if MODE=enforce is set by hand, and the report says so."""
    the_role_refuses(proof, "plan", ("permanent", "access_denied"))


def an_event_reaches_its_function_through_a_rule(proof: Proof) -> None:
    """An event on the bus disconnects its server, and its result is an event and a notification."""
    proof.put(proof.request("CHG1", {"sourceServerID": f"s-{1:017}", "hostname": "node1"}))
    report = proof.result("CHG1", "done")
    expect(report["targets"][0]["reason"] == "disconnected", "the report", report)
    expect(proof.disconnected(1), "the server is DISCONNECTED")
    expect("drover:approved" not in proof.servers()[f"s-{1:017}"]["tags"], "the approval is consumed")
    text = proof.notification("drover done (us-east-1): CHG1 disconnect: 1 of 1", "Request: CHG1")
    expect(text.startswith(report["summary"] + "\n\nOutcome: done\n"), "the summary and the outcome", text)
    expect(text.endswith(f"\nDashboard: {proof.outputs['DashboardUrl']}"), "the link to the dashboard", text)


def a_duplicate_changes_nothing(proof: Proof) -> None:
    """The same event again finds everything done."""
    before = proof.changes()
    proof.put(proof.request("CHG1", {"sourceServerID": f"s-{1:017}", "hostname": "node1"}))
    proof.result("CHG1", "already_done")
    expect(proof.changes() == before, "no further change", proof.changes())


def a_message_reaches_its_function_through_the_topic(proof: Proof) -> None:
    """An SNS message reaches its function; a message that no function handles is kept."""
    sns, topic = proof.client("sns"), proof.outputs["RequestsTopicArn"]
    event = proof.event(proof.request("CHG2", server_id(2)))
    sns.publish(TopicArn=topic, Message=json.dumps(event))
    proof.result("CHG2", "done")
    expect(proof.disconnected(2), "the server is DISCONNECTED")
    misspelt = {**event, "detail-type": "Source Server Decomission Requested"}
    sns.publish(TopicArn=topic, Message=json.dumps(misspelt))
    proof.received(proof.outputs["UndeliveredEventsUrl"], lambda message: message == misspelt)


def a_message_reaches_its_function_through_the_queue(proof: Proof) -> None:
    """An SQS message disconnects its server and leaves the queue."""
    sqs, url = proof.client("sqs"), proof.outputs["DecommissionQueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(proof.request("CHG3", server_id(3))))
    eventually(lambda: proof.disconnected(3), "the server is DISCONNECTED")
    eventually(lambda: left(sqs, url) == 0, "the queue is empty")


def left(sqs, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(
        int(count) for count in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()
    )


def an_event_of_aws_reaches_its_function(proof: Proof) -> None:
    """The termination of an approved instance disconnects its server."""
    # Nobody can put an event of AWS on a bus, here as there: the pattern is asked, and the function invoked with it.
    event = {
        "version": "0",
        "id": "1",
        "source": "aws.ec2",
        "detail-type": "EC2 Instance State-change Notification",
        "account": ACCOUNT,
        "region": REGION,
        "time": in_hours(0),
        "resources": [],
        "detail": {"instance-id": "i-0123456789abcdef0", "state": "terminated"},
    }
    events = proof.client("events")
    rules = {rule["Name"]: rule for rule in events.list_rules()["Rules"] if "InstanceTerminated" in rule["Name"]}
    expect([rule["State"] for rule in rules.values()] == ["ENABLED"], "the rule", rules)
    pattern = next(iter(rules.values()))["EventPattern"]
    expect(events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"], "the pattern matches")
    report = proof.invoke(DISCONNECT, event)
    expect(report["outcome"] == "done" and proof.disconnected(20), "the server is DISCONNECTED", report)


def forwards(proof: Proof, account: str, **parameters) -> str:
    """Deploys the forwarding into an account, as a StackSet does; answers the URL of its queue."""
    stacks = proof.client("cloudformation", account, proof.machines_region)
    given = {"RecoveryAccount": ACCOUNT, "RecoveryRegion": REGION, **parameters}
    stacks.create_stack(
        StackName="forward",
        TemplateBody=proof.forwarding.read_text(),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = lambda: stacks.describe_stacks(StackName="forward")["Stacks"][0]  # noqa: E731
    eventually(lambda: not stack()["StackStatus"].endswith("IN_PROGRESS"), "the stack")
    events = stacks.describe_stack_events(StackName="forward")["StackEvents"]
    expect(stack()["StackStatus"] == "CREATE_COMPLETE", "the stack", events)
    return stack()["Outputs"][0]["OutputValue"]


def terminated(proof: Proof, account: str, number: int, **more) -> str:
    """Terminates an instance of an account whose server is approved for it; answers its ID."""
    ec2 = proof.client("ec2", account, proof.machines_region)
    started = ec2.run_instances(ImageId="ami-01234567", InstanceType="t3.micro", MinCount=1, MaxCount=1)
    instance = started["Instances"][0]["InstanceId"]
    world = proof.account("world")
    origin = {"awsInstanceID": instance, "originAccountID": account, "originRegion": proof.machines_region}
    world["drs"][REGION]["sourceServers"].append(approved(number, instance, **origin, **more))
    proof.control_account("world", world)
    ec2.terminate_instances(InstanceIds=[instance])
    return instance


def a_machine_of_another_account_and_region_is_retired(proof: Proof) -> None:
    """The termination of an instance in another account and Region disconnects its server, and so does a request."""
    forwards(proof, LISTED, RequestEvents="ENABLED")
    instance = terminated(proof, LISTED, 31)
    report = proof.result(instance, "done")
    expect(report["targets"][0]["reason"] == "disconnected" and proof.disconnected(31), "the server", report)
    request = json.dumps(proof.request("CHG22", server_id(22)))
    entry = {"Source": "com.example.cmdb", "DetailType": "Source Server Decommission Requested", "Detail": request}
    proof.client("events", LISTED, proof.machines_region).put_events(Entries=[entry])
    proof.result("CHG22", "done")
    expect(proof.disconnected(22), "the server is DISCONNECTED")


def a_machine_of_an_account_that_is_not_listed_stays(proof: Proof) -> None:
    """An event of an account that is not listed changes nothing, and people are told."""
    forwards(proof, UNLISTED)
    instance = terminated(proof, UNLISTED, 32)
    report = proof.result(instance, "refused")
    expect(report["targets"][0]["reason"] == "origin_not_allowed", "the reason", report)
    expect(UNLISTED in json.dumps(report["targets"][0]["reasons"]), "the account", report)
    proof.notification(f"drover refused (us-east-1): {instance} ", report["summary"])
    expect(not proof.disconnected(32), "nothing was changed")


def a_machine_of_another_organization_stays(proof: Proof) -> None:
    """An event of an account that the bus does not admit waits in a queue of that account."""
    queue = forwards(proof, FOREIGN)
    instance = terminated(proof, FOREIGN, 33)
    sqs = proof.client("sqs", FOREIGN, proof.machines_region)
    eventually(lambda: left(sqs, queue) == 1, "the event is kept")
    [kept] = sqs.receive_message(QueueUrl=queue)["Messages"]
    expect(json.loads(kept["Body"])["detail"]["instance-id"] == instance, "the event, unchanged", kept)
    expect(not proof.disconnected(33), "nothing was changed")


def an_audit_is_asked_for_from_the_bus(proof: Proof) -> None:
    """An audit that is requested from the bus finds what is there, tells it, and changes nothing."""
    before = proof.changes()
    audits = (
        ("AUDIT1", "Source Server Audit Requested", "approved_still_connected"),
        ("AUDIT2", "File System Audit Requested", "not_replicated"),
    )
    for change, detail_type, finding in audits:
        proof.put({"version": 1, "requestID": change}, detail_type)
        report = proof.result(change, "done")
        expect(report["audit"]["counts"].get(finding, 0) > 0, finding, report["audit"]["counts"])
        proof.notification(f"drover done (us-east-1): {change} ", report["summary"])
    expect(proof.changes() == before, "nothing was changed", proof.changes())


def a_schedule_starts_an_audit(proof: Proof) -> None:
    """What the schedules send is an audit of everything."""
    # Nobody waits for six in the morning: the schedule is asked, and its function invoked with what it sends.
    for name in ("ServerAuditSchedule", "FileSystemAuditSchedule"):
        schedule = proof.client("scheduler").get_schedule(Name=f"{STACK}-{name}")
        expect(schedule["State"] == "ENABLED", "the schedule", schedule)
        time_of_schedule = "<aws.scheduler.scheduled-time>"
        sent = schedule["Target"]["Input"].replace(time_of_schedule, "2026-11-22T06:00:00Z")
        function, _, qualifier = schedule["Target"]["Arn"].rpartition(":")
        expect(qualifier == LIVE, "what the schedule invokes", schedule)
        report = proof.invoke(function, json.loads(sent))
        expect((report["outcome"], report["requestID"]) == ("done", "audit:2026-11-22T06:00:00Z"), "the audit", report)


def a_tagged_file_system_gets_what_the_deployment_gives(proof: Proof) -> None:
    """A file system that is tagged gets a replica with what ReplicaDefaults says."""
    event = {
        "version": "0",
        "id": "1",
        "source": "aws.elasticfilesystem",
        "detail-type": "AWS API Call via CloudTrail",
        "account": ACCOUNT,
        "region": REGION,
        "time": in_hours(0),
        "resources": [],
        "detail": {
            "eventSource": "elasticfilesystem.amazonaws.com",
            "eventName": "TagResource",
            "requestParameters": {"resourceId": TAGGED, "tags": [{"key": "drover:replicate-to", "value": "eu-west-1"}]},
        },
    }
    events = proof.client("events")
    rules = {rule["Name"]: rule for rule in events.list_rules()["Rules"] if "FileSystemTagged" in rule["Name"]}
    expect([rule["State"] for rule in rules.values()] == ["ENABLED"], "the rule", rules)
    pattern = next(iter(rules.values()))["EventPattern"]
    expect(events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"], "the pattern matches")
    conclusions = []
    for minutes in (6, 5, 60, 0):
        report = proof.invoke(BOOTSTRAP, event)
        conclusions.append(f"{report['outcome']} {report['targets'][0]['reason']}")
        proof.control_account("advance", {"minutes": minutes})
    expected = [
        "pending replication_enabling",
        "pending parts_not_available",
        "done replica_usable",
        "already_done replica_usable",
    ]
    expect(conclusions == expected, "step by step", conclusions)
    expect(len(report["targets"][0]["reasons"]) == 1, "something can mount it", report)
    replicas = proof.account("world")["efs"]["eu-west-1"]["fileSystems"]
    mounted = [target["subnetId"] for replica in replicas for target in replica.get("mountTargets", [])]
    expect(mounted == ["subnet-0abc1234"], "the mount target", replicas)


def a_failed_request_is_kept_with_its_report(proof: Proof) -> None:
    """A request that DRS denies ends in the dead letters, with its report and a notification."""
    proof.control_account("faults", {"operation": "DescribeSourceServers", "kind": "access_denied", "times": 3})
    proof.put(proof.request("CHG4", server_id(4)))
    of_request = lambda record: record["requestPayload"].get("detail", {}).get("requestID") == "CHG4"  # noqa: E731
    record = proof.received(proof.outputs["FailedRequestsUrl"], of_request)
    expect(record["requestContext"]["approximateInvokeCount"] == 3, "three tries", record)
    expect(record["responsePayload"]["errorType"] == "Permanent", "the error", record)
    report = json.loads(record["responsePayload"]["errorMessage"])
    expect(report["targets"][0]["reason"] == "access_denied", "the report in the dead letter", report)
    proof.received("tickets", lambda event: event["detail-type"].endswith("Failure") and of_request(event["detail"]))
    text = proof.notification("drover gave up (us-east-1): CHG4 disconnect: 0 of 1")
    expect("\nError: Permanent, RetriesExhausted\n" in text, "the error and the condition", text)
    expect(text.startswith(report["summary"] + "\n"), "the summary of the report", text)
    expect("The last attempt changed nothing." in text and "Request: CHG4\n" in text, "what was changed", text)
    expect(proof.outputs["FailedRequestsUrl"].rsplit("/", 1)[1] in text, "the queue", text)
    expect(not proof.disconnected(4), "nothing was changed")
    # Replayed, as docs/operations.md says, once the fault is repaired.
    payload = json.dumps(record["requestPayload"])
    proof.client("lambda").invoke(
        FunctionName=DISCONNECT, Qualifier=LIVE, InvocationType="Event", Payload=payload
    )
    proof.result("CHG4", "done")


def an_event_that_a_rule_may_not_deliver_is_kept(proof: Proof) -> None:
    """Without the permission of its rule, an event is kept in the queue of undelivered events."""
    functions = proof.client("lambda")
    rules = proof.client("events").list_rule_names_by_target(TargetArn=proof.arn_of(DISCONNECT))["RuleNames"]
    policy = json.loads(functions.get_policy(FunctionName=DISCONNECT, Qualifier=LIVE)["Policy"])
    ours = [statement for statement in policy["Statement"] if "Requested" in json.dumps(statement["Condition"])]
    expect(len(ours) == 1 and any("Requested" in rule for rule in rules), "the permission of the rule", policy)
    functions.remove_permission(FunctionName=DISCONNECT, Qualifier=LIVE, StatementId=ours[0]["Sid"])
    proof.put(proof.request("CHG12", server_id(12)))
    kept = proof.received(
        proof.outputs["UndeliveredEventsUrl"], lambda event: event.get("detail", {}).get("requestID") == "CHG12"
    )
    expect(not proof.disconnected(12), "nothing was changed")
    source = ours[0]["Condition"]
    functions.add_permission(
        FunctionName=DISCONNECT,
        Qualifier=LIVE,
        StatementId=ours[0]["Sid"],
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=next(iter(source["ArnLike"].values())),
    )
    # Replayed as it was.
    functions.invoke(FunctionName=DISCONNECT, Qualifier=LIVE, InvocationType="Event", Payload=json.dumps(kept))
    proof.result("CHG12", "done")


def a_message_that_always_fails_leaves_the_queue(proof: Proof) -> None:
    """A queued request that fails five times ends in the queue of unfinished messages; the next one succeeds."""
    sqs, url = proof.client("sqs"), proof.outputs["DecommissionQueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    poison = proof.request("CHG5", server_id(5))
    proof.control_account("faults", {"operation": "DisconnectSourceServer", "kind": "access_denied", "times": 5})
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(poison))
    message = proof.received(proof.outputs["UnfinishedMessagesUrl"], lambda body: body.get("requestID") == "CHG5")
    expect(message == poison, "the message as it was", message)
    expect(not proof.disconnected(5), "nothing was changed")
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(proof.request("CHG6", server_id(6))))
    eventually(lambda: proof.disconnected(6), "the next message is worked on")


def a_replication_is_followed_up_until_it_is_usable(proof: Proof) -> None:
    """A replication is pending until its first sync; its follow-up checks again and reports when it is done."""
    replica = {"backup": "enabled", "tags": "copy"}
    request = {
        "version": 1,
        "requestID": "CHG7",
        "expiresAt": in_hours(12),
        "targets": [
            {"sourceFileSystemId": "fs-0123456789abcdef0", "destination": {"region": "eu-west-1"}, "replica": replica}
        ],
    }
    proof.put(request, "File System Replication Requested")
    proof.result("CHG7", "pending")
    proof.control_account("advance", {"minutes": 6})
    time.sleep(1)
    proof.control_account("advance", {"minutes": 60})
    report = proof.result("CHG7", "done", source="drover")
    expect(report["targets"][0]["reason"] == "replica_usable", "the report", report)
    proof.notification("drover done (us-east-1): CHG7 ", report["summary"])


def a_retirement_continues_with_the_deletion(proof: Proof) -> None:
    """A retired server is disconnected, and its record is deleted by the follow-up after AWS's 90 minutes."""
    proof.put(proof.request("CHG8", server_id(8), action="retire"))
    proof.result("CHG8", "pending")
    expect(proof.disconnected(8), "the server is DISCONNECTED and its record still there")
    proof.control_account("advance", {"minutes": 91})
    report = proof.result("CHG8", "done", source="drover")
    expect(report["targets"][0]["reason"] == "record_deleted", "the report", report)
    expect(f"s-{8:017}" not in proof.servers(), "the record is gone")


def a_disconnect_is_verified_once_aws_has_cleaned_up(proof: Proof) -> None:
    """A verification is pending while recovery points are listed; its follow-up looks again and reports the proof."""
    proof.put(proof.request("CHG21", server_id(21)))
    proof.result("CHG21", "done")
    snapshots = {"disconnect": {"ebsSnapshotIDs": ["snap-0123456789abcdef0"]}}
    proof.put(proof.request("CHG21", server_id(21) | snapshots, action="verify"))
    proof.result("CHG21", "pending")
    proof.control_account("advance", {"minutes": 91})
    report = proof.result("CHG21", "already_done", source="drover")
    expect(report["targets"][0]["reason"] == "cleanup_verified", "the report", report)


def a_request_that_expires_while_pending_is_kept(proof: Proof) -> None:
    """A retirement that expires before its record can be deleted ends in the dead letters."""
    request = proof.request("CHG11", server_id(11), action="retire")
    request["expiresAt"] = (datetime.now(timezone.utc) + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    proof.put(request)
    proof.result("CHG11", "pending")
    record = proof.received(
        proof.outputs["FailedRequestsUrl"], lambda record: record["requestPayload"].get("requestID") == "CHG11"
    )
    report = json.loads(record["responsePayload"]["errorMessage"])
    expect((report["outcome"], report["reason"]) == ("rejected", "expired"), "the report in the dead letter", record)
    expect(server_id(11)["sourceServerID"] in proof.servers(), "the record is still there")
    words = (report["summary"], "Error: Rejected, RetriesExhausted", "Request: CHG11\n")
    proof.notification("drover gave up (us-east-1): rejected: ", *words)


def a_fleet_completes_within_its_tolerance(proof: Proof) -> None:
    """A fleet of 200 servers, of which a tenth is refused, completes within its tolerance and writes its results."""
    numbers = range(1001, 1201)
    request = without_servers(proof.request("FLEET"))
    content = {"function": "disconnect-source-server", "request": request, "items": [server_id(n) for n in numbers]}
    ended = run_machine(proof, "FleetArn", content, 400)
    expect(ended["status"] == "SUCCEEDED", "the fleet", ended)
    succeeded, failed = results(proof, json.loads(ended["output"])["results"])
    expect((len(succeeded), len(failed)) == (180, 20), "the results", (len(succeeded), len(failed)))
    expect({item["Error"] for item in failed} == {"refused"}, "why", failed[:1])
    reasons = {json.loads(item["Cause"])["targets"][0]["reason"] for item in failed}
    expect(reasons == {"not_approved"}, "why", sorted(reasons))
    servers = proof.servers()
    gone = [n for n in numbers if servers[f"s-{n:017}"].get("dataReplicationState") == "DISCONNECTED"]
    expect(gone == [n for n in numbers if n % 10], "exactly the approved servers", gone)
    proof.notification("drover ended (us-east-1): FLEET fleet: completed ", "Request: FLEET\n")


def a_fleet_from_the_bucket_stops_when_too_many_items_are_refused(proof: Proof) -> None:
    """A fleet reads its list from the bucket, and fails with a notification when too many items are refused."""
    items = [server_id(n) for n in (*range(2001, 2011), 9)]
    proof.client("s3").put_object(
        Bucket=proof.outputs["FleetsBucketName"], Key="lists/fleet.json", Body=json.dumps(items)
    )
    request = without_servers(proof.request("CHG9"))
    content = {"function": "disconnect-source-server", "request": request, "key": "lists/fleet.json"}
    ended = run_machine(proof, "FleetArn", content)
    expect(
        (ended["status"], ended.get("error")) == ("FAILED", "States.ExceedToleratedFailureThreshold"),
        "the fleet",
        ended,
    )
    text = proof.notification("drover gave up (us-east-1): CHG9: States.ExceedToleratedFailureThreshold", "Message: ")
    expect("Something may have been changed: there is no report" in text, "what was changed", text)
    ended = run_machine(proof, "FleetArn", {"function": "disconnect-source-server", "items": items})
    expect((ended["status"], ended.get("error")) == ("FAILED", "InvalidInput"), "a fleet without a request", ended)
    ended = run_machine(proof, "FleetArn", {"function": "retire-everything", "request": request, "items": items})
    expect((ended["status"], ended.get("error")) == ("FAILED", "InvalidInput"), "a fleet of no function", ended)


def server_id(number: int) -> dict:
    return {"sourceServerID": f"s-{number:017}"}


def without_servers(request: dict) -> dict:
    """The request of a fleet, which each item completes."""
    return {name: value for name, value in request.items() if name != "targets"}


def run_machine(proof: Proof, output: str, content: dict, wait: float = PATIENCE_SECONDS) -> dict:
    states = proof.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=proof.outputs[output], input=json.dumps(content))["executionArn"]
    describe = lambda: states.describe_execution(executionArn=arn)  # noqa: E731
    eventually(lambda: describe()["status"] != "RUNNING", "the execution ends", wait)
    return describe()


def results(proof: Proof, manifest: str) -> tuple[list, list]:
    bucket, key = manifest.removeprefix("s3://").split("/", 1)
    read = lambda name: json.load(proof.client("s3").get_object(Bucket=bucket, Key=name)["Body"])  # noqa: E731
    files = read(key)["ResultFiles"]
    return tuple([item for file in files[status] for item in read(file["Key"])] for status in ("SUCCEEDED", "FAILED"))


def the_role_of_enforce_mode_allows_it(proof: Proof) -> None:
    """The role of enforce mode allows the call that the role of plan mode denies."""
    the_role_refuses(proof, "enforce", ("done", "replica_usable"))


def a_message_that_is_not_json_raises_an_alarm(proof: Proof) -> None:
    """SNS drops a message that is not JSON, and an alarm rings."""
    proof.client("sns").publish(TopicArn=proof.outputs["RequestsTopicArn"], Message="disconnect s-1, please")
    proof.assert_alarm_rang("unreadable-messages")


def a_rejected_message_of_a_queue_raises_an_alarm(proof: Proof) -> None:
    """A queued request with a misspelt field leaves the queue and is counted by an alarm, which has rung and stays."""
    sqs, url = proof.client("sqs"), proof.outputs["DecommissionQueueUrl"]
    request = proof.request("CHG13", server_id(13))
    rejected = lambda: proof.counted(f"drover/{STACK}", "Decommissions", Outcome="rejected")  # noqa: E731
    before = rejected()
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({**request, "serverz": []}))
    eventually(lambda: rejected() > before, "the message is counted")
    # The events of every kind at the start of the run have made it ring, and its day is not over.
    proof.assert_alarm_rang("rejected")
    expect(proof.alarms()[f"{STACK}-rejected"] == "ALARM", "it stays", proof.alarms())
    eventually(lambda: left(sqs, url) == 0, "the queue is empty")
    expect(not proof.disconnected(13), "nothing was changed")


def a_retryable_failure_gets_a_follow_up(proof: Proof) -> None:
    """A request that fails three times for a transient reason is completed by its follow-up."""
    proof.control_account("faults", {"operation": "DescribeSourceServers", "kind": "expired_token", "times": 3})
    proof.put(proof.request("CHG14", server_id(14)))
    failure = proof.received(
        "tickets", lambda event: "CHG14" in json.dumps(event) and event["detail-type"].endswith("Failure")
    )
    expect(failure["detail"]["responsePayload"]["errorType"] == "Retryable", "the error", failure)
    report = proof.result("CHG14", "done", source="drover")
    expect(report["targets"][0]["reason"] == "disconnected", "the report", report)
    proof.notification("drover done (us-east-1): CHG14 ", report["summary"])
    letters = proof.unmatched.get(proof.outputs["FailedRequestsUrl"], [])
    expect("CHG14" not in json.dumps(letters), "no dead letter", letters)


def a_killed_function_is_run_again(proof: Proof) -> None:
    """A function that is killed after DRS made its change finds the change made at the next try."""
    proof.control_account("faults", {"operation": "DisconnectSourceServer", "kind": "hang_after", "times": 1})
    proof.put(proof.request("CHG15", server_id(15)))
    eventually(lambda: proof.disconnected(15), "DRS has done it")
    killed = proof.machine.processes_of(DISCONNECT)
    expect(killed != [], "a process")
    for process in killed:
        os.kill(process, signal.SIGKILL)
    # Nothing is left to do but to take the approval away, or nothing at all.
    proof.received(
        "tickets",
        lambda event: (
            (event["detail"]["responsePayload"].get("requestID"), event["source"]) == ("CHG15", "lambda")
            and event["detail"]["responsePayload"]["outcome"] in ("done", "already_done")
        ),
    )
    calls = [call for call in proof.changes() if "Disconnect" in call and f"s-{15:017}" in call]
    expect(len(calls) == 1, "one disconnect", calls)
    expect("drover:approved" not in proof.servers()[f"s-{15:017}"]["tags"], "the approval is consumed")


def a_failed_follow_up_is_kept_and_reported(proof: Proof) -> None:
    """A follow-up that DRS denies fails: its request is kept with the report, with a notification, and is counted."""
    proof.put(proof.request("CHG16", server_id(16), action="retire"))
    proof.result("CHG16", "pending")
    proof.control_account("faults", {"operation": "DescribeSourceServers", "kind": "access_denied", "times": 1})
    record = proof.received(
        proof.outputs["FailedRequestsUrl"],
        lambda record: "CHG16" in json.dumps(record.get("requestPayload")),
    )
    expect(record["responsePayload"]["errorType"] == "Permanent", "the error", record)
    report = json.loads(json.loads(record["responsePayload"]["errorMessage"])["errorMessage"])
    expect(report["targets"][0]["reason"] == "access_denied", "the report in the dead letter", report)
    proof.notification("drover gave up (us-east-1): CHG16 ", report["summary"], "Error: Permanent, RetriesExhausted")
    proof.notification_of_machine(f"{STACK}-follow-up", "FAILED")
    follow_up = proof.outputs["FollowUpArn"]
    failed = lambda: proof.counted("AWS/States", "ExecutionsFailed", StateMachineArn=follow_up)  # noqa: E731
    eventually(lambda: failed() > 0, "the failure is counted")
    # The fleet that failed has made it ring, and its day is not over.
    proof.assert_alarm_rang("state-machines")
    expect(proof.alarms()[f"{STACK}-state-machines"] == "ALARM", "it stays", proof.alarms())


def a_follow_up_that_times_out_is_kept_and_reported(proof: Proof) -> None:
    """The input of a follow-up that times out is kept, with a notification."""
    states = proof.client("stepfunctions")
    proof.put(proof.request("CHG17", server_id(17), action="retire"))
    proof.result("CHG17", "pending")
    running = lambda: states.list_executions(  # noqa: E731
        stateMachineArn=proof.outputs["FollowUpArn"], statusFilter="RUNNING"
    )["executions"]
    eventually(running, "an execution")
    of_request = [each for each in running() if "CHG17" in states.describe_execution(**arn_of(each))["input"]]
    states.stop_execution(**arn_of(of_request[0]), error="States.Timeout")
    kept = proof.received(proof.outputs["FailedRequestsUrl"], lambda record: record.get("status") == "TIMED_OUT")
    result = json.loads(kept["input"])["detail"]
    expect(result["requestPayload"]["detail"]["requestID"] == "CHG17", "the request", kept)
    print("     ", proof.notification_of_machine(f"{STACK}-follow-up", "TIMED_OUT"))


def a_notification_that_fails_is_reported(proof: Proof) -> None:
    """A result whose summary is no text fails its notification, and EventBridge sends one of that."""
    result = result_by_hand(proof, summary={"forged": True})
    proof.client("events").put_events(Entries=[result])
    print("     ", proof.notification_of_machine(f"{STACK}-notify", "FAILED"))


def arn_of(execution: dict) -> dict:
    return {"executionArn": execution["executionArn"]}


def a_restarted_function_handles_the_events_that_waited(proof: Proof) -> None:
    """An event waits while its function is stopped, and an alarm rings; the restarted function handles the event."""
    functions = proof.client("lambda")
    functions.put_function_concurrency(FunctionName=DISCONNECT, ReservedConcurrentExecutions=0)
    proof.put(proof.request("CHG18", server_id(18)))
    until = time.monotonic() + 25 * MINUTE_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(ClientError):
            expect(False, "the function is stopped", proof.invoke(DISCONNECT, proof.request("CHG18", server_id(18))))
        time.sleep(MINUTE_SECONDS)
    expect(not proof.disconnected(18), "nothing was changed")
    proof.assert_alarm_rang("throttles")
    functions.put_function_concurrency(FunctionName=DISCONNECT, ReservedConcurrentExecutions=5)
    proof.result("CHG18", "done")


def every_other_alarm_rings(proof: Proof) -> None:
    """Every other alarm rings: for what the run has produced, or for what is caused here."""
    for alarm in ("errors", "failed"):
        proof.assert_alarm_rang(alarm)
    events, functions, sqs, sns = (proof.client(name) for name in ("events", "lambda", "sqs", "sns"))
    # The proofs above took their letters at once. These lie there, and a second one rings again.
    for output, alarm in (
        ("FailedRequestsUrl", "failed-requests"),
        ("UndeliveredEventsUrl", "undelivered-events"),
        ("UnfinishedMessagesUrl", "unfinished-messages"),
    ):
        earlier = proof.unmatched["people"]
        proof.unmatched["people"] = [text for text in earlier if f"{STACK}-{alarm}" not in json.dumps(text)]
        for _ in range(2):
            sqs.send_message(QueueUrl=proof.outputs[output], MessageBody="{}")
            proof.assert_alarm_rang(alarm)
    # A change that cannot be verified is indeterminate.
    proof.control_account("faults", {"operation": "DisconnectSourceServer", "kind": "reset_after", "times": 3})
    denied = {"operation": "DescribeSourceServers", "kind": "access_denied", "times": 2, "skip": 1}
    proof.control_account("faults", denied)
    proof.put(proof.request("CHG19", server_id(19)))
    proof.assert_alarm_rang("indeterminate")
    # A result whose bus does not exist.
    live = {"FunctionName": DISCONNECT, "Qualifier": LIVE}
    answer = functions.get_function_event_invoke_config(**live)
    names = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    settings = live | {name: answer[name] for name in names}
    theirs = {
        end: each["Destination"].replace(ACCOUNT, "999999999999") for end, each in answer["DestinationConfig"].items()
    }
    ends = {end: {"Destination": bus} for end, bus in theirs.items()}
    functions.put_function_event_invoke_config(**settings | {"DestinationConfig": ends})
    proof.put(proof.request("CHG1", server_id(1)))
    proof.assert_alarm_rang("lost-results")
    functions.put_function_event_invoke_config(**settings)
    # An event that may go neither to the function nor to the dead letters.
    policy = json.loads(functions.get_policy(FunctionName=DISCONNECT, Qualifier=LIVE)["Policy"])
    [ours] = [each for each in policy["Statement"] if "DecommissionRequested" in json.dumps(each["Condition"])]
    functions.remove_permission(FunctionName=DISCONNECT, Qualifier=LIVE, StatementId=ours["Sid"])
    url = proof.outputs["UndeliveredEventsUrl"]
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    proof.put(proof.request("CHG1", server_id(1)))
    proof.assert_alarm_rang("lost-events")
    sqs.set_queue_attributes(QueueUrl=url, Attributes=kept)
    # A subscriber whose policy allows nobody.
    sqs.create_queue(QueueName="closed")
    closed = f"arn:aws:sqs:{REGION}:{ACCOUNT}:closed"
    sns.subscribe(TopicArn=proof.outputs["NotificationsTopicArn"], Protocol="sqs", Endpoint=closed)
    events.put_events(Entries=[result_by_hand(proof)])
    proof.assert_alarm_rang("failed-notifications")
    # A replica that is behind.
    replica = [{"Name": "FileSystemId", "Value": "fs-1"}, {"Name": "DestinationFileSystemId", "Value": "fs-2"}]
    until = time.monotonic() + 25 * MINUTE_SECONDS
    while time.monotonic() < until:
        datum = {"MetricName": "TimeSinceLastSync", "Dimensions": replica, "Value": 2000}
        proof.client("cloudwatch").put_metric_data(Namespace="AWS/EFS", MetricData=[datum])
        time.sleep(MINUTE_SECONDS)
    proof.assert_alarm_rang("replication-lag")


def result_by_hand(proof: Proof, **more) -> dict:
    """A result as a follow-up puts it."""
    context = {"functionArn": proof.arn_of(DISCONNECT), "condition": "Success"}
    report = {"outcome": "done", "requestID": "CHG1", "summary": "", "targets": [], **more}
    detail = {"requestContext": context, "requestPayload": {}, "responsePayload": report}
    return {"Source": "drover", "DetailType": "Follow-up Result - Success", "Detail": json.dumps(detail)}


def the_dashboard_answers_its_questions(proof: Proof) -> None:
    """The dashboard has every alarm, the requests by their names, and no empty widget."""
    name = proof.outputs["DashboardUrl"].rsplit("/", 1)[1]
    shown = dashboard.Dashboard(proof, name, MINUTE_SECONDS, proof.started)
    Path(os.environ.get("DASHBOARD_PAGE") or proof.machine.folder / "dashboard.html").write_text(shown.page())
    states = dict(shown.of_title("Alarms"))
    deployed = proof.alarms().keys()
    expect(states.keys() == deployed, "every alarm", sorted(states.keys() ^ deployed))
    expect(states[f"{STACK}-lost-events"] == "ALARM", "what rang stays", states)
    for widget, contents in shown.shown:
        expect(contents, "a widget that shows something", widget)
        # Some series need nothing to have happened; one of each widget has.
        if widget["type"] == "metric":
            expect(any(series.values for series in contents), "a widget with values", widget)
    waiting = {row["fields.requestID"]: row["outcome"] for row in shown.of_title(WAITING)}
    expect(waiting.get("CHG5") == "permanent", "a request that is not done, by its name", waiting)
    expect("CHG3" not in waiting and "CHG12" not in waiting, "what is done does not wait", waiting)
    latest = {row["fields.requestID"] for row in shown.of_title("Latest requests")}
    expect({"CHG1", "CHG19"} <= latest, "the latest requests by their names", sorted(map(str, latest)))


def everything_can_be_stopped(proof: Proof) -> None:
    """With a reserved concurrency of 0 nothing runs."""
    functions = proof.client("lambda")
    functions.put_function_concurrency(FunctionName=DISCONNECT, ReservedConcurrentExecutions=0)
    try:
        answer = proof.invoke(DISCONNECT, proof.request("CHG10", server_id(10)))
        expect(False, "the function is stopped", answer)
    except ClientError as error:
        expect(error.response["Error"]["Code"] == "TooManyRequestsException", "throttled", str(error))
    expect(not proof.disconnected(10), "nothing was changed")


def a_deleted_stack_keeps_dead_letters_logs_and_results(proof: Proof) -> None:
    """Deleting the stack leaves the dead letters, the logs and the fleets' results."""
    command = [proof.sam, "delete", "--stack-name", STACK, "--no-prompts", "--region", REGION]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment() | {"AWS_ENDPOINT_URL": proof.machine.aws_url},
    )
    expect(ended.returncode == 0, "sam delete", ended.stdout[-3000:] + ended.stderr[-3000:])
    names = [function["FunctionName"] for function in proof.client("lambda").list_functions()["Functions"]]
    expect(not any(name.startswith(STACK) for name in names), "no function is left", names)
    proof.client("s3").head_bucket(Bucket=proof.outputs["FleetsBucketName"])
    proof.client("sqs").get_queue_attributes(QueueUrl=proof.outputs["FailedRequestsUrl"], AttributeNames=["QueueArn"])


WITH_DEFAULTS = [defaults_change_nothing, the_role_of_plan_mode_refuses_a_change]
WITH_EVERYTHING = [
    another_setting_is_a_version_of_its_own,
    an_event_reaches_its_function_through_a_rule,
    a_duplicate_changes_nothing,
    a_message_reaches_its_function_through_the_topic,
    a_message_reaches_its_function_through_the_queue,
    an_event_of_aws_reaches_its_function,
    a_machine_of_another_account_and_region_is_retired,
    a_machine_of_an_account_that_is_not_listed_stays,
    a_machine_of_another_organization_stays,
    an_audit_is_asked_for_from_the_bus,
    a_schedule_starts_an_audit,
    a_tagged_file_system_gets_what_the_deployment_gives,
    a_failed_request_is_kept_with_its_report,
    an_event_that_a_rule_may_not_deliver_is_kept,
    a_message_that_always_fails_leaves_the_queue,
    a_replication_is_followed_up_until_it_is_usable,
    a_retirement_continues_with_the_deletion,
    a_disconnect_is_verified_once_aws_has_cleaned_up,
    a_request_that_expires_while_pending_is_kept,
    a_fleet_completes_within_its_tolerance,
    a_fleet_from_the_bucket_stops_when_too_many_items_are_refused,
    the_role_of_enforce_mode_allows_it,
    a_message_that_is_not_json_raises_an_alarm,
    a_rejected_message_of_a_queue_raises_an_alarm,
    a_retryable_failure_gets_a_follow_up,
    a_killed_function_is_run_again,
    a_failed_follow_up_is_kept_and_reported,
    a_follow_up_that_times_out_is_kept_and_reported,
    a_notification_that_fails_is_reported,
    a_restarted_function_handles_the_events_that_waited,
    every_other_alarm_rings,
    the_dashboard_answers_its_questions,
    everything_can_be_stopped,
    a_deleted_stack_keeps_dead_letters_logs_and_results,
]
ENABLED = {
    name: "ENABLED"
    for name in (
        "EventTrigger",
        "TopicTrigger",
        "QueueTrigger",
        "InstanceTerminatedTrigger",
        "FileSystemTaggedTrigger",
        "AuditTrigger",
    )
}
# As the README of bootstrap-efs-replication writes it: `sam` takes a value with quotes only if they are escaped.
DEFAULTS = json.dumps({"eu-west-1": {"replica": {"mountTargets": [{"subnetId": "subnet-0abc1234"}]}}})
ESCAPED_DEFAULTS = '"' + DEFAULTS.replace('"', '\\"') + '"'


# What an organization may ask for.
ASKED = {
    "RolePath": "/drover/",
    "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef",
    "VpcSubnetIds": "subnet-0123456789abcdef0",
    "VpcSecurityGroupIds": "sg-0123456789abcdef0",
    "MachineLogClass": "INFREQUENT_ACCESS",
}


def prove(proof: Proof) -> int:
    step("deploy one function alone, as an organization asks", proof.deploy, Functions="drs", **ASKED)
    step(an_organization_gets_what_it_asks_for.__doc__, an_organization_gets_what_it_asks_for, proof)
    # `sam` takes nothing for a value only in quotes.
    usual = dict.fromkeys(ASKED, '""') | {"RolePath": "/"}
    step("deploy with default parameters", proof.deploy, Functions="all", **usual)
    # An alarm that rings once stays on for the rest of the run, so people listen from here on.
    step("subscribe", proof.subscribe)
    for each in WITH_DEFAULTS:
        step(each.__doc__, each, proof)
    changed = {
        "Mode": "enforce",
        "AllowDelete": "true",
        "ReplicaDefaults": ESCAPED_DEFAULTS,
        "SourceOrganization": ORGANIZATION["id"],
        "SourceAccounts": LISTED,
    }
    step("deploy with every trigger, enforcing", proof.deploy, **changed, **ENABLED)
    for each in WITH_EVERYTHING:
        step(each.__doc__, each, proof)
    return 1 + len(WITH_DEFAULTS) + len(WITH_EVERYTHING)


def step(what: str, do, *arguments, **more) -> None:
    print(f"  {what.splitlines()[0]}", flush=True)
    started = time.monotonic()
    do(*arguments, **more)
    print(f"      {time.monotonic() - started:.1f} s", flush=True)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--template", "--architecture", "--sam", "--local"):
        arguments.add_argument(name, required=True)
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="drover-") as folder, running(given.local, world(), Path(folder)) as machine:
        count = prove(Proof(machine, given.sam, given.template, given.architecture))
    print(f"{count} proofs hold")
    return 0


def answers(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


if __name__ == "__main__":
    sys.exit(main())
