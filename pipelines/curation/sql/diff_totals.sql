-- How many samples two views share, and how many one of them has alone.
-- in: samples (from diff_samples.sql)
-- out: num_kept_by_both, num_moved, num_reweighted, num_added, num_removed, num_old, num_new (kept), num_old_samples,
--      num_new_samples (judged), old_weight, new_weight (of what is kept)
select
  coalesce(sum(num_samples) filter (where change in ('both', 'moved')), 0)::bigint as num_kept_by_both,
  coalesce(sum(num_samples) filter (where change = 'moved'), 0)::bigint as num_moved,
  coalesce(sum(num_reweighted), 0)::bigint as num_reweighted,
  coalesce(sum(num_samples) filter (where change = 'added'), 0)::bigint as num_added,
  coalesce(sum(num_samples) filter (where change = 'removed'), 0)::bigint as num_removed,
  coalesce(sum(num_samples) filter (where old_faults = 0), 0)::bigint as num_old,
  coalesce(sum(num_samples) filter (where new_faults = 0), 0)::bigint as num_new,
  coalesce(sum(num_samples) filter (where old_faults is not null), 0)::bigint as num_old_samples,
  coalesce(sum(num_samples) filter (where new_faults is not null), 0)::bigint as num_new_samples,
  coalesce(sum(old_weight) filter (where old_faults = 0), 0)::double as old_weight,
  coalesce(sum(new_weight) filter (where new_faults = 0), 0)::double as new_weight
from samples
