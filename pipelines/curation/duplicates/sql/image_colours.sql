-- The stored colours of some images.
-- in: wanted (position)
-- out: image_colours, in the order of position
select image_colours
from wanted join images using (position) join samples using (uid)
order by position
