"""One hop of a redirect: libcurl follows none, so that each is checked like a first URL."""

from collections.abc import Sequence

from pipelines.sources.downloading.answers import Answer
from pipelines.sources.downloading.outcomes import Outcome
from pipelines.sources.downloading.urls import InvalidURL, Target, printable


def next_hop(answer: Answer, target: Target, hops: Sequence[str], max_redirects: int) -> Target | None:
    """Where to; none where it is not to be followed, and then the answer says why. `hops`: all that were asked."""
    location = answer.header("location")
    try:
        following = target.join(location)
    except InvalidURL as error:
        answer.outcome, answer.error = Outcome.INVALID_URL, f"redirects to {printable(location)[:200]}: {error}"
        return None
    if following.url in hops:  # without cookies nothing would change
        answer.outcome, answer.error = Outcome.TOO_MANY_REDIRECTS, f"redirects in a loop, to {printable(location)}"
        return None
    if len(hops) > max_redirects:
        answer.outcome, answer.error = Outcome.TOO_MANY_REDIRECTS, f"more than {max_redirects} redirects"
        return None
    return following
