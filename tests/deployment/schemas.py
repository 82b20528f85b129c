"""Checks the schemas of events with libraries that know OpenAPI 3.0, independently of the tests in Rust."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from openapi_spec_validator import OpenAPIV30SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT4

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(ROOT.glob("events/*/*.json"))
# A record of Lambda, as its guide shows it, and the schema that it fits.
SAMPLE = ROOT / "events/samples/lambda-onfailure-destination-record.json"
FAILURE = "Lambda Function Invocation Result - Failure"


def check(contents: list[str]) -> bool:
    """Checks each document of a schema, and that the examples fit, and wrong ones do not."""
    documents = [json.loads(content) for content in contents]
    faults = [fault for document in documents for fault in faults_of(document)]
    if faults:
        # An invalid document cannot judge events.
        return ended(faults, "no event was checked")
    schemas = {detail_type(document): document for document in documents}

    asked = set()
    for name, event in examples():
        document = schemas.get(event.get("detail-type"))
        if document is None:
            continue
        asked.add(event["detail-type"])
        faults += [f"{name}: {error.message}" for error in errors(document, "AWSEvent", event)]
        for wrong in wrong_ones(event):
            if not any(errors(document, "AWSEvent", wrong)):
                faults.append(f"{name} fits although it is wrong: {json.dumps(wrong['detail'])}")

    sample = json.loads(SAMPLE.read_text())
    failure = schemas[FAILURE]
    faults += [f"{SAMPLE.name}: {error.message}" for error in errors(failure, detail_of(failure), sample)]
    requests = {name for name in schemas if name.endswith(" Requested")}
    faults += [f"no example of {name}" for name in requests - asked]

    return ended(faults, f"OpenAPI 3.0, on {len(documents)} schemas and the examples of {len(asked)} requests")


def ended(faults: list[str], summary: str) -> bool:
    for line in [*faults, summary]:
        print(f"   {line}")
    return not faults


def faults_of(document: dict) -> list[str]:
    """What is wrong with a document as such."""
    return [f"{detail_type(document)}: {error.message}" for error in OpenAPIV30SpecValidator(document).iter_errors()]


def detail_type(document: dict) -> str:
    return document["components"]["schemas"]["AWSEvent"]["x-amazon-events-detail-type"]


def detail_of(document: dict) -> str:
    """The component of the detail."""
    return document["components"]["schemas"]["AWSEvent"]["properties"]["detail"]["$ref"].split("/")[-1]


def errors(document: dict, component: str, value) -> Iterator:
    """What is wrong with a value by a component of a document."""
    registry = Registry().with_resource("urn:event", DRAFT4.create_resource(document))
    schema = {"$ref": f"urn:event#/components/schemas/{component}"}
    return OAS30Validator(schema, registry=registry, format_checker=oas30_format_checker).iter_errors(value)


def examples() -> Iterator[tuple[str, dict]]:
    """The examples, with a time for each placeholder."""
    for path in EXAMPLES:
        event = json.loads(re.sub(r"{{now[^}]*}}", "2026-11-21T12:00:00Z", path.read_text()))
        if isinstance(event, dict) and path.parent.name != "samples":
            yield f"{path.parent.name}/{path.name}", event


def wrong_ones(event: dict) -> Iterator[dict]:
    """Copies of an event, each with another fault in its detail."""
    for change in (
        lambda detail: detail.pop("requestID"),
        lambda detail: detail.pop("version"),
        lambda detail: detail.update(version=2),
        lambda detail: detail.update(requestID=None),
        lambda detail: detail.update(requestID="two words"),
        lambda detail: detail.update(unknown=1),
        lambda detail: detail.update(expiresAt="tomorrow"),
    ):
        wrong = copy.deepcopy(event)
        change(wrong["detail"])
        yield wrong
