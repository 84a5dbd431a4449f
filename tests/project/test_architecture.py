"""ARCHITECTURE.md says what the code says."""

import re
import tomllib

from mmmodels.recipes import RECIPES
from pipelines.signals.schema import FAMILIES, signals_page
from tests.project.architecture import BEGIN, END, PATH

ROOT = PATH.parent
TEXT = PATH.read_text(encoding="utf-8")


def test_the_table_of_signals_is_the_schema():
    written = TEXT.split(BEGIN)[1].split(END)[0]
    assert written.strip() == signals_page().strip(), "run `make fmt`"


def test_every_column_of_every_family_is_in_the_table():
    for family in FAMILIES.values():
        for column in family.columns:
            assert f"`{column.name}`" in TEXT


def test_every_file_that_is_named_exists():
    for path in set(re.findall(r"`((?:pipelines|mmmodels|assets|tests|infra)/[\w/.-]+\.\w+)`", TEXT)):
        assert (ROOT / path).exists(), path


def test_every_direct_dependency_has_a_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    declared = [re.match(r"[A-Za-z0-9_-]+", requirement).group() for requirement in listed]
    reasons = TEXT.split("## Dependencies")[1].lower().replace("_", "-")
    assert [name for name in declared if name.lower().replace("_", "-") not in reasons] == []


def test_every_recipe_of_the_readme_exists():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"mmmodels train (\w+)", readme))
    assert named <= set(RECIPES)
