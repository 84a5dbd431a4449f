-- Where what is kept grew or shrank; the largest change first.
-- in: samples (from diff_samples.sql)
-- out: section (corpus | split | language | source | license | modalities), value, num_old, num_new, num_added, num_removed
with sections as (
  unpivot (select change, corpus, split, language, source, license, modalities, num_samples from samples)
  on corpus, split, language, source, license, modalities
  into name section value value
)

select
  section,
  value,
  coalesce(sum(num_samples) filter (where change in ('both', 'moved', 'removed')), 0)::bigint as num_old,
  coalesce(sum(num_samples) filter (where change in ('both', 'moved', 'added')), 0)::bigint as num_new,
  coalesce(sum(num_samples) filter (where change = 'added'), 0)::bigint as num_added,
  coalesce(sum(num_samples) filter (where change = 'removed'), 0)::bigint as num_removed
from sections
group by section, value
having num_old + num_new > 0
order by section, num_added + num_removed desc, num_new desc, value
