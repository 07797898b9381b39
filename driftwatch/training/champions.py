"""Who is to be beaten: what was served, the newest model in the store, or a constant."""

from __future__ import annotations

from datetime import datetime

import msgspec

from driftwatch.errors import TrainingFailed
from driftwatch.training.answers import Material
from driftwatch.training.contest import Champion, constant_says, model_says
from driftwatch.training.job import Job
from driftwatch.training.model_store import ModelStore
from driftwatch.training.recipe import ChampionSource


class _StoredTraining(msgspec.Struct, frozen=True):
    fitted_until: datetime | None = None


class _StoredCard(msgspec.Struct, frozen=True):
    created_at: datetime
    training: _StoredTraining


def champion_of(job: Job, material: Material) -> Champion:
    """The champion that the recipe asks for; where it leaves that open, the first there is.

    Raises
    ------
    TrainingFailed
        If there is none of the kind that was asked for.
    ModelStoreError
        If the stored one cannot be loaded.
    """
    wanted = job.recipe.promotion.champion
    if wanted is None:
        stored = ChampionSource.STORE if job.store.versions() else ChampionSource.NONE
        wanted = ChampionSource.LOG if material.columns.prediction is not None else stored
    if wanted is ChampionSource.NONE:
        return Champion(name="a constant", says=constant_says(material))
    if wanted is ChampionSource.STORE:
        return _stored_champion(job, material)
    if material.columns.prediction is None:
        raise TrainingFailed("The rows have no predictions of a champion. Set promotion.champion otherwise.")
    version = f"version {job.former_version}" if job.former_version else "what was live"
    return Champion(name=f"{version}, as it was served", says=material.logged_answers)


def _stored_champion(job: Job, material: Material) -> Champion:
    versions = job.store.versions()
    if not versions:
        raise TrainingFailed("The store has no champion. Set promotion.champion to 'log' or 'none'.")
    live = [one for one in versions if one == job.former_version]
    cards = {one: _card(job.store, one) for one in (live or versions)}
    latest = max(cards, key=lambda one: cards[one].created_at)
    return Champion(
        name=f"version {latest}",
        says=model_says(material, job.store.load(latest)),
        from_time=cards[latest].training.fitted_until,
    )


def _card(store: ModelStore, version: str) -> _StoredCard:
    """When a stored model was made, and until when it was fitted."""
    try:
        return msgspec.json.decode(store.document(version, "card.json"), type=_StoredCard)
    except msgspec.DecodeError as error:
        raise TrainingFailed(f"The card of version {version} cannot be read: {error}.") from None
