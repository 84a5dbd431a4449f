-- The sidecar's successes with what follows from them alone.
-- in: records (the sidecars of some snapshots with part, corpus, snapshot and shard)
-- out: every column but the status, has_image, has_text, has_audio, label; in source order
select
  * exclude (status, error_message),
  image_sha256 is not null as has_image,
  coalesce(caption, '') <> '' as has_text,
  audio_sha256 is not null as has_audio,
  tags[1] as label
from records
where status = 'success'
order by part, shard, source_row
