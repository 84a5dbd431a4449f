-- Membership of samples in components of duplicates, in a stable order.
-- in: parts (uid, component, rank, kind)
-- out: uid, kind, component, rank, is_best
select uid, kind, component, rank, rank = 0 as is_best from parts order by kind, component, rank, uid
