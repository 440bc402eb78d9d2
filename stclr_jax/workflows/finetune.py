"""Fine-tuning: from an encoder to a classifier, tested on unseen people.

Folds of clips ('leaky_clips') are the exception, and are called one.
"""

import jax
import numpy as np

from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import predictions as tables
from stclr_jax.evaluation import probes
from stclr_jax.learning import batches
from stclr_jax.learning import steps
from stclr_jax.learning.running import compiled_steps
from stclr_jax.learning.saved import checkpoints
from stclr_jax.models import heads
from stclr_jax.reports import next_commands
from stclr_jax.reports import run_pictures
from stclr_jax.runs import build
from stclr_jax.runs import events
from stclr_jax.runs import owners
from stclr_jax.runs import run_videos
from stclr_jax.runs import selection
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.runs.training import loop
from stclr_jax.runs.training import plans
from stclr_jax.workflows import finetune_origin
from stclr_jax.workflows import finetune_report
from stclr_jax.workflows import finetune_stages


@owners.alone
def run(config, workdir, *, store=None, train=loop.train):
  """Fine-tunes and tests, or goes on where the workdir's run stopped.

  Args:
    config: as `configs/finetune.py` gives it.
    workdir: path of the run's folder.
    store: the `VideoStore` to read in place of `config.data`'s.
    train: what goes through the plan, as `loop.train` does.

  Returns:
    A `summaries.FinetuneSummary`, also written to `summary.json`.

  Raises:
    FileNotFoundError: if there is no pretrained encoder where `init_from`
      says, or its pretraining is not finished and `init_epoch` names none.
    UserError: for a config that cannot run, before anything is written.
    FloatingPointError: if a metric is not finite; the last checkpoint stays.
  """
  choice = selection.Options(
    config.selection, config.look_every_epochs, config.num_epochs
  )
  report = finetune_report.read_options(config)
  view_options = build.make_view_options(
    config.views, read=config.classifier.input, rest=config.classifier.rest
  )
  encoder = build.make_encoder(config)
  earlier = finetune_origin.open_encoder(config)
  data = build.read_options(run_videos.DataOptions, config.data)
  store = store or run_videos.load_videos(data)
  folding = build.read_options(build.FoldOptions, config.data)
  dealt = build.make_folds(store, folding)
  fold = dealt.fold(folding.fold, validation=choice.validated)
  labelled = finetune_origin.choose_labelled(
    config, store, dealt, fold, earlier
  )
  network = heads.ClassifierNetwork(
    encoder,
    len(store.label_names),
    config.classifier.input,
    config.classifier.rest,
    config.classifier.initializer,
  )
  variables = build.init_network(network, view_options, seed=config.seed)
  if earlier is not None:
    variables = checkpoints.merge_encoder(
      variables, earlier.state, source=config.init_from
    )
  variables, weights = build.load_weights(variables, config)
  listed = batches.Batches(
    batches.Pool.of(store, labelled),
    batches.COMPOSITIONS[config.batches.composition],
    config.batch_size,
    config.batches.people,
    config.seed,
    filled=True,
  )
  stages = finetune_stages.plan(config, network, view_options, listed.per_epoch)
  begun = owners.begin(workdir, config, store)
  if begun.finished is not None:
    return begun.finished

  people = len(np.unique(store.subject[fold.test]))
  known = 'people trained on as well' if dealt.leaky else 'other people'
  print(
    f'{store.name}: fine-tuning ({config.init}) on {len(labelled)} labelled '
    f'videos, then testing on {len(fold.test)} videos of {people} {known}; '
    f'{config.num_epochs} epochs of {listed.per_epoch} steps on '
    f'{jax.device_count()} device(s).',
    flush=True,
  )
  remarks = class_checks.remarks(store, trained=labelled, tested=fold.test)
  for remark in remarks:
    print(f'Note: {remark}', flush=True)
  workdirs.write_json(
    begun.workdir / 'fold.json',
    dealt.record(folding.fold, store.video_id, validation=choice.validated),
  )
  videos = run_videos.place(store, data)
  classify = make_classify(
    network, videos, view_options, config.evaluation.batch_size
  )
  selected = selection.make(choice, store, fold, classify, begun.workdir)
  plan = plans.Plan(
    workdir=begun.workdir,
    name=config.workflow,
    stages=stages,
    batches=videos.epochs(
      listed,
      seed=config.seed,
      view_numbers=steps.FINETUNE_VIEWS,
      options=view_options,
    ),
    steps_per_epoch=listed.per_epoch,
    clips_per_step=config.batch_size,
    notes=finetune_origin.make_notes(config, store, fold, labelled, earlier),
    checkpoint=plans.CheckpointOptions(**config.checkpoint),
    name_videos=lambda epoch: listed.name_videos(epoch, store.video_id),
    most_not_finite=config.non_finite.most_in_a_row,
    log_every_steps=config.log_every_steps,
  )
  outcome = train(
    variables,
    videos.arrays,
    plan,
    _make_end_epoch(config.report_every_epochs, plan, selected),
  )
  tested = selected.finish(outcome.variables)
  summary = summaries.FinetuneSummary(
    preset=config.preset,
    data=store.name,
    synthetic=store.synthetic,
    init=config.init,
    init_epoch=earlier.epoch if earlier else None,
    init_weights=weights,
    fold=folding.fold,
    labelled_videos=len(labelled),
    pretraining_videos=len(fold.pretrain),
    remarks=tuple(remarks),
    untrained=class_checks.untrained(
      store, class_checks.names(store, labelled), fold.test
    ),
    training_loss=outcome.figures['loss'],
    training_accuracy=outcome.figures['accuracy'],
    **metrics.classification_summary(
      store.label[fold.test],
      tested.probabilities.argmax(1),
      store.label_names,
    ),
    accuracy_at_chance=1 / len(store.label_names),
    epoch_tested=tested.epoch,
    calibration=tested.calibration,
    test_oracle=tested.oracle,
    validation=tested.validation,
    protocol=finetune_origin.make_protocol(config, store, dealt, fold, earlier),
    clips_per_second=outcome.clips_per_second,
    epochs=config.num_epochs,
    steps=config.num_epochs * listed.per_epoch,
    seconds=begun.seconds(outcome.earlier_seconds),
  )
  tables.write_predictions(
    begun.workdir / workdirs.PREDICTIONS,
    store,
    fold.test,
    tested.probabilities,
  )
  pictures = [run_pictures.save_confusion(begun.workdir, summary)]
  if report.enabled:
    classifier = finetune_report.Classifier(
      network,
      selected.variables(outcome.variables),
      videos,
      view_options,
      config.evaluation.batch_size,
      make_classify,
    )
    pictures = finetune_report.write(
      config,
      report,
      begun.workdir,
      classifier,
      finetune_report.Fold(labelled, fold.test),
      tested.probabilities,
      summary,
    )
  events.end(plan, pictures)
  summaries.write(summary, begun.workdir)
  return summary


def describe(summary, workdir):
  """Says what came out and what to type next.

  Args:
    summary: as `run` returns it.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  width = max(map(len, summary.labels))
  head = ' ' * (width + 2) + ' '.join(f'{n[:4]:>4}' for n in summary.labels)
  rows = [
    f'  {name:>{width}}' + ''.join(f'{count:5d}' for count in row)
    for name, row in zip(summary.labels, summary.confusion, strict=True)
  ]
  lines = [
    f'Confusion matrix, videos of {summary.protocol.people_tested} (rows true, '
    'columns predicted):',
    head,
    *rows,
    f'Accuracy {summary.correct}/{summary.total} = {summary.accuracy:.1%} '
    f'(chance {summary.accuracy_at_chance:.1%}), unweighted average recall '
    f'{summary.uar:.1%}, macro-F1 {summary.macro_f1:.1%} of the classes that '
    "occur (scikit-learn's default counts one that is only predicted, as 0)",
    *(f'Note: {remark}' for remark in summary.remarks),
  ]
  if oracle := summary.test_oracle:
    lines.append(
      'The best of all epochs on the test videos (a test oracle, epoch '
      f'{oracle.epoch}) is {oracle.accuracy:.1%}: not a result.'
    )
  config = workdirs.read_config(workdir)
  report = 'report.html, ' if config['report']['enabled'] else ''
  pictures = []
  if config['init_from']:
    path = run_pictures.expression_path(config['init_from'])
    if path.exists():
      pictures.append(f'What its encoder knew without a label: {path}')
  return '\n'.join(
    [
      *lines,
      *(f'  {line}' for line in summary.protocol.describe().split('\n')),
      f'In {workdir}: {report}summary.json, predictions.csv, '
      'figures/confusion_matrix.png',
      *pictures,
      *next_commands.after_fine_tuning(summary, config),
    ]
  )


def make_classify(network, videos, view_options, batch_size):
  """Makes a function from videos to the probabilities of their classes.

  Args:
    network: a `ClassifierNetwork`.
    videos: `run_videos.PlacedVideos`.
    view_options: a `views.ViewOptions`.
    batch_size: videos at a time.

  Returns:
    `classify(variables, indices)`: float [n, num_classes]. Where a person's
    mean is the rest, it is that over their videos among these.
  """
  of_person = network.rest == heads.PERSON_MEAN
  infer = videos.inference(
    compiled_steps.inference_step(
      network,
      view_options=view_options,
      method='encode' if of_person else 'classify',
    ),
    options=view_options,
    batch_size=batch_size,
  )

  def classify(variables, indices):
    found = infer(variables, indices)
    if of_person:
      subject = videos.store.subject[indices]
      rest = probes.person_means(found, subject).astype(np.float32)
      layer = {'classifier': jax.device_get(variables['params']['classifier'])}
      found = network.apply(
        {'params': layer}, found, rest, method=network.classify
      )
    return np.asarray(jax.jit(jax.nn.softmax)(found))

  return classify


def _make_end_epoch(report_every_epochs, plan, selected):
  """Makes `end_epoch` of `loop.train`: looks at the people who choose."""
  num_epochs = plan.stages[-1].stop

  def end_epoch(epoch, variables, figures, journal):
    selected.end_epoch(
      epoch, variables, journal, step=epoch * plan.steps_per_epoch
    )
    if epoch % report_every_epochs == 0 or epoch == num_epochs:
      journal.say(
        f'epoch {epoch}/{num_epochs}: loss {figures["loss"]:.3f}, training '
        f'accuracy {figures["accuracy"]:.1%}, {journal.pace()}'
      )

  return end_epoch
