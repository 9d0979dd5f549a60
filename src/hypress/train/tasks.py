"""Which training a recipe asks for, and on which scenes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypress.errors import ConfigurationError
from hypress.train.autoencoders import AutoencoderTraining
from hypress.train.bandwise import BandwiseTraining
from hypress.train.hific import CODECS, HificTraining
from hypress.train.hyspecnet import Patches, is_hyspecnet
from hypress.train.loop import Training
from hypress.train.recipe import Recipe
from hypress.train.scenes import TrainingScene, held_out, read_folder
from hypress.train.siren import SirenTraining


def training_of(recipe: Recipe, folders: Sequence[Path], split: str) -> tuple[Training, int | None]:
    """The training, and the number of bands that its weights will take, None for any.

    Raises ConfigurationError, SceneError, InputNotFoundError.
    """
    scenes, validation = scenes_of(folders, recipe.validation, split)
    if recipe.codec == "bandwise":
        return BandwiseTraining(recipe, scenes, validation), None
    if recipe.codec in CODECS:
        return HificTraining(recipe, scenes, validation), None
    if recipe.codec == "siren":
        return SirenTraining(recipe, scenes, validation), None
    training = AutoencoderTraining(recipe, scenes, validation)
    return training, training.bands


def scenes_of(
    folders: Sequence[Path], validation: Sequence[str], split: str
) -> tuple[Sequence[TrainingScene], Sequence[TrainingScene]]:
    """Scenes to learn from, and scenes to validate on: those named, or the data set's own."""
    if len(folders) == 1 and is_hyspecnet(folders[0]):
        return Patches(folders[0], split, "train"), Patches(folders[0], split, "val")
    found = [scene for folder in folders for scene in read_folder(folder)]
    learnt, held = held_out(found, validation)
    if not learnt:
        raise ConfigurationError(f"all scenes are held out for validation: {', '.join(s.name for s in held)}")
    return learnt, held
