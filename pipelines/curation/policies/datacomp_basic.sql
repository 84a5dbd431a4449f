-- DataComp's baseline "basic filtering" (Gadre et al. 2023): English, three words, six characters, 200 pixels, 3 to 1.
-- Its columns: text is caption, original_width and original_height are ours, the language is that of fastText's lid.176.
-- Ours is another detector and differs where captions are short; with the same languages the masks are the same.
-- Words are what Python's str.split leaves, characters are code points, sides are those before resizing.
-- @duplicates = {}
-- $language = 'en'
-- $min_words = 3
-- $min_characters = 6
-- $min_image_pixels = 200   of the shorter side
-- $max_aspect = 3.0         longer over shorter side
select
  uid,
  not (has_image and has_text) as not_a_pair,
  coalesce(detected_language, '') <> $language as other_language,
  len(regexp_extract_all(
    caption,
    '[^\t-\r\x{1c}- \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+'
  )) < $min_words as too_few_words,
  length(caption) < $min_characters as too_few_characters,
  least(original_width, original_height) < $min_image_pixels as too_small_image,
  greatest(original_width, original_height) > $max_aspect * least(original_width, original_height) as broken_aspect
from samples
