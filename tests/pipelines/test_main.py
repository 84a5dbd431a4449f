import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.__main__ import VERBS, main


def test_pack_then_verify_from_the_command_line(tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    root = str(tmp_path / "root")
    assert main(["pack", "--root", root, "--corpus", str(tiny_corpus), "--workers", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["num_samples"], report["num_shards_written"]) == (12, 1)
    assert main(["verify", "--root", root, "--corpus", report["corpus"], "--workers", "1"]) == 0
    assert "num_samples: 12" in capsys.readouterr().out


def test_damage_ends_verify_with_one_line_and_exit_code_1(tiny_snapshot, capsys: pytest.CaptureFixture[str]):
    layout, snapshot = tiny_snapshot
    Path(layout.tar(snapshot, 0)).write_bytes(b"")
    assert main(["verify", "--root", layout.root, "--workers", "1"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("error: ")
    assert "pack again" in said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pack", "--root", "r", "--corpus", "no-such-corpus"], "neither a corpus of the catalog nor a folder"),
        (["pack", "--root", "r", "--corpus", "openmoji", "--snapshot", "0"], "is at snapshot 17.0.0-"),
        (["pack", "--root", "r", "--corpus", "openmoji", "--workers", "-1"], "num_workers = -1"),
        (["verify", "--root", "nowhere"], "nothing was packed as anything"),
    ],
)
def test_a_mistake_is_one_line_on_stderr(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error


@pytest.mark.parametrize("arguments", [[], ["no-such-verb"], ["pack"], ["pack", "--root", "r", "--corpus", "c", "--x"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])
    assert caught.value.code == 0
    assert "--root" in capsys.readouterr().out


def test_help_is_quick_because_no_stage_is_imported():
    code = "import sys, pipelines.__main__ as m; assert not {'pyarrow', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_interrupt_says_that_nothing_is_lost(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.shards.command.pack", interrupted)
    assert main(["pack", "--root", str(tmp_path / "r"), "--corpus", str(tiny_corpus)]) == 130
    assert "is kept" in capsys.readouterr().err
