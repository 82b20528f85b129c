"""The sandbox account: what is made in it, and how all of that goes away again.

Everything has a name that begins with `drover-acceptance-` and the Region, or a tag that says so, so that it is found
without a list of what was made: a run that was killed leaves nothing that the next one cannot remove, and a run in another
Region is no part of it.
"""

import contextlib
import json
import subprocess
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

ROOT = Path(__file__).resolve().parents[2]
# The key of the tag on what is made, and on source servers that are offered.
TAG_KEY = "drover:acceptance"
# What a source server is offered for.
OFFERS = ("disconnect", "delete")
# The approval that is set on servers which are offered, and what a probe sets on them.
CHANGE, PROBE_TAG = "ACCEPTANCE", "drover:acceptance-probe"
# The time between two looks, of which so many make a minute.
LOOKS_PER_MINUTE = 4
# Nothing can be removed any more.
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException")
# What AWS keeps, or makes by itself, and no call here removes.
OUTLASTS = (
    "the KMS key of the notifications' topic, which is deleted after seven days and costs nothing until then",
    "what DRS made for a server that was disconnected, which it removes within 90 minutes: look for EBS volumes and "
    "snapshots with the tag AWSElasticDisasterRecoveryManaged two hours later",
    "recovery points of AWS Backup, if AWS backed a replica up while it existed: `aws backup "
    "list-recovery-points-by-backup-vault --backup-vault-name aws/efs/automatic-backup-vault` in both Regions",
    "the service-linked roles of EFS, and the resource policy that CloudWatch Logs has for Step Functions",
)


class Failed(Exception):
    """Something is not as it must be."""


class NotShown(Exception):
    """This account does not have what is needed to see it."""


def expect(holds: bool, what: str, seen="") -> None:
    if not holds:
        raise Failed(f"{what}: {seen if isinstance(seen, str) else json.dumps(seen, default=str)}")


def code_of(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def all_of(client, operation: str, member: str, **parameters) -> list:
    """Every item of a list, of every page."""
    if client.can_paginate(operation):
        pages = client.get_paginator(operation).paginate(**parameters)
        return [each for page in pages for each in page.get(member) or []]
    found, token = [], {}
    while True:
        page = getattr(client, operation)(**parameters, **token)
        found += page.get(member) or []
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


class Sandbox:
    """One account, the Region that drover stands in, and the Region of its replicas."""

    def __init__(self, account: str, region: str, replica_region: str, look_seconds: float):
        self.account, self.region, self.replica_region = account, region, replica_region
        self.look_seconds = look_seconds
        # What all names begin with. The longest function's leaves 38 characters for it.
        self.name = f"drover-acceptance-{region}"
        self.tag = {"Key": TAG_KEY, "Value": f"made-{region}"}
        self.outputs: dict[str, str] = {}

    def client(self, service: str, region: str = "", credentials: dict | None = None):
        given = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        } if credentials else {}
        config = Config(retries={"mode": "standard"}, read_timeout=120)
        return boto3.client(service, region_name=region or self.region, config=config, **given)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def wait(self, what: str, look, minutes: float):
        """Looks until there is an answer that counts as true, and returns it."""
        for _ in range(max(2, round(minutes * LOOKS_PER_MINUTE))):
            seen = look()
            if seen:
                return seen
            time.sleep(self.look_seconds)
        raise Failed(f"{what}: not within {minutes:g} minutes")

    # ---- what is made

    def deploy(self, sam: str, template: str, **parameters) -> None:
        """Deploys the stack, or changes its parameters."""
        self.make_bucket()
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        command = [sam, "deploy", "--template", template, "--stack-name", self.name, "--s3-bucket", self.bucket(),
                   "--region", self.region, "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset",
                   "--no-fail-on-empty-changeset", "--no-progressbar", "--tags", f"{self.tag['Key']}={self.tag['Value']}",
                   "--parameter-overrides", *overrides]  # fmt: skip
        # In a session of its own: a Ctrl-C is for this program, which then ends it.
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as child:
            try:
                said, _ = child.communicate()
            except BaseException:
                child.terminate()
                raise
        expect(child.returncode == 0, "sam deploy", said[-3000:])
        stack = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    def bucket(self) -> str:
        return f"{self.name}-{self.account}"

    def make_bucket(self) -> None:
        where = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        more = {"CreateBucketConfiguration": where} if where else {}
        with contextlib.suppress(self.client("s3").exceptions.BucketAlreadyOwnedByYou):
            self.client("s3").create_bucket(Bucket=self.bucket(), **more)

    def make_file_system(self, name: str) -> str:
        """An empty file system, which can be used once this returns."""
        efs = self.client("efs")
        tags = [self.tag, {"Key": "Name", "Value": f"{self.name}-{name}"}]
        made = efs.create_file_system(CreationToken=f"{self.name}-{name}", Encrypted=True, Backup=False, Tags=tags)
        identifier = made["FileSystemId"]
        state = lambda: efs.describe_file_systems(FileSystemId=identifier)["FileSystems"][0]["LifeCycleState"]  # noqa: E731
        self.wait("the file system is available", lambda: state() == "available", 5)
        return identifier

    def make_queue(self, name: str, *services: str) -> tuple[str, str]:
        """A queue to which these services may send; its URL and its ARN."""
        sqs, arn = self.client("sqs"), self.arn("sqs", f"{self.name}-{name}")
        allow = {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})

        def made() -> str:
            """A queue of this name may have been deleted within the last minute."""
            with contextlib.suppress(sqs.exceptions.QueueDeletedRecently):
                return sqs.create_queue(QueueName=f"{self.name}-{name}", Attributes={"Policy": policy})["QueueUrl"]
            return ""

        return self.wait("the queue", made, 3), arn

    def make_role(self, name: str, trust: dict, *statements: dict) -> str:
        iam = self.client("iam")
        document = lambda *statements: json.dumps({"Version": "2012-10-17", "Statement": list(statements)})  # noqa: E731
        made = iam.create_role(
            RoleName=f"{self.name}-{name}",
            AssumeRolePolicyDocument=document({"Effect": "Allow", "Action": "sts:AssumeRole", **trust}),
        )
        iam.put_role_policy(
            RoleName=f"{self.name}-{name}",
            PolicyName="probe",
            PolicyDocument=document(*({"Effect": "Allow", **each} for each in statements)),
        )
        return made["Role"]["Arn"]

    def become(self, name: str, *statements: dict) -> dict:
        """Makes a role of this account's own with these permissions, and takes it."""
        role = self.make_role(name, {"Principal": {"AWS": f"arn:aws:iam::{self.account}:root"}}, *statements)

        def assumed() -> dict | None:
            with contextlib.suppress(ClientError):
                return self.client("sts").assume_role(RoleArn=role, RoleSessionName="probe")["Credentials"]
            return None

        return self.wait("the role can be assumed", assumed, 3)

    # ---- what is there

    def stack_status(self) -> str:
        try:
            return self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]
        except ClientError as error:
            if "does not exist" in str(error):
                return ""
            raise

    def file_systems(self, region: str) -> list[str]:
        found = all_of(self.client("efs", region), "describe_file_systems", "FileSystems")
        return [each["FileSystemId"] for each in found if self.tag in each.get("Tags", [])]

    def replica_of(self, source: str) -> dict | None:
        """The destination of a file system's replication."""
        efs = self.client("efs")
        try:
            found = efs.describe_replication_configurations(FileSystemId=source)["Replications"]
        except (efs.exceptions.ReplicationNotFound, efs.exceptions.FileSystemNotFound):
            return None
        return found[0]["Destinations"][0] if found else None

    def servers(self) -> list[dict]:
        return all_of(self.client("drs"), "describe_source_servers", "items")

    def offered(self) -> list[dict]:
        """The source servers that their tag offers, and which nothing speaks for keeping; first those to disconnect only."""
        found = [each for each in self.servers() if each.get("tags", {}).get(TAG_KEY) in OFFERS]
        usable = [each for each in found if not self.kept(each)]
        return sorted(usable, key=lambda each: (OFFERS.index(each["tags"][TAG_KEY]), each["sourceServerID"]))

    def kept(self, server: dict) -> str:
        """Why a server must not be worked on, or cannot be."""
        drs, identifier = self.client("drs"), server["sourceServerID"]
        if server.get("tags", {}).get(TAG_KEY) not in OFFERS:
            return "it is not offered any more"
        if any(key.lower() == "drover:protected" for key in server["tags"]):
            return "it is protected"
        if state_of(server) in ("DISCONNECTED", ""):
            return "it is disconnected"
        if all_of(drs, "describe_recovery_instances", "items", filters={"sourceServerIDs": [identifier]}):
            return "it has a recovery instance"
        jobs = [each for each in all_of(drs, "describe_jobs", "items") if each.get("status") != "COMPLETED"]
        if any(each.get("sourceServerID") == identifier for job in jobs for each in job.get("participatingServers", [])):
            return "a job works on it"
        return ""

    # ---- how it goes away

    def kinds(self) -> dict:
        """What may be left, in the order in which it is removed: how it is found, and how one of it is removed."""
        kinds = {
            "stack": (lambda: [self.name] if self.stack_status() else [], self.remove_stack),
            "instance": (self.instances, lambda each: self.client("ec2").terminate_instances(InstanceIds=[each])),
            "tag of a source server": (self.tagged_servers, self.remove_tags),
            "replication": (lambda: list(filter(self.replica_of, self.file_systems(self.region))), self.remove_replication),
        }
        for region in (self.region, self.replica_region):
            kinds[f"mount target in {region}"] = self.mount_targets(region)
            kinds[f"file system in {region}"] = (
                lambda region=region: self.file_systems(region),
                lambda each, region=region: self.client("efs", region).delete_file_system(FileSystemId=each),
            )
        kinds |= {
            "rule": (self.rules, self.remove_rule),
            "event bus": (self.buses, lambda each: self.client("events").delete_event_bus(Name=each)),
            "topic": (self.topics, lambda each: self.client("sns").delete_topic(TopicArn=each)),
            "queue": (self.queues, lambda each: self.client("sqs").delete_queue(QueueUrl=each)),
            "state machine": (
                self.machines,
                lambda each: self.client("stepfunctions").delete_state_machine(stateMachineArn=each),
            ),
            "log group": (self.log_groups, lambda each: self.client("logs").delete_log_group(logGroupName=each)),
            "role": (self.roles, self.remove_role),
            "AppConfig application": (self.applications, self.remove_application),
            "bucket": (self.buckets, self.remove_bucket),
        }
        return kinds

    def left(self) -> list[str]:
        """What is there of this, and what of it is not known."""
        left = []
        for kind, (find, _) in self.kinds().items():
            try:
                left += [f"{kind} {each}" for each in find()]
            except (ClientError, BotoCoreError) as error:
                left.append(f"{kind}: not known, {error}")
        return left

    def remove(self, say) -> list[str]:
        """Removes everything, and answers what is left: what could not be removed within an hour."""
        refusals: dict[str, str] = {}

        def refused(what: str, error: Exception) -> None:
            refusals[what] = str(error)
            if isinstance(error, ClientError) and code_of(error) in EXPIRED:
                raise Failed(str(error)) from error

        def round_of_removals() -> bool:
            """Removes what can be removed now. What waits for something else has its turn in the next round."""
            clean = True
            for kind, (find, remove) in self.kinds().items():
                found = []
                try:
                    found = find()
                except (ClientError, BotoCoreError) as error:
                    clean = False
                    refused(kind, error)
                for each in found:
                    clean = False
                    try:
                        remove(each)
                    except (ClientError, BotoCoreError) as error:
                        refused(f"{kind} {each}", error)
                if kind == "stack" and not clean:
                    # Its resources are its own until it is gone.
                    return False
            return clean

        try:
            self.wait("removed", round_of_removals, 60)
            return []
        except Failed:
            left = self.left()
            for each in left:
                say(f"  left: {each}: {refusals.get(each, 'it is being deleted')}")
            return left

    def remove_stack(self, name: str) -> None:
        # CloudFormation deletes no stack that is being updated; the next round asks again.
        self.stop_machines()
        if self.stack_status() not in ("DELETE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"):
            self.client("cloudformation").delete_stack(StackName=name)

    def stop_machines(self) -> None:
        """Ends the executions that wait: a state machine is not gone before they are."""
        states = self.client("stepfunctions")
        for machine in self.machines():
            for each in all_of(states, "list_executions", "executions", stateMachineArn=machine, statusFilter="RUNNING"):
                states.stop_execution(executionArn=each["executionArn"])

    def instances(self) -> list[str]:
        wanted = [{"Name": f"tag:{self.tag['Key']}", "Values": [self.tag["Value"]]}]
        groups = all_of(self.client("ec2"), "describe_instances", "Reservations", Filters=wanted)
        found = [each for group in groups for each in group["Instances"]]
        return [each["InstanceId"] for each in found if each["State"]["Name"] not in ("shutting-down", "terminated")]

    def tagged_servers(self) -> list[str]:
        """Servers with an approval or a tag of ours, by ARN."""
        try:
            servers = self.servers()
        except EndpointConnectionError:
            # DRS is not in this Region.
            return []
        except ClientError as error:
            if code_of(error) != "UninitializedAccountException":
                raise
            return []
        ours = lambda tags: tags.get("drover:approved") == CHANGE or PROBE_TAG in tags  # noqa: E731
        return [each["arn"] for each in servers if ours(each.get("tags", {}))]

    def remove_tags(self, arn: str) -> None:
        self.client("drs").untag_resource(resourceArn=arn, tagKeys=["drover:approved", PROBE_TAG])

    def remove_replication(self, source: str) -> None:
        replica = self.replica_of(source)
        # A replica is told from others by its tag alone, once its replication is gone.
        if replica and replica["Region"] == self.replica_region:
            self.client("efs", replica["Region"]).tag_resource(ResourceId=replica["FileSystemId"], Tags=[self.tag])
        if replica and replica["Status"] != "DELETING":
            self.client("efs").delete_replication_configuration(SourceFileSystemId=source)

    def mount_targets(self, region: str) -> tuple:
        efs = self.client("efs", region)

        def find() -> list[str]:
            of = lambda each: all_of(efs, "describe_mount_targets", "MountTargets", FileSystemId=each)  # noqa: E731
            return [target["MountTargetId"] for each in self.file_systems(region) for target in of(each)]

        return find, lambda each: efs.delete_mount_target(MountTargetId=each)

    def buses(self) -> list[str]:
        found = all_of(self.client("events"), "list_event_buses", "EventBuses", NamePrefix=self.name)
        return [each["Name"] for each in found if each["Name"] == self.name]

    def rules(self) -> list[tuple[str, str]]:
        events = self.client("events")
        of = lambda bus: all_of(events, "list_rules", "Rules", EventBusName=bus)  # noqa: E731
        return [(bus, each["Name"]) for bus in self.buses() for each in of(bus)]

    def remove_rule(self, rule: tuple[str, str]) -> None:
        events, (bus, name) = self.client("events"), rule
        targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
        if targets:
            events.remove_targets(Rule=name, EventBusName=bus, Ids=[each["Id"] for each in targets])
        events.delete_rule(Name=name, EventBusName=bus)

    def is_ours(self, name: str) -> bool:
        """Whether a name is that of the stack, or begins with it and a hyphen."""
        return name == self.name or name.startswith(f"{self.name}-")

    def topics(self) -> list[str]:
        found = [each["TopicArn"] for each in all_of(self.client("sns"), "list_topics", "Topics")]
        return [each for each in found if self.is_ours(each.rsplit(":", 1)[1])]

    def queues(self) -> list[str]:
        return all_of(self.client("sqs"), "list_queues", "QueueUrls", QueueNamePrefix=f"{self.name}-", MaxResults=1000)

    def machines(self) -> list[str]:
        found = all_of(self.client("stepfunctions"), "list_state_machines", "stateMachines")
        return [each["stateMachineArn"] for each in found if self.is_ours(each["name"])]

    def log_groups(self) -> list[str]:
        """CloudFormation, Lambda and Step Functions put the name of the stack at different places of theirs."""
        found = [each["logGroupName"] for each in all_of(self.client("logs"), "describe_log_groups", "logGroups")]
        return [each for each in found if any(map(self.is_ours, each.split("/")))]

    def roles(self) -> list[str]:
        found = [each["RoleName"] for each in all_of(self.client("iam"), "list_roles", "Roles")]
        return list(filter(self.is_ours, found))

    def remove_role(self, name: str) -> None:
        iam = self.client("iam")
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)

    def applications(self) -> list[str]:
        found = all_of(self.client("appconfig"), "list_applications", "Items")
        return [each["Id"] for each in found if self.is_ours(each["Name"])]

    def remove_application(self, identifier: str) -> None:
        config = self.client("appconfig")
        for profile in config.list_configuration_profiles(ApplicationId=identifier)["Items"]:
            named = {"ApplicationId": identifier, "ConfigurationProfileId": profile["Id"]}
            for each in config.list_hosted_configuration_versions(**named)["Items"]:
                config.delete_hosted_configuration_version(**named, VersionNumber=each["VersionNumber"])
            config.delete_configuration_profile(**named)
        config.delete_application(ApplicationId=identifier)

    def buckets(self) -> list[str]:
        """That of the code, and that of the stack's fleets."""
        found = [each["Name"] for each in all_of(self.client("s3"), "list_buckets", "Buckets")]
        return [each for each in found if each == self.bucket() or each.startswith(f"{self.name}-fleets-")]

    def remove_bucket(self, name: str) -> None:
        s3 = self.client("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                s3.delete_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])
        s3.delete_bucket(Bucket=name)


def state_of(server: dict) -> str:
    return server.get("dataReplicationInfo", {}).get("dataReplicationState", "")
