"""Views of videos: temporal sampling and spatial augmentation."""
