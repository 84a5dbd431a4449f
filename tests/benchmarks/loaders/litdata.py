"""litData: its own chunks of JPEG bytes, its StreamingDataset and StreamingDataLoader."""

import io
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # at the end: the package has this file's name

from litdata import StreamingDataLoader, StreamingDataset, optimize
from PIL import Image
from serving import open_clip_eval, serve

TRANSFORM = open_clip_eval()


def _read(path):
    return {"image": Path(path).read_bytes()}


class Images(StreamingDataset):
    """Decoded and transformed."""

    def __getitem__(self, index):
        return TRANSFORM(Image.open(io.BytesIO(super().__getitem__(index)["image"])))


if __name__ == "__main__":
    folder, batch_size = Path(sys.argv[1]), int(sys.argv[2])
    paths = sorted(map(str, (folder / "images").glob("*.jpg")))
    optimize(fn=_read, inputs=paths, output_dir=str(folder / "chunks"), chunk_bytes="64MB", num_workers=1)
    dataset = Images(str(folder / "chunks"), shuffle=True)
    serve(lambda: StreamingDataLoader(dataset, batch_size=batch_size, num_workers=0))
