-- Images with equal hashes and no language in which both have a text: only their colours can say whether they are one.
-- Each (second) with the best of the others (first) in order: an image without words joins one thing at most, or two
-- flags that look alike would become one through a copy that nobody named. An unknown language may be any.
-- out: first, second, place (of the first among those of equal hash)
with alike as (
  select position, image_phash
  from images
  where image_phash in (select image_phash from images group by image_phash having count(*) > 1)
),

spoken as (
  select position, list(distinct language) as languages from image_texts semi join alike using (position) group by all
),

placed as (
  select
    position,
    image_phash,
    coalesce(languages, []) as languages,
    row_number() over (partition by image_phash order by languages is null, position) as place
  from alike left join spoken using (position)
)

select a.position::bigint as first, b.position::bigint as second, a.place
from placed as a join placed as b using (image_phash)
where
  a.place < b.place and (a.place <= 32 or a.place = b.place - 1)
  and (
    len(a.languages) = 0 or len(b.languages) = 0
    or not (list_has_any(a.languages, b.languages) or list_contains(a.languages, '') or list_contains(b.languages, ''))
  )
order by second, place
