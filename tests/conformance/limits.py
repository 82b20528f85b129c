"""Sends every operation at, below and above each limit of its model, with other types and with nulls.

Each call goes by raw HTTP, and once more by botocore with its own validation off where botocore can write it at all.
What the model forbids must be refused for what it is; what it allows may fail for any other reason. Either answer is
held against the model.
"""

import http.client
import json
import re
from urllib.parse import quote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

# Values of the forms that the models know. Which of them fits a pattern is tried.
SAMPLES = [
    "", "x", "1", "a", "!", "/", "ä", "x\n", "a b", "/a", "0750", "8", "us-east-1", "eu-west-1", "fips-us-east-1", "us-east-1a", "alias/dr", "10.0.0.9", "999.1.1", "::1",
    "s-0123456789abcdefg", "s-0123456789abcdef_", "i-0123456789abcdef0", "i-0123456", "i-0123456789abcdefg", "drsjob-0123456789abcdefg", "111122223333", "11112222333", "1111222233334",
    "fs-0123456789abcdef0", "fs-0123456", "fs-0123456789ABCDEF0", "fsap-0123456789abcdef0", "fsmt-0123456789abcdef0", "fsmt-0123456", "subnet-0123456789abcdef0", "subnet-0123456", "sg-0123456789abcdef0", "sg-0123456",
    "arn:aws:drs:us-east-1:111122223333:source-server/s-0123456789abcdefg", "arn:aws:drs:us-east-1:444455556666:source-server/s-0123456789abcdefg",
    "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-0123456789abcdef0", "arn:aws:iam::111122223333:role/replication", "aws:mine", "AWS:mine", "2026-11-21T00:00:00Z", "2026-11-21", "2026-13-21T00:00:00Z",
]
OTHER_TYPES = [1.5, 7, True, "x", [], {}, [[]], 2**31, -(2**31) - 1, 2**63]
FITTING = {"string": str, "integer": int, "long": int, "double": (int, float), "float": (int, float), "boolean": bool, "list": list, "map": dict, "structure": dict}


def fits_pattern(shape, value: str) -> bool:
    pattern = shape.metadata.get("pattern")
    # Python's expressions have no Unicode properties.
    pattern = pattern and pattern.replace("\\p{L}\\p{Z}\\p{N}", "\\w ")
    return pattern is None or re.fullmatch(pattern, value) is not None


def allows(shape, value) -> bool:
    """Whether a value that has the shape's type is one that the model allows."""
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    size = value if isinstance(value, (int, float)) and not isinstance(value, bool) else len(value) if hasattr(value, "__len__") else None
    if shape.type_name == "structure":
        known = set(value) <= set(shape.members)
        return known and all(name in value for name in shape.required_members) and all(allows(shape.members[name], item) for name, item in value.items())
    if size is not None and ((low is not None and size < low) or (high is not None and size > high)):
        return False
    match shape.type_name:
        case "string":
            return fits_pattern(shape, value) and (not shape.enum or value in shape.enum)
        case "integer":
            return -(2**31) <= value < 2**31
        case "long":
            return -(2**63) <= value < 2**63
        case "list":
            return all(allows(shape.member, item) for item in value)
        case "map":
            return all(allows(shape.key, key) and allows(shape.value, item) for key, item in value.items())
    return True


def texts(shape) -> list[str]:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max")
    lengths = {low - 1, low, low + 1} | ({high, high + 1} if high else set())
    grown = [letter * length for length in lengths if length >= 0 for letter in ("x", "ä", "1")]
    # A pattern may take no text of one letter, but a form of its own with more of its digits.
    longer = [sample + "0" * (high - len(sample) + more) for sample in SAMPLES if high and len(sample) < high for more in (0, 1)]
    return list(dict.fromkeys(SAMPLES + list(shape.enum or []) + grown + longer))


def valid(shape):
    """A value that the model allows, with the required members alone."""
    match shape.type_name:
        case "string":
            return next(text for text in texts(shape) if allows(shape, text))
        case "integer" | "long" | "double" | "float":
            return max(shape.metadata.get("min", 1), 1)
        case "boolean":
            return True
        case "list":
            return [valid(shape.member)] * max(shape.metadata.get("min", 1), 1)
        case "map":
            return {valid(shape.key): valid(shape.value)}
    return {name: valid(shape.members[name]) for name in shape.required_members}


def values(shape) -> list:
    """Values around each limit of a shape, allowed ones and others, all of its type."""
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "string":
            return texts(shape)
        case "integer" | "long" | "double" | "float":
            edges = [edge + step for edge in (low, high) if edge is not None for step in (-1, 0, 1)]
            return [0, 1, *edges]
        case "boolean":
            return [True, False]
        case "list":
            sizes = {0, 1} | {size for edge in (low, high) if edge is not None for size in (edge - 1, edge, edge + 1) if size >= 0}
            return [[valid(shape.member)] * size for size in sorted(sizes)] + [[item] for item in values(shape.member)]
        case "map":
            sizes = {0, 1} | {size for edge in (low, high) if edge is not None for size in (edge, edge + 1)}
            maps = [{f"key{at}": valid(shape.value) for at in range(size)} for size in sorted(sizes)]
            return maps + [{key: valid(shape.value)} for key in values(shape.key)] + [{"key": item} for item in values(shape.value)]
    made = []
    base = valid(shape)
    for name, member in shape.members.items():
        made += [{**base, name: value} for value in values(member)]
        made.append({key: item for key, item in base.items() if key != name})
    return made + [{**base, "unheardOf": 1}]


def wrong(shape) -> list:
    """Values in which something has another type, or an item of a list is null."""
    if shape.type_name == "list":
        made = [[item] for item in wrong(shape.member)] + [[None]]
    elif shape.type_name == "map":
        made = [{"key": item} for item in wrong(shape.value)] + [{"key": None}]
    elif shape.type_name == "structure":
        base = valid(shape)
        made = [{**base, name: item} for name, member in shape.members.items() for item in wrong(member)]
    else:
        made = []
    kind = FITTING[shape.type_name]
    return made + [other for other in OTHER_TYPES if not isinstance(other, kind) or (isinstance(other, bool) and kind is not bool)]


def target(model) -> dict:
    """The header that names an operation of a JSON 1.1 service."""
    prefix = model.service_model.metadata.get("targetPrefix")
    return {"X-Amz-Target": f"{prefix}.{model.name}"} if prefix else {}


class Wire:
    """Writes calls without a client, so that nothing corrects them."""

    def __init__(self, endpoint: str, judge) -> None:
        self.connection, self.judge = http.client.HTTPConnection(urlsplit(endpoint).netloc), judge

    def send(self, service, model, arguments) -> tuple[int, str, str]:
        path, query, body = model.http["requestUri"], [], {}
        for name, value in arguments.items():
            member = model.input_shape.members.get(name)
            place = member.serialization.get("location") if member is not None else None
            wire_name = member.serialization.get("name", name) if member is not None else name
            written = value if isinstance(value, str) else json.dumps(value)
            if place == "uri":
                path = path.replace("{" + wire_name + "}", quote(written, safe=""))
            elif place == "querystring":
                query += [f"{wire_name}={quote(item if isinstance(item, str) else json.dumps(item), safe='')}" for item in (value if isinstance(value, list) else [value])]
            else:
                body[name] = value
        signed = f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/us-east-1/{service.signing_name}/aws4_request, SignedHeaders=host, Signature=00"
        content = json.dumps(body) if body or model.http["method"] in ("POST", "PUT") else None
        headers = {"Authorization": signed, **target(model)}
        self.connection.request(model.http["method"], path + ("?" + "&".join(query) if query else ""), content, headers)
        response = self.connection.getresponse()
        text = response.read()
        self.judge(model, response.status, response.headers, text)
        code = response.headers.get("x-amzn-errortype") or (json.loads(text).get("__type", "") if text else "")
        return response.status, code, text.decode()


def is_refusal(status: int, code: str, text: str) -> bool:
    """Whether a call was refused for its form, and not for what it asks."""
    of_form = ("failed to satisfy constraint", "is not a member of", "is not a parameter", "does not belong in the body", "has no members")
    return status == 400 and (code == "SerializationException" or (code in ("ValidationException", "InvalidParameterException") and any(words in text for words in of_form)))


def in_path(model, name: str) -> bool:
    return model.input_shape.members[name].serialization.get("location") == "uri"


def cases(model):
    """Arguments of calls, each with whether the model allows them and whether they have their types."""
    shape = model.input_shape
    base = valid(shape)
    yield base, True, True
    for name, member in shape.members.items():
        # What is left out of a path is another path.
        located = member.serialization.get("location")
        for value in values(member):
            if located == "uri" and value == "" or located == "querystring" and value == []:
                continue
            yield {**base, name: value}, allows(member, value), True
        if name in base and located != "uri":
            yield {key: value for key, value in base.items() if key != name}, False, True
        if located is None:
            yield {**base, name: None}, name not in base, False
            for value in wrong(member):
                yield {**base, name: value}, False, False
    if any(member.serialization.get("location") is None for member in shape.members.values()):
        yield {**base, "unheardOf": 1}, False, False


def run(client, operations: list[str], endpoint: str, check, judge) -> None:
    service = client.meta.service_model
    wire = Wire(endpoint, judge)
    by_name = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
    for operation in operations:
        model = service.operation_model(operation)
        if model.input_shape is None:
            continue
        for arguments, allowed, typed in cases(model):
            where = f"{service.service_name}.{operation} {json.dumps(arguments)[:300]}"
            refused = is_refusal(*wire.send(service, model, arguments))
            check(refused != allowed, f"{where}: {'refused' if refused else 'accepted'}, and the model {'allows' if allowed else 'forbids'} it")
            # botocore fills in a token that is left out.
            if not typed or any(name not in arguments for name in model.idempotent_members):
                continue
            try:
                getattr(client, by_name[operation])(**arguments)
                refused = False
            except ClientError as error:
                refused = is_refusal(error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"], error.response["Error"]["Message"])
            except (BotoCoreError, AttributeError, KeyError, TypeError, ValueError):
                continue
            check(refused != allowed, f"{where} by botocore: {'refused' if refused else 'accepted'}, and the model {'allows' if allowed else 'forbids'} it")
