#!/usr/bin/env python3
"""CLEAN_NUMERIC a second time, from src/sandbox/clean_numeric.md alone.

    clean_numeric.py --check   compare with the page's table of cases and with the golden file
    clean_numeric.py --write   write tests/data/clean_numeric.tsv

The golden file has one case a line: the text as a JSON string, a tab, and the sixteen hex
digits of the double's bits, or null. Texts about which the page can be read in two ways
(`Doubt` below says which) are left out of it.
"""

import argparse
import json
import random
import re
import struct
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "src/sandbox/clean_numeric.md"
GOLDEN = ROOT / "tests/data/clean_numeric.tsv"
SEED = 20240229
CASES = 3000

BLANKS = " \t\n\r\u00a0\u2007\u2009\u202f"
SYMBOLS = "$ € £ ¥ ₹ ₽ ₩ ₺ ₫ ₴ ₪ ₱ ฿".split()
COMPOUND = "US$ CA$ C$ AU$ A$ NZ$ HK$ S$ R$".split()
SHORT = "kr kr. zł Kč Ft Fr. Rs Rs.".split()
CODES = """AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN NOK NZD PHP
PLN RUB SEK SGD THB TRY UAH USD VND ZAR""".split()
CURRENCIES = SYMBOLS + COMPOUND + SHORT + CODES
SCALES = {"k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9, "%": -2}


class Doubt(Exception):
    """The page can be read in two ways here."""


def fold(text):
    """Lower case, for ASCII letters and the two others that a currency has."""
    out = []
    for c in text:
        if "A" <= c <= "Z" or c in "ŁČ":
            c = c.lower()
        out.append(c)
    return "".join(out)


FOLDED = sorted({fold(c) for c in CURRENCIES}, key=len, reverse=True)
NUMBER = r"(?P<number>[0-9.,](?:[0-9.,' ]*[0-9.,])?) *"
BEHIND = (
    r"(?P<shut0>\))? *(?P<scale>%|mn|m|bn|b|k)? *(?P<shut1>\))? *"
    r"(?P<behind>" + "|".join(re.escape(c) for c in FOLDED) + r")? *(?P<shut2>\))? *(?P<sign4>-)?"
)


def shape(currency):
    """What a text looks like with this currency (or none, if it is empty) before its number."""
    sign_and_parenthesis = r"(?P<sign{}>[+-])? *(?P<open{}>\()? *(?P<sign{}>[+-])? *"
    before = sign_and_parenthesis.format(0, 0, 1)
    if currency:
        before += re.escape(currency) + " *" + sign_and_parenthesis.format(2, 1, 3)
    return re.compile(before + NUMBER + BEHIND)


SHAPES = {currency: shape(currency) for currency in ["", *FOLDED]}
SCIENTIFIC = re.compile(r"(?P<sign>[+-]?)(?P<gap> *)(?P<whole>[0-9]*)(?P<point>\.?)(?P<part>[0-9]*)"
                        r"e(?P<exponent>[+-]?[0-9]+)")


def nearest(value):
    """The double nearest to a fraction, zero without a sign; None for an infinite one."""
    try:
        double = float(value)  # Python rounds fractions correctly, ties to even
    except OverflowError:
        return None
    return 0.0 if double == 0 else double


def plain_groups(parts):
    return (1 <= len(parts[0]) <= 3 and parts[0][0] != "0"
            and all(len(p) == 3 for p in parts[1:]))


def indian_groups(parts, strict):
    shape = (len(parts) >= 2 and 1 <= len(parts[0]) <= 2 and len(parts[-1]) == 3
             and all(len(p) == 2 for p in parts[1:-1]))
    if shape and parts[0][0] == "0" and len(parts) > 2 and strict:
        raise Doubt("Indian groups that begin with 0")
    return shape and parts[0][0] != "0"


def grouped(text, separator, strict):
    """The digits of a grouped whole number, or None."""
    parts = text.split(separator)
    if not all(p.isascii() and p.isdigit() for p in parts):
        return None
    if plain_groups(parts) or separator == "," and indian_groups(parts, strict):
        return "".join(parts)
    return None


def number(text, currency, strict):
    """Rule 4: (digits before the mark, digits behind it), or None."""
    if sum(c.isdigit() for c in text) > 40:
        return None
    for separator in (" ", "'"):
        if separator in text:
            match = re.fullmatch(r"([0-9" + separator + r"]+)(?:[.,]([0-9]+))?", text)
            if not match:
                return None
            if strict and currency and len(match[2] or "") == 3 and "." in text:
                raise Doubt("$1 234.567: a point behind groups by blank, with a currency")
            whole = grouped(match[1], separator, strict)
            return whole and (whole, match[2] or "")
    points, commas = text.count("."), text.count(",")
    if points and commas:
        mark, other = (".", ",") if text.rfind(".") > text.rfind(",") else (",", ".")
        if text.count(mark) > 1:
            return None
        head, part = text.split(mark)
        if not part:
            return None
        whole = grouped(head, other, strict)
        return whole and (whole, part)
    if points > 1 or commas > 1:
        whole = grouped(text, "." if points else ",", strict)
        return whole and (whole, "")
    if not points and not commas:
        return (text, "")
    head, part = text.split("." if points else ",")
    could_group = 1 <= len(head) <= 3 and head[0] != "0" and len(part) == 3
    if commas:
        if not part:
            return None
        return (head + part, "") if could_group else (head, part)
    if not head and not part or could_group and currency:
        return None
    return (head, part)


def parenthesised(found, before, strict):
    """Whether there is a pair of parentheses, None if they stand where they may not."""
    opens = [i for i in (0, 1) if found.get(f"open{i}")]
    shuts = [i for i in (0, 1, 2) if found[f"shut{i}"]]
    if len(opens) != len(shuts) or len(opens) > 1:
        return None
    if not opens:
        return False
    outside = shuts[0] < 2 and found["behind"] or shuts[0] < 1 and found["scale"]
    if outside and before and opens == [0]:
        return None  # neither all of it nor the number with what follows
    if outside and strict and (found["scale"] or before):
        raise Doubt("a scale or percent, or currencies at both sides, of a number in parentheses")
    return True


def clean_text(text, strict=False):
    """The double, or None. With `strict`, Doubt where the page leaves two readings."""
    if strict and re.search("[\r\x0b\x0c\x85\u2028\u2029\u212a\u017f]|[0-9][\t\n][0-9]", text):
        raise Doubt("line breaks of other sorts, or as separators; letters that fold to ASCII")
    length = len(text)
    text = "".join(" " if c in BLANKS else c for c in text).strip(" ")
    if strict and length > 64 >= len(text):
        raise Doubt("64 characters with or without the blanks around")
    if len(text) > 64 or not text:
        return None
    text = text.replace("\u2019", "'").replace("\u02bc", "'").replace("\u2212", "-").replace("\u2013", "-")
    text = fold(text)

    match = SCIENTIFIC.fullmatch(text)
    if match:
        return scientific(match, strict)
    if strict and re.fullmatch(r"[+-]? *[0-9.,' ]+e[+-]?[0-9]+ *-?", text):
        raise Doubt("scientific notation with groups or with a minus at its end")

    # The longest currency that fits is taken, whatever comes of it.
    for currency, pattern in SHAPES.items():
        match = currency and pattern.fullmatch(text)
        if match:
            return read(match.groupdict(), currency, strict)
    match = SHAPES[""].fullmatch(text)
    return read(match.groupdict(), "", strict) if match else None


def scientific(match, strict):
    """Rule 5."""
    whole, part, exponent = match["whole"], match["part"], match["exponent"]
    if not whole + part or len(exponent.lstrip("+-")) > 3:
        return None
    if strict and (match["gap"] or exponent[0] == "+" or len(whole + part) > 40 or bool(match["point"]) != bool(part)
                   or part and not whole):
        raise Doubt("scientific notation with a blank, a plus, half a number or more than 40 digits")
    if len(whole + part) > 40:
        return None
    value = Fraction(int(whole + part)) * Fraction(10) ** (int(exponent) - len(part))
    return nearest(-value if match["sign"] == "-" else value)


def read(found, before, strict):
    """The value of a text of one of the shapes, if signs, currencies and digits agree."""
    signs = [found[f"sign{i}"] for i in range(5) if found.get(f"sign{i}")]
    if found["sign4"] and found["number"].endswith("."):
        return None
    pair = parenthesised(found, before, strict)
    if pair is None or len(signs) + pair > 1:
        return None
    currency = bool(before or found["behind"])
    if currency and found["scale"] == "%":
        return None
    parts = number(found["number"], currency, strict)
    if not parts:
        return None
    whole, part = parts
    value = Fraction(int(whole + part)) * Fraction(10) ** (SCALES.get(found["scale"], 0) - len(part))
    return nearest(-value if pair or "-" in signs else value)


def clean_numeric(value):
    """The SQL function."""
    if isinstance(value, (int, float)):
        return None if value in (float("inf"), float("-inf")) else float(value) + 0.0
    if isinstance(value, str):
        return clean_text(value)
    return None


def page_cases():
    """(value, result, line) of the page's table."""
    import sqlite3

    db = sqlite3.connect(":memory:")
    for line in PAGE.read_text().splitlines():
        match = re.match(r"\| `(.*?)` \| (\S+) \|", line)
        if not match:
            continue
        source = match[1]
        if source.startswith("'"):
            value = source[1:-1].replace("''", "'")
            value = re.sub(r"\\u\{([0-9a-f]+)\}", lambda m: chr(int(m[1], 16)), value)
            value = value.replace("\\t", "\t").replace("\\n", "\n")
        else:
            value = db.execute("SELECT " + source).fetchone()[0]
        yield value, None if match[2] == "NULL" else float(match[2]), line


def bits(value):
    return "null" if value is None else struct.pack(">d", value).hex()


def check_page():
    wrong = total = 0
    for value, expected, line in page_cases():
        total += 1
        got = clean_numeric(value)
        doubt = ""
        try:
            if isinstance(value, str):
                clean_text(value, strict=True)
        except Doubt as reason:
            doubt = f" (a case of doubt: {reason})"
        if bits(got) != bits(expected):
            wrong += 1
            print(f"{line}\n  rules give {got!r}{doubt}")
    print(f"{total} cases of the page, {wrong} contradict the rules")
    return wrong


# Random texts.

def digits(rng, least, most, first_zero=0.15):
    text = "".join(rng.choice("0123456789") for _ in range(rng.randint(least, most)))
    if text and text[0] == "0" and rng.random() > first_zero:
        text = rng.choice("123456789") + text[1:]
    return text


def random_number(rng):
    separator = rng.choice([",", ".", " ", "'", "\u00a0", "\u202f", "\u2019", "\u02bc", "\u2009"])
    part = digits(rng, 1, 4, 1.0)
    mark = rng.choice([".", ","])
    kind = rng.choices(range(9), [4, 4, 6, 6, 2, 2, 2, 1, 1])[0]
    groups = [digits(rng, 1, 3, 0.1)] + [digits(rng, 3, 3, 1.0) for _ in range(rng.randint(1, 3))]
    if kind == 0:
        return digits(rng, 1, rng.choice([2, 5, 9, 20]))
    if kind == 1:
        return digits(rng, 1, 5) + mark + part
    if kind == 2:
        return separator.join(groups)
    if kind == 3:
        return separator.join(groups) + mark + part
    if kind == 4:
        indian = [digits(rng, 1, 2, 0.1)] + [digits(rng, 2, 2, 1.0) for _ in range(rng.randint(0, 3))]
        return ",".join(indian + [digits(rng, 3, 3, 1.0)]) + rng.choice(["", "." + part])
    if kind == 5:
        return rng.choice([mark + part, digits(rng, 1, 4) + mark, digits(rng, 1, 3) + mark + digits(rng, 3, 3, 1.0)])
    if kind == 6:
        sizes = [rng.randint(1, 4) for _ in range(rng.randint(2, 4))]
        return separator.join(digits(rng, n, n, 0.3) for n in sizes) + rng.choice(["", mark + part])
    if kind == 7:
        return digits(rng, 36, 44) + rng.choice(["", "." + part])
    return digits(rng, 1, 17) + "." + digits(rng, 1, 24, 1.0)


def any_case(rng, text):
    return rng.choice([text, text, text.lower(), text.upper(), text.title()])


def random_text(rng):
    if rng.random() < 0.06:
        text = rng.choice(["", "-", "+", "--"]) + digits(rng, 0, 5) + rng.choice(["", ".", "."]) + digits(rng, 0, 6, 1.0)
        return text + rng.choice("eE") + rng.choice(["", "-", "-", "+"]) + digits(rng, 1, rng.choice([1, 2, 3, 3, 4]), 0.5)
    if rng.random() < 0.04:
        return rng.choice(["", " ", "-", "n/a", "NULL", "none", "1/2", "2024-02-29", "12:30", "0x1F", "1_000", "½", "٣", "５",
                           "five", "5 pcs", "~5", "5*", "#5", "5 $ x", "$$5", "€£5", "USDUSD 5", "5 kg", "5m2", "1.5.2024",
                           "+-5", "5±1", "<5", ">=5", "5–6", "1,000-2,000", "(1)(2)", "()5", "5()", "%5", "k5", "M", "€", "(€)",
                           "-%", "'5'", '"5"', "5;", "5:", "∞", "-inf", "1e5e5", "e5", "5 e5", "\ufeff5", "5\u200b", "\u30005",
                           "5\u2003", "K\u030c 5", "5\x00", "\x005", "5\u0301", "Fr 5", "R 5", "5 kc", "zl 5", "A5", "US 5"])
    blank = lambda: rng.choice(["", "", "", " ", " ", "  ", "\u00a0", "\u202f"])  # noqa: E731
    minus = rng.choice(["-", "-", "-", "\u2212", "\u2013"])
    currency = lambda: any_case(rng, rng.choice(CURRENCIES)) if rng.random() < 0.35 else ""  # noqa: E731
    before, behind = currency(), currency()
    tail = any_case(rng, rng.choice(["k", "M", "mn", "B", "bn", "%", "%"])) if rng.random() < 0.3 else ""
    if tail == "%" and rng.random() < 0.8:
        before = behind = ""
    number_text = random_number(rng)
    sign = rng.choice(["", "", "", minus, "+"])
    pieces = [before, sign] if rng.random() < 0.4 else [sign, before]
    body = blank().join([number_text, tail, behind]) if rng.random() < 0.5 else number_text + tail + blank() + behind
    kind = rng.random()
    if kind < 0.08:
        text = "(" + blank() + before + blank() + body + ")"
    elif kind < 0.14:
        text = before + blank() + "(" + body + blank() + ")"
    elif kind < 0.18:
        text = before + "(" + number_text + ")" + blank() + tail + behind
    elif kind < 0.25:
        text = before + blank() + body + blank() + minus
    else:
        text = pieces[0] + blank() + pieces[1] + blank() + body
    if rng.random() < 0.1:
        text = rng.choice([" ", "\t", "\u00a0", "\u2007 ", "\n"]) + text + rng.choice([" ", "\n", "\u202f", "\t "])
    if rng.random() < 0.22 and text:
        place = rng.randrange(len(text))
        junk = rng.choice("0123456789.,' -+()%$€kMeE\u2019x/_")
        text = rng.choice([text[:place] + text[place + 1:], text[:place] + junk + text[place:],
                           text[:place] + junk + text[place + 1:], text + junk, junk + text,
                           text[:place] + text[place:][1:2] + text[place:][:1] + text[place:][2:]])
    if rng.random() < 0.01:
        text = "0" * rng.randint(30, 45) + text
    return text


def golden_lines():
    """The lines of the golden file, and how often the page left a doubt."""
    rng = random.Random(SEED)
    lines, seen, doubts = [], set(), Counter()
    while len(lines) < CASES:
        text = random_text(rng)
        if text in seen or len(text) > 80:
            continue
        seen.add(text)
        try:
            value = clean_text(text, strict=True)
        except Doubt as reason:
            doubts[str(reason)] += 1
            continue
        lines.append(f"{json.dumps(text)}\t{bits(value)}\n")
    return lines, doubts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    lines, doubts = golden_lines()
    if options.write:
        GOLDEN.write_text("".join(lines))
        for reason, count in doubts.most_common():
            print(f"left out {count}: {reason}")
    if options.check:
        wrong = check_page()
        if GOLDEN.read_text() != "".join(lines):
            wrong += 1
            print(f"{GOLDEN.name} is not what the rules give")
        nulls = sum(line.endswith("\tnull\n") for line in lines)
        print(f"{len(lines)} cases in {GOLDEN.name}, {nulls} of them NULL")
        sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
