-- DataComp's baseline "CLIP score" by fraction (Gadre et al. 2023): the pairs that a model finds best, of the whole pool.
-- The threshold is the score at position int(pairs * fraction) from the top, and what equals it stays: one pair more
-- than the fraction, and its ties. Their columns are scores of OpenAI's CLIP B/32 and L/14; ours are of the family that
-- --alignment names, e.g. after: mmmodels score open_clip:ViT-L-14/openai.
-- @duplicates = {}
-- $fraction = 0.3
with pairs as (
  select if(isnan(image_text_score), null, image_text_score) as score
  from samples
  where has_image and has_text
),

threshold as (
  select score
  from pairs
  order by score desc nulls last
  limit 1 offset (select trunc(count(*) * $fraction)::bigint from pairs)
)

select
  uid,
  not (has_image and has_text) as not_a_pair,
  isnan(image_text_score) or not coalesce(image_text_score >= (select score from threshold), $fraction >= 1)
    as low_score
from samples
