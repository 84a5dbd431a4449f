"""Tars by img2dataset: arguments are a CSV of URLs with captions, the folder for tars, and digits of a shard's name."""

import json
import sys
from importlib.metadata import version

from img2dataset import download

if __name__ == "__main__":  # its workers import this file again
    table, target, digits = sys.argv[1:]
    download(
        url_list=table,
        input_format="csv",
        url_col="url",
        caption_col="caption",
        save_additional_columns=["uid"],
        output_folder=target,
        output_format="webdataset",
        image_size=64,
        number_sample_per_shard=8,
        oom_shard_count=int(digits),
        processes_count=1,
        thread_count=4,
        timeout=5,
    )
    print(json.dumps({"version": version("img2dataset")}))
