-- Which sample shows or says which thing.
-- params: modality
create or replace table shown as
select samples.uid, position
from samples join things on things.thing = thing_of($modality, image_sha256, audio_sha256, language, caption)
