import pytest

from pipelines.errors import SourceError
from pipelines.sources.downloading import DownloadPolicy


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("timeout_seconds", 0),
        ("timeout_seconds", float("nan")),
        ("timeout_seconds", float("inf")),
        ("max_bytes", -1),
        ("num_attempts", 0),
        ("max_redirects", -1),
        ("per_host", 0),
        ("per_host", 257),
        ("in_flight", 0),
        ("look_ahead", 0),
        ("agent_token", "trivium/2"),
        ("agent_token", ""),
        ("user_agent", "somebody else"),
        ("user_agent", "trivium\r\nX-Injected: 1"),
        ("allowed_networks", ("10.0.0.1/8",)),
        ("allowed_networks", ("localhost",)),
        ("ca_file", "CA"),
    ],
)
def test_a_setting_that_cannot_be_obeyed_is_refused_by_name(setting, value, tmp_path):
    value = tmp_path / "missing.pem" if setting == "ca_file" else value
    with pytest.raises(SourceError, match=rf"download policy, {setting} .*"):
        DownloadPolicy(**{setting: value})


def test_zero_is_a_number_of_redirects():
    assert DownloadPolicy(max_redirects=0, backoff_seconds=0).max_redirects == 0
