-- Groups that several images are in, as codes: equal codes of different groups would still need near pictures.
-- out: position, code
with grouped as (
  select distinct position, hash("group") as code from samples join images using (image_sha256)
  where "group" is not null
)

select position::bigint as position, code
from grouped
where code in (select code from grouped group by code having count(*) > 1)
order by position, code
