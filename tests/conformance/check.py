"""Checks the emulated account with AWS's own Python client and AWS's own service models.

Usage: check.py PATH-TO-LOCAL PATH-TO-WORKSPACE

Starts `local serve`, calls every operation that it serves, and holds each raw answer against the shape that the
client's model gives for it: unknown members, missing required members, wrong types, values outside an enum, and
errors that the model does not know for the operation.
"""

import base64
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

import constraints
import limits
import moto_efs

# What any operation may answer, whatever its model says: the signature and IAM stand before the service.
OF_EVERY_OPERATION = {"AccessDeniedException", "ExpiredTokenException", "MissingAuthenticationTokenException", "SerializationException", "ThrottlingException", "ValidationException", "503"}

ONE, TWO, LAUNCHED, EXTENDABLE = (f"s-{number:017}" for number in range(1, 5))
INSTANCE, KEPT_INSTANCE = "i-00000000000000001", "i-00000000000000002"

# File systems: two of ours, one without encryption, and one of another account in the Region of the replicas.
SOURCE, PLAIN, FOREIGN = (f"fs-{number:017}" for number in range(1, 4))
ABSENT = "fs-99999999999999999"
FOREIGN_ARN = f"arn:aws:elasticfilesystem:eu-west-1:444455556666:file-system/{FOREIGN}"
ROLE = "arn:aws:iam::111122223333:role/replication"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "elasticfilesystem:*", "Resource": "*"}]})

problems: list[str] = []
called: set[tuple[str, str]] = set()
checks = 0


def check(condition: bool, problem: str) -> None:
    global checks
    checks += 1
    if not condition:
        problems.append(problem)


def check_size(where: str, size: int, shape) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    check((low is None or size >= low) and (high is None or size <= high), f"{where}: {size} is not within {low} and {high}")


def walk(where: str, value, shape) -> None:
    """Compares raw JSON with a shape: what the client would drop without a word is a problem here."""
    kind = shape.type_name
    if kind == "structure":
        check(isinstance(value, dict), f"{where} is not an object")
        absent = [name for name in shape.required_members if shape.members[name].serialization.get("name", name) not in value]
        check(not absent, f"{where} lacks {absent}")
        for name, member in (value or {}).items():
            known = {m.serialization.get("name", n): m for n, m in shape.members.items()}
            check(name in known, f"{where}.{name} is not in the model")
            if name in known:
                walk(f"{where}.{name}", member, known[name])
    elif kind == "list":
        check_size(where, len(value), shape)
        for at, item in enumerate(value):
            walk(f"{where}[{at}]", item, shape.member)
    elif kind == "map":
        check_size(where, len(value), shape)
        for key, item in value.items():
            walk(f"{where}: {key}", key, shape.key)
            walk(f"{where}[{key}]", item, shape.value)
    elif kind in ("timestamp", "double"):
        # DRS has texts where EFS has seconds, which its model calls timestamps.
        check(isinstance(value, (int, float)) and not isinstance(value, bool), f"{where} is not a number: {value!r}")
    elif kind == "string":
        check(isinstance(value, str), f"{where} is not a string: {value!r}")
        check_size(where, len(value), shape)
        if getattr(shape, "enum", None):
            check(value in shape.enum, f"{where}: {value!r} is not one of {shape.enum}")
        # Python's expressions have no Unicode properties; and AWS's own tags are outside the pattern of ours.
        pattern = shape.metadata.get("pattern", "").replace("\\p{L}\\p{Z}\\p{N}", "\\w\\s")
        if pattern and not value.startswith("aws:"):
            check(re.search(pattern, value) is not None, f"{where}: {value!r} does not fit {pattern}")
    elif kind in ("integer", "long"):
        check(isinstance(value, int) and not isinstance(value, bool), f"{where} is not a whole number: {value!r}")
        check_size(where, value, shape)
    elif kind == "boolean":
        check(isinstance(value, bool), f"{where} is not a boolean: {value!r}")


def judge(model, status: int, headers, content: bytes) -> None:
    """Holds a raw answer against the model of its operation: status, headers and body."""
    where = f"{model.service_model.service_name}.{model.name}"
    check("x-amzn-requestid" in headers, f"{where}: the answer has no request ID")
    # JSON 1.1 has the code of an error in its body, and no status in its model.
    version = model.service_model.metadata.get("jsonVersion") if model.service_model.resolved_protocol == "json" else None
    if content:
        wanted = f"application/x-amz-json-{version}" if version else "application/json"
        check(headers.get("content-type") == wanted, f"{where}: the body is not said to be {wanted}")
    if status >= 300:
        error = json.loads(content) if content else {}
        code = headers.get("x-amzn-errortype") or error.pop("__type", str(status))
        modelled = {shape.error_code or shape.name: shape for shape in model.error_shapes}
        check(code in modelled or code in OF_EVERY_OPERATION, f"{where}: {code} is not an error of it")
        if code in modelled and (code, status) != ("ThrottlingException", 400):
            walk(f"{where}: {code}", error, modelled[code])
            unmodelled = (500 if code.startswith("Internal") else 400) if version else None
            wanted = modelled[code].metadata.get("error", {}).get("httpStatusCode", unmodelled)
            check(status == wanted, f"{where}: {code} has status {status}, the model says {wanted}")
        return
    wanted = model.http.get("responseCode", 200)
    check(status == wanted, f"{where}: status {status}, the model says {wanted}")
    if model.output_shape is None or status == 204:
        check(content in (b"", b"{}"), f"{where}: it has no output, and answers {content!r}")
        return
    walk(where, json.loads(content or b"{}"), model.output_shape)


def after_call(http_response, parsed, model, **_) -> None:
    called.add((model.service_model.service_name, model.name))
    where = f"{model.service_model.service_name}.{model.name}"
    if model.name == "Invoke":
        return  # It answers 200, 202 or 204 by its invocation type, and its body is the function's own.
    judge(model, http_response.status_code, http_response.headers, http_response.content)
    if http_response.status_code >= 300 or model.output_shape is None:
        return
    answer = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
    report = ParamValidator().validate(answer, model.output_shape)
    check(not report.has_errors(), f"{where}: {report.generate_report()}")


def expect_error(code: str, call, **arguments) -> None:
    try:
        call(**arguments)
        check(False, f"{call.__name__} {arguments} was to be answered by {code}")
    except ClientError as error:
        check(error.response["Error"]["Code"] == code, f"{call.__name__} {arguments}: {error}, not {code}")


def post(endpoint: str, path: str, body: dict) -> None:
    data = json.dumps(body).encode()
    urllib.request.urlopen(urllib.request.Request(endpoint + path, data=data, method="POST")).read()


def check_drs(drs, origin, endpoint: str) -> None:
    lists = {"DescribeSourceServers": {}, "DescribeRecoveryInstances": {}, "DescribeJobs": {}}
    lists["DescribeRecoverySnapshots"] = {"sourceServerID": ONE, "order": "ASC"}
    lists["ListExtensibleSourceServers"] = {"stagingAccountID": "111122223333"}
    for operation, arguments in lists.items():
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
        pages = list(drs.get_paginator(name).paginate(**arguments, PaginationConfig={"PageSize": 2}))
        items = [item for page in pages for item in page["items"]]
        at_once = getattr(drs, name)(**arguments)["items"]
        check(len(items) == len(at_once), f"{operation}: {len(items)} items in pages, {len(at_once)} at once")
    check(len(drs.describe_source_servers(filters={"hardwareId": "i-0abc1234"})["items"]) == 1, "hardwareId finds one")
    check(len(drs.describe_source_servers(filters={"sourceServerIDs": [ONE, TWO]})["items"]) == 2, "two IDs find two")
    check(drs.describe_source_servers(filters={"sourceServerIDs": ["s-99999999999999999"]})["items"] == [], "no match is an empty list")
    check(len(drs.describe_recovery_instances(filters={"sourceServerIDs": [LAUNCHED]})["items"]) == 2, "instances by server")
    expect_error("ValidationException", drs.describe_source_servers, nextToken="made up")
    drs.get_replication_configuration(sourceServerID=ONE)

    arn = drs.describe_source_servers(filters={"sourceServerIDs": [ONE]})["items"][0]["arn"]
    drs.tag_resource(resourceArn=arn, tags={"drover:approved": "CHG1", "a key": "ä/?&="})
    check(drs.list_tags_for_resource(resourceArn=arn)["tags"]["a key"] == "ä/?&=", "a tag comes back as it was")
    drs.untag_resource(resourceArn=arn, tagKeys=["a key", "b"])
    check(drs.list_tags_for_resource(resourceArn=arn)["tags"] == {"drover:approved": "CHG1"}, "only the named tags go")
    expect_error("ResourceNotFoundException", drs.list_tags_for_resource, resourceArn=arn[:-1] + "9")
    expect_error("ResourceNotFoundException", drs.list_tags_for_resource, resourceArn=arn.replace("111122223333", "999999999999"))

    drs.stop_replication(sourceServerID=ONE)
    check(drs.start_replication(sourceServerID=ONE)["sourceServer"]["dataReplicationInfo"]["dataReplicationState"] == "INITIATING", "start initiates")
    post(endpoint, "/local/advance", {"minutes": 131})
    expect_error("ConflictException", drs.delete_source_server, sourceServerID=ONE)
    answer = drs.disconnect_source_server(sourceServerID=ONE)
    check(answer["dataReplicationInfo"]["dataReplicationState"] == "DISCONNECTED", "a disconnect answers DISCONNECTED")
    post(endpoint, "/local/advance", {"minutes": 90})
    check(drs.describe_recovery_snapshots(sourceServerID=ONE)["items"] == [], "a disconnect destroys the recovery points within 90 minutes")
    expect_error("ConflictException", drs.disconnect_source_server, sourceServerID=ONE)
    expect_error("ConflictException", drs.stop_replication, sourceServerID=ONE)
    drs.retry_data_replication(sourceServerID=ONE)
    drs.disconnect_source_server(sourceServerID=ONE)
    drs.delete_source_server(sourceServerID=ONE)
    expect_error("ResourceNotFoundException", drs.delete_source_server, sourceServerID=ONE)
    extended = drs.create_extended_source_server(sourceServerArn=arn.replace("111122223333", "444455556666"), tags={"a": "b"})["sourceServer"]["sourceServerID"]
    ids = [server["sourceServerID"] for server in drs.describe_source_servers()["items"]]
    check(extended in ids and len(ids) == len(set(ids)), f"every server has an ID of its own: {ids}")

    expect_error("ConflictException", drs.disconnect_source_server, sourceServerID=LAUNCHED)
    drs.stop_failback(recoveryInstanceID=INSTANCE)
    reversed_arn = drs.reverse_replication(recoveryInstanceID=INSTANCE)["reversedDirectionSourceServerArn"]
    check(reversed_arn in [server["arn"] for server in origin.describe_source_servers()["items"]], "a reversal makes a source server in the origin's Region")
    check(drs.reverse_replication(recoveryInstanceID=INSTANCE)["reversedDirectionSourceServerArn"] == reversed_arn, "a reversal makes one source server")
    expect_error("ConflictException", drs.terminate_recovery_instances, recoveryInstanceIDs=[INSTANCE])
    drs.stop_failback(recoveryInstanceID=INSTANCE)
    expect_error("ConflictException", drs.delete_recovery_instance, recoveryInstanceID=KEPT_INSTANCE)
    drs.disconnect_recovery_instance(recoveryInstanceID=KEPT_INSTANCE)
    drs.delete_recovery_instance(recoveryInstanceID=KEPT_INSTANCE)
    job = drs.terminate_recovery_instances(recoveryInstanceIDs=[INSTANCE])["job"]
    expect_error("ConflictException", drs.delete_job, jobID=job["jobID"])
    post(endpoint, "/local/advance", {"minutes": 15})
    check(drs.describe_jobs(filters={"jobIDs": [job["jobID"]]})["items"][0]["status"] == "COMPLETED", "a job ends")
    check(len(drs.describe_job_log_items(jobID=job["jobID"])["items"]) == 2, "a job's log tells its start and end")
    check(drs.describe_recovery_instances()["items"] == [], "the instances are gone")
    drs.delete_job(jobID=job["jobID"])
    drs.disconnect_source_server(sourceServerID=LAUNCHED)


def check_faults(drs, impatient, endpoint: str) -> None:
    faults = [("throttle", "ThrottlingException"), ("internal_error", "InternalServerException"), ("access_denied", "AccessDeniedException"), ("expired_token", "ExpiredTokenException")]
    for kind, code in faults:
        post(endpoint, "/local/faults", {"operation": "DisconnectSourceServer", "kind": kind})
        expect_error(code, drs.disconnect_source_server, sourceServerID=TWO)
    for kind in ("unavailable", "reset_before", "reset_after", "truncated", "late_effect", "hang_before", "hang_after"):
        post(endpoint, "/local/faults", {"operation": "StopReplication", "kind": kind})
        try:
            impatient.stop_replication(sourceServerID=TWO)
            check(False, f"{kind} was to break the connection")
        except Exception as error:
            check(kind == "unavailable" or not isinstance(error, ClientError), f"{kind}: {error}")
    post(endpoint, "/local/faults", {"operation": "DescribeSourceServers", "kind": "repeated_page_token", "times": 2})
    token = drs.describe_source_servers(maxResults=1)["nextToken"]
    check(drs.describe_source_servers(maxResults=1, nextToken=token)["nextToken"] == token, "a token is repeated to order")
    before = drs.describe_source_servers(filters={"sourceServerIDs": [TWO]})["items"]
    drs.tag_resource(resourceArn=before[0]["arn"], tags={"new": ""})
    post(endpoint, "/local/faults", {"operation": "DescribeSourceServers", "kind": "stale_read"})
    check("new" not in drs.describe_source_servers(filters={"sourceServerIDs": [TWO]})["items"][0]["tags"], "a read lags to order")


def page_through(client, operation: str, result: str, **arguments) -> list:
    """All items of a list, one a page where the request decides that."""
    return client.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": 1}).build_full_result().get(result, [])


def check_file_systems(efs) -> str:
    """A file system from its creation on; answers its ID."""
    wanted = dict(CreationToken="one", Encrypted=True, KmsKeyId="alias/dr", ThroughputMode="provisioned", ProvisionedThroughputInMibps=64.5, Backup=True, Tags=[{"Key": "Name", "Value": "new"}])
    made = efs.create_file_system(**wanted)
    check(made["LifeCycleState"] == "creating" and made["Name"] == "new", f"a file system is created with its name: {made}")
    id = made["FileSystemId"]
    try:
        efs.create_file_system(**wanted)
        check(False, "a token was to be refused the second time")
    except ClientError as error:
        check(error.response["FileSystemId"] == id, f"a repeated token names what it made: {error.response}")
    expect_error("BadRequest", efs.create_file_system, CreationToken="two", PerformanceMode="maxIO", ThroughputMode="elastic")
    expect_error("UnsupportedAvailabilityZone", efs.create_file_system, CreationToken="two", AvailabilityZoneName="us-east-1z")
    expect_error("IncorrectFileSystemLifeCycleState", efs.put_backup_policy, FileSystemId=id, BackupPolicy={"Status": "DISABLED"})
    expect_error("IncorrectFileSystemLifeCycleState", efs.create_mount_target, FileSystemId=id, SubnetId="subnet-00000000")
    expect_error("IncorrectFileSystemLifeCycleState", efs.update_file_system, FileSystemId=id, ThroughputMode="elastic")
    expect_error("IncorrectFileSystemLifeCycleState", efs.update_file_system_protection, FileSystemId=id, ReplicationOverwriteProtection="DISABLED")
    expect_error("IncorrectFileSystemLifeCycleState", efs.create_replication_configuration, SourceFileSystemId=id, Destinations=[{"Region": "eu-west-1"}])
    check(efs.describe_file_systems(CreationToken="one")["FileSystems"][0]["FileSystemId"] == id, "a token finds what it made")
    expect_error("FileSystemNotFound", efs.describe_file_systems, FileSystemId=ABSENT)
    expect_error("BadRequest", efs.describe_file_systems, Marker="made up")
    ids = [item["FileSystemId"] for item in page_through(efs, "describe_file_systems", "FileSystems")]
    check(sorted(ids) == sorted({SOURCE, PLAIN, id}), f"the caller's file systems and no others: {ids}")
    return id


def check_settings(efs, id: str) -> None:
    of = dict(FileSystemId=id)
    expect_error("TooManyRequests", lambda **_: [efs.update_file_system(**of, ProvisionedThroughputInMibps=mibps) for mibps in (128, 32)])
    check(efs.update_file_system(**of, ProvisionedThroughputInMibps=256)["ProvisionedThroughputInMibps"] == 256, "throughput may be raised")
    check(efs.describe_lifecycle_configuration(**of)["LifecyclePolicies"] == [], "a new file system has no lifecycle")
    policies = [{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]
    check(efs.put_lifecycle_configuration(**of, LifecyclePolicies=policies)["LifecyclePolicies"] == policies, "policies come back")
    expect_error("BadRequest", efs.put_lifecycle_configuration, **of, LifecyclePolicies=[{"TransitionToArchive": "AFTER_90_DAYS"}])
    check(efs.describe_backup_policy(**of)["BackupPolicy"]["Status"] == "ENABLED", "backups were asked for")
    efs.put_backup_policy(**of, BackupPolicy={"Status": "DISABLED"})
    expect_error("PolicyNotFound", efs.describe_backup_policy, FileSystemId=SOURCE)
    expect_error("PolicyNotFound", efs.describe_file_system_policy, **of)
    expect_error("InvalidPolicyException", efs.put_file_system_policy, **of, Policy="not a policy")
    check(efs.put_file_system_policy(**of, Policy=POLICY, BypassPolicyLockoutSafetyCheck=True)["Policy"] == POLICY, "a policy comes back")
    check(efs.describe_file_system_policy(**of)["FileSystemId"] == id, "a policy is of its file system")
    efs.delete_file_system_policy(**of)
    for operation in (efs.describe_lifecycle_configuration, efs.describe_backup_policy, efs.describe_file_system_policy, efs.delete_file_system_policy, efs.delete_file_system):
        expect_error("FileSystemNotFound", operation, FileSystemId=ABSENT)


def check_mount_targets(efs, endpoint: str, id: str) -> None:
    expect_error("BadRequest", efs.describe_mount_targets)
    expect_error("MountTargetNotFound", efs.describe_mount_targets, MountTargetId="fsmt-99999999")
    made = efs.create_mount_target(FileSystemId=id, SubnetId="subnet-00000000", IpAddress="10.0.0.77", SecurityGroups=["sg-00000001"])
    of = dict(MountTargetId=made["MountTargetId"])
    expect_error("MountTargetConflict", efs.create_mount_target, FileSystemId=id, SubnetId="subnet-00000003")
    expect_error("IpAddressInUse", efs.create_mount_target, FileSystemId=id, SubnetId="subnet-00000001", IpAddress="10.0.0.77")
    expect_error("SecurityGroupLimitExceeded", efs.create_mount_target, FileSystemId=id, SubnetId="subnet-00000001", SecurityGroups=["sg-00000001"] * 6)
    expect_error("IncorrectMountTargetState", efs.describe_mount_target_security_groups, **of)
    post(endpoint, "/local/advance", {"minutes": 2})
    check(efs.describe_mount_targets(**of)["MountTargets"][0]["LifeCycleState"] == "available", "a mount target becomes available")
    efs.create_mount_target(FileSystemId=id, SubnetId="subnet-00000001", IpAddressType="IPV4_ONLY")
    check(len(page_through(efs, "describe_mount_targets", "MountTargets", FileSystemId=id)) == 2, "both mount targets are listed")
    check(efs.describe_file_systems(FileSystemId=id)["FileSystems"][0]["NumberOfMountTargets"] == 2, "mount targets are counted")
    efs.modify_mount_target_security_groups(**of, SecurityGroups=["sg-00000002", "sg-00000003"])
    check(len(efs.describe_mount_target_security_groups(**of)["SecurityGroups"]) == 2, "the security groups are the new ones")
    expect_error("ValidationException", efs.modify_mount_target_security_groups, **of, SecurityGroups=["default-group"])
    expect_error("FileSystemInUse", efs.delete_file_system, FileSystemId=id)
    for target in efs.describe_mount_targets(FileSystemId=id)["MountTargets"]:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    expect_error("MountTargetNotFound", efs.delete_mount_target, **of)


def check_access_points(efs, endpoint: str, id: str) -> None:
    root = {"Path": "/data/app", "CreationInfo": {"OwnerUid": 1000, "OwnerGid": 4294967295, "Permissions": "0750"}}
    wanted = dict(ClientToken="one", FileSystemId=id, PosixUser={"Uid": 1000, "Gid": 1000, "SecondaryGids": [7]}, RootDirectory=root, Tags=[{"Key": "Name", "Value": "app"}])
    made = efs.create_access_point(**wanted)
    check((made["Name"], made["RootDirectory"], made["PosixUser"]) == ("app", root, wanted["PosixUser"]), "an access point is as it was asked for")
    try:
        efs.create_access_point(**wanted)
        check(False, "a client token was to be refused the second time")
    except ClientError as error:
        check(error.response["AccessPointId"] == made["AccessPointId"], f"a repeated token names what it made: {error.response}")
    expect_error("ValidationException", efs.create_access_point, ClientToken="two", FileSystemId=id, RootDirectory={"Path": "/a/b/c/d/e"})
    other = efs.create_access_point(ClientToken="two", FileSystemId=id)
    post(endpoint, "/local/advance", {"minutes": 1})
    points = page_through(efs, "describe_access_points", "AccessPoints", FileSystemId=id)
    check([point["LifeCycleState"] for point in points] == ["available"] * 2, f"access points become available: {points}")
    check(len(efs.describe_access_points(AccessPointId=other["AccessPointArn"])["AccessPoints"]) == 1, "an ARN finds one")
    check(efs.describe_mount_targets(AccessPointId=other["AccessPointId"])["MountTargets"] == [], "mount targets by access point")
    expect_error("BadRequest", efs.describe_access_points, AccessPointId=other["AccessPointId"], FileSystemId=id)
    expect_error("AccessPointNotFound", efs.describe_access_points, AccessPointId="fsap-99999999")
    efs.tag_resource(ResourceId=other["AccessPointId"], Tags=[{"Key": "of", "Value": "a point"}])
    check(efs.list_tags_for_resource(ResourceId=other["AccessPointId"])["Tags"] == [{"Key": "of", "Value": "a point"}], "an access point has tags")
    efs.delete_access_point(AccessPointId=other["AccessPointId"])
    expect_error("AccessPointNotFound", efs.delete_access_point, AccessPointId=other["AccessPointId"])


def check_efs_tags(efs, id: str) -> None:
    efs.tag_resource(ResourceId=id, Tags=[{"Key": "drover:approved", "Value": "CHG1"}, {"Key": "a key", "Value": "ä/=+"}])
    first = efs.list_tags_for_resource(ResourceId=id, MaxResults=1)
    second = efs.list_tags_for_resource(ResourceId=id, MaxResults=9, NextToken=first["NextToken"])
    tags = {tag["Key"]: tag["Value"] for tag in first["Tags"] + second["Tags"]}
    check(tags == {"Name": "new", "drover:approved": "CHG1", "a key": "ä/=+"}, f"tags come back as they were: {tags}")
    efs.untag_resource(ResourceId=id, TagKeys=["a key", "drover:approved"])
    check(efs.list_tags_for_resource(ResourceId=id)["Tags"] == [{"Key": "Name", "Value": "new"}], "only the named tags go")
    expect_error("ValidationException", efs.tag_resource, ResourceId=id, Tags=[{"Key": "aws:x", "Value": ""}])
    expect_error("FileSystemNotFound", efs.list_tags_for_resource, ResourceId=ABSENT)


def check_replication(efs, elsewhere, endpoint: str) -> None:
    """A new replica in another Region, from its creation over the first sync to its release."""
    def destination(client, **arguments):
        return client.describe_replication_configurations(**arguments)["Replications"][0]["Destinations"][0]

    expect_error("ReplicationNotFound", efs.describe_replication_configurations, FileSystemId=SOURCE)
    expect_error("FileSystemNotFound", efs.describe_replication_configurations, FileSystemId=ABSENT)
    expect_error("ReplicationNotFound", efs.delete_replication_configuration, SourceFileSystemId=SOURCE)
    wrong_key = {"Region": "eu-west-1", "KmsKeyId": "arn:aws:kms:us-east-1:111122223333:alias/dr"}
    for code, to in (("BadRequest", wrong_key), ("BadRequest", {}), ("UnsupportedAvailabilityZone", {"Region": "eu-west-1", "AvailabilityZoneName": "us-east-1a"})):
        expect_error(code, efs.create_replication_configuration, SourceFileSystemId=SOURCE, Destinations=[to])
    made = efs.create_replication_configuration(SourceFileSystemId=SOURCE, Destinations=[{"Region": "eu-west-1", "KmsKeyId": "alias/dr"}])
    replica = made["Destinations"][0]["FileSystemId"]
    check(made["Destinations"][0]["Status"] == "ENABLING", "a replication begins ENABLING")
    expect_error("BadRequest", efs.create_replication_configuration, SourceFileSystemId=SOURCE, Destinations=[{"Region": "eu-west-1"}])
    expect_error("FileSystemInUse", efs.delete_file_system, FileSystemId=SOURCE)
    post(endpoint, "/local/advance", {"minutes": 5})
    check((destination(efs, FileSystemId=SOURCE)["Status"], "LastReplicatedTimestamp" in destination(efs)) == ("ENABLED", False), "ENABLED is not synced")
    post(endpoint, "/local/advance", {"minutes": 2})
    check("LastReplicatedTimestamp" in destination(elsewhere, FileSystemId=replica), "both ends see the first sync")
    seen = elsewhere.describe_file_systems(FileSystemId=replica)["FileSystems"][0]
    check(seen["FileSystemProtection"]["ReplicationOverwriteProtection"] == "REPLICATING", "a replica is REPLICATING")
    check(seen["SizeInBytes"]["Value"] == (6 << 30) + (12 << 20), f"a replica has the source's data and its metadata: {seen}")
    check(seen["Tags"] == [] and seen["NumberOfMountTargets"] == 0, "a replica has no tags and no mount targets")
    expect_error("ReplicationAlreadyExists", elsewhere.update_file_system_protection, FileSystemId=replica, ReplicationOverwriteProtection="DISABLED")
    elsewhere.create_mount_target(FileSystemId=replica, SubnetId="subnet-00000000")
    elsewhere.create_access_point(ClientToken="one", FileSystemId=replica)
    elsewhere.put_lifecycle_configuration(FileSystemId=replica, LifecyclePolicies=[])
    elsewhere.put_backup_policy(FileSystemId=replica, BackupPolicy={"Status": "ENABLED"})
    keys = [tag["Key"] for tag in elsewhere.list_tags_for_resource(ResourceId=replica)["Tags"]]
    check(keys == ["aws:elasticfilesystem:default-backup"], f"backups bring AWS's own tag: {keys}")
    elsewhere.delete_replication_configuration(SourceFileSystemId=SOURCE, DeletionMode="ALL_CONFIGURATIONS")
    check(efs.describe_replication_configurations()["Replications"] == [], "a deletion is for both ends")
    check(elsewhere.update_file_system_protection(FileSystemId=replica, ReplicationOverwriteProtection="DISABLED")["ReplicationOverwriteProtection"] == "DISABLED", "a replica is free again")
    efs.create_replication_configuration(SourceFileSystemId=SOURCE, Destinations=[{"Region": "eu-west-1", "FileSystemId": replica}])
    efs.delete_replication_configuration(SourceFileSystemId=SOURCE, DeletionMode="LOCAL_CONFIGURATION_ONLY")
    check(destination(elsewhere, FileSystemId=replica)["Status"] == "ERROR", "what the other end left is in ERROR")
    elsewhere.delete_replication_configuration(SourceFileSystemId=SOURCE)


def check_more_replications(efs, elsewhere) -> str:
    """A One Zone replica and one in another account; answers the ID of an unencrypted file system to be."""
    one_zone = efs.create_replication_configuration(SourceFileSystemId=PLAIN, Destinations=[{"AvailabilityZoneName": "eu-west-1b"}])
    seen = elsewhere.describe_file_systems(FileSystemId=one_zone["Destinations"][0]["FileSystemId"])["FileSystems"][0]
    check((seen["AvailabilityZoneName"], seen["Encrypted"]) == ("eu-west-1b", True), f"a One Zone replica, encrypted: {seen}")
    abroad = {"Region": "eu-west-1", "FileSystemId": FOREIGN_ARN}
    expect_error("BadRequest", efs.create_replication_configuration, SourceFileSystemId=SOURCE, Destinations=[abroad])
    made = efs.create_replication_configuration(SourceFileSystemId=SOURCE, Destinations=[{**abroad, "RoleArn": ROLE}])
    check(made["Destinations"][0]["OwnerId"] == "444455556666" and made["Destinations"][0]["RoleArn"] == ROLE, f"another account: {made}")
    check(elsewhere.describe_file_systems(FileSystemId=FOREIGN_ARN)["FileSystems"][0]["OwnerId"] == "444455556666", "a policy lets us look")
    check(len(page_through(efs, "describe_replication_configurations", "Replications")) == 2, "both replications are listed")
    efs.delete_replication_configuration(SourceFileSystemId=SOURCE)
    return elsewhere.create_file_system(CreationToken="plain")["FileSystemId"]


def check_unencrypted(efs, elsewhere, endpoint: str, plain: str) -> None:
    post(endpoint, "/local/advance", {"minutes": 2})
    to = [{"Region": "eu-west-1", "FileSystemId": plain}]
    expect_error("BadRequest", efs.create_replication_configuration, SourceFileSystemId=SOURCE, Destinations=to)
    elsewhere.update_file_system_protection(FileSystemId=plain, ReplicationOverwriteProtection="DISABLED")
    expect_error("ConflictException", efs.create_replication_configuration, SourceFileSystemId=SOURCE, Destinations=to)
    elsewhere.delete_file_system(FileSystemId=plain)


def check_efs_faults(efs, endpoint: str) -> None:
    for kind, code in (("throttle", "ThrottlingException"), ("internal_error", "InternalServerError"), ("access_denied", "AccessDeniedException")):
        post(endpoint, "/local/faults", {"operation": "DescribeFileSystems", "kind": kind})
        expect_error(code, efs.describe_file_systems)
    post(endpoint, "/local/faults", {"operation": "DescribeReplicationConfigurations", "kind": "repeated_page_token", "times": 2})
    token = efs.describe_replication_configurations()["NextToken"]
    check(efs.describe_replication_configurations(NextToken=token)["NextToken"] == token, "a token of EFS is repeated to order")


def check_efs(efs, elsewhere, endpoint: str) -> None:
    id = check_file_systems(efs)
    post(endpoint, "/local/advance", {"minutes": 1})
    check_settings(efs, id)
    check_mount_targets(efs, endpoint, id)
    check_access_points(efs, endpoint, id)
    check_efs_tags(efs, id)
    check_replication(efs, elsewhere, endpoint)
    check_unencrypted(efs, elsewhere, endpoint, check_more_replications(efs, elsewhere))
    check_efs_faults(efs, endpoint)
    efs.delete_file_system(FileSystemId=id)
    expect_error("FileSystemNotFound", efs.delete_file_system, FileSystemId=id)


def check_tagging(tagging, drs, efs, endpoint: str) -> None:
    """Tagged resources of both services; they get their tags here, and lose them again."""
    found = lambda **arguments: [resource["ResourceARN"] for resource in page_through(tagging, "get_resources", "ResourceTagMappingList", **arguments)]
    before = found()
    server = drs.describe_source_servers(filters={"sourceServerIDs": [TWO]})["items"][0]["arn"]
    file_system = efs.describe_file_systems(FileSystemId=SOURCE)["FileSystems"][0]["FileSystemArn"]
    point = efs.create_access_point(ClientToken="tagged", FileSystemId=SOURCE, Tags=[{"Key": "stage", "Value": "test"}])["AccessPointArn"]
    drs.tag_resource(resourceArn=server, tags={"stage": "prod", "owner": "me"})
    efs.tag_resource(ResourceId=SOURCE, Tags=[{"Key": "stage", "Value": "prod"}])
    check(set(found()) == {*before, server, file_system, point}, f"tagged resources are listed: {found()}")
    check(found() == [resource["ResourceARN"] for resource in tagging.get_resources()["ResourceTagMappingList"]], "pages have what one answer has")
    stage = lambda *values: [{"Key": "stage", "Values": list(values)}]
    check(set(found(TagFilters=stage())) == {server, file_system, point}, "a key without values finds any value")
    check(set(found(TagFilters=stage("prod"))) == {server, file_system}, "a value finds its own")
    check(set(found(TagFilters=stage("prod", "test"))) == {server, file_system, point}, "one of two values is enough")
    check(found(TagFilters=stage("prod") + [{"Key": "owner"}]) == [server], "all filters must match")
    check(found(TagFilters=stage(), ResourceTypeFilters=["drs"]) == [server], "a service finds its own")
    check(set(found(TagFilters=stage(), ResourceTypeFilters=["elasticfilesystem:file-system", "drs:source-server"])) == {server, file_system}, "types find their own")
    check(found(TagFilters=stage(), ResourceTypeFilters=["ec2:instance"]) == [], "another type finds nothing")
    named = tagging.get_resources(ResourceARNList=[file_system, file_system + "0"], IncludeComplianceDetails=True)["ResourceTagMappingList"]
    check([resource["ResourceARN"] for resource in named] == [file_system], f"an ARN that does not exist is left out: {named}")
    check({"Key": "stage", "Value": "prod"} in named[0]["Tags"], f"a resource has its tags: {named}")
    expect_error("InvalidParameterException", tagging.get_resources, ResourceARNList=[file_system], TagFilters=stage())
    expect_error("InvalidParameterException", tagging.get_resources, ResourceARNList=[file_system], ResourcesPerPage=1)
    expect_error("InvalidParameterException", tagging.get_resources, ResourcesPerPage=101)
    expect_error("InvalidParameterException", tagging.get_resources, TagsPerPage=99)
    expect_error("InvalidParameterException", tagging.get_resources, PaginationToken="made up")
    token = tagging.get_resources(ResourcesPerPage=1)["PaginationToken"]
    check(len(tagging.get_resources(ResourcesPerPage=1, PaginationToken=token)["ResourceTagMappingList"]) == 1, "a token leads on")
    post(endpoint, "/local/advance", {"minutes": 16})
    expect_error("PaginationTokenExpiredException", tagging.get_resources, ResourcesPerPage=1, PaginationToken=token)
    for kind, code in (("throttle", "ThrottledException"), ("internal_error", "InternalServiceException"), ("access_denied", "AccessDeniedException")):
        post(endpoint, "/local/faults", {"operation": "GetResources", "kind": kind})
        expect_error(code, tagging.get_resources)
    drs.untag_resource(resourceArn=server, tagKeys=["stage", "owner", "new"])
    without = tagging.get_resources(ResourceARNList=[server])["ResourceTagMappingList"]
    check(without == [{"ResourceARN": server, "Tags": []}], f"what lost its tags is listed without: {without}")
    efs.untag_resource(ResourceId=SOURCE, TagKeys=["stage"])
    efs.delete_access_point(AccessPointId=point.rsplit("/")[-1])
    check(point not in found(), "a deleted resource is not listed")


def check_lambda(functions) -> None:
    def invoke(event, **arguments):
        return functions.invoke(FunctionName="disconnect-source-server", Payload=json.dumps(event), **arguments)

    answer = invoke({"not": "a request"}, LogType="Tail")
    check(answer["StatusCode"] == 200 and "FunctionError" not in answer, "a rejection is answered Ok")
    check(json.load(answer["Payload"])["outcome"] == "rejected", "the function's answer is the payload")
    tail = base64.b64decode(answer["LogResult"]).decode()
    check(re.fullmatch(r"(?s)START RequestId: .*rejected.*\nEND RequestId: .*\nREPORT RequestId: .*\n", tail) is not None, f"the tail of the log is sent along: {tail}")
    names = [function["FunctionName"] for function in functions.list_functions()["Functions"]]
    check("disconnect-source-server" in names, f"functions are listed: {names}")
    described = functions.get_function(FunctionName="disconnect-source-server", Qualifier="$LATEST")["Configuration"]
    check(functions.get_function_configuration(FunctionName=described["FunctionArn"])["FunctionArn"] == described["FunctionArn"], "a function is described")
    expect_error("ResourceNotFoundException", functions.get_function, FunctionName="disconnect-source-server:1")
    deployed = described["FunctionArn"].replace("function:", "function:drover-")
    check(functions.get_function(FunctionName=deployed)["Configuration"] == described, "a function has its deployed name too")
    [alias] = functions.list_aliases(FunctionName=deployed)["Aliases"]
    check((alias["Name"], alias["FunctionVersion"]) == ("live", "$LATEST"), "a function has the alias of a deployment")
    invoked = functions.invoke(FunctionName=deployed, Qualifier="live", Payload=b"{}")
    check(invoked["StatusCode"] == 200, "a function is invoked by its alias")
    versions = functions.list_versions_by_function(FunctionName=deployed)["Versions"]
    check([version["Version"] for version in versions] == ["$LATEST"], f"a function has one version: {versions}")
    check(functions.list_event_source_mappings(FunctionName=deployed)["EventSourceMappings"] == [], "a function has no event sources")
    check(invoke({}, InvocationType="Event")["StatusCode"] == 202, "an Event is accepted")
    check(invoke({}, InvocationType="DryRun")["StatusCode"] == 204, "a DryRun has no content")
    expect_error("ResourceNotFoundException", functions.invoke, FunctionName="nothing", Payload="{}")
    expect_error("InvalidRequestContentException", functions.invoke, FunctionName="disconnect-source-server", Payload="{")
    request = {"version": 1, "requestID": "CHG1", "expiresAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)), "targets": [{"sourceServerID": TWO}]}
    check(json.load(invoke(request)["Payload"])["targets"][0]["reason"] == "not_approved", "a request is read")


def check_lambda_failure(functions, endpoint: str) -> None:
    request = {"version": 1, "requestID": "CHG1", "expiresAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)), "targets": [{"sourceServerID": TWO}]}
    post(endpoint, "/local/faults", {"operation": "DescribeSourceServers", "kind": "access_denied"})
    answer = functions.invoke(FunctionName="disconnect-source-server", Payload=json.dumps(request))
    check(answer["FunctionError"] == "Unhandled" and answer["StatusCode"] == 200, "a function error is a 200 with a header")
    error = json.load(answer["Payload"])
    check(error["errorType"] == "Permanent", f"the errorType is the function's: {error}")


def world() -> dict:
    server = lambda id, **more: {"sourceServerID": id, **more}
    servers = [
        server(ONE, hostname="app01", fqdn="app01.example.com", awsInstanceID="i-0abc1234", originAccountID="111122223333", originRegion="us-west-2"),
        server(TWO, dataReplicationState="STALLED"),
        server(LAUNCHED, originAccountID="111122223333", originRegion="eu-west-1"),
        server(EXTENDABLE),
        server("s-00000000000000005", stagingStatus="EXTENDED"),
    ]
    instance = lambda id, drill: {"recoveryInstanceID": id, "sourceServerID": LAUNCHED, "isDrill": drill}
    foreign = {"fileSystemId": FOREIGN, "ownerId": "444455556666", "protection": "DISABLED", "policy": POLICY}
    return {
        "account": "111122223333",
        "region": "us-east-1",
        "functions": {"disconnect-source-server": {"environment": {"MODE": "enforce"}}},
        "efs": {"us-east-1": {"fileSystems": [{"fileSystemId": SOURCE, "sizeBytes": 6 << 30}, {"fileSystemId": PLAIN, "encrypted": False}]}, "eu-west-1": {"fileSystems": [foreign]}},
        "drs": {"us-east-1": {"sourceServers": servers, "recoveryInstances": [instance(INSTANCE, True), instance(KEPT_INSTANCE, False)]}},
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_served(endpoint: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(endpoint + "/local/world").read()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("local serve did not come up")


def main() -> None:
    local, workspace = sys.argv[1], Path(sys.argv[2])
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(world(), file)
        file.flush()
        served = subprocess.Popen([local, "serve", "--quiet", "--port", str(port), "--world", file.name], cwd=workspace, stdout=subprocess.DEVNULL)
        try:
            wait_until_served(endpoint)
            arguments = dict(endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test")
            config = Config(retries={"max_attempts": 0}, read_timeout=300)
            session = boto3.session.Session()
            drs = session.client("drs", region_name="us-east-1", config=config, **arguments)
            impatient = session.client("drs", region_name="us-east-1", config=Config(retries={"max_attempts": 0}, read_timeout=1), **arguments)
            elsewhere = session.client("drs", region_name="eu-west-1", config=config, **arguments)
            functions = session.client("lambda", region_name="us-east-1", config=config, **arguments)
            efs, efs_elsewhere = (session.client("efs", region_name=region, config=config, **arguments) for region in ("us-east-1", "eu-west-1"))
            tagging = session.client("resourcegroupstaggingapi", region_name="us-east-1", config=config, **arguments)
            for client in (drs, impatient, elsewhere, functions, efs, efs_elsewhere, tagging):
                client.meta.events.register("after-call.*.*", after_call)
            identity = session.client("sts", region_name="us-east-1", config=config, **arguments).get_caller_identity()
            check(identity["Account"] == "111122223333" and identity["Arn"].startswith("arn:aws:iam::111122223333:"), f"the caller is identified: {identity}")
            expect_error("UninitializedAccountException", elsewhere.describe_source_servers)
            elsewhere.initialize_service()
            check(elsewhere.describe_source_servers()["items"] == [], "an initialised Region is empty")
            check_lambda(functions)
            check_lambda_failure(functions, endpoint)
            check_drs(drs, elsewhere, endpoint)
            check_faults(drs, impatient, endpoint)
            check_efs(efs, efs_elsewhere, endpoint)
            check_tagging(tagging, drs, efs, endpoint)
            unchecked = Config(retries={"max_attempts": 0}, parameter_validation=False)
            for service, names in constraints.operations_served(workspace).items():
                client = session.client(service, region_name="us-east-1", config=unchecked, **arguments)
                client.meta.events.register("after-call.*.*", after_call)
                limits.run(client, names, endpoint, check, judge)
            left = urllib.request.urlopen(endpoint + "/local/world").read()
        finally:
            served.terminate()
            served.wait()
    with tempfile.NamedTemporaryFile("wb", suffix=".json") as file:
        file.write(left)
        file.flush()
        with subprocess.Popen([local, "serve", "--quiet", "--port", "0", "--world", file.name], cwd=workspace, stdout=subprocess.PIPE) as again:
            check(b"serving" in again.stdout.readline(), "an account as it was left is one that a world file may hold")
            again.terminate()
    committed = (workspace / constraints.TABLE).read_text()
    check(committed == constraints.written(workspace), f"{constraints.TABLE} is not what constraints.py writes")
    served_operations = {(service, name) for service, names in constraints.operations_served(workspace).items() for name in names}
    missing = served_operations - called
    check(not missing, f"served and not checked: {sorted(missing)}")
    for problem in moto_efs.run(local, workspace):
        check(False, problem)
    for problem in problems:
        print(problem)
    print(f"{checks - len(problems)} passed, {len(problems)} failed")
    sys.exit(1 if problems else 0)


main()
