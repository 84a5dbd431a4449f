-- Rows of sidecars that came from a host or from one below it.
-- in: $files (sidecars), tombstones (tombstone: its place in the ledger, value: a host in lower case)
-- out: file, uid, tombstone
with records as (
  select
    filename as file,
    uid,
    rtrim(regexp_extract(lower(url), '^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)', 1), '.') as host
  from read_parquet($files, filename = true)
  where uid is not null and url is not null
),

parts as (select host, string_split(host, '.') as labels from (select distinct host from records)),

-- a.example.org is below example.org and below org
above as (
  select host, unnest([array_to_string(labels[n:], '.') for n in range(1, len(labels) + 1)]) as parent from parts
)

select records.file, records.uid, tombstones.tombstone
from records join above using (host) join tombstones on above.parent = tombstones.value
