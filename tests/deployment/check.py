"""Checks template.yaml and the state machines with the tools that know AWS's rules, without an account.

`sam validate --lint` checks neither inline policies nor the resources that SAM generates. So the template is
transformed as CloudFormation would, and cfn-lint checks the result; parliament checks every policy; asl-validator
checks the state machines after substitution; and each alarm is evaluated over synthetic metrics.

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
from samcli.yamlhelper import yaml_parse
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
REGION, ACCOUNT = "us-east-1", "111122223333"
# With everything enabled, so that every branch is checked.
EVERYTHING = {
    "Mode": "enforce",
    "AllowDelete": "true",
    "TopicTrigger": "ENABLED",
    "QueueTrigger": "ENABLED",
    "NotificationEmail": "ops@example.com",
    "ReplicationRoleArn": f"arn:aws:iam::{ACCOUNT}:role/replication",
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
    ("RESOURCE_MISMATCH", "states:DescribeExecution"): "parliament knows the ARNs of express executions only",
}


class NoManagedPolicies(ManagedPolicyLoader):
    """The template uses no managed policies, so no call to AWS looks up their ARNs."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


def transformed(source: dict) -> dict:
    """The template after SAM's transform, as CloudFormation gets it."""
    for resource in source["Resources"].values():
        for uri in ("CodeUri", "DefinitionUri"):
            if uri in resource["Properties"]:
                resource["Properties"][uri] = "s3://bucket/key"
    os.environ["AWS_DEFAULT_REGION"] = REGION
    return transform(source, {}, NoManagedPolicies())


def everything(source: dict) -> dict:
    """The value of each parameter and resource, with everything enabled. The value of a resource is its ARN."""
    values = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::StackName": "drover"}
    for name, parameter in source["Parameters"].items():
        value = EVERYTHING.get(name, parameter["Default"])
        values[name] = value.split(",") if "List" in parameter["Type"] else value
    for name, resource in source["Resources"].items():
        values[f"{name}.QueueName"] = values[f"{name}.TopicName"] = name
        values[name] = values[f"{name}.Arn"] = ARNS.get(resource["Type"], "arn:aws:service:{}:{}:{}").format(
            REGION, ACCOUNT, name
        )
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
    details = finding.detail if isinstance(finding.detail, list) else [{"action": str(finding.detail)}]
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


def main() -> int:
    asl_validator = sys.argv[1]
    tools = Path(sys.executable).parent
    source = yaml_parse(TEMPLATE.read_text())
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "transformed.json"
        whole.write_text(json.dumps(transformed(yaml_parse(TEMPLATE.read_text())), indent=2))
        found = [
            run(str(tools / "sam"), "validate", "--lint"),
            run(str(tools / "cfn-lint"), "--regions", REGION, "--template", str(whole)),
            check_policies(source),
            check_machines(source, asl_validator, Path(folder)),
            check_alarms(source),
        ]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
