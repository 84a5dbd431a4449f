-- Members of components of one kind with enough better survivors: those that are a duplicate of something kept.
-- filled in: kind, cap (survivors that a component may keep), bit (of the fault)
-- in: members (uid, kind, component, rank, preference, bits)
-- out: uid, bits
with keyed as (
  select *, max(preference) over (partition by component, rank) as best_preference
  from members
  where kind = {kind}
),

placed as (
  select *, dense_rank() over (partition by component order by best_preference desc nulls last, rank) as place
  from keyed
),

survivors as (
  select distinct component, place from placed where bits = 0
),

kept as (
  select component, place
  from survivors
  qualify row_number() over (partition by component order by place) <= {cap}
),

last_kept as (
  select component, max(place) as place from kept group by component
)

select placed.uid, {bit}::ubigint as bits
from placed join last_kept using (component)
where placed.place > last_kept.place
