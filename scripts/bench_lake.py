"""Measures the lake and holds it against bars: `python scripts/bench_lake.py [--small]`.

It builds the benches and antiks with cargo, runs every task as a process of its own,
several times and in turn with its peer, and prints the medians as one table. It needs
duckdb (requirements.txt). Peak memory is the highest that any process of a task had.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# queries/score_distribution.sql in DuckDB's dialect, where / gives a fraction.
DUCKDB = """
import json, sys
import duckdb

folder, iteration = sys.argv[1], json.loads(sys.argv[2])
only = "" if iteration is None else f"and iteration = {int(iteration)}"
rows = duckdb.sql(f'''
    select
        score // 10 * 10 as score_from,
        case when score < 100 then score // 10 * 10 + 9 else 100 end as score_to,
        count(*) as answers,
        round(100.0 * count(*) / sum(count(*)) over (), 1) as percent
    from read_parquet('{folder}/events/kind=grade/*/*.parquet', hive_partitioning = true)
    where purpose = 'train' {only}
    group by 1, 2
    order by 1
''').fetchall()
names = ["score_from", "score_to", "answers", "percent"]
print(json.dumps([dict(zip(names, row)) for row in rows]))
"""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    grades: int
    commits: int
    opened: int
    query_grades: int
    query_files: int
    runs: int


FULL = Sizes(1_000_000, 300, 2_000, 10_000_000, 100, 5)
SMALL = Sizes(50_000, 50, 200, 200_000, 20, 3)


@dataclass(frozen=True)
class Row:
    """One line of the table; `ours` and `peer` are medians."""

    what: str
    unit: str
    ours: float
    bar: str
    met: bool
    our_mib: float
    peer: float | None = None
    ratio: float | None = None
    peer_mib: float | None = None


def run(command):
    """Runs a command; gives its output, its seconds and its peak memory in MiB."""
    start = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command} failed with {child.returncode}")
    return output, seconds, usage.ru_maxrss / 1024


def build():
    """Builds the benches and antiks; gives the paths of both."""
    found = {}
    for arguments in (["bench", "--bench", "lake", "--no-run"], ["build", "--release"]):
        command = ["cargo", *arguments, "--offline", "--message-format", "json"]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            message = json.loads(line)
            if message.get("executable"):
                found[message["target"]["name"]] = message["executable"]
    return found["lake"], found["antiks"]


def median(values, key):
    return statistics.median(value[key] for value in values)


def tasks(bench, runs, *commands):
    """Runs each command `runs` times, in turn; gives figures and peak memory of each."""
    figures = [[] for _ in commands]
    peaks = [0.0 for _ in commands]
    for _ in range(runs):
        for place, command in enumerate(commands):
            for folder in command[1:]:
                if isinstance(folder, Path) and command[0] != "verify":
                    shutil.rmtree(folder, ignore_errors=True)
            output, _, peak = run([bench, *command])
            figures[place].append(json.loads(output))
            peaks[place] = max(peaks[place], peak)
    return list(zip(figures, peaks))


def measure_append(bench, sizes, folder):
    lake = folder / "append"
    (ours, our_mib), (peer, peer_mib), (checks, check_mib) = tasks(
        bench,
        sizes.runs,
        ["append", sizes.grades, "--dir", lake],
        ["plain", sizes.grades],
        ["verify", lake],
    )
    ratios = [a["events_per_second"] / b["events_per_second"] for a, b in zip(ours, peer)]
    ratio = statistics.median(ratios)
    yield Row(
        f"append {sizes.grades:,} grades",
        "events/s",
        median(ours, "events_per_second"),
        "≥ 0.4 × plain Parquet",
        ratio >= 0.4,
        our_mib,
        median(peer, "events_per_second"),
        ratio,
        peer_mib,
    )
    rate = median(checks, "events_per_cpu_second")
    what = f"verify {checks[0]['events']:,} events"
    yield Row(what, "events/s/core", rate, "≥ 200,000", rate >= 200_000, check_mib)
    shutil.rmtree(lake)


def measure_commits(bench, sizes):
    (commits, commit_mib), (opened, open_mib) = tasks(
        bench, sizes.runs, ["commit", sizes.commits], ["open", sizes.opened]
    )
    took = median(commits, "median_ms")
    yield Row("commit 100 events", "ms", took, "≤ 40 ms", took <= 40, commit_mib)
    took = median(commits, "p99_ms")
    yield Row("commit 100 events, 99 of 100", "ms", took, "", True, commit_mib)
    for key, how in (("median_ms", "to read"), ("writer_median_ms", "to write")):
        took = median(opened, key)
        what = f"open {sizes.opened:,} commits {how}"
        yield Row(what, "ms", took, "≤ 200 ms", took <= 200, open_mib)


def in_turn(runs, ours, peer):
    """Runs two commands A B A B …, which must give the same rows."""
    times, peaks = ([], []), [0.0, 0.0]
    for _ in range(runs):
        rows = []
        for place, command in enumerate((ours, peer)):
            output, seconds, peak = run(command)
            times[place].append(seconds * 1e3)
            peaks[place] = max(peaks[place], peak)
            rows.append(json.loads(output))
        if rows[0] != rows[1]:
            sys.exit(f"the answers differ:\n{rows[0]}\n{rows[1]}")
    ratio = statistics.median(a / b for a, b in zip(*times))
    return statistics.median(times[0]), statistics.median(times[1]), ratio, *peaks


def measure_queries(bench, antiks, sizes, folder):
    lake = folder / "grades"
    run([bench, "grades", sizes.query_grades, sizes.query_files, lake])
    query = [antiks, "--lake", lake, "query", "score_distribution", "--json", "--param"]
    for iteration, of in (("null", "all"), ("3", "a tenth of")):
        ours, peer, ratio, our_mib, peer_mib = in_turn(
            sizes.runs,
            [*query, f"iteration={iteration}"],
            [sys.executable, "-c", DUCKDB, lake, iteration],
        )
        yield Row(
            f"score_distribution over {of} {sizes.query_grades:,} grades, whole process",
            "ms",
            ours,
            "≤ DuckDB",
            ratio <= 1,
            our_mib,
            peer,
            ratio,
            peer_mib,
        )
    runs = [run([antiks, "--lake", lake, "sql", "select 1"]) for _ in range(4 * sizes.runs)]
    took = statistics.median(seconds for _, seconds, _ in runs) * 1e3
    peak = max(peak for _, _, peak in runs)
    yield Row('antiks sql "select 1", whole process', "ms", took, "≤ 100 ms", took <= 100, peak)


def show(rows):
    """Prints the table as Markdown."""
    names = ["what", "unit", "ours", "peer", "ratio", "bar", "met", "our MiB", "peer MiB"]
    print("|", " | ".join(names), "|")
    print("|---" * len(names) + "|")
    for row in rows:
        number = f"{{:,.{0 if row.ours >= 1000 else 1}f}}".format
        cells = [
            row.what,
            row.unit,
            number(row.ours),
            "" if row.peer is None else number(row.peer),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.bar,
            ("yes" if row.met else "NO") if row.bar else "",
            f"{row.our_mib:.0f}",
            "" if row.peer_mib is None else f"{row.peer_mib:.0f}",
        ]
        print("|", " | ".join(cells), "|")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small sizes, for a quick look")
    parser.add_argument("--only", choices=["append", "commits", "queries"])
    arguments = parser.parse_args()
    sizes = SMALL if arguments.small else FULL
    bench, antiks = build()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        parts = {
            "append": lambda: measure_append(bench, sizes, folder),
            "commits": lambda: measure_commits(bench, sizes),
            "queries": lambda: measure_queries(bench, antiks, sizes, folder),
        }
        for name, part in parts.items():
            if arguments.only in (None, name):
                rows.extend(part())
    show(rows)
    sys.exit(0 if all(row.met for row in rows) else 1)


if __name__ == "__main__":
    main()
