from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.signals.personal import count_personal


def count(text: str, kind: str) -> int:
    return count_personal(text)[f"num_{kind}"]


def with_check_digit(digits: str) -> str:
    """Luhn by the table of the standard: another way than the one that is tested."""
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    total = sum(doubled[int(d)] if place % 2 == 0 else int(d) for place, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("see https://www.example.org/a.com?b and http://b.example", "urls", 2),
        ("shop.example.com/path.de, www.example.de", "urls", 2),
        ("ann@example.org, bob@example.org; @handle", "emails", 2),
        ("+49 30 1234567 or (030) 123-4567", "phones", 2),
        ("from 192.168.0.1 to 10.0.0.255.", "ip_addresses", 2),
        ("version 1.2.3.4.5, 256.1.1.1, 1.2.3", "ip_addresses", 0),
        ("[2001:db8::1], fe80::1ff:fe23:4567:890a", "ip_addresses", 2),
        ("at 12:34:56 std::vector a::b ::", "ip_addresses", 0),
        ("4111 1111 1111 1111", "card_numbers", 1),
        ("4111-1111-1111-1111 and 378282246310005", "card_numbers", 2),
        ("3782 822463 10005", "card_numbers", 1),
        ("4111 1111 1111 1112", "card_numbers", 0),
        ("order 0000000000000000", "card_numbers", 0),
        ("41111111111111111111111", "card_numbers", 0),
        ("DE89 3704 0044 0532 0130 00", "ibans", 1),
        ("GB82WEST12345698765432 and FR14 2004 1010 0505 0001 3M02 606", "ibans", 2),
        ("NO93 8601 1117 947 PLEASE PAY NOW", "ibans", 1),
        ("DE88 3704 0044 0532 0130 00", "ibans", 0),
        ("ZZ89 3704 0044 0532 0130 00", "ibans", 0),
    ],
)
def test_each_kind_is_counted(text, kind, number):
    assert count(text, kind) == number


@given(st.text(alphabet="0123456789", min_size=14, max_size=14), st.sampled_from("23456"))
def test_a_card_number_is_one_with_its_check_digit_and_none_with_another(digits, first):
    number = with_check_digit(first + digits)
    assert count(f"card {number}!", "card_numbers") == 1
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert count(f"card {wrong}!", "card_numbers") == 0


@given(st.ip_addresses(v=4))
def test_every_address_of_four_bytes_is_found(address):
    assert count(f"at {address}, port 80", "ip_addresses") == 1


@given(st.ip_addresses(v=6).map(lambda address: IPv6Address(int(address) % (1 << 112) | 0x2600 << 112 | 1)))
def test_every_global_address_of_sixteen_bytes_is_found(address):
    assert count(f"at [{address}]", "ip_addresses") == 1
    assert count(f"at {address.exploded}", "ip_addresses") == 1


@pytest.mark.parametrize("text", ["", "a photo of a dog", "on 2024-05-01 at 10:30", "3.14159265358 and 1,234,567.89"])
def test_ordinary_captions_have_none(text):
    assert set(count_personal(text).values()) == {0}
