-- One verdict per sample.
-- filled in: ruled (a SELECT, see ruled.sql), corpus, snapshot, split, first_fault (expressions), faults (an expression of __rules,
--   __unmeasured, marks and again), joins (of marks and of repeated uids, where there are any)
-- out: uid, corpus, snapshot, shard, source_row, kept, first_fault, faults, weight, split, facet (a key of facets.parquet)
with decided as (
  select
    ruled.uid,
    {corpus} as corpus,
    {snapshot} as snapshot,
    ruled.__shard as shard,
    ruled.__source_row as source_row,
    {faults} as faults,
    ruled.weight::float as weight,
    {split} as split,
    ruled.__facet as facet
  from ({ruled}
  ) as ruled {joins}
)

select uid, corpus, snapshot, shard, source_row, faults = 0 as kept, {first_fault} as first_fault, faults, weight, split, facet
from decided
