"""Addresses and numbers in captions that lead to a person or a machine; numbers with checksums are checked."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_URL = re.compile(
    r"(?:https?|ftp)://\S+|\bwww\.\w\S*"
    r"|(?<![@\w.-])(?:[a-z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|info|io|de|fr|es|it|ru|uk)\b(?!@)(?:/\S*)?",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63})+")
# +49 30 123456; (030) 123-4567; 030/1234567; 555-123-4567. Not a date (2024-05-01), not a bare number.
_PHONE = re.compile(
    r"(?<![\w.])(?:\+\d{1,3}(?:[ ./-]?\(?\d{1,5}\)?){2,5}"
    r"|\(\d{2,5}\)[ -]?\d{3,4}(?:[ -]?\d{2,4}){1,2}"
    r"|0\d{1,4}[ /-]\d{2,4}(?:[ -]?\d{2,4}){1,3}"
    r"|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w-])"
)
_DIGIT = re.compile(r"\d")
_IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?![\w:])")
# In one piece, in fours, or 4-6-4 and 4-6-5 as Diners Club and American Express print them.
_CARD = re.compile(
    r"(?<![\w.-])(?:[2-6]\d{12,18}|[2-6]\d{3}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?"
    r"|3\d{3}([ -])\d{6}\2\d{4,5})(?![\w-])"
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}")
# Characters by country, from the IBAN registry of SWIFT.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FO FI GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def count_personal(text: str) -> dict[str, int]:
    """How many of each kind; the keys are columns."""
    num_digits = len(_DIGIT.findall(text))
    return {
        "num_urls": len(_URL.findall(text)) if "." in text or "://" in text else 0,
        "num_emails": len(_EMAIL.findall(text)) if "@" in text else 0,
        "num_phones": _count_phones(text) if num_digits >= 7 else 0,
        "num_ip_addresses": _count_addresses(text, num_digits),
        "num_card_numbers": _count_cards(text) if num_digits >= 13 else 0,
        "num_ibans": _count_ibans(text) if num_digits >= 7 else 0,
    }


def _count_phones(text: str) -> int:
    """Of 7 to 15 digits, as the plan of the telephone network (E.164) allows."""
    return sum(7 <= len(_DIGIT.findall(match.group())) <= 15 for match in _PHONE.finditer(text))


def _count_addresses(text: str, num_digits: int) -> int:
    count = 0
    if num_digits >= 4 and text.count(".") >= 3:
        count += sum(_is_address(IPv4Address, match.group()) for match in _IPV4.finditer(text))
    if text.count(":") >= 2:
        candidates = (match.group() for match in _IPV6.finditer(text))
        count += sum(len(one) > 4 and bool(_DIGIT.search(one)) and _is_address(IPv6Address, one) for one in candidates)
    return count


def _is_address(kind: type[IPv4Address | IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except AddressValueError:
        return False
    return True


def _count_cards(text: str) -> int:
    return sum(_passes_luhn("".join(_DIGIT.findall(match.group()))) for match in _CARD.finditer(text))


def _passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, and the length of a card number."""
    values = [int(digit) for digit in reversed(digits)]
    total = sum(values[::2]) + sum(sum(divmod(2 * value, 10)) for value in values[1::2])
    return 13 <= len(digits) <= 19 and total % 10 == 0


def _count_ibans(text: str) -> int:
    return sum(_is_iban(match.group().replace(" ", "")) for match in _IBAN.finditer(text))


def _is_iban(text: str) -> bool:
    """ISO 13616: what follows the country's length is the next word."""
    length = _IBAN_LENGTHS.get(text[:2])
    if length is None or len(text) < length:
        return False
    number = text[:length]
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1
