"""What only an account can tell: the list of docs/reference.md, each entry with the probe that asks AWS.

An answer is a sentence, and where the emulator has a switch for it, the value of that switch. What fails for another
reason than the one that is asked about is no answer: a control tells the two apart, and the entry stays open, with why.
"""

import contextlib
import json
import re
from dataclasses import dataclass

from botocore.exceptions import ClientError
from sandbox import OFFERS, PROBE_TAG, ROOT, TAG_KEY, Failed, NotShown, Sandbox, all_of, code_of, state_of

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
    """What AWS answered to an entry of the list, or why the entry is still open."""

    entry: str
    answer: str
    switches: dict | None = None
    is_open: bool = False


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


def still_open(begins: str, why: str) -> Answer:
    return Answer(entry(begins), why, is_open=True)


def by_code(begins: str, name: str, code: str, meanings: dict, what: str = "") -> Answer:
    """The answer that a code is. One that nobody thought of is none."""
    said = f"{what}{code or 'it succeeds'}"
    return answered(begins, said, **{name: meanings[code]}) if code in meanings else still_open(begins, said)


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


# ---------------------------------------------------------------------------- source servers


def of_source_servers(sandbox: Sandbox, disconnected: str, servers: list[dict]):
    """Asks DRS: about the server that drover has disconnected, and with the other ones that are offered."""
    drs = sandbox.client("drs")
    conflict = {"": "ok", "ConflictException": "conflict"}

    if disconnected:
        code = outcome(drs.disconnect_source_server, sourceServerID=disconnected)
        yield by_code("secondDisconnect", "secondDisconnect", code, conflict)

    server = still_offered(sandbox, servers)
    answer = yield from disconnect_by_tag(sandbox, server)
    if not answer:
        answer = drs.disconnect_source_server(sourceServerID=server["sourceServerID"])
    state = state_of(answer)
    if state:
        before = state != "DISCONNECTED"
        yield answered("disconnectAnswersAsBefore", f"{state} in the answer", disconnectAnswersAsBefore=before)
    else:
        yield still_open("disconnectAnswersAsBefore", "the answer has no state")

    if server["tags"][TAG_KEY] == "delete":
        code = outcome(drs.delete_source_server, sourceServerID=server["sourceServerID"])
        meanings = {"": "ok", "ConflictException": "conflict"}
        yield by_code("deleteBeforeCleanup", "deleteBeforeCleanup", code, meanings)
    else:
        yield still_open("deleteBeforeCleanup", "no further source server is offered for `delete`")


def still_offered(sandbox: Sandbox, servers: list[dict]) -> dict:
    """One of the servers, as it is now: an hour has passed since they were read. Preferably one whose record may go."""
    wanted = {each["sourceServerID"] for each in servers}
    now = [each for each in sandbox.offered() if each["sourceServerID"] in wanted]
    if not now:
        raise NotShown(f"no further source server has the tag {TAG_KEY} with the value {' or '.join(OFFERS)}")
    return now[-1]


def disconnect_by_tag(sandbox: Sandbox, server: dict):
    """Disconnects a server by a role that needs a tag: right after the tag was removed, and if that is denied, with it.

    Returns DRS's answer, or nothing if the server is not disconnected yet.
    """
    owner, arn, identifier = sandbox.client("drs"), server["arn"], server["sourceServerID"]
    entry = "Are tag conditions of DRS evaluated"
    needs = {"StringEquals": {f"aws:ResourceTag/{PROBE_TAG}": "yes"}}
    credentials = sandbox.become(
        "probe-tag",
        {"Action": ["drs:DisconnectSourceServer", "drs:UntagResource"], "Resource": arn, "Condition": needs},
    )
    drs = sandbox.client("drs", credentials=credentials)

    def may_untag() -> bool:
        """The role works once it may remove the tag, which it may as long as the tag counts."""
        owner.tag_resource(resourceArn=arn, tags={PROBE_TAG: "yes"})
        return not outcome(drs.untag_resource, resourceArn=arn, tagKeys=[PROBE_TAG])

    sandbox.wait("the role works", may_untag, 3)
    try:
        answer = drs.disconnect_source_server(sourceServerID=identifier)
        yield answered(entry, "allowed: the tag that was just removed still counted, or no tag counts")
        return answer
    except ClientError as error:
        without = code_of(error)

    # Whether it is the tag that is missing, and not another permission.
    owner.tag_resource(resourceArn=arn, tags={PROBE_TAG: "yes"})
    try:
        answer = drs.disconnect_source_server(sourceServerID=identifier)
    except ClientError as error:
        yield still_open(entry, f"{without} without the tag, and {code_of(error)} with it")
        return None
    said = f"{without} right after the tag was removed, and allowed with it"
    yield answered(entry, said) if denied(without) else still_open(entry, said)
    return answer


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
    writes = {sandbox.replica_of(source)["Status"]: written(far, replica, "first")}
    status = sandbox.replica_of(source)["Status"]
    mounted = outcome(far.create_mount_target, FileSystemId=replica, SubnetId=subnet) if subnet else "no default subnet"
    far.tag_resource(ResourceId=replica, Tags=[sandbox.tag])

    code = outcome(efs.create_replication_configuration, **ask)
    yield by_code("secondReplication", "secondReplication", code, refusals, "a second one: ")
    destination = [{"Region": sandbox.region, "FileSystemId": other}]
    code = outcome(efs.create_replication_configuration, SourceFileSystemId=again, Destinations=destination)
    yield by_code("protectedDestination", "protectedDestination", code, refusals, "onto a protected one: ")

    first = sandbox.wait("the replication is ENABLED", lambda: enabled(sandbox, source), 60)
    if "LastReplicatedTimestamp" in first:
        yield still_open("enabledAfterFirstSync", "an empty file system is synced as soon as it is ENABLED")
    else:
        yield answered("enabledAfterFirstSync", "no: it is ENABLED before", enabledAfterFirstSync=False)

    writes["ENABLED"] = written(far, replica, "second")
    yield from of_writes(writes, status, mounted)

    backup = has_backups(far, replica)
    yield answered("backupOnRegionalReplica", "yes" if backup else "no", backupOnRegionalReplica=backup)


def written(far, replica: str, name: str) -> set[str]:
    """The codes with which EFS refuses to change a replica."""
    policies = [{"TransitionToIA": "AFTER_30_DAYS"}]
    return {
        outcome(far.put_lifecycle_configuration, FileSystemId=replica, LifecyclePolicies=policies),
        outcome(far.create_access_point, FileSystemId=replica, ClientToken=f"{name}-{replica}"),
    }


def of_writes(writes: dict[str, set[str]], status: str, mounted: str):
    """What a replica that is ENABLING, and one that is ENABLED, lets be changed."""
    conflict = {"": "ok", "IncorrectFileSystemLifeCycleState": "conflict"}
    said = lambda codes: " and ".join(code or "it succeeds" for code in sorted(codes))  # noqa: E731
    seen = "; ".join(f"{state}: {said(codes)}" for state, codes in writes.items())
    codes = set().union(*writes.values())
    if writes.keys() >= {"ENABLING", "ENABLED"} and len(codes) == 1:
        yield by_code("writesWhileReplicating", "writesWhileReplicating", codes.pop(), conflict, f"{seen}. ")
    else:
        yield still_open("writesWhileReplicating", seen)

    if status == "ENABLING":
        yield by_code("mountTargetsWhileEnabling", "mountTargetsWhileEnabling", mounted, conflict, "ENABLING: ")
    else:
        yield still_open("mountTargetsWhileEnabling", f"{status}: {mounted or 'it succeeds'}")


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
    entry = "Which Region does `aws:RequestedRegion` hold"

    code = replicates(sandbox, "region", efs | here, everything)
    if not code:
        yield answered(entry, "a role that is allowed in the source's Region alone created a replica elsewhere")
    elif not denied(code):
        yield still_open(entry, code)
    elif control := replicates(sandbox, "both-regions", efs | here_and_there, everything):
        yield still_open(entry, f"{code} for the source's Region alone, and {control} for both")
    else:
        yield answered(entry, "the replica's: a role for the source's Region was denied, and one for both was not")

    entry = "Is creating a replication allowed on the source's ARN alone"
    source = sandbox.make_file_system("destination")
    arn = sandbox.arn("elasticfilesystem", f"file-system/{source}")
    create = lambda resource: {"Action": "elasticfilesystem:CreateReplicationConfiguration", "Resource": resource}  # noqa: E731, E501
    rest = {"Action": ["elasticfilesystem:CreateFileSystem", "elasticfilesystem:Describe*"], "Resource": "*"}
    code = replicates(sandbox, "destination", create(arn), rest, everything, source=source)
    if not code:
        yield answered(entry, "the source's ARN is enough")
    elif not denied(code):
        yield still_open(entry, code)
    elif control := replicates(sandbox, "any-destination", create("*"), rest, everything):
        yield still_open(entry, f"{code} on the source's ARN, and {control} on every ARN")
    else:
        yield answered(entry, "denied on the source's ARN alone, and allowed on every ARN")


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
    events = sandbox.client("events")
    bus, name = sandbox.name, f"{sandbox.name}-probe-topic"
    sns, sqs, rule = sandbox.client("sns"), sandbox.client("sqs"), rule_for(sandbox, "probe-topic")
    topic = sns.create_topic(Name=f"{sandbox.name}-probe")["TopicArn"]
    url, queue = sandbox.make_queue("probe-topic", "sns.amazonaws.com")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "probe", "Arn": topic}])

    def arrives_with(condition: dict) -> bool:
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish",
                 "Resource": topic, **condition}  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        return sent_arrives(sandbox, "probe-topic", lambda: sqs.receive_message(QueueUrl=url).get("Messages"))

    of_rule = {"Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
    yield passed("Does EventBridge pass the rule's ARN to a topic's policy", arrives_with, of_rule)

    rule = rule_for(sandbox, "probe-role")
    states, machine = sandbox.client("stepfunctions"), make_machine(sandbox, "probe-role", {"Type": "Succeed"})

    def starts_with(condition: dict) -> bool:
        trust = {"Principal": {"Service": "events.amazonaws.com"}, **condition}
        may_start = {"Action": "states:StartExecution", "Resource": machine}
        role = sandbox.make_role("probe-any-rule" if not condition else "probe-rule", trust, may_start)
        target = {"Id": "probe", "Arn": machine, "RoleArn": role}
        events.put_targets(Rule=f"{sandbox.name}-probe-role", EventBusName=bus, Targets=[target])
        started = lambda: all_of(states, "list_executions", "executions", stateMachineArn=machine)  # noqa: E731
        return sent_arrives(sandbox, "probe-role", started)

    of_rule = {"Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
    yield passed("Does EventBridge pass the rule's ARN when it assumes the role", starts_with, of_rule)

    source = {"StringEquals": {"events:source": "com.example.cmdb"}}
    role = sandbox.become("probe-source", {"Action": "events:PutEvents", "Resource": "*", "Condition": source})
    theirs = sandbox.client("events", credentials=role)
    one = lambda source: {"Source": source, "DetailType": "probe", "Detail": "{}", "EventBusName": bus}  # noqa: E731
    until_allowed(sandbox, theirs.put_events, Entries=[one("com.example.cmdb")])
    entry = "Is `events:source` of a call with several events"
    try:
        answer = theirs.put_events(Entries=[one("com.example.cmdb"), one("com.example.other")])
        codes = [each.get("ErrorCode", "accepted") for each in answer["Entries"]]
        yield answered(entry, f"by event: {', '.join(codes)}")
    except ClientError as error:
        said = f"the call as a whole: {code_of(error)}"
        yield answered(entry, said) if denied(code_of(error)) else still_open(entry, said)


def passed(entry: str, arrives_with, condition: dict) -> Answer:
    """Whether an event arrives with a condition; if not, whether it does without."""
    if arrives_with(condition):
        return answered(entry, "yes")
    if arrives_with({}):
        return answered(entry, "no: nothing arrived in five minutes with the condition, and something did without it")
    return still_open(entry, "nothing arrived in five minutes, with the condition and without it")


def rule_for(sandbox: Sandbox, name: str) -> str:
    pattern, bus = json.dumps({"source": [f"{sandbox.name}.{name}"]}), sandbox.name
    made = sandbox.client("events").put_rule(Name=f"{bus}-{name}", EventBusName=bus, EventPattern=pattern)
    return made["RuleArn"]


def sent_arrives(sandbox: Sandbox, name: str, arrives) -> bool:
    """Whether an event for a rule arrives, sent again at each look: a new rule takes a while."""
    events, bus = sandbox.client("events"), sandbox.name
    sent = {"Source": f"{bus}.{name}", "DetailType": "probe", "Detail": "{}", "EventBusName": bus}

    def look():
        events.put_events(Entries=[sent])
        return arrives()

    with contextlib.suppress(Failed):
        return bool(sandbox.wait("the event", look, 5))
    return False


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
            made.update(states.create_state_machine(name=f"{sandbox.name}-{name}", definition=definition, roleArn=role, **more))
        except states.exceptions.ClientError as error:
            made["error"] = str(error)
        return "stateMachineArn" in made

    with contextlib.suppress(Failed):
        return sandbox.wait("the state machine", is_made, 2) and made["stateMachineArn"]
    raise Failed(f"the state machine: {made['error']}")


def of_logs_and_settings(sandbox: Sandbox):
    """Asks CloudWatch Logs and AppConfig."""
    logs, states, config = (sandbox.client(name) for name in ("logs", "stepfunctions", "appconfig"))

    def is_written(log_class: str) -> bool:
        """Whether the log of a machine arrives in a group of this class."""
        group = f"/aws/vendedlogs/states/{sandbox.name}-{log_class.lower()}"
        logs.create_log_group(logGroupName=group, logGroupClass=log_class)
        destination = {"logGroupArn": sandbox.arn("logs", f"log-group:{group}:*")}
        logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": destination}]}
        # Step Functions makes a stream by itself to try the delivery.
        streams = lambda: all_of(logs, "describe_log_streams", "logStreams", logGroupName=group)  # noqa: E731
        written = lambda: [each for each in streams() if "validate_log_delivery" not in each["logStreamName"]]  # noqa: E731, E501
        with contextlib.suppress(Failed):
            machine = make_machine(sandbox, log_class.lower(), {"Type": "Fail"}, loggingConfiguration=logging)
            states.start_execution(stateMachineArn=machine)
            return bool(sandbox.wait("the log", written, 5))
        return False

    entry = "Does a log group of the class INFREQUENT_ACCESS"
    if is_written("INFREQUENT_ACCESS"):
        yield answered(entry, "yes")
    elif is_written("STANDARD"):
        yield answered(entry, "no: nothing in five minutes, where STANDARD has a log")
    else:
        yield still_open(entry, "nothing in five minutes, in a group of the class STANDARD either")

    application = config.create_application(Name=f"{sandbox.name}-probe")["Id"]
    profile = config.create_configuration_profile(ApplicationId=application, Name="probe", LocationUri="hosted")["Id"]
    named = {"ApplicationId": application, "ConfigurationProfileId": profile}
    publish = lambda: config.create_hosted_configuration_version(**named, Content=b"{}", ContentType="application/json")  # noqa: E731, E501
    publish()
    last = publish()["VersionNumber"]
    config.delete_hosted_configuration_version(**named, VersionNumber=last)
    said = "yes, the number of the latest" if publish()["VersionNumber"] == last else "no, a new one"
    yield answered("Does AppConfig give a number again", said)
