"""One run: pretraining, fine-tuning, evaluation.

Each can be named in a config: `run(config, workdir)`, `describe(summary)`.
"""
