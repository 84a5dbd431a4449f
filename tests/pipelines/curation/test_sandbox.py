"""A policy is somebody else's SQL: what it must not reach, by the parse and, where that were passed, by the sandbox."""

import time
from pathlib import Path

import duckdb
import pytest

from pipelines.curation import connections
from pipelines.curation import ruling as ruling_module
from pipelines.curation.connections import open_sandbox
from pipelines.curation.parsing import parse
from pipelines.curation.policy import parse_policy
from pipelines.errors import PolicyError
from tests.pipelines.curation.pools import pool, uid, verdicts

SAMPLES = {"uid": [uid(1), uid(2), uid(3)], "width": [1, 50, None], "caption": ["x", "y", "z"]}

STATEMENTS = [
    "copy (select 1) to '/tmp/stolen.csv'",
    "copy samples from '/etc/passwd'",
    "attach '/tmp/other.db'",
    "install httpfs",
    "load httpfs",
    "pragma enable_profiling",
    "set memory_limit = '99GB'",
    "set enable_external_access = true",
    "reset lock_configuration",
    "export database '/tmp/stolen'",
    "import database '/tmp/stolen'",
    "create secret (type s3, key_id 'a', secret 'b')",
    "create macro steal() as 1",
    "create table stolen as select 1",
    "insert into samples values ('a')",
    "delete from samples",
    "drop view samples",
    "call pragma_version()",
    "checkpoint",
    "explain select uid from samples",
    "prepare p as select 1",
    "select uid from samples; select 1",
    "vacuum",
    "begin",
]

SOURCES = [
    "'/etc/passwd'",
    "'/etc/*.parquet'",
    "'https://example.com/x.parquet'",
    "'s3://bucket/x.parquet'",
    "read_csv('/etc/passwd')",
    "read_csv_auto('/etc/passwd')",
    "read_text('/etc/passwd')",
    "read_blob('/proc/self/environ')",
    "read_json('/etc/passwd')",
    "read_parquet('/tmp/x.parquet')",
    "parquet_scan('/tmp/x.parquet')",
    "parquet_metadata('/tmp/x.parquet')",
    "read_duckdb('/tmp/x.db')",
    "sniff_csv('/etc/passwd')",
    "glob('/etc/*')",
    "query('select 1')",
    "query_table('samples')",
    "json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "pandas_scan(0)",
    "arrow_scan(0, 0, 0)",
    "seq_scan('samples')",
    "duckdb_settings()",
    "duckdb_secrets()",
    "duckdb_views()",
    "duckdb_logs()",
    "which_secret('s3://x', 's3')",
    "pragma_table_info('samples')",
    "information_schema.tables",
    "pg_catalog.pg_class",
    "sqlite_master",
    "main.samples",
    "memory.main.samples",
    "(show tables)",
    "(describe samples)",
    "(summarize samples)",
    "repeat_row(1, num_rows = 1000000000)",
    "test_all_types()",
]

EXPRESSIONS = [
    "getenv('HOME') = ''",
    "current_setting('temp_directory') = ''",
    "getvariable('x') is null",
    "current_user = 'x'",
    "current_date > date '2020-01-01'",
    "now() > timestamp '2020-01-01'",
    "random() < 0.5",
    "uuid() = ''",
    "version() = ''",
    "pg_sleep(1) is null",
    "sleep_ms(1) is null",
    "write_log('x') is null",
    "setseed(0.1) is null",
    "nextval('s') > 1",
    "stats(width) = ''",
    "current_query() = ''",
    "pg_get_viewdef('samples') = ''",
]


def rules_with(source: str) -> str:
    return "select uid, exists(select 1 from SOURCE) as f from samples".replace("SOURCE", source)


@pytest.mark.parametrize("sql", STATEMENTS)
def test_a_policy_is_one_select(sql: str) -> None:
    with pytest.raises(PolicyError, match=r"policy mine"):
        parse(parse_policy("mine", sql))


@pytest.mark.parametrize("source", SOURCES)
def test_a_policy_reads_the_samples_alone(source: str) -> None:
    with pytest.raises(PolicyError, match=r"policy mine"):
        parse(parse_policy("mine", rules_with(source)))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_rule_depends_on_the_sample_and_the_parameters_alone(expression: str) -> None:
    with pytest.raises(PolicyError, match=r"policy mine"):
        parse(parse_policy("mine", f"select uid, {expression} as f\nfrom samples"))


@pytest.mark.parametrize(
    "sql",
    [
        "with secrets as (select * from duckdb_secrets()) select uid from samples, secrets",
        "with a as (with b as (select * from read_text('/etc/passwd')) select * from b) select uid from samples, a",
        "with inside as (select 1) select uid from samples, (with inside2 as (select * from x) select * from inside2)",
        "select uid from samples semi join (from '/etc/passwd') on true",
        "select uid, (from glob('*') limit 1) is null as f from samples",
        "from samples select uid, list_transform([1], x -> (select 1 from read_text('/etc/passwd'))) is null as f",
        "select uid, x.y.z.__facet = 1 as f from samples",
        "select uid, columns('.*') is null from samples",
        "select uid from samples, lateral (select * from query('select ' || samples.caption))",
        "select uid from samples tablesample 10%",
        "pivot samples on caption using count(*)",
        "select uid from samples union all (select content from read_text('/etc/passwd'))",
        "with recursive r as (select 1 as n union all select n + 1 from r) select uid from samples, r",
        "with samples as (select 'x' as uid) select uid from samples",
        "table duckdb_settings",
    ],
)
def test_no_nesting_hides_another_source(sql: str) -> None:
    with pytest.raises(PolicyError, match=r"policy mine"):
        parse(parse_policy("mine", sql))


def test_an_alias_of_a_rule_is_no_way_around() -> None:
    with pytest.raises(PolicyError, match="reads 'duckdb_settings'"):
        parse(parse_policy("mine", "with duckdb_setting as (select 1) select uid from samples, duckdb_settings()"))


@pytest.fixture
def sandbox(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """As a policy has it, with one file that it may read and a secret that it may not."""
    (tmp_path / "secret.txt").write_text("secret")
    samples = pool(tmp_path, SAMPLES)
    with open_sandbox(tmp_path, samples.files) as connection:
        connection.execute(f"create temp view samples as {samples.whole()}")
        yield connection


OPENED = (
    *(
        "read_text('FOLDER/secret.txt')",
        "glob('FOLDER/*')",
        "read_csv('/etc/passwd')",
        "read_blob('/proc/self/environ')",
    ),
    *(
        "'FOLDER/facets.parquet'",
        "read_parquet('FOLDER/../*/*.parquet')",
        "duckdb_secrets()",
        "sniff_csv('/etc/passwd')",
    ),
)


@pytest.mark.parametrize("source", OPENED)
def test_the_sandbox_opens_no_other_file_even_if_the_parse_let_it_through(
    sandbox: duckdb.DuckDBPyConnection, tmp_path: Path, source: str
) -> None:
    assert sandbox.execute("select count(*) from samples").fetchall() == [(3,)]
    with pytest.raises(duckdb.Error, match=r"disabled by configuration|does not exist"):
        sandbox.execute("select * from SOURCE".replace("SOURCE", source.replace("FOLDER", str(tmp_path)))).fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to 'FOLDER/written.csv'", "attach 'FOLDER/written.db'", "load httpfs", "install httpfs",
        "set enable_external_access = true", "set memory_limit = '99GB'", "set allowed_paths = ['/etc/passwd']",
        "set lock_configuration = false", "set temp_directory = '/'", "export database 'FOLDER/written'",
    ],
)  # fmt: skip
def test_the_sandbox_writes_and_sets_nothing(
    sandbox: duckdb.DuckDBPyConnection, tmp_path: Path, statement: str
) -> None:
    with pytest.raises(duckdb.Error, match=r"disabled|locked|Cannot"):
        sandbox.execute(statement.replace("FOLDER", str(tmp_path)))
    assert not list(tmp_path.glob("written*"))


def test_a_policy_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruling_module, "SECONDS", 1.0)
    start = time.monotonic()
    endless = (
        "select uid, (select sum(a.range * b.range) from range(10000000) a, range(10000000) b) > 1 as f from samples"
    )
    with pytest.raises(PolicyError, match="ran out of time and was stopped"):
        verdicts(tmp_path, endless, pool(tmp_path, SAMPLES))
    assert time.monotonic() - start < 60


def test_a_policy_that_wants_all_memory_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MEMORY_LIMIT", "100MB")
    monkeypatch.setattr(connections, "MAX_SPILLED", "50MB")
    greedy = "select uid, (select count(*) from (select distinct range from range(100000000))) > 5 as f from samples"
    with pytest.raises(PolicyError, match="needs more memory than a policy may have"):
        verdicts(tmp_path, greedy, pool(tmp_path, SAMPLES))


@pytest.mark.parametrize(
    "value",
    ["repeat(caption, 3000000000)", "lpad(caption, 2000000, 'x')", "range(10000000000)", "bar(1, 0, 1, 1e9)"],
)
def test_a_value_of_any_size_is_refused_because_no_limit_holds_it(value: str) -> None:
    with pytest.raises(PolicyError, match="makes values of any size"):
        parse(parse_policy("mine", "select uid, VALUE is null as f from samples".replace("VALUE", value)))


def test_an_expression_as_deep_as_a_well_is_refused(tmp_path: Path) -> None:
    deep = "(" * 3000 + "width" + " + 1)" * 3000
    with pytest.raises(PolicyError, match=r"policy mine"):
        verdicts(tmp_path, f"select uid, {deep} > 5 as f\nfrom samples", pool(tmp_path, SAMPLES))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select uid, row_number() over (order by width) > 1 as f from samples", "Add uid at the end of its ORDER BY"),
        ("select uid, lag(width) over (order by width) > 1 as f from samples", "Add uid at the end"),
        ("select uid, (select first(width) from samples) > 1 as f from samples", "Add uid at the end"),
        ("select uid, sum(width) over (order by width rows 2 preceding) > 1 as f from samples", "Add uid at the end"),
        ("select uid, (select approx_quantile(width, 0.5) from samples) > 1 as f from samples", "number of threads"),
        ("select uid, (select any_value(width) from samples) > 1 as f from samples", "number of threads"),
    ],
)
def test_a_rule_that_depends_on_the_order_of_rows_is_refused(sql: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        parse(parse_policy("mine", sql))
