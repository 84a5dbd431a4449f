-- What was added and removed, by cause, language and source; the most first.
-- in: sides (from diff.sql)
-- out: change, cause, language, source, num_samples
select change, cause, language, source, num_samples
from sides
where change in ('added', 'removed')
order by num_samples desc, change, cause, language, source
