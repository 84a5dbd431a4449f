-- Every sample that shows or says a thing of a component, ranked by that thing.
-- in: shown (uid, position), found (position, best: the smallest position of the component, rank, similarity)
-- out: uid, component (the smallest uid of its best thing), rank (of the thing; 0 is kept), similarity
create or replace table memberships as
select
  uid,
  min(uid) filter (where position = best) over (partition by best) as component,
  rank,
  similarity
from shown join found using (position)
