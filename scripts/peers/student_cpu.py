"""What PyTorch, transformers and PEFT need on a CPU for the work that benches/student.rs does.

    student_cpu.py make DIR                 write a base model of 4.75M random parameters
    student_cpu.py train DIR --threads N    train a LoRA on it
    student_cpu.py decode DIR --threads N   let it answer greedily

train and decode print one line of JSON; scripts/bench_student.py runs them in turn with ours.
`make` needs safetensors and numpy, the rest goldens/requirements.txt.

All is f32. Of the ways to do the same work, those are chosen that are fast here: sdpa, fused
AdamW, logits only where a loss or a next token needs them, no clipping, and a loop of our own
in place of generate, whose answers it gives. `train --compile` puts torch.compile upon that;
its warm-up is not timed. (Decoding gained nothing from it, nor from a static cache.)
"""

import argparse
import json
import os
import platform
import time
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

LAYERS, HIDDEN, HEADS, KEY_VALUE_HEADS, INTERMEDIATE, VOCAB = 6, 256, 8, 2, 704, 2048
HEAD = HIDDEN // HEADS
POSITIONS = 512
BOS, EOS = 256, 257
SEED = 1

RANK, ALPHA = 32, 64
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
EXAMPLES, EXAMPLE_TOKENS, LEARNED_TOKENS = 8, 226, 47
TRAIN_WARMUP_STEPS = 2

PROMPTS, PROMPT_TOKENS, NEW_TOKENS = 32, 128, 64


# --- the base model


def shapes():
    """Names and shapes of all tensors, as Hugging Face has them."""
    yield "model.embed_tokens.weight", (VOCAB, HIDDEN)
    for layer in range(LAYERS):
        block = f"model.layers.{layer}"
        key_value = KEY_VALUE_HEADS * HEAD
        for name, rows in (("q", HIDDEN), ("k", key_value), ("v", key_value), ("o", HIDDEN)):
            yield f"{block}.self_attn.{name}_proj.weight", (rows, HIDDEN)
        for name, shape in (("gate", (INTERMEDIATE, HIDDEN)), ("up", (INTERMEDIATE, HIDDEN)), ("down", (HIDDEN, INTERMEDIATE))):
            yield f"{block}.mlp.{name}_proj.weight", shape
        yield f"{block}.input_layernorm.weight", (HIDDEN,)
        yield f"{block}.post_attention_layernorm.weight", (HIDDEN,)
    yield "model.norm.weight", (HIDDEN,)


def byte_characters():
    """The character that byte-level tokenizers write for each byte."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256))
    return [chr(byte if byte in plain else 256 + next(others)) for byte in range(256)]


def tokenizer():
    """A tokenizer.json of bytes alone, without any merge."""
    names = {name: place for place, name in enumerate([*byte_characters(), "<s>", "</s>"])}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": names[name], "content": name} | flags for name in ("<s>", "</s>")],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {"type": "BPE", "vocab": names, "merges": []},
    }


def make(folder):
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(SEED)
    tensors = {}
    for name, shape in shapes():
        ones = len(shape) == 1
        values = np.ones(shape) if ones else 0.02 * draw.standard_normal(shape)
        tensors[name] = values.astype(np.float32)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = {
        "architectures": ["MistralForCausalLM"],
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "max_position_embeddings": POSITIONS,
        "model_type": "mistral",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": KEY_VALUE_HEADS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "sliding_window": None,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "vocab_size": VOCAB,
    }
    template = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    words = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": template}
    words |= {"model_max_length": POSITIONS, "tokenizer_class": "PreTrainedTokenizerFast"}
    for name, value in (("config", config), ("tokenizer", tokenizer()), ("tokenizer_config", words)):
        (folder / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({"parameters": sum(tensor.size for tensor in tensors.values())}))


# --- what is timed


def load(folder, threads):
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    warnings.simplefilter("ignore", FutureWarning)
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.manual_seed(SEED)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")


def report(**figures):
    """Prints the line, with what the process had in memory at most."""
    import torch

    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    made = {"torch": torch.__version__, "python": platform.python_version()}
    print(json.dumps(figures | {"peak_rss_mb": round(peak, 1)} | made))


def train(folder, threads, steps, compiled):
    import torch
    from peft import LoraConfig, get_peft_model
    from torch.nn.functional import cross_entropy

    base = load(folder, threads)
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=LINEARS, task_type="CAUSAL_LM")
    peft = get_peft_model(base, lora).train()
    model = torch.compile(peft) if compiled else peft
    parameters = [p for p in peft.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=2e-4, fused=True)

    def step():
        # One more than is read, since the last is only predicted.
        ids = torch.randint(0, VOCAB, (EXAMPLES, EXAMPLE_TOKENS + 1))
        logits = model(input_ids=ids[:, :-1], use_cache=False, logits_to_keep=LEARNED_TOKENS).logits
        loss = cross_entropy(logits.flatten(0, 1), ids[:, -LEARNED_TOKENS:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    for _ in range(TRAIN_WARMUP_STEPS):
        step()
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        loss = step()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    report(
        tokens_per_s=round(steps * EXAMPLES * EXAMPLE_TOKENS / seconds, 1),
        threads=threads,
        steps=steps,
        seconds=round(seconds, 3),
        cpu_seconds=round(cpu, 3),
        last_loss=round(loss, 4),
        compiled=compiled,
    )


def decode(folder, threads, rounds):
    import torch
    from transformers import DynamicCache

    model = load(folder, threads).eval()
    prompts = torch.randint(0, VOCAB, (PROMPTS, PROMPT_TOKENS))

    def answer():
        cache, ids, tokens = DynamicCache(config=model.config), prompts, []
        for _ in range(NEW_TOKENS):
            out = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            ids = out.logits[:, -1].argmax(-1, keepdim=True)
            tokens.append(ids)
        return torch.cat(tokens, 1)

    with torch.inference_mode():
        first = answer()
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(rounds):
            last = answer()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    assert torch.equal(first, last) and last.shape == (PROMPTS, NEW_TOKENS)
    report(
        new_tokens_per_s=round(rounds * PROMPTS * NEW_TOKENS / seconds, 1),
        threads=threads,
        rounds=rounds,
        seconds=round(seconds, 3),
        cpu_seconds=round(cpu, 3),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = parser.add_subparsers(dest="task", required=True)
    for name in ("make", "train", "decode"):
        task = tasks.add_parser(name)
        task.add_argument("dir", type=Path)
        if name != "make":
            task.add_argument("--threads", type=int, default=2)
        if name == "train":
            task.add_argument("--steps", type=int, default=16)
            task.add_argument("--compile", action="store_true")
        if name == "decode":
            task.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.task == "make":
        make(arguments.dir)
    elif arguments.task == "train":
        train(arguments.dir, arguments.threads, arguments.steps, arguments.compile)
    else:
        decode(arguments.dir, arguments.threads, arguments.rounds)


if __name__ == "__main__":
    main()
