-- MetaCLIP's balancing (Xu et al. 2023, Algorithm 1) as weights: frequent things are seen less often, rare ones always.
-- An entry that more than $max_matches captions have keeps each of them with chance $max_matches / captions; a caption
-- stays if any of its entries keeps it, so its chance is 1 - product(1 - chance). MetaCLIP tosses the coins once and
-- trains on what stayed; here the chance is the weight with which a sample is drawn, every time anew: the expected
-- number of draws is the same, and no sample is lost for good.
-- First: relate entries --list metadata.json (theirs has 500,000; without --list the corpus' own words), then name its
-- family with --relation. Scale $max_matches with the pool: 20,000 is for 400 million of 1.6 billion pairs.
-- $max_matches = 20000   t of the paper; over it the tail ends and the head begins
with matches as (
  select uid, unnest(matched_entries) as entry
  from samples
),

chances as (
  select entry, least(1, $max_matches / count(*)) as chance
  from matches
  group by entry
),

kept as (
  select uid, 1 - product(1 - chance) as chance
  from matches join chances using (entry)
  group by uid
)

select
  samples.uid,
  samples.matched_entries is null as no_caption,
  len(samples.matched_entries) = 0 as no_entry,
  coalesce(kept.chance, 1) as weight
from samples left join kept using (uid)
