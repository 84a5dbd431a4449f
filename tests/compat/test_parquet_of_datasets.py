"""Parquet that Hugging Face `datasets` 5.2 wrote, with Image, Audio and ClassLabel columns, packed by us."""

import json

from pipelines.sources.tables.table import open_table
from tests.compat.corpus import CAPTIONS, members_of
from tests.compat.environments import run_writer
from tests.compat.theirs import packed_rows, sha256


def test_every_row_of_a_mixed_dataset_is_packed_with_its_columns(mixed, home, tmp_path):
    (tmp_path / "given").mkdir()
    samples, expected = [], []
    languages = list(CAPTIONS)
    for number, members in enumerate(members_of(mixed)):
        image = next((part for part in members if part in {"jpg", "png", "webp"}), "")
        names = {"image": image, "audio": "flac" if "flac" in members else ""}
        for column, part in names.items():
            names[column] = f"{number}.{part}" if part else None
            if part:
                (tmp_path / "given" / names[column]).write_bytes(members[part])
        text = members.get("txt", b"").decode() or None
        language = languages[number % len(languages)]
        samples.append(names | {"text": text, "language": language, "license": "CC0-1.0", "label": number % 2})
        media = (sha256(members.get(image)), sha256(members.get("flac")))
        expected.append((*media, text or "", language, "CC0-1.0", [("tile", "boat")[number % 2]]))
    (tmp_path / "given" / "samples.json").write_text(json.dumps(samples))
    made = run_writer("huggingface", tmp_path / "given", tmp_path / "out", home=home)
    assert made == {"version": "5.2.0", "num_rows": len(samples)}
    rows = packed_rows(open_table([str(tmp_path / "out")], corpus="theirs"), tmp_path / "root")
    columns = ("image", "audio", "text", "language", "license", "tags")
    assert [tuple(row[column] for column in columns) for row in rows] == expected
