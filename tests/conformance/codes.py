"""Holds the functions' table of error codes against AWS's service models.

Every error that DRS or EFS can answer with by its model has a row in `shared/src/codes.rs`, so that an error that is new
in a model is decided about by a person, and not by its status. Run it with the Python that has botocore.
"""

import re
import sys
from pathlib import Path

from botocore.loaders import Loader

TABLE = Path(__file__).resolve().parents[2] / "shared/src/codes.rs"


def known() -> dict[str, str]:
    """Every code of the table, and the kind of fault that it is."""
    text = TABLE.read_text()
    table = text[text.index("const CODES:") :]
    rows = re.split(r"FaultKind::(\w+),", table)[1:]
    return {code: kind for kind, codes in zip(rows[::2], rows[1::2]) for code in re.findall(r'"(\w+)"', codes)}


def main() -> int:
    codes, problems = known(), []
    for service in ("drs", "efs"):
        shapes = Loader().load_service_model(service, "service-2")["shapes"]
        modelled = {
            shape.get("error", {}).get("code", name): shape for name, shape in shapes.items() if shape.get("exception")
        }
        assert len(modelled) > 5, f"{service}: the model has no errors"
        problems += [f"{service}: {code} is not in {TABLE.name}" for code in modelled if code not in codes]
    for problem in problems:
        print(problem)
    print(f"{len(codes)} error codes, {len(problems)} of the models are missing")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
