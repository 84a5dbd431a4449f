-- How many components of each kind, and how many samples in them are not the best.
-- in: duplicates (kind, component, is_best)
-- out: kind, num_components, num_duplicates
select kind, count(distinct component) as num_components, count(*) filter (where not is_best) as num_duplicates
from duplicates
group by kind
order by kind
