-- Every sample that shows an image of a component of near images, ranked by its image.
-- in: samples (uid, image_sha256), images (position, image_sha256), components (position, component)
-- out: uid, component (the smallest uid that shows its best image), rank (of the image; 0 is kept)
with ranked as (
  select
    position,
    component,
    (row_number() over (partition by component order by position) - 1)::integer as rank
  from components
),

shown as (
  select samples.uid, ranked.component, ranked.rank
  from samples join images using (image_sha256) join ranked using (position)
)

select uid, min(uid) filter (where rank = 0) over (partition by component) as component, rank from shown
