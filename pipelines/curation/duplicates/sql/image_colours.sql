-- The stored colours of some images.
-- in: wanted (position)
-- out: position (ascending), image_colours
select position, image_colours
from wanted join images using (position) join samples using (uid)
where image_colours is not null
order by position
