-- Distinct clips, the best to keep first: of most samples, longest, smallest uid.
create table clips as
select
  audio_sha256,
  min(uid) as uid,
  (row_number() over (order by count(*) desc, max(len(audio_fingerprint)) desc, min(uid)) - 1)::integer as position
from samples
where audio_sha256 is not null and audio_fingerprint is not null
group by audio_sha256
