"""What a captioner must beat: the text of the training picture that the aligner holds for the most alike."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.alignment.aligner import Aligner
from mmmodels.alignment.bundle import load_aligner, read_bundle
from mmmodels.preparing import Prepared
from mmmodels.preparing.texts import one_of_each
from mmmodels.recipes import Recipe
from mmmodels.tasks.captioning import CaptioningTask
from pipelines import storage


def aligner_of(bundle_uri: str, recipe: Recipe) -> Aligner | None:
    """The parent of a bundle, where it still lies there, is an aligner and takes the same pictures."""
    parent: Any = storage.read_json(f"{bundle_uri}/provenance.json").get("parent_bundle")
    if not parent or not storage.exists(f"{parent}/config.json"):
        return None
    parent_recipe = read_bundle(parent).recipe
    if parent_recipe.task != "align" or parent_recipe.model.image.input_pixels != recipe.model.image.input_pixels:
        return None
    return load_aligner(parent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Nearest:
    """Training pictures with their texts by language."""

    data: Prepared
    aligner: Aligner
    vectors: dict[str, NDArray[np.float32]]
    """Language -> (n, D)."""
    texts: dict[str, list[str]]
    groups: dict[str, NDArray[np.int64]]

    @classmethod
    def of(cls, task: CaptioningTask, aligner: Aligner) -> "Nearest":
        """Of all that the task may be trained on."""
        data: Any = task.data
        places = one_of_each(task.spoken, task.spoken.may_be_trained_on & task.is_asked, data.images)
        rows, texts = task.spoken.row[places], np.array(data.distinct.some(task.numbers[places]), dtype=object)
        vectors = embedded(data, aligner, rows)
        names = np.array(task.spoken.languages, dtype=object)[task.spoken.language[places]]
        of_language = {language: np.flatnonzero(names == language) for language in task.languages}
        return cls(
            data=data,
            aligner=aligner,
            vectors={language: vectors[chosen] for language, chosen in of_language.items()},
            texts={language: texts[chosen].tolist() for language, chosen in of_language.items()},
            groups={language: data.groups[rows[chosen]] for language, chosen in of_language.items()},
        )

    def texts_of(self, rows: NDArray[np.int64], languages: list[str], groups: NDArray[np.int64]) -> list[str]:
        """For every picture, in its language: the text of the nearest one of another concept, "" without one."""
        found = [""] * len(rows)
        asked = np.array(languages)
        for language in set(languages):
            places = np.flatnonzero(asked == language)
            if not self.texts.get(language):
                continue
            cosines = embedded(self.data, self.aligner, rows[places]) @ self.vectors[language].T
            cosines[groups[places][:, None] == self.groups[language][None]] = -np.inf
            for place, best in zip(places, cosines.argmax(axis=1), strict=True):
                found[place] = self.texts[language][best]
        return found


def embedded(data: Prepared, aligner: Aligner, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """(rows, D); each distinct picture is embedded once."""
    _, first, inverse = np.unique(data.images[rows], return_index=True, return_inverse=True)
    vectors: NDArray[np.float32] = aligner.embed_tensor("image", data.media["image"].read(rows[first]))[inverse]
    return vectors
