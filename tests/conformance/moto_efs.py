"""Runs moto's tests of EFS against the emulator, each on an account of its own, with moto's files as they are.

They are another project's reading of the same API. Where the emulator answers otherwise, the test stands in DEVIATIONS
with the reason; one that is not there has to pass, and one that is there has to fail.
"""

import contextlib
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import types
import urllib.request
from pathlib import Path

import boto3
import pytest

VERSION, SHA256 = "5.2.5", "391857257d5dac144334013c2c10e599def5f0562f553e979160140bd7bd9cf6"
# What needs more of AWS than is emulated: CloudFormation, and moto's own server.
LEFT_OUT = {"test_efs_cloudformation.py", "test_server.py"}

ORDER = "tags have no order in the API; here they come by their keys"
CREATING = "what has just been created is `creating`, by the API's own description; moto makes it available at once"
PATTERN = "the value does not fit the model's pattern, which EFS answers with ValidationException before it looks for anything"
WHOLE = "the answer is compared as a whole, without FileSystemProtection and KmsKeyId, or with a Name that no tag gave: Name is the value of that tag"
PAGES = "the API reference says that MaxItems is not listened to: a page has 100 file systems, or 10 mount targets"
OTHER_ZONE = "the zone is one of us-west-2 and the call is to us-east-1"
DEVIATIONS = {
    "test_access_point_tagging.py::test_list_tags_for_resource__with_tags": ORDER,
    "test_access_point_tagging.py::test_tag_resource": ORDER,
    "test_filesystem_tagging.py::test_list_tags_for_resource__with_tags": ORDER,
    "test_filesystem_tagging.py::test_tag_resource": ORDER,
    "test_access_points.py::test_create_access_point__simple": CREATING,
    "test_access_points.py::test_create_access_point__full": PATTERN,
    "test_access_points.py::test_describe_access_points__filters": "a client token is unique in an account and Region, and the same one is used for two file systems",
    "test_file_system.py::test_create_file_system_correct_use": CREATING,
    "test_file_system.py::test_create_file_system_aws_sample_1": WHOLE,
    "test_file_system.py::test_create_file_system_aws_sample_2": OTHER_ZONE,
    "test_file_system.py::test_describe_file_systems_using_identifier": WHOLE,
    "test_file_system.py::test_describe_file_systems_using_unknown_identifier": PATTERN,
    "test_file_system.py::test_describe_file_systems_minimal_case": WHOLE,
    "test_file_system.py::test_describe_file_systems_aws_create_sample_2": OTHER_ZONE,
    "test_file_system.py::test_describe_file_systems_paging": PAGES,
    "test_file_system.py::test_describe_file_system_creation_token_and_file_system_id": "that a token and an ID exclude each other is not documented: both filter",
    "test_file_system.py::test_delete_file_system_invalid_file_system_id": PATTERN,
    "test_lifecycle_config.py::test_describe_filesystem_config__unknown": PATTERN,
    "test_mount_target.py::test_create_mount_target_minimal_correct_use": CREATING,
    "test_mount_target.py::test_create_mount_target_aws_sample_2": "AWS keeps the first four addresses of a subnet for itself, of which the first host is one",
    "test_mount_target.py::test_create_mount_target_invalid_subnet_id": "SubnetNotFound is 400 in the model, not 404",
    "test_mount_target.py::test_create_mount_target_invalid_sg_id": "a world has no list of security groups, so that every one that fits the pattern exists; and the model has 400, not 404",
    "test_mount_target.py::test_describe_mount_targets_minimal_case": CREATING,
    "test_mount_target.py::test_describe_mount_targets_paging": PAGES,
    "test_mount_target_security_groups.py::test_describe_mount_target_security_groups__unknown": PATTERN,
    "test_mount_target_security_groups.py::test_modify_mount_target_security_groups__unknown": PATTERN,
}

ACCOUNT = "123456789012"
VPC, OTHER_VPC = "vpc-00000001", "vpc-00000002"
# A subnet in each zone, one more in the first zone, and one in another VPC.
SUBNETS = {f"subnet-0000000{at}": (VPC, f"172.31.{16 * at}.0/20", f"us-east-1{zone}") for at, zone in enumerate("abcdef")}
SAME_ZONE, OTHER_NETWORK = ("subnet-00000010", (VPC, "172.31.96.0/20", "us-east-1a")), ("subnet-00000011", (OTHER_VPC, "10.1.1.0/24", "us-east-1b"))


def world() -> dict:
    subnets = SUBNETS | dict([SAME_ZONE, OTHER_NETWORK])
    described = {id: {"region": "us-east-1", "availabilityZoneName": zone, "vpcId": vpc, "cidrBlock": block} for id, (vpc, block, zone) in subnets.items()}
    return {"account": ACCOUNT, "region": "us-east-1", "subnets": described}


class Ec2:
    """As much of EC2 as these tests ask for; its subnets are those of the world."""

    def __init__(self, efs) -> None:
        self.efs, self.groups = efs, 1

    def describe_subnets(self) -> dict:
        return {"Subnets": [self.subnet(id, *of) for id, of in SUBNETS.items()]}

    def subnet(self, id: str, vpc: str, block: str, zone: str) -> dict:
        return {"SubnetId": id, "VpcId": vpc, "CidrBlock": block, "AvailabilityZone": zone, "AvailabilityZoneId": f"use1-az{ord(zone[-1]) - ord('a') + 1}"}

    def create_vpc(self, CidrBlock: str) -> dict:
        return {"Vpc": {"VpcId": OTHER_VPC}}

    def create_subnet(self, VpcId: str, CidrBlock: str, AvailabilityZone: str = "us-east-1b") -> dict:
        id, of = OTHER_NETWORK if VpcId == OTHER_VPC else SAME_ZONE
        assert of == (VpcId, CidrBlock, AvailabilityZone), "the world has another subnet"
        return {"Subnet": self.subnet(id, *of)}

    def describe_security_groups(self) -> dict:
        return {"SecurityGroups": [{"GroupId": "sg-00000001"}]}

    def create_security_group(self, **_) -> dict:
        self.groups += 1
        return {"GroupId": f"sg-0000000{self.groups}"}

    def describe_network_interfaces(self, NetworkInterfaceIds: list) -> dict:
        target = NetworkInterfaceIds[0].replace("eni-", "fsmt-")
        groups = self.efs.describe_mount_target_security_groups(MountTargetId=target)["SecurityGroups"]
        return {"NetworkInterfaces": [{"Groups": [{"GroupId": group} for group in groups]}]}


class Accounts:
    """Serves one account for each outermost `mock_aws`, and is asked for its clients."""

    def __init__(self, local: str, workspace: Path) -> None:
        self.local, self.workspace, self.depth = local, workspace, 0
        self.boto3_client = boto3.client

    @contextlib.contextmanager
    def mock_aws(self):
        self.depth += 1
        try:
            if self.depth == 1:
                with self.served():
                    yield
            else:
                yield
        finally:
            self.depth -= 1

    @contextlib.contextmanager
    def served(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(world(), file)
            file.flush()
            command = [self.local, "serve", "--quiet", "--port", "0", "--world", file.name]
            with subprocess.Popen(command, cwd=self.workspace, stdout=subprocess.PIPE, text=True) as process:
                self.endpoint = process.stdout.readline().split()[-1]
                try:
                    yield
                finally:
                    process.kill()

    def client(self, service: str, region_name: str):
        efs = self.boto3_client("efs", region_name=region_name, endpoint_url=self.endpoint, aws_access_key_id="a", aws_secret_access_key="b")
        # What is made is made in a minute or two; moto makes it at once.
        efs.meta.events.register("after-call.efs.*", self.let_time_pass)
        return efs if service == "efs" else Ec2(efs)

    def let_time_pass(self, model, **_) -> None:
        if not model.name.startswith("Create"):
            return
        body = json.dumps({"minutes": 2}).encode()
        urllib.request.urlopen(urllib.request.Request(self.endpoint + "/local/advance", data=body, method="POST")).read()


class Results:
    def __init__(self) -> None:
        self.failed: dict[str, str] = {}
        self.passed: set[str] = set()

    def pytest_runtest_logreport(self, report) -> None:
        name = report.nodeid.split("/")[-1]
        if report.failed:
            self.failed[name] = report.longrepr.reprcrash.message
        elif report.when == "call":
            self.passed.add(name)


def sources() -> Path:
    """moto's source distribution, which has the tests; it stays beside this Python."""
    file = Path(sys.prefix) / f"moto-{VERSION}.tar.gz"
    if not file.exists():
        arguments = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", "moto", "--dest", sys.prefix]
        subprocess.run([sys.executable, "-m", "pip", *arguments, f"moto=={VERSION}"], check=True)
    if hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{file} is not the one that these expectations are of")
    return file


def run(local: str, workspace: Path) -> list[str]:
    """What is not as expected, in sentences."""
    accounts, results = Accounts(local, workspace), Results()
    moto, core = types.ModuleType("moto"), types.ModuleType("moto.core")
    moto.mock_aws, core.DEFAULT_ACCOUNT_ID = accounts.mock_aws, ACCOUNT
    sys.modules |= {"moto": moto, "moto.core": core}
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sources()) as archive:
            prefix = f"moto-{VERSION}/tests/test_efs/"
            for member in archive.getmembers():
                if member.name.startswith(prefix) and member.name.removeprefix(prefix) not in LEFT_OUT:
                    member.name = member.name.removeprefix(f"moto-{VERSION}/")
                    archive.extract(member, folder, filter="data")
        (Path(folder) / "tests/__init__.py").touch()
        boto3.client = accounts.client
        try:
            pytest.main(["--quiet", "-p", "no:cacheprovider", "--rootdir", folder, "--no-header", "--capture=no", "--tb=line", "--no-summary", folder], plugins=[results])
        finally:
            boto3.client = accounts.boto3_client
    unexpected = [f"moto: {name}: {why}" for name, why in results.failed.items() if name not in DEVIATIONS]
    print(f"moto: {len(results.passed)} tests pass, {len(DEVIATIONS)} are named as deviations")
    return unexpected + [f"moto: {name} is named as a deviation, and does not fail" for name in DEVIATIONS if name not in results.failed]


if __name__ == "__main__":
    for problem in run(sys.argv[1], Path(sys.argv[2])):
        print(problem)
