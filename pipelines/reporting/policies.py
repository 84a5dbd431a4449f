"""The policy of a stored view, from its own files."""

from pipelines import storage
from pipelines.curation.parsing import Query, parse
from pipelines.curation.policy import Policy, parse_policy
from pipelines.curation.views import View


def query_of(view: View) -> Query:
    """Parsed, with its parameters as they were applied."""
    return parse(policy_of(view).with_params(storage.read_json(f"{view.uri}/params.json")))


def policy_of(view: View) -> Policy:
    """As it stands in its file, with its defaults."""
    sql = storage.read_bytes(f"{view.uri}/policy.sql").decode()
    return parse_policy(view.manifest["policy"]["name"], sql)
