-- Samples that say the same thing with the same bytes: equal image, clip, language and caption. The few that may be
-- equal are found by one number each: twenty million strings are not sorted.
-- out: uid, component (the smallest uid of those that are equal), rank (0 is kept: the smallest uid), similarity (null)
create or replace table memberships as
with coded as (
  select "row", hash(image_sha256, audio_sha256, language, caption) as code
  from samples
  where image_sha256 is not null or audio_sha256 is not null or coalesce(caption, '') <> ''
),

likely as (
  select "row" from coded where code in (select code from coded group by code having count(*) > 1)
)

select
  uid,
  min(uid) over same as component,
  (row_number() over (partition by image_sha256, audio_sha256, language, caption order by uid) - 1)::integer as rank,
  null::float as similarity
from samples semi join likely using ("row")
window same as (partition by image_sha256, audio_sha256, language, caption)
qualify count(*) over same > 1
