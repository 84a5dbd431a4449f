import pytest

from pipelines.curation.parsing import parse
from pipelines.curation.policy import parse_policy
from pipelines.errors import PolicyError


def test_columns_are_found_wherever_they_stand() -> None:
    query = parse(
        parse_policy(
            "mine",
            """-- $least = 1
with mine as (select *, s.Words as number from samples as s where language in ('en', 'fr'))
select
  uid,
  number < $least and list_contains(tags, label) as few,
  (select max(height) from samples) > 3 or sum(snr_db) over (partition by source) > 1 as odd
from mine""",
        )
    )
    assert {"words", "language", "tags", "label", "height", "snr_db", "source", "uid"} <= query.names
    assert [output.name for output in query.outputs] == ["uid", "few", "odd"]
    assert query.thresholds == {"number": ["least"]}


def test_a_place_is_told_by_line_and_column_even_after_other_scripts() -> None:
    query = parse(parse_policy("mine", "select uid,\n  caption = 'é漢' as odd,\n  width < 3 as small\nfrom samples"))
    assert query.where("width") == "policy mine, line 3 (column small)"
    assert query.where("caption") == "policy mine, line 2 (column odd)"
    assert query.where("unknown") == "policy mine"


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select content from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select uid from samples, glob('/*')",
        "select uid from (from read_parquet('s3://bucket/x'))",
        "with a as (select * from read_json('x')) select uid from a",
        "select uid, exists(from read_blob('x')) as f from samples",
        "copy samples to '/tmp/stolen.csv'",
        "attach '/tmp/other.db'",
        "install httpfs",
        "load httpfs",
        "select 1; select 2",
        "select uid from samples; drop table samples",
        "create table mine as select 1",
        "delete from samples",
        "insert into samples select * from samples",
        "set threads = 1",
        "pragma database_list",
        "call pragma_version()",
        "export database 'x'",
        "select * from duckdb_settings()",
        "select uid from information_schema.tables",
        "select uid from main.samples",
        "select uid from query('select 1')",
        "select uid from query_table('samples')",
        "describe samples",
        "select uid, random() < 0.5 as f from samples",
        "select uid, current_date > '2024-01-01' as f from samples",
        "select uid, now() > '2024-01-01' as f from samples",
        "select uid, getvariable('x') as f from samples",
        "select uid, current_setting('threads') = '1' as f from samples",
        "select uid from samples using sample 3",
        "select uid, columns('w.*') > 1 from samples",
        "",
        "-- nothing",
    ],
)
def test_a_policy_reads_samples_and_nothing_else(sql: str) -> None:
    with pytest.raises(PolicyError, match="policy mine"):
        parse(parse_policy("mine", sql))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select uid,\n width < as small from samples", "policy mine, line 2: syntax error"),
        ("select uid, width < $w as small from samples", r"\$w has no default. Add a header line"),
        ("-- $w = 3\nselect uid from samples", r"\$w is declared but no rule uses it"),
        ("select uid,\n\n uuid() = uid as f from samples", r"line 3: uuid\(\) gives another answer"),
    ],
)
def test_mistakes_are_told_with_their_place(sql: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        parse(parse_policy("mine", sql))
