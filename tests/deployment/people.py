"""Checks the policies of docs/people.md: parliament knows their actions, resources and conditions, and the deployer may
call whatever CloudFormation's handlers call for the released template.

The schema of a resource type names the permissions of its handlers, for every property that the type has. Of those that
the deployer lacks, each has a reason here.
"""

import fnmatch
import json
from pathlib import Path

import botocore.loaders
import cfnlint.data.schemas
import parliament

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs/people.md"
SCHEMAS = Path(cfnlint.data.schemas.__file__).parent / "resources"
# An IAM policy that is attached to a role has so many characters, spaces not counted.
MOST_CHARACTERS = 6144

# Permissions that no resource of the template needs: patterns, each with the property that would need them.
NOT_NEEDED = {
    "codedeploy:*": "a deployment of an alias by CodeDeploy",
    "elasticfilesystem:*": "a file system of a function",
    "s3files:*": "a file system of a function",
    "s3tables:*": "a metadata table of a bucket",
    "firehose:*": "data protection of a log group",
    "iam:AttachRolePolicy": "a managed policy",
    "iam:DetachRolePolicy": "a managed policy",
    "iam:DeleteRolePermissionsBoundary": "a role that loses its boundary, which is denied",
    "kms:CreateGrant": "a key for the variables of a function",
    "kms:Decrypt": "a key for a function, a machine or the filter of a queue",
    "kms:Encrypt": "a key for the variables of a function",
    "kms:GenerateDataKey": "a key for a function, a machine or the filter of a queue",
    "kms:DisableKeyRotation": "a key that does not rotate",
    "lambda:*CodeSigningConfig": "code signing",
    "lambda:PassCapacityProvider": "a capacity provider",
    "lambda:*ProvisionedConcurrencyConfig": "provisioned concurrency",
    "lambda:PutFunctionRecursionConfig": "a recursive function",
    "lambda:PutFunctionScalingConfig": "a capacity provider",
    "lambda:PutRuntimeManagementConfig": "a runtime that is pinned",
    "logs:CreateLogDelivery": "data protection of a log group",
    "logs:*DataProtectionPolicy": "data protection of a log group",
    "logs:*IndexPolicy": "field indexes of a log group",
    "logs:*ResourcePolicy": "a resource policy of a log group",
    "logs:PutBearerTokenAuthentication": "an API key of a log group",
    "logs:PutLogGroupDeletionProtection": "deletion protection of a log group",
    "s3:DeleteObject": "a policy that only tests the bucket",
    "s3:GetObjectVersion": "a version of the code's object",
    "s3:PutObjectAcl": "an access control list",
    "s3:REST.PUT.OBJECT": "data protection of a log group",
    "s3:TagResource": "a tag by the newer API; PutBucketTagging is allowed",
    "s3:UntagResource": "a tag by the newer API; PutBucketTagging is allowed",
    "s3:ListTagsForResource": "a tag by the newer API; GetBucketTagging is allowed",
    "sns:PutDataProtectionPolicy": "data protection of a topic",
}
# Services whose name in IAM is another one than in botocore.
SERVICES = {"states": "stepfunctions"}
# Actions of IAM that are no operations of an API.
NO_OPERATIONS = {"cloudformation": {"TagResource", "UntagResource"}, "iam": {"PassRole"}}
# Findings of parliament that are no fault.
EXPLAINED = {
    "RESOURCE_STAR": "people look at everything, and what has an ID for a name is changed by CloudFormation only",
    "MISMATCHED_TYPE_BUT_USABLE": "IAM's guide compares iam:PermissionsBoundary as a text",
}


def policies() -> dict[str, dict]:
    sections = GUIDE.read_text().split("\n## ")[1:]
    return {
        section.splitlines()[0]: json.loads(section.split("```json\n")[1].split("\n```")[0])
        for section in sections
    }


def check(template: dict) -> bool:
    """Prints what is wrong with the policies for people who deploy this template."""
    good, known = True, policies()
    for who, policy in known.items():
        written = len("".join(json.dumps(policy).split()))
        if written > MOST_CHARACTERS:
            good = False
            print(f"   {who}: {written} characters; a managed policy has {MOST_CHARACTERS}")
        written = {action for statement in policy["Statement"] for action in actions(statement)}
        for finding in parliament.analyze_policy_string(json.dumps(policy)).findings:
            if not is_explained(finding, written):
                good = False
                print(f"   {who}: {finding.issue} {finding.detail} {finding.location}")
    print(f"   parliament, on the policies of {len(known)} people")

    allowed = [pattern for each in known["Deployer"]["Statement"] if each["Effect"] == "Allow" for pattern in actions(each)]
    needed = permissions(template)
    lacking = {action: types for action, types in needed.items() if not matches(action, allowed)}
    for action, types in sorted(lacking.items()):
        if not matches(action, NOT_NEEDED):
            good = False
            print(f"   the deployer lacks {action}, which {', '.join(sorted(types))} needs")
    for pattern in NOT_NEEDED:
        if not any(matches(action, [pattern]) for action in lacking):
            good = False
            print(f"   {pattern} is explained, and nothing lacks it")
    for pattern in allowed:
        if not exists(pattern):
            good = False
            print(f"   the deployer's {pattern} is no action of AWS")
    print(f"   the deployer, with {len(needed)} permissions of CloudFormation's handlers")
    return good


def is_explained(finding, written: set[str]) -> bool:
    match finding.issue:
        case "INVALID_ARN":
            # A transform belongs to AWS.
            return ":aws:transform/" in str(finding.location)
        case "RESOURCE_MISMATCH":
            # A pattern also stands for actions on other resources, which it then does not allow. Of executions,
            # parliament knows the express ones only.
            mismatched = {each["action"] for each in finding.detail}
            return not mismatched & written - {"states:DescribeExecution"}
        case issue:
            return issue in EXPLAINED


def actions(statement: dict) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def matches(action: str, patterns) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def permissions(template: dict) -> dict[str, set[str]]:
    """What the handlers of the template's resources call, to create, read, update and delete them."""
    types = {resource["Type"] for resource in template["Resources"].values()}
    needed, found = {}, set()
    for file in SCHEMAS.glob("*.json"):
        schema = json.loads(file.read_text())
        if (name := schema.get("typeName")) not in types:
            continue
        found.add(name)
        for kind, handler in schema["handlers"].items():
            # What lists all resources of a type is no part of a deployment.
            for action in handler["permissions"] if kind != "list" else []:
                needed.setdefault(action, set()).add(name)
    assert found == types, f"no schema of {types - found}"
    return needed


def exists(pattern: str) -> bool:
    """Whether an action, or one that a pattern stands for, is an operation of its service's API."""
    prefix, action = pattern.split(":")
    # S3 names actions otherwise than their operations; parliament knows them.
    if prefix == "s3":
        return True
    model = botocore.loaders.Loader().load_service_model(SERVICES.get(prefix, prefix), "service-2")
    names = {*model["operations"], *NO_OPERATIONS.get(prefix, ())}
    return any(fnmatch.fnmatchcase(name, action) for name in names)
