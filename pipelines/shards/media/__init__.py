"""Images and clips as they may enter a shard: decodable, bounded, in a format that every reader knows.

Bytes from outside come out of here as a `StoredImage`, a `StoredAudio` or a `SampleError`, whatever they hold.
The limits are in `bounds`, the two profiles in `profile`.
"""

from pipelines.shards.media.bounds import MAX_AUDIO_SECONDS, MAX_AUDIO_VALUES, MAX_IMAGE_PIXELS, MAX_MEDIA_BYTES
from pipelines.shards.media.images import store_image
from pipelines.shards.media.orientation import turned_boxes
from pipelines.shards.media.profile import ORIGINAL, MediaProfile, StoredAudio, StoredImage
from pipelines.shards.media.sound import encode_flac, store_audio, to_flac

__all__ = [
    "MAX_AUDIO_SECONDS",
    "MAX_AUDIO_VALUES",
    "MAX_IMAGE_PIXELS",
    "MAX_MEDIA_BYTES",
    "ORIGINAL",
    "MediaProfile",
    "StoredAudio",
    "StoredImage",
    "encode_flac",
    "store_audio",
    "store_image",
    "to_flac",
    "turned_boxes",
]
