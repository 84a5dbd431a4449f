-- Hits of several shards, each sample, reason and evaluation set once.
-- in: hits (uid, reason, evaluation_view, evaluation_digest, evaluation_uid, similarity)
-- out: the same, sorted
select uid, reason, evaluation_view, evaluation_digest, evaluation_uid, similarity
from hits
qualify row_number() over (
  partition by uid, reason, evaluation_view, evaluation_digest order by similarity desc nulls last, evaluation_uid
) = 1
order by uid, reason, evaluation_view, evaluation_digest
