"""Metadata in the shapes that Dagster's UI draws: tables, charts, thumbnails, column schemas."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg
import pyarrow as pa
from PIL import Image

from assets.charts import LIMIT
from pipelines.reporting.gallery import thumbnail

DATA_ENGINEERING = ["team:data-engineering"]
ML_ENGINEERING = ["team:ml-engineering"]


def headline(text: str) -> dg.TextMetadataValue:
    """The figure that matters most, in one line: the terminal prints it, the UI lists it first."""
    return dg.MetadataValue.text(text)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table; numbers are aligned by thousands separators."""
    lines = [_line(columns), _line(["---"] * len(columns)), *(_line(row) for row in rows)]
    return dg.MetadataValue.md("\n".join(lines))


def counts(what: str, numbers: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """Name -> number, the largest first."""
    largest_first: list[tuple[str, int]] = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return table([what, "number"], largest_first)


def column_schema(schema: pa.Schema, meanings: Mapping[str, str] | None = None) -> dg.TableSchemaMetadataValue:
    """The columns of a Parquet file, with what they mean where that is known."""
    columns = [
        dg.TableColumn(field.name, type=str(field.type), description=(meanings or {}).get(field.name))
        for field in schema
    ]
    return dg.MetadataValue.table_schema(dg.TableSchema(columns=columns))


def strip(images: Sequence[bytes]) -> dg.MarkdownMetadataValue:
    """The images side by side, as large as the page draws in place; nothing where there are none."""
    pictures = [_decoded(image) for image in images]
    for pixels, quality in ((48, 70), (40, 60), (32, 50), (28, 40), (24, 30), (20, 20), (16, 10)):
        sheet = Image.new("RGB", (len(pictures) * pixels, pixels), "white")
        for number, picture in enumerate(pictures):
            small = picture.copy()
            small.thumbnail((pixels, pixels))
            sheet.paste(small, (number * pixels, 0))
        found = dg.MetadataValue.md(f"![pictures]({_webp(sheet, quality)})" if pictures else "none")
        if len(found.md_str or "") < LIMIT:
            return found
    return dg.MetadataValue.md("too detailed to be drawn here: see pictures")


def gallery(images: Iterable[tuple[str, bytes]]) -> dg.MarkdownMetadataValue:
    """The images one by one with their captions; opens by a click."""
    return table(["picture", "caption"], ([f"![]({_webp(_decoded(image), 80)})", title] for title, image in images))


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    return (
        f"{value:,}"
        if isinstance(value, int) and not isinstance(value, bool)
        else str(value).replace("|", "\\|").replace("\n", " ")
    )


def _decoded(image: bytes) -> Image.Image:
    with Image.open(io.BytesIO(thumbnail(image))) as picture:
        return picture.convert("RGB")


def _webp(image: Image.Image, quality: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
