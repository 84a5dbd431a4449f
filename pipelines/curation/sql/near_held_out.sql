-- Training samples that would give a held-out concept away: by a picture near one of its own, by its clip, or by a text
-- in any language that is one of its captions.
-- in: samples (uid, group, split, image_sha256, audio_sha256), images (position, image_sha256), pairs (first, second: positions),
--     texts (uid, group, split, language, text, is_caption)
-- out: uid
with shown as (
  select uid, "group", split, position from samples join images using (image_sha256)
),

both_ways as (
  select first, second from pairs union all select second, first from pairs union all select position, position from images
),

-- Materialized, or DuckDB joins every training sample with every held-out one on their groups first.
around_train as materialized (
  select shown.uid, shown."group", both_ways.second as position
  from shown join both_ways on both_ways.first = shown.position
  where shown.split = 'train'
)

select train.uid
from around_train as train join shown as held_out using (position)
where held_out.split = 'held_out_concept' and train."group" <> held_out."group"
union
select train.uid
from texts as train join texts as held_out using (language, text)
where
  train.split = 'train' and held_out.split = 'held_out_concept' and train."group" <> held_out."group"
  and held_out.is_caption
union
select train.uid
from samples as train join samples as held_out using (audio_sha256)
where train.split = 'train' and held_out.split = 'held_out_concept' and train."group" <> held_out."group"
