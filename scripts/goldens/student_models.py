"""Makes the two small base models of tests/data/student in Hugging Face's layout.

tiny    f32 in one file; config.json as Mistral 7B was published (`rope_theta`); byte-level
        BPE; chat template within tokenizer_config.json; one token ends an answer
tied    bf16 in shards; config.json as transformers 5 writes it (`rope_parameters`); tied
        embeddings, heads wider than hidden/heads, a sliding window of 8; SentencePiece's kind
        of BPE with byte fallback and a leading <s>; chat_template.jinja; two tokens end an answer

Their weights are random but far from zero, so that every greedy choice is clear and every part
of the model shows in the logits. It is a module for student.py and is not run by itself.
"""

import json
import math
import zlib

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, MistralConfig, MistralForCausalLM

SEED = 8
MAX_NEW_TOKENS = 20
# The second prompt's answer must end by itself after as many tokens, counted from 0.
END_STEPS = (5, 12)

TABLES = {
    "orders": ["id", "amount", "paid_on", "customer_id"],
    "customers": ["id", "name", "city", "joined_on"],
    "visits": ["id", "doctor", "fee", "seen_on"],
    "products": ["id", "title", "price", "stock"],
}

# Roles are tokens of their own here, and the answer's end is a token that no text gives.
TINY_TEMPLATE = """{{ bos_token }}{% for message in messages %}\
{% if message['role'] == 'user' %}<|user|>{{ message['content'] | trim }}\
{% elif message['role'] == 'assistant' %}<|assistant|>{{ message['content'] }}{{ eos_token }}\
{% else %}{{ raise_exception('only user and assistant roles are known') }}{% endif %}\
{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"""

# As published with Mistral-7B-Instruct-v0.2: add_generation_prompt changes nothing.
TIED_TEMPLATE = """{{ bos_token }}{% for message in messages %}\
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}\
{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}\
{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}\
{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"""


def questions():
    """Pairs of a question and its SQL, of many lengths."""
    for table, columns in TABLES.items():
        key, word, number, day = columns
        yield f"Count {table}", f"SELECT COUNT(*) FROM {table}"
        yield f"List every {word}", f"SELECT {word} FROM {table} ORDER BY {key}"
        yield f"{number} by {word}?", f"SELECT {word}, SUM({number}) FROM {table} GROUP BY {word}"
        yield f"Newest {day} in {table}", f"SELECT MAX({day}) FROM {table} WHERE {day} IS NOT NULL"


# --- tokenizers


def tiny_tokenizer():
    """Byte-level BPE, as GPT-2 and newer Mistral models have it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        show_progress=False,
        special_tokens=["<s>", "</s>", "<|user|>", "<|assistant|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator([text for pair in questions() for text in pair], trainer)
    return tokenizer


def tied_tokenizer():
    """BPE as SentencePiece's models are converted: spaces as ▁, bytes for unknown characters."""
    learner = Tokenizer(models.BPE(unk_token="<unk>"))
    learner.normalizer = normalizers.Replace(" ", "▁")
    learner.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trainer = trainers.BpeTrainer(vocab_size=125, show_progress=False, special_tokens=["<unk>"])
    learner.train_from_iterator([" " + text for pair in questions() for text in pair], trainer)
    learned = json.loads(learner.to_str())["model"]
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    names += [name for name in learned["vocab"] if name != "<unk>"]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={name: place for place, name in enumerate(names)},
            merges=[tuple(merge) for merge in learned["merges"]],
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


def save_tokenizer(folder, tokenizer, template, inline):
    """tokenizer.json, tokenizer_config.json, and the template where transformers looks for it."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "add_bos_token": not inline,
        "add_eos_token": False,
        "bos_token": "<s>",
        "clean_up_tokenization_spaces": False,
        "eos_token": "</s>",
        "model_max_length": 128,
        "pad_token": None,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": None if inline else "<unk>",
    }
    if inline:
        config["chat_template"] = template
    else:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    write_json(folder / "tokenizer_config.json", config)


def chat_ids(tokenizer, question, answer=None):
    """Token ids of the prompt, and of the answer with its end."""
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
    )
    prompt = tokenizer.encode(text, add_special_tokens=False)
    if answer is None:
        return prompt
    ids = tokenizer.encode(answer, add_special_tokens=False)
    return prompt, ids + [tokenizer.eos_token_id]


# --- weights


def drawn(name, shape):
    """Random values of a tensor, from the seed and its name alone."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{SEED} {name}".encode()))
    return torch.randn(shape, generator=generator)


def fill(model, head_scale):
    """Gives every parameter values that matter."""
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            values = drawn(name, tensor.shape)
            if tensor.dim() == 1:
                values = 1.0 + 0.2 * values
            elif "embed_tokens" in name and not model.config.tie_word_embeddings:
                values = 0.5 * values
            else:
                values = values * (head_scale if "layers" not in name else 1.6) / math.sqrt(tensor.shape[1])
            tensor.copy_(values)


def greedy_ids(model, prompt, ends):
    """The greedy answer's ids up to an end or the limit, by transformers' own generate."""
    ids = torch.tensor([prompt])
    with torch.no_grad():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=MAX_NEW_TOKENS,
            eos_token_id=ends or None,
            pad_token_id=0,
        )
    return out[0, len(prompt) :].tolist()


def token_to_end_with(model, prompt):
    """A token that a long answer has for the first time when it is well under way."""
    model.generation_config.eos_token_id = None
    answer = greedy_ids(model, prompt, None)
    news = [place for place in range(*END_STEPS) if answer[place] not in answer[:place]]
    assert news and len(set(answer)) > 10, f"another seed: {answer} says little"
    return answer[news[-1]]


PROMPTS = ["Count orders", "city by customers? Only those who joined in May", "Which visits had a fee?"]


def make_tiny(folder):
    """Writes the folder `tiny`."""
    folder.mkdir(parents=True)
    save_tokenizer(folder, tiny_tokenizer(), TINY_TEMPLATE, inline=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    shape = {
        "architectures": ["MistralForCausalLM"],
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "hidden_act": "silu",
        "hidden_size": 32,
        "initializer_range": 0.02,
        "intermediate_size": 48,
        "max_position_embeddings": 128,
        "model_type": "mistral",
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-05,
        "rope_theta": 1000000.0,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "use_cache": True,
        "vocab_size": len(tokenizer),
    }
    write_json(folder / "config.json", shape)
    config = MistralConfig.from_pretrained(folder)
    assert config.rope_parameters["rope_theta"] == 1e6 and config.sliding_window is None
    model = MistralForCausalLM(config)
    fill(model, head_scale=2.5)
    # So that an answer ends by itself, the end changes rows with a token that comes up.
    token = token_to_end_with(model, chat_ids(tokenizer, PROMPTS[1]))
    with torch.no_grad():
        model.lm_head.weight[[1, token]] = model.lm_head.weight[[token, 1]]
    model.generation_config.eos_token_id = 1
    model.save_pretrained(folder)
    write_json(folder / "config.json", shape)


def make_tied(folder):
    """Writes the folder `tied`."""
    folder.mkdir(parents=True)
    save_tokenizer(folder, tied_tokenizer(), TIED_TEMPLATE, inline=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = MistralConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        head_dim=16,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=1,
        max_position_embeddings=128,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0},
        sliding_window=8,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = MistralForCausalLM(config)
    fill(model, head_scale=2.5)
    model = model.to(torch.bfloat16).float()
    token = token_to_end_with(model, chat_ids(tokenizer, PROMPTS[1]))
    model.generation_config.eos_token_id = [2, token]
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="26KB")
    assert len(list(folder.glob("*.safetensors"))) > 1, "the weights lie in one file"


def load(folder, attention="eager"):
    """A base model in f32 and its tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def write_json(path, value):
    """JSON of many lines."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
