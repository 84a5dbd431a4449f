-- The samples that no policy saw because an earlier part has their uid, as rows without any fault.
-- filled in: samples (a SELECT of all), repeated (files)
-- out: as ruled.sql
select
  every.uid,
  every.__part,
  every.__shard,
  every.__source_row,
  every.__split,
  every.__facet,
  every.__unmeasured,
  0::ubigint as __rules,
  1::double as weight,
  null::double as preference
from ({samples}
) as every semi join {repeated} as again on again.uid = every.uid and again.__part = every.__part
