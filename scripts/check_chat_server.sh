#!/usr/bin/env bash
# The chat teacher against a real OpenAI-compatible server with a real, small model over HTTP:
# `transformers serve` on models/nano, on loopback. The model has never heard of JSON, so all
# that it proposes must be refused, with reasons, after a bounded number of calls.
#
#   scripts/check_chat_server.sh ANTIKS_BINARY
#
# The server comes from PyPI into a virtual environment below ~/.cache/antiks-ci (PyTorch is
# large); PYTHON names another interpreter that has transformers[serving] and torch already.
set -euo pipefail
cd "$(dirname "$0")/.."
antiks=$(realpath "$1")

if [ -z "${PYTHON:-}" ]; then
    venv="$HOME/.cache/antiks-ci/venv-serve"
    if ! "$venv/bin/python" -c 'import fastapi, torch, transformers, uvicorn' 2>/dev/null; then
        python3 -m venv "$venv"
        # The build without CUDA is a tenth of the other, but not on PyPI.
        "$venv/bin/pip" install --quiet --retries 1 --timeout 20 torch \
            --index-url https://download.pytorch.org/whl/cpu ||
            "$venv/bin/pip" install --quiet torch
        "$venv/bin/pip" install --quiet 'transformers[serving]==5.24.0'
    fi
    PYTHON="$venv/bin/python"
fi
exec python3 scripts/check_chat_server.py "$antiks" "$PYTHON"
