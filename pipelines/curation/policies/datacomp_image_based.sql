-- DataComp's baseline "image-based" (Gadre et al. 2023): a plain English caption, and an image in a cluster of ImageNet's.
-- Clusters are 100,000 centroids of the pool's CLIP L/14 image vectors, theirs or yours as .npy. First: relate centroids
-- --embeddings FAMILY --centroids FILE.npy --targets FILE.npy, then name its family with --relation.
-- Words are fastText's tokens: a line end is one. The language is that of its lid.176, ours is another detector; with
-- the same languages the masks are the same.
-- @duplicates = {}
-- $language = 'en'
-- $min_words = 2
-- $min_characters = 6
select
  uid,
  not (has_image and has_text) as not_a_pair,
  coalesce(detected_language, '') <> $language as other_language,
  len(regexp_extract_all(caption, '[^\t-\r \x{00}]+|\n')) < $min_words as too_few_words,
  length(caption) < $min_characters as too_few_characters,
  not coalesce(is_target_centroid, false) as off_target
from samples
