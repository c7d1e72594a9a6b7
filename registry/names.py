"""What a model may be called, and the slug that stands for it in addresses. Pure.

A name is what people read: any script, at most 200 characters. Two names that nobody can tell apart are
one name: they are compared `folded`. A slug is what programs write: ASCII, safe in addresses, file names,
labels and keys; it never changes.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

LONGEST = 200
"""Fits a heading and a column; slugs and log lines are made of it."""
LONGEST_FOLDED = 400
"""A few characters stand for many: a name of them would be longer folded than a column holds."""
LONGEST_SLUG = 63
"""A label of a host name (RFC 1123), so that a model's slug may become one."""
SLUG = rf"^[a-z0-9][a-z0-9._-]{{0,{LONGEST_SLUG - 1}}}\Z"
SLUG_HINT = (
    f"Write at most {LONGEST_SLUG} small letters, digits, dots, hyphens and underscores,"
    " the first a letter or digit."
)

MOST_MARKS = 4
"""On one letter: more than any script needs, and fewer than cover the line above."""
_LENGTH = f"must have between 1 and {LONGEST} characters"
_VIRAMA = 9
"""Unicode's combining class of the signs after which a joiner belongs to the letter."""
_NON_JOINER, _JOINER, _AS_EMOJI = "\u200c", "\u200d", "\ufe0f"
_ISOLATE, _END = "\u2068", "\u2069"
# Letters and signs that are drawn as nothing, though their category says otherwise.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_SELECTORS = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))

# Small letters of other scripts that are drawn like a Latin one, or whose capitals are.
_LOOKALIKES = str.maketrans(
    "авеһіјкмноԛрсѕтухԝԁӏαβεζηικμνορτυχօսհոıɑɡ\u2019\u2018\u02bc\u2032\u2212\u2215\u2044",
    "abehijkmhoqpcstyxwdlabezhikmvoptuxouhniag''''-//",
)
# Letters that Unicode does not take apart into a base and its marks.
_LATIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}
)


def tidy(text: str) -> str:
    """The name as it is kept: composed, single spaces, without the isolates that pages set around it."""
    return " ".join(unicodedata.normalize("NFC", text).strip(_ISOLATE + _END).split())


def refuse(text: str) -> str:
    """Why this is no name, as the end of a sentence about it, or nothing."""
    if len(text) > 10 * LONGEST:  # whatever it composes to
        return _LENGTH
    composed = unicodedata.normalize("NFC", text.strip().strip(_ISOLATE + _END))
    for place in range(len(composed)):
        if _is_unseen(composed, place):
            return f"has the character {_told(composed[place])}, which nobody sees: leave it out"
    if not 0 < len(tidy(text)) <= LONGEST:
        return _LENGTH
    if re.search("m" * (MOST_MARKS + 1), "".join(unicodedata.category(c)[0].lower() for c in composed)):
        return f"has more than {MOST_MARKS} marks on one letter"
    if not any(unicodedata.category(char)[0] in "LNS" for char in composed):
        return "needs a letter, a digit or a symbol"
    if len(folded(text)) > LONGEST_FOLDED:
        return "has characters that each stand for several: write them out"
    return ""


def folded(text: str) -> str:
    """What a name is compared and found by: without case, width, look-alikes and kinds of dashes."""
    plain = _compatible(tidy(text)).translate(_LOOKALIKES)
    plain = "".join("-" if unicodedata.category(char) == "Pd" else char for char in plain)
    return " ".join(re.sub(f"[{_NON_JOINER}{_JOINER}{_AS_EMOJI}]", "", plain).split())


def is_slug(text: str) -> bool:
    return re.match(SLUG, text) is not None


def slug_of(name: str, *, apart: bool = False) -> str:
    """The slug of a name that is given none: the same for the same name, always.

    What ASCII cannot say is replaced by a digest of the name; so is what makes it too long. `apart` adds
    the digest in any case, for where another model has the slug without it.
    """
    if is_slug(name) and not apart:
        return name
    letters = unicodedata.normalize("NFKD", _compatible(name)).translate(_LATIN)
    letters = "".join(char for char in letters if not unicodedata.combining(char))
    lost = any(not char.isascii() and unicodedata.category(char)[0] in "LMNS" for char in letters)
    slug = re.sub("[^a-z0-9._]+", "-", letters).strip("-._")
    if not (lost or apart or not slug or len(slug) > LONGEST_SLUG):
        return slug
    digest = sha256(folded(name).encode()).hexdigest()[:8]
    return f"{slug[: LONGEST_SLUG - 9].rstrip('-._') or 'model'}-{digest}"


def isolated(name: str) -> str:
    """The name as text among other text: one that is read from the right disturbs nothing around it."""
    if any(unicodedata.bidirectional(char) in ("R", "AL") for char in name):
        return f"{_ISOLATE}{name}{_END}"
    return name


def _compatible(text: str) -> str:
    """NFKC and without case, as Unicode has it for identifiers."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_unseen(text: str, place: int) -> bool:
    char = text[place]
    if char in (_NON_JOINER, _JOINER):
        return not _joins(text, place)
    if char == _AS_EMOJI:
        return place == 0 or unicodedata.category(text[place - 1])[0] != "S"
    if char in _BLANK or any(ord(char) in selectors for selectors in _SELECTORS):
        return True
    return unicodedata.category(char) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")


def _joins(text: str, place: int) -> bool:
    """Whether a joiner stands where writing needs one: Persian words, Indic letters, emoji of several."""
    before, after = text[:place].rstrip(_AS_EMOJI)[-1:], text[place + 1 : place + 2]
    if not before or not after:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if text[place] == _NON_JOINER:
        return unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL"
    return unicodedata.category(before) in ("So", "Sk") and unicodedata.category(after) == "So"


def _told(char: str) -> str:
    return f"U+{ord(char):04X} ({unicodedata.name(char, 'a control character').lower()})"
