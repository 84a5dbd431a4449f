-- A few samples of each fate (kept, or the first fault), chosen by uid and so at random but always the same.
-- in: verdicts (uid, corpus, first_fault), records (the sidecars with corpus, snapshot and shard)
-- params: num_each
-- out: fate (null is kept), uid, corpus, snapshot, shard, caption, language, texts, voice, label, member offsets and sizes
with ranked as (
  select uid, corpus, first_fault as fate, row_number() over (partition by first_fault order by uid) as number from verdicts
)

select
  fate,
  uid,
  corpus,
  snapshot,
  shard,
  caption,
  language,
  voice,
  tags[1] as label,
  image_offset,
  image_size,
  audio_offset,
  audio_size
from ranked join records using (corpus, uid)
where number <= $num_each or (fate is null and number <= 3 * $num_each)
order by fate, number
