-- Every text that stands beside an image, by language ('' where that is not known); is_caption: it is a primary caption.
create table image_texts as
with entries as (
  select image_sha256, coalesce(language, '') as language, caption as raw, true as is_caption from samples
  union all
  select image_sha256, entry.key, entry.value, entry.key = samples.language
  from samples, unnest(map_entries(texts)) as unnested(entry)
),

-- Samples of one image repeat its texts: each is normalised once.
distinct_entries as (
  select position, language, raw, bool_or(is_caption) as is_caption
  from entries join images using (image_sha256)
  where trim(raw) <> ''
  group by all
)

select position, language, plain_text(raw) as text, bool_or(is_caption) as is_caption
from distinct_entries
group by all
