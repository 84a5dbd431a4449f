-- Records that did not become samples.
-- in: records (the sidecars of the pool)
-- out: status, num_records
select status, count(*) as num_records from records where status <> 'success' group by status order by status
