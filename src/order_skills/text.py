"""Text that came from outside: made harmless for terminals and logs, capped, and masked.

Cleaning does not claim to stop prompt injection: what a customer wrote stays what it says.
It keeps the text from changing how other text is seen, and it is returned as data only.
"""

import re
import unicodedata
from collections.abc import Mapping

NAME_CAP = 256
NOTE_CAP = 2_000
# Shows that something was cut, in a form no store would write by itself.
CUT_MARK = "… [cut]"
# Combining marks in a row, as UAX #15 bounds them: ordering them is quadratic in NFC.
MAX_MARKS = 30

# CSI sequences, OSC/DCS/PM/APC/SOS strings up to their end, and other two-byte escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# Beside the categories of control, format and surrogate characters: what shows as nothing.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2028\u2029\u2065\u3164\ufe00-\ufe0f"
    "\uffa0\ufff0-\ufff8\ufdd0-\ufdef\U000e0000-\U000e0fff]"
)
_DOMAIN = re.compile(r"[\w.-]{1,253}")
_STEERING = frozenset({"Cc", "Cf", "Cs"})


def clean(value: str, cap: int = NAME_CAP) -> str:
    """The text without anything invisible or steering, in NFC, at most `cap` characters long.

    Newlines stay where a note may have them (cap above NAME_CAP), else they become spaces.
    A cap has room for the mark of a cut.
    """
    assert cap > len(CUT_MARK)
    if len(value) <= cap and value.isascii() and value.isprintable():
        # Nearly all of what a store sends; nothing below would change it.
        return value.strip()
    # A hostile field may hold megabytes; nothing beyond a few caps can be shown anyway.
    cut = len(value) > 8 * cap
    text = _ESCAPES.sub("", value[: 8 * cap]).replace("\r\n", "\n").replace("\t", " ")
    text = _INVISIBLE.sub("", text)
    if not text.isprintable():
        text = "".join(c for c in text if _is_plain(c))
    if cap <= NAME_CAP:
        text = text.replace("\n", " ")
    # Twice, for NFC takes some single marks apart.
    text = _few_marks(unicodedata.normalize("NFC", _few_marks(text))).strip()
    if cut or len(text) > cap:
        text = text[: cap - len(CUT_MARK)].rstrip() + CUT_MARK
    return text


def _is_plain(char: str) -> bool:
    # The last two code points of each plane are no characters.
    is_character = ord(char) & 0xFFFE != 0xFFFE
    return char == "\n" or (is_character and unicodedata.category(char) not in _STEERING)


def _few_marks(text: str) -> str:
    if text.isascii():
        return text
    kept, marks = [], 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char).startswith("M") else 0
        if marks <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def counted(count: int, what: str) -> str:
    """So many of them, as it is said: `1 refund`, `2 refunds`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def mask_email(value: str) -> str:
    """`j***@example.com`: enough to recognise a customer, not to write to one."""
    local, at, domain = value.rpartition("@")
    # A field may hold more than an address, such as a name or a telephone number behind it.
    if not at or not local or _DOMAIN.fullmatch(domain) is None:
        return "***"
    return f"{local[0]}***@{domain}"


def mask_phone(value: str) -> str:
    """The last two digits of a phone number."""
    digits = [c for c in value if c.isdigit()]
    return "***" + "".join(digits[-2:]) if len(digits) > 4 else "***"


def mask_name(value: str) -> str:
    """The first letter of each word: `Jane Doe` becomes `J*** D***`."""
    return " ".join(f"{word[0]}***" for word in value.split()) or "***"


# What of an address says where a parcel goes without saying to whom.
_ADDRESS_SHOWN = frozenset({"country", "countrycode", "country_code", "state", "region"})


def mask_address(value: Mapping[str, str]) -> dict[str, str]:
    """The address with everything but country and state masked."""
    return {k: v if k.lower() in _ADDRESS_SHOWN else "***" for k, v in value.items()}
