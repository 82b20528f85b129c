"""A released template as a stack of the CDK."""

import os

import aws_cdk as cdk
from aws_cdk.cloudformation_include import CfnInclude

app = cdk.App()
stack = cdk.Stack(app, "drover")

drover = CfnInclude(
    stack,
    "Drover",
    template_file="drover.template.json",
    parameters={
        "CodeBucket": os.environ["BUCKET"],
        "CodePrefix": f"drover/{os.environ['VERSION']}/",
        # plan reads and reports; enforce also makes the approved changes.
        "Mode": os.environ.get("MODE", "plan"),
    },
)

# Whatever else the stack needs can use drover's resources by their logical IDs.
cdk.CfnOutput(stack, "Topic", value=drover.get_resource("Notifications").ref)

app.synth()
