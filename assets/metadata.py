"""Metadata in the shapes that Dagster's UI draws: tables, charts, thumbnails, column schemas."""

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import dagster as dg
import pyarrow as pa
from PIL import Image

from assets.charts import LIMIT
from assets.markdown import Markup, table
from pipelines.errors import SignalError
from pipelines.reporting.gallery import thumbnail
from pipelines.reporting.waveform import waveform_svg

DATA_ENGINEERING = ["team:data-engineering"]
ML_ENGINEERING = ["team:ml-engineering"]
MAX_PICTURE_CHARACTERS = 12_000
"""Of one picture in a table, so that eight of them stay a small event."""


def headline(text: str) -> dg.TextMetadataValue:
    """The figure that matters most, in one line: the terminal prints it, the UI lists it first."""
    return dg.MetadataValue.text(text)


def column_schema(schema: pa.Schema, meanings: Mapping[str, str] | None = None) -> dg.TableSchemaMetadataValue:
    """The columns of a Parquet file, with what they mean where that is known."""
    columns = [
        dg.TableColumn(field.name, type=str(field.type), description=(meanings or {}).get(field.name))
        for field in schema
    ]
    return dg.MetadataValue.table_schema(dg.TableSchema(columns=columns))


def strip(images: Sequence[bytes]) -> dg.MarkdownMetadataValue:
    """The images side by side, as large as the page draws in place; `none` where there are none."""
    pictures = list(_readable(images))
    for pixels, quality in ((48, 70), (40, 60), (32, 50), (28, 40), (24, 30), (20, 20), (16, 10)):
        sheet = Image.new("RGB", (len(pictures) * pixels, pixels), "white")
        for number, one in enumerate(pictures):
            small = one.copy()
            small.thumbnail((pixels, pixels))
            sheet.paste(small, (number * pixels, 0))
        found = dg.MetadataValue.md(f"![pictures]({_webp(sheet, quality)})" if pictures else "none")
        if len(found.md_str or "") < LIMIT:
            return found
    return dg.MetadataValue.md("too detailed to be drawn here: see pictures")


def samples_table(
    rows: Iterable[tuple[bytes | None, bytes | None, Mapping[str, Any]]],
) -> dg.MarkdownMetadataValue:
    """(picture, clip, sidecar row) of a few samples, one a line: picture, drawing of the clip, words. Opens by a click.

    The page does not draw players; the HTML page beside it does.
    """
    cells = (
        [picture(image), drawing(clip), row["caption"] or "", row["language"] or "", _seconds(row), row["uid"]]
        for image, clip, row in rows
    )
    return table(["picture", "clip", "caption", "language", "seconds", "uid"], cells)


def picture(image: bytes | None) -> str:
    """A cell: the image, small; or why not."""
    if image is None:
        return "none"
    try:
        small = _decoded(image)
    except SignalError:
        return "not readable"
    for quality in (70, 40, 10):
        if len(uri := _webp(small, quality)) < MAX_PICTURE_CHARACTERS:
            return Markup(f"![picture]({uri})")
    return "too detailed"


def drawing(clip: bytes | None) -> str:
    """A cell: the wave of a clip; or why not."""
    if clip is None:
        return "none"
    try:
        return Markup(f"![clip]({waveform_svg(clip)})")
    except SignalError:
        return "not readable"


def _seconds(row: Mapping[str, Any]) -> str:
    seconds = row["duration_seconds"]
    return "" if seconds is None else f"{seconds:,.1f}"


def _readable(images: Iterable[bytes]) -> Iterator[Image.Image]:
    for image in images:
        with suppress(SignalError):
            yield _decoded(image)


def _decoded(image: bytes) -> Image.Image:
    with Image.open(io.BytesIO(thumbnail(image))) as opened:
        return opened.convert("RGB")


def _webp(image: Image.Image, quality: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
