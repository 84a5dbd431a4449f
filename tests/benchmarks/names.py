"""What the bench measures, by stage; imports nothing, so that a list costs nothing."""

WRITE_FETCHED = "pack fetched bytes into a shard (36 KB jpg, json, txt)"
WRITE_SPARE = "pack fetched bytes, a second core digests"
WRITE_RECORDS = "pack the same and decode every image, as `pack` does"
WRITE_INDEX = "index and frame of the sidecar, a sample"
WRITE_MEMORY = "peak memory of packing 10 GB (quick: 0.1 GB)"
FETCH_ALONE = "fetch 36 KB from URLs, nothing done with them"
FETCH_PACKED = "from URLs to shards, images resized to 256"
READ_ALL = "read a shard from end to end, members as bytes"
READ_RANDOM = "read samples by uid in random order (3 members each)"
MEASURE_ALL = "measure all families (128 px PNG, 1 s FLAC, text)"
MEASURE_ALONE = {name: f"measure {name} alone" for name in ("image", "text", "audio", "fingerprints")}
MEASURE_PHOTOGRAPHS = "all image signals of a JPEG (512 x 384 px)"
MEASURE_CLIPS = "audio signals of 10 s clips (16 kHz FLAC)"
MEASURE_TEXTS = "text signals but the language"
IDENTIFY_LANGUAGE = "language identification"
MEASURE_GROWN = "measure 1 new shard beside 100 (bar: 33 x as fast as all)"
EMBED_ALONE = {name: f"embed {name} by the tiny aligner" for name in ("image", "text", "audio")}
EMBED_WORKERS = "embed and score four shards by two workers"
EMBED_CLIP = "embed photographs and captions by an open_clip model"
LOAD_CACHED = "load images from the decoded cache, batches of 256 (64 px)"
LOAD_DECODED = "decode images from 128 px PNG, batches of 256 (64 px)"
LOAD_512 = "from shards of 512 px JPEG to float32 (224 px)"
LOAD_TRAIN = "from shards of the profile train to uint8 (256 px)"
LOAD_BARE = "the same, against simplejpeg alone (bar: 0.6)"
LOAD_WORKERS = "from shards of 512 px JPEG by two threads, against processes"
LOAD_PEERS = {name: f"from shards of 512 px JPEG, against {name}" for name in ("energon", "streaming", "litdata")}
RESUME = "resume at any step of 10 M samples (bar: 1 a second)"
RESUME_WEIGHTED = "the same, of weights and groups"
STEP_SHORT = "step, image + text, batch 64, fp32, captions of 4-12 tokens"
STEP_LONG = "step, image + text, batch 64, fp32, captions of 24 tokens"
STEP_CUDA = "step, image + text, batch 512, bf16, captions of 4-12 tokens"
OVERHEAD = "train by Ray, MLflow, checkpoints, against the loop (bar: 0.97)"
EXPORT_ALL = "copy all samples of a view into new shards"
EXPORT_HALF = "copy every second sample into new shards"
EXPORT_CACHED = "copy all samples, against cp without a sync"
JUDGE_RULES = "judge rows by the default policy, faults as bits"
JUDGE_NEIGHBOURS = "find duplicates and neighbours of held-out samples"
JUDGE_COPY = "judge a pool by six rules: verdicts, bits, funnel"
JUDGE_PANDAS = "judge a pool by six rules, against pandas"
NEAR_HASHES = "all pairs of hashes at distance <= 4 (1 M)"
NEAR_TEXTS = "near captions by MinHash (1 M)"
NEAR_VECTORS = "semantic duplicates of vectors (200 k, 512 dimensions)"
DIFF_POSITION = "diff of two stored views of one pool (bar: 20 M in 5 s)"
DIFF_UID = "diff of two stored views of two pools, by uid"
MATCH_ENTRIES = "match captions with 500,000 entries"

STAGES = {
    "writing": (WRITE_FETCHED, WRITE_RECORDS, WRITE_SPARE, WRITE_INDEX, WRITE_MEMORY),
    "downloading": (FETCH_ALONE, FETCH_PACKED),
    "reading": (READ_ALL, READ_RANDOM),
    "measuring": (
        MEASURE_ALL,
        *MEASURE_ALONE.values(),
        MEASURE_PHOTOGRAPHS,
        MEASURE_CLIPS,
        MEASURE_TEXTS,
        IDENTIFY_LANGUAGE,
    ),
    "growing": (MEASURE_GROWN,),
    "embedding": (*EMBED_ALONE.values(), EMBED_WORKERS, EMBED_CLIP),
    "loading": (
        *(LOAD_CACHED, LOAD_DECODED, LOAD_512, LOAD_TRAIN, LOAD_BARE, LOAD_WORKERS),
        *LOAD_PEERS.values(),
        *(RESUME, RESUME_WEIGHTED),
    ),
    "training": (STEP_SHORT, STEP_LONG, STEP_CUDA),
    "overhead": (OVERHEAD,),
    "curating": (JUDGE_RULES, JUDGE_NEIGHBOURS),
    "judging": (JUDGE_COPY, JUDGE_PANDAS),
    "duplicates": (NEAR_HASHES, NEAR_TEXTS, NEAR_VECTORS),
    "exporting": (EXPORT_ALL, EXPORT_HALF, EXPORT_CACHED),
    "comparing": (DIFF_POSITION, DIFF_UID, MATCH_ENTRIES),
}
"""Stage (a module with `rows`) -> its rows, in order."""
CUDA_ONLY = frozenset({STEP_CUDA})
INSTALLS_A_PEER = frozenset({FETCH_PACKED, *LOAD_PEERS.values()})
"""Left out, with a reason, where the peer cannot be installed."""
