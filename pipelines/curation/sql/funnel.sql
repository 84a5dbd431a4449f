-- What each fault does, over all samples and by facet; of a facet with more than max_values values the rarest together.
-- in: faults (position, fault, bit, below: the bits of all earlier faults),
--     failures (fault, num_records: records that packing refused; they come first, at negative positions)
-- params: files (of verdicts), facets (the file of what `facet` means), max_values, other (the name of the rest)
-- out: section, value, position, fault, num_before (reach this fault), num_marginal (have it), num_first (fall by it),
--      num_only (have no other: kept without this rule)
with counted as (
  select facet, faults as bits, count(*) as num from read_parquet($files) group by facet, faults
),

combinations as (
  select corpus, language, source, license, modalities, split, bits, num
  from counted join read_parquet($facets) using (facet)
),

valued as (
  select 'all' as section, '' as value, bits, num from combinations
  union all select 'corpus', corpus, bits, num from combinations
  union all select 'language', language, bits, num from combinations
  union all select 'source', source, bits, num from combinations
  union all select 'license', license, bits, num from combinations
  union all select 'modalities', modalities, bits, num from combinations
  union all select 'split', split, bits, num from combinations
),

summed as (select section, value, bits, sum(num) as num from valued group by section, value, bits),

common as (
  select section, value
  from (select section, value, sum(num) as num from summed group by section, value)
  qualify row_number() over (partition by section order by num desc, value) <= $max_values
),

sections as (
  select section, coalesce(common.value, $other) as value, bits, sum(num) as num
  from summed left join common using (section, value)
  group by section, coalesce(common.value, $other), bits
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
  ((select coalesce(sum(num), 0) from counted) + sum(num_records) over (order by fault desc))::bigint,
  num_records,
  num_records,
  num_records
from failures
window ordered as (order by fault)
order by section, value, position
