"""Reads a lake's events with DuckDB, Polars and pyarrow, and compares with antiks.

Proves that `events/` is what its Hive folders promise to any reader of Parquet: for every
kind that has events, three engines that know nothing of antiks agree with `antiks sql`, for
each iteration, on the number of events, the sums of seq and of every int and float column,
and the number of values in every column.

Run it with `python scripts/interop.py ANTIKS_BINARY LAKE` (scripts/requirements.txt
installed). It prints a line for each kind and engine and exits with 1 if any disagrees.
"""

import argparse
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

PAGE = Path(__file__).resolve().parent.parent / "lake" / "README.md"
PARTITIONS = pa.schema([("kind", pa.string()), ("iteration", pa.int64())])


def read_tables():
    """The SQL table of each kind, as the page names it."""
    page = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^#### (\w+)\n\nSQL table `(\w+)`", page, re.MULTILINE))


def schema_of(lake, kind):
    """All columns of a kind's files; an older file may lack some."""
    files = sorted((lake / "events" / f"kind={kind}").glob("*/*.parquet"))
    schemas = [pq.read_schema(file).remove_metadata() for file in files]
    return pa.unify_schemas(schemas)


def questions(schema):
    """What is asked of a kind: (name, function, column) for each number to compare."""
    asked = [("n", "count", None)]
    for i, part in enumerate(schema):
        asked.append((f"n{i}", "count", part.name))
        if pa.types.is_int64(part.type) or pa.types.is_float64(part.type):
            asked.append((f"s{i}", "sum", part.name))
    return asked


def sql_text(asked, source):
    """The question as SQL that both antiks and DuckDB take."""
    columns = [
        f'{function}({"*" if column is None else quoted(column)}) as {name}'
        for name, function, column in asked
    ]
    return f"select iteration, {', '.join(columns)} from {source} group by iteration"


def quoted(name):
    """A column's name as SQL quotes it."""
    return f'"{name}"'


def by_iteration(rows):
    """Answers by their iteration."""
    return {row["iteration"]: row for row in rows}


# --- the engines


def ask_antiks(antiks, lake, table, asked):
    """What antiks' own SQL says."""
    command = [antiks, "--lake", lake, "sql", sql_text(asked, table), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"antiks exits {done.returncode}: {done.stderr.strip()}")
    return by_iteration(json.loads(done.stdout))


def ask_duckdb(lake, kind, _schema, asked):
    """What DuckDB says of the kind's folder."""
    pattern = str(lake / "events" / f"kind={kind}" / "*" / "*.parquet").replace("'", "''")
    source = f"read_parquet('{pattern}', hive_partitioning = true, union_by_name = true)"
    text = sql_text(asked, f"(from {source} where kind = '{kind}')")
    cursor = duckdb.connect().execute(text)
    names = [column[0] for column in cursor.description]
    return by_iteration(dict(zip(names, row, strict=True)) for row in cursor.fetchall())


def ask_polars(lake, kind, _schema, asked):
    """What Polars says of the kind's folder."""
    pattern = lake / "events" / f"kind={kind}" / "*" / "*.parquet"
    frame = pl.scan_parquet(pattern, hive_partitioning=True, missing_columns="insert")
    answers = [
        (pl.len() if column is None else getattr(pl.col(column), function)()).alias(name)
        for name, function, column in asked
    ]
    of_kind = frame.filter(pl.col("kind") == kind)
    return by_iteration(of_kind.group_by("iteration").agg(answers).collect().to_dicts())


def ask_pyarrow(lake, kind, schema, asked):
    """What a dataset over all of events/ says, with the kind's columns."""
    columns = pa.schema([*schema, *PARTITIONS])
    hive = ds.partitioning(PARTITIONS, flavor="hive")
    dataset = ds.dataset(lake / "events", schema=columns, partitioning=hive, format="parquet")
    table = dataset.to_table(filter=ds.field("kind") == kind)
    rows = []
    for iteration in table["iteration"].unique().to_pylist():
        part = table.filter(pc.equal(table["iteration"], iteration))
        row = {name: answer_of_pyarrow(part, function, column) for name, function, column in asked}
        rows.append({"iteration": iteration, **row})
    return by_iteration(rows)


def answer_of_pyarrow(table, function, column):
    """One answer over a table; struct columns have no kernel to count, but know their nulls."""
    if column is None:
        return table.num_rows
    if function == "count":
        return table.num_rows - table[column].null_count
    return pc.sum(table[column]).as_py()


ENGINES = {"DuckDB": ask_duckdb, "Polars": ask_polars, "pyarrow": ask_pyarrow}


# --- the comparison


def same(one, other, no_values):
    """Whether two answers agree: floats but for the order of their sum; no sum is null or 0."""
    if no_values:
        return one in (None, 0) and other in (None, 0)
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other


def differences(asked, expected, found):
    """Where an engine's answers aren't those of antiks, in words."""
    if set(expected) != set(found):
        return [f"iterations {sorted(found)}, antiks has {sorted(expected)}"]
    wrong = []
    for iteration, row in sorted(expected.items()):
        for name, function, column in asked:
            no_values = function == "sum" and row["n" + name[1:]] == 0
            if not same(row[name], found[iteration][name], no_values):
                what = f"iteration {iteration}: {function}({column or '*'})"
                wrong.append(f"{what} is {found[iteration][name]}, antiks has {row[name]}")
    return wrong


def compare(antiks, lake, kind, table):
    """All engines on one kind; how many agree and don't."""
    schema = schema_of(lake, kind)
    asked = questions(schema)
    try:
        expected = ask_antiks(antiks, lake, table, asked)
    except (RuntimeError, ValueError) as error:
        print(f"FAIL {kind}: {error}")
        return [False] * len(ENGINES)
    results = []
    for engine, ask in ENGINES.items():
        try:
            wrong = differences(asked, expected, ask(lake, kind, schema, asked))
        except Exception as error:  # each engine has its own sorts; the others are still asked
            wrong = [f"{type(error).__name__}: {error}"]
        events = sum(row["n"] for row in expected.values())
        count = f"{events} events, {len(expected)} iterations, {len(asked)} answers each"
        print(f"{'FAIL' if wrong else 'ok  '} {kind} {engine}: {count}", *wrong, sep="\n       ")
        results.append(not wrong)
    return results


def main():
    """All kinds that have events."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("antiks", type=Path, help="the program")
    parser.add_argument("lake", type=Path, help="the folder of the lake")
    arguments = parser.parse_args()
    antiks, lake = arguments.antiks.resolve(), arguments.lake.resolve()
    if not (lake / "events").is_dir():
        parser.error(f"{lake} is no lake with events")
    tables = read_tables()
    results = []
    for folder in sorted((lake / "events").glob("kind=*")):
        kind = folder.name.removeprefix("kind=")
        if any(folder.glob("*/*.parquet")):
            results += compare(antiks, lake, kind, tables[kind])
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
