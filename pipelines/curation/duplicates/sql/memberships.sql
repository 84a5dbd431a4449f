-- Every sample in a component, in stable order.
-- out: uid, component (uid of its best), rank (0 is the best), similarity
select uid, component, rank, similarity from memberships order by component, rank, uid
