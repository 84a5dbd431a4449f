-- What a policy says of each sample, its rules as bits.
-- filled in: policy (its SELECT with the samples' columns behind its own), rules, weight, preference (expressions)
-- out: uid, __part, __shard, __source_row, __split, __facet, __unmeasured, __rules, weight, preference
select
  uid,
  __part,
  __shard,
  __source_row,
  __split,
  __facet,
  __unmeasured,
  {rules} as __rules,
  {weight} as weight,
  {preference} as preference
from ({policy}
) as judged
