"""Holds the embedded student against transformers: both must give the same greedy answers.

It lets antiks answer the 50 prompts of tests/data/nano/prompts.ndjson with models/nano, loads
the same folder with AutoTokenizer and AutoModelForCausalLM, and demands the same prompt
tokens (by the folder's own chat template), the same answer tokens and the same text.

Run it with `python scripts/check_nano.py ANTIKS_BINARY` (scripts/goldens/requirements.txt
installed). It exits with 1 if an answer differs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "models" / "nano"
PROMPTS = ROOT / "tests" / "data" / "nano" / "prompts.ndjson"
NEW_TOKENS = 256


def main():
    command = [sys.argv[1], "generate", "--base", BASE, "--file", PROMPTS, "--json"]
    command += ["--device", "cpu", "--max-new-tokens", str(NEW_TOKENS)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    ours = [json.loads(line) for line in ran.stdout.splitlines()]
    chats = [json.loads(line)["messages"] for line in PROMPTS.read_text().splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()
    differing = 0
    for number, (chat, answer) in enumerate(zip(chats, ours, strict=True)):
        asked = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(asked, add_special_tokens=False, return_tensors="pt")
        with torch.no_grad():
            said = model.generate(**ids, max_new_tokens=NEW_TOKENS, do_sample=False)
        tokens = said[0, ids["input_ids"].shape[1] :].tolist()
        text = tokenizer.decode(tokens, skip_special_tokens=True)
        if tokens != answer["tokens"] or text != answer["text"]:
            differing += 1
            print(f"prompt {number + 1}:\n  antiks       {answer['text']}\n  transformers {text}")
    print(f"{len(chats) - differing} of {len(chats)} answers are the same")
    return differing > 0


if __name__ == "__main__":
    sys.exit(main())
