"""What a person hands to a model in one question."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmmodels.errors import RecipeError


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """Any subset; a model refuses what it has no use for or lacks."""

    image: bytes | None = None
    """JPEG, PNG or WebP."""
    text: str | None = None
    audio: bytes | None = None
    """FLAC, WAV, OGG or MP3."""
    video: bytes | None = None
    prompt: str = ""
    language: str = ""
    """BCP 47, of what is to be written."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of decoding, such as num_beams=4; each task says what it knows."""

    def __post_init__(self) -> None:
        if self.image is None and self.audio is None and self.video is None and not self.text:
            raise RecipeError("no input: give at least one of --image, --text, --audio, --video.")
