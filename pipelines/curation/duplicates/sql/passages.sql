-- Distinct long captions of a group, the best to keep first: of most samples, the longest, smallest uid. A word is a run
-- of letters and digits, or two characters of scripts that put no spaces (four of Thai, Lao, Khmer and Burmese).
-- params: min_words
create table passages as
with said as (
  select uid, "group", plain_text(caption) as text
  from samples
  where text_minhash is not null and length(caption) >= $min_words
),

long as (
  select *
  from said
  where
    len(
      regexp_extract_all(
        text,
        '[\p{Han}\p{Hiragana}\p{Katakana}]{1,2}|[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{1,4}|[\p{L}\p{M}\p{N}]+'
      )
    ) >= $min_words
)

select
  "group",
  text,
  min(uid) as uid,
  (row_number() over (order by count(*) desc, length(text) desc, min(uid)) - 1)::integer as position
from long
group by "group", text
