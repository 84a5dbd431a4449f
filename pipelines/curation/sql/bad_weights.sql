-- Weights that no sample can be drawn by.
-- filled in: file (of verdicts)
-- out: num_bad, uid (of one of them)
select count(*) as num_bad, min(uid) as uid from {file} where weight is null or not isfinite(weight) or weight < 0
