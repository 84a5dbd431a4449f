"""Fetching what URLs point at, as a guest: robots.txt, opt-outs and limits of hosts first, one row for every URL."""

from pipelines.samples import Download
from pipelines.sources.downloading.fetching import fetch_all, fetch_wanted
from pipelines.sources.downloading.outcomes import Outcome, failure_of
from pipelines.sources.downloading.policy import DownloadPolicy
from pipelines.sources.downloading.rechecking import recheck_and_withdraw, recheck_consent
from pipelines.sources.downloading.state import machine_state_folder
from pipelines.sources.downloading.visiting import Wanted

__all__ = [
    "Download",
    "DownloadPolicy",
    "Outcome",
    "Wanted",
    "failure_of",
    "fetch_all",
    "fetch_wanted",
    "machine_state_folder",
    "recheck_and_withdraw",
    "recheck_consent",
]
