"""What is done to media on their way into a shard, and what comes out."""

from dataclasses import dataclass

from pipelines.errors import SourceError

_NAMES = ("original", "train")
_CHECKS = ("decode", "header")
_RATES_HZ = (16_000, 48_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaProfile:
    """`original`: bytes as they came, where every reader knows them. `train`: small JPEG and mono FLAC of one rate.

    Part of the plan: shards of another profile are another snapshot's.
    """

    name: str = "original"
    check: str = "decode"
    """`decode` finds everything its format can tell: a cut file, a flipped bit in entropy-coded data or under a CRC.
    `header`, of `original` alone and for bytes that were checked before, finds a wrong format, sizes over the limits
    and JPEG, PNG and WebP cut short; not what is broken inside of JPEG, WebP and FLAC."""
    image_side_pixels: int = 256
    """The shorter side; smaller images keep their size."""
    jpeg_quality: int = 92
    audio_rate_hz: int = 16_000

    def __post_init__(self) -> None:
        for field, allowed in (("name", _NAMES), ("check", _CHECKS), ("audio_rate_hz", _RATES_HZ)):
            if getattr(self, field) not in allowed:
                raise SourceError(f"profile: {field} = {getattr(self, field)!r}, expected one of {allowed}.")
        for field, low, high in (("image_side_pixels", 16, 4096), ("jpeg_quality", 1, 100)):
            if not low <= getattr(self, field) <= high:
                raise SourceError(f"profile: {field} = {getattr(self, field)}, expected {low} to {high}.")
        if self.check == "header" and self.name != "original":
            raise SourceError(f"profile: check = 'header' goes with 'original', {self.name!r} decodes everything.")

    @property
    def suffix(self) -> str:
        """Ends the names of its snapshots; nothing for the original, however it was checked."""
        if self.name == "original":
            return ""
        return f"{self.name}{self.image_side_pixels}q{self.jpeg_quality}a{self.audio_rate_hz // 1000}"


ORIGINAL = MediaProfile()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredImage:
    """An image that decodes, in the bytes that go into the tar."""

    data: bytes
    extension: str
    width: int
    height: int
    original_width: int
    original_height: int
    """As the image came, before it was turned and made smaller."""
    exif: str | None
    """Scalar EXIF fields as JSON."""
    applied_orientation: int = 1
    """EXIF orientation (1 to 8) by which the pixels were turned, for `turned_boxes`; 1 where they are as they came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAudio:
    """A clip that decodes, as FLAC."""

    data: bytes
    extension: str
    duration_seconds: float
    sample_rate_hz: int
