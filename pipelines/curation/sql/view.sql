-- The kept samples of a view with all that loading and evaluation need.
-- in: verdicts (uid, corpus, kept, split, weight), records (the sidecars with part, corpus, snapshot and shard)
-- out: see the columns; in order of snapshot, shard and source row
select
  records.uid,
  records.corpus,
  records.snapshot,
  records.shard,
  records."group",
  verdicts.split,
  records.tags[1] as label,
  records.caption,
  records.language,
  records.voice,
  records.texts,
  records.source,
  records.license,
  records.original_data,
  verdicts.weight,
  records.original_width,
  records.original_height,
  records.image_sha256,
  records.audio_sha256,
  records.image_offset,
  records.image_size,
  records.image_extension,
  records.audio_offset,
  records.audio_size,
  records.duration_seconds,
  records.sample_rate_hz
from records join verdicts using (corpus, uid)
where verdicts.kept and records.status = 'success'
order by records.part, records.shard, records.source_row
