"""Writes what AWS's service models allow into one table, which the emulator holds every request and every world against.

Usage: constraints.py PATH-TO-WORKSPACE

The table has the partitions and their Efs, and for each service its Efs, the operations that the emulator
serves with their request and response shapes, and every shape that these need. check.py makes it anew and fails when
the committed one differs.
"""

import json
import re
import sys
from pathlib import Path

from botocore.loaders import Loader

TABLE = "emulator/src/aws/constraints.json"
# The service as botocore and as signatures call it, and the file with its operations.
SERVICES = {"drs": "drs", "efs": "elasticfilesystem", "resourcegroupstaggingapi": "tagging"}
OPERATIONS = {"drs": "drs/api/mod.rs", "efs": "efs/api/mod.rs", "resourcegroupstaggingapi": "tagging/service.rs"}

# Patterns are Java's. Rust's expressions know no look-ahead: a tag's key that must not begin with `aws:` becomes two
# expressions, and a folder that must not begin with a dot says so of its first sign. Java's \d is an ASCII digit, and
# its dot is any sign but the end of a line.
TRANSLATIONS = [
    (re.compile(r"\[\\s\\S\]"), r"(?s:.)"),
    (re.compile(r"\\d"), r"[0-9]"),
    (re.compile(r"\\/"), r"/"),
    (re.compile(r"\(\?!\\\.\)\+\[\^([^\]]*)\]\+"), r"[^.\1][^\1]*"),
]
NOT_AT_THE_START = re.compile(r"^\^\(\?!([^)]*)\)(.*)$")


def operations_served(workspace: Path) -> dict[str, list[str]]:
    """The operations in the emulator's own tables, by service."""
    served = {}
    for service in SERVICES:
        source = (workspace / "emulator/src" / OPERATIONS[service]).read_text()
        start = source.index("[", source.index("=", source.index("static OPERATIONS")))
        # A row is `reads("NAME", ...)`, `changes("/NAME", ...)`, or has a member `name`.
        served[service] = re.findall(r'(?:\(\s*"/?|name: ")([A-Za-z]+)"', source[start : source.index("];", start)])
    return served


def translated(pattern: str) -> dict[str, str]:
    more = {}
    if refused := NOT_AT_THE_START.match(pattern):
        more["not"], pattern = f"{refused[1]}(?s:.*)", f"^{refused[2]}"
    for java, rust in TRANSLATIONS:
        pattern = java.sub(rust, pattern)
    if "(?!" in pattern or "(?=" in pattern or "(?<" in pattern:
        sys.exit(f"{pattern} needs a translation")
    return {"pattern": pattern, **more}


def shape_of(shape: dict) -> dict:
    made = {"type": shape["type"]}
    match shape["type"]:
        case "structure":
            made["members"] = {name: member["shape"] for name, member in sorted(shape["members"].items())}
            made["required"] = sorted(shape.get("required", []))
        case "list":
            made["member"] = shape["member"]["shape"]
        case "map":
            made["key"], made["value"] = shape["key"]["shape"], shape["value"]["shape"]
        case "timestamp" if "timestampFormat" in shape:
            sys.exit(f"a timestamp is written as {shape['timestampFormat']}")
    made |= {limit: shape[limit] for limit in ("min", "max") if limit in shape}
    if "pattern" in shape:
        made |= translated(shape["pattern"])
    if "enum" in shape:
        made["enum"] = shape["enum"]
    return made


def operation_of(operation: dict, shapes: dict) -> dict:
    made = {"input": operation.get("input", {}).get("shape"), "output": operation.get("output", {}).get("shape")}
    made["status"] = operation["http"].get("responseCode", 200)
    members = shapes[made["input"]]["members"] if made["input"] else {}
    for location in ("uri", "querystring"):
        found = {member.get("locationName", name): name for name, member in sorted(members.items()) if member.get("location") == location}
        if found:
            made[location] = found
    for name, member in members.items():
        in_the_body = "location" not in member and member.get("locationName", name) == name
        if not in_the_body and member.get("location") not in ("uri", "querystring"):
            sys.exit(f"{made['input']}.{name} is in a place or under a name that is not known")
    return made


def needed(roots: list[str], shapes: dict) -> dict:
    found, waiting = {}, list(roots)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        shape = shapes[name]
        found[name] = shape_of(shape)
        waiting += [member["shape"] for member in shape.get("members", {}).values()]
        waiting += [shape[part]["shape"] for part in ("member", "key", "value") if part in shape]
    return dict(sorted(found.items()))


def table(workspace: Path) -> dict:
    loader = Loader()
    regions = {}
    for partition in loader.load_data("partitions")["partitions"]:
        regions[partition["id"]] = sorted(name for name in partition["regions"] if not name.endswith("-global"))
    known = {name for names in regions.values() for name in names}
    made = {"partitions": regions}
    endpoints = loader.load_data("endpoints")["partitions"]
    for service, operations in operations_served(workspace).items():
        model = loader.load_service_model(service, "service-2")
        shapes = model["shapes"]
        described = {name: operation_of(model["operations"][name], shapes) for name in sorted(operations)}
        roots = [operation[part] for operation in described.values() for part in ("input", "output") if operation[part]]
        served = {name for partition in endpoints for name in partition["services"].get(SERVICES[service], {}).get("endpoints", {})}
        made[SERVICES[service]] = {"regions": sorted(served & known), "operations": described, "shapes": needed(roots, shapes)}
    return made


def text(value, depth: int = 0) -> str:
    """JSON with one line for each operation and shape, so that a change of a model can be read as one."""
    if depth == 3 or not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    inner = ",\n".join(f"{'  ' * (depth + 1)}{json.dumps(key)}: {text(item, depth + 1)}" for key, item in value.items())
    return "{\n" + inner + "\n" + "  " * depth + "}"


def written(workspace: Path) -> str:
    return text(table(workspace)) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) / TABLE).write_text(written(Path(sys.argv[1])))
