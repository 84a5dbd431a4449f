-- Perceptual hashes of the images, in their order.
select image_phash from images order by position
