-- T-MARS (Maini et al. 2023): the pairs that a model still finds good when the text in the image is masked.
-- A picture of words beside the same words scores high and teaches reading, not seeing. Its signal is the score of the
-- image whose text regions were painted over; no detector of text is bundled, so bring those scores: relate masked
-- --table FILE.parquet --key url --score COLUMN, then name the family with --relation. Ties and the threshold as in
-- datacomp_clip_score, among the pairs that have a masked score; the paper keeps the upper half.
-- $fraction = 0.5
with scored as (
  select masked_image_text_score as score
  from samples
  where masked_image_text_score is not null
),

threshold as (
  select score
  from scored
  order by score desc
  limit 1 offset (select trunc(count(*) * $fraction)::bigint from scored)
)

select
  uid,
  not (has_image and has_text) as not_a_pair,
  not coalesce(masked_image_text_score >= (select score from threshold), $fraction >= 1) as fits_by_its_text
from samples
