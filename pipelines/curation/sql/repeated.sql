-- Samples whose uid an earlier part of the pool has; keys of 16 bytes, because every uid of the pool is held.
-- filled in: samples (a SELECT)
-- out: uid, __part
with keys as (select uid::uuid as key, __part from ({samples}
)),

several as (select key, min(__part) as first_part from keys group by key having count(*) > 1)

select replace(key::varchar, '-', '') as uid, __part
from keys join several using (key)
where __part > first_part
