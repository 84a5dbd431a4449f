-- Rows of sidecars that a tombstone names by uid.
-- in: $files (sidecars), tombstones (tombstone: its place in the ledger, value)
-- out: file, uid, tombstone
select filename as file, records.uid, tombstones.tombstone
from read_parquet($files, filename = true) as records join tombstones on records.uid = tombstones.value
