#!/usr/bin/env bash
# Measures the student on one GPU and holds it against PyTorch and the card's own limits.
#
#     scripts/bench_gpu.sh BENCH [PART...]     parts: train compiled ragged decode static
#
# BENCH is the binary of benches/student.rs, built with `--features cuda`. It and
# scripts/peers/student_gpu.py run in turn, each task a process of its own, RUNS times (1).
# PYTHON (python3) must have torch with CUDA, transformers and peft. Every process's line of
# JSON is printed as it comes, and at the end a table of medians, without what failed, which
# makes the script fail. Shares are of what bf16 products of 8192³ and a copy on the device
# reached just before, the higher of ours and torch's. All parts take about 9 minutes once on
# an H100, most of them the peer's.
set -euo pipefail

fail() {
    printf 'bench_gpu: %s\n' "$*" >&2
    exit 1
}

[[ $# -ge 1 && $1 != -* ]] || fail "usage: scripts/bench_gpu.sh BENCH [train|compiled|ragged|decode|static]..."
bench="$1"
shift
[[ -x $bench ]] || fail "$bench is no program"
[[ $bench == */* ]] || bench="./$bench"
python="${PYTHON:-python3}"
runs="${RUNS:-1}"
peer="$(dirname "${BASH_SOURCE[0]}")/peers/student_gpu.py"
parts=("$@")
[[ $# -gt 0 ]] || parts=(train compiled ragged decode static)
lines="$(mktemp)"
trap 'rm -f "$lines"' EXIT
failed=0

# measure WHO NAME COMMAND...: runs a command and keeps its last line, with who and what it was.
measure() {
    local who="$1" name="$2" line
    shift 2
    if line="$("$@" | tail -n 1)" && [[ $line == "{"* ]]; then
        line="{\"who\": \"$who\", \"name\": \"$name\", ${line#\{}"
        printf '%s\n' "$line" | tee -a "$lines"
    else
        printf 'bench_gpu: failed: %s\n' "$*" >&2
        failed=$((failed + 1))
    fi
}

ours() { measure ours "$1" "$bench" "${@:2}"; }
theirs() { measure peer "$1" "$python" "$peer" "${@:2}"; }

for ((run = 0; run < runs; run++)); do
    ours ceilings gpu-ceilings
    theirs ceilings ceilings
    for part in "${parts[@]}"; do
        case "$part" in
        train)
            ours train gpu-train
            theirs train train
            ;;
        compiled)
            theirs compiled train --compile
            ;;
        ragged)
            ours ragged gpu-ragged
            theirs ragged ragged
            ;;
        decode)
            for batch in 1 32; do
                ours "decode-$batch" gpu-decode --batch "$batch"
                ours "bare-$batch" gpu-decode --batch "$batch" --bare
                theirs "decode-$batch" decode --batch "$batch"
            done
            ;;
        static)
            for batch in 1 32; do
                theirs "static-$batch" decode --batch "$batch" --static
            done
            ;;
        *) fail "there is no part $part" ;;
        esac
    done
done

"$python" - "$lines" <<'TABLE'
import json
import statistics
import sys
from collections import defaultdict

found = defaultdict(list)
for line in open(sys.argv[1], encoding="utf-8"):
    line = json.loads(line)
    found[line["who"], line["name"]].append(line)


def figure(who, name, key):
    """The median of a figure, or None if it was not measured."""
    values = [line[key] for line in found[who, name] if line.get(key) is not None]
    return statistics.median(values) if values else None


def ceiling(key):
    return max((figure(who, "ceilings", key) or 0.0 for who in ("ours", "peer")), default=0.0)


tflops, bandwidth = ceiling("matmul_tflops"), ceiling("copy_tb_per_s")
# From the peer, which counts its own model's weights: Mistral-7B's, if it did not run.
GFLOP_PER_TOKEN, WEIGHTS_GB = 28.95, 14.22


def product_share(rate, name):
    per_token = figure("peer", name, "gflop_per_token") or GFLOP_PER_TOKEN
    return rate * per_token / 1e3 / tflops if tflops else None


def copy_share(rate, name, batch):
    weights = figure("peer", name, "weights_gb") or WEIGHTS_GB
    return rate / (batch * bandwidth * 1e3 / weights) if bandwidth else None


def show(value, pattern):
    return "" if value is None else format(value, pattern)


# What is compared: (text, our name, peer's name, key, share of a ceiling).
compared = [
    ("train 8×512, peer eager", "train", "train", "tokens_per_s", product_share),
    ("train 8×512, peer compiled", "train", "compiled", "tokens_per_s", product_share),
    ("ragged, useful tokens", "ragged", "ragged", "useful_tokens_per_s", product_share),
    ("ragged, seconds of the whole process", "ragged", "ragged", "seconds", None),
]
for batch in (1, 32):

    def share(rate, name, batch=batch):
        return copy_share(rate, name, batch)

    compared += [
        (f"decode × {batch}, ours with adapter, peer bare", f"decode-{batch}", f"decode-{batch}", "new_tokens_per_s", share),
        (f"decode × {batch}, both bare", f"bare-{batch}", f"decode-{batch}", "new_tokens_per_s", share),
        (f"decode × {batch}, both bare, peer compiled", f"bare-{batch}", f"static-{batch}", "new_tokens_per_s", share),
    ]

device = next((line["device"] for group in found.values() for line in group if "device" in line), "?")
print(f"\n{device}: products {tflops:.0f} TFLOP/s, copies {bandwidth:.2f} TB/s")
print("shares: of products in training, of copies in decoding; times: our speed over the peer's\n")
names = ["what", "ours", "peer", "times", "our share", "peer's share", "our GB", "peer GB"]
print("|", " | ".join(names), "|")
print("|---" * len(names) + "|")
for text, our_name, peer_name, key, share in compared:
    ours, peer = figure("ours", our_name, key), figure("peer", peer_name, key)
    if ours is None and peer is None:
        continue
    times = None if ours is None or peer is None else (peer / ours if key == "seconds" else ours / peer)
    cells = [
        text,
        show(ours, ",.1f"),
        show(peer, ",.1f"),
        show(times, ".2f"),
        *(show(share(rate, peer_name) if share and rate else None, ".2f") for rate in (ours, peer)),
        show(figure("ours", our_name, "peak_gb"), ".1f"),
        show(figure("peer", peer_name, "peak_gb"), ".1f"),
    ]
    print("|", " | ".join(cells), "|")
TABLE

[[ $failed -eq 0 ]] || fail "$failed measurements failed, as said above"
