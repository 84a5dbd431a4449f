import pytest

from pipelines.errors import SourceError
from pipelines.sources.tables.columns import Columns, columns_from, complete


@pytest.mark.parametrize(
    ("who", "there", "first_row", "said"),
    [
        ("img2dataset", "url caption", {}, "image=url text=caption"),
        ("LAION-400M", "SAMPLE_ID URL TEXT HEIGHT WIDTH LICENSE NSFW similarity", {},
         "image=URL text=TEXT license=LICENSE name=SAMPLE_ID"),
        ("DataComp", "uid url text original_width clip_b32_similarity_score face_bboxes sha256", {},
         "image=url text=text name=uid face_bboxes=face_bboxes"),
        ("Common Voice", "client_id path sentence up_votes age gender accents locale segment",
         {"path": "common_voice_en_1.mp3"}, "audio=path text=sentence language=locale voice=client_id"),
        ("WavCaps", "id audio caption duration download_link", {}, "audio=audio text=caption name=id"),
        ("AudioCaps", "audiocap_id youtube_id start_time caption", {}, "text=caption name=audiocap_id"),
        ("imagefolder", "file_name text", {"file_name": "a.png"}, "image=file_name text=text"),
        ("clips by URL", "url title", {"url": "https://a.example/x.flac?y=1"}, "audio=url text=title"),
        ("pictures with their page", "image_url url alt tags", {}, "image=image_url text=alt url=url tags=tags"),
    ],
)  # fmt: skip
def test_usual_names_are_known(who: str, there: str, first_row: dict[str, object], said: str):
    assert str(complete(Columns(), there.split(), first_row=first_row, what=who)) == said


def test_what_the_user_said_is_kept_and_the_rest_filled_in():
    columns = columns_from({"image": "b", "caption": ["t", "u"], "text.fr": "f"}, what="c")
    found = complete(columns, ["a", "b", "t", "u", "f", "url", "lang"], first_row={}, what="c")
    assert str(found) == "image=b text=t text=u text.fr=f language=lang url=url"


@pytest.mark.parametrize(
    ("spelling", "meaning"), [("licence", "license"), ("uid", "name"), ("caption", "text"), ("speaker", "voice")]
)
def test_other_spellings_mean_the_same(spelling: str, meaning: str):
    assert columns_from({spelling: "x"}, what="c") == columns_from({meaning: "x"}, what="c")


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"imag": "x"}, "Did you mean image"),
        ({"image.fr": "x"}, "unknown 'image.fr'"),
        ({"image": ""}, "Expected the name of a column"),
        ({"text": []}, "Expected the name of a column"),
        ({"url": ["a", "b"]}, "Only text takes several"),
    ],
)
def test_a_mapping_that_is_none_is_said(mapping: dict[str, object], said: str):
    with pytest.raises(SourceError, match=said):
        complete(columns_from(mapping, what="c"), ["a"], first_row={}, what="c")
