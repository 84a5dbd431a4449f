"""Rows into references: the names that tell them apart, what is known of their size, and what their state is."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from pipelines.samples import Reference
from pipelines.sources.tables.columns import Columns
from pipelines.sources.tables.media import Folders
from pipelines.sources.tables.rows import Found, Place

_MAX_NAME = 500  # characters, then digits of the whole


@dataclass(slots=True)
class Naming:
    """Made once for a listing: a million rows pass through it.

    A row is called what its name column says; else by the address of its medium with twelve digits of its texts, so
    that an address that comes twice with two captions is two records; else by its file and number. Rows about one
    address share their group.
    """

    settings: str
    """Digest of what decides how rows become records: a part of each version."""
    name: str
    group: str
    addresses: tuple[str, ...]
    texts: tuple[str, ...]
    folders: Folders

    @classmethod
    def of(cls, columns: Columns, *, settings: str, folders: Folders) -> "Naming":
        texts = (*columns.text, *columns.texts.values(), columns.language)
        addresses = tuple(column for _, column in columns.addresses())
        return cls(settings, columns.name, columns.group, addresses, tuple(filter(None, texts)), folders)

    def columns(self) -> list[str]:
        """Those that a listing reads."""
        return list(dict.fromkeys(filter(None, (self.name, self.group, *self.addresses, *self.texts))))

    def reference(self, number: int, found: Found, locator: Place, *, file: str, row: int) -> Reference:
        values, version, num_bytes = found.values, self.settings + found.version, found.num_bytes
        if values is None:
            name = f"{file}#{row}"
            return Reference(row=number, name=name, group=name, version=version, locator=locator)
        addresses = [value for column in self.addresses if type(value := values.get(column)) is str and value]
        for address in addresses:
            if "://" not in address and (stat := self.folders.stat(address)):
                num_bytes += stat.st_size
                version = f"{version}-{stat.st_size}-{stat.st_mtime_ns}"
        name = self._name(values, addresses) or f"{file}#{row}"
        group = word(values.get(self.group)) if self.group else ""
        group = group or bounded(addresses[0] if addresses else name)
        return Reference(row=number, name=name, group=group, num_bytes=num_bytes, version=version, locator=locator)

    def _name(self, values: Mapping[str, object], addresses: list[str]) -> str:
        if self.name and (name := word(values.get(self.name))):
            return bounded(name)
        if not addresses:
            return ""
        others = [*addresses[1:], *(value for column in self.texts if (value := values.get(column)))]
        return f"{bounded(addresses[0])}#{_digits(repr(others))}" if others else bounded(addresses[0])


def bounded(name: str) -> str:
    """At most as long as a name should be."""
    return name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}~{_digits(name)}"


def word(value: object) -> str:
    """A text, or a number as text; not a number counts as missing."""
    if isinstance(value, str):
        return value.strip()
    return "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN, as pandas writes for missing


def _digits(text: str) -> str:
    return blake2b(text.encode(errors="backslashreplace"), digest_size=6).hexdigest()
