"""Holds an adapter that antiks trained against PEFT, which must load it and answer the same.

It trains a LoRA on tests/data/student/tiny with antiks, lets antiks answer prompts with it,
loads the same files with PeftModel.from_pretrained, and demands that

- the file has the tensors that PEFT would save, no more and no fewer;
- each answer's greedy tokens and text are equal, and its log-probabilities within 1e-3;
- the adapter moves those log-probabilities by much more than that.

Run it with `python scripts/check_peft.py ANTIKS_BINARY [--record FILE]`
(scripts/goldens/requirements.txt installed). It exits with 1 if any of this fails;
--record writes what was found.
"""

import argparse
import datetime
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "tests" / "data" / "student" / "tiny"
TOLERANCE = 1e-3
# How far the adapter must move the log-probabilities, on average.
LEAST_CHANGE = 10 * TOLERANCE
EXAMPLES = 1200
NEW_TOKENS = 12
# All linear layers of the two blocks, an A and a B each.
TENSORS = 2 * 7 * 2

TABLES = {
    "orders": ["amount", "paid_on", "customer_id", "channel"],
    "customers": ["name", "city", "joined_on", "segment"],
    "visits": ["doctor", "fee", "seen_on", "room"],
    "products": ["title", "price", "stock", "colour"],
}
PROMPTS = [
    "Count orders",
    "Which city has most customers?",
    "fee by doctor, only above 20",
    "The dearest of all products",
    "How many visits were there in room 5?",
    "List amount and channel of orders",
    "naïve 価格 €5?",
    "?",
]


def examples():
    """Questions and their SQL, all different."""
    draw = random.Random(1)
    lines = set()
    while len(lines) < EXAMPLES:
        table = draw.choice(sorted(TABLES))
        one, other = draw.sample(TABLES[table], 2)
        number = draw.randrange(100)
        lines.add(
            draw.choice(
                [
                    (f"Count {table} with {one} {number}", f"SELECT COUNT(*) FROM {table} WHERE {one} = {number}"),
                    (f"{one} by {other}?", f"SELECT {other}, SUM({one}) FROM {table} GROUP BY {other}"),
                    (f"Top {number} {table} by {one}", f"SELECT * FROM {table} ORDER BY {one} DESC LIMIT {number}"),
                ]
            )
        )
    return sorted(lines)


def write_lines(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


def run(antiks, *arguments):
    """Runs antiks; gives its output."""
    done = subprocess.run([str(antiks), *map(str, arguments)], stdout=subprocess.PIPE, encoding="utf-8")
    if done.returncode != 0:
        sys.exit(f"antiks {arguments[0]} failed with {done.returncode}")
    return done.stdout


def train(antiks, folder):
    """Trains an adapter; gives its folder."""
    data, adapter = folder / "train.jsonl", folder / "adapter"
    chats = [[{"role": "user", "content": prompt}, {"role": "assistant", "content": sql}] for prompt, sql in examples()]
    write_lines(data, [{"messages": chat} for chat in chats])
    lora = ["--lora-rank", 4, "--epochs", 2, "--seed", 1]
    run(antiks, "train", "--base", BASE, "--data", data, "--out", adapter, *lora)
    return adapter


def answers(antiks, adapter, folder):
    """What antiks answers to the prompts."""
    file = folder / "prompts.jsonl"
    write_lines(file, [{"prompt": prompt} for prompt in PROMPTS])
    settings = ["--max-new-tokens", NEW_TOKENS, "--json"]
    output = run(antiks, "generate", "--base", BASE, "--adapter", adapter, "--file", file, *settings)
    lines = [json.loads(line) for line in output.splitlines()]
    if [line["prompt"] for line in lines] != PROMPTS:
        sys.exit("antiks does not answer the prompts in their order")
    return lines


def prompt_ids(tokenizer, prompt):
    """The prompt as one user message through the chat template."""
    messages = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return tokenizer.encode(text, add_special_tokens=False)


def greedy(model, prompt):
    """The greedy answer's ids, its end included."""
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=NEW_TOKENS,
            pad_token_id=0,
        )
    return out[0, len(prompt) :].tolist()


def logprobs(model, prompt, tokens):
    """log_softmax of the logits at each token of an answer, and the least gap to the second best."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt + tokens]), use_cache=False).logits[0, len(prompt) - 1 : -1]
    best = logits.topk(2).values
    gap = (best[:, 0] - best[:, 1]).min().item()
    return logits.log_softmax(-1).gather(1, torch.tensor(tokens)[:, None])[:, 0], gap


def check_tensors(model, adapter):
    """Faults of the adapter's file."""
    file = load_file(adapter / "adapter_model.safetensors")
    expected = get_peft_model_state_dict(model)
    if file.keys() != expected.keys():
        yield f"tensors that PEFT would not save or has not got: {sorted(file.keys() ^ expected.keys())}"
    if len(file) != TENSORS:
        yield f"{len(file)} tensors where {TENSORS} should be"
    for name in sorted(file.keys() & expected.keys()):
        if not torch.equal(file[name].float(), expected[name].float()):
            yield f"{name}: PEFT has other values"
        if not file[name].any():
            yield f"{name}: all is 0"


def compare(model, tokenizer, answer):
    """Compares one answer; gives faults and figures."""
    prompt = prompt_ids(tokenizer, answer["prompt"])
    tokens = greedy(model, prompt)
    theirs, gap = logprobs(model, prompt, tokens)
    with model.disable_adapter():
        base, _ = logprobs(model, prompt, tokens)
        moved = greedy(model, prompt) != tokens
    faults, difference = [], None
    if answer["tokens"] != tokens:
        faults.append(f"{answer['tokens']} where PEFT has {tokens}, whose closest choice is by {gap:.2g}")
    elif answer["text"] != tokenizer.decode(tokens, skip_special_tokens=True):
        faults.append(f"the text {answer['text']!r} is not what the tokens say")
    if len(answer["logprobs"]) != len(answer["tokens"]):
        faults.append(f"{len(answer['logprobs'])} logprobs for {len(answer['tokens'])} tokens")
    elif answer["tokens"] == tokens:
        difference = (torch.tensor(answer["logprobs"]) - theirs).abs().max().item()
        # Written so that a NaN is a fault.
        if not difference <= TOLERANCE:
            faults.append(f"logprobs differ by {difference}")
    return faults, {"difference": difference, "change": (theirs - base).abs(), "moved": moved}


def check(adapter, lines):
    """All faults, and the figures of the record."""
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    base = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32, attn_implementation="eager")
    model = PeftModel.from_pretrained(base, adapter).eval()
    faults = list(check_tensors(model, adapter))
    compared = []
    for line in lines:
        found, figures = compare(model, tokenizer, line)
        compared.append(figures)
        faults += [f"{line['prompt']!r}: {fault}" for fault in found]
    change = torch.cat([figures["change"] for figures in compared])
    if not change.mean().item() >= LEAST_CHANGE:
        faults.append(f"the adapter changes logprobs by {change.mean().item():.2g} only: the check proves little")
    differences = [figures["difference"] for figures in compared if figures["difference"] is not None]
    return faults, {
        "prompts": len(lines),
        "tokens": len(change),
        "largest_logprob_difference": max(differences, default=None),
        "tolerance": TOLERANCE,
        "mean_change_of_logprobs_by_adapter": change.mean().item(),
        "answers_changed_by_adapter": sum(figures["moved"] for figures in compared),
    }


def versions(antiks):
    made = {name: version(name) for name in ("torch", "transformers", "peft", "safetensors", "tokenizers")}
    return made | {"python": platform.python_version(), "antiks": run(antiks, "--version").strip()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("antiks", type=Path, help="the binary")
    parser.add_argument("--record", type=Path, help="write the outcome to this file")
    arguments = parser.parse_args()
    antiks = arguments.antiks.resolve()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    warnings.simplefilter("ignore", FutureWarning)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        adapter = train(antiks, folder)
        faults, figures = check(adapter, answers(antiks, adapter, folder))
    for fault in faults:
        print(fault)
    outcome = {"program": "scripts/check_peft.py", "passed": not faults, "date": datetime.date.today().isoformat()}
    outcome |= {"versions": versions(antiks), "faults": faults} | figures
    if arguments.record:
        arguments.record.write_text(json.dumps(outcome, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(figures))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
