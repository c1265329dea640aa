"""Makes a lake with antiks and plants damage in copies of it, for check_verifier.py.

A case is a name and a function that damages the lake in a folder and gives the files of
which one must be named, or none if the damage can't be seen.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import lake_format as lf

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "lake" / "example.ndjson"
PARTS = 3


# --- making a lake


def with_ids(value, ids):
    """A JSON value with the id itself in the place of each {"$ref": label}."""
    if isinstance(value, dict):
        if set(value) == {"$ref"}:
            return ids[value["$ref"]]
        return {name: with_ids(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [with_ids(item, ids) for item in value]
    return value


def import_events(antiks, lake, file, events):
    """Lets antiks commit these events."""
    file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    command = [antiks, "--lake", lake, "lake", "import-events", file]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def make_lake(antiks, lake, folder, ids):
    """The example's events in a few commits of antiks."""
    lines = [json.loads(line) for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    size = -(-len(lines) // PARTS)
    for start in range(0, len(lines), size):
        part = [with_ids(line, ids) for line in lines[start : start + size]]
        import_events(antiks, lake, folder / f"part{start}.ndjson", part)


def add_snapshot(antiks, lake, folder):
    """A file in snapshots/ by a commit that is written here, and an event about it by antiks."""
    bodies = read_log(lake)
    version = len(bodies) - 1
    record = (lake / lf.record_path(version)).read_bytes()
    rows = folder / "rows.parquet"
    query = [antiks, "--lake", lake, "query", "training_set"]
    text = subprocess.run([*query, "--show"], check=True, capture_output=True, text=True).stdout
    subprocess.run([*query, "--format", "parquet", "-o", rows], check=True)
    data, table = rows.read_bytes(), pq.ParquetFile(rows).read()
    entry = {"blake3": lf.file_hash(data).hex(), "bytes": len(data), "rows": table.num_rows}
    path = lake / "snapshots" / f"{entry['blake3']}.parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    body = {**bodies[-1], "number": version + 1, "note": "by check_verifier.py"}
    write_log(lake, [*bodies, {**body, "events": [], "blobs": [], "snapshots": [entry]}])
    event = {
        "query_name": "training_set",
        "query_text": text,
        "query_hash": lf.file_hash(text.encode("utf-8")).hex(),
        "parameters": [
            {"name": "threshold", "value": "80"},
            {"name": "iteration"},
            {"name": "run"},
        ],
        "lake_version": version,
        "lake_commit_hash": lf.open_frame("commit", record)[1],
        "rows_snapshot": entry["blake3"],
        "rows": table.num_rows,
        "grade_ids": [row["grade_id"].hex() for row in table.to_pylist()],
    }
    observed = {"recorded_at": 1767225700000000, "host": "example machine"}
    line = {"kind": "snapshot", "iteration": 2, "label": "snapshot", **observed, "body": event}
    import_events(antiks, lake, folder / "snapshot.ndjson", [line])


def add_call(lake):
    """Intent and response of a paid call."""
    endpoint, text = "http://localhost", '{"messages":[]}'
    address = lf.sized(endpoint.encode()) + lf.u32(0)
    request = lf.derive("antiks.request.v1", address + text.encode()).hex()
    known = {"request": request, "attempt": 0, "at_us": 1767225600000000}
    documents = {
        "intent": {**known, "endpoint": endpoint, "ordinal": 0, "body": {"text": text}},
        "response": {**known, "http_status": 200, "body": {"text": '{"choices":[]}'}},
    }
    folder = lake / "calls" / request[:2]
    folder.mkdir(parents=True)
    for word, document in documents.items():
        data = lf.frame(word, lf.dump_body(document))
        (folder / f"{request}.0.{word}.json").write_bytes(data)


# --- reading and rewriting it


def read_log(lake):
    """The bodies of all commit records."""
    files = sorted((lake / "log").iterdir())
    return [lf.open_frame("commit", file.read_bytes())[0] for file in files]


def write_log(lake, bodies):
    """Writes the records anew: with fresh frames, and each linked to the one before."""
    parent = None
    for number, body in enumerate(bodies):
        data = lf.frame("commit", lf.dump_body({**body, "parent": parent}))
        parent = lf.open_frame("commit", data)[1]
        (lake / lf.record_path(number)).write_bytes(data)


def find_entry(bodies, kind):
    """The first file of a kind, and the number of its commit."""
    for number, body in enumerate(bodies):
        for entry in body["events"]:
            if entry["kind"] == kind:
                return number, entry
    raise LookupError(kind)


def encoded_rows(table):
    """The rows of a file as the encoder takes them, with the fields of their body."""
    fields = lf.body_fields(table.schema)
    return fields, [row for batch in table.to_batches() for row in lf.rows_of_batch(batch)]


def with_new_ids(table, entry):
    """The table with the ids that its bodies have."""
    fields, rows = encoded_rows(table)
    version, iteration = entry["version"], entry["iteration"]
    ids = [
        lf.event_id(lf.canonical_event(entry["kind"], version, iteration, fields, row))
        for row in rows
    ]
    return table.set_column(1, table.schema.field("id"), pa.array(ids, table.schema.types[1]))


def rebuild_trees(lake, bodies):
    """States in each record the tree that the events really make."""
    tree = lf.Tree()
    for body in bodies:
        rows = []
        for entry in body["events"]:
            rows += encoded_rows(pq.ParquetFile(lake / lf.events_path(entry)).read())[1]
        for row in sorted(rows, key=lambda row: row["seq"]):
            tree.append(lf.event_leaf(row["id"], row["seq"], row))
        body["tree"] = tree.stated()


def forge(kind, change, where, ids=False, tree=False, rows=True):
    """Damage by someone who makes all file hashes fit again: the file and its record.

    `change` alters the list of rows; `ids`, `tree` and `rows` say what else is made to fit;
    `where` picks from the file, the record and the lake what is to be named.
    """

    def damage(lake):
        bodies = read_log(lake)
        number, entry = find_entry(bodies, kind)
        path = lake / lf.events_path(entry)
        old = pq.ParquetFile(path).read()
        events = old.to_pylist()
        change(events)
        table = pa.Table.from_pylist(events, schema=old.schema)
        table = with_new_ids(table, entry) if ids else table
        path.unlink()
        pq.write_table(table, path, compression="zstd")
        data = path.read_bytes()
        entry.update(blake3=lf.file_hash(data).hex(), bytes=len(data))
        if rows:
            entry["rows"] = len(events)
        path.rename(lake / lf.events_path(entry))
        if tree:
            rebuild_trees(lake, bodies)
        write_log(lake, bodies)
        return where(lf.events_path(entry), bodies[number])

    return damage


def in_file(file, _):
    """The forgery is to be found in the file of events."""
    return {file}


def in_record(_, body):
    """The forgery is to be found in the commit record."""
    return {lf.record_path(body["number"])}


def in_commit(_, body):
    """Anything of the commit may be named: which of its files is wrong can't be known."""
    return {lf.record_path(body["number"]), *map(lf.events_path, body["events"])}


def in_snapshot(*_):
    """A snapshot's event or its rows may be named, since they contradict each other."""
    return {"events/kind=snapshot/", "snapshots/"}


def nowhere(*_):
    """What was done isn't to be found."""
    return set()


def set_field(name, value):
    """A change of one field of the first event."""

    def change(events):
        events[0][name] = value(events[0][name])

    return change


def edit_log(number, edit):
    """Damage by someone who edits a record and links the log anew."""

    def damage(lake):
        bodies = read_log(lake)
        edit(bodies[number])
        write_log(lake, bodies)
        return {lf.record_path(number)}

    return damage


# --- damage to bytes and files


def flip(path, where=0.5):
    """Flips a bit at some part of a file's length."""

    def damage(lake):
        data = bytearray((lake / path).read_bytes())
        data[int(where * (len(data) - 1))] ^= 1
        (lake / path).write_bytes(data)
        return {path}

    return damage


def truncate(path):
    """Cuts a file in half."""

    def damage(lake):
        data = (lake / path).read_bytes()
        (lake / path).write_bytes(data[: len(data) // 2])
        return {path}

    return damage


def remove(path, named=True):
    """Takes a file away."""

    def damage(lake):
        (lake / path).unlink()
        return {path} if named else set()

    return damage


def copy(source, target):
    """Puts a copy of a file where it doesn't belong."""

    def damage(lake):
        shutil.copyfile(lake / source, lake / target)
        return {target}

    return damage


def swap(one, other):
    """Lets two files change their places."""

    def damage(lake):
        data = (lake / one).read_bytes()
        (lake / one).write_bytes((lake / other).read_bytes())
        (lake / other).write_bytes(data)
        return {one}

    return damage


def files_of(lake, folder):
    """The files of a folder, relative to the lake."""
    files = sorted(path for path in (lake / folder).rglob("*") if path.is_file())
    return [file.relative_to(lake).as_posix() for file in files]


def cases_of_files(lake):
    """Names and damages: what can happen to files."""
    folders = ("log", "events", "blobs", "snapshots", "calls")
    log, events, blobs, snapshots, calls = (files_of(lake, folder) for folder in folders)
    for path in events + log + blobs + snapshots + calls:
        yield f"a bit flipped in {short(path)}", flip(path)
    for path in (events[0], log[2], log[-1]):
        yield f"the first bit flipped in {short(path)}", flip(path, 0)
        yield f"the last bit flipped in {short(path)}", flip(path, 1)
    for path in (events[0], log[0], log[2], log[-1], blobs[0], snapshots[0], *calls):
        yield f"half of {short(path)}", truncate(path)
    for path in (events[0], log[0], log[2], blobs[0], snapshots[0]):
        yield f"no {short(path)}", remove(path)
    yield "a stray file in log/", copy("lock", "log/note.txt")
    yield "a record after a gap", copy(log[-1], lf.record_path(9))
    yield "a record once more", copy(log[-1], lf.record_path(len(log)))
    yield "a stray file in calls/", copy("lock", "calls/note.txt")
    yield "an attempt under another number", copy(calls[0], calls[0].replace(".0.", ".1."))
    yield "two records swapped", swap(log[1], log[2])
    yield "two calls swapped", swap(*calls)


def cases_of_forgers(bodies, ids):
    """Names and damages: forgeries that keep all file hashes and the chain."""
    score = set_field("score", lambda score: score + 60)
    time = set_field("recorded_at", lambda time: time.replace(year=2027))
    host = set_field("host", lambda host: host + "!")
    nothing = lf.file_hash(b"nothing").hex()
    yield "a score changed", forge("grade", score, in_file)
    yield "a score changed, trees made anew", forge("grade", score, in_file, tree=True)
    yield "a score changed with its id", forge("grade", score, in_record, ids=True)
    yield "a time changed", forge("grade", time, in_record)
    yield "a host changed", forge("grade", host, in_record)

    def drop(events):
        events.pop()

    def double(events):
        events[1].update(events[0], seq=events[1]["seq"])

    yield "a row dropped, stated rows kept", forge("challenge", drop, in_file, rows=False)
    yield "a row dropped", forge("challenge", drop, in_commit)
    yield "a row dropped, trees made anew", forge("challenge", drop, in_commit, tree=True)
    yield "rows in falling order", forge("challenge", list.reverse, in_file, tree=True)
    yield "an event twice", forge("challenge", double, in_file, tree=True)
    for name, kind, column, value in (
        ("a reference to another kind", "grade", "challenge_id", ids["a1"]),
        ("a reference to a later event", "teacher_call", "run_id", ids["bad"]),
        ("a reference to nothing", "grade", "answer_id", nothing),
        ("a reference to no named blob", "checkpoint", "adapter_blob", nothing),
    ):
        change = set_field(column, lambda _, value=value: bytes.fromhex(value))
        yield name, forge(kind, change, in_file, ids=True, tree=True)
    for field in sorted(bodies[2].keys() - {"parent"}):  # write_log sets the parent
        yield f"a record's senseless {field}", edit_log(2, lambda b, f=field: b.update({f: {}}))
    for field, value in bodies[1]["tree"].items():
        change = {field: value}
        yield f"another tree's {field}", edit_log(2, lambda b, c=change: b["tree"].update(c))


def reword_intent(at):
    """Another text in an intent, its frame made anew."""
    path = next((at / "calls").glob("*/*.intent.json"))
    document, _ = lf.open_frame("intent", path.read_bytes())
    document["body"] = {"text": '{"messages":[1]}'}
    path.write_bytes(lf.frame("intent", lf.dump_body(document)))
    return {path.relative_to(at).as_posix()}


def drop_intent(at):
    """A response whose intent is gone."""
    path = next((at / "calls").glob("*/*.intent.json"))
    path.unlink()
    return {path.relative_to(at).as_posix()}


def cases_of_calls():
    """What is wrong with calls though frames and names are right."""
    return [("another text in an intent", reword_intent), ("no intent", drop_intent)]


def cases_of_snapshots():
    """Names and damages around a snapshot event, which knows the hash of an older commit."""
    for column, where in (
        ("rows_snapshot", in_file),
        ("query_hash", in_snapshot),
        ("lake_commit_hash", in_snapshot),
    ):
        change = set_field(column, lambda _: lf.file_hash(b"nothing"))
        yield f"another {column}", forge("snapshot", change, where, ids=True, tree=True)
    host = set_field("host", lambda host: host + "!")
    name = "a host changed before a snapshot, trees made anew"
    yield name, forge("retraction", host, in_snapshot, tree=True)


def cases_of_limits(bodies):
    """Names and damages that the format can't show without the newest hash."""
    host = set_field("host", lambda host: host + "!")
    yield "no damage", lambda _: set()
    yield "a file that pyarrow wrote anew", forge("grade", lambda _: None, nowhere)
    yield "a host changed, trees made anew", forge("retraction", host, nowhere, tree=True)
    yield "no newest record", remove(lf.record_path(len(bodies) - 1), named=False)


def short(path):
    """A path with short hashes, for people."""
    return "/".join(part[:12] + "…" if len(part) > 60 else part for part in path.split("/"))
