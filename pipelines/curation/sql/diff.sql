-- Samples of two views side by side, counted by what became of them.
-- in: old, new (uid, kept, first_fault, split, language, source: verdicts of two views)
-- out: change (both | moved | added | removed | neither), cause, language, source, num_samples
select
  case
    when old.kept and new.kept then if(old.split = new.split, 'both', 'moved')
    when new.kept then 'added'
    when old.kept then 'removed'
    else 'neither'
  end as change,
  case
    when old.kept and new.kept then null
    when new.kept then coalesce(old.first_fault, 'absent')
    when old.kept then coalesce(new.first_fault, 'absent')
  end as cause,
  coalesce(new.language, old.language) as language,
  coalesce(new.source, old.source) as source,
  count(*) as num_samples
from old full join new using (uid)
group by all
order by all
