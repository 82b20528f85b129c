"""Evaluates alarms by their own definitions over series of metrics, as CloudWatch documents it.

A series has a value for each minute with data. It supports the metric math that the template's alarms use, by
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html, and fails on any other. An alarm
notifies only when its state changes. It is in ALARM if DatapointsToAlarm of its last EvaluationPeriods breach, by
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html. Where data is missing, CloudWatch
looks at some periods from before too, and does not say at how many; here it looks at none.
"""

import re

LETTERS = "IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1)"
COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
}
STATISTICS = {"Sum": sum, "Maximum": max}


def key(metric: dict) -> tuple:
    """A metric by its namespace, its name and its dimensions."""
    dimensions = sorted((each["Name"], each["Value"]) for each in metric.get("Dimensions", []))
    return metric["Namespace"], metric["MetricName"], tuple(dimensions)


class Alarm:
    """A definition with all references resolved, and its state."""

    def __init__(self, definition: dict):
        self.definition, self.state = definition, "OK"
        self.name = definition["AlarmName"]
        hidden = (False, "false")
        [self.result] = [query for query in definition["Metrics"] if query.get("ReturnData") not in hidden]
        self.stats = {query["Id"]: query["MetricStat"] for query in definition["Metrics"] if "MetricStat" in query}
        assert definition["TreatMissingData"] == "notBreaching", self.name
        self.periods = int(definition["EvaluationPeriods"])
        self.datapoints = int(definition.get("DatapointsToAlarm", self.periods))
        # A day is the most for periods below an hour.
        assert self.window <= 1440, self.name
        # The ends of the periods that breach, as far as they are known. What has ended does not change.
        self.breaching, self.known = set(), 0

    @property
    def minutes(self) -> int:
        """The period."""
        periods = {int(stat["Period"]) for stat in self.stats.values()} or {int(self.result["Period"])}
        [period] = periods
        return period // 60

    @property
    def window(self) -> int:
        """How long it looks back, in minutes."""
        return self.periods * self.minutes

    def evaluate(self, series: dict, now: int) -> str | None:
        """The new state at the end of the minute before `now`, if it changed."""
        unknown = range(max(self.known, now - self.window) + 1, now + 1)
        self.breaching.update(end for end in unknown if self.is_breaching(series, end))
        self.known = now
        # The periods slide with each minute.
        ages = [now - end for end in self.breaching if now - end < self.window]
        count = sum(age % self.minutes == 0 for age in ages)
        state = "ALARM" if count >= self.datapoints else "OK"
        changed, self.state = state != self.state, state
        return state if changed else None

    def is_breaching(self, series: dict, end: int) -> bool:
        value = self.value(series, end)
        compare = COMPARISONS[self.definition["ComparisonOperator"]]
        return value is not None and compare(value, float(self.definition["Threshold"]))

    def value(self, series: dict, end: int):
        """The value of the expression for the period that ends here, if there is data."""
        now = {id: self.statistic(stat, series, end) for id, stat in self.stats.items()}
        known = [value for value in now.values() if value is not None]
        match self.result.get("Expression"):
            case None:
                return now[self.result["Id"]]
            case "SUM(METRICS())":
                return sum(known) if known else None
            case "MAX(METRICS())":
                return max(known) if known else None
            case expression if expression == LETTERS:
                before = self.statistic(self.stats["m1"], series, end - self.minutes)
                if now["m1"] is None or before is None:
                    return now["m1"] if before is None else None
                minute = end - self.minutes
                is_the_hour = (minute // 60 % 24, minute % 60) == (6, 0)
                return 0 if now["m1"] > before or is_the_hour else now["m1"]
            case expression if select := re.fullmatch(
                r'SELECT MAX\((\w+)\) FROM SCHEMA\("([\w/]+)", (.*)\)', expression
            ):
                name, namespace, dimensions = select[1], select[2], sorted(re.split(", *", select[3]))
                stat = {"Stat": "Maximum", "Period": self.result["Period"]}
                matching = [
                    metric
                    for metric in series
                    if metric[:2] == (namespace, name) and [key for key, _ in metric[2]] == dimensions
                ]
                values = [self.statistic({**stat, "Key": metric}, series, end) for metric in matching]
                return max((value for value in values if value is not None), default=None)
            case other:
                raise LookupError(f"{self.name}: {other} is not supported")

    def statistic(self, stat: dict, series: dict, end: int):
        points = series.get(stat.get("Key") or key(stat["Metric"]), {})
        values = [points[minute] for minute in range(end - self.minutes, end) if minute in points]
        return STATISTICS[stat["Stat"]](values) if values else None


def rings(definition: dict, series: dict, until: int) -> list[int]:
    """The minutes at whose end an alarm rings."""
    alarm = Alarm(definition)
    return [now for now in range(1, until + 1) if alarm.evaluate(series, now) == "ALARM"]


# -------------------------------------------------------------------------------- the proofs


def check(definitions: list[dict]) -> bool:
    """Checks that each alarm rings when it should, and not before. Prints every fault."""
    faults = [fault for definition in definitions for fault in faults_of(definition)]
    for fault in faults:
        print(f"   {fault}")
    print(f"   {len(definitions)} alarms, over metrics")
    return not faults


def faults_of(definition: dict) -> list[str]:
    alarm, name = Alarm(definition), definition["AlarmName"]
    keys = [key(stat["Metric"]) for stat in alarm.stats.values()]
    if not keys:
        keys = [("AWS/EFS", "TimeSinceLastSync", (("DestinationFileSystemId", "fs-2"), ("FileSystemId", "fs-1")))]
    faults = [] if rings(definition, {}, 60) == [] else [f"{name} rings over nothing"]
    for metric in keys:
        for what, points, expected in courses(alarm):
            rung = rings(definition, {metric: points}, max(points) + 2 * alarm.minutes)
            if not expected(rung):
                faults.append(f"{name}: {what} of {metric[1]}: rings at {rung}")
    return faults


def courses(alarm: Alarm) -> list:
    """Courses of a metric, each with the expected rings."""
    day, threshold = 1440, float(alarm.definition["Threshold"])
    if alarm.result.get("Expression") == LETTERS:
        first = {minute: 1 if minute >= 100 else 0 for minute in range(4 * day)}
        second = {minute: value + (1 if minute >= 200 else 0) for minute, value in first.items()}
        gone = {minute: value if minute < 150 else 0 for minute, value in first.items()}
        return [
            (
                "a letter that stays for days",
                first,
                lambda rung: rung == [102, *(day * n + 362 for n in range(4))],
            ),
            ("a second letter", second, lambda rung: rung[:2] == [102, 202]),
            ("a letter that is removed", gone, lambda rung: rung == [102]),
        ]
    duration, start = alarm.datapoints * alarm.minutes, 10 * alarm.minutes
    above = threshold + (1 if alarm.definition["ComparisonOperator"] == "GreaterThanThreshold" else 0)
    # The sum of a period is reached by one minute of it, the maximum by any.
    breach = {start + minute: above for minute in range(0, duration, alarm.minutes)}
    below = {minute: value - 1 for minute, value in breach.items()}
    short = dict(list(breach.items())[:-1])
    again = {**breach, **{minute + alarm.window + 20 * alarm.minutes: above for minute in breach}}
    often = {**breach, **{minute + alarm.window // 2: above for minute in breach}}
    cases = [
        ("values at the threshold", breach, lambda rung: len(rung) == 1),
        ("values below the threshold", below, lambda rung: rung == []),
        ("two breaches", again, lambda rung: len(rung) == 2),
    ]
    # One of many periods is enough, so it stays on, and a second breach meanwhile does not ring.
    if alarm.datapoints < alarm.periods:
        cases.append(("a second breach within its time", often, lambda rung: len(rung) == 1))
    return cases + ([("a shorter breach", short, lambda rung: rung == [])] if short else [])
