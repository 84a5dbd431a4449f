-- How many components, how many samples in them are not the best, and how large the largest are.
-- out: num_components, num_duplicates, largest
with components as (
  select count(*) as size, count(*) filter (where rank > 0) as num_duplicates from memberships group by component
)

select
  count(*) as num_components,
  coalesce(sum(num_duplicates), 0)::bigint as num_duplicates,
  coalesce(max(size, 5), []) as largest
from components
