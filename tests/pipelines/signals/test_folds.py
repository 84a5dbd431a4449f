import pyarrow as pa

from pipelines.signals.folds import fold_column, fold_of


def test_a_group_is_never_in_both_halves_and_the_halves_are_about_equal():
    groups = [f"thing {number // 3}" for number in range(3000)]
    folds = fold_column(pa.array(groups))
    assert all(fold == fold_of(group) for fold, group in zip(folds, groups, strict=True))
    assert 0.45 < folds.mean() < 0.55


def test_a_sample_without_a_group_has_a_fold_and_an_empty_column_none():
    assert fold_column(pa.array([None, ""], pa.string())).tolist() == [fold_of("")] * 2
    assert len(fold_column(pa.chunked_array([], pa.string()))) == 0
