"""A run that ends in the middle of a step."""

from mmmodels.training import loop


class Killed(BaseException):
    """Stands for a signal."""


def killing(monkeypatch, at_step):
    """The loop dies when it comes to this step."""
    step = loop.Loop._step

    def dying(self, number, *args):
        if number == at_step:
            raise Killed
        return step(self, number, *args)

    monkeypatch.setattr(loop.Loop, "_step", dying)
