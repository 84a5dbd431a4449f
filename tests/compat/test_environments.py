"""The environments themselves: made once, made again where they are not whole, and never skipped in silence."""

import subprocess

import pytest

from tests.compat import environments


@pytest.fixture
def requirements(tmp_path, monkeypatch):
    """Of an environment `small` in a cache of its own."""
    monkeypatch.setattr(environments, "HERE", tmp_path)
    monkeypatch.setattr(environments, "CACHE", tmp_path / "cache")
    (tmp_path / "requirements").mkdir()
    path = tmp_path / "requirements" / "small.txt"
    path.write_text("braceexpand==0.1.7\n")
    return path


def imports(python) -> bool:
    return subprocess.run([python, "-c", "import braceexpand"], capture_output=True, check=False).returncode == 0


def test_an_environment_is_kept_until_its_requirements_change(requirements):
    python = environments.python_of("small")
    assert imports(python)
    (python.parent / "left").touch()
    assert environments.python_of("small") == python
    assert (python.parent / "left").exists()
    requirements.write_text("pyyaml==6.0.3\n")
    environments.python_of("small")
    assert not (python.parent / "left").exists()
    assert not imports(python)


@pytest.mark.usefixtures("requirements")
def test_one_that_was_interrupted_is_made_again():
    python = environments.python_of("small")
    (python.parents[1] / "requirements.sha256").unlink()
    (python.parents[1] / "half").touch()
    assert imports(environments.python_of("small"))
    assert not (python.parents[1] / "half").exists()
    assert [path.name for path in environments.CACHE.iterdir()] == ["small"]


@pytest.mark.usefixtures("requirements")
def test_pip_makes_one_where_there_is_no_uv(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert imports(environments.python_of("small"))


def test_one_that_cannot_be_made_is_a_failure_that_says_so(requirements, monkeypatch):
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    requirements.write_text("braceexpand==0.0.99\n")
    with pytest.raises(
        environments.EnvironmentFailed, match=r"(?s)small.txt: its environment cannot be made.*-m 'not compat'"
    ):
        environments.python_of("small")
    assert list(environments.CACHE.iterdir()) == []


def test_every_list_of_requirements_names_exact_versions_and_no_address():
    for path in (environments.HERE / "requirements").glob("*.txt"):
        for line in path.read_text().splitlines()[1:]:
            assert "==" in line, path
            assert "://" not in line, path
