-- Which sample shows which image.
create or replace table shown as
select samples.uid, position from samples join images using (image_sha256)
