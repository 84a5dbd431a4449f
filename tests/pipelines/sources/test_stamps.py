import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from pipelines.errors import SampleError, SourceError
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.sources import debian
from pipelines.sources.stamps import StampsSource, open_stamps

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="10" height="10" fill="red"/></svg>'


def sound() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.2 * np.sin(np.arange(4000) / 9), 8000, format="OGG", subtype="VORBIS")
    return buffer.getvalue()


def picture(color: tuple[int, int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (12, 8), color).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """What the unpacked package looks like, in miniature."""
    root = tmp_path / "cache" / "stamps" / "2022.06.04-1"
    files: dict[str, bytes | str] = {
        "animals/cat.png": picture((255, 0, 0, 0)),
        "animals/cat.svg": SVG,
        "animals/cat_mirror.png": picture((0, 0, 255, 255)),
        "animals/cat.txt": "A  cat.\nfr.utf8=Un chat.\nsr@latin.utf8=Macka.\npt_BR.utf8=Gato.\nde.utf8=\nnonsense\n",
        "animals/cat_desc.ogg": sound(),
        "animals/cat_desc_fr.ogg": sound(),
        "animals/cat_desc_pt_BR.ogg": sound(),
        "animals/cat.ogg": sound(),
        "animals/lonely.svg": SVG,
        "animals/lonely.txt": "Lonely.\n",
        "animals/ghost.txt": "No picture.\n",
        "symbols/alphabets/a.png": picture((0, 0, 0, 255)),
        "symbols/alphabets/a_desc_fr.ogg": sound(),
        "symbols/math/7_de.ogg": sound(),
    }
    for name, content in files.items():
        path = root / "usr/share/tuxpaint/stamps" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


@pytest.fixture
def stamps(package: Path) -> StampsSource:
    return open_stamps(
        corpus="stamps", location="apt:stamps", licence="GPL", cache=package.parents[1], exclude=("symbols/alphabets",)
    )


def test_each_spoken_language_is_a_record_and_so_is_a_sound(stamps: StampsSource):
    records = {reference.name: stamps.read_one(reference) for reference in stamps.references()}
    assert {name: (record.language, record.reference.group, record.tags) for name, record in records.items()} == {
        "animals/cat_desc.ogg": ("en", "animals/cat", ("animals",)),
        "animals/cat_desc_fr.ogg": ("fr", "animals/cat", ("animals",)),
        "animals/cat_desc_pt_BR.ogg": ("pt-BR", "animals/cat", ("animals",)),
        "animals/cat.ogg": ("en", "animals/cat", ("animals", "effect")),
        "animals/lonely.svg": ("en", "animals/lonely", ("animals",)),
    }
    assert records["animals/lonely.svg"].audio is None


def test_texts_come_in_every_language_as_they_stand(stamps: StampsSource):
    record = stamps.read_one(next(stamps.references()))
    assert record.texts == {"en": "A  cat.", "fr": "Un chat.", "sr-Latn": "Macka.", "pt-BR": "Gato."}


def test_transparent_parts_become_white_and_a_drawing_is_rendered(stamps: StampsSource):
    records = {reference.group: stamps.read_one(reference) for reference in stamps.references()}
    with Image.open(io.BytesIO(records["animals/cat"].image or b"")) as cat:
        assert (cat.mode, cat.getpixel((0, 0))) == ("RGB", (255, 255, 255))
    with Image.open(io.BytesIO(records["animals/lonely"].image or b"")) as lonely:
        assert lonely.size == (256, 128)


def test_what_is_left_out_is_counted(stamps: StampsSource):
    facts = stamps.facts()
    assert (facts["num_stems"], facts["num_stems_excluded"], facts["num_clips"], facts["num_effects"]) == (2, 1, 3, 1)
    assert facts["spoken_languages"] == "en:1 fr:1 pt-BR:1"


def test_ogg_is_packed_as_flac(stamps: StampsSource, tmp_path: Path):
    report = pack(stamps, layout=Layout(str(tmp_path / "r")), config=PackingConfig(num_workers=1))
    assert report.num_by_modalities == {"image+text+audio": 4, "image+text": 1}


def test_a_text_that_is_not_utf8_fails_its_records(stamps: StampsSource):
    (stamps.root / "animals" / "lonely.txt").write_bytes(b"\xff")
    reference = list(stamps.references())[-1]
    with pytest.raises(SampleError, match=r"lonely\.txt: not UTF-8"):
        stamps.read_one(reference)


def test_another_exclusion_is_another_snapshot(stamps: StampsSource, package: Path):
    whole = open_stamps(corpus="stamps", location="apt:stamps", licence="GPL", cache=package.parents[1])
    assert stamps.snapshot.startswith("2022.06.04-1-")
    assert whole.snapshot != stamps.snapshot
    assert len(list(whole.references())) == 6


def test_without_apt_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(debian.shutil, "which", lambda _program: None)
    with pytest.raises(SourceError, match=r"tuxpaint-stamps-default: a Debian package.*no apt-get"):
        open_stamps(corpus="s", location="apt:tuxpaint-stamps-default", licence="GPL", cache=tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_download_that_fails_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    failed = subprocess.CompletedProcess([], 100, stdout="", stderr="E: Unable to locate package\n")
    monkeypatch.setattr(debian.shutil, "which", lambda program: program)
    monkeypatch.setattr(debian.subprocess, "run", lambda *_args, **_options: failed)
    with pytest.raises(SourceError, match=r"is there a network.*Unable to locate package"):
        open_stamps(corpus="s", location="apt:nothing", licence="GPL", cache=tmp_path)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_a_deb_file_is_unpacked_once_and_named_for_its_version(package: Path, tmp_path: Path):
    (package / "DEBIAN").mkdir()
    control = "Package: s\nVersion: 1:2.0~B\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n"
    (package / "DEBIAN" / "control").write_text(control)
    deb = tmp_path / "s.deb"
    subprocess.run(["dpkg-deb", "--build", str(package), str(deb)], check=True, capture_output=True)
    cache = tmp_path / "other"
    source = open_stamps(corpus="s", location=str(deb), licence="GPL", cache=cache)
    assert source.snapshot.startswith("1-2.0-b-")
    deb.unlink()
    assert open_stamps(corpus="s", location=str(deb), licence="GPL", cache=cache) == source
    assert [path.name for path in (cache / "s").iterdir()] == ["1-2.0-b"]


def test_a_damaged_deb_is_named(tmp_path: Path):
    (tmp_path / "bad.deb").write_bytes(b"no")
    with pytest.raises(SourceError, match=r"bad\.deb"):
        open_stamps(corpus="s", location=str(tmp_path / "bad.deb"), licence="GPL", cache=tmp_path / "cache")
