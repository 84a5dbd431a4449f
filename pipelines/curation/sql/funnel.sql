-- What each fault does, over all samples and by language, source, licence, modalities and split.
-- in: verdicts, faults (position, fault, bit, below: the bits of all earlier faults),
--     failures (fault, num_records: records that packing refused; they come first, at negative positions)
-- out: section, value, position, fault, num_before (reach this fault), num_marginal (have it), num_first (fall by it),
--      num_only (have no other: kept without this rule)
with combinations as (
  select language, source, license, modalities, split, faults as bits, count(*) as num
  from verdicts
  group by all
),

sections as (
  select 'all' as section, '' as value, bits, num from combinations
  union all select 'language', language, bits, num from combinations
  union all select 'source', source, bits, num from combinations
  union all select 'license', license, bits, num from combinations
  union all select 'modalities', modalities, bits, num from combinations
  union all select 'split', split, bits, num from combinations
)

select
  section,
  value,
  position,
  fault,
  coalesce(sum(num) filter (where bits & below = 0), 0)::bigint as num_before,
  coalesce(sum(num) filter (where bits & bit <> 0), 0)::bigint as num_marginal,
  coalesce(sum(num) filter (where bits & below = 0 and bits & bit <> 0), 0)::bigint as num_first,
  coalesce(sum(num) filter (where bits = bit), 0)::bigint as num_only
from sections cross join faults
group by section, value, position, fault
union all
select
  'all',
  '',
  (row_number() over ordered - 1 - count(*) over ())::integer,
  fault,
  ((select count(*) from verdicts) + sum(num_records) over (order by fault desc))::bigint,
  num_records,
  num_records,
  num_records
from failures
window ordered as (order by fault)
order by section, value, position
