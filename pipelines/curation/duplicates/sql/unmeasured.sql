-- Samples without fingerprints, by snapshot.
-- out: part (position of the snapshot), num_samples, num_missing
select part, count(*) as num_samples, count(*) filter (where not is_measured) as num_missing
from samples
group by part
having num_missing > 0
order by part
