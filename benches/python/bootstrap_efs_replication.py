"""Begins EFS replications: the job of bootstrap-efs-replication with boto3, for the benchmark.

It does what a new replication needs; furnishing the replica and overwriting an existing one are not in it.
"""

import json
import os
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MODE = os.environ.get("MODE", "plan")
MAX_TARGETS = int(os.environ.get("MAX_TARGETS", "10"))
REPLICA_REGIONS = os.environ.get("REPLICA_REGIONS", "*")
CONFIG = Config(
    connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, tcp_keepalive=True
)

# Made once for all events of a process, with its connections. Which other Regions there are, a request says.
efs = boto3.client("efs", config=CONFIG)
away = {}


class Rejected(Exception):
    """The event is not a request that may be worked on."""


def handler(event, context):
    if "Records" not in event:
        return answer(event)
    failed = []
    for record in event["Records"]:
        try:
            answer(json.loads(record["body"]))
        except Exception as why:
            print(json.dumps({"messageId": record["messageId"], "error": str(why)}))
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def answer(event):
    try:
        request = parse(event)
    except Rejected as why:
        return log({"outcome": "rejected", "reason": str(why), "targets": []})
    if len(request["targets"]) > MAX_TARGETS:
        targets = [say(target, "refused", "over_max_targets") for target in request["targets"]]
    else:
        targets = [replicate(target, request["dryRun"]) for target in request["targets"]]
    order = ["indeterminate", "pending", "failed", "refused", "planned", "done", "already_done"]
    outcome = min((target["outcome"] for target in targets), key=order.index)
    return log({"requestID": request["requestID"], "outcome": outcome, "targets": targets})


def parse(event):
    if event.get("detail-type", "File System Replication Requested") != "File System Replication Requested":
        raise Rejected("unsupported_event")
    if event.get("source", "").startswith("aws."):
        raise Rejected("reserved_source")
    request = event.get("detail", event)
    if request.get("version") != 1:
        raise Rejected("unsupported_version")
    if request.keys() - {"version", "requestID", "expiresAt", "targets", "dryRun"}:
        raise Rejected("unknown_field")
    targets = request.get("targets")
    if not isinstance(targets, list) or not 1 <= len(targets) <= 100:
        raise Rejected("invalid_value")
    ids = [target.get("sourceFileSystemId") for target in targets]
    if not request.get("requestID") or not all(ids) or len(set(ids)) < len(ids):
        raise Rejected("invalid_value")
    if not all(target.get("destination", {}).get("region") for target in targets):
        raise Rejected("missing_field")
    try:
        left = datetime.fromisoformat(request["expiresAt"]) - datetime.now(timezone.utc)
    except (KeyError, TypeError, ValueError):
        raise Rejected("invalid_value") from None
    if not timedelta() < left <= timedelta(hours=24):
        raise Rejected("expired")
    return {"requestID": request["requestID"], "targets": targets, "dryRun": request.get("dryRun", False)}


def replicate(target, dry_run):
    """Looks, decides, creates the replication if it is to be, and looks again."""
    view = look(target)
    outcome, reason = plan(target, view)
    if outcome != "planned" or dry_run or MODE != "enforce":
        return say(target, outcome, reason, view)
    error = None
    try:
        efs.create_replication_configuration(
            SourceFileSystemId=target["sourceFileSystemId"], Destinations=[{"Region": target["destination"]["region"]}]
        )
    except ClientError as failure:
        error = failure.response["Error"]["Code"]
    except BotoCoreError as failure:
        error = type(failure).__name__
    view = look(target)
    outcome, reason = plan(target, view)
    if outcome == "planned":
        outcome, reason = ("indeterminate", error) if error else ("pending", "not_seen_yet")
    return say(target, outcome, reason, view)


def look(target):
    """Both sides of a target. An error ends the invocation, but for the words for what is not there."""
    id = target["sourceFileSystemId"]
    source = file_system(efs, id)
    replication = replica = None
    if source:
        replication = replication_of(id)
    if replication and replication["SourceFileSystemId"] == id:
        destination = replication["Destinations"][0]
        replica = file_system(in_region(destination["Region"]), destination["FileSystemId"])
    return {"source": source, "replication": replication, "replica": replica}


def plan(target, view):
    """What is to be done about one file system, by the first rule that applies."""
    source, replication, region = view["source"], view["replication"], target["destination"]["region"]
    if source is None:
        return "refused", "not_found"
    if REPLICA_REGIONS != "*" and region not in REPLICA_REGIONS.split(","):
        return "refused", "region_not_allowed"
    if replication:
        return plan_existing(target, view)
    if source.get("FileSystemProtection", {}).get("ReplicationOverwriteProtection") == "REPLICATING":
        return "refused", "source_is_a_destination"
    if source["LifeCycleState"] in ("creating", "updating"):
        return "pending", "source_not_available"
    if source["LifeCycleState"] != "available":
        return "refused", "source_unusable"
    if not source.get("Encrypted") and not target.get("acceptNoFailback"):
        return "refused", "failback_impossible"
    return "planned", "plan_mode"


def plan_existing(target, view):
    replication = view["replication"]
    destination = replication["Destinations"][0]
    if replication["SourceFileSystemId"] != target["sourceFileSystemId"]:
        return "refused", "source_is_a_destination"
    if destination["Region"] != target["destination"]["region"]:
        return "refused", "replicates_elsewhere"
    if destination["Status"] == "ENABLING":
        return "pending", "replication_enabling"
    if destination["Status"] == "DELETING":
        return "refused", "replication_deleting"
    if destination["Status"] != "ENABLED":
        return "failed", "replication_in_error"
    if not destination.get("LastReplicatedTimestamp"):
        return "pending", "first_sync_running"
    return "already_done", "replica_usable"


def say(target, outcome, reason, view=None):
    replication = (view or {}).get("replication")
    destination = replication["Destinations"][0] if replication else {}
    replica = (view or {}).get("replica")
    return {
        "target": target,
        "outcome": outcome,
        "reason": reason,
        "evidence": {
            "destinationFileSystemId": destination.get("FileSystemId"),
            "status": destination.get("Status"),
            "replicaState": replica["LifeCycleState"] if replica else None,
        },
    }


def file_system(client, id):
    try:
        return client.describe_file_systems(FileSystemId=id)["FileSystems"][0]
    except client.exceptions.FileSystemNotFound:
        return None


def replication_of(id):
    try:
        return efs.describe_replication_configurations(FileSystemId=id)["Replications"][0]
    except (efs.exceptions.ReplicationNotFound, efs.exceptions.FileSystemNotFound):
        return None


def in_region(region):
    """The client of another Region, made when it is first wanted and kept."""
    if region not in away:
        away[region] = boto3.client("efs", region_name=region, config=CONFIG)
    return away[region]


def log(answer):
    print(json.dumps(answer))
    return answer
