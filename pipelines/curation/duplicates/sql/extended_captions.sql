-- Images of one group where a text of the one begins with a whole text of the other: "waving hand", "waving hand: dark".
-- A text that begins very many others is compared with the best of them.
-- out: first, second (positions)
with grouped as (
  select *, hash("group") as code from samples join images using (image_sha256) where "group" is not null
),

shared as (select code from grouped group by code having count(distinct position) > 1),

entries as (
  select distinct position, code, entry.key as language, entry.value as raw
  from grouped semi join shared using (code), unnest(map_entries(texts)) as unnested(entry)
  union
  select position, code, coalesce(language, ''), caption from grouped semi join shared using (code)
),

shown as (
  select distinct position, code, language, rtrim(plain_text(raw), ' ,:;.-') as text from entries where trim(raw) <> ''
),

words as (select *, string_split(text, ' ') as word from shown where contains(text, ' ')),

beginnings as (
  select distinct position, hash(code, language, rtrim(array_to_string(word[1:cut], ' '), ' ,:;.-')) as beginning
  from words, unnest(range(1, len(word))) as unnested(cut)
),

whole as (
  select position, hash(code, language, text) as beginning
  from shown
  qualify row_number() over (partition by hash(code, language, text) order by position) <= 64
)

select distinct longer.position::bigint as first, shorter.position::bigint as second
from beginnings as longer join whole as shorter using (beginning)
where longer.position <> shorter.position
