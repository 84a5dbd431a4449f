-- Every text of every sample, normalised so that case, width of spaces and composition of accents do not matter.
-- in: samples (uid, group, split, image_sha256, language, caption, texts)
-- out: uid, group, split, image_sha256, language, text, is_caption (whether it is the primary caption)
with entries as (
  select
    uid,
    "group",
    split,
    image_sha256,
    entry.key as language,
    entry.value as raw,
    entry.key = samples.language as is_caption
  from samples, unnest(map_entries(texts)) as unnested(entry)
),

-- Samples of one thing repeat its texts: each is normalised once.
normal as (
  select raw, lower(nfc_normalize(trim(regexp_replace(raw, '\s+', ' ', 'g')))) as text
  from (select distinct raw from entries)
)

select uid, "group", split, image_sha256, language, text, is_caption
from entries join normal using (raw)
where text <> ''
