"""Peers in environments of their own, because their pins do not go with ours."""

import json
import os
import shutil
import subprocess
from pathlib import Path

REQUIREMENT = "img2dataset==1.47.0"
_SCRIPT = """
import json, sys
from img2dataset import download
if __name__ == "__main__":
    download(**json.loads(sys.argv[1]))
"""


def img2dataset_python() -> Path | None:
    """An interpreter that has it; none, and a printed reason, where it cannot be."""
    return python_with(REQUIREMENT, "setuptools<81")


def python_with(requirement: str, *others: str) -> Path | None:
    """An interpreter with packages that do not go with ours, made once in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trivium-bench"
    folder = cache / requirement.replace("==", "-")
    python = folder / "bin" / "python"
    if (folder / "installed").exists():
        return python
    uv = shutil.which("uv")
    make = [uv, "venv", "--python", "3.11"] if uv else ["python3.11", "-m", "venv"]
    install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    shutil.rmtree(folder, ignore_errors=True)
    for command in ([*make, folder], [*install, requirement, *others]):
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=900)
        except (OSError, subprocess.SubprocessError) as error:
            reason = getattr(error, "stderr", None) or str(error).encode()
            print(f"{requirement} cannot be installed: {reason.decode(errors='replace').strip()[-300:]}")  # noqa: T201
            return None
    (folder / "installed").touch()
    return python


def run_img2dataset(python: Path, urls: Path, output: Path, *, num_workers: int, samples_per_shard: int) -> float:
    """Seconds from the start of its first shard to the end of its last."""
    settings = {
        "url_list": str(urls),
        "input_format": "parquet",
        "url_col": "url",
        "caption_col": "caption",
        "output_folder": str(output),
        "output_format": "webdataset",
        "processes_count": num_workers,
        "thread_count": 64,
        "image_size": 256,
        "resize_mode": "keep_ratio",
        "resize_only_if_bigger": True,
        "encode_quality": 92,
        "number_sample_per_shard": samples_per_shard,
        "user_agent_token": "trivium",
        "disallowed_header_directives": ["noai", "noimageai", "noindex", "noimageindex"],
        "retries": 0,
    }
    script = output.with_suffix(".py")
    script.write_text(_SCRIPT, encoding="utf-8")
    environment = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"}
    subprocess.run([python, script, json.dumps(settings)], check=True, capture_output=True, env=environment)
    return seconds_of_shards(output)


def seconds_of_shards(folder: Path) -> float:
    """As the stats beside the shards say, which theirs and ours do alike; what is before and after is left out."""
    stats = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*_stats.json"))]
    return float(max(each["end_time"] for each in stats) - min(each["start_time"] for each in stats))
