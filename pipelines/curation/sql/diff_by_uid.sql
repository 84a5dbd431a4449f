-- Samples of two pools side by side, counted; what one pool lacks is null on its side.
-- params: old, new (verdict files), matched (corpora that are compared by position),
--         old_repeated, new_repeated (bit of rows whose uid an earlier row has, 0 where there are none)
-- out: as in diff_by_position.sql
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
  (
    select uid, faults, facet, weight
    from read_parquet($old)
    where not list_contains($matched, corpus) and faults & $old_repeated = 0
  ) as old
  full join
  (
    select uid, faults, facet, weight
    from read_parquet($new)
    where not list_contains($matched, corpus) and faults & $new_repeated = 0
  ) as new
  using (uid)
group by all
