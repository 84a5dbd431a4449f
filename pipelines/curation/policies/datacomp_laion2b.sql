-- DataComp's baseline "LAION-2B filtering" (Gadre et al. 2023): English, and 0.28 by CLIP B/32.
-- Its columns: text is caption, the language is that of gcld3 and the score that of OpenAI's CLIP B/32: name a family
-- scored by it with --alignment. Our detector is another; with the same languages the masks are the same.
-- @duplicates = {}
-- $language = 'en'
-- $threshold = 0.28
select
  uid,
  not (has_image and has_text) as not_a_pair,
  coalesce(detected_language, '') <> $language as other_language,
  isnan(image_text_score) or not coalesce(image_text_score >= $threshold::float, false) as low_score
from samples
