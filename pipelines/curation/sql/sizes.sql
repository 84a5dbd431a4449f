-- How many kept samples each shard has.
-- in: kept (corpus, snapshot, shard)
-- out: corpus, snapshot, shard, num_samples
select corpus, snapshot, shard, count(*) as num_samples from kept group by all order by all
