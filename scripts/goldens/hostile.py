#!/usr/bin/env python3
"""Writes the long statements among tests/data/hostile, and tries all of them on SQLite.

    hostile.py --write   write nesting.sql and literals.sql, whose lines no hand can type
    hostile.py --check   every statement of harmless.sql runs, no statement stands twice
    hostile.py --probe   what each statement does to a process with little memory and time

The first line of each file says what it attacks. A file with a line `---` has its statements
between such lines, and they may be empty; in the others every line is a statement. In
encoding.escaped \\xNN stands for a byte and \\\\ for a backslash.
"""

import argparse
import os
import re
import resource
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from clean_numeric import clean_numeric  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / "tests/data/hostile"
# What SQLite learnt after the version that Python has here.
NEWER = {"1_000": (3, 46)}


def nesting():
    """Statements that are deep or broad."""
    deep = 1500
    yield "SELECT " + "(" * 500 + "1" + ")" * 500
    yield "SELECT " + "(" * deep + "1" + ")" * deep
    yield "SELECT " + "(" * deep
    yield "SELECT " + ")" * deep
    yield "SELECT " + "-" + " -" * deep + " 1"
    yield "SELECT " + "~" * deep + "1"
    yield "SELECT " + "NOT " * deep + "a FROM t"
    yield "SELECT " + "+".join(["1"] * 900)
    yield "SELECT " + "+".join(["1"] * 4000)
    yield "SELECT " + "||".join(["b"] * 2000) + " FROM t"
    yield "SELECT a FROM t WHERE " + " OR ".join(f"a = {i}" for i in range(1500))
    yield "SELECT a FROM t WHERE " + " AND ".join(f"a <> {i}" for i in range(1500))
    yield "SELECT a FROM t WHERE a IN (" + ",".join(map(str, range(4000))) + ")"
    yield "SELECT a FROM t WHERE a NOT IN (" + ",".join(f"a+{i}" for i in range(1200)) + ")"
    yield "SELECT a FROM t WHERE a BETWEEN " + "(a BETWEEN " * 900 + "1 AND 2" + ") AND 2" * 900 + " AND 3"
    yield "SELECT " + "CASE WHEN a = 1 THEN 1 ELSE " * 1010 + "0" + " END" * 1010 + " FROM t"
    yield "SELECT CASE a " + " ".join(f"WHEN {i} THEN {i}" for i in range(1500)) + " END FROM t"
    yield "SELECT " + "(SELECT " * 700 + "1" + ")" * 700
    yield "SELECT * FROM " + "(SELECT * FROM " * 300 + "t" + ")" * 300
    yield "SELECT a FROM t WHERE " + "a IN (SELECT a FROM t WHERE " * 100 + "1" + ")" * 100
    yield "SELECT a FROM t WHERE " + "EXISTS (SELECT 1 FROM t WHERE " * 200 + "1" + ")" * 200
    yield "SELECT " + "abs(" * 1500 + "1" + ")" * 1500
    yield "SELECT " + "CLEAN_NUMERIC(" * 500 + "'$5'" + ")" * 500
    yield "SELECT " + "coalesce(" + ",".join(["NULL"] * 1100) + ")"
    yield "SELECT max(" + ",".join(["a"] * 200) + ") FROM t"
    yield "SELECT " + "replace(" * 300 + "b" + ", 'x', 'xx')" * 300 + " FROM t"
    yield "SELECT " + "json_array(" * 1100 + "1" + ")" * 1100
    yield "SELECT " + "CAST(" * 900 + "1" + " AS TEXT)" * 900
    yield "SELECT 1" + " COLLATE NOCASE" * 1100
    yield "SELECT 1" + " IS NULL" * 1100
    yield "SELECT 1" + " -> 1" * 2000
    yield " UNION ALL ".join(["SELECT 1"] * 450)
    yield " UNION ALL ".join(["SELECT a FROM t"] * 1001)
    yield " UNION ".join(f"SELECT {i}" for i in range(1100))
    yield " EXCEPT ".join(["SELECT a FROM t"] * 600)
    yield "SELECT * FROM (" * 150 + "SELECT 1 UNION SELECT 2" + ") UNION SELECT 3" * 150
    yield "VALUES " + ",".join(f"({i})" for i in range(4000))
    yield "SELECT " + ",".join(["a"] * 1999) + " FROM t"
    yield "SELECT " + ",".join(["1"] * 2001)
    yield "SELECT " + ",".join(["*"] * 700) + " FROM t"
    yield "SELECT " + ",".join(["t.*"] * 1100) + " FROM t"
    yield "SELECT a FROM t ORDER BY " + ",".join(["a + 1"] * 2100)
    yield "SELECT count(*) FROM t GROUP BY " + ",".join(f"a + {i}" for i in range(2100))
    yield "SELECT 1 FROM " + ", ".join(f"t AS t{i}" for i in range(65)) + " WHERE 0"
    yield "SELECT 1 FROM " + ", ".join(f"t AS t{i}" for i in range(64)) + " WHERE " + " AND ".join(
        f"t{i}.a = t{i + 1}.a" for i in range(63))
    yield "SELECT 1 FROM t AS t0 " + " ".join(f"LEFT JOIN t AS t{i} ON t{i}.a = t{i - 1}.a" for i in range(1, 60))
    yield "WITH " + ", ".join(f"c{i} AS (SELECT {i} AS x)" for i in range(1100)) + " SELECT * FROM c1099"
    yield ("WITH c0 AS (SELECT a FROM t), "
           + ", ".join(f"c{i} AS (SELECT x.a FROM c{i - 1} AS x, c{i - 1} AS y)" for i in range(1, 30))
           + " SELECT count(*) FROM c29")
    yield ("WITH c0 AS (SELECT 1 AS a), "
           + ", ".join(f"c{i} AS (SELECT a FROM c{i - 1} UNION ALL SELECT a FROM c{i - 1})" for i in range(1, 40))
           + " SELECT sum(a) FROM c39")
    yield "WITH " * 500 + "SELECT 1"
    yield "SELECT " + "(WITH x AS (SELECT 1) SELECT * FROM x) + " * 400 + "1"
    yield "SELECT " + ", ".join(f"sum(a) OVER (ORDER BY a + {i})" for i in range(200)) + " FROM t"
    yield "SELECT sum(a) OVER w500 FROM t WINDOW w0 AS (ORDER BY a), " + ", ".join(
        f"w{i} AS (w{i - 1})" for i in range(1, 501))
    yield "SELECT json('" + "[" * 2000 + "]" * 2000 + "')"
    yield "SELECT json('" + '{"a":' * 1200 + "1" + "}" * 1200 + "')"
    yield "SELECT json_extract('{}', '$" + ".a" * 2000 + "')"
    yield "/*" * 1000 + " SELECT 1 " + "*/" * 1000
    yield "SELECT 1 " + "-- " * 1000
    yield "EXPLAIN " * 300 + "SELECT 1"


def literals():
    """Statements with large or odd literals and names."""
    yield "SELECT '" + "x" * 100_000 + "'"
    yield "SELECT length('" + "''" * 7_000 + "')"
    yield "SELECT length('" + "é" * 4_000 + "')"
    yield "SELECT x'" + "ab" * 5_000 + "'"
    yield "SELECT x'" + "a" * 9_999 + "'"
    yield "SELECT " + "9" * 3_000
    yield "SELECT 0." + "0" * 3_000 + "1"
    yield "SELECT 1" + "0" * 400
    yield "SELECT 1e" + "9" * 1_000
    yield "SELECT 1e-" + "9" * 1_000
    yield "SELECT 0x" + "f" * 16
    yield "SELECT 0x" + "f" * 17
    yield "SELECT 0x" + "0" * 1_000 + "1"
    yield "SELECT 1" + "_0" * 1_000
    for odd in ("1__0", "1_", "_1", "0x_1", "1e", "1e+", ".e1", ".", "1.2.3", "0x", "0b1", "1a"):
        yield "SELECT " + odd
    yield "SELECT 9223372036854775808, -9223372036854775808, -9223372036854775809, - 9223372036854775808"
    yield "SELECT 1.7976931348623157e308, 1.7976931348623159e308, 4.9e-324, 2.4e-324, -0.0, 0e999"
    yield "SELECT CLEAN_NUMERIC('" + "1" * 64 + "'), CLEAN_NUMERIC('" + "1" * 65 + "')"
    yield "SELECT CLEAN_NUMERIC('" + "(" * 32 + "5" + ")" * 31 + "')"
    yield "SELECT CLEAN_NUMERIC('" + " " * 7_000 + "5')"
    yield "SELECT 1 AS \"" + "n" * 7_000 + "\""
    yield "SELECT a AS \"" + '""' * 3_000 + "\" FROM t"
    yield "SELECT " + "n" * 7_000 + " FROM t"
    yield "SELECT * FROM " + "n" * 7_000
    yield "SELECT " + "n" * 3_000 + "(1)"
    yield "SELECT " + "t." * 1_500 + "a FROM t"
    yield "SELECT a AS \"\", b AS \" \", c AS '' FROM t"
    yield "SELECT \"\" FROM t"
    yield "SELECT a FROM t WHERE b = '" + "%" * 51_000 + "'"
    yield "SELECT b LIKE '" + "%_" * 4_000 + "' FROM t"
    yield "SELECT b GLOB '" + "[a-z]" * 4_000 + "' FROM t"
    yield "SELECT b GLOB '" + "[" * 3_000 + "' FROM t"
    yield "SELECT printf('" + "%s" * 1_500 + "', 1)"
    yield "SELECT printf('%" + "9" * 30 + "d', 1), printf('%." + "9" * 30 + "f', 1.0)"
    yield "SELECT strftime('" + "%f" * 1_500 + "', '2024-01-01')"
    yield "SELECT date('" + "9" * 1_500 + "-01-01'), date('2024-01-01', '+" + "9" * 1_500 + " days')"
    yield "SELECT json('[" + "1," * 3_000 + "1]')"
    yield "SELECT json('\"" + "\\u0041" * 1_500 + "\"')"
    yield "SELECT json('{\"" + "k" * 4_000 + "\": 1}')"
    yield "SELECT json('[" + "9" * 3_000 + "]'), json_extract('[1e" + "9" * 1_000 + "]', '$[0]')"
    yield "SELECT 1 " + " " * 12_000
    yield " " * 12_000 + "SELECT 1"
    yield "SELECT 1 /* " + "c" * 12_000 + " */"
    yield "SELECT " + "/**/" * 3_000 + "1"
    yield "SELECT 'antiks' " + "'glued' " * 1_000
    yield "SELECT ?" + "9" * 100
    yield "SELECT :" + "p" * 3_000
    yield "SELECT TRUE, FALSE, NULL, TRUE + TRUE, rowid FROM (SELECT 1)"
    yield "SELECT CURRENT FROM t"
    yield "SELECT 1 AS ROW, 2 AS KEY, 3 AS FILTER, 4 AS CURRENT, 5 AS OVER"
    yield "SELECT 1 AS END"


HEADS = {
    "nesting": "-- Attacks the parser and the compiler by depth and breadth: parentheses, terms, compounds, columns, joins. "
               "Each has to end at a limit or give its small result. Written by scripts/goldens/hostile.py.",
    "literals": "-- Attacks by long or odd literals and names. "
                "Each has to end at a limit or give its small result. Written by scripts/goldens/hostile.py.",
}


def statements_of(path):
    lines = path.read_text().split("\n")
    assert lines[0].startswith("-- Attacks "), path
    if "---" in lines:
        return [s.rstrip("\n") for s in re.split(r"(?m)^---\n", "\n".join(lines[1:]))[1:]]
    lines = [line for line in lines[1:] if line]
    if path.name != "encoding.escaped":
        return lines
    escape = re.compile(rb"\\(?:x([0-9a-f]{2})|(\\))")
    return [escape.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else b"\\", line.encode()) for line in lines]


def database():
    db = sqlite3.connect(":memory:")
    db.create_function("CLEAN_NUMERIC", 1, clean_numeric, deterministic=True)
    db.execute("CREATE TABLE t (a INTEGER, b TEXT, c REAL)")
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", ((i, f"word {i % 7}", i / 4) for i in range(1, 51)))
    db.commit()
    return db


def check():
    wrong, seen, counts = 0, {}, Counter()
    for path in sorted(FOLDER.iterdir()):
        for statement in statements_of(path):
            counts[path.name] += 1
            if statement in seen:
                wrong += 1
                print(f"{path.name}: stands in {seen[statement]} too: {statement[:80]}")
            seen[statement] = path.name
            if path.name == "harmless.sql" and not any(
                    word in statement and sqlite3.sqlite_version_info < version for word, version in NEWER.items()):
                try:
                    database().execute(statement).fetchall()
                except sqlite3.Error as error:
                    wrong += 1
                    print(f"harmless.sql: {error}: {statement[:80]}")
    print(", ".join(f"{n} {name}" for name, n in counts.items()), f"= {sum(counts.values())}; {wrong} wrong")
    return wrong


def probe():
    """Runs each statement in a process of 700 MB and two seconds that may not attach files."""
    for path in sorted(FOLDER.iterdir()):
        for number, statement in enumerate(statements_of(path), 1):
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.chdir(tempfile.mkdtemp())
                resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
                db = database()
                refused = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}
                db.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action in refused else sqlite3.SQLITE_OK)
                end = time.monotonic() + 2
                db.set_progress_handler(lambda: time.monotonic() > end, 10000)
                try:
                    text = statement.decode("utf-8", "surrogateescape") if isinstance(statement, bytes) else statement
                    rows = size = 0
                    for row in db.execute(text):
                        rows += 1
                        size += sum(len(v) if isinstance(v, (str, bytes)) else 8 for v in row)
                        if rows > 100_000 or size > 10_000_000:
                            break
                    result = f"{rows} rows, {size} bytes"
                except BaseException as error:
                    result = f"{type(error).__name__}: {str(error)[:90]}"
                os.write(writer, result.encode("utf-8", "replace"))
                os._exit(0)
            os.close(writer)
            start = time.monotonic()
            while os.waitpid(child, os.WNOHANG)[0] == 0:
                if time.monotonic() - start > 4:
                    os.kill(child, 9)
                    os.waitpid(child, 0)
                    break
                time.sleep(0.002)
            result = os.read(reader, 1000).decode() or "killed"
            os.close(reader)
            print(f"{path.name}:{number}\t{result}\t{time.monotonic() - start:.1f} s\t{str(statement)[:70]!r}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--probe", action="store_true")
    options = parser.parse_args()
    if options.write:
        for name, make in (("nesting", nesting), ("literals", literals)):
            (FOLDER / f"{name}.sql").write_text("\n".join([HEADS[name], *make()]) + "\n")
    if options.probe:
        probe()
    if options.check:
        sys.exit(1 if check() else 0)


if __name__ == "__main__":
    main()
