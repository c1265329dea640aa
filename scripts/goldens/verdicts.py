#!/usr/bin/env python3
"""Checks the verdicts of tests/data/verdicts by brute force.

Every statement runs beside its reference on hundreds of small random databases of its
schema, and the rows are compared by the grader's rules. An `equivalent` may never differ, a
`different` has to differ somewhere. `verdicts.py --check` prints counts and exits with 1 on
any disagreement; `--only TEXT` checks only the cases whose file or reference holds TEXT.
The head of tests/data/verdicts/revenue.sql explains the format.
"""

import argparse
import datetime
import math
import random
import re
import sqlite3
import sys
from collections import Counter, defaultdict
from itertools import permutations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from clean_numeric import clean_numeric  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / "tests/data/verdicts"
SEED = 7
DATABASES = 600
STEPS = 2_000_000  # SQLite steps a statement may take

MONEY = ["$20.00", "20", "20.0", "$1,234.50", "1.234,50 €", "1234.5", "(5)", "-5", "($20)", "€ 5", "5",
         "100", "$100.00", "100,00", "99.99", "1 234,50 zł", "12%", "1.5k", "", "n/a", "free", " 7 ",
         "0", "$0.00", "1e2", "80", "80.01", "$50", "1,200", "$1.234", "1000", "$1,000.00"]
MONEY_COLUMNS = {"price", "total", "unit_price", "fee"}


def statements_of(path):
    """Cases of a file: dicts with schema, ordered, requires, reference, candidates."""
    cases, schema, target, lines = [], None, None, []
    heading = re.compile(r"-- (schema|reference|equivalent|different)\b[:, ]*(.*)")

    def close():
        text = "\n".join(lines).strip()
        lines.clear()
        if target is None:
            assert not text, f"{path.name}: text without a heading: {text[:60]}"
            return
        assert text.endswith(";"), f"{path.name}: no semicolon: {text[-60:]}"
        target["sql"] = text

    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = heading.match(line)
        if not match:
            if target is None and (line.startswith("--") or not line.strip()):
                continue
            lines.append(line)
            continue
        close()
        kind, rest = match.groups()
        target = None
        if kind == "schema":
            schema = rest.strip()
        elif kind == "reference":
            words = rest.split()
            assert words[0] in ("ordered", "unordered"), f"{path.name}:{number}"
            assert len(words) == 1 or words[1] == "requires", f"{path.name}:{number}"
            target = {"line": number}
            cases.append({"schema": schema, "ordered": words[0] == "ordered", "reference": target,
                          "requires": words[2:], "candidates": [], "file": path.name})
        else:
            assert rest.strip(), f"{path.name}:{number}: say why"
            target = {"line": number, "verdict": kind, "why": rest.strip()}
            cases[-1]["candidates"].append(target)
    close()
    return cases


# Random databases.

def shifted(day, days):
    try:
        return (datetime.date.fromisoformat(day) + datetime.timedelta(days)).isoformat()
    except ValueError:
        return day


def pools_of(schema_sql, cases):
    """For each table its columns with the values to choose from."""
    db = sqlite3.connect(":memory:")
    db.executescript(schema_sql)
    texts = [case["reference"]["sql"] for case in cases]
    strings = sorted({s.replace("''", "'") for t in texts for s in re.findall(r"'((?:[^']|'')*)'", t)})
    numbers = sorted({float(n) for t in texts for n in re.findall(r"(?<![\w.'-])\d+(?:\.\d+)?(?![\w'-])", t)})
    numbers = [n for n in numbers if n <= 2000]
    tables = {}
    for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        targets = {row[3]: (row[2], row[4]) for row in db.execute(f"PRAGMA foreign_key_list({name})")}
        columns = []
        for _, column, kind, notnull, _, key in db.execute(f"PRAGMA table_info({name})").fetchall():
            sample = sorted({r[0] for r in db.execute(f"SELECT {column} FROM {name}") if r[0] is not None})
            if column in MONEY_COLUMNS:
                pool = MONEY
                sort = "money"
            elif kind == "TEXT" and all(re.fullmatch(r"\d{4}-\d\d-\d\d", s) for s in sample):
                sort = "date"
                days = sample + [s for s in strings if re.fullmatch(r"\d{4}-\d\d-\d\d", s)]
                if any(d >= "2023" for d in sample):
                    days += ["2023-01-31", "2024-01-31", "2024-02-01", "2024-02-02", "2024-12-31", "2025-01-01",
                             "2022-12-31", "2023-01-01", "2024-06-30", "2024-07-01", "2023-07-15"]
                pool = sorted(set(days) | {shifted(d, k) for d in days for k in (-1, 1)})
            elif kind == "TEXT":
                sort = "text"
                words = [s for s in sample]
                pool = words + [words[0].upper(), words[-1].upper(), words[-1] + " x", "Ex" + words[0].lower(), ""]
                pool += [s for s in strings if re.fullmatch(r"[A-Za-z][A-Za-z0-9 -]{2,}", s)
                         and column in ("status", "segment", "category", "city", "outcome", "specialty",
                                        "region", "kind", "name", "title")
                         and any(re.search(rf"\b{column}\b[^,;]*'{re.escape(s)}'", t) for t in texts)]
                pool = list(dict.fromkeys(pool))
            elif kind == "INTEGER":
                sort = "integer"
                near = {int(n) + k for n in numbers if n == int(n) and n <= 130 for k in (-1, 0, 1)}
                pool = sorted({s for s in sample} | {0, 1, 2, 3, -1} | near)
            else:
                sort = "real"
                pool = sorted({s for s in sample} | {0.0, 0.5, 1.0, -1.5, 0.25, 10.0, 10.5, 20.0, 100.0})
            columns.append({"name": column, "sort": sort, "pool": pool, "notnull": notnull or key,
                            "key": key, "target": targets.get(column)})
        tables[name] = columns
    return tables


def random_database(schema_sql, tables, rng):
    db = sqlite3.connect(":memory:")
    db.create_function("CLEAN_NUMERIC", 1, CleanNumeric(), deterministic=True)
    schema = re.sub(r"(?ms)^INSERT.*?;\n", "", schema_sql + "\n")
    db.executescript(schema)
    size = rng.choice([0, 2, 5, 9, 14, 22])
    nulls = rng.choice([0.0, 0.15, 0.4])
    orphans = rng.choice([0.0, 0.0, 0.25])
    narrow = rng.choice([2, 3, 6, 100])
    for table, columns in tables.items():
        rows = 0 if rng.random() < 0.05 else rng.randint(min(size, 2), max(size, 1)) if size else 0
        if table in ("customers", "doctors", "patients", "products", "sites"):
            rows = min(rows, 6)
        pools = {c["name"]: rng.sample(c["pool"], min(len(c["pool"]), narrow + 2)) for c in columns}
        seen = set()
        for row in range(rows):
            values = []
            for c in columns:
                if c["target"] and rng.random() >= orphans:
                    known = db.execute(f"SELECT {c['target'][1]} FROM {c['target'][0]}").fetchall()
                    value = rng.choice(known)[0] if known else rng.choice([1, 2, 99])
                elif c["target"]:
                    value = rng.choice([97, 98, 99]) if c["sort"] == "integer" else "Z9"
                elif c["key"] and c["sort"] == "integer":
                    value = row + 1 if narrow > 2 else row * 3 + 2
                else:
                    value = rng.choice(pools[c["name"]])
                if not c["notnull"] and rng.random() < nulls:
                    value = None
                values.append(value)
            key = tuple(v for v, c in zip(values, columns) if c["key"])
            if key in seen:
                continue
            seen.add(key)
            db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(values))})", values)
    # The rows in another order of insertion than that of their keys.
    return db


class CleanNumeric:
    def __init__(self):
        self.known = {}

    def __call__(self, value):
        if not isinstance(value, str):
            return clean_numeric(value)
        if value not in self.known:
            self.known[value] = clean_numeric(value)
        return self.known[value]


# Comparison.

def rank(value):
    if value is None:
        return (0, 0)
    if isinstance(value, (int, float)):
        return (1, float(f"{float(value):.9g}") + 0.0)
    if isinstance(value, str):
        return (2, value)
    return (3, value)


def same(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
    return type(a) is type(b) and a == b


def same_rows(a, b):
    """Whether two lists of rows are the same multiset."""
    if len(a) != len(b):
        return False
    key = lambda row: [rank(v) for v in row]  # noqa: E731
    return all(all(map(same, x, y)) for x, y in zip(sorted(a, key=key), sorted(b, key=key)))


def agrees(reference, runs, answer, order):
    """Whether the answer with its columns in this order is the reference."""
    moved = [tuple(row[i] for i in order) for row in answer]
    if runs is None:
        return same_rows(reference, moved)
    start = 0
    for length in runs:
        if not same_rows(reference[start:start + length], moved[start:start + length]):
            return False
        start += length
    return True


def split_top(text, separator):
    """Pieces of text between separators that stand outside parentheses and quotes."""
    pieces, depth, quote, start, i = [], 0, None, 0, 0
    while i < len(text):
        c = text[i]
        if quote:
            quote = None if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
        elif depth == 0:
            match = re.compile(separator, re.I).match(text, i)
            if match and (i == 0 or not (text[i - 1].isalnum() and text[i].isalnum())):
                pieces.append(text[start:i])
                i = start = match.end()
                continue
        i += 1
    return pieces + [text[start:]]


def key_places(sql, names):
    """Where an ordered reference's ORDER BY keys stand among its columns."""
    tail = split_top(sql.rstrip("; \n"), r"ORDER\s+BY\b")[-1]
    tail = split_top(tail, r"LIMIT\b")[0]
    select = split_top(split_top(sql, r"SELECT\b")[-1], r"FROM\b")[0]
    expressions = [re.sub(r"\s+AS\s+\w+\s*$", "", e, flags=re.I).strip().lower() for e in split_top(select, ",")]
    places = []
    for key in split_top(tail, ","):
        key = re.sub(r"\s+NULLS\s+(FIRST|LAST)\s*$", "", key.strip(), flags=re.I)
        key = re.sub(r"\s+(ASC|DESC)\s*$", "", key, flags=re.I).strip()
        lowered = [n.lower() for n in names]
        if key.isdigit():
            places.append(int(key) - 1)
        elif key.lower() in lowered:
            places.append(lowered.index(key.lower()))
        elif key.lower() in expressions:
            places.append(expressions.index(key.lower()))
        else:
            raise ValueError(f"the key {key!r} is not a column of the result")
    return places


def rows_of(db, sql):
    budget = [STEPS // 1000]

    def tick():
        budget[0] -= 1
        return budget[0] < 0

    db.set_progress_handler(tick, 1000)
    cursor = db.execute(sql.rstrip().rstrip(";"))
    return [d[0] for d in cursor.description], cursor.fetchall()


def judge(case, databases, cache):
    """For each candidate: (databases that differ, an error or None); and rows the reference gave."""
    found = [{"differs": 0, "error": None, "orders": None} for _ in case["candidates"]]
    filled, shown = 0, []
    for number, db in enumerate(databases):
        names, reference = rows_of(db, case["reference"]["sql"])
        filled += bool(reference)
        runs = None
        if case["ordered"]:
            places = key_places(case["reference"]["sql"], names)
            runs, last = [], object()
            for row in reference:
                key = [rank(row[i]) for i in places]
                if key == last:
                    runs[-1] += 1
                else:
                    runs.append(1)
                last = key
        for candidate, state in zip(case["candidates"], found):
            if state["error"]:
                continue
            try:
                _, answer = rows_of(db, candidate["sql"])
            except sqlite3.Error as error:
                state["error"] = str(error)
                state["differs"] += 1
                continue
            width = len(_)
            if width != len(names) or len(answer) != len(reference):
                state["differs"] += 1
                state.setdefault("first", (number, reference, answer))
                continue
            if state["orders"] is None:
                state["orders"] = list(permutations(range(width)))
            fits = [o for o in state["orders"] if agrees(reference, runs, answer, o)]
            if not fits:
                state["differs"] += 1
                state.setdefault("first", (number, reference, answer))
            else:
                state["orders"] = fits
    return found, filled


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--databases", type=int, default=DATABASES)
    parser.add_argument("--weak", type=int, default=0, help="also list what differs on no more databases")
    options = parser.parse_args()

    cases = [case for path in sorted(FOLDER.glob("*.sql")) if not path.name.endswith(".schema.sql")
             for case in statements_of(path)]
    by_schema = defaultdict(list)
    for case in cases:
        by_schema[case["schema"]].append(case)
    wrong, counts, seen = 0, Counter(), set()
    for schema, group in sorted(by_schema.items()):
        text = (FOLDER / f"{schema}.schema.sql").read_text()
        tables = pools_of(text, group)
        databases = [random_database(text, tables, random.Random(f"{SEED} {schema} {i}"))
                     for i in range(options.databases)]
        for case in group:
            if options.only not in case["file"] + case["reference"]["sql"]:
                continue
            place = f"{case['file']}:{case['reference']['line']}"
            try:
                found, filled = judge(case, databases, None)
            except (sqlite3.Error, ValueError) as error:
                wrong += 1
                print(f"{place}: the reference fails: {error}")
                continue
            counts["references"] += 1
            if filled < len(databases) / 50:
                print(f"{place}: the reference gives rows on {filled} databases only")
                wrong += 1
            for candidate, state in zip(case["candidates"], found):
                counts[candidate["verdict"]] += 1
                key = (schema, case["reference"]["sql"], " ".join(candidate["sql"].split()))
                if key in seen:
                    print(f"{case['file']}:{candidate['line']}: stands here twice")
                    wrong += 1
                seen.add(key)
                bad = (candidate["verdict"] == "equivalent") == bool(state["differs"]) or state["error"]
                weak = candidate["verdict"] == "different" and state["differs"] <= options.weak
                if bad or weak:
                    wrong += bool(bad)
                    print(f"{case['file']}:{candidate['line']}: {candidate['verdict']} ({candidate['why']}) "
                          f"differs on {state['differs']} databases {state['error'] or ''}")
                    if bad and "first" in state:
                        number, reference, answer = state["first"]
                        print(f"    database {number}\n    reference {reference[:8]}\n    answer    {answer[:8]}")
    print(", ".join(f"{n} {k}" for k, n in counts.items()), f"on {options.databases} databases a schema;",
          f"{wrong} disagree")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
