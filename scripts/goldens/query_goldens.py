"""Checks the goldens of queries/ against DuckDB.

tests/data/queries/*.csv hold what antiks gives for each query of the catalogue on the
example lake. Here DuckDB runs the same SQL texts on the same Parquet files, and must give
the same rows in the same order.

Run it with `python scripts/goldens/query_goldens.py ANTIKS_BINARY` (scripts/requirements.txt
installed).
"""

import argparse
import csv
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent.parent
QUERIES = ROOT / "queries"
GOLDENS = ROOT / "tests" / "data" / "queries"

# `lineage` has a parameter without a default.
NOT_COMPARED = {"lineage"}


def tables_of_kinds():
    """The SQL table of each kind, as lake/README.md has it."""
    page = (ROOT / "lake" / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^#### (\w+)\n\nSQL table `(\w+)`", page, re.MULTILINE)


def references_of_kinds():
    """The columns of each kind that hold ids of events, as lake/README.md has them."""
    page = (ROOT / "lake" / "README.md").read_text(encoding="utf-8")
    kinds = re.findall(r"^#### (\w+)\n\nSQL table `\w+`(.*?)(?=^#|^<!--)", page, re.M | re.S)
    fields = r"^\| `(\w+_id|\w+_ids)`\??? \| (?:hash|list of hash) \|$"
    return {kind: re.findall(fields, fields_of, re.M) for kind, fields_of in kinds}


def make_views_of_kinds(session, tables):
    """The views that antiks makes from its kinds: `events` and `edges`."""
    events, edges = [], []
    references = references_of_kinds()
    for kind, table in tables:
        events.append(f"select seq, id, '{kind}' as kind, iteration from {table}")
        for column in references[kind]:
            parent = f"unnest({column})" if column.endswith("_ids") else column
            edges.append(
                f"select id as child_id, '{kind}' as child_kind, {parent} as parent_id from {table}"
            )
    session.execute(f"create view events as {' union all '.join(events)}")
    session.execute(f"create view edges as {' union all '.join(edges)}")


def parameters_of(text):
    """Names and defaults of a query's parameters, from the comment at its head."""
    found = re.findall(r"^-- \$(\w+) (\w+) = (\S+)", text, re.MULTILINE)
    return {name: value_of(kind, default) for name, kind, default in found}


def value_of(kind, text):
    """A default as Python has it."""
    if text == "null":
        return None
    return {"int": int, "float": float, "text": str}[kind](text)


def open_lake(lake):
    """A DuckDB session with a view for each kind, empty where the lake has no events."""
    session = duckdb.connect()
    tables = []
    for kind, table in tables_of_kinds():
        folder = lake / "events" / f"kind={kind}"
        if folder.exists():
            source = f"read_parquet('{folder}/*/*.parquet', hive_partitioning = true)"
            session.execute(f"create view {table} as select * from {source}")
            tables.append((kind, table))
    make_views_of_kinds(session, tables)
    attempts = (QUERIES / "views" / "attempts.sql").read_text(encoding="utf-8")
    session.execute(f"create view attempts as {attempts}")
    return session


def is_same(own, golden):
    """Whether a value of DuckDB's is what stands in the CSV."""
    if own is None:
        return golden == ""
    if isinstance(own, bytes):
        return own.hex() == golden
    if isinstance(own, bool):
        return golden == str(own).lower()
    if isinstance(own, str):
        return own == golden
    return golden != "" and math.isclose(float(own), float(golden), rel_tol=1e-9, abs_tol=1e-9)


def compare(session, path):
    """What is wrong with the golden of a query; None if nothing is."""
    text = path.read_text(encoding="utf-8")
    result = session.execute(text, parameters_of(text))
    names = [column[0] for column in result.description]
    own = result.fetchall()
    with open(GOLDENS / f"{path.stem}.csv", encoding="utf-8", newline="") as file:
        header, *golden = list(csv.reader(file))
    if header != names:
        return f"the columns are {names}, not {header}"
    if len(own) != len(golden):
        return f"DuckDB gives {len(own)} rows, the golden has {len(golden)}"
    for number, (left, right) in enumerate(zip(own, golden), 1):
        for name, a, b in zip(names, left, right):
            if not is_same(a, b):
                return f"row {number}, {name}: DuckDB gives {a!r}, the golden has {b!r}"
    return None


def main():
    """Compares every query; exits 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("antiks", help="the antiks binary")
    arguments = parser.parse_args()
    failed = 0
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        example = ROOT / "lake" / "example.ndjson"
        command = [arguments.antiks, "--lake", lake, "lake", "import-events", example]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        session = open_lake(lake)
        for path in sorted(QUERIES.glob("*.sql")):
            if path.stem in NOT_COMPARED:
                continue
            wrong = compare(session, path)
            failed += wrong is not None
            passed += wrong is None
            print(f"{path.stem}: {wrong or 'the same'}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
