-- The samples of a snapshot that were withdrawn.
-- in: withdrawn (uid, from the ledger), records (uid, from the sidecars)
-- out: uid, sorted
select distinct uid from records semi join withdrawn using (uid) order by uid
