"""StackSets as MiniStack lacks them, for the commands of examples/stacksets.

The AWS CLI checks each command against its model of CloudFormation and sends it here. What is asked is compared with the
released template and CloudFormation's rules, and done with stacks of MiniStack, which are named as StackSets names them.
Every other action goes to MiniStack as it is.
"""

import json
import re
import subprocess
import threading
import urllib.parse
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import prove
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/stacksets/README.md"
ACTIONS = "|".join(("StackSet", "StackInstances", "StackSetOperations"))
# CloudFormation's quotas of a template, in S3 and in a request.
MOST_BYTES = 1_000_000


class Refused(Exception):
    """What CloudFormation would answer with a ValidationError."""


class StackSets(ThreadingHTTPServer):
    """The endpoint of CloudFormation, and the StackSets that were made by it."""

    def __init__(self, proof: prove.Proof):
        super().__init__(("127.0.0.1", 0), Handler)
        self.proof, self.sets, self.asked = proof, {}, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, action: str, given: dict) -> str:
        self.asked.append(action)
        return getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower())(given)

    # ---- the actions

    def _create_stack_set(self, given: dict) -> str:
        name = given["StackSetName"]
        made = {"stacks": {}, "overrides": {}} | self._template(given["TemplateURL"])
        template = made["template"]
        check(name not in self.sets, "NameAlreadyExistsException")
        check(given["PermissionModel"] == "SERVICE_MANAGED" and "Transform" not in template, "a transform")
        made["parameters"] = valid(template, pairs(given, "Parameters"))
        check(given.get("Capabilities.member.1") == "CAPABILITY_IAM", "InsufficientCapabilities")
        self.sets[name] = made
        return "<StackSetId>set</StackSetId>"

    def _describe_stack_set(self, given: dict) -> str:
        parameters = self.sets[given["StackSetName"]]["parameters"].items()
        members = "".join(
            f"<member><ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue></member>"
            for key, value in parameters
        )
        return f"<StackSet><Parameters>{members}</Parameters></StackSet>"

    def _create_stack_instances(self, given: dict) -> str:
        made = self.sets[given["StackSetName"]]
        targets(given)
        for region in regions(given):
            stacks = self.proof.client("cloudformation", region=region)
            name = f"StackSet-{given['StackSetName']}-{uuid.uuid4()}"
            stacks.create_stack(StackName=name, **self._body(made), Capabilities=["CAPABILITY_IAM"])
            made["stacks"][region] = name
            self._settled(stacks, name, "CREATE_COMPLETE")
        return "<OperationId>create</OperationId>"

    def _update_stack_instances(self, given: dict) -> str:
        made = self.sets[given["StackSetName"]]
        targets(given)
        check(given["DeploymentTargets.AccountFilterType"] == "INTERSECTION", "the accounts")
        overrides = valid(made["template"], pairs(given, "ParameterOverrides"))
        made["overrides"] |= {region: overrides for region in regions(given)}
        return "<OperationId>override</OperationId>"

    def _update_stack_set(self, given: dict) -> str:
        made = self.sets[given["StackSetName"]]
        if given.get("UsePreviousTemplate") != "true":
            made |= self._template(given["TemplateURL"])
        check(given.get("Capabilities.member.1") == "CAPABILITY_IAM", "InsufficientCapabilities")
        made["parameters"] = valid(made["template"], pairs(given, "Parameters"))
        for region, name in made["stacks"].items():
            stacks = self.proof.client("cloudformation", region=region)
            stacks.update_stack(StackName=name, **self._body(made), Capabilities=["CAPABILITY_IAM"])
            self._settled(stacks, name, "UPDATE_COMPLETE")
        return "<OperationId>update</OperationId>"

    def _list_stack_set_operations(self, given: dict) -> str:
        check(given["StackSetName"] in self.sets, "StackSetNotFoundException")
        return "<Summaries><member><OperationId>create</OperationId><Status>SUCCEEDED</Status></member></Summaries>"

    def _list_stack_instances(self, given: dict) -> str:
        status = "<StackInstanceStatus><DetailedStatus>SUCCEEDED</DetailedStatus></StackInstanceStatus>"
        stacks = self.sets[given["StackSetName"]]["stacks"]
        members = "".join(f"<member><Region>{region}</Region>{status}</member>" for region in stacks)
        return f"<Summaries>{members}</Summaries>"

    def _delete_stack_instances(self, given: dict) -> str:
        made = self.sets[given["StackSetName"]]
        targets(given)
        check(given["RetainStacks"] == "false", "the stacks go")
        for region in regions(given):
            name = made["stacks"].pop(region)
            self.proof.client("cloudformation", region=region).delete_stack(StackName=name)
        return "<OperationId>delete</OperationId>"

    def _delete_stack_set(self, given: dict) -> str:
        check(not self.sets[given["StackSetName"]]["stacks"], "StackSetNotEmptyException")
        del self.sets[given["StackSetName"]]
        return ""

    # ---- parts of them

    def _template(self, url: str) -> dict:
        """The template at the URL of an object, which is virtual-hosted and of a Region."""
        place = re.fullmatch(r"https://([a-z0-9-]+)\.s3\.([a-z0-9-]+)\.amazonaws\.com/(.+)", url)
        check(place is not None, "TemplateURL must be a supported URL")
        bucket, region, key = place.groups()
        body = self.proof.client("s3", region=region).get_object(Bucket=bucket, Key=key)["Body"].read()
        check(len(body) <= MOST_BYTES, "the template's size")
        return {"template": json.loads(body), "url": f"{self.proof.machine.aws_url}/{bucket}/{key}"}

    def _body(self, made: dict) -> dict:
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in made["parameters"].items()]
        return {"TemplateURL": made["url"], "Parameters": parameters}

    def _settled(self, stacks, name: str, wanted: str) -> None:
        status = lambda: stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]  # noqa: E731
        prove.eventually(lambda: not status().endswith("IN_PROGRESS"), name)
        if status() != wanted:
            events = stacks.describe_stack_events(StackName=name)["StackEvents"]
            failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
            raise Refused(json.dumps(failed, default=str))


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        given = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        action = given["Action"]
        if not re.fullmatch(f"[A-Z][a-z]+({ACTIONS})", action):
            return self._pass_on(body)
        try:
            result, status = self.server.answer(action, given), 200
            content = f"<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"
        except (Refused, ClientError) as refused:
            status, words = 400, str(refused).replace("&", "&amp;").replace("<", "&lt;")
            content = f"<ErrorResponse><Error><Code>ValidationError</Code><Message>{words}</Message></Error></ErrorResponse>"
        self._send(status, content.encode())

    def _pass_on(self, body: bytes) -> None:
        url = self.server.proof.machine.aws_url
        sent = urllib.request.Request(url, body, dict(self.headers), method="POST")
        try:
            with urllib.request.urlopen(sent) as answer:
                self._send(answer.status, answer.read())
        except urllib.error.HTTPError as refused:
            self._send(refused.code, refused.read())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def check(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(what)


def members(given: dict, name: str) -> list[str]:
    """The values of a list of the query protocol."""
    return [value for key, value in given.items() if re.fullmatch(rf"{name}\.member\.\d+", key)]


def pairs(given: dict, name: str) -> dict[str, str]:
    """Parameters with their values, as a request has them."""
    keys = {key: value for key, value in given.items() if re.fullmatch(rf"{name}\.member\.\d+\.ParameterKey", key)}
    return {value: given[key.removesuffix("Key") + "Value"] for key, value in keys.items()}


def regions(given: dict) -> list[str]:
    found = members(given, "Regions")
    check(bool(found), "Regions")
    return found


def targets(given: dict) -> None:
    """A service-managed StackSet is deployed to organizational units, and to accounts within them."""
    units = members(given, "DeploymentTargets.OrganizationalUnitIds")
    check(all(re.fullmatch(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32}", unit) for unit in units), "the units")
    check(bool(units) and not members(given, "Accounts"), "DeploymentTargets")


def valid(template: dict, parameters: dict[str, str]) -> dict[str, str]:
    """Parameters that the template has, with values that it allows."""
    for name, value in parameters.items():
        check(name in template["Parameters"], f"Parameters: [{name}] do not exist in the template")
        known = template["Parameters"][name]
        check(re.fullmatch(known.get("AllowedPattern", "(?s).*"), value) is not None, f"the pattern of {name}: {value}")
        check(value in known.get("AllowedValues", [value]), f"the value of {name}: {value}")
    return parameters


# --------------------------------------------------------------------------------- the commands


def blocks() -> list[str]:
    return [block.split("```")[0].strip() for block in EXAMPLE.read_text().split("```sh\n")[1:]]


def one(blocks: list[str], word: str) -> str:
    [found] = [block for block in blocks if word in block]
    return found


def an_organization_installs_it(proof: prove.Proof, release: Path, architecture: str) -> None:
    """The commands of the example install a StackSet, change it, update it, and remove it."""
    every = blocks()
    setup, rest = every[0], every[1:]
    server = StackSets(proof)
    environment = prove.environment() | {
        "AWS_ENDPOINT_URL": proof.machine.aws_url,
        "AWS_ENDPOINT_URL_CLOUDFORMATION": server.url,
    }

    def run(block: str, version: str = "0.1.0") -> str:
        rest.remove(block) if block in rest else None
        # The zips are of this machine.
        block = block.replace("Functions,ParameterValue=efs", f"Functions,ParameterValue=efs ParameterKey=Architecture,ParameterValue={architecture}")
        script = f"{setup.replace('VERSION=0.1.0', f'VERSION={version}')}\n{block}"
        ended = subprocess.run(["bash", "-euc", script], cwd=release, env=environment, capture_output=True, text=True)
        prove.expect(ended.returncode == 0, block, f"{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
        return ended.stdout

    upload = one(every, "aws s3 cp")
    run(one(every, "--stack-name drover-code"))
    run(upload)
    run(one(every, "create-stack-set"))
    stacks = server.sets["drover-efs"]["stacks"]
    prove.expect(sorted(stacks) == ["eu-west-1", "us-east-1"], "a stack in each Region", stacks)
    prove.expect(run(one(every, "list-stack-instances")).count("SUCCEEDED") == 1, "nothing failed")
    for region in stacks:
        works_in(proof, region, "plan")

    run(one(every, "update-stack-instances"))
    run(one(every, "$changed"))
    prove.expect(server.sets["drover-efs"]["parameters"]["Mode"] == "enforce", "the mode")
    for region in stacks:
        works_in(proof, region, "enforce")

    # Another version has its code under another prefix.
    run(upload, "0.2.0")
    run(one(every, "$prefix"), "0.2.0")
    parameters = server.sets["drover-efs"]["parameters"]
    prove.expect(parameters["CodePrefix"] == "drover/0.2.0/" and parameters["Mode"] == "enforce", "the update", parameters)

    run(one(every, "delete-stack-instances"))
    run(one(every, "delete-stack-set"))
    prove.expect(not rest, "every command has run", rest)
    prove.expect(not server.sets, "the StackSet is gone")
    server.shutdown()


def works_in(proof: prove.Proof, region: str, mode: str) -> None:
    """The stack in a Region has its code from the bucket there, and the names that its parameter gives."""
    functions = proof.client("lambda", region=region)
    bootstrap = functions.get_function(FunctionName="drover-efs-bootstrap-efs-replication", Qualifier=prove.LIVE)
    prove.expect(bootstrap["Configuration"]["Environment"]["Variables"]["MODE"] == mode, f"mode {mode} in {region}")
    request = json.dumps({"version": 1, "requestID": f"AUDIT-{region}-{mode}"})
    answer = functions.invoke(FunctionName="drover-efs-audit-file-systems", Qualifier=prove.LIVE, Payload=request)
    report = json.loads(answer["Payload"].read())
    prove.expect("outcome" in report, f"an audit in {region}", report)
