-- The records of some shards that became samples, with what follows from them alone.
-- filled in: sidecars (a FROM with the sidecars' columns and __shard), corpus, snapshot (literals), edge (16 hex digits:
--   a value is held out where the digest of it begins with less), columns (what was asked for)
-- out: uid, __shard, __source_row, __split, columns, __has_image, __has_text, __has_audio, __facets (a struct), __facet (its hash)
with records as (
  select
    *,
    {corpus} as corpus,
    {snapshot} as snapshot,
    image_sha256 is not null as has_image,
    coalesce(caption, '') <> '' as has_text,
    audio_sha256 is not null as has_audio
  from {sidecars}
  where status = 'success'
),

-- As splits.split_of: the first eight bytes of a digest, compared as hex digits.
split as (
  select
    *,
    case
      when sha256('concept' || chr(0) || coalesce("group", ''))[1:16] < {edge} then 'held_out_concept'
      when sha256('language' || chr(0) || coalesce("group", '') || chr(0) || coalesce(language, ''))[1:16] < {edge}
        then 'held_out_language'
      when coalesce(voice, '') <> '' and sha256('voice' || chr(0) || voice)[1:16] < {edge} then 'held_out_voice'
      else 'train'
    end as split,
    concat_ws('+', if(has_image, 'image', null), if(has_text, 'text', null), if(has_audio, 'audio', null)) as modalities
  from records
)

select
  uid,
  __shard,
  source_row as __source_row,
  split as __split,
  {columns}
  has_image as __has_image,
  has_text as __has_text,
  has_audio as __has_audio,
  struct_pack(
    corpus := corpus,
    snapshot := snapshot,
    split := split,
    language := coalesce(language, ''),
    source := coalesce(source, ''),
    license := coalesce(license, ''),
    modalities := modalities
  ) as __facets,
  hash(__facets) as __facet
from split
