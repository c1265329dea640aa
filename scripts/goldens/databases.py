#!/usr/bin/env python3
"""Writes the databases of tests/data/databases: what real people have, not textbooks.

    databases.py --write   write the SQL scripts
    databases.py --check   the scripts are what this makes, and SQLite takes them

club      a membership list exported from spreadsheets: no keys, no references, few types
bakery    odd names, composite keys, WITHOUT ROWID, views, a trigger, full text, generated columns
survey    one table of 70 columns beside a few small ones
"""

import argparse
import datetime
import random
import sqlite3
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "tests/data/databases"
SEED = 41
MOST_BYTES = 300_000

FIRST = """Anja Bruno Carla Dario Elif Femke Gustav Hana Ivo Jule Kamil Lotte Milan Nora Oskar Pia Quentin Rosa Sami
Tilda Uwe Vera Wim Xenia Yara Zeno Åsa Çelik Éva Ömer""".split()
LAST_A = "Berg Brand Eich Falk Hart Klein Lind Moor Nuss Rein Stein Thal Vogt Weid Zahn Böhm Grün Süß".split()
LAST_B = "er mann feld hof ig eck au ner in ke".split()


def literal(value):
    """A value as SQL writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bytes):
        return "x'" + value.hex() + "'"
    return repr(value)


def inserts(table, rows, many=25, columns=""):
    """INSERT statements of many rows each."""
    for start in range(0, len(rows), many):
        values = ",\n  ".join("(" + ", ".join(map(literal, row)) + ")" for row in rows[start:start + many])
        yield f"INSERT INTO {table}{columns} VALUES\n  {values};\n"


def person(rng):
    return f"{rng.choice(FIRST)} {rng.choice(LAST_A)}{rng.choice(LAST_B)}"


def day(rng, first, last):
    start = datetime.date.fromisoformat(first)
    span = (datetime.date.fromisoformat(last) - start).days
    return start + datetime.timedelta(rng.randrange(span + 1))


def german(cents):
    """1.234,50 for 123450."""
    sign, cents = ("-" if cents < 0 else ""), abs(cents)
    return f"{sign}{cents // 100:,}".replace(",", ".") + f",{cents % 100:02d}"


def messy_amount(rng, cents):
    """An amount as several people have typed it over the years."""
    plain = f"{cents / 100:.2f}"
    return rng.choices([
        german(cents) + " €", "€ " + german(cents), german(cents), plain, cents / 100, f"{cents // 100}",
        cents // 100, "EUR " + plain, german(cents) + " EUR", f"({german(abs(cents))})", " " + german(cents) + " € ",
    ], [34, 6, 14, 10, 8, 5, 5, 4, 5, 2, 3])[0]


def club():
    rng = random.Random(f"{SEED} club")
    yield "-- A rowing club's lists, each sheet of its spreadsheet a table. Nothing is declared that a spreadsheet\n"
    yield "-- does not know: no keys, no references, hardly a type. Made by scripts/goldens/databases.py.\n"
    yield "CREATE TABLE members (member_no, name TEXT, born, joined TEXT, left_on, category, yearly_fee, email, city, remarks);\n"
    yield "CREATE TABLE payments (member_no, paid_on TEXT, amount TEXT, method, purpose);\n"
    yield "CREATE TABLE boats (boat, seats, bought, price TEXT, weight_kg, in_use);\n"
    yield "CREATE TABLE outings (day TEXT, boat, member_no, km, hours);\n"
    categories = ["active", "active", "active", "passive", "youth", "honorary", "Active", "youth ", "family"]
    cities = ["Bremen", "Bremen", "Bremen", "Achim", "Verden", "bremen", "Lilienthal", "Bremen-Nord", "", None]
    members = []
    for number in range(1, 261):
        no = number if rng.random() < 0.9 else f"{number:04d}"
        born = day(rng, "1938-01-01", "2013-12-31").isoformat()
        joined = day(rng, max("1998-01-01", f"{int(born[:4]) + 8}-01-01"), "2024-12-31")
        left = day(rng, joined.isoformat(), "2025-06-30") if rng.random() < 0.2 else None
        name = person(rng)
        members.append([
            no, name if rng.random() < 0.97 else name.upper(), rng.choices([born, born[:4], "", None, "?"], [88, 4, 3, 4, 1])[0],
            joined.isoformat(), left.isoformat() if left else rng.choice([None, None, None, "", "-"]),
            rng.choice(categories), rng.choices([messy_amount(rng, rng.choice([6000, 12000, 18000, 24000])), "frei", "", None], [85, 6, 3, 6])[0],
            rng.choices([name.split()[0].lower() + f"{number}@example.org", "", None, "n/a"], [70, 10, 15, 5])[0],
            rng.choice(cities), rng.choices([None, "", "pays late", "key no. 7", "see letter of 12.3.", "moved?"], [70, 15, 5, 4, 3, 3])[0],
        ])
    members.insert(120, members[40][:])  # one line was pasted twice
    members.append(["", "Total", "", "", "", "", "31.140,00 €", "", "", None])
    yield from inserts("members", members)
    payments = []
    for _ in range(820):
        no = rng.choice(members[:-1])[0] if rng.random() < 0.97 else rng.randrange(261, 300)
        cents = rng.choice([6000, 12000, 18000, 24000, 1500, 2550, 123450, 999, 50000, -12000])
        amount = messy_amount(rng, cents)
        payments.append([
            no, day(rng, "2021-01-01", "2025-06-30").isoformat(),
            rng.choices([str(amount), "", None, "offen", "s. o."], [93, 2, 2, 2, 1])[0],
            rng.choice(["transfer", "transfer", "cash", "debit", "Debit", "PayPal", None]),
            rng.choice(["fee", "fee", "fee", "locker", "regatta", "donation", "boat house", "", None]),
        ])
    yield from inserts("payments", payments)
    names = ["Weser", "Otter", "Nixe", "Sturm", "Ariel", "Hansa", "Wümme", "Roland", "Lotte II", "Pegasus", "Kiebitz", "Nr. 12"]
    boats = [[name, rng.choice([1, 2, 2, 4, 4, "4+", 8]), rng.choice([day(rng, "1985-01-01", "2023-12-31").isoformat(), "1991", None]),
              messy_amount(rng, rng.randrange(80000, 2900000, 50)) if rng.random() < 0.8 else "geschenkt",
              rng.choice([17, 27.5, "ca. 50", 96, None]), rng.choice(["yes", "yes", "no", "ja", 1, 0])] for name in names]
    yield from inserts("boats", [[b[0], b[1], b[2], str(b[3]), b[4], b[5]] for b in boats])
    outings = [[day(rng, "2024-03-01", "2025-06-30").isoformat(), rng.choice(names) if rng.random() < 0.97 else "weser",
                rng.choice(members[:-1])[0], rng.choices([rng.randrange(4, 32), rng.randrange(8, 60) / 2, "12 km", None, ""], [70, 20, 4, 4, 2])[0],
                rng.choices([rng.randrange(1, 9) / 2, "1:30", "2h", None], [85, 6, 4, 5])[0]] for _ in range(760)]
    outings.sort(key=lambda row: row[0])
    yield from inserts("outings", outings)


def bakery():
    rng = random.Random(f"{SEED} bakery")
    yield r'''-- A bakery's ordering program, grown over the years by three authors who each had another taste in
-- names. Made by scripts/goldens/databases.py.
CREATE TABLE "Kunden" (
  "Kunden-Nr" INTEGER PRIMARY KEY AUTOINCREMENT,
  "Name" VARCHAR(80) NOT NULL COLLATE NOCASE,
  "Straße" TEXT,
  "größe" TEXT CHECK ("größe" IN ('klein', 'mittel', 'groß')),
  "e-mail" TEXT UNIQUE,
  "from" DATE NOT NULL DEFAULT '2020-01-01',
  "% Rabatt" DECIMAL(5,2) DEFAULT 0
);
CREATE TABLE "group" (
  "group" TEXT NOT NULL PRIMARY KEY,
  "index" INT,
  "desc" TEXT
) WITHOUT ROWID;
CREATE TABLE Artikel (
  "group" TEXT NOT NULL REFERENCES "group",
  Nr SMALLINT NOT NULL,
  [Artikel Name] TEXT NOT NULL,
  `Preis €` NUMERIC NOT NULL,
  "Preis (alt)" TEXT,
  "is ""bio""" BOOLEAN,
  "Brutto" REAL GENERATED ALWAYS AS (round("Preis €" * 1.07, 2)) VIRTUAL,
  PRIMARY KEY ("group", Nr)
) WITHOUT ROWID;
CREATE TABLE "order" (
  id INTEGER PRIMARY KEY,
  "select" INTEGER REFERENCES "Kunden" ("Kunden-Nr") ON DELETE SET NULL,
  "Order Date" TEXT NOT NULL,
  "when" TIME,
  "STATUS" TEXT DEFAULT 'new',
  "status note" TEXT,
  "total" TEXT
);
CREATE TABLE "Order Lines" (
  "order" INTEGER NOT NULL,
  "line no" INTEGER NOT NULL,
  "group" TEXT NOT NULL,
  "Artikel.Nr" INTEGER NOT NULL,
  "Qty." INTEGER NOT NULL DEFAULT 1 CHECK ("Qty." >= 0),
  "unit price" REAL,
  PRIMARY KEY ("order", "line no"),
  FOREIGN KEY ("order") REFERENCES "order" (id) ON DELETE CASCADE,
  FOREIGN KEY ("group", "Artikel.Nr") REFERENCES Artikel ("group", Nr)
) WITHOUT ROWID;
CREATE TABLE "it's a 'log'" (
  "at" TEXT,
  "what?" TEXT,
  "\n" BLOB
);
CREATE TABLE "Öffnungszeiten" (
  "tag" INTEGER NOT NULL,
  "Filiale" TEXT NOT NULL,
  "von" TEXT,
  "bis" TEXT,
  UNIQUE ("Filiale", "tag")
) STRICT;
CREATE TABLE " leading blank" (" x " ANY, "X" INTEGER, "2nd" TEXT, "" TEXT);
CREATE TABLE "empty" ("nothing" TEXT);
CREATE INDEX "order by customer" ON "order" ("select", "Order Date" DESC);
CREATE UNIQUE INDEX "one name" ON Artikel (lower("Artikel Name"));
CREATE INDEX "open only" ON "order" ("Order Date") WHERE "STATUS" = 'new';
CREATE VIEW "open orders" ("no", "customer", "day") AS
  SELECT o.id, k."Name", o."Order Date" FROM "order" AS o LEFT JOIN "Kunden" AS k ON k."Kunden-Nr" = o."select"
  WHERE o."STATUS" = 'new';
CREATE VIEW "Umsatz je group" AS
  SELECT l."group", sum(l."Qty." * l."unit price") AS "Umsatz €" FROM "Order Lines" AS l GROUP BY l."group";
CREATE VIRTUAL TABLE "notes" USING fts5("title", "body");
CREATE TRIGGER "after; order" AFTER UPDATE OF "STATUS" ON "order" WHEN old."STATUS" <> new."STATUS"
BEGIN
  INSERT INTO "it's a 'log'" VALUES (new."Order Date", 'order ' || new.id || ': ' || new."STATUS", NULL);
END;
'''
    streets = ["Am Markt", "Bäckergasse", "Rue de l'Été", "Große Straße", "Zum \"Anker\"", "Ulica Łąkowa", "Main St."]
    kunden = []
    for number in range(1, 91):
        name = person(rng)
        kunden.append([number * 3 + 7, name if rng.random() < 0.8 else f"Café {name.split()[1]}",
                       f"{rng.choice(streets)} {rng.randrange(1, 120)}" if rng.random() < 0.9 else None,
                       rng.choice(["klein", "klein", "mittel", "groß", None]),
                       f"{name.split()[0]}.{number}@example.com" if rng.random() < 0.7 else None,
                       day(rng, "2019-01-01", "2025-03-31").isoformat(), rng.choice([0, 0, 0, 2.5, 5, 10, None])])
    yield from inserts('"Kunden"', kunden)
    groups = [["Brot", 1, "loaves"], ["Brötchen", 2, "rolls"], ["Kuchen", 3, "cakes"], ["select", 4, "the chef's choice"],
              ["Getränke", 5, None], ["", 9, "not sorted yet"]]
    yield from inserts('"group"', groups)
    words = ["Roggen", "Dinkel", "Mohn", "Kürbis", "Apfel", "Nuss", "Käse", "Zimt", "Bauern", "Land"]
    articles = []
    for group, _, _ in groups[:5]:
        for number, word in enumerate(rng.sample(words, 7), 1):
            cents = rng.randrange(45, 2900, 5)
            price = cents / 100 if cents % 100 else cents // 100
            articles.append([group, number * 10, f"{word}-{group or 'x'}" if group != "select" else f"{word} \"Spezial\"", price,
                             rng.choice([None, german(cents - 20) + " €", f"{cents / 100:.2f}", "tba"]), rng.choice([0, 1, None])])
    yield from inserts("Artikel", articles, columns=' ("group", Nr, "Artikel Name", "Preis €", "Preis (alt)", "is ""bio""")')
    orders, lines = [], []
    for number in range(1, 421):
        ordered = day(rng, "2023-01-01", "2025-06-30")
        total = 0
        for line in range(1, rng.choice([1, 1, 2, 2, 3, 4, 5]) + 1):
            article = rng.choice(articles)
            count = rng.choice([0, 1, 1, 2, 3, 5, 10, 24])
            price = article[3] if rng.random() < 0.9 else None
            total += round(count * (price or 0) * 100)
            lines.append([number * 2, line * 10, article[0], article[1], count, price])
        orders.append([number * 2, rng.choice(kunden)[0] if rng.random() < 0.93 else None, ordered.isoformat(),
                       rng.choice(["06:00", "07:30:00", "12:15", None]),
                       rng.choice(["new", "paid", "paid", "paid", "Paid", "void", None]),
                       rng.choice([None, None, None, "ring twice", "no \"nuts\"!", "it's late; call"]),
                       rng.choice([german(total) + " €", german(total) + " €", f"{total / 100:.2f}", "", None])])
    yield from inserts('"order"', orders)
    yield from inserts('"Order Lines"', lines)
    yield from inserts('"it\'s a \'log\'"', [["2024-01-01", "start", b"\x00\x01"], ["2024-01-01", "it's on", None], [None, "", b""]])
    hours = [[d, f, None if d == 7 else "06:00", None if d == 7 else rng.choice(["13:00", "18:30"])]
             for f in ["Mitte", "Süd", "Nord-West"] for d in range(1, 8)]
    yield from inserts('"Öffnungszeiten"', hours)
    yield from inserts('" leading blank"', [[1, 2, "a", None], ["1", 3, "b", ""], [1.5, None, "c", "x"], [b"1", 4, None, "y"]])
    notes = [[f"note {n}", " ".join(rng.choice(words + ["bake", "oven", "late", "flour", "again"]).lower() for _ in range(8))]
             for n in range(1, 41)]
    yield from inserts('"notes"', notes)
    yield 'UPDATE "order" SET "STATUS" = \'paid\' WHERE id IN (2, 4, 6, 8);\n'


def survey():
    rng = random.Random(f"{SEED} survey")
    yield "-- A survey about commuting in three waves: one line a person, one column a question, 9 and 99 for no\n"
    yield "-- answer in some of them and NULL in others. Some references dangle.\n"
    yield "-- Made by scripts/goldens/databases.py.\nPRAGMA foreign_keys = OFF;\n"
    yield "CREATE TABLE regions (region_code TEXT PRIMARY KEY, region_name TEXT NOT NULL, inhabitants INTEGER);\n"
    yield "CREATE TABLE interviewers (interviewer_id INTEGER PRIMARY KEY, initials TEXT, hired TEXT, wage_per_hour TEXT);\n"
    yield "CREATE TABLE questions (column_name TEXT PRIMARY KEY, wording TEXT, scale_min INTEGER, scale_max INTEGER, missing_code INTEGER);\n"
    scales = [(1, 5, None), (1, 5, 9), (0, 10, 99), (0, 1, None), (1, 7, None)]
    topics = ["trains", "buses", "bicycles", "parking", "fares", "crowding", "safety", "noise", "punctuality", "cleanliness"]
    asked = ["How satisfied are you with {}?", "How important are {} to you?", "Did {} change your route?", "How often do you think of {}?",
             "Would you pay more for {}?", "Compared with last year, {} are"]
    questions = [[f"q{n:02d}", asked[(n - 1) // 10].format(topics[(n - 1) % 10]), *rng.choice(scales)] for n in range(1, 61)]
    columns = ["respondent INTEGER PRIMARY KEY", "wave INTEGER NOT NULL", "filled_on TEXT NOT NULL", "region_code TEXT REFERENCES regions",
               "interviewer_id INTEGER REFERENCES interviewers", "age INTEGER", "income_band TEXT", "monthly_cost TEXT",
               "weight REAL NOT NULL", *[f"{q[0]} INTEGER" for q in questions], "comment TEXT"]
    yield "CREATE TABLE responses (\n  " + ",\n  ".join(columns) + "\n);\n"
    regions = [["N1", "North Shore", 412000], ["N2", "North Hills", 88000], ["C1", "Centre", 1250000], ["E1", "East Dock", 301000],
               ["S1", "South", 97000], ["W1", "West Valley", None], ["X9", "abroad", None]]
    yield from inserts("regions", regions)
    interviewers = [[n, "".join(w[0] for w in person(rng).split()), day(rng, "2015-01-01", "2024-06-30").isoformat(),
                     rng.choice(["$18.50", "18.5", "$21", "20,00", "n/a", None])] for n in range(1, 15)]
    yield from inserts("interviewers", interviewers)
    yield from inserts("questions", questions)
    rows = []
    for number in range(1, 431):
        wave = 1 + (number - 1) // 150
        region = rng.choice(["N1", "N1", "C1", "C1", "C1", "E1", "S1", "W1", "N2", None, "C9"])
        mood = rng.random()
        cost = rng.randrange(0, 48000, 25)
        answers = []
        for _, _, low, high, missing in questions:
            if rng.random() < 0.06:
                answers.append(missing)
            else:
                answers.append(min(high, max(low, round(low + (high - low) * (mood * 0.6 + rng.random() * 0.4)))))
        if rng.random() < 0.05:
            answers[30:] = [None] * 30  # stopped half-way
        rows.append([1000 + number, wave, day(rng, f"{2021 + wave}-09-01", f"{2021 + wave}-10-15").isoformat(), region,
                     rng.choice([*range(1, 15), 77, None]), rng.choices([rng.randrange(16, 90), None, 999], [92, 6, 2])[0],
                     rng.choice(["low", "middle", "high", "refused", None]),
                     rng.choice([f"${cost // 100}.{cost % 100:02d}", f"${cost // 100:,}", f"{cost / 100:.2f}", "nothing", "", None, f"{cost // 100} USD"]),
                     rng.randrange(400, 2500) / 1000, *answers,
                     rng.choices([None, "", "Too late, always.", "it's fine", "more bikes!", "\"fast\" trains?"], [75, 5, 5, 5, 5, 5])[0]])
    yield from inserts("responses", rows)


SCRIPTS = {"bakery": bakery, "club": club, "survey": survey}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    wrong = 0
    for name, make in SCRIPTS.items():
        text = "".join(make())
        path = FOLDER / f"{name}.sql"
        if options.write:
            path.write_text(text)
        if options.check:
            wrong += path.read_text() != text or len(text.encode()) > MOST_BYTES
            db = sqlite3.connect(":memory:")
            db.executescript(path.read_text())
            tables = [r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
            counts = {t: db.execute('SELECT count(*) FROM "' + t.replace('"', '""') + '"').fetchone()[0] for t in tables}
            verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
            dangling = len(db.execute("PRAGMA foreign_key_check").fetchall())
            wrong += verdict != "ok"
            print(f"{name}: {len(text.encode())} bytes, integrity {verdict}, {dangling} references dangle, rows {counts}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
