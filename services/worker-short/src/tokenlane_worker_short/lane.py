"""The short lane's numbers; the README beside this package gives the reasons."""

from tokenlane_worker.lane import Lane

LANE = Lane(name="short", max_num_seqs=128, max_num_batched_tokens=1024, tpot_s=0.08)
