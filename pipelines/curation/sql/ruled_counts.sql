-- Whether a policy gave one row for each sample.
-- filled in: ruled (a file), judged (what tells that a row is of the policy)
-- out: num_rows (of the policy), num_without (samples without a row)
select
  count(*) filter (where {judged}) as num_rows,
  count(*) filter (where uid is not null and ({judged}) is not true) as num_without
from {ruled}
