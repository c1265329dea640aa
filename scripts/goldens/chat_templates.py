#!/usr/bin/env python3
"""Writes tests/data/chat_templates.json: what transformers makes of chats.

Each case is a tokenizer_config.json with its chat template; each of its renderings is a
chat and the text that transformers gives for it, or null where the template refuses it.
Made with transformers 5.24.0 and jinja2 3.1.6:

    pip install transformers jinja2 tokenizers
    python scripts/goldens/chat_templates.py
"""

import datetime
import json
import pathlib

import transformers
from jinja2.exceptions import TemplateError
from tokenizers import Tokenizer, models
from transformers.utils import chat_template_utils

NOW = datetime.datetime(2024, 2, 29, 13, 4, 5, tzinfo=datetime.timezone.utc)


class FixedNow(datetime.datetime):
    """The only clock that templates see."""

    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = FixedNow

MISTRAL_V02 = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)

MISTRAL_V02_SYSTEM = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('After the optional system message, conversation roles must alternate') }}
    {%- endif %}
    {%- if message["role"] == "user" %}
        {%- if loop.first and system_message is defined %}
            {{- " [INST] " + system_message + "\\n\\n" + message["content"] + " [/INST]" }}
        {%- else %}
            {{- " [INST] " + message["content"] + " [/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"] + eos_token}}
    {%- else %}
        {{- raise_exception('Only user and assistant roles are supported, with the exception of an initial system message!') }}
    {%- endif %}
{%- endfor %}
"""

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""

LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)

LLAMA_3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)

LLAMA_31 = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools_in_user_message is defined %}
    {%- set tools_in_user_message = true %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- This block extracts the system message, so we can slot it into the right place. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}

{#- System message + builtin tools #}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}

{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {{- raise_exception("This model only supports single tool-calls at once!") }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)

QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

THINKING = """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}
{% set ns = namespace(is_first=false, system_prompt='', turns=0) %}
{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor -%}
{{ bos_token }}{{ ns.system_prompt }}
{%- for message in messages %}
{%- if message['role'] == 'user' %}{%- set ns.turns = ns.turns + 1 -%}{{ '<|User|>' + message['content'] }}{%- endif %}
{%- if message['role'] == 'assistant' and message['content'] is not none %}
{%- set content = message['content'] %}
{%- if '</think>' in content %}{% set content = content.split('</think>')[-1].lstrip('\\n') %}{% endif %}
{{- '<|Assistant|>' + content + eos_token }}
{%- endif %}
{%- endfor -%}
{% if add_generation_prompt %}{{ '<|Assistant|><think>\\n' }}{% endif %}{{ '#' ~ ns.turns }}"""

# Everything that templates like to use, each on its own line.
PYTHON = """{%- macro quoted(text, mark='"') -%}{{ mark }}{{ text }}{{ mark }}{%- endmacro -%}
{{ messages | tojson }}
{{ messages[0] | tojson(indent=2) }}
{{ {"b": 1, "a": [1.5, 2e16, 1.25e-7, -0.5, 0.0, 123456789012, true, none, "é<&>'"], 3: {}} | tojson(sort_keys=false) }}
{{ {"b": 1, "a": 2} | tojson(sort_keys=true, separators=(",", ":")) }}
{{ "é\\u2028" | tojson(ensure_ascii=true) }} {{ [] | tojson(indent=1) }} {{ {} | tojson }}
{{ true }} {{ none }} {{ 1.0 }} {{ [1, "a", none, true] }} {{ {"k": "v"} }} {{ undefined_name }}|
{{ "  Hello World  ".strip().upper().lower().title() }} {{ "a,b,c".split(",") | join("-") }} {{ "abc"[::-1] }} {{ "abcdef"[1:-1] }}
{{ "hello".startswith("he") }} {{ "hello".endswith("x") }} {{ "hello".replace("l", "L") }} {{ "hello".find("l") }} {{ "xx".join(["a", "b"]) }}
{{ "x\\n\\ny".splitlines() | length }} {{ "abc".isalpha() }} {{ "12".isdigit() }} {{ "tEST".capitalize() }} {{ "a-b-c".rsplit("-", 1)[0] if false else "skipped" }}
{{ quoted("a") }} {{ quoted("b", mark="'") }} {{ "a" ~ 1 ~ none }} {{ 7 // 2 }} {{ 7 / 2 }} {{ 2 ** 3 }} {{ -7 % 3 }}
{% for key, value in {"x": 1, "y": 2}.items() %}{{ key }}={{ value }}{% if not loop.last %}, {% endif %}{% endfor %}

{% for message in messages %}{% if loop.index > 3 %}{% break %}{% endif %}{% if message.role == 'system' %}{% continue %}{% endif %}{{ loop.index0 }}/{{ loop.length }} {{ loop.previtem.role if loop.previtem is defined else "-" }} {{ message.get('role') }} {{ message.get('name', 'nobody') }} {{ message['content'] | length }};{% endfor %}

{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | map(attribute='role') | join(',') }} {{ messages[-1].role }} {{ messages[:1] | length }} {{ (messages | first).role }} {{ (messages | last).role }}
{{ messages is iterable }} {{ messages is string }} {{ messages[0] is mapping }} {{ messages[0].content is string }} {{ tools is none }} {{ x is defined }} {{ 3 in [1, 2, 3] }} {{ "a" not in "bcd" }}
{% set a, b = 1, 2 %}{{ a + b }} {{ "%s-%s" | format("a", "b") }} {{ "default" if not x else x }} {{ x | default("d") }} {{ range(3) | list }} {{ namespace(a=1).a }} {{ [3, 1, 2] | sort }} {{ "a" if a is equalto 1 }}
   {% if true %}
   kept indentation
   {% endif %}
{{ strftime_now("%Y-%m-%d %H:%M %A %B %j") }} {{ bos_token }}{{ eos_token }}{{ pad_token is defined }}
"""

CASES = {
    "mistral-instruct-v0.2": (MISTRAL_V02, "<s>", "</s>"),
    "mistral-instruct-v0.2 with system": (MISTRAL_V02_SYSTEM, "<s>", "</s>"),
    "chatml": (CHATML, None, "<|im_end|>"),
    "zephyr": (ZEPHYR, "<s>", "</s>"),
    "llama-2": (LLAMA_2, "<s>", "</s>"),
    "llama-3": (LLAMA_3, "<|begin_of_text|>", "<|eot_id|>"),
    "llama-3.1": (LLAMA_31, "<|begin_of_text|>", "<|eot_id|>"),
    "gemma": (GEMMA, "<bos>", "<eos>"),
    "qwen": (QWEN, None, "<|im_end|>"),
    "thinking": (THINKING, "<s>", "</s>"),
    "python": (PYTHON, "<s>", "</s>"),
}


def turn(role, content):
    return {"role": role, "content": content}


CHATS = [
    [turn("user", "How many orders are open?")],
    [turn("system", "You write SQL."), turn("user", "How many orders are open?")],
    [
        turn("user", "How many?"),
        turn("assistant", "SELECT count(*) FROM orders"),
        turn("user", "And <closed> & 'paid' ones?"),
        turn("assistant", "<think>\nhm\n</think>\n\nSELECT 1"),
    ],
    [
        turn("system", "  Be short.\n"),
        turn("user", "\n Grüße, 世界 🎉\t\n"),
        turn("assistant", "  {{ not_a_template }} {% if %} \n"),
        turn("user", 'a "quoted" \\ one'),
    ],
    [turn("user", "one"), turn("user", "two")],
    [turn("assistant", "I begin.")],
]


def tokenizer_config(template, bos, eos):
    config = {"chat_template": template, "tokenizer_class": "PreTrainedTokenizerFast"}
    if bos:
        # Half of the files write tokens as objects.
        config["bos_token"] = {"__type": "AddedToken", "content": bos, "special": True}
    config["eos_token"] = eos
    return config


def rendering(tokenizer, template, chat, generate):
    try:
        text = tokenizer.apply_chat_template(
            chat, chat_template=template, tokenize=False, add_generation_prompt=generate
        )
    except TemplateError as error:
        return {"messages": chat, "add_generation_prompt": generate, "text": None, "error": str(error)}
    return {"messages": chat, "add_generation_prompt": generate, "text": text}


def main():
    cases = []
    for name, (template, bos, eos) in CASES.items():
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, "a")), bos_token=bos, eos_token=eos
        )
        renderings = [
            rendering(tokenizer, template, chat, generate) for chat in CHATS for generate in (False, True)
        ]
        config = tokenizer_config(template, bos, eos)
        cases.append({"name": name, "tokenizer_config": config, "renderings": renderings})
    now_us = round(NOW.timestamp() * 1_000_000)
    path = pathlib.Path(__file__).parents[2] / "tests/data/chat_templates.json"
    text = json.dumps({"now_us": now_us, "cases": cases}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
