"""What COCO's caption evaluation gives: the argument is a JSON file of references and guesses, split into words."""

import contextlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

sys.path = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).parent]

from pycocoevalcap.bleu.bleu import Bleu  # noqa: E402
from pycocoevalcap.cider.cider import Cider  # noqa: E402
from pycocoevalcap.rouge.rouge import Rouge  # noqa: E402

asked = json.loads(Path(sys.argv[1]).read_bytes())
references = dict(enumerate(asked["references"]))
guesses = {number: [guess] for number, guess in enumerate(asked["guesses"])}
with contextlib.redirect_stdout(sys.stderr):
    bleu, _ = Bleu(4).compute_score(references, guesses, verbose=0)
    _, rouge = Rouge().compute_score(references, guesses)
    _, cider = Cider().compute_score(references, guesses)
print(
    json.dumps(
        {
            "version": version("pycocoevalcap"),
            "bleu": [float(value) for value in bleu],
            "rouge_l": rouge.tolist(),
            "cider_d": cider.tolist(),
        }
    )
)
