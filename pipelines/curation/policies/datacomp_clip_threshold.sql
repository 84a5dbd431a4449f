-- DataComp's baseline "CLIP score" by threshold (Gadre et al. 2023): the pairs that a model finds good enough.
-- The threshold is rounded to the precision of the scores, so that a score that prints like it stays.
-- Scores are of the family that --alignment names; theirs are of OpenAI's CLIP B/32 and L/14.
-- @duplicates = {}
-- $threshold = 0.3
select
  uid,
  not (has_image and has_text) as not_a_pair,
  isnan(image_text_score) or not coalesce(image_text_score >= $threshold::float, false) as low_score
from samples
