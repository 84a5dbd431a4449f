"""What a recipe's task word stands for: its data, its batches in their order, its held-out batches."""

from mmmodels.alignment.bundle import local_bundle, read_bundle
from mmmodels.planning import Plan
from mmmodels.preparing import Mixture, Prepared, prepare
from mmmodels.recipes import Recipe
from mmmodels.tasks.register import kind_of
from mmmodels.tasks.task import Task
from mmmodels.training.validating import held_out_plan
from mmmodels.tuning.task import tuned


def prepare_for(recipe: Recipe, mixture: Mixture, *, parent_bundle: str | None, num_workers: int = 1) -> Prepared:
    """The views' data; a model on top of another takes its tokenizer."""
    tokenizer = read_bundle(parent_bundle).tokenizer if parent_bundle else None
    return prepare(
        mixture,
        config=recipe.model,
        tokenizer=tokenizer,
        num_workers=num_workers,
        without_fold=recipe.training.without_fold,
        loading=recipe.loading,
        columns=kind_of(recipe).columns,
    )


def build_task(recipe: Recipe, data: Prepared, *, parent_bundle: str | None) -> Task:
    """What the recipe's task word stands for, tuned as the recipe says."""
    task: Task = kind_of(recipe).load().task_of(recipe, data, local_bundle(parent_bundle) if parent_bundle else None)
    return tuned(task, recipe, data)


def plan_of(task: Task, recipe: Recipe, view_digest: str) -> Plan:
    """The batches of a run over data of this effective digest."""
    return Plan(
        pools=task.pools(),
        mixture=recipe.mixture,
        batch_size=recipe.training.batch_size,
        view_digest=view_digest,
        seed=recipe.training.seed,
    )


def validates(task: Task, plan: Plan, recipe: Recipe) -> bool:
    """Whether the recipe wants a validation and the held-out samples are enough for a batch."""
    return recipe.training.validation_batches > 0 and held_out_plan(task.held_out_pools(), plan) is not None
