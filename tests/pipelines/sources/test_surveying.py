"""A listing is counted as it streams by."""

import tracemalloc
from collections.abc import Iterator

from pipelines.samples import Reference
from pipelines.sources.surveying import DistinctCount, survey


def references(number: int, *, num_groups: int) -> Iterator[Reference]:
    return (
        Reference(row=row, name=f"name {row}", group=f"group {row % num_groups}", num_bytes=10 * (row % 2))
        for row in range(number)
    )


def test_what_is_listed_is_counted():
    listing = survey(references(100, num_groups=7))
    assert (listing.num_records, listing.num_groups, listing.groups_are_exact) == (100, 7, True)
    assert (listing.num_bytes, listing.num_sized) == (500, 50)
    assert [one.row for one in listing.first] == [0, 1, 2, 3, 4]


def test_an_empty_listing_is_nothing():
    listing = survey(iter(()))
    assert (listing.num_records, listing.num_groups, listing.first) == (0, 0, ())


def test_another_order_name_group_or_version_is_another_digest():
    base = [Reference(row=0, name="a", group="g"), Reference(row=1, name="b", group="g")]
    others = [
        base[:1],
        [Reference(row=0, name="b", group="g"), Reference(row=1, name="a", group="g")],
        [base[0], Reference(row=1, name="b", group="h")],
        [base[0], Reference(row=1, name="b", group="g", version="2")],
    ]
    digests = {survey(listed).digest for listed in (base, *others)}
    assert len(digests) == 5
    assert survey(base).digest in digests


def test_many_groups_are_estimated_and_said_so():
    listing = survey(references(50_000, num_groups=30_000), max_counted=4096)
    assert not listing.groups_are_exact
    assert abs(listing.num_groups - 30_000) < 5 * 30_000 / 4096**0.5


def test_groups_are_exact_up_to_the_limit():
    for number, is_exact in ((100, True), (101, False)):
        groups = DistinctCount(100)
        for word in range(number):
            groups.add(str(word))
            groups.add(str(word))
        assert groups.is_exact is is_exact
        if is_exact:
            assert groups.number == number


def test_memory_does_not_grow_with_the_listing():
    def peak(number: int) -> int:
        tracemalloc.start()
        survey(references(number, num_groups=number), max_counted=1000)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)
    assert peak(60_000) < 2 * peak(6_000)
