"""The detector as the training loop calls it: uint8 pictures in, named losses out."""

from typing import cast

import torch
from torch import Tensor, nn

from mmmodels.alignment.batch import Batch
from mmmodels.detection.matching import Predictions, set_losses
from mmmodels.detection.moving import moved
from mmmodels.detection.network import SetDetector
from mmmodels.recipes import ImageConfig
from mmmodels.recipes.detection import DetectionConfig
from mmmodels.towers.chance import sample_keys

# Shapes: B batch, C channels, H and W side, N boxes at most, Q predictions, K classes.


class DetectionModel(nn.Module):
    """Set prediction with a loss at every stage (DETR's auxiliary losses)."""

    def __init__(self, image: ImageConfig, config: DetectionConfig, *, num_classes: int) -> None:
        super().__init__()
        self.config = config
        self.detector = SetDetector(image, config, num_classes=num_classes)
        for name, values in (("mean_C11", image.mean), ("std_C11", image.std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def predictions(self, images_BCHW: Tensor) -> Predictions:
        """Of the last stage, for uint8 pictures."""
        return self._stages(images_BCHW.float() / 255)[-1]

    def forward(self, batch: Batch, *, strength: float = 0.0, seed: int | None = None) -> dict[str, Tensor]:
        """One loss for each stage; `seed` is that of the step, without it or outside of training nothing is moved."""
        images_BCHW = batch.media["image"].float() / 255
        boxes_BN4, classes_BN = batch.targets["boxes"], batch.targets["classes"]
        if seed is not None and self.training and strength > 0:
            keys_B = sample_keys(seed, batch.positions())
            images_BCHW, boxes_BN4, classes_BN = moved(
                images_BCHW, boxes_BN4, classes_BN, keys_B, config=self.config, strength=strength
            )
        stages = self._stages(images_BCHW)
        repeats = [self.config.proposals_per_box if self.config.decoder_layers else 1, *[1] * (len(stages) - 1)]
        names = ["proposals", *(f"decoder_{number}" for number in range(1, len(stages)))]
        return {
            name: set_losses(stage, boxes_BN4, classes_BN, config=self.config, repeats=number)
            for name, stage, number in zip(names, stages, repeats, strict=True)
        }

    def _stages(self, images_BCHW: Tensor) -> list[Predictions]:
        normal_BCHW = (images_BCHW - cast("Tensor", self.mean_C11)) / cast("Tensor", self.std_C11)
        stages: list[Predictions] = self.detector(normal_BCHW.contiguous(memory_format=torch.channels_last))
        return stages
