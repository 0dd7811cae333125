"""The long lane's numbers; the README beside this package gives the reasons."""

from tokenlane_worker.lane import Lane

LANE = Lane(name="long", max_num_seqs=64, max_num_batched_tokens=4096, tpot_s=0.08)
