"""MosaicML streaming: MDS shards of JPEG bytes, its StreamingDataset under torch's DataLoader."""

import io
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # at the end: the package has this file's name

from PIL import Image
from serving import open_clip_eval, serve
from streaming import MDSWriter, StreamingDataset
from torch.utils.data import DataLoader

TRANSFORM = open_clip_eval()


class Images(StreamingDataset):
    """Decoded and transformed."""

    def __getitem__(self, index):
        return TRANSFORM(Image.open(io.BytesIO(super().__getitem__(index)["image"])))


if __name__ == "__main__":
    folder, batch_size = Path(sys.argv[1]), int(sys.argv[2])
    with MDSWriter(out=str(folder / "mds"), columns={"image": "bytes"}) as writer:
        for path in sorted((folder / "images").glob("*.jpg")):
            writer.write({"image": path.read_bytes()})
    dataset = Images(local=str(folder / "mds"), shuffle=True, batch_size=batch_size)
    serve(lambda: DataLoader(dataset, batch_size=batch_size, num_workers=0))
