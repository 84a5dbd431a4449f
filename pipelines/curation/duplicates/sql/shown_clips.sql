-- Which sample has which clip.
create or replace table shown as
select samples.uid, position from samples join clips using (audio_sha256)
