"""The REST API: who may ask, what is asked, and answers. What it changes are entries of the chronicle, nothing else."""
