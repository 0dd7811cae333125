"""The worker of a lane: pull what the engine's KV cache can hold, run it, stream the answer back, settle it.

delivery → job → (KV credit) → engine → frames to the reply inbox → result stored → usage → acknowledged
"""
