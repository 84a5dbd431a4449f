from pathlib import Path

import pytest

from pipelines.curation.parsing import parse
from pipelines.curation.policy import load_policy, parse_policy
from pipelines.curation.settings import check_keys
from pipelines.errors import PolicyError

SQL = """-- Keeps what is large.
-- $min_width = 32   pixels
-- $share = 0.5
-- $language = 'en'  it''s declared
-- $names = ["a", "b"]
select uid, width < $min_width as too_small from samples
"""


def test_a_header_gives_description_and_defaults() -> None:
    policy = parse_policy("mine", SQL)
    assert policy.description == "Keeps what is large."
    assert policy.params == {"min_width": 32, "share": 0.5, "language": "en", "names": ["a", "b"]}


def test_values_from_a_shell_are_read_as_the_type_of_the_default() -> None:
    policy = parse_policy("mine", SQL).with_params({"min_width": "64", "share": "1", "language": "7", "names": "[]"})
    assert policy.params == {"min_width": 64, "share": 1.0, "language": "7", "names": []}
    assert isinstance(policy.params["share"], float)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"width": 3}, r"no parameter \$width. Did you mean min_width\?"),
        ({"x": 3}, r"no parameter \$x. Known: language, min_width, names, share"),
        ({"min_width": "wide"}, r"\$min_width = 'wide' is not a number like its default 32"),
        ({"min_width": True}, r"is not a number"),
        ({"min_width": None}, r"is not a number"),
        ({"share": float}, r"is not a number"),
        ({"language": 3}, r"\$language = 3 is not a text"),
        ({"share": "NaN"}, r"is not a number"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(params: dict[str, object], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        parse_policy("mine", SQL).with_params(params)


def test_a_header_sets_the_engine_in_lines_that_are_comments_elsewhere() -> None:
    policy = parse_policy("mine", '-- why\n-- @duplicates = {"exact": {}}\n-- @max_per_component = 2\n' + SQL)
    assert policy.settings == {"duplicates": {"exact": {}}, "max_per_component": 2}
    assert policy.description == "why Keeps what is large."
    assert policy.where("max_per_component") == "policy mine, line 3 (@max_per_component)"
    check_keys(policy.where("duplicates"), policy.settings["duplicates"], {"exact"})
    with pytest.raises(PolicyError, match=r"line 2 \(@duplicates\): no key 'exact'. Did you mean exacts\?"):
        check_keys(policy.where("duplicates"), policy.settings["duplicates"], {"exacts"})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-- @duplicate = {}", r"line 2: no setting @duplicate. Did you mean duplicates\?"),
        ("-- @x = {}", "line 2: no setting @x. Known: contamination, duplicates, evaluation_sets, max_per_component"),
        ("-- @duplicates = {", "is not JSON"),
        ("-- @duplicates = {} all", "is not JSON"),
        ("-- @duplicates = [1]", "is not an object"),
        ("-- @max_per_component = true", "is not a whole number"),
        ('-- @contamination = {"x": NaN}', "is not JSON"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line(line: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        parse_policy("mine", f"-- why\n{line}\nselect uid from samples")


@pytest.mark.parametrize("value", ["two", "null", "{}", "", "NaN"])
def test_a_default_must_be_a_value(value: str) -> None:
    with pytest.raises(PolicyError, match="policy mine, line 2"):
        parse_policy("mine", f"-- what\n-- $x = {value}\nselect uid from samples")


def test_a_policy_is_found_by_name_or_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.sql"
    path.write_text(SQL)
    assert load_policy(path) == parse_policy("mine", SQL)
    assert load_policy("default").name == "default"
    with pytest.raises(PolicyError, match=r"neither a bundled policy \(aligned, .*default, .*\) nor a file"):
        load_policy("defualt")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy(path)


@pytest.mark.parametrize("name", ["default", "aligned"])
def test_bundled_policies_follow_the_contract_and_say_why(name: str) -> None:
    policy = load_policy(name)
    assert parse(policy).outputs[0].name == "uid"
    assert len(policy.description) > 40


def test_aligned_begins_with_the_rules_of_default() -> None:
    default, aligned = load_policy("default"), load_policy("aligned")
    rules = default.sql[default.sql.index("select\n") : default.sql.index("\nfrom samples")]
    assert rules in aligned.sql
    assert {name: aligned.params[name] for name in default.params} == default.params
