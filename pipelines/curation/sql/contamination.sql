-- The most similar sample of every evaluation set for each sample and reason of a shard.
-- in: pairs (uid, reason, place: in the library, similarity), asked (place, uid, set), views (set, evaluation_view,
--     evaluation_digest)
-- out: uid, reason, evaluation_view, evaluation_digest, evaluation_uid, similarity
select
  pairs.uid,
  pairs.reason,
  views.evaluation_view,
  views.evaluation_digest,
  asked.uid as evaluation_uid,
  pairs.similarity
from pairs join asked using (place) join views using ("set")
qualify row_number() over (
  partition by pairs.uid, pairs.reason, "set" order by pairs.similarity desc nulls last, asked.uid
) = 1
