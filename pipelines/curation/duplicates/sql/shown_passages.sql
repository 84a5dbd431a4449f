-- Which sample says which passage.
create or replace table shown as
select samples.uid, position
from samples join passages on passages."group" is not distinct from samples."group"
  and passages.text = plain_text(samples.caption)
