"""Starts MiniStack with behaviour of AWS that MiniStack 1.5.33 lacks.

The end-to-end proof deploys the template into MiniStack, so that it needs no AWS account. Without these additions, a
stack that works on AWS fails there, or worse, the other way round. They are patched in at run time; nothing of
MiniStack changes on disk:

* policies: what a rule or a topic may send to a function, a queue or a topic, with its key, or start by a role, and
  where an event goes that a target does not accept. A service hands to a policy only the keys that AWS documents
  for the two, which are in tests/deployment/facts.json, each with its source; so a policy that asks for another key
  refuses, and the proof that needs it fails. The loopback counts as encrypted transport, which AWS's policies ask for;
* queues: the messages of a dead-letter queue that are moved back;
* event buses: what a rule sends to a bus in another account or Region, if its role and the policy of that bus let it,
  with the account and the Region that the event comes from; and the event of EC2 when an instance is terminated;
* schedules: what they send, by their role alone, with a minute as short as one of CloudWatch;
* CloudFormation: SAM translates a template with the values of its parameters;
* IAM: the source of an event that is put, and the condition keys of a simulation;
* functions: what their LoggingConfig says of format and level; errors are counted however they are invoked;
* asynchronous invocation: EventBridge rules and SNS topics invoke a function asynchronously, the outcome goes to the
  on-success or on-failure destination, which may be an event bus, and the record has all its members;
* Distributed Map, Parallel and Succeed states in JSONata, and the Distributed Map's ResultWriter;
* the S3 integration of Step Functions that stores a list, and the subjects that SNS refuses;
* errors of the Lambda, EventBridge and Step Functions integrations of Step Functions, and executions that run out of
  time;
* CloudWatch: metrics of queues, topics, rules, destinations and executions, those of metric filters, and those in log
  lines; alarms on metric math, which ring by their own definitions, at a pace of so many minutes a second.

Each function below says what AWS does and what MiniStack does instead. The code relies on internals of MiniStack, so it
checks the version: before an upgrade, review this file against the new sources.

Run it with the Python that has MiniStack, configured with MiniStack's own environment variables.
"""

import contextlib
import contextvars
import copy
import json
import os
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

# Python puts the folder of a script first on the path, and there this file would be found as `ministack`.
HERE = Path(__file__).resolve().parent
sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != HERE]
sys.path.append(str(HERE.parent / "deployment"))
sys.dont_write_bytecode = True

import alarms  # noqa: E402
from ministack import app  # noqa: E402
from ministack.core import iam_actions  # noqa: E402
from ministack.core.arn import parse_arn  # noqa: E402
from ministack.core.iam_evaluator import (  # noqa: E402
    EvalContext,
    evaluate,
    evaluate_resource_policy,
    parse_policy_document,
)
from ministack.core.responses import (  # noqa: E402
    _request_account_id,
    _request_region,
    get_account_id,
    get_region,
    new_uuid,
    now_iso,
)
from ministack.services import (  # noqa: E402
    cloudwatch,
    cloudwatch_logs,
    ec2,
    eventbridge,
    iam,
    kms,
    lambda_svc,
    s3,
    scheduler,
    sns,
    sqs,
)
from ministack.services import stepfunctions as sfn  # noqa: E402
from ministack.services.cloudformation import changesets, engine, handlers, provisioners  # noqa: E402
from samtranslator.translator import transform as sam  # noqa: E402

WRITTEN_FOR = "1.5.33"
FACTS = json.loads((HERE.parent / "deployment" / "facts.json").read_text())


# ---------------------------------------------------------------------------
# Resource policies
# ---------------------------------------------------------------------------


def pin_request_origin(source_ip: str, _secure_transport: bool) -> None:
    """Clients reach AWS by TLS, and policies deny anything else; they reach MiniStack by HTTP."""
    original_pin_request_origin(source_ip, True)


def extract_resource_arn(
    service: str, method: str, path: str, headers: dict, body: bytes, query: dict, region: str, account: str
) -> str:
    """EFS asks about the file system that a call names in its query or its body, and about what is tagged; MiniStack
    knows file systems in the path alone."""
    arn = original_extract_resource_arn(service, method, path, headers, body, query, region, account)
    if service != "elasticfilesystem" or arn != "*":
        return arn
    named = path.rsplit("/", 1)[-1] if "/resource-tags/" in path else query.get("FileSystemId") or ""
    with contextlib.suppress(ValueError):
        named = named or json.loads(body or b"{}").get("FileSystemId") or ""
    named = named[0] if isinstance(named, list) else named
    kind = "access-point" if "fsap-" in named else "file-system"
    return f"arn:aws:elasticfilesystem:{region}:{account}:{kind}/{named.rsplit('/', 1)[-1]}" if named else "*"


def invoke_target(target: dict, event: dict, rule: dict, view=None) -> None:
    """A rule's event reaches a target only if the target's own policy, or the role of the target, lets EventBridge in;
    otherwise it goes to the target's dead-letter queue, without another try. MiniStack delivers it without asking, and
    knows no such queue."""
    if event.get("Source") == "aws.scheduler":
        _start_by_schedule(target, event, rule)
        return
    if _takes(target, rule):
        original_invoke_target(target, event, rule, view)
        return
    eventbridge.logger.warning("EventBridge: %s may not send to %s", rule["Arn"], target["Arn"])
    dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
    if dead_letters and _allows("events.amazonaws.com", dead_letters, rule["Arn"]):
        seen = view or eventbridge._pattern_event_view(event)
        eventbridge._dispatch_to_sqs(parse_arn(dead_letters), json.dumps(seen.event_with_detail()))
        return
    bus = {} if rule.get("EventBusName", "default") == "default" else {"EventBusName": rule["EventBusName"]}
    record_metric("AWS/Events", "InvocationsFailedToBeSentToDlq", 1, "Count", {"RuleName": rule["Name"], **bus})


def _start_by_schedule(target: dict, event: dict, schedule: dict) -> None:
    """A schedule sends what its target says, with the time of the schedule in it, and by its role alone."""
    group = schedule["Arn"].replace(":schedule/", ":schedule-group/").rsplit("/", 1)[0]
    if not _may_by_role(target["RoleArn"], "lambda:InvokeFunction", target["Arn"], group, "scheduler.amazonaws.com"):
        raise LookupError(f"{schedule['Arn']} may not start {target['Arn']}")
    # No request has said so for this thread, and what follows from it is as encrypted as anything else.
    original_pin_request_origin("127.0.0.1", True)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["Time"]))
    dispatch_rule_to_lambda(target["Arn"], target["Input"].replace("<aws.scheduler.scheduled-time>", at))


def parse_rate_seconds(expression: str) -> float | None:
    """A schedule's minute takes as long as one of CloudWatch."""
    seconds = original_parse_rate_seconds(expression)
    return seconds and seconds * MINUTE_SECONDS / 60


def _takes(target: dict, rule: dict) -> bool:
    service, role = parse_arn(target["Arn"]).service, target.get("RoleArn") or ""
    if service == "states":
        return _may_by_role(role, "states:StartExecution", target["Arn"], rule["Arn"])
    if service == "events":
        return _may_by_role(role, "events:PutEvents", target["Arn"], rule["Arn"]) and _admits(target["Arn"], role)
    return _allows("events.amazonaws.com", target["Arn"], rule["Arn"])


def queue_policy_allows(queue: str, service: str, source: str, _account: str) -> bool:
    """A topic sends to a queue that lets it. MiniStack hands over the account too, which AWS does not document."""
    allowed = _allows(service, queue, source)
    if not allowed and service == "sns.amazonaws.com":
        record_metric("AWS/SNS", "NumberOfNotificationsFailed", 1, "Count", {"TopicName": source.rsplit(":", 1)[-1]})
    return allowed


def matches_filter_policy(subscription: dict, attributes: dict, message: str = "") -> bool:
    """A filter on the body drops what is no JSON object, and counts it."""
    if (subscription.get("attributes") or {}).get("FilterPolicyScope") == "MessageBody":
        try:
            is_object = isinstance(json.loads(message), dict)
        except ValueError:
            is_object = False
        if not is_object:
            name = parse_arn(subscription["arn"]).resource.split(":")[0]
            record_metric(
                "AWS/SNS", "NumberOfNotificationsFilteredOut-InvalidMessageBody", 1, "Count", {"TopicName": name}
            )
            return False
    return original_matches_filter_policy(subscription, attributes, message)


def _policy_of(arn) -> dict | str:
    """The policy of a resource."""
    if arn.service == "lambda":
        return (lambda_svc._functions.get(str(arn).split(":")[6]) or {}).get("policy") or {}
    if arn.service == "sqs":
        return ((sqs._queue_by_arn(str(arn)) or {}).get("attributes") or {}).get("Policy") or {}
    if arn.service == "sns":
        return (sns._topics.get(str(arn), {}).get("attributes") or {}).get("Policy") or {}
    raise LookupError(f"the policy of {arn} is not filled in")


def _allows(service: str, receiver: str, source: str) -> bool:
    """Whether a receiver lets a service send to it on behalf of a source, and lets it use its key."""
    arn = parse_arn(receiver)
    asked = _question(service, arn.service, receiver, source)
    allowed = _says_yes(_policy_of(arn), asked, service)
    key = (
        (sns._topics.get(receiver, {}).get("attributes") or {}).get("KmsMasterKeyId") if arn.service == "sns" else None
    )
    return allowed and (not key or _may_encrypt(service, key, source))


def _may_encrypt(service: str, key: str, source: str) -> bool:
    """Whether the policy of a topic's key lets a service publish. The keys that AWS manages let none."""
    record = kms._keys.get(key.rsplit("/", 1)[-1]) or {}
    asked = _question(service, "kms", record.get("Arn") or key, source)
    return bool(record) and _says_yes(record.get("Policy") or {}, asked, service)


def _may_by_role(role: str, action: str, target: str, source: str, service: str = "events.amazonaws.com") -> bool:
    """Whether EventBridge may assume the role of a target, and do this by it."""
    record = iam._roles.get(role.rsplit("/", 1)[-1]) or {}
    asked = _question(service, "sts", role, source)
    trusted = _says_yes(_for_role(record.get("AssumeRolePolicyDocument") or {}, role), asked, service)
    policies = [parse_policy_document(_parsed(policy)) for policy in (record.get("InlinePolicies") or {}).values()]
    return trusted and evaluate(_asked(action, target, {}), policies).decision == "Allow"


def _admits(bus: str, role: str) -> bool:
    """Whether a bus takes an event that is sent by a role: one of its own account does, in any Region; one of another
    account if its policy lets it."""
    arn, sender = parse_arn(bus), get_account_id()
    if arn.account_id == sender:
        return True
    name = arn.resource.split("/", 1)[1]
    policy = eventbridge._event_bus_policies.get_scoped(arn.account_id, arn.region, name) or {}
    organization = ORGANIZATION["id"] if sender in ORGANIZATION["accounts"] else None
    asked = _asked("events:PutEvents", bus, {"aws:principalorgid": organization} if organization else {})
    asked.principal_arn, asked.principal_type, asked.principal_account = role, "AssumedRole", sender
    return evaluate_resource_policy(policy, asked).decision == "Allow"


def _question(service: str, receiver: str, resource: str, source: str) -> EvalContext:
    """What a service asks of a policy, with the keys that AWS documents for the two."""
    fact = next(fact for fact in FACTS["services"] if (fact["service"], fact["receiver"]) == (service, receiver))
    values = {"aws:SourceArn": source, "aws:SourceAccount": get_account_id()}
    return _asked(fact["action"], resource, {key.lower(): values[key] for key in fact["keys"]})


def _asked(action: str, resource: str, keys: dict) -> EvalContext:
    return EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context=keys,
        secure_transport=True,
    )


def _says_yes(policy: dict | str, asked: EvalContext, service: str) -> bool:
    policy = _parsed(policy)
    return bool(policy) and evaluate_resource_policy(policy, asked, service=service).decision == "Allow"


def _for_role(policy: dict | str, role: str) -> dict:
    """The trust of a role names no resource: it is about the role."""
    policy = _parsed(policy)
    statements = [{**statement, "Resource": role} for statement in policy.get("Statement") or []]
    return {**policy, "Statement": statements}


def _parsed(policy: dict | str) -> dict:
    return json.loads(policy or "{}") if isinstance(policy, str) else policy


def request_context(service: str, action: str, body: bytes, parameters: dict) -> dict:
    """A policy sees the sources of the events that a call puts; MiniStack passes none."""
    context = original_request_context(service, action, body, parameters)
    if action == "events:PutEvents":
        sources = sorted({entry.get("Source", "") for entry in json.loads(body)["Entries"]})
        # Of several, AWS does not say what a policy sees.
        context["events:source"] = sources[0] if len(sources) == 1 else sources
    return context


# The condition keys of the simulation that is asked for now.
SIMULATED: contextvars.ContextVar[dict] = contextvars.ContextVar("SIMULATED", default={})


def simulate_principal_policy(parameters: dict):
    """A simulation takes the values of condition keys from its caller; MiniStack knows none."""
    keys, number = {}, 1
    while name := iam._p(parameters, f"ContextEntries.member.{number}.ContextKeyName"):
        keys[name.lower()] = iam._p(parameters, f"ContextEntries.member.{number}.ContextKeyValues.member.1")
        number += 1
    SIMULATED.set(keys)
    return original_simulate_principal_policy(parameters)


def simulate_results(actions: list[str], resource: str, principal: str, account: str, policies: list) -> str:
    names = {"Allow": "allowed", "Deny": "explicitDeny"}
    results = []
    for action in actions:
        asked = _asked(action, resource, SIMULATED.get())
        asked.principal_arn, asked.principal_type, asked.principal_account = principal, "AssumedRole", account
        decision = names.get(evaluate(asked, policies).decision, "implicitDeny")
        results.append(
            f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
            f"<EvalDecision>{decision}</EvalDecision><MatchedStatements></MatchedStatements></member>"
        )
    return "".join(results)


# ---------------------------------------------------------------------------
# CloudFormation
# ---------------------------------------------------------------------------

# The values of the parameters of the stack that is being deployed.
PARAMETERS: contextvars.ContextVar[dict] = contextvars.ContextVar("PARAMETERS", default={})


def apply_transforms(template: dict, provided_params=None, previous_params=None) -> dict:
    """SAM translates a template with the values of the stack's parameters; MiniStack with their defaults."""
    PARAMETERS.set(engine._transform_parameters(template, provided_params, previous_params))
    return original_apply_transforms(template, provided_params, previous_params)


def translate(template: dict, _values: dict, *more, **named) -> dict:
    return original_translate(template, dict(PARAMETERS.get()), *more, **named)


# ---------------------------------------------------------------------------
# Queues
# ---------------------------------------------------------------------------


def start_message_move_task(data: dict, _url: str) -> dict:
    """The messages of a dead-letter queue go back to the queues that they came from, which MiniStack cannot do."""
    if data.keys() - {"SourceArn"}:
        raise LookupError(f"{sorted(data)} of StartMessageMoveTask are not filled in")
    dead_letters = sqs._queue_by_arn(data["SourceArn"])
    for message in dead_letters["messages"]:
        system = dict(message["sys"])
        source = sqs._queue_by_arn(system.pop("DeadLetterQueueSourceArn"))
        back = {**message, "sys": system, "receive_count": 0, "receipt_handle": None, "visible_at": time.time()}
        source["messages"].append(back)
    dead_letters["messages"] = []
    return {"TaskHandle": new_uuid()}


# ---------------------------------------------------------------------------
# Event buses of other accounts and Regions
# ---------------------------------------------------------------------------

# The organization that some of the accounts here are in.
ORGANIZATION = json.loads(os.environ.get("ORGANIZATION", '{"id": "", "accounts": []}'))


def dispatch_to_event_bus(bus, event: dict, rule: dict, event_path: set, payload: str | None = None) -> None:
    """A rule's event arrives on a bus in another account or Region, and keeps the account and the Region that it comes
    from. MiniStack drops it."""
    if (bus.account_id, bus.region) == (get_account_id(), get_region()):
        original_dispatch_to_event_bus(bus, event, rule, event_path, payload)
        return
    arrived = {**event, "EventBusName": bus.resource.split("/", 1)[1]}
    contextvars.copy_context().run(_arrive, bus.account_id, bus.region, arrived)


def _arrive(account: str, region: str, event: dict) -> None:
    _request_account_id.set(account)
    _request_region.set(region)
    eventbridge._dispatch_event(event)


def bus_policy_create(_logical_id: str, properties: dict, _stack_name: str) -> tuple[str, dict]:
    """CloudFormation puts one statement into the policy of a bus; MiniStack does not know the type."""
    bus, name = properties.get("EventBusName", "default"), properties["StatementId"]
    bus_policy_delete(f"{bus}|{name}", properties)
    policy = eventbridge._event_bus_policies.setdefault(bus, {"Version": "2012-10-17", "Statement": []})
    policy["Statement"].append({**properties["Statement"], "Sid": name})
    return f"{bus}|{name}", {}


def bus_policy_update(physical_id: str, old: dict, new: dict, stack_name: str) -> tuple[str, dict]:
    bus_policy_delete(physical_id, old)
    return bus_policy_create("", new, stack_name)


def bus_policy_delete(physical_id: str, _properties: dict) -> None:
    bus, name = physical_id.split("|")
    policy = eventbridge._event_bus_policies.get(bus)
    if policy:
        policy["Statement"] = [statement for statement in policy["Statement"] if statement["Sid"] != name]


def terminate_instances(parameters: dict):
    """EC2 sends an event to the default bus for each instance that is terminated; MiniStack sends none."""
    answer = original_terminate_instances(parameters)
    for instance in ec2._parse_member_list(parameters, "InstanceId") if answer[0] == 200 else []:
        eventbridge._dispatch_event(
            {
                "EventId": new_uuid(),
                "Source": "aws.ec2",
                "DetailType": "EC2 Instance State-change Notification",
                "Detail": json.dumps({"instance-id": instance, "state": "terminated"}),
                "EventBusName": "default",
                "Time": int(time.time()),
                "Resources": [f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance/{instance}"],
                "Account": get_account_id(),
                "Region": get_region(),
            }
        )
    return answer


# ---------------------------------------------------------------------------
# Functions
# ---------------------------------------------------------------------------


def provided_worker_env(config: dict, *more) -> dict:
    """Lambda configures the logging of a runtime by two variables; MiniStack sets neither."""
    logging = config.get("LoggingConfig") or {}
    variables = {
        "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat"),
        "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel"),
    }
    return original_provided_worker_env(config, *more) | {name: value for name, value in variables.items() if value}


def reserved_concurrency(func: dict, config: dict) -> int | None:
    """The reserved concurrency of a function holds for all its versions; a version of MiniStack's has none."""
    return original_reserved_concurrency(lambda_svc._functions.get(config.get("FunctionName", "")) or func, config)


def execute_function_dispatch(func: dict, config: dict, *more) -> dict:
    """Every invocation is counted, and whether it fails; with MiniStack those that are waited for alone."""
    result = original_execute_function_dispatch(func, config, *more)
    function = {"FunctionName": config.get("FunctionName")}
    record_metric("AWS/Lambda", "Invocations", 1, "Count", function)
    record_metric("AWS/Lambda", "Errors", 1 if result.get("error") else 0, "Count", function)
    return result


def emit_lambda_metrics(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
    """The rest is counted above. A throttled call is no invocation."""
    record_metric("AWS/Lambda", "Throttles", 1 if throttle else 0, "Count", {"FunctionName": name})


# ---------------------------------------------------------------------------
# Asynchronous invocation of functions
# ---------------------------------------------------------------------------


def dispatch_rule_to_lambda(arn: str, payload: str) -> None:
    """A rule invokes its target function asynchronously: retries, then the destination.

    MiniStack runs the function once and drops the outcome.
    """
    func, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not func or not config:
        eventbridge.logger.warning("EventBridge -> Lambda: function %s not found", name)
        return
    try:
        event = json.loads(payload)
    except ValueError:
        event = {"body": payload}
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(func, config), event)


def deliver_topic_to_lambda(endpoint: str, envelope: str, topic_arn: str, sub_arn: str, *_unused) -> None:
    """A topic invokes a subscribed function asynchronously, as a rule does, and if the function's policy lets it;
    MiniStack runs it once, without asking."""
    if not _allows("sns.amazonaws.com", endpoint, topic_arn):
        sns.logger.warning("SNS: %s may not invoke %s", topic_arn, endpoint)
        return
    func, config, name = lambda_svc._get_func_record_for_ref(endpoint)
    if not func or not config:
        sns.logger.warning("SNS -> Lambda: function %s not found", name)
        return
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": sub_arn,
        "EventSource": "aws:sns",
        "Sns": json.loads(envelope),
    }
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(func, config), {"Records": [record]})


def invoke_async_with_retry(func: dict, event) -> None:
    """Invoke a function asynchronously: try, try again, then hand the outcome to the destination.

    MiniStack knows no OnSuccess, no event bus as destination, sends a destination's record to a dead-letter queue, and
    its record lacks members. The retries are MiniStack's own, except that a throttled try is not counted: on AWS the
    event goes back to the queue until it is too old.
    """
    threading.Thread(target=contextvars.copy_context().run, args=(_invoke_async, func, event), daemon=True).start()


def _invoke_async(func: dict, event) -> None:
    config = func.get("config") or func
    account, region = lambda_svc._account_region_from_function_config(config)
    _request_account_id.set(account)
    _request_region.set(region)
    settings = _event_invoke_config(func, config)
    retries = int(settings.get("MaximumRetryAttempts", 2))
    max_age = int(settings.get("MaximumEventAgeInSeconds", 21600))
    result, tries, condition = _try_until_done(func, event, retries, max_age)
    record = _invocation_record(config, event, result, tries, condition)
    destinations = settings.get("DestinationConfig") or {}
    destination = (destinations.get("OnFailure" if result.get("error") else "OnSuccess") or {}).get("Destination")
    dead_letters = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    try:
        if destination:
            _send_to_destination(destination, record)
        if dead_letters and result.get("error"):
            _send_to_dead_letters(dead_letters, record)
    except Exception:
        lambda_svc.logger.exception("Lambda %s: the outcome was not delivered", config.get("FunctionName"))
        function = {"FunctionName": config.get("FunctionName")}
        record_metric("AWS/Lambda", "DestinationDeliveryFailures", 1, "Count", function)


def _event_invoke_config(func: dict, config: dict) -> dict:
    """The settings for the qualifier invoked; no qualifier is $LATEST. They are kept with the function, not with the
    record of a version, under the qualifier they were given for, "" for none."""
    function = lambda_svc._functions.get(config.get("FunctionName", "")) or func
    configs = function.get("event_invoke_configs") or {}
    qualifier = _qualifier(config)
    if qualifier != "$LATEST":
        return configs.get(qualifier) or {}
    return configs.get("$LATEST") or configs.get("") or function.get("event_invoke_config") or {}


def _qualifier(config: dict) -> str:
    """The alias by which a function was invoked. MiniStack keeps the version that runs: it is that of an alias, where
    there is one."""
    parts = config["FunctionArn"].split(":")
    version = parts[7] if len(parts) > 7 else "$LATEST"
    aliases = (lambda_svc._functions.get(config.get("FunctionName", "")) or {}).get("aliases") or {}
    return next((name for name, alias in aliases.items() if alias["FunctionVersion"] == version), version)


def _try_until_done(func: dict, event, retries: int, max_age: int) -> tuple[dict, int, str]:
    """The last answer of the function, how often it was tried, and the condition it ended with."""
    base, longest = lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS, lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS
    started, waits, tries = time.time(), 0, 0
    while True:
        result = lambda_svc._execute_function(_as_it_is(func), event)
        if result.get("log"):
            lambda_svc.logger.info("Lambda %s async output:\n%s", func["config"]["FunctionName"], result["log"])
        tries += 0 if result.get("throttle") else 1
        if not result.get("error"):
            return result, tries, "Success"
        if tries > retries:
            return result, tries, "RetriesExhausted"
        delay = min(base * 2 ** min(waits, 16), longest)
        if time.time() - started + delay > max_age:
            return result, tries, "EventAgeExceeded"
        time.sleep(delay)
        waits += 1


def _as_it_is(func: dict) -> dict:
    """The function as it is at this try; MiniStack's record is of when the event came, with the concurrency of then."""
    now, config, _name = lambda_svc._get_func_record_for_ref((func.get("config") or func)["FunctionArn"])
    return lambda_svc._execution_record_for_config(now, config) if now and config else func


def _invocation_record(config: dict, event, result: dict, tries: int, condition: str) -> dict:
    """The record a destination gets (AWS Lambda developer guide, "Capturing records of Lambda asynchronous
    invocations")."""
    name_arn = ":".join(config["FunctionArn"].split(":")[:7])
    response = {"statusCode": 200, "executedVersion": config.get("Version") or "$LATEST"}
    if result.get("error"):
        response["functionError"] = result.get("function_error") or "Unhandled"
    return {
        "version": "1.0",
        "timestamp": now_iso(),
        "requestContext": {
            "requestId": new_uuid(),
            "functionArn": f"{name_arn}:{_qualifier(config)}",
            "condition": condition,
            "approximateInvokeCount": tries,
        },
        "requestPayload": event,
        "responseContext": response,
        "responsePayload": _json_value(result.get("body")),
    }


def _json_value(body):
    """What the function answered: its runtime's worker has decoded it, only a one-shot runtime leaves bytes."""
    if not isinstance(body, (bytes, bytearray)):
        return body
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _send_to_destination(arn: str, record: dict) -> None:
    service = parse_arn(arn).service
    if service == "sqs":
        _send_to_queue(arn, json.dumps(record), {})
    elif service == "sns":
        _publish(arn, json.dumps(record), {})
    elif service == "lambda":
        func, config, _name = lambda_svc._get_func_record_for_ref(arn)
        if not func or not config:
            raise LookupError(f"no function {arn}")
        lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(func, config), record)
    elif service == "events":
        _put_on_bus(arn, record)
    else:
        raise LookupError(f"destinations of {service} are not filled in: {arn}")


def _put_on_bus(arn: str, record: dict) -> None:
    """To an event bus the record goes as the detail of an event of the source `lambda`."""
    spec = parse_arn(arn)
    if (spec.account_id, spec.region) != (get_account_id(), get_region()):
        raise LookupError(f"the bus {arn} is not in the account and region of the function")
    outcome = "Success" if record["requestContext"]["condition"] == "Success" else "Failure"
    entry = {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {outcome}",
        "EventBusName": arn,
        "Resources": [arn, record["requestContext"]["functionArn"]],
        "Detail": json.dumps(record),
    }
    _status, _headers, body = eventbridge._put_events({"Entries": [entry]})
    if json.loads(body).get("FailedEntryCount", 1):
        raise LookupError(f"the bus {arn} refused the record: {body!r}")


def _send_to_dead_letters(arn: str, record: dict) -> None:
    """A dead-letter queue or topic gets the event itself, and about the failure three message attributes only."""
    answer = record["responsePayload"]
    error = answer.get("errorMessage", "") if isinstance(answer, dict) else str(answer)
    values = {
        "RequestID": ("String", record["requestContext"]["requestId"]),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", str(error)[:1024] or "none"),
    }
    attributes = {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in values.items()}
    send = _send_to_queue if parse_arn(arn).service == "sqs" else _publish
    send(arn, json.dumps(record["requestPayload"]), attributes)


def _send_to_queue(arn: str, body: str, attributes: dict) -> None:
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise LookupError(f"no queue {arn}")
    message = {"QueueUrl": queue["url"], "MessageBody": body, "MessageAttributes": attributes}
    sqs._act_send_message(message, queue["url"])


def _publish(arn: str, body: str, attributes: dict) -> None:
    if sns.publish_internal(arn, body, message_attributes=attributes) is None:
        raise LookupError(f"no topic {arn}")


# ---------------------------------------------------------------------------
# Step Functions: states in JSONata
# ---------------------------------------------------------------------------

original_pin_request_origin = app.pin_request_origin
original_extract_resource_arn = iam_actions.extract_resource_arn
original_invoke_target = eventbridge._invoke_target
original_parse_rate_seconds = eventbridge._parse_rate_seconds
original_request_context = iam_actions.request_tag_context
original_simulate_principal_policy = iam._simulate_principal_policy
original_apply_transforms = engine._apply_transforms
original_translate = sam.transform
original_dispatch_to_event_bus = eventbridge._dispatch_to_event_bus
original_terminate_instances = ec2._terminate_instances
original_run_distributed_map = sfn._run_distributed_map
original_run_sub_machine = sfn._run_sub_machine
original_run_parallel_branches = sfn._run_parallel_branches
original_apply_output_path = sfn._apply_output_path
original_call_lambda = sfn._call_lambda
original_put_events = sfn._invoke_events_put_events
original_publish = sfn._invoke_sns_publish
original_start_execution = sfn._invoke_nested_start_execution
original_provided_worker_env = lambda_svc._provided_worker_env
original_reserved_concurrency = lambda_svc._reserved_concurrency
original_execute_function_dispatch = lambda_svc._execute_function_dispatch
original_emit_status = sfn._emit_execution_status_event
original_alarm_record = provisioners._cw_metric_alarm_record
original_record_metric = cloudwatch.record_metric
original_store_datum = cloudwatch._store_datum
original_emit_lambda_logs = lambda_svc._emit_lambda_logs
original_matches_filter_policy = sns._matches_filter_policy


def _is_jsonata(state: dict, ctx) -> bool:
    return sfn._state_query_language(state, ctx) == "JSONata"


def _jsonata_outcome(state: dict, raw_input, ctx: dict, result):
    """The output of a state with this result, its Output and Assign applied."""
    output = sfn._apply_jsonata_output(state, raw_input, ctx, result=result, default=result)
    sfn._apply_state_assign(state, raw_input, ctx, result=result)
    return output


def apply_output_path(state: dict, data, ctx=None):
    """A Succeed state may have an Output in JSONata; MiniStack knows its OutputPath only."""
    if state.get("Type") == "Succeed" and _is_jsonata(state, ctx):
        return sfn._apply_jsonata_output(state, data, ctx, default=data)
    return original_apply_output_path(state, data, ctx)


def run_parallel_branches(state: dict, raw_input, execution: dict, ctx: dict):
    """A Parallel state in JSONata has Arguments, Output and Assign, and its branches see the variables outside but do
    not set them. MiniStack knows the JSONPath fields only and shares the variables."""
    if not _is_jsonata(state, ctx):
        return original_run_parallel_branches(state, raw_input, execution, ctx)
    branch_input = sfn._apply_jsonata_arguments(state, raw_input, ctx)
    results, following = original_run_parallel_branches(
        _plain(state, "Branches"), branch_input, execution, copy.deepcopy(ctx)
    )
    return _jsonata_outcome(state, raw_input, ctx, results), following


def _plain(state: dict, *fields: str) -> dict:
    """The state with these fields, and what follows it."""
    return {field: state[field] for field in (*fields, "Next", "End") if field in state}


def run_sub_machine(states: dict, start_at: str, input_data, execution: dict, ctx: dict):
    """In a child execution of a Distributed Map, $states.context.Execution is the child; with MiniStack the parent."""
    if execution.get("mapRunArn"):
        ctx["Execution"] = {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "StartTime": execution["startDate"],
        }
    return original_run_sub_machine(states, start_at, input_data, execution, ctx)


def run_distributed_map(state: dict, raw_input, effective, iterator: dict, execution: dict, ctx: dict):
    """A Distributed Map in JSONata: MiniStack reads its fields as JSONPath and has no ResultWriter.

    The fields are evaluated here, MiniStack runs the equivalent in JSONPath over the finished inputs, and the result
    is written and shaped here. As on AWS, the children do not see the variables of the parent.
    """
    if not _is_jsonata(state, ctx):
        return original_run_distributed_map(state, raw_input, effective, iterator, execution, ctx)
    plain = _plain(state, "ItemProcessor", "Iterator")
    plain["Label"] = state.get("Label") or new_uuid()
    for field in ("MaxConcurrency", "ToleratedFailurePercentage", "ToleratedFailureCount"):
        if field in state:
            plain[field] = sfn._jsonata_state_field(state, field, "number", raw_input, ctx)
    writer = _result_writer(state, raw_input, ctx)
    inputs = _child_inputs(state, raw_input, ctx)
    child_ctx = {**ctx, "variables": {}}
    earlier = set(sfn._map_runs)
    try:
        results, following = original_run_distributed_map(plain, inputs, inputs, iterator, execution, child_ctx)
    except sfn._ExecutionError:
        # The results are written too when more children failed than tolerated.
        if writer:
            _write_results(writer, _map_run(execution, plain["Label"], earlier))
        raise
    if writer:
        results = _write_results(writer, _map_run(execution, plain["Label"], earlier))
    return _jsonata_outcome(state, raw_input, ctx, results), following


def _child_inputs(state: dict, raw_input, ctx: dict) -> list:
    """The input of each child: the items of the ItemReader, of Items or of the input, through the ItemSelector."""
    if "ItemBatcher" in state:
        raise sfn._ExecutionError("States.Runtime", "ItemBatcher is not filled in")
    if state.get("ItemReader"):
        reader = sfn._apply_jsonata_template(state["ItemReader"], raw_input, ctx)
        try:
            items = sfn._read_map_items(reader, raw_input, ctx)
        except (ValueError, LookupError) as err:
            raise sfn._ExecutionError("States.ItemReaderFailed", str(err)) from err
    elif "Items" in state:
        items = sfn._jsonata_state_field(state, "Items", "array", raw_input, ctx)
    else:
        items = raw_input
    if not isinstance(items, list):
        raise sfn._ExecutionError("States.Runtime", f"The items are not an array: {json.dumps(items)}")
    selector = state.get("ItemSelector")
    if selector is None:
        return items
    return [
        sfn._apply_jsonata_template(selector, raw_input, {**ctx, "Map": {"Item": {"Index": index, "Value": item}}})
        for index, item in enumerate(items)
    ]


def _result_writer(state: dict, raw_input, ctx: dict) -> dict | None:
    """The Bucket and the Prefix results are written to, if they are."""
    writer = state.get("ResultWriter")
    if not writer:
        return None
    if writer.get("Resource") != "arn:aws:states:::s3:putObject" or writer.get("WriterConfig"):
        raise sfn._ExecutionError("States.Runtime", "A ResultWriter with WriterConfig is not filled in")
    arguments = sfn._apply_jsonata_template(writer.get("Arguments") or {}, raw_input, ctx)
    return {"Bucket": arguments["Bucket"], "Prefix": (arguments.get("Prefix") or "").rstrip("/")}


def _map_run(execution: dict, label: str, earlier: set) -> str:
    """The ARN of the Map Run just ended: .../LABEL:UUID of this execution, not there before."""
    return next(
        arn
        for arn, run in sfn._map_runs.items()
        if arn not in earlier
        and run["executionArn"] == execution["executionArn"]
        and arn.rsplit(":", 1)[0].endswith("/" + label)
    )


def _write_results(writer: dict, map_run_arn: str) -> dict:
    """Write the files of the ResultWriter; the answer is the result of the state."""
    folder = "/".join(part for part in (writer["Prefix"], map_run_arn.rsplit(":", 1)[1]) if part)
    children = [child for child in sfn._executions.values() if child.get("mapRunArn") == map_run_arn]
    files = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status in ("FAILED", "SUCCEEDED"):
        details = [_child_details(child) for child in children if child["status"] == status]
        if details:
            key = f"{folder}/{status}_0.json"
            files[status].append({"Key": key, "Size": _write_object(writer["Bucket"], key, details)})
    manifest = {"DestinationBucket": writer["Bucket"], "MapRunArn": map_run_arn, "ResultFiles": files}
    _write_object(writer["Bucket"], f"{folder}/manifest.json", manifest)
    return {
        "MapRunArn": map_run_arn,
        "ResultWriterDetails": {"Bucket": writer["Bucket"], "Key": f"{folder}/manifest.json"},
    }


def _child_details(child: dict) -> dict:
    details = {
        "ExecutionArn": child["executionArn"],
        "Input": child["input"],
        "InputDetails": {"Included": True},
        "Name": child["name"],
        "StartDate": child["startDate"],
        "StateMachineArn": child["stateMachineArn"],
        "Status": child["status"],
        "StopDate": child["stopDate"],
    }
    if child["status"] == "FAILED":
        return {**details, "Error": child["error"], "Cause": child["cause"]}
    return {**details, "Output": child["output"], "OutputDetails": {"Included": True}}


def _write_object(bucket: str, key: str, content) -> int:
    """Put the object, and answer its size."""
    body = json.dumps(content).encode()
    status, _headers, answer = s3._put_object(bucket, key, body, {"content-type": "application/json"})
    if status != 200:
        raise sfn._ExecutionError("States.ResultWriterFailed", f"{bucket}/{key}: {answer!r}")
    return len(body)


# ---------------------------------------------------------------------------
# Step Functions: errors of integrations
# ---------------------------------------------------------------------------


def call_lambda(func_ref, event):
    """A throttled function fails the task with Lambda.TooManyRequestsException, which the usual Retry names; with
    MiniStack it is Lambda.Unknown."""
    try:
        return original_call_lambda(func_ref, event)
    except sfn._ExecutionError as err:
        if err.error == "Lambda.Unknown" and '"__type": "TooManyRequestsException"' in err.cause:
            raise sfn._ExecutionError("Lambda.TooManyRequestsException", err.cause) from err
        raise


def put_events(resource: str, input_data: dict) -> dict:
    """events:putEvents takes a detail that is an object, and fails the task when the bus refused an entry.

    MiniStack takes the text of a detail, and succeeds.
    """
    entries = [{**entry, "Detail": json.dumps(entry["Detail"])} for entry in input_data["Entries"]]
    result = original_put_events(resource, {**input_data, "Entries": entries})
    if result.get("FailedEntryCount"):
        raise sfn._ExecutionError("EventBridge.FailedEntry", json.dumps(result))
    return result


def put_object(_resource: str, input_data: dict) -> dict:
    """aws-sdk:s3:putObject writes a Body that is a list as JSON; MiniStack does not have the call."""
    if not isinstance(input_data["Body"], (dict, list)):
        raise sfn._ExecutionError("States.Runtime", "A Body that is no JSON object or list is not filled in")
    _write_object(input_data["Bucket"], input_data["Key"], input_data["Body"])
    return {}


def publish(resource: str, input_data: dict) -> dict:
    """sns:publish fails the task if the subject is no line of printable ASCII, or has 100 characters or more; MiniStack
    takes any subject."""
    subject = input_data["Subject"]
    if not (0 < len(subject) < 100 and subject.isascii() and subject.isprintable() and subject[0] != " "):
        raise sfn._ExecutionError("SNS.InvalidParameterException", f"Invalid parameter: Subject {subject!r}")
    return original_publish(resource, input_data)


def start_execution(resource: str, input_data: dict) -> dict:
    """states:startExecution fails with names such as StepFunctions.ExecutionAlreadyExistsException; with MiniStack it
    is the bare ExecutionAlreadyExists of the API."""
    try:
        return original_start_execution(resource, input_data)
    except sfn._ExecutionError as err:
        name = err.error.removesuffix("Exception")
        raise sfn._ExecutionError(f"StepFunctions.{name}Exception", err.cause) from err


def emit_status(execution: dict) -> None:
    """Executions are counted as they start and by how they end. MiniStack's never run out of time; here one does that is stopped with
    the error States.Timeout."""
    if execution["status"] == "ABORTED" and execution.get("error") == "States.Timeout":
        execution["status"] = "TIMED_OUT"
    counted = {
        "RUNNING": "ExecutionsStarted",
        "SUCCEEDED": "ExecutionsSucceeded",
        "FAILED": "ExecutionsFailed",
        "TIMED_OUT": "ExecutionsTimedOut",
    }.get(execution["status"])
    if counted:
        record_metric("AWS/States", counted, 1, "Count", {"StateMachineArn": execution["stateMachineArn"]})
    original_emit_status(execution)


# ---------------------------------------------------------------------------
# CloudWatch
# ---------------------------------------------------------------------------

# The real time of one minute of CloudWatch.
MINUTE_SECONDS = float(os.environ.get("CLOUDWATCH_MINUTE_SECONDS", "60"))
STARTED = time.monotonic()
# Namespaces whose metrics are levels; the values of all others are added up.
LEVELS = ("AWS/SQS", "AWS/EFS")
SERIES: dict[tuple, dict[int, float]] = {}
ALARMS: dict[str, alarms.Alarm] = {}
SERIES_LOCK = threading.Lock()


def minute() -> int:
    return int((time.monotonic() - STARTED) / MINUTE_SECONDS)


def record_metric(namespace: str, name: str, value: float, unit: str = "None", dimensions: dict | None = None) -> None:
    """Keeps metrics of services for alarms too, which MiniStack does not evaluate over them."""
    _keep(namespace, name, dimensions or {}, value)
    original_record_metric(namespace, name, value, unit, dimensions)


def store_datum(namespace, name, dims, ts, unit, value, values, counts, stat_values) -> None:
    """Keeps custom metrics for alarms too."""
    if value is not None:
        _keep(namespace, name, dims, value)
    original_store_datum(namespace, name, dims, ts, unit, value, values, counts, stat_values)


def _keep(namespace: str, name: str, dimensions: dict, value) -> None:
    with SERIES_LOCK:
        points = SERIES.setdefault((namespace, name, tuple(sorted(dimensions.items()))), {})
        now = minute()
        points[now] = float(value) if namespace in LEVELS else points.get(now, 0) + float(value)


def emit_lambda_logs(func: dict, request_id: str, log_text: str, *more, **named) -> None:
    """Metric filters count what a function logs, and a line in the embedded metric format is metrics; MiniStack keeps
    both and counts nothing."""
    original_emit_lambda_logs(func, request_id, log_text, *more, **named)
    group = ((func.get("config") or func).get("LoggingConfig") or {}).get("LogGroup")
    filters = [each for (name, _), each in cloudwatch_logs._metric_filters.items() if name == group]
    for line in (log_text or "").splitlines():
        with contextlib.suppress(ValueError, AttributeError):
            read = json.loads(line)
            outcome = read.get("fields", {}).get("outcome")
            for each in filters if outcome else ():
                _count_outcome(each, outcome)
            for each in read.get("_aws", {}).get("CloudWatchMetrics", []):
                _record_embedded(each, read)


def _record_embedded(directive: dict, line: dict) -> None:
    """The metrics of a line, with each of its sets of dimensions."""
    for names in directive["Dimensions"]:
        for metric in directive["Metrics"]:
            dimensions = {name: line[name] for name in names}
            record_metric(directive["Namespace"], metric["Name"], line[metric["Name"]], metric["Unit"], dimensions)


def _count_outcome(each: dict, outcome: str) -> None:
    if each["filterPattern"] != '{ $.fields.outcome = "*" }':
        raise LookupError(f"the pattern {each['filterPattern']} is not filled in")
    for metric in each["metricTransformations"]:
        dimensions = metric.get("dimensions") or {}
        if isinstance(dimensions, list):
            dimensions = {dimension["Key"]: dimension["Value"] for dimension in dimensions}
        record_metric(
            metric["metricNamespace"],
            metric["metricName"],
            float(metric["metricValue"]),
            "Count",
            dict.fromkeys(dimensions, outcome),
        )


def alarm_record(name: str, properties: dict) -> dict:
    """CloudFormation makes alarms on expressions; MiniStack refuses them. Here they stand under a name that no metric
    has, and are evaluated by their own definition. An alarm that is updated keeps its state."""
    if properties.get("Metrics"):
        earlier = ALARMS.get(name) if name in cloudwatch._alarms else None
        ALARMS[name] = alarms.Alarm({**properties, "AlarmName": name})
        ALARMS[name].state = earlier.state if earlier else ALARMS[name].state
        properties = {**properties, "Namespace": "expression", "MetricName": "expression"}
        del properties["Metrics"]
    return original_alarm_record(name, properties)


def watch() -> None:
    """Evaluates every alarm at every minute."""
    _request_account_id.set(os.environ.get("MINISTACK_ACCOUNT_ID", "000000000000"))
    _request_region.set(os.environ.get("AWS_REGION", "us-east-1"))
    seen = minute()
    while True:
        time.sleep(MINUTE_SECONDS / 4)
        for queue in list(sqs._queues.values()):
            now, waiting = time.time(), list(queue.get("messages") or [])
            visible = [message for message in waiting if message.get("visible_at", 0) <= now]
            named = {"QueueName": queue["name"]}
            record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", len(visible), "Count", named)
        for now in range(seen + 1, minute() + 1):
            for name, alarm in list(ALARMS.items()):
                with SERIES_LOCK:
                    state = alarm.evaluate(SERIES, now)
                if name in cloudwatch._alarms:
                    cloudwatch._alarms[name]["StateValue"] = alarm.state
                    if state == "ALARM":
                        _ring(cloudwatch._alarms[name])
            seen = now


def _ring(alarm: dict) -> None:
    """CloudWatch publishes to a topic that lets it."""
    message = {"AlarmName": alarm["AlarmName"], "AlarmDescription": alarm["AlarmDescription"], "NewStateValue": "ALARM"}
    for topic in alarm["AlarmActions"]:
        if _allows("cloudwatch.amazonaws.com", topic, alarm["AlarmArn"]):
            sns.publish_internal(topic, json.dumps(message))
        else:
            cloudwatch.logger.warning("CloudWatch: %s may not publish to %s", alarm["AlarmArn"], topic)


# ---------------------------------------------------------------------------


def fill_in() -> None:
    """Replaces functions of MiniStack by those above. MiniStack calls each by its name in the module."""
    if version("ministack") != WRITTEN_FOR:
        sys.exit(f"written for MiniStack {WRITTEN_FOR}, not {version('ministack')}: read it against the new sources")
    app.pin_request_origin = pin_request_origin
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.request_tag_context = request_context
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate_principal_policy
    iam._build_simulate_results_real = simulate_results
    changesets._apply_transforms = handlers._apply_transforms = apply_transforms
    sam.transform = translate
    scheduler._SCHEDULE_TICK_INTERVAL = MINUTE_SECONDS
    eventbridge._invoke_target = invoke_target
    eventbridge._parse_rate_seconds = parse_rate_seconds
    eventbridge._dispatch_to_event_bus = dispatch_to_event_bus
    ec2._ACTION_MAP["TerminateInstances"] = terminate_instances
    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {
        "create": bus_policy_create,
        "update": bus_policy_update,
        "delete": bus_policy_delete,
    }
    sqs.queue_policy_allows = queue_policy_allows
    sqs._HANDLERS["StartMessageMoveTask"] = start_message_move_task
    provisioners._cw_metric_alarm_record = alarm_record
    cloudwatch.record_metric = record_metric
    cloudwatch._store_datum = store_datum
    lambda_svc._emit_lambda_logs = emit_lambda_logs
    lambda_svc._emit_lambda_metrics = emit_lambda_metrics
    lambda_svc._reserved_concurrency = reserved_concurrency
    lambda_svc._execute_function_dispatch = execute_function_dispatch
    lambda_svc._provided_worker_env = provided_worker_env
    sns._matches_filter_policy = matches_filter_policy
    sfn._emit_execution_status_event = emit_status
    lambda_svc.invoke_async_with_retry = invoke_async_with_retry
    eventbridge._dispatch_to_lambda = dispatch_rule_to_lambda
    sns._deliver_to_lambda = deliver_topic_to_lambda
    sfn._apply_output_path = apply_output_path
    sfn._run_parallel_branches = run_parallel_branches
    sfn._run_sub_machine = run_sub_machine
    sfn._run_distributed_map = run_distributed_map
    sfn._call_lambda = call_lambda
    sfn._invoke_nested_start_execution = start_execution
    sfn._SERVICE_DISPATCH["arn:aws:states:::events:putEvents"] = put_events
    sfn._SERVICE_DISPATCH["arn:aws:states:::aws-sdk:s3:putObject"] = put_object
    sfn._SERVICE_DISPATCH["arn:aws:states:::sns:publish"] = publish


if __name__ == "__main__":
    fill_in()
    threading.Thread(target=watch, daemon=True).start()
    app.main()
