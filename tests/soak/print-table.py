"""Prints the rows that the fault tests have left in a file, as a table."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]

from faults import Row  # noqa: E402
from report import table, total  # noqa: E402

rows = {}
for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
    row = Row(**json.loads(line))
    rows.setdefault(row.fault, Row(row.fault)).merge(row)
print(table([*rows.values(), total(rows.values(), Row)]))
