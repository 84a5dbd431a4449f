-- The samples of one shard with what was measured of them.
-- in: records (row, part, shard, columns of the sidecar), fingerprints (uid, columns of the family)
insert into samples by name
select *, fingerprints.uid is not null as is_measured
from records left join fingerprints using (uid)
