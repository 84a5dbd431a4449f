-- A few components of duplicates of each kind: the largest, and some at random; of each its best and those below it.
-- in: duplicates (uid, kind, component, rank, similarity), hidden (uid)
-- params: num_large, num_any (components of each kind), num_members (of each component)
-- out: kind, component, num_samples, rank, uid, similarity
with members as (
  -- samples that show one picture share a rank: one stands for all
  select kind, component, rank, min(uid) as uid, max(similarity) as similarity, count(*) as num
  from duplicates
  where uid not in (select uid from hidden)
  group by kind, component, rank
),

sized as (
  select kind, component, sum(num)::bigint as num_samples
  from members
  group by kind, component
  having count(*) > 1
),

ordered as (
  select
    *,
    row_number() over (partition by kind order by num_samples desc, component) as by_size,
    row_number() over (partition by kind order by component) as by_name
  from sized
)

select kind, component, num_samples, rank, uid, similarity
from ordered join members using (kind, component)
where by_size <= $num_large or by_name <= $num_any
qualify row_number() over (partition by kind, component order by rank) <= $num_members
order by kind, num_samples desc, component, rank
