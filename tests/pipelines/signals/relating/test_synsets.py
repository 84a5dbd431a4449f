"""WordNet's format as wndb(5WN) has it, with words that show its rules; offsets are WordNet 3.0's."""

import pyarrow as pa
import pytest

from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.signals.relating.relations import Place, key_of
from pipelines.signals.relating.synsets import synsets_relation
from pipelines.signals.relating.wordnet import WordNet

INDEX = {
    "noun": [
        "dog n 2 3 @ ~ #m 2 1 02084071 10114209",
        "bass n 2 2 @ ~ 2 0 06876309 02805910",
        "mouse n 1 1 @ 1 1 02330245",
        "men n 1 1 @ 1 0 08442297",
        "bus n 1 0 1 1 02924116",
        "running n 1 1 @ 1 1 00558630",
    ],
    "verb": ["run v 1 2 @ ~ 1 1 01926311", "dog v 1 1 @ 1 0 02001858"],
    "adj": ["large a 1 1 ! 1 1 01382086"],
    "adv": ["fast r 1 0 1 1 00085811"],
}
EXCEPTIONS = {"noun": ["mice mouse", "men man"], "verb": ["ran run"], "adj": [], "adv": []}


@pytest.fixture
def folder(tmp_path) -> str:
    for part, lines in INDEX.items():
        text = "\n".join(["  1 This software and database is being provided", *lines, ""])
        (tmp_path / f"index.{part}").write_text(text)
        (tmp_path / f"{part}.exc").write_text("\n".join([*EXCEPTIONS[part], ""]))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("word", "offset"),
    [
        ("dog", 2084071),  # the first of its synsets, and the noun before the verb
        ("Dogs", 2084071),
        ("dogs,", None),  # a comma belongs to the word
        ("mice", 2330245),
        ("men", 8442297),  # known as it stands, though its exception leads to a word that is not
        ("buses", 2924116),  # the first ending leaves "buse", another "bus"
        ("ran", 1926311),
        ("running", 558630),
        ("largest", 1382086),
        ("fast", 85811),
        ("dogss", 2084071),  # rules are applied again where no form is known
        ("xyz", None),
        ("", None),
    ],
)
def test_a_word_means_its_first_synset(folder, word, offset):
    assert WordNet(folder).first_synset(word) == offset


def test_a_caption_gives_the_synsets_that_are_on_the_list(folder, tmp_path):
    (tmp_path / "ids.txt").write_text("n02084071\nn02330245\n")
    relation = synsets_relation(str(tmp_path / "ids.txt"), folder)
    samples = pa.table({"caption": ["two dogs and mice", "a bass", None, ""]})
    place = Place(layout=Layout("x"), snapshot=Snapshot(corpus="c", snapshot="s"), shard=0)
    found = relation.measure(place, samples)["target_synsets"].to_pylist()
    assert found == [[2084071, 2330245], [], None, None]
    assert key_of("synsets", relation.facts).startswith("synsets@")


def test_a_list_or_folder_that_is_none_is_refused(folder, tmp_path):
    (tmp_path / "ids.txt").write_text("n02084071\ndog\n")
    with pytest.raises(SignalError, match=r"\['dog'\] is not a synset"):
        synsets_relation(str(tmp_path / "ids.txt"), folder)
    with pytest.raises(SignalError, match=r"no index\.noun"):
        synsets_relation(str(tmp_path / "ids.txt"), str(tmp_path / "absent"))
