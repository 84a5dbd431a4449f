import pyarrow as pa
import pytest

from pipelines.curation.evaluating import SANDBOX, Ruling, evaluate
from pipelines.curation.parsing import parse
from pipelines.curation.policy import parse_policy
from pipelines.errors import PolicyError

SAMPLES = pa.table({"uid": ["a", "b", "c"], "width": [1, 50, None], "caption": ["x", "y", "z"]})


def ruling(sql: str, samples: pa.Table = SAMPLES) -> Ruling:
    return evaluate(parse(parse_policy("mine", sql)), samples, known={"height"})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("width < 32", [True, False, False]),
        ("width is null", [False, False, True]),
        ("not (width >= 32)", [True, False, False]),
        ("null::boolean", [False, False, False]),
        ("caption = 'z' and width < 0", [False, False, False]),
    ],
)
def test_null_does_not_drop(rule: str, expected: list[bool]) -> None:
    assert ruling("select uid, RULE as odd from samples".replace("RULE", rule)).faults["odd"].tolist() == expected


def test_faults_keep_their_order_and_samples_keep_theirs() -> None:
    found = ruling("select width < 2 as zz, uid, width > 2 as aa, 2.5 as weight from samples order by uid desc")
    assert list(found.faults) == ["zz", "aa"]
    assert found.faults["zz"].tolist() == [True, False, False]
    assert found.weight.tolist() == [2.5, 2.5, 2.5]


def test_without_a_weight_every_sample_weighs_one() -> None:
    assert ruling("select uid from samples").weight.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select uid,\n widht < 2 as small from samples", r"line 2 \(column small\).*Did you mean width\?"),
        ("select uid, heigth < 2 as small from samples", r"Did you mean height\?"),
        ("select uid, width as small from samples", "small is int64, not boolean"),
        ("select uid, width < 2 as Small from samples", "'Small' is not a fault's name"),
        ("select uid, width < 2 as f, width > 3 as f from samples", "two columns are called f"),
        ("select width < 2 as small from samples", "has no column uid"),
        ("select uid from samples where width > 1", "1 rows for 3 samples, 2 without a row"),
        ("select uid from samples limit 2", "2 rows for 3 samples"),
        ("select uid from samples union all select uid from samples", "6 rows for 3 samples"),
        ("select 'd' as uid from samples", "3 rows for 3 samples, 3 without a row"),
        ("select uid, width as weight from samples", "weight is null, negative or not finite for 1 samples, e.g. c"),
        ("select uid, -1 as weight from samples", "for 3 samples"),
        ("select uid, caption as weight from samples", "weight is string, not boolean"),
        ("select uid, caption::int > 1 as f from samples", "Could not convert string 'x'"),
        ("select uid, nothing(width) as f from samples", "nothing does not exist"),
    ],
)
def test_what_is_no_verdict_on_every_sample_is_refused(sql: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        ruling(sql)


def test_the_sandbox_is_closed_even_to_what_the_parser_lets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.curation.parsing.TABLE_FUNCTIONS", frozenset({"read_text", "glob"}))
    assert SANDBOX["enable_external_access"] is False
    for source in ("read_text('/etc/hostname')", "glob('/etc/*')"):
        with pytest.raises(PolicyError, match="file system operations are disabled"):
            ruling("select uid, exists(from SOURCE) as f from samples".replace("SOURCE", source))


def test_a_column_that_the_parse_did_not_see_is_not_there() -> None:
    with pytest.raises(PolicyError):
        ruling("select uid, struct_extract(samples, 'wi' || 'dth') > 1 as f from samples")
