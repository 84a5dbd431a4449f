import torch

from mmmodels.alignment.batch import Batch
from mmmodels.recipes import AudioConfig, SpeechConfig
from mmmodels.speech.recogniser import Recogniser

AUDIO = AudioConfig(num_frames=80, num_mels=16)
CONFIG = SpeechConfig(width=16, convolutions=1, dropout=0.0)


def recogniser() -> Recogniser:
    torch.manual_seed(0)
    return Recogniser(AUDIO, CONFIG, num_units=5, num_languages=2)


def clips(*lengths: int) -> tuple[torch.Tensor, torch.Tensor]:
    waves = torch.zeros(len(lengths), max(lengths), dtype=torch.int16)
    for row, length in enumerate(lengths):
        waves[row, :length] = torch.randint(-9000, 9000, (length,), generator=torch.Generator().manual_seed(row))
    return waves, torch.tensor(lengths)


def test_a_clip_is_heard_alike_alone_and_in_a_batch():
    model, (waves, lengths) = recogniser().eval(), clips(4000, 9000, 15_000)
    languages = torch.tensor([0, 1, 2])
    with torch.no_grad():
        many, frames = model.log_probabilities(waves, lengths, languages)
        for row, length in enumerate(lengths.tolist()):
            one, own = model.log_probabilities(
                waves[row : row + 1, :length], lengths[row : row + 1], languages[row:][:1]
            )
            assert own.tolist() == frames[row : row + 1].tolist()
            torch.testing.assert_close(many[row, : own[0]], one[0], atol=1e-4, rtol=0)


def batch(size: int) -> Batch:
    waves, lengths = clips(*[6000 + 500 * row for row in range(size)])
    units = torch.randint(1, 5, (size, 4), generator=torch.Generator().manual_seed(9))
    targets = {"units": units, "num_units": torch.tensor([4, 3] * (size // 2)), "num_samples": lengths}
    targets["language"] = torch.ones(size, dtype=torch.int64)
    return Batch(media={"audio": waves}, groups_B=torch.arange(size), targets=targets)


def test_the_loss_of_a_batch_is_the_mean_of_its_parts():
    model, whole = recogniser().train(), batch(4)
    loss = model(whole, strength=0.5, seed=3)["ctc"]
    parts = [model(part, strength=0.5, seed=3)["ctc"] for part in whole.split(2)]
    torch.testing.assert_close(loss, torch.stack(parts).mean(), atol=2e-2, rtol=0)


def test_a_target_that_does_not_fit_gives_no_infinite_loss():
    one = batch(2)
    one.targets["num_samples"][:] = 200
    assert torch.isfinite(recogniser()(one, strength=0.0, seed=0)["ctc"])


def test_a_few_steps_learn_what_two_clips_say():
    model, two = recogniser().train(), batch(2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = model(two, strength=0.0, seed=0)["ctc"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
