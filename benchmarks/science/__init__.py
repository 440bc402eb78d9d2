"""Measurements of the data and of choices: crops, hardness, fidelity."""
