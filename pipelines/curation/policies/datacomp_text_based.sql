-- DataComp's baseline "text-based" (Gadre et al. 2023): English, and a word that means something of ImageNet-21k.
-- A word means its first synset in WordNet 3.0. First: relate synsets --list imagenet21k_wordnet_ids.txt --wordnet
-- FOLDER, then name its family with --relation. The language is that of fastText's lid.176, ours is another detector;
-- with the same languages the masks are the same.
-- @duplicates = {}
-- $language = 'en'
select
  uid,
  not (has_image and has_text) as not_a_pair,
  coalesce(detected_language, '') <> $language as other_language,
  coalesce(len(target_synsets), 0) = 0 as no_target_synset
from samples
