"""How a secret may read where somebody else has written it: as it is, in a URL, in JSON."""

import re

LONGEST_FORM = 12  # characters that one of a secret may take when it is escaped


def any_form(secret: str) -> str:
    """A pattern of the secret as it is, in a URL and in JSON, however the shop escapes it."""
    return "".join(letter if letter.isalnum() and letter.isascii() else any_form_of(letter) for letter in secret)


def any_form_of(letter: str) -> str:
    in_url = "".join(f"%{byte:02x}" for byte in letter.encode())
    in_json = "".join(rf"\\u{unit:04x}" for unit in memoryview(letter.encode("utf-16-le")).cast("H"))
    forms = [rf"\\?{re.escape(letter)}", f"(?i:{in_url})", f"(?i:{in_json})", *([r"\+"] if letter == " " else [])]
    return f"(?:{'|'.join(forms)})"
