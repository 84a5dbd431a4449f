-- What the policy says of the members of components.
-- filled in: ruled (a SELECT, see ruled.sql), members (a file), not_measured (bit), again (an anti join, or nothing)
-- out: uid, bits, preference
select
  ruled.uid,
  ruled.__rules | if(ruled.__unmeasured <> 0, {not_measured}::ubigint, 0::ubigint) as bits,
  ruled.preference
from ({ruled}
) as ruled semi join {members} as members on members.uid = ruled.uid {again}
