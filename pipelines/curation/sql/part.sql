-- Gathered files of one part.
-- filled in: part (its position), files
-- out: __part, every column of the files
select {part}::usmallint as __part, * from {files}
