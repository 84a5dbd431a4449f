-- The samples that are withdrawn.
-- in: uids (uid), gone (uid)
-- out: uid, sorted
select distinct uid from uids semi join gone using (uid) order by uid
