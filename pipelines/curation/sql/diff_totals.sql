-- How many samples two views share, and how many one of them has alone.
-- in: sides (from diff.sql)
-- out: num_kept_by_both, num_added, num_removed, num_moved
select
  coalesce(sum(num_samples) filter (where change in ('both', 'moved')), 0)::bigint as num_kept_by_both,
  coalesce(sum(num_samples) filter (where change = 'added'), 0)::bigint as num_added,
  coalesce(sum(num_samples) filter (where change = 'removed'), 0)::bigint as num_removed,
  coalesce(sum(num_samples) filter (where change = 'moved'), 0)::bigint as num_moved
from sides
