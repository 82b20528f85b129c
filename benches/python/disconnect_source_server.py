"""Retires DRS source servers: the job of disconnect-source-server with boto3, for the benchmark."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MODE = os.environ.get("MODE", "plan")
APPROVAL_TAG = os.environ.get("APPROVAL_TAG", "drover:approved")
PROTECTION_TAG = os.environ.get("PROTECTION_TAG", "drover:protected")
MAX_TARGETS = int(os.environ.get("MAX_TARGETS", "10"))
MAX_SHARE_PERCENT = int(os.environ.get("MAX_SHARE_PERCENT", "10"))
PAGE_SIZE = 250
IDS_IN_A_FILTER = 200
CALLS_AT_ONCE = 8

# Made once for all events of a process, with its connections.
drs = boto3.client(
    "drs",
    config=Config(
        connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, tcp_keepalive=True
    ),
)


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
    snapshot = observe(request)
    targets = plan(request, snapshot)
    if MODE == "enforce" and not request["dryRun"]:
        execute([target for target in targets if target["outcome"] == "planned"])
    return log(report(request, targets))


def parse(event):
    if event.get("detail-type", "Source Server Decommission Requested") != "Source Server Decommission Requested":
        raise Rejected("unsupported_event")
    if event.get("source", "").startswith("aws."):
        raise Rejected("reserved_source")
    request = event.get("detail", event)
    if request.get("version") != 1:
        raise Rejected("unsupported_version")
    unknown = request.keys() - {"version", "requestID", "expiresAt", "action", "targets", "dryRun"}
    if unknown or request.get("action", "disconnect") != "disconnect":
        raise Rejected("unknown_field")
    targets = request.get("targets")
    if not isinstance(targets, list) or not 1 <= len(targets) <= 100:
        raise Rejected("invalid_value")
    if not request.get("requestID") or not all(server.get("sourceServerID") for server in targets):
        raise Rejected("missing_field")
    try:
        left = datetime.fromisoformat(request["expiresAt"]) - datetime.now(timezone.utc)
    except (KeyError, TypeError, ValueError):
        raise Rejected("invalid_value") from None
    if not timedelta() < left <= timedelta(hours=24):
        raise Rejected("expired")
    return {"requestID": request["requestID"], "targets": targets, "dryRun": request.get("dryRun", False)}


def observe(request):
    """Everything that the plan depends on. An error ends the invocation: a list that was not read is not empty."""
    ids = [server["sourceServerID"] for server in request["targets"]]
    # A share can only be taken of all servers; one target is always allowed.
    servers = describe_all() if len(ids) > 1 else describe(ids)
    by_id = {server["sourceServerID"]: server for server in servers}
    points = at_once(lambda id: len(pages("describe_recovery_snapshots", sourceServerID=id)), ids)
    jobs = pages("describe_jobs")
    in_jobs = {
        server.get("sourceServerID")
        for job in jobs
        if job.get("status") != "COMPLETED"
        for server in job.get("participatingServers", [])
    }
    instances = [
        instance
        for some in chunks(ids)
        for instance in pages("describe_recovery_instances", filters={"sourceServerIDs": some})
    ]
    return {
        "servers": by_id,
        "connected": sum(state(server) != "DISCONNECTED" for server in servers),
        "in_jobs": in_jobs,
        "launched": {instance.get("sourceServerID"): instance.get("isDrill", False) for instance in instances},
        "points": dict(zip(ids, points)),
    }


def plan(request, snapshot):
    seen, targets = set(), []
    for target in request["targets"]:
        id = target["sourceServerID"]
        server = snapshot["servers"].get(id)
        outcome, reason = decide(request, target, server, snapshot)
        if id in seen:
            outcome, reason = "refused", "named_twice"
        seen.add(id)
        targets.append({"id": id, "target": target, "server": server, "outcome": outcome, "reason": reason})
    acting = [target for target in targets if target["outcome"] == "planned"]
    if len(targets) > MAX_TARGETS:
        refuse(targets, "over_max_targets")
    if len(targets) > 1 and len(acting) > max(snapshot["connected"] * MAX_SHARE_PERCENT // 100, 1):
        refuse(acting, "over_max_share")
    for target in targets:
        target["points"] = snapshot["points"].get(target["id"])
    return targets


def decide(request, target, server, snapshot):
    """What is to be done about one server, by the first rule that applies."""
    if server is None:
        return "refused", "not_found"
    hints = server.get("sourceProperties", {}).get("identificationHints", {})
    for name in ("hostname", "fqdn", "awsInstanceID"):
        if target.get(name) not in (None, hints.get(name)):
            return "refused", f"{name}_mismatch"
    tags = server.get("tags", {})
    if PROTECTION_TAG in tags:
        return "refused", "protected"
    if state(server) == "DISCONNECTED" and APPROVAL_TAG not in tags:
        return "already_done", "disconnected"
    if APPROVAL_TAG not in tags:
        return "refused", "not_approved"
    if tags[APPROVAL_TAG] != request["requestID"]:
        return "refused", "approved_for_another_request"
    if state(server) == "DISCONNECTED":
        return "planned", "plan_mode"
    if server.get("stagingArea", {}).get("status", "NOT_EXTENDED") != "NOT_EXTENDED":
        return "refused", "extended"
    if server.get("replicationDirection") == "FAILBACK":
        return "refused", "failback_direction"
    if server.get("reversedDirectionSourceServerArn"):
        return "refused", "reversed_pair"
    if target["sourceServerID"] in snapshot["launched"]:
        drill = snapshot["launched"][target["sourceServerID"]]
        return "refused", "drill_instance_present" if drill else "recovery_instance_present"
    if server.get("recoveryInstanceId"):
        return "refused", "recovery_instance_present"
    if target["sourceServerID"] in snapshot["in_jobs"] or None in snapshot["in_jobs"]:
        return "refused", "job_running"
    return "planned", "plan_mode"


def execute(targets):
    """Disconnects, removes the approvals of what AWS answers as disconnected, and reads back."""
    at_once(disconnect, [target for target in targets if state(target["server"]) != "DISCONNECTED"])
    at_once(consume_approval, [target for target in targets if state(target["server"]) == "DISCONNECTED"])
    look_again(targets)
    for target in targets:
        server = target["server"]
        if state(server) == "DISCONNECTED" and APPROVAL_TAG not in server.get("tags", {}):
            target["outcome"], target["reason"] = "done", "disconnected"
        elif target.get("error"):
            target["outcome"], target["reason"] = "indeterminate", target["error"]
        else:
            target["outcome"], target["reason"] = "pending", "not_seen_yet"


def disconnect(target):
    target["server"] = change(target, drs.disconnect_source_server, sourceServerID=target["id"]) or target["server"]


def consume_approval(target):
    change(target, drs.untag_resource, resourceArn=target["server"]["arn"], tagKeys=[APPROVAL_TAG])


def change(target, call, **arguments):
    """The answer to one call that changes something; none if it failed."""
    try:
        return call(**arguments)
    except ClientError as error:
        target["error"] = error.response["Error"]["Code"]
    except BotoCoreError as error:
        target["error"] = type(error).__name__
    return None


def look_again(targets):
    if targets:
        seen = {server["sourceServerID"]: server for server in describe([target["id"] for target in targets])}
        for target in targets:
            target["server"] = seen.get(target["id"], target["server"])


def report(request, targets):
    order = ["indeterminate", "pending", "refused", "planned", "done", "already_done"]
    outcome = min((target["outcome"] for target in targets), key=order.index)
    return {
        "requestID": request["requestID"],
        "outcome": outcome,
        "targets": [
            {
                "target": target["target"],
                "outcome": target["outcome"],
                "reason": target["reason"],
                "evidence": {
                    "stateAfter": state(target["server"]) if target["server"] else "no record",
                    "recoveryPoints": target["points"],
                },
            }
            for target in targets
        ],
    }


def refuse(targets, reason):
    for target in targets:
        target["outcome"], target["reason"] = "refused", reason


def state(server):
    return server.get("dataReplicationInfo", {}).get("dataReplicationState")


def describe_all():
    return pages("describe_source_servers", filters={}, PaginationConfig={"PageSize": PAGE_SIZE})


def describe(ids):
    return [
        server
        for some in chunks(ids)
        for server in pages(
            "describe_source_servers", filters={"sourceServerIDs": some}, PaginationConfig={"PageSize": PAGE_SIZE}
        )
    ]


def pages(operation, **arguments):
    """The items of all pages."""
    return [item for page in drs.get_paginator(operation).paginate(**arguments) for item in page["items"]]


def chunks(ids):
    return [ids[at : at + IDS_IN_A_FILTER] for at in range(0, len(ids), IDS_IN_A_FILTER)]


def at_once(call, items):
    """Some calls at once; threads are made only where there is something to do at once."""
    if len(items) <= 1:
        return [call(item) for item in items]
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        return list(pool.map(call, items))


def log(answer):
    print(json.dumps(answer))
    return answer
