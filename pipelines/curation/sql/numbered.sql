-- Files that are named by their shard, 00000012.parquet, with its number.
-- filled in: files (a call of read_parquet without its closing bracket)
-- out: __shard, every column of the files
(select *, parse_filename(filename, true)::integer as __shard from {files}, filename = true))
