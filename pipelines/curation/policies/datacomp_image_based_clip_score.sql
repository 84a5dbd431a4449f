-- DataComp's best baseline (Gadre et al. 2023), the filter of DataComp-1B: image-based, and the top 30 % by CLIP L/14.
-- The threshold is taken over the whole pool, before any other rule. See datacomp_image_based for the centroids and
-- datacomp_clip_score for the scores: name both families, with --relation and --alignment, of one model.
-- @duplicates = {}
-- $language = 'en'
-- $min_words = 2
-- $min_characters = 6
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
    as low_score,
  coalesce(detected_language, '') <> $language as other_language,
  len(regexp_extract_all(caption, '[^\t-\r \x{00}]+|\n')) < $min_words as too_few_words,
  length(caption) < $min_characters as too_few_characters,
  not coalesce(is_target_centroid, false) as off_target
from samples
