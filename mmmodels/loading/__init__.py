"""From a view's table and a plan to arrays: members by offset, decoded ahead of the step that needs them."""

from mmmodels.loading.loader import Loader
from mmmodels.loading.media import Media, blank, open_media
from mmmodels.loading.opening import open_tars, open_workers
from mmmodels.loading.reading import Reading

__all__ = ["Loader", "Media", "Reading", "blank", "open_media", "open_tars", "open_workers"]
