-- Some hits of every reason and evaluation set.
-- in: hits (uid, reason, evaluation_view, evaluation_digest, evaluation_uid, similarity)
-- params: num_examples
-- out: the same columns; the first of each, then the second of each
select uid, reason, evaluation_view, evaluation_digest, evaluation_uid, similarity
from hits
order by row_number() over (partition by reason, evaluation_view, evaluation_digest order by uid), reason, evaluation_view, uid
limit $num_examples
