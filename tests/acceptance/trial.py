"""Tries the acceptance against MiniStack and the emulator: its answers must be the switches of the account that it asks,
and nothing may be left, also after a failure, a Ctrl-C and a kill.

Usage: trial.py --template TEMPLATE --architecture ARCHITECTURE --sam SAM --local DROVER, with the Python that has
MiniStack. The acceptance itself runs with the Python of SAM.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "end_to_end"), str(HERE)]
sys.dont_write_bytecode = True

import prove  # noqa: E402
import questions  # noqa: E402
from prove import ACCOUNT, REGION, ROOT, expect  # noqa: E402
from sandbox import Sandbox  # noqa: E402

REPLICA_REGION, LOOK_SECONDS = "eu-west-1", 0.25
# What the accounts of the trial do where AWS's documentation is silent: first one thing, then the other. Of
# `enabledAfterFirstSync` an empty file system tells nothing, here as there.
BEHAVIOURS = (
    {
        "secondDisconnect": "ok",
        "disconnectAnswersAsBefore": True,
        "deleteBeforeCleanup": "conflict",
        "secondReplication": "conflict",
        "protectedDestination": "conflict",
        "writesWhileReplicating": "ok",
        "mountTargetsWhileEnabling": "conflict",
        "backupOnRegionalReplica": True,
    },
    {
        "secondDisconnect": "conflict",
        "disconnectAnswersAsBefore": False,
        "deleteBeforeCleanup": "ok",
        "secondReplication": "badRequest",
        "protectedDestination": "badRequest",
        "writesWhileReplicating": "conflict",
        "mountTargetsWhileEnabling": "ok",
        "backupOnRegionalReplica": False,
    },
)
# What no account on this machine can tell.
UNKNOWN_HERE = ("Does a log group of the class INFREQUENT_ACCESS", "enabledAfterFirstSync")
STAYS = f"s-{3:017}"


def world(behaviour: dict) -> dict:
    servers = [
        prove.server(1, tags={"drover:acceptance": "disconnect"}),
        prove.server(2, tags={"drover:acceptance": "delete"}),
        prove.server(3, tags={"drover:acceptance": "no", "drover:approved": "CHG1"}),
        prove.server(4, tags={"drover:acceptance": "delete", "Drover:Protected": ""}),
    ]
    return {
        "account": ACCOUNT,
        "region": REGION,
        "drs": {REGION: {"sourceServers": servers}},
        "efs": {REGION: {"fileSystems": []}, REPLICA_REGION: {"fileSystems": []}},
        "behaviour": behaviour,
    }


class Trial:
    """One account, in which time passes faster than in AWS, and the program in it."""

    def __init__(self, machine: prove.Machine, given: argparse.Namespace, folder: Path):
        self.machine, self.given, self.folder = machine, given, folder
        self.proof = prove.Proof(machine, given.sam, given.template, given.architecture)
        self.environment = prove.environment() | {
            "AWS_ENDPOINT_URL": machine.aws_url,
            "AWS_ENDPOINT_URL_DRS": machine.local_url,
            "AWS_ENDPOINT_URL_EFS": machine.local_url,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        threading.Thread(target=self.pass_time, daemon=True).start()

    def pass_time(self) -> None:
        """A minute for DRS and EFS in less than half a second, until the account is gone."""
        body = json.dumps({"minutes": 1}).encode()
        while True:
            time.sleep(0.4)
            try:
                urllib.request.urlopen(f"{self.machine.local_url}/local/advance", body, timeout=30).close()
            except OSError:
                return

    def start(self, *more: str, account: str = ACCOUNT) -> subprocess.Popen:
        command = [
            str(Path(self.given.sam).parent / "python"),
            str(HERE / "accept.py"),
            *("--account", account, "--again", account, "--region", REGION, "--replica-region", REPLICA_REGION),
            *("--template", self.given.template, "--sam", self.given.sam, "--architecture", self.given.architecture),
            *("--look-seconds", str(LOOK_SECONDS), "--results", str(self.folder / "results"), *more),
        ]
        return subprocess.Popen(
            command, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *more: str, exits: int, account: str = ACCOUNT) -> str:
        with self.start(*more, account=account) as child:
            said, _ = child.communicate()
        expect(child.returncode == exits, f"the acceptance exits with {child.returncode}, not {exits}", said)
        return said

    def run_until(self, words: str, number: int) -> tuple[int, str]:
        """Runs the program until it says these words, sends it a signal, and waits for its end."""
        said = ""
        with self.start() as child:
            for line in child.stdout:
                said += line
                if words in line:
                    break
            # In the middle of what it does then.
            time.sleep(2)
            child.send_signal(number)
            said += child.stdout.read()
        return child.returncode, said

    def results(self) -> tuple[dict, dict]:
        """The report that was written, and the account for the emulator."""
        read = lambda name: json.loads((self.folder / "results" / name).read_text())  # noqa: E731
        return read("report.json"), read("world.json")

    def left(self) -> list[str]:
        """Everything that is there, by AWS's own lists, whatever its name: the account was empty."""
        ask = self.proof.client
        found = {
            "stack": [each for each in ask("cloudformation").list_stacks()["StackSummaries"]
                      if each["StackStatus"] != "DELETE_COMPLETE"],
            "function": ask("lambda").list_functions()["Functions"],
            "queue": ask("sqs").list_queues().get("QueueUrls", []),
            "topic": ask("sns").list_topics()["Topics"],
            "bus": [each for each in ask("events").list_event_buses()["EventBuses"] if each["Name"] != "default"],
            "rule": ask("events").list_rules()["Rules"],
            "machine": ask("stepfunctions").list_state_machines()["stateMachines"],
            "log group": ask("logs").describe_log_groups()["logGroups"],
            "role": [each for each in ask("iam").list_roles()["Roles"] if not each["Path"].startswith("/aws-")],
            "bucket": ask("s3").list_buckets()["Buckets"],
            "application": ask("appconfig").list_applications()["Items"],
            "alarm": ask("cloudwatch").describe_alarms()["MetricAlarms"],
            "instance": [each for group in ask("ec2").describe_instances()["Reservations"] for each in group["Instances"]
                         if each["State"]["Name"] != "terminated"],
        }  # fmt: skip
        account = self.proof.account("world")
        for region, there in account["efs"].items():
            found[f"file system in {region}"] = there.get("fileSystems", [])
        found["replication"] = account.get("replications", [])
        return [f"{kind}: {each}" for kind, things in found.items() for each in things]

    def nothing_is_left(self) -> None:
        expect(self.left() == [], "something is left", self.left())
        tags = self.proof.servers()[STAYS]["tags"]
        kept = tags["drover:approved"] == "CHG1" and not self.proof.disconnected(3) and not self.proof.disconnected(4)
        expect(kept, "a server that is not offered, and one that is protected", tags)


def wrong_names_change_nothing(trial: Trial, _behaviour: dict) -> None:
    """An account that the credentials are not of, or that is named in two ways, is refused."""
    said = trial.run(exits=2, account="999999999999")
    expect(f"The credentials are of the account {ACCOUNT}, not 999999999999" in said, "the refusal", said)
    said = trial.run("--again", "999999999999", exits=2)
    expect("--account and --again name different accounts" in said, "the refusal", said)
    trial.nothing_is_left()


def the_answers_are_the_switches(trial: Trial, behaviour: dict) -> None:
    """A whole run holds, and writes what the account answers into a file for the emulator."""
    said = trial.run(exits=0)
    print(re.sub(r"(?m)^", "      ", said))
    report, account = trial.results()
    expect(account["behaviour"] == behaviour, "the switches", account["behaviour"])
    hidden = {each["step"]: each["seen"] for each in report["steps"] if each["seen"] != "holds"}
    by_cloudtrail = "The event of a file system that is tagged reaches its function by CloudTrail."
    expect(hidden == {by_cloudtrail: "not shown"}, "the steps", hidden)
    still_open = {questions.entry(begins) for begins in (*questions.NOT_ASKED, *UNKNOWN_HERE)}
    expect(set(report["open"]) == still_open, "what is open", report["open"])
    answered = {each["entry"] for each in report["answers"]}
    expect(answered | still_open == set(questions.entries()), "every entry of the list", report["answers"])
    expect(report["left"] == [], "what is left", report["left"])
    trial.nothing_is_left()
    # The file is an account that the emulator serves.
    written = trial.folder / "results/world.json"
    event = ROOT / "events/disconnect-source-server/decommission-requested.json"
    command = [trial.given.local, "plan", str(event), "--world", str(written)]
    planned = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    expect(planned.returncode == 0 and "refused" in planned.stdout, "a plan there", planned.stdout + planned.stderr)


def other_answers_are_other_switches(trial: Trial, behaviour: dict) -> None:
    """An account that does everything the other way is asked the same, and answers the other way."""
    os.environ.update(trial.environment)
    sandbox = Sandbox(ACCOUNT, REGION, REPLICA_REGION, LOOK_SECONDS)
    first, *others = sandbox.offered()
    expect([each["tags"]["drover:acceptance"] for each in (first, *others)] == ["disconnect", "delete"], "what is offered")
    sandbox.client("drs").disconnect_source_server(sourceServerID=first["sourceServerID"])
    answers = [
        *questions.of_source_servers(sandbox, first["sourceServerID"], others),
        *questions.of_file_systems(sandbox, f"subnet-{1:017}"),
    ]
    switches = {name: value for each in answers for name, value in (each.switches or {}).items()}
    expect(switches == behaviour, "the switches", switches)
    expect(sandbox.remove(print) == [], "what is left")
    trial.nothing_is_left()


def a_failure_is_told_and_leaves_nothing(trial: Trial, _behaviour: dict) -> None:
    """What fails is told, the rest is done, and nothing is left."""
    fault = {"operation": "CreateReplicationConfiguration", "kind": "access_denied", "times": 1000}
    trial.proof.control_account("faults", fault)
    said = trial.run(exits=1)
    report, _ = trial.results()
    failed = {each["step"] for each in report["steps"] if each["seen"] == "FAILED"}
    replica = "A file system gets a replica, which is followed up until it can be used."
    expect(failed >= {replica, "What EFS does"} and "No alarm rings" not in failed, "what failed", sorted(failed))
    expect(f"{len(failed)} failed" in said, "what is said of it", said)
    expect(report["left"] == [], "what is left", report["left"])
    trial.nothing_is_left()


def an_interruption_leaves_nothing(trial: Trial, _behaviour: dict) -> None:
    """A Ctrl-C while a replica is made leaves nothing."""
    code, said = trial.run_until("A file system gets a replica", signal.SIGINT)
    expect(code == 130 and "Interrupted." in said and "nothing is left" in said, "the end", f"{code} {said}")
    trial.nothing_is_left()


def a_kill_is_cleaned_up_after(trial: Trial, _behaviour: dict) -> None:
    """After a kill, the next run refuses to begin and says how to remove what is left; then nothing is."""
    code, said = trial.run_until("A fleet of one item", signal.SIGKILL)
    expect(code == -signal.SIGKILL and trial.left() != [], "something is left", said)
    refused = trial.run(exits=2)
    expect("Something is left of an earlier run" in refused and "--clean" in refused, "the refusal", refused)
    trial.run("--clean", exits=0)
    trial.nothing_is_left()


ACCOUNTS = (
    (
        BEHAVIOURS[0],
        (
            the_answers_are_the_switches,
            wrong_names_change_nothing,
            an_interruption_leaves_nothing,
            a_kill_is_cleaned_up_after,
        ),
    ),
    (BEHAVIOURS[1], (other_answers_are_other_switches, a_failure_is_told_and_leaves_nothing)),
)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--template", "--architecture", "--sam", "--local"):
        arguments.add_argument(name, required=True)
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for behaviour, steps in ACCOUNTS:
        with tempfile.TemporaryDirectory(prefix="drover-") as name:
            folder = Path(name)
            with prove.running(given.local, world(behaviour), folder) as machine:
                trial = Trial(machine, given, folder)
                for each in steps:
                    prove.step(each.__doc__, each, trial, behaviour)
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
