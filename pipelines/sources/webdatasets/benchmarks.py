"""What CLIP_benchmark writes beside its tars: names of classes, and whether lines of a text are captions."""

from dataclasses import dataclass

from pipelines import storage
from pipelines.errors import StorageError

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Empty for other layouts."""

    class_names: tuple[str, ...] = ()
    is_retrieval: bool = False

    def class_of(self, text: str) -> str:
        """The name that a number stands for; other texts are names themselves."""
        if text.isdecimal() and int(text) < len(self.class_names):
            return self.class_names[int(text)]
        return text


def benchmark_of(tar: str) -> Benchmark:
    """Of the folder that a tar is in (`test/0.tar`), or of the folder above."""
    folder = tar.rpartition("/")[0]
    above = folder.rpartition("/")[0]
    names = _text(f"{folder}/classnames.txt") or _text(f"{above}/classnames.txt")
    kind = _text(f"{folder}/dataset_type.txt") or _text(f"{above}/dataset_type.txt")
    return Benchmark(tuple(line.strip() for line in names.splitlines()), kind.strip() == "retrieval")


def _text(uri: str) -> str:
    try:
        return storage.read_bytes(uri)[:_MAX_BYTES].decode() if storage.exists(uri) else ""
    except (StorageError, UnicodeDecodeError):
        return ""
