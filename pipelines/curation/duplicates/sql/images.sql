-- Distinct images, the best to keep first: shown by most samples, plainest text, largest, smallest uid.
create table images as
select
  image_sha256,
  min(image_phash) as image_phash,
  min(uid) as uid,
  (row_number() over (
    order by
      count(*) desc,
      sum(list_sum([length(text) for text in map_values(texts)])) / sum(len(map_values(texts))) asc nulls last,
      max(width * height) desc nulls last,
      min(uid)
  ) - 1)::integer as position
from samples
where image_sha256 is not null and image_phash is not null
group by image_sha256
