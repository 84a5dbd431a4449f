"""Duplicates across a whole pool: by content, perceptual hash, MinHash, audio fingerprint and vectors."""

from pipelines.curation.duplicates.finding import VERSION, DuplicatesReport, KindReport, find_duplicates
from pipelines.curation.duplicates.settings import FAULTS, KINDS, DuplicateSettings

__all__ = ["FAULTS", "KINDS", "VERSION", "DuplicateSettings", "DuplicatesReport", "KindReport", "find_duplicates"]
