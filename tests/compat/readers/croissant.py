"""What a Croissant description says and leads to, by MLCommons' own reader: the argument is the description."""

import hashlib
import json
import sys
from importlib.metadata import version

import mlcroissant


def plain(value):
    """Texts as texts, media as digests."""
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest() if value.startswith(b"fLaC") else value.decode()
    if hasattr(value, "size") and hasattr(value, "save"):  # a picture
        return list(value.size)
    return value.item() if hasattr(value, "item") else value


dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
issues = dataset.metadata.ctx.issues
records = {
    record_set.name: [{name: plain(value) for name, value in row.items()} for row in dataset.records(record_set.name)]
    for record_set in dataset.metadata.record_sets
}
print(
    json.dumps(
        {
            "version": version("mlcroissant"),
            "errors": sorted(map(str, issues.errors)),
            "warnings": sorted(map(str, issues.warnings)),
            "name": dataset.metadata.name,
            "license": dataset.metadata.license,
            "records": records,
        },
        default=str,
    )
)
