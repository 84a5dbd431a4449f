-- Captions that stand under several images, as codes: equal codes of different captions would still need near pictures.
-- out: position, code
with said as (select distinct position, hash(language, text) as code from image_texts where is_caption)

select position::bigint as position, code
from said
where code in (select code from said group by code having count(*) > 1)
order by position, code
