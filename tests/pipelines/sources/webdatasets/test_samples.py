import pytest

from pipelines.sources.webdatasets.samples import group_members, split_key, stem_of
from pipelines.sources.webdatasets.walking import Member


def grouped(*names: str) -> list[tuple[str, list[str]]]:
    members = (Member(name, offset, 1) for offset, name in enumerate(names))
    return [(sample.key, list(sample.parts)) for sample in group_members(members)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0001.jpg", ("0001", "jpg")),
        ("train/0001.fr.TXT", ("train/0001", "fr.txt")),
        ("v1.2/0001.jpg", ("v1.2/0001", "jpg")),
        ("README", ("", "")),
        ("._0001.jpg", ("", "")),
        ("__notes__.json", ("", "")),
    ],
)
def test_a_key_is_what_stands_before_the_first_dot_of_the_name(name: str, expected: tuple[str, str]):
    assert split_key(name) == expected


def test_members_of_a_key_belong_together_wherever_they_are():
    assert grouped("a.jpg", "b.jpg", "a.txt", "b.txt") == [("a", ["jpg", "txt"]), ("b", ["jpg", "txt"])]


def test_a_key_that_comes_again_is_another_sample_of_that_name():
    names = ("a.jpg", "a.txt", "b.jpg", "a.jpg", "a.txt")
    assert grouped(*names) == [("a", ["jpg", "txt"]), ("b", ["jpg"]), ("a", ["jpg", "txt"])]


def test_parts_of_other_tools_are_left_out_and_pictures_of_other_names_come_last():
    parts = ["jpg", "left.png", "url.txt", "syn.json", "json", "npz", "txt", "fr.txt", "fr.2.flac", "wav", "pth.gz"]
    stem = stem_of(parts, "k", ())
    assert (stem.images, stem.json) == (["k.jpg", "k.left.png"], ["k.json"])
    assert stem.texts == {"": "k.txt", "fr": "k.fr.txt"}
    assert [(clip.name, clip.language) for clip in stem.clips] == [("k.wav", ""), ("k.fr.2.flac", "fr")]
