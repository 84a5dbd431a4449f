-- What became of samples, with what they are: of the new view where it has them, else of the old one.
-- in: pairs (from diff_by_position.sql and diff_by_uid.sql), old_facets, new_facets (what a facet means in either view)
-- out: change (both | moved | added | removed | neither), old_faults, new_faults, corpus, split, language, source, license,
--      modalities, num_samples, num_reweighted, old_weight, new_weight
select
  case
    when old_faults = 0 and new_faults = 0 then if(old.split = new.split, 'both', 'moved')
    when new_faults = 0 then 'added'
    when old_faults = 0 then 'removed'
    else 'neither'
  end as change,
  old_faults,
  new_faults,
  coalesce(new.corpus, old.corpus) as corpus,
  coalesce(new.split, old.split) as split,
  coalesce(new.language, old.language) as language,
  coalesce(new.source, old.source) as source,
  coalesce(new.license, old.license) as license,
  coalesce(new.modalities, old.modalities) as modalities,
  sum(num_samples)::bigint as num_samples,
  sum(num_reweighted)::bigint as num_reweighted,
  sum(old_weight) as old_weight,
  sum(new_weight) as new_weight
from pairs
left join old_facets as old on old_facet = old.facet
left join new_facets as new on new_facet = new.facet
group by all
