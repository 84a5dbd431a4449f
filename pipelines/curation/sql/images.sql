-- Distinct images, the best to keep first: shown by most samples, plainest text, largest, smallest uid.
-- in: samples (uid, image_sha256, image_phash, width, height, texts)
-- out: image_sha256, image_phash, position (0 first)
select
  image_sha256,
  min(image_phash) as image_phash,
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
order by position
