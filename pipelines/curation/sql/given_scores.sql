-- Scores of a foreign table by its key; equal rows count once.
-- filled in: table (files), table_key, column
-- out: key, score (float; null where it is not a number), num_scores (different ones of the key)
select
  {table_key}::varchar as key,
  any_value(nullif({column}::float, 'nan'::float)) as score,
  count(distinct {column}) as num_scores
from {table}
where {table_key} is not null
group by all
