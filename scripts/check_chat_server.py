"""Lets a real OpenAI-compatible server be the teacher of a loop, and holds what comes of it.

Started by scripts/check_chat_server.sh with the binary and an interpreter that has
transformers[serving]. Exits with 1 and a sentence at the first thing that is not as it must be.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "models" / "nano"
SERVE = "from transformers.cli.transformers import main; main()"
START_S = 180
RUN_S = 1_500
# A call that proposes, and once more.
MOST_CALLS = 2


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def start(python, port, log):
    code = f"import sys; sys.argv = ['transformers', *sys.argv[1:]]; {SERVE}"
    command = [python, "-c", code, "serve", str(MODEL), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--device", "cpu", "--log-level", "info"]
    environment = dict(os.environ, HF_HUB_OFFLINE="1")
    server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    for _ in range(START_S):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5) as answer:
                return server, json.load(answer)
        except OSError:
            time.sleep(1)
    server.kill()
    sys.exit("the server did not start")


def main():
    antiks, python = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "server.log", "w+") as log:
        port = free_port()
        server, models = start(python, port, log)
        try:
            check(antiks, f"http://127.0.0.1:{port}/v1", models, folder, log)
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()


def check(antiks, url, models, folder, log):
    loop = ["loop", "--teacher", url, "--iterations", "1", "--challenges", "1"]
    loop += ["--set", "suite_items=2", "--device", "cpu"]

    def run(*arguments):
        command = [antiks, *arguments]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=RUN_S, check=False
        )

    def rows(sql):
        ran = run("sql", "--format", "json", sql)
        expect(ran.returncode == 0, ran.stderr)
        return json.loads(ran.stdout)

    def served():
        log.seek(0)
        return log.read().count("POST /v1/chat/completions")

    print("the server has", [it["id"] for it in models["data"]])
    plan = run(*loop, "--dry-run")
    expect("unknown, since the server lists no prices" in plan.stdout, plan.stdout + plan.stderr)
    capped = run(*loop, "--max-cost", "1")
    expect(capped.returncode == 2 and "lists no prices" in capped.stderr, capped.stderr)
    expect(served() == 0, "a call was made before the loop began")

    began = time.monotonic()
    ran = run(*loop)
    print(f"{time.monotonic() - began:.0f} s\n{ran.stderr}")
    expect(ran.returncode == 1, "the loop went on with what the model proposed")
    expect("nothing that the teacher proposed may be asked" in ran.stderr, "without a reason")
    calls = rows(
        "select request, outcome, http_status, prompt_tokens, output_tokens, cost_microusd, "
        "finish_reason, detail from teacher_calls order by seq"
    )
    for call in calls:
        print(call)
    expect(0 < len(calls) <= MOST_CALLS, f"{len(calls)} calls")
    expect(served() == len(calls), f"{served()} calls were served, {len(calls)} are recorded")
    for call in calls:
        expect(call["http_status"] == 200 and call["prompt_tokens"] > 0, "no whole answer")
        expect(call["outcome"] == "refused" and call["detail"], "not refused with a reason")
        expect(call["cost_microusd"] is None, "an unknown cost was made up")
    asked = rows("select count(*) as n from challenges where purpose = 'train'")[0]["n"]
    expect(asked == 0, f"{asked} proposals were accepted")
    verified = run("verify")
    expect(verified.returncode == 0, verified.stdout + verified.stderr)

    ran = run(*loop)
    expect(ran.returncode == 1 and served() == len(calls), "what was answered was asked again")
    print(f"{len(calls)} calls, all answered and refused with reasons; none accepted, none again")


def expect(is_so, what):
    if not is_so:
        sys.exit(f"FAILED: {what}")


if __name__ == "__main__":
    main()
