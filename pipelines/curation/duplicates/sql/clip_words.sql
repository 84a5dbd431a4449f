-- The fingerprints of the clips, in no order.
select position, audio_fingerprint from clips join samples using (uid)
