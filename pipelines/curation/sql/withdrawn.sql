-- Each withdrawn sample once, with the first tombstone that takes it.
-- in: found (file: ends in corpus/snapshot/shard.parquet, uid, tombstone), tombstones (tombstone, kind, value, reason)
-- out: uid, corpus, snapshot, shard, tombstone, kind, value, reason
with placed as (
  select uid, string_split(file, '/') as path, min(tombstone) as tombstone from found group by uid, file
)

select
  placed.uid,
  path[-3] as corpus,
  path[-2] as snapshot,
  replace(path[-1], '.parquet', '')::integer as shard,
  tombstones.tombstone,
  tombstones.kind,
  tombstones.value,
  tombstones.reason
from placed join tombstones using (tombstone)
order by corpus, snapshot, shard, uid
