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
    # Overrides of a StackSet do not reach accounts that are added later, so one value must serve every Region.
    "CodeBucketPerRegion": {
        "Type": "String",
        "Default": "false",
        "AllowedValues": ["false", "true"],
        "Description": (
            "Append the Region to CodeBucket, such as example-drover-us-east-1, so that one value serves every Region "
            "of a StackSet."
        ),
    },
    # No default: an update would keep the value of the version before, and with it the code of that version.
    "CodePrefix": {
        "Type": "String",
        "AllowedPattern": "^$|^[^/].*/$",
        "MaxLength": 900,
        "Description": (
            "Prefix of the keys of the zipped functions, such as drover/1.2.3/. Each version needs its own: "
            "CloudFormation updates a function only when the key of its code changes."
        ),
    },
}

NAME_PARAMETER = {
    # The longest of the names leaves 38 characters of the 64 of a function's name.
    "Name": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^$|^[A-Za-z][A-Za-z0-9-]{0,37}$",
        "Description": (
            "What the names of functions, rules, state machines and alarms begin with. If empty, the name of the stack. "
            "A StackSet needs it, since the names of its stacks are too long. Another value replaces what is named."
        ),
    },
}
ADDED_CONDITIONS = {
    "HasBucketPerRegion": {"Fn::Equals": [{"Ref": "CodeBucketPerRegion"}, "true"]},
    "HasName": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Name"}, ""]}]},
}
# What the names of the deployment begin with.
STEM = {"Fn::If": ["HasName", {"Ref": "Name"}, {"Ref": "AWS::StackName"}]}


class NoManagedPolicies(ManagedPolicyLoader):
    """The template uses no managed policies, so no call to AWS looks up their ARNs."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


def plain() -> dict:
    """The released template."""
    template = released({}, "us-east-1")
    # Whoever deploys it says what the parameters are, and where.
    assert template == released({"EventBusName": "other", "Architecture": "other", "Mode": "other"}, "cn-north-1"), (
        "the transform has written a parameter's default or a Region into the template"
    )

    check(template)
    return template


def released(parameters: dict[str, str], region: str) -> dict:
    """The template as the transform makes it of these parameters in a Region, and as it must not depend on them."""
    source = yaml_parse(TEMPLATE.read_text())
    definitions, code, destinations = take_definitions(source), take_code(source), destinations_of(source)
    add_parameters(source)

    os.environ["AWS_DEFAULT_REGION"] = region
    template = transform(source, parameters, NoManagedPolicies())

    steps = (
        inline_definitions(definitions),
        point_to_bucket(code),
        restore_destinations(destinations),
        keep_versions,
        drop_sam_metadata,
        name_queues,
        name_by_parameter,
    )
    for step in steps:
        step(template)
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


def destinations_of(source: dict) -> dict[str, dict]:
    """The destinations of each function, as they are written."""
    functions = {name: each for name, each in source["Resources"].items() if each["Type"] == "AWS::Serverless::Function"}
    configs = {name: each["Properties"]["EventInvokeConfig"]["DestinationConfig"] for name, each in functions.items()}
    return json.loads(json.dumps(configs))


def take_code(source: dict) -> dict[str, str]:
    """The binary of each function. A place in a bucket stands in for its folder during the transform."""
    code = {}
    for name, resource in source["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            code[name] = PurePosixPath(resource["Properties"]["CodeUri"]).name
            resource["Properties"]["CodeUri"] = {"Bucket": "code", "Key": name}
    return code


def add_parameters(source: dict) -> None:
    """Adds the parameters of a release, and their conditions."""
    added = CODE_PARAMETERS | NAME_PARAMETER
    taken = (added.keys() & source["Parameters"].keys()) | (ADDED_CONDITIONS.keys() & source["Conditions"].keys())
    assert not taken, f"template.yaml has {taken}, which a release adds"
    source["Parameters"] |= added
    source["Conditions"] |= ADDED_CONDITIONS
    groups = source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    groups.insert(0, {"Label": {"default": "Code"}, "Parameters": list(CODE_PARAMETERS)})
    groups.insert(1, {"Label": {"default": "Name"}, "Parameters": list(NAME_PARAMETER)})


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


def point_to_bucket(code: dict[str, str]):
    """Each function has its object in the bucket. SAM would resolve the key, with the default architecture."""
    per_region = {"Fn::Sub": "${CodeBucket}-${AWS::Region}"}
    bucket = {"Fn::If": ["HasBucketPerRegion", per_region, {"Ref": "CodeBucket"}]}

    def step(template: dict) -> None:
        for name, binary in code.items():
            key = "${CodePrefix}" + zip_name(binary, "${Architecture}")
            place = {"S3Bucket": bucket, "S3Key": {"Fn::Sub": key}}
            template["Resources"][name]["Properties"]["Code"] = place

    return step


def restore_destinations(destinations: dict[str, dict]):
    """SAM resolves the ARN of a destination, with the defaults of the parameters and the Region of the transform."""

    def step(template: dict) -> None:
        for name, written in destinations.items():
            config = template["Resources"][f"{name}EventInvokeConfig"]["Properties"]["DestinationConfig"]
            for end, destination in written.items():
                config[end]["Destination"] = destination["Destination"]

    return step


def keep_versions(template: dict) -> None:
    """Has new code publish a version too. SAM gives a version a name by the place of its code, which is a parameter here:
    it would always be the same. So the place is one of the settings, by whose number a version is replaced; and what was
    replaced stays, so that it can be taken back."""
    content = template["Resources"]["Settings"]["Properties"]["Content"]["Fn::Sub"]
    content[0] += "CodeBucket=${CodeBucket}\nCodeBucketPerRegion=${CodeBucketPerRegion}\nCodePrefix=${CodePrefix}\n"

    resources = template["Resources"]
    for name in [name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Version"]:
        version = resources.pop(name)
        assert version["Properties"]["Description"] == {"Fn::Sub": "settings ${Settings}"}, version
        function = version["Properties"]["FunctionName"]["Ref"]
        version["UpdateReplacePolicy"] = "Retain"
        resources[f"{function}Version"] = version
        alias = resources[f"{function}Aliaslive"]["Properties"]
        alias["FunctionVersion"] = {"Fn::GetAtt": [f"{function}Version", "Version"]}


def drop_sam_metadata(template: dict) -> None:
    """Removes what only `sam build` and `sam publish` read."""
    template["Metadata"].pop("AWS::ServerlessRepo::Application", None)
    for resource in template["Resources"].values():
        metadata = resource.get("Metadata", {})
        for name in ("BuildMethod", "BuildProperties"):
            metadata.pop(name, None)
        if metadata == {}:
            resource.pop("Metadata", None)


def name_queues(template: dict) -> None:
    """Names each queue that a policy knows by the name which CloudFormation would give it. That begins with the name of
    the stack, and is shortened where it is long."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::SQS::Queue" and "${AWS::StackName}-" + f"{name}-*" in text(template):
            named = {"Fn::Sub": "${Name}-" + f"{name}-requests"}
            resource["Properties"]["QueueName"] = {"Fn::If": ["HasName", named, {"Ref": "AWS::NoValue"}]}


def name_by_parameter(template: dict) -> None:
    """Has every name begin with the parameter Name, where it has a value. A stack of a StackSet is named after the
    StackSet and a UUID, which leaves less than the 64 characters of a function's name."""

    def named(value):
        match value:
            case {"Ref": "AWS::StackName"}:
                return STEM
            case {"Fn::Sub": str(pattern)} if "${AWS::StackName}" in pattern:
                return {"Fn::Sub": [pattern.replace("${AWS::StackName}", "${Stem}"), {"Stem": STEM}]}
            case {"Fn::Sub": [str(pattern), dict(own)]} if "${AWS::StackName}" in pattern:
                return {"Fn::Sub": [pattern.replace("${AWS::StackName}", "${Stem}"), named(own) | {"Stem": STEM}]}
            case dict():
                return {key: named(item) for key, item in value.items()}
            case list():
                return [named(item) for item in value]
            case _:
                return value

    for section in ("Resources", "Outputs"):
        template[section] = named(template[section])


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

    assert "${AWS::StackName}" not in text(template), "a name begins with the stack's, whatever the parameter Name says"

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
