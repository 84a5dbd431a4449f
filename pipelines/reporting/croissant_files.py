"""Which files a view consists of and what is in them, as nodes of a Croissant description."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipelines import storage
from pipelines.curation.views import View
from pipelines.samples import Snapshot
from pipelines.shards.sidecar import SIDECAR
from pipelines.shards.snapshots import each_stats, num_shards

Node = dict[str, Any]

_MEDIA = {
    "images": ("image", ("*.jpg", "*.png", "*.webp", "*.gif")),
    "clips": ("audio", ("*.flac", "*.mp3", "*.wav", "*.ogg")),
}
_FIELDS = {
    "uid": "Names the sample everywhere; the key in the tars.",
    "caption": "The primary caption.",
    "language": "Of the caption, BCP 47.",
    "license": "Of this record.",
    "source": "Where the record comes from.",
    "url": "Of the original, where it has one.",
    "width": "Pixels.",
    "height": "Pixels.",
    "duration_seconds": "Of the clip.",
    "sample_rate_hz": "Of the clip.",
    "image_sha256": "Of the stored picture.",
    "audio_sha256": "Of the stored clip.",
}
_VERDICTS: dict[str, tuple[pa.DataType, str]] = {
    "uid": (pa.string(), "Names the sample everywhere; the key in the tars."),
    "kept": (pa.bool_(), "Whether the view keeps the sample."),
    "first_fault": (pa.string(), "The first rule that dropped it; null where it is kept."),
    "split": (pa.string(), "The part that training may see is `train`."),
    "weight": (pa.float32(), "How often training draws it, relative to the others."),
}


def distribution_of(view: View, folder: str) -> Iterator[Node]:
    """Tars and sidecars with the digests that packing wrote down, the verdicts, and the members of the tars as sets."""
    tars, sidecars, verdicts = [], [], []
    for snapshot in view.snapshots:
        for shard, stats in enumerate(each_stats(view.layout, snapshot, range(num_shards(view.layout, snapshot)))):
            tars.append(_tar(view, snapshot, shard, stats, folder))
            sidecars.append(_sidecar(view, snapshot, shard, stats, folder))
    for name in storage.names(f"{view.uri}/verdicts", ".parquet"):
        uri = f"{view.uri}/verdicts/{name}"
        verdicts.append(_parquet(f"verdicts/{name}", _relative(uri, folder), storage.file_sha256(uri)))
    yield from (*tars, *sidecars, *verdicts)
    shards = [posixpath.join(_relative(view.layout.shards(one), folder), "*.parquet") for one in view.snapshots]
    yield _file_set("sidecar-files", "application/x-parquet", shards)
    yield _file_set("verdict-files", "application/x-parquet", [_relative(f"{view.uri}/verdicts/*.parquet", folder)])
    inside = [{"@id": one["@id"]} for one in tars]
    for name, (kind, patterns) in _MEDIA.items():
        yield {**_file_set(f"{name}-files", f"{kind}/*", patterns), "containedIn": inside}


def _tar(view: View, snapshot: Snapshot, shard: int, stats: Mapping[str, Any], folder: str) -> Node:
    return {
        "@type": "cr:FileObject",
        "@id": f"shards/{snapshot}/{shard:08d}.tar",
        "name": f"{shard:08d}.tar",
        "contentUrl": _relative(view.layout.tar(snapshot, shard), folder),
        "contentSize": f"{stats['tar_bytes']} B",
        "encodingFormat": "application/x-tar",
        "sha256": stats["tar_sha256"],
    }


def _sidecar(view: View, snapshot: Snapshot, shard: int, stats: Mapping[str, Any], folder: str) -> Node:
    uri = view.layout.sidecar(snapshot, shard)
    digest = stats.get("sidecar_sha256") or storage.file_sha256(uri)
    return _parquet(f"shards/{snapshot}/{shard:08d}.parquet", _relative(uri, folder), digest)


def _parquet(identifier: str, url: str, sha256: str) -> Node:
    return {
        "@type": "cr:FileObject",
        "@id": identifier,
        "name": posixpath.basename(identifier),
        "contentUrl": url,
        "encodingFormat": "application/x-parquet",
        "sha256": sha256,
    }


def _file_set(name: str, encoding: str, includes: Sequence[str]) -> Node:
    """Beside the description, or in what it is `containedIn`."""
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": encoding,
        "includes": list(includes),
    }


def record_sets() -> list[Node]:
    """Records, verdicts, pictures and clips, joined by uid."""
    return [_records(), _verdicts(), *_media()]


def _records() -> Node:
    kinds = {name: SIDECAR.field(name).type for name in _FIELDS}
    fields = [_column("records", "sidecar-files", name, kinds[name], about) for name, about in _FIELDS.items()]
    return _record_set("records", "Every record that packing wrote down, failures included.", fields)


def _verdicts() -> Node:
    fields = [_column("verdicts", "verdict-files", name, kind, about) for name, (kind, about) in _VERDICTS.items()]
    fields[0]["references"] = {"field": {"@id": "records/uid"}}
    return _record_set("verdicts", "One for every sample, also for those that the view drops.", fields)


def _media() -> Iterator[Node]:
    for name, (kind, _) in _MEDIA.items():
        key = _field(name, "uid", "sc:Text", "The sample that it is a part of.", _file(f"{name}-files", "filename"))
        key["source"]["transform"] = {"regex": r"^([0-9a-f]{32})\..*$"}
        content = _field(name, "content", f"sc:{kind.title()}Object", "As stored.", _file(f"{name}-files", "content"))
        yield _record_set(name, f"The {name} in the tars.", [key, content])


def _record_set(name: str, about: str, fields: list[Node]) -> Node:
    key = {"@id": f"{name}/uid"}
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "description": about, "key": key, "field": fields}


def _column(owner: str, files: str, name: str, kind: pa.DataType, about: str) -> Node:
    return _field(owner, name, _type(kind), about, {"fileSet": {"@id": files}, "extract": {"column": name}})


def _field(owner: str, name: str, kind: str, about: str, source: Node) -> Node:
    return {
        "@type": "cr:Field",
        "@id": f"{owner}/{name}",
        "name": name,
        "description": about,
        "dataType": kind,
        "source": source,
    }


def _file(files: str, what: str) -> Node:
    return {"fileSet": {"@id": files}, "extract": {"fileProperty": what}}


def _type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Integer" if pa.types.is_integer(kind) else "sc:Text"


def _relative(uri: str, folder: str) -> str:
    """As a path from a folder beside it; the whole URI where the two are in different stores."""
    if storage.is_local(uri) and storage.is_local(folder):
        return posixpath.relpath(str(storage.local_path(uri).absolute()), str(storage.local_path(folder).absolute()))
    begin = folder.rstrip("/") + "/"
    return uri.removeprefix(begin)
