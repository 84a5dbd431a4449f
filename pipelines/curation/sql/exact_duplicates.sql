-- Samples that say the same thing with the same bytes: equal image, clip, language and caption.
-- in: samples (uid, image_sha256, audio_sha256, language, caption)
-- out: uid, component (the smallest uid of those that are equal), rank (0 is kept: the smallest uid)
select
  uid,
  min(uid) over same as component,
  (row_number() over (partition by image_sha256, audio_sha256, language, caption order by uid) - 1)::integer as rank
from samples
where image_sha256 is not null or audio_sha256 is not null or coalesce(caption, '') <> ''
window same as (partition by image_sha256, audio_sha256, language, caption)
qualify count(*) over same > 1
