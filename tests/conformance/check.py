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

# What any operation may answer, whatever its model says: the signature and IAM stand before the service.
OF_EVERY_OPERATION = {"AccessDeniedException", "ExpiredTokenException", "MissingAuthenticationTokenException", "ValidationException", "503"}

ONE, TWO, LAUNCHED, EXTENDABLE = (f"s-{number:017}" for number in range(1, 5))
INSTANCE, KEPT_INSTANCE = "i-00000000000000001", "i-00000000000000002"

problems: list[str] = []
called: set[str] = set()
checks = 0


def check(condition: bool, problem: str) -> None:
    global checks
    checks += 1
    if not condition:
        problems.append(problem)


def walk(where: str, value, shape) -> None:
    """Compares raw JSON with a shape: what the client would drop without a word is a problem here."""
    kind = shape.type_name
    if kind == "structure":
        check(isinstance(value, dict), f"{where} is not an object")
        for name, member in (value or {}).items():
            known = {m.serialization.get("name", n): m for n, m in shape.members.items()}
            check(name in known, f"{where}.{name} is not in the model")
            if name in known:
                walk(f"{where}.{name}", member, known[name])
    elif kind == "list":
        for at, item in enumerate(value):
            walk(f"{where}[{at}]", item, shape.member)
    elif kind == "map":
        for key, item in value.items():
            walk(f"{where}[{key}]", item, shape.value)
    elif kind == "string":
        check(isinstance(value, str), f"{where} is not a string: {value!r}")
        if getattr(shape, "enum", None):
            check(value in shape.enum, f"{where}: {value!r} is not one of {shape.enum}")
        pattern = shape.metadata.get("pattern")
        if pattern:
            check(re.search(pattern, value) is not None, f"{where}: {value!r} does not fit {pattern}")
    elif kind in ("integer", "long"):
        check(isinstance(value, int) and not isinstance(value, bool), f"{where} is not a whole number: {value!r}")
    elif kind == "boolean":
        check(isinstance(value, bool), f"{where} is not a boolean: {value!r}")


def after_call(http_response, parsed, model, **_) -> None:
    called.add(model.name)
    where = f"{model.service_model.service_name}.{model.name}"
    if http_response.status_code >= 300:
        code = parsed["Error"]["Code"]
        modelled = {shape.error_code or shape.name: shape for shape in model.error_shapes}
        check(code in modelled or code in OF_EVERY_OPERATION, f"{where}: {code} is not an error of it")
        if code in modelled:
            walk(f"{where}: {code}", json.loads(http_response.content), modelled[code])
            status = modelled[code].metadata.get("error", {}).get("httpStatusCode")
            check(status == http_response.status_code, f"{where}: {code} has status {http_response.status_code}, the model says {status}")
        return
    if model.service_model.service_name == "lambda":
        return  # Invoke answers 200, 202 or 204 by its invocation type, and its body is the function's own.
    wanted = model.http.get("responseCode", 200)
    check(http_response.status_code == wanted, f"{where}: status {http_response.status_code}, the model says {wanted}")
    if model.output_shape is None:
        return
    walk(where, json.loads(http_response.content or b"{}"), model.output_shape)
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


def check_drs(drs, endpoint: str) -> None:
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
    check(drs.describe_recovery_snapshots(sourceServerID=ONE)["items"] == [], "a disconnect destroys the recovery points")
    expect_error("ConflictException", drs.disconnect_source_server, sourceServerID=ONE)
    expect_error("ConflictException", drs.stop_replication, sourceServerID=ONE)
    drs.retry_data_replication(sourceServerID=ONE)
    drs.disconnect_source_server(sourceServerID=ONE)
    drs.delete_source_server(sourceServerID=ONE)
    expect_error("ResourceNotFoundException", drs.delete_source_server, sourceServerID=ONE)
    extended = drs.create_extended_source_server(sourceServerArn=arn, tags={"a": "b"})["sourceServer"]["sourceServerID"]
    ids = [server["sourceServerID"] for server in drs.describe_source_servers()["items"]]
    check(extended in ids and len(ids) == len(set(ids)), f"every server has an ID of its own: {ids}")

    expect_error("ConflictException", drs.disconnect_source_server, sourceServerID=LAUNCHED)
    drs.stop_failback(recoveryInstanceID=INSTANCE)
    reversed_arn = drs.reverse_replication(recoveryInstanceID=INSTANCE)["reversedDirectionSourceServerArn"]
    arns = [server["arn"] for server in drs.describe_source_servers()["items"]]
    check(reversed_arn in arns, "a reversal makes a source server")
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


def check_lambda(functions) -> None:
    def invoke(event, **arguments):
        return functions.invoke(FunctionName="disconnect-source-server", Payload=json.dumps(event), **arguments)

    answer = invoke({"not": "a request"}, LogType="Tail")
    check(answer["StatusCode"] == 200 and "FunctionError" not in answer, "a rejection is answered Ok")
    check(json.load(answer["Payload"])["outcome"] == "rejected", "the function's answer is the payload")
    check(b"rejected" in base64.b64decode(answer["LogResult"]), "the tail of the log is sent along")
    check(invoke({}, InvocationType="Event")["StatusCode"] == 202, "an Event is accepted")
    check(invoke({}, InvocationType="DryRun")["StatusCode"] == 204, "a DryRun has no content")
    expect_error("ResourceNotFoundException", functions.invoke, FunctionName="nothing", Payload="{}")
    expect_error("InvalidRequestContentException", functions.invoke, FunctionName="disconnect-source-server", Payload="{")
    request = {"version": 1, "requestID": "CHG1", "expiresAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)), "servers": [{"sourceServerID": TWO}]}
    check(json.load(invoke(request)["Payload"])["targets"][0]["reason"] == "not_approved", "a request is read")


def check_lambda_failure(functions, endpoint: str) -> None:
    request = {"version": 1, "requestID": "CHG1", "expiresAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)), "servers": [{"sourceServerID": TWO}]}
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
        server(LAUNCHED),
        server(EXTENDABLE),
        server("s-00000000000000005", stagingStatus="EXTENDED"),
    ]
    instance = lambda id, drill: {"recoveryInstanceID": id, "sourceServerID": LAUNCHED, "isDrill": drill}
    return {
        "account": "111122223333",
        "region": "us-east-1",
        "functions": {"disconnect-source-server": {"environment": {"MODE": "enforce"}}},
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


def operations_served(workspace: Path) -> set[str]:
    source = (workspace / "local/src/drs.rs").read_text()
    table = source[source.index("const OPERATIONS") : source.index("];", source.index("const OPERATIONS"))]
    return set(re.findall(r'\("([A-Za-z]+)"', table))


def main() -> None:
    local, workspace = sys.argv[1], Path(sys.argv[2])
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(world(), file)
        file.flush()
        served = subprocess.Popen([local, "serve", "--port", str(port), "--world", file.name], cwd=workspace, stdout=subprocess.DEVNULL)
        try:
            wait_until_served(endpoint)
            arguments = dict(endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test")
            config = Config(retries={"max_attempts": 0}, read_timeout=300)
            session = boto3.session.Session()
            drs = session.client("drs", region_name="us-east-1", config=config, **arguments)
            impatient = session.client("drs", region_name="us-east-1", config=Config(retries={"max_attempts": 0}, read_timeout=1), **arguments)
            elsewhere = session.client("drs", region_name="eu-west-1", config=config, **arguments)
            functions = session.client("lambda", region_name="us-east-1", config=config, **arguments)
            for client in (drs, impatient, elsewhere, functions):
                client.meta.events.register("after-call.*.*", after_call)
            expect_error("UninitializedAccountException", elsewhere.describe_source_servers)
            elsewhere.initialize_service()
            check(elsewhere.describe_source_servers()["items"] == [], "an initialised Region is empty")
            check_lambda(functions)
            check_lambda_failure(functions, endpoint)
            check_drs(drs, endpoint)
            check_faults(drs, impatient, endpoint)
        finally:
            served.terminate()
            served.wait()
    missing = operations_served(workspace) - called
    check(not missing, f"served and not checked: {sorted(missing)}")
    for problem in problems:
        print(problem)
    print(f"{checks - len(problems)} passed, {len(problems)} failed")
    sys.exit(1 if problems else 0)


main()
