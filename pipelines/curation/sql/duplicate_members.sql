-- The members of components of duplicates.
-- filled in: found (a file or table: uid, kind, component, rank)
-- out: uid, kind, component, rank
select uid, kind, component, rank from {found}
