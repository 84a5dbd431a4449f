-- Which near images are versions of one thing: those of one group, and those with an equal caption. Flags, clocks and
-- arrows are near but say different things: across groups a near hash alone links nothing. What says nothing that
-- differs may be one thing too, if its pixels agree.
-- in: pairs (first, second: positions of near images), images (position, image_sha256),
--     samples (image_sha256, group), texts (image_sha256, language, text, is_caption)
-- out: first, second, is_related (else it is undecided: there is no language in which both have a text)
with grouped as (select distinct position, "group" from samples join images using (image_sha256)),

said as materialized (
  select position, language, text, bool_or(is_caption) as is_caption
  from texts join images using (image_sha256)
  group by position, language, text
),

-- Materialized, or the planner joins all texts of a language with each other before it looks at the pairs.
said_by_first as materialized (
  select pairs.*, language, text, is_caption from pairs join said on said.position = pairs.first
),

compared as materialized (
  select a.first, a.second, a.text = b.text and a.is_caption and b.is_caption as is_equal
  from said_by_first as a join said as b on b.position = a.second and b.language = a.language
),

related as (
  select pairs.first, pairs.second
  from pairs join grouped as a on a.position = pairs.first join grouped as b on b.position = pairs.second
  where a."group" = b."group"
  union
  select first, second from compared where is_equal
)

select first, second, true as is_related from related
union all
select first, second, false from pairs anti join related using (first, second) anti join compared using (first, second)
