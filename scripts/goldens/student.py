#!/usr/bin/env python3
"""Makes tests/data/student: two small base models, a LoRA adapter, and what PyTorch does with them.

    student.py            write everything anew
    student.py --check    make it again elsewhere and compare within 1e-6

transformers gives logits and greedy answers, PEFT the adapter, torch.optim.AdamW the steps; no
line of antiks takes part. All is computed in f32 on one thread with eager attention. Numbers of
many dimensions are in goldens.safetensors, the rest in goldens.json, whose "about" says what
each is. Install requirements.txt (beside this file) first; the run takes a minute.
"""

import argparse
import datetime
import json
import math
import os
import platform
import shutil
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy, log_softmax
from transformers.utils import logging

import student_models as sm

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "data" / "student"
TOLERANCE = 1e-6
# A greedy choice closer than this could fall the other way elsewhere.
CLEAR_GAP = 0.005
MOST_BYTES = 1_500_000
ADAMW = {"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}
LEARNING_RATE, WARMUP_STEPS = 1e-3, 2
LORA_STEPS, FULL_STEPS = 10, 5
# Full training clips at every step, LoRA's at some.
LORA_MAX_NORM, FULL_MAX_NORM = 5.0, 1.0
EXAMPLES_PER_STEP = 3
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

ABOUT = {
    "forward": "ids of sequence i; its logits of all positions are NAME.logits.i (tokens, vocab), without padding; "
    "NAME.hidden.0 (layers + 1, tokens, hidden): the embeddings, then what each layer gives, the last after model.norm",
    "greedy": "prompt is the question, prompt_tokens what the chat template makes of it; tokens are the answer with its "
    "end if it came (ended); logprobs are log_softmax of the logits at each chosen token; text is decoded without special "
    "tokens",
    "tokenizer": "ids without and with what the tokenizer adds by itself; decoded from the first, special tokens kept",
    "examples": "tokens of prompt and answer; the loss counts the answer's only: those from prompt_tokens on, its end "
    "included, each predicted from the position before it",
    "loss": "sum of the answers' cross-entropies of all examples of the batch / number of the answers' tokens of the batch",
    "gradients": "of that loss, before clipping, each example run by itself: NAME.grad.PARAMETER",
    "adapter": "adapter/ on tiny, lora_dropout 0; logits adapter.logits.i of tiny's forward ids",
    "training": "LoRA from adapter/, and full of all parameters (tied in f32 copies of its bf16 weights); the results are "
    "NAME.trained.PARAMETER",
    "step": "g = gradients * min(1, max_norm / (grad_norm + 1e-6)); p = p * (1 - lr * weight_decay); m and v from 0: "
    "m = b1 * m + (1 - b1) * g; v = b2 * v + (1 - b2) * g^2; p = p - lr / (1 - b1^step) * m / (sqrt(v / (1 - b2^step)) + eps); "
    "weight decay falls on every parameter, norms and embeddings too",
    "lr": "step counts from 1: lr * step / warmup_steps for step <= warmup_steps, else "
    "lr / 2 * (1 + cos(pi * (step - 1 - warmup_steps) / (total_steps - warmup_steps)))",
    "noise": "largest difference if sdpa takes the place of eager attention: what f32 alone can change on the machine that "
    "made this",
}


# --- forward


def logits_of(model, ids, **more):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), use_cache=False, **more)


def forward(name, model, sequences, tensors):
    for place, ids in enumerate(sequences):
        out = logits_of(model, ids, output_hidden_states=True)
        tensors[f"{name}.logits.{place}"] = out.logits[0]
        if place == 0 and name != "adapter":
            tensors[f"{name}.hidden.0"] = torch.cat(out.hidden_states)


def greedy(model, tokenizer, question):
    """A greedy answer, made with the cache and held against the logits without it."""
    prompt = sm.chat_ids(tokenizer, question)
    ends = model.generation_config.eos_token_id
    tokens = sm.greedy_ids(model, prompt, ends)
    logits = logits_of(model, prompt + tokens).logits[0, len(prompt) - 1 : -1]
    best = logits.topk(2)
    assert best.indices[:, 0].tolist() == tokens, "with the cache it answers otherwise"
    gap = (best.values[:, 0] - best.values[:, 1]).min().item()
    assert gap > CLEAR_GAP, f"another seed: a choice is as close as {gap}"
    logprobs = log_softmax(logits, -1).gather(1, torch.tensor(tokens)[:, None])[:, 0]
    return {
        "prompt": question,
        "prompt_tokens": prompt,
        "tokens": tokens,
        "text": tokenizer.decode(tokens, skip_special_tokens=True),
        "logprobs": logprobs.tolist(),
        "ended": tokens[-1] in (ends if isinstance(ends, list) else [ends]),
    }


# --- text


def tokenizer_cases(tokenizer):
    texts = ["SELECT name FROM customers", "  two  spaces\nand a line", "naïve 價格 €5 🦀", "a</s>b <s>", "", "it's 'x'", "\t0.5%"]
    cases = []
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False)
        cases.append(
            {
                "text": text,
                "ids": ids,
                "ids_with_special": tokenizer.encode(text),
                "decoded": tokenizer.decode(ids, skip_special_tokens=False),
            }
        )
    return cases


def chat_cases(tokenizer):
    user = {"role": "user", "content": " How many orders? "}
    answer = {"role": "assistant", "content": "SELECT COUNT(*) FROM orders"}
    again = {"role": "user", "content": "And {{ visits }}?\nWith <b>care</b>"}
    cases = []
    for messages in ([user], [user, answer], [user, answer, again]):
        for prompt in (False, True):
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
            ids = tokenizer.encode(text, add_special_tokens=False)
            cases.append({"messages": messages, "add_generation_prompt": prompt, "text": text, "ids": ids})
    return cases


# --- training


def examples_of(tokenizer):
    examples = []
    for question, answer in sm.questions():
        prompt, completion = sm.chat_ids(tokenizer, question, answer)
        examples.append({"ids": prompt + completion, "prompt_tokens": len(prompt)})
    return examples


def backward(model, batch):
    """The loss of a batch and the number of tokens it is over; gradients add up in the model."""
    count = sum(len(example["ids"]) - example["prompt_tokens"] for example in batch)
    total = 0.0
    for example in batch:
        ids, first = torch.tensor([example["ids"]]), example["prompt_tokens"]
        logits = model(input_ids=ids, use_cache=False).logits[0, first - 1 : -1]
        loss = cross_entropy(logits, ids[0, first:], reduction="sum") / count
        loss.backward()
        total += loss.item()
    return total, count


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def rate(step, total):
    if step <= WARMUP_STEPS:
        return LEARNING_RATE * step / WARMUP_STEPS
    share = (step - 1 - WARMUP_STEPS) / (total - WARMUP_STEPS)
    return LEARNING_RATE / 2 * (1 + math.cos(math.pi * share))


def train(model, examples, total, max_norm):
    """`total` steps, and the gradients of the first."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, foreach=False, **ADAMW)
    steps, first = [], None
    for step in range(1, total + 1):
        chosen = [(EXAMPLES_PER_STEP * (step - 1) + i) % len(examples) for i in range(EXAMPLES_PER_STEP)]
        optimizer.zero_grad(set_to_none=True)
        loss, count = backward(model, [examples[place] for place in chosen])
        first = first or gradients(model)
        norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm, foreach=False).item()
        optimizer.param_groups[0]["lr"] = rate(step, total)
        optimizer.step()
        report = {"step": step, "examples": chosen, "loss_tokens": count, "loss": loss}
        steps.append(report | {"grad_norm": norm, "lr": rate(step, total)})
    return steps, first


def settings(total, max_norm):
    schedule = {"lr": LEARNING_RATE, "warmup_steps": WARMUP_STEPS, "total_steps": total}
    return ADAMW | schedule | {"max_norm": max_norm}


def full_training(name, model, examples, tensors):
    steps, first = train(model, examples, FULL_STEPS, FULL_MAX_NORM)
    for parameter, gradient in first.items():
        tensors[f"{name}.grad.{parameter}"] = gradient
    for parameter, value in model.named_parameters():
        tensors[f"{name}.trained.{parameter}"] = value.detach()
    return {"settings": settings(FULL_STEPS, FULL_MAX_NORM), "steps": steps}


# --- the adapter


def make_adapter(folder, base):
    """A LoRA on all seven linears whose B is not 0, saved by PEFT."""
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=LINEARS, task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.requires_grad:
                tensor.copy_(0.12 * sm.drawn(name, tensor.shape))
    model.peft_config["default"].base_model_name_or_path = "tiny"
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    # Its list of layers is a set's, whose order differs from run to run.
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    config["target_modules"] = LINEARS
    sm.write_json(folder / "adapter_config.json", config)


def with_adapter(folder, attention):
    base, tokenizer = sm.load(folder / "tiny", attention)
    model = PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True).eval()
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert len(trained) == 2 * len(LINEARS) * base.config.num_hidden_layers
    return model, tokenizer


def file_names(model, values):
    """The names that tensors of an adapter have in PEFT's file."""
    return get_peft_model_state_dict(model, values)


# --- all of it


def describe_model(folder, name, tensors, attention):
    model, tokenizer = sm.load(folder / name, attention)
    examples = examples_of(tokenizer)
    sequences = [examples[14]["ids"][:40], examples[3]["ids"][:9]]
    forward(name, model, sequences, tensors)
    facts = {"forward": sequences, "greedy": [greedy(model, tokenizer, question) for question in sm.PROMPTS]}
    facts |= {"tokenizer": tokenizer_cases(tokenizer), "chat": chat_cases(tokenizer), "examples": examples}
    facts["full"] = full_training(name, model, examples, tensors)
    return facts


def describe_adapter(folder, tiny, tensors, attention):
    model, tokenizer = with_adapter(folder, attention)
    forward("adapter", model, tiny["forward"], tensors)
    facts = {"greedy": [greedy(model, tokenizer, question) for question in sm.PROMPTS]}
    steps, first = train(model, tiny["examples"], LORA_STEPS, LORA_MAX_NORM)
    assert all(gradient.abs().max() > 1e-4 for gradient in first.values())
    for name, gradient in file_names(model, first).items():
        tensors[f"adapter.grad.{name}"] = gradient
    for name, value in file_names(model, model.state_dict()).items():
        tensors[f"adapter.trained.{name}"] = value
    return facts | {"settings": settings(LORA_STEPS, LORA_MAX_NORM), "steps": steps}


def describe(folder, attention="eager"):
    tensors = {}
    facts = {name: describe_model(folder, name, tensors, attention) for name in ("tiny", "tied")}
    facts["adapter"] = describe_adapter(folder, facts["tiny"], tensors, attention)
    return facts, {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}


def noise(folder, tensors):
    _, others = describe(folder, "sdpa")
    groups = {}
    for name, tensor in tensors.items():
        group = ".".join(name.split(".")[:2])
        groups[group] = max(groups.get(group, 0.0), (tensor - others[name]).abs().max().item())
    return groups


def make(folder):
    """Writes all files into a folder that is not there or empty."""
    sm.make_tiny(folder / "tiny")
    sm.make_tied(folder / "tied")
    make_adapter(folder / "adapter", sm.load(folder / "tiny")[0])
    facts, tensors = describe(folder)
    made = {name: version(name) for name in ("torch", "transformers", "peft", "tokenizers", "safetensors")}
    made |= {"python": platform.python_version(), "date": datetime.date.today().isoformat()}
    made["program"] = "scripts/goldens/student.py"
    (folder / "goldens.json").write_text(
        compact({"made": made, "about": ABOUT, "noise": noise(folder, tensors)} | facts), encoding="utf-8"
    )
    save_file(tensors, folder / "goldens.safetensors")
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < MOST_BYTES, f"{size} bytes are too many"


def compact(value, depth=0):
    """JSON with lists of numbers on one line each."""
    nested = isinstance(value, (dict, list)) and any(isinstance(v, (dict, list, str)) for v in iter_values(value))
    if not nested and not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    pad, end = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    if isinstance(value, list):
        return "[" + ",".join(pad + compact(v, depth + 1) for v in value) + end + "]"
    pairs = (f"{json.dumps(k)}: {compact(v, depth + 1)}" for k, v in value.items())
    return "{" + ",".join(pad + pair for pair in pairs) + end + "}" + ("" if depth else "\n")


def iter_values(value):
    return value.values() if isinstance(value, dict) else value


# --- comparing


def differences(made, kept, where):
    """Places where two JSON values are not the same within the tolerance."""
    if isinstance(made, dict) and isinstance(kept, dict) and made.keys() == kept.keys():
        for key in made:
            yield from differences(made[key], kept[key], f"{where}.{key}")
    elif isinstance(made, list) and isinstance(kept, list) and len(made) == len(kept):
        for place, pair in enumerate(zip(made, kept)):
            yield from differences(*pair, f"{where}[{place}]")
    elif isinstance(made, float) and isinstance(kept, float):
        if not math.isclose(made, kept, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield f"{where}: {made} is not {kept}"
    elif made != kept:
        yield f"{where}: {made!r} is not {kept!r}"


def compare(made, kept):
    names = {str(path.relative_to(folder)) for folder in (made, kept) for path in folder.rglob("*") if path.is_file()}
    # What antiks itself was found to do is not made here.
    for name in sorted(names - {"peft_check.json"}):
        here, there = made / name, kept / name
        if not (here.exists() and there.exists()):
            yield f"{name} is only in one of the folders"
        elif name.endswith(".json"):
            values = [json.loads(path.read_text(encoding="utf-8")) for path in (here, there)]
            for value in values if name == "goldens.json" else []:
                del value["made"], value["noise"]
            yield from differences(*values, name)
        elif name.endswith(".safetensors"):
            ours, theirs = load_file(here), load_file(there)
            if ours.keys() != theirs.keys():
                yield f"{name}: other tensors"
                continue
            for tensor, value in ours.items():
                if value.dtype != theirs[tensor].dtype or value.shape != theirs[tensor].shape:
                    yield f"{name}: {tensor} has another type or shape"
                elif not torch.allclose(value.float(), theirs[tensor].float(), rtol=TOLERANCE, atol=TOLERANCE):
                    worst = (value.float() - theirs[tensor].float()).abs().max().item()
                    yield f"{name}: {tensor} is off by up to {worst}"
        elif here.read_bytes() != there.read_bytes():
            yield f"{name} has other bytes"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="Could not find a config file")
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "student"
        make(made)
        if arguments.check:
            found = list(compare(made, FOLDER))
            print("\n".join(found) or "tests/data/student is what PyTorch makes")
            sys.exit(1 if found else 0)
        for name in ("tiny", "tied", "adapter"):
            shutil.rmtree(FOLDER / name, ignore_errors=True)
        shutil.copytree(made, FOLDER, dirs_exist_ok=True)
    print(f"written: {FOLDER}")


if __name__ == "__main__":
    main()
