"""Kills an import at every system call, and has system calls fail in turn.

One `antiks lake import-events` on a lake that is there already is traced with strace to
learn which system calls it makes once it has touched the lake. Then, for each of them,
the same import runs on a fresh copy of the lake and is killed when it comes to that call;
and for calls that bring something to disk, each is made to fail, once or from then on.
Each time the lake must be whole (`antiks verify`), hold whatever was acknowledged, and
take the same import again.

Run it with `python scripts/fault_syscalls.py ANTIKS_BINARY`; strace must be installed. It
prints what failed and a summary, and exits with 1 if anything did.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SIGKILL = 9
DONE, FAILED = 0, 1
# Calls that end a process can't be caught in it.
NOT_STOPPED = {"execve", "exit", "exit_group"}
# What fails, and how: no call must be retried for ever, and none be passed over.
ERRORS = [("fsync", "EIO"), ("write", "ENOSPC"), ("linkat", "ENOSPC"), ("mkdir", "ENOSPC")]

Case = collections.namedtuple("Case", "inject exits")
Scene = collections.namedtuple("Scene", "antiks base events folder")


def event(kind, body):
    """A line of NDJSON."""
    return json.dumps({"kind": kind, "iteration": 0, "body": body}) + "\n"


def lines(name):
    """Two events and a blob."""
    digest = {"$hash": name}
    run = {
        "name": name, "seed": 7, "teacher": "offline", "student": "nano",
        "base_hash": digest, "settings": [], "code_version": "0.1.0",
    }
    database = {
        "name": name, "source": "imported", "domain": "shop.sqlite", "maker": "import 1",
        "file_hash": digest, "sample_blob": {"$blob": f"the blob of {name}"},
        "schema_sql": "create table t(a)", "shape_hash": digest, "tables": [],
        "instances": [],
    }
    return event("run_started", run) + event("database", database)


def import_command(scene, lake):
    """The import that is disturbed."""
    command = [scene.antiks, "--lake", lake, "lake", "import-events", "--json", scene.events]
    return [str(part) for part in command]


def run(command):
    """Runs a command that must not hang."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def traced_calls(scene):
    """The calls of an undisturbed import, each as its name and its number among those of
    this name, from the first that touches the lake on."""
    lake, trace = scene.folder / "traced", scene.folder / "trace"
    shutil.copytree(scene.base, lake)
    done = run(["strace", "-f", "-o", str(trace), *import_command(scene, lake)])
    if done.returncode != DONE:
        sys.exit(f"strace does not work here: {done.stderr.strip()}")
    seen, calls, touched = collections.Counter(), [], False
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        match = re.match(r"\d+ +(\w+)\(", line)
        if match is None:
            continue
        name = match.group(1)
        seen[name] += 1
        # The first mention is execve's, in the arguments.
        touched = touched or (name != "execve" and str(lake) in line)
        if touched and name not in NOT_STOPPED:
            calls.append((name, seen[name]))
    return calls


def cases(calls):
    """What is injected, and with which codes the import may then end."""
    for name, number in calls:
        yield Case(f"{name}:signal=KILL:when={number}", (DONE, -SIGKILL))
    for failing, error in ERRORS:
        for name, number in calls:
            for forever in ("", "+"):
                if name == failing:
                    yield Case(f"{name}:error={error}:when={number}{forever}", (DONE, FAILED))


def acknowledged(stdout):
    """The hash of the commit that was acknowledged; None if none was."""
    if not stdout.endswith("\n"):
        return None
    return json.loads(stdout.splitlines()[-1]).get("hash")


def newest(scene, lake, expect):
    """The newest commit's hash in a lake that must be whole, and what is wrong with it."""
    done = run([str(scene.antiks), "--lake", str(lake), "verify", "--json", "--expect", expect])
    if done.returncode != DONE:
        return None, [f"verify exits with {done.returncode}: {done.stdout}{done.stderr}"]
    return json.loads(done.stdout)["newest_commit"], []


def check(scene, before, case):
    """Disturbs an import; what is wrong afterwards."""
    with tempfile.TemporaryDirectory(dir=scene.folder) as name:
        lake = Path(name) / "lake"
        shutil.copytree(scene.base, lake)
        options = ["-f", "-qq", "-o", os.devnull, "-e", f"inject={case.inject}"]
        done = run(["strace", *options, *import_command(scene, lake)])
        wrong = []
        if done.returncode not in case.exits:
            wrong.append(f"it exits with {done.returncode}: {done.stderr.strip()}")
        is_mute = case.inject.startswith("write:") and case.inject.endswith("+")
        if done.returncode == FAILED and not is_mute and not done.stderr.startswith("error: "):
            wrong.append(f"it does not say what is wrong: {done.stderr.strip()}")
        told = acknowledged(done.stdout)
        if done.returncode == DONE and told is None:
            wrong.append("it says that it is done, but acknowledges nothing")
        found, more = newest(scene, lake, told or before)
        wrong += more
        again = run(import_command(scene, lake))
        if again.returncode != DONE:
            return [*wrong, f"the import can't be done again: {again.stderr.strip()}"]
        then, more = newest(scene, lake, acknowledged(again.stdout) or found or before)
        if then == before:
            wrong.append("done again, it adds nothing")
        return wrong + more


def main():
    """Prints what failed and a summary; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("antiks", type=Path)
    antiks = parser.parse_args().antiks.resolve()
    failed = passed = 0
    with tempfile.TemporaryDirectory(prefix="antiks-syscalls-") as name:
        folder = Path(name)
        scene = Scene(antiks, folder / "base", folder / "second.ndjson", folder)
        first = folder / "first.ndjson"
        first.write_text(lines("first"), encoding="utf-8")
        scene.events.write_text(lines("second"), encoding="utf-8")
        made = run(import_command(scene._replace(events=first), scene.base))
        before = acknowledged(made.stdout)
        calls = traced_calls(scene)
        todo = list(cases(calls))
        kinds = ", ".join(f"{name} {n}" for name, n in
                          collections.Counter(name for name, _ in calls).most_common())
        print(f"{len(calls)} system calls: {kinds}", flush=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda case: check(scene, before, case), todo)
            for case, wrong in zip(todo, results):
                failed += bool(wrong)
                passed += not wrong
                if wrong:
                    print(f"FAIL {case.inject}", *wrong, sep="\n       ", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
