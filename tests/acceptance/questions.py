"""What only an account can tell: the list of docs/reference.md, each entry with the probe that asks AWS.

An answer is a sentence, and where the emulator has a switch for it, the value of that switch.
"""

import contextlib
import json
import re
from dataclasses import dataclass

from botocore.exceptions import ClientError
from sandbox import CHANGE, NAME, PROBE_TAG, ROOT, TAG, Failed, NotShown, Sandbox, code_of, state_of

LIST = ROOT / "docs/reference.md"
# The entries that are not asked, each by the words with which it begins, and why.
NOT_ASKED = {
    "disconnectExtended": "another account must share a source server",
    "disconnectDuringJob": "a drill launches an instance, which costs more than all of this",
    "disconnectWithRecoveryInstance": "a drill launches an instance, which costs more than all of this",
    "How many calls a second": "it would throttle whatever else uses DRS in the account",
    "Do EventBridge and CloudWatch pass their source to a topic's key": "a key stays for seven days after its deletion",
    "What do `events:source`, `events:detail-type`": "it takes a second account",
    "Does EventBridge need a customer's key": "a key stays for seven days after its deletion",
    "Can a queue change from its own key": "a key stays for seven days after its deletion",
}


@dataclass
class Answer:
    """What AWS answered to an entry of the list."""

    entry: str
    answer: str
    switches: dict | None = None


def entries() -> list[str]:
    """The list, an entry a line, without its probes."""
    section = LIST.read_text().split("## What only an account can tell", 1)[1].split("\n## ", 1)[0]
    return [line.removeprefix("- ").split(" *Probe:*")[0] for line in re.findall(r"^- .*$", section, re.M)]


def entry(begins: str) -> str:
    """The entry that begins so, or which one of its switches names."""
    found = [each for each in entries() if each.startswith(begins) or f"`{begins}`" in each.split(":")[0]]
    if len(found) != 1:
        raise LookupError(f"{begins!r} names {len(found)} entries of docs/reference.md")
    return found[0]


def answered(begins: str, answer: str, **switches) -> Answer:
    return Answer(entry(begins), answer, switches or None)


def outcome(call, **parameters) -> str:
    """The code of a call's error, or nothing if it succeeds."""
    try:
        call(**parameters)
    except ClientError as error:
        return code_of(error)
    return ""


def denied(code: str) -> bool:
    return code in ("AccessDenied", "AccessDeniedException", "NotAuthorized")


def until_allowed(sandbox: Sandbox, call, **parameters) -> None:
    """Repeats a call that a new role may make: IAM takes a while to know a policy, and denies everything until then."""
    sandbox.wait("the new role may do what it may", lambda: not denied(outcome(call, **parameters)), 3)


def as_switch(code: str, refusals: dict, name: str) -> dict:
    """The switch that a code sets. A code that nobody thought of sets none, and is in the answer."""
    return {name: refusals[code]} if code in refusals else {}


# ---------------------------------------------------------------------------- source servers


def of_source_servers(sandbox: Sandbox, disconnected: str, servers: list[dict]):
    """Asks DRS: about the server that drover has disconnected, and with the other ones that are offered."""
    drs = sandbox.client("drs")
    conflict = {"": "ok", "ConflictException": "conflict"}

    if disconnected:
        code = outcome(drs.disconnect_source_server, sourceServerID=disconnected)
        yield answered("secondDisconnect", code or "it succeeds", **as_switch(code, conflict, "secondDisconnect"))

    if not servers:
        raise NotShown(f"no further source server has the tag {TAG['Key']} with the value disconnect or delete")
    server = servers[0]
    code, answer = disconnect_without_tag(sandbox, server)
    said = "denied" if denied(code) else code or "allowed: the tag that was removed still counted, or no tag counts"
    yield answered("Are tag conditions of DRS evaluated", said)

    if code:
        answer = drs.disconnect_source_server(sourceServerID=server["sourceServerID"])
    before = state_of(answer) != "DISCONNECTED"
    yield answered("disconnectAnswersAsBefore", f"{state_of(answer)} in the answer", disconnectAnswersAsBefore=before)

    if server["tags"][TAG["Key"]] == "delete":
        code = outcome(drs.delete_source_server, sourceServerID=server["sourceServerID"])
        said = code or "it succeeds; look after two hours whether its staging volumes are gone"
        yield answered("deleteBeforeCleanup", said, **as_switch(code, conflict, "deleteBeforeCleanup"))


def disconnect_without_tag(sandbox: Sandbox, server: dict) -> tuple[str, dict]:
    """Disconnects a server right after its tag was removed, by a role that needs the tag."""
    owner, arn = sandbox.client("drs"), server["arn"]
    needs = {"StringEquals": {f"aws:ResourceTag/{PROBE_TAG}": "yes"}}
    credentials = sandbox.become(
        "probe-tag",
        {"Action": "drs:DisconnectSourceServer", "Resource": arn, "Condition": needs},
        {"Action": "drs:UntagResource", "Resource": arn, "Condition": needs},
    )
    drs = sandbox.client("drs", credentials=credentials)

    def may_untag() -> bool:
        """The role works once it may remove the tag, which it may as long as the tag counts."""
        owner.tag_resource(resourceArn=arn, tags={PROBE_TAG: "yes"})
        return not outcome(drs.untag_resource, resourceArn=arn, tagKeys=[PROBE_TAG])

    sandbox.wait("the role works", may_untag, 3)
    try:
        return "", drs.disconnect_source_server(sourceServerID=server["sourceServerID"])
    except ClientError as error:
        return code_of(error), {}


# ------------------------------------------------------------------------------ file systems


def of_file_systems(sandbox: Sandbox, subnet: str):
    """Asks EFS, with file systems of its own."""
    efs, far = sandbox.client("efs"), sandbox.client("efs", sandbox.replica_region)
    refusals = {"BadRequest": "badRequest", "ConflictException": "conflict"}
    source, other, again = (sandbox.make_file_system(name) for name in ("questions", "protected", "onto-protected"))
    ask = {"SourceFileSystemId": source, "Destinations": [{"Region": sandbox.replica_region}]}
    replica = efs.create_replication_configuration(**ask)["Destinations"][0]["FileSystemId"]

    # First what depends on the state of the replication, which changes by itself.
    available = lambda: far.describe_file_systems(FileSystemId=replica)["FileSystems"][0]["LifeCycleState"]  # noqa: E731
    sandbox.wait("the replica is available", lambda: available() == "available", 30)
    yield from writes(sandbox, source, replica, subnet)
    far.tag_resource(ResourceId=replica, Tags=[TAG])

    code = outcome(efs.create_replication_configuration, **ask)
    yield answered("secondReplication", f"a second one: {code}", **as_switch(code, refusals, "secondReplication"))

    destination = [{"Region": sandbox.region, "FileSystemId": other}]
    code = outcome(efs.create_replication_configuration, SourceFileSystemId=again, Destinations=destination)
    switch = as_switch(code, refusals, "protectedDestination")
    yield answered("protectedDestination", f"onto a protected one: {code}", **switch)

    first = sandbox.wait("the replication is ENABLED", lambda: enabled(sandbox, source), 60)
    if "LastReplicatedTimestamp" in first:
        yield answered("enabledAfterFirstSync", "not settled: an empty file system is synced as soon as it is ENABLED")
    else:
        yield answered("enabledAfterFirstSync", "no: it is ENABLED before", enabledAfterFirstSync=False)

    backup = has_backups(far, replica)
    yield answered("backupOnRegionalReplica", "yes" if backup else "no", backupOnRegionalReplica=backup)


def writes(sandbox: Sandbox, source: str, replica: str, subnet: str):
    """Changes a replica as soon as it is there, and says in which state of its replication that was."""
    far, status = sandbox.client("efs", sandbox.replica_region), sandbox.replica_of(source)["Status"]
    conflict = {"": "ok", "IncorrectFileSystemLifeCycleState": "conflict"}
    policies = [{"TransitionToIA": "AFTER_30_DAYS"}]
    codes = {
        outcome(far.put_lifecycle_configuration, FileSystemId=replica, LifecyclePolicies=policies),
        outcome(far.create_access_point, FileSystemId=replica, ClientToken=f"{NAME}-{replica}"),
    }
    said = f"{status}: {', '.join(code or 'it succeeds' for code in sorted(codes))}"
    switch = as_switch(codes.pop(), conflict, "writesWhileReplicating") if len(codes) == 1 else {}
    yield answered("writesWhileReplicating", said, **switch)

    if subnet:
        code = outcome(far.create_mount_target, FileSystemId=replica, SubnetId=subnet)
        switch = as_switch(code, conflict, "mountTargetsWhileEnabling") if status == "ENABLING" else {}
        yield answered("mountTargetsWhileEnabling", f"{status}: {code or 'it succeeds'}", **switch)


def enabled(sandbox: Sandbox, source: str) -> dict | None:
    replica = sandbox.replica_of(source)
    return replica if replica and replica["Status"] == "ENABLED" else None


def has_backups(efs, identifier: str) -> bool:
    try:
        policy = efs.describe_backup_policy(FileSystemId=identifier)["BackupPolicy"]
    except efs.exceptions.PolicyNotFound:
        return False
    return policy["Status"] in ("ENABLED", "ENABLING")


def of_the_role_of_a_replication(sandbox: Sandbox):
    """Asks IAM, by roles that may create a replication in one way and not in another."""
    everything = {"Action": ["kms:*", "iam:CreateServiceLinkedRole"], "Resource": "*"}
    efs = {"Action": "elasticfilesystem:*", "Resource": "*"}
    here = {"Condition": {"StringEquals": {"aws:RequestedRegion": sandbox.region}}}
    here_and_there = {"Condition": {"StringEquals": {"aws:RequestedRegion": [sandbox.region, sandbox.replica_region]}}}

    code = replicates(sandbox, "region", efs | here, everything)
    if not code:
        said = "that of the source: a role that is allowed there alone created a replica elsewhere"
    elif denied(code) and not replicates(sandbox, "both-regions", efs | here_and_there, everything):
        said = "that of the replica: a role that is allowed at the source alone was denied, and one for both was not"
    else:
        said = f"not known: {code}"
    yield answered("Which Region does `aws:RequestedRegion` hold", said)

    source = sandbox.make_file_system("destination")
    arn = sandbox.arn("elasticfilesystem", f"file-system/{source}")
    code = replicates(
        sandbox,
        "destination",
        {"Action": "elasticfilesystem:CreateReplicationConfiguration", "Resource": arn},
        {"Action": ["elasticfilesystem:CreateFileSystem", "elasticfilesystem:Describe*"], "Resource": "*"},
        everything,
        source=source,
    )
    said = "the source's ARN is enough" if not code else f"{code} with the source's ARN alone"
    yield answered("Is creating a replication allowed on the source's ARN alone", said)


def replicates(sandbox: Sandbox, name: str, *statements: dict, source: str = "") -> str:
    """The code with which a replication of a new file system fails for a role with these permissions."""
    source = source or sandbox.make_file_system(name)
    efs = sandbox.client("efs", credentials=sandbox.become(f"probe-{name}", *statements))
    until_allowed(sandbox, efs.describe_file_systems, FileSystemId=source)
    ask = {"SourceFileSystemId": source, "Destinations": [{"Region": sandbox.replica_region}]}
    return outcome(efs.create_replication_configuration, **ask)


# ------------------------------------------------------------------- events, queues and roles


def of_events(sandbox: Sandbox):
    """Asks EventBridge, with rules on the bus of this acceptance."""
    events, sns, sqs = (sandbox.client(name) for name in ("events", "sns", "sqs"))

    rule = rule_for(sandbox, "probe-topic")
    topic = sns.create_topic(Name=f"{NAME}-probe")["TopicArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish",
             "Resource": topic, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    url, queue = sandbox.make_queue("probe-topic", "sns.amazonaws.com")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    events.put_targets(Rule=f"{NAME}-probe-topic", EventBusName=NAME, Targets=[{"Id": "probe", "Arn": topic}])
    arrives = lambda: sqs.receive_message(QueueUrl=url).get("Messages")  # noqa: E731
    said = "yes" if sent_arrives(sandbox, "probe-topic", arrives) else "no: nothing arrived in five minutes"
    yield answered("Does EventBridge pass the rule's ARN to a topic's policy", said)

    said = "yes" if rule_assumes(sandbox) else "no: nothing was started in five minutes"
    yield answered("Does EventBridge pass the rule's ARN when it assumes the role", said)

    source = {"StringEquals": {"events:source": "com.example.cmdb"}}
    role = sandbox.become("probe-source", {"Action": "events:PutEvents", "Resource": "*", "Condition": source})
    theirs = sandbox.client("events", credentials=role)
    one = lambda source: {"Source": source, "DetailType": "probe", "Detail": "{}", "EventBusName": NAME}  # noqa: E731
    until_allowed(sandbox, theirs.put_events, Entries=[one("com.example.cmdb")])
    try:
        answer = theirs.put_events(Entries=[one("com.example.cmdb"), one("com.example.other")])
        codes = [each.get("ErrorCode", "accepted") for each in answer["Entries"]]
        said = f"by event: {', '.join(codes)}"
    except ClientError as error:
        said = f"the call as a whole: {code_of(error)}"
    yield answered("Is `events:source` of a call with several events", said)


def rule_for(sandbox: Sandbox, name: str) -> str:
    pattern = json.dumps({"source": [f"{NAME}.{name}"]})
    made = sandbox.client("events").put_rule(Name=f"{NAME}-{name}", EventBusName=NAME, EventPattern=pattern)
    return made["RuleArn"]


def sent_arrives(sandbox: Sandbox, name: str, arrives) -> bool:
    """Whether an event for a rule arrives, sent again at each look: a new rule takes a while."""
    events = sandbox.client("events")
    sent = {"Source": f"{NAME}.{name}", "DetailType": "probe", "Detail": "{}", "EventBusName": NAME}

    def look():
        events.put_events(Entries=[sent])
        return arrives()

    with contextlib.suppress(Failed):
        return bool(sandbox.wait("the event", look, 5))
    return False


def rule_assumes(sandbox: Sandbox) -> bool:
    """Whether a rule starts a machine by a role that trusts EventBridge for this rule alone."""
    states, rule = sandbox.client("stepfunctions"), rule_for(sandbox, "probe-role")
    machine = make_machine(sandbox, "probe-role", {"Type": "Succeed"})
    role = sandbox.make_role(
        "probe-rule",
        {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}},
        {"Action": "states:StartExecution", "Resource": machine},
    )
    target = {"Id": "probe", "Arn": machine, "RoleArn": role}
    sandbox.client("events").put_targets(Rule=f"{NAME}-probe-role", EventBusName=NAME, Targets=[target])
    started = lambda: states.list_executions(stateMachineArn=machine)["executions"]  # noqa: E731
    return sent_arrives(sandbox, "probe-role", started)


def make_machine(sandbox: Sandbox, name: str, state: dict, **more) -> str:
    """A state machine of one state, with a role that may write logs."""
    delivery = ["logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
                "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups"]  # fmt: skip
    trust = {"Principal": {"Service": "states.amazonaws.com"}}
    role = sandbox.make_role(f"{name}-machine", trust, {"Action": delivery, "Resource": "*"})
    definition = json.dumps({"StartAt": "Only", "States": {"Only": state}})
    states, made = sandbox.client("stepfunctions"), {}

    def is_made() -> bool:
        """Step Functions may not know a new role yet."""
        try:
            made.update(states.create_state_machine(name=f"{NAME}-{name}", definition=definition, roleArn=role, **more))
        except states.exceptions.ClientError as error:
            made["error"] = str(error)
        return "stateMachineArn" in made

    with contextlib.suppress(Failed):
        return sandbox.wait("the state machine", is_made, 2) and made["stateMachineArn"]
    raise Failed(f"the state machine: {made['error']}")


def of_logs_and_settings(sandbox: Sandbox):
    """Asks CloudWatch Logs and AppConfig."""
    logs, states, config = (sandbox.client(name) for name in ("logs", "stepfunctions", "appconfig"))

    group = f"/aws/vendedlogs/states/{NAME}-probe"
    logs.create_log_group(logGroupName=group, logGroupClass="INFREQUENT_ACCESS")
    arn = sandbox.arn("logs", f"log-group:{group}:*")
    logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]}
    try:
        machine = make_machine(sandbox, "probe-logs", {"Type": "Fail"}, loggingConfiguration=logging)
        states.start_execution(stateMachineArn=machine)
        streams = lambda: logs.describe_log_streams(logGroupName=group)["logStreams"]  # noqa: E731
        # One is made to try the delivery.
        written = lambda: [each for each in streams() if each["logStreamName"] != "log_stream_created_by_aws_to_validate_log_delivery_subscriptions"]  # noqa: E731, E501
        sandbox.wait("the log", written, 5)
        said = "yes"
    except Failed as failure:
        said = f"no: {failure}"
    yield answered("Does a log group of the class INFREQUENT_ACCESS", said)

    application = config.create_application(Name=f"{NAME}-probe")["Id"]
    profile = config.create_configuration_profile(ApplicationId=application, Name="probe", LocationUri="hosted")["Id"]
    named = {"ApplicationId": application, "ConfigurationProfileId": profile}
    publish = lambda: config.create_hosted_configuration_version(**named, Content=b"{}", ContentType="application/json")  # noqa: E731, E501
    publish()
    last = publish()["VersionNumber"]
    config.delete_hosted_configuration_version(**named, VersionNumber=last)
    said = "yes, the number of the latest" if publish()["VersionNumber"] == last else "no, a new one"
    yield answered("Does AppConfig give a number again", said)
