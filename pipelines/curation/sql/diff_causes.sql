-- Which faults let go of what was added, and took hold of what was removed.
-- in: samples (from diff_samples.sql), faults (side: old | new, bit, position, fault)
-- out: change (added | removed), cause (a fault; `absent` where the other pool has no such sample), num_only (no other
--      fault had them: this one alone decided), num_first (it was the first of theirs), num_any (it was among theirs)
with changed as (
  select change, if(change = 'added', old_faults, new_faults) as bits, sum(num_samples)::bigint as num
  from samples
  where change in ('added', 'removed')
  group by all
)

select
  change,
  fault as cause,
  coalesce(sum(num) filter (where bits = bit), 0)::bigint as num_only,
  coalesce(sum(num) filter (where bits & (bit - 1) = 0), 0)::bigint as num_first,
  sum(num)::bigint as num_any
from changed join faults on side = if(change = 'added', 'old', 'new') and bits & bit <> 0
group by change, fault, position
union all
select change, 'absent', sum(num)::bigint, sum(num)::bigint, sum(num)::bigint
from changed
where bits is null
group by change
order by change, num_first desc, num_any desc, cause
