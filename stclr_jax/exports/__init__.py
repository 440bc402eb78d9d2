"""A trained network written down for others: hubs, torch, ONNX, StableHLO.

What is written here, `inference/exported_folder` reads. Nothing that trains or
predicts imports this room.
"""
