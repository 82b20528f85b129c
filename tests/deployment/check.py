"""Checks the templates and the state machines with the tools that know AWS's rules, without an account.

`sam validate --lint` checks neither inline policies nor the resources that SAM generates. So cfn-lint checks the
template of a release, which is transformed as CloudFormation would; parliament checks every policy; asl-validator
checks the state machines after substitution; each alarm is evaluated over synthetic metrics; and the schemas of events
are checked as OpenAPI 3.0.

Usage: check.py ASL_VALIDATOR, in the environment of requirements.txt. ASL_VALIDATOR is the command of that tool.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import alarms
import parliament
import people
import schemas
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "release"))

import cloudformation  # noqa: E402

TEMPLATE, FORWARDING = ROOT / "template.yaml", ROOT / "forwarding/forward.yaml"
SCHEMAS, CODE = ROOT / "schemas/events.yaml", ROOT / "examples/stacksets/code.yaml"
ALARMS = ROOT / "forwarding/alarms.yaml"
REGION, ACCOUNT = "us-east-1", "111122223333"
# With everything enabled, so that every branch is checked.
EVERYTHING = {
    "Mode": "enforce",
    "AllowDelete": "true",
    "TopicTrigger": "ENABLED",
    "QueueTrigger": "ENABLED",
    "NotificationEmail": "ops@example.com",
    "ReplicationRoleArn": f"arn:aws:iam::{ACCOUNT}:role/replication",
    "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "VpcSubnetIds": "subnet-0123456789abcdef0",
    "VpcSecurityGroupIds": "sg-0123456789abcdef0",
    "RecoveryAccount": "999988887777",
    "RecoveryRegion": "eu-west-1",
    "RequestBusName": "requests",
    "AlarmTopicName": "ops",
    "AlarmTopicAccount": ACCOUNT,
    "QueueKeyAlias": "alias/queues",
    "RequestSource": "com.example.cmdb",
}
# The ARNs of resources that policies name.
ARNS = {
    "AWS::Logs::LogGroup": "arn:aws:logs:{}:{}:log-group:{}:*",
    "AWS::SQS::Queue": "arn:aws:sqs:{}:{}:{}",
    "AWS::S3::Bucket": "arn:aws:s3:::{2}",
    "AWS::Serverless::Function": "arn:aws:lambda:{}:{}:function:{}",
    "AWS::Serverless::StateMachine": "arn:aws:states:{}:{}:stateMachine:{}",
    "AWS::SNS::Topic": "arn:aws:sns:{}:{}:{}",
    "AWS::KMS::Key": "arn:aws:kms:{}:{}:key/{}",
}
# Findings of parliament that are no fault, by issue and action.
EXPLAINED = {
    **{
        (issue, f"ec2:{action}"): why
        for action in (
            "CreateNetworkInterface",
            "DeleteNetworkInterface",
            "AssignPrivateIpAddresses",
            "UnassignPrivateIpAddresses",
        )
        for issue, why in (
            ("RESOURCE_STAR", "Lambda connects a function to a VPC on any resource, as its guide shows"),
            ("UNKNOWN_CONDITION_FOR_ACTION", "lambda:SourceFunctionArn is in each call of a function's code"),
        )
    },
    ("RESOURCE_MISMATCH", "states:DescribeExecution"): "parliament knows the ARNs of express executions only",
}


def everything(source: dict) -> dict:
    """The value of each parameter and resource, with everything enabled. The value of a resource is its ARN."""
    values = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::StackName": "drover"}
    for name, parameter in source["Parameters"].items():
        value = EVERYTHING.get(name, parameter.get("Default"))
        values[name] = value.split(",") if "List" in parameter["Type"] else value
    for name, resource in source["Resources"].items():
        values[f"{name}.QueueName"] = values[f"{name}.TopicName"] = name
        values[name] = values[f"{name}.Arn"] = ARNS.get(resource["Type"], "arn:aws:service:{}:{}:{}").format(
            REGION, ACCOUNT, name
        )
        # The alias of a function, and the ID of a rule on a bus of its own.
        values[f"{name}.Alias"] = f"{values[name]}:live"
        if resource["Type"] == "AWS::Events::Rule":
            values[name] = f"requests|{name}"
    return values


def resolved(value, values: dict):
    """A value with its intrinsic functions resolved. Every condition is true."""
    match value:
        case {"Fn::If": [_, if_true, _]}:
            return resolved(if_true, values)
        case {"Fn::Sub": str(text)}:
            return substituted(text, values)
        case {"Fn::Sub": [str(text), dict(own)]}:
            return substituted(text, values | resolved(own, values))
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(resolved(parts, values))
        case {"Fn::Split": [str(separator), text]}:
            return resolved(text, values).split(separator)
        case {"Fn::Select": [index, parts]}:
            return resolved(parts, values)[int(index)]
        case {"Ref": name}:
            return values[name]
        case {"Fn::GetAtt": [name, attribute]}:
            return values[f"{name}.{attribute}"]
        case dict():
            return {key: resolved(item, values) for key, item in value.items()}
        case list():
            return [resolved(item, values) for item in value]
        case _:
            return value


def substituted(text: str, values: dict) -> str:
    for name, value in values.items():
        text = text.replace("${" + name + "}", str(value))
    return text


def run(*command: str) -> bool:
    """Runs a tool, and prints its output if it fails."""
    print("  ", " ".join(Path(part).name if index == 0 else part for index, part in enumerate(command)), flush=True)
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_REGION": REGION}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if ended.returncode != 0:
        print(ended.stdout + ended.stderr)
    return ended.returncode == 0


def explained(finding) -> bool:
    """Whether every action of a finding is in the list above."""
    # A sentence ends with the action.
    details = finding.detail if isinstance(finding.detail, list) else [str(finding.detail).split()[-1]]
    actions = [detail if isinstance(detail, str) else detail["action"] for detail in details]
    return all((finding.issue, action) in EXPLAINED for action in actions)


def check_policies(source: dict) -> bool:
    """Checks every policy of every role with parliament."""
    good, values = True, everything(source)
    roles = {name: role for name, role in source["Resources"].items() if role["Type"] == "AWS::IAM::Role"}
    for name, role in roles.items():
        for policy in resolved(role["Properties"]["Policies"], values):
            for finding in parliament.analyze_policy_string(json.dumps(policy["PolicyDocument"])).findings:
                if not explained(finding):
                    good = False
                    print(f"   {name}/{policy['PolicyName']}: {finding.issue} {finding.detail} {finding.location}")
    print(f"   parliament, on the policies of {len(roles)} roles")
    return good


def check_machines(source: dict, asl_validator: str, folder: Path) -> bool:
    """Checks every state machine with asl-validator, after substitution."""
    good, values = True, everything(source)
    for name, resource in source["Resources"].items():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            machine = resource["Properties"]
            substitutions = resolved(machine["DefinitionSubstitutions"], values)
            definition = folder / f"{name}.asl.json"
            definition.write_text(substituted((ROOT / machine["DefinitionUri"]).read_text(), substitutions))
            good = run(asl_validator, "--json-path", str(definition)) and good
    return good


def check_alarms(source: dict) -> bool:
    """Evaluates every alarm by its definition."""
    values = everything(source)
    definitions = [each for each in source["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    return alarms.check([resolved(each["Properties"], values) for each in definitions])


def check_schemas(source: dict) -> bool:
    """Checks the document of every schema, and which events fit it."""
    values = everything(source)
    definitions = [each for each in source["Resources"].values() if each["Type"] == "AWS::EventSchemas::Schema"]
    return schemas.check([resolved(each["Properties"]["Content"], values) for each in definitions])


def main() -> int:
    asl_validator = sys.argv[1]
    tools = Path(sys.executable).parent
    source, forwarding = yaml_parse(TEMPLATE.read_text()), yaml_parse(FORWARDING.read_text())
    with tempfile.TemporaryDirectory() as folder:
        released = Path(folder) / "drover.template.json"
        released.write_text(cloudformation.text(cloudformation.plain()))
        found = [
            run(str(tools / "sam"), "validate", "--lint"),
            # Without E3601, which reads an inlined state machine before its substitutions; asl-validator reads it after.
            # The template itself does without W1033, which this option overrides.
            run(str(tools / "cfn-lint"), "--regions", REGION, "--ignore-checks", "E3601,W1033", "--template", str(released)),
            run(str(tools / "cfn-lint"), "--regions", REGION, "--template", str(FORWARDING)),
            run(str(tools / "cfn-lint"), "--regions", REGION, "--template", str(SCHEMAS)),
            run(str(tools / "cfn-lint"), "--regions", REGION, "--template", str(CODE)),
            run(str(tools / "cfn-lint"), "--regions", REGION, "--template", str(ALARMS)),
            check_policies(source),
            people.check(cloudformation.plain()),
            check_policies(forwarding),
            check_machines(source, asl_validator, Path(folder)),
            check_alarms(source),
            check_alarms(forwarding),
            check_schemas(yaml_parse(SCHEMAS.read_text())),
        ]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
