-- One verdict per sample, with what funnels and differences are counted by.
-- in: samples (uid, part, corpus, snapshot, shard, source_row, split, language, source, license, has_image, has_text, has_audio),
--     decided (uid, corpus, faults, first_fault, weight)
-- out: uid, corpus, snapshot, shard, source_row, kept, first_fault, faults, weight, split, language, source, license, modalities
select
  uid,
  corpus,
  snapshot,
  shard,
  source_row,
  first_fault is null as kept,
  first_fault,
  faults,
  weight,
  split,
  coalesce(language, '') as language,
  coalesce(source, '') as source,
  coalesce(license, '') as license,
  concat_ws('+', if(has_image, 'image', null), if(has_text, 'text', null), if(has_audio, 'audio', null)) as modalities
from samples join decided using (corpus, uid)
order by part, shard, source_row
