"""Installs a release as a user does who has no Rust: from its folder, with the commands of its examples.

MiniStack is AWS, and the released command serves DRS. One request on the bus must then disconnect its server. Then an
organization installs it by StackSets.

Usage: trial.py DIST AWS ARCHITECTURE, with the Python that has MiniStack. AWS is the folder of the AWS CLI.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/end_to_end"))
sys.dont_write_bytecode = True

import prove  # noqa: E402
import stacksets  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

EXAMPLE = ROOT / "examples/cloudformation/README.md"
BUCKET, VERSION = "artifacts", "trial"


def commands() -> list[str]:
    """The commands that the example says are enough."""
    blocks = EXAMPLE.read_text().split("```sh\n")[1:]
    [lines] = [lines for block in blocks if "aws s3 cp" in (lines := block.split("```")[0])]
    upload, deploy = lines.strip().splitlines()
    return [upload, deploy]


def install(proof: prove.Proof, release: Path, **parameters: str) -> None:
    upload, deploy = commands()
    overrides = " ".join(f"{name}={value}" for name, value in parameters.items())
    with contextlib.suppress(ClientError):
        proof.client("s3").create_bucket(Bucket=BUCKET)
    for command in (upload, f"{deploy} {overrides}"):
        environment = prove.environment() | {
            "AWS_ENDPOINT_URL": proof.machine.aws_url,
            "BUCKET": BUCKET,
            "VERSION": VERSION,
        }
        ended = subprocess.run(
            ["bash", "-euc", command], cwd=release, env=environment, capture_output=True, text=True
        )
        prove.expect(ended.returncode == 0, command, f"{ended.stdout[-2000:]}{ended.stderr[-2000:]}{proof.broken()}")
    proof.read_outputs()


def a_dry_run_shows_the_whole_way(proof: prove.Proof) -> None:
    """The commands of the topology send a dry run from another account and Region, and read what became of it."""
    guide = (ROOT / "docs/topology.md").read_text().split("## See the whole way once")[1].split("\n## ")[0]
    send, read = (block.split("```")[0] for block in guide.split("```sh\n")[1:])
    with tempfile.TemporaryDirectory() as folder:
        credentials = f"[machines]\naws_access_key_id = {prove.LISTED}\naws_secret_access_key = test\n"
        (Path(folder) / "credentials").write_text(credentials)
        environment = prove.environment() | {
            "AWS_ENDPOINT_URL": proof.machine.aws_url,
            "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/credentials",
            "DisconnectLogGroup": proof.outputs["DisconnectLogGroup"],
        }

        def run(block: str) -> str:
            command = ["bash", "-euo", "pipefail", "-c", block.replace("eu-west-1", proof.machines_region)]
            ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
            prove.expect(ended.returncode == 0, block, ended.stdout + ended.stderr)
            return ended.stdout

        changes = proof.changes()
        sent = run(send.replace("s-0123456789abcdef0", prove.server_id(3)["sourceServerID"]))
        prove.expect('"FailedEntryCount": 0' in sent, "the bus took it", sent)
        prove.eventually(lambda: "WAY-1" in run(read), "the summary")
        prove.expect("would be disconnected" in run(read) and proof.changes() == changes, "a plan", run(read))


def a_deployment_can_be_taken_back(proof: prove.Proof) -> None:
    """The alias stands for the latest settings; the version of before is kept, and can be had again."""
    functions = proof.client("lambda")
    live = {"FunctionName": prove.DISCONNECT, "Name": prove.LIVE}
    request = proof.request("CHG2", prove.server_id(2))
    prove.expect(proof.invoke(prove.DISCONNECT, request)["outcome"] == "planned", "it plans only")
    latest = functions.get_alias(**live)["FunctionVersion"]
    functions.update_alias(**live, FunctionVersion=str(int(latest) - 1))
    report = proof.invoke(prove.DISCONNECT, request)
    prove.expect(report["mode"] == "enforce", "the settings of the version of before", report)


def unpacked(release: Path) -> str:
    """The released command."""
    [archive] = release.glob("drover-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(release.parent, filter="data")
    return str(release.parent / archive.name.removesuffix(".tar.gz") / "drover")


def main() -> int:
    dist, aws, architecture = sys.argv[1:]
    os.environ["PATH"] = f"{aws}:/usr/bin:/bin"
    prove.expect(not any(map(shutil.which, ("cargo", "rustc", "sam"))), "a path without Rust and SAM")

    with tempfile.TemporaryDirectory(prefix="drover-") as folder:
        release = Path(folder) / "release"
        shutil.copytree(dist, release)
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=release, check=True)
        with prove.running(unpacked(release), prove.world(), Path(folder)) as machine:
            proof = prove.Proof(machine, "", "", architecture)
            proof.forwarding = release / "forward.template.yaml"
            switched_on = {
                "Architecture": architecture,
                "Mode": "enforce",
                "EventTrigger": "ENABLED",
                "InstanceTerminatedTrigger": "ENABLED",
                "SourceOrganization": prove.ORGANIZATION["id"],
            }
            prove.step("install the release", install, proof, release, **switched_on)
            prove.step("subscribe", proof.subscribe)
            for each in (
                prove.an_event_reaches_its_function_through_a_rule,
                prove.a_machine_of_another_account_and_region_is_retired,
                a_dry_run_shows_the_whole_way,
            ):
                prove.step(each.__doc__, each, proof)
            step = stacksets.an_organization_installs_it
            prove.step(step.__doc__, step, proof, release, architecture)
            prove.step("install the release once more, to plan only", install, proof, release, Mode="plan")
            prove.step(a_deployment_can_be_taken_back.__doc__, a_deployment_can_be_taken_back, proof)
    return 0


if __name__ == "__main__":
    sys.exit(main())
