-- What a policy said, in the order of the samples.
-- filled in: ruled (a file), rest (nothing, or more rows)
-- out: as ruled.sql
select uid, __part, __shard, __source_row, __split, __facet, __unmeasured, __rules, weight, preference
from (
  select uid, __part, __shard, __source_row, __split, __facet, __unmeasured, __rules, weight, preference from {ruled}
  {rest}
)
order by __part, __shard, __source_row
