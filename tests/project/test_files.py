"""Is what we commit fit to be committed, and what we document there?"""

import re
import subprocess
from pathlib import Path

import pytest

from assets.measured import TELLING
from pipelines.signals import columns
from pipelines.signals.schema import FAMILIES
from pipelines.sources.catalog import load_catalog

ROOT = Path(__file__).parents[2]
TEXT = {".py", ".md", ".toml", ".yaml", ".sql", ".txt", ".lock", ".json", ""}
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/")
"""A path of somebody's machine."""


def ours() -> list[Path]:
    """Every file that is, or would be, committed."""
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listing, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    names = sorted({name for name in done.stdout.decode().split("\0") if name})
    return [ROOT / name for name in names if (ROOT / name).exists()]


def test_no_committed_path_leads_out_of_the_checkout() -> None:
    for path in ours():
        assert not path.is_symlink(), path
        assert path.resolve().is_relative_to(ROOT), path


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    this = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in ours()
        if path.suffix in TEXT and path != this
        for match in [MACHINE.search(path.read_text(encoding="utf-8", errors="replace"))]
        if match
    ]
    assert found == []


def test_the_top_level_holds_what_the_design_names_and_nothing_else() -> None:
    named = {
        "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile", "pyproject.toml",
        "requirements.lock", "workspace.yaml", "pipelines", "mmmodels", "assets", "infra", "tests", ".ci", ".gitignore",
        ".gitattributes",
    }  # fmt: skip
    assert {path.relative_to(ROOT).parts[0] for path in ours()} <= named


def test_no_module_is_a_place_where_names_go_to_die() -> None:
    banned = {"utils", "helpers", "common", "misc", "manager", "process", "handle", "data2"}
    assert [path for path in ours() if path.suffix == ".py" and path.stem in banned] == []


def test_every_signal_says_what_it_is_and_no_chart_shows_what_is_not_measured() -> None:
    listed = [*columns.ALIGNMENT, *(column for family in FAMILIES.values() for column in family.columns)]
    for column in listed:
        assert column.meaning, column.name
        assert column.source, column.name
    for family, names in TELLING.items():
        assert set(names) <= {column.name for column in FAMILIES[family].columns}


def documents() -> list[Path]:
    return [path for path in ours() if path.suffix == ".md"]


def test_every_make_target_in_the_documents_exists_and_is_explained_by_make_help() -> None:
    explained = set(re.findall(r"^([a-z-]+):.*?## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {
        "help",
        "setup",
        "demo",
        "demo-clean",
        "test",
        "test-all",
        "check",
        "fmt",
        "ui",
        "down",
        "bench",
    } <= explained
    for path in documents():
        used = set(re.findall(r"`?make ([a-z][a-z-]+)\b(?=[` \n]|$)", " ".join(code_of(path))))
        assert used <= explained, f"{path.name}: {used - explained}"


def test_every_verb_in_the_documents_exists() -> None:
    for path in documents():
        for package, verb in re.findall(r"python -m (pipelines|mmmodels|assets) ([a-z-]+)", " ".join(code_of(path))):
            assert f'"{verb}"' in (ROOT / package / "__main__.py").read_text(), f"{path.name}: {package} {verb}"


def test_every_file_that_the_documents_link_to_exists() -> None:
    for path in documents():
        for target in re.findall(r"\]\((?!https?:|#|data:)([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def code_of(path: Path) -> list[str]:
    """Fenced blocks and inline code of a Markdown file."""
    text = path.read_text(encoding="utf-8")
    return [*re.findall(r"```.*?\n(.*?)```", text, flags=re.DOTALL), *re.findall(r"`[^`\n]+`", text)]


def test_the_tree_in_the_readme_is_the_tree_of_the_files() -> None:
    """Every folder that the README opens is listed whole: nothing left out, nothing that is gone."""
    shown = tree_of((ROOT / "README.md").read_text(encoding="utf-8"))
    there = {path.relative_to(ROOT).as_posix() for path in ours() if path.name != "__init__.py"}
    folders = {parent.as_posix() for name in there for parent in Path(name).parents if parent != Path()}
    for folder, children in shown.items():
        inside = {name for name in there | folders if Path(name).parent.as_posix() == folder}
        assert children == inside, f"{folder}: README {sorted(children ^ inside)}"


def tree_of(readme: str) -> dict[str, set[str]]:
    """Folder -> paths listed below it, from the fenced block whose first line is `assets/...`; two spaces a level."""
    blocks = [
        block
        for block in re.findall(r"```.*?\n(.*?)```", readme, flags=re.DOTALL)
        if re.search(r"^assets/", block, flags=re.MULTILINE)
    ]
    assert len(blocks) == 1, "README.md has no tree: a fenced block with a line `assets/`"
    stack: list[str] = []
    shown: dict[str, set[str]] = {}
    for line in blocks[0].splitlines():
        if not line.strip():
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0].rstrip("/")
        stack = [*stack[:depth], name]
        if depth:
            shown.setdefault("/".join(stack[:depth]), set()).add("/".join(stack))
    return shown


def test_the_catalog_in_the_readme_is_one(tmp_path: Path) -> None:
    (catalog,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "mine.toml").write_text(catalog)
    (corpus,) = load_catalog(tmp_path / "mine.toml").values()
    assert (corpus.reader, corpus.profile) == ("table", "train")
