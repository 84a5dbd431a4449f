-- How many words the fingerprints have, in the order of the clips.
select len(audio_fingerprint) as num_words from clips join samples using (uid) order by position
