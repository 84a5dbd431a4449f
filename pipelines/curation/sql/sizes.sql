-- How many kept samples each shard has.
-- in: kept (shard)
-- out: shard, num_samples
select shard, count(*) as num_samples from kept group by shard order by shard
