"""The classes of composed scenes: drawings of openmoji that show one kind of thing, by code point."""

from collections.abc import Mapping

DRAWINGS: Mapping[str, tuple[str, ...]] = {
    "aeroplane": ("2708", "1F6E9", "1F6EB", "1F6EC"),
    "ball": ("26BD", "26BE", "1F3C0", "1F3C8", "1F3D0", "1F3BE"),
    "bird": ("1F426", "1F985", "1F986", "1F989", "1F54A"),
    "boat": ("26F5", "26F4", "1F6A4", "1F6F3"),
    "bus": ("1F68C", "1F68D", "1F68E", "1F690"),
    "car": ("1F697", "1F698", "1F699", "1F695", "1F693"),
    "cat": ("1F408", "1F431", "1F638", "1F63A", "1F63C"),
    "clock": ("1F550", "1F552", "1F554", "1F556", "1F558", "1F55A"),
    "dog": ("1F415", "1F436", "1F429"),
    "fish": ("1F41F", "1F420", "1F421", "1F988"),
    "flower": ("1F337", "1F338", "1F339", "1F33A", "1F33B", "1F33C"),
    "fruit": ("1F34A", "1F34B", "1F34E", "1F34F", "1F350", "1F351", "1F353"),
    "guitar": ("1F3B8", "1F3BB"),
    "hat": ("1F3A9", "1F452", "1F393", "1F9E2"),
    "house": ("1F3E0", "1F3E1", "1F3E2", "1F3E5"),
    "insect": ("1F41B", "1F41C", "1F41D", "1F41E", "1F98B"),
    "shoe": ("1F45E", "1F45F", "1F460", "1F462"),
    "train": ("1F682", "1F686", "1F687", "1F68A"),
    "tree": ("1F332", "1F333", "1F334", "1F384"),
    "umbrella": ("2602", "2614", "26F1"),
}
