-- Pairs of clips that are not said to be different: an equal caption, or no language in which both have one.
-- in: pairs (first, second: positions of clips)
-- out: first, second
with said as (
  select distinct position, coalesce(language, '') as language, plain_text(caption) as text
  from samples join clips using (audio_sha256)
  where trim(caption) <> '' and position in (select first from pairs union select second from pairs)
),

compared as (
  select first, second, bool_or(a.text = b.text) as is_equal
  from pairs join said as a on a.position = first join said as b on b.position = second and b.language = a.language
  group by first, second
)

select first, second from pairs anti join (from compared where not is_equal) using (first, second)
