-- What either of two views keeps, and what became of it.
-- filled in: old, new (verdict files)
-- out: uid, change (both | added | removed)
select
  coalesce(new.uid, old.uid) as uid,
  case when old.uid is null then 'added' when new.uid is null then 'removed' else 'both' end::enum('both', 'added', 'removed')
    as change
from (select uid from {old} where kept) as old full join (select uid from {new} where kept) as new using (uid)
