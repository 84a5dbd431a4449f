-- How many samples lack which families.
-- filled in: files (gathered)
-- out: __unmeasured (a bit for each family), num_samples
select __unmeasured, count(*) as num_samples from {files} where __unmeasured <> 0 group by __unmeasured
