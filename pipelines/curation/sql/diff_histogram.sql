-- One column over what two views keep, in bins of equal width.
-- in: changes (from diff_changes.sql); filled in: column, signals (files), num_bins
-- out: change, bin, num_samples, low, high (of all values)
with given as (
  select uid, any_value({column})::double as value
  from {signals}
  where isfinite({column}::double)
  group by uid
),

valued as (select change, value from given join changes using (uid)),

ends as (select min(value) as low, max(value) as high from valued)

select
  change::varchar as change,
  if(high > low, least({num_bins} - 1, floor((value - low) / (high - low) * {num_bins})), 0)::integer as bin,
  count(*) as num_samples,
  low,
  high
from valued, ends
group by all
order by all
