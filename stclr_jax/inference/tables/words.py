"""Words for how a window, or a whole recording, was looked at."""

OK = 'ok'
FACE_SMALL = 'face_small'
CUT = 'cut'
NO_FACE = 'no_face'
FEW_FACES = 'few_faces'
TOO_SHORT = 'too_short'
UNREADABLE = 'unreadable'
UNSURE = 'unsure'  # a label that is no class
VALID = (OK, FACE_SMALL, CUT)
