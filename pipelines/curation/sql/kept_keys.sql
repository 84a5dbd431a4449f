-- The kept samples as 16 bytes each.
-- in: gone (uid, withdrawn since)
-- params: files (of verdicts)
-- out: key
select unhex(uid) as key from read_parquet($files) as verdicts anti join gone using (uid) where kept
