"""Installs a release as a user does who has no Rust: from its folder, with the two commands of its example.

MiniStack is AWS, and the released command serves DRS. One request on the bus must then disconnect its server.

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
            ):
                prove.step(each.__doc__, each, proof)
            prove.step("install the release once more, to plan only", install, proof, release, Mode="plan")
            prove.step(a_deployment_can_be_taken_back.__doc__, a_deployment_can_be_taken_back, proof)
    return 0


if __name__ == "__main__":
    sys.exit(main())
