-- negCLIPLoss (Wang et al. 2024): the top pairs by a score that takes off what an image or a text shares with all others.
-- First: relate batches --embeddings FAMILY, then name its family with --relation. Ties and the threshold as in
-- datacomp_clip_score: the value at position int(pairs * fraction) from the top stays.
-- $fraction = 0.3
with threshold as (
  select neg_clip_loss as score
  from samples
  where has_image and has_text
  order by score desc nulls last
  limit 1 offset (select trunc(count(*) * $fraction)::bigint from samples where has_image and has_text)
)

select
  uid,
  not (has_image and has_text) as not_a_pair,
  not coalesce(neg_clip_loss >= (select score from threshold), $fraction >= 1) as common_to_all
from samples
