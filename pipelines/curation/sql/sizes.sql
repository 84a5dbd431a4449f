-- How many kept samples each shard has.
-- in: gone (uid, withdrawn since)
-- params: files (of verdicts)
-- out: corpus, snapshot, shard, num_samples
select corpus, snapshot, shard, count(*) as num_samples
from read_parquet($files) as verdicts anti join gone using (uid)
where kept
group by all
order by all
