"""What PyTorch, transformers and PEFT do on one GPU with the work that benches/student.rs does.

    student_gpu.py ceilings                  what products and copies reach
    student_gpu.py train [--compile]         LoRA steps of 8 examples of 512 tokens
    student_gpu.py ragged                    500 examples of 100 to 800 tokens, three epochs
    student_gpu.py decode --batch 1|32       256 new tokens behind prompts of 256
    student_gpu.py decode --batch N --static the same with torch.compile and a static cache

Each prints one line of JSON; scripts/bench_gpu.sh runs them in turn with ours. It needs torch
with CUDA, transformers and peft.

The model has the shape of Mistral-7B and random bf16 weights made on the GPU, so that nobody
waits for a disk. LoRA has rank 32 on all seven linear layers, AdamW is the fused one, gradients
are clipped at 1, attention is sdpa, nothing is recomputed, and the loss is on all tokens but
padding. decode runs the bare model, as if its adapter were merged. --small takes a model that a
CPU can run, to try this program and for nothing else.
"""

import time

START = time.perf_counter()

import argparse
import gc
import json
import os
import random
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import torch

SHAPE = {
    "vocab_size": 32_000,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}
SMALL_SHAPE = {
    "vocab_size": 128,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RANK, ALPHA = 32, 64

BATCH, TOKENS, WARMUP_STEPS, STEPS = 8, 512, 3, 10
# The first step of a compiled model may be followed by one that is compiled anew.
COMPILED_WARMUP_STEPS = 5
EXAMPLES, SHORTEST, LONGEST, EPOCHS = 500, 100, 800, 3
PROMPT_TOKENS, NEW_TOKENS = 256, 256
SEED = 7


class Gpu:
    """The device, and a CPU in its place for --small."""

    def __init__(self, small):
        self.small = small
        self.name = "cpu" if small and not torch.cuda.is_available() else "cuda"
        self.shape = SMALL_SHAPE if small else SHAPE

    def wait(self):
        if self.name == "cuda":
            torch.cuda.synchronize()

    def timed(self, work, times, warmup):
        """Seconds that one run of `work` takes."""
        for _ in range(warmup):
            work()
        self.wait()
        start = time.perf_counter()
        for _ in range(times):
            work()
        self.wait()
        return (time.perf_counter() - start) / times

    def tokens(self, *shape):
        """Tokens by chance."""
        return torch.randint(0, self.shape["vocab_size"], shape, device=self.name)

    def model(self):
        from transformers import MistralConfig, MistralForCausalLM

        config = MistralConfig(
            max_position_embeddings=32768,
            sliding_window=None,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6},
            attn_implementation="sdpa",
            **self.shape,
        )
        torch.manual_seed(SEED)
        torch.set_default_dtype(torch.float32 if self.small else torch.bfloat16)
        with torch.device(self.name):
            model = MistralForCausalLM(config)
        torch.set_default_dtype(torch.float32)
        return model

    def report(self, task, **figures):
        """Prints the line, with the memory that tensors had at most, and what the allocator held."""
        if self.name == "cuda":
            figures["peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 1)
            figures["reserved_gb"] = round(torch.cuda.max_memory_reserved() / 1e9, 1)
            figures["device"] = torch.cuda.get_device_name()
        print(json.dumps({"task": task} | figures | {"torch": torch.__version__}), flush=True)


# --- ceilings


def ceilings(gpu):
    side, elements = (256, 2**16) if gpu.small else (8192, 2**30)
    a, b = (torch.randn(side, side, device=gpu.name, dtype=torch.bfloat16) for _ in range(2))
    product = gpu.timed(lambda: a @ b, 20, 3)
    x = torch.empty(elements, device=gpu.name, dtype=torch.bfloat16).normal_()
    y = torch.empty_like(x)
    copy = gpu.timed(lambda: y.copy_(x), 20, 3)
    gpu.report(
        "ceilings",
        matmul_tflops=round(2 * side**3 / product / 1e12, 1),
        copy_tb_per_s=round(2 * 2 * elements / copy / 1e12, 3),
    )


# --- training


def adapted(gpu):
    """The model with LoRA, what is trained of it, and its optimizer."""
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=LINEARS, task_type="CAUSAL_LM")
    model = get_peft_model(gpu.model(), lora).train()
    model.config.use_cache = False
    parameters = [p for p in model.parameters() if p.requires_grad]
    return model, parameters, torch.optim.AdamW(parameters, lr=2e-4, weight_decay=0.0, fused=True)


def update(parameters, optimizer):
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def flop_per_token(model, parameters):
    """Of frozen weights forward and backward without their gradients, and of LoRA all three."""
    frozen = sum(p.numel() for name, p in model.named_parameters() if not p.requires_grad and "embed_tokens" not in name)
    return 4 * frozen + 6 * sum(p.numel() for p in parameters)


def train(gpu, compiled):
    model, parameters, optimizer = adapted(gpu)
    flop = flop_per_token(model, parameters)
    step_model = torch.compile(model) if compiled else model
    ids = gpu.tokens(BATCH, 16 if gpu.small else TOKENS)

    def step():
        step_model(input_ids=ids, labels=ids).loss.backward()
        update(parameters, optimizer)

    start = time.perf_counter()
    gpu.timed(step, 1, COMPILED_WARMUP_STEPS if compiled else WARMUP_STEPS)
    warmup = time.perf_counter() - start
    seconds = gpu.timed(step, 2 if gpu.small else STEPS, 0)
    gpu.report(
        "train",
        tokens_per_s=round(ids.numel() / seconds, 1),
        compiled=compiled,
        warmup_seconds=round(warmup, 1),
        gflop_per_token=round(flop / 1e9, 3),
    )


def padded(gpu, examples):
    """Examples side by side, as long as the longest; padding is masked and not learned."""
    longest = max(map(len, examples))
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, example in enumerate(examples):
        ids[row, : len(example)] = example
        mask[row, : len(example)] = 1
    labels = ids.masked_fill(mask == 0, -100)
    return {name: tensor.to(gpu.name) for name, tensor in (("input_ids", ids), ("attention_mask", mask), ("labels", labels))}


class Ragged:
    """Steps over batches of many lengths, in parts where a batch does not fit the memory."""

    def __init__(self, gpu):
        self.gpu = gpu
        self.model, self.parameters, self.optimizer = adapted(gpu)
        # The fewest tokens, padding included, that did not fit.
        self.too_many = float("inf")
        self.parted_steps = 0

    def gradients(self, examples, learned):
        batch = padded(self.gpu, examples)
        if batch["input_ids"].numel() >= self.too_many:
            return False
        try:
            self.model(**batch, num_items_in_batch=learned).loss.backward()
            return True
        except torch.OutOfMemoryError:
            self.too_many = batch["input_ids"].numel()
            return False

    def step(self, examples):
        learned = sum(len(example) - 1 for example in examples)
        parts = 1
        while True:
            size = -(-len(examples) // parts)
            cut = [examples[at : at + size] for at in range(0, len(examples), size)]
            if all(self.gradients(part, learned) for part in cut):
                break
            if size == 1:
                raise SystemExit("one example alone does not fit the memory")
            self.optimizer.zero_grad(set_to_none=True)
            gc.collect()
            torch.cuda.empty_cache()
            parts *= 2
        self.parted_steps += parts > 1
        update(self.parameters, self.optimizer)


def ragged(gpu):
    from peft import get_peft_model_state_dict

    draw = random.Random(SEED)
    lens = [draw.randint(SHORTEST, LONGEST) for _ in range(12 if gpu.small else EXAMPLES)]
    examples = [gpu.tokens(length).cpu() for length in lens]
    training = Ragged(gpu)
    gpu.wait()
    ready = time.perf_counter() - START
    for _ in range(EPOCHS):
        draw.shuffle(examples)
        for at in range(0, len(examples), BATCH):
            training.step(examples[at : at + BATCH])
    adapter = {name: tensor.cpu() for name, tensor in get_peft_model_state_dict(training.model).items()}
    assert all(tensor.isfinite().all() for tensor in adapter.values())
    seconds = time.perf_counter() - START
    tokens = EPOCHS * sum(lens)
    gpu.report(
        "ragged",
        useful_tokens_per_s=round(tokens / (seconds - ready), 1),
        seconds=round(seconds, 2),
        start_seconds=round(ready, 2),
        tokens=tokens,
        loss="all tokens",
        parted_steps=training.parted_steps,
        gflop_per_token=round(flop_per_token(training.model, training.parameters) / 1e9, 3),
    )


# --- decoding


def decode(gpu, batch, static):
    model = gpu.model().eval()
    weights = sum(p.numel() * p.element_size() for name, p in model.named_parameters() if "embed_tokens" not in name)
    ids = gpu.tokens(batch, PROMPT_TOKENS)
    new = 8 if gpu.small else NEW_TOKENS
    settings = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0, "attention_mask": torch.ones_like(ids)}
    if static:
        settings["cache_implementation"] = "static"

    def answer(tokens):
        out = model.generate(ids, max_new_tokens=tokens, min_new_tokens=tokens, **settings)
        assert out.shape == (batch, PROMPT_TOKENS + tokens)

    with torch.inference_mode():
        # A static cache is as long as the answer: another length would be compiled anew.
        seconds = gpu.timed(lambda: answer(new), 1, 2) if static else gpu.timed(lambda: answer(new), 1, 1)
    gpu.report(
        "decode",
        new_tokens_per_s=round(batch * new / seconds, 1),
        batch=batch,
        static=static,
        weights_gb=round(weights / 1e9, 3),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small model, to try this program")
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("ceilings")
    tasks.add_parser("train").add_argument("--compile", action="store_true")
    tasks.add_parser("ragged")
    task = tasks.add_parser("decode")
    task.add_argument("--batch", type=int, required=True)
    task.add_argument("--static", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    gpu = Gpu(arguments.small)
    if arguments.task == "ceilings":
        ceilings(gpu)
    elif arguments.task == "train":
        train(gpu, arguments.compile)
    elif arguments.task == "ragged":
        ragged(gpu)
    else:
        decode(gpu, arguments.batch, arguments.static)


if __name__ == "__main__":
    main()
