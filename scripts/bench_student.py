"""Measures the student on a CPU and holds it against PyTorch: `python scripts/bench_student.py`.

It builds benches/student.rs with cargo and has it and scripts/peers/student_cpu.py, in turn,
train and decode the same small model, each run a process of its own. The table has medians,
and of each the ratio of ours to the peer's in the same turn. It needs goldens/requirements.txt.
Peak memory is the highest that any process of a task had.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "scripts" / "peers" / "student_cpu.py"

# Each task's figure, and the peers it has: what they are called, and with which switches.
TASKS = {
    "train": ("tokens_per_s", {"PEFT": [], "PEFT, torch.compile": ["--compile"]}),
    "decode": ("new_tokens_per_s", {"transformers": []}),
}


@dataclass(frozen=True)
class Row:
    """One line of the table: ours and a peer at a task."""

    task: str
    threads: int
    peer_name: str
    ours: float
    peer: float
    ratio: float
    our_mib: float
    peer_mib: float
    spread: float


def run(command):
    """Runs a command; gives its line of JSON with its peak memory in MiB."""
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command} failed with {child.returncode}")
    return json.loads(output.splitlines()[-1]) | {"mib": usage.ru_maxrss / 1024}


def build():
    """Builds the bench; gives its path."""
    command = ["cargo", "bench", "--bench", "student", "--no-run", "--offline", "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "student":
            return message["executable"]
    sys.exit("cargo names no binary of benches/student.rs")


def measure(bench, base, task, threads, runs):
    """Runs a task of ours and of each peer in turn."""
    figure, peers = TASKS[task]
    more = [task, base, "--threads", threads]
    ours, theirs = [], {name: [] for name in peers}
    for _ in range(runs):
        ours.append(run([bench, *more]))
        for name, switches in peers.items():
            theirs[name].append(run([sys.executable, PEER, *more, *switches]))
    rates = [line[figure] for line in ours]
    for name, lines in theirs.items():
        others = [line[figure] for line in lines]
        yield Row(
            task,
            threads,
            name,
            statistics.median(rates),
            statistics.median(others),
            statistics.median(a / b for a, b in zip(rates, others)),
            max(line["mib"] for line in ours),
            max(line["mib"] for line in lines),
            max(max(rates) / min(rates), max(others) / min(others)),
        )


def show(rows):
    """Prints the table as Markdown."""
    names = ["what", "threads", "peer", "tokens/s, ours", "the peer's", "ratio", "our MiB", "peer MiB", "best / worst run"]
    print("|", " | ".join(names), "|")
    print("|---" * len(names) + "|")
    for row in rows:
        cells = [
            row.task,
            str(row.threads),
            row.peer_name,
            f"{row.ours:,.0f}",
            f"{row.peer:,.0f}",
            f"{row.ratio:.2f}",
            f"{row.our_mib:.0f}",
            f"{row.peer_mib:.0f}",
            f"{row.spread:.2f}",
        ]
        print("|", " | ".join(cells), "|")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, help="the bench's binary, if it is built already")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", choices=list(TASKS))
    arguments = parser.parse_args()
    bench = arguments.bench.resolve() if arguments.bench else build()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        run([sys.executable, PEER, "make", base])
        for task in TASKS:
            if arguments.only in (None, task):
                for threads in arguments.threads:
                    rows.extend(measure(bench, base, task, threads, arguments.runs))
    load = os.getloadavg()[0]
    if load > max(arguments.threads) + 0.5:
        print(f"not quiet: the machine's load is {load:.1f}, more than these processes make", file=sys.stderr)
    show(rows)


if __name__ == "__main__":
    main()
