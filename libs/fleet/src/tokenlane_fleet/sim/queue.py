"""A central queue for each pool: a binary heap by (key, number of the request) in arrays, smallest first.

Compiled code cannot use `heapq` on arrays that outlive a call.
"""

from tokenlane_fleet.sim.records import World
from tokenlane_fleet.urgency import precedes


def enqueue(world: World, pool: int, item: int, key: float) -> None:
    keys, items = world.queue_keys[pool], world.queue_items[pool]
    place = world.pools[pool].queued
    world.pools[pool].queued += 1
    world.pools[pool].queued_tokens += world.sequences[item].budget
    while place > 0:
        parent = (place - 1) // 2
        if not precedes(key, item, keys[parent], items[parent]):
            break
        keys[place], items[place] = keys[parent], items[parent]
        place = parent
    keys[place], items[place] = key, item


def dequeue(world: World, pool: int) -> int:
    """Take the first one out; there must be one."""
    keys, items = world.queue_keys[pool], world.queue_items[pool]
    taken = items[0]
    world.pools[pool].queued -= 1
    world.pools[pool].queued_tokens -= world.sequences[taken].budget
    size = world.pools[pool].queued
    key, item = keys[size], items[size]
    place = 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and precedes(keys[child + 1], items[child + 1], keys[child], items[child]):
            child += 1
        if not precedes(keys[child], items[child], key, item):
            break
        keys[place], items[place] = keys[child], items[child]
        place = child
    keys[place], items[place] = key, item
    return int(taken)
