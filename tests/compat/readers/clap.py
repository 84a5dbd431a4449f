"""What LAION-CLAP's own loader makes of shards: the arguments are the shards, with `sizes.json` beside them.

When imported it asks a hub for three tokenizers, and it reads clips through torchaudio. Neither is part of the format:
texts are tokenized with the vocabulary that it brings along, and libsndfile stands in for torchaudio.
"""

import hashlib
import json
import sys
import types
from argparse import Namespace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import soundfile
import torch
import transformers


class NoTokenizer:
    """Never called."""

    @classmethod
    def from_pretrained(cls, _name):
        return cls()


def load(path):
    """What `torchaudio.load` returns: (channels, frames) in [-1, 1], and the rate."""
    data, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(data.T), rate


transformers.BertTokenizer = transformers.RobertaTokenizer = transformers.BartTokenizer = NoTokenizer
sys.modules["torchaudio"] = types.ModuleType("torchaudio")
sys.modules["torchaudio"].load = load
package = Path(find_spec("laion_clap").origin).parent
sys.path += [str(package), str(package / "training")]

import data as clap  # noqa: E402 - after the stand-ins

shards = sys.argv[1:]
options = Namespace(
    val_data=shards, remotedata=False, val_num_samples=None, parallel_eval=False, batch_size=4, horovod=False,
    workers=1, class_index_dict={"tile": 0}, data_filling="pad", data_truncating="rand_trunc",
    text_augment_selection="none", tmodel="transformer",
)  # fmt: skip
info = clap.get_wds_dataset(options, {"audio_cfg": {}}, is_train=False, max_len=16000)
samples = []
for batch in info.dataloader:
    for row, key in enumerate(batch["__key__"]):
        wave = (batch["waveform"][row] * 32767).round().to(torch.int16).numpy()
        samples.append(
            {
                "__key__": key,
                "wave": hashlib.sha256(wave.tobytes()).hexdigest(),
                "texts": batch["full_text"][row],
                "raw_text": batch["raw_text"][row],
                "rate": batch["audio_orig_sr"][row],
                "label": batch["class_label"][row].tolist(),
                "num_tokens": int((batch["text"][row] != 0).sum()),
            }
        )
versions = {name: version(name) for name in ("laion_clap", "webdataset")}
size, num_shards = clap.get_dataset_size(shards, sizefilepath_=str(Path(shards[0]).with_name("sizes.json")))
print(json.dumps({"versions": versions, "size": size, "num_shards": num_shards, "samples": samples}))
