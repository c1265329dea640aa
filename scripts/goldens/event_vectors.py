"""Writes tests/data/event_vectors.ndjson from lake/example.ndjson and lake/README.md.

After the example's events comes tests/data/snapshot_event.ndjson: a snapshot can't be
imported, since its file must be there, but its bytes are as fixed as all others.

Proves, where a test compares antiks with the file, that antiks and the page mean the same
bytes: each line has the canonical bytes, the id and the leaf of the event in the same line
of lake/example.ndjson, made without any of antiks' code. The order and types of the fields
come from the tables of the page, and the encoder has to give the page's worked example
before anything is written.

Run it with `python scripts/goldens/event_vectors.py` (scripts/requirements.txt installed);
`--check` writes nothing and fails where the file is out of date.
"""

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import lake_format as lf  # noqa: E402

PAGE = ROOT / "lake" / "README.md"
EXAMPLE = ROOT / "lake" / "example.ndjson"
SNAPSHOT = ROOT / "tests" / "data" / "snapshot_event.ndjson"
VECTORS = ROOT / "tests" / "data" / "event_vectors.ndjson"
VERSION = 1


# --- the tables of the page


@dataclass(frozen=True)
class Kind:
    """A kind of event, as its table in the page has it."""

    name: str
    table: str
    fields: tuple[lf.Field, ...]


def parse_type(text):
    """Reads a type such as "list of record (`name` text, `rows`? int)"; all of it."""
    kind, rest = take_type(text.strip())
    if rest:
        raise lf.FormatError(f"{rest!r} is left over of the type {text!r}")
    return kind


def take_type(text):
    """Reads a type off the front of a text; gives what is left as well."""
    if text.startswith("list of "):
        element, rest = take_type(text[len("list of ") :])
        return lf.Type("list", element=element), rest
    if text.startswith("record ("):
        return take_fields(text[len("record (") :])
    word = re.match("bool|int|time|float|text|hash", text)
    if word is None:
        raise lf.FormatError(f"no type: {text!r}")
    return lf.Type(word.group()), text[word.end() :]


def take_fields(text):
    """Reads a record's fields up to the bracket that ends them."""
    fields = []
    while True:
        head = re.match(r"`(\w+)`(\??) ", text)
        if head is None:
            raise lf.FormatError(f"no field: {text!r}")
        kind, text = take_type(text[head.end() :])
        fields.append(lf.Field(head.group(1), kind, head.group(2) == "?"))
        if text.startswith(")"):
            return lf.Type("record", fields=tuple(fields)), text[1:]
        if not text.startswith(", "):
            raise lf.FormatError(f"a record goes on with {text!r}")
        text = text[2:]


def read_kinds(page):
    """All kinds of the page (its text) by their name."""
    section = page.split("<!-- fields", 1)[1].split("<!-- /fields -->", 1)[0]
    kinds = {}
    for part in section.split("\n#### ")[1:]:
        name = part.split("\n", 1)[0].strip()
        table = re.search(r"SQL table `(\w+)`", part).group(1)
        rows = re.findall(r"^\| `(\w+)`(\??) \| (.+) \|$", part, re.MULTILINE)
        fields = tuple(lf.Field(n, parse_type(t), q == "?") for n, q, t in rows)
        kinds[name] = Kind(name, table, fields)
    return kinds


# --- the vectors


def hash_of_json(value, ids):
    """The 32 bytes behind a hash: {"$ref"}, {"$blob"}, {"$hash"}, or hexadecimal digits."""
    if lf.is_hash(value):
        return bytes.fromhex(value)
    if isinstance(value, dict) and len(value) == 1:
        (sort, text), = value.items()
        if sort == "$ref":
            if text not in ids:
                raise lf.FormatError(f"no earlier line has the label {text!r}")
            return ids[text]
        if sort in ("$blob", "$hash"):
            return lf.file_hash(text.encode("utf-8"))
    raise lf.FormatError(f"no hash: {value!r}")


def value_of_json(kind, value, ids):
    """A JSON value as the encoder takes it; anything of another type is an error."""
    if kind.name == "hash":
        return hash_of_json(value, ids)
    if kind.name == "list" and isinstance(value, list):
        return [value_of_json(kind.element, item, ids) for item in value]
    if kind.name == "record" and isinstance(value, dict):
        return record_of_json(kind.fields, value, ids)
    if kind.name == "float" and type(value) in (int, float):
        return float(value)
    if type(value) is {"bool": bool, "int": int, "time": int, "text": str}.get(kind.name):
        return value
    raise lf.FormatError(f"no {kind.name}: {value!r}")


def record_of_json(fields, record, ids):
    """A JSON object as a record; it may have no other fields, and must have those it needs."""
    unknown = set(record) - {field.name for field in fields}
    if unknown:
        raise lf.FormatError(f"the page has no field {sorted(unknown)}")
    values = {}
    for field in fields:
        value = record.get(field.name)
        if value is not None:
            values[field.name] = value_of_json(field.type, value, ids)
        elif not field.optional:
            raise lf.FormatError(f"{field.name} is missing")
    return values


def make_vectors(lines, kinds):
    """A vector for each line; a label names the id of its line for those after it."""
    ids = {}
    vectors = []
    for seq, text in enumerate(lines):
        line = json.loads(text)
        try:
            vectors.append(make_vector(seq, line, kinds, ids))
        except lf.FormatError as error:
            raise lf.FormatError(f"line {seq + 1}: {error}") from None
        ids[line["label"]] = bytes.fromhex(vectors[-1]["id"])
    return vectors


def make_vector(seq, line, kinds, ids):
    """Canonical bytes, id and leaf of one line."""
    kind = kinds[line["kind"]]
    body = record_of_json(kind.fields, line["body"], ids)
    canonical = lf.canonical_event(kind.name, VERSION, line["iteration"], kind.fields, body)
    identity = lf.event_id(canonical)
    known = {field.name: line[field.name] for field in lf.OBSERVED if field.name in line}
    observed = record_of_json(lf.OBSERVED, known, ids)
    return {
        "label": line["label"],
        "kind": kind.name,
        "iteration": line["iteration"],
        "canonical": canonical.hex(),
        "id": identity.hex(),
        "leaf": lf.event_leaf(identity, seq, observed).hex(),
    }


def check_worked_example(page, kinds):
    """Fails unless the encoder gives the page's own example to the byte."""
    section = page.split("<!-- example -->", 1)[1].split("<!-- /example -->", 1)[0]
    body, dump, identity, leaf, commit = re.findall(r"```(?:json)?\n(.*?)\n```", section, re.DOTALL)
    line = {
        "label": "example",
        "kind": "run_started",
        "iteration": 0,
        "recorded_at": 1767225600000000,
        "host": "example machine",
        "duration_us": 1500,
        "body": json.loads(body),
    }
    vector = make_vector(0, line, kinds, {})
    octets = "".join(row[:47] for row in dump.splitlines())
    tree = lf.Tree()
    empty = tree.stated()
    tree.append(bytes.fromhex(vector["leaf"]))
    record = commit.encode("utf-8") + b"\n"
    stated, _ = lf.open_frame("commit", record)
    pairs = {
        "base_hash": (json.loads(body)["base_hash"], lf.file_hash(b"base").hex()),
        "canonical bytes": (bytes.fromhex(octets).hex(), vector["canonical"]),
        "id": (identity, vector["id"]),
        "leaf": (leaf, vector["leaf"]),
        "root": (leaf, tree.root().hex()),
        "empty tree": (stated["tree"], empty),
        "record": (record, lf.frame("commit", lf.dump_body(stated))),
    }
    wrong = [
        f"{name}: the page has {theirs!r}, the encoder {own!r}"
        for name, (theirs, own) in pairs.items()
        if theirs != own
    ]
    if wrong:
        raise lf.FormatError("the worked example isn't met:\n" + "\n".join(wrong))


def main():
    """Writes the vectors, or compares them with those that are there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    arguments = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    kinds = read_kinds(page)
    check_worked_example(page, kinds)
    texts = [path.read_text(encoding="utf-8") for path in (EXAMPLE, SNAPSHOT)]
    lines = [line for text in texts for line in text.splitlines()]
    vectors = make_vectors(lines, kinds)
    text = "".join(json.dumps(vector) + "\n" for vector in vectors)
    if arguments.check:
        if not VECTORS.exists() or VECTORS.read_text(encoding="utf-8") != text:
            sys.exit("tests/data/event_vectors.ndjson is out of date")
    else:
        VECTORS.parent.mkdir(parents=True, exist_ok=True)
        VECTORS.write_text(text, encoding="utf-8")
    unused = set(kinds) - {vector["kind"] for vector in vectors}
    print(f"{len(vectors)} vectors; the worked example is met; no example of {sorted(unused)}")


if __name__ == "__main__":
    main()
