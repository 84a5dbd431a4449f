-- The same for a policy whose rows do not come straight from the samples; `judged` tells whether it has a row for one.
-- filled in: policy (its SELECT), rules, weight, preference (expressions)
-- out: uid, __part, __shard, __source_row, __split, __facet, __unmeasured, __rules, weight, preference, judged
with judged as (
  select uid, {rules} as __rules, {weight} as weight, {preference} as preference, true as judged
  from ({policy}
  ) as rows_of_policy
)

select
  samples.uid,
  samples.__part,
  samples.__shard,
  samples.__source_row,
  samples.__split,
  samples.__facet,
  samples.__unmeasured,
  judged.__rules,
  judged.weight,
  judged.preference,
  judged.judged
from samples full join judged on judged.uid = samples.uid
