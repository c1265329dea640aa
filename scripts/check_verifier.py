"""Plants damage in lakes and expects verify_lake.py and `antiks verify` to find it.

Proves that both verifiers call a whole lake whole, and that each of them finds and names
what was damaged: bytes, missing and stray files, and forgeries by someone who makes all
file hashes and the chain of commits fit again. What the format can't show (a lake whose
newest commit was taken away, or whose ids and trees were all made anew) is checked to be
just that, and to be found with `--expect`.

Run it with `python scripts/check_verifier.py ANTIKS_BINARY` (scripts/requirements.txt
installed). It prints a line for each case and exits with 1 if any failed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import lake_format as lf
import planted_damage as pd

VECTORS = pd.ROOT / "tests" / "data" / "event_vectors.ndjson"
VERIFIER = Path(__file__).resolve().parent / "verify_lake.py"


def ask(command):
    """Exit code, files with findings, and what is amiss with the report itself."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        findings = json.loads(done.stdout)["findings"]
        files = {finding.get("file") or finding.get("path") for finding in findings}
    except (ValueError, KeyError) as error:
        return done.returncode, set(), f"no report ({error}): {done.stderr.strip()[-300:]}"
    return done.returncode, files, "traceback" if "Traceback" in done.stderr else ""


def fresh_copy(lake, at):
    """A copy of the lake to be damaged."""
    shutil.rmtree(at, ignore_errors=True)
    shutil.copytree(lake, at)


def report(name, wrong):
    """Prints a case's line; whether it passed."""
    print(f"{'FAIL' if wrong else 'ok  '} {name}", *wrong, sep="\n       ", flush=True)
    return not wrong


def check_case(antiks, at, name, damage):
    """Plants the damage in a copy; whether both verifiers say what they should.

    One of the files that the damage gives must be named, or no file if it gives none.
    """
    expected = damage(at)
    wrong = []
    for command in (
        [sys.executable, VERIFIER, at, "--json"],
        [antiks, "--lake", at, "verify", "--json"],
    ):
        code, files, amiss = ask(command)
        named = any(file.startswith(tuple(expected)) for file in files)
        if amiss or code != (3 if expected else 0) or named != bool(expected):
            who = Path(command[1]).name if command[0] == sys.executable else "antiks"
            wrong.append(f"{who} exits {code} and names {sorted(files)}, not {expected} {amiss}")
    return report(name, wrong)


def check_expect(antiks, lake, at):
    """With the newest commit's hash, `antiks verify` finds that the commit was taken away."""
    newest = lf.record_path(len(pd.read_log(lake)) - 1)
    digest = lf.open_frame("commit", (lake / newest).read_bytes())[1]
    pd.remove(newest)(at)
    wrong = []
    for folder, expected in ((lake, 0), (at, 3)):
        command = [antiks, "--lake", folder, "verify", "--expect", digest, "--json"]
        code, _, amiss = ask(command)
        if amiss or code != expected:
            wrong.append(f"antiks exits {code}, not {expected} {amiss}")
    return report("no newest record, with --expect", wrong)


def check_vectors(bodies, vectors):
    """The ids and leaves that antiks gave are those of event_vectors.ndjson."""
    tree, wrong = lf.Tree(), []
    for vector in vectors[: bodies[-1]["tree"]["size"]]:  # those of the example come first
        tree.append(bytes.fromhex(vector["leaf"]))
    if bodies[-1]["tree"] != tree.stated():
        wrong.append(f"antiks has {bodies[-1]['tree']}, the vectors have {tree.stated()}")
    return report("the leaves of event_vectors.ndjson make antiks' tree", wrong)


def main():
    """All cases, and what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("antiks", type=Path, help="the program")
    antiks = parser.parse_args().antiks.resolve()
    vectors = [json.loads(line) for line in VECTORS.read_text(encoding="utf-8").splitlines()]
    ids = {vector["label"]: vector["id"] for vector in vectors}
    with tempfile.TemporaryDirectory(prefix="antiks-verifier-") as name:
        folder = Path(name)
        plain, lake, at = folder / "plain", folder / "lake", folder / "copy"
        pd.make_lake(antiks, plain, folder, ids)
        fresh_copy(plain, lake)
        pd.add_snapshot(antiks, lake, folder)
        pd.add_call(lake)
        bodies = pd.read_log(plain)
        fresh_copy(plain, at)
        results = [check_vectors(bodies, vectors), check_expect(antiks, plain, at)]
        for source, cases in (
            (plain, pd.cases_of_limits(bodies)),
            (plain, pd.cases_of_forgers(bodies, ids)),
            (lake, [("no damage to snapshots and calls", lambda _: set())]),
            (lake, pd.cases_of_snapshots()),
            (lake, pd.cases_of_calls()),
            (lake, pd.cases_of_files(lake)),
        ):
            for name, damage in cases:
                fresh_copy(source, at)
                results.append(check_case(antiks, at, name, damage))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
