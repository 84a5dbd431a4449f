"""How much one video may hold and cost; a header is a claim, so what is decoded is counted too."""

SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv")
MAX_BYTES = 4 << 30
MAX_SECONDS = 4 * 3600
MAX_PIXELS = 8192 * 4320
"""Of a frame."""
MAX_STREAMS = 32
MAX_SEGMENTS = 4000
"""Of one video."""
MAX_SEGMENT_SECONDS = 30.0
"""Of the sound of one sample; a longer cue is refused."""
MAX_FRAMES_DECODED = 1500
"""For one frame that is wanted: a minute of 25 frames a second between two keyframes."""
MAX_PACKETS = 200_000
"""Read for one segment; a file that interleaves nothing would be read whole for each."""
FRAME_SIDE_PIXELS = 512
"""Of the longer side as a frame is kept; smaller ones keep their size."""
WINDOW_SECONDS = 5.0
"""Of the segments where no timed text says where to cut: a frame for each, 0.2 a second."""
