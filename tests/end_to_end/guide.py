"""Runs the commands of docs/operations.md, block by block in their order, and checks what the text says of them.

MiniStack is AWS, and `drover serve` is DRS and EFS, as in prove.py. A block must exit with 0. The program fails if a
block is neither run nor named in NOT_RUN.

Usage: guide.py --template TEMPLATE --architecture ARCHITECTURE --sam SAM --local DROVER --aws AWS, with the Python that
has MiniStack. AWS is the folder of the AWS CLI.
"""

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import prove  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from prove import ACCOUNT, DISCONNECT, FOREIGN, LIVE, REGION, ROOT, STACK, eventually, expect  # noqa: E402

GUIDE = ROOT / "docs/operations.md"
# The Region and the stack of the machines, as the guide names them.
MACHINES_REGION, FORWARD = "eu-west-1", "drover-forward"

# The blocks that are not run, by heading and number, each with the reason.
NOT_RUN = {
    ("What you need", 1): "downloads tools",
    ("Install", 1): "builds the workspace; tests/end_to_end/run does so before",
    ("Install", 3): "MiniStack gives the roles of the second stack the names of those of the first",
    ("Update", 1): "pulls from a remote and builds the workspace; `sam deploy` is run under Install and Enable",
    ("Change the architecture", 1): "builds the workspace for another processor",
    ("Change the architecture", 2): "builds the workspace for another processor",
    ("The wrong server was disconnected", 3): "MiniStack has no CloudTrail that records the calls of the functions",
    ("What an organization asks for", 1): "prove.py deploys with these parameters, but for the boundary",
    ("Prove the clean-up", 1): "one deployment less; prove.py follows a verification to its end",
    ("Without SAM", 1): "builds the workspace",
    ("Without SAM", 2): "builds the workspace, and runs until it is interrupted",
    ("Without SAM", 3): "needs the block before to run",
}
# What means something else on macOS or in zsh: GNU options, comments, which an interactive zsh does not know, and names
# that zsh keeps for itself.
NOT_PORTABLE = (
    r"(^|[ (|])g?date ",
    r"sed -i",
    r"base64 ",
    r"readlink -f",
    r"grep -P",
    r"xargs -r",
    r"(^|\s)#",
    r"\[\[",
    r"mapfile|readarray",
    r"(^|\s)(status|path)=",
)


def world() -> dict:
    """The account of the guide: the servers that it names, and one for each thing that is to happen."""
    named = [
        {"sourceServerID": "s-0123456789abcdef0", "hostname": "app01.example.com"},
        {"sourceServerID": "s-0123456789abcdef1", "hostname": "app02.example.com"},
        {"sourceServerID": "s-0123456789abcdef2", "hostname": "db02.example.com"},
    ]
    named[1]["tags"] = {"drover:approved": "CHG20"}
    approved = [prove.approved(number, f"CHG{number}") for number in range(1, 10)]
    others = [prove.server(number) for number in range(2001, 2011)]
    return {
        "account": ACCOUNT,
        "region": REGION,
        "drs": {REGION: {"sourceServers": [*named, *approved, *others]}},
        "efs": {REGION: {"fileSystems": []}},
    }


def blocks_of(text: str) -> dict[str, list[str]]:
    """The `sh` blocks of a document, by the heading that they stand under."""
    blocks, heading = {}, ""
    for part in re.finditer(r"^##+ (?P<heading>[^\n]+)$|^```sh\n(?P<block>.*?)^```$", text, re.M | re.S):
        if part["heading"]:
            heading = part["heading"]
        else:
            blocks.setdefault(heading, []).append(part["block"])
    return blocks


def assert_portable(block: str) -> None:
    for pattern in NOT_PORTABLE:
        expect(not re.search(pattern, block, re.M), f"`{pattern}` in a block that is pasted", block)
    for shell in filter(shutil.which, ("bash", "zsh")):
        read = subprocess.run([shell, "-n"], input=block, capture_output=True, text=True)
        expect(read.returncode == 0, f"{shell} reads the block", block + read.stderr)


class Terminal:
    """What somebody types the blocks into: variables and the folder stay from one block to the next."""

    def __init__(self, proof: prove.Proof, folder: Path, aws: str):
        self.proof, self.folder, self.kept = proof, folder, folder / "variables.sh"
        self.blocks, self.heading, self.number, self.ran = blocks_of(GUIDE.read_text()), "", 0, 0
        config = folder / "aws-config"
        config.write_text(f"[profile machines]\naws_access_key_id = {FOREIGN}\naws_secret_access_key = test\n")
        # Version 1 of the AWS CLI gives SQS in this Region an old endpoint, whatever the environment says.
        command = folder / "bin/aws"
        command.parent.mkdir()
        command.write_text(
            f"""#!/bin/sh\n[ "$1" != sqs ] || set -- "$@" --endpoint-url "$AWS_ENDPOINT_URL"\nexec {aws}/aws "$@"\n"""
        )
        command.chmod(0o755)
        self.environment = prove.environment() | {
            "PATH": f"{command.parent}:{Path(proof.sam).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "AWS_CONFIG_FILE": str(config),
            "AWS_ENDPOINT_URL": proof.machine.aws_url,
            "AWS_ENDPOINT_URL_DRS": proof.machine.local_url,
        }
        # Nobody is there to confirm.
        settings = (ROOT / "samconfig.toml").read_text().replace("changeset = true", "changeset = false")
        (folder / "samconfig.toml").write_text(settings)
        (folder / ".aws-sam/build").mkdir(parents=True)
        (folder / ".aws-sam/build/template.yaml").write_text(self.built())

    def built(self) -> str:
        """The built template, whose default processor is that of this machine: the guide is for arm64."""
        template = Path(self.proof.template).resolve()

        def absolute(path: re.Match) -> str:
            return f"{path[1]}{(template.parent / path[2]).resolve()}"

        text = re.sub(r"(\b(?:CodeUri|DefinitionUri|LicenseUrl|ReadmeUrl): )(\S+)", absolute, template.read_text())
        text, count = re.subn(
            r"(\n  Architecture:\n(?:    .*\n)*?    Default: )\w+", rf"\g<1>{self.proof.architecture}", text
        )
        expect(count == 1, "the parameter Architecture of the template", template)
        return text

    def another_build(self) -> None:
        """Gives the function other code, with a file more."""
        template = self.folder / ".aws-sam/build/template.yaml"
        text = template.read_text()
        [code] = re.findall(r"CodeUri: (\S*DisconnectSourceServer|\S*disconnect-source-server)\n", text)
        another = self.folder / ".aws-sam/build/another"
        shutil.copytree(code, another)
        (another / "release.txt").write_text("the next one\n")
        template.write_text(text.replace(f"CodeUri: {code}\n", f"CodeUri: {another}\n"))

    def type(self, block: str, exits: int | None = 0, **variables: str) -> str:
        """Runs a text in bash; answers what it prints."""
        text = block.replace("111122223333", ACCOUNT)
        # Every line counts, where a person would see its error. What is set stays for the next block, unless it was set
        # from outside.
        keep = "" if variables else f"trap 'code=$?; export -p > {self.kept}; exit $code' EXIT\n"
        script = f"{keep}[ ! -e {self.kept} ] || . {self.kept}\nset -eao pipefail\n{text}"
        ended = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        seen = f"{text}\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
        good = ended.returncode == exits if exits is not None else ended.returncode != 0
        expect(good, f"the block under `{self.heading}` exits with {ended.returncode}", seen)
        return ended.stdout

    def run(self, **more) -> str:
        """Runs the next block of the chapter."""
        self.number += 1
        while (self.heading, self.number) in NOT_RUN:
            self.number += 1
        expect(self.number <= len(self.blocks[self.heading]), f"a block more under `{self.heading}`")
        self.ran += 1
        return self.again(self.heading, self.number, **more)

    def again(self, heading: str, number: int, **more) -> str:
        """Runs a block by its place in the guide."""
        return self.type(self.blocks[heading][number - 1], **more)

    def reads_drs(self) -> bool:
        read = ["aws", "drs", "describe-source-servers"]
        return subprocess.run(read, env=self.environment, capture_output=True).returncode == 0

    def chapter(self, heading: str) -> None:
        self.heading, self.number = heading, 0

    def end_of_chapter(self) -> None:
        """Every block was run, or stands in NOT_RUN."""
        count = len(self.blocks[self.heading])
        left = [each for each in range(self.number + 1, count + 1) if (self.heading, each) not in NOT_RUN]
        expect(left == [], f"blocks under `{self.heading}` that are neither run nor in NOT_RUN", left)


# ------------------------------------------------------------------------------ what must be so


def mode(proof: prove.Proof) -> str:
    """The mode of what everything invokes."""
    live = proof.client("lambda").get_function_configuration(FunctionName=DISCONNECT, Qualifier=LIVE)
    return live["Environment"]["Variables"]["MODE"]


def send(proof: prove.Proof, number: int, **more) -> None:
    proof.put(proof.request(f"CHG{number}", prove.server_id(number), **more))


def letters(proof: prove.Proof, output: str) -> int:
    return prove.left(proof.client("sqs"), proof.outputs[output])


def in_state(proof: prove.Proof, server: str) -> str:
    return proof.servers()[server].get("dataReplicationState", "")


# -------------------------------------------------------------------------------- the chapters
# Each runs the blocks under its heading, and checks what the text around them says.


def install(terminal: Terminal, proof: prove.Proof) -> None:
    terminal.run()
    proof.read_outputs()
    names = [each["FunctionName"] for each in proof.client("lambda").list_functions()["Functions"]]
    expect(DISCONNECT in names and prove.BOOTSTRAP not in names, "the functions of the first stack", names)
    expect(mode(proof) == "plan", "plan mode", mode(proof))
    rules = {rule["Name"]: rule["State"] for rule in proof.client("events").list_rules()["Rules"]}
    triggers = {name: state for name, state in rules.items() if re.search("Requested|Terminated|Stall", name)}
    expect(len(triggers) > 2 and set(triggers.values()) == {"DISABLED"}, "no trigger is enabled", rules)
    expect(terminal.run().strip().isdigit(), "the quota of the account")


def set_up_your_shell(terminal: Terminal, proof: prove.Proof) -> None:
    seen = terminal.run()
    expect(seen == f"mode plan, dashboard {proof.outputs['DashboardUrl']}\n", "the outputs of the stack", seen)


def enable(terminal: Terminal, proof: prove.Proof) -> None:
    terminal.run()
    proof.subscribe()
    expect(mode(proof) == "plan", "the rehearsal changes nothing", mode(proof))
    send(proof, 1)
    proof.put(proof.request("CHG1", prove.server_id(2001)))
    proof.result("CHG1", "planned")
    proof.result("CHG1", "refused")
    proof.notification("drover planned (us-east-1): CHG1 ")
    counted = terminal.run()
    for line in ("1 planned plan_mode", "1 refused not_approved"):
        expect(line in counted, "the outcomes of the rehearsal", counted)
    planned = terminal.run()
    expect(planned == f"CHG1 s-{1:017} s-{1:017}\n", "the servers that would have been disconnected", planned)
    expect(proof.changes() == [], "nothing was changed", proof.changes())
    terminal.run()
    expect(mode(proof) == "enforce", "the mode", mode(proof))
    send(proof, 1)
    proof.result("CHG1", "done")


def approve(terminal: Terminal, proof: prove.Proof) -> None:
    terminal.run()
    tags = proof.servers()["s-0123456789abcdef0"]["tags"]
    expect(tags["drover:approved"] == "CHG0031234", "the approval", tags)


def send_a_request(terminal: Terminal, proof: prove.Proof) -> None:
    planned = terminal.run()
    expect("would" in planned or "planned" in planned, "the plan", planned)
    expect(in_state(proof, "s-0123456789abcdef0") != "DISCONNECTED", "a dry run changes nothing")
    terminal.run()
    proof.result("CHG0031234", "done")
    expect(in_state(proof, "s-0123456789abcdef0") == "DISCONNECTED", "the server is DISCONNECTED")
    expect("drover:approved" not in proof.servers()["s-0123456789abcdef0"]["tags"], "the approval is removed")


def follow(terminal: Terminal, proof: prove.Proof) -> None:
    lines = terminal.run()
    expect("done: CHG0031234 " in lines and "refused: CHG1 " in lines, "the outcomes of the last hour", lines)
    report = json.loads(terminal.run())
    expect((report["requestID"], report["outcome"]) == ("CHG0031234", "done"), "the report", report)


def run_a_fleet(terminal: Terminal, proof: prove.Proof) -> None:
    db02 = f"arn:aws:drs:{REGION}:{ACCOUNT}:source-server/s-0123456789abcdef2"
    terminal.type(f"aws drs tag-resource --resource-arn {db02} --tags drover:approved=CHG0031234")
    execution = json.loads(terminal.run())["executionArn"]
    ended = wait_for(proof, execution)
    expect(ended["status"] == "SUCCEEDED", "the fleet", ended)
    expect(in_state(proof, "s-0123456789abcdef2") == "DISCONNECTED", "the server is DISCONNECTED")


def wait_for(proof: prove.Proof, execution: str) -> dict:
    describe = lambda: proof.client("stepfunctions").describe_execution(executionArn=execution)  # noqa: E731
    eventually(lambda: describe()["status"] != "RUNNING", "the execution ends")
    return describe()


def a_fleet_that_failed(terminal: Terminal, proof: prove.Proof) -> None:
    request = prove.without_servers(proof.request("FLEET"))
    items = [prove.server_id(number) for number in range(2001, 2011)]
    fleet = {"function": "disconnect-source-server", "request": request, "items": items}
    ended = prove.run_machine(proof, "FleetArn", fleet)
    expect(ended["status"] == "FAILED", "the fleet", ended)
    seen = terminal.run()
    for words in ("States.ExceedToleratedFailureThreshold", '"failed"', "refused: FLEET disconnect: 0 of 1"):
        expect(words in seen, "why the fleet failed", seen)
    # The fleet of before once more, as the text says.
    ended = wait_for(proof, json.loads(terminal.again("Run a fleet", 1))["executionArn"])
    expect(ended["status"] == "SUCCEEDED", "what is done is already done", ended)


def take_back(terminal: Terminal, proof: prove.Proof) -> None:
    terminal.run()
    request = proof.request("CHG2", prove.server_id(2))
    report = proof.invoke(DISCONNECT, request)
    expect((report["outcome"], mode(proof)) == ("planned", "plan"), "plan mode, and the alias follows", report)
    # The next release, which is the same but for its bytes; with a queue, for what follows.
    terminal.another_build()
    terminal.type("sam deploy --parameter-overrides Mode=enforce QueueTrigger=ENABLED")
    proof.read_outputs()
    terminal.again("Set up your shell", 1)
    live = {"FunctionName": DISCONNECT, "Name": LIVE}
    latest = proof.client("lambda").get_alias(**live)["FunctionVersion"]
    listed = terminal.run()
    expect(f'"{latest}"' in listed and f"|  {latest}  " in listed, "the version that is live", listed)
    expect(latest != "3" and "|  3  " in listed and mode(proof) == "enforce", "the version before it", listed)
    terminal.run()
    report = proof.invoke(DISCONNECT, request)
    expect((report["outcome"], mode(proof)) == ("planned", "plan"), "the version before is live", report)
    proof.client("lambda").update_alias(**live, FunctionVersion=latest)


def stop_and_start(terminal: Terminal, proof: prove.Proof) -> None:
    terminal.run()
    try:
        answer = proof.invoke(DISCONNECT, proof.request("CHG2", prove.server_id(2)))
        expect(False, "the function is stopped", answer)
    except ClientError as error:
        expect(error.response["Error"]["Code"] == "TooManyRequestsException", "throttled", str(error))
    send(proof, 2)
    expect(not proof.disconnected(2), "nothing runs")
    terminal.run()
    proof.result("CHG2", "done")
    expect(proof.disconnected(2), "the event that waited is handled")
    terminal.run()
    reserved = proof.client("lambda").get_function_concurrency(FunctionName=DISCONNECT)
    expect("ReservedConcurrentExecutions" not in reserved, "nothing is reserved", reserved)


def failed_requests(terminal: Terminal, proof: prove.Proof) -> None:
    # The letter of the fleet that failed above, which was sent again.
    eventually(lambda: letters(proof, "FailedRequestsUrl") == 1, "the letter of the fleet")
    seen = terminal.again("Failed requests", 1)
    expect("States.ExceedToleratedFailureThreshold" in seen, "the letter of the fleet", seen)
    terminal.again("Failed requests", 3)
    expect(letters(proof, "FailedRequestsUrl") == 0, "the letter is gone")
    proof.control_account("faults", {"operation": "DescribeSourceServers", "kind": "access_denied", "times": 3})
    send(proof, 3)
    eventually(lambda: letters(proof, "FailedRequestsUrl") == 1, "a letter")
    report = json.loads(terminal.run())
    expect(report["targets"][0]["reason"] == "access_denied", "the report in the letter", report)
    replayed_only_if_accepted(terminal, proof, "FailedRequestsUrl")
    proof.result("CHG3", "done")
    expect(proof.disconnected(3), "the request is done")
    # The third was the first that was run.
    terminal.number, terminal.ran = 3, terminal.ran + 1


def replayed_only_if_accepted(terminal: Terminal, proof: prove.Proof, output: str) -> None:
    """Runs the next block, first while Lambda cannot be reached: the letter must stay."""
    terminal.run(exits=None, AWS_ENDPOINT_URL_LAMBDA="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    expect(letters(proof, output) == 1, "the letter is kept while Lambda does not accept the request")
    terminal.again(terminal.heading, terminal.number)
    expect(letters(proof, output) == 0, "the letter is gone")


def executions(terminal: Terminal, proof: prove.Proof) -> None:
    states = proof.client("stepfunctions")
    running = lambda: states.list_executions(  # noqa: E731
        stateMachineArn=proof.outputs["FollowUpArn"], statusFilter="RUNNING"
    )["executions"]
    send(proof, 3, action="verify")
    proof.result("CHG3", "pending")
    eventually(running, "a follow-up")
    states.stop_execution(executionArn=running()[0]["executionArn"], error="States.Timeout")
    eventually(lambda: letters(proof, "FailedRequestsUrl") == 1, "a letter")
    expect(json.loads(terminal.again("Failed requests", 1)) is None, "the letter has no report")
    letter = json.loads(terminal.run())
    expect(letter["status"] == "TIMED_OUT", "the letter", letter)
    expect(letter["input"]["detail"]["requestPayload"]["detail"]["requestID"] == "CHG3", "its request", letter)
    terminal.run()
    expect(letters(proof, "FailedRequestsUrl") == 0, "the letter is gone")
    proof.control_account("advance", {"minutes": 91})
    report = proof.result("CHG3", "already_done", source="drover")
    expect(report["targets"][0]["reason"] == "cleanup_verified", "the follow-up went on", report)


def undelivered_events(terminal: Terminal, proof: prove.Proof) -> None:
    functions = proof.client("lambda")
    live = {"FunctionName": DISCONNECT, "Qualifier": LIVE}
    policy = json.loads(functions.get_policy(**live)["Policy"])
    [ours] = [each for each in policy["Statement"] if "DecommissionRequested" in json.dumps(each.get("Condition"))]
    functions.remove_permission(**live, StatementId=ours["Sid"])
    send(proof, 4)
    eventually(lambda: letters(proof, "UndeliveredEventsUrl") == 1, "a letter")
    expect('"request": "CHG4"' in (seen := terminal.run()), "the event", seen)
    functions.add_permission(
        **live,
        StatementId=ours["Sid"],
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=next(iter(ours["Condition"]["ArnLike"].values())),
    )
    replayed_only_if_accepted(terminal, proof, "UndeliveredEventsUrl")
    proof.result("CHG4", "done")
    expect(proof.disconnected(4), "the event is handled")


def unfinished_messages(terminal: Terminal, proof: prove.Proof) -> None:
    sqs, url = proof.client("sqs"), proof.outputs["DecommissionQueueUrl"]
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    proof.control_account("faults", {"operation": "DisconnectSourceServer", "kind": "access_denied", "times": 5})
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(proof.request("CHG5", prove.server_id(5))))
    eventually(lambda: letters(proof, "UnfinishedMessagesUrl") == 1, "a letter")
    expect(not proof.disconnected(5), "nothing was changed")
    sqs.set_queue_attributes(QueueUrl=url, Attributes=kept)
    terminal.run()
    eventually(lambda: proof.disconnected(5), "the message is handled")
    expect(letters(proof, "UnfinishedMessagesUrl") == 0, "the letter is gone")


def unsent_events(terminal: Terminal, proof: prove.Proof) -> None:
    stacks = proof.client("cloudformation", FOREIGN, MACHINES_REGION)
    given = {"RecoveryAccount": ACCOUNT, "RecoveryRegion": REGION}
    stacks.create_stack(
        StackName=FORWARD,
        TemplateBody=proof.forwarding.read_text(),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = lambda: stacks.describe_stacks(StackName=FORWARD)["Stacks"][0]  # noqa: E731
    eventually(lambda: stack()["StackStatus"] == "CREATE_COMPLETE", "the stack of the machines")
    queue = stack()["Outputs"][0]["OutputValue"]
    waiting = lambda: prove.left(proof.client("sqs", FOREIGN, MACHINES_REGION), queue)  # noqa: E731
    # The account's clock was advanced above, and a terminated machine does not talk.
    instance = prove.terminated(proof, FOREIGN, 33, agentUnreachableSince=prove.in_hours(0))
    eventually(lambda: waiting() == 1, "the event that drover did not take")
    expect(f'"instance-id": "{instance}"' in (seen := terminal.run()), "the event", seen)
    terminal.run()
    expect(waiting() == 0, "the letter is gone")
    proof.result(instance, "done")
    expect(proof.disconnected(33), "the event is handled")


def alarms(terminal: Terminal, proof: prove.Proof) -> None:
    # The fleet that failed above did so hours ago, by the clock of CloudWatch.
    expect("drover-state-machines" in (seen := terminal.run()), "what rang stays for a day", seen)


def the_wrong_server_was_disconnected(terminal: Terminal, proof: prove.Proof) -> None:
    terminal.run()
    report = proof.invoke(DISCONNECT, proof.request("CHG20", {"sourceServerID": "s-0123456789abcdef1"}))
    expect(report["targets"][0]["reason"] == "protected", "the protected server is refused", report)
    found = terminal.run()
    for words in ('"request": "CHG0031234"', '"outcome": "done"', '"recoveryPointsLost"'):
        expect(words in found, "what was done, and why", found)
    expect("DISCONNECTED" in (seen := terminal.run()), "the state", seen)


def indeterminate(terminal: Terminal, proof: prove.Proof) -> None:
    # Every answer to the change is lost, and the reads after it are denied.
    proof.control_account("faults", {"operation": "DisconnectSourceServer", "kind": "reset_after", "times": 3})
    denied = {"operation": "DescribeSourceServers", "kind": "access_denied", "times": 2, "skip": 1}
    proof.control_account("faults", denied)
    request = proof.request("CHG6", prove.server_id(6))
    answer = proof.invoke(DISCONNECT, request)
    expect(json.loads(answer["errorMessage"])["outcome"] == "indeterminate", "the doubt", answer)
    eventually(terminal.reads_drs, "the fault ends")
    expect("DISCONNECTED" in (seen := terminal.run()), "the state", seen)
    settled = proof.invoke(DISCONNECT, request)
    expect(settled.get("outcome") in ("done", "already_done"), "sent again, it is settled", settled)
    calls = [call for call in proof.changes() if "Disconnect" in call and f"s-{6:017}" in call]
    expect(proof.disconnected(6) and len(calls) >= 1, "it happened", calls)
    expect("CHG0031234" in (seen := terminal.run()), "the answer", seen)


def audit(terminal: Terminal, proof: prove.Proof) -> None:
    before = proof.changes()
    terminal.run()
    proof.result("AUDIT-1", "done")
    expect(proof.changes() == before, "nothing was changed", proof.changes())


def remove(terminal: Terminal, proof: prove.Proof) -> None:
    terminal.run()
    terminal.run()
    names = [function["FunctionName"] for function in proof.client("lambda").list_functions()["Functions"]]
    expect(not any(name.startswith(STACK) for name in names), "no function is left", names)
    proof.client("s3").head_bucket(Bucket=proof.outputs["FleetsBucketName"])
    proof.client("sqs").get_queue_attributes(QueueUrl=proof.outputs["FailedRequestsUrl"], AttributeNames=["QueueArn"])
    groups = [group["logGroupName"] for group in proof.client("logs").describe_log_groups()["logGroups"]]
    expect(proof.outputs["DisconnectLogGroup"] in groups, "the log stays", groups)


CHAPTERS = {
    chapter.__name__: chapter
    for chapter in (
        install,
        set_up_your_shell,
        enable,
        approve,
        send_a_request,
        follow,
        run_a_fleet,
        a_fleet_that_failed,
        take_back,
        stop_and_start,
        failed_requests,
        executions,
        undelivered_events,
        unfinished_messages,
        unsent_events,
        alarms,
        the_wrong_server_was_disconnected,
        indeterminate,
        audit,
        remove,
    )
}


def follow_the_guide(terminal: Terminal, proof: prove.Proof) -> None:
    known = {(heading, number + 1) for heading, blocks in terminal.blocks.items() for number in range(len(blocks))}
    expect(NOT_RUN.keys() <= known, "blocks in NOT_RUN that do not exist", sorted(NOT_RUN.keys() - known))
    for heading, blocks in terminal.blocks.items():
        for block in blocks:
            assert_portable(block)
        terminal.chapter(heading)
        chapter = CHAPTERS.get(heading.lower().replace(" ", "_"))
        if chapter:
            prove.step(heading, chapter, terminal, proof)
        terminal.end_of_chapter()
    for (heading, number), reason in NOT_RUN.items():
        print(f"  not run: block {number} of `{heading}`: {reason}")
    print(f"{terminal.ran} blocks of {len(known)} run, {len(NOT_RUN)} are not")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--template", "--architecture", "--sam", "--local", "--aws"):
        arguments.add_argument(name, required=True)
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    version = subprocess.run([f"{given.aws}/aws", "--version"], capture_output=True, text=True, check=True)
    print(f"  {version.stdout.strip()}")
    with (
        tempfile.TemporaryDirectory(prefix="drover-") as folder,
        prove.running(given.local, world(), Path(folder)) as machine,
    ):
        desk = Path(folder) / "desk"
        desk.mkdir()
        proof = prove.Proof(machine, given.sam, given.template, given.architecture)
        proof.machines_region = MACHINES_REGION
        follow_the_guide(Terminal(proof, desk, given.aws), proof)
    return 0


if __name__ == "__main__":
    sys.exit(main())
