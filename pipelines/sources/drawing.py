"""Pictures that a source has to make: drawings from SVG, cut-outs onto white."""

import io
import re
from pathlib import Path

from PIL import Image

from pipelines.errors import SampleError, SourceError
from pipelines.shards.media import MAX_IMAGE_PIXELS

# resvg opens what a drawing links to, files of this machine included: only parts of itself and inlined data may be.
_OUTSIDE = re.compile(r"href\s*=\s*(?![\"'](?:#|data:))", re.IGNORECASE)


def render_svg(
    svg: str, *, width: int | None = None, height: int | None = None, background: str | None = "#ffffff"
) -> bytes:
    """PNG on white, or cut out (None); one that links outside of itself is refused, no font of this machine is used."""
    if link := _OUTSIDE.search(svg):
        raise SampleError(f"SVG links to outside of itself: {svg[link.start() : link.end() + 60]!r}", status="refused")
    try:
        import resvg_py
    except ImportError as error:
        raise SourceError("resvg_py is not installed. Run: pip install 'trivium[demo]'.") from error
    try:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg,
                width=width,
                height=height,
                dpi=96.0,  # its default of 0 makes nothing of a size in points or centimetres
                background=background,
                skip_system_fonts=True,
            )
        )
    except ValueError as error:
        raise SampleError(f"SVG of {len(svg)} characters does not render: {error}") from error


def on_white(path: Path) -> bytes:
    """A picture as RGB PNG, its transparent parts white."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_IMAGE_PIXELS:
                raise SampleError(f"{path.name}: {image.width}x{image.height} pixels are too many.", status="refused")
            cut_out = image.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:
        raise SampleError(f"{path.name} does not decode: {error}") from error
    picture = Image.new("RGB", cut_out.size, "white")
    picture.paste(cut_out, mask=cut_out)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
