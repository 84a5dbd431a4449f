-- Images of one group where a text of the one begins with a whole text of the other: "waving hand", "waving hand: dark".
-- in: texts (image_sha256, group, language, text), images (position, image_sha256)
-- out: first, second (positions of images, first < second)
with shown as (
  select distinct position, "group", language, rtrim(text, ' ,:;.-') as text from texts join images using (image_sha256)
),

words as (select *, string_split(text, ' ') as word from shown where contains(text, ' ')),

beginnings as (
  select position, "group", language, rtrim(array_to_string(word[1:cut], ' '), ' ,:;.-') as text
  from words, unnest(range(1, len(word))) as unnested(cut)
)

select distinct
  least(longer.position, shorter.position) as first,
  greatest(longer.position, shorter.position) as second
from beginnings as longer join shown as shorter using ("group", language, text)
where longer.position <> shorter.position
