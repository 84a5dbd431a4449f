-- Samples whose picture is near a withdrawn one.
-- in: $files (fingerprints), tombstones (tombstone: its place in the ledger, value: 16 hexadecimal digits, distance)
-- out: file, uid, tombstone
select filename as file, samples.uid, tombstones.tombstone
from read_parquet($files, filename = true) as samples
join (select *, ('0x' || value)::ubigint as phash from tombstones) as tombstones
  on bit_count(xor(samples.image_phash, tombstones.phash)) <= tombstones.distance
