-- How many samples are hit: at all, by reason, by evaluation set.
-- in: hits (uid, reason, evaluation_view, evaluation_digest)
-- out: by (all | reason | set), name, num_samples; the most first
select 'all' as "by", '' as name, count(distinct uid) as num_samples from hits
union all
select 'reason', reason, count(distinct uid) from hits group by reason
union all
select 'set', evaluation_view || '/' || evaluation_digest, count(distinct uid) from hits group by all
order by num_samples desc, name
