-- Pairs of kept samples across the split that share what the split must keep apart. Written apart from near_held_out.sql
-- and without its hash index, so that the one proves the other: two hashes at distance 2 agree in one of three bands.
-- in: kept (uid, group, split, language, voice, caption, texts, audio_sha256, image_phash)
-- params: max_distance (at most 2), max_rows
-- out: train_uid, held_out_uid, reason
with train as (select * from kept where split = 'train'),

concept as (select * from kept where split = 'held_out_concept'),

train_bands as (
  select uid, "group", image_phash, band, (image_phash >> (band * 22)) & 4194303 as bits
  from train, unnest([0, 1, 2]) as unnested(band)
),

concept_bands as (
  select uid, "group", image_phash, band, (image_phash >> (band * 22)) & 4194303 as bits
  from concept, unnest([0, 1, 2]) as unnested(band)
),

train_texts as (
  select uid, "group", entry.key as language, regexp_replace(lower(nfc_normalize(trim(entry.value))), '\s+', ' ', 'g') as text
  from train, unnest(map_entries(texts)) as unnested(entry)
  where trim(entry.value) <> ''
),

concept_captions as (
  select uid, "group", language, regexp_replace(lower(nfc_normalize(trim(caption))), '\s+', ' ', 'g') as text
  from concept
  where trim(caption) <> ''
),

leaks as (
  select train.uid as train_uid, concept.uid as held_out_uid, 'same_group' as reason
  from train join concept using ("group")
  union
  select a.uid, b.uid, 'near_image'
  from train_bands as a join concept_bands as b using (band, bits)
  where bit_count(xor(a.image_phash, b.image_phash)) <= $max_distance and a."group" <> b."group"
  union
  select a.uid, b.uid, 'same_text'
  from train_texts as a join concept_captions as b using (language, text)
  where a."group" <> b."group"
  union
  select a.uid, b.uid, 'same_clip'
  from train as a join concept as b using (audio_sha256)
  where a."group" <> b."group"
  union
  select a.uid, b.uid, 'same_group_and_language'
  from train as a join kept as b using ("group", language)
  where b.split = 'held_out_language'
  union
  select a.uid, b.uid, 'same_voice'
  from (select voice, min(uid) as uid from train group by voice) as a
  join (select voice, min(uid) as uid from kept where split = 'held_out_voice' group by voice) as b using (voice)
)

select train_uid, held_out_uid, reason from leaks order by reason, train_uid, held_out_uid limit $max_rows
