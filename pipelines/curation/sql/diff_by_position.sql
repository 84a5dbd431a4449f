-- Two views of one pool side by side, counted: row by row, for both list the same samples in the same order.
-- params: old, new (verdict files), corpus (the only one that is meant; '' for all)
-- out: old_faults, new_faults, old_facet, new_facet, num_samples, num_reweighted (among those that both keep),
--      old_weight, new_weight (sums)
select
  old.faults as old_faults,
  new.faults as new_faults,
  old.facet as old_facet,
  new.facet as new_facet,
  count(*) as num_samples,
  count(*) filter (old.weight <> new.weight and old.faults = 0 and new.faults = 0) as num_reweighted,
  sum(old.weight) as old_weight,
  sum(new.weight) as new_weight
from
  (select faults, facet, weight from read_parquet($old) where $corpus = '' or corpus = $corpus) as old
  positional join
  (select faults, facet, weight from read_parquet($new) where $corpus = '' or corpus = $corpus) as new
group by all
