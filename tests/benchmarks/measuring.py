"""Measuring: a shard with every default family and each alone; then signals of one modality, files to figures."""

import io
import warnings
from collections.abc import Iterator, Sequence
from functools import partial

import imagehash
import numpy as np
import py3langid
import scipy.ndimage
from PIL import Image, ImageStat

from pipelines.layout import Layout
from pipelines.shards.snapshots import read_stats
from pipelines.signals.audio import measure_clips
from pipelines.signals.decoding import decode_audio, decode_image
from pipelines.signals.fingerprints import hash_clips, hash_pictures
from pipelines.signals.image import measure_images
from pipelines.signals.language import detect_language
from pipelines.signals.schema import FAMILIES
from pipelines.signals.tasks import ShardTask, measure_shard
from pipelines.signals.text import Caption, measure_known
from pipelines.sources.code_points import names_of
from pipelines.sources.openmoji import open_openmoji
from tests.benchmarks.making import clip, drawings_with_clips, packed, photograph
from tests.benchmarks.names import (
    IDENTIFY_LANGUAGE,
    MEASURE_ALL,
    MEASURE_ALONE,
    MEASURE_CLIPS,
    MEASURE_PHOTOGRAPHS,
    MEASURE_TEXTS,
)
from tests.benchmarks.rows import Row, Settings, alternate, one_core

_BATCH = 32


def rows(settings: Settings) -> Iterator[Row]:
    """All members differ, so nothing is measured once for many samples; reading and writing a shard are counted."""
    layout = Layout(str(settings.folder / "measuring"))
    count = settings.size(1000, 100)
    snapshot = packed(drawings_with_clips, count, layout)
    tar_sha256 = str(read_stats(layout, snapshot, 0)["tar_sha256"])

    def measured(families: tuple[str, ...]) -> int:
        measure_shard(ShardTask(layout=layout, snapshot=snapshot, shard=0, tar_sha256=tar_sha256, families=families))
        return count

    chosen = {MEASURE_ALL: tuple(FAMILIES), **{what: (name,) for name, what in MEASURE_ALONE.items()}}
    for what, families in chosen.items():
        with one_core() as on:
            runs = alternate(partial(measured, families), num_pairs=settings.num_pairs)
        note = "members decoded once for all" if what == MEASURE_ALL else "with decoding of what it needs"
        yield Row(what=what, unit="samples/s", on=on, runs=runs, note=note)
    yield _photographs(settings)
    yield _clips(settings)
    yield from _texts(settings)


def _photographs(settings: Settings) -> Row:
    files = [photograph(seed) for seed in range(settings.size(96, 32))]
    with one_core() as on:
        runs = alternate(partial(_figures_of, files), partial(_single_calls, files), num_pairs=settings.num_pairs)
    return Row(
        what=MEASURE_PHOTOGRAPHS,
        unit="images/s",
        on=on,
        runs=runs,
        peer_name="Pillow, scipy, imagehash: one call for each figure",
        note="families image and fingerprints; both decode each file once",
    )


def _figures_of(files: Sequence[bytes]) -> int:
    for start in range(0, len(files), _BATCH):
        pictures = [decode_image(data) for data in files[start : start + _BATCH]]
        measure_images(pictures)
        hash_pictures(pictures)
    return len(files)


def _single_calls(files: Sequence[bytes]) -> int:
    for data in files:
        image = Image.open(io.BytesIO(data))
        _ = image.size, image.quantization  # type: ignore[attr-defined]
        colours = image.convert("RGB")
        grey = colours.convert("L")
        _ = ImageStat.Stat(colours).mean, ImageStat.Stat(grey).mean, ImageStat.Stat(grey).stddev, grey.entropy()
        scipy.ndimage.laplace(np.asarray(grey, dtype=np.float32)).var()
        _colourfulness(np.asarray(colours, dtype=np.float32))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            imagehash.phash(colours)
        colours.resize((8, 8), Image.Resampling.BOX)
    return len(files)


def _colourfulness(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> float:
    red, green, blue = (pixels[..., channel] for channel in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def _clips(settings: Settings) -> Row:
    files = [clip(seed, seconds=10.0) for seed in range(settings.size(48, 12))]

    def ours() -> int:
        for start in range(0, len(files), _BATCH):
            clips = [decode_audio(data) for data in files[start : start + _BATCH]]
            measure_clips(clips)
            hash_clips(clips)
        return len(files)

    with one_core() as on:
        runs = alternate(ours, num_pairs=settings.num_pairs)
    return Row(
        what=MEASURE_CLIPS, unit="clips/s", on=on, runs=runs, note="families audio and fingerprints, decoding too"
    )


def _texts(settings: Settings) -> Iterator[Row]:
    """The names of emoji in 14 languages."""
    codes = sorted({one.name.partition("/")[0] for one in open_openmoji(corpus="b", licence="").references()})
    texts = [text for code in codes for text in names_of(tuple(code.split("-"))).items()][
        : settings.size(20_000, 2_000)
    ]
    captions = [Caption(text=text, language=language) for language, text in texts]

    def figures() -> int:
        return len(measure_known(captions, ["und"] * len(captions)))

    def languages() -> int:
        return len([detect_language(caption.text) for caption in captions])

    def by_py3langid() -> int:
        return len([py3langid.classify(caption.text) for caption in captions])

    with one_core() as on:
        runs = alternate(figures, num_pairs=settings.num_pairs)
        yield Row(what=MEASURE_TEXTS, unit="texts/s", on=on, runs=runs, note="emoji names in 14 languages")
        runs = alternate(languages, by_py3langid, num_pairs=settings.num_pairs)
        note = "right on 99 of 100 names of five words or more; py3langid on 96"
        yield Row(what=IDENTIFY_LANGUAGE, unit="texts/s", on=on, runs=runs, peer_name="py3langid", note=note)
