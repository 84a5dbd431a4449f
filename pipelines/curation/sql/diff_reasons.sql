-- What both views drop, for another first fault than before; the most first.
-- in: samples (from diff_samples.sql), faults (side: old | new, bit, position, fault)
-- out: old_fault, new_fault, num_samples
with dropped as (
  select
    old_faults & -old_faults::hugeint as old_bit,
    new_faults & -new_faults::hugeint as new_bit,
    sum(num_samples)::bigint as num_samples
  from samples
  where old_faults <> 0 and new_faults <> 0
  group by all
)

select old.fault as old_fault, new.fault as new_fault, sum(num_samples)::bigint as num_samples
from dropped
join faults as old on old.side = 'old' and old.bit = old_bit
join faults as new on new.side = 'new' and new.bit = new_bit
where old.fault <> new.fault
group by all
order by num_samples desc, old_fault, new_fault
