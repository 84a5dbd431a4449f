-- The samples of a pool, empty.
create table samples (
  "row" bigint,
  part integer,
  shard integer,
  uid varchar,
  "group" varchar,
  image_sha256 varchar,
  audio_sha256 varchar,
  language varchar,
  caption varchar,
  texts map(varchar, varchar),
  width integer,
  height integer,
  is_measured boolean,
  image_phash ubigint,
  image_colours utinyint[],
  text_minhash uinteger[],
  audio_fingerprint uinteger[]
)
