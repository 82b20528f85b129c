"""Counts what one warm event costs, and compares it with what was recorded. `benches/counts/run` calls it."""

import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).parent
RECORDED = HERE / "recorded.json"
README = HERE / "README.md"
FIGURES = "\n## Figures\n"

FUNCTIONS = ["disconnect-source-server", "bootstrap-efs-replication"]
MODES = ["plan", "enforce"]
TARGETS = [1, 10, 100]
# A figure may grow by so much, and the next target may cost so much of what the earlier ones did.
TOLERANCE = 1.05
LINEAR = 1.25

# Like Lambda's, and nothing of the machine's.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_REGION": "us-east-1",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
}


def run(command):
    """Runs a command to its end; its last line."""
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout.splitlines()[-1] if done.stdout else ""


def instructions(counts, function, mode, targets):
    """What callgrind counts of one warm event."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind"
        callgrind = ["valgrind", "--quiet", "--tool=callgrind", "--toggle-collect=counts::counted*"]
        without_chance = ["env", f"LD_PRELOAD={counts.with_name('no-chance.so')}"]
        run([*without_chance, *callgrind, f"--callgrind-out-file={out}", counts, function, mode, str(targets)])
        count = int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE).group(1))
    if count == 0:
        sys.exit("callgrind has not met the function that it is to count")
    return count


def zipped(binary):
    """How many bytes are deployed."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        made.write(binary, "bootstrap")
    return len(archive.getvalue())


def compiler():
    """The version and the platform of rustc: another one makes other instructions."""
    told = subprocess.run(["rustc", "--version", "--verbose"], check=True, capture_output=True, text=True).stdout
    return " ".join(re.search(rf"^{name}: (.*)$", told, re.MULTILINE).group(1) for name in ["release", "host"])


def measure(release):
    """Every figure by its name."""
    counts = release / "counts"
    figures = {"instructions": {}, "calls": {}, "bytes": {}}
    for function in FUNCTIONS:
        figures["bytes"][f"{function} zipped"] = zipped(release / function)
        for operation, calls in json.loads(run([counts, function, "enforce", "1"])).items():
            figures["calls"][f"{function} {operation}"] = calls
    if shutil.which("valgrind"):
        for function in FUNCTIONS:
            for mode in MODES:
                for targets in TARGETS:
                    name = f"{function} {mode} {targets}"
                    figures["instructions"][name] = instructions(counts, function, mode, targets)
    return figures


def costs(counted):
    """Of every function and mode: its counts, and what a target above the first costs up to 10 and from there to 100."""
    for function in FUNCTIONS:
        for mode in MODES:
            one, ten, hundred = (counted[f"{function} {mode} {targets}"] for targets in TARGETS)
            yield function, mode, [one, ten, hundred], (ten - one) / 9, (hundred - ten) / 90


def table(head, rows):
    """A table in Markdown, with commas in its numbers."""
    rows = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *rows)]

    def line(cells):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])


def tables(figures):
    """What is told to people."""
    rows, growth = [], []
    for function, mode, counts, early, late in costs(figures["instructions"]) if figures["instructions"] else []:
        for targets, count in zip(TARGETS, counts):
            above = round((count - counts[0]) / (targets - 1)) if targets > 1 else "-"
            rows.append([function, mode, targets, count, above])
        growth.append([function, mode, round(early), round(late), f"{late / early:.2f}"])
    made = []
    if rows:
        made.append(table(["function", "mode", "targets", "instructions", "a target above the first"], rows))
        made.append(table(["function", "mode", "a target up to 10", "a target from 10 to 100", "ratio"], growth))
    for of in ["calls", "bytes"]:
        made.append(table(["figure", of], [[name, count] for name, count in figures[of].items()]))
    return "\n\n".join(made)


def compare(kind, known, seen):
    """What has grown and what has shrunk, a sentence each."""
    grown, shrunk = [], []
    for name in sorted(known.keys() | seen.keys()):
        was, now = known.get(name, 0), seen.get(name, 0)
        told = f"{name}: {now:,} {kind}, recorded are {was:,}"
        if now > was * TOLERANCE:
            grown.append(told)
        elif now * TOLERANCE < was:
            shrunk.append(told)
    return grown, shrunk


def check(figures, recorded):
    """What is wrong."""
    wrong = []
    same = recorded["compiler"] == compiler()
    if not same:
        print(
            f"recorded with {recorded['compiler']}, this is {compiler()}: instructions and bytes are told, not checked"
        )
    for kind in ["instructions", "calls", "bytes"]:
        if kind == "instructions" and not figures[kind]:
            continue
        grown, shrunk = compare(kind, recorded[kind], figures[kind])
        if kind == "calls" or same:
            wrong += grown
        else:
            print("\n".join(grown), end="\n" if grown else "")
        for told in shrunk:
            print(f"{told}: run benches/counts/run --record")
    return wrong


def main():
    release, *options = sys.argv[1:]
    if options not in ([], ["--record"]):
        sys.exit("benches/counts/run [--record]")
    figures = measure(pathlib.Path(release))
    print(tables(figures))
    wrong = []
    if figures["instructions"]:
        for function, mode, _, early, late in costs(figures["instructions"]):
            if late > early * LINEAR:
                wrong.append(f"{function} {mode}: each of the later targets costs {late / early:.2f} of an early one")
    elif options:
        sys.exit("nothing is recorded without valgrind")
    else:
        print("instructions are not counted: valgrind is not here")
    if options:
        RECORDED.write_text(json.dumps({"compiler": compiler(), **figures}, indent=2) + "\n")
        head, _, _ = README.read_text().partition(FIGURES)
        README.write_text(f"{head}{FIGURES}\nRecorded with rustc {compiler()}.\n\n{tables(figures)}\n")
    else:
        wrong += check(figures, json.loads(RECORDED.read_text()))
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main()
