import pyarrow as pa

from pipelines.curation.queries import run_sql

FAULTS = pa.table(
    {
        "position": pa.array([0, 1, 2], pa.int32()),
        "fault": ["first", "second", "third"],
        "bit": pa.array([1, 2, 4], pa.uint64()),
        "below": pa.array([0, 1, 3], pa.uint64()),
    }
)


def funnel(bits: list[int], languages: list[str], failures: dict[str, int]) -> list[dict[str, object]]:
    same = ["x"] * len(bits)
    verdicts = pa.table(
        {
            "faults": pa.array(bits, pa.uint64()),
            "language": pa.array(languages, pa.string()),
            **{name: pa.array(same, pa.string()) for name in ("source", "license", "modalities", "split")},
        }
    )
    failed = pa.table(
        {"fault": pa.array(failures.keys(), pa.string()), "num_records": pa.array(failures.values(), pa.int64())}
    )
    return run_sql("funnel", verdicts=verdicts, faults=FAULTS, failures=failed).to_pylist()


def test_each_fault_is_counted_alone_in_order_and_as_the_only_one() -> None:
    rows = [row for row in funnel([0, 1, 3, 2, 6, 4], ["en"] * 6, {}) if row["section"] == "all"]
    counts = [tuple(row[f"num_{what}"] for what in ("before", "marginal", "first", "only")) for row in rows]
    assert [row["fault"] for row in rows] == ["first", "second", "third"]
    assert counts == [(6, 2, 2, 1), (4, 3, 2, 1), (2, 2, 1, 1)]


def test_records_that_were_never_samples_come_first() -> None:
    rows = [row for row in funnel([0, 1], ["en"] * 2, {"refused": 3, "failed_to_decode": 5}) if row["section"] == "all"]
    assert [(row["position"], row["fault"], row["num_before"], row["num_first"]) for row in rows[:3]] == [
        (-2, "failed_to_decode", 10, 5),
        (-1, "refused", 5, 3),
        (0, "first", 2, 1),
    ]


def test_parts_add_up_to_the_whole() -> None:
    rows = funnel([0, 1, 3, 2, 6, 4], ["en", "en", "fr", "fr", "", "en"], {})
    for column in ("num_before", "num_marginal", "num_first", "num_only"):
        for section in ("language", "source", "license", "modalities", "split"):
            for fault in ("first", "second", "third"):
                parts = sum(row[column] for row in rows if (row["section"], row["fault"]) == (section, fault))
                whole = sum(row[column] for row in rows if (row["section"], row["fault"]) == ("all", fault))
                assert parts == whole
    assert {row["value"] for row in rows if row["section"] == "language"} == {"", "en", "fr"}
