-- Kept samples with the hash of their picture.
-- in: kept (uid, ...), hashes (uid, image_phash)
-- out: every column of kept, image_phash
select kept.*, hashes.image_phash from kept join hashes using (uid)
