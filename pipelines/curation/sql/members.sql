-- Members of components with all that was decided on them so far.
-- filled in: members, ruled (files); in: marks
-- out: uid, kind, component, rank, preference, bits
with marked as (select uid, bit_or(bits) as bits from marks group by uid)

select members.uid, kind, component, rank, preference, ruled.bits | coalesce(marked.bits, 0) as bits
from {members} as members join {ruled} as ruled using (uid) left join marked using (uid)
