"""Runs the state machines of `statemachines/` in virtual time, against simulated functions and services.

A small interpreter of the Amazon States Language, as far as the machines use it. It fails on a state or a field
that it does not know. JSONata is evaluated by the library that MiniStack uses. Waits, retry intervals and calls take no
real time and are counted; for a retry with jitter, the longest interval counts. Every proof is a function below, named
by what it shows.

Usage: machines.py, in the environment of tests/end_to_end/requirements.txt.
"""

import json
import sys
from pathlib import Path

import jsonata

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_NAMES = ("disconnect-source-server", "bootstrap-efs-replication")
FUNCTION_ARN_PREFIX = "arn:aws:lambda:us-east-1:111122223333:function:drover-"
# What the template substitutes. tests/template/machines.rs checks that it substitutes every variable.
SUBSTITUTIONS = {
    "Partition": "aws",
    "EventBusName": "bus",
    "FunctionNames": ",".join(FUNCTION_NAMES),
    "FunctionArnPrefix": FUNCTION_ARN_PREFIX,
    "FollowUpArn": "follow-up",
    "Bucket": "bucket",
    "Concurrency": "4",
    "ToleratedFailurePercentage": "10",
    "TopicArn": "topic",
    "QueueName": "queue",
    "DashboardUrl": "https://dashboard",
}
INVOKE = "arn:aws:states:::lambda:invoke"
START = "arn:aws:states:::states:startExecution"
PUT_EVENTS = "arn:aws:states:::events:putEvents"
PUBLISH = "arn:aws:states:::sns:publish"
DESCRIBE_SNAPSHOTS = "arn:aws:states:::aws-sdk:ec2:describeSnapshots"
PUT_OBJECT = "arn:aws:states:::aws-sdk:s3:putObject"
FIELDS = {
    "Pass": {"Type", "Assign", "Output", "Next", "End"},
    "Choice": {"Type", "Choices", "Default"},
    "Wait": {"Type", "Seconds", "Assign", "Next"},
    "Task": {"Type", "Resource", "Arguments", "TimeoutSeconds", "Retry", "Catch", "Assign", "Output", "Next"},
    "Map": {
        *(
            "Type",
            "ItemReader",
            "ItemSelector",
            "ItemProcessor",
            "MaxConcurrency",
            "ToleratedFailurePercentage",
        ),
        *("ResultWriter", "Assign", "Retry", "Catch", "Next"),
    },
    "Succeed": {"Type"},
    "Fail": {"Type", "Error", "Cause"},
}
# Events in the history of an execution, https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html:
# a state is entered and exited; a task is scheduled, started, and has succeeded or failed, at every try.
EVENTS_OF_STATE, EVENTS_OF_TRY = 2, 3


class Failed(Exception):
    """An error with its name and cause."""

    def __init__(self, error: str, cause: str = ""):
        super().__init__(error, cause)
        self.error, self.cause = error, cause


class TimedOut(Exception):
    """The execution took longer than it may."""


class Machine:
    """A definition, and the simulated world in which it runs."""

    def __init__(self, name: str, world):
        text = (ROOT / "statemachines" / f"{name}.asl.json").read_text()
        for variable, value in SUBSTITUTIONS.items():
            text = text.replace("${" + variable + "}", value)
        assert "${" not in text, text.split("${")[1][:20]
        self.definition, self.world = json.loads(text), world
        assert self.definition["QueryLanguage"] == "JSONata"
        self.clock, self.events, self.variables = 0, 0, {}

    def run(self, given) -> dict:
        """The status, the output or the error, and the time at the end."""
        try:
            output = self.states(self.definition, given, self.variables)
            ended = {"status": "SUCCEEDED", "output": output}
        except Failed as failed:
            ended = {"status": "FAILED", "error": failed.error, "cause": failed.cause}
        except TimedOut:
            ended = {"status": "TIMED_OUT"}
        return ended | {"after": self.clock, "events": self.events}

    def pass_time(self, seconds: float) -> None:
        assert seconds >= 0 and seconds == int(seconds), seconds
        self.clock += int(seconds)
        self.world.now = self.clock
        if self.clock > self.definition["TimeoutSeconds"]:
            raise TimedOut

    def states(self, machine: dict, given, variables: dict):
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            unknown = state.keys() - FIELDS[state["Type"]]
            assert not unknown, f"{name}: {unknown} not known here"
            self.events += EVENTS_OF_STATE
            scope = {"input": given, "context": {"Execution": {"Id": "execution", "Name": "run"}}}
            output, name = getattr(self, state["Type"].lower())(state, scope, variables)
            if name is None:
                return output
            given = output

    # ---- the states: each returns its output and the name of the next state

    def leave(self, state: dict, scope: dict, variables: dict, output):
        """Evaluates Output and Assign of a state. Both see the variables as they were before it."""
        result = evaluated(state["Output"], scope, variables) if "Output" in state else output
        variables.update(evaluated(state.get("Assign", {}), scope, variables))
        return result, state.get("Next")

    def _pass(self, state, scope, variables):
        return self.leave(state, scope, variables, scope["input"])

    def choice(self, state, scope, variables):
        for rule in state["Choices"]:
            assert rule.keys() <= {"Condition", "Assign", "Next"}, rule
            holds = evaluated(rule["Condition"], scope, variables)
            assert isinstance(holds, bool), rule
            if holds:
                return self.leave(rule, scope, variables, scope["input"])
        return scope["input"], state["Default"]

    def wait(self, state, scope, variables):
        seconds = evaluated(state["Seconds"], scope, variables)
        self.world.waits.append(seconds)
        self.pass_time(seconds)
        return self.leave(state, scope, variables, scope["input"])

    def task(self, state, scope, variables):
        def do():
            # An expression that fails is an error of the state, which Retry and Catch handle.
            arguments = evaluated(state["Arguments"], scope, variables)
            return self.call(state["Resource"], arguments, state.get("TimeoutSeconds"))

        return self.with_retries(state, scope, variables, do)

    def call(self, resource: str, arguments: dict, most):
        self.events += EVENTS_OF_TRY
        took, answer = self.world.call(resource, arguments)
        if most is not None and took > most:
            self.pass_time(most)
            raise Failed("States.Timeout")
        self.pass_time(took)
        if isinstance(answer, Failed):
            raise answer
        return answer

    def with_retries(self, state, scope, variables, do):
        tries = [0] * len(state.get("Retry", []))
        while True:
            try:
                result = do()
                return self.leave(state, scope | {"result": result}, variables, result)
            except Failed as failed:
                retrier = next((n for n, each in enumerate(state.get("Retry", [])) if fits(each, failed)), None)
                if retrier is not None and tries[retrier] < state["Retry"][retrier].get("MaxAttempts", 3):
                    self.pass_time(interval(state["Retry"][retrier], tries[retrier]))
                    tries[retrier] += 1
                    continue
                catcher = next((each for each in state.get("Catch", []) if fits(each, failed)), None)
                if catcher is None:
                    raise
                error = {"Error": failed.error, "Cause": failed.cause}
                return self.leave(catcher, scope | {"errorOutput": error}, variables, error)

    def map(self, state, scope, variables):
        assert state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
        return self.with_retries(state, scope, variables, lambda: self.items(state, scope, variables))

    def items(self, state, scope, variables) -> dict:
        assert state["ItemReader"]["Resource"] == "arn:aws:states:::s3:getObject"
        items = self.world.bucket[evaluated(state["ItemReader"]["Arguments"], scope, variables)["Key"]]
        self.world.concurrency = evaluated(state["MaxConcurrency"], scope, variables)
        tolerated, failed = evaluated(state["ToleratedFailurePercentage"], scope, variables), 0
        for number, item in enumerate(items):
            item_context = {"Map": {"Item": {"Index": number, "Value": item}}}
            given = evaluated(state["ItemSelector"], scope | {"context": scope["context"] | item_context}, variables)
            try:
                # A child sees no variables of its parent.
                self.world.children.append(self.states(state["ItemProcessor"], given, {}))
            except Failed as error:
                failed += 1
                self.world.failures.append(error)
                if failed * 100 > tolerated * len(items):
                    raise Failed("States.ExceedToleratedFailureThreshold", "too many") from error
        writer = evaluated(state["ResultWriter"]["Arguments"], scope, variables)
        return {"ResultWriterDetails": {"Bucket": writer["Bucket"], "Key": f"{writer['Prefix']}/run/manifest.json"}}

    def succeed(self, _state, scope, _variables):
        return scope["input"], None

    def fail(self, state, scope, variables):
        raise Failed(evaluated(state["Error"], scope, variables), evaluated(state["Cause"], scope, variables))


setattr(Machine, "pass", Machine._pass)


def fits(handler: dict, failed: Failed) -> bool:
    known = {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds", "JitterStrategy"}
    assert handler.keys() <= known | {"Assign", "Output", "Next"}, handler
    return any(name in (failed.error, "States.ALL") for name in handler["ErrorEquals"])


def interval(retrier: dict, tries: int) -> int:
    """The longest interval before the next try."""
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2) ** tries
    return int(min(seconds, retrier.get("MaxDelaySeconds", seconds)))


def evaluated(value, scope: dict, variables: dict):
    """A value with its expressions evaluated. What is undefined is an error, as in Step Functions."""
    match value:
        case str(text) if text.startswith("{%") and text.endswith("%}"):
            expression = jsonata.Jsonata(text[2:-2].strip())
            # Step Functions adds this function to JSONata.
            expression.register_lambda("parse", json.loads)
            frame = expression.create_frame()
            for name, bound in {**variables, "states": scope}.items():
                frame.bind(name, jsonata.utils.Utils.NULL_VALUE if bound is None else bound)
            try:
                result = expression.evaluate(None, frame)
            except Exception as error:
                raise Failed("States.QueryEvaluationError", str(error)) from error
            if result is None:
                raise Failed("States.QueryEvaluationError", text)
            # Lists of the library are a kind of their own.
            return json.loads(json.dumps(result))
        case dict():
            return {name: evaluated(member, scope, variables) for name, member in value.items()}
        case list():
            return [evaluated(member, scope, variables) for member in value]
        case _:
            return value


# --------------------------------------------------------------------------------- the world


class World:
    """Functions that give the answers in order, the last one repeatedly, and a record of every call."""

    def __init__(self, *answers, took: int = 1):
        self.answers, self.took, self.now = list(answers), took, 0
        self.requests, self.request_times, self.waits, self.published, self.started = [], [], [], [], []
        self.bucket, self.children, self.failures, self.concurrency = {}, [], [], None
        self.refuse_events, self.refuse_objects, self.functions = 0, 0, []
        self.refuse_messages, self.messages = 0, []
        self.refuse_questions, self.snapshots, self.asked = 0, [], []

    def call(self, resource: str, arguments: dict):
        if resource == INVOKE:
            self.functions.append(arguments["FunctionName"])
            self.requests.append(arguments["Payload"])
            self.request_times.append(self.now)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            answer = answer(arguments["Payload"]) if callable(answer) else answer
            return self.took, answer if isinstance(answer, Failed) else {"Payload": answer}
        if resource == PUT_EVENTS:
            if self.refuse_events:
                self.refuse_events -= 1
                return 0, Failed("EventBridge.FailedEntry")
            [entry] = arguments["Entries"]
            assert (entry["EventBusName"], entry["Source"]) == ("bus", "drover"), entry
            self.published.append({"type": entry["DetailType"], **entry["Detail"]})
            return 0, {"FailedEntryCount": 0}
        if resource == PUBLISH:
            if self.refuse_messages:
                self.refuse_messages -= 1
                return 0, Failed("SNS.SnsException")
            assert arguments["TopicArn"] == "topic", arguments
            self.messages.append((arguments["Subject"], arguments["Message"]))
            return 0, {"MessageId": "any"}
        if resource == DESCRIBE_SNAPSHOTS:
            [asked] = arguments["Filters"]
            assert asked["Name"] == "snapshot-id" and arguments["OwnerIds"] == ["self"], arguments
            if self.refuse_questions:
                self.refuse_questions -= 1
                return 0, Failed("Ec2.Ec2Exception")
            self.asked.append(asked["Values"])
            return 0, {"Snapshots": [{"SnapshotId": it} for it in self.snapshots if it in asked["Values"]]}
        if resource == PUT_OBJECT:
            if self.refuse_objects:
                self.refuse_objects -= 1
                return 0, Failed("S3.S3Exception", "Slow Down")
            assert arguments["Bucket"] == "bucket", arguments
            self.bucket[arguments["Key"]] = arguments["Body"]
            return 0, {"ETag": "any"}
        assert resource == START, resource
        assert arguments["StateMachineArn"] == "follow-up", arguments
        self.started.append(arguments["Input"]["detail"])
        return 0, {"ExecutionArn": "started"}


def report(outcome: str, mode: str = "enforce", **more) -> dict:
    return {"outcome": outcome, "mode": mode, "requestID": "CHG1", "summary": "", "targets": [], **more}


def retryable(**more) -> dict:
    return {"errorType": "Retryable", "errorMessage": json.dumps(report("retryable")), **more}


REQUEST = {"version": 1, "requestID": "CHG1", "targets": [{"sourceServerID": "s-1"}]}


def function_arn(name: str) -> str:
    """The alias of a function, which is what everything invokes."""
    return f"{FUNCTION_ARN_PREFIX}{name}:live"


def follow_up(world: World, result: dict, function: str = FUNCTION_NAMES[0]) -> dict:
    """Follows up a result as Lambda puts it on the bus, where a function may have its version behind its ARN."""
    context = {"functionArn": f"{FUNCTION_ARN_PREFIX}{function}:$LATEST"}
    detail = {"requestContext": context, "requestPayload": REQUEST, "responsePayload": result}
    return Machine("follow-up", world).run({"detail": detail})


def fleet(world: World, items: list, by_key: bool, function: str = FUNCTION_NAMES[0]) -> dict:
    world.bucket["lists/fleet.json"] = items
    request = {name: value for name, value in REQUEST.items() if name != "targets"}
    content = {"key": "lists/fleet.json"} if by_key else {"items": items}
    return Machine("fleet", world).run({"function": function, "request": request, **content})


def assert_failure_published(world: World, error: str) -> None:
    """Asserts that one failure was published, with the request, in the shape that the rules match."""
    [event] = world.published
    assert event["type"].endswith("Failure"), event
    assert (event["requestContext"]["functionArn"], event["requestContext"]["condition"]) == (
        function_arn(FUNCTION_NAMES[0]),
        "RetriesExhausted",
    )
    assert event["responsePayload"]["errorType"] == error, event


def told(response, request: dict | None = None, **context) -> tuple[str, str]:
    """The subject and the text of the one notification of a result or a failure."""
    world = World()
    ended = notify(world, response, request, **context)
    assert (ended["status"], ended["after"]) == ("SUCCEEDED", 0), ended
    [(subject, text)] = world.messages
    assert len(subject) < 100 and subject.isascii() and subject.isprintable(), subject
    assert text.endswith("\n\nDashboard: https://dashboard"), text
    return subject, text


def notify(world: World, response, request: dict | None = None, **context) -> dict:
    context = {"functionArn": function_arn(FUNCTION_NAMES[0]), "condition": "RetriesExhausted", **context}
    detail = {"requestContext": context, "requestPayload": REQUEST if request is None else request}
    detail |= {} if response is None else {"responsePayload": response}
    return Machine("notify", world).run({"source": "lambda", "region": "eu-west-1", "detail": detail})


def failure(message) -> dict:
    return {"errorType": "Permanent", "errorMessage": message if isinstance(message, str) else json.dumps(message)}


def target(name: str, outcome: str, *operations: str) -> dict:
    return {"name": name, "outcome": outcome, "calls": [{"operation": operation} for operation in operations]}


# -------------------------------------------------------------------------------- the proofs


def a_follow_up_waits_as_the_report_says_and_repeats_the_request():
    world = World(report("pending", lookAgainAfterSeconds=600), report("done"))
    ended = follow_up(world, report("pending", lookAgainAfterSeconds=5400))
    assert ended["status"] == "SUCCEEDED", ended
    assert (world.waits, world.requests) == ([5400, 600], [REQUEST, REQUEST]), (world.waits, world.requests)
    [event] = world.published
    assert event["type"] == "Follow-up Result - Success" and event["responsePayload"]["outcome"] == "done", event
    assert event["requestPayload"] == REQUEST and event["requestContext"]["condition"] == "Success", event


def a_follow_up_sends_the_request_that_the_report_names():
    deletion = {"requestID": "CHG1", "action": "delete"}
    world = World(report("pending", lookAgainAfterSeconds=60), report("done"))
    follow_up(world, report("pending", lookAgainAfterSeconds=60, nextRequest=deletion))
    assert world.requests == [deletion, deletion], world.requests


def a_follow_up_asks_ec2_for_exactly_the_snapshots_that_the_request_names():
    of = {"s-1": ["snap-1", "snap-2"], "s-2": ["snap-3"]}
    targets = [{"sourceServerID": name, "disconnect": {"ebsSnapshotIDs": ids}} for name, ids in of.items()]
    verification = {"requestID": "CHG1", "action": "verify", "targets": [*targets, {"sourceServerID": "s-3"}]}
    for left, one in ((["snap-1", "snap-3"], False), (["snap-2"], False), ([], False), (["snap-1"], True)):
        world = World(report("already_done"))
        world.snapshots = [*left, "snap-9"]
        request = verification if not one else {"targets": [{"disconnect": {"ebsSnapshotIDs": ["snap-1"]}}]}
        follow_up(world, report("pending", lookAgainAfterSeconds=60, nextRequest=request))
        assert world.asked == [["snap-1"] if one else ["snap-1", "snap-2", "snap-3"]], world.asked
        assert [event["ebsSnapshotsLeft"] for event in world.published] == [left], world.published
    world = World(report("already_done"))
    world.refuse_questions = 5
    follow_up(world, report("pending", lookAgainAfterSeconds=60, nextRequest=verification))
    assert "ebsSnapshotsLeft" not in world.published[0], "what EC2 did not answer is not told as nothing"


def a_plan_gets_no_follow_up():
    world = World(report("done"))
    assert follow_up(world, report("pending", mode="plan", lookAgainAfterSeconds=60))["status"] == "SUCCEEDED"
    assert world.requests == [] and len(world.published) == 1, world.requests
    world = World(report("pending", mode="plan", lookAgainAfterSeconds=60))
    follow_up(world, report("pending", lookAgainAfterSeconds=60))
    assert len(world.requests) == 1, "a deployment that went back to plan ends it"


def a_follow_up_ends_with_a_result_that_is_neither_pending_nor_retryable():
    for outcome in ("done", "already_done", "refused", "failed", "planned"):
        world = World(report(outcome))
        assert follow_up(world, report("pending", lookAgainAfterSeconds=60))["status"] == "SUCCEEDED"
        assert [event["responsePayload"]["outcome"] for event in world.published] == [outcome]


def a_request_that_is_rejected_later_fails_and_is_reported():
    world = World(report("rejected", reason="expired"))
    ended = follow_up(world, report("pending", lookAgainAfterSeconds=60))
    assert (ended["status"], ended["error"]) == ("FAILED", "Rejected"), ended
    assert_failure_published(world, "Rejected")
    assert json.loads(world.published[0]["responsePayload"]["errorMessage"])["reason"] == "expired"


def a_permanent_failure_is_not_retried():
    world = World(Failed("Permanent", "{}"))
    ended = follow_up(world, report("pending", lookAgainAfterSeconds=60))
    assert (len(world.requests), ended["error"]) == (1, "Permanent"), ended
    assert_failure_published(world, "Permanent")


def a_retryable_failure_is_retried_for_more_than_a_day():
    world = World(Failed("Retryable", "{}"))
    ended = follow_up(world, retryable())
    assert (ended["status"], ended["error"]) == ("FAILED", "Retryable"), ended
    # With jitter half of it is the mean. A request expires within a day, and is rejected then.
    assert 2 * 86400 < ended["after"] < 4 * 86400, ended
    assert world.request_times[0] >= 60, "Lambda has just tried three times"
    longest = max(later - sooner for sooner, later in zip(world.request_times, world.request_times[1:], strict=False))
    assert longest <= 3601, "at least every hour"
    assert_failure_published(world, "Retryable")


def a_retryable_failure_can_recover():
    world = World(*[Failed("Retryable", "{}")] * 20, report("done"))
    assert follow_up(world, retryable())["status"] == "SUCCEEDED"
    assert world.requests == [REQUEST] * 21
    assert world.published[0]["responsePayload"]["outcome"] == "done"


def a_retryable_request_that_expires_fails_with_its_report():
    world = World(*[Failed("Retryable", "{}")] * 5, report("rejected", reason="expired"))
    assert follow_up(world, retryable())["error"] == "Rejected"
    assert_failure_published(world, "Rejected")


def a_stopped_function_is_retried_for_hours():
    for run in every_step():
        world = World(Failed("Lambda.TooManyRequestsException"))
        ended = run(world)
        assert 2 * 3600 < ended["after"] < 24 * 3600, ended
        world = World(*[Failed("Lambda.TooManyRequestsException")] * 30, report("done"))
        assert run(world)["status"] == "SUCCEEDED"


def every_step() -> list:
    """Each state that invokes a function, of each machine."""
    return [
        lambda world: follow_up(world, report("pending", lookAgainAfterSeconds=60)),
        lambda world: fleet(world, ["s-1"], by_key=False),
        lambda world: fleet(world, ["s-1"], by_key=True),
    ]


def a_transient_failure_of_lambda_is_retried():
    names = [
        *("Sandbox.Timedout", "Runtime.ExitError", "Lambda.Unknown", "Lambda.ServiceException"),
        *("Lambda.ClientExecutionTimeoutException", "Lambda.AWSLambdaException", "Lambda.SdkClientException"),
    ]
    for name in names:
        for run in every_step():
            world = World(Failed(name), Failed(name), report("done"))
            assert run(world)["status"] == "SUCCEEDED", name
            world = World(Failed(name))
            assert run(world)["status"] == "FAILED", name
            assert len(world.requests) == 5, name


def a_function_that_never_answers_times_out_and_is_reported():
    world = World(report("done"), took=100_000)
    ended = follow_up(world, report("pending", lookAgainAfterSeconds=60))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout"), ended
    assert_failure_published(world, "States.Timeout")


def a_request_that_stays_pending_fails_before_time_and_history_run_out():
    world = World(report("pending", lookAgainAfterSeconds=60))
    ended = follow_up(world, report("pending", lookAgainAfterSeconds=60))
    assert (ended["status"], ended["error"]) == ("FAILED", "StillPending"), ended
    assert 5 * 86400 < ended["after"] < 7 * 86400, ended
    facts = json.loads((ROOT / "tests/deployment/facts.json").read_text())
    [most] = [limit["most"] for limit in facts["limits"] if limit["name"] == "events in the history of an execution"]
    # Half of it is left for tries that fail.
    assert ended["events"] < most / 2, ended
    assert world.waits[:10] == [60] * 10 and max(world.waits) < 7200, "the waits grow with the time waited"
    assert_failure_published(world, "StillPending")


def an_event_that_the_bus_refuses_is_published_again():
    for result in (report("done"), report("rejected")):
        world = World(report("done"))
        world.refuse_events = 3
        follow_up(world, result)
        assert len(world.published) == 1, result


def a_fleet_sends_one_request_for_each_item():
    for by_key in (False, True):
        items = [{"sourceServerID": f"s-{n}"} for n in range(10)]
        world = World(lambda request, items=items: report("done" if request["targets"] != items[:1] else "planned"))
        ended = fleet(world, items, by_key)
        assert ended["status"] == "SUCCEEDED", ended
        assert [request["targets"] for request in world.requests] == [[item] for item in items], world.requests
        assert all(request["requestID"] == "CHG1" for request in world.requests)
        assert world.concurrency == 4, "the concurrency of the template"
        [event] = world.published
        assert event["responsePayload"]["outcome"] == "ended" and event["type"] == "Fleet Result - Success", event
        assert "s3://bucket/results/" in event["responsePayload"]["summary"], event


def a_fleet_stops_when_too_many_items_fail():
    for by_key in (False, True):
        for outcome in ("refused", "failed", "rejected"):
            items = list(range(100))
            world = World(lambda request, outcome=outcome: report(outcome if request["targets"][0] < 10 else "done"))
            assert fleet(world, items, by_key)["status"] == "SUCCEEDED", "a tenth is tolerated"
            assert {failed.error for failed in world.failures} == {outcome}
            world = World(report(outcome))
            ended = fleet(world, items, by_key)
            assert ended["error"] == "States.ExceedToleratedFailureThreshold", ended
            assert len(world.requests) == 11, "no new item starts"
            assert_failure_published(world, "States.ExceedToleratedFailureThreshold")


def a_pending_item_gets_a_follow_up_of_its_own():
    for by_key in (False, True):
        pending = report("pending", lookAgainAfterSeconds=60)
        world = World(pending)
        assert fleet(world, ["s-1"], by_key)["status"] == "SUCCEEDED"
        [started] = world.started
        assert started == {
            "requestContext": {"functionArn": function_arn(FUNCTION_NAMES[0])},
            "requestPayload": {**REQUEST, "targets": ["s-1"]},
            "responsePayload": pending,
        }, started
        world = World(report("pending", mode="plan", lookAgainAfterSeconds=60))
        assert fleet(world, ["s-1"], by_key)["status"] == "SUCCEEDED"
        assert world.started == [], "a plan gets none"


def an_item_is_retried_unless_its_failure_is_permanent():
    for by_key in (False, True):
        world = World(Failed("Permanent", "{}"))
        fleet(world, ["s-1"], by_key)
        assert len(world.requests) == 1, world.requests
        world = World(Failed("Retryable", "{}"), Failed("Retryable", "{}"), report("done"))
        assert fleet(world, ["s-1"], by_key)["status"] == "SUCCEEDED"


def an_item_may_take_as_long_as_its_function():
    for by_key in (False, True):
        for took, expected in ((600, "SUCCEEDED"), (700, "FAILED")):
            world = World(report("done"), took=took)
            assert fleet(world, ["s-1"], by_key)["status"] == expected, took
    for took, expected in ((600, "SUCCEEDED"), (700, "FAILED")):
        assert follow_up(World(report("done"), took=took), retryable())["status"] == expected, took


def a_follow_up_invokes_the_function_that_the_result_names():
    for function in FUNCTION_NAMES:
        world = World(report("pending", lookAgainAfterSeconds=60), report("done"))
        follow_up(world, report("pending", lookAgainAfterSeconds=60), function)
        assert world.functions == [function_arn(function)] * 2, world.functions
        assert world.published[0]["requestContext"]["functionArn"] == function_arn(function), world.published


def a_fleet_invokes_the_function_that_its_input_names():
    for function in FUNCTION_NAMES:
        for by_key in (False, True):
            world = World(report("pending", lookAgainAfterSeconds=60))
            assert fleet(world, ["a", "b"], by_key, function)["status"] == "SUCCEEDED"
            assert world.functions == [function_arn(function)] * 2, world.functions
            contexts = [started["requestContext"] for started in world.started]
            assert contexts == [{"functionArn": function_arn(function)}] * 2, contexts
            assert world.published[0]["requestContext"]["functionArn"] == function_arn(function), world.published


def a_fleet_stores_the_list_of_its_input_in_the_bucket():
    for items in ([], ["s-1"], [{"sourceServerID": f"s-{n}"} for n in range(10)]):
        world = World(report("done"))
        assert fleet(world, items, by_key=False)["status"] == "SUCCEEDED"
        assert world.bucket["items/run.json"] == items, world.bucket
        assert [request["targets"] for request in world.requests] == [[item] for item in items], world.requests
        world = World(report("done"))
        fleet(world, items, by_key=True)
        assert world.bucket.keys() == {"lists/fleet.json"}, "a list in the bucket is read where it is"


def a_list_that_cannot_be_stored_is_retried_and_then_reported():
    world = World(report("done"))
    world.refuse_objects = 3
    assert fleet(world, ["s-1"], by_key=False)["status"] == "SUCCEEDED"
    world = World(report("done"))
    world.refuse_objects = 100
    ended = fleet(world, ["s-1"], by_key=False)
    assert (ended["status"], ended["error"]) == ("FAILED", "S3.S3Exception"), ended
    assert world.requests == [], "no item is started"
    assert_failure_published(world, "S3.S3Exception")


def a_fleet_without_a_list_or_a_request_is_refused():
    request = {"requestID": "CHG1"}
    function = FUNCTION_NAMES[0]
    contents = (
        {},
        {"request": REQUEST},
        {"items": []},
        {"request": {}, "items": []},
        {"request": request, "items": [], "key": "lists/fleet.json"},
        {"request": request, "items": "s-1"},
        {"request": request, "key": ["lists/fleet.json"]},
    )
    for content in contents:
        ended = Machine("fleet", World(report("done"))).run({"function": function, **content})
        assert (ended["status"], ended["error"]) == ("FAILED", "InvalidInput"), ended


def a_fleet_without_a_deployed_function_is_refused():
    request = {"requestID": "CHG1"}
    names = ("", "disconnect", ",".join(FUNCTION_NAMES), None, 1, [], {}, list(FUNCTION_NAMES))
    for content in ({}, *({"function": name} for name in names)):
        for items in ({"items": ["s-1"]}, {"key": "lists/fleet.json"}):
            world = World(report("done"))
            ended = Machine("fleet", world).run({"request": request, **items, **content})
            assert (ended["status"], ended["error"]) == ("FAILED", "InvalidInput"), (content, ended)
            assert world.requests == [] and world.bucket == {}, content


def a_result_is_told_by_its_summary():
    for summary, expected in (
        ("CHG1 retire: 1 of 1 disconnected", "CHG1 retire: 1 of 1 disconnected"),
        ("a\r\nb\u7f8e" + "c" * 100, ("a??b?" + "c" * 100)[:72]),
    ):
        subject, text = told(report("refused") | {"summary": summary}, condition="Success")
        assert subject == f"drover refused (eu-west-1): {expected}"[:99], subject
        assert text.startswith(f"{summary}\n\nOutcome: refused\nRequest: CHG1\nRegion: eu-west-1\n"), text
        assert "\nFunction: drover-disconnect-source-server\n" in text, text
    several = {"reports": [report("done") | {"summary": "a"}, report("failed") | {"summary": "b"}]}
    subject, text = told(several, condition="Success")
    assert subject == "drover done, failed (eu-west-1): a; b" and text.startswith("a; b\n"), text


def a_failure_is_told_by_its_report():
    targets = [target("a", "done", "X"), target("b", "permanent", "DescribeX"), target("c", "permanent", "UntagX")]
    given_up = report("permanent", targets=targets) | {"summary": "CHG1 given up"}
    several = [given_up, given_up | {"summary": "CHG2 too"}]
    for message in (given_up, failure(given_up), several):
        subject, text = told(failure(message))
        assert subject.startswith("drover gave up (eu-west-1): CHG1 given up"), subject
        assert "\nError: Permanent, RetriesExhausted\nRequest: CHG1\n" in text, text
        assert "Something may have been changed: a (done), c (permanent)" in text, text
        assert "The queue queue holds the request and its report." in text, text
    assert told(failure(several))[1].startswith("CHG1 given up; CHG2 too\n")


def that_nothing_was_changed_is_told_only_if_the_report_proves_it():
    outcomes = ("refused", "already_done", "planned", "permanent", "retryable", "failed")
    given_up = report("permanent", targets=[target("a", each, "DescribeX", "GetX", "ListX") for each in outcomes])
    expected = {
        1: "\nNothing was changed.\n",
        3: "\nThe last attempt changed nothing. An earlier attempt may have changed something.\n",
    }
    for attempts, sentence in expected.items():
        assert sentence in told(failure(given_up), approximateInvokeCount=attempts)[1]
    assert "The last attempt was in plan mode" in told(failure(given_up | {"mode": "plan"}))[1]
    assert "(permanent), a (retryable), a (failed)\n" in told(failure(given_up | {"cut": ["calls"]}))[1]


def a_failure_without_a_report_is_told_by_its_error():
    whole = json.dumps(report("permanent") | {"summary": "CHG1"})
    nested = json.dumps(failure("killed"))
    for message in ("killed", whole[:-1], nested, "{}", "[]", "[{}]", "null", "5", '{"summary": 5}', "", "x" * 1000):
        subject, text = told(failure(message))
        assert subject == "drover gave up (eu-west-1): CHG1: Permanent, RetriesExhausted", subject
        assert f"\nMessage: {message[:500]}\nRequest: CHG1\n" in text, text
        assert "Something may have been changed: there is no report" in text, text
    for response in (None, {}, "text", [1], {"errorMessage": None}):
        subject, text = told(response, condition="EventAgeExceeded")
        assert subject == "drover gave up (eu-west-1): CHG1: EventAgeExceeded", subject


def a_request_is_told_by_its_id_where_it_has_one():
    for request, expected in (
        ({"requestID": "CHG2"}, "CHG2"),
        ({"detail": {"requestID": "CHG3"}}, "CHG3"),
        ({"detail": {"instance-id": "i-1"}}, "i-1"),
        ({"detail": {"eventName": "TagResource"}}, "unknown"),
        ({"requestID": 5, "detail": []}, "unknown"),
        ({}, "unknown"),
    ):
        subject, text = told(failure("killed"), request)
        assert f": {expected}: Permanent" in subject and f"\nRequest: {expected}\n" in text, text


def a_message_that_the_topic_refuses_is_published_again():
    for response, condition in ((report("done"), "Success"), (failure("killed"), "RetriesExhausted")):
        world = World()
        world.refuse_messages = 4
        assert notify(world, response, condition=condition)["status"] == "SUCCEEDED"
        world.refuse_messages = 5
        ended = notify(world, response, condition=condition)
        assert (ended["status"], ended["error"]) == ("FAILED", "SNS.SnsException"), ended


def proofs() -> list:
    own = [each for each in globals().values() if callable(each) and getattr(each, "__module__", "") == __name__]
    return [each for each in own if each.__name__.startswith(("a_", "an_", "that_"))]


def main() -> int:
    failed = 0
    for proof in proofs():
        try:
            proof()
        except Exception as error:
            failed += 1
            print(f"   {proof.__name__}: {error!r}")
    print(f"   {len(proofs()) - failed} of {len(proofs())} proofs of the state machines hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
