-- Distinct images, captions or clips, the best to keep first: of most samples, largest, smallest uid.
-- params: modality
create or replace table things as
select
  thing_of($modality, image_sha256, audio_sha256, language, caption) as thing,
  min(uid) as uid,
  (row_number() over (order by count(*) desc, max(width * height) desc nulls last, min(uid)) - 1)::integer as position
from samples
where thing_of($modality, image_sha256, audio_sha256, language, caption) is not null
group by thing
