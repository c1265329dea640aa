"""Verifies a lake as the section "Verification" of lake/README.md says.

Proves that a lake is whole without any of antiks' code: the chain of commits, the hash and
length of every file before anything in it is parsed, every event's id from its Parquet
columns, the tree, the references, and the spool of paid calls. Only one thing is left to
`antiks verify`, which has a SQL engine: that a snapshot's query gives its rows again.

Run it with `python scripts/verify_lake.py LAKE [--json]` (scripts/requirements.txt
installed). It names the file and the event of each finding and goes on after it. It exits
with 0 if the lake is whole, with 3 if there are findings, and with 2 if it can't be asked.
"""

import argparse
import json
import os
import re
import stat
import struct
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

import lake_format as lf

RECORD_NAME = re.compile(r"([0-9]{20})\.json")
CALL_NAME = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})\.(0|[1-9][0-9]*)\.(intent|response)\.json")


# --- events of a file


@dataclass
class Row:
    """An event as the checks across files need it; without a leaf it couldn't be made."""

    file: str
    kind: str
    seq: int
    id: bytes
    leaf: bytes | None = None
    references: list = field(default_factory=list)
    body: dict = field(default_factory=dict)

    def __str__(self):
        identity = self.id.hex() if isinstance(self.id, bytes) else "without an id"
        return f"event {self.seq} {identity}"


# --- the verifier


class Verifier:
    """Goes through a lake commit by commit and collects findings."""

    def __init__(self, lake):
        self.lake = lake
        self.findings = []
        self.commits = 0
        self.hashes = {}  # of the commits; None where a record can't be read
        self.events = {}  # id -> (kind, sequence number)
        self.named = {"blobs": set(), "snapshots": set()}
        self.sizes = {}  # of the files that were read; None for those with a finding
        self.tree = lf.Tree()  # None where it isn't known
        self.gaps = False  # whether something couldn't be read that others may point at
        self.unresolved = 0

    def find(self, file, message, event=None):
        """Notes a finding."""
        event = None if event is None else str(event)
        self.findings.append({"file": file, "event": event, "message": message})

    def run(self):
        """All points of the section, in the order of the log."""
        expected = 0
        for number in self.list_log():
            if number != expected:
                last = f" to {number - 1}" if number - 1 > expected else ""
                self.find(lf.record_path(expected), f"commit {expected}{last} is missing")
                self.lose()
            self.check_commit(number)
            expected = number + 1
        if expected == 0:
            self.find(lf.record_path(0), "there is no commit 0")
        if self.unresolved:
            self.find("events", f"{self.unresolved} references lead to what couldn't be read")
        self.check_calls()

    def lose(self):
        """Something can't be read: what would only follow from it is no finding of its own."""
        self.gaps = True
        self.tree = None

    # - files

    def read(self, path, size=None, keep=True):
        """A regular file's bytes and hash, if its length is the one that is stated."""
        with open(os.open(self.lake / path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise lf.FormatError("it is no file")
            if size is not None and state.st_size != size:
                raise lf.FormatError(f"it has {state.st_size} bytes and not {size}")
            parts, digest = [], blake3()
            while part := file.read(1 << 20):
                digest.update(part)
                if keep:
                    parts.append(part)
        return b"".join(parts), digest.hexdigest()

    def check_file(self, path, entry, keep):
        """A named file's bytes, or None after a finding."""
        try:
            data, digest = self.read(path, entry["bytes"], keep)
            if digest == entry["blake3"]:
                self.sizes[path] = entry["bytes"]
                return data
            self.find(path, f"it has the hash {digest}")
        except (OSError, ValueError) as error:
            self.find(path, why(error))
        self.sizes[path] = None
        return None

    # - the log

    def list_log(self):
        """The numbers of the records in rising order; whatever else lies there is a finding."""
        numbers = []
        try:
            names = sorted(os.listdir(self.lake / "log"))
        except OSError as error:
            self.find("log", why(error))
            names = []
        for name in names:
            match = RECORD_NAME.fullmatch(name)
            if match:
                numbers.append(int(match.group(1)))
            else:
                self.find(f"log/{name}", "it is no commit record")
        return numbers

    def check_commit(self, number):
        """A record, and all that it names."""
        path = lf.record_path(number)
        self.hashes[number] = None
        try:
            data, _ = self.read(path)
            record, self.hashes[number] = lf.open_frame("commit", data)
        except (OSError, ValueError) as error:
            self.find(path, why(error))
            self.lose()
            return
        wrong = lf.wrong_fields(lf.RECORD, record)
        parent = self.hashes.get(number - 1)
        if "parent" not in wrong and (parent or number == 0) and record["parent"] != parent:
            self.find(path, f"its parent is {record['parent']}, the commit before is {parent}")
        if "number" not in wrong and record["number"] != number:
            wrong.append("number")
        if wrong:
            self.find(path, f"not as the format has it: {', '.join(wrong)}")
            self.lose()
            return
        self.commits += 1
        if number == 0 and (record["events"] or record["snapshots"] or record["blobs"]):
            self.find(path, "commit 0 adds something")
        self.check_named(path, record)
        self.check_events(path, record)

    def check_named(self, path, record):
        """The blobs and snapshots of a record; one that was named before is not read again."""
        for sort, named in self.named.items():
            for entry in record[sort]:
                digest = entry["blake3"]
                folder = f"blobs/{digest[:2]}/{digest}"
                file = folder if sort == "blobs" else f"snapshots/{digest}.parquet"
                named.add(digest)
                if file not in self.sizes:
                    self.check_file(file, entry, keep=False)
                elif self.sizes[file] not in (None, entry["bytes"]):
                    self.find(path, f"it states another length of {file}")

    # - events

    def check_events(self, path, record):
        """The events of a record: ids, sequence numbers, tree and references."""
        rows, complete = [], True
        for entry in record["events"]:
            file = lf.events_path(entry)
            data = self.check_file(file, entry, keep=True)
            if data is None or not self.read_events(file, entry, data, rows):
                complete = False
        self.gaps |= not complete
        rows = [row for row in rows if isinstance(row.seq, int) and isinstance(row.id, bytes)]
        rows.sort(key=lambda row: row.seq)
        for row in rows:
            known = self.events.setdefault(row.id, (row.kind, row.seq))
            if known != (row.kind, row.seq):
                self.find(row.file, f"event {known[1]} before it has the same id", row)
        self.check_tree(path, record["tree"], rows, complete)
        for row in rows:
            self.check_references(row)
            if row.kind == "snapshot":
                self.check_snapshot(row)

    def read_events(self, file, entry, data, rows):
        """Adds a file's rows to `rows`; whether all of them could be read."""
        count, last, complete = 0, -1, True
        try:
            parquet = pq.ParquetFile(pa.BufferReader(data))
            fields = lf.body_fields(parquet.schema_arrow)
            for batch in parquet.iter_batches(batch_size=4096):
                for values in lf.rows_of_batch(batch):
                    row = Row(file, entry["kind"], values["seq"], values["id"])
                    rows.append(row)
                    count += 1
                    try:
                        self.read_row(row, entry, fields, values)
                        if row.seq <= last:
                            self.find(file, f"its row comes after that of event {last}", row)
                        last = row.seq
                    except (ValueError, TypeError, struct.error) as error:
                        self.find(file, f"it can't be encoded: {error}", row)
                        complete = False
        except Exception as error:  # pyarrow raises many sorts, and none may end the run
            self.find(file, f"it can't be read as events: {error}")
            return False
        if count != entry["rows"]:
            self.find(file, f"it has {count} rows and not {entry['rows']}")
        return complete

    def read_row(self, row, entry, fields, values):
        """The id that a row's body has, its leaf and its references."""
        canonical = lf.canonical_event(
            entry["kind"], entry["version"], entry["iteration"], fields, values
        )
        identity = lf.event_id(canonical)
        if identity != row.id:
            self.find(row.file, f"its body has the id {identity.hex()}", row)
        missing = [f.name for f in lf.OBSERVED if not f.optional and values[f.name] is None]
        if missing:
            self.find(row.file, f"it has no {' and no '.join(missing)}", row)
        row.leaf = lf.event_leaf(row.id, row.seq, values)
        row.references = list(lf.references_of(fields, values))
        if row.kind == "snapshot":
            row.body = values

    def check_tree(self, path, stated, rows, complete):
        """Sequence numbers and tree, on top of the tree that the commit before states."""
        before, peaks = self.tree, [bytes.fromhex(peak) for peak in stated["peaks"]]
        self.tree = lf.Tree(stated["size"], peaks)
        if len(peaks) != stated["size"].bit_count() or self.tree.root().hex() != stated["root"]:
            self.find(path, "the tree's size, peaks and root don't fit each other")
            self.tree = None
        if before is None or not complete:
            return
        for row in rows:
            if row.seq != before.size:
                self.find(row.file, f"the next sequence number would be {before.size}", row)
                return
            before.append(row.leaf)
        found = before.stated()
        if any(found[name] != stated[name] for name in found):
            self.find(
                path,
                f"its events make a tree of {found['size']} leaves with the root {found['root']}, "
                f"not of {stated['size']} with {stated['root']}",
            )

    def check_references(self, row):
        """Each reference leads to something that was there before."""
        for column, digest in row.references:
            if column.endswith(("_blob", "_snapshot")):
                sort = "blobs" if column.endswith("_blob") else "snapshots"
                if digest.hex() in self.named[sort]:
                    continue
                message = f"{column} {digest.hex()}: no commit up to here names it in {sort}"
            elif digest in self.events:
                kind, seq = self.events[digest]
                if not lf.points_at(column, kind):
                    self.find(row.file, f"{column} points at a {kind} (event {seq})", row)
                if seq >= row.seq:
                    self.find(row.file, f"{column} points at the later event {seq}", row)
                continue
            else:
                message = f"{column} {digest.hex()}: there is no such event before it"
            if self.gaps:
                self.unresolved += 1
            else:
                self.find(row.file, message, row)

    def check_snapshot(self, row):
        """What a snapshot event says of its query and of the lake's version."""
        text, version = row.body.get("query_text"), row.body.get("lake_version")
        if not isinstance(text, str) or row.body.get("query_hash") != lf.file_hash(text.encode()):
            self.find(row.file, "query_hash isn't the hash of query_text", row)
        digest = self.hashes.get(version, "")
        stated = row.body.get("lake_commit_hash")
        is_told = digest is not None and stated is not None
        if is_told and (not isinstance(stated, bytes) or stated.hex() != digest):
            self.find(row.file, f"lake_commit_hash isn't the hash of commit {version}", row)

    # - calls

    def check_calls(self):
        """The documents of the spool; no commit names them."""
        root = self.lake / "calls"
        for folder, _, names in sorted(os.walk(root)):
            for name in sorted(names):
                inside = (Path(folder) / name).relative_to(root).as_posix()
                self.check_call(f"calls/{inside}", CALL_NAME.fullmatch(inside))

    def check_call(self, path, match):
        """A document's frame and hash, and that it is what its name says."""
        if match is None:
            self.find(path, "it has no name of a call's document")
            return
        try:
            document, _ = lf.open_frame(match.group(4), self.read(path)[0])
        except (OSError, ValueError) as error:
            self.find(path, why(error))
            return
        if document.get("request") != match.group(2):
            self.find(path, "it is of another request than its name")
        if not lf.is_count(document.get("attempt")) or str(document["attempt"]) != match.group(3):
            self.find(path, "it is of another attempt than its name")
        if match.group(4) == "intent" and request_of(document) != document.get("request"):
            self.find(path, "its fields make another request hash")
        self.check_intent_before(path, match)

    def check_intent_before(self, path, match):
        """The intent that was on disk before: of the response, or of the attempt before."""
        folder, request, attempt, word = match.groups()
        number = int(attempt) - (word == "intent")
        before = f"calls/{folder}/{request}.{number}.intent.json"
        if number >= 0 and not (self.lake / before).is_file():
            self.find(before, f"it is missing, but {path} is there")


def request_of(intent):
    """The request hash that an intent's fields make; None if they make none."""
    try:
        endpoint, body = intent["endpoint"].encode("utf-8"), intent["body"]
        data = bytes.fromhex(body["hex"]) if "hex" in body else body["text"].encode("utf-8")
        address = lf.sized(endpoint) + lf.u32(intent["ordinal"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error):
        return None
    return lf.derive("antiks.request.v1", address + data).hex()


def why(error):
    """Why a file or document is no good, in words."""
    if isinstance(error, FileNotFoundError):
        return "it is missing"
    return f"it can't be read: {error.strerror}" if isinstance(error, OSError) else str(error)


def main():
    """Verifies and reports."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("lake", type=Path, help="the folder of the lake")
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    arguments = parser.parse_args()
    if not arguments.lake.is_dir():
        parser.error(f"{arguments.lake} is no folder")
    sys.stdout.reconfigure(errors="backslashreplace")
    verifier = Verifier(arguments.lake)
    verifier.run()
    findings = verifier.findings
    counts = {"commits": verifier.commits, "events": len(verifier.events)}
    if arguments.json:
        print(json.dumps({"whole": not findings, **counts, "findings": findings}))
    else:
        for finding in findings:
            event = "" if finding["event"] is None else f"{finding['event']}: "
            print(f"{finding['file']}: {event}{finding['message']}")
        totals = [f"{count} {name}" for name, count in counts.items()]
        print(", ".join([*totals, f"{len(findings)} findings"]))
    return 3 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
