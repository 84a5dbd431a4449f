-- The samples of one shard with what a foreign table gives them.
-- in: given (from given_scores.sql); filled in: sidecar (file), key
-- out: uid, source, score; in source order
select sidecar.uid, sidecar.source, given.score
from {sidecar} as sidecar left join given on given.key = sidecar.{key}
where sidecar.status = 'success'
order by sidecar.source_row
