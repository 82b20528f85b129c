"""template.yaml as plain CloudFormation, with the functions in a bucket and the state machines inlined.

A template without a transform deploys by every way that CloudFormation has: service-managed StackSets refuse
transforms, and Terraform and the CDK need no SAM. Whatever template.yaml holds is kept; only what SAM would write is
written here.
"""

import json
import os
from pathlib import Path, PurePosixPath

from samcli.yamlhelper import yaml_parse
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"

# CloudFormation's quotas of one template: bytes of a template in S3, and members of its sections.
MAX_BYTES = 1_000_000
MAX_MEMBERS = {"Mappings": 200, "Outputs": 200, "Parameters": 200, "Resources": 500}

CODE_PARAMETERS = {
    "CodeBucket": {
        "Type": "String",
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        "Description": "Bucket with the zipped functions. It must be in the Region of the stack.",
    },
    # No default: an update would keep the value of the version before, and with it the code of that version.
    "CodePrefix": {
        "Type": "String",
        "AllowedPattern": "^$|^[^/].*/$",
        "Description": (
            "Prefix of the keys of the zipped functions, such as drover/1.2.3/. Each version needs its own: "
            "CloudFormation updates a function only when the key of its code changes."
        ),
    },
}


class NoManagedPolicies(ManagedPolicyLoader):
    """The template uses no managed policies, so no call to AWS looks up their ARNs."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


def plain() -> dict:
    """The released template."""
    source = yaml_parse(TEMPLATE.read_text())
    definitions = take_definitions(source)
    point_to_bucket(source)

    # SAM's translator asks for a Region, and writes it nowhere.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    template = transform(source, {}, NoManagedPolicies())

    for step in (inline_definitions(definitions), drop_sam_metadata):
        step(template)
    check(template)
    return template


def text(template: dict) -> str:
    return json.dumps(template, indent=1) + "\n"


# ------------------------------------------------------------------------ before the transform


def take_definitions(source: dict) -> dict[str, str]:
    """The definition of each state machine. A place in a bucket stands in for it during the transform."""
    definitions = {}
    for name, resource in source["Resources"].items():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            definitions[name] = (ROOT / resource["Properties"]["DefinitionUri"]).read_text()
            resource["Properties"]["DefinitionUri"] = {"Bucket": "inlined", "Key": name}
    return definitions


def point_to_bucket(source: dict) -> None:
    """Adds the two parameters, and replaces the folder of each function by its object."""
    taken = CODE_PARAMETERS.keys() & source["Parameters"].keys()
    assert not taken, f"template.yaml has the parameters {taken} of a release"
    source["Parameters"] |= CODE_PARAMETERS
    groups = source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    groups.insert(0, {"Label": {"default": "Code"}, "Parameters": list(CODE_PARAMETERS)})

    for resource in source["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            function = PurePosixPath(resource["Properties"]["CodeUri"]).name
            key = "${CodePrefix}" + zip_name(function, "${Architecture}")
            resource["Properties"]["CodeUri"] = {"Bucket": {"Ref": "CodeBucket"}, "Key": {"Fn::Sub": key}}


def zip_name(function: str, architecture: str) -> str:
    return f"{function}-{architecture}.zip"


# ------------------------------------------------------------------------- after the transform


def inline_definitions(definitions: dict[str, str]):
    def step(template: dict) -> None:
        for name, definition in definitions.items():
            properties = template["Resources"][name]["Properties"]
            del properties["DefinitionS3Location"]
            # CloudFormation applies the DefinitionSubstitutions, which stay.
            properties["DefinitionString"] = definition

    return step


def drop_sam_metadata(template: dict) -> None:
    """Removes what only `sam build` and `sam publish` read."""
    template["Metadata"].pop("AWS::ServerlessRepo::Application", None)
    for resource in template["Resources"].values():
        metadata = resource.get("Metadata", {})
        for name in ("BuildMethod", "BuildProperties"):
            metadata.pop(name, None)
        if metadata == {}:
            resource.pop("Metadata", None)


# ---------------------------------------------------------------------------------- the checks


def check(template: dict) -> None:
    """Fails if a way to deploy the template would refuse it."""
    size = len(text(template).encode())
    assert size <= MAX_BYTES, f"the template has {size} bytes; CloudFormation accepts {MAX_BYTES}"
    for section, most in MAX_MEMBERS.items():
        count = len(template.get(section, {}))
        assert count <= most, f"the template has {count} {section}; CloudFormation accepts {most}"

    assert "Transform" not in template and "Fn::Transform" not in text(template), (
        "the template has a transform, which service-managed StackSets refuse"
    )
    types = sorted({resource["Type"] for resource in template["Resources"].values()})
    refused = [name for name in types if name.startswith("AWS::Serverless::") or name == "AWS::CloudFormation::Stack"]
    assert not refused, f"the template has {refused}, which service-managed StackSets refuse"

    used = set(references(template))
    unused = template["Parameters"].keys() - used
    assert not unused, f"the transform lost every reference to {sorted(unused)}"


def references(value):
    """The names in every Ref and Fn::Sub of a value."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::Sub": substituted}:
            pattern = substituted if isinstance(substituted, str) else substituted[0]
            yield from (part.split("}")[0] for part in pattern.split("${")[1:])
            yield from references(substituted[1:]) if isinstance(substituted, list) else ()
        case dict():
            for item in value.values():
                yield from references(item)
        case list():
            for item in value:
                yield from references(item)
