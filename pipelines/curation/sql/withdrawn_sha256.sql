-- Rows of sidecars that hold a medium of a digest, as it came or as it is stored.
-- in: $files (sidecars), tombstones (tombstone: its place in the ledger, value)
-- out: file, uid, tombstone
with media as (
  select filename as file, uid, unnest(list_distinct([sha256, sha256_stored, image_sha256, audio_sha256])) as digest
  from read_parquet($files, filename = true)
  where uid is not null
)

select media.file, media.uid, tombstones.tombstone from media join tombstones on media.digest = tombstones.value
