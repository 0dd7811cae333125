"""Which replica's step ends first: a tournament over all of them, so that a change costs the logarithm of their number.

`World.soonest` is a binary tree of replicas in an array: the root is 1, the children of n are 2n and 2n + 1, the leaves
are the replicas in order. Each node holds the one below it that is due first, of equals the first.
"""

from tokenlane_fleet.sim.records import World


def set_due(world: World, replica: int, due_s: float) -> None:
    """A step of `replica` ends at `due_s`; NEVER: it rests."""
    world.due_s[replica] = due_s
    node = (len(world.due_s) + replica) // 2
    while node:
        left, right = world.soonest[2 * node], world.soonest[2 * node + 1]
        best = left if world.due_s[left] <= world.due_s[right] else right
        if world.soonest[node] == best and best != replica:
            return
        world.soonest[node] = best
        node //= 2
