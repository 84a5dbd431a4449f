-- The default rules, and of the training samples also the pairs whose sides fit each other worst.
-- Only training samples: a model must not choose the questions of its own examination. A pair that the scoring model
-- was trained on is suspect where it still fits badly; one that it never saw is judged more mildly.
-- Copies go: of equal samples, and of versions of one picture, the best is kept (plainest words, then largest), so that
-- a rule that drops the best picture of a thing does not drop the thing. No preference: the plain one is the better
-- example even where another version scores higher.
-- @duplicates = {"exact": {}, "near_image": {}}
-- $min_image_pixels = 16         of the shorter side
-- $max_aspect = 10.0             longer over shorter side; a flute or a bassoon has 7
-- $min_characters = 1            of the primary caption
-- $max_characters = 2000
-- $max_symbol_share = 0.7        of the caption's non-space characters, in [0, 1]
-- $max_repetition = 0.3          share of word pairs that came before, in [0, 1]
-- $min_words_for_repetition = 8  a shorter caption may repeat itself
-- $max_flagged_words = 0
-- $min_audio_seconds = 0.1
-- $max_audio_seconds = 60.0
-- $min_sample_rate_hz = 8000
-- $min_loudness_lufs = -60.0     silence is -70, a whisper about -45
-- $max_clipping_share = 0.05     of samples at full scale, in [0, 1]
-- $min_percentile = 3.0          of the scores of one source, in [0, 100]
-- $min_unseen_percentile = 1.0   the same for pairs that the scoring model was not trained on
select
  uid,

  least(width, height) < $min_image_pixels as too_small_image,
  greatest(width, height) > $max_aspect * least(width, height) as broken_aspect,
  is_blank as blank_image,

  characters < $min_characters as too_few_characters,
  characters > $max_characters as too_many_characters,
  symbol_share > $max_symbol_share as mostly_symbols,
  words >= $min_words_for_repetition and repetition > $max_repetition as repeated_text,
  flagged_word_hits > $max_flagged_words as flagged_words,
  has_url as web_address,
  has_email or has_phone or num_card_numbers > 0 or num_ibans > 0 as personal_data,

  duration_seconds < $min_audio_seconds as too_short_audio,
  duration_seconds > $max_audio_seconds as too_long_audio,
  sample_rate_hz < $min_sample_rate_hz as low_sample_rate,
  loudness_lufs < $min_loudness_lufs as silent_audio,
  clipping_share > $max_clipping_share as clipped_audio,

  split = 'train' and image_text_score_percentile < if(in_sample, $min_percentile, $min_unseen_percentile)
    as image_text_mismatch,
  split = 'train' and audio_text_score_percentile < if(in_sample, $min_percentile, $min_unseen_percentile)
    as audio_text_mismatch,
  split = 'train' and image_audio_score_percentile < if(in_sample, $min_percentile, $min_unseen_percentile)
    as image_audio_mismatch
from samples
