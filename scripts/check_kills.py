#!/usr/bin/env python3
"""Kills a small loop at random moments, and holds what it comes to against a run that nothing
disturbed: the same events in the same order, the same blobs, and a lake that verifies after
every kill.

    python scripts/check_kills.py target/release/antiks --kills 60
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOOP = [
    "loop", "--iterations=2", "--challenges=6", "--seed=5", "--set=suite_items=2",
    "--set=practice.siblings=12", "--set=practice.siblings_each=4", "--device=cpu", "--json",
]


def run(antiks, folder, *arguments):
    done = subprocess.run([antiks, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def state(antiks, folder):
    events = run(antiks, folder, "sql", "--format=csv", "select id, kind from events order by seq")
    blobs = sorted(it.name for it in (folder / "lake").rglob("*") if "blob" in str(it.parent))
    return events, blobs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("antiks", type=Path)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    antiks, chance = options.antiks.resolve(), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        calm = Path(place) / "calm"
        calm.mkdir()
        begun = time.monotonic()
        run(antiks, calm, *LOOP)
        whole_s = time.monotonic() - begun
        expected = state(antiks, calm)
        kills = runs = 0
        while kills < options.kills:
            folder = Path(place) / f"run{runs}"
            folder.mkdir()
            runs += 1
            while kills < options.kills:
                loop = subprocess.Popen([antiks, *LOOP], cwd=folder, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
                try:
                    loop.wait(timeout=chance.uniform(0.05, whole_s / 2))
                    break
                except subprocess.TimeoutExpired:
                    loop.kill()
                    loop.wait()
                    kills += 1
                if (folder / "lake").exists():
                    run(antiks, folder, "verify")
            run(antiks, folder, *LOOP)
            run(antiks, folder, "verify")
            if state(antiks, folder) != expected:
                sys.exit(f"{folder} came to other events than an undisturbed run")
    print(json.dumps({"kills": kills, "runs": runs, "events": expected[0].count("\n") - 1,
                      "blobs": len(expected[1]), "seconds_undisturbed": round(whole_s, 1)}))


if __name__ == "__main__":
    main()
