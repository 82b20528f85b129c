"""Makes a release of this checkout into dist/: functions, command, templates, SBOMs, notes and checksums.

`release/run` makes what this needs, and the environment in which a build is the same in any folder.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path

import archive
import cloudformation
import sbom

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
# Templates that are released as they are, by their names in a release.
TEMPLATES = {
    "forward.template.yaml": ROOT / "forwarding/forward.yaml",
    "alarms.template.yaml": ROOT / "forwarding/alarms.yaml",
    "schemas.template.yaml": ROOT / "schemas/events.yaml",
    "code.template.yaml": ROOT / "examples/stacksets/code.yaml",
}
# How to deploy it: in one account, and in an organization.
GUIDES = {
    "deploy.md": ROOT / "examples/cloudformation/README.md",
    "deploy-in-an-organization.md": ROOT / "examples/stacksets/README.md",
}
FUNCTIONS = sorted(folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir())
COMMAND = "drover"
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


@dataclass
class Architecture:
    """A value of the template's parameter Architecture."""

    name: str
    target: str
    # Of cargo-lambda.
    flag: str

    def is_installed(self) -> bool:
        folder = output("rustc", "--print", "target-libdir", "--target", self.target)
        return Path(folder).is_dir()

    def is_of_this_machine(self) -> bool:
        return self.target.startswith(f"{platform.machine()}-")


ARCHITECTURES = [
    Architecture("arm64", "aarch64-unknown-linux-gnu", "--arm64"),
    Architecture("x86_64", "x86_64-unknown-linux-gnu", "--x86-64"),
]


class Refused(Exception):
    """The checkout is not one to release."""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--dirty", action="store_true", help="release uncommitted changes too; the notes say so")
    arguments.add_argument("--only", metavar="BINARY", action="append", help="build only this one, to compare it")
    given = arguments.parse_args()
    try:
        make(given.dirty, given.only or [*FUNCTIONS, COMMAND])
    except Refused as refused:
        print(f"no release: {refused}", file=sys.stderr)
        return 1
    return 0


def make(may_be_dirty: bool, wanted: list[str]) -> None:
    # Everything that can refuse comes before the builds, which take minutes.
    if platform.system() != "Linux":
        raise Refused("the command's archive has functions for Lambda, so a release is made on Linux")
    state = checkout(may_be_dirty)
    time = output("git", "log", "-1", "--format=%ct")
    changes = section(state)
    for source in [*TEMPLATES.values(), *GUIDES.values()]:
        if not source.exists():
            raise Refused(f"{source.relative_to(ROOT)} is missing")
    template = cloudformation.text(cloudformation.plain())
    missing = [each for each in ARCHITECTURES if not each.is_installed()]
    for each in missing:
        print(f"{each.name} skipped: its Rust target is not installed. Install it: rustup target add {each.target}")

    with tempfile.TemporaryDirectory(prefix="drover-release-") as folder:
        made = Path(folder) / "dist"
        made.mkdir()
        for architecture in ARCHITECTURES:
            if architecture not in missing:
                build(architecture, wanted, int(time), Path(folder), made)
        (made / "drover.template.json").write_text(template)
        for name, source in TEMPLATES.items():
            shutil.copyfile(source, made / name)
        for name, source in GUIDES.items():
            (made / name).write_text(without_links(source.read_text()))
        text = notes(state, changes, missing, made)
        if set(wanted) != {*FUNCTIONS, COMMAND}:
            text = f"**No release: made of {', '.join(wanted)} alone, to be compared.**\n\n{text}"
        (made / "NOTES.md").write_text(text)
        sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(made.iterdir())]
        (made / "SHA256SUMS").write_text("".join(sums))

        # At last, and as a whole: no file of an earlier release stays.
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(made, DIST)
    for file in sorted(DIST.iterdir()):
        print(f"{file.stat().st_size:>9} dist/{file.name}")


# ------------------------------------------------------------------------------- the checkout


@dataclass
class Checkout:
    commit: str
    is_dirty: bool
    is_tagged: bool

    def sentence(self) -> str:
        tagged = f"tagged v{VERSION}" if self.is_tagged else "not tagged"
        return f"commit {self.commit} ({tagged})" + (", with uncommitted changes" if self.is_dirty else "")


def checkout(may_be_dirty: bool) -> Checkout:
    changed = output("git", "status", "--porcelain")
    if changed and not may_be_dirty:
        raise Refused(f"the checkout has uncommitted changes. Commit them, or pass --dirty:\n{changed}")
    versions = [tag for tag in output("git", "tag", "--points-at", "HEAD").split() if re.fullmatch(r"v\d.*", tag)]
    wrong = [tag for tag in versions if tag != f"v{VERSION}"]
    if wrong:
        raise Refused(f"HEAD is tagged {', '.join(wrong)}, and the version in Cargo.toml is {VERSION}")
    return Checkout(output("git", "rev-parse", "HEAD"), bool(changed), bool(versions))


def section(state: Checkout) -> str:
    """What CHANGELOG.md says of this version; of what is unreleased, unless the version has a section."""
    sections = dict(
        re.findall(r"^## \[?([^]\s]+)\]?[^\n]*\n(.*?)(?=^## |\Z)", (ROOT / "CHANGELOG.md").read_text(), re.M | re.S)
    )
    if VERSION in sections:
        return sections[VERSION].strip()
    if state.is_tagged:
        raise Refused(f"CHANGELOG.md has no section for {VERSION}. Rename `## Unreleased` to `## {VERSION} - <date>`")
    return sections["Unreleased"].strip()


# --------------------------------------------------------------------------------- the builds


def build(architecture: Architecture, wanted: list[str], time: int, folder: Path, made: Path) -> None:
    """Builds the functions and the command, each by itself, so that no feature of one gets into another."""
    binaries = folder / architecture.name
    binaries.mkdir()
    for function in (name for name in FUNCTIONS if name in wanted):
        compile_one(architecture, f"functions/{function}", function, binaries)
        packed = made / cloudformation.zip_name(function, architecture.name)
        archive.write_zip(packed, {"bootstrap": binaries / function}, time)
        sbom.write(made / f"{function}-{architecture.name}.cdx.json", function, binaries / function, architecture.target)

    # The command invokes functions of its own machine.
    if architecture.is_of_this_machine() and COMMAND in wanted:
        compile_one(architecture, "cli", COMMAND, binaries)
        sbom.write(made / f"{COMMAND}-{architecture.name}.cdx.json", "cli", binaries / COMMAND, architecture.target)
        # The archive has all functions.
        if set(FUNCTIONS) <= set(wanted):
            times = os.environ | {"SOURCE_DATE_EPOCH": str(time)}
            subprocess.run([ROOT / "tests/dist/pack", binaries, made], env=times, check=True)


def compile_one(architecture: Architecture, package: str, binary: str, binaries: Path) -> None:
    """As `sam build` does: in the package's folder, by cargo-lambda, so that both use the same artifacts."""
    print(f"build {binary} for {architecture.name}", flush=True)
    options = ("--release", "--locked", architecture.flag, "--bin", binary)
    subprocess.run(["cargo", "lambda", "build", *options], cwd=ROOT / package, check=True)
    built = Path(os.environ["CARGO_TARGET_DIR"], "lambda", binary, "bootstrap")
    shutil.copy(built, binaries / binary)


# ---------------------------------------------------------------------------------- the notes


def notes(state: Checkout, changes: str, missing: list[Architecture], made: Path) -> str:
    files = "".join(f"- `{file.name}`: {meaning(file.name)}\n" for file in sorted(made.iterdir()))
    lacking = "".join(
        f"\n**No functions for {each.name}:** set the parameter `Architecture` to another value.\n" for each in missing
    )
    compiler = output("rustc", "--version")
    return f"""# drover {VERSION}

From {state.sentence()}.
{lacking}
{changes}

### Files

{files}
Check the files: `sha256sum --check SHA256SUMS`. Make them again: `just release` of the same commit, on Linux, with {compiler}, cargo-lambda {version_of("cargo-lambda")} and zig {version_of("ziglang")}, gives the same bytes.
"""


def without_links(guide: str) -> str:
    """A guide without links to files of the repository, which a release does not have."""
    return re.sub(r"\[([^]]+)\]\(\.\./[^)]*\)", r"\1", guide)


def meaning(name: str) -> str:
    if name.endswith(".cdx.json"):
        return "what the binary is made of, as CycloneDX"
    if name.endswith(".tar.gz"):
        return "the command `drover` with the functions and the events, for a laptop"
    if name.endswith(".zip"):
        return "the code of a function"
    return {
        "drover.template.json": "the template, as plain CloudFormation",
        "forward.template.yaml": "the template that forwards events from other accounts and Regions",
        "alarms.template.yaml": "the template of the topic, in each Region, that the alarms of the forwarding notify",
        "schemas.template.yaml": "the template with the schemas of requests and result events",
        "code.template.yaml": "the template of the bucket, in each Region, from which an organization deploys the code",
        "deploy.md": "how to deploy it in one account",
        "deploy-in-an-organization.md": "how to deploy it in every account and Region of an organization",
    }[name]


def output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.rstrip()


if __name__ == "__main__":
    sys.exit(main())
