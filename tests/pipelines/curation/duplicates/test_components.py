import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation.duplicates import components
from pipelines.curation.duplicates.components import Components, Links

pairs = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60)


def found(links: list[tuple[int, int]], *, max_steps: int, in_pieces: int = 1) -> Components:
    gathered = Links(31)
    for start in range(0, len(links), max(1, len(links) // in_pieces)):
        piece = links[start : start + max(1, len(links) // in_pieces)]
        gathered.add(np.array([one for one, _ in piece], np.int64), np.array([other for _, other in piece], np.int64))
    return gathered.components(max_steps=max_steps)


def as_sets(result: Components) -> dict[int, list[int]]:
    return {int(best): result.position[result.best == best].tolist() for best in np.unique(result.best)}


def test_what_is_linked_is_one_component_and_its_smallest_position_is_the_best() -> None:
    result = found([(7, 3), (9, 7), (1, 0)], max_steps=9)
    assert as_sets(result) == {0: [0, 1], 3: [3, 7, 9]}
    assert result.rank.tolist() == [0, 1, 0, 1, 2]
    assert result.num_cut == 0


def test_a_chain_is_cut_where_it_leads_too_far_from_the_best() -> None:
    result = found([(n, n + 1) for n in range(6)], max_steps=2)
    assert as_sets(result) == {0: [0, 1, 2], 3: [3, 4, 5]}, "and what is left alone is in no component"
    assert result.num_cut == 1


def test_with_one_step_everything_is_linked_to_its_best() -> None:
    result = found([(0, 5), (5, 8), (8, 9)], max_steps=1)
    assert as_sets(result) == {0: [0, 5], 8: [8, 9]}


def test_no_link_is_no_component() -> None:
    assert len(found([], max_steps=3).position) == 0


@settings(deadline=None)
@given(pairs, st.integers(1, 4), st.randoms(use_true_random=False))
def test_components_do_not_depend_on_the_order_of_links(links: list[tuple[int, int]], max_steps: int, random) -> None:
    expected = as_sets(found(links, max_steps=max_steps))
    random.shuffle(links)
    turned = [pair[::-1] if random.random() < 0.5 else pair for pair in links]
    assert as_sets(found(turned, max_steps=max_steps, in_pieces=3)) == expected


@settings(deadline=None)
@given(pairs, st.integers(1, 4))
def test_every_component_has_one_best_and_nobody_is_in_two(links: list[tuple[int, int]], max_steps: int) -> None:
    result = found(links, max_steps=max_steps)
    assert len(set(result.position.tolist())) == len(result.position)
    for best, members in as_sets(result).items():
        assert members[0] == best
        assert sorted(result.rank[result.best == best].tolist()) == list(range(len(members)))


@settings(deadline=None)
@given(pairs)
def test_without_a_limit_linked_positions_share_a_component(links: list[tuple[int, int]]) -> None:
    result = found(links, max_steps=100)
    best = dict(zip(result.position.tolist(), result.best.tolist(), strict=True))
    assert all(best[one] == best[other] for one, other in links if one != other)
    assert result.num_cut == 0


def test_many_rounds_and_one_after_the_other_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 400, 480)
    second = np.minimum(399, first + rng.integers(1, 9, 480))
    results = []
    for rounds in (0, 100):
        monkeypatch.setattr(components, "_ROUNDS", rounds)
        links = Links(400)
        links.add(first, second)
        results.append(links.components(max_steps=2))
    assert results[0].best.tolist() == results[1].best.tolist()
    assert results[0].num_cut > 0


def test_too_many_links_are_thinned_and_the_components_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ends = rng.integers(0, 300, (2, 900))
    results = []
    for most in (1 << 24, 50):
        monkeypatch.setattr(components, "MAX_LINKS", most)
        links = Links(300)
        links.extend((ends[0, start : start + 20], ends[1, start : start + 20]) for start in range(0, 900, 20))
        results.append(links.components(max_steps=300))
    assert results[0].best.tolist() == results[1].best.tolist()
