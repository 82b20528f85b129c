"""Renders the deployed dashboard as one page of HTML, from the metrics, the alarms and the logs of the account.

It asks CloudWatch what a dashboard asks: the body, the states of alarms, the metrics that a SEARCH finds, their values,
and the log lines of a query. MiniStack evaluates neither SEARCH nor such queries, so that is done here, and whatever
else a widget might use is an error. The page has CloudWatch's grid and plain look; it is no screenshot of the console.

Time is that of the CloudWatch of the run, in which a minute lasts MINUTE_SECONDS.
"""

import html
import json
import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

# The grid: 24 columns, and rows of this height.
COLUMN, ROW = 55, 50
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")
STATES = {"ALARM": "#d13212", "OK": "#1d8102", "INSUFFICIENT_DATA": "#687078"}
STYLE = """
body { margin: 0; background: #f2f3f3; font: 12px "Helvetica Neue", Roboto, Arial, sans-serif; color: #16191f; }
.page { position: relative; margin: 8px; }
.widget { position: absolute; box-sizing: border-box; padding: 6px 10px; background: #fff; border: 1px solid #d5dbdb;
    overflow: hidden; }
.widget h2 { margin: 8px 0; font-size: 17px; } .widget h3 { margin: 0 0 4px; font-size: 13px; }
table { border-collapse: collapse; width: 100%; table-layout: auto; }
th { text-align: left; border-bottom: 1px solid #aab7b8; color: #545b64; padding: 1px 6px; }
td { border-bottom: 1px solid #eaeded; padding: 1px 6px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
    max-width: 620px; }
.alarm { display: inline-block; box-sizing: border-box; width: 180px; margin: 2px 3px 2px 0; padding: 3px 6px;
    border-left: 5px solid; background: #fafafa; white-space: nowrap; overflow: hidden; }
.number { display: inline-block; margin: 0 24px 4px 0; color: #545b64; }
.number b { display: block; font-size: 28px; font-weight: 400; color: #16191f; }
.legend { color: #545b64; line-height: 15px; } .legend span { margin-right: 12px; white-space: nowrap; }
.legend.right { display: inline-block; vertical-align: top; width: 430px; margin-left: 20px; font-size: 11px; }
.none { color: #687078; padding: 12px; } .note { color: #545b64; margin: 8px 10px; }
"""


class Unknown(Exception):
    """Something that is not evaluated here."""


class Series(NamedTuple):
    """A line of a graph, or a number: its label, and its values by their times."""

    label: str
    values: list[tuple[float, float]]
    color: str | None = None


class Dashboard:
    """What a dashboard shows, widget by widget."""

    def __init__(self, proof, name: str, minute_seconds: float, started: float):
        self.cloudwatch, self.logs = proof.client("cloudwatch"), proof.client("logs")
        self.pace, self.started, self.ended = 60 / minute_seconds, started, datetime.now(timezone.utc).timestamp()
        self.body = json.loads(self.cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
        self.shown = [(widget, self.contents(widget)) for widget in self.body["widgets"]]

    def contents(self, widget: dict):
        match widget["type"]:
            case "text":
                return widget["properties"]["markdown"]
            case "alarm":
                return self.alarms(widget["properties"]["alarms"])
            case "metric":
                return self.series(widget["properties"])
            case "log":
                return self.rows(widget["properties"]["query"])
            case other:
                raise Unknown(f"a widget of type {other}")

    def of_title(self, title: str):
        """The contents of a widget by its title."""
        [contents] = [shown for widget, shown in self.shown if widget["properties"].get("title") == title]
        return contents

    # ---- alarms

    def alarms(self, arns: list[str]) -> list[tuple[str, str]]:
        names = [arn.split(":alarm:")[1] for arn in arns]
        found = self.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
        return [(name, states[name]) for name in names]

    # ---- metrics

    def series(self, properties: dict) -> list["Series"]:
        """Each series with the values of its periods."""
        found = []
        for entry in properties["metrics"]:
            options = entry[-1] if isinstance(entry[-1], dict) else {}
            color = options.get("color")
            if "expression" in options:
                found += self.of_expression(options["expression"], options["label"], color, properties["period"])
                continue
            namespace, name, *dimensions = entry[:-1] if options else entry
            pairs = zip(dimensions[::2], dimensions[1::2], strict=True)
            metric = {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in pairs],
            }
            label = options.get("label") or f"{metric['Dimensions'][0]['Value']} {name}"
            found.append(Series(label, self.values(metric, properties["stat"], properties["period"]), color))
        return found

    def of_expression(self, expression: str, label: str, color: str | None, period: int) -> list["Series"]:
        """The series of SEARCH(...), or their sum."""
        inner = re.fullmatch(r"SUM\((SEARCH\(.*\))\)", expression)
        each = [
            (metric, self.values(metric, stat, period))
            for metric, stat in self.search(inner[1] if inner else expression)
        ]
        if not inner:
            return [Series(label_of(label, metric), values, color) for metric, values in each]
        total = {}
        for _, values in each:
            for time, value in values:
                total[time] = total.get(time, 0) + value
        return [Series(label, sorted(total.items()), color)]

    def search(self, expression: str) -> list[tuple[dict, str]]:
        """The metrics of SEARCH('{namespace,dimension} name="value"', 'statistic')."""
        read = re.fullmatch(r"""SEARCH\('\{("?)([\w/.-]+)\1,([\w,]+)\} (\w+)="([^"]+)"', '(\w+)'\)""", expression)
        if not read:
            raise Unknown(expression)
        namespace, dimensions, term, value, stat = read[2], sorted(read[3].split(",")), read[4], read[5], read[6]
        metrics = self.cloudwatch.list_metrics(Namespace=namespace)["Metrics"]

        def fits(metric: dict) -> bool:
            its = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            named = {"MetricName": metric["MetricName"]} | its
            return sorted(its) == dimensions and named.get(term) == value

        found = [metric for metric in metrics if fits(metric)]
        return [(metric, stat) for metric in sorted(found, key=lambda metric: json.dumps(metric, sort_keys=True))]

    def values(self, metric: dict, stat: str, period: int) -> list[tuple[float, float]]:
        wanted = {"Metric": metric, "Stat": stat, "Period": self.step(period)}
        answer = self.cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "m1", "MetricStat": wanted}],
            StartTime=datetime.fromtimestamp(self.started, timezone.utc),
            EndTime=datetime.fromtimestamp(self.ended, timezone.utc) + timedelta(seconds=1),
        )
        [result] = answer["MetricDataResults"]
        times = [time.timestamp() for time in result["Timestamps"]]
        return sorted(zip(times, result["Values"], strict=True))

    def step(self, period: int) -> int:
        """A period of the widget, in seconds of the run."""
        return max(1, round(period / self.pace))

    # ---- logs

    def rows(self, query: str) -> list[dict]:
        """The rows of a query, of which exactly the commands of the template are known."""
        commands = [command.strip() for command in query.split(" | ")]
        groups = [name for command in commands for name in re.findall(r"^SOURCE '([^']+)'$", command)]
        rows = [line for group in groups for line in self.lines(group)]
        for command in commands[len(groups) :]:
            rows = apply(command, rows)
        return rows

    def lines(self, group: str) -> list[dict]:
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [line_of(event) for page in pages for event in page["events"]]

    # ---- the page

    def clock(self, time: float) -> str:
        """A time of the run as its CloudWatch has it."""
        minutes = int((time - self.started) * self.pace / 60)
        return f"{minutes // 60:02}:{minutes % 60:02}"

    def page(self) -> str:
        widgets = "\n".join(self.widget(widget, contents) for widget, contents in self.shown)
        rows = max(widget["y"] + widget["height"] for widget in self.body["widgets"])
        note = (
            "Rendered by tests/end_to_end/dashboard.py from the metrics, alarms and logs of an end-to-end run. "
            "Not a screenshot of CloudWatch. "
            f"Times are hours since its start, by the CloudWatch of the run, which is {self.pace:.0f} times as fast."
        )
        return (
            f'<!doctype html><meta charset="utf-8"><title>drover</title><style>{STYLE}</style>'
            f'<p class="note">{html.escape(note)}</p>'
            f'<div class="page" style="width: {24 * COLUMN}px; height: {rows * ROW}px">\n{widgets}\n</div>\n'
        )

    def widget(self, widget: dict, contents) -> str:
        properties = widget["properties"]
        width, height = widget["width"] * COLUMN - 6, widget["height"] * ROW - 6
        inner = (width - 22, height - 34)
        match widget["type"], properties.get("view"):
            case "text", _:
                text = f"<h2>{html.escape(contents.removeprefix('## '))}</h2>"
            case "alarm", _:
                text = "".join(alarm(name, state) for name, state in contents)
            case "log", _:
                text = self.table(contents)
            case "metric", "singleValue":
                text = "".join(number(each) for each in contents)
            case "metric", "timeSeries":
                text = self.graph(properties, contents, *inner)
            case other:
                raise Unknown(str(other))
        title = f"<h3>{html.escape(properties['title'])}</h3>" if "title" in properties else ""
        place = f"left: {widget['x'] * COLUMN}px; top: {widget['y'] * ROW}px; width: {width}px; height: {height}px"
        return f'<div class="widget" style="{place}">{title}{text}</div>'

    def table(self, rows: list[dict]) -> str:
        if not rows:
            return '<p class="none">No data</p>'
        names = list(rows[0])
        cells = lambda row: "".join(f"<td>{html.escape(self.cell(row[name]))}</td>" for name in names)  # noqa: E731
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        body = "".join(f"<tr>{cells(row)}</tr>" for row in rows)
        return f"<table><tr>{head}</tr>{body}</table>"

    def cell(self, value) -> str:
        if isinstance(value, float):
            return self.clock(value)
        return "" if value is None else str(value)

    def graph(self, properties: dict, series: list[Series], width: int, height: int) -> str:
        """Lines over the run, or columns if they are stacked."""
        known = [each for each in series if each.values]
        if not known:
            return '<p class="none">No data</p>'
        colors = [each.color or COLORS[index % len(COLORS)] for index, each in enumerate(known)]
        entries = [
            f'<span><b style="color: {color}">■</b> {html.escape(each.label)}</span>'
            for color, each in zip(colors, known, strict=True)
        ]
        is_right = (properties.get("legend") or {}).get("position") == "right"
        if is_right:
            width -= 460
        else:
            height -= 15 * -(-sum(len(each.label) * 6 + 28 for each in known) // width) + 4
        drawn = f'<svg width="{width}" height="{height}">{self.plot(properties, known, colors, width, height)}</svg>'
        return f'{drawn}<div class="legend{" right" if is_right else ""}">{" ".join(entries)}</div>'

    def plot(self, properties: dict, known: list[Series], colors: list[str], width: int, height: int) -> str:
        left, bottom, is_stacked = 42, 16, properties.get("stacked", False)
        lines = (properties.get("annotations") or {}).get("horizontal", [])
        totals = {}
        for each in known:
            for time, value in each.values:
                totals[time] = totals.get(time, 0) + value if is_stacked else max(totals.get(time, 0), value)
        top = max([*totals.values(), *(line["value"] for line in lines), 1])
        step, duration = self.step(properties["period"]), self.ended - self.started

        def x(time: float) -> float:
            """Where a time is; a period that began before the run is cut."""
            return left + min(1, max(0, (time - self.started) / duration)) * (width - left)

        def y(value: float) -> float:
            return 10 + (1 - value / top) * (height - bottom - 14)

        parts = []
        for value in (0, top / 2, top):
            parts.append(rule(left, width, y(value), 'stroke="#eaeded"'))
            parts.append(f'<text x="0" y="{y(value) + 4:.1f}" fill="#545b64">{value:,.0f}</text>')
        for hour in range(0, int(duration * self.pace / 3600) + 1, 3):
            at = x(self.started + hour * 3600 / self.pace)
            if at < width - 30:
                parts.append(f'<text x="{at:.1f}" y="{height - 2}" fill="#545b64">{hour:02}:00</text>')
        below = dict.fromkeys(totals, 0.0)
        for each, color in zip(known, colors, strict=True):
            if is_stacked:
                for time, value in each.values:
                    low, high = y(below[time]), y(below[time] + value)
                    place = f'x="{x(time):.1f}" width="{max(0, x(time + step) - x(time) - 1):.1f}"'
                    parts.append(f'<rect {place} y="{high:.1f}" height="{low - high:.1f}" fill="{color}"/>')
                    below[time] += value
                continue
            # A period without data is a gap.
            for (time, value), (later, following) in zip(each.values, each.values[1:], strict=False):
                if later - time < 1.5 * step:
                    ends = f'x1="{x(time):.1f}" y1="{y(value):.1f}" x2="{x(later):.1f}" y2="{y(following):.1f}"'
                    parts.append(f'<line {ends} stroke="{color}" stroke-width="1.5"/>')
            for time, value in each.values:
                parts.append(f'<circle cx="{x(time):.1f}" cy="{y(value):.1f}" r="2" fill="{color}"/>')
        for line in lines:
            parts.append(rule(left, width, y(line["value"]), 'stroke="#d62728" stroke-dasharray="4"'))
            at = f'x="{left + 4}" y="{y(line["value"]) - 3:.1f}"'
            parts.append(f'<text {at} fill="#d62728">{html.escape(line["label"])}</text>')
        return "".join(parts)


def rule(left: float, right: float, at: float, style: str) -> str:
    return f'<line x1="{left}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" {style}/>'


def alarm(name: str, state: str) -> str:
    color, title = STATES[state], html.escape(name)
    shown = f'<b style="color: {color}">{state}</b>'
    return f'<span class="alarm" style="border-color: {color}">{title}<br>{shown}</span>'


def number(series: Series) -> str:
    latest = f"{series.values[-1][1]:,.0f}" if series.values else "--"
    return f'<span class="number"><b>{latest}</b>{html.escape(series.label)}</span>'


def label_of(label: str, metric: dict) -> str:
    """A label with its ${PROP(...)} replaced."""
    named = {f"Dim.{each['Name']}": each["Value"] for each in metric["Dimensions"]}
    named["MetricName"] = metric["MetricName"]
    return re.sub(r"\$\{PROP\('([\w.]+)'\)\}", lambda found: named[found[1]], label)


# ------------------------------------------------------------------------------------- queries


def line_of(event: dict) -> dict:
    """A log event as a query sees it: the members of JSON by their path."""
    line = {"@timestamp": event["timestamp"] / 1000, "@message": event["message"]}
    try:
        members = json.loads(event["message"])
    except ValueError:
        return line
    flatten("", members, line)
    return line


def flatten(path: str, value, into: dict) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            flatten(f"{path}.{name}" if path else name, member, into)
    elif value is not None:
        into[path] = value


def apply(command: str, rows: list[dict]) -> list[dict]:
    """One command of a query."""
    name = r"[@\w.]+"
    if found := re.fullmatch(rf"filter ispresent\(({name})\)", command):
        return [row for row in rows if row.get(found[1]) is not None]
    if found := re.fullmatch(rf"filter ({name}) not in \[([^\]]*)\]", command):
        values = re.findall(r"'([^']*)'", found[2])
        return [row for row in rows if row.get(found[1]) not in values]
    if found := re.fullmatch(rf"fields ({name}(?:, *{name})*)", command):
        return [{each: row.get(each) for each in re.split(", *", found[1])} for row in rows]
    if found := re.fullmatch(rf"sort ({name}) desc", command):
        return sorted(rows, key=lambda row: row[found[1]], reverse=True)
    if found := re.fullmatch(r"limit (\d+)", command):
        return rows[: int(found[1])]
    if found := re.fullmatch(rf"stats (.+) by ({name})", command):
        return grouped(found[1], found[2], rows)
    raise Unknown(command)


def grouped(columns: str, by: str, rows: list[dict]) -> list[dict]:
    groups: dict = {}
    for row in sorted(rows, key=lambda row: row["@timestamp"]):
        groups.setdefault(row.get(by), []).append(row)
    answer = []
    for key, members in groups.items():
        line = {by: key}
        for column in re.split(r", *(?=\w+\()", columns):
            found = re.fullmatch(r"(latest|max)\(([@\w.]+)\) as (\w+)", column)
            if not found:
                raise Unknown(column)
            values = [row[found[2]] for row in members if row.get(found[2]) is not None]
            line[found[3]] = (values[-1] if found[1] == "latest" else max(values)) if values else None
        answer.append(line)
    return answer
