"""What a binary is made of, as CycloneDX: the crates that are linked into it, with licences and checksums.

Written here, since cargo-cyclonedx and cargo-sbom read `cargo metadata`, which unifies the features of the whole
workspace: they list the SDK of EFS for a function that links only that of DRS. `cargo tree` resolves as a build does.
"""

import hashlib
import json
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A crate by its name and version.
Crate = tuple[str, str]


def write(file: Path, package: str, binary: Path, target: str) -> None:
    """The SBOM of a binary of a package. It holds no time and no serial number, so the same build has the same."""
    root, links = linked(package, target)
    described = descriptions(target)
    checksums = {
        (entry["name"], entry["version"]): entry["checksum"]
        for entry in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
        if "checksum" in entry
    }
    content = hashlib.sha256(binary.read_bytes()).hexdigest()

    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": component("application", root, described[root], content) | {"name": binary.name},
            "properties": [{"name": "cdx:rustc:sbom:target:triple", "value": target}],
        },
        "components": [
            component("library", crate, described[crate], checksums.get(crate)) for crate in sorted(links) if crate != root
        ],
        "dependencies": [
            {"ref": reference(crate), "dependsOn": [reference(each) for each in sorted(links[crate])]}
            for crate in sorted(links)
        ],
    }
    file.write_text(json.dumps(bom, indent=1) + "\n")


def component(kind: str, crate: Crate, described: dict, checksum: str | None) -> dict:
    name, version = crate
    found = {"type": kind, "bom-ref": reference(crate), "name": name, "version": version}
    if described["license"]:
        # Before SPDX had expressions, crates separated their licences by a slash.
        found["licenses"] = [{"expression": described["license"].replace("/", " OR ")}]
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    # A crate of this workspace is in no registry, where another one may have its name.
    if described["source"]:
        found["purl"] = reference(crate)
    if described["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": described["repository"]}]
    return found


def reference(crate: Crate) -> str:
    return "pkg:cargo/{}@{}".format(*crate)


def linked(package: str, target: str) -> tuple[Crate, dict[Crate, set[Crate]]]:
    """The crate of a package, and each crate that is linked into it with those that it uses."""
    asked = ("--package", package, "--target", target, "--edges", "normal", "--prefix", "depth", "--format", " {p}")
    above: list[Crate] = []
    links: dict[Crate, set[Crate]] = {}
    macros = set()
    for line in cargo("tree", *asked).splitlines():
        depth, name, version, *more = line.split()
        crate = (name, version.removeprefix("v"))
        # The procedural macros run in the compiler; what they use is not linked.
        if "(proc-macro)" in more:
            macros.add(crate)
        links.setdefault(crate, set())
        del above[int(depth) :]
        if above:
            links[above[-1]].add(crate)
        above.append(crate)

    root = above[0]
    reached, waiting = {}, [root]
    while waiting:
        crate = waiting.pop()
        if crate not in reached:
            reached[crate] = links[crate] - macros
            waiting.extend(reached[crate])
    return root, reached


def descriptions(target: str) -> dict[Crate, dict]:
    packages = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))["packages"]
    return {(package["name"], package["version"]): package for package in packages}


def cargo(*command: str) -> str:
    ended = subprocess.run(["cargo", *command, "--locked"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return ended.stdout
