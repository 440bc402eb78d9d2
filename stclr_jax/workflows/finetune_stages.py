"""The stages of a fine-tuning: a frozen encoder first, then everything.

Source: ST-CLR Sec. IV.A.
"""

from stclr_jax.errors import UserError
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.learning.running import compiled_steps
from stclr_jax.runs import build
from stclr_jax.runs.training import plans


def plan(config, network, view_options, steps_per_epoch):
  """Plans the frozen stage, if any, and the one of everything.

  Args:
    config: as `configs/finetune.py` gives it.
    network: a `ClassifierNetwork`.
    view_options: a `views.ViewOptions`.
    steps_per_epoch: of either stage.

  Returns:
    A list of `plans.Stage`.

  Raises:
    UserError: if the frozen stage is longer than the run.
  """
  optimizer = compiled_steps.clipped(
    compiled_steps.by_part(build.make_optimizer(config.optimizer)),
    config.optimizer.clip_norm,
  )
  kept = config.optimizer.state_between_stages == 'kept'
  frozen = config.frozen_epochs
  if config.init == 'scratch':  # a frozen random encoder is no fair baseline
    frozen = 0
  if not 0 <= frozen <= config.num_epochs:
    raise UserError(
      f'`frozen_epochs` (={frozen}) must lie within the `num_epochs` '
      f'(={config.num_epochs}), which counts both stages.'
    )

  def stage(start, stop, trained, peak):
    return plans.Stage(
      start,
      stop,
      lambda variables, opt_state: states.create_state(
        variables,
        optimizer,
        trained=states.trained_parameters(trained),
        kept=opt_state if kept else None,
      ),
      compiled_steps.training_step(
        steps.make_finetune_step,
        network,
        optimizer,
        view_options=view_options,
        seed=config.seed,
        trained=trained,
        non_finite=config.non_finite.action,
      ),
      build.make_learning_rate(
        config.optimizer,
        peak=peak,
        num_epochs=stop - start,
        steps_per_epoch=steps_per_epoch,
      ),
    )

  stages = [
    stage(0, frozen, 'classifier', config.optimizer.frozen_learning_rate),
    stage(frozen, config.num_epochs, 'all', config.optimizer.learning_rate),
  ]
  return [stage for stage in stages if stage.stop > stage.start]
