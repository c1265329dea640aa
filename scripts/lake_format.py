"""The lake format, once more: canonical bytes, ids, leaves, the tree and framed documents.

Written from lake/README.md alone, so that it proves that the page says enough to read and
verify a lake without antiks. It is a module for verify_lake.py, check_verifier.py,
interop.py and goldens/event_vectors.py, and is not run by itself; they need what
requirements.txt names.
"""

import json
import re
import struct
from dataclasses import dataclass

import pyarrow as pa
from blake3 import blake3

TAGS = {"bool": 1, "int": 2, "time": 2, "float": 3, "text": 4, "hash": 5, "list": 6, "record": 7}


class FormatError(ValueError):
    """Something isn't as lake/README.md says."""


@dataclass(frozen=True)
class Type:
    """A type of the page: a scalar, a list of `element`, or a record of `fields`."""

    name: str
    element: "Type | None" = None
    fields: tuple["Field", ...] = ()


@dataclass(frozen=True)
class Field:
    """A field of a body or of a record."""

    name: str
    type: Type
    optional: bool = True


OBSERVED = (
    Field("recorded_at", Type("time"), False),
    Field("host", Type("text"), False),
    Field("duration_us", Type("int")),
    Field("cost_microusd", Type("int")),
)
OBSERVED_NAMES = [field.name for field in OBSERVED]

RUN_COLUMNS = ("run_id", "parent_run_id")
CALL_COLUMNS = ("judge_call_id", "correction_call_id", "teacher_call_id")


# --- hashes


def file_hash(data):
    """The plain BLAKE3 of some bytes: how files are named."""
    return blake3(data).digest()


def derive(context, data):
    """BLAKE3 in key derivation mode: one context for each use, so that no two can be confused."""
    return blake3(data, derive_key_context=context).digest()


def is_hash(text):
    """Whether this is a hash as the log writes it: 64 lower-case hexadecimal digits."""
    return isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text) is not None


# --- canonical bytes


def u32(number):
    """Four bytes, little-endian."""
    return struct.pack("<I", number)


def sized(data):
    """Bytes behind their length."""
    return u32(len(data)) + data


def encode_value(kind, value):
    """The canonical bytes of one value, without name, tag and length."""
    name = kind.name
    if name == "bool":
        return b"\1" if value else b"\0"
    if name in ("int", "time"):
        return struct.pack("<q", value)
    if name == "float":
        return struct.pack("<d", value)
    if name == "text":
        return value.encode("utf-8")
    if name == "hash":
        if len(value) != 32:
            raise FormatError(f"a hash of {len(value)} bytes")
        return value
    if name == "list":
        return encode_list(kind.element, value)
    return encode_record(kind.fields, value)


def encode_list(element, values):
    """The tag of the elements and their number, then each with its length."""
    if any(value is None for value in values):
        raise FormatError("a list holds a null")
    head = bytes([TAGS[element.name]]) + u32(len(values))
    return head + b"".join(sized(encode_value(element, value)) for value in values)


def encode_record(fields, values):
    """The fields in their order; those without a value are left out whole."""
    parts = []
    for field in fields:
        value = values.get(field.name)
        if value is not None:
            tag = bytes([TAGS[field.type.name]])
            data = encode_value(field.type, value)
            parts.append(sized(field.name.encode("utf-8")) + tag + sized(data))
    return b"".join(parts)


def canonical_event(kind, version, iteration, fields, body):
    """The bytes that an event's id is a hash of."""
    head = sized(kind.encode("utf-8")) + u32(version) + u32(iteration)
    return head + encode_record(fields, body)


def event_id(canonical):
    """An event's id; it depends on what happened and on nothing else."""
    return derive("antiks.event.v1", canonical)


def event_leaf(identity, seq, observed):
    """An event's leaf in the tree; it covers what was observed as well."""
    data = identity + struct.pack("<Q", seq) + encode_record(OBSERVED, observed)
    return derive("antiks.leaf.v1", data)


# --- the tree


def node(left, right):
    """The root over two roots."""
    return derive("antiks.node.v1", left + right)


def root_of_peaks(peaks):
    """The root of a tree, made of its peaks from right to left."""
    if not peaks:
        return derive("antiks.node.v1", b"")
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node(peak, root)
    return root


class Tree:
    """A Merkle tree in the shape of RFC 6962 that keeps its peaks only."""

    def __init__(self, size=0, peaks=()):
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf):
        """Adds a leaf; each low bit that is set in the size is a peak to join it with."""
        size = self.size
        while size & 1:
            leaf = node(self.peaks.pop(), leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self):
        """The root over all leaves."""
        return root_of_peaks(self.peaks)

    def stated(self):
        """The tree as a commit record states it."""
        peaks = [peak.hex() for peak in self.peaks]
        return {"size": self.size, "root": self.root().hex(), "peaks": peaks}


# --- framed documents

FRAME_END = re.compile(rb',"blake3":"([0-9a-f]{64})"\}\n')
FRAME_END_BYTES = len(b',"blake3":"') + 64 + len(b'"}\n')


def frame(word, body):
    """A framed document with these bytes as its body."""
    digest = file_hash(body).hex().encode()
    return b'{"' + word.encode() + b'":' + body + b',"blake3":"' + digest + b'"}\n'


def dump_body(value):
    """A body as compact JSON in one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def unique_names(pairs):
    """A JSON object; readers would differ on one with a name that comes twice."""
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise FormatError("a name comes twice in an object")
    return dict(pairs)


def open_frame(word, data):
    """The parsed body and the hash of a framed document; frame and hash are checked first."""
    head = b'{"' + word.encode() + b'":'
    end = FRAME_END.fullmatch(data, max(len(data) - FRAME_END_BYTES, 0))
    if not data.startswith(head) or end is None or end.start() < len(head):
        raise FormatError(f"the frame isn't that of a {word} document")
    body = data[len(head) : end.start()]
    if b"\n" in body:
        raise FormatError("the body holds a line feed")
    if file_hash(body).hex().encode() != end.group(1):
        raise FormatError("the body doesn't have the hash that the frame states")
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=unique_names)
        dump_body(value)  # fails for half a surrogate pair, which is no text
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the body isn't JSON: {error}") from None
    if not isinstance(value, dict):
        raise FormatError("the body isn't a JSON object")
    return value, file_hash(body).hex()


def record_path(number):
    """Where a commit record lies in the lake."""
    return f"log/{number:020}.json"


def events_path(entry):
    """Where a file of events lies, from its entry in a commit record."""
    folder = f"events/kind={entry['kind']}/iteration={entry['iteration']}"
    return f"{folder}/{entry['blake3']}.parquet"


# --- what a commit record must look like


def is_count(value, limit=2**63):
    """A whole number from 0 on; JSON's true is none."""
    return type(value) is int and 0 <= value < limit


def is_u32(value):
    """A whole number that fits into four bytes."""
    return is_count(value, 2**32)


def is_kind(value):
    """The name of a kind; nothing else may become a part of a path."""
    return isinstance(value, str) and re.fullmatch("[a-z][a-z0-9_]*", value) is not None


FILE = {"blake3": is_hash, "bytes": is_count}
SNAPSHOT = {**FILE, "rows": is_count}
EVENTS = {"kind": is_kind, "version": is_u32, "iteration": is_u32, **SNAPSHOT}
TREE = {
    "size": is_count,
    "root": is_hash,
    "peaks": lambda v: isinstance(v, list) and all(is_hash(peak) for peak in v),
}
RECORD = {
    "format": lambda v: type(v) is int and v == 1,
    "number": is_count,
    "parent": lambda v: v is None or is_hash(v),
    "committed_at_us": lambda v: type(v) is int,
    "writer": lambda v: isinstance(v, str),
    "note": lambda v: isinstance(v, str),
    "events": lambda v: is_list_of(EVENTS, v),
    "snapshots": lambda v: is_list_of(SNAPSHOT, v),
    "blobs": lambda v: is_list_of(FILE, v),
    "tree": lambda v: isinstance(v, dict) and not wrong_fields(TREE, v),
}


def wrong_fields(shape, value):
    """The fields of a JSON object that are missing or aren't what they should be."""
    return [name for name, check in shape.items() if name not in value or not check(value[name])]


def is_list_of(shape, value):
    """Whether this is a list of JSON objects of that shape."""
    return isinstance(value, list) and all(
        isinstance(item, dict) and not wrong_fields(shape, item) for item in value
    )


# --- events in Parquet columns


def type_of_arrow(arrow):
    """The type of the page that an Arrow type stands for."""
    checks = {
        "bool": pa.types.is_boolean,
        "int": pa.types.is_int64,
        "time": lambda a: pa.types.is_timestamp(a) and a.unit == "us" and a.tz == "UTC",
        "float": pa.types.is_float64,
        "text": pa.types.is_string,
        "hash": lambda a: pa.types.is_fixed_size_binary(a) and a.byte_width == 32,
    }
    for name, check in checks.items():
        if check(arrow):
            return Type(name)
    if pa.types.is_list(arrow):
        return Type("list", element=type_of_arrow(arrow.value_type))
    if pa.types.is_struct(arrow):
        return Type("record", fields=fields_of_arrow(arrow))
    raise FormatError(f"the page has no type for Arrow's {arrow}")


def fields_of_arrow(arrow_fields):
    """The fields of an Arrow schema or struct, in its order."""
    return tuple(Field(f.name, type_of_arrow(f.type), f.nullable) for f in arrow_fields)


def without_times(arrow):
    """The Arrow type with plain integers for times, as they are encoded."""
    if pa.types.is_timestamp(arrow):
        return pa.int64()
    if pa.types.is_list(arrow):
        return pa.list_(arrow.value_field.with_type(without_times(arrow.value_type)))
    if pa.types.is_struct(arrow):
        return pa.struct([part.with_type(without_times(part.type)) for part in arrow])
    return arrow


def rows_of_batch(batch):
    """The rows of a record batch as dictionaries."""
    columns = []
    for column in batch.columns:
        plain = without_times(column.type)
        columns.append((column if plain == column.type else column.cast(plain)).to_pylist())
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


def body_fields(schema):
    """The fields of the body: the columns between `id` and `recorded_at`."""
    names = schema.names
    if len(set(names)) != len(names):
        raise FormatError("two columns have the same name")
    if names[:2] != ["seq", "id"] or names[-4:] != OBSERVED_NAMES:
        raise FormatError(f"the columns aren't seq, id, the body, {', '.join(OBSERVED_NAMES)}")
    fields = fields_of_arrow(schema)
    kinds = [f.type.name for f in fields[:2] + fields[-4:]]
    if kinds != ["int", "hash"] + [f.type.name for f in OBSERVED]:
        raise FormatError("seq, id or an observed column has another type")
    return fields[2:-4]


def references_of(fields, values):
    """All that a record points at, as (name of the column, hash)."""
    for part in fields:
        value = values.get(part.name)
        if value is not None:
            yield from references_of_value(part.name, part.type, value)


def references_of_value(name, kind, value):
    """All that a value points at; the elements of a list go by the list's name."""
    if kind.name == "hash":
        if name.endswith(("_id", "_ids", "_blob", "_snapshot")):
            yield name, value
    elif kind.name == "list":
        for item in value:
            yield from references_of_value(name, kind.element, item)
    elif kind.name == "record":
        yield from references_of(kind.fields, value)


def points_at(column, kind):
    """Whether an `_id` column of that name may point at an event of that kind."""
    if column == "target_id":
        return True
    if column in RUN_COLUMNS:
        return kind == "run_started"
    if column == "training_id":
        return kind == "training_started"
    if column in CALL_COLUMNS:
        return kind == "teacher_call"
    stem = re.sub("_ids?$", "", column)
    return stem == kind or stem.endswith("_" + kind)
