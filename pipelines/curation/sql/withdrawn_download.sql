-- Rows of sidecars one of whose media was asked of a host, or came from it after redirects.
-- in: $files (sidecars), $ledgers (downloads), tombstones (tombstone: its place in the ledger, value: a host)
-- out: file, uid, tombstone
with records as (
  select filename as file, regexp_extract(filename, '[^/]+/[^/]+/[0-9]+\.parquet$') as shard, source_row, uid
  from read_parquet($files, filename = true)
  where uid is not null
),

asked as (
  select regexp_extract(filename, '[^/]+/[^/]+/[0-9]+\.parquet$') as shard, source_row, unnest([url, final_url]) as url
  from read_parquet($ledgers, filename = true, union_by_name = true)
  where outcome in ('fetched', 'not_modified')
),

hosts as (
  select distinct
    shard,
    source_row,
    rtrim(regexp_extract(lower(url), '^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)', 1), '.') as host
  from asked
),

parts as (select host, string_split(host, '.') as labels from (select distinct host from hosts)),

above as (
  select host, unnest([array_to_string(labels[n:], '.') for n in range(1, len(labels) + 1)]) as parent from parts
)

select records.file, records.uid, tombstones.tombstone
from records
join hosts using (shard, source_row)
join above using (host)
join tombstones on above.parent = tombstones.value
