"""What `make check-deploy` runs: the files of this folder, tried on the programs that they are written for.

`python -m deploy.checks` runs everything, `python -m deploy.checks nginx dockerfile` some of it. What cannot be run
here says so and counts as not checked, never as right.
"""
