-- The hits of samples that a view keeps.
-- in: hits (uid, reason, evaluation_view, evaluation_digest, evaluation_uid, similarity), kept (uid)
-- out: the columns of hits, sorted
select hits.* from hits semi join kept using (uid)
order by uid, reason, evaluation_view, evaluation_digest
