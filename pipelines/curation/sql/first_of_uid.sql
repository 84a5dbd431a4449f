-- Whether a sample is the first of the pool with its uid; only another corpus under another name can hold it again.
-- in: samples (uid, part, shard, source_row)
-- out: is_first, in the order of the samples
select row_number() over (partition by uid order by part, shard, source_row) = 1 as is_first
from samples
order by part, shard, source_row
