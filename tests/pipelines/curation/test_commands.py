import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    code = main([*arguments, "--json"])
    output = capsys.readouterr()
    return code, json.loads(output.out.splitlines()[-1]) if output.out else {}, output.err


def test_a_shell_can_curate_compare_and_show(
    corpus: Any, made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = corpus(made.things(5), {"thing 1": {"is_blank": True}})[0].root
    code, first, _ = run(capsys, "curate", "--root", root, "--view", "main")
    assert (code, first["num_kept"], first["dropped_by_fault"]) == (0, 4, {"blank_image": 1})
    _, second, _ = run(capsys, "curate", "--root", root, "--view", "main", "--param", "min_image_pixels=65")
    assert second["num_kept"] == 0
    code, change, _ = run(capsys, "diff", "--root", root, f"main/{first['digest'][:9]}", f"main/{second['digest'][:9]}")
    assert (code, change["removed_by_cause"]) == (0, {"too_small_image": 4})
    card = tmp_path / "card.html"
    code, shown, _ = run(capsys, "show", "--root", root, "--view", f"main/{first['digest']}", "--output", str(card))
    assert (code, shown["num_bytes"]) == (0, card.stat().st_size)


def test_a_corpus_may_be_named_again_with_its_snapshot(
    corpus: Any, made: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    root = corpus(made.things(3))[0].root
    corpus([made.thing(name=f"n{n}", caption=f"noise {n}", audio=made.clip(n + 40)) for n in range(2)], name="noises")
    arguments = ["--corpus", "noises/one", "--corpus", "things"]
    code, found, _ = run(capsys, "curate", "--root", root, "--view", "both", *arguments)
    assert (code, found["num_kept"], found["snapshots"]) == (0, 5, ["noises/one", "things/one"])
    code, _, error = run(capsys, "curate", "--root", root, "--view", "both", *arguments, "--snapshot", "one")
    assert code == 1
    assert "goes with a single --corpus" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--param", "min_image_pixels"], "expected NAME=VALUE"),
        (["--param", "minimum=3"], "no parameter $minimum"),
        (["--policy", "nothing"], "neither a bundled policy"),
        (["--corpus", "other"], "0 snapshots are meant"),
        (["--corpus", "things", "--snapshot", "two"], "things/two: not packed"),
    ],
)
def test_mistakes_end_with_one_line_that_says_what_to_do(
    corpus: Any, made: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    root = corpus(made.things(3))[0].root
    code, _, error = run(capsys, "curate", "--root", root, "--view", "main", *arguments)
    assert code == 1
    assert message in error
